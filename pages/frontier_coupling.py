"""Page of the diagnostic `frontier_coupling`."""

from cape.diagnostics import get
from cape.ui import show

show(get("frontier_coupling"))
