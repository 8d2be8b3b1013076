"""Hold-out errors by method and by family, and the slopes of two regimes."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import FAR_FENCE, Row, add_forest, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover
from cape.quantities import Result

SYSTEM = "ODE"
MOST_FAMILIES = 40
ENDS = ("error", "low", "high")


def method_errors(result: Result, theme: str) -> go.Figure:
    """Return the error of every method in every design; the ODE and the best baseline are marked."""
    rows = result.table("methods").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No family and no size can be held out in this selection.")
    rows = sorted(rows, key=lambda row: (row["design"], row["error"]))
    labels = [f"{row['design']}: {row['method']} (n\u00a0=\u00a0{row['n_families']})" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Mean absolute error (percentage points)",
        y_title="",
        height=look.height_for_rows(labels, columns=60, px_per_row=20),
    )
    look.row_axis(figure, labels, columns=60)
    placed = [{**row, "value": row["error"], "y": line} for line, row in enumerate(rows)]
    for role, name, chosen in (
        ("data", "ODE", [row for row in placed if row["method"] == SYSTEM]),
        ("population", "best baseline of the design", [row for row in placed if row["is_best_baseline"]]),
        ("null", "other baseline", [r for r in placed if r["method"] != SYSTEM and not r["is_best_baseline"]]),
    ):
        add_forest(figure, chosen, style=look.SERIES[role], theme=theme, name=name, text=_method_text)
    view = robust_view([row[end] for row in rows for end in ENDS], always=[0.0], fence=FAR_FENCE)
    figure.update_xaxes(range=[0, view[1]])
    ratios = [
        f"{e.label}: ratio {e.value:.2f}" + (f" ({e.low:.2f} to {e.high:.2f})" if None not in (e.low, e.high) else "")
        for e in result.estimates
        if e.symbol == "skill_ratio" and e.value is not None
    ]
    look.note(
        figure,
        theme,
        f"Error of the ODE over that of the best baseline, {'; '.join(ratios)}." if ratios else "",
        "Same start, same cells and same training rows for every method; n counts families.",
        outside_text(rows, (0.0, view[1]), what="error", columns=ENDS),
    )
    return figure


def _method_text(row: Row) -> str:
    return hover(
        f"{row['method']}, {row['design']}",
        estimate_text({**row, "value": row["error"]}, "value", "points"),
        f"{row['n_families']} families, {counted(row['n_ladders'], 'ladder')}",
    )


def family_errors(result: Result, theme: str) -> go.Figure:
    """Return the error of the ODE and of the best baseline for every held-out family, and the falsifier."""
    rows = [row for row in result.table("families").frame.to_dicts() if row["design"] != "last size out"]
    if not rows:
        return look.empty_figure(theme, "No family can be held out in this selection: pick more than one.")
    rows = sorted(rows, key=lambda row: -row["ode_error"])
    shown = rows[:MOST_FAMILIES]
    labels = [f"{row['family']} (n\u00a0=\u00a0{row['n_cells']} scores)" for row in shown]
    figure = look.new_figure(
        theme,
        x_title="Mean absolute error (percentage points)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=20),
    )
    look.row_axis(figure, labels)
    for column, role, name in (
        ("baseline_error", "population", f"best baseline of the design: {shown[0]['baseline']}"),
        ("ode_error", "data", "ODE"),
    ):
        style = look.SERIES[role]
        figure.add_trace(
            go.Scatter(
                x=[row[column] for row in shown],
                y=list(range(len(shown))),
                mode="markers",
                marker=style.marker(theme),
                name=name,
                hovertext=[_family_text(row) for row in shown],
                hovertemplate=HOVER,
            )
        )
    limit = shown[0]["falsifier"]
    line = look.SERIES["paper"].line(theme, width=1.5)
    figure.add_vline(x=limit, line=line, annotation_text=f"falsifier {limit:g}", layer="below")
    figure.update_xaxes(rangemode="tozero")
    gone = len(rows) - len(shown)
    look.note(
        figure,
        theme,
        f"Design: {shown[0]['design']}. No interval: each row is one family.",
        f"Not drawn: {gone} of {len(rows)} families, those with the least error; the table has all." if gone else "",
    )
    return figure


def _family_text(row: Row) -> str:
    ratio = "" if row["ratio"] is None else f"ratio {row['ratio']:.2f}"
    return hover(
        str(row["family"]),
        f"ODE {row['ode_error']:.2f}, {row['baseline']} {row['baseline_error']:.2f} points",
        ratio,
        f"n = {row['n_cells']} scores",
    )


def regime_slopes(result: Result, theme: str) -> go.Figure:
    """Return the slopes of the rate of the second benchmark, and of the first, in either regime."""
    table = result.table("regimes").frame.to_dicts()
    rows: Sequence[Row] = [row for row in table if row["term"] != "constant" and row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "Neither regime has enough steps for an equation in this selection.")
    labels = [
        f"{row['regime']}: d {row['equation']} on {row['term']} (n\u00a0=\u00a0{row['n']}, {row['df']} df)"
        for row in rows
    ]
    figure = look.new_figure(
        theme,
        x_title="Slope (pp per decade per pp)",
        y_title="",
        height=look.height_for_rows(labels, columns=60),
    )
    look.row_axis(figure, labels, columns=60)
    placed = [{**row, "y": line} for line, row in enumerate(rows)]
    for regime, style in zip(("tax", "bonus"), look.FAMILY_STYLES[1::-1], strict=True):
        chosen = [row for row in placed if row["regime"] == regime]
        add_forest(figure, chosen, style=style, theme=theme, name=regime, text=_regime_text)
    numbers = [row[end] for row in rows for end in ("value", "low", "high")]
    view = robust_view(numbers, always=[0.0], fence=FAR_FENCE)
    figure.update_xaxes(range=list(view), zeroline=True)
    look.note(
        figure,
        theme,
        "df: differences less coefficients; a fit with 0 passes through every point and says nothing of its error.",
        outside_text(rows, view, what="slope", columns=("value", "low", "high")),
    )
    return figure


def _regime_text(row: Row) -> str:
    return hover(
        f"{row['regime']}: d {row['equation']} on {row['term']}",
        estimate_text(row, "value"),
        f"n = {row['n']} differences, {row['df']} degrees of freedom",
        str(row["note"]),
    )
