"""Shares of several groups: each with Wilson's interval, and an exact test that they rise or fall with the order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from cape.errors import BadParameterError
from cape.stats.inference import Inference
from cape.stats.nulls import PermutationTest
from cape.stats.summaries import wilson_interval

MOST_TRIALS = 1_000  # in all groups together; the table of the exact test grows with its square


def share(n_hits: int, n_trials: int, *, what: str) -> Inference:
    """Return a share in percent with Wilson's 95% interval (Wilson, JASA 22, 1927).

    what : the trials, in the plural. Raises BadParameterError where hits are not between 0 and the trials.
    """
    if not 0 <= n_hits <= n_trials:
        raise BadParameterError(f"A share needs 0 to {n_trials} hits, got {n_hits}. Check the counts.")
    method = f"share of {what}; Wilson 95% interval"
    if n_trials == 0:
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=(f"undefined: no {what}",))
    low, high = wilson_interval(n_hits, n_trials)
    return Inference(
        value=100 * n_hits / n_trials,
        low=100 * low if low is not None and n_hits else 0.0,  # the formula leaves a rounding error at the ends
        high=100 * high if high is not None and n_hits < n_trials else 100.0,
        n=n_trials,
        method=method,
    )


def exact_trend(n_hits: Sequence[int], n_trials: Sequence[int]) -> PermutationTest:
    """Test whether shares rise or fall with the order of their groups, exactly (Cochran 1954, Armitage 1955).

    n_hits, n_trials : one per group, in order. The statistic is the sum of the ranks of the hits less its expectation,
    compared with every way to deal the hits to the trials; negative means that shares fall. With two groups the
    one-sided p is Fisher's. Raises BadParameterError for counts that are no shares or more than MOST_TRIALS trials.
    """
    hits, trials = np.asarray(n_hits, dtype=np.int64), np.asarray(n_trials, dtype=np.int64)
    method = "exact Cochran-Armitage test over the order of the groups, given the totals"
    if hits.shape != trials.shape or (hits < 0).any() or (hits > trials).any():
        raise BadParameterError(f"A trend needs hits within trials, got {hits} of {trials}. Check the counts.")
    if trials.sum() > MOST_TRIALS:
        raise BadParameterError(
            f"The exact test takes {MOST_TRIALS} trials at most, got {trials.sum()}. Test fewer groups."
        )
    if hits.size < 2 or not 0 < hits.sum() < trials.sum():
        return PermutationTest(method=method, caveats=("undefined: one group, or every trial came out the same",))
    ranks = np.arange(hits.size)
    weights = _deals(trials, int(hits.sum()))
    observed = int(hits @ ranks)
    below, above = weights[: observed + 1].sum(), weights[observed:].sum()
    total = weights.sum()
    ends = np.flatnonzero(weights)
    expected = hits.sum() * (trials @ ranks) / trials.sum()
    return PermutationTest(
        method=method,
        statistic=float(observed - expected),
        p_two_sided=float(min(1.0, 2 * min(below, above) / total)),
        p_one_sided=float((above if observed >= expected else below) / total),
        n_orderings=int(ends.size),
        exact=True,
        smallest_p=float(min(1.0, 2 * min(weights[ends[0]], weights[ends[-1]]) / total)),
    )


def _deals(trials: np.ndarray, n_hits: int) -> np.ndarray:
    """Return, up to a factor, in how many ways n_hits fall to the trials for each sum of ranks from 0."""
    most = n_hits * (trials.size - 1)
    table = np.zeros((n_hits + 1, most + 1))
    table[0, 0] = 1.0
    for rank, size in enumerate(trials):
        new = np.zeros_like(table)
        for hits, weight in enumerate(_choices(int(size))[: n_hits + 1]):
            moved = table[: n_hits + 1 - hits, : most + 1 - hits * rank]
            new[hits:, hits * rank :] += weight * moved
        table = new / new.max()
    return table[n_hits]


def _choices(size: int) -> np.ndarray:
    """Return the binomial coefficients of size, up to a factor."""
    hits = np.arange(size + 1)
    logs = -gammaln(hits + 1) - gammaln(size - hits + 1)
    return np.exp(logs - logs.max())
