"""Intervals from leaving out one family at a time: jackknife error, Student's t, on a scale without ends.

The percentile bootstrap of a few dozen families is too short; in the simulations of `cape.calibration` these intervals
are not. Nothing is drawn, so there is no seed. References: Tukey, Annals of Mathematical Statistics 29 (1958) 614;
Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11; Bell and McCaffrey, Survey Methodology 28
(2002) 169, for Student's t with as many degrees of freedom as clusters less one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from cape.stats.correlation import MIN_POINTS, centred, residuals, weighted_r
from cape.stats.dimensionality import (
    MIN_ROWS_INTERVAL,
    correlations,
    participation_ratios,
    weighted_covariances,
)
from cape.stats.inference import LEVEL, Inference

Array = NDArray[np.float64]
FEWEST_CLUSTERS = 3  # two give one degree of freedom: an interval of any length


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A monotone change of scale on which an estimate is closer to symmetric, and its inverse."""

    name: str
    forward: Callable[[Array], Array]
    back: Callable[[Array], Array]


def _same(values: Array) -> Array:
    return values


def _log_above_one(values: Array) -> Array:
    return np.log(values - 1.0)


def _one_and_exp(values: Array) -> Array:
    return 1.0 + np.exp(values)


PLAIN = Scale(name="as it is", forward=_same, back=_same)
FISHER = Scale(name="Fisher's z", forward=np.arctanh, back=np.tanh)
ABOVE_ONE = Scale(name="log(d_eff - 1)", forward=_log_above_one, back=_one_and_exp)


def student_limits(full: Array, without: Array, scale: Scale = PLAIN) -> tuple[Array, Array]:
    """Return low and high of the 95% interval, (...), NaN where any of the values has no place on the scale.

    full : (...) the statistic of all clusters. without : (..., n_clusters) the statistic without each of them.
    """
    n = without.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, left = scale.forward(np.asarray(full, dtype=np.float64)), scale.forward(without)
        error = np.sqrt((n - 1) / n * ((left - left.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))
    half = stdtrit(n - 1, (1.0 + LEVEL) / 2.0) * error
    low, high = scale.back(middle - half), scale.back(middle + half)
    known = np.isfinite(middle) & np.isfinite(half)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def without_each(labels: ArrayLike) -> tuple[NDArray[np.str_], Array]:
    """Return the clusters, sorted, and weights (n_clusters, n_rows): row k leaves out cluster k."""
    clusters, codes = np.unique(np.asarray(labels), return_inverse=True)
    return clusters, (codes[None, :] != np.arange(clusters.size)[:, None]).astype(np.float64)


def jackknife_inference(
    statistic: Callable[[Array], Array], labels: ArrayLike, *, scale: Scale, what: str, unit: str = "families"
) -> Inference:
    """Return a statistic of weighted rows with the jackknife interval over clusters.

    statistic : of weights (n_sets, n_rows), gives (n_sets,), NaN where undefined. labels : (n_rows,). what : name of
    the statistic; unit : plural of the clusters. n counts clusters. There is no interval with fewer than
    FEWEST_CLUSTERS clusters, or where the statistic is undefined or at the end of its scale without one of them.
    """
    clusters, weights = without_each(labels)
    n = int(clusters.size)
    on_scale = "" if scale is PLAIN else f" on the scale of {scale.name}"
    method = (
        f"{what}; leave-one-out jackknife over {unit}, Student's t with {max(n - 1, 0)} degrees of freedom{on_scale}"
    )
    values = statistic(np.vstack([np.ones(weights.shape[1]), weights]))
    full = float(values[0]) if values.size else np.nan
    if not np.isfinite(full):
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(f"undefined: no {what}",))
    if n < FEWEST_CLUSTERS:
        why = f"no interval: {n} {unit}, fewer than {FEWEST_CLUSTERS}"
        return Inference(value=full, low=None, high=None, n=n, method=method, caveats=(why,))
    low, high = student_limits(values[:1], values[None, 1:], scale)
    if np.isnan(low[0]):
        with np.errstate(divide="ignore", invalid="ignore"):
            lacking = clusters[~np.isfinite(scale.forward(values[1:]))]
        named = f" without {', '.join(map(str, lacking))}" if lacking.size else ""
        why = f"no interval: undefined or at the end of its scale{named}"
        return Inference(value=full, low=None, high=None, n=n, method=method, caveats=(why,))
    return Inference(value=full, low=float(low[0]), high=float(high[0]), n=n, method=method)


def jackknife_mean(values: ArrayLike, labels: ArrayLike, *, what: str) -> Inference:
    """Return the plain mean of values (n,), NaN left out, with the jackknife interval over clusters (n,)."""
    value, label = np.asarray(values, dtype=np.float64), np.asarray(labels)
    kept = np.isfinite(value)
    value, label = value[kept], label[kept]

    def mean(weights: Array) -> Array:
        total = weights.sum(axis=1)
        return (weights @ value) / np.where(total > 0, total, np.nan)

    return jackknife_inference(mean, label, scale=PLAIN, what=f"mean {what}")


def jackknife_correlation(
    x: ArrayLike, y: ArrayLike, labels: ArrayLike, *, covariate: ArrayLike | None = None
) -> Inference:
    """Return pooled Pearson r, or partial r given the covariate, with the jackknife interval over families.

    x, y, labels, covariate : (n,) finite. Undefined where a column does not vary or r has too few points.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    given = None if covariate is None else centred(np.asarray(covariate, dtype=np.float64))
    what = "pooled Pearson r" if given is None else "pooled partial r given the covariate"
    if given is not None:
        first, second = residuals(first, given), residuals(second, given)
    first, second = centred(first), centred(second)
    varies = first.any() and second.any() and (given is None or given.any())

    def r(weights: Array) -> Array:
        if not varies:
            return np.full(len(weights), np.nan)
        return weighted_r(weights, first, second, covariate=given)

    return jackknife_inference(r, labels, scale=FISHER, what=what)


def jackknife_within_correlation(x: ArrayLike, y: ArrayLike, labels: ArrayLike) -> Inference:
    """Return r of scores (n,) less their family means with the jackknife interval over families of two or more."""
    _, codes, sizes = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    kept = sizes[codes] > 1
    codes = codes[kept]
    first, second = (
        column - (np.bincount(codes, column, minlength=sizes.size) / sizes)[codes]
        for column in (np.asarray(scores, dtype=np.float64)[kept] for scores in (x, y))
    )

    def r(weights: Array) -> Array:
        xy, xx, yy = (weights @ column for column in (first * second, first**2, second**2))
        spread = xx * yy
        enough = (weights > 0).sum(axis=1) - np.array([np.unique(codes[row > 0]).size for row in weights])
        return np.where(
            (enough >= MIN_POINTS - 1) & (spread > 0), xy / np.sqrt(np.where(spread > 0, spread, 1.0)), np.nan
        )

    return jackknife_inference(r, codes, scale=FISHER, what="Pearson r of scores less family means")


def jackknife_d_eff(scores: Array, labels: ArrayLike, *, of_correlation: bool) -> Inference:
    """Return the participation ratio of scores (n, p) without gaps with the jackknife interval over families.

    No interval with fewer than MIN_ROWS_INTERVAL models.
    """
    kind = "correlation" if of_correlation else "covariance"
    what = f"participation ratio (sum l)^2 / sum l^2 of the {kind} matrix of {scores.shape[1]} scores"

    def ratio(weights: Array) -> Array:
        covariances = weighted_covariances(scores, weights)
        return participation_ratios(correlations(covariances) if of_correlation else covariances)

    found = jackknife_inference(ratio, labels, scale=ABOVE_ONE, what=what)
    if len(scores) >= MIN_ROWS_INTERVAL or found.value is None:
        return found
    why = f"no interval: {len(scores)} models, fewer than {MIN_ROWS_INTERVAL}"
    return replace(found, low=None, high=None, caveats=(why,))
