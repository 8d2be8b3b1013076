"""The isocline in the plane of scores, its hits beside a constant answer, and its hits for every reference."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, interval_bars
from cape.figures._text import HOVER, counted, hover, number_text, plain, size_text
from cape.quantities import Phase, Result

PLACES = (("above", Phase.BONUS), ("below", Phase.TAX), ("undetermined", Phase.UNDETERMINED))
ENDS = (("first", 0), ("second", 1))
MOST_SCOPES = 24  # families; more would make rows too thin to read
EMPTY = "No model in this selection."


def isocline_plane(result: Result, theme: str) -> go.Figure:
    """Return the models by their side of the curve, and the curve with its band (paper A.7)."""
    rows = [r for r in result.table("models").frame.to_dicts() if r["x_pct"] is not None and r["y_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    x, y = (str(result.params.get(name) or word) for name, word in (("x", "first score"), ("y", "second score")))
    figure = look.new_figure(theme, x_title=look.score_title(x), y_title=look.score_title(y), height=500)
    _add_curve(figure, result.table("curve").frame.to_dicts(), theme)
    for place, phase in PLACES:
        chosen = [row for row in rows if row["place"] == place]
        if not chosen:
            continue
        style = look.PHASE_STYLES[phase]
        figure.add_trace(
            go.Scatter(
                x=[row["x_pct"] for row in chosen],
                y=[row["y_pct"] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                error_y={
                    "type": "data",
                    "array": [row["y_se_pct"] for row in chosen],
                    "color": look.faded(style.colour(theme), 0.35),
                    "thickness": 1,
                    "width": 0,
                },
                name=f"{place} ({counted(len(chosen), 'model')})",
                hovertext=[_model_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    note = "Bars: one standard error of the second score. Undetermined: within 1.96 standard errors of the curve."
    look.note(figure, theme, note)
    return figure


def _model_text(row: Row) -> str:
    return hover(
        str(row.get("model_id") or row["family"]),
        f"{row['family']}, {size_text(row.get('position'))}",
        f"{number_text(row['distance_pp'], 'pp')} from the curve, standard error {number_text(row['distance_se_pp'])}",
        f"scores {number_text(row['x_pct'], '%')} and {number_text(row['y_pct'], '%')}",
        "n = 1 model",
    )


def _add_curve(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    drawn = [row for row in rows if row["curve"] is not None]
    if not drawn:
        return
    style = look.SERIES["paper"]
    band = [row for row in drawn if row["curve_low"] is not None and row["curve_high"] is not None]
    if band:
        figure.add_trace(
            go.Scatter(
                x=[row["x_pct"] for row in [*band, *reversed(band)]],
                y=[row["curve_high"] for row in band] + [row["curve_low"] for row in reversed(band)],
                mode="lines",
                fill="toself",
                fillcolor=look.faded(style.colour(theme), 0.15),
                line={"width": 0},
                name="95% interval of k",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[row["x_pct"] for row in drawn],
            y=[row["curve"] for row in drawn],
            mode="lines",
            line=style.line(theme),
            name="isocline",
            hovertext=[f"isocline {row['curve']:.3g} % at {row['x_pct']:.3g} %" for row in drawn],
            hovertemplate=HOVER,
        )
    )


def hit_shares_by_scope(result: Result, theme: str) -> go.Figure:
    """Return the share of signs predicted right by scope and end, beside the constant answer and the null mean."""
    reading = result.params.get("reading")
    rows = [row for row in result.table("hits").frame.to_dicts() if row["n"] and reading in (None, row["reading"])]
    if not rows:
        return look.empty_figure(theme, "No interval in this selection has a gamma with a sign.")
    scopes = list(dict.fromkeys(row["scope"] for row in rows))
    shown = scopes if len(scopes) <= MOST_SCOPES else [scopes[0], *_largest(rows, scopes[1:])]
    places = {scope: line for line, scope in enumerate(shown)}
    labels = [_scope_label(rows, scope) for scope in shown]
    height = look.height_for_rows(labels, px_per_row=34)
    figure = look.new_figure(theme, x_title="Signs predicted right (share of intervals)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.update_xaxes(range=[-0.03, 1.03])
    kept = [{**row, "y": places[row["scope"]]} for row in rows if row["scope"] in places]
    _add_marks(figure, kept, theme)
    for (end, step), style in zip(ENDS, look.FAMILY_STYLES, strict=False):
        chosen = [row for row in kept if row["end"] == end]
        figure.add_trace(
            go.Scatter(
                x=[row["share"] for row in chosen],
                y=[row["y"] + (0.18 if step else -0.18) for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(chosen, "share", "low", "high", colour=style.colour(theme)),
                name=f"{end} end, Wilson 95%",
                hovertext=[_hit_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    gone = len(scopes) - len(shown)
    read = f"Reading: {reading}." if reading else ""
    look.note(
        figure,
        theme,
        f"{read} Wide tick: always the more frequent sign. Narrow tick: mean over reorderings of the signs.".strip(),
        f"Not drawn: {gone} of {len(scopes)} rows, those with the fewest intervals; the table has all." if gone else "",
        _noise_note(result, scopes[0]),
    )
    return figure


def _noise_note(result: Result, scope: str) -> str:
    """Return what one constant gamma per ladder and the errors of the scores alone give, for the chosen reading."""
    reading = result.params.get("reading")
    bands = [
        f"{end} end {found.low:.2f} to {found.high:.2f}"
        for end, _ in ENDS
        for found in result.estimates
        if (found.symbol, found.label) == ("isocline_null_share", f"{scope}: {end} end, {reading}")
        and found.low is not None
        and found.high is not None
    ]
    return f"{scope}, constant gammas with the errors of the scores alone: {', '.join(bands)}." if bands else ""


def _largest(rows: Sequence[Row], scopes: Sequence[str]) -> list[str]:
    """Return the scopes with the most intervals, in their own order."""
    sizes = {row["scope"]: row["n"] for row in rows}
    kept = sorted(scopes, key=lambda scope: -sizes[scope])[: MOST_SCOPES - 1]
    return [scope for scope in scopes if scope in kept]


def _scope_label(rows: Sequence[Row], scope: str) -> str:
    n = next(row["n"] for row in rows if row["scope"] == scope)
    return f"{scope}, n = {n}"


def _add_marks(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    """Draw the constant answer and the mean over reorderings of each row as ticks."""
    null = look.SERIES["null"]
    for name, column, size, width in (
        ("constant answer", "base_share", 24, 2.5),
        ("reordered signs", "expected_share", 12, 1.4),
    ):
        chosen = [row for row in rows if row[column] is not None]
        marker = {**null.marker(theme), "size": size}
        marker["line"] = {"width": width, "color": look.INK[theme].muted}
        figure.add_trace(
            go.Scatter(
                x=[row[column] for row in chosen],
                y=[row["y"] for row in chosen],
                mode="markers",
                marker=marker,
                name=name,
                hovertext=[hover(f"{name}: {row[column]:.3f}", f"n = {row['n']}") for row in chosen],
                hovertemplate=HOVER,
            )
        )


def _hit_text(row: Row) -> str:
    return hover(
        f"{row['scope']}, {row['end']} end",
        str(row["reading"]),
        f"{row['hits']} of {row['n']} right, {number_text(row['share'])}",
        f"constant answer {row['base']} of {row['n']}",
        f"p against reordered signs {number_text(row['p'])}",
    )


def constants_scan(result: Result, theme: str) -> go.Figure:
    """Return the share of hits when each model fixes k, against k, with the chosen k and the constant answer."""
    rows = [row for row in result.table("constants").frame.to_dicts() if row["share_first"] is not None]
    if not rows:
        return look.empty_figure(theme, "No interval in this selection has a gamma with a sign.")
    figure = look.new_figure(
        theme,
        x_title="k of the reference model (scores as fractions, no unit)",
        y_title="Signs predicted right (share)",
    )
    for (end, _), style in zip(ENDS, look.FAMILY_STYLES, strict=False):
        column = f"share_{end}"
        chosen = [row for row in rows if row[column] is not None]
        figure.add_trace(
            go.Scatter(
                x=[row["k"] for row in chosen],
                y=[row[column] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                name=f"{end} end",
                hovertext=[
                    hover(plain(row["model_id"]), f"k {row['k']:.3f}, share {row[column]:.3f}", "n = 1 reference")
                    for row in chosen
                ],
                hovertemplate=HOVER,
            )
        )
    figure.update_yaxes(range=[-0.03, 1.03])
    line = look.SERIES["paper"].line(theme, width=1.5)
    chosen_k, base = rows[0].get("chosen_k"), rows[0].get("base_share")
    if chosen_k is not None:
        figure.add_vline(x=chosen_k, line=line, annotation_text=f"chosen k {chosen_k:.3f}", layer="below")
    if base is not None:
        muted = {"color": look.INK[theme].muted, "width": 1.5, "dash": "dot"}
        figure.add_hline(y=base, line=muted, annotation_text=f"constant answer {base:.2f}", layer="below")
    reading = result.params.get("reading")
    note = f"n = {counted(len(rows), 'reference model')}; no intervals: each point is a count over the same signs."
    look.note(figure, theme, f"Reading: {reading}." if reading else "", note)
    return figure
