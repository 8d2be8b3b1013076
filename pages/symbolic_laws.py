"""Page of the diagnostic `symbolic_laws`."""

from cape.diagnostics import get
from cape.ui import show_symbolic

show_symbolic(get("symbolic_laws"))
