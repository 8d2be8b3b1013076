"""Page of the diagnostic `effective_dimension`."""

from cape.diagnostics import get
from cape.ui import show

show(get("effective_dimension"))
