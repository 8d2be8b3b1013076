"""The organism: truth by size and recipe, what is answered instead, N_c against the myth's end, and the levers."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._marks import Row, add_forest
from cape.figures._text import HOVER, counted, estimate_text, hover, plain, size_text
from cape.quantities import Result

GUESS_AT_RANDOM, GUESS_POPULAR = "guessing at random", "guessing the commonest true value of the relation"
EMPTY = "No scores of the organism for this choice."
SCORE_STYLES = dict(zip(("truth", "myth", "reasoning"), look.FAMILY_STYLES, strict=False))
TURN_STYLES = {"N_c": look.SERIES["data"], "myth overcome": look.SERIES["resolved"]}
LEVER_STYLES = {
    "truth": look.Style(light=look.BLUE, dark=look.SKY, symbol="circle", size=9),
    "reasoning": look.Style(light=look.ORANGE, dark=look.ORANGE, symbol="diamond", size=9),
}
SEEDS = "Bars: 95% over seeds. Dashed: guessing at random. Dotted: guessing the commonest true value of the relation."


def truth_by_size(result: Result, theme: str) -> go.Figure:
    """Return the truth score by parameters, one line per family."""
    return _curves(result, theme, table="by_size", x_title="Size")


def truth_by_tokens(result: Result, theme: str) -> go.Figure:
    """Return the truth score by training tokens, one line per model size."""
    return _curves(result, theme, table="by_tokens", x_title="Training text", unit="words")


def _curves(result: Result, theme: str, *, table: str, x_title: str, unit: str = "parameters") -> go.Figure:
    rows = [row for row in result.table(table).frame.to_dicts() if row["score"] == "truth"]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    figure = look.new_figure(theme, x_title="", y_title="Questions answered by the truth (%)")
    look.size_axis(figure, [row["position"] for row in rows], title=x_title, unit=unit)
    figure.update_yaxes(range=[-2, 102])
    _add_chance(figure, result, theme)
    for place, family in enumerate(dict.fromkeys(row["family"] for row in rows)):
        mine = [row for row in rows if row["family"] == family]
        _add_line(figure, mine, look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)], theme, name=family)
    look.note(figure, theme, SEEDS, _seed_note(rows))
    return figure


def answers_by_size(result: Result, theme: str) -> go.Figure:
    """Return truth, myth and reasoning by parameters, one plot per family."""
    rows = result.table("by_size").frame.to_dicts()
    families = list(dict.fromkeys(row["family"] for row in rows))
    if not families:
        return look.empty_figure(theme, EMPTY)
    titles = [plain(family) for family in families]
    figure = make_subplots(rows=len(families), cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.06)
    frame = look.new_figure(theme, x_title="", y_title="", height=90 + 190 * len(families))
    figure.update_layout(
        template=frame.layout.template, height=frame.layout.height, margin=frame.layout.margin.to_plotly_json()
    )
    for line, family in enumerate(families, start=1):
        for score, style in SCORE_STYLES.items():
            mine = [row for row in rows if (row["family"], row["score"]) == (family, score)]
            _add_line(figure, mine, style, theme, name=score, row=line)
        _add_chance(figure, result, theme, row=line)
    look.size_axis(figure, [row["position"] for row in rows], title="")
    figure.update_xaxes(title_text="")
    figure.update_xaxes(title_text="Size (parameters, log scale)", row=len(families))
    figure.update_yaxes(range=[-4, 104], title_text="% of items")
    figure.update_layout(legend_y=1 + 24 / (190 * len(families)), margin_t=56)
    look.note(figure, theme, SEEDS, _seed_note(rows))
    return figure


def _add_chance(figure: go.Figure, result: Result, theme: str, *, row: int | None = None) -> None:
    """Draw what guessing scores as level lines."""
    place = {} if row is None else {"row": row, "col": 1}
    for label, dash in ((GUESS_AT_RANDOM, "dash"), (GUESS_POPULAR, "dot")):
        level = result.estimate("organism_truth", label).value
        if level is not None:
            figure.add_hline(y=level, line={"color": look.INK[theme].muted, "dash": dash, "width": 1}, **place)


def _add_line(
    figure: go.Figure, rows: Sequence[Row], style: look.Style, theme: str, *, name: str, row: int | None = None
) -> None:
    """Add a line through the means with a bar for every interval; in a plot below the first it has no legend entry."""
    reach = {
        "type": "data",
        "symmetric": False,
        "array": [_reach(each, "high") for each in rows],
        "arrayminus": [_reach(each, "low") for each in rows],
        "color": look.faded(style.colour(theme), 0.6),
        "thickness": 1.4,
        "width": 0,
    }
    place = {} if row is None else {"row": row, "col": 1}
    figure.add_trace(
        go.Scatter(
            x=[each["position"] for each in rows],
            y=[each["value"] for each in rows],
            mode="lines+markers",
            marker=style.marker(theme),
            line=style.line(theme),
            error_y=reach,
            name=plain(name),
            legendgroup=name,
            showlegend=row in (None, 1),
            hovertext=[_curve_hover(each) for each in rows],
            hovertemplate=HOVER,
        ),
        **place,
    )


def _reach(row: Row, end: str) -> float | None:
    return None if row["value"] is None or row[end] is None else abs(row[end] - row["value"])


def _curve_hover(row: Row) -> str:
    return hover(
        f"{row['family']}, d {row['d_model']} x {counted(row['n_layers'], 'layer')}, {size_text(row['position'])}",
        f"{row['score']} {estimate_text(row, 'value', '%')}",
        f"n = {counted(row['n'], 'seed')}: {row['seeds']}",
    )


def _seed_note(rows: Sequence[Row]) -> str:
    counts = sorted({row["n"] for row in rows})
    return f"n = {' to '.join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))} seeds per point."


def turning_points(result: Result, theme: str) -> go.Figure:
    """Return a forest of N_c by recipe and estimator with the size at which the myth is overcome."""
    rows = result.table("turning_points").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    figure = look.new_figure(
        theme, x_title="", y_title="", height=look.height_for_rows([row["label"] for row in shown])
    )
    look.row_axis(figure, [row["label"] for row in shown])
    sizes = [row["position"] for row in result.table("by_size").frame.to_dicts()]
    look.size_axis(figure, [*sizes, *(row["value"] for row in shown)], title="N")
    for kind, style in TURN_STYLES.items():
        found = [row for row in shown if row["kind"] == kind and row["value"] is not None]
        add_forest(figure, found, style=style, theme=theme, name=kind, text=_turn_hover)
    _add_lacking(figure, [row for row in shown if row["value"] is None], theme)
    look.note(
        figure,
        theme,
        "Interval: Student's over seeds, or a bootstrap of seeds where the label says over seeds. "
        "A seed without a turning point is left out and counted in the caveats.",
    )
    return figure


def _add_lacking(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    low, _ = figure.layout.xaxis.range
    figure.add_trace(
        go.Scatter(
            x=[10**low for _ in rows],
            y=[row["y"] for row in rows],
            mode="text",
            text=[f" none: {plain(row['status'])}" for row in rows],
            textposition="middle right",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].muted},
            hovertext=[_turn_hover(row) for row in rows],
            hovertemplate=HOVER,
            showlegend=False,
            name="none",
        )
    )


def _turn_hover(row: Row) -> str:
    return hover(
        row["label"],
        f"N {estimate_text(row, 'value', 'parameters')}",
        f"n = {counted(row['n'], 'seed')}",
        row["caveats"],
    )


def levers(result: Result, theme: str) -> go.Figure:
    """Return a forest of the levers' effects on truth and on reasoning."""
    rows = result.table("levers").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    labels = [f"{row['lever']}: {row['label']}" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Change of the score (percentage points)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=34),
    )
    look.row_axis(figure, labels)
    truth = [{**row, "y": line - 0.14} for line, row in enumerate(rows)]
    reasoning = [
        {**row, "y": line + 0.14, "value": row["reasoning"], "low": row["reasoning_low"], "high": row["reasoning_high"]}
        for line, row in enumerate(rows)
    ]
    for name, held in (("truth", truth), ("reasoning", reasoning)):
        drawn = [row for row in held if row["value"] is not None]
        add_forest(figure, drawn, style=LEVER_STYLES[name], theme=theme, name=name, text=_lever_hover)
    figure.add_vline(x=0, line={"color": look.INK[theme].line, "width": 1})
    look.note(figure, theme, "Each change is formed within a seed. Bars: Student's 95% over seeds; none with one seed.")
    return figure


def _lever_hover(row: Row) -> str:
    return hover(
        f"{row['lever']}: {row['label']}",
        f"{estimate_text(row, 'value', 'points')}",
        f"n = {counted(row['n'], 'seed')}",
        row["caveats"],
    )
