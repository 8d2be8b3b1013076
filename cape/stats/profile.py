"""One model's scores among those of others: percentiles, residuals given size, nearest models, distance from curves.

Families are the resampling unit; the model's own scores are drawn with their standard errors. The model itself must
not be among the others. Definitions: DEFINITIONS section 4 (analyze model), section 2 (h, isocline), paper A.6, A.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.polynomial.polynomial import polyvander
from numpy.typing import ArrayLike, NDArray

from cape.stats.flow import weighted_polynomials
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.isocline import curve_pct
from cape.stats.nulls import RELATIVE_ZERO
from cape.stats.resampling import SINGULAR, cluster_inference

Array = NDArray[np.float64]

PERCENT = 100.0
LEAST_RESIDUALS = 5  # a line takes two points; a spread about it needs a few more
LEAST_EFFECT = 6  # intercept, two powers of log10 N and the effect itself leave two points
NO_ERROR = "the standard error of the score is unknown, so none of it is in the interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score of the model, percent, and its standard error, NaN where unknown."""

    value: float
    error: float

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """Return the score, then n draws of it from its error, (1 + n,); the score itself where that is unknown."""
        noise = rng.standard_normal(n) * (self.error if np.isfinite(self.error) else 0.0)
        return np.concatenate([[self.value], self.value + noise])

    @property
    def caveats(self) -> tuple[str, ...]:
        """What is missing from an interval that uses the score."""
        return () if np.isfinite(self.error) else (NO_ERROR,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Other models: score (n,) percent, place (n,) log10 N or another score, family (n,); all known."""

    score: Array = field(repr=False)
    place: Array = field(repr=False)
    family: NDArray[np.str_] = field(repr=False)

    @property
    def n_families(self) -> int:
        """Number of families."""
        return int(np.unique(self.family).size)

    def weights(self, n_resamples: int, rng: np.random.Generator) -> Array:
        """Return ones, then how often each model occurs when families are drawn, (1 + n_resamples, n)."""
        _, code = np.unique(self.family, return_inverse=True)
        return np.vstack([np.ones(code.size), drawn_families(self.n_families, n_resamples, rng)[:, code]])

    @property
    def spread_about_line(self) -> Array:
        """Score less the least-squares line in the place, (n,)."""
        line = np.polynomial.Polynomial.fit(self.place, self.score, 1) if self.score.size > 1 else None
        return self.score - line(self.place) if line is not None else np.zeros_like(self.score)


def drawn_families(n_families: int, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return how often each family is drawn, (n_resamples, n_families): as `row_weights`, by counting indices.

    Many small statistics of one model each draw families anew, and counting is several times faster.
    """
    if n_families == 0:
        return np.zeros((n_resamples, 0))
    cell = rng.integers(n_families, size=(n_resamples, n_families)) + n_families * np.arange(n_resamples)[:, None]
    return np.bincount(cell.ravel(), minlength=n_families * n_resamples).reshape(n_resamples, -1).astype(np.float64)


def percentile_among(score: Score, others: Others, *, n_resamples: int, rng: np.random.Generator) -> Inference:
    """Return the percentage of others that score lower, ties counted half.

    The interval resamples families and draws the score from its error. n counts models.
    """
    n = others.score.size
    method = "share of models that score lower, ties half"
    if n == 0:
        why = ("undefined: no model to compare with",)
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=why)
    weights = others.weights(n_resamples, rng)
    place = score.draws(n_resamples, rng)[:, None]
    below = (others.score < place) + 0.5 * (others.score == place)
    values = PERCENT * (weights * below).sum(axis=1) / weights.sum(axis=1)
    found = cluster_inference(
        values, why="", lacking="have no model", n=others.n_families, method=f"{method}, score drawn"
    )
    return replace(found, n=n, caveats=(*found.caveats, f"{found.n} families", *score.caveats))


def standard_residual(
    score: Score, log10_n: float, others: Others, *, n_resamples: int, rng: np.random.Generator
) -> Inference:
    """Return (score - line) / spread, the line and the spread about it those of others in log10 N.

    others : place is log10 N. Undefined with fewer than 5 models or where all lie on a line. The interval resamples
    families and draws the score. n counts models.
    """
    y, x = others.score, others.place
    method = "score less the line of other models in log10 N, over their spread about it"
    if y.size < LEAST_RESIDUALS or np.ptp(x) <= 0:
        why = (f"undefined: needs {LEAST_RESIDUALS} models of different size with this score, got {y.size}",)
        return Inference(value=None, low=None, high=None, n=int(y.size), method=method, caveats=why)
    weights = others.weights(n_resamples, rng)
    lines, r2 = weighted_polynomials(weights, x[None, :], y[None, :], 1)
    total = weights.sum(axis=1)
    mean = weights @ (y - y.mean()) / total
    variance = weights @ (y - y.mean()) ** 2 / total - mean**2
    left = np.where((weights > 0).sum(axis=1) >= LEAST_RESIDUALS, variance * (1 - r2) * total, np.nan)
    spread = np.sqrt(np.where(left > RELATIVE_ZERO * y.size, left, np.nan) / np.where(total > 2, total - 2, np.nan))
    values = (score.draws(n_resamples, rng) - lines[:, 0] - lines[:, 1] * log10_n) / spread
    found = cluster_inference(
        values,
        why="undefined: the other models lie on a line",
        lacking="have no line or no spread about it",
        n=others.n_families,
        method=f"{method}, score drawn",
    )
    return replace(found, n=int(y.size), caveats=(*found.caveats, f"{found.n} families", *score.caveats))


def profile_distances(scores: ArrayLike, given: ArrayLike, spreads: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    """Return root mean square distance of models from a profile in units of each benchmark's spread, and scores shared.

    scores : (n, n_benchmarks) percent, NaN for a gap; given, spreads : (n_benchmarks,). Both results (n,); NaN where a
    model shares no score.
    """
    table, own, spread = (np.asarray(v, dtype=np.float64) for v in (scores, given, spreads))
    away = (table - own) / np.where(spread > 0, spread, np.nan)
    known = np.isfinite(away)
    shared = known.sum(axis=1)
    square = np.where(known, away, 0.0) ** 2
    return np.sqrt(square.sum(axis=1) / np.where(shared > 0, shared, np.nan)), shared


def curve_offset(
    score: Score, at: Score, others: Others, *, powers: int, n_resamples: int, rng: np.random.Generator
) -> tuple[Inference, Inference]:
    """Return (score less a polynomial through others, the polynomial) at one place.

    at : the place and its error (0 for a size). powers : 1 for a line, 2 for a quadratic. Both intervals resample
    families; the first also draws the score and the place. A quadratic is undefined outside the observed places; a
    line is carried on, with a caveat. n counts families.
    """
    x, n = others.place, others.n_families
    method = f"{('line', 'quadratic')[powers - 1]} through {x.size} models of {n} families"
    is_outside = x.size > 0 and not x.min() <= at.value <= x.max()
    span = f"the observed places, {x.min():.4g} to {x.max():.4g}" if x.size else "no places"
    if x.size <= powers or (is_outside and powers > 1):
        reason = f"{at.value:.4g} lies outside {span}" if is_outside else f"{x.size} models are too few"
        lost = Inference(value=None, low=None, high=None, n=n, method=method, caveats=(f"undefined: {reason}",))
        return lost, lost
    coefficients, _ = weighted_polynomials(others.weights(n_resamples, rng), x[None, :], others.score[None, :], powers)
    still = polyvander(np.array([at.value]), powers)[0]
    moving = polyvander(at.draws(n_resamples, rng), powers)
    why, lacking = "undefined: the curve is singular", "have no curve"
    offset = cluster_inference(
        score.draws(n_resamples, rng) - (coefficients * moving).sum(axis=1),
        why=why,
        lacking=lacking,
        n=n,
        method=f"score, drawn, less a {method}",
    )
    height = cluster_inference(coefficients @ still, why=why, lacking=lacking, n=n, method=method)
    caveats = (f"carried on beyond {span}",) if is_outside else ()
    return (
        replace(offset, caveats=(*offset.caveats, *caveats, *score.caveats)),
        replace(height, caveats=(*height.caveats, *caveats)),
    )


def curve_band(others: Others, places: ArrayLike, *, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the quadratic through others at places, (1 + n_resamples, n_places); NaN where singular."""
    weights = others.weights(n_resamples, rng)
    coefficients, _ = weighted_polynomials(weights, others.place[None, :], others.score[None, :], 2)
    return coefficients @ polyvander(np.asarray(places, dtype=np.float64), 2).T


def isocline_distance(first: Score, second: Score, k: Inference) -> Inference:
    """Return B2 - sqrt(k B1), percentage points, with the errors of both scores and of k (paper A.7).

    k : from `isocline.constant_of`. Normal interval; none where an error is unknown. n counts reference models.
    """
    method = "B2 - sqrt(k B1); normal interval from the errors of both scores and of k"
    if k.value is None or k.value <= 0 or first.value <= 0:
        why = ("undefined: k and the first score must be positive", *k.caveats)
        return Inference(value=None, low=None, high=None, n=k.n, method=method, caveats=why)
    curve = float(curve_pct(first.value, k.value))
    k_error = np.nan if k.high is None else (k.high - k.value) / Z_LEVEL
    terms = (second.error, curve / (2 * first.value) * first.error, curve / (2 * k.value) * k_error)
    half = Z_LEVEL * float(np.sqrt(np.square(terms).sum()))
    value, known = second.value - curve, np.isfinite(half)
    return Inference(
        value=value,
        low=value - half if known else None,
        high=value + half if known else None,
        n=k.n,
        method=method,
        caveats=() if known else ("no interval: a standard error is unknown",),
    )


def effect_given_size(
    others: Others, extra: ArrayLike, *, n_resamples: int, rng: np.random.Generator, what: str
) -> Inference:
    """Return the coefficient of `extra` in score = a + b l + c l^2 + d extra, l = log10 N, over models.

    extra : (n,) for example log10 width, or 1 for curated models. what : the coefficient in words. Families are
    resampled; a resample in which size tells `extra` exactly is undefined. n counts families.
    It compares models that differ in more than `extra`, so it is no measured effect of changing it.
    """
    added, n = np.asarray(extra, dtype=np.float64), others.n_families
    method = f"{what} in a least-squares fit of score on log10 N, its square and it"
    caveats = ("models that differ in it differ in more than it: an association, not a measured effect",)
    if added.size < LEAST_EFFECT or np.ptp(added) <= 0:
        why = (f"undefined: needs {LEAST_EFFECT} models that differ in it, got {added.size}",)
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)
    values = _last_coefficient(others, added, n_resamples=n_resamples, rng=rng)
    found = cluster_inference(
        values, why="undefined: size tells it exactly", lacking="cannot part it from size", n=n, method=method
    )
    return replace(found, caveats=(*found.caveats, f"{added.size} models", *caveats))


def _last_coefficient(others: Others, added: Array, *, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the coefficient of `added` for the data and each draw of families, NaN where size tells it exactly.

    Moments are summed within families first, so a draw weighs n_families rows; the two powers of size are then
    eliminated from the normal equations one after the other.
    """
    z = others.place - others.place.mean()
    square = z**2 - (z**2).mean() - z * (z @ z**2) / max(float(z @ z), np.finfo(float).tiny)
    spread = [v.std() or 1.0 for v in (z, square, added)]
    terms = [v / w for v, w in zip((z, square, added - added.mean()), spread, strict=True)]
    columns = np.column_stack([*terms, others.score - others.score.mean()])
    i, j = np.triu_indices(4)
    table = np.column_stack([np.ones(added.size), columns, columns[:, i] * columns[:, j]])
    _, code = np.unique(others.family, return_inverse=True)
    sums = np.stack([np.bincount(code, column) for column in table.T], axis=1)
    weights = np.vstack([np.ones(sums.shape[0]), drawn_families(sums.shape[0], n_resamples, rng)])
    moments = weights @ sums
    mean = moments[:, 1:5] / moments[:, :1]
    covariance = np.empty((4, 4, weights.shape[0]))
    covariance[i, j] = covariance[j, i] = (moments[:, 5:] / moments[:, :1] - mean[:, i] * mean[:, j]).T
    whole = np.array([covariance[k, k] for k in range(3)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw of one or two families may be singular
        for k in range(2):
            covariance = covariance - covariance[:, k, None] * covariance[None, k, :] / covariance[k, k]
            left = np.array([covariance[m, m] for m in range(k + 1, 3)])
            fine = (left > np.sqrt(SINGULAR) * whole[k + 1 :]).all(axis=0) & (whole[0] > SINGULAR)
            covariance = np.where(fine, covariance, np.nan)
        return covariance[2, 3] / covariance[2, 2] / spread[2]
