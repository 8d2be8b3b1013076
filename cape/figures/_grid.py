"""Small multiples: one chart per key in a grid of two columns, on one theme."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._text import wrapped

COLUMNS = 2
CHART_PX, FRAME_PX = 200, 110
GAP_PX, TITLED_GAP_PX = 72, 100  # between rows: tick labels and a title of two lines; with an axis title between
TITLE_COLUMNS = 60  # characters per line of a chart's title

Place = tuple[int, int]


def grid(
    theme: str, titles: Sequence[str], *, x_title: str, y_title: str, shared_x: bool = True, shared_y: bool = True
) -> tuple[go.Figure, list[Place]]:
    """Return an empty grid with one titled chart per title, and the (row, column) of each."""
    n_rows = -(-len(titles) // COLUMNS)
    height = FRAME_PX + (CHART_PX if shared_x else CHART_PX + TITLED_GAP_PX - GAP_PX) * n_rows
    figure = make_subplots(
        rows=n_rows,
        cols=COLUMNS,
        shared_xaxes="all" if shared_x else False,
        shared_yaxes="all" if shared_y else False,
        subplot_titles=[wrapped(title, TITLE_COLUMNS) for title in titles],
        vertical_spacing=(GAP_PX if shared_x else TITLED_GAP_PX) / height,
        horizontal_spacing=0.06 if shared_y else 0.1,
    )
    figure.update_annotations(font={"size": look.SMALL_SIZE, "color": look.INK[theme].muted})
    figure.update_layout(
        template=look.TEMPLATES[theme], height=height, margin={**look.MARGIN, "t": look.MARGIN["t"] + 48}
    )
    figure.update_layout(legend={"y": 1 + 34 / (height - FRAME_PX)})
    places = [(1 + i // COLUMNS, 1 + i % COLUMNS) for i in range(len(titles))]
    for row, column in places:
        figure.update_xaxes(showticklabels=True, row=row, col=column)
        if column == 1 or not shared_y:
            figure.update_yaxes(title_text=y_title, row=row, col=column)
        if row == n_rows or (row == n_rows - 1 and (n_rows, column) not in places) or not shared_x:
            figure.update_xaxes(title_text=x_title, row=row, col=column)
    return figure, places
