"""Intervals of gamma with paired items beside those without, and the items that flip on each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest, gaps, outside_text, robust_view
from cape.figures._text import HOVER, counted, hover, interval_text, number_text
from cape.quantities import Result

MOST_ROWS = 24  # steps drawn; the table holds all
ALL_ITEMS = "all items"
NO_ITEMS = "No row of this selection has results by item."
SIGNIFICANT = 0.05  # false discovery rate below which a change is drawn filled
MORE_SYMBOLS = ("star", "x", "hexagon", "pentagon", "bowtie", "hourglass")  # once the styles of families are used up
SHIFT = 0.17  # of a line, so that two intervals of one step do not cover one another


def paired_intervals(result: Result, theme: str) -> go.Figure:
    """Return gamma of each step with its interval from paired items and the one from the scores' own errors."""
    rows = [row for row in result.table("paired").frame.to_dicts() if row["gamma"] is not None]
    if not rows:
        return look.empty_figure(theme, NO_ITEMS)
    drawn = rows[:MOST_ROWS]
    labels = [row["label"] for row in drawn]
    figure = look.new_figure(theme, x_title="gamma_12 (pp/pp)", y_title="", height=look.height_for_rows(labels))
    look.row_axis(figure, labels)
    for name, low, high, style, shift in (
        ("paired items", "gamma_low", "gamma_high", look.SERIES["data"], -SHIFT),
        ("scores' own errors", "gamma_unpaired_low", "gamma_unpaired_high", look.SERIES["compared"], SHIFT),
    ):
        forest = [
            {**row, "y": line + shift, "value": row["gamma"], "low": row[low], "high": row[high]}
            for line, row in enumerate(drawn)
        ]
        add_forest(figure, forest, style=style, theme=theme, name=name, text=_interval_text)
    ends = ("gamma", "gamma_low", "gamma_high", "gamma_unpaired_low", "gamma_unpaired_high")
    view = robust_view([row[end] for row in drawn for end in ends])
    figure.update_xaxes(range=list(view), zeroline=True)
    beyond = outside_text(drawn, view, what="step", columns=("gamma", "gamma_low", "gamma_high"))
    look.note(figure, theme, "Lines are 95% Fieller intervals.", _left_out(len(rows), "step"), beyond)
    return figure


def item_flips(result: Result, theme: str) -> go.Figure:
    """Return, per step and benchmark, the shares of items lost and gained and the net change of each category."""
    rows = result.table("flips").frame.to_dicts()
    whole = [row for row in rows if row["category"] == ALL_ITEMS]
    if not whole:
        return look.empty_figure(theme, NO_ITEMS)
    drawn = whole[:MOST_ROWS]
    line = {_key(row): number for number, row in enumerate(drawn)}
    labels = [f"{row['benchmark']}, {row['label']}" for row in drawn]
    title = "Items gained (right of 0) and lost (left), % of items; markers: net change, percentage points"
    figure = look.new_figure(theme, x_title=title, y_title="", height=look.height_for_rows(labels, px_per_row=30))
    look.row_axis(figure, labels)
    _add_shares(figure, drawn, theme)
    placed = [{**row, "y": line[_key(row)]} for row in rows if _key(row) in line]
    categories = [ALL_ITEMS, *sorted({row["category"] for row in rows} - {ALL_ITEMS})]
    for number, category in enumerate(categories):
        style = look.SERIES["null"] if number == 0 else _category_style(number - 1)
        _add_net(figure, [row for row in placed if row["category"] == category], category, style, theme)
    figure.update_xaxes(zeroline=True)
    rule = "Filled: gains and losses differ by McNemar's exact test at a false discovery rate of 5%; open: they do not."
    look.note(figure, theme, rule, _left_out(len(whole), "row"))
    return figure


def _category_style(number: int) -> look.Style:
    """Return the style of a category; beyond the styles of families the colours return with other symbols."""
    again, place = divmod(number, len(look.FAMILY_STYLES))
    style = look.FAMILY_STYLES[place]
    return replace(style, symbol=MORE_SYMBOLS[(again - 1) % len(MORE_SYMBOLS)]) if again else style


def _interval_text(row: Row) -> str:
    return hover(
        row["label"],
        f"gamma {number_text(row['gamma'], 'pp/pp')}, {interval_text(row['low'], row['high'])}",
        f"standard error {number_text(row['se_ratio'])} times that without pairing",
        f"phase {row['phase']}; without pairing {row['phase_unpaired']}",
        f"n = {row['x_n_items'] or 'no'} and {row['y_n_items'] or 'no'} common items",
    )


def _add_shares(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    lines = list(range(len(rows)))
    texts = [_flip_text(row) for row in rows]
    figure.add_trace(
        go.Scatter(
            x=gaps([-row["lost_pct"] for row in rows], [row["gained_pct"] for row in rows]),
            y=gaps(lines, lines),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 7},
            name="all items: lost to gained",
            hovertext=gaps(texts, texts),
            hovertemplate=HOVER,
        )
    )


def _add_net(figure: go.Figure, rows: Sequence[Row], name: str, style: look.Style, theme: str) -> None:
    base = style.marker(theme)
    shape = "line-ns-open" if name == ALL_ITEMS else style.symbol.removesuffix("-open")
    symbols = [shape if row["q"] <= SIGNIFICANT or name == ALL_ITEMS else f"{shape}-open" for row in rows]
    figure.add_trace(
        go.Scatter(
            x=[row["net_pp"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker={**base, "symbol": symbols, "line": {"width": 1.4, "color": style.colour(theme)}},
            name=f"{name}: net change",
            hovertext=[_flip_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def _flip_text(row: Row) -> str:
    replicates = f", {counted(row['n_replicates'], 'replicate')}" if row["n_replicates"] > 1 else ""
    return hover(
        f"{row['benchmark']}, {row['label']}",
        f"{row['category']}: {row['n_gained']} gained, {row['n_lost']} lost, net {row['net_pp']:+.1f} points",
        f"McNemar's exact p = {row['p_exact']:.2g}, q = {row['q']:.2g}",
        f"n = {row['n_items']:,} items{replicates}",
        f"gained: {row['gained_items']}" if row["gained_items"] else "",
        f"lost: {row['lost_items']}" if row["lost_items"] else "",
    )


def _key(row: Row) -> tuple[str, str, float, float]:
    return row["benchmark"], row["family"], row["position_from"], row["position_to"]


def _left_out(n_rows: int, what: str) -> str:
    return f"The first {MOST_ROWS} of {counted(n_rows, what)}; the table holds all." if n_rows > MOST_ROWS else ""
