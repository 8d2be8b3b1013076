"""Inside the organism: what probes of heads, layers and output say by size and recipe, beside the transition."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cape.figures import theme as look
from cape.figures._marks import Row, interval_bars
from cape.figures._text import HOVER, counted, estimate_text, hover, plain, size_text
from cape.quantities import Result

EMPTY = "The lake holds no probes of the organism for this choice."
EMPTY_STEERING = "The lake holds no steering scorecards of the organism for this choice."
UNITS = {"%": "% of heads"}
PX_PER_PLOT = 190
NOTE = (
    "Bars: 95% over seeds, over prompts where there is one seed. Dotted, from the top: random directions of a head's "
    "width; central 95% of shuffled group labels; no change; no change. Vertical: the size nearest to where the "
    "myth is overcome."
)
STEERING_NOTE = (
    "Truth is that at the layer and strength chosen on other questions. Bars: 95% over test questions. Dotted: no "
    "change. Vertical: the size nearest to where the myth is overcome."
)
STEERING_PLOTS = {  # column stem in the table: what it is, unit
    "paper_changed": ("answers changed by steering, paper mode", "% of questions"),
    "changed": ("answers changed, layer and strength chosen on other questions", "% of questions"),
    "effect": ("truth, steered less not steered", "points"),
    "beyond_random": ("that change less the mean of random directions", "points"),
}


def inside_by_size(result: Result, theme: str) -> go.Figure:
    """Return one plot per measure, by parameters, one line per recipe."""
    rows = result.table("inside").frame.to_dicts()
    if not rows:
        return look.empty_figure(theme, EMPTY)
    figure = _plots(rows, theme)
    look.note(figure, theme, NOTE, _counts(rows, "seeds"))
    return figure


def steering_by_size(result: Result, theme: str) -> go.Figure:
    """Return the answers that steering changes and what that does to truth, by parameters, one line per recipe."""
    rows = [
        _steering_row(held, stem, measure, unit)
        for stem, (measure, unit) in STEERING_PLOTS.items()
        for held in result.table("steering").frame.to_dicts()
    ]
    if not rows:
        return look.empty_figure(theme, EMPTY_STEERING)
    figure = _plots(rows, theme)
    look.note(figure, theme, STEERING_NOTE, _counts(rows, "questions of one seed"))
    return figure


def _steering_row(held: Row, stem: str, measure: str, unit: str) -> Row:
    end = "pct" if stem.endswith("changed") else "pp"
    level = None if stem.endswith("changed") else 0.0
    return {
        **held, "measure": measure, "unit": unit, "value": held[f"{stem}_{end}"], "low": held[f"{stem}_low"],
        "high": held[f"{stem}_high"], "null_low": level, "null_high": level, "n": held["n_questions"],
        "counts": "question",
        "seeds": f"seed {held['replicate']}, layer {held['layer']}, strength {held['strength']:.3g}",
    }  # fmt: skip


def _plots(rows: Sequence[Row], theme: str) -> go.Figure:
    """Return one plot per measure of the rows, under one another, with one legend entry per recipe."""
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    figure = make_subplots(
        rows=len(measures), cols=1, shared_xaxes=True, vertical_spacing=0.06,
        subplot_titles=[plain(measure[:1].upper() + measure[1:]) for measure in measures],
    )  # fmt: skip
    frame = look.new_figure(theme, x_title="", y_title="", height=90 + PX_PER_PLOT * len(measures))
    figure.update_layout(
        template=frame.layout.template, height=frame.layout.height, margin=frame.layout.margin.to_plotly_json()
    )
    families = list(dict.fromkeys(row["family"] for row in rows))
    for line, measure in enumerate(measures, start=1):
        shown = [row for row in rows if row["measure"] == measure]
        for place, family in enumerate(families):
            style = look.FAMILY_STYLES[place % len(look.FAMILY_STYLES)]
            _add_family(figure, [row for row in shown if row["family"] == family], style, theme, line)
        for size in dict.fromkeys(row["position"] for row in shown if row["place"] == "at"):
            figure.add_vline(x=size, line={"color": look.INK[theme].muted, "dash": "dash", "width": 1}, row=line, col=1)
        figure.update_yaxes(title_text=UNITS.get(shown[0]["unit"], shown[0]["unit"]), row=line)
    look.size_axis(figure, [row["position"] for row in rows], title="")
    figure.update_xaxes(title_text="")
    figure.update_xaxes(title_text="Size (parameters, log scale)", row=len(measures))
    figure.update_layout(legend_y=1 + 24 / (PX_PER_PLOT * len(measures)), margin_t=56)
    return figure


def _add_family(figure: go.Figure, rows: Sequence[Row], style: look.Style, theme: str, line: int) -> None:
    """Add the line of one recipe and its null as dotted lines."""
    if not rows:
        return
    colour, family = style.colour(theme), rows[0]["family"]
    for end in ("null_low", "null_high"):
        figure.add_trace(
            go.Scatter(
                x=[row["position"] for row in rows],
                y=[row[end] for row in rows],
                mode="lines",
                line={"color": look.faded(colour, 0.6), "dash": "dot", "width": 1},
                showlegend=False,
                legendgroup=family,
                hoverinfo="skip",
                name=f"{plain(family)}, null",
            ),
            row=line,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
            x=[row["position"] for row in rows],
            y=[row["value"] for row in rows],
            mode="lines+markers",
            marker=style.marker(theme),
            line=style.line(theme),
            error_y=interval_bars(rows, "value", "low", "high", colour=colour),
            name=plain(family),
            legendgroup=family,
            showlegend=line == 1,
            hovertext=[_hover(row) for row in rows],
            hovertemplate=HOVER,
        ),
        row=line,
        col=1,
    )


def _hover(row: Row) -> str:
    place = f", {row['place']} the transition" if row["place"] else ""
    shape = f"d {row['d_model']} x {counted(row['n_layers'], 'layer')}"
    return hover(
        f"{row['family']}, {shape}, {size_text(row['position'])}{place}",
        f"{row['measure']} {estimate_text(row, 'value', row['unit'])}",
        f"n = {counted(row['n'], row.get('counts', 'seed'))}: {row['seeds']}",
    )


def _counts(rows: Sequence[Row], what: str) -> str:
    counts = sorted({row["n"] for row in rows})
    return f"n = {' to '.join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))} {what} per point."
