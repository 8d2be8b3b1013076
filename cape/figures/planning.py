"""Items at hand and items that would settle the phase of each interval."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, gaps
from cape.figures._text import HOVER, counted, hover, number_text
from cape.quantities import Result

MOST_ROWS = 24  # intervals drawn, those that the fewest further answers settle; the table holds all


def what_would_settle(result: Result, theme: str) -> go.Figure:
    """Return, per open interval, the items at hand and those of the plan with the fewest further answers."""
    rows = result.table("planning").frame.to_dicts()
    reachable = [row for row in rows if row["plan_items"] is not None and row["items_now"]]
    if not reachable:
        return look.empty_figure(theme, _none_text(rows))
    drawn = reachable[:MOST_ROWS]
    labels = [f"{row['label']}; {row['plan']}" for row in drawn]
    figure = look.new_figure(theme, x_title="Items (log scale)", y_title="", height=look.height_for_rows(labels))
    look.row_axis(figure, labels)
    ticks = look.log10_of([row[name] for row in drawn for name in ("items_now", "plan_items")])
    view = (min(ticks) - 0.15, max(ticks) + 0.15)
    places = look.log_ticks(*view)
    figure.update_xaxes(type="log", range=list(view), tickvals=places, ticktext=[f"{place:,.0f}" for place in places])
    _add_ways(figure, drawn, theme)
    for name, column, style in (
        ("items at hand", "items_now", look.SERIES["null"]),
        ("items that settle the phase", "plan_items", look.SERIES["data"]),
    ):
        _add_points(figure, drawn, (name, column), style, theme)
    hidden = len(reachable) - len(drawn)
    stuck = len(rows) - len(reachable)
    look.note(
        figure,
        theme,
        "Planned for a chance of 80%, with changes as large as the observed ones; no interval.",
        f"{counted(hidden, 'further interval')} that need more are in the table." if hidden else "",
        f"{counted(stuck, 'interval')} no number of items settles, or an error is unknown; the table says why."
        if stuck
        else "",
    )
    return figure


def _none_text(rows: Sequence[Row]) -> str:
    if not rows:
        return "Every interval has a settled phase."
    return f"None of {counted(len(rows), 'open interval')} can be settled by items alone; the table says why."


def _add_ways(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    lines = list(range(len(rows)))
    figure.add_trace(
        go.Scatter(
            x=gaps([row["items_now"] for row in rows], [row["plan_items"] for row in rows]),
            y=gaps(lines, lines),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
            name="from items at hand",
        )
    )


def _add_points(figure: go.Figure, rows: Sequence[Row], what: tuple[str, str], style: look.Style, theme: str) -> None:
    figure.add_trace(
        go.Scatter(
            x=[row[what[1]] for row in rows],
            y=list(range(len(rows))),
            mode="markers",
            marker=style.marker(theme),
            name=what[0],
            hovertext=[_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def _text(row: Row) -> str:
    return hover(
        row["label"],
        f"gamma {number_text(row['gamma'], 'pp/pp')}, phase {row['phase']}",
        f"{row['plan_items']:,.0f} items of {row['plan']}, n = {row['items_now']:,.0f} at hand",
        f"chance of settling with a repeat of the same size {row['chance_now']:.0%}",
        f"one more answer counts most from {row['next_models']} on {row['next_benchmark']}",
    )
