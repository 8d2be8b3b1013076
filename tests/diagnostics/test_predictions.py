"""Criteria are read in full or not at all; statuses follow from planted rows; the day decides what is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._criteria import Kind, Quantifier, day_of, parse_criterion, releases_meant
from cape.diagnostics._criterion_values import Status, status_of
from cape.diagnostics._falsifiers import check_statement
from cape.diagnostics._frontier_scores import EVERY
from cape.diagnostics._prediction_rows import State, foretold_of, history, state_on
from cape.errors import BadParameterError
from cape.lake import Lake

SWE, GPQA, IFEVAL, HLE = "swe_bench_verified", "gpqa_diamond", "ifeval", "hle"
DRAWS = (400, 0)


# Reading the texts.


def test_every_criterion_of_the_lake_is_read(lake: Lake) -> None:
    for row in lake.read("mart_predictions").iter_rows(named=True):
        if row["prediction_id"].startswith("P"):
            foretold = foretold_of(row, ("DeepSeek", "Google"))
            assert foretold.passes and foretold.fails, row
            assert (foretold.deadline is None) != (foretold.releases is None)


def test_a_criterion_of_two_spreads_is_read_with_its_numbers() -> None:
    found = parse_criterion("top-10 IFEval spread < 3 pp while HLE spread > 15 pp")
    assert found is not None and not found.is_any
    first, second = found.clauses
    assert (first.kind, first.benchmarks, first.best, first.relation, first.bound) == (
        Kind.SPREAD,
        (IFEVAL,),
        10,
        "<",
        3.0,
    )
    assert (second.benchmarks, second.best, second.bound, second.unit) == ((HLE,), 10, 15.0, "pp")


def test_what_a_fail_criterion_leaves_out_comes_from_the_pass_criterion() -> None:
    passes = parse_criterion("r(GPQA,IFEval) > +0.6 on n>=8 frontier models")
    fails = parse_criterion("r < 0.3 or n < 5", like=passes)
    assert passes and fails and fails.is_any and not passes.is_any
    assert [clause.benchmarks for clause in fails.clauses] == [(GPQA, IFEVAL)] * 2
    assert [clause.kind for clause in passes.clauses] == [Kind.CORRELATION, Kind.COUNT]


def test_releases_after_a_month_are_after_its_last_day() -> None:
    passes = parse_criterion("h < 0 for both of the next two releases after February 2028")
    fails = parse_criterion("h > +5 for either", like=passes)
    assert passes and fails
    assert passes.clauses[0].after == date(2028, 2, 29) == fails.clauses[0].after
    assert (passes.clauses[0].quantifier, fails.clauses[0].quantifier) == (Quantifier.BOTH, Quantifier.EITHER)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "the spread shrinks",
        "top5 SWE spread < 2 pp unless GPQA moves",
        "r(SWE,GPQA) > 0.5 by December",
        "top5 MATH spread < 2 pp",
        "top5 SWE spread < two pp",
    ],
)
def test_a_text_that_is_not_understood_in_full_is_not_read_at_all(text: str | None) -> None:
    assert parse_criterion(text) is None


def test_deadlines_are_days_or_numbers_of_releases() -> None:
    assert day_of("2026-12-31") == date(2026, 12, 31) and releases_meant("2026-12-31") is None
    assert releases_meant("next-3-releases") == 3 and day_of("next-3-releases") is None
    assert day_of("open") is None and releases_meant(None) is None


def test_bounds_hold_on_their_side_only_and_their_end_only_where_it_is_meant() -> None:
    clauses = {sign: parse_criterion(f"r(SWE,GPQA) {sign} 0.5").clauses[0] for sign in ("<", "<=", ">", ">=")}  # type: ignore[union-attr]
    assert [clauses[sign].holds(0.5) for sign in ("<", "<=", ">", ">=")] == [False, True, False, True]
    assert [clauses[sign].holds(0.4) for sign in ("<", ">")] == [True, False]
    assert clauses[">"].margin(0.8) == pytest.approx(0.3) and clauses["<"].margin(0.8) == pytest.approx(-0.3)


# Statuses on planted rows.


def row(model: str, benchmark: str, score: float, *, se: float = 0.1, **more: Any) -> dict[str, Any]:
    held = {"model_id": model, "display_name": model, "lab": f"Lab {model}", "release_date": "2025-01"}
    held |= {"benchmark_id": benchmark, "score_pct": score, "score_se_pct": se, "precedence": 1, "model_flags": None}
    held |= {"source_id": "planted", "is_panel_row": True, "known_at": date(2026, 1, 1)}
    return held | more


def planted(rows: Sequence[dict[str, Any]]) -> Callable[..., pl.DataFrame]:
    parts = [
        {"name": "slope", "kind": "number", "value": 0.5, "unit": "", "decimals": 3, "relation": "="},
        {"name": "intercept", "kind": "number", "value": 40.0, "unit": "", "decimals": 1, "relation": "="},
    ]
    views = {
        "mart_frontier_scores": pl.DataFrame(rows, infer_schema_length=None),
        "mart_claims_as_printed": pl.DataFrame({"claim_id": ["FRO-03"], "parts": [json.dumps(parts)]}),
    }

    def read(view: str, /, **equals: Any) -> pl.DataFrame:
        frame = views[view]
        for column, value in equals.items():
            frame = frame.filter(pl.col(column) == value)
        return frame

    return read


def asked(passes: str, fails: str, *, deadline: str = "2026-12-31", statement: str = "A statement") -> Any:
    text = {"prediction_id": "X", "statement": statement, "deadline": deadline}
    return foretold_of({**text, "pass_criterion": passes, "fail_criterion": fails}, ("Lab A", "Lab B"))


def judged(foretold: Any, rows: Sequence[dict[str, Any]], today: date = date(2026, 6, 1)) -> State:
    return state_on(foretold, planted(rows), rows=EVERY, today=today, draws=DRAWS)


def ladder(benchmark: str, scores: Sequence[float], **more: Any) -> list[dict[str, Any]]:
    return [row(f"m{place}", benchmark, score, **more) for place, score in enumerate(scores)]


SPREADS = asked("top5 SWE spread < 2 pp AND top5 GPQA spread > 5 pp", "top5 SWE spread > 5 pp")


@pytest.mark.parametrize(
    ("swe", "gpqa", "se", "status", "by_value"),
    [
        ([80, 80.2, 80.4, 80.6, 80.8], [60, 65, 70, 75, 80], 0.1, "pass", "pass"),
        ([60, 65, 70, 75, 80], [60, 65, 70, 75, 80], 0.1, "fail", "fail"),
        ([80, 80.2, 80.4, 80.6, 80.8], [60, 65, 70, 75, 80], 2.0, "undecided", "pass"),
        ([80, 81, 82, 83, 84], [60, 65, 70, 75, 80], 0.1, "undecided", "undecided"),
        ([80, 80.2, 80.4, 80.6, 80.8], [60, 60.1, 60.2, 60.3, 60.4], 0.1, "undecided", "undecided"),
        ([80, 80.2, 80.4, 80.6], [60, 65, 70, 75, 80], 0.1, "undecided", "undecided"),
    ],
    ids=["narrow", "wide", "narrow within errors", "between", "one clause of two", "four models"],
)
def test_spreads_are_judged_by_their_whole_interval(
    swe: list[float], gpqa: list[float], se: float, status: str, by_value: str
) -> None:
    found = judged(SPREADS, [*ladder(SWE, swe, se=se), *ladder(GPQA, gpqa, se=se)]).checked
    assert (found.status, found.by_value) == (status, by_value)


def test_what_is_missing_is_counted() -> None:
    found = judged(SPREADS, [*ladder(SWE, [80, 81, 82]), *ladder(GPQA, [60, 65, 70, 75, 80])])
    assert found.checked.needs == "2 more models with SWE"
    assert found.checked.value is None and found.checked.distance is None


COUPLED = asked("r(SWE,GPQA) > +0.5 on n>=8 frontier models", "r < 0.3 or n < 5")


def pairs(n: int, slope: float = 1.0, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    x = np.linspace(40, 80, n)
    y = 60 + slope * (x - 60) * 0.5 + rng.normal(0, 1, n)
    return [*ladder(SWE, x.tolist()), *ladder(GPQA, y.tolist())]


def test_a_correlation_with_enough_models_passes_and_its_value_is_that_of_numpy() -> None:
    rows = pairs(12)
    found = judged(COUPLED, rows)
    x, y = ([r["score_pct"] for r in rows if r["benchmark_id"] == name] for name in (SWE, GPQA))
    reading = found.readings["pass"][0]
    assert reading.found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.checked.status is Status.PASS and not found.is_final


def test_a_negative_correlation_fails() -> None:
    assert judged(COUPLED, pairs(12, slope=-1.0)).checked.status is Status.FAIL


def test_too_few_models_fail_only_once_the_deadline_has_passed() -> None:
    rows = pairs(4)
    before, after = judged(COUPLED, rows), judged(COUPLED, rows, today=date(2027, 1, 1))
    assert (before.checked.status, before.checked.by_value) == (Status.UNDECIDED, Status.FAIL)
    assert "4 more models with SWE and GPQA" in before.checked.needs
    assert after.checked.status is Status.FAIL and after.is_final


def test_rows_known_after_the_deadline_do_not_count() -> None:
    late = [{**each, "known_at": date(2027, 2, 1)} for each in pairs(12)]
    found = judged(COUPLED, late, today=date(2027, 3, 1))
    assert found.on == date(2026, 12, 31) and found.checked.status is Status.FAIL
    assert judged(COUPLED, pairs(12), today=date(2027, 3, 1)).checked.status is Status.PASS


def test_the_deadline_itself_is_not_yet_past() -> None:
    assert not judged(COUPLED, pairs(12), today=date(2026, 12, 31)).is_final


RELEASES = asked(
    "h < 0 for both of the next two releases after May 2026",
    "h > +5 for either",
    deadline="next-2-releases",
    statement="Lab A stays coding-first",
)


def release(model: str, h: float, month: str, *, lab: str = "Lab A", se: float = 0.1) -> list[dict[str, Any]]:
    """Return a model whose h from the planted line 0.5 SWE + 40 is h."""
    more = {"lab": lab, "release_date": month, "se": se}
    return [row(model, SWE, 60.0, **more), row(model, GPQA, 70.0 + h, **more)]


@pytest.mark.parametrize(
    ("rows", "status", "value"),
    [
        ([release("a", -3, "2026-06"), release("b", -4, "2026-08")], "pass", -3),
        ([release("a", -3, "2026-06"), release("b", 7, "2026-08")], "fail", 7),
        ([release("a", 7, "2026-06")], "fail", 7),
        ([release("a", -3, "2026-06")], "undecided", -3),
        ([release("a", -3, "2026-06"), release("b", 2, "2026-08")], "undecided", 2),
        ([release("a", -3, "2026-06", se=9), release("b", -3, "2026-08", se=9)], "undecided", -3),
        ([release("a", -3, "2026-05"), release("b", -3, "2026-05-31")], "undecided", None),
        ([release("a", -3, "2026")], "undecided", None),
        ([release("a", -3, "2026-06", lab="Lab B"), release("b", -3, "2026-08", lab="Lab B")], "undecided", None),
        ([release("a", -3, "2026-06"), release("b", -4, "2026-08"), release("c", 9, "2026-09")], "pass", -3),
    ],
    ids=[
        "both below",
        "one above",
        "the first is above",
        "one still missing",
        "between",
        "within errors",
        "not after May",
        "no month",
        "another lab",
        "a third one does not count",
    ],
)
def test_the_next_releases_of_a_lab_are_scored_in_order_of_date(
    rows: list[list[dict[str, Any]]], status: str, value: float | None
) -> None:
    found = judged(RELEASES, [r for each in rows for r in each], today=date(2027, 1, 1)).checked
    assert found.status == status
    assert found.value == (None if value is None else pytest.approx(value))


def test_pass_and_fail_together_are_undecided() -> None:
    assert status_of(True, True) is Status.UNDECIDED
    assert [status_of(*both) for both in ((True, None), (None, True), (False, False), (None, None))] == [
        Status.PASS,
        Status.FAIL,
        Status.UNDECIDED,
        Status.UNDECIDED,
    ]


def test_the_history_holds_what_was_known_on_each_day_and_grows_with_the_rows() -> None:
    rows = [{**each, "known_at": date(2026, 1 + place % 3, 1)} for place, each in enumerate(pairs(12))]
    read = planted(rows)
    states = list(history([COUPLED], read, rows=EVERY, today=date(2026, 3, 1), seed=0))
    assert [state.on for state in states] == [date(2026, month, 1) for month in (1, 2, 3)]
    assert [state.readings["pass"][1].found.value for state in states] == [4, 8, 12]
    for state in states:
        seen = [each for each in rows if each["known_at"] <= state.on]
        alone = state_on(COUPLED, planted(seen), rows=EVERY, today=state.on, draws=(1000, 0))
        assert state.checked == alone.checked
    assert states[-1].checked.status is Status.PASS
    assert len(list(history([COUPLED], read, rows=EVERY, today=date(2026, 2, 1), seed=0))) == 2


def test_the_first_in_precedence_among_the_rows_known_on_a_day_stands() -> None:
    rows = [*ladder(SWE, [80, 81, 82, 83, 84]), *ladder(GPQA, [60, 65, 70, 75, 80])]
    later = [{**row("m0", SWE, 20.0), "known_at": date(2026, 5, 1), "precedence": 0}]
    early, late = (
        judged(SPREADS, [*rows, *later], today=day).readings["pass"][0].found.value
        for day in (date(2026, 4, 1), date(2026, 6, 1))
    )
    assert (early, late) == (4.0, 64.0)


# The page as a whole.


def test_the_day_is_a_parameter_and_no_clock_is_read(run: Any, monkeypatch: pytest.MonkeyPatch, lake: Lake) -> None:
    newest = lake.read("mart_frontier_scores")["known_at"].max()
    assert run("predictions").sentences[0].startswith(f"Scored on {newest}, the newest day")
    asked_for = run("predictions", today="2026-12-01")
    left = {e.label: e.value for e in asked_for.estimates if e.symbol == "days_left"}
    assert left["P1"] == 30
    past = run("predictions", today="2028-01-01").table("status").frame
    assert past.filter(pl.col("deadline").str.starts_with("20"))["is_final"].all()


@pytest.mark.parametrize("today", ["tomorrow", "2026-13-01", "01.06.2026", "2026-06-31"])
def test_a_day_that_is_none_is_refused(today: str, lake: Lake) -> None:
    with pytest.raises(BadParameterError, match="YYYY-MM-DD"):
        diagnostics.run("predictions", {"today": today}, lake)


def test_before_any_row_is_known_nothing_is_decided(run: Any) -> None:
    frame = run("predictions", today="2000-01-01").table("status").frame
    assert set(frame["status"]) == {"undecided"}
    assert run("predictions", today="2000-01-01").table("history").frame.is_empty()


def test_bounds_come_from_the_lake_and_not_from_the_code(lake: Lake) -> None:
    prediction = lake.read("mart_predictions", prediction_id="P5").row(0, named=True)
    harder = {**prediction, "pass_criterion": prediction["pass_criterion"].replace("+0.5", "+0.99")}
    day = date(2026, 5, 31)
    plain, hard = (
        state_on(foretold_of(each, ()), lake.read, rows=EVERY, today=day, draws=DRAWS) for each in (prediction, harder)
    )
    assert (plain.checked.status, hard.checked.status) == (Status.PASS, Status.UNDECIDED)


def test_every_falsifier_of_the_lake_is_known_to_a_rule_and_another_text_to_none(lake: Lake) -> None:
    for statement in lake.read("mart_predictions").iter_rows(named=True):
        if not statement["prediction_id"].startswith("P"):
            assert check_statement(statement, lake.read).what != "no rule reads this text"
    strange = {"statement": "Everything improves", "fail_criterion": None}
    assert check_statement(strange, lake.read).status is Status.UNDECIDED


def test_families_without_a_turn_are_those_that_critical_scale_counts(run: Any) -> None:
    found = next(e for e in run("predictions").estimates if e.label.startswith("F1"))
    counted = run("critical_scale", panel="independent", curve="no curve")
    assert found.value == counted.estimate("n_families_spanning", "without a sign change").value
    assert found.low <= found.value <= found.high


def _stored(rows: dict[str, pl.DataFrame]) -> Any:
    def read(view: str, /, **equals: Any) -> pl.DataFrame:
        return rows[view].filter(*(pl.col(name) == value for name, value in equals.items()))

    return read


@pytest.mark.parametrize(
    ("pooled", "alone", "status"),
    [
        (0, 0, Status.PASS),
        (2, 5, Status.FAIL),
        (0, 5, Status.UNDECIDED),
        (None, 5, Status.UNDECIDED),
        (0, None, Status.UNDECIDED),
    ],
)
def test_the_held_out_falsifier_follows_both_readings(pooled: int | None, alone: int | None, status: Status) -> None:
    about = {"diagnostic": "ode_explorer", "panel": "independent", "symbol": "n_counterexamples", "n": 30}
    rows = [{**about, "label": "leave one family out", "value": pooled, "is_stale": True}]
    claims = [{"claim_id": "ODE-26", "our_value": alone, "n": 29, "is_stale": False}]
    read = _stored(
        {
            "mart_estimates": pl.DataFrame(rows, schema_overrides={"value": pl.Float64}),
            "mart_claims": pl.DataFrame(claims, schema_overrides={"our_value": pl.Float64}),
        }
    )
    text = {"fail_criterion": "independent holdout family with ODE MAE > 15%", "statement": ""}
    found = check_statement(text, read)
    assert found.status is status
    if pooled is None or alone is None:
        assert found.value is None and "recompute" in found.needs
        return
    assert (found.value, found.low, found.high) == (pooled, min(pooled, alone), max(pooled, alone))
    assert "older lake" in found.counted and f"{alone} of 29" in found.counted
    assert ("readings differ" in found.needs) == (status is Status.UNDECIDED)


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("agrees", Status.PASS),
        ("inside our interval", Status.PASS),
        ("disagrees", Status.FAIL),
        ("too wide to say", Status.UNDECIDED),
        ("not defined by this data", Status.UNDECIDED),
    ],
)
def test_a_confirmation_of_the_ode_follows_the_ledger(verdict: str, status: Status) -> None:
    row = {"claim_id": "ODE-03", "our_value": 7.0, "low": 5.0, "high": 9.0, "n": 3, "supported": verdict}
    read = _stored({"mart_claims": pl.DataFrame([{**row, "is_stale": False}])})
    found = check_statement({"fail_criterion": None, "statement": "ODE cross-predicts Llama-2 at 4% MAE"}, read)
    assert (found.status, found.value, found.distance) == (status, 7.0, -3.0)
    assert (found.needs == "") == (status is not Status.UNDECIDED)


def test_counts_of_statuses_add_up(run: Any) -> None:
    counts = {e.label: e.value for e in run("predictions").estimates if e.symbol == "n_predictions"}
    for kind in ("dated", "past", "open"):
        assert counts[kind] == sum(counts[f"{kind}: {status}"] for status in Status)


def test_a_status_of_a_criterion_that_cannot_be_read_says_so() -> None:
    found = judged(replace(COUPLED, passes=None), pairs(12)).checked
    assert found.status is Status.UNDECIDED and "can read" in found.needs


def test_a_day_after_all_that_the_lake_knows_is_said_to_be_one(run: Any) -> None:
    ahead = run("predictions", today="2031-01-01").sentences
    assert any("2031-01-01 lies" in text and "does not count" in text for text in ahead)
    assert not any("lies" in text and "does not count" in text for text in run("predictions").sentences)
