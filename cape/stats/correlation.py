"""Pearson r between two benchmarks: raw, given model size, within and between families, with permutation tests.

Two unrelated benchmarks that both grow with log N correlate strongly, so r is read beside the partial r given log N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.nulls import RELATIVE_ZERO, PermutationTest, orderings, tail_test
from cape.stats.resampling import cluster_weights, guarded_interval

MIN_POINTS = 3  # two points give r = +1 or -1 whatever they are; each covariate costs one more
FEW_FAMILIES = 5  # below this the family bootstrap has too few distinct resamples to be trusted


def pearson(x: ArrayLike, y: ArrayLike) -> Inference:
    """Return Pearson r of x and y, each (n,), with Fisher's z interval.

    Undefined for n < 3 or a constant column; the interval needs n >= 4. Raises ValueError for unequal or non-finite
    columns. Fisher, Metron 1 (1921).
    """
    return _fisher(_pair(x, y), method="Pearson r, Fisher z interval")


def partial_correlation(x: ArrayLike, y: ArrayLike, covariate: ArrayLike) -> Inference:
    """Return the partial r of x and y given the covariate, each (n,), with Fisher's z interval on n - 1 points.

    Undefined for n < 4, a constant covariate, or a column that is a straight line in the covariate; the interval
    needs n >= 5. Raises ValueError for unequal or non-finite columns. Fisher, Metron 3 (1924).
    """
    method = "partial r given the covariate, Fisher z interval with one degree of freedom less"
    return _fisher(_pair(x, y, covariate), method=method)


def difference_correlation(delta_x: ArrayLike, delta_y: ArrayLike) -> Inference:
    """Return Pearson r of first differences, each (n_steps,), pooled over families, with Fisher's z interval.

    The caller takes differences within families. Undefined and raises as `pearson`.
    """
    found = _fisher(_pair(delta_x, delta_y), method="Pearson r of first differences, Fisher z interval")
    if found.low is None:
        return found
    return replace(found, caveats=("Neighbouring differences share a model; the interval treats them as independent",))


def between_family_correlation(x: ArrayLike, y: ArrayLike, labels: ArrayLike) -> Inference:
    """Return Pearson r of family means with Fisher's z interval; n counts families.

    x, y, labels : (n_models,). Undefined and raises as `pearson`.
    """
    x, y = _columns(x, y)
    codes, sizes = _families(labels, x.size)
    means = (np.bincount(codes, column) / sizes for column in (x, y))
    return _fisher(_pair(*means), method="Pearson r of unweighted family means, Fisher z interval")


def permutation_p(x: ArrayLike, y: ArrayLike, *, n_permutations: int, rng: np.random.Generator) -> PermutationTest:
    """Return the permutation test of Pearson r, over all orderings of y when n <= 8.

    x, y : (n,). It tests exchangeability, so two unrelated trends in log N are rejected; see `freedman_lane_p`.
    Raises ValueError for unequal or non-finite columns, BadParameterError for n_permutations < 1.
    """
    pair, method = _pair(x, y), "permutation of the second column, Pearson r"
    if pair.reason:
        return PermutationTest(method=method, caveats=(pair.reason,))
    table, exact = orderings(pair.x.size, n_permutations=n_permutations, rng=rng)
    null = pair.y[table] @ (pair.x / (np.linalg.norm(pair.x) * np.linalg.norm(pair.y)))
    return tail_test(pair.r, null, exact=exact, method=method)


def freedman_lane_p(
    x: ArrayLike, y: ArrayLike, covariate: ArrayLike, *, n_permutations: int, rng: np.random.Generator
) -> PermutationTest:
    """Return the Freedman-Lane test of the partial r given the covariate, over all orderings when n <= 8.

    Residuals of y on the covariate are permuted and added to the fit, and the partial r is computed anew.
    x, y, covariate : (n,). Raises as `permutation_p`.
    Freedman and Lane, J. Business & Economic Statistics 1 (1983) 292.
    """
    pair, method = _pair(x, y, covariate), "Freedman-Lane permutation of residuals, partial r"
    if pair.reason:
        return PermutationTest(method=method, caveats=(pair.reason,))
    table, exact = orderings(pair.x.size, n_permutations=n_permutations, rng=rng)
    # The fit lies in the span of the covariate, so refitting removes it: only the permuted residuals matter.
    axis = centred(np.asarray(covariate, dtype=np.float64))
    axes = np.column_stack([pair.x / np.linalg.norm(pair.x), axis / np.linalg.norm(axis)])
    products = pair.y[table] @ axes
    total = float(pair.y @ pair.y)
    left = _positive(total - products[:, 1] ** 2, total)
    return tail_test(pair.r, _divide(products[:, 0], np.sqrt(left)), exact=exact, method=method)


def smallest_attainable_p(n: int, *, two_sided: bool) -> float:
    """Return the floor of a permutation p over all n! orderings: 1/n!, or 2/n! for twice the smaller tail.

    Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"smallest_attainable_p needs n >= 1, got {n}. Pass the number of points permuted.")
    return min(1.0, (2 if two_sided else 1) / math.factorial(n))


def clustered_correlation(
    x: ArrayLike, y: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> Inference:
    """Return pooled Pearson r with a percentile interval from resampling whole families; n counts families.

    x, y, labels : (n_models,). A resample with fewer than 3 distinct models is undefined. Raises as `pearson`.
    """
    method = "pooled Pearson r, percentile interval of a bootstrap of whole families"
    return _clustered(_pair(x, y), labels, n_resamples=n_resamples, rng=rng, method=method)


def clustered_partial_correlation(
    x: ArrayLike,
    y: ArrayLike,
    covariate: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator,
) -> Inference:
    """Return pooled partial r given the covariate, with a percentile interval from resampling whole families.

    x, y, covariate, labels : (n_models,). A resample with fewer than 4 distinct models is undefined; n counts
    families. Raises as `pearson`.
    """
    method = "pooled partial r given the covariate, percentile interval of a bootstrap of whole families"
    return _clustered(_pair(x, y, covariate), labels, n_resamples=n_resamples, rng=rng, method=method)


def family_demeaned_correlation(
    x: ArrayLike, y: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> Inference:
    """Return r of scores less their family means, pooled, with a bootstrap of whole families.

    x, y, labels : (n_models,). Families with one model contribute nothing; they are dropped and counted. The value,
    and a resample, need two more distinct models than families. n counts the families left. Raises as `pearson`.
    """
    x, y = _columns(x, y)
    codes, sizes = _families(labels, x.size)
    keep = sizes[codes] > 1
    n_single = int((sizes == 1).sum())
    dropped = (f"Families with a single model contribute nothing and were dropped: {n_single}",) if n_single else ()
    method = "Pearson r of scores less family means, percentile interval of a bootstrap of whole families"
    if not keep.any():
        return _undefined(0, method, "No family has two models, so nothing is left within families", *dropped)
    codes, sizes = _families(codes[keep], int(keep.sum()))
    x, y = (_within(column[keep], codes, sizes) for column in (x, y))
    reason = _why_undefined(x, y, minimum=sizes.size + MIN_POINTS - 1)
    if reason:
        return _undefined(sizes.size, method, reason, *dropped)
    draws = None
    if sizes.size > 1:
        weights = np.asarray(cluster_weights(codes, n_resamples=n_resamples, rng=rng), dtype=np.float64)
        sums = weights @ np.column_stack([x * y, x * x, y * y])
        present = weights > 0
        spare = present.sum(axis=1) - present[:, np.unique(codes, return_index=True)[1]].sum(axis=1)
        spread = _positive(sums[:, 1], float(x @ x)) * _positive(sums[:, 2], float(y @ y))
        draws = np.where(spare >= MIN_POINTS - 1, _divide(sums[:, 0], np.sqrt(spread)), np.nan)
    return _family_inference(_cosine(x, y), draws, n_families=sizes.size, method=method, caveats=dropped)


def centred(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a column (n,) less its mean, exactly zero where its spread is rounding error."""
    deviations = column - column.mean()
    return np.zeros_like(column) if _is_rounding(deviations, column) else deviations


def residuals(column: NDArray[np.float64], covariate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return residuals of a column (n,) on a straight line in the covariate (n,), exactly zero where it is a line."""
    axis, rest = centred(covariate), centred(column)
    if axis.any():
        rest = rest - axis * ((axis @ rest) / (axis @ axis))
    return np.zeros_like(column) if _is_rounding(rest, column) else rest


def weighted_r(
    weights: NDArray, x: NDArray[np.float64], y: NDArray[np.float64], *, covariate: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return r, or partial r given the covariate, of every weighted copy of the points, by one matrix product.

    weights : (n_resamples, n) counts. x, y, covariate : (n,) centred, not constant. Returns (n_resamples,), NaN where
    a resample is constant or has fewer distinct points than r needs.
    """
    columns = [x, y] if covariate is None else [x, y, covariate]
    scaled = np.column_stack([column / column.std() for column in columns])
    n_columns = scaled.shape[1]
    products = (scaled[:, :, None] * scaled[:, None, :]).reshape(-1, n_columns**2)
    weights = np.asarray(weights, dtype=np.float64)
    moments = weights @ np.hstack([scaled, products]) / weights.sum(axis=1, keepdims=True)
    means = moments[:, :n_columns]
    covariances = moments[:, n_columns:].reshape(-1, n_columns, n_columns) - means[:, :, None] * means[:, None, :]
    if covariate is not None:
        slopes = _divide(covariances[:, :, 2], _positive(covariances[:, 2, 2], 1.0)[:, None])
        covariances = covariances - slopes[:, :, None] * covariances[:, 2, None, :]
    spread = _positive(covariances[:, 0, 0], 1.0) * _positive(covariances[:, 1, 1], 1.0)
    enough = (weights > 0).sum(axis=1) >= MIN_POINTS + n_columns - 2
    return np.where(enough, _divide(covariances[:, 0, 1], np.sqrt(spread)), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two columns (n,) centred or adjusted for a covariate, that covariate centred, and why r is undefined."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    axis: NDArray[np.float64] | None
    reason: str | None

    @property
    def r(self) -> float:
        return _cosine(self.x, self.y)


def _pair(x: ArrayLike, y: ArrayLike, covariate: ArrayLike | None = None) -> _Pair:
    if covariate is None:
        x, y = (centred(column) for column in _columns(x, y))
        return _Pair(x=x, y=y, axis=None, reason=_why_undefined(x, y, minimum=MIN_POINTS))
    x, y, covariate = _columns(x, y, covariate)
    x, y, axis = residuals(x, covariate), residuals(y, covariate), centred(covariate)
    reason = _why_undefined(x, y, minimum=MIN_POINTS + 1)
    if not axis.any():
        reason = "The covariate is constant, so nothing can be adjusted for"
    return _Pair(x=x, y=y, axis=axis, reason=reason)


def _columns(*columns: ArrayLike) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    if arrays[0].ndim != 1 or any(array.shape != arrays[0].shape for array in arrays):
        shapes = [array.shape for array in arrays]
        raise ValueError(f"A correlation needs columns of one equal length, got shapes {shapes}. Align them by model.")
    n_bad = int(sum((~np.isfinite(array)).sum() for array in arrays))
    if n_bad:
        raise ValueError(
            f"A correlation needs finite scores, got {n_bad} missing or infinite. Drop those models first."
        )
    return arrays


def _families(labels: ArrayLike, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the family code of each model (n,) and the size of each family (n_families,)."""
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"Family labels must match {n} models, got shape {labels.shape}. Pass one label per model.")
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return codes, sizes


def _within(column: NDArray[np.float64], codes: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.float64]:
    deviations = column - (np.bincount(codes, column) / sizes)[codes]
    return np.zeros_like(column) if _is_rounding(deviations, column) else deviations


def _is_rounding(deviations: NDArray[np.float64], column: NDArray[np.float64]) -> bool:
    return not deviations.size or bool(np.abs(deviations).max() <= RELATIVE_ZERO * np.abs(column).max())


def _positive(variances: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return variances with those that are rounding error beside `scale` set to zero."""
    return np.where(variances > RELATIVE_ZERO * scale, variances, 0.0)


def _divide(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numerator / denominator, NaN where the denominator is zero."""
    return numerator / np.where(denominator > 0, denominator, np.nan)


def _cosine(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))  # clips rounding error only


def _why_undefined(x: NDArray[np.float64], y: NDArray[np.float64], *, minimum: int) -> str | None:
    """Return why r of two centred columns is undefined, or None."""
    if x.size < minimum:
        return f"r needs at least {minimum} points here, got {x.size}"
    flat = [name for name, column in (("first", x), ("second", y)) if not column.any()]
    return f"The {' and the '.join(flat)} column does not vary after adjustment, so r is undefined" if flat else None


def _undefined(n: int, method: str, *reasons: str) -> Inference:
    return Inference(value=None, low=None, high=None, n=n, method=method, caveats=reasons)


def _fisher(pair: _Pair, *, method: str) -> Inference:
    n, n_covariates = pair.x.size, 0 if pair.axis is None else 1
    if pair.reason:
        return _undefined(n, method, pair.reason)
    r, spare, caveat = pair.r, n - 3 - n_covariates, None
    if spare < 1:
        caveat = f"Fisher's interval needs at least {4 + n_covariates} points, got {n}"
    elif abs(r) > 1 - RELATIVE_ZERO:
        caveat = "The points lie on a straight line, where Fisher's interval is not defined"
    if caveat:
        return Inference(value=r, low=None, high=None, n=n, method=method, caveats=(caveat,))
    half = Z_LEVEL / math.sqrt(spare)
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Inference(value=r, low=low, high=high, n=n, method=method)


def _clustered(pair: _Pair, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator, method: str) -> Inference:
    codes, sizes = _families(labels, pair.x.size)
    if pair.reason:
        return _undefined(sizes.size, method, pair.reason)
    draws = None
    if sizes.size > 1:
        weights = cluster_weights(codes, n_resamples=n_resamples, rng=rng)
        draws = weighted_r(weights, pair.x, pair.y, covariate=pair.axis)
    return _family_inference(pair.r, draws, n_families=sizes.size, method=method)


def _family_inference(
    r: float, draws: NDArray[np.float64] | None, *, n_families: int, method: str, caveats: tuple[str, ...] = ()
) -> Inference:
    if draws is None:
        caveats += ("One family only, so families cannot be resampled and there is no interval",)
        return Inference(value=r, low=None, high=None, n=n_families, method=method, caveats=caveats)
    low, high, more = guarded_interval(draws, has_value=True, lacking="have no r")
    caveats += more
    if n_families < FEW_FAMILIES:
        caveats += (f"Only {n_families} families were resampled; the interval is likely too narrow",)
    return Inference(value=r, low=low, high=high, n=n_families, method=method, caveats=caveats, draws=draws)
