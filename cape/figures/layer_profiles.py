"""Coupling by layer: one plot per instrument, a line per model with its band, and the value under shuffled prompts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._instruments import stacked
from cape.figures._marks import Row
from cape.figures._text import HOVER, counted, estimate_text, hover, interval_text, number_text, plain
from cape.quantities import Result

MOST_LINES = 8  # profiles in one plot
FEW = 4  # bands that may be strong; more would cover one another
MOST_NAMED = 16  # profiles with a legend entry each; more are named by family
PROFILE_PX = 300
DASHES = ("solid", "dash", "dot")


def layer_profiles(result: Result, theme: str) -> go.Figure:
    """Return the coupling by layer, one plot per instrument and one line per model."""
    rows = [row for row in result.table("profiles").frame.to_dicts() if row["value"] is not None]
    rows = [row for row in rows if row.get("place") is not None]
    if not rows:
        return look.empty_figure(theme, "No profile over layers of this kind is measured in this selection.")
    groups = [(str(name), list(held)) for name, held in groupby(rows, key=lambda row: row["measured_by"])]
    figure = stacked(theme, [name for name, _ in groups], [PROFILE_PX] * len(groups))
    gone, styles = 0, _styles(rows)
    seen: set[str] = set()
    for line, (_, held) in enumerate(groups, start=1):
        profiles = [list(one) for _, one in groupby(held, key=lambda row: row["label"])]
        gone += max(len(profiles) - MOST_LINES, 0)
        if len(profiles) > MOST_LINES:
            profiles.sort(key=lambda one: -(one[0]["params_b"] or 0))
        for place, one in enumerate(profiles[:MOST_LINES]):
            style, entry = styles[one[0]["label"]]
            if place == 0:
                _add_null(figure, one, theme, row=line)
            _add_profile(figure, one, theme, style=style, row=line, opacity=0.07 if len(profiles) > FEW else 0.16)
            figure.data[-1].update(name=entry, legendgroup=entry, showlegend=entry not in seen)
            seen.add(entry)
        figure.update_yaxes(title_text="Cosine", row=line, col=1)
    by = str(result.params.get("placed_by") or "relative depth")
    unit = "share of the model's depth" if by == "relative depth" else "count from the embedding"
    figure.update_xaxes(title_text=f"Layer ({unit})", row=len(groups), col=1)
    n_with = len({row["label"] for row in rows if row["low"] is not None})
    look.note(
        figure,
        theme,
        f"n = 1 model per line. Bands: 95% over prompts, known for {n_with} of "
        f"{counted(len({row['label'] for row in rows}), 'model')}. Grey: mean and central 95% with prompts shuffled, "
        "where they were measured.",
        f"Not drawn: {counted(gone, 'profile')} of smaller models; pick a family or an instrument, or see the table."
        if gone
        else "",
    )
    return figure


def _styles(rows: Sequence[Row]) -> dict[str, tuple[look.Style, str]]:
    """Return a style and a legend entry per model: one colour per model, or per family where models are many."""
    models = {row["label"]: row for row in rows}
    is_many = len(models) > MOST_NAMED
    families = list(dict.fromkeys(row["family"] if is_many else label for label, row in models.items()))
    found = {}
    for place, (label, row) in enumerate(models.items()):
        turn = families.index(row["family"] if is_many else label)
        base = look.FAMILY_STYLES[turn % len(look.FAMILY_STYLES)]
        dash = DASHES[(place if is_many else turn // len(look.FAMILY_STYLES)) % len(DASHES)]
        style = look.Style(light=base.light, dark=base.dark, symbol=base.symbol, size=5, dash=dash)
        star = " *" if row["alarms"] and not is_many else ""
        found[label] = (style, f"{plain(row['family'] if is_many else label)}{star}")
    return found


def _add_null(figure: go.Figure, rows: Sequence[Row], theme: str, *, row: int) -> None:
    """Add what shuffled prompts give at the first model of a plot, where it was measured."""
    grey = look.SERIES["null"].colour(theme)
    _add_band(figure, rows, ("null_low", "null_high"), colour=look.faded(grey, 0.25), row=row)
    known = [each for each in rows if each["null"] is not None]
    if not known:
        return
    figure.add_trace(
        go.Scatter(
            x=[each["place"] for each in known],
            y=[each["null"] for each in known],
            mode="lines",
            line={"color": grey, "dash": "dot", "width": 1.4},
            name=f"prompts shuffled, {plain(rows[0]['label'])}",
            hovertext=[_profile_hover(each) for each in known],
            hovertemplate=HOVER,
        ),
        row=row,
        col=1,
    )


def _add_profile(
    figure: go.Figure, rows: Sequence[Row], theme: str, *, style: look.Style, row: int, opacity: float
) -> None:
    """Add the profile of one model with its band."""
    _add_band(figure, rows, ("low", "high"), colour=look.faded(style.colour(theme), opacity), row=row)
    figure.add_trace(
        go.Scatter(
            x=[each["place"] for each in rows],
            y=[each["value"] for each in rows],
            mode="lines+markers",
            marker={**style.marker(theme), "size": 3},
            line=style.line(theme, width=1.8),
            hovertext=[_profile_hover(each) for each in rows],
            hovertemplate=HOVER,
        ),
        row=row,
        col=1,
    )


def _add_band(figure: go.Figure, rows: Sequence[Row], ends: tuple[str, str], *, colour: str, row: int) -> None:
    known = [each for each in rows if each[ends[0]] is not None and each[ends[1]] is not None]
    if not known:
        return
    figure.add_trace(
        go.Scatter(
            x=[each["place"] for each in (*known, *reversed(known))],
            y=[each[ends[1]] for each in known] + [each[ends[0]] for each in reversed(known)],
            mode="lines",
            fill="toself",
            fillcolor=colour,
            line={"width": 0},
            showlegend=False,
            hoverinfo="skip",
        ),
        row=row,
        col=1,
    )


def _profile_hover(row: Row) -> str:
    null = f"prompts shuffled {number_text(row['null'])}, {interval_text(row['null_low'], row['null_high'])}"
    return hover(
        f"{row['label']}, layer {row['layer']}",
        f"cosine {estimate_text(row, 'value')}",
        null if row["null"] is not None else "no null was recorded",
        f"n = {number_text(row['n_prompts'])} prompts" if row["n_prompts"] else "prompts not stated",
        f"alarm: {row['alarms']}" if row["alarms"] else "",
    )
