"""Page of the diagnostic `phase_diagram`."""

from cape.diagnostics import get
from cape.ui import show

show(get("phase_diagram"))
