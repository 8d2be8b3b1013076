"""Laws by complexity and held-out error, their predictions, and the exponents when both are free (paper A 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._marks import Row, interval_bars
from cape.figures._text import HOVER, estimate_text, hover, number_text
from cape.quantities import Result

EMPTY = "No law can be held out in this selection: fewer than 3 families with known widths."
PAPER, CONTROL = "paper's form", "one score for all models"
ROLES = (("observed scores", "data"), (CONTROL, "null"), ("shuffled scores", "population"), (PAPER, "paper"))
FORM, FOUND, PER_FOLD = "form", "searched, all families", "searched without the family"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """How one kind of law is drawn: role in the theme, legend name, whether joined, and its shift along x."""

    role: str
    name: str
    has_line: bool = False
    shift: float = 0.0


def pareto(result: Result, theme: str) -> go.Figure:
    """Return held-out error against complexity, with intervals over families, on a log axis of error."""
    rows = [row for row in result.table("laws").frame.to_dicts() if row["error"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    unit = result.table("laws").units["error"]
    n = max(row["n_families"] for row in rows)
    figure = look.new_figure(
        theme,
        x_title="Complexity (parts of the formula, count)",
        y_title=f"Error on held-out families ({unit}, log scale)",
        height=500,
    )
    figure.update_yaxes(type="log")
    control = next(row for row in rows if row["law"] == CONTROL)
    figure.add_hline(
        y=control["error"], line={"color": look.INK[theme].muted, "width": 1.5, "dash": "dot"}, layer="below"
    )
    unseen = [row for row in rows if row["kind"] == PER_FOLD]
    _add(figure, unseen, theme, _Series(role="resolved", name=f"{PER_FOLD} ({len(unseen)})", has_line=True, shift=0.18))
    found = [row for row in rows if row["kind"] == FOUND]
    _add(figure, found, theme, _Series(role="data", name=f"{FOUND} ({len(found)})", has_line=True))
    forms = [row for row in rows if row["kind"] == FORM and row["law"] not in (PAPER, CONTROL)]
    _add(figure, forms, theme, _Series(role="population", name=f"forms written by hand ({len(forms)})", shift=-0.18))
    _add(figure, [row for row in rows if row["law"] == PAPER], theme, _Series(role="paper", name=PAPER))
    _add(figure, [control], theme, _Series(role="null", name=f"control: {CONTROL}"))
    look.note(
        figure,
        theme,
        f"n = {n} held-out families, or models where there are fewer than 3; bars: 95% over resamples of them.",
        "Searched with all families in sight, constants refitted without the family; the other line never saw it.",
    )
    return figure


def predicted(result: Result, theme: str) -> go.Figure:
    """Return predictions on held-out families against what was observed, and the line of equality."""
    rows = [row for row in result.table("predictions").frame.to_dicts() if row["predicted"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    unit = result.table("predictions").units["observed"]
    y = str(result.params.get("y") or "second score")
    figure = look.new_figure(
        theme, x_title=f"Observed {y} ({unit})", y_title=f"Predicted without the family ({unit})", height=480
    )
    ends = [min(row["observed"] for row in rows), max(row["observed"] for row in rows)]
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=ends,
            mode="lines",
            line={"color": look.INK[theme].muted, "width": 1.5, "dash": "dot"},
            name="equal",
            hoverinfo="skip",
        )
    )
    roles = {CONTROL: "null", PAPER: "paper"}
    for law in dict.fromkeys(row["law"] for row in rows):
        chosen = [row for row in rows if row["law"] == law]
        figure.add_trace(
            go.Scatter(
                x=[row["observed"] for row in chosen],
                y=[row["predicted"] for row in chosen],
                mode="markers",
                marker=look.SERIES[roles.get(law, "data")].marker(theme),
                name=f"{law} (n = {len(chosen)})",
                hovertext=[_point_text(row) for row in chosen],
                hovertemplate=HOVER,
            )
        )
    look.note(figure, theme, "One mark per model and law; no intervals on single predictions.")
    return figure


def exponents(result: Result, theme: str) -> go.Figure:
    """Return the free exponents with intervals beside the two controls; the paper's form is marked."""
    rows = [row for row in result.table("exponents").frame.to_dicts() if row["value"] is not None]
    if not rows:
        return look.empty_figure(theme, EMPTY)
    numbered = [{**row, "y": index} for index, row in enumerate(rows)]
    labels = [f"{row['exponent']}: {row['what']}" for row in rows]
    figure = look.new_figure(
        theme, x_title="Exponent (no unit)", y_title="", height=look.height_for_rows(labels, px_per_row=38)
    )
    look.row_axis(figure, labels)
    for what, role in ROLES:
        chosen = [row for row in numbered if row["what"] == what]
        style = look.SERIES[role]
        figure.add_trace(
            go.Scatter(
                x=[row["value"] for row in chosen],
                y=[row["y"] for row in chosen],
                mode="markers",
                marker=style.marker(theme),
                error_x=interval_bars(chosen, "value", "low", "high", colour=style.colour(theme)),
                name=what,
                hovertext=[
                    hover(f"{row['exponent']}, {what}", estimate_text(row, "value"), f"n = {row['n']}")
                    for row in chosen
                ],
                hovertemplate=HOVER,
            )
        )
    look.note(
        figure,
        theme,
        "Observed: 95% over resampled families. Shuffled: central 95% of deals of the scores over the same widths.",
        "Where the observed interval meets the controls, the exponents are those of the widths.",
    )
    return figure


def _add(figure: go.Figure, rows: Sequence[Row], theme: str, series: _Series) -> None:
    if not rows:
        return
    style = look.SERIES[series.role]
    ordered = sorted(rows, key=lambda row: row["complexity"])
    figure.add_trace(
        go.Scatter(
            x=[row["complexity"] + series.shift for row in ordered],
            y=[row["error"] for row in ordered],
            mode="lines+markers" if series.has_line else "markers",
            marker=style.marker(theme),
            line={**style.line(theme), "width": 1.2},
            error_y=interval_bars(ordered, "error", "error_low", "error_high", colour=style.colour(theme)),
            name=series.name,
            hovertext=[_law_text(row) for row in ordered],
            hovertemplate=HOVER,
        )
    )


def _law_text(row: Row) -> str:
    return hover(
        row["law"],
        row["formula"],
        f"error {estimate_text(row, 'error')}",
        f"skill {estimate_text(row, 'skill')}",
        f"n = {row['n_families']} families; {row['verdict']}",
    )


def _point_text(row: Row) -> str:
    return hover(
        f"{row['model_id']}, {row['family']}",
        row["law"],
        f"observed {number_text(row['observed'])}, predicted {number_text(row['predicted'])}",
        "n = 1 model",
    )
