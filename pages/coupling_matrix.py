"""Page of the diagnostic `coupling_matrix`."""

from cape.diagnostics import get
from cape.ui import show

show(get("coupling_matrix"))
