"""Baselines against other implementations, and hold-outs that see nothing they should not."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics import baselines
from cape.dynamics.baselines import RULES, Training, gaussian_process, polynomial, uncoupled
from cape.dynamics.fits import Recipe, fit, problem_of
from cape.dynamics.holdout import (
    SYSTEM,
    leave_families_out,
    leave_last_sizes_out,
    predict,
    skill,
    transfer,
)
from cape.dynamics.library import Terms
from cape.dynamics.trajectories import Trajectory
from tests.conftest import require
from tests.dynamics.planted import BENCHMARKS, SIZES, coupled, independent_trends, integrated, trajectory

RECIPE = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.1)
ROWS = Training.of(coupled(noise=1.0, seed=0))
START, SCORES, TARGETS = 8.0, np.array([30.0, 40.0, 25.0, 50.0]), np.array([8.5, 9.0, 10.0])


def changed(one: Trajectory, **more: object) -> Trajectory:
    return Trajectory(**{name: getattr(one, name) for name in Trajectory.__slots__} | more)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_polynomials_are_those_of_numpy(degree: int) -> None:
    found = polynomial(degree)(ROWS, START, SCORES, TARGETS)
    for place in range(4):
        expected = np.polynomial.Polynomial.fit(ROWS.place, ROWS.scores[:, place], degree)(TARGETS)
        assert found[:, place] == pytest.approx(expected)


def test_a_polynomial_through_too_few_sizes_has_no_answer() -> None:
    few = Training.of([one.keep(slice(0, 2)) for one in coupled(noise=1.0, seed=0)[:1]])
    assert np.isnan(polynomial(2)(few, START, SCORES, TARGETS)).all()


def test_the_gaussian_process_is_that_of_scikit_learn_at_the_same_hyperparameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gaussian = require("sklearn.gaussian_process")
    monkeypatch.setattr(baselines, "LENGTHS", (0.6,))
    monkeypatch.setattr(baselines, "NOISES", (0.1,))
    kernels = gaussian.kernels
    kernel = kernels.ConstantKernel(0.9) * kernels.RBF(0.6) + kernels.WhiteKernel(0.1)
    place, seen = np.append(ROWS.place, START), np.vstack([ROWS.scores, SCORES])
    z = (seen - seen.mean(axis=0)) / seen.std(axis=0)
    theirs = gaussian.GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(place[:, None], z)
    expected = theirs.predict(TARGETS[:, None]) * seen.std(axis=0) + seen.mean(axis=0)
    assert gaussian_process(ROWS, START, SCORES, TARGETS) == pytest.approx(expected, abs=1e-6)


def test_the_gaussian_process_takes_the_likeliest_of_its_grid() -> None:
    place = np.linspace(7, 11, 40)
    smooth = trajectory("A", place, (50 + 20 * np.sin(place))[:, None])
    found = gaussian_process(Training.of([smooth]), 11.0, smooth.scores[-1], np.array([10.5]))
    assert found[0, 0] == pytest.approx(50 + 20 * np.sin(10.5), abs=1.5)


def test_the_uncoupled_equation_solves_its_own_equation() -> None:
    place = np.linspace(8, 10, 200)
    scores = np.column_stack([70 - 40 * np.exp(-0.9 * (place - 8)), 20 + 5 * (place - 8)])
    ladder = trajectory("A", place, scores)
    found = uncoupled(Training.of([ladder]), 8.0, scores[0], place[[50, 199]])
    assert found == pytest.approx(scores[[50, 199]], abs=0.01)


def test_rules_from_the_start_pass_through_it_and_persistence_stays() -> None:
    for name in ("persistence", "linear from the start", "logistic from the start", "uncoupled ODE"):
        assert RULES[name](ROWS, START, SCORES, np.array([START]))[0] == pytest.approx(SCORES)
    assert RULES["persistence"](ROWS, START, SCORES, TARGETS) == pytest.approx(np.tile(SCORES, (3, 1)))


def test_the_family_mean_weighs_families_alike() -> None:
    long, short = coupled(noise=1.0, seed=0)[:2]
    rows = Training.of([long, short.keep(slice(0, 2))])
    expected = (long.scores.mean(axis=0) + short.scores[:2].mean(axis=0)) / 2
    assert RULES["family mean"](rows, START, SCORES, TARGETS)[0] == pytest.approx(expected)


def test_a_held_out_family_changes_nothing_but_its_own_prediction() -> None:
    """No method sees the scores it is to predict: moving them moves errors, not predictions."""
    trajectories = coupled(noise=1.0, seed=0)
    moved = [
        changed(one, scores=np.vstack([one.scores[:1], one.scores[1:] + 7])) if one.family == "F2" else one
        for one in trajectories
    ]
    one, other = (next(p for p in leave_families_out(t, RECIPE) if p.family == "F2") for t in (trajectories, moved))
    for method in one.predicted:
        assert one.predicted[method] == pytest.approx(other.predicted[method]), method
    assert other.observed == pytest.approx(one.observed + 7)


def test_a_last_size_changes_nothing_but_its_own_error() -> None:
    trajectories = coupled(noise=1.0, seed=0)
    moved = [
        changed(one, scores=np.vstack([one.scores[:-1], one.scores[-1:] - 9])) if one.family == "F1" else one
        for one in trajectories
    ]
    one, other = (next(p for p in leave_last_sizes_out(t, RECIPE) if p.family == "F1") for t in (trajectories, moved))
    assert one.log10_n.tolist() == [trajectories[1].log10_n[-1]]
    assert one.start_log10_n == trajectories[1].log10_n[-2]
    for method in one.predicted:
        assert one.predicted[method] == pytest.approx(other.predicted[method]), method


def test_every_method_predicts_the_same_cells_from_the_same_start() -> None:
    for prediction in leave_families_out(coupled(noise=1.0, seed=0), RECIPE):
        assert set(prediction.predicted) == {SYSTEM, *RULES}
        assert {found.shape for found in prediction.predicted.values()} == {prediction.observed.shape} == {(7, 4)}


def test_a_planted_coupling_beats_every_baseline_on_held_out_families() -> None:
    found = skill(leave_families_out(coupled(noise=1.0, seed=0), RECIPE), n_resamples=500, rng=np.random.default_rng(0))
    assert found is not None and found.ratio.value is not None
    assert found.ratio.value < 0.8 and found.ratio.high is not None and found.ratio.high < 1.0
    assert found.ratio.value == pytest.approx(found.errors[SYSTEM].value / found.errors[found.best].value)


def test_independent_trends_give_the_coupled_system_no_skill_over_the_uncoupled_one() -> None:
    ratios = []
    for seed in range(6):
        trajectories = independent_trends(n_families=8, seed=seed)
        recipe = Recipe(terms=Terms(benchmarks=BENCHMARKS[:3]), threshold=0.1)
        found = skill(leave_families_out(trajectories, recipe), n_resamples=200, rng=np.random.default_rng(0))
        assert found is not None
        ratios.append(found.by_family[SYSTEM].mean() / found.by_family["uncoupled ODE"].mean())
    assert np.mean(ratios) > 0.95


def test_transfer_of_the_true_system_to_a_new_family_is_exact() -> None:
    fine = tuple(np.linspace(7.8, 10.5, 60))
    trajectories = coupled(noise=0.0, seed=0, sizes=fine)
    system = fit(problem_of(trajectories[:3], Recipe(terms=RECIPE.terms, threshold=0.02)))
    (found,) = transfer(system, trajectories[:3], trajectories[3:])
    assert found.mean_error(SYSTEM) < 0.2 and found.family == "F3"


def test_one_family_gives_no_fold_and_no_interval() -> None:
    (one, *_) = coupled(noise=1.0, seed=0)
    assert leave_families_out([one], RECIPE) == []
    assert skill([], n_resamples=100, rng=np.random.default_rng(0)) is None
    found = skill(leave_last_sizes_out([one], RECIPE), n_resamples=100, rng=np.random.default_rng(0))
    assert found is not None and found.ratio.low is None and found.ratio.caveats == ("no interval: one family",)
    assert leave_last_sizes_out([one.keep(slice(0, 2))], RECIPE) == []


def test_a_baseline_without_an_answer_is_left_out_and_named() -> None:
    short = [one.keep(slice(0, 3)) for one in coupled(noise=1.0, seed=0)[:1]]
    found = skill(leave_last_sizes_out(short, RECIPE), n_resamples=100, rng=np.random.default_rng(0))
    assert found is not None and set(found.left_out) == {"polynomial 2", "polynomial 3", "polynomial 4"}
    assert set(found.errors).isdisjoint(found.left_out)


def test_a_perfect_baseline_leaves_the_ratio_undefined() -> None:
    flat = [trajectory(name, SIZES, np.full((8, 2), 40.0) + i) for i, name in enumerate("AB")]
    recipe = Recipe(terms=Terms(benchmarks=("a", "b")), threshold=0.1)
    found = skill(
        [predict(fit(problem_of(flat, recipe)), flat, flat[0], start=0)], n_resamples=50, rng=np.random.default_rng(0)
    )
    assert found is not None and found.ratio.value is None and "no error" in found.ratio.caveats[0]


def test_the_planted_integrator_is_the_one_we_compare_with() -> None:
    assert integrated(lambda _, b: 0 * b, np.array([1.0]), SIZES) == pytest.approx(np.ones((8, 1)))
