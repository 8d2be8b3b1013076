"""Page of the diagnostic `ode_explorer`."""

from cape.diagnostics import get
from cape.ui import show

show(get("ode_explorer"))
