"""A specification curve: every estimate in order of value, and below it what each was computed from."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._marks import FAR_FENCE, Row, gaps, outside_text, robust_view
from cape.figures._text import HOVER, counted, estimate_text, hover, wrapped
from cape.quantities import Result

COLUMNS = ("value", "low", "high")
MOST_PAIRS = 12  # pairs of benchmarks; more would make the matrix taller than the curve
CURVE_PX, ROW_PX = 280, 17


def specification_figure(result: Result, theme: str) -> go.Figure:
    """Return the curve of values with intervals above a matrix of estimators, panels and pairs."""
    table = result.table("specifications")
    rows = table.frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No specification in this selection.")
    defined = [row for row in rows if row["value"] is not None]
    lacking = len(rows) - len(defined)
    gone = f"{lacking} of {counted(len(rows), 'specification')} give no value and are not drawn." if lacking else ""
    if not defined:
        return look.empty_figure(theme, gone)
    is_scale = result.diagnostic == "critical_scale"
    choices = _choices(defined)
    figure = _axes(theme, choices, unit=table.units.get("value", ""), is_scale=is_scale)
    view = _set_view(figure, defined, is_scale=is_scale)
    _add_intervals(figure, defined, theme, view)
    _add_values(figure, defined, theme)
    _add_paper(figure, [row for row in defined if row["is_paper_choice"]], theme)
    _add_matrix(figure, defined, choices, theme)
    look.note(figure, theme, gone, outside_text(defined, view, what="value", columns=COLUMNS))
    return figure


def _choices(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the lines of the matrix: (kind, choice), kinds with a single choice included."""
    kinds = {
        "estimator": sorted({row["estimator"] for row in rows}),
        "panel": sorted({row["panel"] for row in rows}),
        "pair": sorted({_pair(row) for row in rows}),
    }
    if len(kinds["pair"]) > MOST_PAIRS:
        del kinds["pair"]
    return [(kind, choice) for kind, choices in kinds.items() for choice in choices]


def _pair(row: Row) -> str:
    return f"{row['x']} / {row['y']}"


def _choice(row: Row, kind: str) -> str:
    return _pair(row) if kind == "pair" else row[kind]


def _axes(theme: str, choices: Sequence[tuple[str, str]], *, unit: str, is_scale: bool) -> go.Figure:
    matrix_px = ROW_PX * len(choices) + 20
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.02, row_heights=[CURVE_PX, matrix_px], figure=None
    )
    height = CURVE_PX + matrix_px + 120
    figure.update_layout(template=look.TEMPLATES[theme], height=height, margin=dict(look.MARGIN))
    figure.update_yaxes(title_text=f"N_c ({unit}, log scale)" if is_scale else "r (no unit)", row=1, col=1)
    figure.update_xaxes(title_text="Specification, in order of value (rank)", row=2, col=1)
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(choices))),
        ticktext=[wrapped(f"{kind}: {choice}", 60) for kind, choice in choices],
        range=[len(choices) - 0.4, -0.6],
        tickfont={"size": look.SMALL_SIZE - 1},
        zeroline=False,
        row=2,
        col=1,
    )
    return figure


def _set_view(figure: go.Figure, rows: Sequence[Row], *, is_scale: bool) -> tuple[float, float]:
    """Set the axes of value and rank; return the limits of value that the view shows."""
    ranks = [row["rank"] for row in rows]
    pad = 0.5 + 0.01 * len(rows)
    figure.update_xaxes(range=[min(ranks) - pad, max(ranks) + pad])
    if not is_scale:
        figure.update_yaxes(range=[-1.05, 1.05], zeroline=True, row=1, col=1)
        return -1.05, 1.05
    numbers = [row[name] for row in rows for name in COLUMNS if row[name] is not None]
    low, high = robust_view(
        look.log10_of(numbers), always=look.log10_of([row["value"] for row in rows]), fence=FAR_FENCE
    )
    ticks = look.log_ticks(low, high)
    figure.update_yaxes(
        type="log", range=[low, high], tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], row=1, col=1
    )
    return 10**low, 10**high


def _add_intervals(figure: go.Figure, rows: Sequence[Row], theme: str, view: tuple[float, float]) -> None:
    """Draw intervals as thin lines; an unbounded side runs to the edge of the view."""
    held = [row for row in rows if row["low"] is not None or row["high"] is not None]
    if not held:
        return
    lows = [view[0] if row["low"] is None else row["low"] for row in held]
    highs = [view[1] if row["high"] is None else row["high"] for row in held]
    figure.add_trace(
        go.Scatter(
            x=gaps(*[[row["rank"] for row in held]] * 2),
            y=gaps(lows, highs),
            mode="lines",
            line={"color": look.INK[theme].line, "width": max(0.5, min(2.0, 300 / len(rows)))},
            name="interval",
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )


def _row_text(row: Row) -> str:
    return hover(
        f"{row['estimator']}, panel {row['panel']}",
        _pair(row),
        estimate_text(row, "value"),
        f"n = {row['n']}, rank {row['rank']}" if row.get("n") is not None else f"rank {row['rank']}",
        row.get("note") or "",
    )


def _add_values(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    style = look.SERIES["data"]
    size = 6 if len(rows) <= 150 else 3.5
    figure.add_trace(
        go.Scatter(
            x=[row["rank"] for row in rows],
            y=[row["value"] for row in rows],
            mode="markers",
            marker={**style.marker(theme), "size": size, "line": {"width": 0}},
            name=counted(len(rows), "specification"),
            hovertext=[_row_text(row) for row in rows],
            hovertemplate=HOVER,
        ),
        row=1,
        col=1,
    )


def _add_paper(figure: go.Figure, rows: Sequence[Row], theme: str) -> None:
    if not rows:
        return
    figure.add_trace(
        go.Scatter(
            x=[row["rank"] for row in rows],
            y=[row["value"] for row in rows],
            mode="markers+text",
            marker=look.SERIES["paper"].marker(theme) | {"size": 17},
            text=["the paper's choice" for _ in rows],
            textposition="top left",
            textfont={"size": look.SMALL_SIZE, "color": look.INK[theme].text},
            name="the paper's choice",
            hovertext=[_row_text(row) for row in rows],
            hovertemplate=HOVER,
        ),
        row=1,
        col=1,
    )


def _add_matrix(figure: go.Figure, rows: Sequence[Row], choices: Sequence[tuple[str, str]], theme: str) -> None:
    cells = [(row, line) for row in rows for line, (kind, choice) in enumerate(choices) if _choice(row, kind) == choice]
    papers = look.SERIES["paper"].colour(theme)
    colours = [papers if row["is_paper_choice"] else look.INK[theme].muted for row, _ in cells]
    figure.add_trace(
        go.Scatter(
            x=[row["rank"] for row, _ in cells],
            y=[line for _, line in cells],
            mode="markers",
            marker={
                "symbol": "line-ns",
                "size": 9,
                "line": {"color": colours, "width": max(0.7, min(5.0, 400 / len(rows)))},
            },
            name="choices",
            showlegend=False,
            hovertext=[hover(f"{choices[line][0]}: {choices[line][1]}", f"rank {row['rank']}") for row, line in cells],
            hovertemplate=HOVER,
        ),
        row=2,
        col=1,
    )
