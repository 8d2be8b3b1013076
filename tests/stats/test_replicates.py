"""Means over replicates, and where one score overtakes another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cape.stats.replicates import Overtaking, fall_and_rise, overtaking, replicate_mean


def test_the_interval_is_students() -> None:
    values = np.random.default_rng(0).normal(5, 2, size=6)
    found = replicate_mean(values, what="score")
    low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=stats.sem(values))
    assert (found.value, found.low, found.high, found.n) == pytest.approx((values.mean(), low, high, 6))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(3, 1, size=(1500, 4))
    found = [replicate_mean(row, what="score") for row in draws]
    covered = np.mean([f.low <= 3 <= f.high for f in found if f.low is not None and f.high is not None])
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1500)


def test_missing_replicates_are_counted_and_too_few_have_no_interval() -> None:
    some = replicate_mean([1.0, np.nan, 3.0], what="turn")
    assert (some.value, some.n) == (2.0, 2) and "1 of 3 replicates have no turn" in some.caveats
    one = replicate_mean([1.0], what="turn")
    assert (one.value, one.low, one.high) == (1.0, None, None) and "no interval: fewer than 2 replicates" in one.caveats
    for none in (replicate_mean([np.nan], what="turn"), replicate_mean([], what="turn")):
        assert none.value is None and none.caveats


SIZES = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("ahead", "behind", "value", "outcome"),
    [
        ([50, 50, 50, 50], [20, 40, 60, 80], 2.5, Overtaking.OVERTAKEN),
        ([50, 50, 50, 50], [60, 40, 60, 80], 2.5, Overtaking.OVERTAKEN),
        ([50, 50, 50, 50], [60, 70, 60, 80], None, Overtaking.AHEAD),
        ([50, 50, 50, 50], [60, 70, 60, 20], None, Overtaking.NEVER),
        ([50, 50, 50, 50], [0, 0, 0, 50], None, Overtaking.NEVER),
        ([50, 50, 50, 50], [0, 0, 50, 70], 3.0, Overtaking.OVERTAKEN),
    ],
)
def test_the_place_of_overtaking_is_the_last_rise_through_equality(ahead, behind, value, outcome) -> None:
    assert overtaking(SIZES, np.array(ahead, dtype=float), np.array(behind, dtype=float)) == (value, outcome)


def test_fall_and_rise_are_taken_at_the_lowest_size_of_the_other_seeds() -> None:
    scores = np.array([[30.0, 10, 20, 60], [30, 12, 22, 62], [30, 25, 9, 64]])
    fall, rise, place = fall_and_rise(scores)
    assert place.tolist() == [2, 2, 1]
    assert fall.tolist() == [-10, -8, -5] and rise.tolist() == [40, 40, 39]
    alone = fall_and_rise(scores[:1])
    assert alone[0].tolist() == [-20] and alone[1].tolist() == [50]


def test_choosing_by_other_seeds_does_not_turn_noise_into_a_fall() -> None:
    rng = np.random.default_rng(2)
    falls = [fall_and_rise(rng.normal(25, 2, size=(4, 7)))[0].mean() for _ in range(400)]
    assert abs(np.mean(falls)) < 4 * np.std(falls) / 20
