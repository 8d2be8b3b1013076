"""The within-family line: a planted turn, least squares with family dummies, a numeric test inversion, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t as student

from cape.errors import NotEnoughDataError
from cape.stats.inference import Points
from cape.stats.turning_line import MIN_FAMILIES, line_moments, within_family_zero, zero_fits


def planted(
    *, n_families: int = 8, n_sizes: int = 5, turn: float = 9.5, slope: float = 0.4, noise: float = 0.0, seed: int = 0
) -> Points:
    """Families on their own sizes whose scores obey dy = slope (l - turn) dx on every interval, plus noise."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(8.0, 9.2, n_families)
    log10_n = start[:, None] + np.sort(rng.uniform(0, 1.8, (n_families, n_sizes)), axis=1)
    x = 50 + 15 * (log10_n - 9.5) + rng.normal(0, 3, (n_families, 1)) + rng.normal(0, 1, log10_n.shape)
    mid = (log10_n[:, 1:] + log10_n[:, :-1]) / 2
    rise = np.cumsum(slope * (mid - turn) * np.diff(x, axis=1), axis=1)
    y = 40 + rng.normal(0, 3, (n_families, 1)) + np.hstack([np.zeros((n_families, 1)), rise])
    y = y + noise * rng.standard_normal(y.shape)
    labels = np.repeat([f"f{code}" for code in range(n_families)], n_sizes)
    zero = np.zeros(labels.size)
    return Points(family=labels, log10_n=log10_n.ravel(), x_pct=x.ravel(), y_pct=y.ravel(), x_se=zero, y_se=zero + 1)


def with_dummies(points: Points, keep: np.ndarray) -> tuple[float, float]:
    """Return alpha and beta by numpy.linalg.lstsq of y on x, z and one dummy per family."""
    columns, scores = [], []
    names = np.unique(points.family[keep])
    for code, name in enumerate(names):
        rows = np.flatnonzero(keep & (points.family == name))
        rows = rows[np.argsort(points.log10_n[rows])]
        size, x = points.log10_n[rows], points.x_pct[rows]
        z = np.concatenate([[0.0], np.cumsum((size[1:] + size[:-1]) / 2 * np.diff(x))])
        columns.append(np.column_stack([x, z, np.tile(np.eye(names.size)[code], (rows.size, 1))]))
        scores.append(points.y_pct[rows])
    found = np.linalg.lstsq(np.vstack(columns), np.concatenate(scores), rcond=None)[0]
    return float(found[0]), float(found[1])


def test_an_exact_line_is_zero_at_its_planted_turn() -> None:
    found = within_family_zero(planted())
    assert (found.value, found.low, found.high) == pytest.approx((9.5, 9.5, 9.5), abs=1e-6)
    assert found.n == 8 and found.draws is None and found.caveats == ()


@pytest.mark.parametrize("seed", range(4))
def test_value_and_interval_are_those_of_dummies_a_loop_of_left_out_families_and_a_root_search(seed: int) -> None:
    points = planted(noise=1.0, seed=seed)
    everyone = np.ones(points.family.size, dtype=bool)
    theta = np.array(with_dummies(points, everyone))
    left = np.array([with_dummies(points, points.family != name) for name in np.unique(points.family)])
    covariance = (len(left) - 1) / len(left) * (left - theta).T @ (left - theta)
    limit = student.ppf(0.975, len(left) - 1)

    def excess(size: float) -> float:
        direction = np.array([1.0, size])
        return (direction @ theta) ** 2 - limit**2 * direction @ covariance @ direction

    found = within_family_zero(points)
    zero = -theta[0] / theta[1]
    assert found.value == pytest.approx(zero, abs=1e-6)
    low, high = brentq(excess, zero - 30, zero), brentq(excess, zero, zero + 30)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_order_of_rows_does_not_matter() -> None:
    points = planted(noise=1.0)
    order = np.random.default_rng(1).permutation(points.family.size)
    names = ("family", "log10_n", "x_pct", "y_pct", "x_se", "y_se")
    shuffled = Points(**{name: getattr(points, name)[order] for name in names})
    one, two = within_family_zero(points), within_family_zero(shuffled)
    assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high))


def test_known_errors_of_the_first_benchmark_are_taken_off_its_products() -> None:
    rng = np.random.default_rng(5)
    size, error = np.linspace(-0.9, 0.9, 5), np.array([1.0, 2.0, 0.5, 1.5, 1.0])
    x, y = 50 + 15 * size, 40 + size**2
    drawn = x + error * rng.standard_normal((200_000, 5))
    corrected = line_moments(size, drawn, np.broadcast_to(y, drawn.shape), np.broadcast_to(error, drawn.shape))
    exact = line_moments(size, x, y, np.zeros(5))
    assert corrected.mean(axis=0) == pytest.approx(exact, rel=0.02, abs=0.3)
    left = line_moments(size, drawn, np.broadcast_to(y, drawn.shape), np.zeros(drawn.shape)).mean(axis=0)
    assert left[0] - exact[0] > 5


def test_a_batch_is_its_panels_one_by_one() -> None:
    moments = np.random.default_rng(6).normal(size=(3, 6, 5))
    moments[..., (0, 2)] = np.abs(moments[..., (0, 2)]) + 5
    together = zero_fits(moments)
    for index in range(3):
        alone = zero_fits(moments[index : index + 1])
        for name in ("slope", "zero", "low", "high"):
            assert getattr(together, name)[index] == pytest.approx(getattr(alone, name)[0], nan_ok=True)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (planted(slope=-0.4, noise=0.2), "falls"),
        (planted(slope=0.0, noise=1.0), "none: gamma"),
        (planted(turn=13.0, noise=0.05), "outside the data"),
        (planted(turn=5.0, noise=0.05), "outside the data"),
    ],
)
def test_without_a_turn_inside_the_data_none_is_given_and_the_reason_is(points: Points, why: str) -> None:
    found = within_family_zero(points)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert why in found.caveats[0]


def test_a_constant_first_benchmark_has_no_line() -> None:
    points = planted()
    flat = Points(
        family=points.family,
        log10_n=points.log10_n,
        x_pct=np.full(points.x_pct.size, 50.0),
        y_pct=points.y_pct,
        x_se=points.x_se,
        y_se=points.y_se,
    )
    assert within_family_zero(flat).caveats[0].startswith("undefined")


def test_families_of_one_size_and_unknown_errors_are_counted() -> None:
    points = planted(noise=0.5)
    single = Points(
        family=np.append(points.family, "alone"),
        log10_n=np.append(points.log10_n, 9.0),
        x_pct=np.append(points.x_pct, 50.0),
        y_pct=np.append(points.y_pct, 40.0),
        x_se=np.append(np.where(np.arange(points.x_se.size) < 2, np.nan, 0.0), 0.0),
        y_se=np.append(points.y_se, 1.0),
    )
    found, without = within_family_zero(single), within_family_zero(points)
    assert found.value == pytest.approx(without.value) and found.n == 8
    assert any("1 families of one size" in caveat for caveat in found.caveats)
    assert any("2 standard errors" in caveat for caveat in found.caveats)


def test_too_few_families_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match=f"needs {MIN_FAMILIES} families"):
        within_family_zero(planted(n_families=2))
    assert within_family_zero(planted(n_families=MIN_FAMILIES)).value == pytest.approx(9.5, abs=1e-6)


def test_two_sizes_a_family_are_enough_where_families_differ_in_size() -> None:
    assert within_family_zero(planted(n_sizes=2, n_families=12)).value == pytest.approx(9.5, abs=1e-6)
