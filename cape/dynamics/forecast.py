"""Scores at other sizes: the fitted systems integrated in log10 N, many members and ladders at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.fits import Ensemble, Problem, System
from cape.dynamics.library import Library, Terms, values_of
from cape.dynamics.trajectories import Trajectory

Array = NDArray[np.float64]

STEP = 0.1  # decades; halving it moves no forecast of the shipped rows by 0.01 points
BLOW_UP = 1000.0  # points per decade; ten times the whole scale within a decade
LOWEST, HIGHEST = 0.0, 100.0  # percent; DEFINITIONS: clip 0-100


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The right hand sides of a batch of systems that share a library.

    coefficients : (..., m, p). constant : (..., p) points per decade added to the rates: the family's own and sources.
    controls_at : log10 N to the control inputs (q,) there.
    """

    library: Library
    terms: Terms
    coefficients: Array
    constant: Array
    controls_at: Callable[[float], Array]

    def rate(self, state: Array, log10_n: float) -> Array:
        """Return the rates (..., p) at states (..., p)."""
        values = values_of(state, np.asarray(log10_n), self.controls_at(log10_n), with_log_n=self.terms.with_log_n)
        design = self.library.design(values)
        return (design[..., None, :] @ self.coefficients)[..., 0, :] * self.library.rate_scale + self.constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Scores at the sizes asked for. states : (..., k, p) percent. blew_up, clipped : (...,) which members did so."""

    states: Array
    blew_up: NDArray[np.bool_]
    clipped: NDArray[np.bool_]


def integrate(right: Right, start: Array, start_log10_n: float, targets: Array) -> Course:
    """Integrate from one size to others by fourth-order Runge-Kutta, scores kept within 0 and 100.

    start : (..., p) percent. targets : (k,) log10 N, rising from the start (or falling from it).
    A member whose rate passes BLOW_UP is marked; its scores stop at the ends of the scale and are not dropped.
    """
    state, place = np.array(start, dtype=np.float64), float(start_log10_n)
    blew_up = np.zeros(state.shape[:-1], dtype=bool)
    clipped = np.zeros(state.shape[:-1], dtype=bool)
    states = np.empty((*state.shape[:-1], len(targets), state.shape[-1]))
    for index, target in enumerate(np.asarray(targets, dtype=np.float64).tolist()):
        n_steps = max(1, int(np.ceil(abs(target - place) / STEP - 1e-9)))
        h = (target - place) / n_steps
        for _ in range(n_steps):
            change, steepest = _runge_kutta(right, state, place, h)
            blew_up |= steepest > BLOW_UP
            free = state + change
            state = np.clip(free, LOWEST, HIGHEST)
            clipped |= (free != state).any(axis=-1)
            place += h
        place = target
        states[..., index, :] = state
    return Course(states=states, blew_up=blew_up, clipped=clipped)


def _runge_kutta(right: Right, state: Array, place: float, h: float) -> tuple[Array, Array]:
    """Return the change over one step and the steepest rate met (...,); intermediate states stay on the scale."""

    def on_scale(trial: Array) -> Array:
        return np.clip(trial, LOWEST, HIGHEST)

    first = right.rate(state, place)
    second = right.rate(on_scale(state + h / 2 * first), place + h / 2)
    third = right.rate(on_scale(state + h / 2 * second), place + h / 2)
    fourth = right.rate(on_scale(state + h * third), place + h)
    steepest = np.abs(np.stack([first, second, third, fourth])).max(axis=(0, -1))
    return h / 6 * (first + 2 * second + 2 * third + fourth), steepest


def controls_along(trajectory: Trajectory) -> Callable[[float], Array]:
    """Return log10 N to the control inputs of a ladder: linear between sizes, and on from the last two beyond them."""
    place, values = trajectory.log10_n, trajectory.controls
    if values.shape[1] == 0:
        nothing = np.zeros(0)
        return lambda _: nothing

    def at(log10_n: float) -> Array:
        upper = int(np.clip(np.searchsorted(place, log10_n), 1, place.size - 1)) if place.size > 1 else 0
        if upper == 0:
            return values[0]
        share = (log10_n - place[upper - 1]) / (place[upper] - place[upper - 1])
        return values[upper - 1] + share * (values[upper] - values[upper - 1])

    return at


def right_of(system: System, trajectory: Trajectory, source: Array | float = 0.0) -> Right:
    """Return the right hand side of a fitted system for one ladder, with a source (p,) in points per decade."""
    problem = system.problem
    return Right(
        library=problem.library,
        terms=problem.recipe.terms,
        coefficients=system.coefficients,
        constant=system.constant_of(trajectory.family) + source,
        controls_at=controls_along(trajectory),
    )


def members_of(
    problem: Problem, members: Ensemble, system: System, trajectory: Trajectory, source: Array | float = 0.0
) -> Right:
    """Return the right hand sides of all members (R,) for one ladder."""
    known = trajectory.family in system.families
    place = system.families.index(trajectory.family) if known else slice(None)
    constants = members.constants[:, place]
    return Right(
        library=problem.library,
        terms=problem.recipe.terms,
        coefficients=members.coefficients,
        constant=(constants if known else constants.mean(axis=1)) + source,
        controls_at=controls_along(trajectory),
    )
