"""Days left of every dated prediction by status, and the status on every day on which rows became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, gaps
from cape.figures._text import HOVER, estimate_text, hover, number_text
from cape.quantities import Phase, Result

STATUS_STYLES: Mapping[str, look.Style] = MappingProxyType(
    {
        "pass": look.VERDICT_STYLES["agrees"],
        "fail": look.VERDICT_STYLES["disagrees"],
        "undecided": look.PHASE_STYLES[Phase.UNDETERMINED],
    }
)
MARK = 13


def deadlines(result: Result, theme: str) -> go.Figure:
    """Return the days left of every dated prediction, marked by its status."""
    rows = result.table("status").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No dated prediction.")
    labels = [f"{row['prediction']}: {row['statement']}" for row in rows]
    figure = look.new_figure(
        theme, x_title="Days from the day of scoring to the deadline", y_title="", height=look.height_for_rows(labels)
    )
    look.row_axis(figure, labels)
    placed = [{**row, "y": line, "x": row["days_left"] or 0} for line, row in enumerate(rows)]
    figure.add_trace(
        go.Scatter(
            x=gaps([0] * len(placed), [row["x"] for row in placed]),
            y=gaps(*[[row["y"] for row in placed]] * 2),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for status, style in STATUS_STYLES.items():
        mine = [row for row in placed if row["status"] == status]
        if mine:
            _add_marks(figure, mine, theme, style, f"{status} ({len(mine)})", [_state_hover(row) for row in mine])
    figure.update_xaxes(zeroline=True)
    waiting = sum(row["days_left"] is None for row in rows)
    look.note(
        figure,
        theme,
        "Status: pass or fail where whole intervals lie on one side of the bounds, undecided otherwise.",
        f"{waiting} without a day, at 0: they wait for releases." if waiting else "",
    )
    return figure


def _state_hover(row: Row) -> str:
    return hover(
        f"{row['prediction']}: {row['status']}; by value alone {row['by_value']}",
        f"{row['measured']}: now {estimate_text(row, 'value', row['unit'])}",
        f"distance to the bound {number_text(row['distance'], row['unit'])}",
        f"n = {row['n']}; {row['rests_on']}",
        f"needs: {row['needs']}" if row["needs"] else "",
    )


def status_by_day(result: Result, theme: str) -> go.Figure:
    """Return the status of every dated prediction on every day on which rows became known."""
    rows = result.table("history").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No day on which a frontier row became known.")
    names = list(dict.fromkeys(row["prediction"] for row in rows))
    days = sorted({row["day"] for row in rows})
    figure = look.new_figure(
        theme,
        x_title="Day on which frontier rows became known",
        y_title="",
        height=look.height_for_rows(names, px_per_row=34),
    )
    look.row_axis(figure, names)
    for status, style in STATUS_STYLES.items():
        mine = [
            {**row, "x": days.index(row["day"]), "y": names.index(row["prediction"])}
            for row in rows
            if row["status"] == status
        ]
        if mine:
            _add_marks(figure, mine, theme, style, status, [_day_hover(row) for row in mine])
    figure.update_xaxes(
        tickvals=list(range(len(days))),
        ticktext=[day.isoformat() for day in days],
        range=[-0.5, len(days) - 0.5],
        showgrid=False,
        zeroline=False,
    )
    look.note(
        figure,
        theme,
        "A query, not a stored state: each column holds only the rows known by that day. A row dated by month counts "
        "from the last day of it.",
    )
    return figure


def _day_hover(row: Row) -> str:
    return hover(
        f"{row['prediction']} on {row['day']}: {row['status']}; by value alone {row['by_value']}",
        f"{row['measured']}: {estimate_text(row, 'value', row['unit'])}",
        f"n = {row['n']}; {row['rests_on']}",
    )


def _add_marks(
    figure: go.Figure, rows: Sequence[Row], theme: str, style: look.Style, name: str, texts: Sequence[str]
) -> None:
    figure.add_trace(
        go.Scatter(
            x=[row["x"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=style.marker(theme) | {"size": MARK},
            name=name,
            hovertext=list(texts),
            hovertemplate=HOVER,
        )
    )
