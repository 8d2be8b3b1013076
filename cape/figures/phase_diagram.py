"""Both scores of every model, and the second score by size; each step is coloured and dashed by its phase."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._labels import add_names
from cape.figures._marks import DRAWN_FIRST, Row, add_phase_legend, gaps, rows_in, se_bars
from cape.figures._text import HOVER, counted, hover, interval_text, number_text, size_text
from cape.quantities import Phase, Result

EMPTY = "No model in this selection."
MOST_LABELS = 20  # families; more names than this would cover one another


def score_plane(result: Result, theme: str) -> go.Figure:
    """Return the second score against the first with standard errors, one line per family (paper A Fig. 1)."""
    points = result.table("points").frame.to_dicts()
    if not points:
        return look.empty_figure(theme, EMPTY)
    x, y = _pair(result)
    figure = look.new_figure(theme, x_title=look.score_title(x), y_title=look.score_title(y), height=540)
    _add_segments(figure, result.table("segments").frame.to_dicts(), theme, ends=("x_from_pct", "x_to_pct"))
    _add_points(figure, points, theme, pair=(x, y), at="x_pct")
    _add_names(figure, points, theme, at="x_pct")
    look.note(figure, theme, "Bars are one standard error of each score.")
    return figure


def score_by_size(result: Result, theme: str) -> go.Figure:
    """Return the second score against size on a log axis, one line per family."""
    points = result.table("points").frame.to_dicts()
    if not points:
        return look.empty_figure(theme, EMPTY)
    x, y = _pair(result)
    figure = look.new_figure(theme, x_title="", y_title=look.score_title(y))
    sized = [row for row in points if row["position"] is not None]
    unit = result.table("points").units.get("position", "parameters")
    look.size_axis(figure, [row["position"] for row in sized], title="Model size", unit=unit)
    _add_segments(figure, result.table("segments").frame.to_dicts(), theme, ends=("position_from", "position_to"))
    _add_points(figure, sized, theme, pair=(x, y), at="position")
    _add_names(figure, sized, theme, at="position")
    left_out = len(points) - len(sized)
    look.note(
        figure,
        theme,
        "Bars are one standard error of each score.",
        f"{left_out} of {counted(len(points), 'model')} have no public size and are not drawn." if left_out else "",
    )
    return figure


def _pair(result: Result) -> tuple[str, str]:
    return str(result.params.get("x") or "first benchmark"), str(result.params.get("y") or "second benchmark")


def _add_segments(figure: go.Figure, rows: Sequence[Row], theme: str, *, ends: tuple[str, str]) -> None:
    for phase in DRAWN_FIRST:
        chosen = rows_in(rows, phase)
        if not chosen:
            continue
        texts = [hover(row.get("label") or row["family"], f"phase {row['phase']}") for row in chosen]
        is_settled = phase in (Phase.TAX, Phase.TRANSITION, Phase.BONUS)
        figure.add_trace(
            go.Scatter(
                x=gaps(*([row[end] for row in chosen] for end in ends)),
                y=gaps(*([row[end] for row in chosen] for end in ("y_from_pct", "y_to_pct"))),
                mode="lines",
                line=look.PHASE_STYLES[phase].line(theme, width=2.4 if is_settled else 1.2),
                name=f"{phase} steps",
                legendgroup=str(phase),
                showlegend=False,
                hovertext=gaps(texts, texts),
                hovertemplate=HOVER,
            )
        )


def _add_points(figure: go.Figure, rows: Sequence[Row], theme: str, *, pair: tuple[str, str], at: str) -> None:
    for phase in DRAWN_FIRST:
        chosen = rows_in(rows, phase)
        if not chosen:
            continue
        style = look.PHASE_STYLES[phase]
        bars = {"error_y": se_bars(chosen, "y_se_pct", colour=style.colour(theme))}
        if at == "x_pct":
            bars["error_x"] = se_bars(chosen, "x_se_pct", colour=style.colour(theme))
        figure.add_trace(
            go.Scatter(
                x=[row[at] for row in chosen],
                y=[row["y_pct"] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                name=str(phase),
                legendgroup=str(phase),
                showlegend=False,
                hovertext=[_point_text(row, pair) for row in chosen],
                hovertemplate=HOVER,
                **bars,
            )
        )
    counts = {phase: len(rows_in(rows, phase)) for phase in Phase}
    add_phase_legend(figure, theme, counts, what="model", has_line=True)


def _point_text(row: Row, pair: tuple[str, str]) -> str:
    scores = (
        f"{name} {number_text(row[f'{axis}_pct'], '%')} "
        + (f"± {row[f'{axis}_se_pct']:.2g} (SE)" if row[f"{axis}_se_pct"] is not None else interval_text(None, None))
        for name, axis in zip(pair, "xy", strict=True)
    )
    size = size_text(row.get("position"))
    reason = row.get("undefined_reason")
    return hover(
        str(row["display_name"]),
        f"{row['family']}, {size}",
        *scores,
        f"phase {row['phase']}" + (f": {reason}" if reason else ""),
    )


def _add_names(figure: go.Figure, rows: Sequence[Row], theme: str, *, at: str) -> None:
    """Write each family's name at its last model, where the families are few."""
    last: dict[str, Row] = {}
    for row in rows:
        is_placed = None not in (row[at], row["y_pct"], row["position"])
        if is_placed and row["position"] >= last.get(row["family"], row)["position"]:
            last[row["family"]] = row
    if not last or len(last) > MOST_LABELS:
        return
    names = [(family, place) for family, row in last.items() for place in _places([row], at)]
    add_names(figure, theme, names, _places(rows, at))


def _places(rows: Sequence[Row], at: str) -> list[tuple[float, float]]:
    """Return where rows stand on the axes, log10 of a size."""
    drawn = [row for row in rows if row[at] is not None and row["y_pct"] is not None]
    across = look.log10_of([row[at] for row in drawn]) if at == "position" else [row[at] for row in drawn]
    return list(zip(across, [row["y_pct"] for row in drawn], strict=True))
