"""One model among others: percentiles, residuals, distances and offsets against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from cape.stats.inference import Inference
from cape.stats.isocline import constant_of
from cape.stats.profile import (
    Others,
    Score,
    curve_band,
    curve_offset,
    drawn_families,
    effect_given_size,
    isocline_distance,
    percentile_among,
    profile_distances,
    standard_residual,
)

FEW = {"n_resamples": 400}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def exact(value: float) -> Score:
    return Score(value=value, error=0.0)


def others_of(score: np.ndarray, place: np.ndarray, n_families: int = 6) -> Others:
    family = np.array([f"family {i % n_families}" for i in range(score.size)])
    return Others(score=score, place=place, family=family)


def noisy(seed: int = 2, n: int = 30) -> Others:
    rng = generator(seed)
    place = rng.uniform(8, 11, n)
    return others_of(20 + 5 * place + rng.normal(0, 3, n), place)


def test_drawn_families_have_the_moments_of_a_bootstrap() -> None:
    drawn = drawn_families(6, 20_000, generator())
    assert drawn.shape == (20_000, 6) and (drawn.sum(axis=1) == 6).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(6), abs=0.03)
    assert np.cov(drawn.T) == pytest.approx(np.eye(6) - 1 / 6, abs=0.03)
    assert drawn_families(0, 3, generator()).shape == (3, 0)


# Percentiles.


def test_a_percentile_is_that_of_scipy_with_ties_half() -> None:
    others = others_of(np.array([10.0, 20, 20, 30, 40, 50]), np.arange(6.0))
    found = percentile_among(exact(20.0), others, rng=generator(), **FEW)
    assert found.value == pytest.approx(scipy.stats.percentileofscore(others.score, 20.0, kind="mean"))
    assert found.n == 6


def test_a_score_with_an_error_has_a_wider_percentile() -> None:
    others = noisy()
    sharp = percentile_among(exact(67.0), others, rng=generator(), **FEW)
    blurred = percentile_among(Score(value=67.0, error=5.0), others, rng=generator(), **FEW)
    assert None not in (sharp.low, sharp.high, blurred.low, blurred.high)
    assert blurred.high - blurred.low > sharp.high - sharp.low  # type: ignore[operator]


def test_no_model_and_one_family_are_said() -> None:
    nobody = others_of(np.empty(0), np.empty(0))
    assert percentile_among(exact(1.0), nobody, rng=generator(), **FEW).value is None
    alone = percentile_among(exact(1.0), others_of(np.arange(4.0), np.arange(4.0), 1), rng=generator(), **FEW)
    assert alone.value == pytest.approx(37.5) and alone.low is None


def test_an_unknown_error_is_a_caveat() -> None:
    found = percentile_among(Score(value=67.0, error=float("nan")), noisy(), rng=generator(), **FEW)
    assert any("standard error of the score is unknown" in caveat for caveat in found.caveats)


# Residuals given size.


def test_a_residual_is_that_of_statsmodels_over_the_residual_spread() -> None:
    others = noisy()
    fitted = sm.OLS(others.score, sm.add_constant(others.place)).fit()
    expected = (80.0 - fitted.params @ [1.0, 9.0]) / np.sqrt(fitted.scale)
    found = standard_residual(exact(80.0), 9.0, others, rng=generator(), **FEW)
    assert found.value == pytest.approx(expected)
    assert found.low is not None and found.high is not None and found.low < expected < found.high


def test_a_residual_needs_five_models_of_different_size_off_a_line() -> None:
    few = others_of(np.arange(4.0), np.arange(4.0))
    assert standard_residual(exact(1.0), 1.0, few, rng=generator(), **FEW).value is None
    level = others_of(np.arange(8.0), np.ones(8))
    assert standard_residual(exact(1.0), 1.0, level, rng=generator(), **FEW).value is None
    line = others_of(np.arange(8.0), np.arange(8.0))
    assert standard_residual(exact(1.0), 1.0, line, rng=generator(), **FEW).value is None


# Distances.


def test_profile_distances_are_root_mean_squares_of_shared_scores() -> None:
    scores = np.array([[10.0, 20.0], [14.0, np.nan], [np.nan, np.nan]])
    away, shared = profile_distances(scores, [10.0, 26.0], [2.0, 3.0])
    assert away[0] == pytest.approx(np.sqrt((0 + 4) / 2)) and away[1] == pytest.approx(2.0) and np.isnan(away[2])
    assert shared.tolist() == [2, 1, 0]


def test_a_benchmark_that_does_not_vary_has_no_part_in_the_distance() -> None:
    away, shared = profile_distances([[10.0, 20.0]], [12.0, 99.0], [2.0, 0.0])
    assert (away[0], shared[0]) == (1.0, 1)


# Offsets from curves.


@pytest.mark.parametrize("powers", [1, 2])
def test_an_offset_is_that_of_polyfit(powers: int) -> None:
    others = noisy()
    found, height = curve_offset(exact(75.0), exact(9.3), others, powers=powers, rng=generator(), **FEW)
    expected = np.polyval(np.polyfit(others.place, others.score, powers), 9.3)
    assert height.value == pytest.approx(expected) and found.value == pytest.approx(75.0 - expected)
    assert found.n == 6
    middle = curve_band(others, [9.3], n_resamples=20, rng=generator())[0, 0]
    assert powers == 1 or middle == pytest.approx(expected)


def test_a_quadratic_is_not_carried_on_and_a_line_says_that_it_is() -> None:
    others = noisy()
    lost, _ = curve_offset(exact(75.0), exact(12.0), others, powers=2, rng=generator(), **FEW)
    assert lost.value is None and "outside" in lost.caveats[0]
    kept, _ = curve_offset(exact(75.0), exact(12.0), others, powers=1, rng=generator(), **FEW)
    assert kept.value is not None and any("carried on" in caveat for caveat in kept.caveats)


def test_errors_of_score_and_place_widen_the_offset() -> None:
    others = noisy()
    width = []
    for score, at in (
        (exact(75.0), exact(9.3)),
        (Score(value=75.0, error=2.0), exact(9.3)),
        (Score(value=75.0, error=2.0), Score(value=9.3, error=0.5)),
    ):
        found, _ = curve_offset(score, at, others, powers=1, rng=generator(), n_resamples=4000)
        assert found.low is not None and found.high is not None
        width.append(found.high - found.low)
    assert width[0] < width[1] < width[2]


def test_too_few_models_have_no_curve() -> None:
    pair = others_of(np.array([1.0, 2.0]), np.array([8.0, 10.0]))
    lost, height = curve_offset(exact(1.0), exact(9.0), pair, powers=2, rng=generator(), **FEW)
    assert lost.value is None and height.value is None and "too few" in lost.caveats[0]


# The isocline.


def test_a_reference_model_lies_on_its_own_isocline() -> None:
    k = constant_of([60.0], [36.0], x_se=[0.5], y_se=[1.5])
    found = isocline_distance(exact(60.0), exact(36.0), k)
    assert found.value == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("errors", [(4.0, 0.2, 0.1, 0.1), (0.2, 2.0, 0.1, 0.1), (0.2, 0.2, 0.1, 2.0)])
def test_the_error_of_the_distance_is_that_of_drawn_scores_and_constants(errors: tuple[float, ...]) -> None:
    x_error, y_error, reference_x, reference_y = errors
    rng, n = generator(), 200_000
    k = constant_of([60.0], [36.0], x_se=[reference_x], y_se=[reference_y])
    found = isocline_distance(Score(value=70.0, error=x_error), Score(value=40.0, error=y_error), k)
    drawn_k = (36 + reference_y * rng.normal(size=n)) ** 2 / (60 + reference_x * rng.normal(size=n)) / 100
    curve = 100 * np.sqrt(drawn_k * (70 + x_error * rng.normal(size=n)) / 100)
    drawn = 40 + y_error * rng.normal(size=n) - curve
    assert found.value is not None and found.low is not None and found.high is not None
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(drawn.std(), rel=0.02)


def test_without_a_constant_or_an_error_the_distance_says_so() -> None:
    none = Inference(value=None, low=None, high=None, n=0, method="none", caveats=("no reference",))
    assert isocline_distance(exact(60.0), exact(36.0), none).value is None
    k = constant_of([60.0], [36.0], x_se=[0.5], y_se=[1.5])
    unknown = isocline_distance(exact(60.0), Score(value=36.0, error=float("nan")), k)
    assert unknown.value is not None and unknown.low is None


# Effects given size.


def test_an_effect_given_size_is_that_of_least_squares() -> None:
    others = noisy(n=60)
    extra = generator(8).normal(0, 1, 60)
    score = others.score + 4.0 * extra
    shifted = Others(score=score, place=others.place, family=others.family)
    design = np.column_stack([np.ones(60), others.place, others.place**2, extra])
    expected = np.linalg.lstsq(design, score, rcond=None)[0][3]
    found = effect_given_size(shifted, extra, rng=generator(), what="effect", **FEW)
    assert found.value == pytest.approx(expected)
    assert found.low is not None and found.high is not None and found.low < 4.0 < found.high


def test_what_size_tells_exactly_has_no_effect_of_its_own() -> None:
    others = noisy(n=60)
    for extra in (3 * others.place - 1, np.ones(60)):
        found = effect_given_size(others, extra, rng=generator(), what="effect", **FEW)
        assert found.value is None and found.caveats[0].startswith("undefined")
    few = others_of(np.arange(4.0), np.arange(4.0))
    assert effect_given_size(few, np.arange(4.0) ** 3, rng=generator(), what="effect", **FEW).value is None


def test_the_spread_about_the_line_is_what_a_line_leaves() -> None:
    others = noisy()
    slope, intercept = np.polyfit(others.place, others.score, 1)
    assert others.spread_about_line == pytest.approx(others.score - intercept - slope * others.place)
