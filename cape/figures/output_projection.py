"""The final hidden state under maps: cosines, changes beside controls, matched pairs of prompts, and the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._instruments import by_instrument, left_out, stacked_rows
from cape.figures._marks import Row, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain
from cape.quantities import Result

# By how the name of a map begins, so that a map looks the same in every figure.
MAP_STYLES = {
    "hidden": look.Style(light=look.GREY, dark=look.GREY, symbol="circle-open", size=9),
    "output": look.Style(light=look.VERMILLION, dark=look.VERMILLION, symbol="triangle-down", size=10),
    "GELU(h)": look.Style(light=look.BLUE, dark=look.SKY, symbol="diamond", size=9),
    "learned": look.Style(light=look.GREEN, dark=look.GREEN, symbol="square", size=9),
    "random linear": look.Style(light=look.ORANGE, dark=look.ORANGE, symbol="cross", size=8),
    "random map": look.Style(light=look.ORANGE, dark=look.ORANGE, symbol="x-thin", size=9),
    "GELU of normal": look.Style(light=look.PURPLE, dark=look.PURPLE, symbol="cross-thin", size=9),
}
DASHES = ("solid", "dash", "dot", "dashdot")
MOST_MODELS = 12
EMPTY = "No map of a hidden state is measured in this selection."


def map_cosines(result: Result, theme: str) -> go.Figure:
    """Return the cosine under every map, one row per model, in one plot per instrument and prompts."""
    rows = [row for row in result.table("maps").frame.to_dicts() if row["value"] is not None]
    return _rows_figure(
        rows, theme, x_title=f"Cosine ({result.params.get('compared_as') or 'of two groups of prompts'})"
    )


def changes_by_map(result: Result, theme: str) -> go.Figure:
    """Return every map's change against the hidden state and those of the controls, one row per model."""
    rows = [row for row in result.table("changes").frame.to_dicts() if row["value"] is not None]
    figure = _rows_figure(rows, theme, x_title="Cosine less that of the hidden state")
    if rows:
        figure.update_xaxes(zeroline=True)
    return figure


def _rows_figure(rows: Sequence[Row], theme: str, *, x_title: str) -> go.Figure:
    if not rows:
        return look.empty_figure(theme, EMPTY)
    lines = [{**held[0], "alarms": "", "held": held} for held in (list(g) for _, g in groupby(rows, key=_model))]
    groups, gone = by_instrument(lines)
    figure = stacked_rows(theme, groups)
    names, seen = list(dict.fromkeys(row["map"] for row in rows)), set()
    for line, (_, models) in enumerate(groups, start=1):
        for name in names:
            kept = [{**row, "y": y} for y, one in enumerate(models) for row in one["held"] if row["map"] == name]
            if not kept:
                continue
            style = _style(name)
            figure.add_trace(
                go.Scatter(
                    x=[row["value"] for row in kept],
                    y=[row["y"] for row in kept],
                    mode="markers",
                    marker=style.marker(theme),
                    error_x=interval_bars(kept, "value", "low", "high", colour=style.colour(theme)),
                    name=plain(name),
                    legendgroup=name,
                    showlegend=name not in seen,
                    hovertext=[_map_hover(row) for row in kept],
                    hovertemplate=HOVER,
                ),
                row=line,
                col=1,
            )
            seen.add(name)
    figure.update_xaxes(title_text=x_title, row=len(groups), col=1)
    figure.update_layout(height=figure.layout.height + 60, margin_t=figure.layout.margin.t + 30)
    known = sum(row["low"] is not None and not row.get("is_control") for row in rows)
    total = sum(not row.get("is_control") for row in rows)
    look.note(
        figure,
        theme,
        f"Bars: 95% over prompts, known for {known} of {counted(total, 'value')}; of controls, over draws. n in "
        "the hover labels.",
        left_out(gone),
    )
    return figure


def _style(name: str) -> look.Style:
    return next((style for start, style in MAP_STYLES.items() if name.startswith(start)), look.SERIES["data"])


def _model(row: Row) -> tuple:
    return row["measured_by"], row["label"]


def _map_hover(row: Row) -> str:
    n = row.get("n_prompts") if "n_prompts" in row else row.get("n")
    share = row.get("cooperative_pct")
    return hover(
        f"{row['label']}: {row['map']}",
        estimate_text(row, "value"),
        f"n = {number_text(n)} {'numbers of the state' if row.get('is_control') else 'prompts or pairs'}",
        f"{number_text(share)}% of matched pairs cooperate" if share is not None else "",
        str(row["measured_by"]),
    )


def prompt_pairs(result: Result, theme: str) -> go.Figure:
    """Return the cosine of every matched pair under each map and their mean, one column per model."""
    rows = [row for row in result.table("pairs").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No pair of prompts and no mean over pairs is known in this selection.")
    labels = list(dict.fromkeys(row["label"] for row in rows))
    shown = labels[:MOST_MODELS]
    figure = look.new_figure(theme, x_title="", y_title="Cosine of a matched pair", height=480)
    for name in dict.fromkeys(row["map"] for row in rows):
        kept = [row for row in rows if row["map"] == name and row["label"] in shown]
        style = _style(name)
        pairs, means = ([row for row in kept if row["what"] == what] for what in ("pair", "mean"))
        if pairs:
            figure.add_trace(_pair_boxes(pairs, name, style.colour(theme)))
        figure.add_trace(
            go.Scatter(
                x=[plain(row["label"]) for row in means],
                y=[row["value"] for row in means],
                mode="markers",
                marker=style.marker(theme),
                name=f"{plain(name)}, mean",
                hovertext=[hover(f"{row['label']}: {row['map']}", f"mean {row['value']:.3f}") for row in means],
                hovertemplate=HOVER,
            )
        )
    figure.update_layout(boxmode="group")
    gone = len(labels) - len(shown)
    with_pairs = {row["label"] for row in rows if row["what"] == "pair"}
    n_pairs = len({row["pair"] for row in rows if row["what"] == "pair"})
    look.note(
        figure,
        theme,
        f"Pairs are known by themselves in {len(with_pairs)} of {counted(len(labels), 'model')}, at most "
        f"{counted(n_pairs, 'pair')} each; elsewhere only their mean. Boxes: quartiles of the pairs, no interval.",
        f"Not drawn: {counted(gone, 'model')}; the table has all." if gone > 0 else "",
    )
    return figure


def _pair_boxes(rows: Sequence[Row], name: str, colour: str) -> go.Box:
    return go.Box(
        x=[plain(row["label"]) for row in rows],
        y=[row["value"] for row in rows],
        name=plain(name),
        marker={"color": colour, "size": 4},
        line={"width": 1.2},
        boxpoints="all",
        jitter=0.4,
        pointpos=0,
        hovertext=[
            hover(f"{row['label']}: {row['map']}", f"pair {row['pair']}: {row['value']:.3f}", "n = 1 pair")
            for row in rows
        ],
        hovertemplate=HOVER,
    )


def direction_sweep(result: Result, theme: str) -> go.Figure:
    """Return the cosine within the first k principal directions against k, with the rank that the prompts allow."""
    rows = [row for row in result.table("sweep").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No sweep over principal directions is measured in this selection.")
    figure = look.new_figure(theme, x_title="k, principal directions kept (log scale)", y_title="Cosine", height=460)
    logs = look.log10_of(row["k"] for row in rows)
    ends = (min(logs) - 0.1, max(logs) + 0.1)
    ticks = look.log_ticks(*ends)
    figure.update_xaxes(type="log", range=ends, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    models = [list(held) for _, held in groupby(rows, key=lambda row: row["label"])]
    for place, held in enumerate(models[:MOST_MODELS]):
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        dash = DASHES[place // len(look.FAMILY_STYLES) % len(DASHES)]
        figure.add_trace(
            go.Scatter(
                x=[row["k"] for row in held],
                y=[row["value"] for row in held],
                mode="lines+markers",
                marker={**style.marker(theme), "size": 7},
                line={**style.line(theme, width=1.8), "dash": dash},
                error_y=interval_bars(held, "value", "low", "high", colour=style.colour(theme)),
                name=f"{plain(held[0]['label'])} (n = {held[0]['n_prompts']} prompts)",
                showlegend=True,
                hovertext=[_sweep_hover(row) for row in held],
                hovertemplate=HOVER,
            )
        )
    line = {"color": look.INK[theme].muted, "width": 1.3, "dash": "dot"}
    for limit in sorted({row["rank_limit"] for row in rows if row["rank_limit"]}):
        figure.add_vline(x=limit, line=line, layer="below")
        (at,) = look.log10_of([limit])  # an annotation on a log axis stands at the logarithm
        figure.add_annotation(x=at, y=1, yref="paper", xanchor="left", text=f" prompts less one: {limit}")
    gone = len(models) - MOST_MODELS
    known = sum(row["low"] is not None for row in rows)
    look.note(
        figure,
        theme,
        f"Right of the dotted line no direction is left. Bars: 95% over prompts, known for {known} of "
        f"{counted(len(rows), 'value')}.",
        f"Not drawn: {counted(gone, 'model')}; the table has all." if gone > 0 else "",
    )
    return figure


def _sweep_hover(row: Row) -> str:
    limit = f"at most {row['rank_limit']} directions" if row["rank_limit"] else "prompts not stated"
    return hover(
        f"{row['label']}, k = {row['k']}",
        f"cosine {estimate_text(row, 'value')}",
        f"hidden state {number_text(row['hidden'])}",
        f"n = {row['n_prompts']} prompts: {limit}",
    )
