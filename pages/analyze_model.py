"""Page of the diagnostic `analyze_model`."""

from cape.diagnostics import get
from cape.ui.analyze_page import show_analyze

show_analyze(get("analyze_model"))
