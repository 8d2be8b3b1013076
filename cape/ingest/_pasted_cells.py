"""Numbers as people write them in a cell: 47,2 and 47.2 %, 410M and 1.4B, 143k steps; or what is wrong with them."""

from __future__ import annotations

import math
import re

SHOWN = 40
LETTERS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
PLAIN = {"params": 1e9, "tokens": 1e9, "step": 1.0}  # what a number without a letter counts
WORDS = {
    "params": "a size in billions such as 1.4, or 410M",
    "tokens": "training tokens in billions such as 300, or 300B",
    "step": "a training step such as 1000, or 143k",
}
MOST_PLAIN_BILLIONS = 20_000.0  # a larger plain number is a count, not billions
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?")
_PLACE = re.compile(r"(?P<number>(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?)\s*(?P<letter>[kmbtKMBT]?)")


class NumberFault(Exception):
    """A cell that is not the number it should be: what was found and what to do."""

    def __init__(self, found: str, action: str) -> None:
        super().__init__(found)
        self.found, self.action = found, action


def score_of(cell: str, *, unit: str = "") -> float:
    """Return the score in a cell, as written; with a unit its range is checked. Raises NumberFault."""
    text = cell.removesuffix("%").strip()
    if not _NUMBER.fullmatch(text):
        raise NumberFault(f"{cell[:SHOWN]!r} is not a number.", "Write digits with a decimal point.")
    value = float(text.replace(",", "."))
    top = {"percent": 100.0, "fraction": 1.0}.get(unit)
    if top is not None and not 0 <= value <= top:
        raise NumberFault(f"{cell[:SHOWN]!r} is not between 0 and {top:g}.", "Correct it; scores are percentages.")
    return value


def standard_error_of(cell: str) -> float:
    """Return a standard error above 0. Raises NumberFault."""
    value = score_of(cell)
    if not 0 < value <= 100:
        raise NumberFault(f"{cell[:SHOWN]!r} is not a standard error.", "Write a number above 0, or leave it empty.")
    return value


def place_of(cell: str, *, axis: str) -> float:
    """Return the count of parameters, tokens or steps in a cell. Raises NumberFault."""
    found = _PLACE.fullmatch(cell)
    if not found:
        raise NumberFault(f"{cell[:SHOWN]!r} is not {WORDS[axis]}.", f"Write {WORDS[axis]}.")
    number, letter = float(found["number"].replace(",", ".")), found["letter"].casefold()
    if not letter and axis != "step" and number > MOST_PLAIN_BILLIONS:
        raise NumberFault(f"{cell[:SHOWN]!r} would be that many billions.", f"Write {WORDS[axis]}.")
    value = number * (LETTERS[letter] if letter else PLAIN[axis])
    if not (value > 0 and math.isfinite(value)):
        raise NumberFault(f"{cell[:SHOWN]!r} is not above 0.", f"Write {WORDS[axis]}.")
    return value
