"""Slope gamma of one benchmark against another between two sizes of a family, its interval and phase (paper A.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from cape.errors import BadParameterError
from cape.quantities import Phase
from cape.stats.inference import Z_LEVEL, Points, Steps
from cape.stats.ladder_errors import LadderErrors, step_variances

TRANSITION_WIDTH = 0.1  # |gamma| of the transition band, paper A.1
MIN_DELTA_PP = 0.5  # smallest step of the first benchmark with a ratio, percentage points, DEFINITIONS section 2
MIN_DELTA_SE = 1.96  # the same in standard errors of the step; above Z_LEVEL, so the Fieller interval is bounded

MISSING = "a score or its standard error is missing"
TOO_SMALL = f"the first benchmark moves by less than {MIN_DELTA_PP} percentage points"
WITHIN_NOISE = f"the first benchmark moves by less than {MIN_DELTA_SE} standard errors of its difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaIntervals:
    """Slopes between pairs of models; all arrays have the shape of the deltas.

    gamma, gamma_se : delta_y / delta_x and its delta-method standard error; NaN where undefined.
    fieller_low, fieller_high : limits of the Fieller interval of the ratio; NaN where gamma is undefined.
    angle_deg : direction atan2(delta_y, delta_x) in (-180, 180]; NaN where both deltas are zero.
    quadrant : sign of delta_x then of delta_y, "++", "+-", "-+" or "--"; "0" if one is zero; "" if one is missing.
    undefined_reason : why gamma is undefined, "" where it is defined.
    """

    gamma: NDArray[np.float64]
    gamma_se: NDArray[np.float64]
    fieller_low: NDArray[np.float64]
    fieller_high: NDArray[np.float64]
    angle_deg: NDArray[np.float64]
    quadrant: NDArray[np.str_]
    undefined_reason: NDArray[np.str_]


def smallest_delta(variance_x: ArrayLike) -> NDArray[np.float64]:
    """Return the smallest |delta_x| with a defined gamma, percentage points: max(0.5, 1.96 sqrt(variance_x))."""
    return np.maximum(MIN_DELTA_PP, MIN_DELTA_SE * np.sqrt(np.asarray(variance_x, dtype=np.float64)))


def gamma_and_se(
    delta_x: ArrayLike, delta_y: ArrayLike, *, variance_x: ArrayLike, variance_y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gamma = delta_y / delta_x and its delta-method standard error, NaN where undefined.

    Arguments as for `gamma_interval`. The error is sqrt(variance_y + gamma^2 variance_x) / |delta_x|.
    """
    dx, dy, vx, vy = (np.asarray(a, dtype=np.float64) for a in (delta_x, delta_y, variance_x, variance_y))
    known = np.isfinite(dx) & np.isfinite(dy) & np.isfinite(vx) & np.isfinite(vy)
    defined = known & (np.abs(dx) >= smallest_delta(vx))
    divisor = np.where(defined, dx, np.nan)
    gamma = dy / divisor
    return gamma, np.sqrt(vy + gamma**2 * vx) / np.abs(divisor)


def gamma_interval(
    delta_x: ArrayLike, delta_y: ArrayLike, *, variance_x: ArrayLike, variance_y: ArrayLike
) -> GammaIntervals:
    """Return slope, standard error, Fieller interval and direction of each step.

    delta_x, delta_y : (...,) change of the first and second benchmark, percentage points.
    variance_x, variance_y : (...,) variance of each change (SE_from^2 + SE_to^2), squared percentage points.
    Gamma is undefined where |delta_x| < max(0.5, 1.96 sqrt(variance_x)). The two changes are taken as uncorrelated.
    Raises BadParameterError on a negative variance. Reference: Fieller (1954), J. R. Stat. Soc. B 16, 175-185.
    """
    arrays = (np.asarray(a, dtype=np.float64) for a in (delta_x, delta_y, variance_x, variance_y))
    dx, dy, vx, vy = np.broadcast_arrays(*arrays)
    if (vx < 0).any() or (vy < 0).any():
        raise BadParameterError("gamma_interval got a negative variance. Pass SE_from^2 + SE_to^2, not a difference.")
    gamma, gamma_se = gamma_and_se(dx, dy, variance_x=vx, variance_y=vy)
    # {g : (dy - g dx)^2 <= z^2 (vy + g^2 vx)}; defined means `leading` > 0, so every term below the root is >= 0.
    leading = np.where(np.isfinite(gamma), dx**2 - Z_LEVEL**2 * vx, np.nan)
    half_width = Z_LEVEL * np.sqrt(leading * vy + dy**2 * vx) / leading
    missing = ~(np.isfinite(dx) & np.isfinite(dy) & np.isfinite(vx) & np.isfinite(vy))
    too_small, within_noise = np.abs(dx) < MIN_DELTA_PP, np.isnan(gamma)
    zero = (dx == 0) | (dy == 0)
    quadrant = np.char.add(np.where(dx > 0, "+", "-"), np.where(dy > 0, "+", "-"))
    return GammaIntervals(
        gamma=gamma,
        gamma_se=gamma_se,
        fieller_low=dx * dy / leading - half_width,
        fieller_high=dx * dy / leading + half_width,
        angle_deg=np.where((dx == 0) & (dy == 0), np.nan, np.degrees(np.arctan2(dy, dx))),
        quadrant=np.select([np.isnan(dx) | np.isnan(dy), zero], ["", "0"], default=quadrant),
        undefined_reason=np.select([missing, too_small, within_noise], [MISSING, TOO_SMALL, WITHIN_NOISE], default=""),
    )


def check_family(points: Points) -> None:
    """Raise BadParameterError unless the points are one family, sorted by size, with finite scores and errors >= 0."""
    if (n_families := np.unique(points.family).size) > 1:
        raise BadParameterError(f"Points of {n_families} families were given. Pass one family at a time.")
    if (np.diff(points.log10_n) < 0).any():
        raise BadParameterError(f"The sizes {points.log10_n} are not sorted. Sort the points by log10_n first.")
    numbers = np.stack([points.log10_n, points.x_pct, points.y_pct, points.x_se, points.y_se])
    if not np.isfinite(numbers).all() or (numbers[3:] < 0).any():
        raise BadParameterError("A size, score or standard error is missing or negative. Drop that model first.")


def family_gammas(
    points: Points, x_pct: NDArray[np.float64], y_pct: NDArray[np.float64], *, errors: LadderErrors | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gamma and its standard error under other scores of the same models, both (n_rows, n_models - 1).

    points : one family, sorted by size; gives the standard errors, unless `errors` gives those of paired items.
    x_pct, y_pct : (n_rows, n_models), percent.
    Raises BadParameterError if two models have the same size.
    """
    if (np.diff(points.log10_n) == 0).any():
        raise BadParameterError("Two models of the family have the same size. Average them first.")
    variance_x, variance_y = step_variances(points, errors)
    return gamma_and_se(np.diff(x_pct, axis=1), np.diff(y_pct, axis=1), variance_x=variance_x, variance_y=variance_y)


def family_steps(points: Points, *, errors: LadderErrors | None = None) -> Steps:
    """Return the steps between consecutive sizes of one family, gamma NaN where undefined.

    errors : of paired items, in place of the standard errors of the points.

    Raises BadParameterError if the points are of several families, unsorted, not finite or share a size.
    """
    check_family(points)
    gamma, gamma_se = family_gammas(points, points.x_pct[None, :], points.y_pct[None, :], errors=errors)
    return Steps(
        family=points.family[1:],
        log10_n_mid=(points.log10_n[1:] + points.log10_n[:-1]) / 2,
        x_mid_pct=(points.x_pct[1:] + points.x_pct[:-1]) / 2,
        gamma=gamma[0],
        gamma_se=gamma_se[0],
    )


def _band(gamma: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return the paper's phase of each gamma, "none" where it is NaN."""
    bands = [np.isnan(gamma), gamma < -TRANSITION_WIDTH, gamma > TRANSITION_WIDTH]
    return np.select(bands, [Phase.NONE, Phase.TAX, Phase.BONUS], default=Phase.TRANSITION)


def classify_phase(gamma: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return (phase_paper, phase), both (n,) values of `Phase`.

    gamma, low, high : (n,) slope and its interval. phase_paper: tax below -0.1, bonus above 0.1, transition between
    (paper A.1). phase: the same, but "undetermined" where the interval touches more than one band or has no limits.
    Both are "none" where gamma is NaN. Raises BadParameterError if a low limit lies above its high limit.
    """
    slope, lower, upper = (np.asarray(a, dtype=np.float64) for a in (gamma, low, high))
    if (lower > upper).any():
        raise BadParameterError("classify_phase got a low limit above its high limit. Swap the two arguments.")
    paper = _band(slope)
    settled = (_band(lower) == paper) & (_band(upper) == paper)
    return paper, np.where(settled | np.isnan(slope), paper, Phase.UNDETERMINED)


def phase_probabilities(gamma: ArrayLike, se: ArrayLike) -> NDArray[np.float64]:
    """Return the probabilities of tax, transition and bonus for a normal gamma, (n, 3); NaN where gamma is NaN.

    gamma, se : (n,) slope and its standard error. A standard error of zero gives probabilities 0 and 1.
    """
    slope, error = np.asarray(gamma, dtype=np.float64), np.asarray(se, dtype=np.float64)
    exact = error == 0
    scale = np.where(exact, 1.0, error)
    tax = np.where(exact, slope < -TRANSITION_WIDTH, ndtr((-TRANSITION_WIDTH - slope) / scale))
    not_bonus = np.where(exact, slope <= TRANSITION_WIDTH, ndtr((TRANSITION_WIDTH - slope) / scale))
    bonus = np.where(exact, slope > TRANSITION_WIDTH, ndtr((slope - TRANSITION_WIDTH) / scale))
    table = np.stack([tax, not_bonus - tax, bonus], axis=-1)
    return np.where((np.isnan(slope) | np.isnan(error))[..., None], np.nan, table)
