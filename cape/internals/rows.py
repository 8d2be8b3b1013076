"""Rows of a shard: what every number of one run has in common, written once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cape.stats.inference import Inference

LAYERS, HEADS, ATTENTION, OUTPUT = "layers", "heads", "attention", "output"
INSTRUMENTS = {  # what is probed: the instrument's name in the lake
    LAYERS: "hidden states",
    HEADS: "head outputs",
    ATTENTION: "attention patterns",
    OUTPUT: "output projection",
}
COSINE, P_VALUE, DIRECTIONS, RELIABILITY = "cosine", "p-value", "directions", "reliability"
SHARE_OF_HEADS, SHARE_OF_PAIRS, SHARE_OF_VARIATION = "share of heads", "share of prompt pairs", "share of variation"
HEADS_UNIT, LAYERS_UNIT = "heads", "layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How a contrast is analysed. n_first : prompts of the first group, which come first among prompt_ids.
    n_draws : resamples and shuffles. seed : of all draws."""

    prompt_ids: tuple[str, ...]
    n_first: int
    n_draws: int
    seed: int

    @property
    def first_ids(self) -> tuple[str, ...]:
        """Return the ids of the first group's prompts."""
        return self.prompt_ids[: self.n_first]

    @property
    def second_ids(self) -> tuple[str, ...]:
        """Return the ids of the second group's prompts."""
        return self.prompt_ids[self.n_first :]

    @property
    def is_matched(self) -> bool:
        """Return whether every prompt has a partner of the same place in the other group."""
        return len(self.prompt_ids) == 2 * self.n_first

    def rng(self, stream: int) -> np.random.Generator:
        """Return the generator of one instrument, the same whatever else is computed."""
        return np.random.default_rng([self.seed, stream])


@dataclass(slots=True)
class Rows:
    """Rows of one instrument, in the order they were added. common : the columns that all of them share."""

    instrument: str
    common: dict[str, Any]
    held: list[dict[str, Any]] = field(default_factory=list)

    def add(self, probe: str, value: float | None, *, unit: str = COSINE, **columns: Any) -> None:
        """Add one number; what is not finite becomes null.

        columns : low, high, layer, head, prompt_id, notes, and a number of prompts other than the contrast's.
        """
        limits: dict[str, Any] = {name: finite(columns[name]) for name in ("low", "high") if name in columns}
        row = {**self.common, "instrument": self.instrument, "probe": probe, "value": finite(value), "unit": unit}
        self.held.append({**row, **columns, **limits})

    def infer(self, probe: str, found: Inference, *, unit: str = COSINE, **columns: Any) -> None:
        """Add one number with its interval, its method and caveats as notes, before further notes."""
        notes = joined([found.method, *found.caveats, columns.pop("notes", "")])
        self.add(probe, found.value, unit=unit, low=found.low, high=found.high, notes=notes, **columns)


def finite(value: float | None) -> float | None:
    """Return the number, or None where it is undefined."""
    return None if value is None or not np.isfinite(value) else float(value)


def joined(notes: Iterable[str | None]) -> str | None:
    """Return the notes that say something, as one text."""
    return "; ".join(note for note in notes if note) or None


def alarm(*found: str | None) -> str | None:
    """Return alarms as a note that `results.alarms_of` finds again."""
    said = [f"alarm: {each}" for each in found if each]
    return "; ".join(said) or None


def without_noise(value: float, low: float, high: float, *, how: str) -> dict[str, Any]:
    """Return value, limits and notes of a cosine whose noise was taken out; none where that leaves no cosine."""
    notes = f"{how}; without the noise of a finite number of prompts"
    if np.isfinite(value) and abs(value) <= 1:
        return {"value": value, "low": low, "high": high, "notes": notes}
    why = f"undefined: taking out the noise leaves {value:.2f}, which is no cosine; more prompts are needed"
    return {"value": None, "low": None, "high": None, "notes": f"{notes}; {why}"}
