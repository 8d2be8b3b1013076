"""The state of one panel in one look, and how the paper's claims stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import DRAWN_FIRST, Row, add_phase_legend, gaps, rows_in
from cape.figures._text import HOVER, hover
from cape.figures.coupling import EMPTY, step_text
from cape.quantities import Phase, Result

COLUMNS = ("reproduced", "supported")
WIDTHS = {Phase.UNDETERMINED: 5, Phase.NONE: 2}  # px; a step with a settled phase is thicker
SETTLED_WIDTH = 11
BARS_PX = 290  # two bars and a legend of up to seven verdicts on four lines


def phase_strip(result: Result, theme: str) -> go.Figure:
    """Return one line per family, the largest on top: each step a bar from size to size in the colour of its phase."""
    table = result.table("strip")
    rows = table.frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    largest: dict[str, float] = {}
    for row in rows:
        largest[row["family"]] = max(largest.get(row["family"], 0.0), row["position_to"] or 0.0)
    families = sorted(largest, key=lambda family: (-largest[family], family))
    lines = [{**row, "y": families.index(row["family"])} for row in rows]
    height = look.height_for_rows(families, px_per_row=20)
    figure = look.new_figure(theme, x_title="", y_title="", height=height)
    look.row_axis(figure, families)
    sizes = [row[end] for row in rows for end in ("position_from", "position_to")]
    look.size_axis(figure, sizes, title="Model size", unit=table.units.get("position_from", "parameters"))
    for phase in DRAWN_FIRST:
        _add_bars(figure, rows_in(lines, phase), theme, phase)
    _add_sizes(figure, lines, theme)
    for phase in DRAWN_FIRST:
        _add_marks(figure, rows_in(lines, phase), theme, phase)
    counts = {phase: len(rows_in(lines, phase)) for phase in Phase}
    add_phase_legend(figure, theme, counts, what="step", has_line=False)
    return figure


def _add_bars(figure: go.Figure, rows: Sequence[Row], theme: str, phase: Phase) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=gaps(*([row[end] for row in rows] for end in ("position_from", "position_to"))),
            y=gaps(*[[row["y"] for row in rows]] * 2),
            mode="lines",
            line={
                "color": look.faded(look.PHASE_STYLES[phase].colour(theme), 0.55),
                "width": WIDTHS.get(phase, SETTLED_WIDTH),
            },
            name=f"{phase} steps",
            legendgroup=str(phase),
            showlegend=False,
            hoverinfo="skip",
        )
    )


def _add_sizes(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    """Mark where one step ends and the next begins."""
    ends = [(row[f"position_{end}"], row["y"], str(row[f"models_{end}"])) for row in rows for end in ("from", "to")]
    figure.add_trace(
        go.Scatter(
            x=[position for position, _, _ in ends],
            y=[line for _, line, _ in ends],
            mode="markers",
            marker={"symbol": "line-ns", "size": 12, "line": {"color": look.INK[theme].muted, "width": 1.2}},
            name="model sizes",
            showlegend=False,
            hovertext=[hover(models) for _, _, models in ends],
            hovertemplate=HOVER,
        )
    )


def _add_marks(figure: go.Figure, rows: Sequence[Row], theme: str, phase: Phase) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["position_mid"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=look.PHASE_STYLES[phase].marker(theme),
            name=str(phase),
            legendgroup=str(phase),
            showlegend=False,
            hovertext=[step_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def verdict_bars(result: Result, theme: str) -> go.Figure:
    """Return two stacked bars of the number of claims by verdict: reproduced and supported."""
    rows = result.table("verdicts").frame.to_dicts()
    if not any(row["n"] for row in rows):
        return look.empty_figure(theme, "No claim in the ledger.")
    figure = look.new_figure(theme, x_title="Claims (count)", y_title="", height=BARS_PX)
    counts = {(row["column"], row["verdict"]): row["n"] or 0 for row in rows}
    totals = {column: sum(n for (held, _), n in counts.items() if held == column) for column in COLUMNS}
    for verdict, style in look.VERDICT_STYLES.items():
        numbers = [counts.get((column, verdict), 0) for column in COLUMNS]
        if any(numbers):
            text = [
                f"{column}: {verdict}<br>n = {n} of {totals[column]} claims"
                for column, n in zip(COLUMNS, numbers, strict=True)
            ]
            figure.add_trace(_verdict_bar(verdict, style, numbers, text, theme))
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal", showlegend=True)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _verdict_bar(verdict: str, style: look.Style, numbers: list[int], text: list[str], theme: str) -> go.Bar:
    ink = look.INK[theme]
    pattern: dict[str, Any] = {"shape": style.pattern, "fillmode": "overlay", "size": 7, "solidity": 0.25}
    return go.Bar(
        x=numbers,
        y=list(COLUMNS),
        orientation="h",
        name=verdict,
        marker={
            "color": style.colour(theme),
            "line": {"color": ink.ground, "width": 1},
            "pattern": pattern | {"fgcolor": ink.ground, "fgopacity": 0.55},
        },
        text=[str(n) if n else "" for n in numbers],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"size": look.FONT_SIZE, "color": style.text_colour(theme)},
        hovertext=text,
        hovertemplate=HOVER,
    )
