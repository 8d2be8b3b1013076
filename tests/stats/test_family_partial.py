"""Partial r given size and family: dummies by least squares, exact coverage without coupling, edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from cape.stats.correlation import partial_correlation
from cape.stats.family_partial import family_partial_correlation


def panel(seed: int, *, coupling: float = 0.0, n_families: int = 8, n_sizes: int = 4):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_families), n_sizes)
    size = rng.uniform(8, 11, labels.size)
    shared = rng.standard_normal(labels.size)
    x = 10 * size + rng.normal(0, 5, n_families)[labels] + shared
    y = -4 * size + rng.normal(0, 5, n_families)[labels] + coupling * shared + rng.standard_normal(labels.size)
    return x, y, size, labels


def by_dummies(x, y, size, labels) -> float:
    design = np.column_stack([size, labels[:, None] == np.unique(labels)])
    rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    return float(np.corrcoef(*rest)[0, 1])


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_correlation_of_residuals_on_size_and_dummies(seed: int) -> None:
    data = panel(seed, coupling=0.5)
    assert family_partial_correlation(*data).value == pytest.approx(by_dummies(*data))


def test_with_one_family_it_is_the_plain_partial_correlation() -> None:
    x, y, size, labels = panel(0, n_families=1, n_sizes=12, coupling=1.0)
    ours, plain = family_partial_correlation(x, y, size, labels), partial_correlation(x, y, size)
    assert (ours.value, ours.low, ours.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_its_interval_covers_zero_in_95_percent_of_uncoupled_panels_and_the_pooled_one_does_not() -> None:
    held = {"ours": 0, "pooled": 0}
    for seed in range(600):
        x, y, size, labels = panel(seed)
        intervals = (family_partial_correlation(x, y, size, labels), partial_correlation(x, y, size))
        for name, found in zip(held, intervals, strict=True):
            held[name] += found.low <= 0 <= found.high
    assert 0.93 < held["ours"] / 600 < 0.97
    assert held["pooled"] / 600 < 0.9


def test_single_models_are_left_out_and_counted() -> None:
    x, y, size, labels = panel(1)
    more = family_partial_correlation(*(np.append(v, 9.0) for v in (x, y, size)), np.append(labels, 99))
    assert more.value == pytest.approx(family_partial_correlation(x, y, size, labels).value)
    assert "1 families of one model" in more.caveats[0] and more.n == x.size


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda x, y, size, labels: (x[:4], y[:4], size[:4], np.array([0, 0, 1, 1])), "leave nothing"),
        (lambda x, y, size, labels: (x, 2 * size, size, labels), "does not vary"),
        (lambda x, y, size, labels: (x, y, np.full(x.size, 9.0), labels), "leave nothing"),
        (lambda x, y, size, labels: (x, y, size, np.arange(x.size)), "leave nothing"),
    ],
)
def test_where_nothing_is_left_r_is_undefined(change, word: str) -> None:
    found = family_partial_correlation(*change(*panel(2)))
    assert found.value is None and word in found.caveats[0]


def test_few_degrees_of_freedom_give_r_without_an_interval() -> None:
    x, y, size, labels = panel(3, n_families=2, n_sizes=3)
    found = family_partial_correlation(x[:5], y[:5], size[:5], labels[:5])
    assert found.value is not None and found.low is None


def test_columns_that_do_not_match_are_refused() -> None:
    x, y, size, labels = panel(4)
    with pytest.raises(ValueError, match="one length"):
        family_partial_correlation(x[:-1], y, size, labels)
    with pytest.raises(ValueError, match="finite"):
        family_partial_correlation(np.where(size > 10, np.nan, x), y, size, labels)
