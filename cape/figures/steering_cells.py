"""A steering scorecard in detail: the layer x strength grid, and how far each question moved."""

from __future__ import annotations

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._arm_styles import ARM_STYLES
from cape.figures._contrast import cell_texts
from cape.figures._marks import Row
from cape.figures._text import HOVER, counted, hover, number_text, wrapped
from cape.figures.steering_card import EMPTY
from cape.quantities import Result

MOST_MOVES, SMALL_MARK = 4, 6


def layer_by_strength(result: Result, theme: str) -> go.Figure:
    """Return the change of truth on the validation questions by layer and strength, the chosen cell outlined."""
    rows = result.table("grid").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    layers = sorted({row["layer"] for row in rows})
    strengths = sorted({round(row["strength_share"] or 0.0, 6) for row in rows})
    cells = {(row["layer"], round(row["strength_share"] or 0.0, 6)): row for row in rows}
    lines = [[cells.get((layer, strength)) for strength in strengths] for layer in layers]
    height = max(240, 130 + 44 * len(layers))
    figure = look.new_figure(
        theme, x_title="Strength (share of the mean norm of the layer's output)", y_title="Layer", height=height
    )
    reach = max([abs(row["change_pp"]) for row in rows if row["change_pp"] is not None] or [1.0]) or 1.0
    stops = ((0.0, look.VERMILLION), (0.5, look.INK[theme].ground), (1.0, look.BLUE))
    figure.add_trace(
        go.Heatmap(
            x=list(range(len(strengths))),
            y=list(range(len(layers))),
            z=[[None if cell is None else cell["change_pp"] for cell in line] for line in lines],
            zmin=-reach,
            zmax=reach,
            colorscale=[list(stop) for stop in stops],
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            hovertext=[["" if cell is None else _cell_hover(cell) for cell in line] for line in lines],
            hovertemplate=HOVER,
            name="change",
        )
    )
    texts = [["" if c is None or c["change_pp"] is None else f"{c['change_pp']:+.1f}" for c in line] for line in lines]
    shares = [[None if c is None else _place(c["change_pp"], reach) for c in line] for line in lines]
    figure.add_trace(cell_texts(texts, shares, stops))
    for place, line in enumerate(lines):
        for column, cell in enumerate(line):
            if cell is not None and cell["is_chosen"]:
                _outline(figure, column, place, theme)
    figure.update_xaxes(
        tickvals=list(range(len(strengths))), ticktext=[f"{s:.3g}" for s in strengths], showgrid=False, zeroline=False
    )
    figure.update_yaxes(
        tickvals=list(range(len(layers))), ticktext=[str(layer) for layer in layers], showgrid=False, zeroline=False
    )
    look.note(
        figure,
        theme,
        f"Change of {result.params.get('truth')} in percentage points against no steering, on "
        f"{rows[0]['n_questions']} validation questions; no interval in a cell. Outlined: chosen. "
        "Effects are reported on the test questions only.",
    )
    return figure


def _place(change: float | None, reach: float) -> float | None:
    return None if change is None else 0.5 + 0.5 * change / reach


def _outline(figure: go.Figure, column: int, line: int, theme: str) -> None:
    figure.add_shape(
        type="rect",
        x0=column - 0.48,
        x1=column + 0.48,
        y0=line - 0.48,
        y1=line + 0.48,
        line={"color": look.INK[theme].text, "width": 2.5},
    )


def _cell_hover(cell: Row) -> str:
    return hover(
        f"layer {cell['layer']}, strength {number_text(cell['strength'])}",
        f"{number_text(cell['truth_pct'], '%')}, change {number_text(cell['change_pp'], 'pp')}",
        f"KL {number_text(cell['kl_nats'], 'nats')}, capability {number_text(cell['capability_pct'], '%')}",
        f"n = {cell['n_questions']} validation questions",
    )


def moves_by_question(result: Result, theme: str) -> go.Figure:
    """Return, by arm, how many questions moved by how much, those that fell in another colour."""
    rows = result.table("moves").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    shown = arms[:MOST_MOVES]
    figure = look.new_figure(theme, x_title="Change of MC2 (percentage points)", y_title="Test questions")
    for arm in shown:
        mine = [row for row in rows if row["arm"] == arm]
        style = ARM_STYLES[mine[0]["kind"]]
        figure.add_trace(
            go.Scatter(
                x=[(row["low"] + row["high"]) / 2 for row in mine],
                y=[row["n_questions"] for row in mine],
                mode="lines+markers",
                line={**style.line(theme), "shape": "hvh"},
                marker={**style.marker(theme), "size": SMALL_MARK},
                name=wrapped(_moved_name(result, arm), 40),
                hovertext=[_move_hover(row) for row in mine],
                hovertemplate=HOVER,
            )
        )
    figure.add_vline(x=0, line={"color": look.INK[theme].muted, "width": 1, "dash": "dot"}, layer="below")
    gone = len(arms) - len(shown)
    look.note(
        figure,
        theme,
        "Left of 0: questions moved the wrong way. The outermost steps hold all beyond them.",
        f"Not drawn: {counted(gone, 'arm')}; the table has all." if gone else "",
    )
    return figure


def _moved_name(result: Result, arm: str) -> str:
    rows = result.table("effects").frame.to_dicts()
    found = next(
        (row for row in rows if (row["arm"], row["metric"]) == (arm, "mc2") and row["moved_wrong_pct"] is not None),
        None,
    )
    return arm if found is None else f"{arm}: {found['moved_wrong_pct']:.0f} % moved the wrong way"


def _move_hover(row: Row) -> str:
    return hover(row["arm"], f"{row['low']:.3g} to {row['high']:.3g} pp", counted(row["n_questions"], "question"))
