"""h of models and labs about the frontier line, the calculator's plane, steps between releases, and tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._lab_styles import lab_styles
from cape.figures._marks import Row, interval_bars, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text
from cape.figures.frontier_coupling import add_line, add_star, forest
from cape.quantities import Result

REGIME_PP = 10.0  # |h| of the cooperative regime, DEFINITIONS section 2; here only an axis mark
REFIT, FROZEN = look.SERIES["data"], replace(look.SERIES["paper"], symbol="diamond-open", size=9)
LEGEND = (("refit", "about the line of the others, 95%", REFIT), ("frozen", "about the line as printed", FROZEN))


def calculator_plane(result: Result, theme: str) -> go.Figure:
    """Return models, both lines, and the user's model as a star."""
    rows = [row for row in result.table("models").frame.to_dicts() if row["x_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, "No frontier model has both scores.")
    figure = look.new_figure(
        theme, x_title=look.score_title("swe_bench_verified"), y_title=look.score_title("gpqa_diamond"), height=520
    )
    lines = result.table("lines").frame.to_dicts()
    for column in ("refit", "frozen"):
        add_line(figure, lines, column, theme)
    styles = lab_styles([row["lab"] for row in rows])
    for name, style in dict.fromkeys(styles.values()):
        chosen = [row for row in rows if styles[row["lab"]][0] == name]
        figure.add_trace(
            go.Scatter(
                x=[row["x_pct"] for row in chosen],
                y=[row["y_pct"] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                name=f"{name} ({len(chosen)})",
                hovertext=[_model_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    yours = [row for row in result.table("yours").frame.to_dicts() if row["swe_pct"] is not None]
    star = [{**row, "x_pct": row["swe_pct"], "y_pct": row["gpqa_pct"]} for row in yours if row["gpqa_pct"] is not None]
    add_star(figure, star, theme, texts=[_star_text(row) for row in star])
    look.note(
        figure,
        theme,
        f"n = {counted(len(rows), 'model')}. h is the height above a line, in percentage points.",
        "" if star else "Your model is drawn once both of its scores are given.",
    )
    return figure


def _model_text(row: Row) -> str:
    return hover(
        f"{row['model_id']}, {row['lab']}",
        f"scores {number_text(row['x_pct'], '%')} and {number_text(row['y_pct'], '%')}",
        f"h refit {estimate_text(row, 'h_refit', 'pp')}",
        f"h frozen {number_text(row.get('h_frozen'), 'pp')}",
        "n = 1 model",
    )


def _star_text(row: Row) -> str:
    return hover(
        "your model",
        f"h refit {estimate_text(row, 'h_refit', 'pp')}",
        f"h frozen {number_text(row['h_frozen'], 'pp')}",
        f"regime {row['regime']}",
        "n = 1 model",
    )


def h_by_lab(result: Result, theme: str) -> go.Figure:
    """Return the mean h of every lab about both lines, with number of models and confidence class."""
    rows = [row for row in result.table("labs").frame.to_dicts() if row["mean_h"] is not None]
    if not rows:
        return look.empty_figure(theme, "No lab has a mean h.")
    refit = {row["lab"]: row for row in rows if row["line"] == "refit"}
    order = sorted({row["lab"] for row in rows}, key=lambda lab: (-refit.get(lab, {}).get("mean_h", 0.0), lab))
    labels = [_lab_label(lab, refit.get(lab)) for lab in order]
    drawn = [
        {**row, "y": order.index(row["lab"]), "value": row["mean_h"], "n": row["n_models"], "label": row["lab"]}
        for row in rows
    ]
    figure = _h_rows(drawn, labels, theme, px_per_row=32)
    ends = [row[name] for row in drawn for name in ("value", "low", "high")]
    view = robust_view(ends, always=(-REGIME_PP, REGIME_PP, *(row["value"] for row in drawn)))
    figure.update_xaxes(range=list(view))
    look.note(
        figure,
        theme,
        "Shaded: cooperative regime. Bars: 95% t interval over the lab's releases.",
        outside_text(drawn, view, what="mean", columns=("value", "low", "high")),
    )
    return figure


def _lab_label(lab: str, row: Row | None) -> str:
    return lab if row is None else f"{lab} (n = {row['n_models']}, confidence {row['confidence']})"


def h_by_model(result: Result, theme: str) -> go.Figure:
    """Return h of every model about the line of the others with its interval, and about the printed line."""
    rows = result.table("models").frame.to_dicts()
    held = [row for row in rows if row["h_refit"] is not None or row.get("h_frozen") is not None]
    if not held:
        return look.empty_figure(theme, "No model has an h.")
    held = sorted(held, key=lambda row: (row["lab"], row["release_date"] or "", row["model_id"]))
    labels = [f"{row['lab']}: {row['model_id']}" for row in held]
    drawn = []
    for line, column in (("refit", "h_refit"), ("frozen", "h_frozen")):
        drawn += [
            {
                "line": line,
                "y": place,
                "label": row["model_id"],
                "value": row[column],
                "low": row[f"{column}_low"] if line == "refit" else None,
                "high": row[f"{column}_high"] if line == "refit" else None,
                "n": 1,
            }
            for place, row in enumerate(held)
            if row.get(column) is not None
        ]
    figure = _h_rows(drawn, labels, theme, px_per_row=22)
    look.note(
        figure,
        theme,
        f"n = {counted(len(held), 'model')}, within a lab in order of date. Shaded: cooperative regime. Bars: labs "
        "resampled and both scores drawn from their errors.",
    )
    return figure


def _h_rows(rows: Sequence[Row], labels: Sequence[str], theme: str, *, px_per_row: int) -> go.Figure:
    figure = look.new_figure(
        theme, x_title="h (pp)", y_title="", height=look.height_for_rows(list(labels), px_per_row=px_per_row)
    )
    look.row_axis(figure, labels)
    figure.add_vrect(x0=-REGIME_PP, x1=REGIME_PP, fillcolor=look.INK[theme].other, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": look.INK[theme].line, "width": 1, "dash": "dot"}, layer="below")
    for line, name, style in LEGEND:
        chosen = [row for row in rows if row["line"] == line]
        if not chosen:
            continue
        shift = -0.12 if line == "refit" else 0.12
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in chosen],
                y=[row["y"] + shift for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(chosen, "value", "low", "high", colour=style.colour(theme)),
                name=name,
                hovertext=[
                    hover(f"{row['label']}, {name}", estimate_text(row, "value", "pp"), f"n = {row['n']}")
                    for row in chosen
                ],
                hovertemplate=HOVER,
            )
        )
    return figure


def release_steps(result: Result, theme: str) -> go.Figure:
    """Return gamma of every step with its interval where defined, and the plain ratio beside it."""
    rows = [row for row in result.table("steps").frame.to_dicts() if row["gamma_raw"] is not None]
    if not rows:
        return look.empty_figure(theme, "No step between releases has a ratio.")
    labels = [f"{row['model_from']} to {row['model_to']}" for row in rows]
    height = look.height_for_rows(labels, px_per_row=28)
    figure = look.new_figure(theme, x_title="gamma = dGPQA / dSWE (pp per pp)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.add_vline(x=0, line={"color": look.INK[theme].line, "width": 1, "dash": "dot"}, layer="below")
    placed = [{**row, "y": line} for line, row in enumerate(rows)]
    defined = [row for row in placed if row["gamma"] is not None]
    null = look.SERIES["null"]
    figure.add_trace(
        go.Scatter(
            x=[row["gamma_raw"] for row in placed],
            y=[row["y"] for row in placed],
            mode="markers",
            marker=null.marker(theme),
            name="plain ratio",
            hovertext=[_step_text(row) for row in placed],
            hovertemplate=HOVER,
        )
    )
    if defined:
        style = look.SERIES["data"]
        figure.add_trace(
            go.Scatter(
                x=[row["gamma"] for row in defined],
                y=[row["y"] for row in defined],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(defined, "gamma", "gamma_low", "gamma_high", colour=style.colour(theme)),
                name="gamma, Fieller 95%",
                hovertext=[_step_text(row) for row in defined],
                hovertemplate=HOVER,
            )
        )
    ends = [row[name] for row in defined for name in ("gamma", "gamma_low", "gamma_high")]
    view = robust_view([*ends, *(row["gamma_raw"] for row in placed)], always=(-1.0, 1.0))
    figure.update_xaxes(range=list(view))
    bare = [{**row, "no": None} for row in placed]
    look.note(
        figure,
        theme,
        f"gamma is defined for {len(defined)} of {counted(len(rows), 'step')} drawn; a lone tick is a ratio whose "
        "gamma is undefined (hover for the reason). n = 2 models each.",
        outside_text(bare, view, what="ratio", columns=("gamma_raw", "no", "no")),
    )
    return figure


def _step_text(row: Row) -> str:
    dates = f"{row['date_from'] or 'unknown'} to {row['date_to'] or 'unknown'}"
    reason = f"undefined: {row['undefined_reason']}" if row["undefined_reason"] else estimate_text(row, "gamma")
    return hover(
        f"{row['model_from']} to {row['model_to']}",
        f"{row['tier']}; {dates}",
        f"dSWE {number_text(row['delta_x_pp'], 'pp')}, dGPQA {number_text(row['delta_y_pp'], 'pp')}",
        f"ratio {number_text(row['gamma_raw'])}; gamma {reason}",
        "n = 2 models",
    )


def tier_rows(result: Result, theme: str) -> go.Figure:
    """Return the difference of h between tiers of one version."""
    rows = result.table("tiers").frame.to_dicts()
    return forest(
        rows, theme, x_title="Difference of h (pp)", empty="No version has two tiers among these rows.", zero=True
    )
