"""Thresholded least squares: our batch gives what PySINDy gives, one fit at a time."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.fits import Engine, Recipe, ensemble, fit, problem_of
from cape.dynamics.library import Scaling, Terms
from cape.dynamics.sparse import moments, pysindy_fit, stlsq
from tests.conftest import require
from tests.dynamics.planted import BENCHMARKS, coupled

RNG = np.random.default_rng(7)
COLUMNS = RNG.standard_normal((40, 6))
TRUE = RNG.standard_normal((6, 3)) * (RNG.random((6, 3)) < 0.5)
RATE = COLUMNS @ TRUE + 0.1 * RNG.standard_normal((40, 3))


@pytest.mark.parametrize(("threshold", "alpha"), [(0.1, 1e-6), (0.5, 0.05), (0.0, 1e-6), (99.0, 1e-6), (0.2, 2.0)])
def test_one_fit_is_that_of_pysindy(threshold: float, alpha: float) -> None:
    require("pysindy")
    parts = [slice(0, 1), slice(1, 4), slice(4, 20), slice(20, 40)]
    theirs = pysindy_fit([COLUMNS[p] for p in parts], [RATE[p] for p in parts], threshold=threshold, alpha=alpha)
    mine = stlsq(*moments(COLUMNS, RATE, np.ones((1, 40))), threshold=threshold, alpha=alpha)[0]
    assert mine == pytest.approx(theirs, abs=1e-8)


def test_every_member_of_a_batch_is_pysindys_fit_of_the_same_weighted_rows() -> None:
    pysindy = require("pysindy")
    weights = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), size=25).astype(float)
    mine = stlsq(*moments(COLUMNS, RATE, weights), threshold=0.3, alpha=0.05)
    for row, found in zip(weights, mine, strict=True):
        drawn = np.repeat(np.arange(40), row.astype(int))
        optimizer = pysindy.STLSQ(threshold=0.3, alpha=0.05).fit(COLUMNS[drawn], RATE[drawn])
        assert found == pytest.approx(optimizer.coef_.T, abs=1e-8)


def test_the_system_on_the_page_is_the_same_by_either_engine() -> None:
    require("pysindy")
    for scaling in Scaling:
        for has_own_constant in (False, True):
            terms = Terms(benchmarks=BENCHMARKS, scaling=scaling, has_own_constant=has_own_constant)
            problem = problem_of(coupled(noise=1.0, seed=2), Recipe(terms=terms, threshold=0.1))
            one, other = (fit(problem, engine=engine) for engine in Engine)
            assert one.coefficients == pytest.approx(other.coefficients, abs=1e-7)
            assert one.constants == pytest.approx(other.constants, abs=1e-5)


def test_a_threshold_above_every_coefficient_leaves_nothing_and_says_so_by_zeros() -> None:
    assert not stlsq(*moments(COLUMNS, RATE, np.ones((1, 40))), threshold=50.0, alpha=1e-6).any()


def test_dependent_columns_and_weightless_rows_give_finite_coefficients() -> None:
    twice = np.concatenate([COLUMNS, COLUMNS], axis=1)
    weights = np.vstack([np.ones(40), np.zeros(40)])
    found = stlsq(*moments(twice, RATE, weights), threshold=0.01, alpha=1e-6)
    assert np.isfinite(found).all()
    assert twice @ found[0] == pytest.approx(COLUMNS @ np.linalg.lstsq(COLUMNS, RATE, rcond=None)[0], abs=0.05)
    assert not found[1].any()


def test_an_ensemble_resamples_families_and_counts_terms() -> None:
    problem = problem_of(coupled(noise=1.0, seed=1), Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.3))
    found = ensemble(problem, n_members=50, rng=np.random.default_rng(0))
    assert (found.unit_name, found.n_units) == ("family", 4)
    again = ensemble(problem, n_members=50, rng=np.random.default_rng(0))
    assert np.array_equal(found.coefficients, again.coefficients)
    weights = problem.weights(50, np.random.default_rng(0))
    assert {tuple(np.unique(row[problem.rows.family == "F0"]).shape) for row in weights} == {(1,)}
    kept = (found.coefficients != 0).sum(axis=0) / 50
    assert found.inclusion == pytest.approx(kept) and (found.sign_agreement <= found.inclusion + 1e-12).all()


def test_one_family_is_resampled_by_its_differences_and_replicates_come_first() -> None:
    one = coupled(noise=1.0, seed=1)[0]
    recipe = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.1)
    assert problem_of([one], recipe).unit_name == "difference"
    twins = [one, one]
    assert problem_of(twins, recipe).unit_name == "replicate"


def test_own_constants_take_the_level_of_each_family_out() -> None:
    trajectories = coupled(noise=0.0, seed=0, sizes=tuple(np.linspace(8, 10, 40)))
    lifted = [one.keep(slice(None)) for one in trajectories]
    terms = Terms(benchmarks=BENCHMARKS, has_own_constant=True)
    system = fit(problem_of(lifted, Recipe(terms=terms, threshold=0.02)))
    assert np.ptp(system.constants, axis=0).max() < 0.5
    assert system.constant_of("never fitted") == pytest.approx(system.constants.mean(axis=0))
