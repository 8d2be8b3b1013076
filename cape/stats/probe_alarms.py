"""Alarms of a probe that measures nothing: values that do not vary where they must, or lie at a bound."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

CONSTANT = 1e-6  # a range of values below this is no variation; DEFINITIONS, heads and probes
BOUND = 1e-6  # a value this near its bound lies at it
MIN_VALUES = 2


def constant_across(values: ArrayLike, *, what: str = "layers") -> str | None:
    """Return the alarm of values that are the same across layers or heads, or None. Undefined values do not count."""
    held = np.asarray(values, dtype=np.float64)
    held = held[np.isfinite(held)]
    if held.size < MIN_VALUES or np.ptp(held) >= CONSTANT:
        return None
    return f"constant across {held.size} {what} (within {CONSTANT:g}): the probe may not see the model"


def equal_across_models(values: Mapping[str, float | None]) -> str | None:
    """Return the alarm of different models with the same value, or None; it names the models."""
    held = sorted((value, name) for name, value in values.items() if value is not None and np.isfinite(value))
    equal = {
        name
        for (low, first), (high, second) in zip(held, held[1:], strict=False)
        if high - low < CONSTANT
        for name in (first, second)
    }
    if not equal:
        return None
    return f"equal across models {', '.join(sorted(equal))} (within {CONSTANT:g}): the probe may not see the model"


def at_bound(values: ArrayLike, *, low: float = -1.0, high: float = 1.0) -> str | None:
    """Return the alarm of values that lie at a bound, with how many of how many, or None."""
    held = np.asarray(values, dtype=np.float64)
    held = held[np.isfinite(held)]
    n_low, n_high = int((held <= low + BOUND).sum()), int((held >= high - BOUND).sum())
    if not n_low + n_high:
        return None
    places = [f"{n} at {bound:g}" for n, bound in ((n_low, low), (n_high, high)) if n]
    return f"{' and '.join(places)} of {held.size}: at a bound a value can no longer move"
