"""Page of the diagnostic `width_normalization`."""

from cape.diagnostics import get
from cape.ui import show

show(get("width_normalization"))
