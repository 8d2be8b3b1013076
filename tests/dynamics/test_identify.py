"""What the data can determine, and structure that survives a change."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.fits import Recipe, fit, problem_of
from cape.dynamics.identify import (
    eigenvalues,
    gate,
    linear_part,
    noise_share,
    threshold_path,
    without_families,
    without_sizes,
)
from cape.dynamics.library import Scaling, Terms
from tests.dynamics.planted import BENCHMARKS, COUPLINGS, coupled, trajectory

RECIPE = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.3)


def test_a_planted_panel_is_determined_and_eight_sizes_with_a_cubic_library_are_not() -> None:
    four = coupled(noise=1.0, seed=0)
    assert gate(problem_of(four, RECIPE)).verdict == "determined"
    cubic = gate(problem_of(four[:1], Recipe(terms=Terms(benchmarks=BENCHMARKS, degree=3), threshold=0.1)))
    assert (cubic.n_candidates, cubic.n_independent) == (35, 7) and cubic.condition is None
    assert "more candidates (35) than independent differences (7)" in cubic.reasons
    assert cubic.verdict == "not determined"


def test_an_own_constant_counts_as_a_parameter_of_every_family() -> None:
    terms = Terms(benchmarks=BENCHMARKS, has_own_constant=True)
    found = gate(
        problem_of([one.keep(slice(0, 3)) for one in coupled(noise=1.0, seed=0)], Recipe(terms=terms, threshold=0.1))
    )
    assert (found.n_candidates, found.n_independent) == (8, 8)
    assert any("exact" in reason for reason in found.reasons)


def test_the_condition_number_is_that_of_columns_of_equal_length_whatever_their_units() -> None:
    problem = problem_of(coupled(noise=1.0, seed=0), RECIPE)
    scaled = problem.columns / np.linalg.norm(problem.columns, axis=0)
    assert gate(problem).condition == pytest.approx(np.linalg.cond(scaled))


def test_two_benchmarks_that_are_one_are_not_determined() -> None:
    doubled = [
        trajectory(one.family, one.log10_n, np.column_stack([one.scores, one.scores[:, 0]]), np.zeros((one.k, 5)))
        for one in coupled(noise=1.0, seed=0)
    ]
    found = gate(problem_of(doubled, Recipe(terms=Terms(benchmarks=(*BENCHMARKS, "twin")), threshold=0.1)))
    assert found.rank == 5 and any("span 5 directions" in reason for reason in found.reasons)


def test_the_structure_of_a_clean_planted_system_is_stable_over_a_tenfold_range_of_thresholds() -> None:
    fine = tuple(np.linspace(7.8, 10.5, 60))
    clean = Recipe(terms=RECIPE.terms, threshold=0.02)
    path = threshold_path(problem_of(coupled(noise=0.0, seed=0, sizes=fine), clean))
    assert path.thresholds[-1] / path.thresholds[0] == pytest.approx(10)
    assert path.stability == 1.0
    noisy = threshold_path(problem_of(coupled(noise=1.0, seed=0), Recipe(terms=RECIPE.terms, threshold=0.1)))
    assert noisy.stability < 1.0
    assert np.array_equal(noisy.kept_share == 1, (noisy.signs != 0).all(axis=0))


def test_leaving_a_family_out_is_the_fit_of_the_others_on_the_same_scales() -> None:
    problem = problem_of(coupled(noise=1.0, seed=3), RECIPE)
    found = without_families(problem)
    assert found.labels == ("F0", "F1", "F2", "F3")
    for label, coefficients in zip(found.labels, found.coefficients, strict=True):
        kept = problem.rows.family != label
        expected, *_ = np.linalg.lstsq(problem.columns[kept], problem.target[kept], rcond=None)
        free = coefficients != 0
        alone = [
            np.linalg.lstsq(problem.columns[kept][:, f], t, rcond=None)[0]
            for f, t in zip(free.T, problem.target[kept].T, strict=True)
        ]
        assert np.concatenate(alone) == pytest.approx(coefficients.T[free.T], abs=1e-6)
        assert expected.shape == coefficients.shape
    assert without_families(problem_of(coupled(noise=1.0, seed=3)[:1], RECIPE)).labels == ()


@pytest.mark.parametrize("has_own_constant", [False, True])
@pytest.mark.parametrize("scaling", list(Scaling))
def test_leaving_a_size_out_is_the_fit_of_the_shortened_ladders(has_own_constant: bool, scaling: Scaling) -> None:
    """As printed scales do not depend on the rows, so the shortened problem has the same ones."""
    trajectories = coupled(noise=1.0, seed=4)
    terms = Terms(benchmarks=BENCHMARKS, has_own_constant=has_own_constant, scaling=Scaling.AS_PRINTED)
    recipe = Recipe(terms=terms, threshold=0.05)
    found = without_sizes(problem_of(trajectories, recipe), trajectories)
    assert len(found.labels) == sum(one.k for one in trajectories)
    shorter = [one.keep(np.arange(one.k) != 2) if i == 1 else one for i, one in enumerate(trajectories)]
    expected = fit(problem_of(shorter, recipe)).coefficients
    assert found.coefficients[found.labels.index("F1 without size 3")] == pytest.approx(expected, abs=1e-6)
    assert scaling in Scaling


def test_sign_stability_is_given_for_the_terms_that_are_there() -> None:
    trajectories = coupled(noise=0.3, seed=0)
    problem = problem_of(trajectories, RECIPE)
    system = fit(problem)
    for left_out in (without_families(problem), without_sizes(problem, trajectories)):
        same = left_out.same_sign(system)
        assert np.array_equal(np.isnan(same), system.coefficients == 0)
        assert np.nanmin(same) >= 0.5


def test_the_linear_part_of_a_linear_system_is_its_matrix_and_its_eigenvalues_are_sorted() -> None:
    fine = tuple(np.linspace(7.8, 10.5, 60))
    problem = problem_of(coupled(noise=0.0, seed=0, sizes=fine), Recipe(terms=RECIPE.terms, threshold=0.02))
    matrix = linear_part(problem, fit(problem).coefficients)
    assert matrix == pytest.approx(COUPLINGS, abs=0.01)
    assert eigenvalues(matrix).real == pytest.approx(sorted(np.linalg.eigvals(COUPLINGS).real, reverse=True), abs=0.02)
    turning = eigenvalues(np.array([[0.0, -2.0], [2.0, 0.0]]))
    assert turning == pytest.approx(np.array([2j, -2j]))


def test_the_noise_share_is_one_where_scores_only_scatter() -> None:
    rng = np.random.default_rng(0)
    place = np.linspace(8, 10, 400)
    errors = np.full((400, 1), 0.5)
    scatter = trajectory("A", place, 50 + errors * rng.standard_normal((400, 1)), errors)
    problem = problem_of([scatter], Recipe(terms=Terms(benchmarks=("one",)), threshold=0.1))
    assert noise_share(problem)[0] == pytest.approx(1.0, abs=0.15)
    unknown = trajectory("A", place, scatter.scores, np.full((400, 1), np.nan))
    assert np.isnan(noise_share(problem_of([unknown], problem.recipe))).all()
