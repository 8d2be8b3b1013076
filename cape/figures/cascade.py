"""Saturation ratios, spreads of the best, survival by size, the frontier's matrix and its directions."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._cells import Cell, Square, squares
from cape.figures._marks import Row, add_forest, gaps
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text
from cape.quantities import Result

OFFSETS = {"errors": -0.14, "labs": 0.14}
NAMES = {"errors": "interval of score errors", "labs": "interval of resampled labs"}
D_EFF = "d_eff_benchmarks"
VIEW = 1.6  # the view of ratios reaches this far past the largest value


def saturation(result: Result, theme: str) -> go.Figure:
    """Return sigma of every pair of axes with both intervals, and the threshold."""
    rows = [row for row in result.table("saturation").frame.to_dicts() if row["sigma"] is not None]
    if not rows:
        return look.empty_figure(theme, "No saturation ratio: no two axes have enough models.")
    labels = [f"{row['old']} to {row['new']}" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Saturation ratio: spread of the best, old axis over new (no unit)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=44),
    )
    look.row_axis(figure, labels)
    threshold = float(result.params["rotate_below"])
    for by, style in zip(OFFSETS, look.FAMILY_STYLES, strict=False):
        shown = [
            {**row, "y": line + OFFSETS[by], "value": row["sigma"], "low": row[f"low_{by}"], "high": row[f"high_{by}"]}
            for line, row in enumerate(rows)
        ]
        add_forest(figure, shown, style=style, theme=theme, name=NAMES[by], text=_ratio_hover)
    figure.update_xaxes(range=[0, VIEW * max(threshold, *(row["sigma"] for row in rows))])
    figure.add_vline(x=threshold, line={"color": look.INK[theme].muted, "dash": "dash", "width": 1.2})
    open_ends = sum(row["high_errors"] is None for row in rows)
    look.note(
        figure,
        theme,
        f"Dashed: the threshold, {threshold:g}; below it the rule rotates.",
        f"Without an upper end: {counted(open_ends, 'interval')} of score errors, where by the errors alone the best "
        "of the new axis may be equal. Intervals may reach past the view; the table has their ends."
        if open_ends
        else "",
        f"{result.table('saturation').frame.height - len(rows)} pairs are undefined and not drawn.",
    )
    return figure


def _ratio_hover(row: Row) -> str:
    return hover(
        f"{row['old']} to {row['new']}",
        f"sigma {estimate_text(row, 'value')}",
        f"{row['spread_old']:.1f} pp over {row['spread_new']:.1f} pp",
        f"n = {row['n_old']} and {row['n_new']} models",
        f"rule: {row['verdict']}",
    )


def spreads(result: Result, theme: str) -> go.Figure:
    """Return the spread of the best on every axis beside the range that error alone gives."""
    rows = [row for row in result.table("spreads").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No axis has enough models for a spread of the best.")
    labels = [f"{row['axis']} (n = {row['n']} models)" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Spread of the best scores (percentage points)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=44),
    )
    look.row_axis(figure, labels)
    figure.update_xaxes(rangemode="tozero")
    placed = [{**row, "y": line} for line, row in enumerate(rows)]
    _add_bands(figure, [row for row in placed if row["null_low"] is not None], theme, "equally good models")
    for by, style in zip(OFFSETS, look.FAMILY_STYLES, strict=False):
        shown = [
            {**row, "y": row["y"] + OFFSETS[by]}
            | ({} if by == "errors" else {"low": row["low_labs"], "high": row["high_labs"]})
            for row in placed
        ]
        add_forest(figure, shown, style=style, theme=theme, name=NAMES[by], text=_spread_hover)
    look.note(
        figure,
        theme,
        "Grey: central 95% of the range that models of one true score would show. A spread inside it does not tell "
        "the models apart.",
    )
    return figure


def _spread_hover(row: Row) -> str:
    return hover(
        row["axis"],
        f"spread {estimate_text(row, 'value', 'pp')}",
        f"equally good models: {number_text(row['null_low'])} to {number_text(row['null_high'], 'pp')}",
        f"best: {row['best']}",
    )


def _add_bands(figure: go.Figure, rows: Sequence[Row], theme: str, name: str) -> None:
    if not rows:
        return
    texts = [
        hover(row["axis"], f"{name}: {number_text(row['null_low'])} to {number_text(row['null_high'], 'pp')}")
        for row in rows
    ]
    figure.add_trace(
        go.Scatter(
            x=gaps([row["null_low"] for row in rows], [row["null_high"] for row in rows]),
            y=gaps(*[[row["y"] for row in rows]] * 2),
            mode="lines",
            line={"color": look.INK[theme].band, "width": 22},
            name=name,
            hovertext=gaps(texts, texts),
            hovertemplate=HOVER,
        )
    )


def survival_by_scale(result: Result, theme: str) -> go.Figure:
    """Return the range of scores of each benchmark by size, shaded by what error alone would give."""
    rows = [row for row in result.table("survival").frame.to_dicts() if row["range"] is not None]
    if not rows:
        return look.empty_figure(theme, "No benchmark has two models of one size.")
    scales = {row["rank"]: row["scale"] for row in sorted(rows, key=lambda row: row["rank"])}
    places = {rank: place for place, rank in enumerate(scales)}
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in rows))
    figure = look.new_figure(
        theme, x_title="Size of the models", y_title="Range of scores (percentage points)", height=520
    )
    for place, benchmark in enumerate(benchmarks):
        mine = [row for row in rows if row["benchmark"] == benchmark]
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        shift = 0.5 * (place - (len(benchmarks) - 1) / 2) / max(len(benchmarks), 1)
        is_told = [row["tells_apart"] == "yes" for row in mine]
        figure.add_trace(
            go.Scatter(
                x=[places[row["rank"]] + shift for row in mine],
                y=[row["range"] for row in mine],
                mode="lines+markers",
                line={**style.line(theme, width=1), "dash": "dot" if place >= len(look.FAMILY_STYLES) else "solid"},
                marker=style.marker(theme)
                | {"symbol": [style.symbol if told else f"{style.symbol}-open" for told in is_told]},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": _reach(mine, "range_high", 1),
                    "arrayminus": _reach(mine, "range_low", -1),
                    "color": look.faded(style.colour(theme), 0.45),
                    "thickness": 1,
                    "width": 0,
                },
                name=benchmark,
                hovertext=[_survival_hover(row) for row in mine],
                hovertemplate=HOVER,
            )
        )
    figure.update_xaxes(tickvals=list(places.values()), ticktext=list(scales.values()), showgrid=False, zeroline=False)
    figure.update_yaxes(rangemode="tozero")
    look.note(
        figure,
        theme,
        "Open: the range is no wider than equally good models would show by error alone, or there are fewer than "
        "three models. Bars: the 95% quantile of that range on both sides.",
    )
    return figure


def _reach(rows: Sequence[Row], end: str, sign: int) -> list[float | None]:
    return [None if row[end] is None else sign * (row[end] - row["range"]) for row in rows]


def _survival_hover(row: Row) -> str:
    return hover(
        f"{row['benchmark']}, {row['scale']}",
        f"range {estimate_text(row, 'range', 'pp')}",
        f"equally good models: up to {number_text(row['noise_range'], 'pp')}",
        f"standard deviation {estimate_text(row, 'deviation', 'pp')}",
        f"entropy {estimate_text(row, 'entropy', 'bits')}",
        f"n = {counted(row['n'], 'model')} of {row['n_families']} families or labs",
        f"tells apart: {row['tells_apart']}",
    )


def frontier_matrix(result: Result, theme: str) -> go.Figure:
    """Return the pairwise correlations with n in each cell, the nearest valid matrix, and the printed one."""
    rows = result.table("cells").frame.to_dicts()
    columns = [("r", "this selection, pairwise")]
    if any(row["nearest"] is not None and row["nearest"] != row["r"] for row in rows):
        columns.append(("nearest", "nearest valid matrix"))
    if any(row["printed"] is not None for row in rows):
        columns += [("printed", "printed, pairwise"), ("printed_nearest", "nearest valid to the printed")]
    if not any(row[column] is not None for row in rows for column, _ in columns):
        return look.empty_figure(theme, "No pair of frontier benchmarks has three models with both scores.")
    names = list(dict.fromkeys(name for row in rows for name in (row["first"], row["second"])))
    grid = [_square(rows, column, title) for column, title in columns]
    figure = squares(theme, [grid[start : start + 2] for start in range(0, len(grid), 2)], names)
    look.note(
        figure,
        theme,
        "Bold: the 95% interval leaves out zero. Below r: how many models have both scores. Blue: positive. "
        "Vermillion: negative. r has no unit.",
    )
    return figure


def _square(rows: Sequence[Row], column: str, title: str) -> Square:
    cells = {}
    for row in rows:
        cell = Cell(value=row[column], text=_cell_text(row, column), hover=_cell_hover(row, column))
        cells[row["first"], row["second"]] = cells[row["second"], row["first"]] = cell
    return Square(title=title, cells=cells)


def _cell_text(row: Row, column: str) -> str:
    if row[column] is None:
        return "n = 0" if column == "r" and not row["n_models"] else ""
    number = f"{row[column]:+.2f}"
    if column != "r":
        return number
    settled = (row["low"] is not None and row["low"] > 0) or (row["high"] is not None and row["high"] < 0)
    return f"<b>{number}</b><br>n = {row['n_models']}" if settled else f"{number}<br>n = {row['n_models']}"


def _cell_hover(row: Row, column: str) -> str:
    pair = f"{row['first']} / {row['second']}"
    if column != "r":
        return hover(pair, f"{column.replace('_', ', ')}: {number_text(row[column])}, no interval")
    return hover(
        pair,
        f"r {number_text(row['r'])}, {estimate_text({**row, 'value': row['r']}, 'value').partition(', ')[2]}",
        f"n = {counted(row['n_models'], 'model')} of {counted(row['n_labs'], 'lab')}",
        row["caveats"] or "",
    )


def directions(result: Result, theme: str) -> go.Figure:
    """Return d_eff of every matrix, with the interval where there is one."""
    rows = [row for row in result.table("directions").frame.to_dicts() if row["symbol"] == D_EFF]
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return look.empty_figure(theme, "No matrix of frontier benchmarks has an effective dimension.")
    labels = [f"{row['label']} (n = {row['n']} {row['n_of']})" for row in known]
    figure = look.new_figure(
        theme, x_title="Effective dimension d_eff (no unit)", y_title="", height=look.height_for_rows(labels)
    )
    look.row_axis(figure, labels, columns=60)
    placed = [{**row, "y": line} for line, row in enumerate(known)]
    groups = (
        ("ours", "data", [row for row in placed if row["low"] is not None]),
        ("no interval: paper's recipe or assembled matrix", "paper", [row for row in placed if row["low"] is None]),
    )
    for name, role, mine in groups:
        add_forest(figure, mine, style=look.SERIES[role], theme=theme, name=name, text=_direction_hover)
    figure.update_xaxes(range=[0.9, max(row["high"] or row["value"] for row in known) + 0.15])
    look.note(
        figure,
        theme,
        f"{len(rows) - len(known)} rows have too few models and are not drawn. d_eff runs from 1 to the number of "
        "benchmarks, so rows of different numbers of benchmarks do not compare.",
    )
    return figure


def _direction_hover(row: Row) -> str:
    return hover(row["label"], f"d_eff {estimate_text(row, 'value')}", row["method"], row["caveats"])
