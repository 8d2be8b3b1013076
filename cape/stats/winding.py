"""Series of an angle over size: its zeros, its net rotation, the Riccati equation through it; and where a curve bends.

Printed series carry no standard error, only their last digit; their intervals are what rounding alone allows.
Definitions: DEFINITIONS section 2 (winding, Riccati), paper A.9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError
from cape.stats.coupling import check_family
from cape.stats.inference import Inference, Points
from cape.stats.measurement import MEASUREMENT_ONLY
from cape.stats.resampling import guarded_interval, percentile_interval, undefined_caveat

Array = NDArray[np.float64]

ROUNDING = "rounding of the printed digits only: the series carries no standard error"
RICCATI_TERMS = 3


class Angle(StrEnum):
    """How a loading is read as an angle; the paper does not say."""

    LOADING = "loading as printed"
    ARCTANGENT = "arctangent of the loading"
    ARCSINE = "arcsine of the loading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A printed series over size. log10_n, value : (n,) sorted by size; half_digit : half a unit of its last digit."""

    log10_n: Array
    value: Array
    half_digit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Riccati:
    """d theta / d log10 N = constant + linear theta + quadratic theta^2, by least squares on differences.

    stable, unstable : its fixed points. r2 : of the differences. rmse : of the solution that starts at the first value,
    against the series, in the units of theta. fitted : that solution at the sizes (n,), NaN if there is none.
    """

    constant: Inference
    linear: Inference
    quadratic: Inference
    stable: Inference
    unstable: Inference
    r2: Inference
    rmse: Inference
    fitted: Array


def as_angle(loading: ArrayLike, angle: Angle) -> Array:
    """Return loadings as radians by this reading; a loading as printed is returned as it is."""
    value = np.asarray(loading, dtype=np.float64)
    if angle is Angle.ARCTANGENT:
        return np.arctan(value)
    return np.arcsin(np.clip(value, -1.0, 1.0)) if angle is Angle.ARCSINE else value


def rounding_draws(series: Series, *, n_draws: int, rng: np.random.Generator) -> Array:
    """Return the series, then n_draws of it with every value anywhere within its last digit, (1 + n_draws, n)."""
    noise = rng.uniform(-series.half_digit, series.half_digit, (n_draws, series.value.size))
    return np.vstack([series.value, series.value + noise])


def zero_crossing(log10_n: Array, values: Array) -> tuple[Array, NDArray[np.int_]]:
    """Return (first zero in log10 N by linear interpolation, number of sign changes) of each row (n_rows, n).

    NaN where a row does not change sign. A value of exactly zero belongs to the sign before it.
    """
    sign = np.sign(values)
    for step in range(1, values.shape[1]):
        sign[:, step] = np.where(sign[:, step] == 0, sign[:, step - 1], sign[:, step])
    turns = sign[:, 1:] * sign[:, :-1] < 0
    count = turns.sum(axis=1)
    if turns.shape[1] == 0:
        return np.full(values.shape[0], np.nan), count
    first, rows = turns.argmax(axis=1), np.arange(values.shape[0])
    before, after = values[rows, first], values[rows, first + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = before / (before - after)
    found = log10_n[first] + share * (log10_n[first + 1] - log10_n[first])
    return np.where(count > 0, found, np.nan), count


def series_zero(series: Series, *, n_draws: int, rng: np.random.Generator) -> tuple[Inference, Inference]:
    """Return (first zero of a printed series in log10 N, half its number of sign changes), with rounding intervals."""
    location, count = zero_crossing(series.log10_n, rounding_draws(series, n_draws=n_draws, rng=rng))
    zero = _rounded(
        location, n=series.value.size, method="zero by linear interpolation in log10 N", why="no sign change"
    )
    return zero, _rounded(count / 2, n=series.value.size, method="sign changes of the series, halved", why="")


def series_rotation(series: Series, *, angle: Angle, n_draws: int, rng: np.random.Generator) -> Inference:
    """Return the angle at the largest size less that at the smallest, degrees, with its rounding interval."""
    theta = np.degrees(as_angle(rounding_draws(series, n_draws=n_draws, rng=rng), angle))
    method = f"last less first value, {angle}, in degrees"
    values = theta[:, -1] - theta[:, 0] if series.value.size > 1 else np.full(theta.shape[0], np.nan)
    return _rounded(values, n=series.value.size, method=method, why="undefined: fewer than 2 sizes")


def riccati(series: Series, *, angle: Angle, n_draws: int, rng: np.random.Generator) -> Riccati:
    """Return the Riccati equation through a printed series, each difference set at the mean of its two angles.

    With n sizes there are n - 1 differences for 3 coefficients, so intervals hold rounding alone and say nothing of
    the sampling of models. Undefined with fewer than 5 sizes.
    """
    theta = as_angle(rounding_draws(series, n_draws=n_draws, rng=rng), angle)
    n = series.value.size
    middle, gaps = (theta[:, 1:] + theta[:, :-1]) / 2, np.diff(series.log10_n)
    rate = np.diff(theta, axis=1) / gaps
    found, r2 = np.full((theta.shape[0], RICCATI_TERMS), np.nan), np.full(theta.shape[0], np.nan)
    if n > RICCATI_TERMS + 1:
        powers = middle[..., None] ** np.arange(RICCATI_TERMS)
        transposed = np.swapaxes(powers, 1, 2)
        found = np.linalg.solve(transposed @ powers, transposed @ rate[..., None])[..., 0]
        residual = rate - (powers @ found[..., None])[..., 0]
        r2 = 1 - (residual**2).sum(axis=1) / ((rate - rate.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    constant, linear, quadratic = found.T
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(linear**2 - 4 * quadratic * constant)
        stable, unstable = (-linear - root) / (2 * quadratic), (-linear + root) / (2 * quadratic)
    fitted = _solution(series.log10_n, theta[:, 0], quadratic, stable, unstable)
    rmse = np.sqrt(((fitted - theta) ** 2).mean(axis=1))

    def told(values: Array, what: str) -> Inference:
        method = (
            f"{what} of d theta / d log10 N = a + b theta + c theta^2, least squares on {n - 1} differences, {angle}"
        )
        return _rounded(values, n=n, method=method, why="undefined: fewer than 5 sizes, or no real fixed point")

    return Riccati(
        constant=told(constant, "constant a"),
        linear=told(linear, "coefficient b"),
        quadratic=told(quadratic, "coefficient c"),
        stable=told(stable, "stable fixed point"),
        unstable=told(unstable, "unstable fixed point"),
        r2=told(r2, "R2"),
        rmse=told(rmse, "root mean square residual of the solution"),
        fitted=fitted[0],
    )


def _solution(log10_n: Array, start: Array, quadratic: Array, stable: Array, unstable: Array) -> Array:
    """Return the solution of c (theta - s)(theta - u) from its start at the first size, (n_rows, n)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = (start - stable) / (start - unstable)
        decay = np.exp((quadratic * (stable - unstable))[:, None] * (log10_n - log10_n[0]))
        scaled = ratio[:, None] * decay
        return (stable[:, None] - unstable[:, None] * scaled) / (1 - scaled)


def _rounded(values: Array, *, n: int, method: str, why: str) -> Inference:
    """Return the first value with the interval of the others, which rounding gave."""
    point = float(values[0])
    low, high, undefined = percentile_interval(values[1:])
    caveats = () if np.isfinite(point) else (why,)
    return Inference(
        value=point if np.isfinite(point) else None,
        low=low if np.isfinite(point) else None,
        high=high if np.isfinite(point) else None,
        n=n,
        method=f"{method}; percentiles of {values.size - 1} draws within the printed digits",
        caveats=(*caveats, ROUNDING, *undefined_caveat(undefined, values.size - 1, "have no such value")),
        draws=values[1:],
    )


def step_rotation(ladder: Points, *, n_draws: int, rng: np.random.Generator) -> Inference:
    """Return the net rotation of the direction of the steps of one ladder in the plane of its scores, degrees.

    Each step has the direction atan2(dB2, dB1); consecutive turns are taken the short way round and added up, so that
    one full turn is 360. Draws replace every score by Normal(score, SE). n counts steps; undefined with fewer than 2.
    Raises BadParameterError if the points are of several families, unsorted or not finite.
    """
    check_family(ladder)
    noise = rng.standard_normal((2, n_draws, ladder.log10_n.size))
    dx, dy = (
        np.diff(np.vstack([score, score + se * noise[axis]]), axis=1)
        for axis, (score, se) in enumerate(((ladder.x_pct, ladder.x_se), (ladder.y_pct, ladder.y_se)))
    )
    turn = np.diff(np.degrees(np.arctan2(dy, dx)), axis=1)
    total = ((turn + 180) % 360 - 180).sum(axis=1)
    values = total if turn.shape[1] else np.full(n_draws + 1, np.nan)
    return _measured(values, n=dx.shape[1], method="turns of the step direction, added up", why="fewer than 2 steps")


def sharpest_bend(ladder: Points, *, n_draws: int, rng: np.random.Generator) -> tuple[Inference, Inference]:
    """Return (log10 N of the largest curvature of the second score, that curvature) of one ladder.

    Curvature is the second divided difference of the score over log10 N at each inner size, points per decade squared;
    the largest is by absolute value. Draws replace every score by Normal(score, SE). n counts inner sizes; undefined
    with fewer than 2 of them. Raises BadParameterError on unusable points or equal sizes.
    """
    check_family(ladder)
    size = ladder.log10_n
    if (np.diff(size) == 0).any():
        raise BadParameterError("Two models of the family have the same size. Average them first.")
    noise = rng.standard_normal((n_draws, size.size))
    score = np.vstack([ladder.y_pct, ladder.y_pct + ladder.y_se * noise])
    n_inner = max(size.size - 2, 0)
    if n_inner < 2:
        none = np.full(n_draws + 1, np.nan)
        why = "undefined: fewer than 4 sizes"
        return tuple(_measured(none, n=n_inner, method="largest curvature", why=why) for _ in range(2))  # type: ignore[return-value]
    slope = np.diff(score, axis=1) / np.diff(size)
    curvature = 2 * np.diff(slope, axis=1) / (size[2:] - size[:-2])
    largest = np.abs(curvature).argmax(axis=1)
    value = np.take_along_axis(curvature, largest[:, None], axis=1)[:, 0]
    where = _measured(size[1:-1][largest], n=n_inner, method="size of the largest |second difference|, log10 N", why="")
    where = replace(
        where,
        low=min(end for end in (where.low, where.value) if end is not None),
        high=max(end for end in (where.high, where.value) if end is not None),
        method=f"{where.method}, widened to hold the observed size",
        caveats=(*where.caveats, f"{(largest[1:] == largest[0]).mean():.0%} of draws bend most at the observed size"),
    )
    return where, _measured(value, n=n_inner, method="largest second divided difference", why="")


def _measured(values: Array, *, n: int, method: str, why: str) -> Inference:
    point = float(values[0])
    found = np.isfinite(point)
    low, high, caveats = guarded_interval(values[1:], has_value=bool(found), lacking="have no such value")
    return Inference(
        value=point if found else None,
        low=low,
        high=high,
        n=n,
        method=f"{method}; percentiles of {values.size - 1} draws of each score from Normal(score, SE)",
        caveats=(*(() if found else (why,)), MEASUREMENT_ONLY, *(caveats if found else ())),
        draws=values[1:],
    )
