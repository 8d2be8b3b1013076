"""Coverage by estimator and world beside 93 to 97 percent, false alarms, and power curves."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._grid import grid
from cape.figures._marks import Row, interval_bars
from cape.figures._text import HOVER, estimate_text, hover
from cape.quantities import Result

NEAR_95 = (0.93, 0.97)  # the band of the declared requirement
NOMINAL, ALARM = 0.95, 0.05
ROW_PX, SPREAD = 60, 0.76  # of a row; share of it over which the worlds of one estimator stand
KINDS = tuple(zip(("power", "false alarms"), look.FAMILY_STYLES, strict=False))
WORLD_STYLES = (*look.FAMILY_STYLES, look.SERIES["resolved"])


def coverage(result: Result, theme: str) -> go.Figure:
    """Return the coverage of each estimator by world with simulation intervals and the band of 93 to 97 percent."""
    rows = [row for row in result.table("coverage").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No interval of this quantity has a truth in these worlds.")
    figure = _forest(rows, result, theme, x_title="Intervals that hold the truth (share)")
    figure.add_vrect(x0=NEAR_95[0], x1=NEAR_95[1], fillcolor=look.INK[theme].band, line_width=0, layer="below")
    least = min(row["low"] for row in rows)
    figure.update_xaxes(range=[max(0.0, least - 0.03), 1.005])
    look.note(figure, theme, "Grey band: 93 to 97 percent. Bars: 95% interval of the simulated share.")
    return figure


def false_alarms(result: Result, theme: str) -> go.Figure:
    """Return the false-alarm rate of each estimator or test by world."""
    rows = [row for row in result.table("alarms").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No world lacks this quantity.")
    figure = _forest(rows, result, theme, x_title="Panels with a false alarm (share)")
    figure.add_vline(x=ALARM, line={"color": look.INK[theme].muted, "dash": "dot", "width": 1})
    figure.update_xaxes(range=[-0.02, 1.02])
    look.note(figure, theme, "Dotted: 5 percent. Bars: 95% interval of the simulated share.")
    return figure


def power_curves(result: Result, theme: str) -> go.Figure:
    """Return, per estimator, power and false alarms along families, sizes or items."""
    rows = [row for row in result.table("power").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "Nothing of this quantity is there to be found, or not to be found.")
    along = rows[0]["along"]
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    figure, places = grid(theme, names, x_title=f"Number of {along} (log scale)", y_title="Panels (share)")
    shown: set[str] = set()
    for name, (line, column) in zip(names, places, strict=True):
        for kind, style in KINDS:
            mine = [row for row in rows if row["estimator"] == name and row["kind"] == kind]
            if mine:
                figure.add_trace(_curve(mine, kind, style, theme, kind not in shown), row=line, col=column)
                shown.add(kind)
    numbers = sorted({row["number"] for row in rows})
    figure.update_xaxes(type="log", tickvals=numbers, ticktext=[f"{number}" for number in numbers])
    figure.update_yaxes(range=[-0.05, 1.05])
    extra = " Items are those of the second benchmark." if along == "items" else ""
    look.note(figure, theme, f"Bars: 95% interval of the simulated share, worlds pooled.{extra}")
    return figure


def _curve(rows: Sequence[Row], kind: str, style: look.Style, theme: str, is_first: bool) -> go.Scatter:
    return go.Scatter(
        x=[row["number"] for row in rows],
        y=[row["value"] for row in rows],
        mode="lines+markers",
        marker=style.marker(theme),
        line=style.line(theme, width=1.5),
        error_y=interval_bars(rows, "value", "low", "high", colour=style.colour(theme)),
        name=kind,
        legendgroup=kind,
        showlegend=is_first,
        hovertext=[
            hover(
                row["estimator"],
                f"{row['number']} {row['along']}",
                f"{kind} {estimate_text(row, 'value')}",
                f"n = {row['n']} panels",
            )
            for row in rows
        ],
        hovertemplate=HOVER,
    )


def _forest(rows: Sequence[Row], result: Result, theme: str, *, x_title: str) -> go.Figure:
    """Return one row per estimator with one mark per world, shifted so that the worlds do not cover each other."""
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    looks = dict(zip(result.table("worlds").frame["world"], WORLD_STYLES, strict=True))
    worlds = [world for world in looks if any(row["world"] == world for row in rows)]
    line = {name: number for number, name in enumerate(names)}
    figure = look.new_figure(theme, x_title=x_title, y_title="", height=look.height_for_rows(names, px_per_row=ROW_PX))
    look.row_axis(figure, names)
    for place, world in enumerate(worlds):
        style = looks[world]
        mine = [row for row in rows if row["world"] == world]
        shift = SPREAD * ((place + 0.5) / len(worlds) - 0.5)
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in mine],
                y=[line[row["estimator"]] + shift for row in mine],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(mine, "value", "low", "high", colour=style.colour(theme)),
                name=world,
                hovertext=[
                    hover(
                        row["estimator"], f"world {world}", estimate_text(row, "value"), f"n = {row['n']}", row["mark"]
                    )
                    for row in mine
                ],
                hovertemplate=HOVER,
            )
        )
    return figure
