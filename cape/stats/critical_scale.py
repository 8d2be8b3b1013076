"""Critical scale N_c, where gamma turns from negative to positive: named estimators for a family and a population.

Scales are log10 N throughout; `to_billions` converts at the edge. Definitions: DEFINITIONS section 2 (N_c rows).
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError
from cape.stats.coupling import check_family, family_gammas, family_steps
from cape.stats.inference import Inference, Points, Steps
from cape.stats.ladder_errors import PAIRED_DRAWS, SINGLE_DRAWS, LadderErrors, drawn_scores
from cape.stats.logistic import logistic_fits
from cape.stats.resampling import (
    cluster_inference,
    cluster_weights,
    guarded_interval,
    legacy_row_weights,
    parabola_vertex,
    percentile_interval,
    subset,
    undefined_caveat,
    weighted_parabola_vertex,
)

Array = NDArray[np.float64]

PAPER_RANGE = (7.0, 12.0)  # log10 N in which the paper keeps a vertex, its bootstrap_Nc.py

NO_INTERVAL = "no interval: this is the point estimate alone"
STEPWISE = "the sign bracket lies midway between two interval mid-points, so its interval moves in steps"
POOLED = "rows of several families are pooled and resampled one by one; coupling is not an input"
MEASUREMENT_ONLY = "measurement error only: the choice of models and sizes is taken as given"


class Turn(StrEnum):
    """What the intervals of a family say about the turning point."""

    BRACKETED = "bracketed"
    COOPERATIVE = "cooperative throughout"
    NEGATIVE = "negative throughout"
    REVERSED = "positive to negative only"
    OUTSIDE = "outside the data"
    UNDEFINED = "undefined"


class Estimator(StrEnum):
    """Estimators of N_c within one family."""

    SIGN_BRACKET = "sign bracket"
    LINE_ZERO = "zero of the weighted line"
    VERTEX = "vertex of the quadratic"


REQUIREMENTS = {
    Estimator.SIGN_BRACKET: "an interval with a defined gamma that is not zero",
    Estimator.LINE_ZERO: "2 intervals with a defined gamma and a line that rises with log10 N",
    Estimator.VERTEX: "3 distinct sizes and a convex quadratic",
}

MEANINGS = {
    Turn.COOPERATIVE: "gamma is positive on every defined interval",
    Turn.NEGATIVE: "N_c is censored above, as gamma is negative on every defined interval",
    Turn.REVERSED: "gamma falls through zero and does not rise through it",
    Turn.OUTSIDE: "the turning point does not lie within the observed sizes",
}


def _span(values: Array) -> str:
    """Return "log10 N a to b (c B to d B)" of the smallest and largest log10 N."""
    low, high = float(values.min()), float(values.max())
    return f"log10 N {low:.2f} to {high:.2f} ({10 ** (low - 9):.3g} B to {10 ** (high - 9):.3g} B)"


def _why(turn: Turn, estimator: Estimator, log10_n: Array) -> tuple[str, ...]:
    """Return the caveat of a turning point that is not bracketed."""
    if turn is Turn.BRACKETED:
        return ()
    if turn is Turn.UNDEFINED:
        return (f"undefined: the {estimator} needs {REQUIREMENTS[estimator]}",)
    return (f"{turn}: {MEANINGS[turn]}, observed at {_span(log10_n)}",)


def _bracket(mid: Array, gamma: Array) -> tuple[Array, NDArray[np.str_], NDArray[np.int_]]:
    """Return first - to + turn, status and number of such turns of each row of gamma (n_rows, n_steps), mid sorted.

    An undefined or zero gamma has no sign and is skipped: the last negative and first positive interval bracket.
    """
    sign = np.nan_to_num(np.sign(gamma))
    seen = np.maximum.accumulate(np.where(sign != 0, np.arange(mid.size), -1), axis=1)
    before = np.concatenate([np.full((gamma.shape[0], 1), -1), seen[:, :-1]], axis=1)
    sign_before = np.where(before >= 0, np.take_along_axis(sign, np.maximum(before, 0), axis=1), 0)
    rises, falls = (sign > 0) & (sign_before < 0), (sign < 0) & (sign_before > 0)
    first = rises.argmax(axis=1)
    location = (mid[first] + mid[before[np.arange(first.size), first]]) / 2
    found = [rises.any(axis=1), falls.any(axis=1), (sign > 0).any(axis=1), (sign < 0).any(axis=1)]
    turn = np.select(found, [Turn.BRACKETED, Turn.REVERSED, Turn.COOPERATIVE, Turn.NEGATIVE], default=Turn.UNDEFINED)
    return np.where(found[0], location, np.nan), turn, rises.sum(axis=1)


def _judge(location: Array, rising: NDArray[np.bool_], low: Array, high: Array) -> tuple[Array, NDArray]:
    """Return locations, NaN unless rising and within [low, high], and the status of each."""
    inside = (location >= low) & (location <= high)
    found = [inside & rising, inside, np.isfinite(location) & rising]
    turn = np.select(found, [Turn.BRACKETED, Turn.REVERSED, Turn.OUTSIDE], default=Turn.UNDEFINED)
    return np.where(found[0], location, np.nan), turn


def _line_zero(mid: Array, gamma: Array, gamma_se: Array) -> tuple[Array, NDArray[np.str_]]:
    """Return zero and status of the weighted line of each row of gamma (n_rows, n_steps)."""
    used = np.isfinite(gamma)
    weight, value = np.where(used, gamma_se**-2.0, 0.0), np.where(used, gamma, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows with fewer than two defined intervals
        total = weight.sum(axis=1)
        centre = weight @ mid / total
        deviation = mid - centre[:, None]
        slope = (weight * deviation * value).sum(axis=1) / (weight * deviation**2).sum(axis=1)
        zero = centre - (weight * value).sum(axis=1) / total / slope
    zero = np.where(used.sum(axis=1) >= 2, zero, np.nan)
    low, high = np.where(used, mid, np.inf).min(axis=1), np.where(used, mid, -np.inf).max(axis=1)
    return _judge(zero, slope > 0, low, high)


def _vertex(log10_n: Array, y: Array) -> tuple[Array, NDArray[np.str_]]:
    """Return vertex and status of the quadratic through each row of y (n_rows, n_models)."""
    line = log10_n - log10_n.mean()
    square = line**2 - (line**2).mean()
    vertex, curvature = parabola_vertex((line @ line, line @ square, square @ square, y @ line, y @ square))
    return _judge(vertex + log10_n.mean(), curvature > 0, log10_n.min(), log10_n.max())


def _point(location: Array, turn: NDArray, *, estimator: Estimator, log10_n: Array, n: int) -> tuple[Inference, Turn]:
    """Return the first location and status as records, without an interval."""
    status = Turn(turn[0])
    value = float(location[0]) if status is Turn.BRACKETED else None
    caveats = (*_why(status, estimator, log10_n), NO_INTERVAL)
    return Inference(value=value, low=None, high=None, n=n, method=f"{estimator}, log10 N", caveats=caveats), status


def _undefined(estimator: Estimator, n: int) -> tuple[Inference, Turn]:
    """Return the answer of a family with too few intervals or sizes for an estimator."""
    return _point(np.array([np.nan]), np.array([Turn.UNDEFINED]), estimator=estimator, log10_n=np.empty(0), n=n)


def _sorted_steps(steps: Steps) -> Steps:
    """Return the steps of one family by size; raise BadParameterError if they are of several."""
    if np.unique(steps.family).size > 1:
        raise BadParameterError(f"Steps of {np.unique(steps.family).size} families were given. Pass one at a time.")
    return subset(steps, np.argsort(steps.log10_n_mid, kind="stable"))


def sign_bracket(steps: Steps) -> tuple[Inference, Turn]:
    """Return D1: the geometric mean of the two adjacent mid-points where gamma turns from - to +, in log10 N.

    steps : of one family, any order. An interval whose gamma is undefined or zero is skipped and counted in a caveat.
    With several such turns the first is reported and the others counted. n is the number of intervals with a sign.
    Raises BadParameterError if the steps are of several families.
    """
    ordered = _sorted_steps(steps)
    if ordered.gamma.size == 0:
        return _undefined(Estimator.SIGN_BRACKET, 0)
    location, turn, n_turns = _bracket(ordered.log10_n_mid, ordered.gamma[None, :])
    signed = int((np.nan_to_num(ordered.gamma) != 0).sum())
    answer, status = _point(location, turn, estimator=Estimator.SIGN_BRACKET, log10_n=ordered.log10_n_mid, n=signed)
    extra: tuple[str, ...] = (f"{n_turns[0]} turns from - to +; this is the first",) if n_turns[0] > 1 else ()
    if skipped := ordered.gamma.size - signed:
        extra += (f"{skipped} of {ordered.gamma.size} intervals have an undefined or zero gamma and were skipped",)
    return replace(answer, caveats=answer.caveats + extra), status


def weighted_line_zero(steps: Steps) -> tuple[Inference, Turn]:
    """Return D2: the zero of the least-squares line gamma(log10 N) with weights 1 / gamma_se^2, in log10 N.

    steps : of one family, any order. Needs 2 intervals with a defined gamma, a positive slope and a zero between the
    smallest and largest of their mid-points. n is the number of those intervals.
    Raises BadParameterError if the steps are of several families or a standard error is not positive.
    """
    used = _sorted_steps(subset(steps, np.isfinite(steps.gamma)))
    if not (used.gamma_se > 0).all():
        raise BadParameterError("weighted_line_zero needs gamma_se > 0 on every defined interval. Supply score errors.")
    mid = used.log10_n_mid
    if mid.size < 2:
        return _undefined(Estimator.LINE_ZERO, mid.size)
    location, turn = _line_zero(mid, used.gamma[None, :], used.gamma_se[None, :])
    return _point(location, turn, estimator=Estimator.LINE_ZERO, log10_n=mid, n=mid.size)


def quadratic_vertex(points: Points) -> tuple[Inference, Turn]:
    """Return D3: the vertex of the unweighted quadratic y(log10 N) of one family, in log10 N.

    Needs 3 distinct sizes, a convex curve and a vertex between the smallest and largest. n is the number of models.
    Raises BadParameterError if the points are of several families, unsorted or not finite.
    """
    check_family(points)
    if np.unique(points.log10_n).size < 3:
        return _undefined(Estimator.VERTEX, points.log10_n.size)
    location, turn = _vertex(points.log10_n, points.y_pct[None, :])
    return _point(location, turn, estimator=Estimator.VERTEX, log10_n=points.log10_n, n=points.log10_n.size)


def family_n_c(
    points: Points,
    *,
    estimator: Estimator,
    n_draws: int,
    rng: np.random.Generator,
    errors: LadderErrors | None = None,
) -> tuple[Inference, Turn]:
    """Return N_c of one family in log10 N, with the interval that measurement error alone gives it.

    points : sorted by size. The value is D1, D2 or D3 of the observed scores. Each of n_draws draws replaces the scores
    by normal ones (`errors`: of paired items, else SE) and recomputes gamma with its undefined rule. No interval if
    more than half the draws, or the observed scores, have none. Raises BadParameterError on unusable points.
    """
    if n_draws < 1:
        raise BadParameterError(f"n_draws must be at least 1, got {n_draws}. The usual number is 10000.")
    if estimator is Estimator.VERTEX:
        answer, status = quadratic_vertex(points)
    else:
        estimate = sign_bracket if estimator is Estimator.SIGN_BRACKET else weighted_line_zero
        answer, status = estimate(family_steps(points, errors=errors))
    x, y = drawn_scores(points, errors, n_draws=n_draws, rng=rng)
    draws, several = _drawn_locations(points, estimator, (x, y), errors)
    lacking, found = "have no turning point inside the data", status is Turn.BRACKETED
    low, high, undefined = guarded_interval(draws, has_value=found, lacking=lacking)
    caveats = (*(c for c in answer.caveats if c != NO_INTERVAL), MEASUREMENT_ONLY, *undefined, *several)
    method = f"{answer.method}; percentiles of {n_draws} {SINGLE_DRAWS if errors is None else PAIRED_DRAWS}"
    return replace(answer, low=low, high=high, method=method, caveats=caveats, draws=draws), status


def _drawn_locations(
    points: Points, estimator: Estimator, drawn: tuple[Array, Array], errors: LadderErrors | None
) -> tuple[Array, tuple[str, ...]]:
    """Return turning points of the rows of drawn scores (n_draws, n_models), NaN where undefined, and caveats."""
    x, y = drawn
    if np.unique(points.log10_n).size < (3 if estimator is Estimator.VERTEX else 2):
        return np.full(x.shape[0], np.nan), ()
    if estimator is Estimator.VERTEX:
        return _vertex(points.log10_n, y)[0], ()
    mid = (points.log10_n[1:] + points.log10_n[:-1]) / 2
    gamma, gamma_se = family_gammas(points, x, y, errors=errors)
    if estimator is Estimator.LINE_ZERO:
        return _line_zero(mid, gamma, gamma_se)[0], ()
    location, _, n_turns = _bracket(mid, gamma)
    several = undefined_caveat(int((n_turns > 1).sum()), x.shape[0], "have several turns; the first was taken")
    return location, (*several, STEPWISE)


def logistic_turning_point(
    covariate: ArrayLike,
    positive: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    covariate_name: str = "log10 N",
) -> tuple[Inference, Inference]:
    """Return (turning point, slope) of the logistic regression of gamma > 0 on a covariate, bootstrapped by family.

    covariate : (n,) log10 N, level of the first benchmark or log10 tokens of each interval; positive : (n,) gamma > 0,
    undefined intervals left out; labels : (n,) family. The turning point is where P(gamma > 0) = 1/2, defined if P
    rises and the point lies within the observed covariate. Where the signs separate it is the middle of the gap and
    the slope is infinite; such resamples are counted. n is the number of families.
    Raises NotEnoughDataError without rows and BadParameterError on lengths that differ or a missing covariate.
    """
    x, sign, family = np.asarray(covariate, dtype=np.float64), np.asarray(positive), np.asarray(labels)
    if not (x.shape == sign.shape == family.shape) or not np.isfinite(x).all() or sign.dtype != np.bool_:
        found = f"{x.shape}, {sign.shape} ({sign.dtype}), {family.shape}; {np.isnan(x).sum()} missing"
        raise BadParameterError(
            f"Need a finite covariate, booleans and labels of one length, got {found}. Drop the rest."
        )
    drawn = cluster_weights(family, n_resamples=n_resamples, rng=rng)
    fits = logistic_fits(np.vstack([np.ones_like(x), drawn]), x, sign)
    inside = (fits.slope > 0) & (fits.half_point >= x.min()) & (fits.half_point <= x.max())
    turning = np.where(inside, fits.half_point, np.nan)
    why = f"outside the data: P(gamma > 0) reaches 1/2 at no {covariate_name} from {x.min():.4g} to {x.max():.4g}"
    if not fits.slope[0] > 0:
        why = f"undefined: P(gamma > 0) does not rise with {covariate_name}"
    if np.isnan(fits.slope[0]):
        why = f"undefined: all intervals have one sign, or one {covariate_name}"
    n, separated = np.unique(family).size, fits.slope == np.inf
    method = f"logistic regression of gamma > 0 on {covariate_name}, unit weights"
    gap: tuple[str, ...] = ("the signs separate: the turning point is the middle of the gap",) if separated[0] else ()
    sentence = "separate the signs: middle of the gap taken, slope infinite"
    gap += undefined_caveat(int(separated[1:].sum()), n_resamples, sentence)
    lacking = f"have no rising P(gamma > 0) = 1/2 within the observed {covariate_name}"
    location = cluster_inference(turning, why=why, lacking=lacking, n=n, method=method)
    why = "the slope is infinite, as the signs separate" if np.isinf(fits.slope[0]) else why
    slope = cluster_inference(fits.slope, why=why, lacking="have no fit", n=n, method=f"slope of the {method}")
    return replace(location, caveats=location.caveats + gap), replace(slope, caveats=slope.caveats + gap)


def fixed_effect_quadratic(points: Points, *, n_resamples: int, rng: np.random.Generator) -> Inference:
    """Return the vertex of y = a_family + b log10 N + c (log10 N)^2, in log10 N, bootstrapped by family.

    Defined if convex with the vertex inside the observed sizes. Each drawn copy of a family has its own intercept, so
    sums of within-family products add up by how often a family was drawn. A family of one size says nothing and is
    left out, with a caveat. n is the number of families used. Raises NotEnoughDataError if none is left.
    """
    family, member, n_models = np.unique(points.family, return_inverse=True, return_counts=True)
    line = points.log10_n - points.log10_n.mean()
    line_, square_, y_ = (v - (np.bincount(member, v) / n_models)[member] for v in (line, line**2, points.y_pct))
    informative = np.array([np.ptp(line[member == i]) > 0 for i in range(family.size)], dtype=bool)[member]
    products = np.stack([line_ * line_, line_ * square_, square_ * square_, line_ * y_, square_ * y_], axis=1)
    drawn = cluster_weights(points.family[informative], n_resamples=n_resamples, rng=rng)
    sums = np.vstack([np.ones(drawn.shape[1]), drawn]) @ products[informative]
    vertex, curvature = parabola_vertex(tuple(sums.T))
    sizes = points.log10_n[informative]
    vertex, turn = _judge(vertex + points.log10_n.mean(), curvature > 0, sizes.min(), sizes.max())
    why = " ".join(_why(Turn(turn[0]), Estimator.VERTEX, sizes))
    n_used = np.unique(points.family[informative]).size
    method, lacking = "vertex of a quadratic in log10 N with family fixed effects", "have no minimum in range"
    answer = cluster_inference(vertex, why=why, lacking=lacking, n=n_used, method=method)
    dropped = (f"{family.size - n_used} families of one size were left out",) if family.size > n_used else ()
    return replace(answer, caveats=answer.caveats + dropped)


def pooled_quadratic_paper_mode(
    log10_n: ArrayLike, y: ArrayLike, *, n_resamples: int = 10_000, seed: int = 42
) -> tuple[Inference, Inference]:
    """Return (the paper's N_c, the vertex of the rows themselves), in log10 N; paper's script bootstrap_Nc.py.

    log10_n, y : (n,) rows of several families, pooled, in the paper's order. The first is median and percentiles of
    the kept resamples of rows (convex, 7 < log10 N < 12) from numpy's legacy stream; the others are counted.
    Raises NotEnoughDataError without rows.
    """
    size, score = np.asarray(log10_n, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weights = legacy_row_weights(size.size, n_resamples=n_resamples, seed=seed)
    vertex, curvature = weighted_parabola_vertex(weights, size, score)
    draws = np.where((curvature > 0) & (vertex > PAPER_RANGE[0]) & (vertex < PAPER_RANGE[1]), vertex, np.nan)
    low, high, n_undefined = percentile_interval(draws)
    lacking = "are not convex with 7 < log10 N < 12 and were dropped"
    paper = Inference(
        value=None if low is None else float(np.nanmedian(draws)),
        low=low,
        high=high,
        n=size.size,
        method=f"median and percentiles of the vertex, {n_resamples} row resamples, legacy seed {seed}",
        caveats=(POOLED, *undefined_caveat(n_undefined, n_resamples, lacking)),
        draws=draws,
    )
    rows, _ = _point(*_vertex(size, score[None, :]), estimator=Estimator.VERTEX, log10_n=size, n=size.size)
    return paper, replace(rows, caveats=(POOLED, *rows.caveats))
