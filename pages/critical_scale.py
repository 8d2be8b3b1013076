"""Page of the diagnostic `critical_scale`."""

from cape.diagnostics import get
from cape.ui import show

show(get("critical_scale"))
