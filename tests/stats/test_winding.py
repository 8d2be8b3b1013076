"""Angles over size: planted zeros, turns and Riccati equations, rounding, and where a curve bends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cape.errors import BadParameterError
from cape.stats.inference import Points
from cape.stats.winding import (
    Angle,
    Series,
    as_angle,
    riccati,
    series_rotation,
    series_zero,
    sharpest_bend,
    step_rotation,
    zero_crossing,
)


def rng(seed: int = 2) -> np.random.Generator:
    return np.random.default_rng(seed)


def series(values: list[float] | np.ndarray, *, half_digit: float = 1e-6, low: float = 8.0) -> Series:
    value = np.array(values, dtype=float)
    return Series(log10_n=np.linspace(low, 11, value.size), value=value, half_digit=half_digit)


def ladder(x: list[float], y: list[float], *, se: float = 0.01, size: np.ndarray | None = None) -> Points:
    n = len(x)
    return Points(
        family=np.full(n, "L"),
        log10_n=np.linspace(8, 11, n) if size is None else size,
        x_pct=np.array(x, dtype=float),
        y_pct=np.array(y, dtype=float),
        x_se=np.full(n, se),
        y_se=np.full(n, se),
    )


def test_the_first_zero_is_where_a_line_between_the_points_is_zero() -> None:
    size = np.array([8.0, 9.0, 10.0])
    zero, count = zero_crossing(
        size, np.array([[1.0, -3.0, -1.0], [1.0, 2.0, 3.0], [-1.0, 1.0, -1.0], [1.0, 0.0, -1.0]])
    )
    assert zero[[0, 2, 3]] == pytest.approx([8.25, 8.5, 9.0])
    assert np.isnan(zero[1])
    assert list(count) == [1, 0, 2, 1]


def test_a_series_without_a_sign_change_has_no_zero_and_no_winding() -> None:
    zero, winding = series_zero(series([0.3, 0.2, 0.1]), n_draws=50, rng=rng())
    assert zero.value is None and zero.low is None and "no sign change" in zero.caveats[0]
    assert winding.value == 0.0


def test_rounding_gives_the_interval_of_a_zero() -> None:
    zero, winding = series_zero(series([0.2, 0.05, -0.3], half_digit=0.05), n_draws=4000, rng=rng())
    assert zero.low < zero.value < zero.high
    assert winding.value == 0.5
    steady, _ = series_zero(series([0.2, 0.05, -0.3], half_digit=1e-9), n_draws=100, rng=rng())
    assert steady.high - steady.low < 1e-6


@pytest.mark.parametrize("angle", Angle)
def test_the_rotation_is_last_less_first_angle(angle: Angle) -> None:
    found = series_rotation(series([0.2, 0.0, -0.39]), angle=angle, n_draws=50, rng=rng())
    transform = {Angle.LOADING: lambda v: v, Angle.ARCTANGENT: np.arctan, Angle.ARCSINE: np.arcsin}[angle]
    assert found.value == pytest.approx(np.degrees(transform(-0.39) - transform(0.2)))
    assert as_angle([0.5], angle) == pytest.approx([transform(0.5)])


def test_a_planted_riccati_equation_is_recovered_with_its_solution() -> None:
    a, b, c = 0.3, -0.4, -0.8
    size = np.linspace(8, 11, 200)
    path = solve_ivp(lambda _, t: a + b * t + c * t**2, (8, 11), [1.2], t_eval=size, rtol=1e-10, atol=1e-12).y[0]
    found = riccati(series(path, half_digit=1e-12), angle=Angle.LOADING, n_draws=20, rng=rng())
    assert [found.constant.value, found.linear.value, found.quadratic.value] == pytest.approx([a, b, c], abs=1e-3)
    roots = np.sort(np.roots([c, b, a]).real)
    assert [found.unstable.value, found.stable.value] == pytest.approx(roots, abs=1e-3)
    assert found.fitted == pytest.approx(path, abs=1e-3)
    assert found.rmse.value < 1e-3 and found.r2.value > 0.9999


def test_a_riccati_equation_needs_five_sizes() -> None:
    found = riccati(series([0.3, 0.1, -0.2, -0.3]), angle=Angle.LOADING, n_draws=20, rng=rng())
    assert found.stable.value is None and "fewer than 5 sizes" in found.stable.caveats[0]


def test_a_riccati_equation_without_real_zeros_has_no_fixed_point() -> None:
    size = np.linspace(8, 9, 40)
    path = solve_ivp(lambda _, t: 1 + t**2, (8, 9), [0.0], t_eval=size, rtol=1e-10).y[0]
    found = riccati(Series(log10_n=size, value=path, half_digit=1e-9), angle=Angle.LOADING, n_draws=20, rng=rng())
    assert found.stable.value is None and found.rmse.value is None
    assert found.quadratic.value == pytest.approx(1.0, abs=0.05)


def test_step_rotation_adds_up_planted_turns_the_short_way_round() -> None:
    directions = np.radians([170, -170, -150, -90])  # +20, +20, +60 degrees
    x, y = (np.concatenate([[50.0], 50 + np.cumsum(10 * f(directions))]) for f in (np.cos, np.sin))
    found = step_rotation(ladder(list(x), list(y)), n_draws=200, rng=rng())
    assert found.value == pytest.approx(100)
    assert found.low < 100 < found.high


def test_one_step_has_no_rotation() -> None:
    found = step_rotation(ladder([30, 40], [40, 45]), n_draws=50, rng=rng())
    assert found.value is None and "fewer than 2 steps" in found.caveats[0]


def test_the_sharpest_bend_is_the_second_derivative_of_a_planted_corner() -> None:
    size = np.linspace(8, 11, 13)
    y = np.where(size < 9.5, 50 - 4 * (size - 8), 44 + 6 * (size - 9.5))
    where, value = sharpest_bend(ladder(list(np.linspace(20, 80, 13)), list(y), size=size), n_draws=300, rng=rng())
    assert where.value == pytest.approx(9.5)
    assert value.value == pytest.approx(10 / 0.25)
    assert where.low <= where.value <= where.high


def test_the_bend_of_a_parabola_on_uneven_sizes_is_its_second_derivative() -> None:
    size = np.array([8.0, 8.3, 9.1, 9.4, 10.7])
    _, value = sharpest_bend(ladder([1, 2, 3, 4, 5], list(3 * size**2), size=size), n_draws=20, rng=rng())
    assert value.value == pytest.approx(6)


def test_noise_widens_the_place_of_the_bend_and_never_leaves_the_observed_one_out() -> None:
    size = np.linspace(8, 11, 7)
    found, _ = sharpest_bend(ladder(list(range(7)), [50.0] * 6 + [50.5], size=size, se=2.0), n_draws=1000, rng=rng())
    assert found.low <= found.value <= found.high
    assert found.high - found.low > 1
    assert any("of draws bend most" in caveat for caveat in found.caveats)


def test_a_bend_needs_four_sizes_that_differ() -> None:
    where, value = sharpest_bend(ladder([1, 2, 3], [1, 2, 3]), n_draws=20, rng=rng())
    assert where.value is None and value.value is None
    with pytest.raises(BadParameterError, match="same size"):
        sharpest_bend(ladder([1, 2, 3, 4], [1, 2, 3, 4], size=np.array([8.0, 8.0, 9, 10])), n_draws=5, rng=rng())
