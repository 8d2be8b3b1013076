"""Line and kink of gamma over size: planted curves, scipy's fits, borders, and the spread of slopes."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import least_squares
from scipy.stats import chi2

from cape.errors import BadParameterError
from cape.stats.inference import Points, Steps
from cape.stats.running import family_running, heterogeneity, kink_fit, ladder_running, line_fit


def rng(seed: int = 4) -> np.random.Generator:
    return np.random.default_rng(seed)


def steps(size: np.ndarray, gamma: np.ndarray, *, se: np.ndarray | float = 0.1, families: int = 6) -> Steps:
    return Steps(
        family=np.array([f"f{i % families}" for i in range(size.size)]),
        log10_n_mid=size,
        x_mid_pct=np.zeros(size.size),
        gamma=gamma,
        gamma_se=np.broadcast_to(np.asarray(se, dtype=float), size.shape).copy(),
    )


def fitted(data: Steps, *, is_weighted: bool = False, n: int = 200):  # type: ignore[no-untyped-def]
    return family_running(data, is_weighted=is_weighted, n_resamples=n, rng=rng())


def planted(amplitude: float, centre: float, width: float, offset: float, *, noise: float = 0.0) -> Steps:
    size = np.linspace(8, 11, 48)
    gamma = amplitude * np.tanh((size - centre) / width) + offset + noise * rng(9).standard_normal(48)
    return steps(size, gamma)


def test_the_weighted_line_equals_statsmodels() -> None:
    size, gamma, se = rng().uniform(8, 11, 30), rng(1).normal(size=30), rng(2).uniform(0.1, 2, 30)
    found = line_fit(fitted(steps(size, gamma, se=se), is_weighted=True))
    model = sm.WLS(gamma, sm.add_constant(size), weights=se**-2).fit()
    assert [found.intercept.value, found.slope.value] == pytest.approx(model.params)
    assert found.r2.value == pytest.approx(model.rsquared)
    assert found.fitted == pytest.approx(model.fittedvalues)
    weight = se**-2 / (se**-2).sum()
    assert found.rmse.value == pytest.approx(np.sqrt(weight @ model.resid**2))


def test_a_zero_beyond_the_data_is_undefined() -> None:
    size = np.linspace(8, 10, 12)
    inside, outside = (line_fit(fitted(steps(size, gamma))) for gamma in (size - 9, size - 5))
    assert inside.zero.value == pytest.approx(9)
    assert outside.zero.value is None
    assert "outside the data" in outside.zero.caveats[0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_line_needs_three_steps(n: int) -> None:
    found = line_fit(fitted(steps(np.arange(float(n)), np.arange(float(n)))))
    assert found.slope.value is None and found.rmse.value is None
    kink = kink_fit(fitted(steps(np.arange(float(n)), np.arange(float(n)))))
    assert kink.centre.value is None and "undefined" in kink.centre.caveats[0]


def test_steps_of_one_size_have_no_line() -> None:
    assert line_fit(fitted(steps(np.full(8, 9.0), rng().normal(size=8)))).slope.value is None


def test_a_planted_kink_is_found_with_centre_and_zero_apart() -> None:
    found = kink_fit(fitted(planted(0.8, 9.5, 0.4, 0.3)))
    truth = {"amplitude": 0.8, "centre": 9.5, "width": 0.4, "offset": 0.3}
    for name, value in truth.items():
        assert getattr(found, name).value == pytest.approx(value, abs=0.005), name
    assert found.zero.value == pytest.approx(9.5 + 0.4 * np.arctanh(-0.3 / 0.8), abs=0.005)
    assert found.gain.value < 0


def test_a_noisy_kink_equals_scipy_and_its_interval_holds_the_truth() -> None:
    data = planted(0.8, 9.5, 0.4, 0.3, noise=0.15)
    found = kink_fit(fitted(data))
    best = least_squares(
        lambda p: p[0] * np.tanh((data.log10_n_mid - p[1]) / p[2]) + p[3] - data.gamma, [0.5, 9.4, 0.5, 0.0]
    )
    assert found.rmse.value == pytest.approx(np.sqrt((best.fun**2).mean()), rel=1e-4)
    assert [found.amplitude.value, found.centre.value] == pytest.approx(best.x[:2], abs=0.01)
    assert found.centre.low < 9.5 < found.centre.high


def test_a_kink_without_a_sign_change_has_no_zero() -> None:
    found = kink_fit(fitted(planted(0.3, 9.5, 0.4, 1.0)))
    assert found.centre.value == pytest.approx(9.5, abs=0.01)
    assert found.zero.value is None and "outside the data" in found.zero.caveats[0]


def test_a_straight_line_and_a_step_are_no_kink() -> None:
    size = np.linspace(8, 11, 40)
    for gamma in (0.5 * (size - 9), np.where(size > 9.5, 1.0, -1.0)):
        assert kink_fit(fitted(steps(size, gamma), n=20)).centre.value is None


def test_the_gain_of_the_kink_is_the_difference_of_corrected_aic() -> None:
    data = planted(0.8, 9.5, 0.4, 0.3, noise=0.15)
    found, line = kink_fit(fitted(data)), line_fit(fitted(data))
    n = data.gamma.size

    def corrected(rmse: float, k: int) -> float:
        return n * np.log(rmse**2) + 2 * k + 2 * k * (k + 1) / (n - k - 1)

    assert found.gain.value == pytest.approx(corrected(found.rmse.value, 5) - corrected(line.rmse.value, 3))


def test_a_ladder_is_drawn_with_its_errors() -> None:
    n = 9
    size = np.linspace(8, 11, n)
    ladder = Points(
        family=np.full(n, "L"),
        log10_n=size,
        x_pct=20 + 7.0 * np.arange(n),
        y_pct=50 + rng().normal(size=n),
        x_se=np.full(n, 0.3),
        y_se=np.full(n, 1.0),
    )
    found = line_fit(ladder_running(ladder, is_weighted=False, n_draws=400, rng=rng()))
    gamma = np.diff(ladder.y_pct) / np.diff(ladder.x_pct)
    assert found.slope.value == pytest.approx(np.polyfit((size[1:] + size[:-1]) / 2, gamma, 1)[0])
    assert found.slope.low < found.slope.value < found.slope.high
    assert "measurement error only" in found.slope.caveats[-1]
    assert found.rmse.low is None and "twice" in found.rmse.caveats[-1]


def test_an_undefined_gamma_is_left_out() -> None:
    size, gamma = np.linspace(8, 11, 10), rng().normal(size=10)
    holed = gamma.copy()
    holed[3] = np.nan
    found = line_fit(fitted(steps(size, holed)))
    kept = np.arange(10) != 3
    assert found.slope.value == pytest.approx(np.polyfit(size[kept], gamma[kept], 1)[0])


def test_heterogeneity_equals_the_textbook() -> None:
    gamma, se = rng().normal(size=9), rng(1).uniform(0.2, 1, 9)
    found = heterogeneity(gamma, se)
    weight = se**-2
    mean = np.average(gamma, weights=weight)
    q = (weight * (gamma - mean) ** 2).sum()
    assert (found.mean, found.q) == pytest.approx((mean, q))
    assert (found.i2, found.p) == pytest.approx((1 - 8 / q, 1 - chi2.cdf(q, 8)))


def test_heterogeneity_of_one_rate_has_a_level_p() -> None:
    draws = [heterogeneity(rng(i).normal(0.5, 0.3, 12), np.full(12, 0.3)).p for i in range(400)]
    assert np.mean(np.array(draws) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_heterogeneity_needs_two_slopes_with_errors() -> None:
    assert heterogeneity([0.3], [0.1]).p is None
    assert heterogeneity([0.3, np.nan], [0.1, 0.2]).n == 1
    assert heterogeneity([0.3, 0.3], [0.1, 0.1]).i2 is None  # no spread at all
    with pytest.raises(BadParameterError, match="above 0"):
        heterogeneity([0.3, 0.4], [0.0, 0.1])
