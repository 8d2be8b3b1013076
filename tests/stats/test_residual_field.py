"""Frontier h: planted offsets, plain loops and statsmodels, regimes, confidence, edges."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from cape.stats.inference import Inference
from cape.stats.lab_line import LabPoints
from cape.stats.residual_field import (
    REGIME_PP,
    Confidence,
    Line,
    Regime,
    confidence_of,
    deleted_h,
    difference_of_h,
    line_h,
    mean_of_lab,
    new_model,
    regime_of_interval,
)

X = np.array([20.0, 30, 40, 50, 60, 70, 80, 75, 65])
LABS = np.array(list("AABBCCDDE"))


def points(offset: np.ndarray | float = 0.0, *, se: float = 0.0) -> LabPoints:
    return LabPoints(lab=LABS, x=X, y=40 + 0.5 * X + offset, x_se=np.full(9, se), y_se=np.full(9, se))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def about(value: float, low: float | None, high: float | None, n: int) -> Inference:
    return Inference(value=value, low=low, high=high, n=n, method="given")


def test_a_model_moved_off_the_line_has_that_h_and_the_others_do_not_know_it() -> None:
    offset = np.zeros(9)
    offset[4] = -12.5
    found = deleted_h(points(offset), n_resamples=300, rng=rng())
    assert found[4].value == pytest.approx(-12.5)
    assert (found[4].low, found[4].high) == pytest.approx((-12.5, -12.5))


def test_deleted_h_is_the_press_residual_of_statsmodels() -> None:
    held = points(rng(2).normal(0, 4, 9))
    found = [one.value for one in deleted_h(held, n_resamples=200, rng=rng())]
    influence = sm.OLS(held.y, sm.add_constant(held.x)).fit().get_influence()
    np.testing.assert_allclose(found, influence.resid_press)


def test_resamples_of_deleted_h_are_fits_without_the_model() -> None:
    held = points(rng(2).normal(0, 4, 9))
    found = deleted_h(held, n_resamples=400, rng=rng(7))[2]
    labs = np.unique(LABS)
    counts = rng(7).multinomial(labs.size, np.full(labs.size, 1 / labs.size), size=400)
    values = []
    for row in counts:
        kept = [
            i for lab, n in zip(labs, row, strict=True) for _ in range(n) for i in np.flatnonzero(LABS == lab) if i != 2
        ]
        if len(set(kept)) < 3:
            continue
        slope, intercept = np.polyfit(held.x[kept], held.y[kept], 1)
        values.append(held.y[2] - intercept - slope * held.x[2])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_errors_of_the_scores_widen_h_and_unknown_ones_are_said() -> None:
    quiet, loud = (deleted_h(points(se=se), n_resamples=800, rng=rng())[0] for se in (0.0, 3.0))
    assert quiet.high - quiet.low == pytest.approx(0, abs=1e-6)
    assert loud.high - loud.low > 8
    bare = LabPoints(lab=LABS, x=X, y=40 + 0.5 * X, x_se=np.full(9, np.nan), y_se=np.full(9, 1.0))
    assert "unknown" in " ".join(deleted_h(bare, n_resamples=200, rng=rng())[0].caveats)
    given = line_h(bare, Line(slope=0.5, intercept=40), what="a line")[0]
    assert given.value == pytest.approx(0) and given.low is None


def test_h_about_a_given_line_has_the_normal_interval_of_both_errors() -> None:
    found = line_h(points(3.0, se=2.0), Line(slope=0.5, intercept=40), what="a line")[0]
    half = stats.norm.ppf(0.975) * np.hypot(2.0, 0.5 * 2.0)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half))


@pytest.mark.parametrize(
    ("value", "low", "high", "regime"),
    [
        (0.0, -5.0, 5.0, Regime.COOPERATIVE),
        (REGIME_PP, 1.0, REGIME_PP, Regime.COOPERATIVE),
        (-12.0, -20.0, -10.5, Regime.CODING),
        (12.0, 10.5, 20.0, Regime.REASONING),
        (-12.0, -20.0, -9.0, Regime.UNDETERMINED),
        (0.0, -11.0, 11.0, Regime.UNDETERMINED),
        (12.0, None, None, Regime.REASONING),
        (None, None, None, None),
    ],
)
def test_a_regime_is_undetermined_where_the_interval_covers_more_than_one(
    value: float | None, low: float | None, high: float | None, regime: Regime | None
) -> None:
    assert regime_of_interval(value, low, high) is regime


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (about(1, None, None, 1), Confidence.NONE),
        (about(1, -2, 4, 2), Confidence.LOW),
        (about(1, -2, 4, 3), Confidence.MEDIUM),
        (about(1, -2, 4, 5), Confidence.HIGH),
        (about(-8, -15, -1, 9), Confidence.LOW),
    ],
)
def test_confidence_follows_its_stated_rule(found: Inference, expected: Confidence) -> None:
    assert confidence_of(found) is expected


def test_the_mean_of_a_lab_is_scipys_t_interval() -> None:
    values = np.array([1.0, 4.0, -2.0, np.nan])
    found = mean_of_lab(values, what="x")
    low, high = stats.t.interval(0.95, 2, loc=1.0, scale=stats.sem(values[:3]))
    assert (found.value, found.low, found.high, found.n) == pytest.approx((1.0, low, high, 3))
    assert mean_of_lab(np.array([np.nan]), what="x").value is None
    assert mean_of_lab(np.array([2.0]), what="x").low is None


def test_a_new_model_is_read_off_a_planted_line() -> None:
    found = new_model(points(), x=55.0, y=50.0, errors=(0.0, 0.0), n_resamples=300, rng=rng())
    assert found.predicted_by_model.value == found.predicted_by_lab.value == pytest.approx(67.5)
    assert found.h.value == pytest.approx(-17.5)
    assert found.chance == {Regime.CODING: 1.0, Regime.COOPERATIVE: 0.0, Regime.REASONING: 0.0}


def test_the_interval_by_models_is_statsmodels_prediction_interval() -> None:
    held = points(rng(4).normal(0, 5, 9))
    found = new_model(held, x=55.0, y=None, errors=(1.0, np.nan), n_resamples=300, rng=rng())
    frame = sm.OLS(held.y, sm.add_constant(held.x)).fit().get_prediction([[1.0, 55.0]]).summary_frame(alpha=0.05)
    expected = tuple(frame[name].iloc[0] for name in ("mean", "obs_ci_lower", "obs_ci_upper"))
    one = found.predicted_by_model
    assert (one.value, one.low, one.high) == pytest.approx(expected)
    assert found.h.value is None and found.chance == {}


def test_the_interval_by_labs_covers_new_labs_as_often_as_it_says() -> None:
    hits, n_trials = 0, 200
    for seed in range(n_trials):
        draw = rng(seed)
        lab = np.repeat(np.array([f"L{i}" for i in range(12)]), 3)
        x = draw.uniform(20, 80, 36)
        y = 40 + 0.5 * x + np.repeat(draw.normal(0, 4, 12), 3) + draw.normal(0, 3, 36)
        held = LabPoints(lab=lab, x=x, y=y, x_se=np.zeros(36), y_se=np.zeros(36))
        new = 40 + 0.5 * 50 + draw.normal(0, 4) + draw.normal(0, 3)
        one = new_model(held, x=50.0, y=None, errors=(0.0, 0.0), n_resamples=400, rng=draw).predicted_by_lab
        hits += one.low <= new <= one.high
    assert 0.89 <= hits / n_trials <= 0.99


def test_places_and_ends_that_cannot_be_are_said() -> None:
    held = points(rng(4).normal(0, 8, 9))
    found = new_model(held, x=99.0, y=80.0, errors=(1.0, 1.0), n_resamples=300, rng=rng())
    assert "carried on beyond the observed 20 to 80" in found.h.caveats
    assert found.predicted_by_model.high > 100
    assert "beyond what a percentage can reach" in " ".join(found.predicted_by_model.caveats)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_too_few_models_have_no_h(n: int) -> None:
    held = points().rows(np.arange(n))
    assert all(
        one.value is None and "undefined" in one.caveats[0] for one in deleted_h(held, n_resamples=200, rng=rng())
    )
    if n < 3:
        found = new_model(held, x=50.0, y=50.0, errors=(1.0, 1.0), n_resamples=200, rng=rng())
        assert found.h.value is None and found.predicted_by_model.value is None and found.chance == {}


def test_the_difference_of_two_h_needs_the_slope_only() -> None:
    found = difference_of_h((70.0, 80.0, 2.0, 3.0), (72.0, 90.0, 2.0, 3.0), slope=0.5)
    half = stats.norm.ppf(0.975) * np.sqrt(2 * 9 + 0.25 * 2 * 4)
    assert (found.value, found.low, found.high) == pytest.approx((9.0, 9 - half, 9 + half))
    assert difference_of_h((70.0, 80.0, np.nan, 3.0), (72.0, 90.0, 2.0, 3.0), slope=0.5).low is None
