"""Beta functions: planted flows, numpy's fits, measurement error, and the null of a gamma that does not run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cape.errors import BadParameterError
from cape.stats.coupling import family_steps
from cape.stats.flow import (
    At,
    Degree,
    FlowPoints,
    beta_function,
    constant_gamma_scores,
    fixed_points,
    flow_points,
    ladder_beta_function,
    null_r2,
    weighted_polynomials,
)
from cape.stats.inference import Points, Steps


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def steps(gamma: list[float], *, mid: list[float] | None = None, family: str = "F", se: float = 0.1) -> Steps:
    n = len(gamma)
    return Steps(
        family=np.full(n, family),
        log10_n_mid=np.linspace(8, 11, n) if mid is None else np.array(mid),
        x_mid_pct=np.linspace(30, 80, n),
        gamma=np.array(gamma),
        gamma_se=np.full(n, se),
    )


def points(gamma: np.ndarray, rate: np.ndarray, family: np.ndarray, *, se: float = 1.0) -> FlowPoints:
    return FlowPoints(
        family=family, gamma=gamma, rate=rate, rate_se=np.full(gamma.size, se), log10_n=np.zeros(gamma.size)
    )


def ladder(gammas: list[float], *, se: float = 0.01, step: float = 8.0) -> Points:
    x = 20 + step * np.arange(len(gammas) + 1)
    n = x.size
    return Points(
        family=np.full(n, "L"),
        log10_n=np.linspace(8, 11, n),
        x_pct=x,
        y_pct=50 + np.concatenate([[0.0], np.cumsum(np.array(gammas) * step)]),
        x_se=np.full(n, se),
        y_se=np.full(n, se),
    )


def test_rates_are_differences_between_neighbours_of_one_ladder() -> None:
    both = steps([0.0, 1.0, 3.0, 9.0, 9.5], mid=[8, 9, 10, 8, 10])
    ladders = np.array(["a", "a", "a", "b", "b"])
    middle, start = (flow_points(both, ladders, at=at) for at in (At.MIDDLE, At.START))
    assert list(middle.rate) == [1.0, 2.0, 0.25]
    assert list(middle.gamma) == [0.5, 2.0, 9.25]
    assert list(start.gamma) == [0.0, 1.0, 9.0]
    assert middle.rate_se == pytest.approx([0.1 * 2**0.5, 0.1 * 2**0.5, 0.05 * 2**0.5])


def test_a_rate_spans_an_interval_without_a_gamma_and_order_does_not_matter() -> None:
    gap = steps([2.0, np.nan, 0.0], mid=[10, 9, 8])
    found = flow_points(gap, np.array(["a"] * 3), at=At.MIDDLE)
    assert (list(found.rate), list(found.gamma)) == ([1.0], [1.0])


@pytest.mark.parametrize("powers", [1, 2])
def test_weighted_polynomials_equal_numpy(powers: int) -> None:
    x, y = rng().normal(5, 2, 30), rng(1).normal(size=30)
    weights = np.vstack([np.ones(30), rng(2).integers(0, 3, 30)]).astype(float)
    found, r2 = weighted_polynomials(weights, x[None, :], y[None, :], powers)
    for row, weight in enumerate(weights):
        expected = np.polyfit(x, y, powers, w=np.sqrt(weight))[::-1]
        assert found[row] == pytest.approx(expected)
        mean = np.average(y, weights=weight)
        residual = y - np.polynomial.polynomial.polyval(x, expected)
        assert r2[row] == pytest.approx(1 - (weight @ residual**2) / (weight @ (y - mean) ** 2))


def test_weighted_polynomials_are_undefined_where_too_few_points_weigh() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])
    weights = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found, _ = weighted_polynomials(weights, x[None, :], y[None, :], 2)
    assert found[0] == pytest.approx([0, 0, 1])
    assert np.isnan(found[1:]).all()


def test_fixed_points_are_the_roots_and_know_where_they_are_stable() -> None:
    line, _, slope = fixed_points(np.array([[1.0, -2.0], [1.0, 2.0], [1.0, 0.0]]))
    assert line[:2] == pytest.approx([0.5, -0.5])
    assert np.isnan(line[2])
    assert list(slope) == [-2.0, 2.0, 0.0]
    c = np.array([0.73, -0.27, -1.35])
    stable, unstable, slope = fixed_points(c[None, :])
    assert sorted([stable[0], unstable[0]]) == pytest.approx(sorted(np.roots(c[::-1]).real))
    assert slope[0] == pytest.approx(c[1] + 2 * c[2] * stable[0])
    assert slope[0] < 0
    assert np.isnan(fixed_points(np.array([[1.0, 0.0, 1.0]]))[0]).all()


def test_a_planted_relaxation_gives_its_fixed_point() -> None:
    """d gamma / d l = -0.8 (gamma - 0.6), solved by scipy and sampled finely."""
    size = np.linspace(8, 12, 60)
    gammas, families = [], []
    for i, start in enumerate((-1.0, 0.0, 1.5, 2.0)):
        path = solve_ivp(lambda _, g: -0.8 * (g - 0.6), (8, 12), [start], t_eval=size, rtol=1e-9).y[0]
        gammas += list(path)
        families += [f"f{i}"] * size.size
    found = flow_points(
        Steps(
            family=np.array(families),
            log10_n_mid=np.tile(size, 4),
            x_mid_pct=np.zeros(len(gammas)),
            gamma=np.array(gammas),
            gamma_se=np.full(len(gammas), 0.1),
        ),
        np.array(families),
        at=At.MIDDLE,
    )
    fit = beta_function(found, degree=Degree.LINEAR, is_weighted=False, n_resamples=300, rng=rng())
    assert fit.fixed.value == pytest.approx(0.6, abs=1e-3)
    assert fit.slope.value == pytest.approx(-0.8, abs=1e-2)
    assert fit.r2.value > 0.999
    assert fit.slope.high < 0


def test_pooled_coefficients_equal_numpy_and_weights_matter() -> None:
    gamma, rate = rng().normal(size=24), rng(1).normal(size=24)
    family = np.repeat(list("abcdef"), 4)
    error = rng(2).uniform(0.5, 3, 24)
    data = FlowPoints(family=family, gamma=gamma, rate=rate, rate_se=error, log10_n=np.zeros(24))
    plain, weighted = (
        beta_function(data, degree=Degree.QUADRATIC, is_weighted=w, n_resamples=200, rng=rng()) for w in (False, True)
    )
    assert [c.value for c in plain.coefficients] == pytest.approx(np.polyfit(gamma, rate, 2)[::-1])
    assert [c.value for c in weighted.coefficients] == pytest.approx(np.polyfit(gamma, rate, 2, w=1 / error)[::-1])
    assert plain.r2.n == 6


def test_a_fixed_point_beyond_the_gammas_is_called_extrapolated() -> None:
    gamma = np.linspace(0, 1, 8)
    fit = beta_function(
        points(gamma, -(gamma - 5), np.repeat(list("abcd"), 2)),
        degree=Degree.LINEAR,
        is_weighted=False,
        n_resamples=50,
        rng=rng(),
    )
    assert fit.fixed.value == pytest.approx(5)
    assert any("extrapolated" in caveat for caveat in fit.fixed.caveats)


@pytest.mark.parametrize("degree", Degree)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_rates_give_no_fit_and_say_why(degree: Degree, n: int) -> None:
    data = points(np.arange(float(n)), np.arange(float(n)), np.array(list("ab"))[:n])
    fit = beta_function(data, degree=degree, is_weighted=False, n_resamples=20, rng=rng())
    assert fit.fixed.value is None and fit.r2.value is None and fit.slope.value is None
    assert "undefined" in fit.r2.caveats[0]


def test_rates_at_one_gamma_give_no_fit() -> None:
    data = points(np.full(6, 0.3), rng().normal(size=6), np.repeat(list("abc"), 2))
    fit = beta_function(data, degree=Degree.LINEAR, is_weighted=False, n_resamples=20, rng=rng())
    assert fit.coefficients[1].value is None


def test_one_family_has_no_bootstrap_interval() -> None:
    data = points(np.arange(6.0), rng().normal(size=6), np.array(["a"] * 6))
    fit = beta_function(data, degree=Degree.LINEAR, is_weighted=False, n_resamples=50, rng=rng())
    assert fit.slope.value is not None and fit.slope.low is None
    assert "fewer than 2 families" in fit.slope.caveats[-1]


def test_a_ladder_gives_the_fit_of_its_own_rates_with_measurement_error() -> None:
    one = ladder([-0.6, -0.2, 0.1, 0.5, 0.4, 0.7])
    exact = flow_points(family_steps(one), one.family[1:], at=At.MIDDLE)
    sharp, blurred = (
        ladder_beta_function(
            ladder([-0.6, -0.2, 0.1, 0.5, 0.4, 0.7], se=se),
            degree=Degree.LINEAR,
            at=At.MIDDLE,
            is_weighted=False,
            n_draws=500,
            rng=rng(),
        )
        for se in (0.01, 0.5)
    )
    assert [c.value for c in sharp.coefficients] == pytest.approx(np.polyfit(exact.gamma, exact.rate, 1)[::-1])
    assert sharp.fixed.n == exact.gamma.size
    assert blurred.slope.high - blurred.slope.low > 5 * (sharp.slope.high - sharp.slope.low)
    assert "measurement error only" in sharp.slope.caveats[-1]
    assert (sharp.r2.low, sharp.r2.high) == (None, None)


def test_a_ladder_of_two_families_is_refused() -> None:
    one = ladder([0.1, 0.2, 0.3])
    mixed = Points(**{**{f: getattr(one, f) for f in one.__slots__}, "family": np.array(["a", "b", "a", "b"])})
    with pytest.raises(BadParameterError, match="one family at a time"):
        ladder_beta_function(mixed, degree=Degree.LINEAR, at=At.MIDDLE, is_weighted=False, n_draws=10, rng=rng())


def test_scores_of_a_constant_gamma_have_that_gamma() -> None:
    one = ladder([-0.6, -0.2, 0.1, 0.5])
    flat = constant_gamma_scores(one)
    slope = np.polyfit(one.x_pct, one.y_pct, 1)[0]
    assert np.diff(flat) / np.diff(one.x_pct) == pytest.approx(np.full(4, slope))


def test_the_null_covers_flat_ladders_and_not_a_planted_flow() -> None:
    """R2 of data drawn under the null lies in its 95% band nearly always; a real flow lies above it."""
    flat = [ladder([0.2] * 6, se=0.6) for _ in range(6)]
    options = {"degree": Degree.LINEAR, "at": At.MIDDLE, "is_weighted": False}
    r2, slope = null_r2(tuple(flat), n_draws=800, rng=rng(), **options)  # type: ignore[arg-type]
    assert r2.low < r2.value < r2.high
    assert slope.low < 0 < slope.high
    inside = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        observed = []
        for name, one in enumerate(flat):
            noisy = Points(
                family=np.full(one.log10_n.size, str(name)),
                log10_n=one.log10_n,
                x_pct=one.x_pct + draw.normal(0, 0.6, one.x_pct.size),
                y_pct=one.y_pct + draw.normal(0, 0.6, one.y_pct.size),
                x_se=one.x_se,
                y_se=one.y_se,
            )
            found = flow_points(family_steps(noisy), noisy.family[1:], at=At.MIDDLE)
            observed.append((found.gamma, found.rate))
        gamma, rate = (np.concatenate([o[i] for o in observed]) for i in (0, 1))
        inside += r2.low <= np.corrcoef(gamma, rate)[0, 1] ** 2 <= r2.high
    assert inside >= 52


def test_the_null_of_a_ladder_with_a_real_flow_forgets_the_flow() -> None:
    steep = ladder([-1.0, -0.9, -0.7, -0.3, 0.5, 2.1, 5.3], se=0.3, step=4.0)
    observed = flow_points(family_steps(steep), steep.family[1:], at=At.MIDDLE)
    options = {"degree": Degree.LINEAR, "at": At.MIDDLE, "is_weighted": False}
    r2, _ = null_r2((steep,), n_draws=800, rng=rng(), **options)  # type: ignore[arg-type]
    assert np.corrcoef(observed.gamma, observed.rate)[0, 1] ** 2 > 0.95
    assert r2.value < 0.5


def test_a_rate_set_against_its_first_gamma_falls_by_error_alone() -> None:
    flat = tuple(ladder([0.2] * 6, se=0.6) for _ in range(4))
    options = {"degree": Degree.LINEAR, "is_weighted": False, "n_draws": 400}
    middle, start = (null_r2(flat, at=at, rng=rng(), **options)[1] for at in (At.MIDDLE, At.START))  # type: ignore[arg-type]
    assert start.high < 0
    assert middle.low < 0 < middle.high


def test_no_ladder_gives_no_null() -> None:
    r2, _ = null_r2((), degree=Degree.LINEAR, at=At.MIDDLE, is_weighted=False, n_draws=20, rng=rng())
    assert r2.value is None and "undefined" in r2.caveats[-1]
