"""Where sources disagree, and how many models each panel has per benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._heat import heat_table
from cape.figures._marks import Row, gaps, se_bars
from cape.figures._text import HOVER, counted, hover, number_text
from cape.quantities import Result

MOST_CONFLICTS = 25


def conflict_figure(result: Result, theme: str) -> go.Figure:
    """Return the widest disagreements: a line per model and benchmark, a point per source."""
    frame = result.table("conflicts").frame
    groups = _groups(frame.to_dicts())
    if not groups:
        return look.empty_figure(theme, "No two sources disagree.")
    shown = groups[:MOST_CONFLICTS]
    labels = [f"{rows[0]['model_id']}, {rows[0]['benchmark_id']}" for rows in shown]
    figure = look.new_figure(theme, x_title="Score (%)", y_title="", height=look.height_for_rows(labels, px_per_row=24))
    look.row_axis(figure, labels)
    lines = [{**row, "y": line} for line, rows in enumerate(shown) for row in rows if row["score_pct"] is not None]
    _add_spans(figure, shown, theme)
    _add_sources(figure, lines, theme)
    heads = [{**rows[0], "y": line} for line, rows in enumerate(shown) if rows[0]["resolved_pct"] is not None]
    _add_resolved(figure, heads, theme)
    rest = len(groups) - len(shown)
    look.note(
        figure,
        theme,
        "Bars are one standard error.",
        f"The {len(shown)} widest of {len(groups)} disagreements are drawn." if rest else "",
    )
    return figure


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows by model and benchmark, the widest disagreement first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model_id"], row["benchmark_id"]), []).append(row)
    return sorted(groups.values(), key=lambda group: -(group[0].get("spread_pct") or 0.0))


def _add_spans(figure: go.Figure, groups: Sequence[Sequence[Row]], theme: str) -> None:
    scores = [[row["score_pct"] for row in rows if row["score_pct"] is not None] for rows in groups]
    spans = [(min(found), max(found), line) for line, found in enumerate(scores) if found]
    figure.add_trace(
        go.Scatter(
            x=gaps([low for low, _, _ in spans], [high for _, high, _ in spans]),
            y=gaps(*[[line for _, _, line in spans]] * 2),
            mode="lines",
            line={"color": look.INK[theme].line, "width": 1.5},
            name="spread",
            showlegend=False,
            hoverinfo="skip",
        )
    )


def _row_text(row: Row) -> str:
    error = "no standard error" if row["score_se_pct"] is None else f"SE {number_text(row['score_se_pct'], 'pp')}"
    return hover(
        f"{row['model_id']}, {row['benchmark_id']}",
        f"source {row['source_id']}",
        str(row.get("protocol") or ""),
        f"{number_text(row['score_pct'], '%')}, {error}",
        f"precedence {row['precedence']}" if row.get("precedence") is not None else "",
    )


def _add_sources(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    style = look.SERIES["data"]
    figure.add_trace(
        go.Scatter(
            x=[row["score_pct"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=style.marker(theme) | {"opacity": 0.8},
            error_x=se_bars(rows, "score_se_pct", colour=style.colour(theme)),
            name="a source",
            showlegend=True,
            hovertext=[_row_text(row) for row in rows],
            hovertemplate=HOVER,
        )
    )


def _add_resolved(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    style = look.SERIES["resolved"]
    figure.add_trace(
        go.Scatter(
            x=[row["resolved_pct"] for row in rows],
            y=[row["y"] for row in rows],
            mode="markers",
            marker=style.marker(theme),
            name="the value that the precedence rule picks",
            showlegend=True,
            hovertext=[
                hover(
                    f"{row['model_id']}, {row['benchmark_id']}",
                    f"resolved {number_text(row['resolved_pct'], '%')}",
                    f"source {row['resolved_source_id']}" if row.get("resolved_source_id") else "",
                    f"n = {counted(row['n_values'], 'value')}" if row.get("n_values") is not None else "",
                )
                for row in rows
            ],
            hovertemplate=HOVER,
        )
    )


def coverage(result: Result, theme: str) -> go.Figure:
    """Return the number of models with a score, by panel and benchmark."""
    rows = result.table("coverage").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No panel has a score.")
    cells = {(row["benchmark_id"], row["panel"]): row["n_models"] for row in rows}
    across = sorted({benchmark for benchmark, _ in cells})
    down = sorted({panel for _, panel in cells})
    figure = heat_table(theme, cells, across=across, down=down, what="models", columns=40)
    figure.update_xaxes(title_text="Benchmark (number of models)", tickangle=-60)
    figure.update_yaxes(title_text="Panel")
    return figure
