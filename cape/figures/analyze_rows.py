"""One model's scores as rows and cells: percentiles and residuals, correlations at its size, and what-if changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._cells import Cell, Square, squares
from cape.figures._marks import Row, add_forest, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, number_text, wrapped
from cape.quantities import Result

KINDS = (("percentile", "Percentile (%)"), ("residual given size", "Residual given size<br>(standard deviations)"))
LEVERS: Mapping[str, look.Style] = MappingProxyType(
    dict(zip(("size", "width", "curation", "all levers"), look.FAMILY_STYLES, strict=False))
)
LINE_PX = 30


def profile_rows(result: Result, theme: str) -> go.Figure:
    """Return percentiles on the left and residuals given size on the right, one row per score and comparison."""
    rows = result.table("profile").frame.to_dicts()
    found = [row for row in rows if row["value"] is not None]
    if not found:
        return look.empty_figure(theme, "No score was given that others of the lake have.")
    groups = [[row for row in found if row["kind"] == kind] for kind, _ in KINDS]
    shown = [(group, title) for group, (_, title) in zip(groups, KINDS, strict=True) if group]
    heights = [len(group) for group, _ in shown]
    figure = make_subplots(rows=len(shown), cols=1, row_heights=heights, vertical_spacing=0.16, figure=None)
    figure.update_layout(
        template=look.TEMPLATES[theme], height=130 + LINE_PX * sum(heights) + 60 * len(shown), margin=dict(look.MARGIN)
    )
    for line, (group, title) in enumerate(shown, start=1):
        _add_profile(figure, group, theme, line, title)
    lacking = len(rows) - len(found)
    look.note(
        figure, theme, f"{lacking} of {counted(len(rows), 'row')} are undefined and not drawn." if lacking else ""
    )
    return figure


def _add_profile(figure: go.Figure, rows: Sequence[Row], theme: str, line: int, title: str) -> None:
    style = look.SERIES["data"]
    places = list(range(len(rows)))
    figure.add_trace(
        go.Scatter(
            x=[row["value"] for row in rows],
            y=places,
            mode="markers",
            marker={**style.marker(theme), "size": 10},
            error_x={**interval_bars(rows, "value", "low", "high", colour=style.colour(theme)), "thickness": 2},
            name=rows[0]["kind"],
            showlegend=False,
            hovertext=[_profile_text(row) for row in rows],
            hovertemplate=HOVER,
        ),
        row=line,
        col=1,
    )
    is_percentile = rows[0]["kind"] == KINDS[0][0]
    figure.update_xaxes(
        title_text=title, range=[-2, 102] if is_percentile else None, zeroline=not is_percentile, row=line, col=1
    )
    if is_percentile:
        figure.add_vline(x=50, line={"color": look.INK[theme].line, "width": 1, "dash": "dot"}, row=line, col=1)
    figure.update_yaxes(
        tickvals=places,
        ticktext=[wrapped(f"{row['label']} (n = {row['n']})", 44) for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        tickfont={"size": look.SMALL_SIZE},
        row=line,
        col=1,
    )


def _profile_text(row: Row) -> str:
    return hover(
        str(row["label"]),
        f"{row['kind']} {estimate_text(row, 'value')}",
        f"n = {counted(row['n'], 'model')}",
        row["caveats"],
    )


def matrix_at_size(result: Result, theme: str) -> go.Figure:
    """Return r given log N of every pair near this size, and beside it where this model lies about the trends."""
    rows = result.table("matrix").frame.to_dicts()
    names = list(dict.fromkeys(row["first"] for row in rows))
    if len(names) < 2 or not any(row["r"] is not None for row in rows if row["first"] != row["second"]):
        return look.empty_figure(theme, "A matrix needs two given scores that models of similar size have as well.")
    counts = sorted({row["n"] for row in rows if row["n"] is not None})
    n = f"{counts[0]} to {counts[-1]}" if counts and counts[0] != counts[-1] else f"{counts[0] if counts else 0}"
    panel = Square(title=f"r given log N (n = {n} models)", cells={_key(row): _r_cell(row) for row in rows})
    own = Square(title="This model: product of its residuals", cells={_key(row): _own_cell(row) for row in rows})
    figure = squares(theme, [[panel, own]], names)
    look.note(
        figure,
        theme,
        "Bold: the 95% interval leaves out zero. On the diagonal of the right square: this model's residual given "
        "size, in standard deviations.",
        "Where both squares have one colour, this model deviates as the panel's models do.",
    )
    return figure


def _key(row: Row) -> tuple[str, str]:
    return row["first"], row["second"]


def _r_cell(row: Row) -> Cell:
    if row["first"] == row["second"] or row["r"] is None:
        return Cell(value=None, text="", hover=row["first"])
    number = f"{row['r']:+.2f}"
    settled = row["reading"] in ("competing", "cooperating")
    text = hover(
        f"{row['first']} and {row['second']}",
        f"r {estimate_text({**row, 'value': row['r']}, 'value')}",
        f"n = {row['n']}, {row['reading']}",
    )
    return Cell(value=row["r"], text=f"<b>{number}</b>" if settled else number, hover=text)


def _own_cell(row: Row) -> Cell:
    if row["first"] == row["second"]:
        residual = row["first_residual"]
        text = "" if residual is None else f"{residual:+.1f}"
        return Cell(value=0.0, text=text, hover=hover(row["first"], f"residual {number_text(residual)}", "n = 1 model"))
    text = "" if row["product"] is None else f"{row['product']:+.1f}"
    words = hover(f"{row['first']} and {row['second']}", f"this model: {row['this_model']}", "n = 1 model")
    return Cell(value=row["product"], text=text, hover=words)


def what_if_rows(result: Result, theme: str) -> go.Figure:
    """Return the expected change of each score by lever with its interval."""
    moved = [row for row in result.table("what_if").frame.to_dicts() if row["is_moved"]]
    rows = [row for row in moved if row["change"] is not None]
    if not rows:
        return look.empty_figure(
            theme, "No lever is moved, or no change is defined: see the estimates for the reasons."
        )
    labels = list(dict.fromkeys(f"{row['benchmark']}: {row['lever']}" for row in sorted(rows, key=_by_benchmark)))
    lines = {label: line for line, label in enumerate(labels)}
    placed = [{**row, "value": row["change"], "y": lines[f"{row['benchmark']}: {row['lever']}"]} for row in rows]
    figure = look.new_figure(
        theme, x_title="Expected change (percentage points)", y_title="", height=look.height_for_rows(labels)
    )
    look.row_axis(figure, labels)
    figure.update_xaxes(zeroline=True)
    for lever, style in LEVERS.items():
        chosen = [row for row in placed if row["lever"] == lever]
        add_forest(figure, chosen, style=style, theme=theme, name=lever, text=_what_if_text)
    lacking = len(moved) - len(rows)
    look.note(
        figure, theme, f"{lacking} of {counted(len(moved), 'row')} are undefined and not drawn." if lacking else ""
    )
    return figure


def _by_benchmark(row: Row) -> str:
    return str(row["benchmark"])


def _what_if_text(row: Row) -> str:
    then = (
        ""
        if row["then_pct"] is None
        else f"from {number_text(row['now_pct'], '%')} to {number_text(row['then_pct'], '%')}"
    )
    return hover(
        f"{row['benchmark']}, {row['lever']}",
        f"change {estimate_text(row, 'value', 'pp')}",
        then,
        f"n = {row['n']}",
        row["rule"],
    )
