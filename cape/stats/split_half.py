"""Would other prompts have given the same profile? Split-half reliability with the Spearman-Brown formula.

Spearman (1910) and Brown (1910), British Journal of Psychology 3: with r the correlation of two half tests, the whole
test has reliability 2 r / (1 + r).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.stats.group_cosines import cosines_of
from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval

Array = NDArray[np.float64]
MIN_UNITS = 3  # layers or heads, for a correlation across them
MIN_HALF = 2  # prompts of each group in a half
LEAST_R = -1 / 3  # at this correlation of halves the formula gives -1, and below it no reliability
FLAT = 1e-9  # a spread of cosines this small across units is no profile


def spearman_brown(r: float | None) -> float | None:
    """Return the reliability of the whole from the correlation of its halves; None where that is -1 or below."""
    return 2 * r / (1 + r) if r is not None and r > LEAST_R else None


def split_half(gram: Array, *, n_first: int, n_splits: int, rng: np.random.Generator) -> Inference:
    """Return the reliability of a profile of cosines across units: halves of each group, many random splits.

    gram : (n_units, n, n), the first group's prompts first. The value is Spearman-Brown of the mean correlation;
    low and high are percentiles over the splits, which share their prompts: they tell how much the split matters.
    """
    n_units, n = gram.shape[0], gram.shape[1]
    method = f"split halves of the prompts, {n_splits} random splits, correlated across {n_units} units, Spearman-Brown"
    small = min(n_first, n - n_first) // 2
    if n_units < MIN_UNITS or small < MIN_HALF:
        why = (
            f"undefined: {n_units} units and halves of {small} prompts; at least {MIN_UNITS} and {MIN_HALF} are needed"
        )
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
    profiles = [cosines_of(gram, half) for half in halves(n, n_first, n_splits, rng)]
    r = correlations(*profiles)
    kept = r[np.isfinite(r)]
    if not kept.size:
        why = "undefined: the halves' profiles do not vary across units"
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
    low, high, _ = percentile_interval(kept)
    value, low, high = (spearman_brown(r) for r in (float(kept.mean()), low, high))
    lost: tuple[str, ...] = (
        () if kept.size == r.size else (f"{r.size - kept.size} of {r.size} splits have no correlation",)
    )
    if (kept < 0).any():
        lost += (f"in {(kept < 0).mean():.0%} of splits the halves go against each other",)
    if value is None or low is None:
        lost += ("no value or limit where halves correlate at -1/3 or below: the formula leaves its bounds there",)
    return Inference(value=value, low=low, high=high, n=n, method=method, caveats=lost, draws=kept)


def correlations(first: Array, second: Array) -> Array:
    """Return the correlation across units of each row, (n_rows,); NaN where a row has units undefined or is flat."""
    a, b = first - first.mean(axis=1, keepdims=True), second - second.mean(axis=1, keepdims=True)
    spread = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    flat = np.minimum(np.ptp(first, axis=1), np.ptp(second, axis=1)) < FLAT
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(flat, np.nan, (a * b).sum(axis=1) / spread)


def halves(n: int, n_first: int, n_splits: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the weights of two random halves of each group, (n_splits, 2, n) each; an odd prompt is in neither."""
    found = np.zeros((2, n_splits, 2, n))
    for side, (start, stop) in enumerate(((0, n_first), (n_first, n))):
        size = (stop - start) // 2
        rank = rng.random((n_splits, stop - start)).argsort(axis=1).argsort(axis=1)
        found[0, :, side, start:stop] = rank < size
        found[1, :, side, start:stop] = (rank >= size) & (rank < 2 * size)
    return found[0], found[1]
