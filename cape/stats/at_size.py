"""What a population of families says at one size: chance of each phase, gamma, and how scores grow with size.

Families are the resampling unit throughout. Nothing is carried beyond the observed sizes: outside them a statistic is
undefined and says so. Definitions: DEFINITIONS section 2 (phase of an interval; N_c, population), paper A.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from cape.stats.coupling import TRANSITION_WIDTH
from cape.stats.inference import Inference, Steps
from cape.stats.logistic import STEP, is_step, logistic_fits
from cape.stats.resampling import SINGULAR, cluster_inference, cluster_weights, percentile_interval

Array = NDArray[np.float64]

THRESHOLDS = (-TRANSITION_WIDTH, 0.0, TRANSITION_WIDTH)
CUMULATIVE = "logistic regressions of gamma above -0.1, 0 and 0.1"
LEAST_STEPS = 3  # a local line has two terms


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLogits:
    """Logistic regressions of gamma above each of THRESHOLDS on one covariate; arrays (3, 1 + n_resamples).

    slope, half_point : as in `LogisticFits`, the data first. low, high : the observed covariate. n : families.
    """

    slope: Array = field(repr=False)
    half_point: Array = field(repr=False)
    low: float
    high: float
    n: int
    covariate_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChances:
    """Chances that an interval at one place has gamma above 0, and that it is tax, transition or bonus."""

    positive: Inference
    tax: Inference
    transition: Inference
    bonus: Inference


def phase_logits(
    covariate: ArrayLike, gamma: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator, name: str
) -> PhaseLogits:
    """Return the three logistic regressions of the intervals and of resamples of whole families.

    covariate, gamma : (n,) finite; labels : (n,) family; name : the covariate in words.
    Raises NotEnoughDataError without an interval.
    """
    place, slope = np.asarray(covariate, dtype=np.float64), np.asarray(gamma, dtype=np.float64)
    drawn = cluster_weights(labels, n_resamples=n_resamples, rng=rng)
    weights = np.vstack([np.ones(place.size), drawn])
    fits = [logistic_fits(weights, place, slope > threshold) for threshold in THRESHOLDS]
    return PhaseLogits(
        slope=np.stack([fit.slope for fit in fits]),
        half_point=np.stack([fit.half_point for fit in fits]),
        low=float(place.min()),
        high=float(place.max()),
        n=int(np.unique(np.asarray(labels)).size),
        covariate_name=name,
    )


def chances_above(logits: PhaseLogits, place: ArrayLike) -> Array:
    """Return P(gamma > threshold) at places (n_places,), (3, 1 + n_resamples, n_places); NaN where there is no fit.

    Where the signs separate the chance is 0 or 1, and one half in the middle of the gap.
    """
    gap = np.asarray(place, dtype=np.float64) - logits.half_point[..., None]
    with np.errstate(invalid="ignore"):  # an infinite slope times a gap of zero
        product = logits.slope[..., None] * gap
    return expit(np.where((gap == 0) & ~np.isnan(logits.slope[..., None]), 0.0, product))


def phase_chances(logits: PhaseLogits, place: float) -> PhaseChances:
    """Return the chances of each phase at one place; undefined outside the observed covariate.

    Transition is P(gamma > -0.1) - P(gamma > 0.1); the two curves are fitted apart, and where they cross it is
    undefined instead of negative. A single family whose intervals part without overlap gives a step: 0 or 1 there is
    no chance, and it is undefined too.
    """
    above = chances_above(logits, [place])[..., 0]
    if not logits.low <= place <= logits.high:
        above = np.full_like(above, np.nan)
    outside = (
        f"undefined: {place:.4g} lies outside the observed {logits.covariate_name}, "
        f"{logits.low:.4g} to {logits.high:.4g}, or all intervals are of one kind"
    )
    between = above[0] - above[2]
    crossed = "undefined: the two fitted curves cross here" if np.isfinite(above[0, 0]) else outside
    rows = (
        (above[1], "P(gamma > 0)", outside),
        (1.0 - above[0], "P(gamma <= -0.1)", outside),
        (np.where(between >= 0, between, np.nan), "P(gamma > -0.1) - P(gamma > 0.1)", crossed),
        (above[2], "P(gamma > 0.1)", outside),
    )
    found = [
        cluster_inference(
            np.full_like(values, np.nan) if is_step(values, logits.n) else values,
            why=STEP if is_step(values, logits.n) else why,
            lacking="have no such chance",
            n=logits.n,
            method=f"{what} by {CUMULATIVE} on {logits.covariate_name}, unit weights",
        )
        for values, what, why in rows
    ]
    return PhaseChances(positive=found[0], tax=found[1], transition=found[2], bonus=found[3])


def local_gamma(
    steps: Steps, *, at: ArrayLike, bandwidth: float, n_resamples: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return gamma by a local line at places (n_places,): values (1 + n_resamples, n_places) and intervals used.

    Intervals weigh exp(-d^2 / 2 h^2) / SE^2 with d their distance in log10 N and h the bandwidth in decades; families
    are resampled. NaN outside the mid-points and where fewer than 3 intervals or one size carry the weight.
    The second result (n_places,) is the number of intervals the kernel alone counts, (sum k)^2 / sum k^2.
    Reference: Fan and Gijbels (1996), Local Polynomial Modelling and Its Applications, section 2.3.
    """
    place = np.atleast_1d(np.asarray(at, dtype=np.float64))
    kept = np.isfinite(steps.gamma) & (steps.gamma_se > 0)
    size, gamma, error = (v[kept] for v in (steps.log10_n_mid, steps.gamma, steps.gamma_se))
    family = steps.family[kept]
    if size.size < LEAST_STEPS:
        return np.full((1 + n_resamples, place.size), np.nan), np.zeros(place.size)
    weights = np.vstack([np.ones(size.size), cluster_weights(family, n_resamples=n_resamples, rng=rng)])
    distance = size[:, None] - place
    kernel = np.exp(-0.5 * (distance / bandwidth) ** 2)
    weight = kernel / error[:, None] ** 2
    right = gamma[:, None]
    columns = (weight, weight * distance, weight * distance**2, weight * right, weight * distance * right)
    s_0, s_1, s_2, t_0, t_1 = (weights @ column for column in columns)
    determinant = s_0 * s_2 - s_1**2
    fine = (determinant > SINGULAR * s_0**2 * bandwidth**2) & (place >= size.min()) & (place <= size.max())
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(fine, (t_0 * s_2 - t_1 * s_1) / np.where(fine, determinant, np.nan), np.nan)
    counted = kernel.sum(axis=0) ** 2 / np.maximum((kernel**2).sum(axis=0), np.finfo(float).tiny)
    return np.where(counted >= LEAST_STEPS, value, np.nan), counted


def local_gamma_inference(values: Array, counted: float, *, bandwidth: float, n: int) -> Inference:
    """Return the Inference of one place of `local_gamma`: values (1 + n_resamples,), n families."""
    found = cluster_inference(
        values,
        why="undefined: outside the mid-points of the intervals, or fewer than 3 intervals near this size",
        lacking="have no intervals near this size",
        n=n,
        method=f"local line gamma(log10 N), Gaussian kernel of {bandwidth:g} decades times 1 / SE^2",
    )
    caveats = (f"the kernel counts {counted:.1f} intervals", "the mean of a family here, not the spread of families")
    return replace(found, caveats=(*found.caveats, *caveats))


def susceptibility(gamma: Inference) -> Inference:
    """Return 1 / |gamma|, undefined where the interval of gamma covers 0 or gamma has none."""
    method = f"1 / |gamma|; {gamma.method}"
    why = None
    if gamma.value is None:
        why = ("undefined: gamma is undefined here", *gamma.caveats)
    elif gamma.low is None or gamma.high is None:
        why = ("undefined: gamma has no interval, so nothing says that it differs from 0", *gamma.caveats)
    elif gamma.low <= 0.0 <= gamma.high:
        why = (f"undefined: the interval of gamma, {gamma.low:.3g} to {gamma.high:.3g}, covers 0",)
    if why is not None or gamma.value is None or gamma.low is None or gamma.high is None:
        return Inference(value=None, low=None, high=None, n=gamma.n, method=method, caveats=why or ())
    ends = sorted((1.0 / abs(gamma.low), 1.0 / abs(gamma.high)))
    caveats = ("a reciprocal: it is large wherever gamma is small, whatever the cause",)
    return Inference(value=1.0 / abs(gamma.value), low=ends[0], high=ends[1], n=gamma.n, method=method, caveats=caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthCurves:
    """Quadratics in log10 N with an intercept per family, one per benchmark, and those of resampled families.

    slope, curvature : (1 + n_resamples, n_benchmarks) of y = a_family + slope z + curvature z^2, z = log10 N - centre;
    NaN where singular. low, high : (n_benchmarks,) observed log10 N. n : (n_benchmarks,) families of two sizes or more.
    """

    centre: float
    slope: Array = field(repr=False)
    curvature: Array = field(repr=False)
    low: Array
    high: Array
    n: NDArray[np.intp]

    def rates(self, log10_n: float) -> Array:
        """Return d score / d log10 N at one size, (1 + n_resamples, n_benchmarks); NaN outside the sizes."""
        inside = (log10_n >= self.low) & (log10_n <= self.high)
        return np.where(inside, self.slope + 2.0 * self.curvature * (log10_n - self.centre), np.nan)

    def changes(self, start: float, end: float) -> Array:
        """Return the change of each score between two sizes, (1 + n_resamples, n_benchmarks); NaN outside the sizes."""
        a, b = start - self.centre, end - self.centre
        low, high = min(start, end), max(start, end)
        inside = (low >= self.low) & (high <= self.high)
        return np.where(inside, self.slope * (b - a) + self.curvature * (b**2 - a**2), np.nan)


def growth_curves(
    log10_n: ArrayLike, scores: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> GrowthCurves:
    """Return the within-family quadratics of every benchmark, all under the same draws of families.

    log10_n : (n,) finite; scores : (n, n_benchmarks) percent, NaN for a gap; labels : (n,) family.
    Raises NotEnoughDataError without a row.
    """
    size, table = np.asarray(log10_n, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    family, code = np.unique(np.asarray(labels), return_inverse=True)
    centre = float(size.mean()) if size.size else 0.0
    drawn = np.vstack([np.ones(family.size), cluster_weights(family, n_resamples=n_resamples, rng=rng)])
    columns = [_within_products(size - centre, table[:, k], code, family.size) for k in range(table.shape[1])]
    fits = [_quadratic(drawn @ products) for products, _ in columns]
    used = [np.isfinite(table[:, k]) & informative[code] for k, (_, informative) in enumerate(columns)]
    return GrowthCurves(
        centre=centre,
        slope=np.stack([slope for slope, _ in fits], axis=1),
        curvature=np.stack([curvature for _, curvature in fits], axis=1),
        low=np.array([size[rows].min(initial=np.inf) for rows in used]),
        high=np.array([size[rows].max(initial=-np.inf) for rows in used]),
        n=np.array([int(informative.sum()) for _, informative in columns], dtype=np.intp),
    )


def _within_products(
    z: Array, score: Array, code: NDArray[np.intp], n_families: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Return sums of products about family means (n_families, 5), and which families have two sizes (n_families,)."""
    kept = np.isfinite(score)
    z, score, code = z[kept], score[kept], code[kept]
    counts = np.maximum(np.bincount(code, minlength=n_families), 1)
    means = [np.bincount(code, v, minlength=n_families) / counts for v in (z, z**2, score)]
    line, square, rest = (v - mean[code] for v, mean in zip((z, z**2, score), means, strict=True))
    products = (line * line, line * square, square * square, line * rest, square * rest)
    sums: Array = np.stack([np.bincount(code, v, minlength=n_families).astype(float) for v in products], axis=1)
    return sums, sums[:, 0] > SINGULAR


def _quadratic(sums: Array) -> tuple[Array, Array]:
    """Return slope and curvature of products (n_rows, 5) as `_within_products` orders them; NaN where singular."""
    s_ll, s_lq, s_qq, s_ly, s_qy = sums.T
    determinant = s_ll * s_qq - s_lq**2
    with np.errstate(divide="ignore", invalid="ignore"):
        divisor = np.where(determinant > SINGULAR * s_ll * s_qq, determinant, np.nan)
        return (s_ly * s_qq - s_qy * s_lq) / divisor, (s_qy * s_ll - s_ly * s_lq) / divisor


def rate_ratio(rates: Array, *, first: int, second: int, n: int) -> Inference:
    """Return gamma as the ratio of two rates of growth; rates (1 + n_resamples, n_benchmarks) from `GrowthCurves`.

    Undefined where the first benchmark does not rise; such resamples are counted. n counts families.
    """
    rising = rates[:, first] > 0
    values = np.where(rising, rates[:, second], np.nan) / np.where(rising, rates[:, first], 1.0)
    return cluster_inference(
        values,
        why="undefined: outside the sizes of the curves, or the first benchmark does not rise here",
        lacking="have no rising first benchmark here",
        n=n,
        method="ratio of the slopes of two quadratics in log10 N with family intercepts",
    )


def expected_change(
    changes: Array, residuals: ArrayLike, *, n: int, rng: np.random.Generator
) -> tuple[Inference, Inference]:
    """Return (the change of one score between two sizes with a prediction interval, the chance that it falls).

    changes : (1 + n_resamples,) change of the mean curve. residuals : (n_steps,) what observed intervals did beyond
    the curve. The prediction draws one of them for each resample, whatever its length; the chance is the share of them
    that brings the change below 0, ties half. No prediction interval and no chance without residuals.
    """
    rest = np.asarray(residuals, dtype=np.float64)
    rest = rest[np.isfinite(rest)]
    drawn = rng.choice(rest, size=changes.size - 1) if rest.size else np.full(changes.size - 1, np.nan)
    outside = "undefined: one of the two sizes lies outside the sizes of the curve, or it is singular"
    found = cluster_inference(
        np.concatenate([changes[:1], changes[1:] + drawn]),
        why=outside,
        lacking="have no curve here",
        n=n,
        method="change of the quadratic with family intercepts, plus what a randomly drawn interval did beyond it",
    )
    total = changes[:, None] + rest
    below = (total < 0) + 0.5 * (total == 0)
    share = below.mean(axis=1) if rest.size else np.full(changes.size, np.nan)
    chance = cluster_inference(
        np.where(np.isfinite(changes), share, np.nan),
        why=outside if rest.size else "undefined: no interval to see how families differ from the curve",
        lacking="have no curve here",
        n=n,
        method=f"share of {rest.size} observed deviations that bring the change of the curve below 0",
    )
    return found, chance


def step_residuals(curves: GrowthCurves, log10_n: ArrayLike, scores: ArrayLike, labels: ArrayLike) -> Array:
    """Return what each interval did beyond the curve, (n_steps, n_benchmarks) percentage points; NaN for a gap.

    log10_n, labels : (n,); scores : (n, n_benchmarks). Rows of one family and size are averaged; intervals join
    consecutive sizes of one family.
    """
    size, label = np.asarray(log10_n, dtype=np.float64), np.asarray(labels)
    table = np.asarray(scores, dtype=np.float64)
    _, code = np.unique(label, return_inverse=True)
    unit, place = np.unique(np.stack([code, size]), axis=1, return_inverse=True)
    place = place.ravel()
    known = np.isfinite(table)
    counts = np.stack([np.bincount(place, k, minlength=unit.shape[1]) for k in known.T.astype(float)], axis=1)
    sums = np.stack([np.bincount(place, v, minlength=unit.shape[1]) for v in np.where(known, table, 0.0).T], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(counts > 0, sums / counts, np.nan)
    joined = np.diff(unit[0]) == 0
    z = unit[1] - curves.centre
    step = np.diff(z)[:, None], np.diff(z**2)[:, None]
    return (np.diff(mean, axis=0) - curves.slope[0] * step[0] - curves.curvature[0] * step[1])[joined]


def band(values: Array) -> tuple[list[float | None], list[float | None], list[float | None]]:
    """Return value, low and high at each place of values (1 + n_resamples, n_places), None where undefined."""
    limits = [percentile_interval(column) for column in values[1:].T]
    point = [float(v) if np.isfinite(v) else None for v in values[0]]
    low = [end[0] if v is not None else None for v, end in zip(point, limits, strict=True)]
    high = [end[1] if v is not None else None for v, end in zip(point, limits, strict=True)]
    return point, low, high


def turning_place(logits: PhaseLogits) -> Inference:
    """Return where P(gamma > 0) = 1/2 on the covariate; undefined where it does not rise or lies outside."""
    slope, half = logits.slope[1], logits.half_point[1]
    inside = (slope > 0) & (half >= logits.low) & (half <= logits.high)
    name = logits.covariate_name
    return cluster_inference(
        np.where(inside, half, np.nan),
        why=f"undefined: P(gamma > 0) does not rise through 1/2 within the observed {name}",
        lacking=f"have no rising P(gamma > 0) = 1/2 within the observed {name}",
        n=logits.n,
        method=f"logistic regression of gamma > 0 on {name}, unit weights",
    )
