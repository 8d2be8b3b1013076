"""Chances, gamma and growth at one size: planted answers, other implementations, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cape.errors import NotEnoughDataError
from cape.stats.at_size import (
    GrowthCurves,
    band,
    chances_above,
    expected_change,
    growth_curves,
    local_gamma,
    local_gamma_inference,
    phase_chances,
    phase_logits,
    rate_ratio,
    step_residuals,
    susceptibility,
    turning_place,
)
from cape.stats.critical_scale import logistic_turning_point
from cape.stats.inference import Inference, Steps
from cape.stats.resampling import cluster_weights

FAMILIES = np.repeat([f"family {i}" for i in range(8)], 5)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noisy_steps(seed: int = 3) -> Steps:
    rng = generator(seed)
    size = rng.uniform(8, 11, FAMILIES.size)
    return Steps(
        family=FAMILIES,
        log10_n_mid=size,
        x_mid_pct=10 * size - 50,
        gamma=0.4 * (size - 9.5) + rng.normal(0, 0.4, FAMILIES.size),
        gamma_se=rng.uniform(0.05, 0.5, FAMILIES.size),
    )


def logits_of(steps: Steps, n_resamples: int = 200):  # type: ignore[no-untyped-def]
    return phase_logits(
        steps.log10_n_mid, steps.gamma, steps.family, n_resamples=n_resamples, rng=generator(), name="log10 N"
    )


def inference(value: float | None, low: float | None, high: float | None) -> Inference:
    return Inference(value=value, low=low, high=high, n=4, method="given", caveats=() if value is not None else ("no",))


# Chances of each phase.


def test_chances_are_those_of_statsmodels_logit() -> None:
    steps = noisy_steps()
    found = phase_chances(logits_of(steps), 9.3)
    above = {}
    for threshold in (-0.1, 0.0, 0.1):
        design = sm.add_constant(steps.log10_n_mid)
        fitted = sm.Logit((steps.gamma > threshold).astype(float), design).fit(disp=0)
        above[threshold] = float(fitted.predict([[1.0, 9.3]])[0])
    assert found.positive.value == pytest.approx(above[0.0], abs=1e-6)
    assert found.bonus.value == pytest.approx(above[0.1], abs=1e-6)
    assert found.tax.value == pytest.approx(1 - above[-0.1], abs=1e-6)
    assert found.transition.value == pytest.approx(above[-0.1] - above[0.1], abs=1e-6)


def test_chances_of_the_three_phases_sum_to_one_and_their_intervals_hold_them() -> None:
    found = phase_chances(logits_of(noisy_steps()), 9.6)
    parts = [found.tax, found.transition, found.bonus]
    assert sum(part.value or 0 for part in parts) == pytest.approx(1)
    for part in (*parts, found.positive):
        assert part.value is not None and part.low is not None and part.high is not None
        assert part.low <= part.value <= part.high
        assert part.n == 8


def test_resampled_chances_are_those_of_refits_on_drawn_families() -> None:
    steps = noisy_steps()
    logits = logits_of(steps, n_resamples=3)
    weights = cluster_weights(steps.family, n_resamples=3, rng=generator())
    chances = chances_above(logits, [9.2])[1, 1:, 0]
    for weight, chance in zip(weights, chances, strict=True):
        rows = np.repeat(np.arange(weight.size), weight.astype(int))
        design = sm.add_constant(steps.log10_n_mid[rows])
        fitted = sm.Logit((steps.gamma[rows] > 0).astype(float), design).fit(disp=0)
        assert chance == pytest.approx(float(fitted.predict([[1.0, 9.2]])[0]), abs=1e-5)


def test_separated_signs_give_zero_half_and_one() -> None:
    size = np.array([8.0, 8.5, 9.5, 10.0])
    logits = phase_logits(size, size - 9, np.array(list("abcd")), n_resamples=50, rng=generator(), name="log10 N")
    assert chances_above(logits, [8.2, 9.0, 9.8])[1, 0].tolist() == [0.0, 0.5, 1.0]


def test_a_place_outside_the_data_has_no_chance() -> None:
    found = phase_chances(logits_of(noisy_steps()), 12.0)
    for part in (found.positive, found.tax, found.transition, found.bonus):
        assert (part.value, part.low, part.high) == (None, None, None)
        assert "outside the observed log10 N" in part.caveats[0]


def test_intervals_of_one_sign_have_no_chance_and_none_is_refused() -> None:
    size = np.linspace(8, 10, 6)
    logits = phase_logits(size, size * 0 + 1.0, np.array(list("aabbcc")), n_resamples=20, rng=generator(), name="x")
    assert phase_chances(logits, 9.0).positive.value is None
    with pytest.raises(NotEnoughDataError):
        phase_logits([], [], [], n_resamples=20, rng=generator(), name="x")


def test_one_family_gives_a_chance_without_an_interval() -> None:
    steps = noisy_steps()
    logits = phase_logits(
        steps.log10_n_mid, steps.gamma, np.full(40, "one"), n_resamples=50, rng=generator(), name="log10 N"
    )
    found = phase_chances(logits, 9.3).positive
    assert found.value is not None and found.low is None and found.n == 1
    assert "no interval: fewer than 2 families" in found.caveats


def test_the_turning_place_is_that_of_the_critical_scale() -> None:
    steps = noisy_steps()
    expected, _ = logistic_turning_point(
        steps.log10_n_mid, steps.gamma > 0, steps.family, n_resamples=200, rng=generator()
    )
    found = turning_place(logits_of(steps))
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)


# gamma by a local line.


def test_a_local_line_through_a_straight_line_is_that_line() -> None:
    size = np.linspace(8, 11, 40)
    steps = Steps(
        family=FAMILIES,
        log10_n_mid=size,
        x_mid_pct=size,
        gamma=0.3 * (size - 9.5),
        gamma_se=np.linspace(0.1, 0.9, 40),
    )
    at = np.array([8.2, 9.5, 10.7])
    values, _ = local_gamma(steps, at=at, bandwidth=0.4, n_resamples=20, rng=generator())
    assert values[0] == pytest.approx(0.3 * (at - 9.5))
    assert values[1:][np.isfinite(values[1:])] == pytest.approx(
        np.tile(0.3 * (at - 9.5), (20, 1))[np.isfinite(values[1:])]
    )


def test_a_local_line_is_the_weighted_least_squares_of_statsmodels() -> None:
    steps = noisy_steps()
    values, counted = local_gamma(steps, at=9.4, bandwidth=0.5, n_resamples=50, rng=generator())
    kernel = np.exp(-0.5 * ((steps.log10_n_mid - 9.4) / 0.5) ** 2)
    design = sm.add_constant(steps.log10_n_mid - 9.4)
    expected = sm.WLS(steps.gamma, design, weights=kernel / steps.gamma_se**2).fit().params[0]
    assert values[0, 0] == pytest.approx(expected)
    assert counted[0] == pytest.approx(kernel.sum() ** 2 / (kernel**2).sum())


def test_the_local_line_is_not_carried_beyond_the_intervals() -> None:
    steps = noisy_steps()
    values, _ = local_gamma(steps, at=[7.5, 11.5], bandwidth=0.5, n_resamples=10, rng=generator())
    assert np.isnan(values).all()
    found = local_gamma_inference(values[:, 0], 0.0, bandwidth=0.5, n=8)
    assert found.value is None and "outside" in found.caveats[0]


def test_two_intervals_have_no_local_line() -> None:
    steps = Steps(
        family=np.array(["a", "b"]),
        log10_n_mid=np.array([9.0, 10.0]),
        x_mid_pct=np.zeros(2),
        gamma=np.array([0.1, 0.2]),
        gamma_se=np.ones(2),
    )
    values, counted = local_gamma(steps, at=9.5, bandwidth=0.5, n_resamples=5, rng=generator())
    assert values.shape == (6, 1) and np.isnan(values).all() and counted[0] == 0


# 1 / |gamma|.


@pytest.mark.parametrize(("value", "low", "high"), [(0.5, 0.25, 1.0), (-0.5, -1.0, -0.25)])
def test_susceptibility_of_a_settled_gamma_is_its_reciprocal(value: float, low: float, high: float) -> None:
    found = susceptibility(inference(value, low, high))
    assert (found.value, found.low, found.high) == (2.0, 1.0, 4.0)


@pytest.mark.parametrize("given", [(0.5, -0.1, 1.0), (0.0, -1.0, 1.0), (0.5, None, None), (None, None, None)])
def test_susceptibility_is_undefined_where_gamma_may_be_zero(given: tuple) -> None:
    found = susceptibility(inference(*given))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.caveats[0].startswith("undefined")


# Growth within families.


def planted_table(seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    size = np.tile(np.linspace(8, 11, 5), 8) + np.repeat(generator(seed).uniform(-0.3, 0.3, 8), 5)
    level = np.repeat(generator(seed + 1).uniform(-10, 10, 8), 5)
    first = level + 40 + 12 * (size - 9.5)
    second = -level + 35 - 3 * (size - 9.5) + 2 * (size - 9.5) ** 2
    return size, np.stack([first, second], axis=1)


def planted_curves(n_resamples: int = 50) -> GrowthCurves:
    size, scores = planted_table()
    return growth_curves(size, scores, FAMILIES, n_resamples=n_resamples, rng=generator())


def test_planted_quadratics_with_family_levels_are_recovered_in_every_resample() -> None:
    curves = planted_curves()
    assert curves.rates(10.0) == pytest.approx(np.tile([12.0, -3 + 4 * 0.5], (51, 1)))
    assert curves.changes(9.5, 10.5) == pytest.approx(np.tile([12.0, -1.0], (51, 1)))
    assert curves.n.tolist() == [8, 8]


def test_growth_is_that_of_statsmodels_with_a_dummy_per_family() -> None:
    size, scores = planted_table()
    scores = scores + generator(9).normal(0, 3, scores.shape)
    curves = growth_curves(size, scores, FAMILIES, n_resamples=5, rng=generator())
    dummies = (FAMILIES[:, None] == np.unique(FAMILIES)).astype(float)
    z = size - curves.centre
    design = np.column_stack([z, z**2, dummies])
    for k in range(2):
        fitted = sm.OLS(scores[:, k], design).fit().params
        assert (curves.slope[0, k], curves.curvature[0, k]) == pytest.approx((fitted[0], fitted[1]))


def test_gaps_are_left_out_and_families_of_one_size_say_nothing() -> None:
    size, scores = planted_table()
    holed = scores.copy()
    holed[::7, 1] = np.nan
    holed[:4, 1] = np.nan  # leaves one model of the first family
    curves = growth_curves(size, holed, FAMILIES, n_resamples=20, rng=generator())
    assert curves.rates(10.0)[0] == pytest.approx([12.0, -1.0])
    assert curves.n.tolist() == [8, 7]


def test_growth_is_not_carried_beyond_the_sizes() -> None:
    curves = planted_curves()
    assert np.isnan(curves.rates(12.0)).all()
    assert np.isnan(curves.changes(10.0, 12.0)).all()


def test_the_ratio_of_rates_is_gamma_and_needs_a_rising_first_score() -> None:
    curves = planted_curves()
    found = rate_ratio(curves.rates(10.0), first=0, second=1, n=8)
    assert (found.value, found.low, found.high) == pytest.approx((-1 / 12, -1 / 12, -1 / 12))
    falling = rate_ratio(curves.rates(10.0), first=1, second=0, n=8)
    assert falling.value is None and "does not rise" in falling.caveats[0]


# What is expected of a change of size.


def test_without_deviations_the_change_is_the_curve_and_nothing_falls() -> None:
    changes = np.concatenate([[2.0], np.linspace(1.5, 2.5, 400)])
    found, chance = expected_change(changes, np.zeros(5), n=8, rng=generator())
    assert (
        found.value == 2.0
        and found.low == pytest.approx(1.525, abs=0.01)
        and found.high == pytest.approx(2.475, abs=0.01)
    )
    assert (chance.value, chance.high) == (0.0, 0.0)


def test_the_chance_of_a_fall_is_the_share_of_deviations_that_outweigh_the_change() -> None:
    found, chance = expected_change(np.full(2001, 1.0), [-3.0, -1.0, 0.5, 2.0], n=8, rng=generator())
    assert chance.value == pytest.approx((1 + 0.5) / 4)
    assert (found.low, found.high) == (-2.0, 3.0)


def test_a_change_outside_the_curve_or_without_intervals_is_undefined() -> None:
    lost, chance = expected_change(np.full(11, np.nan), [1.0], n=8, rng=generator())
    assert lost.value is None and chance.value is None
    _, unknown = expected_change(np.full(11, 1.0), [np.nan], n=8, rng=generator())
    assert unknown.value is None and "no interval" in unknown.caveats[0]


def test_deviations_of_a_planted_curve_are_zero_and_a_planted_jump_is_found() -> None:
    size, scores = planted_table()
    curves = planted_curves()
    rest = step_residuals(curves, size, scores, FAMILIES)
    assert rest.shape == (32, 2) and rest == pytest.approx(np.zeros((32, 2)), abs=1e-9)
    scores[4, 0] += 5.0  # the largest model of the first family
    jumped = step_residuals(curves, size, scores, FAMILIES)
    assert jumped[3, 0] == pytest.approx(5.0) and np.abs(jumped).sum() == pytest.approx(5.0)


def test_models_of_one_size_are_averaged_before_steps_are_formed() -> None:
    size, scores = planted_table()
    curves = planted_curves()
    doubled = step_residuals(
        curves,
        np.append(size, size[0]),
        np.vstack([scores, scores[0] + [2.0, 0.0]]),
        np.append(FAMILIES, FAMILIES[0]),
    )
    assert doubled.shape == (32, 2) and doubled[0, 0] == pytest.approx(-1.0)


def test_a_band_leaves_out_places_without_a_value() -> None:
    values = np.column_stack([np.concatenate([[1.0], np.linspace(0, 2, 101)]), np.full(102, np.nan)])
    point, low, high = band(values)
    assert point == [1.0, None] and low == [pytest.approx(0.05), None] and high == [pytest.approx(1.95), None]
