"""The loss law: planted laws, scipy's optimiser as a second opinion, terms beside the law, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from cape.errors import NotEnoughDataError
from cape.stats.scaling_law import fit_laws, law_curve, loss_law, mean_error, term_beside_law

SIZES = np.array([0.07, 0.16, 0.41, 1.0, 1.4, 2.8, 6.9, 12.0]) * 1e9
NOISE = np.array([0.012, -0.024, 0.001, 0.013, 0.009, -0.005, -0.006, 0.0])


def law(sizes, alpha=0.25, floor=1.4, amplitude=200.0):
    return floor + amplitude * sizes**-alpha


def by_scipy(sizes, loss, start=(1.4, 1.0, 0.3)):
    """E, the loss above E at the geometric mean size, and alpha, by bounded trust region."""
    centre = np.exp(np.log(sizes).mean())
    found = scipy.optimize.least_squares(
        lambda p: p[0] + p[1] * (sizes / centre) ** -p[2] - loss,
        start,
        bounds=([0, 0, 1e-3], [10, 50, 5]),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    return found.x, found


def rng():
    return np.random.default_rng(5)


# planted answers


@given(
    alpha=st.floats(0.05, 1.2),
    floor=st.floats(0.3, 3.0),
    above=st.floats(0.2, 2.0),
)
def test_a_planted_law_is_recovered(alpha, floor, above):
    centre = np.exp(np.log(SIZES).mean())
    found = fit_laws(SIZES, floor + above * (SIZES / centre) ** -alpha)
    assert found.alpha[0] == pytest.approx(alpha, rel=1e-4)
    assert found.floor[0] == pytest.approx(floor, rel=1e-3, abs=1e-4)


def test_many_columns_give_what_each_gives_alone():
    columns = law(SIZES) + rng().normal(0, 0.01, (40, SIZES.size))
    together = fit_laws(SIZES, columns)
    alone = [fit_laws(SIZES, column) for column in columns]
    np.testing.assert_allclose(together.alpha, [one.alpha[0] for one in alone], rtol=1e-9)
    np.testing.assert_allclose(together.floor, [one.floor[0] for one in alone], rtol=1e-9)


def test_a_law_without_a_floor_keeps_the_floor_at_zero():
    loss = law(SIZES, floor=0.0, alpha=0.1, amplitude=20.0) + 0.02 * np.log10(SIZES / 1e9)
    found = loss_law(SIZES, loss - 0.05 * np.log10(SIZES / 1e9) ** 2, n_resamples=400, rng=rng())
    assert found.floor.value == 0.0
    assert any("bound of 0" in caveat for caveat in found.floor.caveats)


def test_summaries_of_a_noisy_law_follow_their_definitions():
    loss = law(SIZES) + NOISE
    found = loss_law(SIZES, loss, n_resamples=500, rng=rng())
    amount = SIZES**found.alpha.value * (loss - found.floor.value)
    assert found.amplitude.value == pytest.approx(amount.mean())
    assert found.amplitude_sd.value == pytest.approx(amount.std())
    assert found.cv_pct.value == pytest.approx(100 * amount.std() / amount.mean())
    assert found.r2.value == pytest.approx(1 - (found.residual**2).sum() / ((loss - loss.mean()) ** 2).sum())
    assert found.error_pct.value == pytest.approx(100 * np.abs(found.residual / loss).mean())
    assert found.alpha.low < found.alpha.value < found.alpha.high


def test_the_interval_of_the_exponent_covers_a_planted_one():
    draws, hits = rng(), 0
    for _ in range(80):
        found = loss_law(SIZES, law(SIZES) + draws.normal(0, 0.01, SIZES.size), n_resamples=300, rng=draws)
        hits += found.alpha.low <= 0.25 <= found.alpha.high
    assert hits / 80 > 0.82  # nominal 0.95; a residual bootstrap of 8 points falls somewhat short


def test_a_planted_shift_beside_the_law_is_found_with_its_sign():
    above = SIZES > 3e9
    exact = term_beside_law(SIZES, law(SIZES) - 0.05 * above, above)
    assert exact.value == pytest.approx(-0.05, abs=1e-5)
    noisy = term_beside_law(SIZES, law(SIZES) - 0.5 * above + NOISE / 10, above)
    assert noisy.high < 0


def test_a_smooth_law_has_no_shift_at_any_size():
    loss = law(SIZES) + NOISE
    inside = 0
    for turn in SIZES[:-1]:
        found = term_beside_law(SIZES, loss, SIZES > turn)
        inside += found.low <= 0 <= found.high
    assert inside >= SIZES.size - 3


def test_one_row_off_the_law_stands_out_as_a_term_of_its_own():
    loss = law(SIZES) + NOISE / 4
    loss[4] += 0.1
    found = term_beside_law(SIZES, loss, np.arange(SIZES.size) == 4)
    assert found.value == pytest.approx(0.1, abs=0.02)
    assert found.low > 0


# independent implementation


@pytest.mark.parametrize("seed", range(6))
def test_scipys_bounded_least_squares_gives_the_same_law(seed):
    loss = law(SIZES, alpha=0.3) + np.random.default_rng(seed).normal(0, 0.02, SIZES.size)
    found = fit_laws(SIZES, loss)
    (floor, above, alpha), solved = by_scipy(SIZES, loss)
    assert found.alpha[0] == pytest.approx(alpha, rel=1e-4)
    assert found.floor[0] == pytest.approx(floor, abs=1e-4)
    assert found.scale[0] == pytest.approx(above, rel=1e-4)
    assert ((loss - found.fitted[0]) ** 2).sum() == pytest.approx(2 * solved.cost, rel=1e-6)


def test_left_out_predictions_are_those_of_fits_to_the_others():
    loss = law(SIZES) + NOISE
    found = loss_law(SIZES, loss, n_resamples=300, rng=rng())
    for row in range(SIZES.size):
        kept = np.arange(SIZES.size) != row
        (floor, above, alpha), _ = by_scipy(SIZES[kept], loss[kept])
        centre = np.exp(np.log(SIZES[kept]).mean())
        assert found.left_out[row] == pytest.approx(floor + above * (SIZES[row] / centre) ** -alpha, abs=2e-4)


def test_the_interval_of_a_term_is_curve_fits():
    loss, above = law(SIZES) + NOISE, (SIZES > 3e9).astype(float)
    centre = np.exp(np.log(SIZES).mean())

    def model(_, floor, scale, alpha, shift):
        return floor + scale * (SIZES / centre) ** -alpha + shift * above

    best, covariance = scipy.optimize.curve_fit(model, SIZES, loss, p0=[1.5, 1.0, 0.3, 0.0], maxfev=20_000)
    found = term_beside_law(SIZES, loss, above)
    assert found.value == pytest.approx(best[3], abs=1e-4)
    half = scipy.stats.t.ppf(0.975, SIZES.size - 4) * np.sqrt(covariance[3, 3])
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-2)


def test_the_curve_passes_through_the_fitted_losses():
    loss = law(SIZES) + NOISE
    np.testing.assert_allclose(law_curve(SIZES, loss, SIZES), fit_laws(SIZES, loss).fitted[0], rtol=1e-9)


# edge cases


def test_four_sizes_are_refused():
    with pytest.raises(NotEnoughDataError, match="at least 5 sizes, got 4"):
        fit_laws(SIZES[:4], law(SIZES[:4]))


def test_equal_sizes_count_once():
    with pytest.raises(NotEnoughDataError, match="got 4"):
        fit_laws(np.repeat(SIZES[:4], 2), np.repeat(law(SIZES[:4]), 2))


def test_a_loss_that_rises_with_size_has_no_law():
    with pytest.raises(NotEnoughDataError, match="no fit"):
        loss_law(SIZES, 5.0 - law(SIZES), n_resamples=200, rng=rng())


def test_five_sizes_have_a_law_and_no_left_out_one():
    found = loss_law(SIZES[:5], law(SIZES[:5]) + NOISE[:5], n_resamples=200, rng=rng())
    assert found.left_out_error_pct.value is None
    assert found.left_out_error_pct.caveats == ("undefined: no row has a prediction",)
    assert np.isnan(found.left_out).all()


def test_a_constant_term_is_undefined():
    found = term_beside_law(SIZES, law(SIZES) + NOISE, np.ones(SIZES.size))
    assert found.value is None and "one value" in found.caveats[0]


def test_a_term_in_the_direction_of_the_exponent_is_undefined():
    found = term_beside_law(SIZES, law(SIZES, alpha=0.25), np.log(SIZES) * SIZES**-0.25)
    assert found.value is None and "shape of the term" in found.caveats[0]


def test_five_sizes_are_too_few_for_a_term():
    found = term_beside_law(SIZES[:5], law(SIZES[:5]), SIZES[:5] > 5e8)
    assert found.value is None and "6 sizes" in found.caveats[0]


def test_a_mean_error_of_families_resamples_families():
    errors = np.repeat([1.0, 5.0, 9.0, 13.0], 25)
    family = np.repeat(list("abcd"), 25)
    rows = mean_error(errors, n_resamples=2000, rng=rng())
    families = mean_error(errors, n_resamples=2000, rng=rng(), clusters=family)
    assert rows.value == families.value == 7.0
    assert (rows.n, families.n) == (100, 4)
    assert families.high - families.low > 3 * (rows.high - rows.low)


def test_a_mean_error_of_three_rows_has_no_interval():
    found = mean_error([1.0, 2.0, 3.0], n_resamples=200, rng=rng())
    assert (found.value, found.low, found.high) == (2.0, None, None)


def test_rows_without_a_prediction_are_dropped_and_counted():
    found = mean_error([1.0, 2.0, np.nan, 3.0, 6.0], n_resamples=200, rng=rng())
    assert (found.value, found.n) == (3.0, 4)
    assert found.caveats == ("1 of 5 rows have no prediction",)


# the paper's recipe


def test_the_printed_losses_give_the_printed_exponent(lake):
    rows = lake.read("mart_losses", quantity="author_pythia_validation_loss").sort("params_b")
    found = loss_law(rows["params_b"].to_numpy() * 1e9, rows["value"].to_numpy(), n_resamples=300, rng=rng())
    assert f"{found.alpha.value:.3f}" == "0.238"
