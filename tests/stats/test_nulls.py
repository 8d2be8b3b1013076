"""Nulls of unrelated trends: planted answers, independent implementations, calibration, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.nulls import independent_trend_null, null_band_by_n

LOG10_N = np.array([7.85, 8.2, 8.61, 9.0, 9.15, 9.45, 9.84, 10.08])


def rng(seed=0):
    return np.random.default_rng(seed)


def trends(seed, *, shared=0.0):
    """Return two benchmarks with their own trends, and a part of the residual in common."""
    own_x, own_y, common = rng(seed).standard_normal((3, LOG10_N.size))
    return 20 + 15 * LOG10_N + own_x + shared * common, 60 - 4 * LOG10_N + own_y + shared * common


# planted answers


def test_two_steep_opposite_trends_have_a_null_near_minus_one():
    x, y = trends(0)
    found = independent_trend_null(LOG10_N, x, y, n_simulations=4000, rng=rng(1))
    assert found.band.high < -0.7
    assert found.p > 0.05
    assert abs(found.partial_band.median) < 0.05


def test_a_shared_residual_is_found_by_the_partial_r():
    x, y = trends(0, shared=10.0)
    found = independent_trend_null(LOG10_N, x, y, n_simulations=4000, rng=rng(1))
    assert found.partial_r > found.partial_band.high
    assert found.partial_p < 0.05


def test_without_signal_the_band_is_that_of_unrelated_noise():
    (band,) = null_band_by_n([10], 0.0, 0.0, n_simulations=40_000, rng=rng(2))
    t = scipy.stats.t(8).ppf(0.975)
    edge = t / np.sqrt(8 + t**2)
    assert (band.low, band.median, band.high) == pytest.approx((-edge, 0.0, edge), abs=0.015)


def test_strong_opposite_trends_pin_the_band_at_minus_one():
    for band in null_band_by_n(range(3, 21), 300.0, -300.0, n_simulations=200, rng=rng(2)):
        assert band.high < -0.999


# independent implementations


def test_trend_and_residual_agree_with_statsmodels():
    x, y = trends(3)
    found = independent_trend_null(LOG10_N, x, y, n_simulations=10, rng=rng())
    design = sm.add_constant(LOG10_N)
    fits = [sm.OLS(column, design).fit() for column in (x, y)]
    assert (found.slope_x, found.slope_y) == pytest.approx([fit.params[1] for fit in fits])
    assert (found.residual_sd_x, found.residual_sd_y) == pytest.approx([np.sqrt(fit.scale) for fit in fits])
    assert found.r == pytest.approx(scipy.stats.pearsonr(x, y).statistic)
    assert found.partial_r == pytest.approx(scipy.stats.pearsonr(fits[0].resid, fits[1].resid).statistic)
    assert found.signal_to_noise_y == pytest.approx(fits[1].params[1] * np.ptp(LOG10_N) / np.sqrt(fits[1].scale))


def test_simulated_r_agrees_with_a_plain_loop():
    x, y = trends(3)
    found = independent_trend_null(LOG10_N, x, y, n_simulations=25, rng=rng(7))
    noise = rng(7).standard_normal((2, 25, LOG10_N.size))
    design = sm.add_constant(LOG10_N)
    fits = [sm.OLS(column, design).fit() for column in (x, y)]
    for i in range(25):
        simulated = [fit.fittedvalues + np.sqrt(fit.scale) * noise[k, i] for k, fit in enumerate(fits)]
        assert found.r_draws[i] == pytest.approx(scipy.stats.pearsonr(*simulated).statistic, abs=1e-10)
        left = [sm.OLS(column, design).fit().resid for column in simulated]
        assert found.partial_r_draws[i] == pytest.approx(scipy.stats.pearsonr(*left).statistic, abs=1e-10)
    distance = np.abs(found.r_draws - found.band.median)
    assert found.p == (1 + (distance >= abs(found.r - found.band.median)).sum()) / 26


def test_the_partial_null_is_that_of_student():
    x, y = trends(4)
    found = independent_trend_null(LOG10_N, x, y, n_simulations=20_000, rng=rng(5))
    spare = LOG10_N.size - 3
    t = found.partial_r_draws * np.sqrt(spare / (1 - found.partial_r_draws**2))
    assert scipy.stats.kstest(t, scipy.stats.t(spare).cdf).pvalue > 0.001


def test_the_band_by_n_agrees_with_the_null_of_the_same_ladder():
    log10_n = np.linspace(8, 10, 8)
    noise = rng(8).standard_normal((2, 8))
    null = independent_trend_null(
        log10_n, 9 * log10_n + noise[0], noise[1] - 3 * log10_n, n_simulations=40_000, rng=rng(1)
    )
    (band,) = null_band_by_n([8], null.signal_to_noise_x, null.signal_to_noise_y, n_simulations=40_000, rng=rng(2))
    assert (band.low, band.median, band.high) == pytest.approx(
        (null.band.low, null.band.median, null.band.high), abs=0.015
    )


# calibration


def test_unrelated_trends_are_rejected_no_more_often_than_named():
    found = [independent_trend_null(LOG10_N, *trends(seed), n_simulations=400, rng=rng(seed)) for seed in range(400)]
    # 400 tests at 5%: binomial standard deviation 1.1 points
    assert np.mean([null.partial_p <= 0.05 for null in found]) == pytest.approx(0.05, abs=0.035)
    assert np.mean([null.p <= 0.05 for null in found]) < 0.085


# edge cases


def test_an_exact_line_has_no_partial_r_and_says_so():
    _, y = trends(0)
    found = independent_trend_null(LOG10_N, 0.1 + 0.3 * LOG10_N, y, n_simulations=50, rng=rng())
    assert found.residual_sd_x == 0.0 and found.signal_to_noise_x is None
    assert found.partial_r is None and found.partial_p is None and found.partial_band.median is None
    assert found.partial_band.n_undefined == 50 and len(found.caveats) == 1
    assert found.r is not None and found.p is not None


def test_a_constant_benchmark_has_no_r():
    found = independent_trend_null(LOG10_N, np.full(8, 0.3), trends(0)[1], n_simulations=50, rng=rng())
    assert found.r is None and found.p is None and found.band.low is None and len(found.caveats) == 2


def test_the_null_does_not_depend_on_units():
    x, y = trends(6)
    first = independent_trend_null(LOG10_N, x, y, n_simulations=100, rng=rng(1))
    second = independent_trend_null(LOG10_N - 9, x / 100 + 5, 1000 * y, n_simulations=100, rng=rng(1))
    np.testing.assert_allclose(first.r_draws, second.r_draws, atol=1e-9)
    assert second.p == first.p


def test_too_few_models_or_one_size_are_refused():
    with pytest.raises(NotEnoughDataError, match="got 3 models"):
        independent_trend_null([8, 9, 10], [1, 2, 4], [3, 1, 2], n_simulations=9, rng=rng())
    with pytest.raises(NotEnoughDataError, match="1 sizes"):
        independent_trend_null([8, 8, 8, 8], [1, 2, 4, 3], [3, 1, 2, 5], n_simulations=9, rng=rng())
    with pytest.raises(ValueError, match="1 missing"):
        independent_trend_null([8, 9, 10, 11], [1, 2, 4, np.nan], [3, 1, 2, 5], n_simulations=9, rng=rng())
    with pytest.raises(ValueError, match="equal length"):
        independent_trend_null([8, 9, 10, 11], [1, 2, 4], [3, 1, 2, 5], n_simulations=9, rng=rng())


def test_bad_counts_and_signals_are_refused():
    with pytest.raises(BadParameterError, match=r"got \[2\]"):
        null_band_by_n([2, 3], 1.0, 1.0, n_simulations=9, rng=rng())
    with pytest.raises(BadParameterError, match="finite"):
        null_band_by_n([3], np.inf, 1.0, n_simulations=9, rng=rng())
    with pytest.raises(BadParameterError, match="n_simulations"):
        null_band_by_n([3], 1.0, 1.0, n_simulations=0, rng=rng())
