"""Page of the diagnostic `bring_your_scores`."""

from cape.diagnostics import get
from cape.ui import show_bring

show_bring(get("bring_your_scores"))
