"""Matrices of pairs on two sides of a cut: planted answers, rivals, gaps, folds, the null and edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from cape.stats import pair_matrix as pm
from cape.stats.correlation import (
    clustered_correlation,
    clustered_partial_correlation,
    family_demeaned_correlation,
    partial_correlation,
    pearson,
)
from cape.stats.pair_matrix import Estimator
from cape.stats.resampling import row_weights

CODES = np.repeat(np.arange(6), [6, 5, 4, 4, 3, 2])


def rng(seed=0):
    return np.random.default_rng(seed)


def rows_of(p=4, seed=1, gaps=True):
    log10_n = rng(seed).uniform(8, 11, CODES.size)
    noise = rng(seed + 1).standard_normal((CODES.size, p))
    scores = 50 + noise @ rng(seed + 2).standard_normal((p, p)) + 3 * log10_n[:, None] * np.linspace(-1, 1, p)
    if gaps:
        scores[2, 1] = scores[7, 0] = scores[8, 3] = np.nan
    return pm.ScoreRows(scores=scores, log10_n=log10_n, codes=CODES)


def plain_of(rows, estimator, n_families):
    return pm.pair_correlations(rows, np.ones((1, n_families)), estimator=estimator)[0]


def plain(rows, estimator):
    return plain_of(rows, estimator, 6)


def known(rows, i, j):
    return np.isfinite(rows.scores[:, i]) & np.isfinite(rows.scores[:, j])


# planted answers


def test_planted_signs_of_two_sides_are_found():
    noise = rng().standard_normal((24, 2))
    shared = noise[:, 0] * 0.3 + noise[:, 1]
    below = pm.ScoreRows(scores=np.column_stack([noise[:, 0], -noise[:, 0], shared]), log10_n=np.zeros(24), codes=CODES)
    above = pm.ScoreRows(scores=np.column_stack([noise[:, 0], noise[:, 0], shared]), log10_n=np.zeros(24), codes=CODES)
    weights = row_weights(6, n_resamples=200, rng=rng(1))
    found = [pm.side_matrix(rows, weights, estimator=Estimator.PEARSON) for rows in (below, above)]
    assert (found[0].r[0], found[1].r[0]) == pytest.approx((-1, 1))
    change = pm.frobenius_change(found[0].r, found[1].r, np.array([True, False, False]))
    assert change == pytest.approx(np.sqrt(2) * 2)
    assert found[0].p[0] == pytest.approx(2 / 201)
    assert found[0].q == pytest.approx(multipletests(found[0].p, method="fdr_bh")[1])


def test_an_assembled_matrix_is_symmetric_with_ones_and_in_the_order_of_pairs():
    matrix = pm.assembled(np.array([0.1, 0.2, 0.3]), 3)
    assert pm.pairs_of(3) == [(0, 1), (0, 2), (1, 2)]
    assert matrix == pytest.approx(np.array([[1, 0.1, 0.2], [0.1, 1, 0.3], [0.2, 0.3, 1]]))


def test_the_frobenius_norm_of_chosen_pairs_is_that_of_the_matrix():
    below, above = rng(3).uniform(-1, 1, (2, 6))
    everything = np.ones(6, dtype=bool)
    rival = np.linalg.norm(pm.assembled(above, 4) - pm.assembled(below, 4))
    assert pm.frobenius_change(below, above, everything) == pytest.approx(rival)


# independent implementations


@pytest.mark.parametrize("estimator", list(Estimator))
def test_every_pair_agrees_with_the_estimator_of_one_pair(estimator):
    rows = rows_of()
    found = plain(rows, estimator)
    for r, (i, j) in zip(found, pm.pairs_of(4), strict=True):
        keep = known(rows, i, j)
        x, y = rows.scores[keep, i], rows.scores[keep, j]
        rival = {
            Estimator.PEARSON: lambda x=x, y=y: pearson(x, y),
            Estimator.PARTIAL: lambda x=x, y=y, keep=keep: partial_correlation(x, y, rows.log10_n[keep]),
            Estimator.DEMEANED: lambda x=x, y=y, keep=keep: family_demeaned_correlation(
                x, y, CODES[keep], n_resamples=2, rng=rng()
            ),
        }[estimator]()
        assert r == pytest.approx(rival.value)


def test_the_partial_r_is_that_of_least_squares_residuals():
    rows = rows_of(gaps=False)
    design = sm.add_constant(rows.log10_n)
    left = [sm.OLS(rows.scores[:, k], design).fit().resid for k in range(4)]
    rival = [np.corrcoef(left[i], left[j])[0, 1] for i, j in pm.pairs_of(4)]
    assert plain(rows, Estimator.PARTIAL) == pytest.approx(rival)


@pytest.mark.parametrize("estimator", list(Estimator))
def test_resamples_agree_with_repeated_rows(estimator):
    rows = rows_of()
    weights = row_weights(6, n_resamples=40, rng=rng(4))
    draws = pm.pair_correlations(rows, weights, estimator=estimator)
    for drawn, weight in zip(draws, weights, strict=True):
        taken = np.repeat(np.arange(CODES.size), weight[CODES].astype(int))
        again = pm.ScoreRows(scores=rows.scores[taken], log10_n=rows.log10_n[taken], codes=CODES[taken])
        enough = np.unique(taken).size > 8
        if enough:
            assert plain(again, estimator) == pytest.approx(drawn, nan_ok=True)


def test_intervals_agree_with_the_clustered_bootstrap_of_one_pair():
    rows = rows_of(gaps=False)
    weights = row_weights(6, n_resamples=500, rng=rng(6))
    for estimator in (Estimator.PEARSON, Estimator.PARTIAL):
        found = pm.side_matrix(rows, weights, estimator=estimator)
        x, y = rows.scores[:, 0], rows.scores[:, 1]
        rival = (
            clustered_correlation(x, y, CODES, n_resamples=500, rng=rng(6))
            if estimator is Estimator.PEARSON
            else clustered_partial_correlation(x, y, rows.log10_n, CODES, n_resamples=500, rng=rng(6))
        )
        assert (found.low[0], found.high[0]) == pytest.approx((rival.low, rival.high))


@pytest.mark.parametrize("estimator", list(Estimator))
def test_folds_are_the_matrix_without_each_family(estimator):
    rows = rows_of()
    found = pm.side_matrix(rows, row_weights(6, n_resamples=5, rng=rng()), estimator=estimator)
    assert found.fold_family.tolist() == list(range(6))
    for fold, family in enumerate(found.fold_family):
        keep = family != CODES
        rest = pm.ScoreRows(scores=rows.scores[keep], log10_n=rows.log10_n[keep], codes=CODES[keep])
        assert found.folds[fold] == pytest.approx(plain(rest, estimator), nan_ok=True)


@given(st.integers(0, 10_000))
def test_every_r_lies_between_minus_one_and_one(seed):
    rows = rows_of(seed=seed)
    draws = pm.pair_correlations(rows, row_weights(6, n_resamples=20, rng=rng(seed)), estimator=Estimator.PARTIAL)
    assert (np.abs(draws[np.isfinite(draws)]) <= 1).all()


# the null


def test_one_matrix_on_both_sides_changes_no_more_than_chance():
    rows = rows_of(gaps=False)
    everything = np.ones(6, dtype=bool)
    one, other = pm.null_correlations(rows, rows, estimator=Estimator.PEARSON, n_deals=300, rng=rng())
    changes = pm.frobenius_change(one, other, everything)
    assert changes.shape == (300,) and np.isfinite(changes).all() and changes.min() > 0
    flipped = pm.ScoreRows(scores=rows.scores * [1, -1, 1, -1], log10_n=rows.log10_n, codes=CODES)
    observed = pm.frobenius_change(plain(rows, Estimator.PEARSON), plain(flipped, Estimator.PEARSON), everything)
    assert observed > np.quantile(changes, 0.975)


# edge cases


def test_two_models_and_a_constant_score_have_no_r():
    scores = np.array([[1.0, 2, 5], [2, 3, 5], [np.nan, 4, 5], [4, np.nan, 5]])
    rows = pm.ScoreRows(scores=scores, log10_n=np.arange(4.0), codes=np.array([0, 0, 1, 1]))
    found = pm.side_matrix(rows, np.ones((3, 2)), estimator=Estimator.PEARSON)
    assert np.isnan(found.r).all() and np.isnan(found.p).all()
    assert found.n.tolist() == [2, 3, 3]
    assert all("undefined" in caveats[0] for caveats in found.caveats)


def test_one_family_gets_a_fisher_interval_that_says_so():
    scores = 50 + rng(9).standard_normal((9, 2))
    rows = pm.ScoreRows(scores=scores, log10_n=np.linspace(8, 10, 9), codes=np.zeros(9, dtype=int))
    found = pm.side_matrix(rows, np.ones((5, 1)), estimator=Estimator.PEARSON)
    rival = pearson(scores[:, 0], scores[:, 1])
    assert (found.low[0], found.high[0]) == pytest.approx((rival.low, rival.high))
    assert "one family: Fisher interval" in found.caveats[0][0] and np.isnan(found.p[0])
    assert np.isnan(found.folds).all()


def test_an_empty_side_is_undefined_and_not_an_error():
    rows = pm.ScoreRows(scores=np.empty((0, 3)), log10_n=np.empty(0), codes=np.empty(0, dtype=int))
    found = pm.side_matrix(rows, np.ones((4, 6)), estimator=Estimator.DEMEANED)
    assert np.isnan(found.r).all() and found.n.tolist() == [0, 0, 0] and found.folds.shape == (0, 3)
    one, _ = pm.null_correlations(rows, rows, estimator=Estimator.DEMEANED, n_deals=5, rng=rng())
    assert np.isnan(one).all()


def test_families_of_one_model_leave_nothing_within_families():
    rows = pm.ScoreRows(scores=rng(1).standard_normal((6, 2)), log10_n=np.arange(6.0), codes=np.arange(6))
    assert np.isnan(plain(rows, Estimator.DEMEANED)).all()


def test_one_family_of_two_models_among_single_ones_leaves_a_line_and_so_no_r_within_families():
    rows = pm.ScoreRows(scores=rng(1).standard_normal((5, 2)), log10_n=np.arange(5.0), codes=np.array([0, 0, 1, 2, 3]))
    assert np.isnan(plain_of(rows, Estimator.DEMEANED, 4)).all()


def test_equal_sizes_leave_no_partial_r():
    rows = pm.ScoreRows(scores=rng(1).standard_normal((24, 2)), log10_n=np.full(24, 9.0), codes=CODES)
    assert np.isnan(plain(rows, Estimator.PARTIAL)).all()


def test_tied_scores_keep_their_r():
    scores = np.repeat([[1.0, 2], [2, 1], [3, 5]], 8, axis=0)
    rows = pm.ScoreRows(scores=scores, log10_n=np.zeros(24), codes=CODES)
    assert plain(rows, Estimator.PEARSON)[0] == pytest.approx(np.corrcoef(scores.T)[0, 1])
