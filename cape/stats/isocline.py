"""The isocline B2_c = sqrt(k B1): which side a model lies on, and whether that side tells the sign of gamma.

Scores enter the formula as fractions; arguments and results here are percent. Definitions: paper A.7, DEFINITIONS
section 2 (isocline).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.coupling import family_gammas
from cape.stats.flow import constant_gamma_scores
from cape.stats.inference import Z_LEVEL, Inference, Points
from cape.stats.resampling import cluster_weights, percentile_interval

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

PERCENT = 100.0
SETTLED = 1.96  # standard errors of its distance from the curve at which the side of a model is settled


class Reading(StrEnum):
    """What lying above the curve is taken to say about gamma; paper A.7 does not state the direction."""

    NEGATIVE = "above means negative"
    POSITIVE = "above means positive"


class Place(StrEnum):
    """Where a model lies, given the standard errors of its scores."""

    ABOVE = "above"
    BELOW = "below"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class HitTest:
    """Hits of predicted signs among orderings of the observed signs within each stratum.

    hits, n : signs predicted right, and signs. expected : mean hits over the orderings, None without signs.
    p : share of orderings with at least as many hits (one-sided), None without signs.
    base : hits of always naming the more frequent sign.
    """

    hits: int
    n: int
    base: int
    expected: float | None
    p: float | None


def constant_of(x_pct: ArrayLike, y_pct: ArrayLike, *, x_se: ArrayLike, y_se: ArrayLike) -> Inference:
    """Return k = B2^2 / B1 of the mean scores of one or more reference models, scores as fractions.

    All arguments (n_models,), percent and percentage points. The interval is normal, from the standard errors of the
    scores: relative variance (2 SE2 / B2)^2 + (SE1 / B1)^2 of the means. n counts models.
    Raises NotEnoughDataError without a model and BadParameterError if the mean of the first score is not positive.
    """
    x, y, ex, ey = (np.asarray(a, dtype=np.float64) for a in (x_pct, y_pct, x_se, y_se))
    if x.size == 0:
        raise NotEnoughDataError("The isocline needs a reference model, got none. Name one that has both scores.")
    mean_x, mean_y = float(x.mean()), float(y.mean())
    if mean_x <= 0:
        raise BadParameterError(f"The first score of the reference is {mean_x:g} percent; it must be positive.")
    k = mean_y**2 / mean_x / PERCENT
    error_x, error_y = (float(np.sqrt((e**2).sum())) / x.size for e in (ex, ey))
    half = Z_LEVEL * k * float(np.hypot(2 * error_y / mean_y, error_x / mean_x)) if mean_y > 0 else float("nan")
    known = np.isfinite(half)
    return Inference(
        value=k,
        low=k - half if known else None,
        high=k + half if known else None,
        n=x.size,
        method="B2^2 / B1 of the mean scores, as fractions; normal interval from the standard errors of the scores",
        caveats=() if known else ("no interval: a standard error is unknown, or the second score is zero",),
    )


def curve_pct(x_pct: ArrayLike, k: ArrayLike) -> Array:
    """Return B2_c = sqrt(k B1) in percent at x_pct (percent); k broadcasts. NaN where k or x_pct is negative."""
    with np.errstate(invalid="ignore"):
        return PERCENT * np.sqrt(np.asarray(k) * np.asarray(x_pct, dtype=np.float64) / PERCENT)


def distances(x_pct: ArrayLike, y_pct: ArrayLike, *, k: float, x_se: ArrayLike, y_se: ArrayLike) -> tuple[Array, Array]:
    """Return (B2 - B2_c, its standard error) of each model, (n_models,) percentage points; k is taken as given.

    The error combines that of B2 and that of B1 through the slope of the curve, B2_c / (2 B1).
    """
    x, y = np.asarray(x_pct, dtype=np.float64), np.asarray(y_pct, dtype=np.float64)
    curve = curve_pct(x, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = curve / (2 * x)
    return y - curve, np.hypot(np.asarray(y_se, dtype=np.float64), slope * np.asarray(x_se, dtype=np.float64))


def places(distance: ArrayLike, error: ArrayLike) -> NDArray[np.str_]:
    """Return the Place of each model (n_models,): undetermined within 1.96 standard errors, or if the error is NaN."""
    gap, se = np.asarray(distance, dtype=np.float64), np.asarray(error, dtype=np.float64)
    settled = np.abs(gap) > SETTLED * se
    return np.where(settled, np.where(gap > 0, Place.ABOVE, Place.BELOW), Place.UNDETERMINED)


def predicted_positive(above: ArrayLike, reading: Reading) -> Flags:
    """Return whether gamma is predicted positive, same shape as `above` (True where B2 > B2_c)."""
    side = np.asarray(above, dtype=bool)
    return side if reading is Reading.POSITIVE else ~side


def hit_test(predicted: Flags, positive: Flags, strata: ArrayLike) -> HitTest:
    """Return hits and their exact permutation test; all arguments (n,).

    The null reorders the observed signs within each stratum (family), so it keeps how often each family is positive
    and how often it is predicted so. The number of hits of a stratum is then hypergeometric, and the distribution of
    the sum is the convolution over strata: every ordering is counted, none is drawn.
    """
    label = np.asarray(strata)
    n = int(predicted.size)
    hits = int((predicted == positive).sum())
    n_positive = int(positive.sum())
    base = max(n_positive, n - n_positive)
    if n == 0:
        return HitTest(hits=0, n=0, base=0, expected=None, p=None)
    chances = np.ones(1)
    for stratum in np.unique(label):
        rows = label == stratum
        chances = np.convolve(chances, _stratum_chances(predicted[rows], positive[rows]))
    expected = float(chances @ np.arange(chances.size))
    return HitTest(hits=hits, n=n, base=base, expected=expected, p=min(1.0, float(chances[hits:].sum())))


def _stratum_chances(predicted: Flags, positive: Flags) -> Array:
    """Return the probability of 0 .. n hits in one stratum under reordering, (n + 1,)."""
    n, n_predicted, n_positive = predicted.size, int(predicted.sum()), int(positive.sum())
    both = np.arange(max(0, n_predicted + n_positive - n), min(n_predicted, n_positive) + 1)
    chances = np.zeros(n + 1)
    chances[2 * both + n - n_predicted - n_positive] = hypergeom.pmf(both, n, n_positive, n_predicted)
    return chances


def hit_shares(
    predicted: Flags, positive: Flags, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> tuple[Inference, Inference, Inference]:
    """Return (share of hits, share of the more frequent sign, their difference), bootstrapped by family.

    predicted, positive, labels : (n,). The more frequent sign is found anew in each resample. n counts families; no
    interval with fewer than 2. Raises NotEnoughDataError without a sign.
    """
    label = np.asarray(labels)
    if predicted.size == 0:
        raise NotEnoughDataError("Hits need an interval whose gamma has a sign, got none. Widen the selection.")
    columns = np.stack([predicted == positive, positive, np.ones_like(positive)], axis=1).astype(np.float64)
    weights = cluster_weights(label, n_resamples=n_resamples, rng=rng)
    hit, up, total = np.vstack([columns.sum(axis=0), weights @ columns]).T
    rate, base = hit / total, np.maximum(up, total - up) / total
    n = int(np.unique(label).size)
    return (
        _share(rate, n, "share of intervals whose sign of gamma is predicted right"),
        _share(base, n, "share of the more frequent sign of gamma: what a constant answer scores"),
        _share(rate - base, n, "share predicted right less share of the more frequent sign"),
    )


def _share(values: Array, n: int, what: str) -> Inference:
    low, high, _ = percentile_interval(values[1:])
    single = n < 2
    return Inference(
        value=float(values[0]),
        low=None if single else low,
        high=None if single else high,
        n=n,
        method=f"{what}; percentiles of {values.size - 1} resamples of whole families",
        caveats=("no interval: fewer than 2 families",) if single else (),
        draws=values[1:],
    )


def null_shares(
    ladders: tuple[Points, ...], *, k: float, is_raw: bool, n_draws: int, rng: np.random.Generator
) -> dict[str, Inference]:
    """Return the share of hits of "above means negative" at either end when gamma is one constant per ladder.

    The score of an end stands in the prediction and, with its error, in the sign to be predicted, so error alone makes
    hits. Each ladder keeps its first benchmark, its second follows its own straight line in it, and scores are drawn
    with their standard errors. is_raw : signs of every ratio instead of defined gammas. Values are medians, intervals
    hold 95% of draws; the opposite reading has one minus them. Keys: "first" and "second" end.
    """
    hits = {"first": np.zeros(n_draws), "second": np.zeros(n_draws)}
    total, n = np.zeros(n_draws), 0
    for ladder in ladders:
        noise = rng.standard_normal((2, n_draws, ladder.log10_n.size))
        x = ladder.x_pct + ladder.x_se * noise[0]
        y = constant_gamma_scores(ladder) + ladder.y_se * noise[1]
        product = np.diff(x, axis=1) * np.diff(y, axis=1)
        counted = (product != 0) & (is_raw | np.isfinite(family_gammas(ladder, x, y)[0]))
        above = y > curve_pct(x, k)
        for end, side in (("first", above[:, :-1]), ("second", above[:, 1:])):
            hits[end] += (counted & (side == (product < 0))).sum(axis=1)
        total += counted.sum(axis=1)
        n += product.shape[1]
    method = "share of hits when gamma is one constant per ladder and scores are drawn with their errors"
    return {end: _null_share(hit, total, n=n, method=method) for end, hit in hits.items()}


def _null_share(hits: Array, total: Array, *, n: int, method: str) -> Inference:
    draws = np.where(total > 0, hits / np.maximum(total, 1), np.nan)
    low, high, _ = percentile_interval(draws)
    found = np.isfinite(draws).any()
    return Inference(
        value=float(np.nanmedian(draws)) if found else None,
        low=low,
        high=high,
        n=n,
        method=f"{method}; median and 95% band of {draws.size} draws",
        caveats=() if found else ("undefined: no ladder with known standard errors has an interval with a sign",),
        draws=draws,
    )


def hits_by_constant(x_pct: ArrayLike, y_pct: ArrayLike, positive: Flags, constants: ArrayLike) -> NDArray[np.int_]:
    """Return the hits of the reading "above means positive" for each constant k, (n_constants,).

    x_pct, y_pct, positive : (n,) scores of the tested end and observed signs. The opposite reading has n - hits.
    """
    k = np.asarray(constants, dtype=np.float64)[:, None]
    above = np.asarray(y_pct, dtype=np.float64) > curve_pct(x_pct, k)
    return (above == positive).sum(axis=1)


def best_constant(x_pct: ArrayLike, y_pct: ArrayLike, positive: Flags) -> tuple[float, Reading, int]:
    """Return (k, reading, hits) with the most hits over every k that tells the points apart, chosen after the fact.

    The sides change only where k passes y^2 / x of a point, so the candidates are the mid-points between them and one
    beyond each end. Raises NotEnoughDataError without a point.
    """
    x, y = np.asarray(x_pct, dtype=np.float64), np.asarray(y_pct, dtype=np.float64)
    if x.size == 0:
        raise NotEnoughDataError("A constant cannot be chosen without an interval that has a sign.")
    own = np.unique(y**2 / x / PERCENT)
    candidates = np.concatenate([own[:1] / 2, (own[1:] + own[:-1]) / 2, own[-1:] * 2])
    up = hits_by_constant(x, y, positive, candidates)
    down = x.size - up
    reading, hits = (Reading.POSITIVE, up) if up.max() > down.max() else (Reading.NEGATIVE, down)
    best = int(hits.argmax())
    return float(candidates[best]), reading, int(hits[best])
