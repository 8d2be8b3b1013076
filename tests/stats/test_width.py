"""Width normalisation and its controls: planted answers, plain numpy as a second opinion, edge cases."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cape.stats.nulls import PermutationTest
from cape.stats.width import WidthVerdict, adjusted_p, gain_over_shuffled, width_controls, width_verdict

WIDTH = np.array([512, 768, 1024, 2048, 2560, 4096, 5120], dtype=float)
LOG_N = np.log10(12 * WIDTH**2 * 24)
RISING = np.array([27.0, 31.0, 41.0, 50.0, 53.0, 61.0, 66.0])
FALLING = np.array([47.0, 44.0, 41.0, 39.0, 38.0, 35.0, 33.0])


def controls(x=RISING, y=FALLING, width=WIDTH, log10_n=LOG_N, n_orderings=2000):
    rng = np.random.default_rng(0)
    return width_controls(x, y, width, log10_n, n_orderings=n_orderings, rng=rng)


def judge(found):
    return width_verdict(found, adjusted_p([found.test])[0])


# planted answers


def test_unrelated_scores_that_fall_and_rise_flip_no_more_than_by_the_divisor():
    found = controls()
    assert found.raw.value < -0.95 and found.ratio.value > 0.95
    assert found.shuffled.low <= found.ratio.value <= found.shuffled.high
    assert judge(found) is WidthVerdict.DENOMINATOR


@given(st.lists(st.floats(20, 80), min_size=7, max_size=7, unique=True))
def test_any_score_in_the_range_of_benchmarks_correlates_over_a_growing_width(scores):
    assert controls(y=np.array(scores)).ratio.value > 0


def test_scores_that_share_more_than_the_divisor_stand_above_the_shuffled_ones():
    first = np.array([40.0, 20.0, 60.0, 10.0, 70.0, 5.0, 80.0])
    found = controls(x=first, y=first + np.array([1.0, -1, 2, -1, 1, 1, -1]))
    assert found.ratio.value > found.shuffled.high and found.ratio.value > found.constant.value
    assert found.test.p_two_sided < 0.05


def test_the_rule_calls_beyond_what_clears_both_controls():
    found = controls()
    clear = PermutationTest(method="", statistic=0.99, p_two_sided=0.01, p_one_sided=0.005, smallest_p=0.001)
    strong = type(found)(
        raw=found.raw,
        ratio=found.ratio,
        constant=type(found.constant)(value=0.5, low=None, high=None, n=7, method=""),
        shuffled=type(found.shuffled)(n=7, low=0.1, median=0.4, high=0.7, n_simulations=5040, n_undefined=0),
        test=clear,
        given_width=found.given_width,
        given_size=found.given_size,
        draws=found.draws,
    )
    assert width_verdict(strong, 0.01) is WidthVerdict.BEYOND
    assert width_verdict(strong, 0.2) is WidthVerdict.DENOMINATOR


def test_scores_that_rise_together_have_no_anticorrelation_to_remove():
    assert judge(controls(y=RISING + 3)) is WidthVerdict.NOTHING_TO_REMOVE


def test_a_family_of_nearly_one_width_keeps_its_sign():
    width = 2048 + np.array([0.0, 1, -1, 2, -2, 1, 0])
    assert judge(controls(width=width)) is WidthVerdict.NOT_FLIPPED


# independent implementation


def test_every_number_is_numpys():
    found, w = controls(), WIDTH / 512
    assert found.raw.value == pytest.approx(np.corrcoef(RISING, FALLING)[0, 1])
    assert found.ratio.value == pytest.approx(np.corrcoef(RISING / w, FALLING / w)[0, 1])
    assert found.constant.value == pytest.approx(np.corrcoef(RISING / w, 30.0 / w)[0, 1])
    null = [np.corrcoef(RISING / w, FALLING[list(order)] / w)[0, 1] for order in permutations(range(7))]
    np.testing.assert_allclose(np.sort(found.draws), np.sort(null))
    above = np.mean(np.array(null) >= found.ratio.value - 1e-9)
    below = np.mean(np.array(null) <= found.ratio.value + 1e-9)
    assert found.test.p_two_sided == pytest.approx(2 * min(above, below))
    axis = np.column_stack([np.ones(7), np.log10(WIDTH)])
    rest = [column - axis @ np.linalg.lstsq(axis, column, rcond=None)[0] for column in (RISING, FALLING)]
    assert found.given_width.value == pytest.approx(np.corrcoef(*rest)[0, 1])


def test_the_reference_width_does_not_matter():
    assert controls(width=WIDTH * 7).ratio.value == pytest.approx(controls().ratio.value)


def test_more_than_eight_models_are_shuffled_at_random():
    rng, width = np.random.default_rng(1), np.linspace(512, 8192, 12)
    x, y = 20 + 0.006 * width + rng.normal(0, 1, 12), 50 - 0.002 * width + rng.normal(0, 1, 12)
    found = controls(x, y, width, np.log10(width), n_orderings=3000)
    assert not found.test.exact and found.test.n_orderings == 3000
    again = width_controls(x, y, width, np.log10(width), n_orderings=3000, rng=np.random.default_rng(9))
    assert found.shuffled.median == pytest.approx(again.shuffled.median, abs=0.01)


def test_p_is_adjusted_over_the_families_that_have_one():
    tests = [PermutationTest(method="", p_two_sided=p) for p in (0.01, None, 0.04, 0.5)]
    assert adjusted_p(tests) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.5)]


# edge cases


def test_three_models_are_too_few_to_test():
    found = controls(RISING[:3], FALLING[:3], WIDTH[:3], LOG_N[:3])
    assert judge(found) is WidthVerdict.TOO_FEW
    assert found.test.smallest_p == pytest.approx(1 / 3)
    assert found.given_width.value is None and found.ratio.low is None


def test_two_models_have_no_r():
    found = controls(RISING[:2], FALLING[:2], WIDTH[:2], LOG_N[:2])
    assert judge(found) is WidthVerdict.UNDEFINED
    assert found.shuffled.median is None and found.test.caveats


def test_one_width_leaves_the_constant_control_undefined_and_r_unchanged():
    found = controls(width=np.full(7, 1024.0))
    assert found.constant.value is None
    assert found.ratio.value == pytest.approx(found.raw.value)


def test_a_constant_score_has_no_raw_r():
    found = controls(y=np.full(7, 40.0))
    assert found.raw.value is None
    assert judge(found) is WidthVerdict.UNDEFINED


def test_tied_scores_count_every_ordering():
    found = controls(y=np.array([47.0, 47, 41, 41, 38, 38, 38]))
    assert found.test.n_orderings == 5040
    assert found.test.smallest_p > 2 / 5040


def test_missing_scores_are_refused():
    with pytest.raises(ValueError, match="finite"):
        controls(y=np.where(np.arange(7) == 2, np.nan, FALLING))


def test_the_gain_needs_two_families_for_an_interval():
    rng, one = np.random.default_rng(3), controls()
    assert gain_over_shuffled([], n_resamples=200, rng=rng).value is None
    single = gain_over_shuffled([one], n_resamples=200, rng=rng)
    assert single.value == pytest.approx(one.ratio.value - one.shuffled.median) and single.low is None
    double = gain_over_shuffled([one, controls(y=RISING + 3)], n_resamples=400, rng=rng)
    assert double.low <= double.value <= double.high and double.n == 2


# the paper's recipe


def test_the_authors_pythia_rows_give_the_printed_pair(lake):
    rows = lake.read("mart_pairs", panel="author_by_family", family="Pythia", x="hellaswag", y="truthfulqa_as_printed")
    found = controls(
        *(rows[name].to_numpy() for name in ("x_pct", "y_pct", "d_model")), np.log10(rows["position"].to_numpy())
    )
    assert (f"{found.raw.value:.3f}", f"{found.ratio.value:.3f}") == ("-0.989", "0.963")
