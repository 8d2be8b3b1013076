"""Everything visual: colours, marker shapes, dashes, fonts, margins, templates and the axes that several figures share.

Colours are the Okabe-Ito palette (Okabe and Ito 2008), which colour-blind readers can tell apart; a marker shape, a
dash or a pattern says the same thing again. No figure outside this module names a colour, a font or a margin.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go

from cape.figures._text import plain, size_text, wrapped
from cape.positions import axis_of_unit
from cape.quantities import Phase

THEMES = ("light", "dark")

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_SIZE = 13
SMALL_SIZE = 11
NOTE_COLUMNS = 88  # characters per line of a note; fits a plot of 480 px
NOTE_LINE = 15
NOTE_OFFSET = 58  # px below the plotting area: tick labels and axis title stand above it
MARGIN = MappingProxyType({"l": 64, "r": 24, "t": 24, "b": 56})
BASE_HEIGHT = 460
EMPTY_HEIGHT = 140
LEAST_HEIGHT = 200
LABEL_COLUMNS = 46  # characters per line of the label of a row

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8A8F98"
TRANSPARENT = "rgba(0,0,0,0)"
ON_COLOUR = "#000000"  # on every Okabe-Ito colour used as a fill, black is the more readable
CELL_INKS = ("#000000", "#FFFFFF")  # one of the two has a contrast of at least 4.5 with any ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """Neutral colours of one theme: text, lines, areas and the ground the page puts behind the figure."""

    text: str
    muted: str
    line: str
    grid: str
    band: str
    ground: str
    hover: str
    rise: str
    fall: str
    other: str
    scale: tuple[str, str]


INK: Mapping[str, Ink] = MappingProxyType(
    {
        "light": Ink(
            text="#1B1F24",
            muted="#5B6470",
            line="#B4BAC4",
            grid="#E6E9EE",
            band="rgba(91,100,112,0.16)",
            ground="#FFFFFF",
            hover="#F7F8FA",
            rise="rgba(0,114,178,0.07)",
            fall="rgba(213,94,0,0.08)",
            other="rgba(91,100,112,0.05)",
            scale=("#F2F6FA", "#0072B2"),
        ),
        "dark": Ink(
            text="#E8EAED",
            muted="#A3ABB6",
            line="#59616C",
            grid="#272E37",
            band="rgba(163,171,182,0.22)",
            ground="#0E1117",
            hover="#1A2129",
            rise="rgba(86,180,233,0.10)",
            fall="rgba(213,94,0,0.15)",
            other="rgba(163,171,182,0.05)",
            scale=("#16202A", "#56B4E9"),
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one category looks: a colour per theme, a marker symbol and size, a line dash and a bar pattern."""

    light: str
    dark: str
    symbol: str = "circle"
    size: float = 9
    dash: str = "solid"
    pattern: str = ""
    is_neutral: bool = False

    def colour(self, theme: str) -> str:
        """Return the colour in this theme."""
        return self.light if theme == "light" else self.dark

    def text_colour(self, theme: str) -> str:
        """Return the colour of text on a fill of this style."""
        return INK[theme].text if self.is_neutral else ON_COLOUR

    def marker(self, theme: str) -> dict[str, Any]:
        """Return a plotly marker; a filled one is outlined in the colour of the ground, so that overlaps show."""
        is_line_art = "-open" in self.symbol or self.symbol.endswith("-thin")
        width = 1.6 if is_line_art else 0.6
        edge = self.colour(theme) if is_line_art else INK[theme].ground
        return {
            "color": self.colour(theme),
            "symbol": self.symbol,
            "size": self.size,
            "line": {"width": width, "color": edge},
        }

    def line(self, theme: str, *, width: float = 2) -> dict[str, Any]:
        """Return a plotly line."""
        return {"color": self.colour(theme), "dash": self.dash, "width": width}


PHASE_STYLES: Mapping[Phase, Style] = MappingProxyType(
    {
        Phase.TAX: Style(light=VERMILLION, dark=VERMILLION, symbol="triangle-down", size=11),
        Phase.TRANSITION: Style(light=PURPLE, dark=PURPLE, symbol="diamond", size=10, dash="8px,3px,2px,3px"),
        Phase.BONUS: Style(light=BLUE, dark=SKY, symbol="triangle-up", size=11, dash="9px,3px"),
        Phase.UNDETERMINED: Style(light=GREY, dark=GREY, symbol="circle-open", size=8, dash="dot"),
        Phase.NONE: Style(light=GREY, dark=GREY, symbol="x-thin", size=7, dash="dot"),
    }
)

VERDICT_STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "agrees": Style(light=GREEN, dark=GREEN, symbol="circle"),
        "inside our interval": Style(light=SKY, dark=SKY, symbol="square", pattern="/"),
        "too wide to say": Style(light=YELLOW, dark=YELLOW, symbol="diamond", pattern="."),
        "not defined by this data": Style(light=PURPLE, dark=PURPLE, symbol="cross", pattern="\\"),
        "cannot be computed from public data": Style(light=GREY, dark=GREY, symbol="x", pattern="x"),
        "disagrees": Style(light=VERMILLION, dark=VERMILLION, symbol="triangle-down", pattern="-"),
        "open": Style(light="#D3D8DF", dark="#3A424D", symbol="circle-open", is_neutral=True),
    }
)

# Roles that recur: one estimate of the reader's data, of the population, of the paper, of a second ladder, a family's.
SERIES: Mapping[str, Style] = MappingProxyType(
    {
        "data": Style(light=BLUE, dark=SKY, symbol="circle", size=8),
        "population": Style(light=GREEN, dark=GREEN, symbol="diamond", size=11),
        "paper": Style(light=ORANGE, dark=ORANGE, symbol="star", size=13, dash="dash"),
        "compared": Style(light=ORANGE, dark=ORANGE, size=9, dash="dash"),
        "family": Style(light=BLUE, dark=SKY, symbol="circle", size=7),
        "resolved": Style(light=VERMILLION, dark=VERMILLION, symbol="diamond-open", size=13),
        "null": Style(light=GREY, dark=GREY, symbol="line-ns-open", size=14),
    }
)

FAMILY_STYLES = tuple(
    Style(light=light, dark=dark, symbol=symbol, size=9)
    for light, dark, symbol in (
        (BLUE, SKY, "circle"),
        (VERMILLION, VERMILLION, "triangle-down"),
        (GREEN, GREEN, "square"),
        (ORANGE, ORANGE, "diamond"),
        (PURPLE, PURPLE, "triangle-up"),
        (GREY, GREY, "cross"),
    )
)


def faded(colour: str, opacity: float) -> str:
    """Return a hex colour as rgba with this opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _template(ink: Ink) -> go.layout.Template:
    axis = {
        "gridcolor": ink.grid,
        "linecolor": ink.line,
        "zerolinecolor": ink.line,
        "tickcolor": ink.line,
        "ticks": "outside",
        "ticklen": 4,
        "showline": True,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": FONT_SIZE}},
        "tickfont": {"color": ink.muted, "size": SMALL_SIZE + 1},
    }
    small = {"family": FONT, "size": SMALL_SIZE + 1, "color": ink.text}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": FONT_SIZE, "color": ink.text},
            "paper_bgcolor": TRANSPARENT,
            "plot_bgcolor": TRANSPARENT,
            "colorway": [style.colour("light" if ink is INK["light"] else "dark") for style in FAMILY_STYLES],
            "margin": dict(MARGIN),
            "xaxis": axis,
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "bgcolor": TRANSPARENT,
                "font": small,
                "itemsizing": "trace",
            },
            "hoverlabel": {"bgcolor": ink.hover, "bordercolor": ink.line, "font": small, "align": "left"},
            "hovermode": "closest",
            "modebar": {"bgcolor": TRANSPARENT, "color": ink.muted, "activecolor": ink.text},
            "annotationdefaults": {"font": small, "showarrow": False},
        }
    )


TEMPLATES = MappingProxyType({theme: _template(ink) for theme, ink in INK.items()})


def new_figure(theme: str, *, x_title: str, y_title: str, height: int = BASE_HEIGHT) -> go.Figure:
    """Return an empty figure of this theme with axis titles (which carry the units)."""
    figure = go.Figure()
    figure.update_layout(template=TEMPLATES[theme], height=height, margin=dict(MARGIN))
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title)
    return figure


def empty_figure(theme: str, sentence: str) -> go.Figure:
    """Return a figure that says in one plain sentence why there is nothing to draw."""
    figure = new_figure(theme, x_title="", y_title="", height=EMPTY_HEIGHT)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=wrapped(sentence, 60), xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    return figure


def height_for_rows(labels: Sequence[str], *, columns: int = LABEL_COLUMNS, px_per_row: int = 26) -> int:
    """Return the height of a figure with one row per label: the frame plus rows as tall as the longest label needs."""
    lines = max((len(textwrap.wrap(label, columns, break_on_hyphens=False)) for label in labels), default=1)
    return max(LEAST_HEIGHT, 120 + max(px_per_row, 4 + NOTE_LINE * lines) * len(labels))


def note(figure: go.Figure, theme: str, *sentences: str) -> None:
    """Write sentences below the x axis and make room for them; empty sentences are skipped."""
    lines = [line for sentence in sentences if sentence for line in wrapped(sentence, NOTE_COLUMNS).split("<br>")]
    if not lines:
        return
    figure.add_annotation(
        text="<br>".join(lines),
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        xanchor="left",
        yanchor="top",
        yshift=-NOTE_OFFSET,
        align="left",
        showarrow=False,
        font={"size": SMALL_SIZE, "color": INK[theme].muted},
    )
    added = NOTE_LINE * len(lines) + 8
    figure.update_layout(margin_b=MARGIN["b"] + added, height=figure.layout.height + added)


def row_axis(figure: go.Figure, labels: Iterable[str], *, columns: int = LABEL_COLUMNS) -> None:
    """Make the y axis one line per label, the first on top."""
    texts = [wrapped(label, columns) for label in labels]
    figure.update_yaxes(
        tickvals=list(range(len(texts))),
        ticktext=texts,
        range=[len(texts) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        tickfont={"size": SMALL_SIZE},
    )


def size_axis(figure: go.Figure, values: Iterable[float | None], *, title: str, unit: str = "parameters") -> None:
    """Make the x axis a log axis of size; ticks read 100M, 1B, 10B, 100B, or plain numbers where unit is billions."""
    logs = log10_of(values)
    low, high = (min(logs), max(logs)) if logs else (8.0, 11.0)
    pad = 0.05 * (high - low) + 0.1
    ticks = log_ticks(low - pad, high + pad)
    texts = [f"{tick:g}" if unit.startswith("billion") else size_text(tick) for tick in ticks]
    figure.update_xaxes(
        type="log",
        range=[low - pad, high + pad],
        tickvals=ticks,
        ticktext=texts,
        title_text=f"{axis_of_unit(unit).titled(title)} ({unit}, log scale)",
    )


def log10_of(values: Iterable[float | None]) -> list[float]:
    """Return the places on a log axis of the values that have one."""
    return [math.log10(value) for value in values if value is not None and value > 0]


NARROW = 0.7  # decades; a narrower axis may hold no tick at 1, 2 or 5


def log_ticks(low: float, high: float) -> list[float]:
    """Return the decades between two powers of ten, with 2 and 5 between them where decades alone are few."""
    stride = max(1, round((high - low) / 8))
    leads = tuple(range(1, 10)) if high - low < NARROW else (1, 2, 5) if high - low < 2 else (1,)
    ticks = [lead * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1, stride) for lead in leads]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def score_title(benchmark_id: str) -> str:
    """Return the axis title of a benchmark's score, e.g. "hellaswag (%)"."""
    return f"{plain(benchmark_id)} (%)"


def change_title(benchmark_id: str) -> str:
    """Return the axis title of a change of a benchmark's score."""
    return f"Change of {plain(benchmark_id)} (percentage points)"
