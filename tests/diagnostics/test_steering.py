"""The page of steering: published runs and what they do not say, and planted scorecards whose numbers are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from scipy.stats import fisher_exact

from cape import diagnostics
from cape.diagnostics._steering_card import card_of
from cape.diagnostics._steering_card_estimates import ALL_STORED, card_estimates
from cape.diagnostics._steering_recorded import DEDUPED, THREE_MODELS, UNSAID, tool_rule
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.figures.steering_card import truth_against_damage
from cape.figures.theme import THEMES
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from cape.symbols import SYMBOLS
from tests.diagnostics.planted_steering import (
    BEYOND,
    EFFECT,
    MOVED_WRONG,
    N_BROKEN,
    N_CHANGED,
    N_CORRECTED,
    N_WRONG,
    N,
    scorecard,
    steering_lake,
)

DIAGNOSTIC = diagnostics.get("steering")


def test_every_published_run_stands_once_with_its_counts(run: Any) -> None:
    frame = run("steering").table("recorded").frame
    assert frame.select("model_id", "file").is_unique().all()
    for row in frame.iter_rows(named=True):
        assert row["low"] <= row["changed_pct"] <= row["high"]
        assert row["changed_pct"] == pytest.approx(100 * row["n_changed"] / row["n_prompts"])
        assert row["corrected"] == "not recorded"


def test_what_no_run_publishes_is_undefined_with_its_reason(run: Any) -> None:
    result = run("steering")
    for symbol, why in UNSAID.items():
        found = result.estimate(symbol, "published runs")
        assert found.value is None and found.caveats == (why,)


def test_a_share_changed_is_never_called_corrected(run: Any) -> None:
    result = run("steering")
    changed = [e for e in result.estimates if e.symbol == "steering_changed"]
    assert len(changed) == result.table("recorded").frame.height
    assert all("no row says whether one of them is right" in e.caveats[0] for e in changed)
    assert any("changed is not corrected" in sentence for sentence in result.sentences)


def test_the_trend_of_two_runs_is_fishers_exact_test(run: Any) -> None:
    result = run("steering")
    rows = result.table("recorded").frame.filter(family="Pythia-deduped").to_dicts()
    table = [[row["n_changed"], row["n_prompts"] - row["n_changed"]] for row in rows]
    smaller = min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
    assert result.estimate("p_steering_trend", DEDUPED).value == pytest.approx(min(1.0, 2 * smaller))


def test_the_trend_of_the_papers_models_says_its_direction_and_all_counts(run: Any) -> None:
    found = run("steering").estimate("p_steering_trend", THREE_MODELS)
    assert found.n == 30 and "falls with size" in found.caveats[1]


@pytest.mark.parametrize(
    ("cosine", "word", "strength"),
    [
        (-1.0, "SEVERE_TAX", 3.0),
        (-0.1, "MILD_TAX", 1.5),
        (0.0999, "MILD_TAX", 1.5),
        (0.1, "BALANCED", 0.5),
        (0.3, "BONUS", 0.0),
        (1.0, "BONUS", 0.0),
    ],
)
def test_the_tools_rule_is_the_one_of_the_definitions(cosine: float, word: str, strength: float) -> None:
    assert tool_rule(cosine) == (word, strength)


def test_the_rule_repeats_the_recorded_strengths_and_says_that_one_step_holds_all(run: Any) -> None:
    found = run("steering").estimate("tool_rule", "strength from cos(truth)")
    assert found.value == 100 and "every recorded cosine falls into one step" in found.caveats[0]


@pytest.fixture(scope="module")
def planted(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = steering_lake(tmp_path_factory.mktemp("steering") / "lake", lake_paths.root)
    yield lake
    lake.close()


def on(lake: Lake, **params: Any) -> Result:
    return diagnostics.run("steering", {"resamples": 200, **params}, lake)


def test_the_largest_model_is_shown_and_another_on_request(planted: Lake) -> None:
    assert on(planted).estimate("answers_changed", "organism-large").n == N
    assert on(planted, model="organism-small").estimate("answers_changed", "organism-small").n == N
    with pytest.raises(UnknownNameError, match="organism-small"):
        on(planted, model="organism-smal")


def test_changed_corrected_and_kept_have_their_own_denominators(planted: Lake) -> None:
    result = on(planted)
    label = "organism-large"
    changed = result.estimate("answers_changed", label)
    assert (changed.value, changed.n) == (pytest.approx(100 * N_CHANGED / N), N)
    corrected = result.estimate("steering_corrected", label)
    assert (corrected.value, corrected.n) == (pytest.approx(100 * N_CORRECTED / N_WRONG), N_WRONG)
    kept, n_right = result.estimate("steering_kept_right", label), N - N_WRONG
    assert (kept.value, kept.n) == (pytest.approx(100 * (n_right - N_BROKEN) / n_right), n_right)
    assert f"changed {N_CHANGED} of {N} answers: {N_CORRECTED} of {N_WRONG} wrong ones became right" in " ".join(
        result.sentences
    )


def test_effects_carry_their_interval_p_and_share_moved_the_wrong_way(planted: Lake) -> None:
    result = on(planted)
    effect = result.estimate("steering_effect", "organism-large: steered less base, mc1")
    assert (effect.value, effect.low, effect.high) == (EFFECT, EFFECT - 4, EFFECT + 4)
    assert result.estimate("p_steering", "organism-large: steered less base, mc1").method == "McNemar"
    assert result.estimate("moved_wrong_way", "organism-large").value == pytest.approx(MOVED_WRONG)
    assert result.estimate("capability_change", "organism-large: steered less base, capability").value == -1.0
    assert not [e for e in result.estimates if "random 3" in e.label]


def test_the_mean_over_models_is_of_their_effects(planted: Lake) -> None:
    result = on(planted)
    assert result.estimate("steering_mean_effect", ALL_STORED).value == pytest.approx(EFFECT + 1)
    assert result.estimate("steering_mean_beyond", ALL_STORED).value == pytest.approx(BEYOND + 1)
    assert on(planted, measure="MC1").estimate("steering_mean_effect", ALL_STORED).value == pytest.approx(EFFECT)
    shares = {e.label: e.value for e in result.estimates if e.symbol == "steering_verdicts"}
    assert shares.pop("less true beyond random directions") == 0
    assert all(value == pytest.approx(100 / 3) for value in shares.values())


@pytest.mark.parametrize("compare_at", ["equal KL", "equal norm"])
def test_controls_are_shown_at_what_is_asked_beside_the_steered_arm(planted: Lake, compare_at: str) -> None:
    plane = on(planted, compare_at=compare_at).table("plane").frame
    controls = plane.filter(pl.col("kind").is_in(["random direction", "negative direction", "shuffled labels"]))
    assert set(controls["matching"]) == {compare_at}
    assert plane.filter(kind="random direction").height == 20
    assert set(plane["kind"]) >= {"base", "steered", "prompt only", "other layer", "paper mode"}
    assert plane.filter(kind="steered")["matching"].sort().to_list() == ["KL of prompt only", "equal norm"]


def test_the_grid_is_of_validation_and_marks_the_chosen_cell(planted: Lake) -> None:
    grid = on(planted).table("grid").frame
    assert grid.height == 6 and set(grid["n_questions"]) == {40}
    chosen = grid.filter("is_chosen")
    assert chosen.select("layer", "strength").row(0) == (1, 1.5) and chosen.height == 1
    assert chosen["change_pp"][0] == pytest.approx(42.5 - 45.0)


def test_a_damage_that_an_arm_lacks_is_counted_not_drawn(planted: Lake) -> None:
    result = on(planted, damage="capability score")
    figure = truth_against_damage(result, "light")
    assert "paper mode" not in {trace.name for trace in figure.data}
    assert any("Not drawn: 1 arm" in (note.text or "") for note in figure.layout.annotations)


@pytest.mark.parametrize("theme", THEMES)
def test_every_figure_draws_the_planted_scorecard(planted: Lake, theme: str) -> None:
    result = on(planted)
    for panel in DIAGNOSTIC.panels:
        if panel.figure is not None:
            assert panel.figure(result, theme).data, panel.name


@pytest.mark.parametrize("name", ["model", "measure", "damage", "compare_at"])
def test_a_parameter_of_the_scorecard_changes_the_numbers(planted: Lake, name: str) -> None:
    value = {"model": "organism-small", "measure": "MC1", "damage": "capability score", "compare_at": "equal norm"}
    one, other = on(planted), on(planted, **{name: value[name]})
    assert any(not a.frame.equals(b.frame) for a, b in zip(one.tables, other.tables, strict=True))


def test_estimates_of_the_planted_lake_have_known_symbols_and_units_once(planted: Lake) -> None:
    found = on(planted).estimates
    assert len({(e.symbol, e.label) for e in found}) == len(found)
    for e in found:
        declared = SYMBOLS[e.symbol].unit
        assert e.unit == declared or declared in ("", "as the quantity"), e
        assert None not in (e.value, e.low, e.high) or e.caveats, e


def test_a_scorecard_without_its_steered_arm_is_refused_in_plain_words() -> None:
    card = card_of(scorecard("m", 1, ""))
    without = dataclasses.replace(card, arms=card.arms.filter(pl.col("kind") != "steered"))
    with pytest.raises(NotEnoughDataError, match="steer-eval"):
        without.steered()


def test_answers_that_do_not_add_up_are_undefined(planted: Lake) -> None:
    card = card_of(scorecard("m", 1, ""))
    wrong = dataclasses.replace(card, effects=card.effects.with_columns(pl.lit(N).alias("n_broken")))
    found = {e.symbol: e for e in card_estimates(wrong)}
    assert found["steering_corrected"].value is None and found["steering_corrected"].caveats
