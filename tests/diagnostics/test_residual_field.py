"""Residual field: the calculator, steps by date and as printed, tiers, copies, releases read from names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics._frontier_pairs import LATER, frozen_line
from cape.diagnostics._frontier_scores import FROZEN, GPQA, SWE
from cape.diagnostics._frontier_steps import ANY_TIER, SAME_TIER, compared_dates, dated_steps
from cape.diagnostics.residual_field import DIAGNOSTIC
from cape.errors import BadParameterError, CapeError
from cape.figures import theme as look
from cape.lake import Lake
from cape.quantities import Result

FEW = {"resamples": 400}


@pytest.fixture(scope="module")
def shipped(lake: Lake) -> Callable[..., Result]:
    return lambda **params: run_diagnostic(DIAGNOSTIC, {**FEW, **params}, lake)


@pytest.fixture(scope="module")
def asked(shipped: Callable[..., Result]) -> Result:
    return shipped(swe="80", gpqa="60")


def release(model: str, date: str | None, x: float, y: float, **more: Any) -> dict[str, Any]:
    held = {"compute_tier": None, "is_release": True, "same_scores_as": None, "tier": "T", "date_precision": "month"}
    row = {
        "lab": "L",
        "model_id": model,
        "release_date": date,
        "x_pct": x,
        "y_pct": y,
        "x_se_pct": 1.0,
        "y_se_pct": 1.0,
    }
    return {**row, **held, **more}


def releases(*rows: dict[str, Any]) -> pl.DataFrame:
    texts = dict.fromkeys(("release_date", "compute_tier", "same_scores_as"), pl.String)
    return pl.DataFrame(list(rows), schema_overrides=texts)


# the calculator


def test_the_calculator_agrees_with_analyze_model(asked: Result, lake: Lake) -> None:
    other = diagnostics.run("analyze_model", {"swe_bench_verified": "80", "gpqa_diamond": "60", **FEW}, lake)
    for mine, theirs in (("refit", "refit"), ("frozen", "paper mode")):
        found = asked.estimate("h_frontier", f"your model, {mine}")
        beside = other.estimate("h_frontier", f"your model, frontier, {theirs}")
        assert found.value == pytest.approx(beside.value)
    h, beside = (
        r.estimate("h_frontier", label)
        for r, label in ((asked, "your model, refit"), (other, "your model, frontier, refit"))
    )
    assert (h.low, h.high) == pytest.approx((beside.low, beside.high), abs=2.5)  # other draws of the same recipe


def test_the_calculator_reads_h_off_both_lines(asked: Result, lake: Lake) -> None:
    rows = lake.read("mart_pairs", panel="frontier", x=SWE, y=GPQA)
    slope, intercept = np.polyfit(rows["x_pct"], rows["y_pct"], 1)
    assert asked.estimate("h_frontier", "your model, refit").value == pytest.approx(60 - intercept - slope * 80)
    line = frozen_line(lake.read)
    assert line is not None
    assert asked.estimate("h_frontier", "your model, frozen").value == pytest.approx(line.h(80.0, 60.0))
    expected = asked.estimate("predicted_gpqa", "your model, refit: labs as independent")
    assert expected.value == pytest.approx(intercept + slope * 80) and expected.low < expected.value < expected.high
    row = asked.table("yours").frame.row(0, named=True)
    assert row["regime"] == "coding-specialist" and row["direction"].startswith("coding")
    assert row["nearest_labs"].split(", ")[0] == "Anthropic"
    shares = [e.value for e in asked.estimates if e.symbol == "regime_chance"]
    assert sum(shares) == pytest.approx(1) and shares[0] > 0.97


def test_every_rule_is_listed_and_only_those_that_hold_are_said(asked: Result) -> None:
    rules = asked.table("advice").frame
    assert rules.height == 7
    holding = rules.filter("holds")
    assert holding["advice"].to_list() == [
        "Check reasoning before release: GPQA lies below what models with this SWE score have."
    ]
    said = [sentence for sentence in asked.sentences if sentence.startswith("Advice:")]
    assert len(said) == holding.height


@pytest.mark.parametrize(
    ("scores", "holding"),
    [
        ({"swe": "80", "gpqa": "87.5"}, ["No action", "Run both", "State the compute"]),
        ({"swe": "80", "gpqa": "77"}, ["Do not act on the regime"]),
        ({"swe": "95", "gpqa": "90"}, ["Do not rely on the line"]),
        ({"swe": "40", "gpqa": "95"}, ["Check coding"]),
    ],
)
def test_advice_follows_the_numbers(scores: dict, holding: list[str], shipped: Callable[..., Result]) -> None:
    advice = shipped(**scores).table("advice").frame.filter("holds")["advice"].to_list()
    for words in holding:
        assert any(text.startswith(words) for text in advice), (words, advice)


def test_half_an_input_gives_half_an_answer(shipped: Callable[..., Result]) -> None:
    nothing, only_swe, only_gpqa = shipped(), shipped(swe="80"), shipped(gpqa="80")
    for found in (nothing, only_gpqa):
        assert found.estimate("predicted_gpqa", "your model, refit: labs as independent").value is None
        assert found.table("yours").frame.is_empty() and not found.table("advice").frame["holds"].any()
    assert only_swe.estimate("predicted_gpqa", "your model, frozen").value is not None
    h = only_swe.estimate("h_frontier", "your model, refit")
    assert h.value is None and h.caveats == ("undefined: give gpqa",)
    assert "GPQA alone gives no h" in only_gpqa.sentences[0]


@pytest.mark.parametrize(
    ("params", "words"),
    [({"swe": "0.8"}, "swe .*fraction"), ({"gpqa": "x"}, "gpqa"), ({"swe": "inf"}, "swe"), ({"gpqa": "-1"}, "gpqa")],
)
def test_bad_scores_are_refused_by_name(params: dict, words: str, shipped: Callable[..., Result]) -> None:
    with pytest.raises(BadParameterError, match=words):
        shipped(**params)


@pytest.mark.parametrize("score", ["0", "100"])
def test_a_score_at_its_end_has_no_standard_error_and_says_so(score: str, shipped: Callable[..., Result]) -> None:
    found = shipped(swe="80", gpqa=score).estimate("h_frontier", "your model, refit")
    assert found.value is not None and "a standard error is unknown" in " ".join(found.caveats)


# models and labs


def test_h_of_every_model_is_that_of_a_fit_on_the_others(asked: Result, lake: Lake) -> None:
    rows = lake.read("mart_pairs", panel="frontier", x=SWE, y=GPQA).sort("model_id")
    x, y = rows["x_pct"].to_numpy(), rows["y_pct"].to_numpy()
    for index, model in enumerate(rows["model_id"]):
        kept = np.arange(x.size) != index
        slope, intercept = np.polyfit(x[kept], y[kept], 1)
        assert asked.estimate("h_frontier", f"{model}: refit").value == pytest.approx(
            y[index] - intercept - slope * x[index]
        )


def test_a_labs_mean_leaves_out_copies_and_further_compute_tiers(shipped: Callable[..., Result]) -> None:
    found = shipped(rows=LATER)
    zhipu, openai = (found.estimate("h_lab", f"{lab}: refit") for lab in ("Zhipu", "OpenAI"))
    assert (zhipu.n, zhipu.low) == (1, None)
    assert openai.n == 9 and "1 rows left out" in openai.caveats[-1]
    table = found.table("labs").frame.filter(pl.col("line") == "refit")
    classes = dict(zip(table["lab"], table["confidence"], strict=True))
    assert classes["Zhipu"] == "one release" and classes["xAI"] == "low" and classes["Anthropic"] == "low"


def test_compute_tiers_of_one_release_are_compared(shipped: Callable[..., Result]) -> None:
    rows = shipped().table("tiers").frame
    compute = rows.filter(pl.col("kind") == "compute tier")
    assert compute["label"].to_list() == ["gpt-5.4-xhigh less gpt-5.4-std (compute tier)"]
    assert compute["delta_swe_pp"].item() == 0 and compute["value"].item() == pytest.approx(
        compute["delta_gpqa_pp"].item()
    )
    product = rows.filter(pl.col("kind") == "product tier")["label"]
    assert any("claude-opus-4.5" in label and "claude-haiku-4.5" in label for label in product)


# steps


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        ("2025-01", "2025-02", -1),
        ("2025-01-31", "2025-01", 0),
        ("2025", "2025-06", 0),
        ("2025-02-02", "2025-02-01", 1),
        (None, "2025", None),
    ],
)
def test_dates_are_compared_at_the_coarser_precision(first: str | None, second: str, order: int | None) -> None:
    assert compared_dates(first, second) == order


def test_steps_run_by_date_within_a_tier_and_ties_form_none() -> None:
    rows = releases(
        release("a", "2025-01", 30, 40),
        release("c", "2025-06", 50, 52),
        release("b", "2025-03-04", 40, 50),
        release("tied-1", "2025-09", 60, 60),
        release("tied-2", "2025-09-20", 62, 61),
        release("later", "2025-12", 70, 65),
        release("undated", None, 20, 20),
        release("other", "2025-02", 35, 45, tier="U"),
        release("xhigh", "2025-03-04", 40, 58, compute_tier="xhigh", is_release=False),
    )
    steps, alone = dated_steps(rows, tiers=SAME_TIER)
    assert steps.select("model_from", "model_to").rows() == [("a", "b"), ("b", "c")]
    assert steps["gamma"].to_list() == pytest.approx([1.0, 0.2])
    reasons = dict(zip(alone["model_id"], alone["reason"], strict=True))
    assert set(reasons) == {"tied-1", "tied-2", "undated", "other"}
    assert "one release date" in reasons["tied-1"] and "unknown" in reasons["undated"]
    across, _ = dated_steps(rows, tiers=ANY_TIER)
    assert across.select("model_from", "model_to").rows() == [("a", "other"), ("other", "b"), ("b", "c")]


def test_a_small_denominator_leaves_gamma_undefined_by_either_rule() -> None:
    rows = releases(release("a", "2025-01", 50, 40), release("b", "2025-02", 52.5, 50), release("c", "2025-03", 54, 51))
    steps, _ = dated_steps(rows, tiers=SAME_TIER)
    assert steps["gamma_raw"].to_list() == pytest.approx([4.0, 2 / 3])
    assert steps["gamma_paper"].to_list() == [pytest.approx(4.0), None]
    assert steps["gamma"].to_list() == [None, None]  # 1.96 sqrt(2) is 2.77 points
    assert all("standard errors" in reason for reason in steps["undefined_reason"])


def test_a_copied_row_gives_no_gamma(shipped: Callable[..., Result]) -> None:
    steps = shipped(rows=LATER).table("steps").frame
    row = steps.row(by_predicate=pl.col("model_to") == "glm-5.1", named=True)
    assert row["gamma"] is None and "copy" in row["undefined_reason"]


def test_printed_steps_keep_their_order_and_say_what_is_wrong_with_them(
    shipped: Callable[..., Result], lake: Lake
) -> None:
    found = shipped(order="as printed")
    steps = found.table("steps").frame
    claims = lake.read("mart_claims_as_printed").filter(pl.col("claim_id").str.contains(r"^FRO-T\dg$")).sort("claim_id")
    assert [f"gamma12 {a}->{b}" for a, b in steps.select("model_from", "model_to").rows()] == claims["claim"].to_list()
    last = steps.row(-1, named=True)
    assert "tiers differ" in last["undefined_reason"] and "backwards in time" in last["undefined_reason"]
    ours = found.estimate("gamma_release", f"{last['model_from']} to {last['model_to']}, as printed: ours")
    ratio = found.estimate("gamma_release", f"{last['model_from']} to {last['model_to']}: ratio")
    assert ours.value is None and ratio.value == pytest.approx(last["delta_y_pp"] / last["delta_x_pp"])
    small = steps.filter(pl.col("delta_x_pp").abs() < 2)
    assert small.height == 4 and small["gamma_paper"].null_count() == 4


def test_releases_are_read_from_names(lake: Lake) -> None:
    rows = {row["model_id"]: row for row in lake.read("mart_releases").iter_rows(named=True)}
    expected = {
        "claude-3.5-sonnet": ("Claude Sonnet", "3.5", None, "month"),
        "claude-sonnet-4.5": ("Claude Sonnet", "4.5", None, "month"),
        "gpt-4o": ("GPT", "4o", None, "day"),
        "gpt-5.4-xhigh": ("GPT", "5.4", "xhigh", "month"),
        "gpt-5.2-pro": ("GPT Pro", "5.2", None, "month"),
        "o3-mini": ("o mini", "3", None, "day"),
        "deepseek-r1": ("DeepSeek R", "1", None, "month"),
        "qwen3.5-72b": ("Qwen 72B", "3.5", None, "unknown"),
    }
    found = {
        name: tuple(rows[name][key] for key in ("tier", "version", "compute_tier", "date_precision"))
        for name in expected
    }
    assert found == expected


# surfaces


@pytest.mark.parametrize("theme", look.THEMES)
@pytest.mark.parametrize("params", [{}, {"swe": "80", "gpqa": "75", "order": "as printed"}])
def test_figures_are_drawn(theme: str, params: dict, shipped: Callable[..., Result]) -> None:
    found = shipped(**params)
    for panel in DIAGNOSTIC.panels:
        if panel.figure is not None:
            assert panel.figure(found, theme).data, panel.name


def test_the_command_is_called_by_its_short_name(lake: Lake) -> None:
    assert diagnostics.get("h-field") is diagnostics.get("h_field") is diagnostics.get("residual-field")
    found = diagnostics.run("h-field", {"swe": "80", "gpqa": "60", **FEW}, lake)
    assert json.loads(json.dumps(found.as_dict()))["params"]["swe"] == "80"
    assert found.params["rows"] == FROZEN


def test_without_frozen_rows_the_page_says_what_to_do(shipped: Callable[..., Result]) -> None:
    with pytest.raises(CapeError, match="frozen 34"):
        shipped(rows="frozen 35")


def test_the_advice_says_what_to_enter_where_nothing_was_entered(run: Any) -> None:
    rules = run("residual_field").table("advice").frame
    assert rules.height == 1 and not rules["holds"][0] and "Enter" in rules["advice"][0]
