"""Lines with t intervals and one point against the line of the others: planted answers, statsmodels, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from cape.stats.lines import distance_from_line, fit_line, outlier_p

X = np.array([1.0, 2.0, 3.5, 5.0, 6.0, 8.0])
Y = 2.0 - 0.7 * X + np.array([0.1, -0.2, 0.05, 0.15, -0.3, 0.2])


# planted answers


@given(slope=st.floats(0.01, 5) | st.floats(-5, -0.01), intercept=st.floats(-10, 10))
def test_a_straight_line_is_its_own_slope(slope, intercept):
    found = fit_line(X, intercept + slope * X)
    assert found.slope.value == pytest.approx(slope, abs=1e-9)
    assert found.intercept == pytest.approx(intercept, abs=1e-8)


def test_a_point_moved_off_a_line_lies_that_far_from_the_line_of_the_others():
    moved = 1.0 + 2.0 * X
    moved[2] -= 3.0
    within, outside = distance_from_line(X, moved, row=2)
    assert outside.value == pytest.approx(-3.0)
    assert -3.0 < within.value < 0.0


# independent implementation


def test_statsmodels_gives_the_same_line():
    found, model = fit_line(X, Y), sm.OLS(Y, sm.add_constant(X)).fit()
    assert found.slope.value == pytest.approx(model.params[1])
    assert (found.slope.low, found.slope.high) == pytest.approx(tuple(model.conf_int()[1]))
    assert found.slope_se == pytest.approx(model.bse[1])
    assert found.r2 == pytest.approx(model.rsquared)
    np.testing.assert_allclose(found.fitted, model.fittedvalues)
    influence = model.get_influence()
    np.testing.assert_allclose(Y - found.left_out, influence.resid_press)


@pytest.mark.parametrize("row", range(X.size))
def test_the_interval_of_a_left_out_point_is_statsmodels_prediction_interval(row):
    kept = np.arange(X.size) != row
    model = sm.OLS(Y[kept], sm.add_constant(X[kept])).fit()
    frame = model.get_prediction(np.array([[1.0, X[row]]])).summary_frame(alpha=0.05)
    _, outside = distance_from_line(X, Y, row=row)
    assert outside.value == pytest.approx(Y[row] - frame["mean"].iloc[0])
    assert outside.low == pytest.approx(Y[row] - frame["obs_ci_upper"].iloc[0])
    assert outside.high == pytest.approx(Y[row] - frame["obs_ci_lower"].iloc[0])


@pytest.mark.parametrize("row", range(X.size))
def test_the_p_of_an_outlier_is_statsmodels_bonferroni(row):
    model = sm.OLS(Y, sm.add_constant(X)).fit()
    assert outlier_p(X, Y, row=row) == pytest.approx(model.outlier_test()[row, 2])


# edge cases


def test_two_points_have_a_line_without_interval_or_r2():
    found = fit_line(X[:2], Y[:2])
    assert found.slope.value == pytest.approx((Y[1] - Y[0]) / (X[1] - X[0]))
    assert found.slope.low is None and found.r2 is None and found.slope_se is None
    assert "0 degrees of freedom" in found.slope.caveats[0]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_points_have_no_line(n):
    found = fit_line(X[:n], Y[:n])
    assert found.slope.value is None and found.r.value is None and found.slope.n == n


def test_one_value_of_x_has_no_line():
    assert fit_line([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]).slope.value is None


def test_a_flat_column_has_a_slope_of_zero_and_no_r2():
    found = fit_line(X, np.full(X.size, 3.0))
    assert found.slope.value == pytest.approx(0.0, abs=1e-12)
    assert found.r2 is None


def test_three_points_leave_none_to_test():
    within, outside = distance_from_line(X[:3], Y[:3], row=1)
    assert within.value is None and outside.value is None
    assert outlier_p(X[:3], Y[:3], row=1) is None


def test_missing_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        fit_line([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="one length"):
        fit_line([1.0, 2.0], [1.0])
