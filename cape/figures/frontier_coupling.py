"""Frontier models in the plane of two benchmarks, r by subset, slopes, and each lab predicted by the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._lab_styles import lab_styles
from cape.figures._labels import add_names
from cape.figures._marks import Row, add_forest, gaps
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text
from cape.quantities import Result

YOURS = replace(look.SERIES["resolved"], symbol="star", size=19)
FROZEN = replace(look.SERIES["paper"], symbol="circle")
HEIGHT = 620
MOST_LABELS = 60
NAME_ROOM = 0.16  # share of the height kept free on top for names that were moved up


def frontier_plane(result: Result, theme: str) -> go.Figure:
    """Return models by lab with standard errors, both lines, trajectories by date and the user's model."""
    rows = result.table("points").frame.to_dicts()
    rows = [row for row in rows if row["x_pct"] is not None and row["y_pct"] is not None]
    star = [row for row in result.table("star").frame.to_dicts() if row["x_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, "No model of these rows lies in the view.")
    x, y = (str(result.params.get(name) or name) for name in ("benchmark_x", "benchmark_y"))
    figure = look.new_figure(theme, x_title=look.score_title(x), y_title=look.score_title(y), height=HEIGHT)
    _add_lines(figure, result.table("lines").frame.to_dicts(), theme)
    _add_trajectories(figure, result.table("trajectories").frame.to_dicts(), rows, theme)
    _add_models(figure, rows, theme)
    add_star(figure, star, theme, texts=[_star_text(row) for row in star])
    named = [(str(row["label"]), (row["x_pct"], row["y_pct"])) for row in rows if row["label"]][:MOST_LABELS]
    left_out = 0
    if named:
        left_out = add_names(figure, theme, named, [(row["x_pct"], row["y_pct"]) for row in [*rows, *star]])
        low, high = figure.layout.yaxis.range
        figure.update_yaxes(range=[low, high + NAME_ROOM * (high - low)])
    look.note(
        figure,
        theme,
        f"n = {counted(len(rows), 'model')} in view. Bars: one binomial standard error. Band: 95% of lines with labs "
        "resampled. Thin lines join releases of one lab and tier in order of date."
        + (f" {counted(left_out, 'name')} without room: zoom, or point at the marker." if left_out else ""),
    )
    return figure


def _add_models(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    styles = lab_styles([row["lab"] for row in rows])
    for name, style in dict.fromkeys(styles.values()):
        chosen = [row for row in rows if styles[row["lab"]][0] == name]
        bars = {"type": "data", "color": look.faded(style.colour(theme), 0.3), "thickness": 1, "width": 0}
        figure.add_trace(
            go.Scatter(
                x=[row["x_pct"] for row in chosen],
                y=[row["y_pct"] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                error_x={**bars, "array": [row["x_se_pct"] for row in chosen]},
                error_y={**bars, "array": [row["y_se_pct"] for row in chosen]},
                name=f"{name} ({len(chosen)})",
                hovertext=[_model_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )


def _model_text(row: Row) -> str:
    compute = f", {row['compute_tier']} compute" if row["compute_tier"] else ""
    copied = f"same scores as {row['same_scores_as']}" if row["same_scores_as"] else ""
    return hover(
        f"{row['display_name']}, {row['lab']}",
        f"released {row['release_date'] or 'at an unknown date'}, tier {row['tier']}{compute}",
        f"scores {number_text(row['x_pct'], '%')} and {number_text(row['y_pct'], '%')}",
        copied,
        f"source {row['source_id']}, n = 1 model",
    )


def _add_lines(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    band = [row for row in rows if row["refit_low"] is not None and row["refit_high"] is not None]
    style = look.SERIES["population"]
    if band:
        figure.add_trace(
            go.Scatter(
                x=[row["x_pct"] for row in [*band, *reversed(band)]],
                y=[row["refit_high"] for row in band] + [row["refit_low"] for row in reversed(band)],
                mode="lines",
                fill="toself",
                fillcolor=look.faded(style.colour(theme), 0.12),
                line={"width": 0},
                name="95% band, labs resampled",
                hoverinfo="skip",
            )
        )
    add_line(figure, rows, "refit", theme)
    add_line(figure, rows, "frozen", theme)


def add_line(figure: go.Figure, rows: Sequence[Row], column: str, theme: str) -> None:
    """Draw the refit or the frozen line where the table holds it."""
    drawn = [row for row in rows if row[column] is not None]
    if not drawn:
        return
    style, name = (FROZEN, "line as printed") if column == "frozen" else (look.SERIES["population"], "refit line")
    figure.add_trace(
        go.Scatter(
            x=[row["x_pct"] for row in drawn],
            y=[row[column] for row in drawn],
            mode="lines",
            line=style.line(theme),
            name=name,
            hovertext=[f"{name}: {row[column]:.3g} % at {row['x_pct']:.3g} %" for row in drawn],
            hovertemplate=HOVER,
        )
    )


def _add_trajectories(figure: go.Figure, steps: Sequence[Row], rows: Sequence[Row], theme: str) -> None:
    styles = lab_styles([row["lab"] for row in rows])
    steps = [step for step in steps if step["x_from_pct"] is not None and step["lab"] in styles]
    for name, style in dict.fromkeys(styles[step["lab"]] for step in steps):
        chosen = [step for step in steps if styles[step["lab"]][0] == name]
        figure.add_trace(
            go.Scatter(
                x=gaps(*([step[f"x_{end}_pct"] for step in chosen] for end in ("from", "to"))),
                y=gaps(*([step[f"y_{end}_pct"] for step in chosen] for end in ("from", "to"))),
                mode="lines",
                line={"color": look.faded(style.colour(theme), 0.55), "width": 1.3},
                name=f"{name}, by date",
                showlegend=False,
                hoverinfo="skip",
            )
        )


def add_star(figure: go.Figure, rows: Sequence[Row], theme: str, *, texts: Sequence[str]) -> None:
    """Draw the user's model; rows hold x_pct and y_pct."""
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["x_pct"] for row in rows],
            y=[row["y_pct"] for row in rows],
            mode="markers",
            marker=YOURS.marker(theme),
            name="your model",
            hovertext=list(texts),
            hovertemplate=HOVER,
        )
    )


def _star_text(row: Row) -> str:
    return hover(
        "your model",
        f"scores {number_text(row['x_pct'], '%')} and {number_text(row['y_pct'], '%')}",
        f"{number_text(row['off_refit_pp'], 'pp')} from the refit line",
        f"{number_text(row['off_frozen_pp'], 'pp')} from the line as printed",
        "n = 1 model",
    )


def subset_rows_figure(result: Result, theme: str) -> go.Figure:
    """Return r of every subset with labs resampled."""
    rows = [row for row in result.table("subsets").frame.to_dicts() if row["symbol"] == "r"]
    figure = forest(rows, theme, x_title="Pearson r (no unit)", empty="No subset has enough models.", zero=True)
    if figure.data:
        figure.update_xaxes(range=[-1.05, 1.05])
    return figure


def slope_rows(result: Result, theme: str) -> go.Figure:
    """Return slopes pooled, within and between labs, and of each lab."""
    rows = result.table("slopes").frame.to_dicts()
    return forest(rows, theme, x_title="Slope (pp per pp)", empty="No slope is defined.", zero=True)


def forest(rows: Sequence[Row], theme: str, *, x_title: str, empty: str, zero: bool) -> go.Figure:
    """Return one row per estimate (label, value, low, high, n); undefined ones are named below."""
    found = [row for row in rows if row["value"] is not None]
    if not found:
        return look.empty_figure(theme, empty)
    labels = [f"{row['label']} (n = {row['n']})" for row in found]
    figure = look.new_figure(theme, x_title=x_title, y_title="", height=look.height_for_rows(labels))
    look.row_axis(figure, labels)
    drawn = [{**row, "y": line} for line, row in enumerate(found)]
    add_forest(figure, drawn, style=look.SERIES["data"], theme=theme, name="estimate, 95% interval", text=_row_text)
    if zero:
        figure.add_vline(x=0, line={"color": look.INK[theme].line, "width": 1, "dash": "dot"}, layer="below")
    lost = [str(row["label"]) for row in rows if row["value"] is None]
    look.note(figure, theme, f"Undefined and not drawn: {'; '.join(lost)}." if lost else "")
    return figure


def _row_text(row: Row) -> str:
    return hover(str(row["label"]), estimate_text(row, "value"), f"n = {row['n']}")


def left_out_errors(result: Result, theme: str) -> go.Figure:
    """Return the error of each lab under the line of the other labs and under their mean."""
    rows = [row for row in result.table("left_out").frame.to_dicts() if row["error_mean_pp"] is not None]
    if not rows:
        return look.empty_figure(theme, "No lab can be left out: there is one lab only.")
    rows = sorted(rows, key=lambda row: (-row["n_models"], row["lab"]))
    labels = [f"{row['lab']} (n = {counted(row['n_models'], 'model')})" for row in rows]
    figure = look.new_figure(
        theme, x_title="Mean absolute error (pp)", y_title="", height=look.height_for_rows(labels, px_per_row=30)
    )
    look.row_axis(figure, labels)
    marks = (
        ("error_line_pp", "line of the other labs", look.SERIES["data"], -0.14),
        ("error_mean_pp", "mean of the other labs", look.SERIES["compared"], 0.14),
    )
    for column, name, style, shift in marks:
        places = [(line, row) for line, row in enumerate(rows) if row[column] is not None]
        figure.add_trace(
            go.Scatter(
                x=[row[column] for _, row in places],
                y=[line + shift for line, _ in places],
                mode="markers",
                marker={**style.marker(theme), "symbol": "diamond" if shift > 0 else style.symbol},
                name=name,
                hovertext=[
                    hover(str(row["lab"]), f"{name}: {number_text(row[column], 'pp')}", f"n = {row['n_models']}")
                    for _, row in places
                ],
                hovertemplate=HOVER,
            )
        )
    figure.update_xaxes(rangemode="tozero")
    look.note(figure, theme, "No intervals: each point is the error of one lab. Means over labs with intervals below.")
    return figure
