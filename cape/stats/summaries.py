"""Means and shares over steps of several families, resampled by family."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.resampling import cluster_weights, percentile_interval, undefined_caveat


def clustered_mean(
    values: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator, what: str
) -> Inference:
    """Return the plain mean of values (n,) with a percentile interval from resampling whole clusters.

    NaN values are left out and counted. n counts clusters. One cluster gives a value without an interval.
    what : name of the values, for the method sentence.
    """
    value, label = np.asarray(values, dtype=np.float64), np.asarray(labels)
    kept = np.isfinite(value)
    n_dropped = int((~kept).sum())
    caveats = (f"{n_dropped} of {value.size} have no {what} and were left out",) if n_dropped else ()
    method = f"mean {what}; percentiles of {n_resamples} resamples of whole families"
    value, label = value[kept], label[kept]
    if value.size == 0:
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=(*caveats, f"no {what} is defined"))
    n_clusters = np.unique(label).size
    if n_clusters < 2:
        caveats += ("no interval: fewer than 2 families",)
        return Inference(value=float(value.mean()), low=None, high=None, n=n_clusters, method=method, caveats=caveats)
    weights = cluster_weights(label, n_resamples=n_resamples, rng=rng)
    sums = weights @ np.column_stack([value, np.ones_like(value)])
    draws = sums[:, 0] / sums[:, 1]
    low, high, n_undefined = percentile_interval(draws)
    caveats += undefined_caveat(n_undefined, n_resamples, f"have no {what}")
    return Inference(
        value=float(value.mean()), low=low, high=high, n=n_clusters, method=method, caveats=caveats, draws=draws
    )


def wilson_interval(n_hits: int, n_trials: int) -> tuple[float | None, float | None]:
    """Return Wilson's 95% interval of a share, or (None, None) without trials (Wilson, JASA 22, 1927)."""
    if n_trials == 0:
        return None, None
    share, z2 = n_hits / n_trials, Z_LEVEL**2
    centre = (share + z2 / (2 * n_trials)) / (1 + z2 / n_trials)
    half = Z_LEVEL * np.sqrt(share * (1 - share) / n_trials + z2 / (4 * n_trials**2)) / (1 + z2 / n_trials)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def count_interval(probabilities: NDArray[np.float64], *, n_draws: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the 2.5 and 97.5 percentiles of how many of n independent events happen.

    probabilities : (n,) of each event. Measurement error of a count of labels is of this kind.
    """
    draws = (rng.random((n_draws, probabilities.size)) < probabilities).sum(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5], method="inverted_cdf")
    return int(low), int(high)
