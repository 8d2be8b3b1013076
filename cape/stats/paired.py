"""Two models on the same items: mean difference with paired standard errors, and the exact test of McNemar.

References: Miller, arXiv 2411.00640 (2024), sections 2.2 and 4.2, standard errors of paired and clustered items;
Bonett and Price, Brit. J. Math. Stat. Psychol. 65 (2012) 430, the adjusted error of a difference of paired shares;
McNemar, Psychometrika 12 (1947) 153; Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 13 (2013) 91, mid-p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval

BLOCK_CELLS = 4_000_000  # weights held at once by a bootstrap, so that memory does not grow with the items
PSEUDO_ITEMS = 2  # one gained and one lost item, Bonett and Price (2012)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Mean of b minus a over the same items, in the unit of the values.

    n : items that both have. n_clusters : independent units, None without clusters.
    se : paired standard error, sd(b - a) / sqrt(n); None for one item.
    se_adjusted : the same with one gained and one lost item added where every value is 0 or 1, so that no flips do
        not mean no error; equal to `se` elsewhere.
    se_clustered : standard error by clusters, None without clusters or with one. se_unpaired : as if the two models
        had answered different items. correlation : of a and b over items, None where one is constant.
    low, high : percentiles of a bootstrap of items, or of whole clusters where given.
    """

    n: int
    n_clusters: int | None
    mean_a: float
    mean_b: float
    difference: float
    se: float | None
    se_adjusted: float | None
    se_clustered: float | None
    se_unpaired: float | None
    correlation: float | None
    low: float | None
    high: float | None
    method: str
    caveats: tuple[str, ...] = ()

    @property
    def inference(self) -> Inference:
        """The difference with its bootstrap interval, ready to be given a symbol and a unit."""
        n = self.n if self.n_clusters is None else self.n_clusters
        return Inference(
            value=self.difference, low=self.low, high=self.high, n=n, method=self.method, caveats=self.caveats
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Two-sided tests that gains and losses are equally likely; arrays have the shape of the counts.

    n_discordant : items on which the two models differ. p_exact : binomial, never too small. p_mid : the observed
    outcome counted half, closer to its nominal level. Without a discordant item both are 1.
    """

    n_discordant: NDArray[np.int_]
    p_exact: Array
    p_mid: Array


def mcnemar_exact(n01: ArrayLike, n10: ArrayLike) -> McNemar:
    """Return the exact test of McNemar for items gained (n01: wrong by a, right by b) and lost (n10).

    n01, n10 : (...,) whole counts. Raises BadParameterError for a count that is negative or no whole number.
    """
    gained, lost = np.broadcast_arrays(np.asarray(n01, dtype=np.float64), np.asarray(n10, dtype=np.float64))
    counts = np.stack([gained, lost])
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise BadParameterError("mcnemar_exact needs whole counts of items, 0 or more. Count flips, not shares.")
    n, fewer = gained + lost, np.minimum(gained, lost)
    below = 2.0 * binom.cdf(fewer, n, 0.5)
    return McNemar(
        n_discordant=n.astype(np.int_),
        p_exact=np.minimum(below, 1.0),
        p_mid=np.minimum(below - binom.pmf(fewer, n, 0.5), 1.0),
    )


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    clusters: ArrayLike | None = None,
) -> PairedDifference:
    """Return the mean of b minus a over paired items, its standard errors and a bootstrap interval.

    a, b : (n_items,) value of each item by the two models, in the same order. clusters : (n_items,) label of the
    independent unit of each item (a topic, a document); then whole clusters are resampled.
    Raises NotEnoughDataError without an item, BadParameterError for arrays of other shapes or values not finite.
    """
    before, after, labels = _checked(a, b, clusters)
    n, change = before.size, after - before
    unit = np.unique(labels, return_inverse=True)[1] if labels is not None else np.arange(n)
    n_units = int(unit.max()) + 1
    totals = np.bincount(unit, weights=change).astype(np.float64)
    counts = np.bincount(unit).astype(np.float64)
    draws = _means_of_resamples(totals, counts, n_resamples=n_resamples, rng=rng)
    low, high, _ = percentile_interval(draws)
    caveats: tuple[str, ...] = ()
    if n_units < 2:
        low = high = None
        caveats = (f"no interval: fewer than 2 {'items' if labels is None else 'clusters'}",)
    what = "items" if labels is None else "whole clusters"
    is_single = n < 2
    return PairedDifference(
        n=n,
        n_clusters=None if labels is None else n_units,
        mean_a=float(before.mean()),
        mean_b=float(after.mean()),
        difference=float(change.mean()),
        se=None if is_single else float(change.std(ddof=1) / np.sqrt(n)),
        se_adjusted=None if is_single else _adjusted_se(before, after),
        se_clustered=_clustered_se(totals, counts) if labels is not None and n_units > 1 else None,
        se_unpaired=None if is_single else float(np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / n)),
        correlation=_correlation(before, after),
        low=low,
        high=high,
        method=f"mean difference over {n} common items; percentiles of {n_resamples} resamples of {what}",
        caveats=caveats,
    )


def paired_standard_error(
    n: ArrayLike, total: ArrayLike, total_of_squares: ArrayLike, *, is_binary: ArrayLike
) -> Array:
    """Return the paired standard error of a mean difference from its sums, (...,); NaN for fewer than two items.

    n : items. total, total_of_squares : sums of b - a and of its square. is_binary : every value is 0 or 1; then one
    gained and one lost item are added (Bonett and Price 2012). Elsewhere it is sd(b - a) / sqrt(n).
    """
    items, sums, squares = (np.asarray(v, dtype=np.float64) for v in (n, total, total_of_squares))
    known = np.where(items >= 2, items, np.nan)
    more = known + PSEUDO_ITEMS
    adjusted = ((squares + PSEUDO_ITEMS) / more - (sums / more) ** 2) / more
    sample = (squares - sums**2 / known) / (known - 1) / known
    return np.sqrt(np.maximum(np.where(np.asarray(is_binary, dtype=bool), adjusted, sample), 0.0))


def _checked(a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None) -> tuple[Array, Array, NDArray | None]:
    before, after = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    labels = None if clusters is None else np.asarray(clusters)
    if before.ndim != 1 or before.shape != after.shape or (labels is not None and labels.shape != before.shape):
        raise BadParameterError("paired_difference needs one value of each model per item, in the same order.")
    if before.size == 0:
        raise NotEnoughDataError("A paired difference needs at least 1 common item, got 0. Score the same items.")
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise BadParameterError("An item has no finite value. Leave out, for both models, items that one lacks.")
    return before, after, labels


def _adjusted_se(before: Array, after: Array) -> float:
    change = after - before
    is_binary = bool(np.isin(before, (0.0, 1.0)).all() and np.isin(after, (0.0, 1.0)).all())
    return float(paired_standard_error(change.size, change.sum(), (change**2).sum(), is_binary=is_binary))


def _clustered_se(totals: Array, counts: Array) -> float:
    """Return the standard error of the mean by clusters, with G / (G - 1) for few clusters."""
    n, n_clusters = counts.sum(), totals.size
    off = totals - counts * totals.sum() / n
    return float(np.sqrt((off**2).sum() * n_clusters / (n_clusters - 1)) / n)


def _correlation(before: Array, after: Array) -> float | None:
    if before.size < 2 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    return float(np.corrcoef(before, after)[0, 1])


def _means_of_resamples(totals: Array, counts: Array, *, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the mean of each resample of whole units, (n_resamples,); equal units are drawn together."""
    if n_resamples < 1:
        raise BadParameterError(f"n_resamples must be at least 1, got {n_resamples}. The usual number is 10000.")
    kinds, times = np.unique(np.stack([totals, counts], axis=1), axis=0, return_counts=True)
    shares = times / times.sum()
    block = max(1, BLOCK_CELLS // kinds.shape[0])
    means = np.empty(n_resamples)
    for start in range(0, n_resamples, block):  # blocks bound the memory
        stop = min(start + block, n_resamples)
        drawn = rng.multinomial(totals.size, shares, size=stop - start) @ kinds
        means[start:stop] = drawn[:, 0] / drawn[:, 1]
    return means
