"""Coefficients, inclusion, structure by threshold and eigenvalues of fitted equations."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._heat import heat_table
from cape.figures._marks import FAR_FENCE, Row, add_forest, interval_bars, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover, plain
from cape.quantities import Result

MOST_ROWS = 36  # of the forest; a library of degree 2 has 105 places
MOST_TERMS = 21  # rows of the inclusion table
ENDS = ("value", "low", "high")


def coefficient_forest(result: Result, theme: str) -> go.Figure:
    """Return one row per term: coefficient with interval, marked by whether the fit to all rows keeps it."""
    every = result.table("equation").frame.to_dicts()
    slopes = [row for row in every if row["term"] != "1"]
    rows = sorted(slopes, key=lambda row: -row["inclusion"])[:MOST_ROWS] if len(slopes) > MOST_ROWS else slopes
    if not rows:
        return look.empty_figure(theme, "The equations hold constants only.")
    order = list(dict.fromkeys(row["equation"] for row in every))
    rows = sorted(rows, key=lambda row: order.index(row["equation"]))
    labels = [f"d {row['equation']}: {row['term']}" for row in rows]
    figure = look.new_figure(
        theme,
        x_title="Coefficient (points per decade per unit of the term)",
        y_title="",
        height=look.height_for_rows(labels, px_per_row=20),
    )
    look.row_axis(figure, labels)
    placed = [{**row, "y": line} for line, row in enumerate(rows)]
    for is_kept, role, name in ((True, "data", "kept by the fit to all rows"), (False, "null", "dropped by it")):
        chosen = [row for row in placed if row["is_kept"] == is_kept]
        add_forest(figure, chosen, style=look.SERIES[role], theme=theme, name=name, text=_coefficient_text)
    numbers = [row[end] for row in rows for end in ENDS]
    view = robust_view(numbers, always=[0.0], fence=FAR_FENCE)
    figure.update_xaxes(range=list(view), zeroline=True)
    gone = len(slopes) - len(rows)
    look.note(
        figure,
        theme,
        _gate_note(result),
        f"Not drawn: {gone} of {len(slopes)} terms, those that resamples keep least; the table has all."
        if gone
        else "",
        "Constants are in the table. Bars: 95% interval over fits to resamples, dropped terms counting as 0.",
        outside_text(rows, view, what="coefficient", columns=ENDS),
    )
    return figure


def _gate_note(result: Result) -> str:
    """Return the first sentence of the result, which says whether the equations are determined."""
    return result.sentences[0] if result.sentences else ""


def _coefficient_text(row: Row) -> str:
    return hover(
        f"d {row['equation']}: {row['term']}",
        estimate_text(row, "value"),
        f"kept by {row['inclusion']:.0%} of resamples, at {row['threshold_share']:.0%} of the thresholds",
    )


def inclusion_table(result: Result, theme: str) -> go.Figure:
    """Return the percentage of resamples that keep each term, terms down and equations across."""
    rows = result.table("equation").frame.to_dicts()
    across = list(dict.fromkeys(row["equation"] for row in rows))
    best: dict[str, float] = {}
    for row in rows:
        best[row["term"]] = max(best.get(row["term"], 0.0), row["inclusion"])
    down = list(best)
    if len(down) > MOST_TERMS:
        chosen = set(sorted(down, key=lambda term: -best[term])[:MOST_TERMS])
        down = [term for term in down if term in chosen]
    cells: dict[tuple[str, str], int | None] = {
        (row["equation"], row["term"]): round(100 * row["inclusion"]) for row in rows
    }
    figure = heat_table(theme, cells, across=across, down=down, what="% of the fits", columns=15)
    gone = len(best) - len(down)
    look.note(
        figure,
        theme,
        f"Percent of {result.params.get('ensemble')} fits to resamples that keep the term; 1 is the constant.",
        f"Not drawn: {gone} of {len(best)} terms, those kept least; the table has all." if gone else "",
    )
    return figure


def structure_path(result: Result, theme: str) -> go.Figure:
    """Return the number of terms of every equation against the threshold."""
    rows = result.table("path").frame.to_dicts()
    positive = [row for row in rows if row["threshold"] > 0]
    if not positive:
        return look.empty_figure(theme, "The threshold is 0, so that every term stays and there is no range to vary.")
    names = list(dict.fromkeys(row["equation"] for row in positive))
    figure = look.new_figure(theme, x_title="Threshold (log scale)", y_title="Terms kept (count)")
    for place, name in enumerate(names):
        style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
        mine = [row for row in positive if row["equation"] == name]
        figure.add_trace(
            go.Scatter(
                x=[row["threshold"] for row in mine],
                y=[row["n_terms"] for row in mine],
                mode="lines+markers",
                marker=style.marker(theme),
                line=style.line(theme, width=1.5),
                name=plain(name),
                hovertext=[_path_text(row) for row in mine],
                hovertemplate=HOVER,
            )
        )
    logs = look.log10_of([row["threshold"] for row in positive])
    ticks = look.log_ticks(min(logs), max(logs))
    span = [min(logs) - 0.05, max(logs) + 0.05]
    figure.update_xaxes(type="log", range=span, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    figure.update_yaxes(rangemode="tozero")
    chosen = next((row["threshold"] for row in positive if row["is_chosen"]), None)
    if chosen is not None:
        line = look.SERIES["paper"].line(theme, width=1.5)
        figure.add_vline(x=chosen, line=line, layer="below")
    found = next((e for e in result.estimates if e.symbol == "structure_stability"), None)
    share = f"{found.value:.0%} of {counted(found.n, 'place')} keep sign or absence." if found and found.value else ""
    dashed = "" if chosen is None else f"Dashed: the chosen threshold {chosen:g}."
    look.note(figure, theme, dashed, share, "No interval: the fit to all rows at each threshold.")
    return figure


def _path_text(row: Row) -> str:
    return hover(
        str(row["equation"]),
        f"{row['n_terms']} terms at threshold {row['threshold']:.3g}",
        f"{row['same_share']:.0%} of the places as at the chosen threshold",
    )


def eigenvalue_plane(result: Result, theme: str) -> go.Figure:
    """Return the eigenvalues in the complex plane with the intervals of their real parts."""
    rows: Sequence[Row] = result.table("eigenvalues").frame.to_dicts()
    figure = look.new_figure(theme, x_title="Real part (per decade)", y_title="Imaginary part (per decade)", height=360)
    style = look.SERIES["data"]
    figure.add_trace(
        go.Scatter(
            x=[row["real"] for row in rows],
            y=[row["imaginary"] for row in rows],
            mode="markers+text",
            text=[str(row["number"]) for row in rows],
            textposition="top center",
            marker=style.marker(theme),
            error_x=interval_bars(rows, "real", "low", "high", colour=style.colour(theme)),
            name="eigenvalue of the fit to all rows, numbered by real part",
            hovertext=[
                hover(
                    f"eigenvalue {row['number']} of {len(rows)}",
                    f"{row['real']:.3g} {row['imaginary']:+.3g}i per decade",
                    f"interval of the real part {row['low']:.3g} to {row['high']:.3g}",
                )
                for row in rows
            ],
            hovertemplate=HOVER,
        )
    )
    view = robust_view([row[end] for row in rows for end in ("real", "low", "high")], always=[0.0], fence=FAR_FENCE)
    figure.update_xaxes(range=list(view), zeroline=True)
    growing = sum(row["low"] > 0 for row in rows)
    look.note(
        figure,
        theme,
        f"Right of zero a direction grows with size; {growing} of {len(rows)} real parts have an interval above 0.",
        outside_text(rows, view, what="eigenvalue", columns=("real", "low", "high")),
    )
    return figure
