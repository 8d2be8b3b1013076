"""A steering scorecard: truth against damage, the layer x strength grid, effects, answers and moves of questions."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._arm_styles import ARM_STYLES
from cape.figures._contrast import cell_texts
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain, wrapped
from cape.quantities import Result

EMPTY = "No scorecard is stored. Run one below, or with cape steer-eval."
NO_DAMAGE = "This damage was not measured for these arms."
RANDOM = "random direction"
MOVE_PX = 210


def truth_against_damage(result: Result, theme: str) -> go.Figure:
    """Return every arm by what it does to other text and to the questions; random directions form a cloud."""
    rows = result.table("plane").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    shown = [row for row in rows if row["damage"] is not None and row["truth_pct"] is not None]
    if not shown:
        return look.empty_figure(theme, NO_DAMAGE)
    damage, measure = (str(result.params.get(name)) for name in ("damage", "measure"))
    unit = result.table("plane").units["damage"]
    figure = look.new_figure(theme, x_title=f"{damage} ({unit})", y_title=f"{measure} (% of questions)", height=500)
    base = next((row for row in shown if row["kind"] == "base"), None)
    if base is not None:
        muted = {"color": look.INK[theme].muted, "dash": "dot", "width": 1}
        figure.add_hline(y=base["truth_pct"], line=muted, annotation_text="without steering", layer="below")
    for kind, style in ARM_STYLES.items():
        mine = [row for row in shown if row["kind"] == kind]
        if not mine:
            continue
        bars = interval_bars(mine, "truth_pct", "low", "high", colour=style.colour(theme))
        figure.add_trace(
            go.Scatter(
                x=[row["damage"] for row in mine],
                y=[row["truth_pct"] for row in mine],
                mode="markers",
                marker=style.marker(theme),
                error_y=None if kind == RANDOM else bars,
                name=f"{kind} ({len(mine)})" if len(mine) > 1 else kind,
                hovertext=[_plane_hover(row, damage, unit) for row in mine],
                hovertemplate=HOVER,
            )
        )
    look.note(
        figure,
        theme,
        f"n = {shown[0]['n_questions']} test questions; bars 95%, left out for random directions. Controls at "
        f"{result.params.get('compare_at')} with the steered arm. Further right is more damage, except for capability.",
        _missing(len(rows) - len(shown)),
    )
    return figure


def _missing(n: int) -> str:
    return f"Not drawn: {counted(n, 'arm')} without this damage." if n else ""


def _plane_hover(row: Row, damage: str, unit: str) -> str:
    where = "" if row["layer"] is None else f"layer {row['layer']}, strength {number_text(row['strength'])}"
    interval = {**row, "value": row["truth_pct"]}
    return hover(
        row["arm"],
        f"{estimate_text(interval, 'value', '%')}",
        f"{damage} {number_text(row['damage'], unit)}",
        where,
        f"n = {row['n_questions']} questions",
    )


def layer_by_strength(result: Result, theme: str) -> go.Figure:
    """Return the change of truth on the validation questions by layer and strength, the chosen cell outlined."""
    rows = result.table("grid").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    layers = sorted({row["layer"] for row in rows})
    strengths = sorted({round(row["strength_share"] or 0.0, 6) for row in rows})
    cells = {(row["layer"], round(row["strength_share"] or 0.0, 6)): row for row in rows}
    lines = [[cells.get((layer, strength)) for strength in strengths] for layer in layers]
    height = max(240, 130 + 44 * len(layers))
    figure = look.new_figure(
        theme, x_title="Strength (share of the mean norm of the layer's output)", y_title="Layer", height=height
    )
    reach = max([abs(row["change_pp"]) for row in rows if row["change_pp"] is not None] or [1.0]) or 1.0
    stops = ((0.0, look.VERMILLION), (0.5, look.INK[theme].ground), (1.0, look.BLUE))
    figure.add_trace(
        go.Heatmap(
            x=list(range(len(strengths))),
            y=list(range(len(layers))),
            z=[[None if cell is None else cell["change_pp"] for cell in line] for line in lines],
            zmin=-reach,
            zmax=reach,
            colorscale=[list(stop) for stop in stops],
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            hovertext=[["" if cell is None else _cell_hover(cell) for cell in line] for line in lines],
            hovertemplate=HOVER,
            name="change",
        )
    )
    texts = [["" if c is None or c["change_pp"] is None else f"{c['change_pp']:+.1f}" for c in line] for line in lines]
    shares = [[None if c is None else _place(c["change_pp"], reach) for c in line] for line in lines]
    figure.add_trace(cell_texts(texts, shares, stops))
    for place, line in enumerate(lines):
        for column, cell in enumerate(line):
            if cell is not None and cell["is_chosen"]:
                _outline(figure, column, place, theme)
    figure.update_xaxes(
        tickvals=list(range(len(strengths))), ticktext=[f"{s:.3g}" for s in strengths], showgrid=False, zeroline=False
    )
    figure.update_yaxes(
        tickvals=list(range(len(layers))), ticktext=[str(layer) for layer in layers], showgrid=False, zeroline=False
    )
    look.note(
        figure,
        theme,
        f"Change of {result.params.get('measure')} in percentage points against no steering, on "
        f"{rows[0]['n_questions']} validation questions; no interval in a cell. Outlined: chosen. "
        "Effects are reported on the test questions only.",
    )
    return figure


def _place(change: float | None, reach: float) -> float | None:
    return None if change is None else 0.5 + 0.5 * change / reach


def _outline(figure: go.Figure, column: int, line: int, theme: str) -> None:
    figure.add_shape(
        type="rect",
        x0=column - 0.48,
        x1=column + 0.48,
        y0=line - 0.48,
        y1=line + 0.48,
        line={"color": look.INK[theme].text, "width": 2.5},
    )


def _cell_hover(cell: Row) -> str:
    return hover(
        f"layer {cell['layer']}, strength {number_text(cell['strength'])}",
        f"{number_text(cell['truth_pct'], '%')}, change {number_text(cell['change_pp'], 'pp')}",
        f"KL {number_text(cell['kl_nats'], 'nats')}, capability {number_text(cell['capability_pct'], '%')}",
        f"n = {cell['n_questions']} validation questions",
    )


def paired_effects(result: Result, theme: str) -> go.Figure:
    """Return a forest of the paired effects in percentage points with their intervals."""
    rows = [row for row in result.table("effects").frame.to_dicts() if row["unit"] == "pp" and row["value"] is not None]
    rows = [row for row in rows if row["kind"] != RANDOM]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    shown = [{**row, "y": line} for line, row in enumerate(rows)]
    labels = [f"{row['metric']}: {row['arm']} less {row['against']}" for row in rows]
    height = look.height_for_rows(labels)
    figure = look.new_figure(theme, x_title="Paired difference (percentage points)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.add_vline(x=0, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    for kind, style in ARM_STYLES.items():
        mine = [row for row in shown if row["kind"] == kind]
        add_forest(figure, mine, style=style, theme=theme, name=kind, text=_effect_hover)
    look.note(figure, theme, "Bars: 95% bootstrap of questions, paired. Cross-entropy, in nats, is in the table.")
    return figure


def _effect_hover(row: Row) -> str:
    p = "" if row["p_value"] is None else f"p = {row['p_value']:.2g} ({row['p_test']})"
    return hover(
        f"{row['arm']} less {row['against']}",
        f"{row['metric']} {estimate_text(row, 'value', row['unit'])}",
        f"n = {counted(row['n'], 'question')}",
        p,
    )


OUTCOMES = (("changed", "null"), ("corrected", "data"), ("broken", "resolved"))


def changed_and_corrected(result: Result, theme: str) -> go.Figure:
    """Return, by arm, the shares of questions whose answer changed, became right and became wrong."""
    rows = result.table("answers").frame.to_dicts()
    rows = [row for row in rows if row["changed_pct"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    kinds = [kind for kind in ARM_STYLES if any(row["kind"] == kind for row in rows)]
    single = [row for kind in kinds if kind != RANDOM for row in rows if row["kind"] == kind]
    cloud = [row for row in rows if row["kind"] == RANDOM]
    labels = [row["arm"] for row in single] + ([counted(len(cloud), RANDOM)] if cloud else [])
    figure = look.new_figure(
        theme, x_title="Test questions (%)", y_title="", height=look.height_for_rows(labels, px_per_row=34)
    )
    look.row_axis(figure, labels)
    for step, (outcome, role) in enumerate(OUTCOMES):
        style = look.SERIES[role]
        column = f"{outcome}_pct"
        drawn = [{**row, "y": line} for line, row in enumerate(single)] + [{**row, "y": len(single)} for row in cloud]
        drawn = [row for row in drawn if row[column] is not None]
        figure.add_trace(
            go.Scatter(
                x=[row[column] for row in drawn],
                y=[row["y"] + 0.2 * (step - 1) for row in drawn],
                mode="markers",
                marker=style.marker(theme),
                name={"changed": "answer changed", "corrected": "wrong to right", "broken": "right to wrong"}[outcome],
                hovertext=[
                    hover(row["arm"], f"{outcome} {row[column]:.3g} %", f"n = {row['n_questions']}") for row in drawn
                ],
                hovertemplate=HOVER,
            )
        )
    look.note(
        figure,
        theme,
        f"n = {rows[0]['n_questions']} test questions; intervals of the steered arm are in the estimates. An answer "
        "that was wrong and becomes another wrong one is changed, not corrected.",
    )
    return figure


def moves_by_question(result: Result, theme: str) -> go.Figure:
    """Return, by arm, how many questions moved by how much, those that fell in another colour."""
    rows = result.table("moves").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    shown = arms[:MOST_MOVES]
    figure = look.new_figure(theme, x_title="Change of MC2 (percentage points)", y_title="Test questions")
    for arm, style in zip(shown, look.FAMILY_STYLES, strict=False):
        mine = [row for row in rows if row["arm"] == arm]
        figure.add_trace(
            go.Scatter(
                x=[end for row in mine for end in (row["low"], row["high"])],
                y=[row["n_questions"] for row in mine for _ in range(2)],
                mode="lines",
                line=style.line(theme),
                name=wrapped(_moved_name(result, arm), 40),
                hovertext=[_move_hover(row) for row in mine for _ in range(2)],
                hovertemplate=HOVER,
            )
        )
    figure.add_vline(x=0, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    gone = len(arms) - len(shown)
    look.note(
        figure,
        theme,
        "Left of 0: questions moved the wrong way. The outermost steps hold all beyond them.",
        f"Not drawn: {counted(gone, 'arm')}; the table has all." if gone else "",
    )
    return figure


MOST_MOVES = 4


def _moved_name(result: Result, arm: str) -> str:
    rows = result.table("effects").frame.to_dicts()
    found = next(
        (row for row in rows if (row["arm"], row["metric"]) == (arm, "mc2") and row["moved_wrong_pct"] is not None),
        None,
    )
    return arm if found is None else f"{arm}: {found['moved_wrong_pct']:.0f} % moved the wrong way"


def _move_hover(row: Row) -> str:
    return hover(row["arm"], f"{row['low']:.3g} to {row['high']:.3g} pp", counted(row["n_questions"], "question"))


def effects_by_model(result: Result, theme: str) -> go.Figure:
    """Return the steered arm's effect, and its effect beyond random directions, by model."""
    rows = result.table("models").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    labels = [f"{plain(row['model_id'])}, {row['position'] or 'no ladder'}" for row in rows]
    height = look.height_for_rows(labels, px_per_row=34)
    figure = look.new_figure(theme, x_title="Effect on truth (percentage points)", y_title="", height=height)
    look.row_axis(figure, labels)
    figure.add_vline(x=0, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    for step, (name, key, role) in enumerate(SHOWN):
        style = look.SERIES[role]
        drawn = [_model_row(row, line + 0.24 * step - 0.12, key) for line, row in enumerate(rows)]
        add_forest(
            figure,
            [row for row in drawn if row["value"] is not None],
            style=style,
            theme=theme,
            name=name,
            text=_model_hover,
        )
    look.note(figure, theme, f"{result.params.get('measure')}; bars 95%, paired by question. Smallest model on top.")
    return figure


SHOWN: Sequence[tuple[str, str, str]] = (
    ("against no steering", "effect", "data"),
    ("beyond the mean of random directions", "beyond", "population"),
)


def _model_row(row: Row, place: float, key: str) -> dict[str, object]:
    return {**row, "y": place, "value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]}


def _model_hover(row: Row) -> str:
    return hover(
        row["model_id"],
        estimate_text(row, "value", "pp"),
        f"n = {counted(row['n_test'], 'question')}, {counted(row['n_random'], 'random direction')}",
        row["verdict"],
    )
