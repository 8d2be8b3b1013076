"""Errors of the prediction chain, gradient norms against loss and size, Arrhenius constants by phase (paper A.8)."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._grid import grid
from cape.figures._marks import FAR_FENCE, Row, add_forest, interval_bars, outside_text, robust_view
from cape.figures._text import HOVER, estimate_text, hover, interval_text, number_text, size_text
from cape.quantities import Result

SPREAD = 0.18  # rows of the forest between the two errors of one level
ENDS = ("value", "low", "high")
ERRORS = (("within", "family", "rows fitted (L4: without h)", -1), ("left_out", "population", "left out", 1))


def prediction_chain(result: Result, theme: str) -> go.Figure:
    """Return both errors of every level on a log axis of percent, with the printed error of that level."""
    rows = [{**row, "y": line} for line, row in enumerate(result.table("chain").frame.to_dicts())]
    if not rows:
        return look.empty_figure(theme, "No level of the chain can be computed from public data here.")
    labels = [f"{row['label']}: {row['target']} (n\u00a0=\u00a0{row['n']})" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Mean absolute relative error (%, log scale)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=38),
    )
    look.row_axis(figure, labels)
    numbers = [row[name] for row in rows for name in ("within", "within_low", "left_out", "left_out_high", "printed")]
    logs = look.log10_of(numbers)
    low, high = min(logs) - 0.15, max(logs) + 0.15
    ticks = look.log_ticks(low, high)
    figure.update_xaxes(type="log", range=[low, high], tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    for mark in ERRORS:
        _add_errors(figure, rows, theme, mark)
    _add_printed(figure, [row for row in rows if row["printed"] is not None], theme)
    look.note(figure, theme, "L0 is an error of the loss, L1 and L2 of the gradient norm, L3 and L4 of a score.")
    return figure


def gradients(result: Result, theme: str) -> go.Figure:
    """Return gradient norm against each covariate on log axes, with the line of all models and without one."""
    rows = [row for row in result.table("gradients").frame.to_dicts() if row["fit"]]
    if not rows:
        return look.empty_figure(theme, "The lake holds no gradient norms.")
    fits = list(dict.fromkeys(row["fit"] for row in rows))
    n = {row["fit"]: row["n"] for row in rows}
    figure, places = grid(
        theme,
        [f"{fit} (n\u00a0=\u00a0{n[fit]})" for fit in fits],
        x_title="Loss (nats/token, log scale)",
        y_title="Gradient norm<br>(log scale)",
        shared_x=False,
    )
    for fit, (row, column) in zip(fits, places, strict=True):
        mine = sorted((one for one in rows if one["fit"] == fit), key=lambda one: one["level"])
        is_first = fit == fits[0]
        for name, label, dash in (
            ("line", "line of all models", "solid"),
            ("line_without", "line without one", "dash"),
        ):
            figure.add_trace(
                _line_trace(mine, name, theme, label=label, dash=dash, first=is_first), row=row, col=column
            )
        for is_dip, role, label in ((False, "data", "model"), (True, "resolved", "model left out of the second line")):
            chosen = [one for one in mine if one["is_dip"] == is_dip]
            if chosen:
                trace = _norm_trace(chosen, look.SERIES[role], theme, label=label, first=is_first)
                figure.add_trace(trace, row=row, col=column)
        _log_level(figure, mine, row, column)
    norms = look.log_ticks(0.8, 2.4)
    figure.update_yaxes(type="log", tickvals=norms, ticktext=[f"{tick:g}" for tick in norms])
    look.note(figure, theme, "One measured value per model, no interval; those of the lines are among the estimates.")
    return figure


def arrhenius(result: Result, theme: str) -> go.Figure:
    """Return C of every phase and way of taking the rate, with intervals; rows without C say why."""
    rows = [{**row, "y": line} for line, row in enumerate(result.table("arrhenius").frame.to_dicts())]
    if not rows:
        return look.empty_figure(theme, "No family of this selection has losses, three sizes and a first score.")
    labels = [f"{row['label']} (n\u00a0=\u00a0{row['n']}, {row['degrees_of_freedom']}\u00a0d.f.)" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="C (% for scores, nats/token for gradient norms)",
        y_title="",
        height=look.height_for_rows(labels),
    )
    look.row_axis(figure, labels)
    found = [row for row in rows if row["value"] is not None]
    view = robust_view([row["value"] for row in found], always=(0.0,), fence=FAR_FENCE)
    figure.update_xaxes(range=list(view), zeroline=True)
    add_forest(figure, found, style=look.SERIES["data"], theme=theme, name="C", text=_c_text)
    _add_lacking(figure, [row for row in rows if row["value"] is None], theme, view[0])
    look.note(figure, theme, outside_text(found, view, what="C", columns=ENDS) if found else "")
    return figure


def _add_errors(figure: go.Figure, rows: Sequence[Row], theme: str, mark: tuple[str, str, str, int]) -> None:
    column, role, name, place = mark
    style = look.SERIES[role]
    found = [row for row in rows if row[column] is not None]
    figure.add_trace(
        go.Scatter(
            x=[row[column] for row in found],
            y=[row["y"] + place * SPREAD for row in found],
            mode="markers",
            marker=style.marker(theme),
            error_x=interval_bars(found, column, f"{column}_low", f"{column}_high", colour=style.colour(theme)),
            name=name,
            hovertext=[
                hover(
                    row["label"],
                    f"error of {row['target']} {estimate_text(row, column, '%')}",
                    f"n = {row['n']}; fitted: {row['fitted_on']}",
                    row["first_way"] if column == "within" else "left out",
                )
                for row in found
            ],
            hovertemplate=HOVER,
        )
    )


def _add_printed(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["printed"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=look.SERIES["paper"].marker(theme),
            name="printed for this level",
            hovertext=[hover(row["label"], f"printed {number_text(row['printed'], '%')}") for row in rows],
            hovertemplate=HOVER,
        )
    )


def _line_trace(rows: Sequence[Row], column: str, theme: str, *, label: str, dash: str, first: bool) -> go.Scatter:
    return go.Scatter(
        x=[row["level"] for row in rows],
        y=[row[column] for row in rows],
        mode="lines",
        line={"color": look.INK[theme].muted, "dash": dash, "width": 1.6},
        name=label,
        legendgroup=label,
        showlegend=first,
        hoverinfo="skip",
    )


def _norm_trace(rows: Sequence[Row], style: look.Style, theme: str, *, label: str, first: bool) -> go.Scatter:
    return go.Scatter(
        x=[row["level"] for row in rows],
        y=[row["norm"] for row in rows],
        mode="markers",
        marker=style.marker(theme),
        name=label,
        legendgroup=label,
        showlegend=first,
        hovertext=[
            hover(
                row["model_id"],
                f"gradient norm {number_text(row['norm'])}, line {number_text(row['line'])}, "
                f"line without one {number_text(row['line_without'])}, {interval_text(None, None)}",
                f"{row['on']} {number_text(row['level'])}",
                row["note"] or "",
                f"n = {row['n']}",
            )
            for row in rows
        ],
        hovertemplate=HOVER,
    )


def _log_level(figure: go.Figure, rows: Sequence[Row], row: int, column: int) -> None:
    """Set the log axis of one chart: sizes read 70M, losses are those of every second model."""
    logs = look.log10_of([one["level"] for one in rows])
    is_size = min(logs) > 6
    pad = 0.1 * (max(logs) - min(logs))
    low, high = min(logs) - pad, max(logs) + pad
    ticks = look.log_ticks(low, high) if is_size else [one["level"] for one in rows][::-2]
    texts = [size_text(tick) if is_size else f"{tick:.2f}" for tick in ticks]
    figure.update_xaxes(type="log", range=[low, high], tickvals=ticks, ticktext=texts, row=row, col=column)
    if is_size:
        figure.update_xaxes(title_text="Size (parameters, log scale)", row=row, col=column)


def _c_text(row: Row) -> str:
    return hover(
        row["label"],
        f"C {estimate_text(row, 'value')}, r2 {number_text(row['r2'])}",
        f"n = {row['n']}, {row['degrees_of_freedom']} degrees of freedom",
        row["caveats"],
    )


def _add_lacking(figure: go.Figure, rows: Sequence[Row], theme: str, edge: float) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[edge for _ in rows],
            y=[row["y"] for row in rows],
            mode="text",
            text=[" undefined" for _ in rows],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[hover(row["label"], row["caveats"], f"n = {row['n']}") for row in rows],
            hovertemplate=HOVER,
            showlegend=False,
            name="undefined",
        )
    )
