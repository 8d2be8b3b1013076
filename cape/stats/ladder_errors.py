"""Errors of the scores of one ladder that share their items: paired variances of every difference, and joint draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError
from cape.stats.inference import Points

Array = NDArray[np.float64]

PAIRED_DRAWS = "draws of all scores of a ladder together, differences with the errors of paired items"
SINGLE_DRAWS = "draws of each score from Normal(score, SE)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderErrors:
    """Covariances of the scores of a ladder on both benchmarks, (n_models, n_models) each, squared points.

    The two benchmarks are taken as independent: they share no items.
    """

    x: Array
    y: Array


def covariance_of_scores(se: Array, variance_of_difference: Array) -> Array:
    """Return the covariance of scores whose differences have these variances, (n_models, n_models).

    se : (n_models,) standard error of each score. variance_of_difference : (n_models, n_models), 0 on the diagonal.
    From var(a - b) = var(a) + var(b) - 2 cov(a, b); made positive semidefinite by dropping negative eigenvalues.
    Raises BadParameterError where a variance is missing or negative.
    """
    variance = np.asarray(se, dtype=np.float64) ** 2
    between = np.asarray(variance_of_difference, dtype=np.float64)
    if between.shape != (variance.size, variance.size) or not np.isfinite(between).all() or (between < 0).any():
        raise BadParameterError("The variance of a difference is missing or negative. Pair every two sizes.")
    covariance = (variance[:, None] + variance[None, :] - between) / 2
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def step_variances(points: Points, errors: LadderErrors | None) -> tuple[Array, Array]:
    """Return the variance of each change between consecutive sizes on both benchmarks, (n_models - 1,) each."""
    if errors is None:
        x_variance, y_variance = (se[1:] ** 2 + se[:-1] ** 2 for se in (points.x_se, points.y_se))
        return x_variance, y_variance
    found = []
    for covariance in (errors.x, errors.y):
        own, next_to = np.diag(covariance), np.diag(covariance, 1)
        found.append(np.maximum(own[1:] + own[:-1] - 2 * next_to, 0.0))
    return found[0], found[1]


def drawn_scores(
    points: Points, errors: LadderErrors | None, *, n_draws: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return normal draws of both scores of every model, (n_draws, n_models) each; independent without `errors`."""
    noise = rng.standard_normal((2, n_draws, points.log10_n.size))
    if errors is None:
        return points.x_pct + points.x_se * noise[0], points.y_pct + points.y_se * noise[1]
    return points.x_pct + noise[0] @ _root(errors.x), points.y_pct + noise[1] @ _root(errors.y)


def _root(covariance: Array) -> Array:
    """Return R with R^T R = covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
