"""Page of the diagnostic `residual_field`."""

from cape.diagnostics import get
from cape.ui import show

show(get("residual_field"))
