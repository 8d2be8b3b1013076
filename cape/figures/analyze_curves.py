"""One model on every chart of its panel: chance of each phase, gamma, both scores, and the second score by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._labels import add_names
from cape.figures._marks import Row, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, size_text
from cape.quantities import Phase, Result

THIS = replace(look.SERIES["resolved"], symbol="star", size=19)
NEAR = replace(look.SERIES["population"], symbol="square-open", size=13)
TRANSITION_WIDTH = 0.1  # |gamma_12| below this is transition; paper A.1
GAMMA = ("gamma", "gamma_low", "gamma_high")
PHASES = (Phase.TAX, Phase.TRANSITION, Phase.BONUS)
TITLES = {"parameters": "Size", "tokens": "Training tokens"}
THIS_NAME = "this model"


def chances_by_place(result: Result, theme: str) -> go.Figure:
    """Return P(gamma > 0) with its band, the chances of the three phases, and this model (paper A.1)."""
    table = result.table("chances")
    rows = [row for row in table.frame.to_dicts() if row["positive"] is not None]
    if not rows:
        return look.empty_figure(theme, "No curve of chances: see the estimates for the phase and why.")
    figure = look.new_figure(theme, x_title="", y_title="Chance (share of intervals)")
    here = result.table("here").frame.to_dicts()[:1]
    unit = table.units.get("place", "parameters")
    if unit == "%":
        figure.update_xaxes(title_text=look.score_title(str(result.params.get("x") or "first benchmark")))
    else:
        look.size_axis(figure, [row["place"] for row in rows], title=TITLES.get(unit, "Size"), unit=unit)
    figure.update_yaxes(range=[-0.03, 1.03])
    _add_band(figure, rows, theme, at="place", style=look.SERIES["population"], name="95% band of P(gamma > 0)")
    _add_line(
        figure, rows, at="place", value="positive", line=look.SERIES["population"].line(theme), name="P(gamma > 0)"
    )
    for phase in PHASES:
        line = look.PHASE_STYLES[phase].line(theme, width=1.6)
        _add_line(figure, rows, at="place", value=str(phase), line=line, name=f"P({phase})")
    for row in here:
        _add_here(figure, theme, row["place"], row, "positive", words="P(gamma > 0)")
    look.note(figure, theme, _n_text(rows))
    return figure


def _n_text(rows: Sequence[Row]) -> str:
    return f"Curve and band: n = {rows[0]['n']} families, resampled whole." if rows else ""


def gamma_at_size(result: Result, theme: str) -> go.Figure:
    """Return gamma of every interval, the local line with its band, the paper's N_c, and this model's size."""
    rows = result.table("intervals").frame.to_dicts()
    if not any(row["gamma"] is not None for row in rows):
        return look.empty_figure(theme, "No interval of this selection has a gamma.")
    x, y = _pair(result)
    figure = look.new_figure(theme, x_title="", y_title=f"gamma_12 (pp of {plain(y)}<br>per pp of {plain(x)})")
    here = result.table("here").frame.to_dicts()[:1]
    places = [row["position_mid"] for row in rows] + [row["position"] for row in here]
    look.size_axis(figure, places, title="Geometric mean size of the interval")
    view = robust_view(
        [row[name] for row in rows for name in GAMMA], always=(-2 * TRANSITION_WIDTH, 2 * TRANSITION_WIDTH)
    )
    figure.update_yaxes(range=list(view), zeroline=True)
    for threshold in (-TRANSITION_WIDTH, TRANSITION_WIDTH):
        figure.add_hline(y=threshold, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    _add_paper_scale(figure, here, theme, view)
    curve = [row for row in result.table("gamma_curve").frame.to_dicts() if row["gamma"] is not None]
    style = look.SERIES["population"]
    _add_band(figure, curve, theme, at="position", style=style, name="95% band of the local line")
    _add_line(figure, curve, at="position", value="gamma", line=style.line(theme), name="local line")
    _add_intervals(figure, rows, theme)
    for row in here:
        _add_here(figure, theme, row["position"], row, "gamma", words="gamma")
    look.note(figure, theme, _n_text(curve), outside_text(rows, view, what="interval", columns=GAMMA))
    return figure


def position_plane(result: Result, theme: str) -> go.Figure:
    """Return both scores of every model, the isocline, and this model (paper Fig. 1, A.7)."""
    rows = [r for r in result.table("points").frame.to_dicts() if r["x_pct"] is not None and r["y_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, "No model in this selection has both scores.")
    x, y = _pair(result)
    figure = look.new_figure(theme, x_title=look.score_title(x), y_title=look.score_title(y), height=500)
    curve = result.table("isocline").frame.to_dicts()
    name = f"isocline, k of {result.params.get('reference') or 'the reference'}"
    _add_line(figure, curve, at="x_pct", value="y_pct", line=look.SERIES["paper"].line(theme), name=name)
    _add_models(figure, rows, theme, at="x_pct")
    missing = not any(row["role"] == THIS_NAME for row in rows)
    look.note(figure, theme, "This model lacks a score of the pair and is not drawn." if missing else "")
    return figure


def score_by_size(result: Result, theme: str) -> go.Figure:
    """Return the second score by size, the curve U(N) that h(D) is measured from, and this model."""
    rows = [r for r in result.table("points").frame.to_dicts() if r["position"] is not None and r["y_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, "No model in this selection has a public size and the second score.")
    _, y = _pair(result)
    figure = look.new_figure(theme, x_title="", y_title=look.score_title(y))
    look.size_axis(figure, [row["position"] for row in rows], title="Size")
    curve = [row for row in result.table("score_curve").frame.to_dicts() if row["score_pct"] is not None]
    style = look.SERIES["population"]
    _add_band(figure, curve, theme, at="position", style=style, name="95% band of U(N)")
    _add_line(figure, curve, at="position", value="score_pct", line=style.line(theme), name="U(N)")
    _add_models(figure, rows, theme, at="position")
    missing = not any(row["role"] == THIS_NAME for row in rows)
    lacking = "This model lacks a size or the second score and is not drawn." if missing else ""
    look.note(figure, theme, _n_text(curve), lacking)
    return figure


def _pair(result: Result) -> tuple[str, str]:
    return str(result.params.get("x") or "first benchmark"), str(result.params.get("y") or "second benchmark")


def _add_band(figure: go.Figure, rows: Sequence[Row], theme: str, *, at: str, style: look.Style, name: str) -> None:
    held = [row for row in rows if row["low"] is not None and row["high"] is not None]
    if not held:
        return
    figure.add_trace(
        go.Scatter(
            x=[row[at] for row in [*held, *reversed(held)]],
            y=[row["high"] for row in held] + [row["low"] for row in reversed(held)],
            mode="lines",
            fill="toself",
            fillcolor=look.faded(style.colour(theme), 0.16),
            line={"width": 0},
            name=name,
            hoverinfo="skip",
        )
    )


def _add_line(figure: go.Figure, rows: Sequence[Row], *, at: str, value: str, line: dict, name: str) -> None:
    drawn = [row for row in rows if row[value] is not None]
    if not drawn:
        return
    figure.add_trace(
        go.Scatter(
            x=[row[at] for row in drawn],
            y=[row[value] for row in drawn],
            mode="lines",
            line=line,
            name=name,
            hovertext=[hover(name, number_text(row[value])) for row in drawn],
            hovertemplate=HOVER,
        )
    )


def _add_intervals(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    defined = [row for row in rows if row["gamma"] is not None]
    style = look.SERIES["data"]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [None if r["gamma_high"] is None else r["gamma_high"] - r["gamma"] for r in defined],
        "arrayminus": [None if r["gamma_low"] is None else r["gamma"] - r["gamma_low"] for r in defined],
        "color": look.faded(style.colour(theme), 0.3),
        "thickness": 1,
        "width": 0,
    }
    figure.add_trace(
        go.Scatter(
            x=[row["position_mid"] for row in defined],
            y=[row["gamma"] for row in defined],
            mode="markers",
            marker={**style.marker(theme), "size": 7},
            error_y=bars,
            name=counted(len(defined), "interval"),
            hovertext=[
                hover(str(row["label"]), f"gamma {estimate_text(row, 'gamma')}", "n = 2 models") for row in defined
            ],
            hovertemplate=HOVER,
        )
    )


def _add_paper_scale(figure: go.Figure, here: Sequence[Row], theme: str, view: tuple[float, float]) -> None:
    row = here[0] if here else None
    if row is None or row["paper_n_c_value"] is None:
        return
    style = look.SERIES["paper"]
    if row["paper_n_c_low"] is not None and row["paper_n_c_high"] is not None:
        figure.add_vrect(
            x0=row["paper_n_c_low"],
            x1=row["paper_n_c_high"],
            fillcolor=look.faded(style.colour(theme), 0.1),
            line_width=0,
            layer="below",
        )
    figure.add_trace(
        go.Scatter(
            x=[row["paper_n_c_value"]] * 2,
            y=list(view),
            mode="lines",
            line=style.line(theme),
            name="N_c in paper mode",
            hovertext=[hover("N_c in paper mode", size_text(row["paper_n_c_value"]))] * 2,
            hovertemplate=HOVER,
        )
    )


def _add_here(figure: go.Figure, theme: str, place: float | None, row: Row, value: str, *, words: str) -> None:
    """Draw this model with the interval of its value; a dotted line where only its place is known."""
    if place is None:
        return
    if row[value] is None:
        figure.add_vline(x=place, line={"color": THIS.colour(theme), "width": 1.5, "dash": "dot"})
        return
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [None if row[f"{value}_high"] is None else row[f"{value}_high"] - row[value]],
        "arrayminus": [None if row[f"{value}_low"] is None else row[value] - row[f"{value}_low"]],
        "color": THIS.colour(theme),
        "thickness": 2,
        "width": 5,
    }
    figure.add_trace(
        go.Scatter(
            x=[place],
            y=[row[value]],
            mode="markers",
            marker=THIS.marker(theme),
            error_y=bars,
            name=THIS_NAME,
            hovertext=[hover(THIS_NAME, f"{words} {estimate_text(row, value)}" if value == "gamma" else words)],
            hovertemplate=HOVER,
        )
    )


def _add_models(figure: go.Figure, rows: Sequence[Row], theme: str, *, at: str) -> None:
    """Draw the others, those near by size or scores with their names, and this model with its standard errors."""
    styles = {"other": look.SERIES["data"], "near by size": NEAR, "near by score profile": NEAR, THIS_NAME: THIS}
    for role, style in styles.items():
        chosen = [row for row in rows if row["role"] == role]
        if not chosen:
            continue
        is_this = role == THIS_NAME
        symbol = "circle-open" if role == "near by score profile" else style.symbol
        bars = {"color": style.colour(theme), "thickness": 1.6, "width": 0, "type": "data"}
        figure.add_trace(
            go.Scatter(
                x=[row[at] for row in chosen],
                y=[row["y_pct"] for row in chosen],
                mode="markers",
                marker={**style.marker(theme), "symbol": symbol},
                error_y={**bars, "array": [row.get("y_se_pct") for row in chosen]} if is_this else None,
                error_x={**bars, "array": [row.get("x_se_pct") for row in chosen]}
                if is_this and at == "x_pct"
                else None,
                name=f"{role} ({counted(len(chosen), 'model')})",
                hovertext=[_model_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    named = [row for row in rows if row["role"] in (THIS_NAME, "near by score profile")]
    if named:
        add_names(figure, theme, [(row["model_id"], _place(row, at)) for row in named], [_place(r, at) for r in rows])


def _place(row: Row, at: str) -> tuple[float, float]:
    """Return where a model stands on the axes as plotly counts their ranges."""
    return (look.log10_of([row[at]])[0] if at == "position" else row[at]), row["y_pct"]


def _model_text(row: Row) -> str:
    return hover(
        f"{row['model_id']}, {row['family']}",
        size_text(row["position"]),
        f"scores {number_text(row['x_pct'], '%')} and {number_text(row['y_pct'], '%')}",
        "n = 1 model",
    )
