"""A score added to the lake: refused with the reason, landed whole, seen by predictions and the frontier marts."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from cape import diagnostics
from cape.errors import CapeError, IngestError, LakeBuildError
from cape.lake import (
    Lake,
    LakePaths,
    ScoreEntry,
    add_score,
    additions,
    build_lake,
    checked_entry,
    command_of,
    with_entries,
)

TODAY = date(2026, 11, 1)
GOOD = ScoreEntry(
    model_id="gemini-9-pro",
    benchmark="gpqa_diamond",
    score="96.5",
    source_url="https://example.org/card",
    date="2026-10-01",
    lab="Google",
    release_date="2026-09",
)
SWE = replace(GOOD, benchmark="swe_bench_verified", score="90.0")


@pytest.fixture
def own(lake_paths: LakePaths, tmp_path: Path) -> Iterator[LakePaths]:
    """A lake of the test's own, built."""
    shutil.copytree(lake_paths.root, tmp_path / "lake", ignore=shutil.ignore_patterns("built", "cape.duckdb"))
    paths = LakePaths(tmp_path / "lake")
    build_lake(paths)
    yield paths


def snapshot(paths: LakePaths) -> dict[str, str]:
    """Return the hash of every file of the lake's folders but the built ones."""
    files = [f for folder in (paths.raw, paths.local) if folder.is_dir() for f in folder.rglob("*") if f.is_file()]
    return {str(f.relative_to(paths.root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


REFUSED = {
    "no model": ({"model_id": ""}, "model_id", ["missing"]),
    "no address": ({"source_url": " "}, "source_url", ["missing"]),
    "no date": ({"date": ""}, "date", ["missing"]),
    "no score": ({"score": ""}, "score", ["missing"]),
    "not an address": ({"source_url": "card.pdf"}, "source_url", ["'card.pdf'", "http"]),
    "not a day": ({"date": "2026-10"}, "date", ["'2026-10'", "YYYY-MM-DD"]),
    "no such day": ({"date": "2026-02-30"}, "date", ["2026-02-30"]),
    "future day": ({"date": "2026-11-02"}, "date", ["after today", "2026-11-01"]),
    "future release": ({"release_date": "2026-12"}, "release_date", ["2026-12", "after"]),
    "release that is no date": ({"release_date": "soon"}, "release_date", ["'soon'"]),
    "unknown benchmark": ({"benchmark": "gpqa_dimond"}, "benchmark", ["gpqa_diamond"]),
    "benchmark without its variant": ({"benchmark": "truthfulqa"}, "benchmark", ["truthfulqa_mc2"]),
    "new model without a lab": ({"lab": ""}, "model_id", ["gemini-9-pro", "gemini-3-pro", "--lab"]),
    "lab in other letters": ({"lab": "google"}, "lab", ["Google"]),
    "base model": ({"model_id": "opt-13b"}, "model_id", ["'base'", "ingest_base_scores"]),
    "above 100": ({"score": "100.1"}, "score", ["100.1", "between 0 and 100"]),
    "below 0": ({"score": "-3"}, "score", ["between 0 and 100"]),
    "a word": ({"score": "high"}, "score", ["'high'", "not a number"]),
    "not finite": ({"score": "nan"}, "score", ["finite"]),
    "with a percent sign": ({"score": "96.5%"}, "score", ["not a number"]),
    "a fraction as percent": ({"score": "0.965"}, "score", ["fraction", "Others score"]),
    "percent as a fraction": ({"unit": "fraction"}, "score", ["between 0 and 1"]),
    "unknown unit": ({"unit": "points"}, "unit", ["'points'", "percent"]),
    "a formula": ({"model_id": "=cmd()"}, "model_id", ["formula"]),
    "a name with a blank": ({"model_id": "gemini 9 pro"}, "model_id", ["'gemini 9 pro'", "holds a blank"]),
    "a name with a blank at its end": ({"model_id": "gemini-9-pro "}, "model_id", ["holds a blank"]),
    "a name with a slash at its end": ({"model_id": "gemini-9-pro/"}, "model_id", ["empty part"]),
    "a name with a slash at its start": ({"model_id": "/gemini-9-pro"}, "model_id", ["empty part"]),
    "a name of three parts": ({"model_id": "a/b/c"}, "model_id", ["more than one /"]),
    "a name with a bell": ({"model_id": "gemini-\x07pro"}, "model_id", ["control characters", "gemini-?pro"]),
    "a name that turns the text": ({"model_id": "gemini-\u202epro"}, "model_id", ["control characters"]),
    "an error of zero": ({"stderr": "0"}, "stderr", ["above 0"]),
    "reported by whom": ({"is_self_reported": "yes"}, "is_self_reported", ["'yes'"]),
    "a source of no name": ({"source_id": "../up"}, "source_id", ["'../up'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_entry_is_refused_with_the_reason_and_nothing_is_written(case: str, lake: Lake) -> None:
    change, column, words = REFUSED[case]
    with pytest.raises(IngestError) as caught:
        checked_entry(replace(GOOD, **change), lake, today=TODAY)
    assert caught.value.column == column
    for word in words:
        assert word in str(caught.value)


def test_a_hub_id_is_a_model_id(lake: Lake) -> None:
    entry = replace(GOOD, model_id="google/gemini-9-pro")
    assert checked_entry(entry, lake, today=TODAY).entry.model_id == "google/gemini-9-pro"


def test_the_same_score_from_the_same_address_is_refused_and_the_files_stay(own: LakePaths) -> None:
    add_score(GOOD, own, today=TODAY)
    before = snapshot(own)
    for again in (GOOD, replace(GOOD, score="97.0"), replace(GOOD, source_id="elsewhere")):
        with pytest.raises(IngestError, match=r"already stands from this address: 96\.5"):
            add_score(again, own, today=TODAY)
    assert snapshot(own) == before


def test_a_refused_entry_changes_no_file_and_the_lake_serves_on(own: LakePaths) -> None:
    before, version = snapshot(own), Lake.open(own).version
    with pytest.raises(IngestError):
        add_score(replace(GOOD, score="101"), own, today=TODAY)
    assert snapshot(own) == before
    assert Lake.open(own).version == version


def test_a_build_that_fails_puts_every_file_back(own: LakePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    add_score(GOOD, own, today=TODAY)
    before = snapshot(own)

    def fail(paths: LakePaths) -> None:
        raise LakeBuildError("no room")

    monkeypatch.setattr(additions, "build_lake", fail)
    for entry in (SWE, replace(GOOD, source_id="another", source_url="https://example.org/b")):
        with pytest.raises(LakeBuildError, match="no room"):
            add_score(entry, own, today=TODAY)
        assert snapshot(own) == before


def test_an_added_score_is_a_row_with_its_address_and_day(own: LakePaths) -> None:
    report = add_score(GOOD, own, today=TODAY)
    assert report.stands and report.rivals == ()
    lake = Lake.open(own)
    row = lake.read("mart_frontier_scores", model_id="gemini-9-pro").row(0, named=True)
    assert (row["score_pct"], row["lab"], row["release_date"]) == (96.5, "Google", "2026-09")
    assert (row["source_url"], row["known_at"]) == ("https://example.org/card", date(2026, 10, 1))
    assert row["is_local"] and not row["is_panel_row"]
    assert lake.version == report.lake_version
    files = {f.name for f in (own.local / "added-scores").iterdir()}
    assert files == {"scores.csv", "models.csv", "source.toml"}


def test_rows_are_added_one_after_another_and_fractions_are_percentages_in_the_lake(own: LakePaths) -> None:
    add_score(GOOD, own, today=TODAY)
    add_score(replace(SWE, score="0.9", unit="fraction", lab="", release_date=""), own, today=TODAY)
    rows = Lake.open(own).read("mart_frontier_scores", model_id="gemini-9-pro")
    assert dict(rows.select("benchmark_id", "score_pct").rows()) == {"gpqa_diamond": 96.5, "swe_bench_verified": 90.0}


def test_a_rival_value_stays_a_row_and_the_newer_one_stands(own: LakePaths) -> None:
    add_score(GOOD, own, today=TODAY)
    later = replace(GOOD, score="95.0", source_url="https://example.org/later", date="2026-10-20")
    report = add_score(later, own, today=TODAY)
    assert report.stands and report.rivals == ("added-scores 96.5",)
    rows = Lake.open(own).read("mart_frontier_scores", model_id="gemini-9-pro")
    assert rows.sort("precedence")["score_pct"].to_list() == [95.0, 96.5]


def test_a_users_value_stands_before_the_papers_file(own: LakePaths) -> None:
    known = ScoreEntry(
        model_id="gpt-5.1", benchmark="gpqa_diamond", score="90", source_url="internal", date="2026-10-01"
    )
    report = add_score(known, own, today=TODAY)
    assert report.stands
    assert any("amin-frontier34" in rival for rival in report.rivals)


def test_additions_started_together_all_land_and_the_same_one_lands_once(own: LakePaths) -> None:
    entries = [replace(GOOD, model_id=f"gemini-9-{n}", source_url=f"https://example.org/{n}") for n in range(3)]
    entries.append(entries[0])
    faults: list[BaseException] = []

    def add(entry: ScoreEntry) -> None:
        try:
            add_score(entry, own, today=TODAY)
        except CapeError as error:
            faults.append(error)

    threads = [threading.Thread(target=add, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 1 and "already stands" in str(faults[0])
    found = Lake.open(own).read("mart_frontier_scores", source_id="added-scores")
    assert sorted(found["model_id"]) == sorted({entry.model_id for entry in entries})


def test_added_rows_change_predictions_and_the_cascade_from_their_day_on(own: LakePaths) -> None:
    before = diagnostics.run("predictions", {"resamples": 200}, Lake.open(own))
    for entry in (GOOD, SWE, *(replace(e, model_id="gemini-9-flash", release_date="2026-08") for e in (GOOD, SWE))):
        add_score(entry, own, today=TODAY)
    lake = Lake.open(own)
    result = diagnostics.run("predictions", {"resamples": 200}, lake)
    old, new = (
        r.table("status").frame.filter(pl.col("prediction") == "P4").row(0, named=True) for r in (before, result)
    )
    assert (old["status"], old["value"]) == ("undecided", None)
    line = diagnostics.run("predictions", {"resamples": 200}, lake).table("clauses").frame
    assert line.filter(pl.col("prediction") == "P4")["rests_on"].str.contains("2 of 2 releases").all()
    assert new["value"] == pytest.approx(96.5 - (0.513 * 90.0 + 46.4))  # the line printed in FRO-03
    assert result.sentences[0].startswith("Scored on 2026-10-01")
    earlier = diagnostics.run("predictions", {"resamples": 200, "today": "2026-09-30"}, lake)
    assert earlier.table("status").frame.filter(pl.col("prediction") == "P4")["value"][0] is None
    days = result.table("history").frame.filter(pl.col("prediction") == "P4")
    assert days.filter(pl.col("day") < date(2026, 10, 1))["value"].null_count() == days.height - 1
    spreads = diagnostics.run("cascade", {"resamples": 200}, lake).table("spreads").frame
    assert "gemini-9-pro" in spreads.filter(pl.col("axis") == "gpqa_diamond")["best"][0]
    frozen = diagnostics.run("cascade", {"resamples": 200, "scope": "frozen 34"}, lake).table("spreads").frame
    assert "gemini-9" not in "".join(frozen["best"])


def test_a_session_lays_entries_over_a_lake_that_stays_as_it_is(lake: Lake) -> None:
    rival = replace(GOOD, score="95", source_url="https://example.org/b")
    laid = with_entries(lake, [GOOD, SWE, rival])
    assert laid.read("mart_frontier_scores", model_id="gemini-9-pro").height == 3
    assert lake.read("mart_frontier_scores", model_id="gemini-9-pro").is_empty()
    shown = diagnostics.run("predictions", {"resamples": 200}, laid)
    assert shown.lake_version.startswith(f"{lake.version}+")
    again = checked_entry(replace(GOOD, benchmark="ifeval", lab="", release_date=""), laid, today=TODAY)
    assert (again.entry.lab, again.entry.release_date) == ("Google", "2026-09")
    with pytest.raises(IngestError, match="already stands"):
        checked_entry(GOOD, laid, today=TODAY)


def test_the_command_of_an_entry_names_every_field_that_is_set() -> None:
    text = command_of(replace(GOOD, model_id="it's new; rm -rf"))
    assert text.startswith("cape add-score 'it'\"'\"'s new; rm -rf' gpqa_diamond 96.5 ")
    for name, value in asdict(GOOD).items():
        if name in ("source_url", "date", "lab", "release_date"):
            assert f"--{name.replace('_', '-')} {value}" in text
    assert "--unit" not in text
