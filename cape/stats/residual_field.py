"""Frontier h: a model's second score less a line in the first, for every model, for labs and for a new model.

h of a model uses the line of the other models; resamples draw whole labs and both scores from their errors
(DEFINITIONS section 2 "h field, frontier"; paper 2.3, A.6). It is not the h(D) of base models.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from cape.stats.flow import weighted_polynomials
from cape.stats.inference import LEVEL, Inference
from cape.stats.lab_line import LEAST_POINTS, LabPoints, in_labs, leave_lab_out
from cape.stats.lines import fit_line
from cape.stats.resampling import SINGULAR, cluster_inference, cluster_weights

Array = NDArray[np.float64]

PERCENT = 100.0
REGIME_PP = 10.0  # |h| of the cooperative regime, DEFINITIONS section 2 (dashboard frontier tab)
NO_ERROR = "a standard error is unknown, so none of that score is in the interval"


class Regime(StrEnum):
    """Regime of a frontier h (DEFINITIONS section 2)."""

    COOPERATIVE = "cooperative"
    CODING = "coding-specialist"
    REASONING = "reasoning-specialist"
    UNDETERMINED = "undetermined"


class Confidence(StrEnum):
    """How much the mean h of a lab says, by number of models and interval."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "one release"


HIGH_MODELS, MEDIUM_MODELS = 5, 3  # paper A.6 leaves out labs with fewer than 3 models
CONFIDENCE_RULE = (
    f"high: at least {HIGH_MODELS} releases and the 95% interval of the mean in one regime; medium: at least "
    f"{MEDIUM_MODELS} releases and the interval in one regime; low: 2 releases, or the interval covers more than one "
    "regime; one release: no spread to judge by"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line given by its coefficients, percent = intercept + slope * percent."""

    slope: float
    intercept: float

    def h(self, x: Array | float, y: Array | float) -> Array | float:
        """Return y less the line, percentage points."""
        return y - (self.intercept + self.slope * x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a new model's two scores say. chance : by regime, share of draws of h; empty where h has none.

    predicted : second score expected at the first, with prediction intervals by models and by labs.
    """

    h: Inference
    predicted_by_model: Inference
    predicted_by_lab: Inference
    chance: dict[Regime, float] = field(default_factory=dict)


def regime_of(h: float) -> Regime:
    """Return the regime of a number: cooperative within 10 points of the line."""
    if h > REGIME_PP:
        return Regime.REASONING
    return Regime.CODING if h < -REGIME_PP else Regime.COOPERATIVE


def regime_of_interval(value: float | None, low: float | None, high: float | None) -> Regime | None:
    """Return the regime, undetermined where the interval covers more than one; None without a value."""
    if value is None:
        return None
    if low is not None and high is not None and regime_of(low) != regime_of(high):
        return Regime.UNDETERMINED
    return regime_of(value)


def confidence_of(found: Inference) -> Confidence:
    """Return the class of a lab's mean h by CONFIDENCE_RULE; found.n counts models."""
    if found.n < 2 or found.low is None:
        return Confidence.NONE if found.n < 2 else Confidence.LOW
    if found.n < MEDIUM_MODELS or regime_of_interval(found.value, found.low, found.high) is Regime.UNDETERMINED:
        return Confidence.LOW
    return Confidence.HIGH if found.n >= HIGH_MODELS else Confidence.MEDIUM


def deleted_h(points: LabPoints, *, n_resamples: int, rng: np.random.Generator) -> list[Inference]:
    """Return h of each model about the line of all other models; n counts labs of the others.

    Undefined where the others are fewer than 3 or share one first score. One pass: the moments of each resample less
    the model's own share of them.
    """
    n = points.x.size
    method = f"score less the line of the {n - 1} other models, both scores drawn from their errors"
    if n <= LEAST_POINTS:
        why = (f"undefined: a line of the others needs {LEAST_POINTS} of them, got {n - 1}",)
        return [Inference(value=None, low=None, high=None, n=points.n_labs, method=method, caveats=why)] * n
    weights = np.vstack([np.ones(n), cluster_weights(points.lab, n_resamples=n_resamples, rng=rng)])
    intercept, slope = _lines_without_each(weights, points)
    x = _drawn(points.x, points.x_se, n_resamples, rng)
    y = _drawn(points.y, points.y_se, n_resamples, rng)
    values = y - (intercept + slope * x)
    found = []
    for i in range(n):
        others = int(np.unique(np.delete(points.lab, i)).size)
        one = cluster_inference(
            values[:, i], why="undefined: the others have no line", lacking="have no line", n=others, method=method
        )
        lost = () if np.isfinite(points.x_se[i]) and np.isfinite(points.y_se[i]) else (NO_ERROR,)
        found.append(replace(in_labs(one), caveats=(*in_labs(one).caveats, *lost), draws=None))
    return found


def _drawn(score: Array, error: Array, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return scores (1 + n_resamples, n): as they are, then drawn from their errors, unknown ones left alone."""
    noise = rng.standard_normal((n_resamples, score.size)) * np.where(np.isfinite(error), error, 0.0)
    return np.vstack([score, score + noise])


def _lines_without_each(weights: Array, points: LabPoints) -> tuple[Array, Array]:
    """Return (intercept, slope), each (n_rows, n), of the weighted line without each model; NaN where there is none."""
    z, y = points.x - points.x.mean(), points.y - points.y.mean()
    columns = np.stack([np.ones_like(z), z, y, z * z, z * y], axis=1)
    moments = weights @ columns
    total, s_z, s_y, s_zz, s_zy = (moments[:, k, None] - weights * columns[:, k] for k in range(columns.shape[1]))
    distinct = (weights > 0).sum(axis=1)[:, None] - (weights > 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # resamples of too few models become NaN
        spread = s_zz - s_z**2 / total
        fine = (distinct >= LEAST_POINTS) & (spread > SINGULAR * s_zz) & (total > 0)
        slope = np.where(fine, (s_zy - s_z * s_y / total) / np.where(fine, spread, 1.0), np.nan)
        height = (s_y - slope * s_z) / total
    return points.y.mean() + height - slope * points.x.mean(), slope


def line_h(points: LabPoints, line: Line, *, what: str) -> list[Inference]:
    """Return h of each model about a given line, with the interval that the errors of its two scores give."""
    error = np.sqrt(points.y_se**2 + (line.slope * points.x_se) ** 2)
    values = np.asarray(line.h(points.x, points.y))
    half = student.ppf((1 + LEVEL) / 2, np.inf) * error
    method = f"score less {what}; normal interval from the errors of both scores"
    return [
        Inference(
            value=float(h),
            low=float(h - width) if np.isfinite(width) else None,
            high=float(h + width) if np.isfinite(width) else None,
            n=1,
            method=method,
            caveats=("coefficients taken as given: none of their error is in the interval",)
            if np.isfinite(width)
            else ("no interval: a standard error is unknown",),
        )
        for h, width in zip(values, half, strict=True)
    ]


def mean_of_lab(values: Array, *, what: str) -> Inference:
    """Return the mean h of one lab's models (n,) with its t interval over models; n counts models."""
    kept = values[np.isfinite(values)]
    method = f"mean h of the lab's releases, {what}; t interval over releases"
    if kept.size == 0:
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=("undefined: no model has an h",))
    mean = float(kept.mean())
    if kept.size < 2:
        why = ("no interval: one model has no spread",)
        return Inference(value=mean, low=None, high=None, n=1, method=method, caveats=why)
    half = float(student.ppf((1 + LEVEL) / 2, kept.size - 1) * kept.std(ddof=1) / np.sqrt(kept.size))
    caveats = ("the error of the line is not in the interval",)
    return Inference(value=mean, low=mean - half, high=mean + half, n=int(kept.size), method=method, caveats=caveats)


def new_model(
    points: LabPoints,
    *,
    x: float,
    y: float | None,
    errors: tuple[float, float],
    n_resamples: int,
    rng: np.random.Generator,
) -> Reading:
    """Return h, predicted score and chance of each regime of a model that is not among the points.

    x, y : its scores, percent; y None leaves h undefined. errors : standard errors of both, NaN where unknown.
    The prediction interval by models is the t interval of a new point; that by labs adds to each resampled line the
    residual of a model of a random lab about the line of the other labs.
    """
    n, n_labs = points.x.size, points.n_labs
    weights = np.vstack([np.ones(n), cluster_weights(points.lab, n_resamples=n_resamples, rng=rng)])
    coefficients, _ = weighted_polynomials(weights, points.x[None, :], points.y[None, :], 1)
    coefficients[(weights > 0).sum(axis=1) < LEAST_POINTS] = np.nan
    method = f"line of {n} models of {n_labs} labs"
    span = f"{points.x.min():.4g} to {points.x.max():.4g}" if n else "none"
    outside = () if n and points.x.min() <= x <= points.x.max() else (f"carried on beyond the observed {span}",)
    height = coefficients[:, 0] + coefficients[:, 1] * x
    noise = _lab_residuals(points, n_resamples, rng)
    by_lab = in_labs(
        cluster_inference(
            height + np.append(0.0, noise),
            why=f"undefined: a line needs {LEAST_POINTS} models of different first score, got {n}",
            lacking="have no line",
            n=n_labs,
            method=f"{method}, with the residual of a model of a random lab about the line of the others",
        )
    )
    place = _drawn(np.array([x]), np.array([errors[0]]), n_resamples, rng)[:, 0]
    h = Inference(value=None, low=None, high=None, n=n_labs, method=method, caveats=("undefined: a score is missing",))
    chance: dict[Regime, float] = {}
    if y is not None:
        score = _drawn(np.array([y]), np.array([errors[1]]), n_resamples, rng)[:, 0]
        values = score - (coefficients[:, 0] + coefficients[:, 1] * place)
        h = in_labs(
            cluster_inference(
                values,
                why="undefined: there is no line",
                lacking="have no line",
                n=n_labs,
                method=f"score less the {method}, both scores drawn from their errors",
            )
        )
        lost = () if all(np.isfinite(errors)) else (NO_ERROR,)
        h = replace(h, caveats=(*h.caveats, *outside, *lost))
        chance = _chances(values[1:]) if h.low is not None else {}
    return Reading(
        h=replace(h, draws=None),
        predicted_by_model=_bounded(_new_point(points, x), outside),
        predicted_by_lab=_bounded(replace(by_lab, draws=None), outside),
        chance=chance,
    )


def _bounded(found: Inference, caveats: tuple[str, ...]) -> Inference:
    """Return the prediction with its caveats; an end beyond what a score can reach is said, not clipped."""
    ends = [end for end in (found.low, found.high) if end is not None]
    beyond = any(not 0 <= end <= PERCENT for end in ends)
    said = ("an end lies beyond what a percentage can reach: the line knows no ceiling",) if beyond else ()
    return replace(found, caveats=(*found.caveats, *caveats, *said))


def _chances(draws: Array) -> dict[Regime, float]:
    known = draws[np.isfinite(draws)]
    below, above = float((known < -REGIME_PP).mean()), float((known > REGIME_PP).mean())
    return {Regime.CODING: below, Regime.COOPERATIVE: 1.0 - below - above, Regime.REASONING: above}


def _lab_residuals(points: LabPoints, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return residuals (n_resamples,) of a model of a random lab about the line of the other labs; NaN where none."""
    if not points.x.size:
        return np.full(n_resamples, np.nan)
    residual = leave_lab_out(points).residual
    _, codes, sizes = np.unique(points.lab, return_inverse=True, return_counts=True)
    order, starts = np.argsort(codes, kind="stable"), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    lab = rng.integers(sizes.size, size=n_resamples)
    return residual[order][starts[lab] + (rng.random(n_resamples) * sizes[lab]).astype(int)]


def _new_point(points: LabPoints, x: float) -> Inference:
    """Return the line at x with the t interval of a new model there, models as independent; n counts models."""
    line, n = fit_line(points.x, points.y), points.x.size
    method = f"least-squares line of {n} models, t interval of a new model"
    if n < LEAST_POINTS or line.intercept is None or line.slope.value is None:
        why = (f"undefined: needs {LEAST_POINTS} models of different first score, got {n}",)
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)
    rest, off = points.y - line.fitted, points.x - points.x.mean()
    spread = float(np.sqrt(rest @ rest / (n - 2) * (1 + 1 / n + (x - points.x.mean()) ** 2 / (off @ off))))
    value, half = line.intercept + line.slope.value * x, float(student.ppf((1 + LEVEL) / 2, n - 2)) * spread
    return Inference(value=value, low=value - half, high=value + half, n=n, method=method)


def difference_of_h(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float], *, slope: float
) -> Inference:
    """Return h of the second (x, y, x error, y error) less h of the first about one line of this slope.

    Normal interval from the four errors, taken as independent; none where one is unknown.
    """
    value = (second[1] - first[1]) - slope * (second[0] - first[0])
    error = float(np.sqrt(first[3] ** 2 + second[3] ** 2 + slope**2 * (first[2] ** 2 + second[2] ** 2)))
    half = float(student.ppf((1 + LEVEL) / 2, np.inf)) * error
    known = np.isfinite(half)
    caveat = "both answer the same items, so paired answers would give a narrower interval"
    return Inference(
        value=float(value),
        low=float(value - half) if known else None,
        high=float(value + half) if known else None,
        n=2,
        method="difference of h about one slope; normal interval from the errors of four scores",
        caveats=(caveat,) if known else ("no interval: a standard error is unknown",),
    )
