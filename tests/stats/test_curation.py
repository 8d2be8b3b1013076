"""Required field, offset and equivalent scale: formulas by hand, planted curves and lines, unbounded N_c."""

from __future__ import annotations

import numpy as np
import pytest

from cape.stats.curation import baseline, curation_offset, equivalent_scale, field_pct, required_field
from cape.stats.inference import Inference, Steps


def rng(seed: int = 6) -> np.random.Generator:
    return np.random.default_rng(seed)


def n_c(value: float | None, low: float | None, high: float | None) -> Inference:
    return Inference(value=value, low=low, high=high, n=4, method="planted", caveats=() if value else ("none",))


def test_the_field_is_the_formula_below_n_c_and_zero_above() -> None:
    assert field_pct(np.log10(4e9), 9.0) == pytest.approx(100 * 0.75**1.5)
    assert field_pct(9.0, 9.0) == 0.0
    assert field_pct(9.0, 10.0) == 0.0


def test_the_interval_of_the_field_is_that_of_n_c_carried_over() -> None:
    found = required_field(n_c(9.6, 9.2, 10.1), 9.0)
    assert (found.value, found.low, found.high) == tuple(field_pct(end, 9.0) for end in (9.6, 9.2, 10.1))


def test_an_open_end_of_n_c_is_none_or_full_curation() -> None:
    assert required_field(n_c(9.6, None, 10.1), 9.0).low == 0.0
    assert required_field(n_c(9.6, 9.2, None), 9.0).high == 100.0
    bare = required_field(n_c(9.6, None, None), 9.0)
    assert (bare.low, bare.high) == (None, None)
    assert "N_c has none" in bare.caveats[-1]


def test_without_n_c_there_is_no_field() -> None:
    found = required_field(n_c(None, None, None), 9.0)
    assert found.value is None and found.caveats[0] == "no N_c, so no h_c"


def test_the_offset_is_the_distance_from_a_planted_curve() -> None:
    size = rng().uniform(8, 11, 30)
    score = 400 - 80 * size + 4.2 * size**2
    curve = baseline(size, score, np.repeat(list("abcdef"), 5), n_resamples=200, rng=rng())
    assert curve[0] == pytest.approx(np.polyfit(size, score, 2)[::-1], rel=1e-6)
    found = curation_offset(curve, log10_n=9.3, y_pct=60.0, y_se=1.0, n=6, rng=rng())
    expected = 60 - (400 - 80 * 9.3 + 4.2 * 9.3**2)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.high - found.low == pytest.approx(2 * 1.96, rel=0.2)


def test_the_offset_of_a_score_without_an_error_keeps_the_curves_interval() -> None:
    size = rng().uniform(8, 11, 30)
    score = 400 - 80 * size + 4.2 * size**2 + rng(1).normal(size=30)
    curve = baseline(size, score, np.repeat(list("abcdef"), 5), n_resamples=200, rng=rng())
    found = curation_offset(curve, log10_n=9.3, y_pct=60.0, y_se=float("nan"), n=6, rng=rng())
    assert found.low < found.value < found.high


def others(slope: float, *, n: int = 24, noise: float = 0.0) -> Steps:
    size = np.linspace(8, 11, n)
    return Steps(
        family=np.array([f"f{i % 6}" for i in range(n)]),
        log10_n_mid=size,
        x_mid_pct=np.zeros(n),
        gamma=slope * (size - 9.5) + noise * rng(3).standard_normal(n),
        gamma_se=np.full(n, 0.2),
    )


def test_a_gamma_on_the_line_is_worth_its_own_size_and_one_ten_times_larger_a_decade() -> None:
    options = {"log10_n": 9.0, "log10_n_compared": 10.0, "n_resamples": 200, "rng": rng()}
    same = equivalent_scale(others(0.5), gamma=(-0.25, 1e-9), **options)  # type: ignore[arg-type]
    assert same.ratio.value == pytest.approx(0.0, abs=1e-9)
    assert same.gap.value == pytest.approx(-0.5)
    larger = equivalent_scale(others(0.5), gamma=(0.25, 0.1), **options)  # type: ignore[arg-type]
    assert larger.ratio.value == pytest.approx(1.0)
    assert larger.gap.value == pytest.approx(0.0, abs=1e-9)
    assert larger.ratio.low < 1 < larger.ratio.high
    assert larger.gap.high - larger.gap.low == pytest.approx(2 * 1.96 * 0.1, rel=0.2)


def test_a_line_that_falls_gives_no_size() -> None:
    found = equivalent_scale(
        others(-0.5), gamma=(0.3, 0.1), log10_n=9.0, log10_n_compared=10.0, n_resamples=100, rng=rng()
    )
    assert found.ratio.value is None and "does not rise" in found.ratio.caveats[0]
    assert found.gap.value is not None


def test_too_few_other_intervals_give_nothing() -> None:
    found = equivalent_scale(
        others(0.5, n=2), gamma=(0.3, 0.1), log10_n=9.0, log10_n_compared=10.0, n_resamples=50, rng=rng()
    )
    assert found.gap.value is None and "fewer than 3 intervals" in found.gap.caveats[0]
