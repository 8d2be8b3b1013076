"""Participation ratio, spectra, principal angles and transfer matrix: planted answers, rivals, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA

from cape.errors import BadParameterError
from cape.stats import dimensionality as dim

WORDS = dim.Words(what="a ratio", why="undefined", lacking="have none")


def rng(seed=0):
    return np.random.default_rng(seed)


def scores_of(n, p=5, seed=1):
    mix = rng(seed + 100).standard_normal((p, p))
    return 50 + 5 * rng(seed).standard_normal((n, p)) @ mix


def turned(degrees, first=0, second=1, p=5):
    """Return axes (p, p) with two of them turned in their plane."""
    axes, angle = np.eye(p), np.radians(degrees)
    axes[[first, first, second, second], [first, second, first, second]] = (
        np.cos(angle),
        -np.sin(angle),
        np.sin(angle),
        np.cos(angle),
    )
    return axes


# planted answers


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_k_equal_eigenvalues_count_k_directions(k):
    assert dim.participation_ratios(np.diag([2.0] * k + [0.0] * (5 - k))) == pytest.approx(k)


def test_equal_correlations_give_the_closed_form():
    r, p = 0.6, 5
    matrix = np.full((p, p), r) + (1 - r) * np.eye(p)
    assert dim.participation_ratios(matrix) == pytest.approx(p / (1 + (p - 1) * r**2))


def test_two_benchmarks_that_move_as_one_have_one_direction():
    column = rng().standard_normal(12)
    covariance = dim.weighted_covariances(np.column_stack([column, 3 * column]), np.ones((1, 12)))
    assert dim.participation_ratios(covariance)[0] == pytest.approx(1)


def test_a_planted_turn_of_the_first_plane_is_the_second_principal_angle():
    first, second = np.eye(5), turned(37, first=1, second=2)
    assert dim.principal_angles_deg(first[:, :2], second[:, :2]) == pytest.approx([0, 37], abs=1e-6)


def test_the_transfer_of_unmoved_axes_is_the_identity_whatever_their_signs():
    axes = np.linalg.qr(rng().standard_normal((5, 5)))[0]
    assert dim.transfer_matrices(axes, axes * np.array([1, -1, -1, 1, -1])) == pytest.approx(np.eye(5))


def test_the_transfer_of_turned_axes_is_the_turn():
    matrix = dim.transfer_matrices(np.eye(5), turned(30))
    assert matrix == pytest.approx(turned(30))
    assert np.diag(matrix).min() == pytest.approx(np.cos(np.radians(30)))


def test_two_planted_unrelated_pairs_give_two_directions_with_an_interval_around_them():
    families = np.repeat(np.arange(40).astype(str), 5)
    base = rng(3).standard_normal((200, 2))
    scores = base[:, [0, 0, 1, 1]] + 0.01 * rng(4).standard_normal((200, 4))
    redraws = dim.family_redraws(families, n_resamples=500, rng=rng(5))
    ratios = dim.participation_ratios(dim.correlations(redraws.covariances(scores, np.arange(200))))
    found = dim.redraw_inference(ratios, redraws, WORDS, n_rows=200)
    assert found.low < 2 < found.high + 0.05 and found.value == pytest.approx(2, abs=0.1) and found.n == 40


# independent implementations


def test_spectra_agree_with_sklearn():
    scores = scores_of(30)
    values, vectors = dim.spectra(dim.weighted_covariances(scores, np.ones((1, 30))))
    pca = PCA().fit(scores)
    assert values[0] * 30 / 29 == pytest.approx(pca.explained_variance_)
    assert np.abs(np.sum(vectors[0] * pca.components_.T, axis=0)) == pytest.approx(np.ones(5))


def test_weighted_covariances_agree_with_repeated_rows():
    scores, weights = scores_of(20), rng(2).integers(0, 3, size=(15, 20)).astype(float)
    found = dim.weighted_covariances(scores, weights)
    for matrix, row in zip(found, weights, strict=True):
        assert matrix == pytest.approx(np.cov(np.repeat(scores, row.astype(int), axis=0).T, bias=True))


def test_family_weights_agree_with_the_weights_of_their_rows():
    codes = np.repeat([0, 1, 2, 3], [7, 3, 6, 4])
    weights = rng(3).integers(0, 3, size=(30, 4)).astype(float)
    by_row = dim.weighted_covariances(scores_of(20), weights[:, codes])
    assert dim.weighted_covariances(scores_of(20), weights, codes=codes) == pytest.approx(by_row, nan_ok=True)


def test_correlations_agree_with_numpy():
    scores = scores_of(25)
    found = dim.correlations(dim.weighted_covariances(scores, np.ones((1, 25))))
    assert found[0] == pytest.approx(np.corrcoef(scores.T))


@pytest.mark.parametrize("seed", range(5))
def test_principal_angles_agree_with_scipy(seed):
    first, second = (np.linalg.qr(rng(s).standard_normal((6, 2)))[0] for s in (seed, seed + 50))
    rival = np.sort(np.degrees(scipy.linalg.subspace_angles(first, second)))
    assert dim.principal_angles_deg(first, second) == pytest.approx(rival, abs=1e-5)


@given(arrays(np.float64, (8, 4), elements=st.floats(-50, 50)))
def test_the_ratio_is_the_one_of_the_eigenvalues_and_lies_between_one_and_their_number(scores):
    covariance = dim.weighted_covariances(scores, np.ones((1, 8)))[0]
    values = np.linalg.eigvalsh(covariance)
    ratio = float(dim.participation_ratios(covariance))
    if not (covariance**2).sum() > 1e-12:
        return
    assert ratio == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-6)
    assert 1 - 1e-9 <= ratio <= 4 + 1e-9


@given(st.integers(0, 1000))
def test_a_transfer_matrix_is_orthogonal(seed):
    first, second = (np.linalg.qr(rng(s).standard_normal((4, 4)))[0] for s in (seed, seed + 5000))
    matrix = dim.transfer_matrices(first, second)
    assert matrix @ matrix.T == pytest.approx(np.eye(4), abs=1e-9)


# edge cases


@pytest.mark.parametrize(("n", "is_defined"), [(0, False), (5, False), (6, True)])
def test_five_models_or_fewer_have_no_dimension(n, is_defined):
    redraws = dim.family_redraws(["a", "b"] * 4, n_resamples=50, rng=rng())
    ratios = dim.participation_ratios(redraws.covariances(scores_of(8), np.arange(n)))
    found = dim.redraw_inference(ratios, redraws, WORDS, n_rows=n)
    assert (found.value is not None) == is_defined
    assert found.low is None and found.high is None and found.caveats


def test_ten_models_have_an_interval_and_nine_have_none():
    families = np.repeat(["a", "b", "c", "d", "e", "f"], 2)
    redraws = dim.family_redraws(families, n_resamples=400, rng=rng())
    for n in (9, 10):
        ratios = dim.participation_ratios(redraws.covariances(scores_of(12), np.arange(n)))
        found = dim.redraw_inference(ratios, redraws, WORDS, n_rows=n)
        assert (found.low is None) == (n == 9)


def test_a_benchmark_that_does_not_vary_has_no_correlation_matrix():
    scores = scores_of(12)
    scores[:, 2] = 41.7
    covariance = dim.weighted_covariances(scores, np.ones((1, 12)))
    assert np.isnan(dim.correlations(covariance)).all()
    assert np.isnan(dim.participation_ratios(dim.correlations(covariance))).all()
    assert np.isfinite(dim.participation_ratios(covariance)).all()
    values, vectors = dim.spectra(dim.correlations(covariance))
    assert np.isnan(values).all() and np.isnan(vectors).all()


def test_one_family_has_no_family_resamples():
    redraws = dim.family_redraws(["a"] * 12, n_resamples=50, rng=rng())
    assert redraws.weights is None and redraws.caveats == ("no interval: fewer than 2 families",)
    assert redraws.covariances(scores_of(12), np.arange(12)).shape == (1, 5, 5)


def test_scores_without_error_drawn_again_are_the_scores():
    scores = scores_of(12)
    redraws = dim.measurement_redraws(scores, np.zeros_like(scores), n_resamples=20, rng=rng())
    covariances = redraws.covariances(scores, np.arange(12))
    assert covariances[1:] == pytest.approx(np.broadcast_to(covariances[0], (20, 5, 5)))


def test_an_unknown_error_of_one_family_leaves_no_interval():
    errors = np.ones((12, 5))
    errors[3, 1] = np.nan
    redraws = dim.measurement_redraws(scores_of(12), errors, n_resamples=20, rng=rng())
    assert redraws.scores is None and "a standard error is unknown" in redraws.caveats[0]


def test_an_interval_of_noisier_draws_that_misses_the_value_is_withheld():
    line = np.linspace(30, 60, 12)
    scores = np.column_stack([line, line, line])
    redraws = dim.measurement_redraws(scores, np.full_like(scores, 2.0), n_resamples=300, rng=rng())
    ratios = dim.participation_ratios(redraws.covariances(scores, np.arange(12)))
    found = dim.redraw_inference(ratios, redraws, WORDS, n_rows=12)
    assert found.value == pytest.approx(1) and (ratios[1:] > 1).all()
    assert found.low is None and "misses the value" in found.caveats[-1]


def test_subsets_of_all_models_are_all_models_and_smaller_ones_have_their_size():
    scores = scores_of(14)
    whole, _ = dim.equal_n_ratios(scores, n_rows=14, n_resamples=10, rng=rng())
    full = dim.participation_ratios(dim.weighted_covariances(scores, np.ones((1, 14))))
    assert whole == pytest.approx(np.full(10, full[0]))
    assert (dim.dealt(14, n_rows=9, n_resamples=50, rng=rng()).sum(axis=1) == 9).all()


@pytest.mark.parametrize("n_rows", [5, 15])
def test_an_equal_n_comparison_out_of_reach_is_refused(n_rows):
    with pytest.raises(BadParameterError, match=f"got {n_rows}"):
        dim.equal_n_ratios(scores_of(14), n_rows=n_rows, n_resamples=10, rng=rng())


def test_fewer_models_make_fewer_directions_on_average():
    scores = rng(8).standard_normal((300, 5))
    few, many = (np.median(dim.equal_n_ratios(scores, n_rows=n, n_resamples=300, rng=rng(9))[0]) for n in (6, 200))
    assert few < 3.5 < 4.7 < many


def test_a_vector_at_right_angles_keeps_its_sign():
    assert dim.aligned(np.array([0.0, -1.0]), np.array([1.0, 0.0])) == pytest.approx([0, -1])
    assert dim.aligned(np.array([-1.0, 0.1]), np.array([1.0, 0.0])) == pytest.approx([1, -0.1])


def test_standardised_groups_have_zero_mean_and_unit_spread_each():
    scores, groups = scores_of(20), np.arange(20) < 8
    found = dim.standardised_within(scores, groups)
    for group in (groups, ~groups):
        assert found[group].mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-9)
        assert found[group].std(axis=0) == pytest.approx(np.ones(5))
