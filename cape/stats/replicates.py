"""Statistics over replicates (seeds): a mean with Student's interval, and where one score overtakes another by size."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from cape.stats.inference import LEVEL, Inference

Array = NDArray[np.float64]


class Overtaking(StrEnum):
    """What a difference of two scores does along a ladder."""

    OVERTAKEN = "overtaken"
    AHEAD = "ahead throughout"
    NEVER = "not overtaken within the data"


def replicate_mean(values: ArrayLike, *, what: str) -> Inference:
    """Return the mean of one value per replicate (n,) with Student's 95% interval; NaN is left out and counted.

    n counts replicates with a value. One replicate gives a mean without an interval, none gives no mean.
    """
    value = np.asarray(values, dtype=np.float64)
    kept = value[np.isfinite(value)]
    method = f"mean {what} over replicates; Student's interval from their spread"
    dropped = value.size - kept.size
    caveats: tuple[str, ...] = (f"{dropped} of {value.size} replicates have no {what}",) if dropped else ()
    if kept.size == 0:
        return Inference(
            value=None, low=None, high=None, n=0, method=method, caveats=caveats or (f"there is no {what}",)
        )
    mean = float(kept.mean())
    if kept.size < 2:
        caveats += ("no interval: fewer than 2 replicates",)
        return Inference(value=mean, low=None, high=None, n=1, method=method, caveats=caveats)
    quantile = float(stdtrit(kept.size - 1, (1 + LEVEL) / 2))
    half = quantile * float(kept.std(ddof=1)) / float(np.sqrt(kept.size))
    return Inference(value=mean, low=mean - half, high=mean + half, n=kept.size, method=method, caveats=caveats)


def overtaking(log10_n: Array, ahead: Array, behind: Array) -> tuple[float | None, Overtaking]:
    """Return the size (log10) at which `behind` overtakes `ahead` for good along one ladder, and what happened.

    log10_n, ahead, behind : (n_sizes,) sorted by size. The place lies between the last size at which `behind` is not
    greater and the next one, where the line through the two differences is zero. None if `behind` is greater at
    every size, or not greater at the last.
    """
    gap = behind - ahead
    lower = np.flatnonzero(gap <= 0)
    if lower.size == 0:
        return None, Overtaking.AHEAD
    last = int(lower[-1])
    if last == gap.size - 1:
        return None, Overtaking.NEVER
    share = gap[last] / (gap[last] - gap[last + 1])
    return float(log10_n[last] + share * (log10_n[last + 1] - log10_n[last])), Overtaking.OVERTAKEN


def fall_and_rise(scores: Array) -> tuple[Array, Array, NDArray[np.int_]]:
    """Return (fall, rise, place) of every replicate: first to lowest size, lowest to last size, place of the lowest.

    scores : (n_replicates, n_sizes). The lowest size of a replicate is that of the mean of the other replicates, so
    that its own noise does not choose it; with one replicate it is its own.
    """
    n_replicates = scores.shape[0]
    others = (scores.sum(axis=0) - scores) / (n_replicates - 1) if n_replicates > 1 else scores
    place = others.argmin(axis=1)
    lowest = scores[np.arange(n_replicates), place]
    return lowest - scores[:, 0], scores[:, -1] - lowest, place
