"""Result files brought into the lake: landed whole, once, with their models and items; refused, the lake stays."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cape.cli import app
from cape.cli_ingest import _asked
from cape.errors import BadParameterError, IngestError, LakeBuildError, UnknownNameError
from cape.ingest.identity import identify
from cape.ingest.reading import Severity, read_results
from cape.lake import Lake, LakePaths, build_lake, lake_version
from cape.lake.bring import INPUTS, BringOptions, bring_results, read_inputs
from cape.lake.land import SourceRecord
from cape.lake.load import read_benchmarks

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = SourceRecord(
    source_id="acme", title="Acme runs", url="internal", kind="user", date="2025-03-02", licence="private"
)
OPTIONS = BringOptions(source=SOURCE)
LADDER = {"acme/lm-160m": (0.30, 0.44), "acme/lm-1b": (0.45, 0.40), "acme/lm-7b": (0.70, 0.43)}


def _generators() -> ModuleType:
    file = REPOSITORY / "tests" / "ingest" / "generators.py"
    spec = importlib.util.spec_from_file_location("ingest_generators", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generators: Any = _generators()


@pytest.fixture
def paths(lake_paths: LakePaths, tmp_path: Path) -> LakePaths:
    """A built lake with the registry and one source of scores."""
    root = tmp_path / "lake"
    root.mkdir()
    for file in lake_paths.root.glob("*.csv"):
        shutil.copy(file, root)
    for name in ("amin-26", "reference-models"):
        shutil.copytree(lake_paths.raw / name, root / "raw" / name)
    build_lake(LakePaths(root))
    return LakePaths(root)


def write_ladder(folder: Path, *, stamp: str = generators.STAMP, shift: float = 0.0, samples: bool = False) -> Path:
    """Results of a ladder of three sizes, as lm-eval writes them."""
    for place, (model, (hellaswag, truth)) in enumerate(LADDER.items()):
        content = generators.lm_eval(model, scores={"hellaswag": hellaswag + shift, "mc2": truth})
        content["config"] |= {"model_num_parameters": None, "model_args": f"pretrained={model}"}
        content["date"] = None
        target = folder / model.replace("/", "__")
        generators.write(target / f"results_{stamp}.json", content)
        if samples:
            for task in ("hellaswag", "truthfulqa_mc2", "mmlu_subject_01"):
                text = generators.lm_eval_samples(
                    task, 30, seed=place, category="c" if task == "truthfulqa_mc2" else None
                )
                (target / f"samples_{task}_{stamp}.jsonl").write_text(text)
    return folder


def snapshot(paths: LakePaths) -> dict[str, str]:
    folders = (paths.raw, paths.local)
    files = [file for folder in folders if folder.is_dir() for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(paths.root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def panel(paths: LakePaths) -> dict[tuple[str, str], float]:
    """Return the percentages of the panel by model and benchmark."""
    lake = Lake.open(paths)
    try:
        rows = lake.read("mart_scores", source_id="acme").select("model_id", "benchmark_id", "score_pct").rows()
    finally:
        lake.close()
    return {(model, benchmark): score for model, benchmark, score in rows}


def test_a_ladder_becomes_a_panel_of_its_own(paths: LakePaths, tmp_path: Path) -> None:
    report = bring_results([write_ladder(tmp_path / "runs")], OPTIONS, paths)
    assert [(file.file.name, file.n_rows) for file in report.landed] == [("scores.csv", 18), ("models.csv", 3)]
    held = panel(paths)
    assert held["acme/lm-160m", "hellaswag"] == pytest.approx(30.0)
    assert held["acme/lm-7b", "truthfulqa_mc2"] == pytest.approx(43.0) and len(held) == 18
    lake = Lake.open(paths)
    try:
        deltas = lake.read("mart_deltas", panel="acme", benchmark_id="hellaswag").sort("position_from")
        assert deltas["delta_pct"].to_list() == pytest.approx([15.0, 25.0])
        assert set(deltas["family"]) == {"acme/lm"}
        row = lake.read("mart_scores", source_id="acme").row(0, named=True)
        assert row["source_url"] == "internal" and str(row["retrieved_at"]) == "2025-03-02"
    finally:
        lake.close()


def test_the_same_files_twice_change_nothing(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs", samples=True)
    first = bring_results([folder], OPTIONS, paths)
    before = snapshot(paths)
    again = bring_results([folder], OPTIONS, paths)
    assert again.landed == () and again.lake_version == first.lake_version and snapshot(paths) == before
    assert {finding.found for finding in again.findings} == {"The same file was ingested before (sha256)."}
    copied = shutil.copytree(folder, tmp_path / "elsewhere")
    assert bring_results([copied], OPTIONS, paths).landed == () and snapshot(paths) == before


def test_a_later_run_replaces_an_earlier_one_and_not_the_other_way(paths: LakePaths, tmp_path: Path) -> None:
    late = write_ladder(tmp_path / "late", stamp="2025-03-05T00-00-00", shift=0.1)
    early = write_ladder(tmp_path / "early", stamp="2025-03-01T00-00-00")
    bring_results([early], OPTIONS, paths)
    report = bring_results([late], OPTIONS, paths)
    assert report.n_superseded == 18 and panel(paths)["acme/lm-1b", "hellaswag"] == pytest.approx(55.0)
    shutil.rmtree(paths.local)
    build_lake(paths)
    bring_results([late], OPTIONS, paths)
    bring_results([early], OPTIONS, paths)
    assert panel(paths)["acme/lm-1b", "hellaswag"] == pytest.approx(55.0) and len(panel(paths)) == 18
    assert len(read_inputs(paths.local / "acme")) == 6


def test_items_land_with_their_scores_and_a_later_run_replaces_them(paths: LakePaths, tmp_path: Path) -> None:
    bring_results([write_ladder(tmp_path / "runs", samples=True)], OPTIONS, paths)
    items = pl.read_parquet(paths.local / "acme" / "items.parquet")
    assert items.height == 3 * 3 * 30 and set(items["metric"]) == {"acc_norm", "acc"}
    by_benchmark = {name: set(rows["category"]) for (name,), rows in items.group_by("benchmark")}
    assert by_benchmark == {"hellaswag": {None}, "truthfulqa": {"c"}, "mmlu": {"subject_01"}}
    revisions = pl.read_csv(paths.local / "acme" / "scores.csv")["revision"].unique().to_list()
    assert items["revision"].unique().to_list() == revisions
    later = write_ladder(tmp_path / "later", stamp="2025-04-01T00-00-00", samples=True)
    bring_results([later], OPTIONS, paths)
    again = pl.read_parquet(paths.local / "acme" / "items.parquet")
    assert again.height == items.height


def test_samples_that_come_after_their_results_find_their_model(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    bring_results([folder], OPTIONS, paths)
    write_ladder(folder, samples=True)
    report = bring_results([folder], OPTIONS, paths)
    assert "items.parquet" in {file.file.name for file in report.landed} and len(panel(paths)) == 18


def test_a_dry_run_writes_nothing(paths: LakePaths, tmp_path: Path) -> None:
    before = snapshot(paths)
    report = bring_results([write_ladder(tmp_path / "runs")], replace(OPTIONS, is_dry=True), paths)
    assert report.landed == () and report.reading.scores.height == 18 and snapshot(paths) == before


def test_refused_files_do_not_hold_back_the_others(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    (folder / "broken.json").write_text("{")
    report = bring_results([folder], OPTIONS, paths)
    assert report.reading.counts["refused"] == 1 and len(panel(paths)) == 18
    assert all(entry["name"] != "runs/broken.json" for entry in read_inputs(paths.local / "acme"))


def test_a_model_without_a_size_is_refused_until_it_is_answered(paths: LakePaths, tmp_path: Path) -> None:
    content = generators.lm_eval("acme/mystery")
    content["config"] |= {"model_num_parameters": None}
    file = generators.write(tmp_path / "r" / "results.json", content)
    before = snapshot(paths)
    report = bring_results([file], OPTIONS, paths)
    (finding,) = [each for each in report.findings if each.severity is Severity.REFUSED]
    assert "size is unknown" in finding.found and "--models" in finding.action and finding.place == "acme/mystery"
    assert report.landed == () and snapshot(paths) == before
    answers = pl.DataFrame({"model_id": ["acme/mystery"], "family": ["Mystery"], "params_b": [3.0]})
    asked: list[pl.DataFrame] = []

    def ask(unsure: pl.DataFrame) -> pl.DataFrame:
        asked.append(unsure)
        return answers

    assert bring_results([file], replace(OPTIONS, ask=ask), paths).landed
    assert asked[0]["model_id"].to_list() == ["acme/mystery"]
    models = pl.read_csv(paths.local / "acme" / "models.csv")
    assert models.select("model_id", "family", "params_b").rows() == [("acme/mystery", "Mystery", 3.0)]


def test_sure_models_are_not_asked_about(paths: LakePaths, tmp_path: Path) -> None:
    def ask(_: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("a question was asked about a registered model")

    generators.write(tmp_path / "r" / "results.json", generators.lm_eval())
    report = bring_results([tmp_path / "r"], replace(OPTIONS, ask=ask), paths)
    assert set(report.reading.scores["model_id"]) == {"pythia-160m"}
    assert not (paths.local / "acme" / "models.csv").exists()


def test_a_build_that_fails_leaves_the_source_as_it_was(
    paths: LakePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_results([write_ladder(tmp_path / "runs")], OPTIONS, paths)
    before = snapshot(paths)

    def fail(_: LakePaths) -> None:
        raise LakeBuildError("planted")

    monkeypatch.setattr("cape.lake.bring.build_lake", fail)
    late = write_ladder(tmp_path / "late", stamp="2025-05-01T00-00-00", samples=True)
    with pytest.raises(LakeBuildError, match="planted"):
        bring_results([late], OPTIONS, paths)
    assert snapshot(paths) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from cape.lake import LakePaths, bring, exchange
from cape.lake.bring import BringOptions, bring_results
from cape.lake.land import SourceRecord

place, root, folder = sys.argv[1], LakePaths(Path(sys.argv[2])), sys.argv[3]
renamed = 0

def rename(source, target, real=os.rename):
    global renamed
    renamed += 1
    if place == f"before rename {renamed}":
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)

def build(_):
    os.kill(os.getpid(), signal.SIGKILL)

exchange.os.rename = rename
if place == "before the build":
    bring.build_lake = build
source = SourceRecord(
    source_id="acme", title="t", url="internal", kind="user", date="2025-03-02", licence="private"
)
bring_results([folder], BringOptions(source=source), root)
"""


@pytest.mark.parametrize("place", ["before rename 1", "before rename 2", "before the build"])
def test_killed_in_the_middle_the_lake_is_old_or_new(paths: LakePaths, tmp_path: Path, place: str) -> None:
    bring_results([write_ladder(tmp_path / "runs", samples=True)], OPTIONS, paths)
    old_files, old = snapshot(paths), panel(paths)
    late = write_ladder(tmp_path / "late", stamp="2025-05-01T00-00-00", shift=0.05)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, place, str(paths.root), str(late)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert panel(paths) == old  # what was published serves on
    build_lake(paths)
    new = {key: score + (5.0 if key[1] == "hellaswag" else 0.0) for key, score in old.items()}
    if place == "before the build":
        assert panel(paths) == pytest.approx(new)
    else:
        assert panel(paths) == old and snapshot(paths) == old_files
    bring_results([late], OPTIONS, paths)
    assert panel(paths) == pytest.approx(new)
    assert not [each for each in paths.built.iterdir() if each.name.startswith(("reading-", "landing", "kept-"))]


def test_a_source_that_cannot_stand_is_refused_before_anything_is_read(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    for change in ({"source_id": "Bad Name"}, {"url": "nowhere"}, {"date": "soon"}):
        with pytest.raises(IngestError):
            bring_results([folder], replace(OPTIONS, source=replace(SOURCE, **change)), paths)
    with pytest.raises(IngestError, match="already a source"):
        bring_results([folder], replace(OPTIONS, source=replace(SOURCE, source_id="amin-26")), paths)
    with pytest.raises(BadParameterError):
        bring_results([tmp_path / "nowhere"], OPTIONS, paths)


def test_a_broken_list_of_inputs_says_what_to_do(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    bring_results([folder], OPTIONS, paths)
    (paths.local / "acme" / INPUTS).write_text("{")
    with pytest.raises(IngestError, match="cannot be read"):
        bring_results([folder], OPTIONS, paths)


def test_no_refused_input_changes_the_lake(paths: LakePaths, tmp_path: Path) -> None:
    before, version = snapshot(paths), lake_version(paths)
    good = json.dumps(generators.lm_eval("acme/lm-7b")).encode()

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.sampled_from(["results.json", "t.csv", "t.parquet", "runs.zip", "log.eval", "samples_x.jsonl"]),
        content=st.binary(max_size=60) | st.integers(1, len(good) - 1).map(lambda cut: good[:cut]),
    )
    def holds(name: str, content: bytes) -> None:
        file = tmp_path / name
        file.write_bytes(content)
        report = bring_results([file], OPTIONS, paths)
        assert report.landed == () and report.reading.scores.is_empty()
        assert any(finding.severity is Severity.REFUSED for finding in report.findings) or name == "samples_x.jsonl"
        assert snapshot(paths) == before

    holds()
    assert lake_version(paths) == version


# The command line.


def run(paths: LakePaths, *arguments: str) -> Any:
    source = ["--source-id", "acme", "--url", "internal", "--date", "2025-03-02"]
    return CliRunner(env={"CAPE_LAKE": str(paths.root)}).invoke(app, ["ingest", *arguments, *source])


def test_the_command_reports_and_says_what_it_did(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    report = tmp_path / "report.csv"
    done = run(paths, str(folder), "--report", str(report))
    assert done.exit_code == 0 and "18 scores of 3 models" in done.output and "panel acme" in done.output
    with report.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["severity"] for row in rows} == {"accepted", "flagged"} and len(rows) == 6
    again = run(paths, str(folder), "--report", str(tmp_path / "again.json"))
    assert again.exit_code == 0 and "Nothing is new" in again.output
    assert len(json.loads((tmp_path / "again.json").read_text())) == 3


def test_what_was_ingested_is_exported_and_read_again(
    paths: LakePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_results([write_ladder(tmp_path / "runs")], OPTIONS, paths)
    monkeypatch.setenv("CAPE_LAKE", str(paths.root))
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["export-scores", "acme", str(out), "--organisation", "Acme"])
    assert done.exit_code == 0 and "3 records" in done.output, done.output
    again = read_results([out], known_benchmarks=read_benchmarks(paths))
    held = {
        (row["model_id"], "_".join(filter(None, (row["benchmark"], row["variant"])))): row["score"]
        for row in again.scores.to_dicts()
    }
    assert held == pytest.approx(panel(paths)) and set(again.scores["retrieved_at"]) == {"2025-03-02"}
    assert again.scores.filter(pl.col("benchmark") == "hellaswag")["stderr"].to_list() == pytest.approx([0.5] * 3)
    unknown = CliRunner().invoke(app, ["export-scores", "acne", str(out)])
    assert isinstance(unknown.exception, UnknownNameError) and "acme" in str(unknown.exception)


def test_the_exit_code_says_whether_files_were_refused(paths: LakePaths, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "runs")
    (folder / "=broken.json").write_text("{")
    dry = run(paths, str(folder), "--dry-run", "--report", str(tmp_path / "r.csv"))
    assert dry.exit_code == 1 and "nothing was written" in dry.output and not paths.local.exists()
    assert run(paths, str(folder / "=broken.json")).exit_code == 2
    assert run(paths, str(folder), "--date", "soon").exit_code != 0


def test_the_command_reads_answers_and_mappings(paths: LakePaths, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("who,HS,TQA\nmystery-a,30,40\nmystery-b,50,42\n")
    mapping = 'layout = "wide"\nunit = "percent"\n[columns]\nmodel = "who"\n[benchmarks]\n'
    mapping += '"HS" = { benchmark = "hellaswag" }\n"TQA" = { benchmark = "truthfulqa", variant = "mc2" }\n'
    (tmp_path / "map.toml").write_text(mapping)
    (tmp_path / "models.csv").write_text("model_id,family,params_b\nmystery-a,Mystery,1\nmystery-b,Mystery,7\n")
    arguments = [str(tmp_path / "t.csv"), "--models", str(tmp_path / "models.csv")]
    done = run(paths, *arguments, "--map", str(tmp_path / "map.toml"))
    assert done.exit_code == 0, done.output
    assert (paths.local / "acme" / "mapping.toml").read_text() == mapping
    (tmp_path / "t.csv").write_text("who,HS,TQA\nmystery-a,30,40\nmystery-b,55,42\n")
    again = run(paths, *arguments)
    assert again.exit_code == 0, again.output
    assert panel(paths)["mystery-b", "hellaswag"] == 55.0


def test_questions_offer_what_was_read_and_take_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["Mystery", 3.0, "Other", 0.0])
    offered: list[Any] = []

    def prompt(text: str, *, default: Any, **_: Any) -> Any:
        offered.append(default)
        return next(typed)

    monkeypatch.setattr("cape.cli_ingest.typer.prompt", prompt)
    unsure = identify(["acme/mystery", "acme/lm-7b"], []).models
    answers = _asked(unsure)
    assert offered == ["acme/lm", 7.0, "acme/mystery", 0.0]
    assert answers.rows() == [("acme/lm-7b", "Mystery", 3.0), ("acme/mystery", "Other", None)]
