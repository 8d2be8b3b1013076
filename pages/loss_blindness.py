"""Page of the diagnostic `loss_blindness`."""

from cape.diagnostics import get
from cape.ui import show

show(get("loss_blindness"))
