"""Cosines of group means: planted vectors, direct computation, coverage, a calibrated null, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.block_cosines import block_cosines
from cape.stats.group_cosines import (
    COMPETING,
    competition,
    cosines_of,
    group_cosines,
    group_masks,
    matched_pairs,
    mean_over_units,
    shuffled_null,
)
from cape.stats.resampling import percentile_interval, row_weights
from cape.stats.split_half import halves, spearman_brown, split_half

N = 16


def rng(seed=0):
    return np.random.default_rng(seed)


def gram(vectors):
    """vectors : (n_units, n, width)."""
    return np.einsum("und,umd->unm", vectors, vectors)


def planted(cosine, *, width=64, noise=0.0, seed=0, n_units=1):
    """Return (n_units, 2 N, width) vectors around two unit means at this cosine."""
    first = np.zeros(width)
    second = np.zeros(width)
    first[0] = 1.0
    second[:2] = cosine, np.sqrt(1 - cosine**2)
    means = np.concatenate([np.tile(first, (N, 1)), np.tile(second, (N, 1))])
    return means + noise * rng(seed).standard_normal((n_units, 2 * N, width)) / np.sqrt(width)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


# planted answers


@pytest.mark.parametrize("answer", [-0.9, -0.3, 0.0, 0.4, 0.95])
def test_means_at_a_planted_cosine_have_it(answer):
    found = group_cosines(gram(planted(answer)), n_first=N)
    assert found.value[0] == pytest.approx(answer, abs=1e-12)
    assert found.unbiased[0] == pytest.approx(answer, abs=1e-12)
    assert found.n_prompts == 2 * N


def test_noise_shrinks_the_cosine_and_the_unbiased_one_is_right_on_average():
    held = group_cosines(gram(planted(0.6, noise=3.0, width=256, n_units=300)), n_first=N)
    assert held.value.mean() < 0.45
    assert held.unbiased.mean() == pytest.approx(0.6, abs=0.03)


def test_heads_compete_when_most_pairs_of_prompts_are_opposed_and_cooperate_above_a_tenth():
    vectors = np.concatenate([planted(-0.9), planted(0.05), planted(0.5)])
    found = competition(gram(vectors), n_first=N)
    assert found.is_competing.tolist() == [True, False, False]
    assert found.is_cooperative.tolist() == [False, False, True]
    assert (found.competing.value, found.cooperative.value) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert found.net.value == pytest.approx((-0.9 + 0.05 + 0.5) / 3)


def test_a_head_competes_only_with_more_than_half_of_the_pairs():
    vectors = np.zeros((1, 2 * N, 2))
    vectors[0, :, 0] = 1.0
    vectors[0, N : N + N // 2, 0] = -1.0  # exactly half of the pairs are opposed
    found = competition(gram(vectors), n_first=N)
    assert found.share[0] == 0.5
    assert not found.is_competing[0]


# independent computation


def test_cosines_and_pairs_are_those_of_the_vectors_themselves():
    vectors = rng(1).standard_normal((3, 20, 7))
    found = competition(gram(vectors), n_first=12)
    for unit, each in enumerate(vectors):
        assert found.cosines.value[unit] == pytest.approx(cosine(each[:12].mean(axis=0), each[12:].mean(axis=0)))
        pairs = [cosine(a, b) for a in each[:12] for b in each[12:]]
        assert found.share[unit] == pytest.approx(np.mean(np.array(pairs) < COMPETING))


def test_matched_pairs_are_those_of_the_same_place():
    vectors = rng(2).standard_normal((10, 4))
    pairs, mean = matched_pairs(vectors @ vectors.T, n_resamples=500, rng=rng())
    assert pairs == pytest.approx([cosine(vectors[i], vectors[5 + i]) for i in range(5)])
    assert mean.low < mean.value < mean.high


def test_the_jackknife_of_a_mean_over_units_is_the_textbook_one():
    vectors = rng(3).standard_normal((4, 12, 6))
    masks = group_masks(6, 6)
    held = competition(gram(vectors), n_first=6)
    squared = 0.0
    for side in (range(6), range(6, 12)):
        left = []
        for out in side:
            first = [i for i in range(6) if i != out]
            second = [i for i in range(6, 12) if i != out]
            left.append(np.mean([cosine(v[first].mean(axis=0), v[second].mean(axis=0)) for v in vectors]))
        squared += 5 / 6 * np.var(np.arctanh(left)) * len(left)
    found = mean_over_units(held.cosines.value, held.draws, masks, method="")
    above = np.arctanh(found.high) - np.arctanh(found.value)
    assert above / scipy.stats.norm.ppf(0.975) == pytest.approx(np.sqrt(squared))
    assert -1 < found.low < found.value < found.high < 1


def test_the_interval_covers_where_a_percentile_bootstrap_does_not():
    n_sims, width, noise = 120, 512, 3.0
    held = gram(planted(0.6, noise=noise, width=width, n_units=n_sims, seed=5))
    target = np.median(
        group_cosines(gram(planted(0.6, noise=noise, width=width, n_units=200, seed=6)), n_first=N).value
    )
    found = group_cosines(held, n_first=N)
    covered = np.mean((found.low <= target) & (target <= found.high))
    assert covered >= 0.88
    weights = np.zeros((200, 2, 2 * N))
    weights[:, 0, :N] = row_weights(N, n_resamples=200, rng=rng(1))
    weights[:, 1, N:] = row_weights(N, n_resamples=200, rng=rng(2))
    draws = cosines_of(held[:30], weights)
    limits = np.array([percentile_interval(each)[:2] for each in draws.T])
    assert np.mean((limits[:, 0] <= target) & (target <= limits[:, 1])) < 0.5


def test_p_of_the_shuffled_null_is_uniform_when_the_groups_do_not_differ():
    vectors = 1.0 + rng(7).standard_normal((400, 2 * N, 12))
    found = shuffled_null(gram(vectors), n_first=N, n_shuffles=199, rng=rng(8))
    assert scipy.stats.kstest(found.p, "uniform").pvalue > 0.01
    assert found.p.min() >= 1 / 200


def test_p_is_small_when_the_groups_differ():
    found = shuffled_null(gram(planted(0.2, noise=0.5)), n_first=N, n_shuffles=199, rng=rng())
    assert found.p[0] == pytest.approx(1 / 200)
    assert found.low[0] > 0.2


def test_block_sums_give_the_cosine_of_all_and_its_jackknife_over_blocks():
    sums = rng(9).standard_normal((2, 6, 3, 5)) + 1.0
    counts = np.full(6, 4.0)
    found = block_cosines((sums[0], counts), (sums[1], counts))
    whole = sums.sum(axis=1)
    assert [each.value for each in found] == pytest.approx([cosine(whole[0, k], whole[1, k]) for k in range(3)])
    z = [np.arctanh(cosine(whole[0, 0] - sums[0, b, 0], whole[1, 0])) for b in range(6)]
    w = [np.arctanh(cosine(whole[0, 0], whole[1, 0] - sums[1, b, 0])) for b in range(6)]
    error = np.sqrt(5 / 6 * (np.sum((z - np.mean(z)) ** 2) + np.sum((w - np.mean(w)) ** 2)))
    assert np.arctanh(found[0].high) - np.arctanh(found[0].value) == pytest.approx(1.959964 * error, rel=1e-5)
    assert found[0].n == 48


# split halves


def test_spearman_brown_is_the_formula():
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    assert spearman_brown(1.0) == 1.0
    assert spearman_brown(-0.2) == pytest.approx(-0.5)
    assert spearman_brown(-0.4) is None and spearman_brown(None) is None


def test_halves_share_no_prompt_and_leave_the_odd_one_out():
    first, second = halves(15, 7, 50, rng())
    assert (first * second).sum() == 0
    assert (first[:, 0].sum(axis=1) == 3).all() and (first[:, 1].sum(axis=1) == 4).all()
    assert (first[:, 0, 7:] == 0).all() and (first[:, 1, :7] == 0).all()
    assert len({tuple(row) for row in first[:, 0]}) > 1


def test_a_profile_without_noise_is_wholly_reliable_and_one_of_noise_is_not():
    sharp = np.concatenate([planted(c, noise=0.01, seed=i) for i, c in enumerate(np.linspace(-0.8, 0.8, 12))])
    assert split_half(gram(sharp), n_first=N, n_splits=50, rng=rng()).value > 0.999
    vague = np.concatenate([planted(0.3, noise=2.0, width=16, seed=i) for i in range(40)])
    assert split_half(gram(vague), n_first=N, n_splits=50, rng=rng()).value < 0.6


def test_the_reliability_is_spearman_brown_of_the_mean_correlation_of_the_halves():
    vectors = 0.5 + rng(11).standard_normal((9, 2 * N, 5))
    found = split_half(gram(vectors), n_first=N, n_splits=30, rng=rng(12))
    r = []
    for one, other in zip(*halves(2 * N, N, 30, rng(12)), strict=True):
        sides = [
            [cosine(v[half[0] > 0].mean(axis=0), v[half[1] > 0].mean(axis=0)) for v in vectors] for half in (one, other)
        ]
        r.append(np.corrcoef(*sides)[0, 1])
    assert found.value == pytest.approx(2 * np.mean(r) / (1 + np.mean(r)))


# edges


def test_too_few_units_or_prompts_have_no_reliability():
    assert split_half(gram(planted(0.1)), n_first=N, n_splits=5, rng=rng()).value is None
    flat = np.concatenate([planted(0.3)] * 4)
    found = split_half(gram(flat), n_first=N, n_splits=5, rng=rng())
    assert found.value is None and "do not vary" in found.caveats[0]


def test_a_head_without_a_vector_is_undefined_and_counted():
    vectors = np.concatenate([np.zeros((1, 2 * N, 64)), planted(0.5, noise=0.1)])
    found = competition(gram(vectors), n_first=N)
    assert np.isnan(found.cosines.value[0]) and np.isnan(found.cosines.low[0])
    assert found.net.value == pytest.approx(found.cosines.value[1])
    assert any("1 of 2" in caveat for caveat in found.net.caveats)
    assert not found.is_competing[0] and not found.is_cooperative[0]


def test_identical_prompts_have_no_error_and_two_prompts_no_interval():
    found = competition(gram(planted(0.5)), n_first=N)
    assert found.net.low is None and "does not change" in found.net.caveats[0]
    small = group_cosines(gram(planted(0.5, noise=0.1)[:, [0, 1, N, N + 1]]), n_first=2)
    assert np.isfinite(small.value[0]) and np.isnan(small.low[0])


@pytest.mark.parametrize("n_first", [0, 2 * N])
def test_an_empty_group_is_refused(n_first):
    with pytest.raises(NotEnoughDataError, match="Two groups"):
        group_cosines(gram(planted(0.5)), n_first=n_first)


def test_pairs_need_groups_of_equal_size_and_shuffles_a_number():
    with pytest.raises(BadParameterError, match="equal size"):
        matched_pairs(np.eye(5), n_resamples=10, rng=rng())
    with pytest.raises(BadParameterError, match="n_shuffles"):
        shuffled_null(gram(planted(0.5)), n_first=N, n_shuffles=0, rng=rng())
