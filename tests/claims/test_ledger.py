"""The ledger: every row is typed, what is wired is judged on both sides, what is stored is what is computed now."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cape import diagnostics, ledger
from cape.claims import PartKind, Verdict, parse_parts, worst
from cape.diagnostics import DIAGNOSTICS, Answer, Diagnostic, Settles, Side
from cape.errors import CapeError, NotEnoughDataError
from cape.lake import Lake, LakePaths, build_lake, lake_version
from cape.symbols import SYMBOLS

SETTLED_PREFIXES = ("PAN-", "COR-", "NC-", "OLM-", "DEF-", "LOS-", "GRA-", "WID-", "MAT-", "PHY-", "PHI-", "ODE-")
SETTLED_PREFIXES += ("FRO-", "FAL-", "NEW-", "STE-")
SETTLED_PREFIXES += ("QWE-", "GEM-", "INT-")
SETTLED: set[str] = set()
LATER: set[str] = set()
PART_KEYS = {"name", "kind", "printed", "unit"} | {
    f"{side}{end}" for side in ("reproduced", "supported") for end in ("", "_value", "_low", "_high", "_n", "_reason")
}
# Answers that find no estimate, and why that is the right outcome.
NO_ESTIMATE = {
    ("PAN-02", "deepseek_in_panel"): "the panel holds no DeepSeek row: that is the answer",
    ("PAN-02", "mpt_in_panel"): "the panel holds no MPT row: that is the answer",
    ("PAN-05", "frontier"): "no rule of A.1 gives the phase `frontier`",
}
TOO_LITTLE = {
    ("PAN-04", "reproduced"): "both Gemma rows have one size",
    ("NC-17", "reproduced"): "the author's rows hold one Qwen3 size",
}
WIRED = [(diagnostic, settles) for diagnostic in DIAGNOSTICS for settles in diagnostic.claims]


def _sides(settles: Settles) -> dict[str, Side]:
    return {"reproduced": settles.reproduced, "supported": settles.supported}


def _printed(lake: Lake) -> dict[str, tuple[Any, ...]]:
    rows = lake.read("mart_claims_as_printed").iter_rows(named=True)
    return {row["claim_id"]: parse_parts(row["claim_id"], row["parts"]) for row in rows}


def test_every_row_of_the_file_is_typed_and_says_of_what_and_where(lake_paths: LakePaths, lake: Lake) -> None:
    with (lake_paths.root / "claims.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [row["claim_id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert set(lake.read("mart_claims")["claim_id"]) == set(ids)
    for row in rows:
        assert parse_parts(row["claim_id"], row["parts"])
        for column in ("source", "claim", "quantity", "population", "method", "found_in"):
            assert row[column].strip(), f"{row['claim_id']}: {column} is empty"


def test_printed_decimals_are_those_of_the_printed_value(lake: Lake) -> None:
    wrong = [
        (claim_id, part.name, part.value, part.decimals)
        for claim_id, parts in _printed(lake).items()
        for part in parts
        if part.kind is PartKind.NUMBER
        and part.decimals is not None
        and abs(part.value * 10.0**part.decimals - round(part.value * 10.0**part.decimals)) > 1e-6
    ]
    assert wrong == []


def test_exactly_the_claims_of_this_issue_are_wired(lake: Lake, stored: dict[str, dict]) -> None:
    ids = set(lake.read("mart_claims")["claim_id"])
    due = {name for name in ids if name.startswith(SETTLED_PREFIXES) or name in SETTLED} - LATER
    assert LATER <= ids
    assert set(stored) == due
    assert set(ledger.open_claims(lake)) == ids - due


def test_no_part_of_a_wired_claim_is_open_on_either_side(stored: dict[str, dict]) -> None:
    parts = [(claim, part) for claim, row in stored.items() for part in row["parts"]]
    open_parts = [
        (claim, part["name"], side)
        for claim, part in parts
        for side in ("reproduced", "supported")
        if part[side] == Verdict.OPEN
    ]
    assert open_parts == []


def test_an_unjudged_claim_is_open_on_both_sides_and_shows_its_printed_parts(
    lake: Lake, lake_paths: LakePaths, stored: dict, tmp_path: Path
) -> None:
    root = tmp_path / "lake"
    kept = shutil.ignore_patterns("built", "local", "cape.duckdb", ".cape-*")
    shutil.copytree(lake_paths.root, root, ignore=kept)
    file = root / "computed" / "ledger" / "ledger.parquet"
    left_out = sorted(stored)[:2]
    pl.read_parquet(file).filter(~pl.col("claim_id").is_in(left_out)).write_parquet(file)
    build_lake(LakePaths(root))
    without = Lake.open(LakePaths(root))
    try:
        rows = without.read("mart_claims").filter(pl.col("diagnostic").is_null())
    finally:
        without.close()
    assert rows["claim_id"].sort().to_list() == left_out
    assert set(rows["reproduced"]) == set(rows["supported"]) == {"open"}
    assert rows["our_value"].null_count() == rows.height
    printed = _printed(lake)
    for row in rows.iter_rows(named=True):
        assert parse_parts(row["claim_id"], row["parts"]) == printed[row["claim_id"]]


@pytest.mark.parametrize(
    ("diagnostic", "settles"), WIRED, ids=[f"{d.slug}-{s.claim_id}-{i}" for i, (d, s) in enumerate(WIRED)]
)
def test_a_wiring_names_parts_symbols_and_labels_that_exist(
    diagnostic: Diagnostic, settles: Settles, runs: ledger.Runs, lake: Lake
) -> None:
    parts = {part.name: part for part in _printed(lake)[settles.claim_id]}
    for name, side in _sides(settles).items():
        assert set(side.answers) <= set(parts)
        assert side.answers or side.undefined, "a side without answers must say why"
        for part, answer in side.answers.items():
            assert answer.symbol in SYMBOLS
            assert (answer.words is not None) == (parts[part].kind is PartKind.TEXT)
        if side.undefined:
            continue
        result = runs.get(diagnostic.slug, side.params)
        if isinstance(result, NotEnoughDataError):
            assert (settles.claim_id, name) in TOO_LITTLE, str(result)
            continue
        held = {(e.symbol, e.label) for e in result.estimates}
        missing = {p for p, a in side.answers.items() if (a.symbol, a.label) not in held and a.absent is None}
        assert missing <= {part for claim, part in NO_ESTIMATE if claim == settles.claim_id}
        assert set(side.context) <= held


def test_the_list_of_answers_without_an_estimate_holds_nothing_too_many(runs: ledger.Runs) -> None:
    missing, too_little = set(), set()
    for diagnostic, settles in WIRED:
        for name, side in _sides(settles).items():
            result = None if side.undefined else runs.get(diagnostic.slug, side.params)
            if isinstance(result, NotEnoughDataError):
                too_little.add((settles.claim_id, name))
            elif result is not None:
                held = {(e.symbol, e.label) for e in result.estimates}
                missing |= {(settles.claim_id, p) for p, a in side.answers.items() if (a.symbol, a.label) not in held}
    assert missing == set(NO_ESTIMATE)
    assert too_little == set(TOO_LITTLE)


def test_both_sides_of_one_claim_use_the_parameters_they_state(stored: dict[str, dict], lake: Lake) -> None:
    for row in stored.values():
        diagnostics.accept(diagnostics.get(row["diagnostic"]).params, json.loads(row["params"]), lake)


def test_each_part_shows_print_verdicts_values_and_reasons(stored: dict[str, dict], lake: Lake) -> None:
    printed = _printed(lake)
    for claim, row in stored.items():
        assert [part["name"] for part in row["parts"]] == [part.name for part in printed[claim]]
        for part, as_printed in zip(row["parts"], printed[claim], strict=True):
            assert set(part) == PART_KEYS
            assert part["printed"] == as_printed.printed()
            for side in ("reproduced", "supported"):
                assert part[side] in set(Verdict)
                assert part[f"{side}_reason"].strip()
                if part[side] in (Verdict.AGREES, Verdict.INSIDE, Verdict.TOO_WIDE, Verdict.DISAGREES):
                    assert part[f"{side}_value"] is not None


def test_a_claim_shows_its_worst_part_and_the_reason_of_it(stored: dict[str, dict]) -> None:
    for claim, row in stored.items():
        for side in ("reproduced", "supported"):
            severest = worst(tuple(Verdict(part[side]) for part in row["parts"]))
            assert row[side] == severest, claim
            reason = next(part[f"{side}_reason"] for part in row["parts"] if part[side] == severest)
            assert f"{side.capitalize()}: {reason.rstrip('.')}." in row["reason"]


def test_a_claim_shows_our_number_with_the_interval_that_belongs_to_it(stored: dict[str, dict]) -> None:
    keys = ("our_value", "low", "high", "n")
    for claim, row in stored.items():
        shown = tuple(row[key] for key in keys)
        found = [
            tuple(part[f"{side}_{end}"] for end in ("value", "low", "high", "n"))
            for side in ("supported", "reproduced")
            for part in row["parts"]
            if isinstance(part[f"{side}_value"], float)
        ]
        assert shown == (found[0] if found else (None, None, None, None)), claim


def test_stored_verdicts_are_what_is_judged_now(
    lake: Lake, stored: dict[str, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ledger.judge_all(lake)
    message = "lake/computed is not what the code gives now; run scripts/recompute_claims.py"
    assert [row["claim_id"] for row in rows] == list(stored), message
    for row in rows:
        fresh = {**row, "parts": json.loads(row["parts"])}
        assert stored[row["claim_id"]].items() >= fresh.items(), f"{row['claim_id']}: {message}"
    monkeypatch.setattr(ledger, "judge_all", lambda _: rows)
    shown = ledger.claim_rows(lake, recompute=True, supported="inside our interval")
    inside = {row["claim_id"] for row in rows if row["supported"] == "inside our interval"}
    assert {row["claim_id"] for row in shown} == inside != set()
    assert not any(row["is_stale"] for row in shown)


@pytest.mark.parametrize("mart", ["mart_claims", "mart_estimates"])
def test_stored_results_are_of_the_lake_as_it_is(mart: str, lake: Lake, lake_paths: LakePaths) -> None:
    assert lake.version == lake_version(lake_paths)
    versions = set(lake.read(mart)["from_lake_version"].drop_nulls())
    assert versions == {lake.version}, (
        f"{mart} was computed from lake {versions}, this lake is {lake.version}; run scripts/recompute_claims.py"
    )
    assert not lake.read(mart)["is_stale"].any()


@pytest.mark.parametrize("slug", ["phase_diagram", "local_coupling"])
def test_stored_estimates_are_what_the_diagnostic_gives_now(slug: str, lake: Lake) -> None:
    stored = lake.read("mart_estimates", diagnostic=slug, panel="author")
    fresh = diagnostics.run(slug, {"panel": "author"}, lake)
    kept = {(row["symbol"], row["label"]): row for row in stored.iter_rows(named=True)}
    assert len(kept) == stored.height == len(fresh.estimates)
    for estimate in fresh.estimates:
        row = kept[estimate.symbol, estimate.label]
        expected = estimate.as_dict()
        assert json.loads(row["caveats"]) == expected.pop("caveats")
        assert {name: row[name] for name in expected} == expected


def test_judging_twice_gives_the_same_rows(
    lake: Lake, stored: dict[str, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = tuple(d for d in DIAGNOSTICS if d.slug == "local_coupling")
    monkeypatch.setattr(ledger, "DIAGNOSTICS", quick)
    rows = ledger.judge_all(lake)
    assert rows == ledger.judge_all(lake)
    elsewhere = {s.claim_id for d in DIAGNOSTICS if d not in quick for s in d.claims}
    for row in rows:
        if row["claim_id"] not in elsewhere:
            assert stored[row["claim_id"]].items() >= {**row, "parts": json.loads(row["parts"])}.items()


def test_claims_are_listed_by_verdict_and_by_word(lake: Lake) -> None:
    rows = ledger.claim_rows(lake)
    assert len(rows) == lake.read("mart_claims").height
    assert all(tuple(row) == ledger.CLAIM_COLUMNS and isinstance(row["parts"], list) for row in rows)
    for side in ("reproduced", "supported"):
        wanted = ledger.claim_rows(lake, **{side: "agrees"})
        assert [r["claim_id"] for r in wanted] == [r["claim_id"] for r in rows if r[side] == "agrees"] != []
    assert {r["claim_id"] for r in ledger.claim_rows(lake, search="olm-0")} == {
        r["claim_id"] for r in rows if r["claim_id"].startswith("OLM-0")
    }
    with pytest.raises(CapeError, match=r"reproduced 'agree'.*agrees"):
        ledger.claim_rows(lake, reproduced="agree")


def _settling(settles: Settles) -> tuple[Diagnostic, ...]:
    return (dataclasses.replace(diagnostics.get("phase_diagram"), claims=(settles,)),)


def test_what_no_public_data_could_decide_has_a_verdict_of_its_own(
    stored: dict[str, dict], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_wiring = {s.claim_id for _, s in WIRED if not s.supported.is_public}
    assert {claim for claim, row in stored.items() if row["supported"] == Verdict.NOT_PUBLIC} == of_wiring != set()
    said = {is_public: Side(undefined="nobody printed it", is_public=is_public) for is_public in (True, False)}
    wiring = Settles(claim_id="PAN-01", reproduced=said[True], supported=said[False])
    monkeypatch.setattr(ledger, "DIAGNOSTICS", _settling(wiring))
    (row,) = ledger.judge_all(lake)
    assert (row["reproduced"], row["supported"]) == (Verdict.UNDEFINED, Verdict.NOT_PUBLIC)
    assert row["reason"].count("nobody printed it") == 2


MODEL_COUNT = Answer(symbol="n_models", label="author")


@pytest.mark.parametrize(
    ("claim", "part", "words"),
    [("XXX-99", "models", "XXX-99"), ("PAN-01", "modles", "PAN-01 has no part modles"), ("PAN-06", "variant", "text")],
)
def test_a_wiring_that_names_nothing_is_refused(
    claim: str, part: str, words: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = Side(answers={part: MODEL_COUNT})
    monkeypatch.setattr(ledger, "DIAGNOSTICS", _settling(Settles(claim_id=claim, reproduced=side, supported=side)))
    with pytest.raises(CapeError, match=words):
        ledger.judge_all(lake)


def test_a_part_without_an_answer_keeps_its_claim_open(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    side = Side(answers={"models": MODEL_COUNT})
    wiring = _settling(Settles(claim_id="PAN-01", reproduced=side, supported=side))
    monkeypatch.setattr(ledger, "DIAGNOSTICS", wiring)
    (row,) = ledger.judge_all(lake)
    assert (row["reproduced"], row["supported"]) == ("open", "open")
    verdicts = {part["name"]: part["supported"] for part in json.loads(row["parts"])}
    assert verdicts == {"models": "disagrees", "families": "open"}


@pytest.mark.parametrize(
    ("absent", "verdict"), [(63.0, "agrees"), (0.0, "disagrees"), (None, "not defined by this data")]
)
def test_a_missing_estimate_stands_for_a_number_only_where_the_wiring_says_so(
    absent: float | None, verdict: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = Side(answers={"models": Answer(symbol="n_models", label="no such row", absent=absent)})
    wiring = _settling(Settles(claim_id="PAN-01", reproduced=side, supported=side))
    monkeypatch.setattr(ledger, "DIAGNOSTICS", wiring)
    (row,) = ledger.judge_all(lake)
    (part,) = (part for part in json.loads(row["parts"]) if part["name"] == "models")
    assert (part["reproduced"], part["supported"]) == (verdict, verdict)
    assert part["reproduced_value"] == absent
