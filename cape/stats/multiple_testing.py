"""Many tests at once: control of the false discovery rate, and the p that a bootstrap gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FALSE_DISCOVERY_RATE = 0.05


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return the smallest false discovery rate at which each test is rejected, (n,); NaN for an undefined p.

    p_values : (n,) in [0, 1]; undefined tests (NaN) do not count among the tests.
    Reference: Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289.
    """
    p = np.asarray(p_values, dtype=np.float64)
    found = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * known.size / np.arange(1, known.size + 1)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found


def bootstrap_p(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the two-sided p of "the statistic is zero" from its draws (n_resamples, n), (n,).

    Twice the smaller share of draws on one side of zero, the data counted as one draw, at most 1; it says the same as
    the percentile interval, and inherits its defects where families are few. NaN where no draw is defined.
    """
    known = np.isfinite(draws)
    total = known.sum(axis=0)
    below = (known & (draws <= 0)).sum(axis=0)
    above = (known & (draws >= 0)).sum(axis=0)
    p = np.minimum(2.0 * (np.minimum(below, above) + 1) / (total + 1), 1.0)
    return np.where(total > 0, p, np.nan)
