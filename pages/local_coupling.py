"""Page of the diagnostic `local_coupling`."""

from cape.diagnostics import get
from cape.ui import show

show(get("local_coupling"))
