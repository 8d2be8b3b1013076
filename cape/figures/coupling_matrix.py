"""Matrices of correlations on two sides of a cut, every pair with its interval, the change, and r without a family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._cells import Cell, Square, squares
from cape.figures._marks import Row, add_forest, gaps
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text
from cape.quantities import Result

SIDES = ("below", "above")
SIDE_STYLES: Mapping[str, look.Style] = MappingProxyType(dict(zip(SIDES, look.FAMILY_STYLES[1::-1], strict=True)))
OFFSETS = MappingProxyType({"below": -0.14, "above": 0.14})  # lines of a row, so that the two sides do not overlap
EMPTY = "No pair of benchmarks with an r on either side of the cut."
BOLD = "Bold: the 95% interval leaves out zero."


def matrices(result: Result, theme: str) -> go.Figure:
    """Return r of every pair below and above the cut, with the dashboard's printed matrices below where they exist."""
    rows = [row for row in result.table("cells").frame.to_dicts() if row["side"] in SIDES]
    if not any(row["value"] is not None for row in rows):
        return look.empty_figure(theme, EMPTY)
    names = list(dict.fromkeys(name for row in rows for name in (row["first"], row["second"])))
    ours = [_square(rows, side, "value", f"{side} the cut") for side in SIDES]
    grid = [ours]
    if any(row["printed"] is not None for row in rows):
        grid.append([_square(rows, side, "printed", f"printed, {side} N_c") for side in SIDES])
    figure = squares(theme, grid, names)
    look.note(figure, theme, BOLD, "Blue: positive. Vermillion: negative. r has no unit.")
    return figure


def _square(rows: Iterable[Row], side: str, column: str, title: str) -> Square:
    mine = [row for row in rows if row["side"] == side]
    cells = {}
    for row in mine:
        text = _cell_text(row, column)
        cell = Cell(value=row[column], text=text, hover=_pair_hover(row) if column == "value" else _printed_hover(row))
        cells[row["first"], row["second"]] = cells[row["second"], row["first"]] = cell
    counts = sorted({row["n_models"] for row in mine})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}" if counts else "0"
    return Square(title=title if column == "printed" else f"{title} (n = {n} models)", cells=cells)


def _cell_text(row: Row, column: str) -> str:
    if row[column] is None:
        return ""
    number = f"{row[column]:+.2f}"
    settled = column == "value" and _leaves_out_zero(row)
    return f"<b>{number}</b>" if settled else number


def _leaves_out_zero(row: Row) -> bool:
    return (row["low"] is not None and row["low"] > 0) or (row["high"] is not None and row["high"] < 0)


def _pair_hover(row: Row) -> str:
    return hover(
        f"{row['pair']}, {row['side']} the cut",
        f"r {estimate_text(row, 'value')}",
        f"n = {counted(row['n_models'], 'model')} of {row['n_families']} families",
        f"q over pairs {number_text(row['q'])}" if row["q"] is not None else "",
        row["caveats"] or "",
    )


def _printed_hover(row: Row) -> str:
    return hover(f"{row['pair']}, {row['side']} N_c", f"printed r {number_text(row['printed'])}, no interval printed")


def pairs(result: Result, theme: str) -> go.Figure:
    """Return a forest of r of every pair below and above the cut, with the printed values as stars."""
    rows = [row for row in result.table("cells").frame.to_dicts() if row["side"] in SIDES]
    if not any(row["value"] is not None for row in rows):
        return look.empty_figure(theme, EMPTY)
    labels = {row["pair"]: row["pair"] + (", changes sign" if row["changes_sign"] else "") for row in rows}
    lines = {pair: line for line, pair in enumerate(labels)}
    shown = [{**row, "y": lines[row["pair"]] + OFFSETS[row["side"]]} for row in rows]
    figure = look.new_figure(
        theme, x_title="r (no unit)", y_title="", height=look.height_for_rows(list(labels.values()), px_per_row=40)
    )
    look.row_axis(figure, labels.values())
    figure.update_xaxes(range=[-1.05, 1.05], zeroline=True)
    for side in SIDES:
        mine = [row for row in shown if row["side"] == side and row["value"] is not None]
        add_forest(figure, mine, style=SIDE_STYLES[side], theme=theme, name=f"{side} the cut", text=_pair_hover)
    _add_printed(figure, [row for row in shown if row["printed"] is not None], theme)
    lacking = sum(row["value"] is None for row in rows)
    look.note(
        figure,
        theme,
        f"{lacking} of {counted(len(rows), 'value')} are undefined and not drawn." if lacking else "",
    )
    return figure


def _add_printed(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    style = look.SERIES["paper"]
    figure.add_trace(
        go.Scatter(
            x=[row["printed"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=style.marker(theme) | {"size": 9},
            name="printed",
            hovertext=[_printed_hover(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def change(result: Result, theme: str) -> go.Figure:
    """Return the size of the change of the matrix beside the range that one matrix on both sides gives."""
    rows = [{**row, "y": line} for line, row in enumerate(result.table("change").frame.to_dicts())]
    if not any(row["value"] is not None or row["printed"] is not None for row in rows):
        return look.empty_figure(theme, "No change of the matrix: a pair has no r on one side of the cut.")
    labels = [row["group"] for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Frobenius norm of the change of r (no unit)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=56),
    )
    look.row_axis(figure, labels)
    figure.update_xaxes(rangemode="tozero")
    _add_null(figure, [row for row in rows if row["null_low"] is not None and row["null_high"] is not None], theme)
    found = [row for row in rows if row["value"] is not None]
    add_forest(figure, found, style=look.SERIES["data"], theme=theme, name="observed", text=_change_hover)
    _add_printed(
        figure, [{**row, "pair": row["group"], "side": "below and above"} for row in rows if row["printed"]], theme
    )
    look.note(
        figure,
        theme,
        "Grey: models dealt to the two sides at random, 95% of deals. A norm is never zero, so read the observed one "
        "against it.",
    )
    return figure


def _change_hover(row: Row) -> str:
    return hover(row["group"], f"change {estimate_text(row, 'value')}", f"n = {row['n_families']} families")


def _add_null(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    texts = [
        hover(
            row["group"], f"one matrix on both sides: {number_text(row['null_low'])} to {number_text(row['null_high'])}"
        )
        for row in rows
    ]
    figure.add_trace(
        go.Scatter(
            x=gaps([row["null_low"] for row in rows], [row["null_high"] for row in rows]),
            y=gaps(*[[row["y"] for row in rows]] * 2),
            mode="lines",
            line={"color": look.INK[theme].band, "width": 16},
            name="one matrix on both sides",
            hovertext=gaps(texts, texts),
            hovertemplate=HOVER,
        )
    )


def folds(result: Result, theme: str) -> go.Figure:
    """Return r of every pair and side without each family in turn, and with all of them."""
    rows = [
        row
        for row in result.table("folds").frame.to_dicts()
        if row["side"] in SIDES and row["r_without"] is not None and row["r"] is not None
    ]
    if not rows:
        return look.empty_figure(theme, "No pair with an r when a family is left out.")
    lines = {pair: line for line, pair in enumerate(dict.fromkeys(row["pair"] for row in rows))}
    shown = [{**row, "y": lines[row["pair"]] + OFFSETS[row["side"]]} for row in rows]
    figure = look.new_figure(
        theme,
        x_title="r without one family (no unit)",
        y_title="",
        height=look.height_for_rows(list(lines), px_per_row=40),
    )
    look.row_axis(figure, lines)
    figure.update_xaxes(range=[-1.05, 1.05], zeroline=True)
    for side in SIDES:
        mine = [row for row in shown if row["side"] == side]
        if mine:
            n = len({row["family"] for row in mine})
            _add_folds(figure, mine, theme, style=SIDE_STYLES[side], name=f"{side} the cut, {counted(n, 'fold')}")
    look.note(figure, theme, "Small marks: one family left out. Large marks: all families. No interval: a jackknife.")
    return figure


def _add_folds(figure: go.Figure, rows: Sequence[Row], theme: str, *, style: look.Style, name: str) -> None:
    colour = style.colour(theme)
    figure.add_trace(
        go.Scatter(
            x=[row["r_without"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker={"symbol": "line-ns", "size": 9, "line": {"width": 1.2, "color": look.faded(colour, 0.6)}},
            name=name,
            hovertext=[
                hover(f"{row['pair']}, {row['side']} the cut", f"without {row['family']}", f"r {row['r_without']:.3f}")
                for row in rows
            ],
            hovertemplate=HOVER,
        )
    )
    whole = list({row["pair"]: row for row in rows}.values())
    figure.add_trace(
        go.Scatter(
            x=[row["r"] for row in whole],
            y=[row["y"] for row in whole],
            mode="markers",
            marker=style.marker(theme),
            showlegend=False,
            name=f"{name}, all families",
            hovertext=[
                hover(
                    f"{row['pair']}, {row['side']} the cut", f"all families, r {row['r']:.3f}", f"n = {row['n_models']}"
                )
                for row in whole
            ],
            hovertemplate=HOVER,
        )
    )
