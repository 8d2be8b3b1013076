"""False discovery control, the p of a bootstrap, the p of r, and chances of a sign."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from cape.stats.multiple_testing import benjamini_hochberg, bootstrap_p
from cape.stats.signs import probability_negative, student_p


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_agrees_with_statsmodels(p_values):
    rival = multipletests(p_values, method="fdr_bh")[1]
    assert benjamini_hochberg(p_values) == pytest.approx(rival)


def test_one_test_is_not_corrected_and_a_missing_one_does_not_count():
    assert benjamini_hochberg([0.03]) == pytest.approx([0.03])
    assert benjamini_hochberg([0.01, np.nan, 0.02]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert benjamini_hochberg([]).size == 0


def test_draws_on_one_side_of_zero_give_the_smallest_p_and_even_ones_give_one():
    draws = np.column_stack([np.full(99, 0.5), np.linspace(-1, 1, 99), np.full(99, np.nan)])
    assert bootstrap_p(draws) == pytest.approx([0.02, 1.0, np.nan], nan_ok=True)


def test_p_is_below_five_percent_where_the_interval_leaves_out_zero():
    draws = np.random.default_rng(0).normal(1, 0.5, (4999, 1))
    low = np.quantile(draws, 0.025)
    assert low > 0 and bootstrap_p(draws)[0] < 0.05
    shifted = draws - low - 0.05
    assert bootstrap_p(shifted)[0] > 0.05


@pytest.mark.parametrize("n", [4, 9, 60])
def test_p_of_r_agrees_with_scipy(n):
    x, y = np.random.default_rng(n).standard_normal((2, n))
    r, p = scipy.stats.pearsonr(x, y)
    assert student_p(r, n=n) == pytest.approx(p)


def test_p_of_r_needs_a_degree_of_freedom():
    assert student_p(0.5, n=2) is None and student_p(np.nan, n=9) is None
    assert student_p(1.0, n=9) == 0.0
    assert student_p(0.5, n=10, n_covariates=1) == pytest.approx(student_p(0.5, n=9))


def test_chances_of_a_negative_number_are_normal():
    found = probability_negative([0.0, 1.0, -1.0, 2.0, np.nan], [1.0, 1.0, 0.0, 0.0, 1.0])
    assert found == pytest.approx([0.5, scipy.stats.norm.cdf(-1), 1, 0, np.nan], nan_ok=True)
