"""A table of counts, shaded by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._contrast import cell_texts
from cape.figures._text import HOVER, hover, wrapped

CELL_PX, LEAST_PX = 34, 280


def heat_table(
    theme: str,
    cells: Mapping[tuple[str, str], int | None],
    *,
    across: Sequence[str],
    down: Sequence[str],
    what: str,
    columns: int = 11,
) -> go.Figure:
    """Return counts as text on shaded cells. cells : (name across, name down) -> count; a missing one stays blank.

    columns : characters per line of the names across.
    """
    counts = [[cells.get((column, line)) for column in across] for line in down]
    height = max(LEAST_PX, look.height_for_rows(down, columns=26, px_per_row=CELL_PX))
    most = max([1, *(n for line in counts for n in line if n is not None)])
    stops = tuple((float(place), colour) for place, colour in enumerate(look.INK[theme].scale))
    figure = look.new_figure(theme, x_title="", y_title="", height=height)
    figure.add_trace(
        go.Heatmap(
            x=list(range(len(across))),
            y=list(range(len(down))),
            z=counts,
            hovertext=[
                [hover(line, column, f"n = {cells.get((column, line)) or 0} {what}") for column in across]
                for line in down
            ],
            hovertemplate=HOVER,
            colorscale=[list(stop) for stop in stops],
            zmin=0,
            zmax=most,
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            name=what,
        )
    )
    texts = [["" if n is None else str(n) for n in line] for line in counts]
    figure.add_trace(cell_texts(texts, [[None if n is None else n / most for n in line] for line in counts], stops))
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(across))),
        ticktext=[wrapped(name, columns) for name in across],
        showgrid=False,
        zeroline=False,
        ticks="",
        tickfont={"size": look.SMALL_SIZE},
    )
    look.row_axis(figure, down, columns=26)
    figure.update_yaxes(range=[len(down) - 0.5, -0.5], ticks="")
    return figure
