"""Planted answers: a sparse system is found, independent trends are not called coupled, textbook systems come out."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.fits import Recipe, ensemble, fit, problem_of
from cape.dynamics.identify import gate, linear_part
from cape.dynamics.library import Scaling, Terms
from cape.dynamics.trajectories import Derivative
from tests.dynamics.planted import BENCHMARKS, CONSTANTS, COUPLINGS, coupled, independent_trends, integrated, trajectory

REALISTIC = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.3)


def test_a_planted_sparse_system_over_four_families_is_recovered_at_binomial_noise() -> None:
    exact, coefficients = [], []
    for seed in range(20):
        problem = problem_of(coupled(noise=1.0, seed=seed), REALISTIC)
        system = fit(problem)
        exact.append(np.array_equal(system.coefficients[1:] != 0, COUPLINGS.T != 0))
        coefficients.append(problem.library.physical(system.coefficients)[1:].T)
    assert np.mean(exact) >= 0.8  # the support is exactly the planted one
    found = np.median(coefficients, axis=0)
    assert found == pytest.approx(COUPLINGS, abs=0.25)
    assert np.array_equal(np.sign(found), np.sign(COUPLINGS))


def test_without_noise_the_planted_coefficients_come_out() -> None:
    fine = tuple(np.linspace(7.8, 10.5, 60))
    problem = problem_of(coupled(noise=0.0, seed=0, sizes=fine), Recipe(terms=REALISTIC.terms, threshold=0.02))
    system = fit(problem)
    raw = problem.library.physical(system.coefficients)
    assert raw[1:].T == pytest.approx(COUPLINGS, abs=0.01)
    assert raw[0] - problem.library.centre @ raw[1:] == pytest.approx(CONSTANTS, abs=1.0)


@pytest.mark.parametrize(("n_families", "most"), [(6, 0.12), (20, 0.10)])
def test_independent_trends_are_called_coupled_about_as_often_as_the_level_says(n_families: int, most: float) -> None:
    """A coupling is called where the 95% interval of an off-diagonal of C leaves out 0; nominal rate 0.05."""
    called, places = 0, 0
    recipe = Recipe(terms=Terms(benchmarks=BENCHMARKS[:3]), threshold=0.1)
    for seed in range(40):
        problem = problem_of(independent_trends(n_families=n_families, seed=seed), recipe)
        members = ensemble(problem, n_members=200, rng=np.random.default_rng(seed))
        low, high = np.quantile(linear_part(problem, members.coefficients), [0.025, 0.975], axis=0)
        off = ~np.eye(3, dtype=bool)
        called += int((((low > 0) | (high < 0)) & off).sum())
        places += int(off.sum())
    assert called / places <= most


def test_one_relaxing_family_is_not_determined_however_clean() -> None:
    one = integrated(lambda _, b: -1.0 * (b - 80.0), np.array([30.0, 40.0, 25.0, 50.0]), np.linspace(8, 10, 9))
    found = gate(problem_of([trajectory("A", np.linspace(8, 10, 9), one)], REALISTIC))
    assert not found.is_determined and any("span" in reason or "condition" in reason for reason in found.reasons)


def lorenz(_: float, s: np.ndarray) -> np.ndarray:
    return np.array([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])


def lotka_volterra(_: float, s: np.ndarray) -> np.ndarray:
    return np.array([1.3 * s[0] - 0.9 * s[0] * s[1], 0.8 * s[0] * s[1] - 1.8 * s[1]])


@pytest.mark.parametrize(
    ("right", "start", "times", "expected"),
    [
        (
            lorenz,
            (-8.0, 8.0, 27.0),
            np.arange(0, 4, 0.002),
            {0: {"a": -10, "b": 10}, 1: {"a": 28, "b": -1, "a x c": -1}, 2: {"c": -8 / 3, "a x b": 1}},
        ),
        (
            lotka_volterra,
            (1.0, 1.0),
            np.arange(0, 8, 0.01),
            {0: {"a": 1.3, "a x b": -0.9}, 1: {"b": -1.8, "a x b": 0.8}},
        ),
    ],
    ids=["lorenz", "lotka_volterra"],
)
def test_textbook_systems_come_out_with_their_terms_and_coefficients(
    right: object, start: tuple[float, ...], times: np.ndarray, expected: dict[int, dict[str, float]]
) -> None:
    """As printed scaling takes percent to fractions, so states times 100 keep the textbook coefficients."""
    states = integrated(right, np.array(start), times)  # type: ignore[arg-type]
    names = ("a", "b", "c")[: len(start)]
    terms = Terms(benchmarks=names, degree=2, scaling=Scaling.AS_PRINTED)
    recipe = Recipe(terms=terms, threshold=0.1, derivative=Derivative.NODES)
    problem = problem_of([trajectory("T", times, 100 * states)], recipe)
    system = fit(problem)
    for equation, wanted in expected.items():
        column = dict(zip(problem.library.names, system.coefficients[:, equation].tolist(), strict=True))
        kept = {name: value for name, value in column.items() if value}
        assert kept == pytest.approx(wanted, rel=0.02)
