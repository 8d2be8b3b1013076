"""One plot per instrument, under one another, each as tall as its rows need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._marks import Row
from cape.figures._text import plain, wrapped

MOST_ROWS = 40  # rows of one instrument
ROW_PX, TITLE_PX, FRAME_PX = 22, 46, 110

Groups = list[tuple[str, list[Row]]]


def by_instrument(rows: Iterable[Row], *, most: int = MOST_ROWS) -> tuple[Groups, int]:
    """Return the rows of each measured_by, in order and at most so many, and how many rows are left out."""
    every = [(str(name), list(held)) for name, held in groupby(rows, key=lambda row: row["measured_by"])]
    kept = [(name, held[:most]) for name, held in every]
    return kept, sum(len(held) for _, held in every) - sum(len(held) for _, held in kept)


def left_out(gone: int) -> str:
    """Return the sentence that counts rows that are not drawn; empty where there is none."""
    return f"Not drawn: {gone} rows beyond {MOST_ROWS} of an instrument; the table has all." if gone else ""


def stacked(theme: str, names: Sequence[str], heights: Sequence[int]) -> go.Figure:
    """Return one titled plot per name, with these heights in px, under one another."""
    inner = sum(heights) + TITLE_PX * (len(heights) - 1)
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        row_heights=list(heights),
        vertical_spacing=TITLE_PX / inner if len(names) > 1 else 0,
        subplot_titles=[wrapped(name, 90) for name in names],
    )
    figure.update_annotations(font={"size": look.SMALL_SIZE, "color": look.INK[theme].muted})
    figure.update_layout(
        template=look.TEMPLATES[theme],
        height=FRAME_PX + inner + TITLE_PX,
        margin={**look.MARGIN, "t": look.MARGIN["t"] + TITLE_PX},
        legend={"y": 1 + 24 / inner},
    )
    return figure


def stacked_rows(theme: str, groups: Groups) -> go.Figure:
    """Return one plot per instrument with a line for each of its rows, the first on top."""
    figure = stacked(theme, [name for name, _ in groups], [ROW_PX * len(held) + 14 for _, held in groups])
    for line, (_, held) in enumerate(groups, start=1):
        figure.update_yaxes(
            tickvals=list(range(len(held))),
            ticktext=[row_name(row) for row in held],
            range=[len(held) - 0.4, -0.6],
            showgrid=False,
            zeroline=False,
            tickfont={"size": look.SMALL_SIZE},
            row=line,
            col=1,
        )
    return figure


def row_name(row: Row) -> str:
    """Return the label of a row without the instrument, which titles the plot; a star where an alarm strikes it."""
    instrument = str(row["measured_by"]).partition(";")[0]
    return f"{plain(str(row['label']).removesuffix(f', {instrument}'))}{' *' if row['alarms'] else ''}"
