"""Names at the ends of lines, moved apart where they would cover one another."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cape.figures import theme as look
from cape.figures._text import plain

PLOT_PX = (720, 420)  # plotting area the names are laid out for; a wider one only has more room
CHARACTER_PX, LINE_PX, GAP_PX = 6.4, 13, 9
SHIFTS = tuple(sign * step * LINE_PX for step in range(9) for sign in ((1, -1) if step else (1,)))

Place = tuple[float, float]  # on the axes as plotly ranges count them: log10 on a log axis


def add_names(figure: go.Figure, theme: str, names: Sequence[tuple[str, Place]], points: Sequence[Place]) -> int:
    """Write each name right of its place, shifted up or down to a free spot, with a thin line where it was shifted.

    Sets both axis ranges, so that the names on the right have room. Returns how many names found no free spot and were
    left out.
    """
    spans = [_span([place[axis] for place in points]) for axis in (0, 1)]
    longest = max(len(name) for name, _ in names) * CHARACTER_PX + 2 * GAP_PX
    width = spans[0][1] - spans[0][0]
    room = width * longest / (PLOT_PX[0] - longest)
    spans[0] = (spans[0][0], max(spans[0][1], max(place[0] for _, place in names) + room))
    figure.update_xaxes(range=list(spans[0]))
    figure.update_yaxes(range=list(spans[1]))
    left_out = 0
    taken = [_box(_pixels(place, spans), width=10, shift=0, right=-5) for place in points]
    for name, place in sorted(names, key=lambda item: -item[1][1]):
        at = _pixels(place, spans)
        boxes = {shift: _box(at, width=len(name) * CHARACTER_PX, shift=shift, right=GAP_PX) for shift in SHIFTS}
        shift = next((s for s, box in boxes.items() if not any(_meet(box, other) for other in taken)), None)
        if shift is None:
            left_out += 1
            continue
        taken.append(boxes[shift])
        _write(figure, theme, name, place, shift)
    return left_out


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _pixels(place: Place, spans: Sequence[tuple[float, float]]) -> Place:
    x, y = (PLOT_PX[i] * (place[i] - spans[i][0]) / (spans[i][1] - spans[i][0]) for i in (0, 1))
    return x, y


def _box(at: Place, *, width: float, shift: float, right: float) -> tuple[float, float, float, float]:
    left, middle = at[0] + right, at[1] + shift
    return left, middle - LINE_PX / 2, left + width, middle + LINE_PX / 2


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _write(figure: go.Figure, theme: str, name: str, place: Place, shift: float) -> None:
    ink = look.INK[theme]
    figure.add_annotation(
        text=plain(name),
        x=place[0],
        y=place[1],
        ax=GAP_PX,
        ay=-shift,
        xanchor="left",
        yanchor="middle",
        showarrow=True,
        arrowhead=0,
        arrowwidth=0.8 if shift else 0.1,
        arrowcolor=ink.line if shift else look.TRANSPARENT,
        font={"size": look.SMALL_SIZE, "color": ink.muted},
    )
