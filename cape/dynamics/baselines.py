"""What a forecast must beat: rules without coupling, on the same rows and the same held-out cells as the system.

Every rule sees the training ladders and the held-out ladder's own start, as the system does; no rule sees more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from cape.dynamics.trajectories import Trajectory

Array = NDArray[np.float64]

LENGTHS = (0.3, 0.6, 1.2, 2.4)  # decades: shorter than a usual step, longer than the sizes of a panel span
NOISES = (0.02, 0.1, 0.3, 0.6)  # share of the variance that the curve does not carry
SMALL = 1e-9  # of pull times distance, below which growth is a straight line
LOGIT_EDGE = 0.5  # percent: scores nearer to 0 or 100 stand there in a logistic curve
POLYNOMIALS = (1, 2, 3, 4)  # degrees of the paper's baselines, dashboard


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Rows that a rule may see. place : (n,) log10 N. scores : (n, p). group : (n,) trajectory of each row."""

    place: Array
    scores: Array
    group: NDArray[np.int64]
    family: NDArray[np.str_]

    @classmethod
    def of(cls, trajectories: Sequence[Trajectory]) -> Training:
        """Return the rows of these trajectories."""
        counts = [one.k for one in trajectories]
        return cls(
            place=np.concatenate([one.log10_n for one in trajectories]),
            scores=np.concatenate([one.scores for one in trajectories]),
            group=np.repeat(np.arange(len(counts)), counts),
            family=np.repeat(np.array([one.family for one in trajectories]), counts),
        )


UNCOUPLED = "uncoupled ODE"

Rule = Callable[[Training, float, Array, Array], Array]  # rows, start, its scores (p,), targets (k,) -> (k, p)


def persistence(_: Training, start: float, scores: Array, targets: Array) -> Array:
    """Every size scores as the start does."""
    del start
    return np.repeat(scores[None], targets.size, axis=0)


def family_mean(rows: Training, start: float, scores: Array, targets: Array) -> Array:
    """Every size scores as the mean of the training families' own means."""
    del start, scores
    means = np.array([rows.scores[rows.family == name].mean(axis=0) for name in np.unique(rows.family)])
    return np.repeat(means.mean(axis=0)[None], targets.size, axis=0)


def linear_from_start(rows: Training, start: float, scores: Array, targets: Array) -> Array:
    """The line in log10 N through the start, with the slope that the training families share within themselves."""
    return scores + (targets - start)[:, None] * _within_slope(rows, rows.scores)


def logistic_from_start(rows: Training, start: float, scores: Array, targets: Array) -> Array:
    """The logistic curve in log10 N through the start, 0 to 100, with the shared slope of the logits."""
    slope = _within_slope(rows, _logit(rows.scores))
    return 100.0 / (1.0 + np.exp(-(_logit(scores) + (targets - start)[:, None] * slope)))


def uncoupled(rows: Training, start: float, scores: Array, targets: Array) -> Array:
    """Every benchmark its own equation dB/dlog10N = a + b B, integrated from the start: an ODE without coupling.

    a and b by least squares on the steps of the training ladders; it tells what coupling adds to dynamics.
    """
    same = rows.group[1:] == rows.group[:-1]
    rate = np.diff(rows.scores, axis=0)[same] / np.diff(rows.place)[same, None]
    middle = ((rows.scores[1:] + rows.scores[:-1]) / 2)[same]
    spread = middle - middle.mean(axis=0)
    variance = (spread**2).sum(axis=0)
    pull = (spread * rate).sum(axis=0) / np.where(variance > 0, variance, np.inf)
    first = rate.mean(axis=0) + pull * (scores - middle.mean(axis=0))
    ahead = (targets - start)[:, None]
    growth = np.where(np.abs(pull * ahead) < SMALL, ahead, np.expm1(pull * ahead) / np.where(pull == 0, 1.0, pull))
    return scores + first * growth


def polynomial(degree: int) -> Rule:
    """Return the rule: one polynomial of log10 N per benchmark through all training rows, the start not used.

    NaN where the training rows have too few distinct sizes.
    """

    def rule(rows: Training, start: float, scores: Array, targets: Array) -> Array:
        del start
        if np.unique(rows.place).size <= degree:
            return np.full((targets.size, scores.size), np.nan)
        centre, spread = rows.place.mean(), rows.place.std()
        design = np.vander((rows.place - centre) / spread, degree + 1)
        fitted = np.linalg.lstsq(design, rows.scores, rcond=None)[0]
        return np.vander((targets - centre) / spread, degree + 1) @ fitted

    return rule


def gaussian_process(rows: Training, start: float, scores: Array, targets: Array) -> Array:
    """The posterior mean of a Gaussian process of log10 N per benchmark, training rows and start.

    Squared exponential kernel about the mean score; length and noise share by marginal likelihood on a fixed grid.
    """
    place = np.append(rows.place, start)
    seen = np.vstack([rows.scores, scores])
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    z = (seen - mean) / np.where(spread > 0, spread, 1.0)
    best = np.full(z.shape[1], -np.inf)
    found = np.zeros((targets.size, z.shape[1]))
    gap, ahead = place[:, None] - place, targets[:, None] - place
    for length in LENGTHS:
        kernel, cross = (np.exp(-0.5 * (distance / length) ** 2) for distance in (gap, ahead))
        for noise in NOISES:
            factor = np.linalg.cholesky((1 - noise) * kernel + noise * np.eye(place.size))
            solved = cho_solve((factor, True), z, check_finite=False)
            likelihood = -0.5 * (z * solved).sum(axis=0) - np.log(np.diag(factor)).sum()
            better = likelihood > best
            posterior = (1 - noise) * cross @ solved
            found[:, better], best[better] = posterior[:, better], likelihood[better]
    return mean + found * spread


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "persistence": persistence,
        "family mean": family_mean,
        "linear from the start": linear_from_start,
        **{f"polynomial {degree}": polynomial(degree) for degree in POLYNOMIALS},
        "Gaussian process": gaussian_process,
        "logistic from the start": logistic_from_start,
        UNCOUPLED: uncoupled,
    }
)


def _within_slope(rows: Training, scores: Array) -> Array:
    """Return the slope (p,) on log10 N that ladders share, each with its own level."""
    counts = np.bincount(rows.group)

    def inside(columns: Array) -> Array:
        total = np.zeros((counts.size, columns.shape[1]))
        np.add.at(total, rows.group, columns)
        return columns - (total / counts[:, None])[rows.group]

    line = inside(rows.place[:, None])
    return (line * inside(scores)).sum(axis=0) / (line**2).sum()


def _logit(scores: Array) -> Array:
    share = np.clip(scores, LOGIT_EDGE, 100.0 - LOGIT_EDGE) / 100.0
    return np.log(share / (1.0 - share))
