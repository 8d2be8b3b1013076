"""N_c by every estimator and population, and gamma by size with the population's N_c."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import FAR_FENCE, Row, add_forest, gaps, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover, plain
from cape.figures.coupling import EMPTY, add_steps, gamma_axes, gamma_notes
from cape.positions import axis_of_unit
from cape.quantities import Result

POPULATION_START = "population: logistic in log10 "  # and the letter of the axis
PAPER_ROW = "paper mode: pooled, not Pythia"
GROUPS = (  # role, name in the legend, how its labels begin; what begins like none of them is a family
    ("population", "population", ("population:",)),
    ("paper", "the paper's recipe", ("paper mode:", "the paper's recipe")),
)
FAMILY_GROUP = ("family", "one family")
MOST_ROWS = 60  # beyond this, rows without a value become one sentence


def turning_points(result: Result, theme: str) -> go.Figure:
    """Return a forest plot of N_c: population and paper rows on top, a row without N_c says why (paper A Table 1)."""
    rows = _grouped(result.table("turning_points").frame.to_dicts())
    if not rows:
        return look.empty_figure(theme, "No estimate of N_c in this selection.")
    lacking = [row for row in rows if row["value"] is None]
    is_collapsed = len(rows) > MOST_ROWS
    shown = [row for row in rows if row["value"] is not None] if is_collapsed else rows
    shown = [{**row, "y": line} for line, row in enumerate(shown)]
    figure = look.new_figure(
        theme, x_title="", y_title="", height=look.height_for_rows([row["label"] for row in shown])
    )
    look.row_axis(figure, [row["label"] for row in shown])
    found = [row for row in shown if row["value"] is not None]
    view = _view(found)
    unit = result.table("turning_points").units["value"]
    look.size_axis(figure, view, title=f"{axis_of_unit(unit).symbol}_c", unit=unit)
    _add_open_sides(figure, found, theme)
    for role, name, _ in (*GROUPS, (*FAMILY_GROUP, ())):
        chosen = [row for row in found if row["role"] == role]
        add_forest(figure, chosen, style=look.SERIES[role], theme=theme, name=name, text=partial(_row_text, unit=unit))
    if not is_collapsed:
        _add_statuses(figure, [row for row in shown if row["value"] is None], theme)
    beyond = outside_text(found, _limits(figure), what="estimate", columns=("value", "low", "high"))
    look.note(figure, theme, _summary(rows, lacking) if is_collapsed or not found else "", beyond)
    return figure


def _grouped(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows with their role: population and paper first, then families, each in the table's order."""
    marked = [{**row, "role": _role(row["label"])} for row in rows]
    order = [role for role, *_ in GROUPS] + [FAMILY_GROUP[0]]
    return sorted(marked, key=lambda row: order.index(row["role"]))


def _role(label: str) -> str:
    return next((role for role, _, starts in GROUPS if label.startswith(starts)), FAMILY_GROUP[0])


def _view(found: Sequence[Row]) -> list[float]:
    """Return the ends of a range that holds every N_c and most interval ends."""
    values = [row["value"] for row in found]
    ends = [row[end] for row in found for end in ("low", "high") if row[end] is not None]
    logs = look.log10_of([*values, *ends])
    if not logs:
        return [0.1, 100.0]
    low, high = robust_view(logs, always=look.log10_of(values), fence=FAR_FENCE)
    return [10 ** max(low, min(logs)), 10 ** min(high, max(logs))]


def _limits(figure: go.Figure) -> tuple[float, float]:
    low, high = figure.layout.xaxis.range
    return 10**low, 10**high


def _row_text(row: Row, unit: str) -> str:
    return hover(
        row["label"],
        f"N_c {estimate_text(row, 'value', unit)}",
        f"n = {row['n']}, {row['status']}",
        row.get("method") or "",
    )


def _add_open_sides(figure: go.Figure, found: Sequence[Row], theme: str) -> None:
    """Draw an interval's unbounded side as a line to the edge with an arrow head."""
    low_edge, high_edge = _limits(figure)
    for end, other, edge, head in (("low", "high", low_edge, "left"), ("high", "low", high_edge, "right")):
        open_rows = [row for row in found if row[end] is None and row[other] is not None]
        if not open_rows:
            continue
        ink = look.INK[theme]
        figure.add_trace(
            go.Scatter(
                x=gaps([row["value"] for row in open_rows], [edge for _ in open_rows]),
                y=gaps(*[[row["y"] for row in open_rows]] * 2),
                mode="lines+markers",
                line={"color": ink.muted, "width": 2},
                marker={"color": ink.muted, "size": [0, 9, 0] * len(open_rows), "symbol": f"triangle-{head}"},
                name=f"unbounded to the {head}",
                hoverinfo="skip",
                cliponaxis=False,
            )
        )


def _add_statuses(figure: go.Figure, lacking: Sequence[Row], theme: str) -> None:
    """Write why a row has no N_c at the left edge of its line."""
    if not lacking:
        return
    edge, _ = _limits(figure)
    figure.add_trace(
        go.Scatter(
            x=[edge for _ in lacking],
            y=[row["y"] for row in lacking],
            mode="text",
            text=[f" {plain(row['status'])}" for row in lacking],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[hover(row["label"], f"no N_c: {row.get('caveats') or row['status']}") for row in lacking],
            hovertemplate=HOVER,
            showlegend=False,
            name="no N_c",
        )
    )


def _summary(rows: Sequence[Row], lacking: Sequence[Row]) -> str:
    counts = Counter(str(row["status"]) for row in lacking)
    statuses = ", ".join(f"{status} {count}" for status, count in counts.most_common())
    return f"{len(lacking)} of {counted(len(rows), 'row')} have no N_c: {statuses}." if lacking else ""


def gamma_with_turning_points(result: Result, theme: str) -> go.Figure:
    """Return gamma by size with the population's N_c as a band and the paper's as a dashed line (paper A 2.1)."""
    rows = result.table("steps").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    table = result.table("turning_points")
    axis = axis_of_unit(table.units["value"])
    turns = [row for row in table.frame.to_dicts() if row["value"] is not None]
    population = next((row for row in turns if row["label"].startswith(POPULATION_START)), None)
    paper = next((row for row in turns if row["label"] == PAPER_ROW), None)
    figure = gamma_axes(result, theme, rows)
    places = [row["position_mid"] for row in rows]
    drawn = [row["value"] * axis.scale for row in (population, paper) if row is not None]
    look.size_axis(figure, [*places, *drawn], title="Geometric mean size of the step", unit=axis.counted)
    _add_turn(figure, population, theme, role="population", unit=axis.unit)
    _add_turn(figure, paper, theme, role="paper", unit=axis.unit)
    add_steps(figure, rows, theme)
    look.note(figure, theme, *gamma_notes(rows, figure))
    return figure


def _add_turn(figure: go.Figure, row: Row | None, theme: str, *, role: str, unit: str) -> None:
    """Draw one N_c as a vertical line; the population's interval as a band, to the edge where it is unbounded."""
    if row is None:
        return
    style = look.SERIES[role]
    bottom, top = figure.layout.yaxis.range
    scale = axis_of_unit(unit).scale
    at = row["value"] * scale
    has_interval = row["low"] is not None or row["high"] is not None
    if role == "population" and has_interval:
        left, right = _limits(figure)
        ends = [edge if row[end] is None else row[end] * scale for end, edge in (("low", left), ("high", right))]
        figure.add_vrect(
            x0=ends[0], x1=ends[1], fillcolor=look.faded(style.colour(theme), 0.13), line_width=0, layer="below"
        )
    figure.add_trace(
        go.Scatter(
            x=[at, at],
            y=[bottom, top],
            mode="lines",
            line=style.line(theme),
            name=f"N_c, {row['label']}",
            legendrank=50,
            hovertext=[_row_text(row, unit)] * 2,
            hovertemplate=HOVER,
        )
    )
