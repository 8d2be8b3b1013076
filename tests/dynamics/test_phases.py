"""Regime fits with the degrees of freedom they have, and what the residual rates say of sources."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.fits import Recipe, fit, problem_of, residuals
from cape.dynamics.library import Terms
from cape.dynamics.phases import Regime, ratio, regimes_by_size, regress, transfer_error
from cape.dynamics.sources import Sliders, contributions, measured_sources
from cape.dynamics.trajectories import Trajectory
from tests.conftest import require
from tests.dynamics.planted import BENCHMARKS, coupled

RNG = np.random.default_rng(0)


def line(n: int, slope: float, *, families: int = 1, noise: float = 1.0, seed: int = 0):  # noqa: ANN201
    rng = np.random.default_rng(seed)
    x = rng.uniform(20, 70, n)
    family = np.array([f"F{i % families}" for i in range(n)])
    return np.column_stack([np.ones(n), x]), 3.0 + slope * x + noise * rng.standard_normal(n), family


def test_steps_fall_below_within_and_above_the_band() -> None:
    start, end = np.array([8.0, 8.8, 9.0, 9.45]), np.array([9.0, 9.2, 9.45, 10.0])
    found = regimes_by_size(start, end, band=(9.0, 9.45))
    assert found.tolist() == [Regime.TAX, Regime.TRANSITION, Regime.TRANSITION, Regime.BONUS]


def test_one_family_has_the_interval_of_ordinary_least_squares() -> None:
    api = require("statsmodels.api")
    columns, target, family = line(12, 0.4)
    found = regress(columns, target, family, n_resamples=100, rng=RNG)
    theirs = api.OLS(target, columns).fit()
    assert found.df == 10 == theirs.df_resid
    for term, value, ends in zip(found.terms, theirs.params, theirs.conf_int(), strict=True):
        assert (term.value, term.low, term.high) == pytest.approx((value, *ends))


def test_several_families_are_resampled_whole() -> None:
    columns, target, family = line(60, 0.4, families=12)
    found = regress(columns, target, family, n_resamples=2000, rng=np.random.default_rng(0))
    slope = found.terms[1]
    assert slope.n == 12 and "whole families" in slope.method
    assert slope.low < 0.4 < slope.high and slope.high - slope.low < 0.2


def test_an_exact_fit_has_no_interval_and_no_ratio() -> None:
    tax = regress(*line(3, 0.1), n_resamples=100, rng=RNG)
    bonus = regress(*line(2, 0.7), n_resamples=100, rng=RNG)
    assert (tax.df, bonus.df) == (1, 0)
    assert bonus.terms[1].low is None and "no degree of freedom" in bonus.terms[1].caveats[0]
    gated = ratio(bonus, tax, 1, gated=True)
    assert gated.value is None and "0 degrees of freedom" in gated.caveats[0]
    free = ratio(bonus, tax, 1, gated=False)
    assert free.value == pytest.approx(abs(bonus.terms[1].value / tax.terms[1].value))


def test_too_few_or_repeated_differences_are_undefined() -> None:
    few = regress(*line(1, 0.1), n_resamples=100, rng=RNG)
    assert few.coefficients is None and "2 coefficients from 1 differences" in few.terms[0].caveats[0]
    columns, target, family = line(5, 0.1)
    same = regress(np.ones_like(columns), target, family, n_resamples=100, rng=RNG)
    assert same.terms[1].value is None and "repeat" in same.terms[1].caveats[0]
    assert ratio(same, same, 1, gated=False).value is None
    assert transfer_error(same, columns, target) is None


def test_a_ratio_of_resampled_slopes_has_an_interval_that_holds_it() -> None:
    below = regress(*line(80, 0.2, families=20, seed=1), n_resamples=2000, rng=np.random.default_rng(1))
    above = regress(*line(80, 0.8, families=20, seed=2), n_resamples=2000, rng=np.random.default_rng(2))
    found = ratio(above, below, 1, gated=True)
    assert found.value == pytest.approx(4.0, rel=0.1)
    assert found.low < 4.0 < found.high


def test_an_equation_carried_to_its_own_steps_has_its_own_error() -> None:
    columns, target, family = line(20, 0.4)
    found = regress(columns, target, family, n_resamples=100, rng=RNG)
    assert transfer_error(found, columns, target) == pytest.approx(found.rms)
    assert transfer_error(found, columns, target + 5) > found.rms


def lifted(amount: float, *, families: tuple[str, ...]) -> list[Trajectory]:
    """The planted families with a source of `amount` points per decade on the second benchmark of some."""
    found, rng = [], np.random.default_rng(1)
    for one in coupled(noise=0.2, seed=0, source=amount, sourced=families):
        width = 2.5 + 0.5 * (one.log10_n - 8) + 0.1 * rng.standard_normal(one.k)
        held = {name: getattr(one, name) for name in Trajectory.__slots__}
        found.append(Trajectory(**held | {"width": width}))
    return found


KINDS = {"F0": "web", "F1": "web", "F2": "curated", "F3": "curated"}
SHARED = Recipe(terms=Terms(benchmarks=BENCHMARKS), threshold=0.05)


def test_a_planted_source_is_measured_in_size_though_residuals_hold_little_of_it() -> None:
    system = fit(problem_of(lifted(8.0, families=("F2", "F3")), SHARED))
    found = measured_sources(system, KINDS, family="F2", n_resamples=500, rng=np.random.default_rng(0))
    assert [one.value for one in found.curated] == pytest.approx([0.0, 8.0, 0.0, 0.0], abs=0.8)
    rest = residuals(system.problem, system.coefficients[None])[0][:, 1]
    curated = np.isin(system.problem.rows.family, ["F2", "F3"])
    assert rest[curated].mean() - rest[~curated].mean() < 4.0
    alone = fit(problem_of(lifted(8.0, families=("F2",)), SHARED))
    arch = measured_sources(alone, KINDS, family="F2", n_resamples=500, rng=np.random.default_rng(0)).arch
    assert arch[1].value == pytest.approx(8.0, abs=1.0) and arch[1].low < 8.0 < arch[1].high


def test_a_planted_width_is_measured_at_equal_size() -> None:
    trajectories = lifted(0.0, families=())
    system = fit(problem_of(trajectories, SHARED))
    none = measured_sources(system, KINDS, family="F0", n_resamples=300, rng=np.random.default_rng(0)).width
    assert sum(one.low < 0 < one.high for one in none) >= 3


def test_own_constants_are_the_sources_of_their_families() -> None:
    terms = Terms(benchmarks=BENCHMARKS, has_own_constant=True)
    system = fit(problem_of(lifted(8.0, families=("F2",)), Recipe(terms=terms, threshold=0.05)))
    found = measured_sources(system, KINDS, family="F2", n_resamples=100, rng=np.random.default_rng(0))
    assert found.arch[1].value == pytest.approx(8.0 * 3 / 4, abs=1.0)
    assert found.curated[0].value is None and found.width[0].value is None


def test_sources_add_what_their_sliders_say_and_name_where_it_is_from() -> None:
    system = fit(problem_of(lifted(8.0, families=("F2", "F3")), SHARED))
    found = measured_sources(system, KINDS, family="F1", n_resamples=100, rng=np.random.default_rng(0))
    h, arch, curation, width = contributions(found, Sliders(h_field=2.0, j_arch=1.0, curation=0.5, width=10.0), p=4)
    assert h.vector.tolist() == [0.0, 2.0, 0.0, 0.0] and "reader" in h.provenance
    assert arch.vector == pytest.approx([one.value for one in found.arch])
    assert curation.vector == pytest.approx([0.5 * one.value for one in found.curated])
    assert width.vector == pytest.approx([one.value for one in found.width])
    assert not any(c.vector.any() for c in contributions(found, Sliders(), p=4))


def test_a_source_that_is_not_measured_adds_nothing_and_says_so() -> None:
    system = fit(problem_of(coupled(noise=0.2, seed=0), SHARED))
    found = measured_sources(system, {}, family="elsewhere", n_resamples=100, rng=np.random.default_rng(0))
    assert all(one.value is None and one.caveats for one in (*found.arch, *found.curated, *found.width))
    _, arch, curation, width = contributions(found, Sliders(j_arch=1.0, curation=1.0, width=2.0), p=4)
    for one in (arch, curation, width):
        assert not one.vector.any() and one.caveats and "not measured" in one.provenance
