"""Exponents of the first score and of log N when both are free, beside what the divisor alone gives (paper A 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.symbolic_holdout import LARGEST_P, LEAST_FAMILIES, Rows
from cape.stats.inference import Inference
from cape.stats.resampling import guarded_interval, row_weights

Array = NDArray[np.float64]
METHOD = "least squares of the log of the target on the logs of the first score and of log10 N, all models"
LEAST_DETERMINANT = 1e-12  # of correlations; below it the two logs are one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponents:
    """Exponents with family-resampled intervals; the same with one score for all; the band over shuffled scores."""

    first: Inference
    size: Inference
    first_constant: Inference
    size_constant: Inference
    first_shuffled: Inference
    size_shuffled: Inference


def free_exponents(
    rows: Rows, first_name: str, *, n_resamples: int, n_shuffles: int, rng: np.random.Generator
) -> Exponents:
    """Return exponents a, b of target = c first**a log10_n**b. Undefined where a score is not above zero."""
    first, size = rows.columns[first_name], rows.columns["log10_n"]
    n = rows.families.size
    if n < LEAST_FAMILIES or min(first.min(), size.min(), rows.score.min()) <= 0:
        why = "undefined: fewer than 3 families, or a score that is not above zero has no logarithm"
        none = Inference(value=None, low=None, high=None, n=n, method=METHOD, caveats=(why,))
        return Exponents(
            first=none, size=none, first_constant=none, size_constant=none, first_shuffled=none, size_shuffled=none
        )
    logs = np.column_stack([np.ones(first.size), np.log(first), np.log(size)])
    weights = np.vstack([np.ones(n), row_weights(n, n_resamples=n_resamples, rng=rng)])
    found = _weighted(logs, np.log(rows.target), rows, weights)
    constant = _weighted(logs, -np.log(rows.divisor), rows, np.ones((1, n)))[0]
    deals = np.stack([rng.permutation(first.size) for _ in range(n_shuffles)])
    dealt = np.linalg.lstsq(logs, np.log(rows.score[deals] / rows.divisor).T, rcond=None)[0].T
    resampled = (f"{METHOD}; 95% percentiles of {n_resamples} resamples of whole families", n)
    pairs = [_interval(found[:, index], *resampled) for index in (1, 2)]
    controls = [_point(constant[index], n) for index in (1, 2)]
    bands = [_band(dealt[:, index], n) for index in (1, 2)]
    return Exponents(
        first=pairs[0],
        size=pairs[1],
        first_constant=controls[0],
        size_constant=controls[1],
        first_shuffled=bands[0],
        size_shuffled=bands[1],
    )


def _weighted(logs: Array, target: Array, rows: Rows, weights: Array) -> Array:
    """Return coefficients (n_weights, 3) where the rows of each family weigh as often as it was drawn."""
    products = np.einsum("ni,nj->ijn", logs, logs).reshape(9, -1)
    normal = (weights @ rows.by_family(products).T).reshape(-1, 3, 3)
    right = weights @ rows.by_family(logs.T * target).T
    scale = np.sqrt(np.einsum("bii->bi", normal))
    normed = normal / (scale[:, :, None] * scale[:, None, :])
    usable = np.abs(np.linalg.det(normed)) > LEAST_DETERMINANT
    found = np.full((weights.shape[0], 3), np.nan)
    found[usable] = np.linalg.solve(normed[usable], (right / scale)[usable][..., None])[..., 0] / scale[usable]
    return found


def _interval(values: Array, method: str, n: int) -> Inference:
    if not np.isfinite(values[0]):
        why = "undefined: the two logs lie on one line"
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
    low, high, caveats = guarded_interval(values[1:], has_value=True, lacking="have no exponent")
    return Inference(value=float(values[0]), low=low, high=high, n=n, method=method, caveats=caveats)


def _point(value: float, n: int) -> Inference:
    point = _interval(np.array([value, value]), f"{METHOD}, with one score for all models", n)
    return replace(point, low=None, high=None, caveats=(*point.caveats, "no interval: one score for all has no error"))


def _band(values: Array, n: int) -> Inference:
    tail = 50 * LARGEST_P
    low, median, high = np.percentile(values, [tail, 50, 100 - tail]).tolist()
    method = f"{METHOD}, scores dealt to the models at random; median and central 95% of {values.size} deals"
    return Inference(value=median, low=low, high=high, n=n, method=method)
