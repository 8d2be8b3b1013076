"""What the models of a ladder are ordered by (parameters, training tokens or steps), and the words for a place on it.

One definition for pages, figures, estimates and the command line. Places are plain counts (parameters, tokens,
steps); on screen they are written in the scale of their axis, and slopes are per decade on every axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

BILLION = 1e9
FIRST_SHORT = 1e4  # counts of steps below this are written out


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The words and the scale of one way to order the models of a family.

    counted : what a place counts. unit : unit of a stated place. short : the same beside a number. symbol : letter of
    a place in formulas. place : word for one place. scale : counts in one unit.
    """

    name: str
    counted: str
    unit: str
    short: str
    symbol: str
    place: str
    places: str
    scale: float

    @property
    def log_name(self) -> str:
        """Name of the logarithm that slopes and turns are formed in; a slope is per decade of it."""
        return f"log10 {self.symbol}"

    def stated(self, position: float) -> float:
        """Return a count in the unit of the axis."""
        return position / self.scale

    def words(self, value: float) -> str:
        """Return a place, given in the unit of the axis, for a sentence: 1.4 B, 2.5e-05 B tokens, 1000 steps."""
        return f"{value:.3g} {self.short}" if self.scale > 1 else f"{value:,.0f} {self.short}"

    def text(self, position: float) -> str:
        """Return a count for a sentence."""
        return self.words(self.stated(position))


PARAMS = Axis(
    name="params",
    counted="parameters",
    unit="billion parameters",
    short="B",
    symbol="N",
    place="size",
    places="sizes",
    scale=BILLION,
)
TOKENS = Axis(
    name="tokens",
    counted="training tokens",
    unit="billion training tokens",
    short="B tokens",
    symbol="D",
    place="token count",
    places="token counts",
    scale=BILLION,
)
STEP = Axis(
    name="step",
    counted="training steps",
    unit="training steps",
    short="steps",
    symbol="S",
    place="checkpoint",
    places="checkpoints",
    scale=1.0,
)
AXES = {axis.name: axis for axis in (PARAMS, TOKENS, STEP)}
POSITION_UNITS = tuple(axis.unit for axis in AXES.values())
LOG_UNITS = tuple(axis.log_name for axis in AXES.values())


def axis_among(names: Iterable[str]) -> Axis:
    """Return the axis that all names share; parameters where they differ or there is none."""
    found = set(names)
    return AXES.get(found.pop(), PARAMS) if len(found) == 1 else PARAMS


def axis_of_unit(unit: str) -> Axis:
    """Return the axis whose counts or unit this is; parameters for any other word."""
    return next((axis for axis in AXES.values() if unit in (axis.counted, axis.unit)), PARAMS)


def count_text(position: float) -> str:
    """Return a count as a short tick text: 250, 38k, 410M, 1.4B, 2T."""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if position >= scale and not (letter == "k" and position < FIRST_SHORT):
            return f"{_short(position / scale)}{letter}"
    return _short(position)


def _short(number: float) -> str:
    digits = 3 if number >= 1 and math.isfinite(number) else 2
    return f"{number:.{digits}g}"
