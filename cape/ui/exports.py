"""What the pages let a reader take along: tables, texts that reproduce a number, and figures as HTML."""

from __future__ import annotations

import plotly.graph_objects as go

from cape.report.texts import FORMATS, citation, command_of, estimates_frame, permalink, sql_of, table_bytes

__all__ = [
    "FORMATS",
    "citation",
    "command_of",
    "estimates_frame",
    "figure_html",
    "permalink",
    "sql_of",
    "table_bytes",
]


def figure_html(figure: go.Figure) -> bytes:
    """Return the figure as one HTML file that needs no network."""
    return figure.to_html(include_plotlyjs=True, full_html=True).encode()
