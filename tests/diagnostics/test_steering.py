"""The page of steering on the published runs: counts, what they do not say, the tool's rule."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import fisher_exact

from cape.diagnostics._steering_recorded import DEDUPED, THREE_MODELS, UNSAID, tool_rule


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
    assert "changed is not corrected" in result.sentences[0]


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
