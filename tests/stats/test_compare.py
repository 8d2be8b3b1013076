"""Comparisons: planted answers, independent implementations, calibration, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cape.errors import BadParameterError
from cape.stats.compare import difference_of_draws, gamma_difference, mean_gamma_difference, ratio_of_draws
from cape.stats.inference import Inference, Steps
from cape.stats.resampling import cluster_weights


def rng(seed=0):
    return np.random.default_rng(seed)


def steps(family, gamma, se=0.1):
    gamma = np.array(gamma, dtype=float)
    return Steps(
        family=np.array(family),
        log10_n_mid=np.linspace(8, 10, gamma.size),
        x_mid_pct=np.linspace(30, 70, gamma.size),
        gamma=gamma,
        gamma_se=np.broadcast_to(np.array(se, dtype=float), gamma.shape),
    )


def inference(value, draws, *caveats):
    draws = None if draws is None else np.asarray(draws, dtype=float)
    return Inference(value=value, low=None, high=None, n=5, method="planted", caveats=caveats, draws=draws)


# planted answers


def test_the_difference_of_two_gammas_adds_their_variances():
    found = gamma_difference(0.5, 0.3, -0.2, 0.4)
    low, high = scipy.stats.norm(0.7, 0.5).interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, low, high))


def test_mean_gamma_of_two_ladders_differs_by_the_plain_means():
    a, b = steps(["p"] * 4, [-1.0, 0.0, 1.0, 2.0]), steps(["q"] * 2, [3.0, 5.0])
    found = mean_gamma_difference(a, b, n_resamples=20_000, rng=rng())
    assert found.value == pytest.approx(-3.5)
    half = 1.96 * 0.1 * np.sqrt(1 / 4 + 1 / 2)
    assert (found.low, found.high) == pytest.approx((-3.5 - half, -3.5 + half), abs=0.01)
    assert found.n == 6 and found.method.count("measurement-error") == 2


def test_the_ratio_of_two_critical_scales_is_taken_in_log10():
    a = inference(9.5, rng(1).normal(9.5, 0.3, 20_000))
    b = inference(9.2, rng(2).normal(9.2, 0.4, 20_000))
    found = ratio_of_draws(a, b)
    assert found.value == pytest.approx(10**0.3)
    assert (np.log10(found.low), np.log10(found.high)) == pytest.approx((0.3 - 0.98, 0.3 + 0.98), abs=0.03)


# independent implementations


def test_the_family_bootstrap_agrees_with_a_plain_loop():
    family = np.array(["p", "p", "p", "q", "q", "r", "s", "t"])
    gamma = rng(3).standard_normal(8)
    a, b = steps(family, gamma), steps(["u", "u", "v"], [0.5, 1.0, 4.0])
    found = mean_gamma_difference(a, b, n_resamples=60, rng=rng(4))
    same = rng(4)
    weights = [cluster_weights(side.family, n_resamples=60, rng=same) for side in (a, b)]
    expected = [
        np.repeat(a.gamma, weights[0][i].astype(int)).mean() - np.repeat(b.gamma, weights[1][i].astype(int)).mean()
        for i in range(60)
    ]
    np.testing.assert_allclose(found.draws, expected, atol=1e-10)
    assert found.n == 7 and found.method.count("whole families") == 2
    assert any("second side has only 2 families" in caveat for caveat in found.caveats)


# calibration


def test_the_interval_of_two_equal_ladders_covers_zero_as_often_as_named():
    noise = rng(5).normal(0, 0.2, (300, 2, 5))
    covered = 0
    for i, (first, second) in enumerate(noise):
        a, b = steps(["p"] * 5, first, 0.2), steps(["q"] * 5, second, 0.2)
        found = mean_gamma_difference(a, b, n_resamples=500, rng=rng(i))
        covered += found.low < 0 < found.high
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


def test_draws_of_one_seed_are_not_paired():
    draws = rng(6).standard_normal(20_000)
    found = difference_of_draws(inference(0.0, draws), inference(0.0, draws), unit_word="r")
    assert (found.low, found.high) == pytest.approx((-1.96 * np.sqrt(2), 1.96 * np.sqrt(2)), abs=0.08)


# edge cases


def test_a_side_of_one_family_beside_a_panel_is_redrawn_by_its_error():
    found = mean_gamma_difference(
        steps(["p"] * 3, [1.0, 2.0, 3.0]), steps(list("uvwxyz"), np.arange(6.0)), n_resamples=50, rng=rng()
    )
    assert "first: measurement-error" in found.method and "second: bootstrap of 6 whole families" in found.method
    assert found.n == 9 and len(found.caveats) == 1


def test_steps_without_a_gamma_are_left_out_and_counted():
    a = steps(["p"] * 3, [1.0, np.nan, 3.0])
    found = mean_gamma_difference(a, steps(["q"], [0.0]), n_resamples=50, rng=rng())
    assert found.value == pytest.approx(2.0)
    assert found.caveats[0] == "Steps of the first side without a gamma, left out: 1"
    none = mean_gamma_difference(a, steps(["q"], [np.nan]), n_resamples=50, rng=rng())
    assert none.value is None and any("undefined" in caveat for caveat in none.caveats)


def test_an_unknown_error_gives_a_value_and_no_interval():
    found = mean_gamma_difference(
        steps(["p"] * 2, [1.0, 3.0], [0.1, np.nan]), steps(["q"], [0.0]), n_resamples=50, rng=rng()
    )
    assert found.value == pytest.approx(2.0) and found.low is None and found.draws is None
    single = gamma_difference(1.0, None, 0.5, 0.1)
    assert single.value == pytest.approx(0.5) and single.low is None and single.caveats


def test_a_family_on_both_sides_is_named():
    a = steps(["p", "q"], [1.0, 3.0])
    found = mean_gamma_difference(a, steps(["q", "r"], [0.0, 1.0]), n_resamples=50, rng=rng())
    assert any("On both sides: q;" in caveat for caveat in found.caveats)


def test_an_undefined_gamma_has_no_difference():
    for gamma in (None, float("nan")):
        found = gamma_difference(gamma, 0.1, 0.5, 0.1)
        assert found.value is None and found.low is None and "first gamma" in found.caveats[0]


def test_an_undefined_side_has_no_difference_or_ratio_and_says_why():
    a, b = inference(None, [1.0, 2.0], "no minimum"), inference(9.0, [1.0, 2.0])
    for found in (difference_of_draws(a, b, unit_word="r"), ratio_of_draws(a, b), ratio_of_draws(b, a)):
        assert found.value is None and found.low is None and found.draws is None
        assert any("no minimum" in caveat for caveat in found.caveats)


def test_undefined_resamples_of_either_side_are_counted():
    draws = np.arange(10.0)
    holes = np.where(draws < 3, np.nan, draws)
    found = difference_of_draws(inference(1.0, draws), inference(1.0, holes), unit_word="r")
    assert np.isnan(found.draws).sum() == 3
    assert any("30.0% of 10 resamples" in caveat for caveat in found.caveats)
    most = ratio_of_draws(inference(1.0, draws), inference(1.0, np.where(draws < 6, np.nan, draws)))
    assert most.value == 1.0 and most.low is None and any("no interval" in caveat for caveat in most.caveats)


def test_a_side_without_draws_has_no_interval():
    found = difference_of_draws(inference(1.0, None), inference(0.5, [0.4, 0.6]), unit_word="r")
    assert found.value == 0.5 and found.low is None and "no draws" in found.caveats[-1]


def test_unequal_numbers_of_draws_and_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="got 2 and 3"):
        difference_of_draws(inference(1.0, [1, 2]), inference(1.0, [1, 2, 3]), unit_word="r")
    with pytest.raises(ValueError, match="standard errors >= 0"):
        gamma_difference(1.0, -0.1, 0.0, 0.1)
    with pytest.raises(BadParameterError, match="n_resamples"):
        mean_gamma_difference(steps(["p"], [1.0]), steps(["q"], [1.0]), n_resamples=0, rng=rng())


# properties

numbers = st.floats(-5, 5)


@given(numbers, st.floats(0, 3), numbers, st.floats(0, 3))
def test_the_difference_of_gammas_changes_sign_with_its_sides(gamma_a, se_a, gamma_b, se_b):
    first, second = gamma_difference(gamma_a, se_a, gamma_b, se_b), gamma_difference(gamma_b, se_b, gamma_a, se_a)
    assert (first.value, first.low, first.high) == pytest.approx((-second.value, -second.high, -second.low))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=15))
def test_differences_and_ratios_of_draws_change_sides(pairs):
    left, right = np.array(pairs * 2).T  # an even number of draws meets the same pairs either way
    a, b = inference(left[0], left), inference(right[0], right)
    first, second = (difference_of_draws(*sides, unit_word="r") for sides in ((a, b), (b, a)))
    assert (first.value, first.low, first.high) == pytest.approx((-second.value, -second.high, -second.low))
    ratio, inverse = ratio_of_draws(a, b), ratio_of_draws(b, a)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1 / inverse.value, 1 / inverse.high, 1 / inverse.low))
