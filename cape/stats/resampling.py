"""Resampling weights, fits under many weights at once, percentile intervals and leave-one-out tables.

A bootstrap here is a matrix of weights, one row per resample, that multiplies columns of moments.
Reference: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 6, 9, 11 and 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import LEVEL, Inference, Points, Steps

MOST_UNDEFINED = 0.5  # share of resamples without an answer above which no interval is given
SINGULAR = 1e-10  # 1 - r^2 of l and l^2 below which double precision cannot tell a parabola from a line

Record = TypeVar("Record", Points, Steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jackknife:
    """A statistic recomputed without each cluster in turn.

    label : (n_clusters,) the cluster left out, sorted. value : (n_clusters,) the statistic, NaN where undefined.
    """

    label: NDArray[np.str_]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyInfluence:
    """How far a statistic moves when one family is left out.

    full : the statistic of all families, or None. low, high : its range without one family, None if never defined.
    most_influential, shift : the family whose removal moves it most, and by how much; None if it cannot be said.
    table : the statistic without each family.
    """

    full: float | None
    low: float | None
    high: float | None
    most_influential: str | None
    shift: float | None
    table: Jackknife
    caveats: tuple[str, ...] = ()


def _check_counts(n: int, n_resamples: int, what: str) -> None:
    """Raise unless there is something to draw (NotEnoughDataError) and a draw to make (BadParameterError)."""
    if n < 1:
        raise NotEnoughDataError(f"A bootstrap needs at least 1 {what}, got {n}. Widen the filter.")
    if n_resamples < 1:
        raise BadParameterError(f"n_resamples must be at least 1, got {n_resamples}. The usual number is 10000.")


def row_weights(n: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each of n rows occurs in each bootstrap resample of n rows, (n_resamples, n) counts.

    Raises NotEnoughDataError if n < 1 and BadParameterError if n_resamples < 1.
    """
    _check_counts(n, n_resamples, "row")
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def cluster_weights(labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the weight of each row when whole clusters are drawn with replacement, (n_resamples, n) counts.

    labels : (n,) cluster of each row. As many clusters are drawn as there are; a row weighs as often as its
    cluster was drawn, so the weights of a resample need not add up to n.
    Raises NotEnoughDataError if there is no row and BadParameterError if n_resamples < 1.
    """
    clusters, cluster_of_row = np.unique(np.asarray(labels), return_inverse=True)
    return row_weights(clusters.size, n_resamples=n_resamples, rng=rng)[:, cluster_of_row]


def legacy_row_weights(n: int, *, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the counts drawn by `np.random.seed(seed)` and n_resamples calls of `np.random.choice(n, n)`.

    Shape (n_resamples, n). One call of a local RandomState gives the identical stream; global state is not touched.
    For paper-mode recipes only. Raises NotEnoughDataError if n < 1 and BadParameterError if n_resamples < 1.
    """
    _check_counts(n, n_resamples, "row")
    drawn = np.random.RandomState(seed).choice(n, (n_resamples, n), replace=True)
    cell = drawn + n * np.arange(n_resamples)[:, None]
    return np.bincount(cell.ravel(), minlength=n * n_resamples).reshape(n_resamples, n).astype(np.float64)


def percentile_interval(draws: ArrayLike, *, level: float = LEVEL) -> tuple[float | None, float | None, int]:
    """Return (low, high, n_undefined): the central percentile interval of the defined draws.

    draws : (n_resamples,) NaN where the statistic was undefined; those are left out and counted in n_undefined.
    An infinite draw is a value at the end of the order, so a limit that falls on one is None (unbounded).
    Both limits are None if no draw is finite. Raises BadParameterError unless 0 < level < 1.
    """
    if not 0.0 < level < 1.0:
        raise BadParameterError(f"level must lie between 0 and 1, got {level}. The usual level is {LEVEL}.")
    values = np.asarray(draws, dtype=np.float64)
    kept = values[~np.isnan(values)]
    n_undefined = values.size - kept.size
    if not np.isfinite(kept).any():
        return None, None, n_undefined
    with np.errstate(invalid="ignore"):  # interpolating between two infinite draws
        limits = np.quantile(kept, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    low, high = (float(limit) if np.isfinite(limit) else None for limit in limits)
    return low, high, n_undefined


def undefined_caveat(n_undefined: int, n_resamples: int, what: str) -> tuple[str, ...]:
    """Return one sentence that counts the dropped resamples, or () if none was dropped.

    what : the rest of the sentence, for example "have no minimum in range".
    """
    if n_undefined == 0:
        return ()
    percent = f"{100.0 * n_undefined / n_resamples:.1f}%"
    if percent == "0.0%":
        percent = "<0.1%"
    elif percent == "100.0%" and n_undefined < n_resamples:
        percent = ">99.9%"
    return (f"{percent} of {n_resamples} resamples {what}",)


def jackknife(labels: ArrayLike, statistic: Callable[[NDArray[np.bool_]], float | None]) -> Jackknife:
    """Return the statistic without each cluster in turn.

    labels : (n,) cluster of each row. statistic : takes the (n,) mask of the rows kept and returns a number,
    None or NaN where it is undefined. Raises NotEnoughDataError with fewer than 2 clusters.
    """
    row_label = np.asarray(labels)
    clusters = np.unique(row_label)
    if clusters.size < 2:
        raise NotEnoughDataError(
            f"Leaving one cluster out needs at least 2 clusters, got {clusters.size}. Choose more families."
        )
    found = [statistic(row_label != cluster) for cluster in clusters]
    return Jackknife(label=clusters, value=np.array([np.nan if v is None else v for v in found], dtype=np.float64))


def subset(data: Record, rows: NDArray) -> Record:
    """Return the record with these rows (mask or indices) of every array."""
    return type(data)(**{f.name: getattr(data, f.name)[rows] for f in fields(data)})


def jackknife_families(data: Record, statistic: Callable[[Record], float | None]) -> FamilyInfluence:
    """Return how the statistic moves when each family is left out; None or NaN where it is undefined.

    Raises NotEnoughDataError with fewer than 2 families.
    """
    full = statistic(data)
    table = jackknife(data.family, lambda kept: statistic(subset(data, kept)))
    defined = np.isfinite(table.value)
    caveats = () if defined.all() else (f"undefined without {', '.join(table.label[~defined])}",)
    low = high = most = shift = None
    if defined.any():
        low, high = float(table.value[defined].min()), float(table.value[defined].max())
        if full is not None and np.isfinite(full):
            index = int(np.nanargmax(np.abs(table.value - full)))
            most, shift = str(table.label[index]), float(table.value[index] - full)
    return FamilyInfluence(
        full=full, low=low, high=high, most_influential=most, shift=shift, table=table, caveats=caveats
    )


def guarded_interval(
    draws: NDArray[np.float64], *, has_value: bool, lacking: str
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return (low, high, caveats) of the percentile interval, without limits where they would mislead.

    draws : (n_resamples,) NaN where undefined. lacking : rest of the sentence that counts undefined draws.
    There are none if more than half of the draws have no answer, or if the data have none (`has_value` False).
    """
    low, high, n_undefined = percentile_interval(draws)
    caveats = undefined_caveat(n_undefined, draws.size, lacking)
    if n_undefined > MOST_UNDEFINED * draws.size:
        return None, None, (*caveats, f"no interval: more than {MOST_UNDEFINED:.0%} of resamples have no answer")
    if not has_value:
        return None, None, (*caveats, "no interval: most resamples have an answer, but the data as observed have none")
    return low, high, caveats


def cluster_inference(values: NDArray[np.float64], *, why: str, lacking: str, n: int, method: str) -> Inference:
    """Return the Inference of a bootstrap of whole families.

    values : (1 + n_resamples,) the statistic of the data, then of each resample, NaN where undefined.
    why : caveat of an undefined statistic. lacking : rest of the sentence that counts undefined resamples.
    n : number of families; no interval with fewer than 2, or where `guarded_interval` gives none.
    """
    point, draws = float(values[0]), values[1:]
    low, high, caveats = guarded_interval(draws, has_value=not np.isnan(point), lacking=lacking)
    caveats = (() if np.isfinite(point) else (why,)) + caveats
    if n < 2:
        low = high = None
        caveats += ("no interval: fewer than 2 families",)
    return Inference(
        value=point if np.isfinite(point) else None,
        low=low,
        high=high,
        n=n,
        method=f"{method}; percentiles of {draws.size} resamples of whole families",
        caveats=caveats,
        draws=np.where(np.isfinite(draws), draws, np.nan),  # the interval above kept infinite draws in their order
    )


def parabola_vertex(
    products: tuple[NDArray[np.float64], ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (vertex, curvature c) of least squares y = a + b l + c l^2, (n_resamples,) each; NaN where singular.

    products : sums of products of l, q = l^2 and y about their (weighted, or within-family) means:
    (S_ll, S_lq, S_qq, S_ly, S_qy), each (n_resamples,) or a number. These are the 3x3 normal equations with the
    intercept eliminated, so c = (S_qy S_ll - S_ly S_lq) / D, b = (S_ly S_qq - S_qy S_lq) / D, D = S_ll S_qq - S_lq^2.
    """
    s_ll, s_lq, s_qq, s_ly, s_qy = (np.asarray(a, dtype=np.float64) for a in products)
    determinant = s_ll * s_qq - s_lq**2
    with np.errstate(divide="ignore", invalid="ignore"):  # singular rows become NaN
        divisor = np.where(determinant > SINGULAR * s_ll * s_qq, determinant, np.nan)
        curvature = (s_qy * s_ll - s_ly * s_lq) / divisor
        return -(s_ly * s_qq - s_qy * s_lq) / divisor / (2.0 * curvature), curvature


def weighted_parabola_vertex(
    weights: NDArray[np.float64], log10_n: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (vertex, curvature) of the weighted quadratic y(log10 N) of each resample, (n_resamples,) each.

    weights : (n_resamples, n) counts of the n rows. One matrix product gives every moment.
    """
    centre = log10_n.mean()  # keeps the powers of log10 N of comparable size
    line = log10_n - centre
    square = line**2
    columns = [np.ones_like(line), line, square, y, line * square, square**2, line * y, square * y]
    moments = weights @ np.stack(columns, axis=1)
    total, l_, q_, y_, lq, qq, ly, qy = moments.T
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may weigh nothing
        products = (
            q_ - l_**2 / total,
            lq - l_ * q_ / total,
            qq - q_**2 / total,
            ly - l_ * y_ / total,
            qy - q_ * y_ / total,
        )
    vertex, curvature = parabola_vertex(products)
    return vertex + centre, curvature
