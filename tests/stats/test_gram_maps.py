"""Maps of hidden states by their Gram matrices, against the vectors themselves and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from cape.errors import NotEnoughDataError
from cape.stats.gram_maps import participation_ratio, principal_sweep, ridge_readout
from cape.stats.probe_alarms import at_bound, constant_across, equal_across_models


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n_directions", [1, 3, 8])
def test_vectors_in_k_equal_directions_have_a_ratio_of_k(n_directions):
    basis = np.linalg.qr(rng().standard_normal((40, n_directions)))[0]
    signs = np.concatenate([np.eye(n_directions), -np.eye(n_directions)] * 2)
    vectors = signs @ basis.T + 5.0
    assert participation_ratio(vectors @ vectors.T).value == pytest.approx(n_directions)


def test_the_ratio_is_that_of_the_covariance_spectrum_with_a_jackknife_of_it():
    vectors = rng(1).standard_normal((20, 50)) * np.linspace(0.1, 2, 50) + 3.0

    def ratio(x):
        values = np.linalg.eigvalsh(np.cov(x, rowvar=False))
        return values.sum() ** 2 / (values**2).sum()

    found = participation_ratio(vectors @ vectors.T)
    assert found.value == pytest.approx(ratio(vectors))
    left = np.array([ratio(np.delete(vectors, i, axis=0)) for i in range(20)])
    error = np.sqrt(19 / 20 * np.sum((left - left.mean()) ** 2))
    assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-5)


def test_equal_vectors_have_no_ratio_and_two_are_too_few():
    same = np.ones((6, 3))
    assert participation_ratio(same @ same.T).value is None
    with pytest.raises(NotEnoughDataError, match="at least 3"):
        participation_ratio(np.eye(2))


def test_the_sweep_is_principal_component_analysis_of_the_vectors():
    vectors = rng(2).standard_normal((12, 30)) + 0.7
    sweep = principal_sweep(vectors @ vectors.T)
    assert sweep.ranks.tolist() == [2, 4, 8, 11]
    for rank, gram in zip(sweep.ranks, sweep.grams, strict=True):
        axes = PCA(n_components=int(rank)).fit(vectors).components_
        assert gram == pytest.approx((vectors @ axes.T) @ (vectors @ axes.T).T, abs=1e-9)


def test_the_sweep_stops_at_the_rank_and_is_empty_for_a_line():
    flat = rng(3).standard_normal((12, 3))
    assert principal_sweep(flat @ flat.T).ranks.tolist() == [2, 3]
    line = np.outer(np.arange(6.0), np.ones(4))
    assert principal_sweep(line @ line.T).ranks.size == 0


def test_the_readout_is_ridge_regression_on_features():
    features, new = rng(4).standard_normal((30, 8)), rng(5).standard_normal((6, 8))
    outputs = features @ rng(6).standard_normal((8, 11)) + 0.3 * rng(7).standard_normal((30, 11)) + 2.0
    found = ridge_readout(features @ features.T, new @ features.T, outputs @ outputs.T)
    centred = features - features.mean(axis=0)
    alpha = found.penalty * np.trace(centred @ centred.T) / 30
    model = Ridge(alpha=alpha).fit(features, outputs)
    predicted = model.predict(new)
    assert found.gram == pytest.approx(predicted @ predicted.T)
    errors, spread = 0.0, 0.0
    for i in range(30):
        x, y = (np.delete(values, i, axis=0) for values in (features, outputs))
        left = Ridge(alpha=alpha).fit(x, y).predict(features[i : i + 1])
        errors += np.sum((outputs[i] - left) ** 2)
        spread += np.sum((outputs[i] - y.mean(axis=0)) ** 2)
    assert found.skill == pytest.approx(1 - errors / spread, abs=1e-6)
    assert found.skill > 0.8


def test_a_readout_of_noise_has_no_skill_and_one_of_two_prompts_is_refused():
    features, outputs = rng(8).standard_normal((40, 20)), rng(9).standard_normal((40, 5))
    assert ridge_readout(features @ features.T, features @ features.T, outputs @ outputs.T).skill < 0.1
    with pytest.raises(NotEnoughDataError, match="at least 3"):
        ridge_readout(np.eye(2), np.eye(2), np.eye(2))


# alarms


def test_a_value_that_is_constant_across_layers_raises_the_alarm():
    assert "constant across 4 layers" in constant_across([0.967, 0.967, 0.9670000001, 0.967])
    assert constant_across([0.967, 0.967, 0.968]) is None
    assert constant_across([0.5]) is None
    assert constant_across([np.nan, 0.5]) is None


def test_values_equal_across_models_raise_the_alarm_and_name_them():
    said = equal_across_models({"small": 0.5, "large": 0.5 + 1e-9, "other": 0.7, "none": None})
    assert "large, small" in said and "other" not in said
    assert equal_across_models({"small": 0.5, "large": 0.51}) is None


def test_values_at_a_bound_raise_the_alarm_with_how_many():
    assert at_bound([1.0, 0.2, 1.0]).startswith("2 at 1 of 3")
    assert "1 at -1 and 1 at 1 of 2" in at_bound([-1.0, 1.0])
    assert at_bound([0.999, -0.5]) is None
    assert at_bound([0.0], low=0.0) is not None
