"""How many items, sizes or seeds until the phase of an interval is settled, if its observed changes are the true ones.

A phase is settled when the Fieller interval of gamma lies in one band. The interval leaves out an edge e exactly when
|dy - e dx| > z sqrt(var(dy) + e^2 var(dx)), so the chance is that of one normal number per edge (Fieller 1954).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

from cape.errors import BadParameterError
from cape.stats.coupling import MIN_DELTA_PP, MIN_DELTA_SE, TRANSITION_WIDTH
from cape.stats.inference import LEVEL, Z_LEVEL

POWER = 0.8  # chance of settling that is planned for; Cohen (1988), section 2.1
MOST_TIMES = 1000.0  # items beyond this multiple of those at hand count as out of reach
MOST_REPLICATES = 1000
ROUNDING = 1e-9  # points; differences of equal scores are this exact
HALVINGS = 60  # bisections of log10(multiple); leaves an error below 1e-15
EDGES = (-TRANSITION_WIDTH, TRANSITION_WIDTH)

Array = NDArray[np.float64]


class Limit(StrEnum):
    """Why a number of items cannot be given, or that it can."""

    SETTLED = "settled already"
    REACHABLE = "more items settle it"
    STANDS_STILL = f"no items settle it: the first benchmark moves less than {MIN_DELTA_PP} points"
    AT_THE_EDGE = f"no items settle it: gamma lies at a band edge (more than {MOST_TIMES:.0f} times the items)"
    UNKNOWN = "cannot be said: a score or its standard error is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Observed changes of steps and their variances at the items at hand; arrays (n_steps,), points and points^2."""

    delta_x: Array
    delta_y: Array
    variance_x: Array
    variance_y: Array


def settling_power(changes: Changes, *, x_times: ArrayLike = 1.0, y_times: ArrayLike = 1.0) -> Array:
    """Return the chance that the phase of each step is settled with these multiples of the items, (n_steps,).

    The true changes are taken to be the observed ones. The chance is the bound of Bonferroni over the events that must
    happen together (each edge left out, the first benchmark moving enough), which is exact where one of them decides.
    NaN where a number is missing. Raises BadParameterError for a multiple that is not positive.
    """
    x_more, y_more = (np.asarray(times, dtype=np.float64) for times in (x_times, y_times))
    if (x_more <= 0).any() or (y_more <= 0).any():
        raise BadParameterError("A multiple of the items must be above 0.")
    variance_x, variance_y = changes.variance_x / x_more, changes.variance_y / y_more
    with np.errstate(divide="ignore", invalid="ignore"):  # no error, or no change, at all
        signal = np.abs(changes.delta_x) / np.sqrt(variance_x)
        moves = np.where(np.abs(changes.delta_x) >= MIN_DELTA_PP, ndtr(signal - MIN_DELTA_SE), 0.0)
        misses = 1.0 - moves
        for edge, decides in zip(EDGES, _deciding(changes), strict=True):
            distance = np.abs(changes.delta_y - edge * changes.delta_x)
            left_out = ndtr(distance / np.sqrt(variance_y + edge**2 * variance_x) - Z_LEVEL)
            misses = misses + np.where(decides, 1.0 - left_out, 0.0)
    known = np.isfinite(changes.delta_x + changes.delta_y + changes.variance_x + changes.variance_y)
    return np.where(known, np.maximum(1.0 - misses, 0.0), np.nan)


def times_needed(changes: Changes, *, more_x: bool, more_y: bool, power: float = POWER) -> Array:
    """Return the multiple of the items on the named benchmarks that settles each step with this chance, (n_steps,).

    At least 1. NaN where even MOST_TIMES as many do not, or where a number is missing.
    Raises BadParameterError unless 0 < power < 1 and one benchmark is named.
    """
    if not 0 < power < 1 or not (more_x or more_y):
        raise BadParameterError(f"Plan for a power between 0 and 1, got {power}, and for one benchmark at least.")

    def reached(times: Array) -> NDArray[np.bool_]:
        return settling_power(changes, x_times=times if more_x else 1.0, y_times=times if more_y else 1.0) >= power

    low, high = np.zeros(changes.delta_x.shape), np.full(changes.delta_x.shape, np.log10(MOST_TIMES))
    ends = [reached(np.power(10.0, exponent)) for exponent in (low, high)]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = reached(np.power(10.0, middle))
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(ends[0], 1.0, np.where(ends[1], np.power(10.0, high), np.nan))


def limits(changes: Changes, *, is_settled: ArrayLike, power: float = POWER) -> NDArray[np.str_]:
    """Return what stands between each step and a settled phase, (n_steps,) values of `Limit`.

    is_settled : (n_steps,) whether the interval as observed lies in one band already.
    """
    known = np.isfinite(changes.delta_x + changes.delta_y + changes.variance_x + changes.variance_y)
    still = np.abs(changes.delta_x) < MIN_DELTA_PP
    reachable = np.isfinite(times_needed(changes, more_x=True, more_y=True, power=power))
    return np.select(
        [~known, np.asarray(is_settled, dtype=bool), still, reachable],
        [Limit.UNKNOWN, Limit.SETTLED, Limit.STANDS_STILL, Limit.REACHABLE],
        default=Limit.AT_THE_EDGE,
    )


def replicates_needed(delta_x: ArrayLike, delta_y: ArrayLike, *, power: float = POWER) -> int | None:
    """Return how many replicates (seeds) settle the phase of one step's mean changes with this chance, or None.

    delta_x, delta_y : (n_replicates,) changes of each replicate, points; their spread holds measurement error as well.
    The mean of dy - e dx is compared with Student's limit for each edge that decides. None with fewer than 2
    replicates, a mean step of the first benchmark below 0.5 points, or more than MOST_REPLICATES.
    """
    dx, dy = np.asarray(delta_x, dtype=np.float64), np.asarray(delta_y, dtype=np.float64)
    if dx.size < 2 or abs(dx.mean()) < MIN_DELTA_PP or not np.isfinite(dx + dy).all():
        return None
    number = np.arange(2, MOST_REPLICATES + 1)
    student = stdtrit(number - 1, (1 + LEVEL) / 2)
    mean = Changes(
        delta_x=dx.mean(keepdims=True), delta_y=dy.mean(keepdims=True), variance_x=np.zeros(1), variance_y=np.zeros(1)
    )
    misses = np.zeros(number.size)
    for edge, decides in zip((*EDGES, None), (*_deciding(mean), np.array([True])), strict=True):
        apart = dx if edge is None else dy - edge * dx  # None: the first benchmark itself must move
        spread, off = apart.std(ddof=1), abs(apart.mean())
        if decides[0]:
            signal = off / spread if spread > ROUNDING else (np.inf if off > ROUNDING else 0.0)
            misses += 1.0 - ndtr(signal * np.sqrt(number) - student)
    enough = np.flatnonzero(1.0 - misses >= power)
    return int(number[enough[0]]) if enough.size else None


def gain_per_item(
    *, variance: ArrayLike, n_items: ArrayLike, weight: ArrayLike, answers_per_item: ArrayLike = 1.0
) -> Array:
    """Return how much one more answer shortens the variance of dy - e dx, squared points per answer.

    variance : of a change (or score) at n_items items, falling as 1 / n_items. weight : 1 for the second benchmark,
    e^2 for the first. answers_per_item : 2 where both sizes must answer a paired item.
    """
    v, n, w, answers = (np.asarray(a, dtype=np.float64) for a in (variance, n_items, weight, answers_per_item))
    return w * v / n / answers


def deciding_edge(delta_x: ArrayLike, delta_y: ArrayLike) -> Array:
    """Return the edge of the bands nearest to gamma, -0.1 or 0.1, (n_steps,)."""
    dx, dy = np.asarray(delta_x, dtype=np.float64), np.asarray(delta_y, dtype=np.float64)
    return np.where(dy * dx < 0, EDGES[0], EDGES[1])


def _deciding(changes: Changes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether the low and the high edge must be left out: the near one of tax or bonus, both of transition."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gamma = changes.delta_y / changes.delta_x
    return ~(gamma > EDGES[1]), ~(gamma < EDGES[0])
