"""Page of the diagnostic `trend_control`."""

from cape.diagnostics import get
from cape.ui import show

show(get("trend_control"))
