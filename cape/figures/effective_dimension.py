"""d_eff by phase and by size, the second eigenvalue, loadings on the second axis, and axes of two phases compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._cells import Cell, Square, squares
from cape.figures._marks import Row, add_forest
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, size_text
from cape.quantities import Estimate, Result

KINDS = ("covariance", "correlation")
KIND_STYLES = dict(zip(KINDS, look.FAMILY_STYLES[:2], strict=True))
NO_WINDOW = "No window of sizes: too few models with a size and every score."
_OURS = tuple(style for style in look.FAMILY_STYLES if style.light != look.SERIES["paper"].light)
LOADING_STYLES = (*_OURS, *(replace(style, dash="dot") for style in _OURS))
PRINTED_STYLES = (
    ("fig_topology", look.SERIES["paper"]),
    ("stiffness", look.Style(light=look.PURPLE, dark=look.PURPLE, symbol="triangle-up", size=9, dash="dot")),
)


def d_eff_by_phase(result: Result, theme: str) -> go.Figure:
    """Return a forest of d_eff by rule, phase and matrix; a phase without one says how many models it has."""
    rows = result.table("phases").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No model with every score in this selection.")
    labels = [_phase_label(row) for row in rows]
    lines = {label: line for line, label in enumerate(dict.fromkeys(labels))}
    shown = [{**row, "y": lines[label]} for row, label in zip(rows, labels, strict=True)]
    offsets = dict(zip(KINDS, (-0.14, 0.14), strict=True))
    shown = [{**row, "y": row["y"] + offsets.get(row["kind"], 0)} for row in shown]
    figure = look.new_figure(
        theme, x_title="d_eff (no unit)", y_title="", height=look.height_for_rows(list(lines), px_per_row=38)
    )
    look.row_axis(figure, lines)
    for kind in KINDS:
        mine = [row for row in shown if row["kind"] == kind and row["value"] is not None]
        add_forest(figure, mine, style=KIND_STYLES[kind], theme=theme, name=f"{kind} matrix", text=_phase_hover)
    _add_refused(figure, [row for row in shown if row["value"] is None and row["kind"] == KINDS[0]], theme)
    figure.update_xaxes(rangemode="normal")
    look.note(
        figure, theme, "1: the benchmarks move as one. Fewer than 6 models have no d_eff, fewer than 10 no interval."
    )
    return figure


def _phase_label(row: Row) -> str:
    rule = "" if row["rule"] == row["group"] else f", {row['rule']}"
    return f"{row['group']}{rule} ({counted(row['n_models'] or 0, 'model')})"


def _phase_hover(row: Row) -> str:
    return hover(
        f"{row['group']}, {row['rule']}, {row['kind']}",
        f"d_eff {estimate_text(row, 'value')}",
        f"n = {counted(row['n_models'] or 0, 'model')} of {row['n_families']} families",
        row["caveats"] or "",
    )


def _add_refused(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[1 for _ in rows],
            y=[row["y"] for row in rows],
            mode="text",
            text=[" no d_eff" for _ in rows],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[_phase_hover(row) for row in rows],
            hovertemplate=HOVER,
            showlegend=False,
            name="no d_eff",
        )
    )


def d_eff_by_size(result: Result, theme: str) -> go.Figure:
    """Return d_eff of both matrices by mean size of a window, with 95% bands and the printed series."""
    rows, printed = _by_size(result)
    if not rows and not printed:
        return look.empty_figure(theme, NO_WINDOW)
    figure = _size_figure(
        theme, rows, printed, y_title="d_eff (no unit)", unit=result.table("windows").units["position"]
    )
    for kind in KINDS:
        column = f"d_eff_{kind}"
        curve = _Curve(column=column, style=KIND_STYLES[kind], name=f"{kind} matrix", what="d_eff")
        _add_curve(figure, rows, curve, theme)
    for name, style in PRINTED_STYLES:
        _add_printed(figure, _of(printed, name), "d_eff", theme, style=style, name=f"printed, {name}")
        derived = replace(style, symbol=f"{style.symbol}-open", size=9, dash="dot")
        _add_printed(
            figure,
            _of(printed, name),
            "d_eff_of_its_eigenvalues",
            theme,
            style=derived,
            name=f"from the eigenvalues of {name}",
        )
    look.note(figure, theme, _window_text(rows), _lead(result, "N_at_d_eff_1", "d_eff = 1"))
    return figure


def lambda_2_by_size(result: Result, theme: str) -> go.Figure:
    """Return lambda_2 by mean size of a window on logarithmic axes, with its 95% band and the printed series."""
    rows, printed = _by_size(result)
    rows = [row for row in rows if row["lambda_2"] is None or row["lambda_2"] > 0]
    if not rows and not printed:
        return look.empty_figure(theme, NO_WINDOW)
    figure = _size_figure(
        theme,
        rows,
        printed,
        y_title="lambda_2 of the correlation matrix (log scale)",
        unit=result.table("windows").units["position"],
    )
    curve = _Curve(column="lambda_2", style=look.SERIES["data"], name="sliding window", what="lambda_2")
    _add_curve(figure, rows, curve, theme)
    for name, style in PRINTED_STYLES:
        _add_printed(figure, _of(printed, name), "lambda_2", theme, style=style, name=f"printed, {name}")
    figure.update_yaxes(type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 5], ticktext=["0.1", "0.2", "0.5", "1", "2", "5"])
    look.note(figure, theme, _window_text(rows), _lead(result, "lambda_2_exponent", "Power of N"))
    return figure


def rotation(result: Result, theme: str) -> go.Figure:
    """Return the loading of every benchmark on e2 by size, the second of the pair with its band."""
    rows = result.table("loadings").frame.to_dicts()
    printed = [row for row in result.table("printed").frame.to_dicts() if row["e2_loading"] is not None]
    if not rows and not printed:
        return look.empty_figure(theme, NO_WINDOW)
    figure = _size_figure(
        theme, rows, printed, y_title="Loading on e2 (no unit)", unit=result.table("windows").units["position"]
    )
    figure.update_yaxes(range=[-1.05, 1.05], zeroline=True)
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    for k, name in enumerate(names):
        mine = [row for row in rows if row["benchmark"] == name]
        has_band = any(row["is_second_of_pair"] for row in mine)
        style = LOADING_STYLES[k % len(LOADING_STYLES)]
        _add_curve(
            figure, mine, _Curve(column="loading", style=style, name=name, what="loading", has_band=has_band), theme
        )
    _add_printed(figure, printed, "e2_loading", theme, style=look.SERIES["paper"], name="printed, TruthfulQA")
    look.note(figure, theme, _window_text(rows), "Band: 95%, second benchmark of the pair only; the others on hover.")
    return figure


def transfer(result: Result, theme: str) -> go.Figure:
    """Return the transfer matrix of both kinds as cells; the note gives the principal angles and their null."""
    rows = result.table("transfer").frame.to_dicts()
    if not any(row["value"] is not None for row in rows):
        return look.empty_figure(theme, "No transfer matrix: one of the two sides has too few models.")
    names = list(dict.fromkeys(row["to"] for row in rows))
    grid = [[_square(rows, kind) for kind in dict.fromkeys(row["kind"] for row in rows)]]
    figure = squares(theme, grid, names)
    look.note(
        figure,
        theme,
        "Rows: axes of the second side. The identity would mean that no axis moved.",
        *(_angle_text(row) for row in result.table("angles").frame.to_dicts()),
    )
    return figure


def _square(rows: Sequence[Row], kind: str) -> Square:
    mine = [row for row in rows if row["kind"] == kind]
    cells = {
        (row["to"], row["from"]): Cell(
            value=row["value"],
            text="" if row["value"] is None else f"{row['value']:+.2f}",
            hover=hover(
                f"{row['to']} from {row['from']}, {kind}",
                f"T {estimate_text(row, 'value')}",
                f"dealt at random: {number_text(row['null_low'])} to {number_text(row['null_high'])}",
                f"n = {row['n']} models on the smaller side",
            ),
        )
        for row in mine
    }
    n = mine[0]["n"] if mine else 0
    return Square(title=f"{kind} matrix (n = {n} models on the smaller side)", cells=cells)


def _angle_text(row: Row) -> str:
    if row["value"] is None:
        return ""
    null = f"dealt at random {number_text(row['null_low'])} to {number_text(row['null_high'])}"
    return f"Principal {row['angle']}, {row['kind']}: {estimate_text(row, 'value', 'degrees')}; {null}."


def _by_size(result: Result) -> tuple[list[Row], list[Row]]:
    windows, printed = result.table("windows"), result.table("printed")
    alike = windows.units["position"] == printed.units["position"]  # printed sizes are parameters
    return list(windows.frame.to_dicts()), list(printed.frame.to_dicts()) if alike else []


def _size_figure(theme: str, rows: Sequence[Row], printed: Sequence[Row], *, y_title: str, unit: str) -> go.Figure:
    figure = look.new_figure(theme, x_title="", y_title=y_title)
    places = [row["position"] for row in (*rows, *printed)]
    look.size_axis(figure, places, title="Mean size of the window", unit=unit)
    return figure


def _of(printed: Sequence[Row], name: str) -> list[Row]:
    return [row for row in printed if row["series"] == name]


def _window_text(rows: Sequence[Row]) -> str:
    counts = sorted({row["n_models"] for row in rows if row["n_models"]})
    return f"Windows of n = {counts[0]} models overlap, so neighbours are not independent." if counts else ""


def _lead(result: Result, symbol: str, what: str) -> str:
    """Return the estimates of one symbol in one line of words."""
    found = [estimate for estimate in result.estimates if estimate.symbol == symbol]
    return f"{what}: {'; '.join(_estimate_words(e) for e in found)}." if found else ""


def _estimate_words(estimate: Estimate) -> str:
    row = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return f"{estimate.label} " + (estimate_text(row, "value", estimate.unit) if estimate.value is not None else "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """A line by size: its column, its look, its name, what it measures, and whether its 95% band is drawn."""

    column: str
    style: look.Style
    name: str
    what: str
    has_band: bool = True


def _add_curve(figure: go.Figure, rows: Sequence[Row], curve: _Curve, theme: str) -> None:
    """Add a line through the windows and, where every end is known, its 95% band."""
    column, style, name = curve.column, curve.style, curve.name
    drawn = [row for row in rows if row[column] is not None]
    if not drawn:
        return
    held = [row for row in drawn if row[f"{column}_low"] is not None and row[f"{column}_high"] is not None]
    if curve.has_band and held:
        figure.add_trace(
            go.Scatter(
                x=[row["position"] for row in held] + [row["position"] for row in reversed(held)],
                y=[row[f"{column}_high"] for row in held] + [row[f"{column}_low"] for row in reversed(held)],
                mode="lines",
                fill="toself",
                fillcolor=look.faded(style.colour(theme), 0.15),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                name=f"{name}, 95%",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[row["position"] for row in drawn],
            y=[row[column] for row in drawn],
            mode="lines+markers",
            marker=style.marker(theme),
            line=style.line(theme),
            name=plain(name),
            hovertext=[
                hover(
                    name,
                    f"mean size {size_text(row['position'])}",
                    f"{curve.what} {estimate_text(row, column)}",
                    f"n = {row['n_models']} models",
                )
                for row in drawn
            ],
            hovertemplate=HOVER,
        )
    )


def _add_printed(
    figure: go.Figure, rows: Sequence[Row], column: str, theme: str, *, style: look.Style, name: str
) -> None:
    drawn = [row for row in rows if row[column] is not None]
    if not drawn:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["position"] for row in drawn],
            y=[row[column] for row in drawn],
            mode="lines+markers",
            marker=style.marker(theme) | {"size": 9},
            line=style.line(theme, width=1.4),
            name=name,
            hovertext=[
                hover(name, f"at {size_text(row['position'])}", f"{number_text(row[column])}, no interval printed")
                for row in drawn
            ],
            hovertemplate=HOVER,
        )
    )
