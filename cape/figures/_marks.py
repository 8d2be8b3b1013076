"""Marks that several figures share: error bars, broken lines, phase legends, forest rows, and a view that fits most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from cape.figures import theme as look
from cape.figures._text import HOVER, counted
from cape.quantities import Phase

Row = Mapping[str, Any]
FENCE, FAR_FENCE = 1.5, 3.0  # interquartile ranges beyond the quartiles; Tukey (1977)
DRAWN_FIRST = (Phase.NONE, Phase.UNDETERMINED, Phase.TRANSITION, Phase.TAX, Phase.BONUS)


def rows_in(rows: Iterable[Row], phase: Phase) -> list[Row]:
    """Return the rows of one phase; a row without a phase counts as none."""
    return [row for row in rows if (row["phase"] or Phase.NONE) == phase]


def gaps(*columns: Iterable[Any]) -> list[Any]:
    """Return the columns interleaved row by row with None after each, so that one trace holds separate segments."""
    return [value for row in zip(*columns, strict=True) for value in (*row, None)]


def interval_bars(rows: Sequence[Row], value: str, low: str, high: str, *, colour: str) -> dict[str, Any]:
    """Return asymmetric error bars; a side that is unknown or unbounded has none."""

    def reach(row: Row, end: str, sign: int) -> float | None:
        return None if row[value] is None or row[end] is None else sign * (row[end] - row[value])

    return {
        "type": "data",
        "symmetric": False,
        "array": [reach(row, high, 1) for row in rows],
        "arrayminus": [reach(row, low, -1) for row in rows],
        "color": look.faded(colour, 0.55),
        "thickness": 1.2,
        "width": 0,
    }


def se_bars(rows: Sequence[Row], column: str, *, colour: str) -> dict[str, Any]:
    """Return symmetric error bars of one standard error."""
    return {
        "type": "data",
        "array": [row.get(column) for row in rows],
        "color": look.faded(colour, 0.45),
        "thickness": 1,
        "width": 0,
    }


def add_phase_legend(figure: go.Figure, theme: str, counts: Mapping[Phase, int], *, what: str, has_line: bool) -> None:
    """Add one legend entry per phase that occurs, with its count, in the order of Phase."""
    for rank, phase in enumerate(Phase):
        if not counts.get(phase):
            continue
        style = look.PHASE_STYLES[phase]
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="lines+markers" if has_line else "markers",
                marker=style.marker(theme),
                line=style.line(theme),
                name=f"{phase} ({counted(counts[phase], what)})",
                legendgroup=str(phase),
                legendrank=rank,
                hoverinfo="skip",
            )
        )


def robust_view(
    numbers: Iterable[float | None], *, always: Sequence[float] = (), fence: float = FENCE
) -> tuple[float, float]:
    """Return a range that holds `always` and every number within the fences of the quartiles."""
    known = pl.Series([n for n in numbers if n is not None and math.isfinite(n)], dtype=pl.Float64)
    ends = list(always)
    if known.len():
        first, third = (known.quantile(share, interpolation="linear") or 0.0 for share in (0.25, 0.75))
        reach = fence * (third - first)
        ends += [n for n in known if first - reach <= n <= third + reach]
    low, high = (min(ends), max(ends)) if ends else (-1.0, 1.0)
    pad = 0.05 * (high - low) or 0.5
    return low - pad, high + pad


def outside_text(rows: Sequence[Row], view: tuple[float, float], *, what: str, columns: tuple[str, str, str]) -> str:
    """Return how many values, and how many intervals, reach outside the view; empty where none does."""
    value, low, high = columns
    beyond = [row[value] for row in rows if not view[0] <= row[value] <= view[1]]
    cut = sum(
        (row[low] is not None and row[low] < view[0]) or (row[high] is not None and row[high] > view[1]) for row in rows
    )
    if not beyond and not cut:
        return ""
    span = (
        f"{len(beyond)} of {counted(len(rows), what)} (from {min(beyond):.3g} to {max(beyond):.3g})" if beyond else ""
    )
    ends = f"an end of {counted(cut, 'interval')}" if cut else ""
    return f"Outside the view: {' and '.join(filter(None, (span, ends)))}. Double-click the plot to see all."


def add_forest(
    figure: go.Figure,
    rows: Sequence[Row],
    *,
    style: look.Style,
    theme: str,
    name: str,
    text: Callable[[Row], str],
) -> None:
    """Add rows (with "y", value, low, high) as points with intervals."""
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["value"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            error_x={**interval_bars(rows, "value", "low", "high", colour=style.colour(theme)), "thickness": 2},
            name=name,
            hovertext=[text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )
