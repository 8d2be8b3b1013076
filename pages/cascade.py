"""Page of the diagnostic `cascade`."""

from cape.diagnostics import get
from cape.ui import show

show(get("cascade"))
