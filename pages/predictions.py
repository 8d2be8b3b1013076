"""Page of the diagnostic `predictions`."""

from cape.diagnostics import get
from cape.ui import show

show(get("predictions"))
