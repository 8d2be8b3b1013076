"""What the models of a ladder are ordered by (parameters, training tokens or steps), and the words for a place on it.

One definition for pages, figures, estimates and the command line. Places are plain counts (parameters, tokens,
steps); on screen they are written in the scale of their axis, and slopes are per decade on every axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

BILLION = 1e9
LETTERS = ((1e12, 1e12, "T"), (1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))  # from, in units of, letter


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
    def log10_scale(self) -> float:
        """log10 of the scale: what is taken from log10 of a count to give log10 of a stated place."""
        return math.log10(self.scale)

    def worded(self, text: str) -> str:
        """Return a text about size in the words of this axis: what is counted, and the name of its logarithm."""
        counted = text.replace(f"number of {PARAMS.counted}", f"number of {self.counted}")
        return counted.replace(PARAMS.log_name, self.log_name)

    def titled(self, title: str) -> str:
        """Return the title of an axis of size in the words of this axis."""
        if self.name == PARAMS.name:
            return title
        return title.replace("Model size", self.counted.capitalize()).replace("size", "place")

    def note(self, panel: str, where: str) -> str:
        """Say how a page or report reads for a panel that is ordered by this axis."""
        return (
            f"Panel {panel} orders the models of a family by {self.counted}: where this {where} says size it means the "
            f"{self.place} of a model, {self.symbol} stands for N, and slopes are per decade of {self.counted}."
        )

    @property
    def log_name(self) -> str:
        """Name of the logarithm that slopes and turns are formed in; a slope is per decade of it."""
        return f"log10 {self.symbol}"

    def stated(self, position: float) -> float:
        """Return a count in the unit of the axis."""
        return position / self.scale

    def words(self, value: float) -> str:
        """Return a place, given in the unit of the axis, for a sentence: 1.4 B, 38.4k training tokens."""
        if self.name == "params":
            return f"{value:.3g} {self.short}"
        count = value * self.scale
        for least, one, letter in LETTERS:
            if count >= least:
                return f"{count / one:.3g}{letter} {self.counted}"
        return f"{count:,.0f} {self.counted}"

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
