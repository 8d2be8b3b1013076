"""Turning points: planted scales, independent fits, coverage, edges, and the paper-mode recipe."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.coupling import family_steps
from cape.stats.critical_scale import (
    NO_INTERVAL,
    STEPWISE,
    Estimator,
    Turn,
    family_n_c,
    fixed_effect_quadratic,
    logistic_turning_point,
    pooled_quadratic_paper_mode,
    quadratic_vertex,
    sign_bracket,
    weighted_line_zero,
)
from cape.stats.inference import Inference, Points, Steps, to_billions
from cape.stats.resampling import cluster_weights, jackknife_families

DATA = Path(__file__).parent / "data" / "bootstrap14.csv"


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def steps(gamma: list[float], *, mid: list[float] | None = None, se: float = 0.2, family: str = "F") -> Steps:
    n = len(gamma)
    return Steps(
        family=np.full(n, family),
        log10_n_mid=np.arange(n) + 8.0 if mid is None else np.array(mid),
        x_mid_pct=np.linspace(30, 80, n),
        gamma=np.array(gamma, dtype=float),
        gamma_se=np.full(n, se),
    )


def points(log10_n: np.ndarray, y: np.ndarray, *, y_se: float = 1.0, family: np.ndarray | None = None) -> Points:
    """Models whose first benchmark rises by 15 points a decade, so that gamma is the slope of y over 15."""
    n = log10_n.size
    return Points(
        family=np.full(n, "F") if family is None else family,
        log10_n=log10_n,
        x_pct=30 + 15 * (log10_n - 7.5),
        y_pct=y,
        x_se=np.full(n, 0.3),
        y_se=np.full(n, y_se),
    )


def panel(n_families: int, generator: np.random.Generator, *, noise: float = 0.7, vertex: float = 9.4) -> Points:
    """Families of four sizes with their own level and one common parabola."""
    log10_n = np.concatenate([np.sort(generator.uniform(7.8, 11, 4)) for _ in range(n_families)])
    family = np.repeat([f"F{i:02d}" for i in range(n_families)], 4)
    level = np.repeat(generator.normal(40, 6, n_families), 4)
    return points(
        log10_n, level + 4 * (log10_n - vertex) ** 2 + generator.normal(0, noise, log10_n.size), family=family
    )


def fourteen_rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


# D1, D2, D3: planted turning points


@pytest.mark.parametrize("estimator", Estimator)
def test_each_estimator_finds_the_turning_point_of_an_exact_parabola(estimator):
    log10_n = np.linspace(8, 11, 7)
    family = points(log10_n, 35 + 5 * (log10_n - 9.5) ** 2)
    if estimator is Estimator.VERTEX:
        answer, turn = quadratic_vertex(family)
    else:
        answer, turn = (sign_bracket if estimator is Estimator.SIGN_BRACKET else weighted_line_zero)(
            family_steps(family)
        )
    assert turn is Turn.BRACKETED
    assert answer.value == pytest.approx(9.5, abs=1e-9)
    assert (answer.low, answer.high, answer.caveats) == (None, None, (NO_INTERVAL,))


@pytest.mark.parametrize(
    ("gamma", "turn", "value"),
    [
        ([-0.5, -0.2, 0.3, 0.6], Turn.BRACKETED, 9.5),
        ([-0.5, 0.0, 0.3], Turn.BRACKETED, 9.0),
        ([-0.5, np.nan, np.nan, 0.3], Turn.BRACKETED, 9.5),
        ([0.4, -0.5, 0.3], Turn.BRACKETED, 9.5),
        ([0.5, 0.1, 0.3], Turn.COOPERATIVE, None),
        ([0.0, 0.1], Turn.COOPERATIVE, None),
        ([-0.5, -0.1], Turn.NEGATIVE, None),
        ([-0.5], Turn.NEGATIVE, None),
        ([0.5, 0.2, -0.1], Turn.REVERSED, None),
        ([np.nan, np.nan], Turn.UNDEFINED, None),
        ([0.0, 0.0], Turn.UNDEFINED, None),
        ([], Turn.UNDEFINED, None),
    ],
)
def test_sign_bracket_names_what_the_signs_say(gamma, turn, value):
    answer, found = sign_bracket(steps(gamma))
    assert found is turn
    assert answer.value == (None if value is None else pytest.approx(value))
    assert answer.estimate(symbol="N_c", label="F", unit="log10 N").caveats


def test_sign_bracket_is_the_geometric_mean_of_the_two_mid_points_in_any_order_of_rows():
    answer, _ = sign_bracket(steps([0.4, -0.3], mid=[np.log10(9e9), np.log10(1e9)]))
    assert to_billions(answer).value == pytest.approx(3.0)


def test_sign_bracket_reports_the_first_of_several_turns_and_counts_the_others():
    answer, turn = sign_bracket(steps([-1, 1, -1, 1, np.nan]))
    assert (turn, answer.value) == (Turn.BRACKETED, 8.5)
    assert "2 turns from - to +; this is the first" in answer.caveats
    assert "1 of 5 intervals have an undefined or zero gamma and were skipped" in answer.caveats


def test_a_family_that_never_turns_is_censored_with_its_observed_range():
    answer, _ = sign_bracket(steps([-1, -1, -1]))
    assert answer.caveats[0] == (
        "negative throughout: N_c is censored above, as gamma is negative on every defined interval, "
        "observed at log10 N 8.00 to 10.00 (0.1 B to 10 B)"
    )


def test_weighted_line_zero_agrees_with_statsmodels():
    generator = rng()
    mid, se = np.sort(generator.uniform(8, 11, 6)), generator.uniform(0.05, 0.4, 6)
    gamma = 0.5 * (mid - 9.6) + generator.normal(0, 0.1, 6)
    record = Steps(family=np.full(6, "F"), log10_n_mid=mid, x_mid_pct=mid, gamma=gamma, gamma_se=se)
    intercept, slope = sm.WLS(gamma, sm.add_constant(mid), weights=se**-2.0).fit().params
    assert weighted_line_zero(record)[0].value == pytest.approx(-intercept / slope, abs=1e-9)


@pytest.mark.parametrize(
    ("gamma", "turn"),
    [
        ([0.2, 0.3, 0.4], Turn.OUTSIDE),
        ([-0.4, -0.3, -0.2], Turn.OUTSIDE),
        ([0.3, 0.1, -0.2], Turn.REVERSED),
        ([0.3, 0.2, 0.1], Turn.UNDEFINED),
        ([0.3, np.nan, np.nan], Turn.UNDEFINED),
        ([0.3, 0.3], Turn.UNDEFINED),
    ],
)
def test_weighted_line_zero_never_extrapolates_and_needs_a_rising_line(gamma, turn):
    answer, found = weighted_line_zero(steps(gamma))
    assert (found, answer.value) == (turn, None)
    assert answer.caveats[0].startswith(turn)


def test_weighted_line_zero_refuses_an_exact_gamma():
    with pytest.raises(BadParameterError, match="gamma_se > 0"):
        weighted_line_zero(steps([-1, 1], se=0.0))


def test_quadratic_vertex_agrees_with_polyfit():
    generator = rng()
    log10_n = np.sort(generator.uniform(8, 11, 6))
    y = 35 + 5 * (log10_n - 9.3) ** 2 + generator.normal(0, 1, 6)
    c, b, _ = np.polyfit(log10_n - 9, y, 2)
    assert quadratic_vertex(points(log10_n, y))[0].value == pytest.approx(9 - b / 2 / c, abs=1e-9)


def test_turning_point_is_undefined_when_scores_only_fall():
    log10_n = np.array([8.0, 9.0, 10.0, 11.0])
    answer, turn = quadratic_vertex(points(log10_n, np.array([50.0, 45.0, 41.0, 38.0])))
    assert (turn, answer.value) == (Turn.OUTSIDE, None)
    assert "(0.1 B to 100 B)" in answer.caveats[0]


def test_a_maximum_is_not_a_turning_point_and_two_sizes_have_none():
    log10_n = np.array([8.0, 9.0, 10.0])
    assert quadratic_vertex(points(log10_n, np.array([30.0, 40.0, 31.0])))[1] is Turn.REVERSED
    two = points(np.array([8.0, 9.0, 9.0]), np.array([40.0, 30.0, 31.0]))
    answer, turn = quadratic_vertex(two)
    assert (turn, answer.value) == (Turn.UNDEFINED, None)
    assert "3 distinct sizes" in answer.caveats[0]


def test_two_families_at_once_are_refused():
    mixed = steps([-1, 1])
    mixed.family[1] = "G"  # a fixed-width array takes one letter
    with pytest.raises(BadParameterError, match="one at a time"):
        sign_bracket(mixed)


# Intervals from measurement error


@pytest.mark.parametrize("estimator", Estimator)
def test_without_measurement_error_every_draw_is_the_observed_answer(estimator):
    log10_n = np.array([8.0, 8.7, 9.1, 10.2, 11.0])
    family = points(log10_n, 35 + 5 * (log10_n - 9.5) ** 2, y_se=1e-9)
    family.x_se[:] = 1e-9
    answer, turn = family_n_c(family, estimator=estimator, n_draws=50, rng=rng())
    assert turn is Turn.BRACKETED
    np.testing.assert_allclose(answer.draws, answer.value, atol=1e-6)
    assert answer.low == pytest.approx(answer.value, abs=1e-6)
    assert NO_INTERVAL not in answer.caveats
    assert any("measurement error only" in caveat for caveat in answer.caveats)


@pytest.mark.parametrize("estimator", Estimator)
def test_vectorised_draws_agree_with_one_estimate_per_draw(estimator):
    log10_n = np.array([8.0, 8.3, 9.1, 9.4, 10.2, 11.0])
    family = points(log10_n, 35 + 2 * (log10_n - 9.5) ** 2, y_se=1.5)
    family.x_se[:] = 2.0  # some drawn gammas are undefined
    answer, _ = family_n_c(family, estimator=estimator, n_draws=200, rng=rng(3))
    noise = rng(3).standard_normal((2, 200, 6))
    for i in range(200):
        drawn = Points(
            family=family.family,
            log10_n=log10_n,
            x_pct=family.x_pct + 2.0 * noise[0, i],
            y_pct=family.y_pct + 1.5 * noise[1, i],
            x_se=family.x_se,
            y_se=family.y_se,
        )
        if estimator is Estimator.VERTEX:
            expected = quadratic_vertex(drawn)[0].value
        else:
            single = sign_bracket if estimator is Estimator.SIGN_BRACKET else weighted_line_zero
            expected = single(family_steps(drawn))[0].value
        assert answer.draws[i] == pytest.approx(np.nan if expected is None else expected, nan_ok=True, abs=1e-9)


def test_the_vertex_interval_covers_the_planted_scale_at_about_its_level():
    generator = rng(17)
    log10_n = np.linspace(8, 11, 7)
    held = []
    for _ in range(300):
        y = 35 + 5 * (log10_n - 9.4) ** 2 + generator.normal(0, 1.0, 7)
        answer, _ = family_n_c(points(log10_n, y), estimator=Estimator.VERTEX, n_draws=400, rng=generator)
        held.append(answer.low is not None and answer.low <= 9.4 <= answer.high)
    assert 0.91 <= np.mean(held) <= 0.98


def test_no_interval_when_most_draws_have_no_answer_and_their_share_is_stated():
    log10_n = np.linspace(8, 10, 5)
    answer, turn = family_n_c(points(log10_n, 50 - 5 * log10_n), estimator=Estimator.VERTEX, n_draws=500, rng=rng())
    assert turn in (Turn.OUTSIDE, Turn.UNDEFINED)
    assert (answer.value, answer.low, answer.high) == (None, None, None)
    share = 100 * np.isnan(answer.draws).mean()
    assert share > 50
    assert any(c.startswith(f"{share:.1f}% of 500 resamples have no turning point") for c in answer.caveats)


def test_noise_alone_does_not_give_an_interval_to_a_family_that_never_turns():
    log10_n = np.linspace(8, 10, 8)
    answer, turn = family_n_c(
        points(log10_n, 60 - 2 * log10_n, y_se=3.0), estimator=Estimator.SIGN_BRACKET, n_draws=500, rng=rng()
    )
    assert turn is Turn.NEGATIVE
    assert np.isfinite(answer.draws).mean() > 0.5
    assert (answer.value, answer.low, answer.high) == (None, None, None)
    assert any("have several turns; the first was taken" in caveat for caveat in answer.caveats)
    assert STEPWISE in answer.caveats


@pytest.mark.parametrize("estimator", Estimator)
def test_a_family_of_one_model_has_no_turning_point(estimator):
    single = points(np.array([9.0]), np.array([40.0]))
    answer, turn = family_n_c(single, estimator=estimator, n_draws=10, rng=rng())
    assert (turn, answer.value, answer.low) == (Turn.UNDEFINED, None, None)
    assert np.isnan(answer.draws).all()


def test_no_draws_are_refused():
    with pytest.raises(BadParameterError, match="n_draws"):
        family_n_c(points(np.array([9.0]), np.array([40.0])), estimator=Estimator.VERTEX, n_draws=0, rng=rng())


def test_billions_turn_value_limits_and_draws_and_keep_none():
    draws = np.array([9.0, np.nan, 10.0])
    found = to_billions(Inference(value=9.0, low=None, high=10.0, n=3, method="m", caveats=("c",), draws=draws))
    assert (found.value, found.low, found.high) == (1.0, None, 10.0)
    np.testing.assert_allclose(found.draws, [1.0, np.nan, 10.0])
    assert found.caveats == ("c",)
    assert to_billions(Inference(value=None, low=None, high=None, n=0, method="m", caveats=("c",))).draws is None


# Population: logistic turning point


def test_logistic_turning_point_recovers_a_planted_scale_and_slope():
    generator = rng(1)
    x = generator.uniform(8, 11, 1500)
    positive = generator.random(1500) < 1 / (1 + np.exp(-3 * (x - 9.7)))
    family = np.repeat(np.arange(300), 5)
    turning, slope = logistic_turning_point(x, positive, family, n_resamples=500, rng=generator)
    assert turning.low < 9.7 < turning.high and turning.high - turning.low < 0.25
    assert slope.low < 3 < slope.high
    assert (turning.n, turning.caveats) == (300, ())


def test_logistic_turning_point_is_that_of_statsmodels_and_its_interval_is_wider_for_dependent_rows():
    generator = rng(2)
    family = np.repeat(np.arange(40), 5)
    size = generator.uniform(8, 11, 40)
    rising = generator.random(40) < 1 / (1 + np.exp(-2 * (size - 9.5)))
    x, positive = size[family], rising[family]  # five copies of each interval: 40 observations, not 200
    turning, slope = logistic_turning_point(x, positive, family, n_resamples=1500, rng=generator)
    reference = sm.Logit(positive.astype(float), sm.add_constant(x)).fit(disp=0, tol=1e-12)
    assert slope.value == pytest.approx(reference.params[1], rel=1e-6)
    assert turning.value == pytest.approx(-reference.params[0] / reference.params[1], rel=1e-8)
    _, slope_by_row = logistic_turning_point(x, positive, np.arange(200), n_resamples=1500, rng=generator)
    assert slope.value == slope_by_row.value
    ratio = (slope.high - slope.low) / (slope_by_row.high - slope_by_row.low)
    assert ratio == pytest.approx(np.sqrt(5), rel=0.3)


def test_logistic_interval_covers_the_planted_scale_at_about_its_level():
    generator = rng(23)
    family = np.repeat(np.arange(40), 4)
    held = []
    for _ in range(120):
        x = generator.uniform(8, 11, 160)
        positive = generator.random(160) < 1 / (1 + np.exp(-2 * (x - 9.5)))
        turning, _ = logistic_turning_point(x, positive, family, n_resamples=200, rng=generator)
        held.append(turning.low <= 9.5 <= turning.high)
    assert 0.88 <= np.mean(held) <= 0.99


def test_separated_signs_turn_in_the_gap_and_are_counted():
    x = np.array([8.0, 8.5, 9.0, 10.0, 10.5, 11.0])
    turning, slope = logistic_turning_point(x, x > 9.5, np.arange(6), n_resamples=400, rng=rng())
    assert turning.value == 9.5
    assert turning.low >= 8.25 and turning.high <= 10.75
    assert any("resamples separate the signs" in caveat for caveat in turning.caveats)
    assert any("resamples have no rising P" in caveat for caveat in turning.caveats)
    assert (slope.value, slope.high) == (None, None)
    assert slope.caveats[0] == "the slope is infinite, as the signs separate"


@pytest.mark.parametrize(
    ("positive", "reason"),
    [
        ([True] * 4, "all intervals have one sign"),
        ([True, True, False, False], "does not rise with log10 N"),
        ([True, False, True, False], "does not rise with log10 N"),
        ([True, True, False, True, True, True], "outside the data"),
        ([False, False, False, True, False, False], "outside the data"),
    ],
)
def test_logistic_turning_point_without_an_answer_says_why(positive, reason):
    x = np.arange(len(positive)) + 8.0
    turning, slope = logistic_turning_point(x, positive, np.arange(x.size), n_resamples=300, rng=rng())
    assert (turning.value, turning.low, turning.high) == (None, None, None)
    assert reason in turning.caveats[0]
    assert (slope.value is None) == (reason == "all intervals have one sign" or positive == [True, True, False, False])


def test_logistic_turning_point_refuses_undefined_intervals_and_no_intervals():
    with pytest.raises(BadParameterError, match="1 missing"):
        logistic_turning_point([8.0, np.nan], [True, False], ["a", "b"], n_resamples=10, rng=rng())
    with pytest.raises(BadParameterError, match="float64"):
        logistic_turning_point([8.0, 9.0], [1.0, np.nan], ["a", "b"], n_resamples=10, rng=rng())
    with pytest.raises(NotEnoughDataError):
        logistic_turning_point([], np.empty(0, dtype=bool), [], n_resamples=10, rng=rng())


# Population: fixed effects


def test_fixed_effect_vertex_agrees_with_least_squares_with_dummies_in_every_resample():
    data = panel(8, rng(4))
    answer = fixed_effect_quadratic(data, n_resamples=100, rng=rng(9))
    weights = np.vstack([np.ones(32), cluster_weights(data.family, n_resamples=100, rng=rng(9))])
    found = np.concatenate([[answer.value], answer.draws])
    line = data.log10_n - 9
    copies = (data.family[:, None] == np.unique(data.family)).astype(float)
    for row, vertex in zip(weights, found, strict=True):
        used = row > 0
        design = np.column_stack([line, line**2, copies[:, copies[used].any(axis=0)]])[used]
        b, c = sm.WLS(data.y_pct[used], design, weights=row[used]).fit().params[:2]
        assert vertex == pytest.approx(9 - b / 2 / c, abs=1e-8)


def test_a_family_drawn_twice_has_two_intercepts():
    data = panel(2, rng(4), noise=0.3)
    answer = fixed_effect_quadratic(data, n_resamples=50, rng=rng(9))
    drawn = cluster_weights(data.family, n_resamples=50, rng=rng(9))
    twice = np.flatnonzero(drawn[:, 0] == 2)[0]
    c, b, _ = np.polyfit(data.log10_n[:4] - 9, data.y_pct[:4], 2)
    assert answer.draws[twice] == pytest.approx(9 - b / 2 / c, abs=1e-8)


def test_fixed_effects_remove_levels_that_fool_the_pooled_fit():
    log10_n = np.concatenate([start + np.array([0, 0.5, 1.0, 1.5]) for start in np.linspace(8, 9.5, 12)])
    level = np.repeat(-60 * np.linspace(8, 9.5, 12), 4)  # larger families score lower throughout
    family = np.repeat([f"F{i:02d}" for i in range(12)], 4)
    data = points(log10_n, level + 4 * (log10_n - 9.4) ** 2 + rng(6).normal(0, 0.1, 48), family=family)
    assert fixed_effect_quadratic(data, n_resamples=200, rng=rng()).value == pytest.approx(9.4, abs=0.03)
    _, pooled = pooled_quadratic_paper_mode(data.log10_n, data.y_pct, n_resamples=10)
    assert pooled.value is None or abs(pooled.value - 9.4) > 0.5


def test_fixed_effect_interval_covers_the_planted_scale_at_about_its_level():
    generator = rng(31)
    held = []
    for _ in range(300):
        answer = fixed_effect_quadratic(panel(25, generator, noise=2.0), n_resamples=300, rng=generator)
        held.append(answer.low <= 9.4 <= answer.high)
    assert 0.89 <= np.mean(held) <= 0.98


def test_families_of_one_size_are_left_out_and_counted():
    data = panel(6, rng(4))
    extra = points(np.array([9.0, 9.0, 10.0]), np.array([10.0, 11.0, 90.0]), family=np.array(["G00", "G00", "G01"]))
    both = Points(**{f: np.concatenate([getattr(data, f), getattr(extra, f)]) for f in Points.__dataclass_fields__})
    answer = fixed_effect_quadratic(both, n_resamples=100, rng=rng())
    assert answer.value == pytest.approx(fixed_effect_quadratic(data, n_resamples=1, rng=rng()).value, abs=1e-9)
    assert answer.n == 6
    assert answer.caveats[-1] == "2 families of one size were left out"
    with pytest.raises(NotEnoughDataError):
        fixed_effect_quadratic(extra, n_resamples=10, rng=rng())


def test_a_population_whose_scores_only_fall_has_no_minimum_in_range():
    data = panel(6, rng(4), vertex=13.0)
    answer = fixed_effect_quadratic(data, n_resamples=300, rng=rng())
    assert (answer.value, answer.low) == (None, None)
    assert answer.caveats[0].startswith("outside the data")
    assert any("of 300 resamples have no minimum in range" in caveat for caveat in answer.caveats)


def test_the_family_with_another_turning_point_moves_the_population_most():
    data = panel(6, rng(4), noise=0.1)
    data.y_pct[8:12] += 10 * data.log10_n[8:12]
    influence = jackknife_families(data, lambda p: fixed_effect_quadratic(p, n_resamples=1, rng=rng()).value)
    assert influence.most_influential == "F02"
    assert influence.full + influence.shift == pytest.approx(9.4, abs=0.05)


# Paper mode


def test_paper_mode_is_the_polyfit_loop_over_legacy_resamples():
    generator = rng(8)
    log10_n = generator.uniform(8, 11, 12)
    y = 40 + 2 * (log10_n - 9.5) ** 2 + generator.normal(0, 2, 12)
    paper, rows = pooled_quadratic_paper_mode(log10_n, y, n_resamples=300, seed=7)
    state, kept = np.random.RandomState(7), []
    for i in range(300):
        drawn = state.choice(12, 12, replace=True)
        c, b, _ = np.polyfit(log10_n[drawn] - 9.5, y[drawn], 2)
        vertex = 9.5 - b / 2 / c
        if c > 0 and 7 < vertex < 12:
            kept.append(vertex)
            assert paper.draws[i] == pytest.approx(vertex, abs=1e-8)
        else:
            assert np.isnan(paper.draws[i])
    assert paper.value == pytest.approx(np.median(kept), abs=1e-8)
    np.testing.assert_allclose([paper.low, paper.high], np.percentile(kept, [2.5, 97.5]), atol=1e-8)
    assert rows.value == pytest.approx(quadratic_vertex(points(np.sort(log10_n), y[np.argsort(log10_n)]))[0].value)


def test_paper_mode_regression_of_the_fourteen_pooled_rows():
    rows = fourteen_rows()
    log10_n = np.log10([float(row["params_b"]) for row in rows]) + 9
    paper, plain = pooled_quadratic_paper_mode(log10_n, [float(row["truthfulqa_pct"]) for row in rows])
    printed = to_billions(paper)
    assert [round(x, 2) for x in (printed.value, printed.low, printed.high)] == [3.49, 2.92, 13.40]
    assert printed.caveats[1].startswith("0.5% of 10000 resamples are not convex")
    assert np.isnan(printed.draws).sum() == 47
    assert to_billions(plain).value != pytest.approx(printed.value, abs=0.01)
    assert (plain.low, plain.high) == (None, None)


def test_paper_mode_without_a_kept_resample_is_undefined():
    log10_n = np.linspace(8, 10, 6)
    paper, rows = pooled_quadratic_paper_mode(log10_n, -((log10_n - 9) ** 2), n_resamples=50)
    assert (paper.value, paper.low, rows.value) == (None, None, None)
    assert any("100.0% of 50 resamples" in caveat for caveat in paper.caveats)
