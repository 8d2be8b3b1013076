"""Arrhenius fits: planted constants, statsmodels, degrees of freedom, and two forms told apart or not."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cape.stats.arrhenius import central_rates, fit_arrhenius, form_error_ratio

SCORE = np.array([27.0, 31.0, 41.0, 50.0, 53.0, 61.0])
LOSS = np.array([4.5, 4.1, 3.7, 3.2, 3.1, 3.0])
WOBBLE = np.array([0.03, -0.05, 0.04, 0.02, -0.06, 0.02])


def rng():
    return np.random.default_rng(2)


def test_a_planted_constant_is_recovered():
    found = fit_arrhenius(SCORE, np.exp(3.0 - 40.0 / SCORE))
    assert found.c.value == pytest.approx(40.0)
    assert found.r2.value == pytest.approx(1.0)
    assert found.spare == 4


def test_rates_of_a_line_in_log_n_are_its_slope():
    log10_n = np.array([7.8, 8.2, 8.6, 9.0, 9.1])
    np.testing.assert_allclose(central_rates(log10_n, 4.0 + 3.0 * log10_n), 3.0)


def test_statsmodels_gives_the_same_constant_and_interval():
    rate = np.exp(3.0 - 40.0 / SCORE + WOBBLE)
    model = sm.OLS(np.log(rate), sm.add_constant(-1 / SCORE)).fit()
    found = fit_arrhenius(SCORE, rate)
    assert found.c.value == pytest.approx(model.params[1])
    assert (found.c.low, found.c.high) == pytest.approx(tuple(model.conf_int()[1]))
    assert found.r2.value == pytest.approx(model.rsquared)
    assert found.r2.low <= found.r2.value <= found.r2.high


def test_a_rate_below_zero_is_dropped_and_counted():
    rate = np.exp(3.0 - 40.0 / SCORE)
    rate[2] = -1.0
    found = fit_arrhenius(SCORE, rate)
    assert found.c.n == 5 and found.c.value == pytest.approx(40.0)
    assert any("1 of 6 rates" in caveat for caveat in found.c.caveats)


def test_two_points_leave_no_degree_of_freedom_and_no_constant():
    found = fit_arrhenius(SCORE[:2], [1.0, 2.0])
    assert found.c.value is None and "0 degrees of freedom" in found.c.caveats[0]
    assert found.r2.value is None and found.spare == 0


def test_three_points_have_a_constant_and_no_r2_worth_the_name():
    found = fit_arrhenius(SCORE[:3], [1.0, 2.0, 2.5])
    assert found.c.value is not None and found.c.low < found.c.value < found.c.high
    assert found.r2.value is None and "1 degree of freedom" in found.r2.caveats[0]
    assert found.r2_bare.value is not None


def test_no_point_has_no_constant():
    assert fit_arrhenius([], []).c.value is None


def test_the_form_that_made_the_norms_predicts_better():
    loss = np.linspace(1.5, 6.0, 8)
    noise = np.tile([0.01, -0.01], 4)
    exponential = form_error_ratio(loss, np.exp(2.0 - 9.0 / loss + noise), n_resamples=500, rng=rng())
    power = form_error_ratio(loss, loss**3.5 * np.exp(noise), n_resamples=500, rng=rng())
    assert exponential.value < 1 < power.value
    assert exponential.high < 1 < power.low


def test_noise_hides_which_form_it_is():
    found = form_error_ratio(LOSS, LOSS**3.5 * np.exp(5 * WOBBLE), n_resamples=500, rng=rng())
    assert found.low < 1 < found.high


@pytest.mark.parametrize(("loss", "norm"), [(LOSS[:3], LOSS[:3]), (np.full(5, 2.0), np.arange(1.0, 6.0))])
def test_too_few_or_equal_losses_cannot_tell_forms_apart(loss, norm):
    assert form_error_ratio(loss, norm, n_resamples=200, rng=rng()).value is None
