"""The course of one ladder: observed scores, the integrated course, the fan of the ensemble and the targets."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._grid import grid
from cape.figures._marks import Row, se_bars
from cape.figures._text import HOVER, hover, interval_text, plain, size_text
from cape.positions import axis_of_unit
from cape.quantities import Result


def course_grid(result: Result, theme: str) -> go.Figure:
    """Return one chart per benchmark with the scores, the course and its fan."""
    table = result.table("course")
    rows = table.frame.to_dicts()
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    axis = axis_of_unit(table.units["position"])
    n = sum(row["kind"] == "observed" for row in rows) // len(names)
    figure, places = grid(
        theme,
        [f"{plain(name)} (n\u00a0=\u00a0{n} {axis.places})" for name in names],
        x_title=f"{axis.place.capitalize()} ({axis.counted}, log scale)",
        y_title="Score (%)",
        shared_y=False,
    )
    for name, (row, column) in zip(names, places, strict=True):
        mine = [one for one in rows if one["benchmark"] == name]
        for trace in _traces(mine, theme, is_first=name == names[0]):
            figure.add_trace(trace, row=row, col=column)
    logs = look.log10_of([row["position"] for row in rows])
    ticks = look.log_ticks(min(logs), max(logs))
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[size_text(tick) for tick in ticks])
    caveats = next((e.caveats for e in result.estimates if e.symbol == "ode_forecast"), ())
    said = "; ".join(caveats)
    look.note(figure, theme, f"{table.title}.", f"{said[0].upper()}{said[1:]}." if said else "")
    return figure


def _traces(rows: Sequence[Row], theme: str, *, is_first: bool) -> list[go.Scatter]:
    style = look.SERIES["data"]
    course = sorted((row for row in rows if row["kind"] != "observed"), key=lambda row: row["position"])
    band = [row for row in course if row["low"] is not None and row["high"] is not None]
    seen = [row for row in rows if row["kind"] == "observed"]
    targets = [row for row in course if row["kind"] == "target"]
    traces = []
    if band:
        traces.append(
            go.Scatter(
                x=[row["position"] for row in [*band, *reversed(band)]],
                y=[row["high"] for row in band] + [row["low"] for row in reversed(band)],
                mode="lines",
                fill="toself",
                fillcolor=look.faded(style.colour(theme), 0.15),
                line={"width": 0},
                name="95% fan of the ensemble",
                legendgroup="fan",
                showlegend=is_first,
                hoverinfo="skip",
            )
        )
    traces.append(
        go.Scatter(
            x=[row["position"] for row in course],
            y=[row["score_pct"] for row in course],
            mode="lines",
            line=style.line(theme),
            name="integrated course",
            legendgroup="course",
            showlegend=is_first,
            hovertext=[_course_text(row) for row in course],
            hovertemplate=HOVER,
        )
    )
    for chosen, role, name, bars in (
        (seen, "population", "observed, with standard error", True),
        (targets, "compared", "forecast", False),
    ):
        mark = look.SERIES[role]
        traces.append(
            go.Scatter(
                x=[row["position"] for row in chosen],
                y=[row["score_pct"] for row in chosen],
                mode="markers",
                marker=mark.marker(theme),
                error_y=se_bars(chosen, "se_pct", colour=mark.colour(theme)) if bars else None,
                name=name,
                legendgroup=name,
                showlegend=is_first,
                hovertext=[_course_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    return traces


def _course_text(row: Row) -> str:
    fan = "" if row["kind"] == "observed" else interval_text(row["low"], row["high"])
    return hover(f"{row['kind']} at {size_text(row['position'])}", f"{row['score_pct']:.2f} %", fan)
