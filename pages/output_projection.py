"""Page of the diagnostic `output_projection`."""

from cape.diagnostics import get
from cape.ui import show

show(get("output_projection"))
