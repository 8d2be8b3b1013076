"""The sign test: are differences more often of one sign than a fair coin allows?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from cape.stats.summaries import wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTest:
    """Signs of differences, n of them.

    n_zero : differences without a sign, which are left out. low, high : Wilson's 95% interval of the positive share.
    p : exact and two-sided, None without signs. floor : the smallest p that n signs allow.
    """

    n_positive: int
    n: int
    n_zero: int
    share: float | None
    low: float | None
    high: float | None
    p: float | None
    floor: float | None


def sign_test(differences: ArrayLike, *, tolerance: float = 0.0) -> SignTest:
    """Return the exact two-sided sign test of differences (n,), taken as independent (Dixon and Mood, JASA 41, 1946).

    tolerance : a difference of no more than this has no sign. NaN is left out.
    """
    held = np.asarray(differences, dtype=np.float64)
    held = held[np.isfinite(held)]
    signed = held[np.abs(held) > tolerance]
    k, n = int((signed > 0).sum()), signed.size
    low, high = wilson_interval(k, n)
    return SignTest(
        n_positive=k,
        n=n,
        n_zero=held.size - n,
        share=k / n if n else None,
        low=low,
        high=high,
        p=float(min(1.0, 2 * binom.cdf(min(k, n - k), n, 0.5))) if n else None,
        floor=float(min(1.0, 2 * 0.5**n)) if n else None,
    )
