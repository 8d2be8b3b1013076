"""How gamma runs with size: the beta function d gamma / d log10 N, its fixed points, and what noise alone gives.

A rate is a difference of two measured slopes over a short distance, so most of it is measurement error; every fit
stands beside the same fit on ladders whose gamma does not run. Definitions: DEFINITIONS section 2 (fixed point).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.coupling import check_family, family_gammas, family_steps
from cape.stats.inference import Inference, Points, Steps
from cape.stats.measurement import as_measured, residual_of_draws
from cape.stats.resampling import cluster_inference, cluster_weights, percentile_interval, undefined_caveat

Array = NDArray[np.float64]

SINGULAR = 1e-9  # share of a determinant below which double precision cannot tell the powers of gamma apart
NO_FIT = "undefined: fewer rates than coefficients, or all at one gamma"


class At(StrEnum):
    """Which gamma a rate is set against: that between its two intervals, or the first of them."""

    MIDDLE = "middle"
    START = "start"


class Degree(StrEnum):
    """The beta functions of the paper: a line (section 4) and a parabola (its dashboard)."""

    LINEAR = "linear"
    QUADRATIC = "quadratic"


POWERS = {Degree.LINEAR: 1, Degree.QUADRATIC: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPoints:
    """Rates between neighbouring intervals of one ladder; all arrays (n_rates,).

    family : resampling unit. gamma : where the rate is set. rate, rate_se : d gamma / d log10 N, per decade.
    log10_n : mid-point of the two interval mid-points.
    """

    family: NDArray[np.str_]
    gamma: Array
    rate: Array
    rate_se: Array
    log10_n: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaFit:
    """A polynomial beta function, its fit and its fixed points.

    coefficients : of gamma^0, gamma^1, ... ; r2 : share of the variance of the rates.
    fixed : the zero of a line, or the zero of a parabola where it falls (stable). other : the zero of a parabola where
    it rises (unstable), None for a line. slope : d beta / d gamma at `fixed`; it is stable where this is negative.
    """

    degree: Degree
    coefficients: tuple[Inference, ...]
    r2: Inference
    fixed: Inference
    other: Inference | None
    slope: Inference


def flow_points(steps: Steps, ladder: ArrayLike, *, at: At) -> FlowPoints:
    """Return the rates between neighbouring defined intervals of each ladder.

    steps : any order; ladder : (n_steps,) which ladder a step belongs to. An interval without a gamma is skipped, and
    the rate then spans it.
    """
    name = np.asarray(ladder)
    kept = np.flatnonzero(np.isfinite(steps.gamma))
    order = kept[np.lexsort((steps.log10_n_mid[kept], name[kept]))]
    first, second = order[:-1], order[1:]
    same = (name[first] == name[second]) & (steps.log10_n_mid[second] > steps.log10_n_mid[first])
    first, second = first[same], second[same]
    gamma, size = steps.gamma, steps.log10_n_mid
    return FlowPoints(
        family=steps.family[first],
        gamma=gamma[first] if at is At.START else (gamma[first] + gamma[second]) / 2,
        rate=(gamma[second] - gamma[first]) / (size[second] - size[first]),
        rate_se=np.hypot(steps.gamma_se[second], steps.gamma_se[first]) / (size[second] - size[first]),
        log10_n=(size[first] + size[second]) / 2,
    )


def weighted_polynomials(weights: Array, x: Array, y: Array, powers: int) -> tuple[Array, Array]:
    """Return coefficients (n_rows, powers + 1), lowest first, and R2 (n_rows,) of polynomials y(x); NaN where none.

    weights : (n_rows, n), 0 leaves a point out. x, y : the same shape, or one row for all; may be NaN where the weight
    is 0. powers : 1 or 2. x is brought to mean 0 and spread 1 over the first row to keep its powers comparable.
    """
    g, r = (np.where(np.isfinite(y), values, 0.0) for values in (x, y))
    seen = weights[0] > 0
    centre = float(g[0][seen].mean()) if seen.any() else 0.0
    spread = float(g[0][seen].std()) if seen.any() else 0.0
    z = (g - centre) / (spread or 1.0)
    terms = [np.ones_like(z)]
    for _ in range(2 * powers):
        terms.append(terms[-1] * z)
    columns = np.stack([*terms, *(term * r for term in terms[: powers + 1]), r * r], axis=-1)
    sums = weights @ columns[0] if columns.shape[0] == 1 else np.matmul(weights[:, None, :], columns)[:, 0]
    moments, right, square = sums[:, : 2 * powers + 1], sums[:, 2 * powers + 1 : -1], sums[:, -1]
    rows = np.arange(powers + 1)
    matrix = moments[:, rows[:, None] + rows[None, :]]
    scale = np.prod(np.einsum("rii->ri", matrix), axis=1)
    fine = (spread > 0) & (scale > 0) & (np.linalg.det(matrix) > SINGULAR * scale)
    solved = np.linalg.solve(np.where(fine[:, None, None], matrix, np.eye(powers + 1)), right[..., None])[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):  # rows without a rate
        r2 = 1 - (square - (solved * right).sum(axis=1)) / (square - right[:, 0] ** 2 / moments[:, 0])
    scaled = np.where(fine[:, None], solved, np.nan) / (spread or 1.0) ** rows
    return _uncentred(scaled, centre), np.where(fine & np.isfinite(r2), r2, np.nan)


def _uncentred(shifted: Array, centre: float) -> Array:
    """Return coefficients in gamma of polynomials given in gamma - centre, (n_rows, 2 or 3)."""
    b, a, *rest = shifted.T
    if not rest:
        return np.stack([b - a * centre, a], axis=1)
    return np.stack([b - a * centre + rest[0] * centre**2, a - 2 * rest[0] * centre, rest[0]], axis=1)


def fixed_points(coefficients: Array) -> tuple[Array, Array, Array]:
    """Return (fixed, other, slope) of beta functions (n_rows, 2 or 3), lowest power first; each (n_rows,), NaN if none.

    A line has one zero, `fixed`, stable where its slope is negative. A parabola with real zeros has a stable one,
    `fixed`, where it falls, and an unstable one, `other`; `slope` is d beta / d gamma at `fixed`.
    """
    b, a = coefficients[:, 0], coefficients[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if coefficients.shape[1] == 2:
            return np.where(a != 0, -b / a, np.nan), np.full(a.shape, np.nan), a
        c = coefficients[:, 2]
        root = np.sqrt(a**2 - 4 * c * b)
        return (-a - root) / (2 * c), (-a + root) / (2 * c), -root


def beta_function(
    points: FlowPoints, *, degree: Degree, is_weighted: bool, n_resamples: int, rng: np.random.Generator
) -> BetaFit:
    """Return the beta function of several families by least squares, bootstrapped by family.

    points : rates of the families. is_weighted : weights 1 / rate_se^2 instead of 1. Intervals are percentiles of
    resamples of whole families; n counts families.
    """
    n = int(np.unique(points.family).size)
    drawn = (
        cluster_weights(points.family, n_resamples=n_resamples, rng=rng)
        if points.family.size
        else np.zeros((n_resamples, 0))
    )
    weights = np.vstack([np.ones(points.gamma.size), drawn]) * _weights(points.rate_se, is_weighted)
    found = weighted_polynomials(weights, points.gamma[None, :], points.rate[None, :], POWERS[degree])
    return _beta_fit(*found, method=_method(degree, is_weighted), n=n, points=points)


def _weights(rate_se: Array, is_weighted: bool) -> Array:
    """Return weights of rates with these standard errors, 0 where there is no rate."""
    with np.errstate(divide="ignore"):
        return np.where(np.isfinite(rate_se), rate_se**-2.0 if is_weighted else 1.0, 0.0)


def _method(degree: Degree, is_weighted: bool) -> str:
    return f"least squares, {degree} in gamma, {'weights 1 / SE^2' if is_weighted else 'unit weights'}"


def ladder_beta_function(
    ladder: Points, *, degree: Degree, at: At, is_weighted: bool, n_draws: int, rng: np.random.Generator
) -> BetaFit:
    """Return the beta function of one ladder with the interval that measurement error alone gives it.

    ladder : sorted by size, sizes distinct. Each draw replaces every score by Normal(score, SE); an interval that
    loses its gamma in a draw loses its rates there. n counts rates.
    Raises BadParameterError if the points are of several families, unsorted, not finite or share a size.
    """
    check_family(ladder)
    noise = rng.standard_normal((2, n_draws, ladder.log10_n.size))
    x = np.vstack([ladder.x_pct, ladder.x_pct + ladder.x_se * noise[0]])
    y = np.vstack([ladder.y_pct, ladder.y_pct + ladder.y_se * noise[1]])
    gamma, rate, rate_se = _ladder_rates(ladder, x, y, at=at)
    points = flow_points(family_steps(ladder), ladder.family[1:], at=at)
    found = weighted_polynomials(_weights(rate_se, is_weighted), gamma, rate, POWERS[degree])
    seen = int(np.isfinite(rate[0]).sum())
    return _measured(_beta_fit(*found, method=_method(degree, is_weighted), n=seen, points=points))


def _ladder_rates(ladder: Points, x_pct: Array, y_pct: Array, *, at: At) -> tuple[Array, Array, Array]:
    """Return gamma, rate and its error of a ladder under other scores (n_rows, n_models), each (n_rows, n_models - 2).

    A rate is NaN where either of its two intervals has no gamma. Raises BadParameterError on equal sizes.
    """
    slopes, errors = family_gammas(ladder, x_pct, y_pct)
    gap = np.diff((ladder.log10_n[1:] + ladder.log10_n[:-1]) / 2)
    gamma = slopes[:, :-1] if at is At.START else (slopes[:, :-1] + slopes[:, 1:]) / 2
    return gamma, np.diff(slopes, axis=1) / gap, np.hypot(errors[:, 1:], errors[:, :-1]) / gap


def null_r2(
    ladders: tuple[Points, ...], *, degree: Degree, at: At, is_weighted: bool, n_draws: int, rng: np.random.Generator
) -> tuple[Inference, Inference]:
    """Return (R2, coefficient of gamma) of the beta function of ladders whose gamma does not run, from noise alone.

    Each ladder keeps its first benchmark; its second follows the straight line in the first that fits it best, so its
    true gamma is one constant. Scores are then drawn with their standard errors and fitted as the data are. Values are
    medians, intervals hold 95% of draws. n counts rates. Raises BadParameterError on unusable ladders.
    """
    drawn = [np.empty((3, n_draws, 0))]
    for ladder in ladders:
        check_family(ladder)
        noise = rng.standard_normal((2, n_draws, ladder.log10_n.size))
        x, y = ladder.x_pct + ladder.x_se * noise[0], constant_gamma_scores(ladder) + ladder.y_se * noise[1]
        drawn.append(np.stack(_ladder_rates(ladder, x, y, at=at)))
    gamma, rate, rate_se = np.concatenate(drawn, axis=2)
    found, r2 = weighted_polynomials(_weights(rate_se, is_weighted), gamma, rate, POWERS[degree])
    method = f"{_method(degree, is_weighted)}; one constant gamma per ladder, scores drawn with their errors"
    return (
        _band(r2, n=gamma.shape[1], method=f"R2 of the {method}"),
        _band(found[:, 1], n=gamma.shape[1], method=f"coefficient of gamma of the {method}"),
    )


def constant_gamma_scores(ladder: Points) -> Array:
    """Return the second benchmark on its least-squares line in the first, (n_models,): gamma is then one constant."""
    x = ladder.x_pct - ladder.x_pct.mean()
    square = float(x @ x)
    slope = float(x @ ladder.y_pct) / square if square > 0 else 0.0
    return ladder.y_pct.mean() + slope * x


def _band(draws: Array, *, n: int, method: str) -> Inference:
    low, high, undefined = percentile_interval(draws)
    caveats = undefined_caveat(undefined, draws.size, "have no fit")
    value = float(np.nanmedian(draws)) if np.isfinite(draws).any() else None
    caveats += () if value is not None else (NO_FIT,)
    text = f"{method}; median and 95% band of {draws.size} draws"
    return Inference(value=value, low=low, high=high, n=n, method=text, caveats=caveats, draws=draws)


def _beta_fit(coefficients: Array, r2: Array, *, method: str, n: int, points: FlowPoints) -> BetaFit:
    """Return the record of fits, the data's first; undefined where the rates are no more than the coefficients."""
    powers = coefficients.shape[1]
    found = coefficients if points.gamma.size > powers else np.full_like(coefficients, np.nan)
    degree = Degree.LINEAR if powers == 2 else Degree.QUADRATIC
    why = NO_FIT if np.isnan(found[0]).any() else ""
    fixed, other, slope = fixed_points(found)

    def told(values: Array, what: str, lacking: str = "have no fit") -> Inference:
        reason = why or "none: the fitted parabola has no real zero"
        return cluster_inference(values, why=reason, lacking=lacking, n=n, method=f"{what} of the {method}")

    place = "zero" if degree is Degree.LINEAR else "stable zero"
    no_zero = "have no fixed point"
    return BetaFit(
        degree=degree,
        coefficients=tuple(told(found[:, p], f"coefficient of gamma^{p}") for p in range(powers)),
        r2=told(np.where(np.isnan(found[:, 0]), np.nan, r2), "R2"),
        fixed=_outside(told(fixed, place, no_zero), points.gamma),
        other=None if degree is Degree.LINEAR else _outside(told(other, "unstable zero", no_zero), points.gamma),
        slope=told(slope, f"slope at the {place}", no_zero),
    )


def _outside(found: Inference, gamma: Array) -> Inference:
    """Return the fixed point with a caveat where it lies beyond every observed gamma."""
    if found.value is None or gamma.size == 0 or gamma.min() <= found.value <= gamma.max():
        return found
    note = f"extrapolated: the gammas of the fit span {gamma.min():.3g} to {gamma.max():.3g}"
    return replace(found, caveats=(*found.caveats, note))


def _measured(fit: BetaFit) -> BetaFit:
    """Return the fit with its intervals named as measurement error of one ladder, not a resampling of families."""

    return replace(
        fit,
        coefficients=tuple(as_measured(c) for c in fit.coefficients),
        r2=residual_of_draws(fit.r2),
        fixed=as_measured(fit.fixed),
        other=None if fit.other is None else as_measured(fit.other),
        slope=as_measured(fit.slope),
    )
