"""Ladders whose equations are known: integrated by scipy, measured with errors of the size that benchmarks have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from cape.dynamics.trajectories import Trajectory

Array = NDArray[np.float64]

BENCHMARKS = ("hellaswag", "truthfulqa_mc2", "arc_challenge", "winogrande")
N_ITEMS = np.array([10_042, 817, 1_172, 1_267])
SIZES = np.log10([7e7, 1.6e8, 4.1e8, 1e9, 2.8e9, 6.9e9, 1.2e10, 3e10])
# dB/dlog10N = C B + c0, points per decade; four of the twelve couplings are there.
COUPLINGS = np.array(
    [
        [-0.9, 0.0, 0.0, 0.0],
        [-1.4, -1.6, 0.0, 0.0],
        [1.1, 0.0, -1.8, 0.0],
        [0.0, 0.0, 1.2, -1.5],
    ]
)
CONSTANTS = np.array([72.0, 145.0, 20.0, 50.0])
STARTS = np.array(
    [[27.0, 47.0, 22.0, 51.0], [60.0, 30.0, 24.0, 56.0], [30.0, 38.0, 50.0, 70.0], [45.0, 60.0, 40.0, 48.0]]
)


def binomial_errors(scores: Array, n_items: Array) -> Array:
    """Return the standard error of each score, percent, from its number of items."""
    share = np.clip(scores, 1, 99) / 100
    return 100 * np.sqrt(share * (1 - share) / n_items)


def trajectory(
    family: str, log10_n: Array, scores: Array, errors: Array | None = None, *, replicate: str = ""
) -> Trajectory:
    """Return a trajectory without control inputs."""
    return Trajectory(
        family=family,
        replicate=replicate,
        log10_n=np.asarray(log10_n, dtype=float),
        scores=np.asarray(scores, dtype=float),
        errors=np.zeros_like(scores) if errors is None else errors,
        controls=np.zeros((len(log10_n), 0)),
        width=np.full(len(log10_n), np.nan),
    )


def integrated(right: Callable[[float, Array], Array], start: Array, log10_n: Array) -> Array:
    """Return the scores (k, p) at the sizes, by scipy's own integrator."""
    found = solve_ivp(right, (log10_n[0], log10_n[-1]), start, t_eval=log10_n, rtol=1e-9, atol=1e-9)
    return found.y.T


def coupled(
    *,
    noise: float,
    seed: int,
    sizes: Sequence[float] = tuple(SIZES),
    source: float = 0.0,
    sourced: tuple[str, ...] = (),
) -> list[Trajectory]:
    """Return four families that follow the planted system, each score with `noise` binomial standard errors.

    source : points per decade added to the rate of the second benchmark of the families `sourced`.
    """
    rng = np.random.default_rng(seed)
    found = []
    for index, start in enumerate(STARTS):
        place = np.asarray(sizes) + 0.07 * index
        family, added = f"F{index}", np.zeros(4)
        added[1] = source if family in sourced else 0.0
        scores = integrated(lambda _, b, added=added: COUPLINGS @ b + CONSTANTS + added, start, place)
        errors = binomial_errors(scores, N_ITEMS)
        found.append(trajectory(family, place, scores + noise * errors * rng.standard_normal(scores.shape), errors))
    return found


def independent_trends(*, n_families: int, seed: int, p: int = 3) -> list[Trajectory]:
    """Return families whose benchmarks each rise or fall with log10 N by themselves, with own levels and slopes."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(n_families):
        level = rng.uniform(30, 60, p)
        pull = np.full(p, -0.8)
        rest = rng.uniform(45, 75, p)
        scores = rest + (level - rest) * np.exp(pull * (SIZES[:, None] - SIZES[0]))
        errors = binomial_errors(scores, N_ITEMS[:p])
        found.append(trajectory(f"F{index}", SIZES, scores + errors * rng.standard_normal(scores.shape), errors))
    return found
