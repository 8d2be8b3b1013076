"""Signs that a probe measured nothing: values constant across layers, equal across models, or at the end of a scale."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Cosines of float32 vectors agree to about seven digits when nothing changed; two layers or models that were really
# measured agree to fewer.
TOLERANCE = 1e-6


class Alarm(StrEnum):
    """What is odd about the values of a probe."""

    CONSTANT = "constant across layers"
    EQUAL = "equal across models"
    BOUND = "at a bound"


def is_constant(values: ArrayLike, *, tolerance: float = TOLERANCE) -> bool:
    """Return whether at least 2 values (n,) differ by no more than the tolerance; NaN is left out."""
    held = np.asarray(values, dtype=np.float64)
    held = held[np.isfinite(held)]
    return held.size > 1 and float(np.ptp(held)) <= tolerance


def equal_groups(values: ArrayLike, *, tolerance: float = TOLERANCE) -> NDArray[np.int64]:
    """Return for each of n values the number of its group of equals, -1 where it equals no other.

    values : (n,). Neighbours in order that differ by no more than the tolerance are equal; NaN equals nothing.
    Groups are numbered from 0 in order of value.
    """
    held = np.asarray(values, dtype=np.float64)
    order = np.argsort(held, kind="stable")
    finite = np.isfinite(held[order])
    with np.errstate(invalid="ignore"):
        apart = np.diff(held[order], prepend=-np.inf) > tolerance
    run = np.cumsum(apart | ~finite)
    sizes = np.bincount(run, minlength=run.max(initial=0) + 1)
    shared = finite & (sizes[run] > 1)
    _, numbered = np.unique(run[shared], return_inverse=True)
    groups = np.full(held.size, -1, dtype=np.int64)
    groups[order[shared]] = numbered
    return groups


def at_bound(values: ArrayLike, *, bounds: tuple[float, ...], tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Return which values (n,) lie at one of the bounds, within the tolerance; NaN does not."""
    held = np.asarray(values, dtype=np.float64)[:, None]
    near: NDArray[np.bool_] = np.abs(held - np.asarray(bounds, dtype=np.float64)) <= tolerance
    return np.any(near, axis=1)
