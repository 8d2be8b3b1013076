"""Benchmark 1: the plain loops that the resampling of `cape.stats` is compared with, one resample at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cape.stats.coupling import MIN_DELTA_PP, MIN_DELTA_SE
from cape.stats.critical_scale import PAPER_RANGE, Estimator
from cape.stats.inference import Points

Array = NDArray[np.float64]
IRLS_STEPS = 60


def over_families(
    family: NDArray, statistic: Callable[[NDArray], float], *, n: int, n_resamples: int, rng: np.random.Generator
) -> Array:
    """Return the statistic of the first n of n_resamples resamples of whole families, from the stream of cape.stats.

    statistic : takes the (n_drawn,) row indices, families that were drawn twice standing there twice.
    """
    names = np.unique(family)
    counts = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=n_resamples)[:n]
    members = [np.flatnonzero(family == name) for name in names]
    return np.array(
        [statistic(np.concatenate([m for m, k in zip(members, row, strict=True) for _ in range(k)])) for row in counts]
    )


def pooled_vertex(x: Array, y: Array, *, n: int, n_resamples: int, seed: int) -> Array:
    """The paper's recipe: rows drawn by the legacy stream, numpy.polyfit, vertex kept where convex and in range."""
    stream = np.random.RandomState(seed)
    found = []
    for _ in range(n):
        rows = stream.choice(x.size, x.size)
        if np.unique(x[rows]).size < 3:
            found.append(np.nan)
            continue
        c, b, _ = np.polyfit(x[rows], y[rows], 2)
        vertex = -b / (2 * c)
        found.append(vertex if c > 0 and PAPER_RANGE[0] < vertex < PAPER_RANGE[1] else np.nan)
    return np.array(found)


def fixed_effect_vertex(points: Points) -> Callable[[NDArray], float]:
    """Vertex of the quadratic with an intercept for every drawn copy of a family, by numpy.linalg.lstsq."""
    line = points.log10_n - points.log10_n.mean()

    def statistic(rows: NDArray) -> float:
        family = points.family[rows]
        new = np.concatenate([[True], (family[1:] != family[:-1]) | (rows[1:] <= rows[:-1])])
        dummies = np.eye(int(new.sum()))[np.cumsum(new) - 1]
        design = np.column_stack([line[rows], line[rows] ** 2, dummies])
        (b, c, *_), _, rank, _ = np.linalg.lstsq(design, points.y_pct[rows])
        vertex = -b / (2 * c) + points.log10_n.mean()
        inside = points.log10_n.min() <= vertex <= points.log10_n.max()
        return vertex if rank == design.shape[1] and c > 0 and inside else np.nan

    return statistic


def logistic_half_point(x: Array, positive: NDArray[np.bool_]) -> Callable[[NDArray], float]:
    """Half point of a logistic regression by iteratively reweighted least squares; NaN where the signs separate."""

    def statistic(rows: NDArray) -> float:
        z, sign = x[rows], positive[rows]
        if sign.all() or not sign.any() or z[sign].min() >= z[~sign].max() or z[sign].max() <= z[~sign].min():
            return np.nan
        design, beta = np.column_stack([np.ones_like(z), z - x.mean()]), np.zeros(2)
        for _ in range(IRLS_STEPS):
            fitted = expit(design @ beta)
            information = design.T @ (design * (fitted * (1 - fitted))[:, None])
            step = np.linalg.solve(information, design.T @ (sign - fitted))
            beta = beta + step
            if np.abs(step).max() < 1e-12:
                break
        half = x.mean() - beta[0] / beta[1]
        return half if beta[1] > 0 and x.min() <= half <= x.max() else np.nan

    return statistic


def pearson(x: Array, y: Array) -> Callable[[NDArray], float]:
    """Pearson r by numpy.corrcoef, NaN with fewer than three distinct rows."""
    return lambda rows: np.corrcoef(x[rows], y[rows])[0, 1] if np.unique(rows).size > 2 else np.nan


def partial(x: Array, y: Array, covariate: Array) -> Callable[[NDArray], float]:
    """Pearson r of the residuals of numpy.polyfit on the covariate, NaN with fewer than four distinct rows."""

    def statistic(rows: NDArray) -> float:
        if np.unique(rows).size < 4:
            return np.nan
        z = covariate[rows]
        rest = [v - np.polyval(np.polyfit(z, v, 1), z) for v in (x[rows], y[rows])]
        return np.corrcoef(rest[0], rest[1])[0, 1]

    return statistic


def measured_turns(points: Points, estimator: Estimator, *, n: int, n_draws: int, rng: np.random.Generator) -> Array:
    """N_c of one family for the first n of n_draws draws of every score, one draw at a time."""
    noise = rng.standard_normal((2, n_draws, points.log10_n.size))
    turn = {Estimator.VERTEX: _vertex, Estimator.LINE_ZERO: _line_zero, Estimator.SIGN_BRACKET: _bracket}[estimator]
    drawn = ((points.x_pct + points.x_se * noise[0, i], points.y_pct + points.y_se * noise[1, i]) for i in range(n))
    return np.array([turn(points, x, y) for x, y in drawn])


def _vertex(points: Points, x: Array, y: Array) -> float:
    c, b, _ = np.polyfit(points.log10_n, y, 2)
    vertex = -b / (2 * c)
    return vertex if c > 0 and points.log10_n[0] <= vertex <= points.log10_n[-1] else np.nan


def _gammas(points: Points, x: Array, y: Array) -> Iterator[tuple[float, float, float]]:
    """Yield mid-point, gamma and its error of every interval with a defined gamma."""
    for i in range(x.size - 1):
        dx, dy = x[i + 1] - x[i], y[i + 1] - y[i]
        variance_x = points.x_se[i] ** 2 + points.x_se[i + 1] ** 2
        variance_y = points.y_se[i] ** 2 + points.y_se[i + 1] ** 2
        if abs(dx) >= max(MIN_DELTA_PP, MIN_DELTA_SE * variance_x**0.5):
            gamma = dy / dx
            mid = (points.log10_n[i] + points.log10_n[i + 1]) / 2
            yield mid, gamma, (variance_y + gamma**2 * variance_x) ** 0.5 / abs(dx)


def _line_zero(points: Points, x: Array, y: Array) -> float:
    found = list(_gammas(points, x, y))
    if len(found) < 2:
        return np.nan
    mid, gamma, error = (np.array(column) for column in zip(*found, strict=True))
    slope, intercept = np.polyfit(mid, gamma, 1, w=1 / error)
    zero = -intercept / slope
    return zero if slope > 0 and mid[0] <= zero <= mid[-1] else np.nan


def _bracket(points: Points, x: Array, y: Array) -> float:
    found = [(mid, gamma) for mid, gamma, _ in _gammas(points, x, y) if gamma != 0]
    pairs = zip(found, found[1:], strict=False)
    return next(((a[0] + b[0]) / 2 for a, b in pairs if a[1] < 0 < b[1]), np.nan)
