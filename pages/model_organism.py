"""Page of the diagnostic `model_organism`."""

from cape.diagnostics import get
from cape.ui import show

show(get("model_organism"))
