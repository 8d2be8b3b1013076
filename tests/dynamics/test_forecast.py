"""Integration in log10 N, one member or many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from cape.dynamics import forecast
from cape.dynamics.fits import Recipe, ensemble, fit, problem_of
from cape.dynamics.forecast import controls_along, integrate, members_of, right_of
from cape.dynamics.holdout import drawn_predictions
from cape.dynamics.library import Terms
from cape.dynamics.trajectories import Trajectory
from tests.dynamics.planted import BENCHMARKS, CONSTANTS, COUPLINGS, STARTS, coupled, integrated, trajectory

FINE = tuple(np.linspace(7.8, 10.5, 60))
CLEAN = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.02)


def test_a_fitted_linear_system_follows_the_matrix_exponential() -> None:
    trajectories = coupled(noise=0.0, seed=0, sizes=FINE)
    system = fit(problem_of(trajectories, CLEAN))
    one = trajectories[0]
    found = integrate(right_of(system, one), one.scores[0], one.log10_n[0], one.log10_n[[20, 40, 59]])
    rest = -np.linalg.solve(COUPLINGS, CONSTANTS)
    for place, states in zip(one.log10_n[[20, 40, 59]], found.states, strict=True):
        expected = rest + expm(COUPLINGS * (place - one.log10_n[0])) @ (STARTS[0] - rest)
        assert states == pytest.approx(expected, abs=0.05)
    assert not found.blew_up and not found.clipped


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_nonlinear_right_hand_side_follows_scipy_and_half_the_step_changes_nothing(
    degree: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trajectories = coupled(noise=0.0, seed=0, sizes=FINE)
    terms = Terms(benchmarks=BENCHMARKS, degree=degree, with_log_n=True)
    system = fit(problem_of(trajectories, Recipe(terms=terms, threshold=0.02)))
    one = trajectories[0]
    right = right_of(system, one)
    targets = one.log10_n[[10, 20]]
    found = integrate(right, one.scores[0], one.log10_n[0], targets)
    theirs = integrated(lambda place, state: right.rate(state, place), one.scores[0], one.log10_n[[0, 10, 20]])[1:]
    assert found.states == pytest.approx(theirs, abs=0.01)
    monkeypatch.setattr(forecast, "STEP", forecast.STEP / 2)
    assert integrate(right, one.scores[0], one.log10_n[0], targets).states == pytest.approx(found.states, abs=0.01)


def test_integrating_backwards_returns_to_the_start() -> None:
    trajectories = coupled(noise=0.0, seed=0, sizes=FINE)
    one = trajectories[1]
    right = right_of(fit(problem_of(trajectories, CLEAN)), one)
    there = integrate(right, one.scores[10], one.log10_n[10], one.log10_n[[30]]).states[-1]
    back = integrate(right, there, one.log10_n[30], one.log10_n[[10]]).states[-1]
    assert back == pytest.approx(one.scores[10], abs=0.01)


def test_many_members_at_once_are_each_member_alone() -> None:
    trajectories = coupled(noise=1.0, seed=0)
    problem = problem_of(trajectories, Recipe(terms=Terms(benchmarks=BENCHMARKS, degree=2), threshold=0.3))
    system = fit(problem)
    members = ensemble(problem, n_members=5, rng=np.random.default_rng(0))
    one = trajectories[2]
    right = members_of(problem, members, system, one)
    start = np.tile(one.scores[0], (5, 1))
    together = integrate(right, start, one.log10_n[0], one.log10_n[1:3])
    for place in range(5):
        single = forecast.Right(
            library=right.library,
            terms=right.terms,
            coefficients=members.coefficients[place],
            constant=np.zeros(4),
            controls_at=right.controls_at,
        )
        alone = integrate(single, one.scores[0], one.log10_n[0], one.log10_n[1:3])
        assert together.states[place] == pytest.approx(alone.states)


def test_a_runaway_is_marked_and_kept_on_the_scale() -> None:
    place = np.linspace(8, 10, 9)
    scores = 20.0 * np.exp(0.5 * (place - 8))[:, None]
    one = trajectory("A", place, scores)
    problem = problem_of([one], Recipe(terms=Terms(benchmarks=("a",)), threshold=0.0))
    system = fit(problem)
    steep = forecast.Right(
        library=problem.library,
        terms=problem.recipe.terms,
        coefficients=system.coefficients * 400,
        constant=np.zeros(1),
        controls_at=controls_along(one),
    )
    found = integrate(steep, scores[0], 8.0, np.array([9.0]))
    assert found.blew_up and found.clipped and found.states[-1] == pytest.approx([100.0])


def test_a_source_adds_its_points_per_decade() -> None:
    place = np.linspace(8, 10, 5)
    flat = trajectory("A", place, np.tile([50.0, 40.0], (5, 1)) + 1e-9 * place[:, None])
    system = fit(problem_of([flat], Recipe(terms=Terms(benchmarks=("a", "b")), threshold=10.0)))
    found = integrate(right_of(system, flat, np.array([0.0, 3.0])), flat.scores[0], 8.0, np.array([10.0]))
    assert found.states[0] == pytest.approx([50.0, 46.0], abs=1e-3)


def test_control_inputs_run_on_in_a_straight_line() -> None:
    base = trajectory("A", np.array([8.0, 9.0, 10.0]), np.zeros((3, 1)))
    one = Trajectory(
        **{n: getattr(base, n) for n in Trajectory.__slots__} | {"controls": np.array([[1.0], [2.0], [4.0]])}
    )
    at = controls_along(one)
    assert [float(at(place)[0]) for place in (7.0, 8.0, 8.5, 9.5, 11.0)] == [0.0, 1.0, 1.5, 3.0, 6.0]


def test_drawn_starts_spread_by_their_errors_and_unknown_errors_count_as_none() -> None:
    trajectories = coupled(noise=1.0, seed=0)
    problem = problem_of(trajectories, Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.3))
    system = fit(problem)
    members = ensemble(problem, n_members=400, rng=np.random.default_rng(0))
    found = drawn_predictions(system, members, trajectories[0], rng=np.random.default_rng(1))
    assert found.observed.std(axis=0) == pytest.approx(trajectories[0].errors[1:], rel=0.2)
    blank = Trajectory(
        **{n: getattr(trajectories[0], n) for n in Trajectory.__slots__}
        | {"errors": np.full_like(trajectories[0].errors, np.nan)}
    )
    still = drawn_predictions(system, members, blank, rng=np.random.default_rng(1))
    assert np.ptp(still.observed, axis=0) == pytest.approx(np.zeros_like(blank.scores[1:]))
