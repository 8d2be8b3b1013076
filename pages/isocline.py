"""Page of the diagnostic `isocline`."""

from cape.diagnostics import get
from cape.ui import show

show(get("isocline"))
