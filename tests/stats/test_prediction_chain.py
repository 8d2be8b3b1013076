"""Links of the prediction chain: planted answers, plain loops as a second opinion, edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from cape.errors import NotEnoughDataError
from cape.stats.prediction_chain import field_errors, fixed_power_errors, power_errors, running_gamma_errors

SIZES = np.array([0.07, 0.16, 0.41, 1.0, 1.4, 2.8]) * 1e9
NORMS = np.array([106.0, 77.0, 62.0, 23.0, 37.0, 27.0])
LOSSES = np.array([4.5, 4.1, 3.7, 3.2, 3.1, 3.0])


def test_the_right_fixed_power_has_no_error():
    errors = fixed_power_errors(SIZES, 3.0 * SIZES**-0.7, exponent=0.7)
    np.testing.assert_allclose(errors.within_pct, 0, atol=1e-9)
    np.testing.assert_allclose(errors.left_out_pct, 0, atol=1e-9)


def test_a_fixed_power_is_scaled_by_the_geometric_mean():
    shape = SIZES**-0.5
    scale = np.exp(np.mean(np.log(NORMS / shape)))
    expected = 100 * np.abs(scale * shape / NORMS - 1)
    np.testing.assert_allclose(fixed_power_errors(SIZES, NORMS, exponent=0.5).within_pct, expected)


def test_left_out_errors_of_a_fixed_power_are_those_of_a_loop():
    found = fixed_power_errors(SIZES, NORMS, exponent=0.5)
    shape = SIZES**-0.5
    for row in range(SIZES.size):
        kept = np.arange(SIZES.size) != row
        scale = np.exp(np.mean(np.log(NORMS[kept] / shape[kept])))
        assert found.left_out_pct[row] == pytest.approx(100 * abs(scale * shape[row] / NORMS[row] - 1))


def test_left_out_errors_of_a_power_are_those_of_polyfit():
    found = power_errors(LOSSES, NORMS)
    for row in range(LOSSES.size):
        kept = np.arange(LOSSES.size) != row
        line = np.polyfit(np.log(LOSSES[kept]), np.log(NORMS[kept]), 1)
        guess = np.exp(np.polyval(line, np.log(LOSSES[row])))
        assert found.left_out_pct[row] == pytest.approx(100 * abs(guess / NORMS[row] - 1))


def test_a_gamma_that_is_a_line_in_log_n_predicts_every_step():
    middle, change = np.array([8.0, 8.5, 9.0, 9.5, 10.0]), np.array([4.0, 9.0, 8.0, 3.0, 5.0])
    before = np.array([47.0, 45.0, 42.0, 40.0, 39.0])
    after = before + (0.4 * middle - 4.0) * change
    errors = running_gamma_errors(middle, change, before, after)
    np.testing.assert_allclose(errors.within_pct, 0, atol=1e-9)
    np.testing.assert_allclose(errors.left_out_pct, 0, atol=1e-9)


def test_a_step_without_a_change_of_the_first_score_is_left_out():
    middle, change = np.array([8.0, 8.5, 9.0, 9.5]), np.array([4.0, 0.0, 8.0, 3.0])
    errors = running_gamma_errors(middle, change, np.full(4, 40.0), np.full(4, 41.0))
    assert errors.within_pct.size == 3


def test_a_family_on_the_common_curve_plus_its_field_is_predicted_with_it_only():
    log10_n = np.concatenate([np.linspace(8, 11, 9), [8.5, 9.0, 9.5]])
    family = np.array(["web"] * 5 + ["other"] * 4 + ["curated"] * 3)
    curve = 40 + 2 * (log10_n - 9.5) ** 2
    errors = field_errors(log10_n, curve + np.where(family == "curated", 12.0, 0.0), family)
    np.testing.assert_allclose(errors["curated"].left_out_pct, 0, atol=1e-8)
    assert errors["curated"].within_pct.min() > 15


def test_the_field_of_a_model_comes_from_the_other_models_of_its_family():
    rng = np.random.default_rng(4)
    log10_n, family = np.concatenate([np.linspace(8, 11, 8), [8.5, 9.0, 9.5]]), np.array(["web"] * 8 + ["curated"] * 3)
    y = 40 + rng.normal(0, 3, 11)
    curve = np.polyval(np.polyfit(log10_n[:8], y[:8], 2), log10_n[8:])
    offset = y[8:] - curve
    expected = [100 * abs((curve[i] + np.delete(offset, i).mean()) / y[8 + i] - 1) for i in range(3)]
    np.testing.assert_allclose(field_errors(log10_n, y, family)["curated"].left_out_pct, expected, rtol=1e-6)


def test_a_family_of_one_model_has_no_field():
    log10_n = np.linspace(8, 11, 7)
    family = np.array(["a"] * 6 + ["single"])
    assert "single" not in field_errors(log10_n, 40 + log10_n, family)
    assert field_errors(log10_n, 40 + log10_n, np.full(7, "one family")) == {}


def test_too_few_rows_are_refused():
    with pytest.raises(NotEnoughDataError, match="at least 2"):
        fixed_power_errors(SIZES[:1], NORMS[:1], exponent=1.0)
    with pytest.raises(NotEnoughDataError, match="at least 3"):
        power_errors(LOSSES[:2], NORMS[:2])
    with pytest.raises(NotEnoughDataError, match="at least 3 steps, got 2"):
        running_gamma_errors([8.0, 9.0], [1.0, 2.0], [40.0, 41.0], [41.0, 42.0])
