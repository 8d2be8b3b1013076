"""trend_control on planted ladders: shared growth alone is seen through, a real coupling is recovered."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cape import diagnostics
from cape.lake import Lake
from cape.quantities import Result
from tests.diagnostics.conftest import RHO, TREND_SIZES, trends


def on(planted: Lake, family: str, **params: object) -> Result:
    chosen = {"panel": "trends", "family": family, "resamples": 2000, "curve": "no curve"}
    return diagnostics.run("trend_control", {**chosen, **params}, planted)


def test_independent_trends_give_a_large_raw_r_and_no_partial_r(planted: Lake) -> None:
    result = on(planted, "Null")
    raw = result.estimate("r", "trends Null: models as independent")
    partial = result.estimate("r_partial", "trends Null: models as independent")
    null = result.estimate("r_null", "trends Null")
    assert raw.value < -0.97 and raw.n == len(TREND_SIZES)
    assert partial.value == pytest.approx(0, abs=1e-9)
    assert partial.low < 0 < partial.high
    assert null.low <= raw.value <= null.high
    assert "lies inside that band" in result.sentences[0]
    assert result.estimate("p_permutation", "trends Null: two-sided").value < 0.01  # misled, as its caveat says
    assert result.estimate("p_freedman_lane", "trends Null: two-sided").value > 0.5
    assert result.estimate("p_null", "trends Null: partial r").value > 0.5


def test_a_real_coupling_behind_opposite_trends_is_recovered(planted: Lake) -> None:
    result = on(planted, "Real")
    partial = result.estimate("r_partial", "trends Real: models as independent")
    assert result.estimate("r", "trends Real: models as independent").value < -0.9
    assert partial.value == pytest.approx(RHO)
    assert 0 < partial.low < RHO < partial.high
    assert result.estimate("p_freedman_lane", "trends Real: two-sided").value < 0.01
    assert result.estimate("p_null", "trends Real: partial r").value < 0.01


@pytest.mark.parametrize("family", ["Null", "Real"])
def test_intervals_and_residuals_agree_with_statsmodels(planted: Lake, family: str) -> None:
    result = on(planted, family)
    rows = trends(family, RHO if family == "Real" else 0.0, 2 if family == "Real" else 1)
    x = np.array([row["scores"]["hellaswag", ""] for row in rows])
    y = np.array([row["scores"]["truthfulqa", "mc2"] for row in rows])
    design = sm.add_constant(np.log10(TREND_SIZES))
    left, right = (sm.OLS(column, design).fit().resid for column in (x, y))
    r = float(np.corrcoef(left, right)[0, 1])
    partial = result.estimate("r_partial", f"trends {family}: models as independent")
    assert partial.value == pytest.approx(r, abs=1e-9)
    half = 1.959963984540054 / np.sqrt(len(x) - 3 - 1)
    assert (partial.low, partial.high) == pytest.approx(tuple(np.tanh(np.arctanh(r) + np.array([-half, half]))))
    points = result.table("points").frame.sort("position")
    assert points["x_residual_pct"].to_numpy() == pytest.approx(left, abs=1e-9)
    assert points["y_residual_pct"].to_numpy() == pytest.approx(right, abs=1e-9)
    changes = result.estimate("r_differences", f"trends {family}")
    assert changes.value == pytest.approx(np.corrcoef(np.diff(x), np.diff(y))[0, 1])
    assert changes.n <= len(x) - 1


def test_two_families_have_within_and_between_and_family_intervals(planted: Lake) -> None:
    result = on(planted, "all")
    symbols = {(e.symbol, e.label) for e in result.estimates}
    assert {("r_within", "trends"), ("r_between", "trends"), ("r", "trends: families as independent")} <= symbols
    assert not {e.symbol for e in on(planted, "Null").estimates} & {"r_within", "r_between"}


def test_the_null_histogram_counts_every_simulation(planted: Lake) -> None:
    result = on(planted, "Null")
    table = result.table("null").frame
    assert table["n_simulations"].sum() == 2000
    observed = result.estimate("r", "trends Null: models as independent").value
    assert table["observed_r"].unique().to_list() == [pytest.approx(observed)]


def test_a_window_narrows_the_rows_and_the_label(planted: Lake) -> None:
    result = on(planted, "Null", max_b=10)
    found = result.estimate("r", "trends Null up to 10 B: models as independent")
    assert found.n == sum(size <= 10 for size in TREND_SIZES)


def test_too_few_sizes_leave_partial_r_and_null_undefined_and_the_sentence_claims_nothing(planted: Lake) -> None:
    result = diagnostics.run("trend_control", {"panel": "alone", "resamples": 200, "curve": "no curve"}, planted)
    for symbol in ("r_partial", "r_null"):
        (found,) = (e for e in result.estimates if e.symbol == symbol)
        assert (found.value, found.low, found.high) == (None, None, None)
        assert found.caveats
    assert "undefined" in result.sentences[0] and " is -" not in result.sentences[0]
    partial = next(e for e in result.estimates if e.symbol == "r_partial")
    assert any("2 models without a public size were left out" in caveat for caveat in partial.caveats)


def test_eight_rows_have_an_exact_permutation_p_and_its_floor(planted: Lake) -> None:
    result = on(planted, "Null", min_b=0.5)
    n = sum(size >= 0.5 for size in TREND_SIZES)
    assert n > 8
    assert not any(e.symbol == "p_smallest" for e in result.estimates)
    exact = on(planted, "Null", min_b=0.7)
    floor = exact.estimate("p_smallest", "trends Null from 0.7 B: p_permutation")
    assert floor.n == 8
    assert floor.value == pytest.approx(2 / 40320)
