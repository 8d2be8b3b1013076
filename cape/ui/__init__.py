"""The Streamlit surface: the only package that imports Streamlit. Pages arrange what this package shows."""

from cape.ui.analyze_page import show_analyze
from cape.ui.bring_page import show_bring
from cape.ui.dashboard import show_dashboard
from cape.ui.ledger_page import show_claims
from cape.ui.page import show
from cape.ui.predictions_page import show_predictions
from cape.ui.router import run_app
from cape.ui.sql_page import show_sql
from cape.ui.symbolic_page import show_symbolic

__all__ = [
    "run_app",
    "show",
    "show_analyze",
    "show_bring",
    "show_claims",
    "show_dashboard",
    "show_predictions",
    "show_sql",
    "show_symbolic",
]
