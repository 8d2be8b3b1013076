"""Effects of steering: the benchmark's formulas, paired moves, random directions, equal KL and the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Inference
from cape.stats.steering_effect import (
    KL_TOLERANCE,
    against_random,
    histogram,
    is_matched,
    mc1_score,
    mc2_score,
    moves,
    next_strength,
    paired_effect,
    repetition,
    verdict_of,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@given(st.lists(st.floats(-200, 0), min_size=3, max_size=8), st.integers(0, 2**8 - 1))
def test_mc2_is_the_softmax_mass_of_the_true_choices(values: list[float], bits: int) -> None:
    is_true = [bool(bits >> place & 1) for place in range(len(values))]
    is_true[0], is_true[1] = True, False
    assert mc2_score(values, is_true) == pytest.approx(softmax(values)[is_true].sum(), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "best", "score"),
    [
        ([-1, -2, -3], 0, 1.0),
        ([-2, -1, -3], 0, 0.0),
        ([-1, -3, -1], 0, 0.0),
        ([-2, -1, -4], 1, 1.0),
        ([-9, -1, -8], 0, 0.0),
    ],
)
def test_mc1_asks_whether_the_best_true_choice_beats_every_false_one(
    values: list[float], best: int, score: float
) -> None:
    assert mc1_score(values, [True, best == 1, False], best=best) == score


def test_a_question_needs_true_and_false_choices_with_finite_numbers() -> None:
    for values, is_true in (([0.0, 1.0], [True, True]), ([0.0, 1.0], [False, False]), ([0.0], [True, False])):
        with pytest.raises(BadParameterError):
            mc2_score(values, is_true)
    with pytest.raises(BadParameterError, match="finite"):
        mc1_score([0.0, np.nan], [True, False], best=0)


def test_changed_and_corrected_are_different_counts() -> None:
    found = moves([0, 1, 2, 3, 1], [0, 0, 3, 1, 0], [True, False, False, True, True], [True, True, False, False, True])
    assert (found.n, found.n_changed, found.n_corrected, found.n_broken) == (5, 4, 1, 1)


def test_a_planted_effect_is_found_with_its_wrong_way_share() -> None:
    before = rng().random(400) * 50
    after = before + np.where(np.arange(400) % 4 == 0, -2.0, 4.0)
    found = paired_effect(before, after, rng=rng(), n_resamples=2000, is_binary=False)
    assert found.inference.value == pytest.approx(2.5)
    assert found.inference.low is not None and found.inference.high is not None
    assert found.inference.low < 2.5 < found.inference.high
    assert (found.wrong_way, found.right_way, found.p_value) == (0.25, 0.75, None)


def test_mcnemar_s_p_is_the_binomial_test_of_the_questions_that_flipped() -> None:
    before = np.repeat([0, 0, 100, 100], [12, 30, 4, 30]).astype(float)
    after = np.repeat([100, 0, 0, 100], [12, 30, 4, 30]).astype(float)
    found = paired_effect(before, after, rng=rng(), n_resamples=500, is_binary=True)
    assert found.p_value == pytest.approx(binomtest(12, 16).pvalue)


def test_the_rank_p_counts_random_effects_at_least_as_far_out() -> None:
    base, effects = np.zeros(50), np.linspace(-1, 1, 21)[:-1]
    random = np.tile(effects[:, None], (1, 50))
    far = against_random(base, base + 3.0, random, rng=rng(), n_resamples=200)
    assert far.p_value == pytest.approx(1 / 21) == far.floor and far.n_random == 20
    near = against_random(base, base + float(effects.mean()), random, rng=rng(), n_resamples=200)
    assert near.p_value == 1.0
    by_hand = (1 + int((np.abs(effects - effects.mean()) >= abs(0.75 - effects.mean())).sum())) / 21
    assert against_random(base, base + 0.75, random, rng=rng(), n_resamples=200).p_value == pytest.approx(by_hand)
    assert far.mean == pytest.approx(effects.mean()) and far.low < far.mean < far.high
    assert far.inference.value == pytest.approx(3.0 - effects.mean())


def test_the_rank_test_holds_its_level_when_the_direction_is_one_more_random_one() -> None:
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        random = draw.standard_normal(21)[:, None] + np.zeros((21, 3))
        hits += against_random(np.zeros(3), random[0], random[1:], rng=draw, n_resamples=1).p_value <= 0.05
    assert binomtest(hits, 400, 1 / 21).pvalue > 0.01


def test_no_random_direction_is_an_error() -> None:
    with pytest.raises(NotEnoughDataError):
        against_random(np.zeros(3), np.zeros(3), np.zeros((0, 3)), rng=rng(), n_resamples=10)


@pytest.mark.parametrize("power", [1.2, 2.0, 3.0])
@pytest.mark.parametrize("target", [1e-4, 0.3, 20.0])
def test_strengths_of_a_wanted_kl_are_found_in_few_tries(power: float, target: float) -> None:
    def kl(strength: float) -> float:
        return 0.7 * strength**power

    strengths, kls = [1.0], [kl(1.0)]
    while not is_matched(kls[-1], target):
        strengths.append(next_strength(strengths, kls, target))
        kls.append(kl(strengths[-1]))
        assert len(strengths) <= 9
    assert abs(kls[-1] - target) <= KL_TOLERANCE * target


def test_a_bracketed_kl_is_met_between_its_neighbours() -> None:
    found = next_strength([1.0, 4.0, 2.0], [0.1, 10.0, 0.5], 1.0)
    assert 2.0 < found < 4.0
    with pytest.raises(BadParameterError):
        next_strength([1.0], [0.1], 0.0)


def inference(low: float | None, high: float | None) -> Inference:
    value = None if low is None or high is None else (low + high) / 2
    return Inference(value=value, low=low, high=high, n=100, method="")


@pytest.mark.parametrize(
    ("effect", "beyond", "p", "verdict"),
    [
        ((1, 3), (1, 2), 1 / 21, "truer beyond random directions"),
        ((-3, -1), (-2, -1), 1 / 21, "less true beyond random directions"),
        ((1, 3), (1, 2), 0.2, "no effect beyond random directions"),
        ((1, 3), (-1, 2), 0.01, "no effect beyond random directions"),
        ((-1, 3), (1, 2), 0.01, "no effect beyond random directions"),
        ((1, 3), (-2, -1), 0.01, "no effect beyond random directions"),
        ((1, 30), (-8, 9), 0.01, "too wide to say"),
        ((None, None), (1, 2), 0.01, "too wide to say"),
        ((1, 3), (None, None), 0.01, "too wide to say"),
    ],
)
def test_the_verdict_follows_its_rule(effect: tuple, beyond: tuple, p: float, verdict: str) -> None:
    found, reason = verdict_of(inference(*effect), inference(*beyond), p)
    assert found == verdict and reason


def test_repetition_is_the_share_of_pairs_seen_before() -> None:
    assert repetition("abcd") == 0.0
    assert repetition("ababab") == pytest.approx(1 - 2 / 5)
    assert repetition("ab") is None and repetition("") is None


def test_a_histogram_keeps_every_question() -> None:
    counts = histogram([-500, -5, 0, 5, 99, 500], [-100, -10, 0, 10, 100])
    assert counts.tolist() == [1, 1, 2, 2] and counts.sum() == 6
