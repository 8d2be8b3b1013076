"""The ledger follows the scores: a changed score changes a verdict, and stored verdicts become stale."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cape import diagnostics, ledger
from cape.lake import Lake, LakePaths, build_lake
from tests.claims.conftest import QuickRuns

TEXT = "amin-paper3a-text"
NEEDED = ("amin-base63", "obsscaling", "amin-lit-archprobe", TEXT, "reference-models")


@pytest.fixture(autouse=True)
def _one_quick_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by local_coupling alone."""
    monkeypatch.setattr(ledger, "DIAGNOSTICS", (diagnostics.get("local_coupling"),))
    monkeypatch.setattr(ledger, "Runs", QuickRuns)


@pytest.fixture(scope="module")
def template(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built lake with the sources that the claims of local_coupling stand on; tests copy it."""
    root = tmp_path_factory.mktemp("template") / "lake"
    root.mkdir()
    for file in lake_paths.root.glob("*.csv"):
        shutil.copy(file, root)
    for name in NEEDED:
        shutil.copytree(lake_paths.raw / name, root / "raw" / name)
    build_lake(LakePaths(root))
    return root


@pytest.fixture
def own(template: Path, tmp_path: Path) -> LakePaths:
    """A lake of this test's own."""
    shutil.copytree(template, tmp_path / "lake", symlinks=True)
    return LakePaths(tmp_path / "lake")


def _change(paths: LakePaths, source: str, *, model: str, benchmark: str, by: float) -> None:
    """Add to one delivered score and enter the new hash of the file in its record."""
    file, record = paths.raw / source / "scores.csv", paths.raw / source / "source.toml"
    before = file.read_bytes()
    header, *lines = before.decode().splitlines()
    at = header.split(",").index("score")
    for i, line in enumerate(lines):
        cells = line.split(",")
        if cells[:2] == [model, benchmark]:
            cells[at] = str(float(cells[at]) + by)
            lines[i] = ",".join(cells)
    after = "\n".join([header, *lines, ""]).encode()
    assert after != before
    file.write_bytes(after)
    hashes = [hashlib.sha256(content).hexdigest() for content in (before, after)]
    record.write_text(record.read_text(encoding="utf-8").replace(*hashes), encoding="utf-8")


def _judged(paths: LakePaths) -> dict[str, dict[str, Any]]:
    build_lake(paths)
    lake = Lake.open(paths)
    rows = {row["claim_id"]: row for row in ledger.judge_all(lake)}
    lake.close()
    return rows


def test_a_changed_score_of_the_papers_rows_changes_what_is_reproduced_and_nothing_else(own: LakePaths) -> None:
    before = _judged(own)
    _change(own, TEXT, model="olmo-7b", benchmark="hellaswag", by=1.0)
    after = _judged(own)
    assert (before["OLM-02"]["reproduced"], after["OLM-02"]["reproduced"]) == ("agrees", "disagrees")
    assert before["OLM-02"]["supported"] == after["OLM-02"]["supported"]
    assert {c for c in before if before[c]["reason"] != after[c]["reason"]} == {"OLM-02"}
    value = [json.loads(rows["OLM-02"]["parts"])[0]["reproduced_value"] for rows in (before, after)]
    assert value[1] - value[0] == pytest.approx(1.0)


def test_a_changed_independent_score_changes_what_is_supported(own: LakePaths) -> None:
    before = _judged(own)
    _change(own, "obsscaling", model="olmo-7b", benchmark="hellaswag", by=3.0)
    after = _judged(own)
    assert (before["OLM-02"]["supported"], after["OLM-02"]["supported"]) == ("inside our interval", "disagrees")
    assert before["OLM-02"]["reproduced"] == after["OLM-02"]["reproduced"]


def test_stored_verdicts_are_read_back_and_become_stale_when_a_score_changes(
    own: LakePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = _judged(own)
    version = ledger.store(own)
    lake = Lake.open(own)
    stored = {row["claim_id"]: row for row in lake.read("mart_claims").iter_rows(named=True) if row["diagnostic"]}
    assert lake.version == version
    assert set(stored) == set(fresh)
    assert all(stored[c].items() >= fresh[c].items() and not stored[c]["is_stale"] for c in fresh)
    panels = set(lake.read("mart_estimates")["panel"])
    assert panels == {"author", "author_by_family", "independent"}
    lake.close()
    _change(own, TEXT, model="olmo-7b", benchmark="hellaswag", by=1.0)
    build_lake(own)
    lake = Lake.open(own)
    kept = lake.read("mart_claims", claim_id="OLM-02").row(0, named=True)
    assert (kept["reproduced"], kept["is_stale"]) == ("agrees", True)
    assert lake.read("mart_estimates")["is_stale"].all()
    row = next(r for r in ledger.claim_rows(lake, search="OLM-02", recompute=True))
    assert (row["reproduced"], row["is_stale"]) == ("disagrees", False)
    lake.close()
