"""Spread of the best, its two intervals, the ratio of two spreads and the axis to rotate to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import studentized_range

from cape.errors import BadParameterError
from cape.stats.resampling import row_weights
from cape.stats.saturation import (
    TopSpread,
    rotation_shares,
    saturation_by_errors,
    saturation_by_labs,
    saturation_draws,
    top_spread,
)

N_DRAWS = 20_000


def spread(scores: list[float], errors: float = 1.0, k: int = 5, n_draws: int = N_DRAWS, **more: object) -> TopSpread:
    n = len(scores)
    weights = row_weights(n, n_resamples=n_draws, rng=np.random.default_rng(1))
    return top_spread(
        np.array(scores),
        np.full(n, errors),
        weights,
        k=k,
        rng=np.random.default_rng(2),
        **more,  # type: ignore[arg-type]
    )


def test_the_spread_is_the_range_of_the_best_and_names_them() -> None:
    found = spread([50, 90, 70, np.nan, 88, 89, 86, 87, 10])
    assert found.value == 4
    assert found.rows.tolist() == [1, 5, 4, 7, 6]
    assert found.n == 8


def test_ties_are_taken_in_the_order_of_the_rows() -> None:
    found = spread([80, 80, 80, 80], k=2)
    assert found.value == 0 and found.rows.tolist() == [0, 1]


def test_too_few_models_have_no_spread_and_say_how_many_are_needed() -> None:
    found = spread([50, 60, np.nan])
    for inference in (found.by_errors(), found.by_labs(3), found.under_null()):
        assert inference.value is None and "5 are needed" in inference.caveats[0]


def test_no_model_at_all_is_undefined_and_one_best_is_refused() -> None:
    assert spread([np.nan, np.nan]).value is None
    with pytest.raises(BadParameterError, match="at least the 2 best"):
        spread([1, 2, 3], k=1)


def test_the_range_of_errors_is_the_studentized_range_of_equal_errors() -> None:
    found = spread([1, 2, 3, 4, 5, 6], errors=2.0)
    expected = studentized_range(5, np.inf)
    assert found.reach() == pytest.approx(2 * expected.ppf(0.95), rel=0.02)
    null = found.under_null()
    assert null.value == pytest.approx(2 * expected.ppf(0.5), rel=0.02)
    assert (null.low, null.high) == pytest.approx((2 * expected.ppf(0.025), 2 * expected.ppf(0.975)), rel=0.04)


@pytest.mark.parametrize("gap", [0.0, 1.0, 10.0])
def test_the_interval_of_errors_covers_the_true_spread_at_least_as_often_as_it_says(gap: float) -> None:
    rng = np.random.default_rng(3)
    truth = np.linspace(0, gap, 5) + 50
    reach = spread(truth.tolist()).reach() or 0.0
    seen = truth + rng.standard_normal((4000, 5))
    ranges = seen.max(axis=1) - seen.min(axis=1)
    covered = (np.maximum(ranges - reach, 0) <= gap) & (gap <= ranges + reach)
    assert covered.mean() >= 0.94  # exactly 0.95 where all are equal, up to the draws of this test


def test_an_unknown_error_leaves_the_value_without_an_interval() -> None:
    found = spread([1, 2, 3, 4, 5], errors=np.nan).by_errors()
    assert found.value == 4 and found.low is None and found.high is None and "unknown" in found.caveats[0]


def test_draws_of_labs_equal_a_plain_loop() -> None:
    scores = np.array([70, 90, 85, 60, 80, 75, 88.0])
    codes = np.array([0, 0, 1, 1, 2, 2, 2])
    by_lab = row_weights(3, n_resamples=300, rng=np.random.default_rng(4))
    found = top_spread(scores, np.ones(7), by_lab[:, codes], k=3, rng=np.random.default_rng(5)).lab_draws
    for drawn, value in zip(by_lab[:, codes], found, strict=True):
        pool = np.sort(np.repeat(scores, drawn.astype(int)))[::-1]
        expected = pool[0] - pool[2] if pool.size >= 3 else np.nan
        np.testing.assert_equal(value, expected)


def test_the_models_may_be_those_of_another_axis() -> None:
    found = spread([1, 50, 3, 4, 60], k=3, chosen=np.array([0, 2, 3]))
    assert found.value == 3 and set(found.rows.tolist()) == {0, 2, 3}


def test_sigma_is_the_ratio_and_holds_one_where_both_axes_are_alike() -> None:
    old, new = spread([60, 70, 80, 90, 95, 20]), spread([40, 50, 60, 70, 90, 20])
    found = saturation_by_errors(old, new)
    assert found.value == pytest.approx(35 / 50)
    assert found.low is not None and found.high is not None and found.low < 0.7 < found.high
    by_labs = saturation_by_labs(old, new, n_labs=6)
    assert by_labs.value == found.value


def test_a_new_axis_that_may_have_no_spread_leaves_sigma_unbounded() -> None:
    found = saturation_by_errors(spread([60, 70, 80, 90, 95]), spread([50, 50, 50, 51, 52]))
    assert found.high is None and any("unbounded above" in caveat for caveat in found.caveats)
    flat = saturation_by_errors(spread([60, 70, 80, 90, 95]), spread([50.0] * 5))
    assert flat.value is None and "equal scores" in flat.caveats[0]


def test_sigma_of_an_axis_with_too_few_models_names_the_axis() -> None:
    good, few = spread([60, 70, 80, 90, 95]), spread([60, 70])
    assert "old axis" in saturation_by_errors(few, good).caveats[0]
    assert "new axis" in saturation_by_labs(good, few, n_labs=5).caveats[0]


def test_one_lab_has_no_interval_of_labs() -> None:
    found = saturation_by_labs(spread([1, 2, 3, 4, 5]), spread([2, 4, 6, 8, 10]), n_labs=1)
    assert found.value == 0.5 and found.low is None and "fewer than 2 labs" in found.caveats[0]


def test_shares_of_candidates_and_none_add_up_to_one_and_the_smallest_wins() -> None:
    sigmas = np.array([[0.1, 0.5, 0.3, np.nan], [0.15, 0.05, 0.9, np.nan]])
    shares, none, undefined = rotation_shares(sigmas, threshold=0.2)
    assert shares.tolist() == [0.25, 0.25] and none == 0.5
    assert undefined.tolist() == [0.25, 0.25]


def test_a_threshold_is_not_below_itself() -> None:
    shares, none, _ = rotation_shares(np.array([[0.2, 0.2]]), threshold=0.2)
    assert shares.tolist() == [0.0] and none == 1.0


def test_draws_of_sigma_pair_the_same_resample() -> None:
    old, new = spread([60, 70, 80, 90, 95, 20], n_draws=500), spread([40, 50, 60, 70, 90, 20], n_draws=500)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.testing.assert_array_equal(saturation_draws(old, new), old.lab_draws / new.lab_draws)
