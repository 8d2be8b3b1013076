"""Page of the diagnostic `flow_geometry`."""

from cape.diagnostics import get
from cape.ui import show

show(get("flow_geometry"))
