"""A steering scorecard: truth against damage, paired effects, answers changed and corrected, models side by side."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._arm_styles import ARM_STYLES
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, plain
from cape.quantities import Result

EMPTY = "No scorecard is stored. Run one below, or with cape steer-eval."
NO_DAMAGE = "This damage was not measured for these arms."
RANDOM, STEERED = "random direction", "steered"
LOG_PAD = 0.15
LOG_DAMAGE = "KL to the unsteered model"  # spans decades; the model without steering has none and is the dotted line


def truth_against_damage(result: Result, theme: str) -> go.Figure:
    """Return every arm by what it does to other text and to the questions; random directions form a cloud."""
    rows = result.table("plane").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    is_log = result.params.get("damage") == LOG_DAMAGE
    shown = [row for row in rows if row["truth_pct"] is not None and _has_place(row["damage"], is_log=is_log)]
    if not shown:
        return look.empty_figure(theme, NO_DAMAGE)
    damage, measure = (str(result.params.get(name)) for name in ("damage", "truth"))
    unit = result.table("plane").units["damage"]
    figure = look.new_figure(theme, x_title=f"{damage} ({unit})", y_title=f"{measure} (% of questions)", height=500)
    if is_log:
        _log_axis(figure, [row["damage"] for row in shown], title=f"{damage} ({unit}, log scale)")
    base = next((row for row in rows if row["kind"] == "base" and row["truth_pct"] is not None), None)
    if base is not None:
        muted = {"color": look.INK[theme].muted, "dash": "dot", "width": 1}
        figure.add_hline(y=base["truth_pct"], line=muted, annotation_text="without steering", layer="below")
    for kind, style in ARM_STYLES.items():
        mine = sorted((row for row in shown if row["kind"] == kind), key=lambda row: row["damage"])
        if mine:
            figure.add_trace(_plane_trace(mine, kind, style, theme, what=(damage, unit)))
    chosen = next((row for row in shown if row["is_chosen"]), None)
    if chosen is not None:
        figure.add_annotation(
            x=look.log10_of([chosen["damage"]])[0] if is_log else chosen["damage"],
            y=chosen["truth_pct"],
            text="chosen strength",
            showarrow=True,
            arrowhead=0,
            ax=0,
            ay=-34,
            arrowcolor=look.INK[theme].muted,
        )
    look.note(
        figure,
        theme,
        f"n = {shown[0]['n_questions']} test questions; bars 95%, left out for random directions. Controls at "
        f"{result.params.get('compare_at')} with the steered arm. Further right is more damage, except for capability.",
        _missing([row for row in rows if row not in shown and not (is_log and row["kind"] == "base")]),
    )
    return figure


def _plane_trace(rows: Sequence[Row], kind: str, style: look.Style, theme: str, *, what: tuple[str, str]) -> go.Scatter:
    """Return the arms of one kind; those of the steered arm, one per strength, are joined by a line."""
    bars = interval_bars(rows, "truth_pct", "low", "high", colour=style.colour(theme))
    return go.Scatter(
        x=[row["damage"] for row in rows],
        y=[row["truth_pct"] for row in rows],
        mode="lines+markers" if kind == STEERED else "markers",
        marker=style.marker(theme),
        line=style.line(theme, width=1.2),
        error_y=None if kind == RANDOM else bars,
        name=f"{kind} ({len(rows)})" if len(rows) > 1 else kind,
        hovertext=[_plane_hover(row, *what) for row in rows],
        hovertemplate=HOVER,
    )


def _log_axis(figure: go.Figure, values: Sequence[float], *, title: str) -> None:
    logs = look.log10_of(values)
    ends = [min(logs) - LOG_PAD, max(logs) + LOG_PAD]
    ticks = look.log_ticks(*ends)
    figure.update_xaxes(
        type="log", range=ends, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], title_text=title
    )


def _has_place(damage: float | None, *, is_log: bool) -> bool:
    return damage is not None and (damage > 0 or not is_log)


def _missing(rows: Sequence[Row]) -> str:
    return f"Not drawn: {counted(len(rows), 'arm')} without this damage." if rows else ""


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


def paired_effects(result: Result, theme: str) -> go.Figure:
    """Return a forest of the paired effects in percentage points with their intervals."""
    rows = [row for row in result.table("effects").frame.to_dicts() if row["is_shown"] and row["value"] is not None]
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
    look.note(
        figure,
        theme,
        "Bars: 95% bootstrap of questions, paired; of the mean of random directions, their central 95%. Controls at "
        f"{result.params.get('compare_at')}. The table has every effect, cross-entropy in nats among them.",
    )
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
    look.note(figure, theme, f"{result.params.get('truth')}; bars 95%, paired by question. Smallest model on top.")
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
