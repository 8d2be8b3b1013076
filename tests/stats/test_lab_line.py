"""A line through models of labs: planted answers, statsmodels and plain loops, edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api as sm

from cape.stats.lab_line import (
    LabPoints,
    classical_intercept,
    lab_line,
    lab_shuffle_p,
    leave_lab_out,
    mean_over_labs,
    spread_over_labs,
    within_and_between,
)

SLOPE, INTERCEPT = 0.6, 40.0


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def points(lab: list[str], x: list[float], y: list[float]) -> LabPoints:
    return LabPoints(
        lab=np.array(lab, dtype=np.str_),
        x=np.array(x, dtype=float),
        y=np.array(y, dtype=float),
        x_se=np.full(len(x), np.nan),
        y_se=np.full(len(x), np.nan),
    )


@pytest.fixture(scope="module")
def noisy() -> LabPoints:
    draw = rng(3)
    lab = [name for name, n in (("A", 7), ("B", 5), ("C", 4), ("D", 2), ("E", 1)) for _ in range(n)]
    x = draw.uniform(20, 80, len(lab))
    shift = {"A": 3.0, "B": -4.0, "C": 1.0, "D": 0.0, "E": 5.0}
    y = INTERCEPT + SLOPE * x + np.array([shift[name] for name in lab]) + draw.normal(0, 2, len(lab))
    return points(lab, x.tolist(), y.tolist())


# planted answers


def test_a_straight_line_is_found_within_between_and_pooled() -> None:
    x = [10.0, 20, 30, 15, 25, 40, 50, 60]
    held = points(list("AAABBBCC"), x, [INTERCEPT + SLOPE * v for v in x])
    line = lab_line(held, n_resamples=300, rng=rng())
    assert line.slope.value == pytest.approx(SLOPE)
    assert line.intercept.value == pytest.approx(INTERCEPT)
    assert (line.slope.low, line.slope.high) == pytest.approx((SLOPE, SLOPE))
    share = within_and_between(held, n_resamples=300, rng=rng())
    assert share.slope_within.value == pytest.approx(SLOPE)
    assert share.slope_between.value == pytest.approx(SLOPE)
    assert leave_lab_out(held).error_line == pytest.approx(0, abs=1e-9)


def test_opposite_slopes_within_and_between_are_told_apart() -> None:
    """Within labs the second score falls, lab means rise (Simpson)."""
    x = [0.0, 1, 2, 10, 11, 12, 20, 21, 22]
    y = [10.0, 9, 8, 30, 29, 28, 50, 49, 48]
    share = within_and_between(points(list("AAABBBCCC"), x, y), n_resamples=200, rng=rng())
    assert share.slope_within.value == pytest.approx(-1)
    assert share.slope_between.value == pytest.approx(2)
    assert share.r_within.value == pytest.approx(-1) and share.r_between.value == pytest.approx(1)


def test_shuffles_within_labs_do_not_see_a_relation_of_lab_means_only() -> None:
    draw = rng(5)
    lab = [f"L{i:02d}" for i in range(12) for _ in range(4)]
    centre = np.repeat(np.linspace(0, 60, 12), 4)
    x, y = centre + draw.normal(0, 1, 48), centre + draw.normal(0, 1, 48)
    found = lab_shuffle_p(points(lab, x.tolist(), y.tolist()), n_permutations=1999, rng=rng())
    assert found["between"].p_two_sided < 0.01 and found["both"].p_two_sided < 0.01
    assert found["within"].p_two_sided > 0.02


def test_shuffles_keep_their_level_without_a_relation() -> None:
    rejected = 0
    for seed in range(120):
        draw = rng(seed)
        lab = [f"L{i}" for i in range(8) for _ in range(3)]
        effects = np.repeat(draw.normal(0, 5, (8, 2)), 3, axis=0)
        scores = effects + draw.normal(0, 2, (24, 2))
        held = points(lab, scores[:, 0].tolist(), scores[:, 1].tolist())
        rejected += lab_shuffle_p(held, n_permutations=199, rng=draw)["both"].p_two_sided <= 0.05
    assert rejected <= 14  # 5% of 120 is 6; P(more than 14) is below 0.1% there


# independent implementations


def test_statsmodels_gives_the_same_intercept_interval(noisy: LabPoints) -> None:
    model = sm.OLS(noisy.y, sm.add_constant(noisy.x)).fit()
    found = classical_intercept(noisy)
    assert found.value == pytest.approx(model.params[0])
    assert (found.low, found.high) == pytest.approx(tuple(model.conf_int()[0]))


def test_resampled_lines_are_those_of_a_plain_loop(noisy: LabPoints) -> None:
    found = lab_line(noisy, n_resamples=200, rng=rng(1))
    labs = np.unique(noisy.lab)
    counts = rng(1).multinomial(labs.size, np.full(labs.size, 1 / labs.size), size=200)
    slopes = []
    for row in counts:
        kept = np.concatenate(
            [np.flatnonzero(noisy.lab == lab) for lab, n in zip(labs, row, strict=True) for _ in range(n)]
        )
        enough = np.unique(kept).size >= 3
        slopes.append(np.polyfit(noisy.x[kept], noisy.y[kept], 1)[0] if enough else np.nan)
    np.testing.assert_allclose(found.coefficients[1:, 1], slopes, rtol=1e-8)


def test_within_slope_is_that_of_a_regression_with_lab_dummies(noisy: LabPoints) -> None:
    dummies = (noisy.lab[:, None] == np.unique(noisy.lab)).astype(float)
    model = sm.OLS(noisy.y, np.column_stack([noisy.x, dummies])).fit()
    found = within_and_between(noisy, n_resamples=200, rng=rng())
    assert found.slope_within.value == pytest.approx(model.params[0])
    assert found.slope_within.n == 4 and "1 labs with one model" in found.slope_within.caveats[-1]


def test_leaving_a_lab_out_is_a_fit_on_the_others(noisy: LabPoints) -> None:
    found = leave_lab_out(noisy)
    for lab, line, mean in zip(found.lab, found.error_line, found.error_mean, strict=True):
        mine = noisy.lab == lab
        slope, intercept = np.polyfit(noisy.x[~mine], noisy.y[~mine], 1)
        assert line == pytest.approx(np.abs(noisy.y[mine] - intercept - slope * noisy.x[mine]).mean())
        assert mean == pytest.approx(np.abs(noisy.y[mine] - noisy.y[~mine].mean()).mean())


def test_the_p_between_few_labs_is_that_of_all_orderings() -> None:
    held = points(list("ABCDE"), [1, 2, 3, 4, 5], [2, 1, 4, 3, 6])
    found = lab_shuffle_p(held, n_permutations=200, rng=rng())["between"]
    rs = [np.corrcoef(held.x, order)[0, 1] for order in itertools.permutations(held.y)]
    own = np.corrcoef(held.x, held.y)[0, 1]
    tail = np.mean([r >= own - 1e-9 for r in rs])
    assert found.exact and found.p_two_sided == pytest.approx(min(1, 2 * tail))


def test_scores_shuffled_within_labs_never_leave_their_lab() -> None:
    """Pairs of models can only be swapped: 16 equally likely orderings, of which the data are the most extreme."""
    spread = np.array([40.0, 10, 2, 0.5])
    x = np.column_stack([50 - spread, 50 + spread]).ravel()
    held = points(list("AABBCCDD"), x.tolist(), x.tolist())
    found = lab_shuffle_p(held, n_permutations=4000, rng=rng())["within"]
    assert found.p_two_sided == pytest.approx(2 / 16, abs=0.025)


# edges


@pytest.mark.parametrize(("lab", "x"), [("A", [1.0]), ("AB", [1.0, 2.0]), ("AAB", [5.0, 5.0, 5.0])])
def test_too_little_gives_undefined_lines_with_a_reason(lab: str, x: list[float]) -> None:
    held = points(list(lab), x, [float(i) for i in range(len(x))])
    line = lab_line(held, n_resamples=200, rng=rng())
    assert line.slope.value is None and "undefined" in line.slope.caveats[0]
    assert np.isnan(line.at(np.array([1.0]))[1]).all()
    share = within_and_between(held, n_resamples=200, rng=rng())
    assert share.slope_within.value is None
    assert np.isnan(leave_lab_out(held).error_line).all()
    if len(x) < 3:
        assert lab_shuffle_p(held, n_permutations=200, rng=rng())["both"].p_two_sided is None


def test_one_lab_has_a_line_without_an_interval() -> None:
    held = points(list("AAAA"), [1, 2, 3, 4], [1, 2, 2, 4])
    line = lab_line(held, n_resamples=200, rng=rng())
    assert line.slope.value is not None and line.slope.low is None
    assert "fewer than 2 labs" in " ".join(line.slope.caveats)
    assert np.isnan(leave_lab_out(held).error_mean).all()


def test_means_and_spreads_over_labs_say_what_is_missing() -> None:
    found = mean_over_labs(np.array([1.0, np.nan, 3.0]), what="error", n_resamples=200, rng=rng())
    assert found.value == 2 and found.n == 2 and "1 of 3 labs have no error" in found.caveats
    assert mean_over_labs(np.array([np.nan]), what="error", n_resamples=200, rng=rng()).value is None
    plain, sample = spread_over_labs(np.array([1.0, 2, 4, np.nan]), what="error")
    assert plain.value == pytest.approx(np.std([1, 2, 4]))
    assert sample.value == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert sample.low < sample.value < sample.high
    assert spread_over_labs(np.array([1.0]), what="error")[0].value is None
