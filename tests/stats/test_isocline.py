"""The isocline: planted sides and hits, an exact test against every ordering, and what noise alone gives."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Points
from cape.stats.isocline import (
    Place,
    Reading,
    best_constant,
    constant_of,
    curve_pct,
    distances,
    hit_shares,
    hit_test,
    hits_by_constant,
    null_shares,
    places,
    predicted_positive,
)

RNG = np.random.default_rng(5)


def ladder(slope: float, *, n: int = 6, x_se: float = 0.3, y_se: float = 1.5, name: str = "a") -> Points:
    x = np.linspace(30.0, 80.0, n)
    return Points(
        family=np.array([name] * n),
        log10_n=np.linspace(8, 11, n),
        x_pct=x,
        y_pct=40 + slope * (x - 55),
        x_se=np.full(n, x_se),
        y_se=np.full(n, y_se),
    )


def test_the_constant_of_a_model_puts_that_model_on_its_own_curve() -> None:
    found = constant_of([62.5], [36.0], x_se=[0.4], y_se=[1.7])
    assert found.value == pytest.approx(0.36**2 / 0.625)
    assert curve_pct(62.5, found.value) == pytest.approx(36.0)
    assert found.low < found.value < found.high


def test_the_interval_of_the_constant_is_that_of_simulated_scores() -> None:
    x, y, ex, ey = np.array([60.0, 76.0]), np.array([36.0, 37.0]), np.array([0.5, 0.4]), np.array([1.7, 1.7])
    found = constant_of(x, y, x_se=ex, y_se=ey)
    draws = RNG.normal(y, ey, (200_000, 2)).mean(axis=1) ** 2 / RNG.normal(x, ex, (200_000, 2)).mean(axis=1) / 100
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * draws.std(), rel=0.02)


def test_the_constant_without_errors_has_no_interval_and_without_a_model_is_refused() -> None:
    found = constant_of([60.0], [36.0], x_se=[np.nan], y_se=[1.7])
    assert (found.low, found.high) == (None, None)
    assert "no interval" in found.caveats[0]
    with pytest.raises(NotEnoughDataError, match="reference model"):
        constant_of([], [], x_se=[], y_se=[])
    with pytest.raises(BadParameterError, match="positive"):
        constant_of([0.0], [36.0], x_se=[0.4], y_se=[1.7])


def test_the_error_of_a_distance_is_that_of_simulated_scores() -> None:
    gap, error = distances([50.0], [40.0], k=0.2, x_se=[2.0], y_se=[1.0])
    draws = RNG.normal(40, 1, 200_000) - curve_pct(RNG.normal(50, 2, 200_000), 0.2)
    assert gap[0] == pytest.approx(draws.mean(), abs=0.05)
    assert error[0] == pytest.approx(draws.std(), rel=0.02)


def test_places_need_two_standard_errors_and_a_known_error() -> None:
    found = places([3.0, -3.0, 1.0, 5.0], [1.0, 1.0, 1.0, np.nan])
    assert list(found) == [Place.ABOVE, Place.BELOW, Place.UNDETERMINED, Place.UNDETERMINED]


def test_the_two_readings_are_opposite() -> None:
    above = np.array([True, False])
    assert list(predicted_positive(above, Reading.POSITIVE)) == [True, False]
    assert list(predicted_positive(above, Reading.NEGATIVE)) == [False, True]


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_test_equals_the_list_of_all_orderings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, positive = rng.random(7) < 0.5, rng.random(7) < 0.5
    strata = np.array(list("aaabbbb"))
    found = hit_test(predicted, positive, strata)
    listed = [
        (predicted == positive[[*first, *(3 + i for i in second)]]).sum()
        for first in permutations(range(3))
        for second in permutations(range(4))
    ]
    assert found.hits == (predicted == positive).sum()
    assert found.expected == pytest.approx(np.mean(listed))
    assert found.p == pytest.approx(np.mean(np.array(listed) >= found.hits))


def test_a_constant_prediction_has_p_one_and_as_many_hits_as_its_sign() -> None:
    positive = np.array([True, False, False, False])
    found = hit_test(np.zeros(4, dtype=bool), positive, np.array(["a"] * 4))
    assert (found.hits, found.base, found.p) == (3, 3, pytest.approx(1.0))


def test_no_sign_gives_no_test() -> None:
    none = np.empty(0, dtype=bool)
    found = hit_test(none, none, np.empty(0, dtype=str))
    assert (found.hits, found.n, found.expected, found.p) == (0, 0, None, None)
    with pytest.raises(NotEnoughDataError, match="sign"):
        hit_shares(none, none, np.empty(0, dtype=str), n_resamples=10, rng=RNG)


def test_shares_of_a_planted_prediction() -> None:
    positive = np.tile([True, True, True, False], 5)
    predicted = np.tile([True, True, False, False], 5)
    labels = np.repeat(list("abcde"), 4)
    rate, base, gain = hit_shares(predicted, positive, labels, n_resamples=500, rng=RNG)
    assert (rate.value, base.value, gain.value) == (0.75, 0.75, 0.0)
    assert (rate.low, rate.high, rate.n) == (0.75, 0.75, 5)  # every family is the same, so no resample moves it


def test_shares_of_one_family_have_no_interval() -> None:
    rate, _, _ = hit_shares(np.array([True]), np.array([True]), ["a"], n_resamples=50, rng=RNG)
    assert (rate.value, rate.low, rate.high) == (1.0, None, None)
    assert "fewer than 2 families" in rate.caveats[0]


def test_hits_by_constant_are_the_plain_count() -> None:
    x, y = RNG.uniform(30, 90, 20), RNG.uniform(25, 60, 20)
    positive = RNG.random(20) < 0.5
    k = np.array([0.05, 0.2, 0.6])
    plain = [((y / 100 > np.sqrt(c * x / 100)) == positive).sum() for c in k]
    assert list(hits_by_constant(x, y, positive, k)) == plain


def test_the_best_constant_finds_a_planted_curve() -> None:
    x, y = RNG.uniform(30, 90, 40), RNG.uniform(25, 60, 40)
    positive = y <= curve_pct(x, 0.25)
    k, reading, hits = best_constant(x, y, positive)
    assert (hits, reading) == (40, Reading.NEGATIVE)
    assert np.array_equal(y <= curve_pct(x, k), positive)


def test_error_alone_makes_hits_of_the_tested_end() -> None:
    shares = null_shares((ladder(0.0, name="flat"),), k=0.2, is_raw=True, n_draws=4000, rng=RNG)
    on_curve = Points(
        family=np.array(["c"] * 6),
        log10_n=np.linspace(8, 11, 6),
        x_pct=np.linspace(50.0, 56.0, 6),
        y_pct=np.full(6, 32.5),
        x_se=np.full(6, 0.1),
        y_se=np.full(6, 3.0),
    )
    noisy = null_shares((on_curve,), k=0.2, is_raw=True, n_draws=4000, rng=RNG)
    assert noisy["first"].value > 0.6  # a score above by error falls back, which the reading takes as a hit
    assert noisy["second"].value < 0.4
    assert shares["first"].value == pytest.approx(0.5, abs=0.15)  # far above the curve the side does not vary


def test_the_null_of_a_steep_ladder_without_error_is_its_sign() -> None:
    shares = null_shares((ladder(-0.4, y_se=1e-6, x_se=1e-6),), k=0.05, is_raw=False, n_draws=50, rng=RNG)
    assert shares["first"].value == 1.0
    assert shares["second"].value == 1.0
    empty = null_shares((), k=0.2, is_raw=True, n_draws=20, rng=RNG)
    assert empty["first"].value is None
    assert "undefined" in empty["first"].caveats[0]
