"""Heads inside models: shares of models by instrument, heads of every model, means by family, cosines of heads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, size_text, wrapped
from cape.quantities import Result
from cape.stats.heads import COMPETING_BELOW, COOPERATIVE_ABOVE

EMPTY = "No heads are measured in this selection."
KIND_STYLES = {
    "printed": look.SERIES["paper"],
    "as the paper counts": look.SERIES["compared"],
    "one instrument": look.SERIES["data"],
    "measured here": look.SERIES["population"],
    "alarmed rows left out": look.Style(light=look.GREY, dark=look.GREY, symbol="circle-open", size=9),
}
PARTS = (
    ("cooperative_pct", "cooperative", look.Style(light=look.BLUE, dark=look.SKY)),
    ("other_pct", "neither", look.Style(light=look.GREY, dark=look.GREY, pattern=".")),
    ("competing_pct", "competing", look.Style(light=look.VERMILLION, dark=look.VERMILLION, pattern="/")),
)
FAMILY_COLUMNS = (
    ("cooperative_pct", "Cooperative (% of heads)"),
    ("competing_pct", "Competing (% of heads)"),
    ("net", "Net coupling (cosine)"),
)
ROW_PX, TITLE_PX, FRAME_PX = 22, 46, 110
LABEL_COLUMNS = 34


def share_forest(result: Result, theme: str) -> go.Figure:
    """Return the share of models that meet the criterion by scope, with Wilson intervals."""
    held = result.table("shares").frame.to_dicts()
    rows = [row for row in held if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    lacking = ", ".join(str(row["label"]) for row in held if row["value"] is None and row["label"])
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    labels = [f"{row['label']} ({row['k']}\u00a0of\u00a0{row['n']})" for row in shown]
    criterion = str(result.params.get("criterion", "meet the criterion"))
    figure = look.new_figure(
        theme, x_title=f"Models with {criterion} (%)", y_title="", height=look.height_for_rows(labels, px_per_row=34)
    )
    look.row_axis(figure, labels)
    figure.update_xaxes(range=[-3, 103])
    for kind, style in KIND_STYLES.items():
        mine = [row for row in shown if row["kind"] == kind]
        add_forest(figure, mine, style=style, theme=theme, name=kind, text=_share_hover)
    look.note(
        figure,
        theme,
        "Bars: Wilson 95%, models taken as independent; n and families in the table. Rows of different instruments "
        "measure different things and are not to be compared.",
        f"Not drawn, as no model is left: {lacking}." if lacking else "",
    )
    return figure


def _share_hover(row: Row) -> str:
    families = f"{row['n_free_families']} of {row['n_families']} families as a whole" if row["n_families"] else ""
    exceptions = f"exceptions: {row['exceptions']}" if row["exceptions"] else ""
    return hover(
        str(row["label"]), estimate_text(row, "value", "%"), f"n = {counted(row['n'], 'model')}", families, exceptions
    )


def model_bars(result: Result, theme: str) -> go.Figure:
    """Return one stacked bar per measured model, in one plot per instrument."""
    rows = [
        row
        for row in result.table("models").frame.to_dicts()
        if any(row[column] is not None for column in ("cooperative_pct", "competing_pct"))
    ]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    groups = [(name, list(held)) for name, held in groupby(rows, key=lambda row: row["measured_by"])]
    figure = _stack(theme, [(str(name), len(held)) for name, held in groups])
    for line, (_, held) in enumerate(groups, start=1):
        names = [_bar_name(row) for row in held]
        for column, what, style in PARTS:
            figure.add_trace(
                go.Bar(
                    x=[row[column] for row in held],
                    y=names,
                    orientation="h",
                    name=what,
                    legendgroup=what,
                    showlegend=line == 1,
                    marker={
                        "color": style.colour(theme),
                        "pattern": {
                            "shape": style.pattern,
                            "fillmode": "overlay",
                            "fgcolor": look.INK[theme].ground,
                            "fgopacity": 0.6,
                            "size": 5,
                        },
                        "line": {"width": 0},
                    },
                    hovertext=[_model_hover(row) for row in held],
                    hovertemplate=HOVER,
                ),
                row=line,
                col=1,
            )
        figure.update_yaxes(autorange="reversed", tickfont={"size": look.SMALL_SIZE}, showgrid=False, row=line, col=1)
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_xaxes(range=[0, 100])
    figure.update_xaxes(title_text="Heads (% of the heads of the model)", row=len(groups), col=1)
    lacking = sum(row["cooperative_pct"] is None for row in rows)
    look.note(
        figure,
        theme,
        "Every head of a model is counted, so a bar has no sampling interval; prompts were not resampled. "
        "Star: an alarm strikes the model's values.",
        f"{counted(lacking, 'row')} without a cooperative share: only competing heads were counted." if lacking else "",
    )
    return figure


def _stack(theme: str, groups: Sequence[tuple[str, int]]) -> go.Figure:
    """Return one plot per group under one another, each as tall as its rows need."""
    heights = [ROW_PX * n + 10 for _, n in groups]
    height = FRAME_PX + sum(heights) + TITLE_PX * len(groups)
    inner = sum(heights) + TITLE_PX * (len(groups) - 1)
    figure = make_subplots(
        rows=len(groups),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=TITLE_PX / inner if len(groups) > 1 else 0,
        subplot_titles=[wrapped(name, 90) for name, _ in groups],
    )
    figure.update_annotations(font={"size": look.SMALL_SIZE, "color": look.INK[theme].muted})
    figure.update_layout(
        template=look.TEMPLATES[theme], height=height, margin={**look.MARGIN, "t": look.MARGIN["t"] + TITLE_PX}
    )
    figure.update_layout(legend={"y": 1 + 24 / inner})
    return figure


def _bar_name(row: Row) -> str:
    star = " *" if row["alarms"] else ""
    return f"{plain(row['label'])}{star}"


def _model_hover(row: Row) -> str:
    size = "" if row["params_b"] is None else size_text(row["params_b"] * 1e9)
    n = f"{number_text(row['n_competing'])} of {number_text(row['n_heads'])} heads compete ({row['n_heads_is']})"
    return hover(
        f"{row['label']}, {row['family']} {size}",
        f"cooperative {number_text(row['cooperative_pct'], '%')}, competing {number_text(row['competing_pct'], '%')}",
        n,
        f"net coupling {number_text(row['net'])}",
        str(row["measured_by"]),
        f"alarm: {row['alarms']}" if row["alarms"] else "",
    )


def family_forest(result: Result, theme: str) -> go.Figure:
    """Return means by family and instrument in three plots that share their rows."""
    rows = result.table("families").frame.to_dicts()
    if not any(row[column] is not None for row in rows for column, _ in FAMILY_COLUMNS):
        return look.empty_figure(theme, EMPTY)
    labels = [f"{row['label']} (n\u00a0=\u00a0{row['n']})" for row in rows]
    figure = make_subplots(rows=1, cols=len(FAMILY_COLUMNS), shared_yaxes=True, horizontal_spacing=0.03)
    height = look.height_for_rows(labels, columns=LABEL_COLUMNS, px_per_row=30)
    figure.update_layout(template=look.TEMPLATES[theme], height=height, margin=dict(look.MARGIN), showlegend=False)
    style = look.SERIES["data"]
    for place, (column, title) in enumerate(FAMILY_COLUMNS, start=1):
        shown = [{**row, "y": line} for line, row in enumerate(rows) if row[column] is not None]
        figure.add_trace(
            go.Scatter(
                x=[row[column] for row in shown],
                y=[row["y"] for row in shown],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(shown, column, f"{column}_low", f"{column}_high", colour=style.colour(theme)),
                name=title,
                hovertext=[_family_hover(row, column, title) for row in shown],
                hovertemplate=HOVER,
            ),
            row=1,
            col=place,
        )
        figure.update_xaxes(title_text=title, row=1, col=place)
    look.row_axis(figure, labels, columns=LABEL_COLUMNS)
    look.note(
        figure,
        theme,
        "Bars reach from the lowest to the highest model of a family: no confidence interval. n counts models.",
    )
    return figure


def _family_hover(row: Row, column: str, title: str) -> str:
    ends = f"{number_text(row[f'{column}_low'])} to {number_text(row[f'{column}_high'])}"
    return hover(str(row["label"]), f"{title}: {number_text(row[column])}, models {ends}", f"n = {row['n']} models")


def head_histograms(result: Result, theme: str) -> go.Figure:
    """Return the share of heads by cosine, one line per model and kind of prompts, with the thresholds."""
    rows = [row for row in result.table("cosines").frame.to_dicts() if row["share_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, "No head is known one by one, nor in bins, in this selection.")
    figure = look.new_figure(
        theme, x_title="Cosine of reasoning and truthfulness vectors of a head", y_title="Heads (% per bin)"
    )
    groups = [list(held) for _, held in groupby(rows, key=lambda row: (row["label"], row["what"]))]
    labels = list(dict.fromkeys(row["label"] for row in rows))
    for held in groups:
        is_null = held[0]["what"] != "heads"
        style = look.FAMILY_STYLES[labels.index(held[0]["label"]) % len(look.FAMILY_STYLES)]
        figure.add_trace(
            go.Scatter(
                x=[row["low"] for row in held] + [held[-1]["high"]],
                y=[row["share_pct"] for row in held] + [held[-1]["share_pct"]],
                mode="lines",
                line={"shape": "hv", "color": style.colour(theme), "dash": "dot" if is_null else "solid", "width": 2},
                name=f"{plain(held[0]['label'])}{', prompts shuffled' if is_null else ''} (n = {held[0]['n']} heads)",
                showlegend=True,
                hovertext=[_bin_hover(row) for row in (*held, held[-1])],
                hovertemplate=HOVER,
            )
        )
    muted = {"color": look.INK[theme].muted, "width": 1.2, "dash": "dot"}
    for threshold, name in ((COMPETING_BELOW, "competing below"), (0.0, ""), (COOPERATIVE_ABOVE, "cooperative above")):
        figure.add_vline(x=threshold, line=muted, annotation_text=name, layer="below")
    figure.update_xaxes(range=[-1.02, 1.02])
    has_null = any(row["what"] != "heads" for row in rows)
    look.note(
        figure,
        theme,
        "Every head of a model is counted; no interval."
        if has_null
        else "Every head of a model is counted; no interval. "
        "No null was recorded: rows measured here carry one with shuffled prompts.",
    )
    return figure


def _bin_hover(row: Row) -> str:
    return hover(
        f"{row['label']}, {row['what']}",
        f"cosine {row['low']:.2f} to {row['high']:.2f}: {number_text(row['count'])} of {row['n']} heads, "
        f"{number_text(row['share_pct'], '%')}",
        str(row["measured_by"]),
    )
