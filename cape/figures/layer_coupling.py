"""Early against late layers, a ladder of sizes, changes between models, and coupling against dimension."""

from __future__ import annotations

from itertools import groupby

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._instruments import by_instrument, left_out, stacked_rows
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, size_text
from cape.quantities import Result

MOST_LABELS = 8  # models that are named in the plane
DASHES = ("solid", "dash", "dot")
KIND_STYLES = {
    ("sizes", "same instrument"): look.SERIES["data"],
    ("sizes", "across instruments"): look.Style(light=look.GREY, dark=look.GREY, symbol="circle-open", size=9),
    ("generations", "same instrument"): look.Style(light=look.GREEN, dark=look.GREEN, symbol="square", size=9),
    ("post-training", "same instrument"): look.Style(light=look.PURPLE, dark=look.PURPLE, symbol="diamond", size=9),
}


def depth_ends(result: Result, theme: str) -> go.Figure:
    """Return coupling of early and of late layers, one row per model, in one plot per instrument."""
    rows = [
        row for row in result.table("models").frame.to_dicts() if row["early"] is not None and row["late"] is not None
    ]
    if not rows:
        return look.empty_figure(theme, "No early and late layers are measured in this selection.")
    groups, gone = by_instrument(rows)
    figure = stacked_rows(theme, groups)
    styles = (("early", look.FAMILY_STYLES[3]), ("late", look.SERIES["data"]))
    for line, (_, held) in enumerate(groups, start=1):
        for name, style in styles:
            figure.add_trace(
                go.Scatter(
                    x=[row[name] for row in held],
                    y=list(range(len(held))),
                    mode="markers",
                    marker=style.marker(theme),
                    error_x=interval_bars(held, name, f"{name}_low", f"{name}_high", colour=style.colour(theme)),
                    name=f"{name} layers",
                    legendgroup=name,
                    showlegend=line == 1,
                    hovertext=[_ends_hover(row) for row in held],
                    hovertemplate=HOVER,
                ),
                row=line,
                col=1,
            )
    figure.update_xaxes(title_text="Cosine", row=len(groups), col=1)
    signs = [
        f"{row['label'].partition(': ')[2]}: p = {row['p']:.2g}, n = {row['n']}"
        for row in result.table("signs").frame.to_dicts()
        if str(row["label"]).startswith("late less early") and row["p"] is not None
    ]
    look.note(
        figure,
        theme,
        "Bars: 95% over prompts, where measured. Star: an alarm strikes the model's values.",
        f"Sign tests of late less early: {'; '.join(signs)}." if signs else "",
        left_out(gone),
    )
    return figure


def _ends_hover(row: Row) -> str:
    return hover(
        str(row["label"]),
        f"early {estimate_text(row, 'early')}",
        f"late {estimate_text(row, 'late')}",
        "n = 1 model",
        str(row["measured_by"]),
    )


def ladder_figure(result: Result, theme: str) -> go.Figure:
    """Return coupling and the share of competing heads by size, one series per source and instrument."""
    rows = [row for row in result.table("ladder").frame.to_dicts() if row["mean"] is not None]
    if not rows:
        return look.empty_figure(theme, "No size of this family is measured in this selection.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.07)
    figure.update_layout(template=look.TEMPLATES[theme], height=560, margin={**look.MARGIN, "t": look.MARGIN["t"] + 40})
    series = [list(held) for _, held in groupby(rows, key=lambda row: (row["source_id"], row["measured_by"]))]
    for place, held in enumerate(series):
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        source, by = str(held[0]["source_id"]), str(held[0]["measured_by"])
        name = f"{by if source in by else f'{by}, {source}'} (n = {len(held)})"
        for line, column in ((1, "mean"), (2, "share_pct")):
            known = [row for row in held if row[column] is not None and row["params_b"] is not None]
            if not known:
                continue
            bars = (
                interval_bars(known, "mean", "mean_low", "mean_high", colour=style.colour(theme)) if line == 1 else None
            )
            figure.add_trace(
                go.Scatter(
                    x=[row["params_b"] * 1e9 for row in known],
                    y=[row[column] for row in known],
                    mode="lines+markers",
                    marker=style.marker(theme),
                    line={**style.line(theme, width=1.4), "dash": DASHES[place % len(DASHES)]},
                    error_y=bars,
                    name=plain(name),
                    legendgroup=name,
                    showlegend=line == 1,
                    hovertext=[_ladder_hover(row) for row in known],
                    hovertemplate=HOVER,
                ),
                row=line,
                col=1,
            )
    look.size_axis(figure, [row["params_b"] * 1e9 for row in rows if row["params_b"]], title="Size")
    figure.update_xaxes(title_text="", row=1, col=1)
    figure.update_yaxes(title_text="Mean coupling (cosine)", row=1, col=1)
    figure.update_yaxes(title_text="Competing (% of heads)", rangemode="tozero", row=2, col=1)
    n_intervals = sum(row["mean_low"] is not None for row in rows)
    look.note(
        figure,
        theme,
        f"n counts models. Intervals over prompts: {n_intervals} of {len(rows)} rows have one. Series of different "
        "sources or instruments measure different things.",
    )
    return figure


def _ladder_hover(row: Row) -> str:
    same, other = row["same_value_in"], row["other_value_in"]
    return hover(
        f"{row['label']}, {size_text(row['params_b'] * 1e9)}",
        f"coupling {estimate_text(row, 'mean')}",
        f"{number_text(row['competing'])} competing of {number_text(row['heads'])} heads",
        f"same value in {same}" if same else "",
        f"another value in {other}" if other else "",
        "n = 1 model",
    )


def changes(result: Result, theme: str) -> go.Figure:
    """Return the change of mean coupling for every pair of models that are compared."""
    rows = [row for row in result.table("comparisons").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, "No pair of models can be compared in this selection.")
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    labels = [f"{row['label']}{' *' if row['alarms'] else ''}" for row in shown]
    figure = look.new_figure(
        theme,
        x_title="Change of mean coupling (cosine)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=30),
    )
    look.row_axis(figure, labels)
    for (kind, compared), style in KIND_STYLES.items():
        mine = [row for row in shown if (row["kind"], row["compared"]) == (kind, compared)]
        add_forest(figure, mine, style=style, theme=theme, name=f"{kind}, {compared}", text=_change_hover)
    known = sum(row["low"] is not None for row in rows)
    look.note(
        figure,
        theme,
        f"n = 2 models per row. {known} of {counted(len(rows), 'row')} have an interval: over prompts, or over heads "
        "taken "
        "as independent. Star: an alarm strikes one of the two values.",
        "Open circles join two instruments: what changed there is the instrument as well as the model.",
    )
    return figure


def _change_hover(row: Row) -> str:
    return hover(
        str(row["label"]),
        f"{row['kind']}, {row['compared']}: {estimate_text(row, 'value')}",
        f"{number_text(row['from_value'])} to {number_text(row['to_value'])}",
        f"competing heads {number_text(row['from_competing'])} to {number_text(row['to_competing'])}",
        str(row["measured_by"]),
        "n = 2 models",
    )


def coupling_and_dimension(result: Result, theme: str) -> go.Figure:
    """Return d_rep against coupling, one labelled marker per model that has both (paper Fig. 7a)."""
    rows = [row for row in result.table("dimension").frame.to_dicts() if row["d_rep"] is not None]
    if not rows:
        return look.empty_figure(theme, "No dimension of hidden states is measured in this selection.")
    both = [row for row in rows if row["coupling"] is not None]
    figure = look.new_figure(
        theme, x_title="Coupling of hidden states (cosine)", y_title="d_rep (dimensions)", height=440
    )
    names = list(dict.fromkeys(row["measured_by"] for row in both))
    for place, name in enumerate(names):
        mine = [row for row in both if row["measured_by"] == name]
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        figure.add_trace(
            go.Scatter(
                x=[row["coupling"] for row in mine],
                y=[row["d_rep"] for row in mine],
                mode="markers+text" if len(mine) <= MOST_LABELS else "markers",
                text=[plain(row["model_id"]) for row in mine],
                textposition="top center",
                textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
                marker=style.marker(theme),
                error_y=interval_bars(mine, "d_rep", "d_rep_low", "d_rep_high", colour=style.colour(theme)),
                name=f"{plain(name)} (n = {len(mine)})",
                showlegend=True,
                hovertext=[_dimension_hover(row) for row in mine],
                hovertemplate=HOVER,
            )
        )
    lacking = len(rows) - len(both)
    look.note(
        figure,
        theme,
        "Bars: lowest and highest layer, where layers are known. d_rep cannot exceed the number of prompts less one.",
        f"{counted(lacking, 'row')} with d_rep but no coupling by the same instrument: in the table."
        if lacking
        else "",
    )
    return figure


def _dimension_hover(row: Row) -> str:
    return hover(
        str(row["label"]),
        f"d_rep {estimate_text(row, 'd_rep')}",
        f"coupling {number_text(row['coupling'])}",
        f"n = {number_text(row['n_prompts'])} prompts" if row["n_prompts"] else "n = 1 model; prompts not stated",
    )
