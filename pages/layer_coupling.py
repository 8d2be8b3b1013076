"""Page of the diagnostic `layer_coupling`."""

from cape.diagnostics import get
from cape.ui import show

show(get("layer_coupling"))
