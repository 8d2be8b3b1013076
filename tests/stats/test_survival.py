"""Range, deviation and entropy of the scores of one size, against numpy and scipy and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from cape.stats.resampling import row_weights
from cape.stats.survival import BIN_PP, Survival, survival


def of(scores: list[float], errors: float = 1.0, codes: list[int] | None = None, n_draws: int = 400) -> Survival:
    n = len(scores)
    families = np.arange(n) if codes is None else np.array(codes)
    weights = row_weights(int(families.max(initial=0)) + 1, n_resamples=n_draws, rng=np.random.default_rng(0))
    return survival(np.array(scores), np.full(n, errors), families, weights, rng=np.random.default_rng(1))


def test_range_deviation_and_entropy_are_those_of_numpy_and_scipy() -> None:
    scores = [12.0, 47.0, 48.0, 71.0, 72.0, 99.0, 100.0]
    found = of(scores)
    assert found.range_pp.value == 88
    assert found.deviation_pp.value == pytest.approx(np.std(scores, ddof=1))
    counts = np.histogram(scores, bins=np.arange(0, 100 + BIN_PP, BIN_PP))[0]
    assert found.entropy_bits.value == pytest.approx(entropy(counts, base=2))
    assert (found.low_pct, found.high_pct, found.n, found.n_families) == (12, 100, 7, 7)


def test_resampled_deviations_equal_a_plain_loop() -> None:
    scores, codes = np.array([10, 20, 40, 60, 90, 30.0]), np.array([0, 0, 1, 1, 2, 2])
    weights = row_weights(3, n_resamples=200, rng=np.random.default_rng(2))
    found = survival(scores, np.ones(6), codes, weights, rng=np.random.default_rng(3)).deviation_pp
    drawn = [np.std(np.repeat(scores, w[codes].astype(int)), ddof=1) for w in weights]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_equally_good_models_are_not_told_apart_and_different_ones_are() -> None:
    rng = np.random.default_rng(4)
    outside = np.mean([of((50 + rng.standard_normal(8)).tolist()).discrimination.value > 1 for _ in range(200)])
    assert outside < 0.11
    assert of([20, 40, 50, 60, 80]).discrimination.value > 5


def test_constant_scores_have_no_range_and_no_entropy() -> None:
    found = of([50.0] * 6)
    assert found.range_pp.value == 0 and found.deviation_pp.value == 0 and found.entropy_bits.value == 0


def test_few_models_are_undefined_and_say_so() -> None:
    found = of([40, 60, 70])
    assert found.range_pp.value == 30
    for inference in (found.deviation_pp, found.entropy_bits):
        assert inference.value is None and "5 are needed" in inference.caveats[0]
    assert found.discrimination.value is not None
    assert "3 are needed" in of([40, 60]).discrimination.caveats[0]
    one = of([40])
    assert one.range_pp.value is None and one.noise_range is None


def test_one_family_has_no_interval_and_an_unknown_error_no_noise_range() -> None:
    found = of([10, 20, 30, 40, 50], codes=[0] * 5)
    assert found.deviation_pp.low is None and "fewer than 2 families" in found.deviation_pp.caveats[0]
    blind = of([10, 20, 30, 40, 50], errors=np.nan)
    assert blind.noise_range is None and blind.discrimination.value is None and blind.range_pp.low is None
