"""The ledger by both verdicts."""

from __future__ import annotations

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._heat import heat_table
from cape.quantities import Result


def verdict_matrix(result: Result, theme: str) -> go.Figure:
    """Return the number of claims by the verdict on the paper's rows and the verdict on independent rows."""
    rows = result.table("matrix").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, "No claim in the ledger.")
    cells = {(row["supported"], row["reproduced"]): row["n"] for row in rows}
    known = list(look.VERDICT_STYLES)
    across = [verdict for verdict in known if any(column == verdict for column, _ in cells)]
    down = [verdict for verdict in known if any(line == verdict for _, line in cells)]
    others = sorted({str(name) for key in cells for name in key} - set(known))
    cells = {(str(column), str(line)): n for (column, line), n in cells.items()}
    figure = heat_table(theme, cells, across=across + others, down=down + others, what="claims")
    figure.update_xaxes(
        title_text="Supported: verdict on independent rows", tickangle=0, tickfont_size=look.SMALL_SIZE - 1
    )
    figure.update_yaxes(title_text="Reproduced: verdict on<br>the paper's recipe and rows")
    return figure
