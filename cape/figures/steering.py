"""Steering: outputs changed in the published runs."""

from __future__ import annotations

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest
from cape.figures._text import counted, estimate_text, hover, size_text
from cape.quantities import Result

EMPTY = "No published steering run."
PUBLISHED = (("count", "paper"), ("prompt by prompt", "data"))


def changed_by_run(result: Result, theme: str) -> go.Figure:
    """Return the share of outputs changed by published run, smallest model on top."""
    rows = result.table("recorded").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    labels = [f"{row['model_id']}, {row['n_changed']} of {row['n_prompts']}" for row in rows]
    height = look.height_for_rows(labels)
    figure = look.new_figure(theme, x_title="Outputs that changed (% of prompts)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.update_xaxes(range=[-2, 102])
    for published, style in PUBLISHED:
        mine = [
            {**row, "y": line, "value": row["changed_pct"]}
            for line, row in enumerate(rows)
            if row["published"] == published
        ]
        name = f"published as a {published}" if published == "count" else f"published {published}"
        add_forest(figure, mine, style=look.SERIES[style], theme=theme, name=name, text=_run_hover)
    look.note(
        figure,
        theme,
        "Bars: Wilson 95%. Smallest model on top. No run records whether an output was right, a control direction or "
        "a capability score, so no share is one of corrected outputs.",
    )
    return figure


def _run_hover(row: Row) -> str:
    return hover(
        f"{row['model_id']}, {size_text(row['params_b'] * 1e9 if row['params_b'] else None)}",
        f"changed {estimate_text(row, 'value', '%')}",
        f"n = {counted(row['n_prompts'], 'prompt')}; corrected: {row['corrected']}",
        f"file {row['file']}; phase in the file: {row['phase'] or 'none'}",
    )
