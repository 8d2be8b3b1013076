"""gamma by size with its fits, the beta plane, fixed points, the printed angle of e2 and the required field."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest, gaps, interval_bars, outside_text, robust_view, se_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, size_text
from cape.positions import axis_of_unit
from cape.quantities import Estimate, Result

CURVES = (("line", "population"), ("linear", "population"), ("kink", "compared"), ("quadratic", "compared"))
GAMMA_COLUMNS = ("gamma", "gamma_low", "gamma_high")


def running_gamma(result: Result, theme: str) -> go.Figure:
    """Return gamma of each interval against size with the fitted line and kink (dashboard, topology card)."""
    rows = [row for row in result.table("running").frame.to_dicts() if row["gamma"] is not None]
    if not rows:
        return look.empty_figure(theme, "No interval with a gamma in this selection.")
    figure = look.new_figure(theme, x_title="", y_title="gamma_12 (pp/pp)")
    unit = result.table("running").units["position_mid"]
    look.size_axis(figure, [row["position_mid"] for row in rows], title="Geometric mean size of the step", unit=unit)
    view = robust_view([row[name] for row in rows for name in GAMMA_COLUMNS], always=(-0.2, 0.2))
    figure.update_yaxes(range=list(view), zeroline=True)
    style = look.SERIES["data"]
    figure.add_trace(
        go.Scatter(
            x=[row["position_mid"] for row in rows],
            y=[row["gamma"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            error_y=interval_bars(rows, *GAMMA_COLUMNS, colour=style.colour(theme)),
            name=f"{counted(len(rows), 'interval')} with 95% intervals",
            hovertext=[_step_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )
    curves = result.table("running_curves").frame.to_dicts()
    names = _curves(figure, curves, theme, "position", "gamma")
    look.note(
        figure,
        theme,
        ""
        if "kink" in names
        else "No kink is drawn: the best fit is a line or a step, or there are too few intervals.",
        outside_text(rows, view, what="interval", columns=GAMMA_COLUMNS),
    )
    return figure


def _step_text(row: Row) -> str:
    residuals = [
        f"residual of the {kind} {number_text(row[f'{kind}_residual'], 'pp/pp')}"
        for kind in ("line", "kink")
        if row.get(f"{kind}_residual") is not None
    ]
    return hover(
        str(row.get("label") or row["family"]),
        f"gamma {estimate_text(row, 'gamma', 'pp/pp')}",
        size_text(row["position_mid"]),
        *residuals,
        "n = 1 interval",
    )


def _curves(figure: go.Figure, rows: Sequence[Row], theme: str, x: str, y: str) -> set[str]:
    """Draw each fitted curve of the rows; return their names."""
    drawn = set()
    for name, role in CURVES:
        chosen = [row for row in rows if row["curve"] == name and row[x] is not None and row[y] is not None]
        if not chosen:
            continue
        drawn.add(name)
        figure.add_trace(
            go.Scatter(
                x=[row[x] for row in chosen],
                y=[row[y] for row in chosen],
                mode="lines",
                line=look.SERIES[role].line(theme),
                name=f"fitted {name}",
                hovertext=[f"fitted {name}: {number_text(row[y])}" for row in chosen],
                hovertemplate=HOVER,
            )
        )
    return drawn


def beta_plane(result: Result, theme: str) -> go.Figure:
    """Return rates of gamma against gamma with the fitted beta functions (paper A 4; dashboard, RG card)."""
    rows = [row for row in result.table("rates").frame.to_dicts() if row["rate"] is not None]
    if not rows:
        return look.empty_figure(theme, "No family here has two neighbouring intervals with a gamma.")
    axis = axis_of_unit(result.table("rates").units["position"])
    figure = look.new_figure(theme, x_title="gamma_12 (pp/pp)", y_title=f"d gamma / d {axis.log_name} (per decade)")
    style = look.SERIES["data"]
    figure.add_trace(
        go.Scatter(
            x=[row["gamma"] for row in rows],
            y=[row["rate"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            error_y=se_bars(rows, "rate_se", colour=style.colour(theme)),
            name=f"{counted(len(rows), 'rate')} with standard errors",
            hovertext=[_rate_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )
    view = robust_view([row["rate"] for row in rows], always=(-1.0, 1.0))
    figure.update_yaxes(range=list(view), zeroline=True)
    figure.update_xaxes(zeroline=True)
    _curves(figure, result.table("beta_curves").frame.to_dicts(), theme, "gamma", "rate")
    beyond = [{**row, "low": None, "high": None} for row in rows]
    gone = outside_text(beyond, view, what="rate", columns=("rate", "low", "high"))
    look.note(figure, theme, *_null_notes(result), gone)
    return figure


def _rate_text(row: Row) -> str:
    return hover(
        str(row["family"]),
        f"rate {number_text(row['rate'], 'per decade')}, standard error {number_text(row['rate_se'])}",
        f"gamma {number_text(row['gamma'], 'pp/pp')}, around {size_text(row.get('position'))}",
        "n = 2 intervals",
    )


def _null_notes(result: Result) -> list[str]:
    """Return one sentence per degree: the R2 of the fit beside that of ladders whose gamma does not run."""
    notes = []
    for null in (e for e in result.estimates if e.symbol == "beta_r2_null" and e.value is not None):
        found = next((e for e in result.estimates if (e.symbol, e.label) == ("beta_r2", null.label)), None)
        notes.append(_null_note(null, found))
    return notes


def _null_note(null: Estimate, found: Estimate | None) -> str:
    observed = "undefined" if found is None or found.value is None else f"{found.value:.2f}"
    degree = null.label.rpartition(", ")[2]
    return (
        f"R2 of the {degree} fit: {observed}; of ladders whose gamma does not run, by measurement error alone: "
        f"{null.value:.2f}, 95% of draws from {null.low:.2f} to {null.high:.2f}."
    )


def fixed_point_forest(result: Result, theme: str) -> go.Figure:
    """Return a forest plot of fixed points; a row without one says so."""
    rows = result.table("fixed_points").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No beta function in this selection, so no fixed point.")
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    figure = look.new_figure(
        theme, x_title="gamma_12 (pp/pp)", y_title="", height=look.height_for_rows([row["label"] for row in rows])
    )
    look.row_axis(figure, [row["label"] for row in rows])
    found = [row for row in shown if row["value"] is not None]
    view = robust_view([row[name] for row in found for name in ("value", "low", "high")], always=(-1.0, 1.0))
    figure.update_xaxes(range=list(view), zeroline=True)
    for role, name, is_pooled in (("population", "pooled", True), ("family", "one family", False)):
        chosen = [row for row in found if row["label"].startswith("pooled") == is_pooled]
        add_forest(figure, chosen, style=look.SERIES[role], theme=theme, name=name, text=_fixed_text)
    _add_missing(figure, [row for row in shown if row["value"] is None], theme, at=view[0])
    look.note(figure, theme, outside_text(found, view, what="fixed point", columns=("value", "low", "high")))
    return figure


def _fixed_text(row: Row) -> str:
    return hover(
        row["label"],
        f"fixed point {estimate_text(row, 'value', 'pp/pp')}",
        row.get("stability") or "",
        f"R2 of the fit {number_text(row.get('r2'))}, n = {row['n']}",
        row.get("caveats") or "",
    )


def _add_missing(figure: go.Figure, rows: Sequence[Row], theme: str, *, at: float) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[at for _ in rows],
            y=[row["y"] for row in rows],
            mode="text",
            text=[" none" for _ in rows],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[_fixed_text(row) for row in rows],
            hovertemplate=HOVER,
            showlegend=False,
            name="none",
        )
    )


def angle_series(result: Result, theme: str) -> go.Figure:
    """Return the printed angle of e2 by size with the Riccati solution and its fixed points (paper A.9)."""
    table = result.table("angles")
    rows = [row for row in table.frame.to_dicts() if row["theta"] is not None]
    if not rows:
        return look.empty_figure(theme, "No printed series of the angle in this lake.")
    unit = table.units.get("theta") or "loading, no unit"
    figure = look.new_figure(theme, x_title="", y_title=f"Angle of e2 ({unit})")
    look.size_axis(figure, [row["position"] for row in rows], title="Model size")
    figure.update_yaxes(zeroline=True)
    text = [_angle_text(row, len(rows)) for row in rows]
    paper, fit = look.SERIES["paper"], look.SERIES["population"]
    size = [row["position"] for row in rows]
    for name, column, style in (
        ("as printed", "theta", paper),
        ("Riccati solution at the same sizes", "fitted", fit),
    ):
        if any(row[column] is not None for row in rows):
            figure.add_trace(
                go.Scatter(
                    x=size,
                    y=[row[column] for row in rows],
                    mode="markers",
                    marker=style.marker(theme),
                    name=name,
                    hovertext=text,
                    hovertemplate=HOVER,
                )
            )
    for name, dash in (("stable", "dash"), ("unstable", "dot")):
        level = rows[0].get(name)
        if level is not None:
            line = {**fit.line(theme, width=1), "dash": dash}
            figure.add_hline(y=level, line=line, annotation_text=f"{name} fixed point {level:.2f}", layer="below")
    look.note(
        figure,
        theme,
        f"n = {counted(len(rows), 'printed value')}; the print gives no standard errors, so no intervals are drawn.",
    )
    return figure


def _angle_text(row: Row, n: int) -> str:
    return hover(
        size_text(row["position"]),
        f"printed {number_text(row['theta'])}, solution {number_text(row['fitted'])}",
        f"residual {number_text(row['residual'])}",
        f"n = {n}",
    )


def field_curve(result: Result, theme: str) -> go.Figure:
    """Return h_c against size with the band that the interval of N_c gives (paper A.10)."""
    rows = [row for row in result.table("field").frame.to_dicts() if row["h_c"] is not None]
    if not rows:
        return look.empty_figure(theme, "No N_c by this estimator, so no h_c.")
    figure = look.new_figure(theme, x_title="", y_title="h_c (% of full curation)")
    unit = result.table("field").units["position"]
    look.size_axis(figure, [row["position"] for row in rows], title="Model size", unit=unit)
    figure.update_yaxes(range=[-3, 103])
    style = look.SERIES["population"]
    band = [row for row in rows if row["low"] is not None and row["high"] is not None]
    if band:
        around = [*band, *reversed(band)]
        heights = [row["high"] for row in band] + [row["low"] for row in reversed(band)]
        figure.add_trace(
            go.Scatter(
                x=[row["position"] for row in around],
                y=heights,
                mode="lines",
                fill="toself",
                fillcolor=look.faded(style.colour(theme), 0.18),
                line={"width": 0},
                name="95% interval of N_c carried over",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[row["position"] for row in rows],
            y=[row["h_c"] for row in rows],
            mode="lines",
            line=style.line(theme),
            name="h_c",
            hovertext=[
                hover(size_text(row["position"]), f"h_c {number_text(row['h_c'], '%')}", _band_text(row))
                for row in rows
            ],
            hovertemplate=HOVER,
        )
    )
    _add_chosen(figure, result, theme)
    look.note(figure, theme, "" if band else "No band: N_c has no interval.", _n_c_note(result))
    return figure


def _band_text(row: Row) -> str:
    return "no interval" if row["low"] is None else f"interval {row['low']:.3g} to {row['high']:.3g}"


def _add_chosen(figure: go.Figure, result: Result, theme: str) -> None:
    """Mark h_c at the size the page states it for."""
    chosen = next((e for e in result.estimates if e.symbol == "h_c" and e.value is not None), None)
    size = result.params.get("size_b")
    if chosen is None or not isinstance(size, float | int):
        return
    at, style = size * 1e9, look.SERIES["data"]
    row = {"value": chosen.value, "low": chosen.low, "high": chosen.high}
    if chosen.low is not None and chosen.high is not None:
        figure.add_trace(
            go.Scatter(
                x=gaps([at], [at]),
                y=gaps([chosen.low], [chosen.high]),
                mode="lines",
                line=style.line(theme),
                showlegend=False,
                name="its interval",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=[at],
            y=[chosen.value],
            mode="markers",
            marker=style.marker(theme),
            name=f"h_c {chosen.label}",
            hovertext=[hover(f"h_c {chosen.label}", estimate_text(row, "value", "%"), f"n = {chosen.n}")],
            hovertemplate=HOVER,
        )
    )


def _n_c_note(result: Result) -> str:
    found = next((e for e in result.estimates if e.symbol == "N_c"), None)
    if found is None:
        return ""
    row = {"value": found.value, "low": found.low, "high": found.high}
    return f"N_c {found.label}: {estimate_text(row, 'value', 'B')}, n = {found.n}. The exponent is assumed, not fitted."
