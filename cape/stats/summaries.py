"""Means and shares over steps of several families, resampled by family."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.resampling import cluster_weights, percentile_interval, undefined_caveat


def clustered_mean(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    what: str,
    clusters: str = "families",
) -> Inference:
    """Return the plain mean of values (n,) with a percentile interval from resampling whole clusters.

    NaN values are left out and counted. n counts clusters. One cluster gives a value without an interval.
    what : name of the values, clusters : what a cluster is, in the plural; both for the method sentence.
    """
    value, label = np.asarray(values, dtype=np.float64), np.asarray(labels)
    kept = np.isfinite(value)
    n_dropped = int((~kept).sum())
    caveats: tuple[str, ...] = ()
    if n_dropped:
        caveats = (f"{n_dropped} of {value.size} have no {what} and were left out",)
    method = f"mean {what}; percentiles of {n_resamples} resamples of whole {clusters}"
    value, label = value[kept], label[kept]
    if value.size == 0:
        return Inference(
            value=None, low=None, high=None, n=0, method=method, caveats=(*caveats, f"no {what} is defined")
        )
    n_clusters = np.unique(label).size
    if n_clusters < 2:
        caveats += (f"no interval: fewer than 2 {clusters}",)
        return Inference(value=float(value.mean()), low=None, high=None, n=n_clusters, method=method, caveats=caveats)
    weights = cluster_weights(label, n_resamples=n_resamples, rng=rng)
    sums = weights @ np.column_stack([value, np.ones_like(value)])
    draws = sums[:, 0] / sums[:, 1]
    low, high, n_undefined = percentile_interval(draws)
    caveats += undefined_caveat(n_undefined, n_resamples, f"have no {what}")
    return Inference(
        value=float(value.mean()), low=low, high=high, n=n_clusters, method=method, caveats=caveats, draws=draws
    )


def mean_of_measured(values: ArrayLike, errors: ArrayLike, *, what: str) -> Inference:
    """Return the plain mean of values (n,) of one ladder with the interval that their standard errors give.

    Neighbouring steps share a model, so their errors are not independent; the caveat says so. NaN values are
    left out and counted; an unknown standard error leaves the mean without an interval. n counts values.
    """
    value, error = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    kept = np.isfinite(value)
    caveats: tuple[str, ...] = ("measurement error only, taken as independent between steps",)
    if n_dropped := int((~kept).sum()):
        caveats = (f"{n_dropped} of {value.size} have no {what} and were left out", *caveats)
    method = f"mean {what} of one ladder; normal interval from standard errors"
    if not kept.any():
        return Inference(
            value=None, low=None, high=None, n=0, method=method, caveats=(f"no {what} is defined", *caveats)
        )
    mean, n = float(value[kept].mean()), int(kept.sum())
    half = Z_LEVEL * float(np.sqrt((error[kept] ** 2).sum())) / n
    if not np.isfinite(half):
        caveats = ("no interval: a standard error is unknown", *caveats)
        return Inference(value=mean, low=None, high=None, n=n, method=method, caveats=caveats)
    return Inference(value=mean, low=mean - half, high=mean + half, n=n, method=method, caveats=caveats)


def expected_count(
    probabilities: NDArray[np.float64], *, n_draws: int, rng: np.random.Generator, method: str
) -> Inference:
    """Return the expected number of independent events with these probabilities (n,) and a 95% range of the number."""
    low, high = count_interval(probabilities, n_draws=n_draws, rng=rng)
    n = probabilities.size
    return Inference(value=float(probabilities.sum()), low=float(low), high=float(high), n=n, method=method)


def first_component_share(
    scores: NDArray[np.float64], labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> Inference:
    """Return the percentage of variance on the first component of standardised scores, resampled by family.

    scores : (n_models, n_benchmarks) without gaps. labels : (n_models,) family. Value in (100 / n_benchmarks, 100].
    n counts families. Undefined with fewer than 3 models or a constant benchmark.
    """
    label = np.asarray(labels)
    n_families = np.unique(label).size
    method = "largest eigenvalue of the correlation matrix over its trace; percentiles of a bootstrap of whole families"
    share = _top_share(scores, np.ones((1, scores.shape[0])))[0] if scores.shape[0] > 2 else np.nan
    if not np.isfinite(share):
        reason = "fewer than 3 models, or a benchmark that does not vary"
        return Inference(value=None, low=None, high=None, n=n_families, method=method, caveats=(reason,))
    draws = _top_share(scores, cluster_weights(label, n_resamples=n_resamples, rng=rng))
    low, high, n_undefined = percentile_interval(draws)
    caveats = undefined_caveat(n_undefined, n_resamples, "have a benchmark that does not vary")
    return Inference(value=float(share), low=low, high=high, n=n_families, method=method, caveats=caveats, draws=draws)


def _top_share(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first component's percentage for each row of weights (n_resamples, n_models), NaN where undefined."""
    n_benchmarks = scores.shape[1]
    centred = scores - scores.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(scores), -1)
    total = weights.sum(axis=1)
    mean = (weights @ centred) / total[:, None]
    second = (weights @ products / total[:, None]).reshape(-1, n_benchmarks, n_benchmarks)
    covariance = second - mean[:, :, None] * mean[:, None, :]
    deviation = np.sqrt(np.maximum(np.einsum("rii->ri", covariance), 0))
    varies = (deviation > 1e-9).all(axis=1)
    safe = np.where(varies[:, None], deviation, 1.0)
    correlation = np.where(
        varies[:, None, None], covariance / (safe[:, :, None] * safe[:, None, :]), np.eye(n_benchmarks)
    )
    share = 100 * np.linalg.eigvalsh(correlation)[:, -1] / n_benchmarks
    return np.where(varies, share, np.nan)


def wilson_interval(n_hits: float, n_trials: int) -> tuple[float | None, float | None]:
    """Return Wilson's 95% interval of a share, or (None, None) without trials (Wilson, JASA 22, 1927).

    n_hits : a count, or a share times n_trials where trials are worth fewer independent ones.
    """
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
