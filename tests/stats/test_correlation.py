"""Correlations: planted answers, independent implementations, calibration, edge cases."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from cape.errors import BadParameterError
from cape.stats import correlation as cor
from cape.stats.resampling import cluster_weights

LABELS = np.repeat(["pythia", "opt", "llama", "qwen", "gemma", "falcon"], [6, 5, 4, 4, 3, 2])


def rng(seed=0):
    return np.random.default_rng(seed)


def trends(n, seed):
    """Return log10 N and two benchmarks that share nothing but a growth with N."""
    noise = rng(seed).standard_normal((2, n))
    log10_n = np.linspace(7.8, 10.1, n)
    return log10_n, 30 + 12 * log10_n + noise[0], 90 - 5 * log10_n + noise[1]


def pooled(seed=3):
    """Return models of six families: log10 N, x, y, with family offsets."""
    noise = rng(seed).standard_normal((5, LABELS.size))
    _, codes = np.unique(LABELS, return_inverse=True)
    log10_n = 9 + noise[0]
    x = 50 + 6 * log10_n + noise[1] + noise[3][codes]
    return log10_n, x, 40 - 2 * log10_n + 0.5 * noise[1] + noise[2] + noise[4][codes]


def loop_draws(statistic, weights):
    """Return the statistic of the repeated rows of each resample, one resample at a time."""
    return np.array([statistic(np.repeat(np.arange(row.size), row.astype(int))) for row in weights])


# planted answers


def test_points_on_a_rising_line_have_r_of_one_and_no_interval():
    found = cor.pearson(np.arange(6.0), 3 * np.arange(6.0) + 2)
    assert found.value == pytest.approx(1.0, abs=1e-12)
    assert found.low is None and found.high is None and found.caveats


def test_partial_r_of_benchmarks_that_share_only_a_residual_is_one():
    log10_n, shared = np.linspace(8, 10, 7), rng().standard_normal(7)
    found = cor.partial_correlation(5 * log10_n + shared, 70 - 3 * log10_n + 2 * shared, log10_n)
    assert found.value == pytest.approx(1.0, abs=1e-10)


def test_family_demeaned_r_sees_the_negative_slope_within_rising_families():
    labels = np.repeat(["a", "b", "c"], 3)
    within, between = np.tile([-1.0, 0.0, 1.0], 3), np.repeat([0.0, 10.0, 20.0], 3)
    x, y = between + within, between - within
    demeaned = cor.family_demeaned_correlation(x, y, labels, n_resamples=50, rng=rng())
    assert demeaned.value == pytest.approx(-1.0)
    assert cor.between_family_correlation(x, y, labels).value == pytest.approx(1.0)
    assert cor.clustered_correlation(x, y, labels, n_resamples=50, rng=rng()).value > 0.9


def test_perfectly_ordered_points_reach_the_smallest_p():
    x = np.array([1.0, 2.0, 4.0, 8.0, 9.5])
    found = cor.permutation_p(x, x, n_permutations=10, rng=rng())
    assert found.p_one_sided == pytest.approx(1 / 120)
    assert found.p_two_sided == found.smallest_p == pytest.approx(2 / 120)


# independent implementations


@pytest.mark.parametrize("n", [4, 8, 30])
def test_pearson_and_its_interval_agree_with_scipy(n):
    _, x, y = trends(n, 1)
    found, theirs = cor.pearson(x, y), scipy.stats.pearsonr(x, y)
    assert (found.value, found.low, found.high) == pytest.approx((theirs.statistic, *theirs.confidence_interval()))


def test_partial_r_agrees_with_residuals_of_statsmodels():
    log10_n, x, y = trends(9, 2)
    design = sm.add_constant(log10_n)
    theirs = scipy.stats.pearsonr(sm.OLS(x, design).fit().resid, sm.OLS(y, design).fit().resid).statistic
    found = cor.partial_correlation(x, y, log10_n)
    z = scipy.stats.norm.ppf(0.975) / np.sqrt(9 - 1 - 3)
    assert found.value == pytest.approx(theirs)
    assert (found.low, found.high) == pytest.approx(tuple(np.tanh(np.arctanh(theirs) + np.array([-z, z]))))


@pytest.mark.parametrize(("n", "seed"), [(4, 0), (6, 1), (7, 2)])
def test_exact_permutation_p_agrees_with_scipy(n, seed):
    x, y = rng(seed).standard_normal((2, n))

    def statistic(column):
        return scipy.stats.pearsonr(column, y).statistic

    def theirs(side):
        return scipy.stats.permutation_test(
            (x,), statistic, permutation_type="pairings", alternative=side, n_resamples=np.inf
        ).pvalue

    found = cor.permutation_p(x, y, n_permutations=1, rng=rng())
    assert found.exact and found.n_orderings == factorial(n)
    assert found.p_two_sided == pytest.approx(theirs("two-sided"))
    assert found.p_one_sided == pytest.approx(theirs("greater" if found.statistic >= 0 else "less"))


def test_random_permutation_p_agrees_with_the_t_test():
    x, noise = rng(5).standard_normal((2, 40))
    y = 0.3 * x + noise
    found = cor.permutation_p(x, y, n_permutations=20_000, rng=rng(6))
    assert not found.exact and found.smallest_p == pytest.approx(2 / 20_001)
    assert found.p_two_sided == pytest.approx(scipy.stats.pearsonr(x, y).pvalue, rel=0.15)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_freedman_lane_agrees_with_a_plain_loop(seed):
    log10_n, x, y = trends(6, seed)
    design = sm.add_constant(log10_n)
    fit = sm.OLS(y, design).fit()

    def partial_r(column):
        residual = sm.OLS(column, design).fit().resid
        return np.corrcoef(sm.OLS(x, design).fit().resid, residual)[0, 1]

    observed = partial_r(y)
    null = np.array([partial_r(fit.fittedvalues + fit.resid[list(order)]) for order in permutations(range(6))])
    above, below = np.mean(null >= observed - 1e-9), np.mean(null <= observed + 1e-9)
    found = cor.freedman_lane_p(x, y, log10_n, n_permutations=1, rng=rng())
    assert found.statistic == pytest.approx(observed)
    assert found.p_two_sided == pytest.approx(min(1, 2 * min(above, below)))
    assert found.p_one_sided == pytest.approx(above if observed >= 0 else below)


def test_family_bootstraps_agree_with_a_plain_loop():
    log10_n, x, y = pooled()
    weights = cluster_weights(LABELS, n_resamples=80, rng=rng(9))
    options = {"n_resamples": 80, "rng": rng(9)}
    found = cor.clustered_correlation(x, y, LABELS, **options)
    expected = loop_draws(lambda rows: np.corrcoef(x[rows], y[rows])[0, 1], weights)
    np.testing.assert_allclose(found.draws, expected, atol=1e-10)

    def partial_r(rows):
        design = sm.add_constant(log10_n[rows])
        return np.corrcoef(sm.OLS(x[rows], design).fit().resid, sm.OLS(y[rows], design).fit().resid)[0, 1]

    options["rng"] = rng(9)
    found = cor.clustered_partial_correlation(x, y, log10_n, LABELS, **options)
    np.testing.assert_allclose(found.draws, loop_draws(partial_r, weights), atol=1e-10)
    assert found.n == 6 and found.low < found.value < found.high


def test_demeaned_bootstrap_agrees_with_a_plain_loop():
    _, x, y = pooled()

    def demeaned_r(rows):
        left = [column[rows].copy() for column in (x, y)]
        for family in np.unique(LABELS[rows]):
            for column in left:
                column[LABELS[rows] == family] -= column[LABELS[rows] == family].mean()
        return left[0] @ left[1] / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))

    found = cor.family_demeaned_correlation(x, y, LABELS, n_resamples=80, rng=rng(9))
    weights = cluster_weights(LABELS, n_resamples=80, rng=rng(9))
    enough = [(w > 0).sum() - np.unique(LABELS[w > 0]).size >= 2 for w in weights]
    expected = np.where(enough, loop_draws(demeaned_r, weights), np.nan)
    np.testing.assert_allclose(found.draws, expected, atol=1e-10)
    assert found.value == pytest.approx(demeaned_r(np.arange(x.size)))


# calibration


def test_unrelated_trends_fool_the_raw_permutation_but_not_freedman_lane():
    raw, adjusted = [], []
    for seed in range(300):
        log10_n, x, y = trends(8, seed)
        raw.append(cor.permutation_p(x, y, n_permutations=1, rng=rng()).p_two_sided)
        adjusted.append(cor.freedman_lane_p(x, y, log10_n, n_permutations=1, rng=rng()).p_two_sided)
    assert np.mean(np.array(raw) <= 0.05) > 0.98
    # 300 tests at 5%: binomial standard deviation 1.26 points
    assert np.mean(np.array(adjusted) <= 0.05) == pytest.approx(0.05, abs=0.035)


def test_the_partial_interval_covers_zero_for_unrelated_trends():
    covered = 0
    for seed in range(400):
        log10_n, x, y = trends(12, seed)
        found = cor.partial_correlation(x, y, log10_n)
        covered += found.low < 0 < found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


# edge cases


def test_smallest_p_of_eight_models():
    assert cor.smallest_attainable_p(8, two_sided=False) == pytest.approx(1 / 40320)
    assert cor.smallest_attainable_p(8, two_sided=True) == pytest.approx(2 / 40320)
    assert cor.smallest_attainable_p(1, two_sided=True) == 1.0
    with pytest.raises(ValueError, match="n >= 1"):
        cor.smallest_attainable_p(0, two_sided=True)


def test_ties_raise_the_smallest_p():
    found = cor.permutation_p([1, 1, 2, 3], [5, 5, 6, 9], n_permutations=1, rng=rng())
    # the highest r keeps both 5s on both 1s: 2 of 24 orderings; the lowest, with 9 and 6 there: 4 of 24
    assert found.smallest_p == pytest.approx(2 * 2 / 24)


@pytest.mark.parametrize(("n", "defined", "interval"), [(2, False, False), (3, True, False), (4, True, True)])
def test_pearson_is_undefined_below_three_points_and_has_an_interval_from_four(n, defined, interval):
    found = cor.pearson(np.arange(n) ** 2, [3, 1, 2, 2][:n])
    assert (found.value is not None, found.low is not None) == (defined, interval)
    assert bool(found.caveats) is not interval


@pytest.mark.parametrize(("n", "defined", "interval"), [(3, False, False), (4, True, False), (5, True, True)])
def test_partial_r_needs_one_point_more(n, defined, interval):
    found = cor.partial_correlation(np.arange(n) ** 2, [3, 1, 2, 2, 7][:n], np.arange(n))
    assert (found.value is not None, found.low is not None) == (defined, interval)


def test_constant_columns_are_undefined_even_with_rounding():
    constant, x = np.full(6, 0.1) * 3, np.arange(6.0)
    for found in (cor.pearson(x, constant), cor.partial_correlation(x**2, x, constant)):
        assert found.value is None and found.caveats
    assert cor.partial_correlation(0.1 + 0.7 * x, x**2, x).value is None
    test = cor.permutation_p(x, constant, n_permutations=9, rng=rng())
    assert test.p_two_sided is None and test.caveats
    assert cor.freedman_lane_p(x**2, x, constant, n_permutations=9, rng=rng()).p_two_sided is None


@pytest.mark.parametrize("sign", [1, -1])
def test_an_ordering_without_a_partial_r_counts_as_extreme(sign):
    # y has no trend in log10 N, and two of its orderings are straight lines in it
    log10_n, x = np.array([-3.0, -1.0, 1.0, 3.0]), np.array([1.0, 0.0, 0.0, 2.0])
    y = sign * np.array([1.0, -3.0, 3.0, -1.0])

    def partial_r(order):
        residual = cor.residuals(y[list(order)], log10_n)
        return np.corrcoef(cor.residuals(x, log10_n), residual)[0, 1] if residual.any() else np.nan

    null = np.array([partial_r(order) for order in permutations(range(4))])
    found = cor.freedman_lane_p(x, y, log10_n, n_permutations=1, rng=rng())
    assert np.isnan(null).sum() == 2 and found.caveats[0].startswith("2 of 24 orderings have no statistic")
    tails = [np.nansum(null >= found.statistic - 1e-9) + 2, np.nansum(null <= found.statistic + 1e-9) + 2]
    ends = [np.nansum(null >= np.nanmax(null) - 1e-9) + 2, np.nansum(null <= np.nanmin(null) + 1e-9) + 2]
    assert found.p_two_sided == pytest.approx(min(1, 2 * min(tails) / 24))
    assert found.p_one_sided == pytest.approx(tails[0 if found.statistic >= 0 else 1] / 24)
    assert found.smallest_p == pytest.approx(2 * min(ends) / 24)


def test_families_of_one_model_are_dropped_and_counted():
    _, x, y = pooled()
    more = (np.append(x, [99, 1]), np.append(y, [1, 99]), np.append(LABELS, ["gpt-j", "gpt-neox"]))
    alone = cor.family_demeaned_correlation(x, y, LABELS, n_resamples=40, rng=rng(1))
    found = cor.family_demeaned_correlation(*more, n_resamples=40, rng=rng(1))
    assert (found.value, found.low, found.n) == pytest.approx((alone.value, alone.low, 6))
    assert found.caveats[0].endswith("dropped: 2")
    nothing = cor.family_demeaned_correlation([1, 2, 3], [3, 1, 2], ["a", "b", "c"], n_resamples=9, rng=rng())
    assert nothing.value is None and len(nothing.caveats) == 2


def test_one_family_has_a_value_and_no_interval():
    _, x, y = trends(6, 0)
    for name in ("clustered_correlation", "family_demeaned_correlation"):
        found = getattr(cor, name)(x, y, ["pythia"] * 6, n_resamples=9, rng=rng())
        assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert found.low is None and found.draws is None and "One family" in found.caveats[0]


def test_resamples_of_too_few_distinct_models_are_undefined_and_counted():
    found = cor.clustered_correlation([1, 2, 3, 5], [2, 1, 4, 3], ["a", "a", "b", "b"], n_resamples=400, rng=rng())
    share = np.isnan(found.draws).mean()
    assert share == pytest.approx(0.5, abs=0.1)
    assert any("have no r" in caveat for caveat in found.caveats)


def test_between_family_r_is_the_r_of_means_of_unequal_families():
    _, x, y = pooled()
    means = [[column[family == LABELS].mean() for family in np.unique(LABELS)] for column in (x, y)]
    found = cor.between_family_correlation(x, y, LABELS)
    assert (found.value, found.n) == pytest.approx((scipy.stats.pearsonr(*means).statistic, 6))


def test_difference_r_is_the_r_of_the_differences_and_says_they_share_models():
    _, x, y = trends(9, 4)
    found = cor.difference_correlation(np.diff(x), np.diff(y))
    assert found.value == pytest.approx(scipy.stats.pearsonr(np.diff(x), np.diff(y)).statistic)
    assert found.caveats


def test_bad_columns_are_refused():
    with pytest.raises(ValueError, match="equal length"):
        cor.pearson([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="1 missing"):
        cor.pearson([1, 2, np.nan], [1, 2, 3])
    with pytest.raises(ValueError, match="match 3 models"):
        cor.between_family_correlation([1, 2, 3], [1, 2, 3], ["a", "b"])
    with pytest.raises(BadParameterError, match="n_permutations"):
        cor.permutation_p([1, 2, 3], [3, 1, 2], n_permutations=0, rng=rng())


# properties

scores = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=3, max_size=20)


@given(scores, st.floats(0.01, 100), st.floats(-100, 100))
def test_r_lies_in_range_and_ignores_units(pairs, scale, shift):
    x, y = np.array(pairs, dtype=float).T / 10
    first, second = cor.pearson(x, y), cor.pearson(scale * x + shift, -y)
    assert (first.value is None) == (second.value is None)
    if first.value is not None:
        assert -1 <= first.value <= 1
        assert second.value == pytest.approx(-first.value, abs=1e-8)


@given(scores, st.floats(-5, 5))
def test_partial_r_ignores_any_line_in_the_covariate(pairs, slope):
    x, y = np.array(pairs, dtype=float).T / 10
    log10_n = np.linspace(8, 10, x.size) ** 1.5
    first = cor.partial_correlation(x, y, log10_n)
    second = cor.partial_correlation(x + slope * log10_n, y, log10_n)
    if first.value is not None and second.value is not None:
        assert -1 <= first.value <= 1
        assert second.value == pytest.approx(first.value, abs=1e-6)
