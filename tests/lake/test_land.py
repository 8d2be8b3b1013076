"""Landing a user's CSV: what is written loads, what cannot be built is refused, nothing is ever half there."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cape.errors import IngestError
from cape.ingest import read_text_table
from cape.lake import Lake, LakePaths, build_lake, is_current
from cape.lake.land import MANDATORY, SourceRecord, land_table, land_tables
from cape.lake.tables import RAW_TABLES

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = SourceRecord(
    source_id="mine", title="My ladder", url="internal", kind="user", date="2026-01", licence="private", notes="n"
)
SCORES = "model_id,score,benchmark,notes,variant\npythia-70m,27.5,hellaswag,,\npythia-70m,47.25,truthfulqa,,mc2\n"


@pytest.fixture
def paths(lake_paths: LakePaths, tmp_path: Path) -> LakePaths:
    """A lake with the registry and one source of scores; nothing is built."""
    root = tmp_path / "lake"
    root.mkdir()
    for file in lake_paths.root.glob("*.csv"):
        shutil.copy(file, root)
    for name in ("amin-26", "reference-models"):
        shutil.copytree(lake_paths.raw / name, root / "raw" / name)
    return LakePaths(root)


def written(tmp_path: Path, text: str | bytes, name: str = "delivered.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def snapshot(paths: LakePaths) -> dict[str, bytes]:
    """Return every file of the lake but those of the build."""
    files = (p for p in paths.root.rglob("*") if p.is_file() and paths.built not in p.parents)
    return {p.relative_to(paths.root).as_posix(): p.read_bytes() for p in files}


def record(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "source.toml").read_text(encoding="utf-8"))


def test_a_landed_table_is_what_the_build_reads(paths: LakePaths, tmp_path: Path) -> None:
    landed = land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert landed.folder == paths.local / "mine" and landed.file == landed.folder / "scores.csv"
    assert (landed.n_rows, landed.replaced) == (2, False)
    expected = b"model_id,benchmark,score,variant\npythia-70m,hellaswag,27.5,\npythia-70m,truthfulqa,47.25,mc2\n"
    assert landed.file.read_bytes() == expected
    assert landed.sha256 == hashlib.sha256(expected).hexdigest()
    entry = {"name": "scores.csv", "sha256": landed.sha256, "rows": 2}
    fields = {name: value for name, value in dataclasses.asdict(SOURCE).items() if name != "paper_mode"}
    assert record(landed.folder) == fields | {"files": [entry]}
    assert sorted(p.name for p in landed.folder.iterdir()) == ["scores.csv", "source.toml"]
    assert sorted(p.name for p in paths.built.iterdir()) == [".lock"]
    build_lake(paths)
    lake = Lake.open(paths)
    assert lake.read("mart_scores", panel="mine")["score_pct"].to_list() == [27.5, 47.25]
    lake.close()


@pytest.mark.parametrize("text", [SCORES.replace("\n", "\r\n"), "\ufeff" + SCORES, SCORES + "\n\n"])
def test_line_ends_marks_and_blank_ends_do_not_matter(paths: LakePaths, tmp_path: Path, text: str) -> None:
    plain = land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    other = land_table(written(tmp_path, text), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert other.sha256 == plain.sha256 and other.replaced


def test_landing_again_keeps_the_entries_of_other_files(paths: LakePaths, tmp_path: Path) -> None:
    land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    probes = written(tmp_path, "model_id,probe,value\npythia-70m,cosine,0.5\n")
    second = land_table(probes, table="probes", source=SOURCE, paths=paths, is_local=True)
    assert not second.replaced
    before = record(second.folder)["files"]
    more = SCORES + "pythia-160m,28.5,hellaswag,,\n"
    title = dataclasses.replace(SOURCE, title="Newer", paper_mode=True)
    third = land_table(written(tmp_path, more), table="scores", source=title, paths=paths, is_local=True)
    after = record(third.folder)
    assert third.replaced and third.n_rows == 3
    assert after["title"] == "Newer" and after["paper_mode"] is True
    assert [entry["name"] for entry in after["files"]] == ["scores.csv", "probes.csv"]
    assert after["files"][1] == before[1] and after["files"][0]["sha256"] == third.sha256
    build_lake(paths)


def test_several_tables_land_together_or_not_at_all(paths: LakePaths, tmp_path: Path) -> None:
    scores = written(tmp_path, SCORES.replace("pythia-70m", "my-1b"))
    models = written(tmp_path, "model_id,family,params_b\nmy-1b,My,1\n", "m.csv")
    before = snapshot(paths)
    with pytest.raises(IngestError, match=r"m\.csv, row 1, column 'params_b'"):
        broken = written(tmp_path, "model_id,family\nmy-1b,My\n", "m.csv")
        land_tables({"scores": scores, "models": broken}, source=SOURCE, paths=paths, is_local=True)
    assert snapshot(paths) == before
    written(tmp_path, "model_id,family,params_b\nmy-1b,My,1\n", "m.csv")
    landed = land_tables({"scores": scores, "models": models}, source=SOURCE, paths=paths, is_local=True)
    assert [file.file.name for file in landed] == ["scores.csv", "models.csv"]
    build_lake(paths)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_id,benchmark\npythia-70m,hellaswag\n", "delivered.csv, row 1, column 'score'"),
        (SCORES.replace("47.25", "many"), "delivered.csv, row 3, column 'score'"),
        (SCORES.replace("mc2", "mc9"), "delivered.csv, row 3, column 'variant'"),
        (SCORES.replace("27.5,hellaswag", "27.5,helaswag"), "delivered.csv, row 2, column 'benchmark'"),
        (SCORES.encode("utf-16"), "delivered.csv, row 1"),
        ("", "delivered.csv"),
    ],
)
def test_a_faulty_table_is_refused_and_nothing_is_written(
    paths: LakePaths, tmp_path: Path, text: str | bytes, says: str
) -> None:
    before = snapshot(paths)
    with pytest.raises(IngestError) as caught:
        land_table(written(tmp_path, text), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert says in str(caught.value)
    assert snapshot(paths) == before and not paths.local.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in MANDATORY for value in ("", "  ")),
        *(
            ("source_id", value)
            for value in ("", "..", ".", "a/b", "../up", "a\\b", "-a", ".a", "Mine", "m\u00e9", "a b", "a\n", "session")
        ),
        *(("date", value) for value in ("2026-13", "2026-02-30", "26", "2026-1", "1/2/2026", "2026-01-01T00", "0000")),
        *(("url", value) for value in ("intern", "www.x.org", "ftp://x.org", "http://", "https://a b")),
        ("kind", "leader_board"),
        ("title", "\udc80"),
    ],
)
def test_a_faulty_record_is_refused_by_field(paths: LakePaths, tmp_path: Path, field: str, value: str) -> None:
    before = snapshot(paths)
    fields: dict[str, Any] = {field: value}
    source = dataclasses.replace(SOURCE, **fields)
    with pytest.raises(IngestError) as caught:
        land_table(written(tmp_path, SCORES), table="scores", source=source, paths=paths, is_local=True)
    assert caught.value.column == field
    assert snapshot(paths) == before


@pytest.mark.parametrize("date", ["2026", "2026-02", "2024-02-29"])
def test_dates_may_be_years_months_or_days(paths: LakePaths, tmp_path: Path, date: str) -> None:
    source = dataclasses.replace(SOURCE, date=date)
    landed = land_table(written(tmp_path, SCORES), table="scores", source=source, paths=paths, is_local=True)
    assert record(landed.folder)["date"] == date


def test_an_unknown_table_is_refused_with_a_near_name(paths: LakePaths, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="'score'.*scores"):
        land_table(written(tmp_path, SCORES), table="score", source=SOURCE, paths=paths, is_local=True)
    with pytest.raises(IngestError):
        land_table(written(tmp_path, SCORES), table="../scores", source=SOURCE, paths=paths, is_local=True)


def test_a_shipped_source_is_replaced_only_when_asked(paths: LakePaths, tmp_path: Path) -> None:
    file = written(tmp_path, SCORES)
    new = land_table(file, table="scores", source=SOURCE, paths=paths, is_local=False)
    assert new.folder == paths.raw / "mine"
    before = snapshot(paths)
    for table in ("scores", "probes"):
        text = written(tmp_path, "model_id,probe,value\npythia-70m,p,1\n", "p.csv") if table == "probes" else file
        with pytest.raises(IngestError, match="shipped source"):
            land_table(text, table=table, source=SOURCE, paths=paths, is_local=False)
    assert snapshot(paths) == before
    again = land_table(file, table="scores", source=SOURCE, paths=paths, is_local=False, replace=True)
    assert again.replaced


@pytest.mark.parametrize("is_local", [True, False])
def test_a_source_id_of_the_other_folder_is_refused(paths: LakePaths, tmp_path: Path, is_local: bool) -> None:
    file = written(tmp_path, SCORES)
    land_table(file, table="scores", source=SOURCE, paths=paths, is_local=not is_local)
    with pytest.raises(IngestError, match="already a source under"):
        land_table(file, table="scores", source=SOURCE, paths=paths, is_local=is_local, replace=True)


def test_an_unreadable_record_is_not_overwritten(paths: LakePaths, tmp_path: Path) -> None:
    folder = paths.local / "mine"
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text("not toml")
    with pytest.raises(IngestError, match=r"mine/source\.toml"):
        land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert [p.name for p in folder.iterdir()] == ["source.toml"]


def test_a_disk_error_writes_nothing(paths: LakePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = snapshot(paths)
    monkeypatch.setattr("cape.lake.exchange.os.rename", fail)
    with pytest.raises(IngestError, match="No space left"):
        land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert snapshot(paths) == before and not (paths.built / "landing").exists()


def test_what_a_killed_landing_left_does_not_matter(paths: LakePaths, tmp_path: Path) -> None:
    (paths.built / "landing").mkdir(parents=True)
    (paths.built / "landing" / "source.toml").write_text("half")
    build_lake(paths)
    land_table(written(tmp_path, SCORES), table="scores", source=SOURCE, paths=paths, is_local=True)
    assert build_lake(paths).is_new and not (paths.built / "landing").exists()


def test_builds_never_see_half_a_landing(paths: LakePaths, tmp_path: Path) -> None:
    faults: list[BaseException] = []
    done = threading.Event()

    def builder() -> None:
        try:
            while not done.wait(0.01):
                build_lake(paths)
        except BaseException as error:  # noqa: BLE001  handed to the test's own thread
            faults.append(error)

    thread = threading.Thread(target=builder)
    thread.start()
    for number in range(6):
        text = SCORES + "pythia-160m,50,hellaswag,,\n" * (number % 2)
        land_table(written(tmp_path, text), table="scores", source=SOURCE, paths=paths, is_local=True)
    done.set()
    thread.join()
    assert faults == []


AWKWARD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=AWKWARD.filter(str.strip), notes=AWKWARD, cell=AWKWARD.filter(bool))
def test_any_text_survives_the_record_and_the_table(
    paths: LakePaths, tmp_path: Path, title: str, notes: str, cell: str
) -> None:
    source = dataclasses.replace(SOURCE, title=title, notes=notes)
    file = tmp_path / "delivered.csv"
    pl.DataFrame({"model_id": ["pythia-70m"], "probe": ["p"], "value": ["1"], "notes": [cell]}).write_csv(
        file, quote_style="always"
    )
    table = next(table for table in RAW_TABLES if table.name == "probes")
    delivered = read_text_table(file, required=table.required, optional=table.optional)
    landed = land_table(file, table="probes", source=source, paths=paths, is_local=True)
    held = record(landed.folder)
    assert held["title"] == title and held.get("notes", "") == notes
    again = read_text_table(landed.file, required=table.required, optional=table.optional)
    assert again.drop("file_row").equals(delivered.drop("file_row"), null_equal=True)
    assert again["notes"].item() == cell


# The scripts, as a user runs them.

BASE, FRONTIER, PROBES = "ingest_base_scores.py", "ingest_frontier_scores.py", "ingest_probe_outputs.py"
OPTIONS = ["--source-id", "mine", "--title", 'A "ladder"', "--url", "internal", "--kind", "user"]
OPTIONS += ["--date", "2026-01-02", "--licence", "private", "--notes", "line\nbreak"]


def run(script: str, paths: LakePaths, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / script, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "CAPE_LAKE": str(paths.root)},
        cwd=paths.root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_base_scores_land_with_their_models_and_are_built(paths: LakePaths, tmp_path: Path) -> None:
    scores = written(tmp_path, SCORES.replace("70m,27.5", "70m,27.6") + "my-1b,40,hellaswag,,\n")
    models = written(tmp_path, "model_id,family,params_b\nmy-1b,My,1\n", "m.csv")
    done = run(BASE, paths, scores, "--models", models, *OPTIONS)
    assert (done.returncode, done.stderr) == (0, "")
    lake = Lake.open(paths)
    n_scores = lake.read("mart_lake")["n_scores"].item()
    assert lake.read("mart_scores", panel="mine").height == 3
    lake.close()
    assert f"Lake {lake.version}: {n_scores:,} scores" in done.stdout and "3 rows landed" in done.stdout
    assert is_current(paths) and record(paths.local / "mine")["notes"] == "line\nbreak"


@pytest.mark.parametrize(
    ("script", "model_id", "models", "says"),
    [
        (BASE, "claude-opus-4.7", None, ("row 4", "'frontier'")),
        (FRONTIER, "pythia-160m", None, ("row 2", "'base'")),
        (BASE, "my-1b", "model_id,family,params_b,kind\nmy-1b,My,1,frontier\n", ("row 4", "'frontier'")),
        (FRONTIER, "my-1b", "model_id,family,params_b\nmy-1b,My,1\n", ("row 2", "'base'")),
        (BASE, "pythia-161m", None, ("row 4", "in no models.csv", "Did you mean pythia-16")),
    ],
)
def test_models_of_the_other_kind_and_unknown_ones_are_refused(
    paths: LakePaths, tmp_path: Path, script: str, model_id: str, models: str | None, says: tuple[str, ...]
) -> None:
    scores = written(tmp_path, SCORES + f"{model_id},40,hellaswag,,\n")
    more: list[str | Path] = [] if models is None else ["--models", written(tmp_path, models, "m.csv")]
    before = snapshot(paths)
    done = run(script, paths, scores, *more, *OPTIONS)
    assert (done.returncode, done.stdout) == (2, "")
    for piece in ("delivered.csv", "'model_id'", *says):
        assert piece in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and snapshot(paths) == before


def test_a_delivered_model_does_not_change_the_kind_of_a_shipped_one(paths: LakePaths, tmp_path: Path) -> None:
    scores = written(tmp_path, "model_id,benchmark,score\nclaude-opus-4.7,ifeval,50\n")
    models = written(tmp_path, "model_id,family,params_b,kind\nclaude-opus-4.7,C,,base\n", "m.csv")
    done = run(BASE, paths, scores, "--models", models, *OPTIONS)
    assert done.returncode == 2 and "'frontier'" in done.stderr


def test_frontier_scores_and_probe_outputs_land(paths: LakePaths, tmp_path: Path) -> None:
    scores = written(tmp_path, "model_id,benchmark,score\nclaude-opus-4.7,ifeval,50\n")
    assert run(FRONTIER, paths, scores, "--shipped", *OPTIONS).returncode == 0
    refused = run(FRONTIER, paths, scores, "--shipped", *OPTIONS)
    assert refused.returncode == 2 and "shipped source" in refused.stderr
    probes = written(tmp_path, "model_id,probe,value,layer\npythia-70m,cosine,0.5,3\n")
    done = run(PROBES, paths, probes, "--local", *[o.replace("mine", "probed") for o in OPTIONS])
    assert done.returncode == 0, done.stderr
    lake = Lake.open(paths)
    assert lake.read("mart_sources", source_id="mine")["is_local"].to_list() == [False]
    assert lake.read("mart_probes", source_id="probed").select("value", "layer").rows() == [(0.5, 3)]
    lake.close()


def test_a_faulty_option_names_it(paths: LakePaths, tmp_path: Path) -> None:
    scores = written(tmp_path, SCORES)
    done = run(BASE, paths, scores, *[o.replace("2026-01-02", "yesterday") for o in OPTIONS])
    assert done.returncode == 2 and "mine/source.toml, column 'date'" in done.stderr
    missing = run(BASE, paths, scores, *OPTIONS[:2])
    assert missing.returncode == 2 and "--title" in missing.stderr


def test_build_lake_builds_once_and_again_by_force(paths: LakePaths) -> None:
    first = run("build_lake.py", paths)
    assert first.returncode == 0 and first.stdout.startswith("Lake ") and is_current(paths)
    (file,) = paths.built.glob("cape-*.duckdb")
    stamp = file.stat().st_mtime_ns
    assert run("build_lake.py", paths).stdout == first.stdout and file.stat().st_mtime_ns == stamp
    assert run("build_lake.py", paths, "--force").stdout == first.stdout and file.stat().st_mtime_ns != stamp


def test_a_build_that_fails_says_so_without_a_traceback(paths: LakePaths) -> None:
    (paths.raw / "amin-26" / "scores.csv").write_text("")
    done = run("build_lake.py", paths)
    assert done.returncode == 2 and "amin-26/scores.csv" in done.stderr and "Traceback" not in done.stderr
