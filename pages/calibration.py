"""Page of the diagnostic `calibration`."""

from cape.diagnostics import get
from cape.ui import show

show(get("calibration"))
