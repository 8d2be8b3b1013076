"""Paired differences and McNemar's test: planted factors, independent implementations, coverage, edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.paired import mcnemar_exact, paired_difference, paired_standard_error

FEW = 400


def flips(rng, *, n, share_right, gained, lost):
    """Items of which a share is right for a; of these a share `lost` is lost by b, of the others `gained` gained."""
    a = (rng.random(n) < share_right).astype(float)
    changed = rng.random(n) < np.where(a == 1, lost, gained)
    return a, np.where(changed, 1 - a, a)


def test_an_unpaired_error_is_too_wide_by_the_planted_factor():
    """One flip in ten each way at half right: variance 0.1 paired, 0.5 unpaired, so the factor is sqrt(5)."""
    a, b = flips(np.random.default_rng(0), n=200_000, share_right=0.5, gained=0.1, lost=0.1)
    found = paired_difference(a, b, rng=np.random.default_rng(1), n_resamples=FEW)
    assert found.se_unpaired / found.se == pytest.approx(np.sqrt(5), rel=0.01)
    assert found.correlation == pytest.approx(0.8, abs=0.01)


def test_independent_models_gain_nothing_from_pairing():
    a, b = np.random.default_rng(2).integers(0, 2, (2, 100_000)).astype(float)
    found = paired_difference(a, b, rng=np.random.default_rng(3), n_resamples=FEW)
    assert found.se / found.se_unpaired == pytest.approx(1, rel=0.01)


def test_errors_agree_with_a_regression_on_a_constant():
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 12, 300)
    a, b = rng.random((2, 300))
    b = b + rng.normal(0, 0.3, 12)[clusters]
    model = sm.OLS(b - a, np.ones(300))
    found = paired_difference(a, b, rng=rng, n_resamples=FEW, clusters=clusters)
    assert found.difference == pytest.approx(model.fit().params[0])
    assert found.se == pytest.approx(model.fit().bse[0])
    assert found.se_clustered == pytest.approx(model.fit(cov_type="cluster", cov_kwds={"groups": clusters}).bse[0])
    assert found.se_clustered > 1.5 * found.se
    assert found.n_clusters == 12 and "whole clusters" in found.method


def test_clusters_of_one_item_change_the_error_by_nothing():
    a, b = np.random.default_rng(5).random((2, 50))
    found = paired_difference(a, b, rng=np.random.default_rng(6), n_resamples=FEW, clusters=np.arange(50))
    assert found.se_clustered == pytest.approx(found.se)


def test_the_bootstrap_interval_is_that_of_scipy():
    a, b = np.random.default_rng(7).random((2, 60))
    found = paired_difference(a, b, rng=np.random.default_rng(8), n_resamples=20_000)
    rival = scipy.stats.bootstrap(
        (b - a,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(9)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((rival.low, rival.high), abs=0.01)


def test_the_adjusted_error_is_the_printed_formula_and_never_zero():
    """Bonett and Price (2012): shares with one added to each discordant cell and two to n."""
    n01, n10, n = 7, 3, 40
    p, q = (n01 + 1) / (n + 2), (n10 + 1) / (n + 2)
    expected = np.sqrt((p + q - (p - q) ** 2) / (n + 2))
    assert paired_standard_error(n, n01 - n10, n01 + n10, is_binary=True) == pytest.approx(expected)
    same = np.ones(40)
    found = paired_difference(same, same, rng=np.random.default_rng(0), n_resamples=FEW)
    assert found.se == 0 and found.se_adjusted > 0 and found.correlation is None


def test_the_adjusted_interval_covers_a_planted_difference():
    """2,000 worlds of 120 items with a true difference of 0.05: a Wald interval from the adjusted error."""
    rng = np.random.default_rng(10)
    cells = rng.multinomial(120, [0.10, 0.05, 0.85], size=2000)
    total, squares = cells[:, 0] - cells[:, 1], cells[:, 0] + cells[:, 1]
    se = paired_standard_error(np.full(2000, 120), total, squares, is_binary=True)
    covered = np.abs(total / 122 - 0.05) <= 1.96 * se
    assert 0.93 < covered.mean() < 0.98


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_p_is_that_of_statsmodels_and_scipy(n01, n10):
    found = mcnemar_exact(n01, n10)
    assert found.p_exact == pytest.approx(mcnemar([[5, n01], [n10, 5]], exact=True).pvalue)
    if n01 + n10:
        assert found.p_exact == pytest.approx(scipy.stats.binomtest(n01, n01 + n10).pvalue)
    assert found.p_mid <= found.p_exact + 1e-12 and found.n_discordant == n01 + n10


def test_the_mid_p_counts_the_observed_outcome_half():
    n01, n10 = 2, 9
    tail = sum(scipy.stats.binom.pmf(k, 11, 0.5) for k in range(2)) + 0.5 * scipy.stats.binom.pmf(2, 11, 0.5)
    assert mcnemar_exact(n01, n10).p_mid == pytest.approx(2 * tail)
    assert mcnemar_exact(0, 0).p_mid == 1.0 and mcnemar_exact(0, 0).p_exact == 1.0


def test_the_tests_hold_their_level():
    """Under no difference the exact test is below its level and the mid-p is near it."""
    gained = np.random.default_rng(11).binomial(40, 0.5, 20_000)
    found = mcnemar_exact(gained, 40 - gained)
    assert (found.p_exact <= 0.05).mean() < 0.05 and 0.03 < (found.p_mid <= 0.05).mean() < 0.06


def test_one_item_has_a_difference_and_no_error():
    found = paired_difference([0.0], [1.0], rng=np.random.default_rng(0), n_resamples=FEW)
    assert found.difference == 1 and found.se is None and found.low is None and "no interval" in found.caveats[0]
    assert found.inference.value == 1
    one = paired_difference([0, 1], [1, 1], rng=np.random.default_rng(0), n_resamples=FEW, clusters=["a", "a"])
    assert one.se_clustered is None and one.low is None


def test_hostile_values_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(NotEnoughDataError, match="at least 1 common item"):
        paired_difference([], [], rng=rng)
    for a, b, clusters in (([1, 2], [1], None), ([1], [1], ["a", "b"]), ([np.nan], [1], None)):
        with pytest.raises(BadParameterError):
            paired_difference(a, b, rng=rng, clusters=clusters)
    with pytest.raises(BadParameterError, match="n_resamples"):
        paired_difference([0, 1], [1, 1], rng=rng, n_resamples=0)
    for counts in ((-1, 2), (0.5, 2), (np.nan, 1)):
        with pytest.raises(BadParameterError, match="whole counts"):
            mcnemar_exact(*counts)
    assert np.isnan(paired_standard_error(1, 0, 0, is_binary=True))


def test_memory_does_not_grow_with_items_and_resamples():
    a, b = np.random.default_rng(12).random((2, 5_000))
    found = paired_difference(a, b, rng=np.random.default_rng(13), n_resamples=2_000)
    assert (found.high - found.low) / (2 * 1.96 * found.se) == pytest.approx(1, abs=0.1)
