"""critical_scale on planted families: the turning point is found, or the answer is one of the named ways of none."""

from __future__ import annotations

import math

import polars as pl
import pytest

from cape import diagnostics
from cape.errors import CapeError, NotEnoughDataError
from cape.lake import Lake
from cape.quantities import Estimate, Result
from cape.stats.critical_scale import Estimator, Turn
from tests.diagnostics.planted import X

ESTIMATORS = [str(estimator) for estimator in Estimator]


def on(planted: Lake, **params: object) -> Result:
    return diagnostics.run("critical_scale", {"resamples": 400, "curve": "no curve", **params}, planted)


def status(found: Estimate) -> str:
    return next(c for c in found.caveats if c.startswith("status: ")).removeprefix("status: ")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_planted_turning_point_is_found_and_covered(planted: Lake, estimator: str) -> None:
    found = on(planted, family="Turn").estimate("N_c", f"Turn: {estimator}")
    assert found.value == pytest.approx(1.0)  # gamma is -0.5 below and 0.5 above one billion
    assert found.low <= 1.0 + 1e-9 and 1.0 - 1e-9 <= found.high
    assert found.unit == "billion parameters"
    assert status(found) == "bracketed"
    assert any("measurement error only" in caveat for caveat in found.caveats)


def test_a_turning_point_at_ten_times_the_size_is_ten_times_as_large(planted: Lake) -> None:
    result = on(planted, panel="shifted", family="Late")
    for estimator in ESTIMATORS:
        assert result.estimate("N_c", f"Late: {estimator}").value == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("family", "turn"),
    [("Up", Turn.COOPERATIVE), ("Down", Turn.NEGATIVE), ("Back", Turn.REVERSED)],
)
def test_a_family_without_a_turn_has_no_n_c_and_says_of_which_kind(planted: Lake, family: str, turn: Turn) -> None:
    found = on(planted, family=family).estimate("N_c", f"{family}: sign bracket")
    assert (found.value, found.low, found.high) == (None, None, None)
    assert status(found) == turn
    assert found.caveats[0].startswith(f"{turn}: ")
    rows = on(planted, family=family).table("turning_points").frame
    assert rows.filter(pl.col("label") == found.label)["status"].to_list() == [str(turn)]


def test_families_of_one_size_are_in_no_count_and_have_no_n_c(planted: Lake) -> None:
    result = on(planted)
    assert not any(e.symbol == "N_c" and e.label.startswith("Single") for e in result.estimates)
    counts = {e.label: e.value for e in result.estimates if e.symbol == "n_families_with_turn"}
    assert counts == {
        "bracketed": 3,  # Steps, Turn, Turn2
        "cooperative throughout": 2,  # Twin and Up
        "negative throughout": 1,
        "positive to negative only": 1,
        "outside the data": 0,
        "undefined": 1,  # Noise
        "any": 8,
    }
    assert "3 of 8 families" in result.sentences[0]
    falsifier = {e.label: e.value for e in result.estimates if e.symbol == "n_families_spanning"}
    assert falsifier == {"with a sign change": 3, "without a sign change": 3}  # five sizes within 0.1 to 10 B


def test_a_panel_of_one_size_families_is_refused_in_plain_words(planted: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="no two sizes of one family with both hellaswag and truthfulqa_mc2"):
        on(planted, panel="alone")


@pytest.mark.parametrize("label", ["population: logistic in log10 N", "population: fixed-effect quadratic"])
def test_the_population_turns_where_its_families_do(planted: Lake, label: str) -> None:
    found = on(planted, panel="author", families="Turn,Turn2,Steps").estimate("N_c", label)
    assert found.value is not None and 0.3 < found.value < 3.2
    only = on(planted, families="Turn,Turn2").estimate("N_c", label)
    assert only.value == pytest.approx(1.0)
    assert only.n == 2
    assert any("10 of 10 sizes in 2 families" in caveat for caveat in only.caveats)


def test_a_population_of_one_sign_has_no_n_c_and_the_sentence_claims_none(planted: Lake) -> None:
    result = on(planted, panel="one-way")
    found = result.estimate("N_c", "population: logistic in log10 N")
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "all intervals have one sign" in found.caveats[0]
    assert result.sentences[0].startswith("0 of 2 families")
    assert "there is no N_c" in result.sentences[1]
    assert " gives " not in " ".join(result.sentences)
    assert not any(e.symbol == "N_c_ratio" for e in result.estimates)


def test_a_ladder_compared_with_itself_has_ratio_one(planted: Lake) -> None:
    result = on(planted, family="Turn", compare_panel="author", compare_family="Turn")
    found = [e for e in result.estimates if e.symbol == "N_c_comparison"]
    assert [e.label.split(": ")[1] for e in found] == ESTIMATORS
    for ratio in found:
        assert ratio.value == pytest.approx(1.0)
        assert ratio.low <= 1.0 + 1e-9 and 1.0 - 1e-9 <= ratio.high


def test_a_ladder_shifted_by_a_decade_has_ratio_one_tenth(planted: Lake) -> None:
    result = on(planted, family="Turn", compare_panel="shifted", compare_family="Late")
    for ratio in (e for e in result.estimates if e.symbol == "N_c_comparison"):
        assert ratio.value == pytest.approx(0.1)
        assert any("not known to be measured alike in author and shifted" in caveat for caveat in ratio.caveats)


def test_panels_are_compared_by_their_population_estimators(planted: Lake) -> None:
    result = on(planted, panel="turning", compare_panel="author", compare_family="all")
    found = {e.label.split(": ")[1] for e in result.estimates if e.symbol == "N_c_comparison"}
    assert found == {"logistic in log10 N", "fixed-effect quadratic"}


def test_a_comparison_that_cannot_be_made_is_not_passed_over_in_silence(planted: Lake) -> None:
    """One family beside all families of a panel: an estimate, an error or a sentence must say what came of it."""
    try:
        result = on(planted, family="Turn", compare_panel="shifted")
    except CapeError:
        return
    told = [e for e in result.estimates if e.symbol == "N_c_comparison"]
    assert told or any("shifted" in sentence for sentence in result.sentences)


def test_the_spread_is_between_the_smallest_and_largest_bracket(planted: Lake) -> None:
    result = on(planted, panel="shifted", families="Late,Turn")
    turn, late = (result.estimate("N_c", f"{family}: sign bracket") for family in ("Turn", "Late"))
    assert result.estimate("N_c", "smallest of the sign brackets").value == turn.value
    largest = result.estimate("N_c", "largest of the sign brackets")
    assert largest.value == late.value and "family: Late" in largest.caveats
    spread = result.estimate("N_c_ratio", "largest over smallest family")
    assert spread.value == pytest.approx(late.value / turn.value)


def test_windows_and_families_reach_the_estimators(planted: Lake) -> None:
    below = on(planted, family="Turn", max_b=1.0).estimate("N_c", "Turn: sign bracket")
    above = on(planted, family="Turn", min_b=1.0).estimate("N_c", "Turn: sign bracket")
    assert (status(below), status(above)) == (Turn.NEGATIVE, Turn.COOPERATIVE)
    assert not math.isnan(on(planted, families="Turn").estimate("N_c", "Turn: sign bracket").value)


def test_the_papers_recipe_on_own_rows_does_not_need_the_papers_source(planted: Lake) -> None:
    assert planted.read("mart_pairs", panel="amin-lit-bootstrap", x=X).is_empty()
    result = on(planted, families="Turn,Turn2")
    found = result.estimate("N_c", "the paper's recipe on author Turn + Turn2; vertex of the rows themselves")
    assert found.value == pytest.approx(1.0)


def test_the_papers_own_recipe_is_given_where_its_rows_are(planted: Lake, two_by_two: Lake) -> None:
    label = "paper mode: pooled, not Pythia"
    assert label in {e.label for e in on(two_by_two).estimates}
    assert label not in {e.label for e in on(planted).estimates}


def test_the_population_leaves_out_one_size_families_and_says_how_many_sizes_are_left(planted: Lake) -> None:
    caveats = on(planted).estimate("N_c", "population: logistic in log10 N").caveats
    assert any("36 of 37 sizes in 8 families" in caveat for caveat in caveats)  # all but Single


@pytest.mark.parametrize(
    "label",
    ["Turn: zero of the weighted line", "Turn: vertex of the quadratic", "population: fixed-effect quadratic"],
)
def test_another_seed_moves_the_interval_of_every_estimator_and_no_value(planted: Lake, label: str) -> None:
    one, other = (on(planted, seed=seed).estimate("N_c", label) for seed in (0, 1))
    assert one.value == pytest.approx(other.value)
    assert (one.low, one.high) != (other.low, other.high)
