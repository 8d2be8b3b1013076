"""Heads inside models: shares of models by instrument, heads of every model, means by family, cosines of heads."""

from __future__ import annotations

from itertools import groupby

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._instruments import by_instrument, left_out, stacked_rows
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, size_text
from cape.quantities import Result

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
MOST_LINES = 6
DASHES = ("solid", "dash", "dot", "dashdot")
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
    groups, gone = by_instrument(rows)
    figure = stacked_rows(theme, groups)
    for line, (_, held) in enumerate(groups, start=1):
        for column, what, style in PARTS:
            figure.add_trace(
                go.Bar(
                    x=[row[column] for row in held],
                    y=list(range(len(held))),
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
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_xaxes(range=[0, 100])
    figure.update_xaxes(title_text="Heads (% of the heads of the model)", row=len(groups), col=1)
    lacking = sum(row["cooperative_pct"] is None for row in rows)
    look.note(
        figure,
        theme,
        "Every head of a model is counted, so a bar has no sampling interval. Star: an alarm strikes the "
        "model's values.",
        left_out(gone),
        f"{counted(lacking, 'row')} without a cooperative share: only competing heads were counted." if lacking else "",
    )
    return figure


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


def net_forest(result: Result, theme: str) -> go.Figure:
    """Return the net coupling of every measured model with its interval and its null, in one plot per instrument."""
    rows = [row for row in result.table("models").frame.to_dicts() if row["net"] is not None]
    if not rows:
        return look.empty_figure(theme, "No net coupling is measured in this selection.")
    groups, gone = by_instrument(rows)
    figure, seen = stacked_rows(theme, groups), set()
    for line, (_, held) in enumerate(groups, start=1):
        for columns, style, name in (
            (("net_null", "net_null_low", "net_null_high"), look.SERIES["null"], "prompts shuffled"),
            (("net", "net_low", "net_high"), look.SERIES["data"], "net coupling"),
        ):
            kept = [{**row, "y": place} for place, row in enumerate(held) if row[columns[0]] is not None]
            if not kept:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[row[columns[0]] for row in kept],
                    y=[row["y"] for row in kept],
                    mode="markers",
                    marker=style.marker(theme),
                    error_x=interval_bars(kept, *columns, colour=style.colour(theme)),
                    name=name,
                    legendgroup=name,
                    showlegend=name not in seen,
                    hovertext=[_net_hover(row) for row in kept],
                    hovertemplate=HOVER,
                ),
                row=line,
                col=1,
            )
            seen.add(name)
    figure.update_xaxes(range=[-1.03, 1.03])
    figure.update_xaxes(title_text="Net coupling (cosine)", row=len(groups), col=1)
    n_null = sum(row["net_null"] is not None for row in rows)
    look.note(
        figure,
        theme,
        "Bars: 95% over prompts where they were resampled. Ticks: the mean over shuffles of the prompts' groups with "
        f"its central 95%, known for {n_null} of {counted(len(rows), 'row')}. Recorded rows have neither.",
        left_out(gone),
    )
    return figure


def _net_hover(row: Row) -> str:
    null = f"{number_text(row['net_null'])}, {number_text(row['net_null_low'])} to {number_text(row['net_null_high'])}"
    return hover(
        str(row["label"]),
        f"net coupling {estimate_text(row, 'net')}",
        f"prompts shuffled: {null}" if row["net_null"] is not None else "no null was recorded",
        f"n = {number_text(row['n_heads'])} heads, {number_text(row['n_prompts'])} prompts",
        str(row["measured_by"]),
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
    groups = [list(held) for _, held in groupby(rows, key=lambda row: (row["measured_by"], row["label"]))]
    for place, held in enumerate(groups[:MOST_LINES]):
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        figure.add_trace(
            go.Scatter(
                x=[row["low"] for row in held] + [held[-1]["high"]],
                y=[row["share_pct"] for row in held] + [held[-1]["share_pct"]],
                mode="lines+markers",
                marker={**style.marker(theme), "size": 4},
                line={"shape": "hv", "color": style.colour(theme), "dash": DASHES[place % len(DASHES)], "width": 2},
                name=f"{plain(held[0]['label'])}: {plain(held[0]['measured_by'])} (n = {held[0]['n']} heads)",
                showlegend=True,
                hovertext=[_bin_hover(row) for row in (*held, held[-1])],
                hovertemplate=HOVER,
            )
        )
    muted = {"color": look.INK[theme].muted, "width": 1.2, "dash": "dot"}
    figure.add_vline(x=0.0, line=muted, layer="below")
    for column, name in (("competing_below", "competing below"), ("cooperative_above", "cooperative above")):
        figure.add_vline(x=rows[0][column], line=muted, annotation_text=name, layer="below")
    figure.update_xaxes(range=[-1.02, 1.02])
    gone = len(groups) - MOST_LINES
    look.note(
        figure,
        theme,
        "Every head of a model is counted, so there is no interval. A null is known for the mean over heads: see net "
        "coupling.",
        f"Not drawn: {gone} more rows; the table has all, and an instrument can be picked above." if gone > 0 else "",
    )
    return figure


def _bin_hover(row: Row) -> str:
    return hover(
        f"{row['label']}, n = {counted(row['n_models'], 'model')}",
        f"cosine {row['low']:.2f} to {row['high']:.2f}: {number_text(row['count'])} of {row['n']} heads, "
        f"{number_text(row['share_pct'], '%')}",
        str(row["measured_by"]),
    )
