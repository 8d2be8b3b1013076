"""Page of the diagnostic `steering`."""

from cape.diagnostics import get
from cape.ui import show

show(get("steering"))
