"""Text on shaded cells: of black and white, the one that stands out more from the shade under it.

Reference: Web Content Accessibility Guidelines 2.2, contrast ratio and relative luminance.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look

Stops = Sequence[tuple[float, str]]
LINEAR_BELOW, LINEAR_SLOPE, OFFSET, EXPONENT = 0.04045, 12.92, 0.055, 2.4  # sRGB transfer function
WEIGHTS = (0.2126, 0.7152, 0.0722)
FLARE = 0.05


def cell_texts(texts: Sequence[Sequence[str]], shares: Sequence[Sequence[float | None]], stops: Stops) -> go.Scatter:
    """Return the texts of a grid of cells as one trace, each in the colour that its cell calls for.

    texts, shares : [row][column]; a share is the place of the cell on the colour scale, None for a blank cell.
    """
    drawn = [
        (column, row, text, text_on(shade(stops, share)))
        for row, (line, places) in enumerate(zip(texts, shares, strict=True))
        for column, (text, share) in enumerate(zip(line, places, strict=True))
        if text and share is not None
    ]
    return go.Scatter(
        x=[column for column, _, _, _ in drawn],
        y=[row for _, row, _, _ in drawn],
        text=[text for _, _, text, _ in drawn],
        mode="text",
        textfont={"size": look.SMALL_SIZE, "color": [colour for _, _, _, colour in drawn]},
        hoverinfo="skip",
        showlegend=False,
        name="texts of cells",
    )


def shade(stops: Stops, share: float) -> tuple[float, float, float]:
    """Return red, green and blue, 0 to 255, of a colour scale at a share from 0 to 1."""
    share = min(max(share, stops[0][0]), stops[-1][0])
    for (start, before), (end, after) in zip(stops[:-1], stops[1:], strict=True):
        if share <= end:
            part = (share - start) / (end - start)
            first, second = _rgb(before), _rgb(after)
            return tuple(a + part * (b - a) for a, b in zip(first, second, strict=True))  # type: ignore[return-value]
    return _rgb(stops[-1][1])


def text_on(ground: tuple[float, float, float]) -> str:
    """Return the ink that has more contrast with a ground."""
    return max(look.CELL_INKS, key=lambda ink: contrast(_rgb(ink), ground))


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + FLARE) / (dark + FLARE)


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(float(int(colour[i : i + 2], 16)) for i in (1, 3, 5))  # type: ignore[return-value]


def _luminance(rgb: tuple[float, float, float]) -> float:
    return sum(weight * _linear(channel / 255) for weight, channel in zip(WEIGHTS, rgb, strict=True))


def _linear(channel: float) -> float:
    if channel <= LINEAR_BELOW:
        return channel / LINEAR_SLOPE
    return float(((channel + OFFSET) / (1 + OFFSET)) ** EXPONENT)
