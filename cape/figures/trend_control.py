"""Correlations raw and controlled, the r that independent trends would give, and scores with the trend removed."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest
from cape.figures._text import HOVER, counted, estimate_text, hover, interval_text, number_text, plain, size_text
from cape.positions import axis_of_unit
from cape.quantities import Result

NULL_SYMBOL = "r_null"


def correlations(result: Result, theme: str) -> go.Figure:
    """Return a forest plot of every correlation on [-1, 1], the band of independent trends behind it."""
    rows = result.table("correlations").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No correlation in this selection.")
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    labels = [f"{row['symbol']}, {row['label']}" for row in shown]
    height = look.height_for_rows(labels, px_per_row=34)
    figure = look.new_figure(theme, x_title="r (correlation, no unit)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.update_xaxes(range=[-1.04, 1.04], zeroline=True)
    _add_null_bands(figure, [row for row in shown if row["symbol"] == NULL_SYMBOL], theme)
    found = [row for row in shown if row["value"] is not None]
    style = look.SERIES["data"]
    data = [row for row in found if row["symbol"] != NULL_SYMBOL]
    add_forest(figure, data, style=style, theme=theme, name="observed", text=_row_text)
    nulls = [row for row in found if row["symbol"] == NULL_SYMBOL]
    add_forest(figure, nulls, style=look.SERIES["null"], theme=theme, name="independent trends", text=_row_text)
    _add_undefined(figure, [row for row in shown if row["value"] is None], theme)
    has_band = any(row["low"] is not None and row["high"] is not None for row in nulls)
    look.note(
        figure,
        theme,
        f"Grey band: r of two independent trends in {_log(result)}, 95% of simulations." if has_band else "",
    )
    return figure


def _row_text(row: Row) -> str:
    return hover(
        f"{row['symbol']}, {row['label']}", estimate_text(row, "value"), f"n = {row['n']}", row.get("method") or ""
    )


def _add_null_bands(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    for row in rows:
        if row["low"] is not None and row["high"] is not None:
            band = look.INK[theme].band
            figure.add_vrect(x0=row["low"], x1=row["high"], fillcolor=band, line_width=0, layer="below")


def _add_undefined(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[-1 for _ in rows],
            y=[row["y"] for row in rows],
            mode="text",
            text=[" undefined" for _ in rows],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[_row_text(row) for row in rows],
            hovertemplate=HOVER,
            showlegend=False,
            name="undefined",
        )
    )


def null_distribution(result: Result, theme: str) -> go.Figure:
    """Return the histogram of r between independent trends with the observed r as a line."""
    rows = result.table("null").frame.to_dicts()
    drawn = [row for row in rows if row["n_simulations"]]
    if not drawn:
        return look.empty_figure(theme, "No simulation: a trend needs 4 models and 2 sizes.")
    figure = look.new_figure(theme, x_title="r (correlation, no unit)", y_title="Simulations (count)", height=360)
    style = look.SERIES["data"]
    figure.add_trace(
        go.Bar(
            x=[row["r_from"] for row in drawn],
            y=[row["n_simulations"] for row in drawn],
            width=[row["r_to"] - row["r_from"] for row in drawn],
            offset=0,
            marker={"color": look.INK[theme].line, "line": {"width": 0}},
            name="independent trends",
            hovertext=[
                hover(f"r {row['r_from']:.2f} to {row['r_to']:.2f}", f"n = {row['n_simulations']} simulations")
                for row in drawn
            ],
            hovertemplate=HOVER,
        )
    )
    observed = next((row["observed_r"] for row in rows if row["observed_r"] is not None), None)
    if observed is not None:
        figure.add_trace(
            go.Scatter(
                x=[observed, observed],
                y=[0, max(row["n_simulations"] for row in drawn)],
                mode="lines",
                line=style.line(theme, width=3),
                name=f"observed r = {observed:.3f}",
                hovertext=[f"observed r = {observed:.3f}"] * 2,
                hovertemplate=HOVER,
            )
        )
    figure.update_xaxes(range=[-1.02, 1.02])
    look.note(figure, theme, "The observed r is undefined." if observed is None else "")
    return figure


def residual_plane(result: Result, theme: str) -> go.Figure:
    """Return the residual of the second score against that of the first, both after a linear trend in log N."""
    rows = result.table("points").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No model in this selection.")
    drawn = [row for row in rows if row["x_residual_pct"] is not None and row["y_residual_pct"] is not None]
    x, y = (plain(result.params.get(name) or word) for name, word in (("x", "first"), ("y", "second benchmark")))
    figure = look.new_figure(
        theme,
        x_title=f"{x}, trend in {_log(result)} removed (percentage points)",
        y_title=f"{y}, trend in {_log(result)} removed<br>(percentage points)",
        height=500,
    )
    families = sorted({row["family"] for row in drawn})
    if len(families) <= len(look.FAMILY_STYLES):
        for family, style in zip(families, look.FAMILY_STYLES, strict=False):
            _add_residuals(figure, [row for row in drawn if row["family"] == family], theme, style=style, name=family)
    else:
        name = f"{counted(len(drawn), 'model')} of {len(families)} families"
        _add_residuals(figure, drawn, theme, style=look.SERIES["data"], name=name)
    figure.update_xaxes(zeroline=True)
    figure.update_yaxes(zeroline=True)
    left_out = len(rows) - len(drawn)
    gone = f"{left_out} of {counted(len(rows), 'model')} have no residual (no public size) and are not drawn."
    look.note(figure, theme, gone if left_out else "")
    return figure


def _add_residuals(figure: go.Figure, rows: Sequence[Row], theme: str, *, style: look.Style, name: str) -> None:
    texts = [
        hover(
            str(row.get("model_id") or row["family"]),
            f"{row['family']}, {size_text(row.get('position'))}",
            f"residuals {number_text(row['x_residual_pct'], 'pp')} and {number_text(row['y_residual_pct'], 'pp')}",
            f"n = {len(rows)} in {name}, {interval_text(None, None)}",
        )
        for row in rows
    ]
    figure.add_trace(
        go.Scatter(
            x=[row["x_residual_pct"] for row in rows],
            y=[row["y_residual_pct"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            name=plain(name),
            showlegend=True,
            hovertext=texts,
            hovertemplate=HOVER,
        )
    )


def _log(result: Result) -> str:
    """Return the logarithm that trends are removed in: log10 N, or of what the models are ordered by."""
    return axis_of_unit(result.table("points").units["position"]).log_name
