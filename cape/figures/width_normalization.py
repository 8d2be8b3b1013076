"""r before and after dividing scores by width, and r over width against shuffled and constant scores (paper 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, gaps, interval_bars
from cape.figures._text import HOVER, estimate_text, hover, number_text
from cape.quantities import Result

ROW_PX = 44
SPREAD = 0.17  # rows of the forest between two marks of one family
EMPTY = "No family with 3 models of known width in this selection."
LINES = (("observed", "data", "observed scores"), ("constant", "compared", "constant score"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """One mark per row: the column it shows, its role in the theme, its name and its place within the row."""

    column: str
    role: str
    name: str
    place: int = 0
    has_interval: bool = False
    in_legend: bool = True


BEFORE_AND_AFTER = (
    _Mark(column="raw", role="data", name="raw r", place=-2, has_interval=True),
    _Mark(column="ratio", role="resolved", name="r over width", place=-1, has_interval=True),
    _Mark(column="constant", role="null", name="r over width, constant score"),
    _Mark(column="given_width", role="population", name="partial r given width", place=2, has_interval=True),
    _Mark(column="printed_raw", role="paper", name="printed by the paper", place=-2),
    _Mark(column="printed_ratio", role="paper", name="printed by the paper", place=-1, in_legend=False),
)
AGAINST_SHUFFLED = (
    _Mark(column="constant", role="null", name="constant score"),
    _Mark(column="ratio", role="resolved", name="observed scores"),
)


def before_and_after(result: Result, theme: str) -> go.Figure:
    """Return every r of every family on one axis from -1 to 1."""
    rows = _numbered(result)
    if not rows:
        return look.empty_figure(theme, EMPTY)
    figure = _axes(theme, rows, title="r (correlation, no unit)")
    figure.update_xaxes(range=[-1.06, 1.06], zeroline=True)
    _add_bands(figure, rows, theme, place=1, name="r over width, shuffled scores (95%)")
    for mark in BEFORE_AND_AFTER:
        _add_marks(figure, rows, theme, mark)
    lacking = sum(row["given_width"] is None for row in rows)
    gone = f"{lacking} of {len(rows)} families have no partial r: it needs 4 models."
    look.note(figure, theme, gone if lacking else "")
    return figure


def against_shuffled(result: Result, theme: str) -> go.Figure:
    """Return r over width beside the band of shuffled scores and the constant score, on an axis that fits them."""
    rows = [row for row in _numbered(result) if row["ratio"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    rows = [{**row, "y": line} for line, row in enumerate(rows)]
    figure = _axes(theme, rows, title="r over width (correlation, no unit)")
    _add_bands(figure, rows, theme, place=0, name="shuffled scores (95%)")
    for mark in AGAINST_SHUFFLED:
        _add_marks(figure, rows, theme, mark)
    looks = "Intervals of r itself are in the chart above; here only the controls are drawn as bands."
    look.note(figure, theme, looks)
    return figure


def shuffled_scores(result: Result, theme: str) -> go.Figure:
    """Return the histogram of r over width over orderings of the second score, one family."""
    rows = [row for row in result.table("shuffled").frame.to_dicts() if row["n_orderings"]]
    if not rows:
        return look.empty_figure(theme, "r over width is undefined in this selection, so nothing was shuffled.")
    family, n = rows[0]["family"], rows[0]["n"]
    figure = look.new_figure(
        theme, x_title=f"r over width, {family} (correlation, no unit)", y_title="Orderings (count)", height=360
    )
    figure.add_trace(
        go.Bar(
            x=[row["r_from"] for row in rows],
            y=[row["n_orderings"] for row in rows],
            width=[row["r_to"] - row["r_from"] for row in rows],
            offset=0,
            marker={"color": look.INK[theme].line, "line": {"width": 0}},
            name="shuffled scores",
            hovertext=[
                hover(
                    f"r {row['r_from']:.3f} to {row['r_to']:.3f}", f"n = {row['n_orderings']} orderings of {n} models"
                )
                for row in rows
            ],
            hovertemplate=HOVER,
        )
    )
    top = max(row["n_orderings"] for row in rows)
    for column, role, name in LINES:
        value = rows[0][column]
        if value is not None:
            figure.add_trace(
                go.Scatter(
                    x=[value, value],
                    y=[0, top],
                    mode="lines",
                    line=look.SERIES[role].line(theme, width=3),
                    name=f"{name}, r = {value:.3f}",
                    hovertext=[f"{name}, r = {value:.3f}, n = {n}"] * 2,
                    hovertemplate=HOVER,
                )
            )
    return figure


def _numbered(result: Result) -> list[dict]:
    return [{**row, "y": line} for line, row in enumerate(result.table("families").frame.to_dicts())]


def _axes(theme: str, rows: Sequence[Row], *, title: str) -> go.Figure:
    labels = [f"{row['family']} (n = {row['n']}): {row['verdict']}" for row in rows]
    figure = look.new_figure(
        theme, x_title=title, y_title="", height=look.height_for_rows(labels, columns=34, px_per_row=ROW_PX)
    )
    look.row_axis(figure, labels, columns=34)
    return figure


def _add_bands(figure: go.Figure, rows: Sequence[Row], theme: str, *, place: int, name: str) -> None:
    held = [row for row in rows if row["shuffled_low"] is not None]
    if not held:
        return
    mark = _Mark(column="shuffled", role="null", name=name, place=place)
    places = [row["y"] + place * SPREAD for row in held]
    figure.add_trace(
        go.Scatter(
            x=gaps([row["shuffled_low"] for row in held], [row["shuffled_high"] for row in held]),
            y=gaps(places, places),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 9},
            name=name,
            hovertext=gaps(*[[_text(row, mark) for row in held]] * 2),
            hovertemplate=HOVER,
        )
    )


def _add_marks(figure: go.Figure, rows: Sequence[Row], theme: str, mark: _Mark) -> None:
    found = [row for row in rows if row[mark.column] is not None]
    if not found:
        return
    style, ends = look.SERIES[mark.role], (f"{mark.column}_low", f"{mark.column}_high")
    bars = interval_bars(found, mark.column, *ends, colour=style.colour(theme)) if mark.has_interval else None
    figure.add_trace(
        go.Scatter(
            x=[row[mark.column] for row in found],
            y=[row["y"] + mark.place * SPREAD for row in found],
            mode="markers",
            marker=style.marker(theme),
            error_x=bars,
            name=mark.name,
            legendgroup=mark.name,
            showlegend=mark.in_legend,
            hovertext=[_text(row, mark) for row in found],
            hovertemplate=HOVER,
        )
    )


def _text(row: Row, mark: _Mark) -> str:
    has_interval = f"{mark.column}_low" in row
    value = estimate_text(row, mark.column) if has_interval else f"{number_text(row[mark.column])}, no interval"
    test = f"p against shuffled {number_text(row['p'])}, {number_text(row['p_adjusted'])} over all families"
    return hover(row["family"], f"{mark.name}: {value}", f"n = {row['n']} models, {row['n_orderings']} orderings", test)
