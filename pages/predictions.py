"""Page of the diagnostic `predictions`."""

from cape.diagnostics import get
from cape.ui import show_predictions

show_predictions(get("predictions"))
