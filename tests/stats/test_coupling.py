"""Slope gamma: planted slopes, Fieller against its definition and its coverage, phases, edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cape.errors import BadParameterError
from cape.quantities import Phase
from cape.stats.coupling import (
    MISSING,
    TOO_SMALL,
    WITHIN_NOISE,
    classify_phase,
    family_steps,
    gamma_interval,
    phase_probabilities,
)
from cape.stats.inference import Z_LEVEL, Points


def family(x: list[float], y: list[float], **changes) -> Points:
    n = len(x)
    arrays = {
        "family": np.full(n, "F"),
        "log10_n": np.arange(n) + 8.0,
        "x_pct": np.array(x, dtype=float),
        "y_pct": np.array(y, dtype=float),
        "x_se": np.full(n, 0.4),
        "y_se": np.full(n, 1.5),
    }
    return Points(**(arrays | changes))


def test_gamma_of_a_straight_line_is_its_slope():
    x = np.array([30.0, 37.0, 55.0, 68.0])
    steps = family_steps(family(list(x), list(50 - 0.3 * x)))
    np.testing.assert_allclose(steps.gamma, -0.3)
    np.testing.assert_allclose(steps.log10_n_mid, [8.5, 9.5, 10.5])
    np.testing.assert_allclose(steps.x_mid_pct, [33.5, 46.0, 61.5])


def test_gamma_error_is_the_formula_of_the_definitions():
    steps = family_steps(family([30, 40], [45, 41]))
    expected = np.sqrt(2) * np.sqrt(1.5**2 + 0.4**2 * 0.4**2) / 10
    assert steps.gamma_se[0] == pytest.approx(expected)


def test_gamma_error_is_the_spread_of_simulated_slopes():
    rng = np.random.default_rng(7)
    slopes = (rng.normal(-4, 2, 200_000)) / rng.normal(20, 0.6, 200_000)
    interval = gamma_interval(20.0, -4.0, variance_x=0.36, variance_y=4.0)
    assert interval.gamma_se == pytest.approx(slopes.std(), rel=0.01)


@given(dx=st.floats(-60, 60), dy=st.floats(-30, 30), vx=st.floats(0, 20), vy=st.floats(0, 20))
def test_fieller_limits_are_bounded_hold_gamma_and_solve_their_equation(dx, dy, vx, vy):
    found = gamma_interval(dx, dy, variance_x=vx, variance_y=vy)
    if found.undefined_reason != "":
        assert np.isnan(found.gamma) and np.isnan(found.fieller_low) and np.isnan(found.gamma_se)
        return
    assert np.isfinite(found.fieller_low) and np.isfinite(found.fieller_high)
    slack = 1e-9 * (1 + abs(found.gamma))
    assert found.fieller_low - slack <= found.gamma <= found.fieller_high + slack
    for limit in (found.fieller_low, found.fieller_high):
        left, right = (dy - limit * dx) ** 2, Z_LEVEL**2 * (vy + limit**2 * vx)
        assert left == pytest.approx(right, rel=1e-5, abs=1e-7)


def test_fieller_covers_the_true_ratio_at_its_level():
    rng = np.random.default_rng(11)
    dx, dy = rng.normal(8.0, 0.8, 40_000), rng.normal(-6.0, 2.0, 40_000)
    found = gamma_interval(dx, dy, variance_x=0.64, variance_y=4.0)
    held = (found.fieller_low <= -0.75) & (found.fieller_high >= -0.75)
    assert np.isfinite(found.gamma).all()
    assert held.mean() == pytest.approx(0.95, abs=0.005)


def test_fieller_with_an_exact_denominator_is_the_normal_interval():
    found = gamma_interval(5.0, 2.0, variance_x=0.0, variance_y=1.0)
    low, high = stats.norm.interval(0.95, loc=0.4, scale=0.2)
    assert (found.fieller_low, found.fieller_high) == (pytest.approx(low), pytest.approx(high))


def test_direction_distinguishes_four_quadrants_with_the_same_or_opposite_slope():
    found = gamma_interval([2, 2, -2, -2, 3, 0], [2, -2, 2, -2, 0, -4], variance_x=0.0, variance_y=0.0)
    assert found.quadrant.tolist() == ["++", "+-", "-+", "--", "0", "0"]
    np.testing.assert_allclose(found.angle_deg, [45, -45, 135, -135, 0, -90])
    np.testing.assert_allclose(found.gamma[:5], [1, -1, -1, 1, 0])


def test_each_undefined_slope_says_why():
    found = gamma_interval(
        [0.4, 2.0, np.nan, 0.5, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0], variance_x=[0.0, 4.0, 0.0, 0.0, 0.0], variance_y=1.0
    )
    assert found.undefined_reason.tolist() == [TOO_SMALL, WITHIN_NOISE, MISSING, "", TOO_SMALL]
    assert np.isfinite(found.gamma).tolist() == [False, False, False, True, False]
    assert found.quadrant[2] == "" and np.isnan(found.angle_deg[4])


def test_the_noise_threshold_is_exactly_1_96_standard_errors():
    found = gamma_interval([1.96, 1.9599], [1.0, 1.0], variance_x=1.0, variance_y=1.0)
    assert np.isfinite(found.gamma).tolist() == [True, False]
    assert np.isfinite(found.fieller_high[0])


def test_a_negative_variance_is_refused():
    with pytest.raises(BadParameterError, match="negative variance"):
        gamma_interval(1.0, 1.0, variance_x=-0.1, variance_y=1.0)


def test_phase_thresholds_are_closed_on_the_transition():
    gamma = np.array([-0.11, -0.1, 0.0, 0.1, 0.11, np.nan])
    paper, phase = classify_phase(gamma, gamma, gamma)
    expected = [Phase.TAX, Phase.TRANSITION, Phase.TRANSITION, Phase.TRANSITION, Phase.BONUS, Phase.NONE]
    assert paper.tolist() == expected
    assert phase.tolist() == expected


def test_an_interval_over_two_bands_or_without_limits_is_undetermined():
    paper, phase = classify_phase(
        [-0.5, -0.5, 0.0, 0.3, np.nan], [-0.9, -0.9, -0.05, np.nan, -1], [-0.2, 0, 0.05, 1, 1]
    )
    assert paper.tolist() == ["tax", "tax", "transition", "bonus", "none"]
    assert phase.tolist() == ["tax", "undetermined", "transition", "undetermined", "none"]


def test_swapped_limits_are_refused():
    with pytest.raises(BadParameterError, match="low limit above"):
        classify_phase([0.0], [1.0], [-1.0])


def test_phase_probabilities_are_the_shares_of_simulated_slopes():
    rng = np.random.default_rng(3)
    draws = rng.normal(0.05, 0.2, 400_000)
    expected = [(draws < -0.1).mean(), (np.abs(draws) <= 0.1).mean(), (draws > 0.1).mean()]
    np.testing.assert_allclose(phase_probabilities([0.05], [0.2])[0], expected, atol=0.003)


@given(st.floats(-5, 5), st.just(0.0) | st.floats(1e-6, 5))
def test_phase_probabilities_add_up_to_one_and_are_never_negative(gamma, se):
    table = phase_probabilities([gamma], [se])
    assert table.sum() == pytest.approx(1.0)
    assert (table >= 0).all()


def test_phase_probabilities_of_an_exact_or_missing_slope():
    table = phase_probabilities([-0.1, 0.2, np.nan], [0.0, 0.0, 0.1])
    np.testing.assert_array_equal(table[:2], [[0, 1, 0], [0, 0, 1]])
    assert np.isnan(table[2]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": np.array(["F", "G", "F"])}, "Pass one family"),
        ({"log10_n": np.array([9.0, 8.0, 10.0])}, "not sorted"),
        ({"log10_n": np.array([9.0, 9.0, 10.0])}, "same size"),
        ({"y_pct": np.array([40.0, np.nan, 41.0])}, "missing or negative"),
        ({"x_se": np.array([0.4, -0.4, 0.4])}, "missing or negative"),
    ],
)
def test_a_family_that_cannot_have_steps_is_refused_with_the_reason(changes, message):
    with pytest.raises(BadParameterError, match=message):
        family_steps(family([30, 40, 50], [45, 44, 43], **changes))


def test_a_family_of_one_model_has_no_steps():
    assert family_steps(family([30], [45])).gamma.size == 0
