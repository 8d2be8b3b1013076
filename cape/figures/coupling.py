"""gamma_12 of every interval between consecutive sizes: against size, and as a direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import (
    DRAWN_FIRST,
    Row,
    add_phase_legend,
    gaps,
    interval_bars,
    outside_text,
    robust_view,
    rows_in,
    se_bars,
)
from cape.figures._text import HOVER, counted, estimate_text, hover, plain, size_text
from cape.quantities import Phase, Result

TRANSITION_WIDTH = 0.1  # |gamma_12| below this is transition; paper A 2.3 and A.1
MOST_WIDE_BARS = 40  # steps; more null ranges of full width would cover one another
EMPTY = "No step in this selection."
GAMMA = ("gamma", "gamma_low", "gamma_high")


def gamma_by_size(result: Result, theme: str) -> go.Figure:
    """Return gamma_12 with its interval against the mid-size of each step, one marker shape per phase (paper A 2.3)."""
    table = result.table("steps")
    compared = next((other for other in result.tables if other.name == "compared"), None)
    if table.frame.is_empty() and (compared is None or compared.frame.is_empty()):
        return look.empty_figure(theme, EMPTY)
    mine = table.frame.to_dicts()
    theirs = compared.frame.to_dicts() if compared is not None else []
    figure = gamma_axes(result, theme, [*mine, *theirs])
    add_steps(figure, mine, theme)
    if compared is not None:
        add_compared(figure, theirs, theme)
    whose = f"Markers with a dot: {compared.title[:1].lower()}{compared.title[1:]}." if compared is not None else ""
    look.note(figure, theme, whose, *gamma_notes([*mine, *theirs], figure))
    return figure


def gamma_axes(result: Result, theme: str, rows: Sequence[Row]) -> go.Figure:
    """Return the axes of a figure of gamma against size: thresholds drawn, view set to hold most intervals."""
    figure = look.new_figure(theme, x_title="", y_title=gamma_title(result))
    unit = result.table("steps").units.get("position_mid", "parameters")
    look.size_axis(figure, [row["position_mid"] for row in rows], title="Geometric mean size of the step", unit=unit)
    defined = [row[column] for row in rows if row["gamma"] is not None for column in GAMMA]
    view = robust_view(defined, always=(-2 * TRANSITION_WIDTH, 2 * TRANSITION_WIDTH))
    figure.update_yaxes(range=list(view), zeroline=True)
    for threshold in (-TRANSITION_WIDTH, TRANSITION_WIDTH):
        figure.add_hline(y=threshold, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    return figure


def gamma_title(result: Result) -> str:
    """Return the axis title of gamma_12 for the pair of this result."""
    x, y = (
        plain(result.params.get(name) or word) for name, word in (("x", "first benchmark"), ("y", "second benchmark"))
    )
    return f"gamma_12 (pp of {y}<br>per pp of {x})"


def step_text(row: Row) -> str:
    """Return the hover label of one step."""
    title = row.get("label") or f"{row['family']}: {row['models_from']} to {row['models_to']}"
    reason = row.get("undefined_reason")
    n_rows = row.get("n_rows")
    return hover(
        title,
        f"gamma {estimate_text(row, 'gamma', 'pp/pp')}",
        f"undefined: {reason}" if reason else "",
        f"phase {row['phase']}; by the bare ratio {row['phase_paper']}",
        f"{size_text(row['position_from'])} to {size_text(row['position_to'])}",
        f"n = {counted(n_rows, 'row')}" if n_rows is not None else "",
    )


def add_steps(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    """Add null ranges, family lines and the defined steps by phase."""
    defined = [row for row in rows if row["gamma"] is not None]
    _add_null_ranges(figure, [row for row in defined if row["null_high"] is not None], theme)
    _add_family_lines(figure, rows, theme)
    for phase in DRAWN_FIRST:
        _add_markers(figure, rows_in(defined, phase), theme, phase, style=look.PHASE_STYLES[phase])
    counts = {phase: len(rows_in(defined, phase)) for phase in Phase}
    add_phase_legend(figure, theme, counts, what="step", has_line=False)


def add_compared(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    """Add the steps of a second ladder in one colour of their own: the shape of the phase, open, with a dot."""
    base = look.SERIES["compared"]
    defined = [row for row in rows if row["gamma"] is not None]
    for rank, phase in enumerate(Phase):
        chosen = rows_in(defined, phase)
        shape = look.PHASE_STYLES[phase].symbol.removesuffix("-open")
        style = replace(base, symbol=f"{shape}-open-dot")
        _add_markers(figure, chosen, theme, phase, style=style)
        if chosen:
            name = f"compared: {phase} ({counted(len(chosen), 'step')})"
            figure.data[-1].update(name=name, legendgroup=name, legendrank=len(Phase) + rank, showlegend=True)


def gamma_notes(rows: Sequence[Row], figure: go.Figure) -> tuple[str, str]:
    """Return what the view leaves out: steps without a gamma, and steps or intervals beyond the axis."""
    defined = [row for row in rows if row["gamma"] is not None]
    lacking = len(rows) - len(defined)
    view = tuple(figure.layout.yaxis.range)
    return (
        f"{lacking} of {counted(len(rows), 'step')} have no defined gamma." if lacking else "",
        outside_text(defined, view, what="step", columns=GAMMA),
    )


def _add_null_ranges(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    texts = [hover(step_text(row), f"standing still would give ±{row['null_high']:.3g}") for row in rows]
    figure.add_trace(
        go.Scatter(
            x=gaps(*[[row["position_mid"] for row in rows]] * 2),
            y=gaps([-row["null_high"] for row in rows], [row["null_high"] for row in rows]),
            mode="lines",
            line={"color": look.INK[theme].band, "width": 7 if len(rows) <= MOST_WIDE_BARS else 3},
            name="if the second benchmark stood still",
            legendrank=len(Phase) * 3,
            hovertext=gaps(texts, texts),
            hovertemplate=HOVER,
        )
    )


def _add_family_lines(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    """Connect steps that follow one another in a family; an undefined gamma leaves a gap."""
    pairs = [
        (one, other)
        for one, other in zip(rows, rows[1:], strict=False)
        if (one["family"], one["models_to"]) == (other["family"], other["models_from"])
        and one["gamma"] is not None
        and other["gamma"] is not None
    ]
    if not pairs:
        return
    figure.add_trace(
        go.Scatter(
            x=gaps(*([pair[i]["position_mid"] for pair in pairs] for i in (0, 1))),
            y=gaps(*([pair[i]["gamma"] for pair in pairs] for i in (0, 1))),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 1},
            name="steps of one family",
            legendrank=len(Phase) * 3,
            hoverinfo="skip",
        )
    )


def _add_markers(figure: go.Figure, rows: Sequence[Row], theme: str, phase: Phase, *, style: look.Style) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["position_mid"] for row in rows],
            y=[row["gamma"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            error_y=interval_bars(rows, *GAMMA, colour=style.colour(theme)),
            name=str(phase),
            legendgroup=str(phase),
            showlegend=False,
            hovertext=[step_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def gamma_quadrants(result: Result, theme: str) -> go.Figure:
    """Return the change of the second benchmark against the change of the first, with the four quadrants shaded."""
    frame = result.table("steps").frame
    if frame.is_empty():
        return look.empty_figure(theme, EMPTY)
    rows = frame.to_dicts()
    x, y = (str(result.params.get(name) or name) for name in ("x", "y"))
    figure = look.new_figure(theme, x_title=look.change_title(x), y_title=look.change_title(y), height=520)
    drawn = [row for row in rows if row["delta_x_pct"] is not None and row["delta_y_pct"] is not None]
    _shade_quadrants(figure, drawn, theme)
    for phase in DRAWN_FIRST:
        _add_directions(figure, rows_in(drawn, phase), theme, phase)
    counts = {phase: len(rows_in(drawn, phase)) for phase in Phase}
    add_phase_legend(figure, theme, counts, what="step", has_line=False)
    lacking = len(rows) - len(drawn)
    lacks = f"{lacking} of {counted(len(rows), 'step')} lack a change. " if lacking else ""
    look.note(figure, theme, f"{lacks}Bars are one standard error of each change.")
    return figure


def _shade_quadrants(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    ink = look.INK[theme]
    reach_x, reach_y = (
        1.12 * max((abs(row[name]) for row in rows), default=1.0) or 1.0 for name in ("delta_x_pct", "delta_y_pct")
    )
    quadrants = (
        (1, 1, ink.rise, "both rise"),
        (1, -1, ink.fall, "first rises, second falls"),
        (-1, -1, ink.other, "both fall"),
        (-1, 1, ink.other, "first falls, second rises"),
    )
    for right, up, shade, words in quadrants:
        corner = (right * reach_x, up * reach_y)
        figure.add_shape(
            type="rect", x0=0, y0=0, x1=corner[0], y1=corner[1], fillcolor=shade, line_width=0, layer="below"
        )
        figure.add_annotation(
            text=words,
            x=corner[0],
            y=corner[1],
            xanchor="right" if right > 0 else "left",
            yanchor="top" if up > 0 else "bottom",
            showarrow=False,
            font={"color": ink.muted, "size": look.SMALL_SIZE},
        )
    figure.update_xaxes(range=[-reach_x, reach_x], zeroline=True)
    figure.update_yaxes(range=[-reach_y, reach_y], zeroline=True)


def _add_directions(figure: go.Figure, rows: Sequence[Row], theme: str, phase: Phase) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["delta_x_pct"] for row in rows],
            y=[row["delta_y_pct"] for row in rows],
            error_x=se_bars(rows, "delta_x_se_pct", colour=look.PHASE_STYLES[phase].colour(theme)),
            error_y=se_bars(rows, "delta_y_se_pct", colour=look.PHASE_STYLES[phase].colour(theme)),
            mode="markers",
            marker=look.PHASE_STYLES[phase].marker(theme),
            name=str(phase),
            legendgroup=str(phase),
            showlegend=False,
            hovertext=[step_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )
