"""Page of the diagnostic `head_coupling`."""

from cape.diagnostics import get
from cape.ui import show

show(get("head_coupling"))
