"""Loss by size with its law, what the law leaves by phase of gamma, and its shift for a turn at every place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._grid import grid
from cape.figures._marks import DRAWN_FIRST, FAR_FENCE, Row, interval_bars, outside_text, robust_view, rows_in
from cape.figures._text import (
    HOVER,
    counted,
    estimate_text,
    hover,
    interval_text,
    number_text,
    plain,
    size_text,
    wrapped,
)
from cape.quantities import Phase, Result

NATS = "nats/token"
EMPTY = "No ladder of losses in this selection."
LEGEND_COLUMNS = 40
SIZE = "Size"


def laws(result: Result, theme: str) -> go.Figure:
    """Return loss against size with the fitted law of each ladder; suspect rows are ringed."""
    rows, curves = (result.table(name).frame.to_dicts() for name in ("losses", "curves"))
    if not rows:
        return look.empty_figure(theme, EMPTY)
    figure = look.new_figure(theme, x_title="", y_title=f"Loss ({NATS})", height=look.BASE_HEIGHT + 60)
    look.size_axis(figure, [row["position"] for row in rows], title=SIZE)
    for ladder, style in zip(_ladders(rows), cycle(look.FAMILY_STYLES)):
        mine = [row for row in rows if row["ladder"] == ladder]
        curve = [row for row in curves if row["ladder"] == ladder]
        figure.add_trace(
            go.Scatter(
                x=[row["position"] for row in curve],
                y=[row["loss"] for row in curve],
                mode="lines",
                line=style.line(theme, width=1.5),
                legendgroup=ladder,
                showlegend=False,
                hoverinfo="skip",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[row["position"] for row in mine],
                y=[row["loss"] for row in mine],
                mode="markers",
                marker=style.marker(theme),
                legendgroup=ladder,
                name=f"{wrapped(ladder, LEGEND_COLUMNS)} (n = {len(mine)})",
                hovertext=[_loss_text(row) for row in mine],
                hovertemplate=HOVER,
            )
        )
    _add_suspects(figure, [row for row in rows if row["is_suspect"]], theme)
    look.note(figure, theme, "Losses have no published standard error; the page's intervals resample the residuals.")
    return figure


def residuals(result: Result, theme: str) -> go.Figure:
    """Return, per ladder, loss less its law against size, marked by the phase of the model's gamma."""
    rows = result.table("losses").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    ladders = _ladders(rows)
    titles = [f"{ladder} (n\u00a0=\u00a0{sum(row['ladder'] == ladder for row in rows)})" for ladder in ladders]
    figure, places = grid(theme, titles, x_title="Size (parameters, log scale)", y_title=f"Loss less law<br>({NATS})")
    named: set[Phase] = set()
    for ladder, (row, column) in zip(ladders, places, strict=True):
        mine = [one for one in rows if one["ladder"] == ladder]
        for phase in DRAWN_FIRST:
            chosen = rows_in([{**one, "phase": one["phase_paper"]} for one in mine], phase)
            if chosen:
                figure.add_trace(_residual_trace(chosen, phase, theme, first=phase not in named), row=row, col=column)
                named.add(phase)
    _log_sizes(figure, [row["position"] for row in rows])
    figure.update_yaxes(zeroline=True, range=list(robust_view([row["residual"] for row in rows], fence=FAR_FENCE)))
    coupled = [row for row in rows if row["gamma"] is not None]
    open_ones = sum(row["phase"] == Phase.UNDETERMINED for row in coupled)
    doubt = f"Phases are those of gamma itself; with its interval, {open_ones} of {len(coupled)} are undetermined."
    look.note(figure, theme, doubt if coupled else "The selected panel has no gamma for these models.")
    return figure


def places(result: Result, theme: str) -> go.Figure:
    """Return, per ladder, the shift of the loss above a turn in each gap between sizes, the stated one marked."""
    rows = result.table("places").frame.to_dicts()
    found = [row for row in rows if row["value"] is not None]
    if not found:
        return look.empty_figure(theme, "No ladder is long enough for a shift beside its law.")
    ladders = _ladders(found)
    n = {row["ladder"]: row["n"] for row in found}
    titles = [f"{ladder} (n\u00a0=\u00a0{n[ladder]})" for ladder in ladders]
    figure, spots = grid(
        theme, titles, x_title="Place of the turn (parameters, log scale)", y_title=f"Shift of the loss<br>({NATS})"
    )
    roles = ((False, "data", "turn in another gap"), (True, "paper", "gap that holds the stated turn"))
    named: set[str] = set()
    for ladder, (row, column) in zip(ladders, spots, strict=True):
        for is_turn, role, name in roles:
            chosen = [one for one in found if one["ladder"] == ladder and one["is_turn"] == is_turn]
            if chosen:
                trace = _shift_trace(chosen, look.SERIES[role], theme, name=name, first=name not in named)
                figure.add_trace(trace, row=row, col=column)
                named.add(name)
    _log_sizes(figure, [row["position"] for row in found])
    ends = [row[end] for row in found for end in ("low", "high")]
    view = robust_view(ends, always=[row["value"] for row in found])
    figure.update_yaxes(zeroline=True, range=list(view))
    lacking = len(rows) - len(found)
    gone = f"{lacking} of {counted(len(rows), 'gap')} have no estimate: the law alone can take that shape."
    beyond = outside_text(found, view, what="shift", columns=("value", "low", "high"))
    look.note(figure, theme, gone if lacking else "", beyond)
    return figure


def _ladders(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["ladder"] for row in rows))


def _log_sizes(figure: go.Figure, sizes: Sequence[float]) -> None:
    logs = look.log10_of(sizes)
    low, high = min(logs) - 0.2, max(logs) + 0.2
    ticks = look.log_ticks(low, high)
    figure.update_xaxes(
        type="log", range=[low, high], tickvals=ticks, ticktext=[size_text(tick) for tick in ticks], zeroline=False
    )


def _loss_text(row: Row) -> str:
    return hover(
        row["model_id"],
        f"loss {number_text(row['loss'], NATS)}, law {number_text(row['fitted'], NATS)}, {interval_text(None, None)}",
        f"from the other sizes {number_text(row['left_out'], NATS)}",
        f"n = {row['n']} in {row['ladder']}",
        "its source notes a probable misprint" if row["is_suspect"] else "",
    )


def _add_suspects(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    style = look.SERIES["resolved"]
    figure.add_trace(
        go.Scatter(
            x=[row["position"] for row in rows],
            y=[row["loss"] for row in rows],
            mode="markers",
            marker={**style.marker(theme), "size": 18},
            name="probable misprint, by its source's note",
            hovertext=[_loss_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def _residual_trace(rows: Sequence[Row], phase: Phase, theme: str, *, first: bool) -> go.Scatter:
    name = "no gamma" if phase is Phase.NONE else str(phase)
    return go.Scatter(
        x=[row["position"] for row in rows],
        y=[row["residual"] for row in rows],
        mode="markers",
        marker=look.PHASE_STYLES[phase].marker(theme),
        name=name,
        legendgroup=name,
        showlegend=first,
        hovertext=[
            hover(
                row["model_id"],
                f"loss less law {number_text(row['residual'], NATS)}, {interval_text(None, None)}",
                f"gamma {number_text(row['gamma'])}, {row['phase_paper']}; with its interval {row['phase']}",
                f"n = {row['n']} in {plain(row['ladder'])}",
            )
            for row in rows
        ],
        hovertemplate=HOVER,
    )


def _shift_trace(rows: Sequence[Row], style: look.Style, theme: str, *, name: str, first: bool) -> go.Scatter:
    return go.Scatter(
        x=[row["position"] for row in rows],
        y=[row["value"] for row in rows],
        mode="markers",
        marker=style.marker(theme),
        error_y=interval_bars(rows, "value", "low", "high", colour=style.colour(theme)),
        name=name,
        legendgroup=name,
        showlegend=first,
        hovertext=[
            hover(
                row["ladder"],
                f"turn at {size_text(row['position'])}",
                f"shift {estimate_text(row, 'value', NATS)}",
                f"n = {row['n']}",
            )
            for row in rows
        ],
        hovertemplate=HOVER,
    )
