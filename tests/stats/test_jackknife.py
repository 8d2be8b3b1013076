"""Jackknife intervals: the loop over families written out, planted answers, coverage, and what has no interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cape.stats.jackknife import (
    ABOVE_ONE,
    FISHER,
    PLAIN,
    jackknife_correlation,
    jackknife_d_eff,
    jackknife_inference,
    jackknife_mean,
    jackknife_within_correlation,
    student_limits,
)

RNG = np.random.default_rng(3)
LABELS = np.repeat(list("abcdef"), [4, 3, 5, 2, 4, 6])
X = RNG.normal(60, 10, LABELS.size)
Y = 0.5 * X + RNG.normal(0, 6, LABELS.size)
SIZE = RNG.uniform(8, 11, LABELS.size)
SCORES = np.column_stack([X, Y, RNG.normal(50, 4, (LABELS.size, 3))])


def by_hand(statistic, forward, back) -> tuple[float, float]:
    """Leave out each family in a loop; statistic takes the mask of the rows that are kept."""
    full = forward(statistic(np.ones(LABELS.size, dtype=bool)))
    left = np.array([forward(statistic(LABELS != one)) for one in np.unique(LABELS)])
    n = left.size
    error = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, n - 1) * error
    return back(full - half), back(full + half)


def given_size(rows: np.ndarray) -> float:
    left = [v[rows] - np.polyval(np.polyfit(SIZE[rows], v[rows], 1), SIZE[rows]) for v in (X, Y)]
    return float(np.corrcoef(*left)[0, 1])


def within(rows: np.ndarray) -> float:
    left = []
    for v in (X, Y):
        means = {one: v[LABELS == one].mean() for one in np.unique(LABELS)}
        left.append(v[rows] - np.array([means[one] for one in LABELS[rows]]))
    return float((left[0] @ left[1]) / np.sqrt((left[0] @ left[0]) * (left[1] @ left[1])))


def d_eff(rows: np.ndarray, of: str) -> float:
    matrix = np.cov(SCORES[rows].T) if of == "covariance" else np.corrcoef(SCORES[rows].T)
    values = np.linalg.eigvalsh(matrix)
    return float(values.sum() ** 2 / (values**2).sum())


CASES = {
    "mean": (lambda: jackknife_mean(X, LABELS, what="x"), lambda rows: X[rows].mean(), lambda v: v, lambda v: v),
    "r": (
        lambda: jackknife_correlation(X, Y, LABELS),
        lambda rows: np.corrcoef(X[rows], Y[rows])[0, 1],
        np.arctanh,
        np.tanh,
    ),
    "partial r": (lambda: jackknife_correlation(X, Y, LABELS, covariate=SIZE), given_size, np.arctanh, np.tanh),
    "within r": (lambda: jackknife_within_correlation(X, Y, LABELS), within, np.arctanh, np.tanh),
    "d_eff": (
        lambda: jackknife_d_eff(SCORES, LABELS, of_correlation=False),
        lambda rows: d_eff(rows, "covariance"),
        lambda v: np.log(v - 1),
        lambda v: 1 + np.exp(v),
    ),
    "d_eff of r": (
        lambda: jackknife_d_eff(SCORES, LABELS, of_correlation=True),
        lambda rows: d_eff(rows, "correlation"),
        lambda v: np.log(v - 1),
        lambda v: 1 + np.exp(v),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_limits_are_those_of_the_loop_over_families(name: str) -> None:
    call, statistic, forward, back = CASES[name]
    found = call()
    assert found.value == pytest.approx(statistic(np.ones(LABELS.size, dtype=bool)))
    assert (found.low, found.high) == pytest.approx(by_hand(statistic, forward, back), rel=1e-9)
    assert found.n == 6 and "5 degrees of freedom" in found.method and found.low < found.value < found.high


def test_the_mean_of_one_value_per_family_has_the_interval_of_the_t_test() -> None:
    values = RNG.normal(2.0, 1.0, 9)
    found = jackknife_mean(values, np.arange(9), what="value")
    wanted = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_the_mean_of_few_families_is_covered_as_often_as_said() -> None:
    rng = np.random.default_rng(8)
    family = rng.normal(0, 1, (1500, 6, 1)) + rng.normal(0, 1, (1500, 6, 4))
    labels = np.repeat(np.arange(6), 4)
    found = [jackknife_mean(panel.ravel(), labels, what="value") for panel in family]
    share = np.mean([one.low <= 0 <= one.high for one in found])
    assert share == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 1500))


def test_every_scale_has_its_inverse() -> None:
    for scale, values in ((PLAIN, [-3.0, 2.0]), (FISHER, [-0.9, 0.4]), (ABOVE_ONE, [1.2, 4.5])):
        assert scale.back(scale.forward(np.array(values))) == pytest.approx(values)


@pytest.mark.parametrize(
    ("found", "value", "words"),
    [
        (jackknife_mean([np.nan, np.nan], ["a", "b"], what="gamma"), None, "undefined: no mean gamma"),
        (jackknife_mean([1.0, 2.0], ["a", "b"], what="gamma"), 1.5, "2 families, fewer than 3"),
        (jackknife_correlation([1, 2, 3, 4], [2, 4, 6, 8], list("aabc")), 1.0, "end of its scale without a, b, c"),
        (jackknife_correlation([1, 1, 1, 1], [2, 4, 6, 8], list("aabc")), None, "undefined"),
        (jackknife_within_correlation([1, 2, 3], [3, 2, 4], list("abc")), None, "undefined"),
        (jackknife_d_eff(SCORES[:9], LABELS[:9], of_correlation=False), None, "fewer than"),
    ],
)
def test_what_has_no_interval_says_why(found, value: float | None, words: str) -> None:
    assert found.low is None and found.high is None
    assert value is None or found.value == pytest.approx(value)
    assert words in found.caveats[0]


def test_a_statistic_that_needs_one_family_has_no_interval_and_names_it() -> None:
    def only_with_c(weights: np.ndarray) -> np.ndarray:
        return np.where(weights[:, LABELS == "c"].any(axis=1), 1.5, np.nan)

    found = jackknife_inference(only_with_c, LABELS, scale=ABOVE_ONE, what="it")
    assert found.value == 1.5 and "without c" in found.caveats[0]


def test_limits_of_many_panels_at_once_are_those_of_each() -> None:
    full, left = RNG.uniform(-0.5, 0.5, 3), RNG.uniform(-0.9, 0.9, (3, 7))
    low, high = student_limits(full, left, FISHER)
    for k in range(3):
        one = student_limits(full[k : k + 1], left[k : k + 1], FISHER)
        assert (low[k], high[k]) == pytest.approx((one[0][0], one[1][0]))
