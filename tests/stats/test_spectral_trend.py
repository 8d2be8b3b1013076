"""Windows of sizes, power laws, crossings and loadings: planted answers, rivals, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from cape.errors import NotEnoughDataError
from cape.stats import spectral_trend as trend
from cape.stats.dimensionality import family_redraws, measurement_redraws

NO_DRAWS = family_redraws(["a"], n_resamples=1, rng=np.random.default_rng(0))
SIZES = np.linspace(8, 11, 9)


def rng(seed=0):
    return np.random.default_rng(seed)


def block(angle, n=40, seed=0):
    """Return scores of three benchmarks whose correlation matrix has e2 in the plane of the last two, at an angle."""
    e1 = np.ones(3) / np.sqrt(3)
    a, b = np.array([0, 1, -1]) / np.sqrt(2), np.array([2, -1, -1]) / np.sqrt(6)
    e2 = np.cos(angle) * a + np.sin(angle) * b
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng(seed).standard_normal((n, 2))]))[0][:, 1:]
    return np.sqrt(n) * (basis[:, :1] * 1.6 * e1 + basis[:, 1:] * 0.6 * e2), e2


# planted answers


def test_a_planted_power_law_has_its_exponent_and_fits_exactly():
    series = 1.3 * 10.0 ** (-0.27 * (SIZES - 9))
    found = trend.power_laws(SIZES, series[None])
    assert found.slope[0] == pytest.approx(-0.27) and found.r2[0] == pytest.approx(1)


def test_a_falling_line_crosses_its_level_where_it_was_planted():
    line = trend.lines(SIZES, (1 + 0.3 * (11.5 - SIZES))[None])
    at = line.crossing(1.0)
    found = trend.crossing_inference(at, NO_DRAWS, what="line", n_points=9, largest_b=100.0)
    assert found.value == pytest.approx(10**2.5)
    assert any("extrapolated beyond the largest window, 100 B" in caveat for caveat in found.caveats)


@pytest.mark.parametrize(("start", "slope"), [(1.5, 0.3), (1.5, 0.0), (1.5, -0.01), (0.5, 0.2)])
def test_a_line_that_rises_or_hardly_falls_never_comes_down(start, slope):
    line = trend.lines(SIZES, (start + slope * (SIZES - 8))[None])
    at = line.crossing(1.0)
    assert np.isinf(at[0])
    found = trend.crossing_inference(at, NO_DRAWS, what="line", n_points=9, largest_b=100.0)
    assert found.value is None and found.caveats[0].startswith("none")


def test_draws_that_never_come_down_leave_the_interval_open_above():
    redraws = family_redraws(list("abcdefgh"), n_resamples=100, rng=rng())
    at = np.concatenate([[11.0], np.linspace(10.5, 11.5, 90), np.full(10, np.inf)])
    found = trend.crossing_inference(at, redraws, what="line", n_points=9, largest_b=10.0)
    assert found.low is not None and found.high is None and found.low < found.value == pytest.approx(100)
    assert "10.0% of resamples never come down to it" in found.caveats


def test_a_loading_changes_sign_halfway_between_equal_and_opposite_neighbours():
    series = np.array([[0.4, 0.2, -0.2, -0.4], [0.4, 0.3, 0.2, 0.1], [0.1, -0.1, 0.1, -0.1]])
    at, number = trend.zero_crossings(np.array([8.0, 9.0, 10.0, 11.0]), series)
    assert at[0] == pytest.approx(9.5) and np.isnan(at[1]) and at[2] == pytest.approx(8.5)
    assert number.tolist() == [1, 0, 3]


def test_a_planted_turn_of_e2_is_followed_through_a_change_of_sign():
    angles = np.radians([0, 40, 80, 120, 160])
    parts = [block(angle, seed=k) for k, angle in enumerate(angles)]
    scores = np.concatenate([part for part, _ in parts])
    log10_n = np.repeat(np.arange(8.0, 13.0), 40) + np.tile(np.linspace(0, 1e-6, 40), 5)
    series = trend.window_series(scores, log10_n, NO_DRAWS, size=40, positive=1)
    nearest = [int(np.argmin(np.abs(series.log10_n - centre))) for centre in range(8, 13)]
    for window, (_, planted) in zip(nearest, parts, strict=True):
        assert abs(series.e2[0, window] @ planted) > 0.85
    assert series.e2[0, 0, 1] > 0 and series.e2[0, -1, 1] < 0  # turned by 160 degrees, not flipped back
    assert (series.alignment > 0).all()


def test_eigenvalues_of_a_window_are_those_of_its_models():
    scores, log10_n = 50 + rng(2).standard_normal((30, 4)), rng(3).uniform(8, 11, 30)
    series = trend.window_series(scores, log10_n, NO_DRAWS, size=10, positive=1)
    for k, rows in enumerate(series.rows):
        values = np.linalg.eigvalsh(np.corrcoef(scores[rows].T))[::-1]
        assert (series.lambda_1[0, k], series.lambda_2[0, k]) == pytest.approx(tuple(values[:2]))
        assert series.d_eff_correlation[0, k] == pytest.approx(values.sum() ** 2 / (values**2).sum())
        assert log10_n[rows].mean() == pytest.approx(series.log10_n[k])


# independent implementations


def test_lines_agree_with_scipy_draw_by_draw():
    series = rng(4).standard_normal((20, SIZES.size)) - SIZES
    found = trend.lines(SIZES, series)
    for k, row in enumerate(series):
        rival = scipy.stats.linregress(SIZES, row)
        assert (found.slope[k], found.intercept[k], found.r2[k]) == pytest.approx(
            (rival.slope, rival.intercept, rival.rvalue**2)
        )


def test_a_missing_value_is_left_out_of_the_line():
    series = (3 - 0.2 * SIZES)[None].copy()
    series[0, 4] = np.nan
    assert trend.lines(SIZES, series).slope[0] == pytest.approx(-0.2)


# edge cases


def test_windows_hold_the_smallest_and_the_largest_models_and_are_not_too_many():
    log10_n = rng(5).permutation(np.linspace(7, 12, 100))
    found = trend.windows(log10_n, size=25)
    assert len(found) == trend.MOST_WINDOWS and {rows.size for rows in found} == {25}
    assert log10_n[found[0]].min() == 7 and log10_n[found[-1]].max() == 12
    means = [log10_n[rows].mean() for rows in found]
    assert means == sorted(means)


def test_equal_sizes_keep_their_order():
    found = trend.windows(np.array([9.0, 8.0, 9.0, 9.0, 10.0, 9.0, 9.0]), size=6)
    assert [rows.tolist() for rows in found] == [[1, 0, 2, 3, 5, 6], [0, 2, 3, 5, 6, 4]]


@pytest.mark.parametrize(("n", "wanted", "size"), [(60, 0, 20), (8, 0, 6), (60, 12, 12)])
def test_a_window_holds_a_third_of_the_models_or_as_many_as_wanted(n, wanted, size):
    assert trend.window_size(n, wanted) == size


@pytest.mark.parametrize(("n", "wanted"), [(6, 0), (3, 0), (60, 5), (60, 60)])
def test_a_window_that_is_too_small_or_holds_everything_is_refused(n, wanted):
    with pytest.raises(NotEnoughDataError, match="sliding window needs 6 models or more"):
        trend.window_size(n, wanted)


def test_two_sizes_make_no_line():
    found = trend.lines(np.array([8.0, 9.0]), np.array([[1.0, 2.0]]))
    inference = trend.line_inference(found.slope, NO_DRAWS, what="slope", n_points=2)
    assert inference.value is None and inference.caveats


def test_an_eigenvalue_of_zero_is_left_out_of_the_power_law():
    series = np.array([[1.0, 0.5, 0.0, 0.125]])
    found = trend.power_laws(np.array([8.0, 9.0, 10.0, 11.0]), series)
    assert found.slope[0] == pytest.approx(-np.log10(2))


def test_a_constant_benchmark_leaves_its_window_without_eigenvalues():
    scores = 50 + rng(6).standard_normal((12, 3))
    scores[:6, 1] = 25.0
    series = trend.window_series(scores, np.linspace(8, 10, 12), NO_DRAWS, size=6, positive=1)
    assert np.isnan(series.lambda_2[0, 0]) and np.isfinite(series.lambda_2[0, -1])
    assert np.isfinite(series.d_eff_covariance[0]).all()


def test_one_family_gets_its_interval_from_measurement_error():
    scores = 50 + 10 * rng(7).standard_normal((12, 3))
    redraws = measurement_redraws(scores, np.full_like(scores, 0.5), n_resamples=200, rng=rng(8))
    series = trend.window_series(scores, np.linspace(8, 10, 12), redraws, size=6, positive=1)
    found = trend.line_inference(
        trend.power_laws(series.log10_n, series.lambda_2).slope, redraws, what="slope", n_points=7
    )
    assert found.low < found.value < found.high and "measurement error only" in found.caveats[0]
