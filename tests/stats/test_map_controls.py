"""Controls of a map agree with maps that are really drawn, and the bootstrap of pairs with a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from cape.stats.map_controls import gelu, gelu_cosine, paired_bootstrap, random_map_cosine


def pair(cosine: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, other = rng.standard_normal((2, n))
    return x, cosine * x + np.sqrt(1 - cosine**2) * other


def cosine_of(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


@pytest.mark.parametrize("cosine", [-0.4, 0.0, 0.7, 0.95])
def test_a_random_map_spreads_a_cosine_as_maps_that_are_drawn(cosine: float) -> None:
    rng = np.random.default_rng(1)
    u = np.zeros(6)
    u[0] = 2.0
    v = np.zeros(6)
    v[:2] = 3 * np.array([cosine, np.sqrt(1 - cosine**2)])
    maps = rng.standard_normal((2000, 40, 6))
    drawn = np.array([cosine_of(m @ u, m @ v) for m in maps])
    found = random_map_cosine(cosine, width=40, n_draws=20_000, rng=rng)
    assert found.value == cosine
    ends = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(ends[0], abs=0.02), pytest.approx(ends[1], abs=0.02))


@pytest.mark.parametrize(("sd", "width"), [(0.3, 500), (1.0, 500), (5.0, 500), (1.0, 40)])
def test_gelu_of_normal_vectors_has_the_cosine_of_vectors_that_are_drawn(sd: float, width: int) -> None:
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(1000):
        x, y = pair(0.7, width, rng)
        drawn.append(cosine_of(gelu(sd * x), gelu(sd * y)))
    found = gelu_cosine(0.7, sd=sd, width=width, n_draws=20_000, rng=rng)
    assert found.value == pytest.approx(np.mean(drawn), abs=0.02)
    ends = np.percentile(drawn, [2.5, 97.5])
    assert (found.low, found.high) == (pytest.approx(ends[0], abs=0.03), pytest.approx(ends[1], abs=0.03))


def test_gelu_of_large_coordinates_has_the_cosine_of_a_rectifier() -> None:
    angle = np.arccos(0.6)
    rectified = (np.sin(angle) + (np.pi - angle) * 0.6) / np.pi  # Cho and Saul, NIPS 2009
    found = gelu_cosine(0.6, sd=200.0, width=1000, n_draws=200, rng=np.random.default_rng(3))
    assert found.value == pytest.approx(rectified, abs=5e-3)
    assert gelu([-1.0, 0.0, 2.0]) == pytest.approx([-norm.cdf(-1.0), 0.0, 2 * norm.cdf(2.0)])


@pytest.mark.parametrize(
    "call",
    [
        lambda rng: random_map_cosine(1.2, width=9, n_draws=9, rng=rng),
        lambda rng: random_map_cosine(0.2, width=1, n_draws=9, rng=rng),
        lambda rng: gelu_cosine(0.2, sd=0.0, width=9, n_draws=9, rng=rng),
    ],
)
def test_what_is_no_cosine_width_or_spread_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match="cosine|sd"):
        call(np.random.default_rng(0))  # type: ignore[operator]


def test_the_bootstrap_of_pairs_is_that_of_a_plain_loop_and_says_what_is_missing() -> None:
    values = np.random.default_rng(4).normal(0.1, 0.3, 12)
    found = paired_bootstrap([*values, np.nan], n_resamples=20_000, rng=np.random.default_rng(5), what="x")
    rng = np.random.default_rng(6)
    loop = [rng.choice(values, 12).mean() for _ in range(5000)]
    ends = np.percentile(loop, [2.5, 97.5])
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == (pytest.approx(ends[0], abs=0.02), pytest.approx(ends[1], abs=0.02))
    assert found.n == 12 and "1 of 13" in found.caveats[0]
    one = paired_bootstrap([0.2], n_resamples=10, rng=rng, what="x")
    assert (one.value, one.low) == (0.2, None)
    assert paired_bootstrap([], n_resamples=10, rng=rng, what="x").value is None
