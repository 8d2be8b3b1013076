"""Resampling: planted answers, the legacy stream, independent fits, and what happens to undefined draws."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Points
from cape.stats.logistic import logistic_fits
from cape.stats.resampling import (
    cluster_inference,
    cluster_weights,
    jackknife,
    jackknife_families,
    legacy_row_weights,
    percentile_interval,
    row_weights,
    undefined_caveat,
    weighted_parabola_vertex,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240)


def families(scores: dict[str, list[float]]) -> Points:
    names = [name for name, values in scores.items() for _ in values]
    y = np.concatenate([np.array(values, dtype=float) for values in scores.values()])
    n = len(names)
    return Points(
        family=np.array(names),
        log10_n=np.linspace(8, 10, n),
        x_pct=np.linspace(30, 80, n),
        y_pct=y,
        x_se=np.ones(n),
        y_se=np.ones(n),
    )


def test_row_weights_have_the_moments_of_a_multinomial_draw(rng):
    weights = row_weights(10, n_resamples=40_000, rng=rng)
    assert weights.shape == (40_000, 10)
    assert (weights.sum(axis=1) == 10).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 0.9, atol=0.04)


def test_the_bootstrap_standard_error_of_a_mean_is_its_formula(rng):
    data = rng.normal(size=50)
    means = row_weights(50, n_resamples=20_000, rng=rng) @ data / 50
    assert means.std() == pytest.approx(data.std() / np.sqrt(50), rel=0.02)


def test_rows_of_a_cluster_share_their_weight_and_clusters_are_drawn_as_often_as_there_are(rng):
    labels = np.array(["b", "a", "b", "c", "a", "b"])
    weights = cluster_weights(labels, n_resamples=500, rng=rng)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 0], weights[:, 5])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert weights.sum(axis=1).min() < 6 < weights.sum(axis=1).max()


def test_cluster_bootstrap_of_identical_rows_has_the_error_of_the_clusters_not_of_the_rows(rng):
    level = rng.normal(size=40)
    labels, data = np.repeat(np.arange(40), 5), np.repeat(level, 5)
    weights = cluster_weights(labels, n_resamples=20_000, rng=rng)
    means = weights @ data / weights.sum(axis=1)
    assert means.std() == pytest.approx(level.std() / np.sqrt(40), rel=0.03)


def test_legacy_weights_are_the_stream_of_repeated_choice_calls_and_leave_global_state_alone():
    state = np.random.get_state()
    np.random.seed(42)
    expected = np.array([np.bincount(np.random.choice(14, 14, replace=True), minlength=14) for _ in range(300)])
    np.random.set_state(state)
    before = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(legacy_row_weights(14, n_resamples=300, seed=42), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_percentile_interval_agrees_with_scipy_bootstrap_percentiles(rng):
    data = rng.exponential(size=40)
    reference = stats.bootstrap((data,), np.mean, n_resamples=9_999, method="percentile", rng=rng)
    low, high, n_undefined = percentile_interval(row_weights(40, n_resamples=9_999, rng=rng) @ data / 40)
    assert n_undefined == 0
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.02)


def test_percentile_interval_leaves_out_and_counts_undefined_draws():
    draws = np.concatenate([np.arange(101.0), np.full(7, np.nan)])
    assert percentile_interval(draws, level=0.9) == (pytest.approx(5.0), pytest.approx(95.0), 7)


def test_percentile_interval_of_nothing_but_undefined_draws_is_none():
    assert percentile_interval(np.full(9, np.nan)) == (None, None, 9)
    assert percentile_interval(np.empty(0)) == (None, None, 0)


def test_an_infinite_draw_keeps_its_place_so_that_a_limit_may_be_unbounded():
    draws = np.concatenate([np.arange(90.0), np.full(10, np.inf)])
    low, high, n_undefined = percentile_interval(draws)
    assert (high, n_undefined) == (None, 0)
    assert low == pytest.approx(2.475)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_percentile_interval_refuses_a_level_outside_zero_and_one(level):
    with pytest.raises(BadParameterError, match="level must lie between 0 and 1"):
        percentile_interval(np.arange(5.0), level=level)


@pytest.mark.parametrize(
    ("n_undefined", "expected"),
    [
        (0, ()),
        (3120, ("31.2% of 10000 resamples have no minimum in range",)),
        (1, ("<0.1% of 10000 resamples have no minimum in range",)),
        (9999, (">99.9% of 10000 resamples have no minimum in range",)),
        (10000, ("100.0% of 10000 resamples have no minimum in range",)),
    ],
)
def test_the_caveat_never_rounds_a_dropped_resample_away(n_undefined, expected):
    assert undefined_caveat(n_undefined, 10_000, "have no minimum in range") == expected


def test_nothing_to_draw_is_an_error_that_says_what_to_do(rng):
    with pytest.raises(NotEnoughDataError, match="at least 1 row, got 0"):
        row_weights(0, n_resamples=10, rng=rng)
    with pytest.raises(NotEnoughDataError):
        cluster_weights(np.array([], dtype=str), n_resamples=10, rng=rng)
    with pytest.raises(BadParameterError, match="n_resamples"):
        legacy_row_weights(3, n_resamples=0, seed=1)


def test_jackknife_gives_the_statistic_without_each_cluster():
    data = np.array([1.0, 2.0, 10.0, 4.0])
    table = jackknife(["a", "a", "b", "c"], lambda kept: data[kept].mean())
    assert table.label.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(table.value, [7.0, 7 / 3, 13 / 3])


def test_jackknife_marks_an_undefined_value_and_refuses_one_cluster():
    table = jackknife(["a", "b"], lambda kept: None if kept[0] else 1.0)
    np.testing.assert_array_equal(table.value, [1.0, np.nan])
    with pytest.raises(NotEnoughDataError, match="at least 2 clusters, got 1"):
        jackknife(["a", "a"], lambda kept: 1.0)


def test_family_influence_names_the_planted_outlier():
    points = families({"plain": [1.0, 1.2], "odd": [9.0, 11.0], "usual": [0.9, 1.1]})
    influence = jackknife_families(points, lambda p: float(p.y_pct.mean()))
    assert influence.most_influential == "odd"
    assert influence.shift == pytest.approx(1.05 - influence.full)
    assert influence.low == pytest.approx(1.05)
    assert influence.caveats == ()


def test_family_influence_says_without_whom_the_statistic_is_undefined():
    points = families({"a": [1.0], "b": [2.0], "c": [3.0]})
    influence = jackknife_families(points, lambda p: None if "b" not in p.family else float(p.y_pct.sum()))
    assert influence.caveats == ("undefined without b",)
    assert (influence.low, influence.high) == (3.0, 5.0)
    nothing = jackknife_families(points, lambda p: None)
    assert (nothing.full, nothing.low, nothing.most_influential) == (None, None, None)


def test_weighted_parabolas_agree_with_polyfit_on_the_repeated_rows(rng):
    log10_n = rng.uniform(7.8, 10.9, size=20)
    y = 40 + 3 * (log10_n - 9.4) ** 2 + rng.normal(0, 2, size=20)
    weights = row_weights(20, n_resamples=300, rng=rng)
    vertex, curvature = weighted_parabola_vertex(weights, log10_n, y)
    for i, row in enumerate(weights.astype(int)):
        c, b, _ = np.polyfit(np.repeat(log10_n - 9.4, row), np.repeat(y, row), 2)
        assert curvature[i] == pytest.approx(c, rel=1e-8)
        assert vertex[i] == pytest.approx(9.4 - b / 2 / c, rel=1e-8)


def test_a_parabola_through_fewer_than_three_sizes_is_undefined():
    weights = np.array([[2.0, 3.0, 0.0], [5.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    vertex, _ = weighted_parabola_vertex(weights, np.array([8.0, 9.0, 10.0]), np.array([5.0, 4.0, 5.0]))
    np.testing.assert_allclose(vertex, [np.nan, np.nan, 9.0, np.nan])


def test_rounding_does_not_turn_two_sizes_into_a_parabola(rng):
    log10_n, y = rng.uniform(7.8, 10.9, size=30), rng.normal(40, 3, size=30)
    pairs = np.array([(i, j) for i in range(30) for j in range(i)])
    weights = np.zeros((len(pairs), 30))
    weights[np.arange(len(pairs)), pairs[:, 0]] = 3.0
    weights[np.arange(len(pairs)), pairs[:, 1]] = 7.0
    vertex, curvature = weighted_parabola_vertex(weights, log10_n, y)
    assert np.isnan(vertex).all() and np.isnan(curvature).all()


def test_logistic_fits_agree_with_statsmodels_under_frequency_weights(rng):
    x = rng.uniform(7.8, 10.9, size=40)
    positive = rng.random(40) < 1 / (1 + np.exp(-2 * (x - 9.5)))
    weights = cluster_weights(np.repeat(np.arange(10), 4), n_resamples=60, rng=rng)
    fits = logistic_fits(weights, x, positive)
    regular = np.flatnonzero(np.isfinite(fits.slope))
    assert regular.size > 50
    for i in regular:
        repeat = weights[i].astype(int)
        reference = sm.Logit(np.repeat(positive, repeat).astype(float), sm.add_constant(np.repeat(x - 9.5, repeat)))
        intercept, slope = reference.fit(disp=0, method="newton", maxiter=200, tol=1e-13).params
        assert fits.slope[i] == pytest.approx(slope, rel=1e-7)
        assert fits.half_point[i] == pytest.approx(9.5 - intercept / slope, abs=1e-7)


def test_logistic_fit_survives_data_that_are_almost_separated():
    x = np.concatenate([np.linspace(0, 4.9, 50), [5.02], [5.0], np.linspace(5.1, 10, 50)])
    positive = np.concatenate([np.zeros(51), np.ones(51)]).astype(bool)
    fits = logistic_fits(np.array([np.ones(102)]), x, positive)
    assert np.isfinite(fits.slope[0])
    assert fits.half_point[0] == pytest.approx(5.01, abs=0.02)


def test_separated_signs_have_an_infinite_slope_and_turn_in_the_middle_of_the_gap():
    x, positive = np.array([1.0, 2.0, 4.0, 7.0]), np.array([False, False, True, True])
    fits = logistic_fits(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 2.0]]), x, positive)
    np.testing.assert_array_equal(fits.slope, np.inf)
    np.testing.assert_array_equal(fits.half_point, [3.0, 4.0])
    np.testing.assert_array_equal(logistic_fits(np.ones((1, 4)), x, ~positive).slope, -np.inf)


def test_signs_that_overlap_in_one_value_only_turn_at_that_value():
    x, positive = np.array([1.0, 3.0, 3.0, 5.0]), np.array([False, False, True, True])
    fits = logistic_fits(np.ones((1, 4)), x, positive)
    assert (fits.slope[0], fits.half_point[0]) == (np.inf, 3.0)


def test_one_sign_or_one_covariate_value_has_no_logistic_fit():
    assert np.isnan(logistic_fits(np.ones((1, 3)), np.arange(3.0), np.ones(3, dtype=bool)).slope[0])
    fits = logistic_fits(np.ones((1, 3)), np.full(3, 9.0), np.array([True, False, True]))
    assert np.isnan(fits.slope[0]) and np.isnan(fits.half_point[0])


def test_no_interval_is_given_for_one_family_or_when_most_resamples_are_undefined():
    values = np.concatenate([[1.0], np.full(60, np.nan), np.arange(40.0)])
    words = {"why": "w", "lacking": "have none", "method": "m"}
    mostly = cluster_inference(values, n=5, **words)
    assert (mostly.value, mostly.low, mostly.high) == (1.0, None, None)
    assert mostly.caveats == (
        "60.0% of 100 resamples have none",
        "no interval: more than 50% of resamples have no answer",
    )
    single = cluster_inference(np.ones(101), n=1, **words)
    assert (single.low, single.caveats) == (None, ("no interval: fewer than 2 families",))
    missing = cluster_inference(np.concatenate([[np.nan], np.arange(100.0)]), n=5, **words)
    assert (missing.value, missing.low) == (None, None)
    assert missing.caveats[0] == "w" and "the data as observed have none" in missing.caveats[1]
