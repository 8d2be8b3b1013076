"""Squares of cells coloured by sign and size on [-1, 1]: correlation matrices and other matrices of benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._contrast import cell_texts
from cape.figures._text import HOVER, wrapped
from cape.quantities import Phase

SQUARE_PX, NAME_COLUMNS = 300, 11
MOST_UPRIGHT = 6  # names across; more are turned, or they would cover one another
TITLE_PX, GAP_PX = 34, 76
LOWEST = -1.0  # bottom of the colour scale; its top is the opposite


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its value on [-1, 1] or None, the words on it and on hover."""

    value: float | None
    text: str
    hover: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One matrix: its title and its cells by (row name, column name); a missing cell stays blank."""

    title: str
    cells: Mapping[tuple[str, str], Cell]


def squares(theme: str, rows: Sequence[Sequence[Square]], names: Sequence[str]) -> go.Figure:
    """Return matrices in a grid, all with the same names down and across. Colours run from vermillion to blue."""
    n_rows, n_columns = len(rows), max(len(row) for row in rows)
    height = n_rows * (SQUARE_PX + TITLE_PX + GAP_PX)
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=(TITLE_PX + GAP_PX) / height if n_rows > 1 else 0,
        subplot_titles=[wrapped(square.title, 44) for row in rows for square in row],
        figure=None,
    )
    figure.update_layout(template=look.TEMPLATES[theme], height=height, margin={**look.MARGIN, "t": 2 * TITLE_PX})
    figure.update_annotations(font={"size": look.FONT_SIZE, "color": look.INK[theme].text})
    for i, row in enumerate(rows, start=1):
        for j, square in enumerate(row, start=1):
            for trace in _traces(theme, square, names):
                figure.add_trace(trace, row=i, col=j)
    figure.update_xaxes(
        tickvals=list(range(len(names))),
        ticktext=[_name(name) for name in names],
        tickangle=0 if len(names) <= MOST_UPRIGHT else -50,
        showgrid=False,
        zeroline=False,
        ticks="",
        tickfont={"size": look.SMALL_SIZE - 1},
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[_name(name) for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        ticks="",
        tickfont={"size": look.SMALL_SIZE},
    )
    return figure


def _name(name: str) -> str:
    return wrapped(name.replace("_", " "), NAME_COLUMNS)


def _traces(theme: str, square: Square, names: Sequence[str]) -> tuple[go.Heatmap, go.Scatter]:
    empty = Cell(value=None, text="", hover="")
    grid = [[square.cells.get((down, across), empty) for across in names] for down in names]
    stops = (
        (0.0, look.PHASE_STYLES[Phase.TAX].colour(theme)),
        (0.5, look.INK[theme].hover),
        (1.0, look.PHASE_STYLES[Phase.BONUS].colour(theme)),
    )
    heatmap = go.Heatmap(
        x=list(range(len(names))),
        y=list(range(len(names))),
        z=[[cell.value for cell in line] for line in grid],
        hovertext=[[cell.hover for cell in line] for line in grid],
        hovertemplate=HOVER,
        colorscale=[list(stop) for stop in stops],
        zmin=LOWEST,
        zmax=-LOWEST,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        name=square.title,
    )
    places = [[None if cell.value is None else (cell.value - LOWEST) / (-2 * LOWEST) for cell in line] for line in grid]
    return heatmap, cell_texts([[cell.text for cell in line] for line in grid], places, stops)
