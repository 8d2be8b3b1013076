"""Page of the diagnostic `data`."""

from cape.diagnostics import get
from cape.ui import show

show(get("data"))
