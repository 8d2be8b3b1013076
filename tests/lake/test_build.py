"""The lake's promises: whole or not at all, old lake serves, versions follow content, checks can fail, SQL is right."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from cape.errors import IngestError, LakeBuildError, LakeNotBuiltError, UnknownNameError
from cape.lake import Lake, LakePaths, build_id, build_lake, is_current, lake_version, public_database, published
from cape.lake import read as read_module
from cape.lake import version as version_module
from cape.lake import views as views_module
from cape.lake.build import fill, run_checks
from cape.lake.land import SourceRecord, land_table
from cape.lake.load import load_lake
from cape.lake.paths import SQL_FOLDER
from cape.lake.views import all_views, create_views
from cape.stats.coupling import classify_phase, gamma_interval

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = ("amin-base63", "reference-models")  # enough for every mart of scores
CHECKS = sorted(file.stem for file in (SQL_FOLDER / "40_checks").glob("*.sql"))
GROWING = SourceRecord(
    source_id="grow", title="a source that grows", url="internal", kind="user", date="2026-01-02", licence="private"
)


@pytest.fixture(scope="module")
def built_template(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lake, built once; tests copy it."""
    root = tmp_path_factory.mktemp("small") / "lake"
    root.mkdir()
    for file in lake_paths.root.glob("*.csv"):
        shutil.copy(file, root)
    for name in SMALL:
        shutil.copytree(lake_paths.raw / name, root / "raw" / name)
    build_lake(LakePaths(root))
    return root


@pytest.fixture
def small(built_template: Path, tmp_path: Path) -> LakePaths:
    """A small lake of this test's own, built and published."""
    root = tmp_path / "lake"
    shutil.copytree(built_template, root, symlinks=True)
    return LakePaths(root)


def write_source(
    folder: Path, files: dict[str, str | bytes], *, toml: str | None = None, sha256: str | None = None
) -> None:
    """Write a source folder by hand, as a user would; `toml` replaces the whole record."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        f'source_id = "{folder.name}"\ntitle = "t"\nurl = "internal"\nkind = "user"\ndate = "2026"\nlicence = "none"\n'
    )
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        text += f'\n[[files]]\nname = "{name}"\nsha256 = "{digest}"\nrows = {max(len(data.splitlines()) - 1, 0)}\n'
    (folder / "source.toml").write_text(text if toml is None else toml, encoding="utf-8")


def grow(paths: LakePaths, n_rows: int, scratch: Path) -> None:
    """Land a local source of n_rows scores."""
    rows = "".join(f"pythia-70m,hellaswag,{30 + n / 10},{n},note {n_rows}\n" for n in range(n_rows))
    scratch.write_text("model_id,benchmark,score,source_row,notes\n" + rows, encoding="utf-8")
    land_table(scratch, table="scores", source=GROWING, paths=paths, is_local=True)


def held(paths: LakePaths) -> tuple[Path, str, dict[str, object]]:
    """Return what serves: the real file, the hash of its bytes and its row of mart_lake."""
    lake = Lake.open(paths)
    try:
        row = lake.read("mart_lake").row(0, named=True)
    finally:
        lake.close()
    return lake.database, hashlib.sha256(lake.database.read_bytes()).hexdigest(), row


def leftovers(paths: LakePaths) -> list[str]:
    """Return the files that a finished build should not leave."""
    inside = [f.name for f in paths.built.iterdir() if f.name != ".lock" and not f.match("cape-*.duckdb")]
    return [*inside, *(f.name for f in paths.root.glob(".cape-*"))]


# Building and versions.


def test_a_cold_build_publishes_and_a_second_one_does_nothing(small: LakePaths) -> None:
    shutil.rmtree(small.built)
    small.link.unlink()
    with pytest.raises(LakeNotBuiltError, match="cape build"):
        Lake.open(small)
    first = build_lake(small)
    assert first.is_new and is_current(small) and published(small) == first.database.resolve()
    before = held(small)
    second = build_lake(small)
    assert not second.is_new and second.lake_version == first.lake_version
    assert held(small) == before and leftovers(small) == []
    assert before[2]["lake_version"] == lake_version(small) and before[2]["build_id"] == build_id(small)


def test_the_shipped_lake_builds_and_holds_every_delivered_row(lake: Lake, lake_paths: LakePaths) -> None:
    delivered = sum(
        pl.read_csv(file, infer_schema=False).height for file in lake_paths.raw.glob("*/scores.csv") if file.is_file()
    )
    assert lake.read("mart_lake")["n_scores"].item() == delivered
    assert lake.read("mart_lake")["n_sources"].item() == len([p for p in lake_paths.raw.iterdir() if p.is_dir()])


def test_a_forced_build_of_the_same_content_is_new_and_equal(small: LakePaths) -> None:
    before = held(small)
    assert build_lake(small, force=True).is_new
    assert held(small)[2] == before[2] and leftovers(small) == []


def test_the_version_follows_raw_bytes(small: LakePaths) -> None:
    before = lake_version(small)
    with (small.raw / "amin-base63" / "source.toml").open("a", encoding="utf-8") as file:
        file.write("# a byte\n")
    assert lake_version(small) != before and not is_current(small)


def test_the_version_follows_benchmarks_panels_and_claims(small: LakePaths) -> None:
    for name in ("benchmarks", "panels", "claims"):
        before = lake_version(small)
        with (small.root / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.write("\n")
        assert lake_version(small) != before, name


def test_the_version_follows_local_sources(small: LakePaths, tmp_path: Path) -> None:
    before = lake_version(small)
    grow(small, 1, tmp_path / "g.csv")
    assert lake_version(small) != before


def test_the_version_follows_sql_bytes_and_so_does_the_built_view(
    small: LakePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lake_version(small)
    copy = tmp_path / "sql"
    shutil.copytree(SQL_FOLDER, copy)
    for module in (version_module, views_module):
        monkeypatch.setattr(module, "SQL_FOLDER", copy)
    assert lake_version(small) == before
    view = copy / "30_marts" / "mart_lake.sql"
    view.write_text(view.read_text().replace("counts.*,", "counts.*,\n        42 as planted,"))
    assert lake_version(small) != before
    build_lake(small)
    assert held(small)[2]["planted"] == 42


def test_stored_results_change_the_build_and_not_the_version(small: LakePaths) -> None:
    before, build_before = lake_version(small), build_id(small)
    folder = small.computed / "estimates"
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text('source_id = "estimates"\nfrom_lake_version = "x"\n')
    assert lake_version(small) == before and build_id(small) != build_before and not is_current(small)
    assert build_lake(small).is_new and is_current(small)


def test_old_builds_are_retired_and_one_still_open_stays_readable(small: LakePaths, tmp_path: Path) -> None:
    oldest = Lake.open(small)
    for n_rows in range(1, 6):
        grow(small, n_rows, tmp_path / "g.csv")
        build_lake(small)
    assert len(list(small.built.glob("cape-*.duckdb"))) == 3 and not oldest.database.exists()
    assert oldest.read("mart_lake")["lake_version"].item() == oldest.version
    oldest.close()


# A build that is killed, or that is not alone.

WORKER = """
import sys
from pathlib import Path
from cape.lake import LakePaths, build_lake
print("ready", flush=True)
sys.stdin.readline()
print(build_lake(LakePaths(Path(sys.argv[1]))).is_new, flush=True)
"""


def start_worker(paths: LakePaths) -> subprocess.Popen[str]:
    """Start a process that will build the lake when it is told to go."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(paths.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True,
    )


def go(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()


def wait_ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n", worker.communicate()[1]


def kill(worker: subprocess.Popen[str]) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.communicate()


def assert_whole_after_kill(paths: LakePaths, old: dict[str, object]) -> bool:
    """Assert that what serves is the whole old or the whole new lake and that a build repairs; return if it was new."""
    row = held(paths)[2]
    was_published = row["lake_version"] == lake_version(paths)
    assert was_published or row == old
    build_lake(paths)
    assert held(paths)[2]["lake_version"] == lake_version(paths) and is_current(paths)
    assert leftovers(paths) == []
    return bool(was_published)


def test_a_build_killed_at_any_moment_leaves_a_whole_lake(small: LakePaths, tmp_path: Path) -> None:
    grow(small, 1, tmp_path / "g.csv")
    duration = build_lake(small).seconds
    n_delays = 12
    published_at = []
    workers = [start_worker(small)]
    for number in range(n_delays):
        workers.append(start_worker(small))  # imports while its predecessor is tried
        old = held(small)[2]
        grow(small, number + 2, tmp_path / "g.csv")
        wait_ready(workers[number])
        go(workers[number])
        time.sleep(1.2 * duration * number / (n_delays - 1))
        kill(workers[number])
        published_at.append(assert_whole_after_kill(small, old))
    kill(workers[-1])
    assert not published_at[0]  # the first is killed before it can have finished


@pytest.mark.parametrize("moment", ["the draft exists", "the draft is growing", "the draft became a build"])
def test_a_build_killed_when(moment: str, small: LakePaths, tmp_path: Path) -> None:
    old = held(small)[2]
    grow(small, 3, tmp_path / "g.csv")
    target = small.built / f"cape-{lake_version(small)}-{build_id(small)}.duckdb"
    reached: dict[str, Callable[[], bool]] = {
        "the draft exists": lambda: any(small.built.glob("draft-*")),
        "the draft is growing": lambda: any(f.stat().st_size > 100_000 for f in small.built.glob("draft-*")),
        "the draft became a build": target.exists,
    }
    worker = start_worker(small)
    wait_ready(worker)
    go(worker)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and worker.poll() is None:
        try:
            if reached[moment]():
                break
        except FileNotFoundError:
            continue
    kill(worker)
    assert_whole_after_kill(small, old)


def test_a_killed_build_leaves_no_link_that_the_next_build_does_not_remove(small: LakePaths) -> None:
    (small.root / ".cape-999999.link").symlink_to("built/gone.duckdb")
    (small.built / "draft-999999.duckdb").write_bytes(b"half")
    (small.built / "draft-999999.duckdb.wal").write_bytes(b"half")
    build_lake(small, force=True)
    assert leftovers(small) == []


def test_four_builds_at_once_end_with_one_valid_file(small: LakePaths) -> None:
    shutil.rmtree(small.built)
    small.link.unlink()
    workers = [start_worker(small) for _ in range(4)]
    for worker in workers:
        wait_ready(worker)
    for worker in workers:
        go(worker)
    answers = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, answers
    assert sorted(out.strip() for out, _ in answers) == ["False", "False", "False", "True"]
    assert len(list(small.built.glob("*.duckdb"))) == 1 and leftovers(small) == []
    assert held(small)[2]["lake_version"] == lake_version(small)


def observed(lake: Lake) -> tuple[str, int, int, int]:
    """Return the version of a lake, all its scores, and the scores and files of the growing source."""
    row = lake.read("mart_lake").row(0, named=True)
    assert row["lake_version"] == lake.version
    scores, files = lake.read("mart_scores", source_id="grow"), lake.read("mart_sources", source_id="grow")
    return lake.version, row["n_scores"], scores.height, files.height


def test_eight_readers_see_whole_lakes_while_six_are_published(small: LakePaths, tmp_path: Path) -> None:
    base = int(str(held(small)[2]["n_scores"]))
    expected = {lake_version(small): 0}
    seen: list[tuple[str, int, int, int]] = []
    faults: list[BaseException] = []
    done = threading.Event()
    shared = Lake.open(small)

    def reader(number: int) -> None:
        try:
            while not done.wait(0.05):
                seen.append(observed(shared))
                lake = (Lake.open if number % 2 else Lake.ensure)(small)
                seen.append(observed(lake))
                lake.close()
        except BaseException as error:  # noqa: BLE001  handed to the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=reader, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for n_rows in range(1, 7):
        grow(small, n_rows, tmp_path / "g.csv")
        expected[lake_version(small)] = n_rows
        build_lake(small)
    done.set()
    for thread in threads:
        thread.join()
    shared.close()
    assert faults == []
    assert len({version for version, *_ in seen}) > 1
    for version, n_scores, n_rows, n_files in set(seen):
        assert (n_scores, n_rows, n_files) == (base + expected[version], expected[version], int(expected[version] > 0))
    assert held(small)[2]["n_scores"] == base + 6


# Malformed input.

HEAD = "model_id,benchmark,variant,score\n"
GOOD = HEAD + "pythia-70m,hellaswag,,27.5\npythia-160m,hellaswag,,30.5\n"
GOOD_SHA256 = hashlib.sha256(GOOD.encode()).hexdigest()
RECORD = 'source_id = "mine"\ntitle = "t"\nurl = "internal"\nkind = "user"\ndate = "2026"\nlicence = "none"\n'


@dataclasses.dataclass(frozen=True)
class Malformed:
    """A faulty local source, and the pieces of the message that locate its fault."""

    about: str
    says: tuple[str, ...]
    text: str | bytes = GOOD
    name: str = "scores.csv"
    toml: str | None = None
    sha256: str | None = None


ROW_3 = ("mine/scores.csv", "row 3")
MALFORMED = [
    Malformed("missing column", ("mine/scores.csv", "row 1", "'score'"), "model_id,benchmark\npythia-70m,hellaswag\n"),
    Malformed("text in a number", (*ROW_3, "'score'", "n/a"), GOOD.replace("30.5", "n/a")),
    Malformed(
        "1.7 as a fraction",
        (*ROW_3, "'score'", "1.7"),
        "model_id,benchmark,score,unit\npythia-70m,hellaswag,0.3,fraction\npythia-160m,hellaswag,1.7,fraction\n",
    ),
    Malformed("negative", (*ROW_3, "'score'", "-3"), GOOD.replace("30.5", "-3")),
    Malformed("percent among fractions", (*ROW_3, "'score'", "0.305"), GOOD.replace("30.5", "0.305")),
    Malformed("duplicate key", (*ROW_3, "same key as row 2"), GOOD.replace("pythia-160m", "pythia-70m")),
    Malformed("unknown benchmark", (*ROW_3, "'benchmark'", "'hellaswag'"), GOOD.replace("160m,hella", "160m,helaa")),
    Malformed(
        "unknown variant",
        (*ROW_3, "'variant'", "mc3"),
        HEAD + "pythia-70m,hellaswag,,27.5\npythia-70m,truthfulqa,mc3,40\n",
    ),
    Malformed("empty file", ("mine/scores.csv", "empty"), ""),
    Malformed("header only", ("mine/scores.csv", "no row"), HEAD),
    Malformed("utf-16", ("mine/scores.csv", "row 1", "UTF-16"), GOOD.encode("utf-16")),
    Malformed("latin-1", ("mine/scores.csv", "row 3", "UTF-8"), GOOD.replace("160m", "160\u00e9").encode("latin-1")),
    Malformed("ragged row", ("mine/scores.csv", "row 3"), GOOD.replace("30.5", "30.5,7")),
    Malformed("unknown column", ("mine/scores.csv", "row 1", "'scor'", "'score'"), GOOD.replace("score", "scor")),
    Malformed("record is no TOML", ("mine/source.toml",), toml="source_id = mine"),
    Malformed("record of another folder", ("mine/source.toml", "'other'"), toml=RECORD.replace("mine", "other")),
    Malformed("record without licence", ("mine/source.toml", "licence"), toml=RECORD.replace("licence", "license")),
    Malformed("file not listed", ("mine/scores.csv", "source.toml"), toml=RECORD),
    Malformed(
        "listed file missing",
        ("mine/probes.csv", "missing"),
        toml=RECORD + '[[files]]\nname = "probes.csv"\nsha256 = "00"\nrows = 1\n',
    ),
    Malformed("entry without a name", ("mine/source.toml", "name"), toml=RECORD + '[[files]]\nsha256 = "00"\n'),
    Malformed("entries are no tables", ("mine/source.toml", "files"), toml=RECORD + 'files = ["scores.csv"]\n'),
    Malformed(
        "rows are no number",
        ("mine/", "rows"),
        toml=RECORD + f'[[files]]\nname = "scores.csv"\nsha256 = "{GOOD_SHA256}"\nrows = "x"\n',
    ),
    Malformed("wrong sha256", ("mine/scores.csv", "sha256"), sha256="0" * 64),
    Malformed("unknown model", ("mine/scores.csv", "row 3", "pythia-161m"), GOOD.replace("160m", "161m")),
    Malformed("file that is no table", ("mine/score.csv", "scores"), name="score.csv"),
    Malformed(
        "text in a model's size",
        ("mine/models.csv", "row 2", "'params_b'", "seven"),
        "model_id,family,params_b\nmy-7b,My,seven\n",
        name="models.csv",
    ),
    Malformed(
        "text in a probe's value",
        ("mine/probes.csv", "row 2", "'value'", "high"),
        "model_id,probe,value\npythia-70m,p,high\n",
        name="probes.csv",
    ),
    Malformed(
        "text in training tokens",
        ("mine/training_tokens.csv", "row 2", "'tokens_t'", "many"),
        "model_id,tokens_t\npythia-70m,many\n",
        name="training_tokens.csv",
    ),
    Malformed(
        "empty required cell",
        ("mine/probes.csv", "row 2", "'model_id'"),
        "model_id,probe,value\n,p,1\n",
        name="probes.csv",
    ),
]


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.about)
def test_malformed_input_is_named_and_the_old_lake_serves(case: Malformed, small: LakePaths) -> None:
    before = held(small)
    write_source(small.local / "mine", {case.name: case.text}, toml=case.toml, sha256=case.sha256)
    with pytest.raises((IngestError, LakeBuildError)) as caught:
        build_lake(small)
    for piece in case.says:
        assert piece in str(caught.value), str(caught.value)
    assert held(small) == before and leftovers(small) == []
    shutil.rmtree(small.local)
    assert is_current(small) and not build_lake(small).is_new


def test_a_good_hand_written_source_builds(small: LakePaths) -> None:
    write_source(small.local / "mine", {"scores.csv": GOOD})
    assert build_lake(small).is_new
    lake = Lake.open(small)
    assert lake.read("mart_scores", panel="mine")["score_pct"].to_list() == [27.5, 30.5]
    assert lake.read("mart_sources", source_id="mine")["is_local"].to_list() == [True]
    lake.close()


def test_a_source_id_used_twice_is_refused(small: LakePaths) -> None:
    write_source(small.local / "amin-base63", {"scores.csv": GOOD})
    with pytest.raises(IngestError, match="amin-base63.*already used"):
        build_lake(small)


def test_a_score_below_one_percent_that_the_source_confirms_is_accepted(small: LakePaths) -> None:
    rows = "pythia-70m,hellaswag,,0.4,below_one_percent\npythia-160m,hellaswag,,30.5,\n"
    write_source(small.local / "mine", {"scores.csv": HEAD.replace("\n", ",quality_flags\n") + rows})
    build_lake(small)
    lake = Lake.open(small)
    assert lake.read("mart_scores", panel="mine")["score_pct"].to_list() == [0.4, 30.5]
    lake.close()


def test_the_published_version_is_that_of_the_content_read(
    small: LakePaths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that changes after the version was taken and before it is read must not be served under the old name."""
    write_source(small.local / "mine", {"scores.csv": GOOD})

    def change_then_load(connection: duckdb.DuckDBPyConnection, paths: LakePaths) -> None:
        write_source(small.local / "mine", {"scores.csv": GOOD.replace("27.5", "28.5")})
        load_lake(connection, paths)

    monkeypatch.setattr("cape.lake.build.load_lake", change_then_load)
    try:
        build_lake(small)
    except LakeBuildError:
        return  # refusing is as good
    monkeypatch.undo()
    assert held(small)[2]["lake_version"] == lake_version(small)


def test_a_lake_whose_path_holds_a_quote_is_built_extended_and_copied(built_template: Path, tmp_path: Path) -> None:
    paths = LakePaths(tmp_path / "it's" / "lake")
    shutil.copytree(built_template, paths.root, symlinks=True)
    build_lake(paths, force=True)
    lake = Lake.open(paths)
    lake.with_overlay(scores=overlay_scores()).close()
    assert public_database(lake.database).is_file()
    lake.close()


def test_public_copies_are_retired_with_their_builds(small: LakePaths, tmp_path: Path) -> None:
    for n_rows in range(1, 5):
        grow(small, n_rows, tmp_path / "g.csv")
        public_database(build_lake(small).database.resolve())
    assert len(list(small.built.glob("public-*.duckdb"))) <= 3


def test_threads_that_ask_for_the_public_copy_together_all_get_it(small: LakePaths) -> None:
    real = published(small)
    assert real is not None
    faults: list[BaseException] = []
    gate = threading.Barrier(6)

    def ask() -> None:
        gate.wait()
        try:
            assert public_database(real).is_file()
        except BaseException as error:  # noqa: BLE001  handed to the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


# Every check can fail.

Insert = tuple[str, Mapping[str, object]]


def score(benchmark: str, value: str, *, model_id: str = "pythia-70m", row: int = 2, **more: object) -> Insert:
    common = {"source_id": "planted", "source_file": "scores.csv", "file_row": row}
    return "raw_scores", common | {"model_id": model_id, "benchmark": benchmark, "score": value} | more


PLANTED_SOURCE: Insert = (
    "raw_sources",
    {"source_id": "planted", "title": "t", "url": "u", "kind": "user", "date": "2026", "licence": "l"}
    | {"paper_mode": "false", "is_local": "true"},
)
HASHES = {"source_id": "planted", "name": "scores.csv", "sha256": "aa", "rows": "1", "found_sha256": "aa"}
PANEL = {"panel": "p", "source_id": "planted", "label": "l", "uses_printed_truthfulqa": "0", "uses_panel_families": "0"}
CLAIM = {"source": "s", "claim": "c", "quantity": "q", "paper_value": "1", "parts": "{}"}
PROBE = {"source_id": "planted", "source_file": "probe-a.parquet", "file_row": 1, "model_id": "pythia-70m"}
PROBE |= {"instrument": "hidden states", "backend": "hooks", "probe": "layer_coupling", "layer": 2, "value": 0.5}
PROBE |= {"unit": "cosine", "n_prompts": 32, "prompts_set": "contrast", "prompts_hash": "h", "config_hash": "c"}
RECORDED = {"source_id": "planted", "source_file": "probes.csv", "file_row": 2, "model_id": "pythia-70m", "probe": "p"}


def probe(**changed: object) -> list[Insert]:
    return [("raw_probe_shards", PROBE | changed)]


# Per check: one or more sets of rows, each of which that check alone must report.
OFFENDERS: dict[str, list[list[Insert]]] = {
    "chk_benchmarks_are_unique": [
        [
            ("raw_benchmarks", {"file_row": 90, "benchmark": "a_b", "name": "A"}),
            ("raw_benchmarks", {"file_row": 91, "benchmark": "a", "variant": "b", "name": "A"}),
        ]
    ],
    "chk_claims_are_unique": [
        [("raw_claims", CLAIM | {"claim_id": "twice", "file_row": row}) for row in (900, 901)],
        [("raw_claims", CLAIM | {"claim_id": "bare", "file_row": 900, "parts": None})],
    ],
    "chk_deltas_stay_in_one_ladder": [
        [score("ifeval", str(20 + row), row=row, axis="step", position=str(row - 5)) for row in (2, 8)]
    ],
    "chk_model_sizes_are_positive": [
        [
            ("raw_models", {"source_id": "planted", "file_row": 2, "model_id": "odd", "family": "Odd"} | sizes)
            for sizes in ({"params_b": "-1"},)
        ],
        [
            (
                "raw_models",
                {"source_id": "planted", "file_row": 2, "model_id": "odd", "family": "Odd", "params_b": "1"}
                | {"active_params_b": "2"},
            )
        ],
    ],
    "chk_panels_have_one_source": [
        [("raw_panels", PANEL | {"panel": "twice", "file_row": row}) for row in (90, 91)],
        [("raw_panels", PANEL | {"file_row": 90, "default_x": "hellaswag", "default_y": "truthful"})],
        [("raw_panels", PANEL | {"file_row": 90, "default_x": "hellaswagg"})],
    ],
    "chk_probes_are_numbers": [
        *(probe(**{column: value}) for column in ("value", "low", "high") for value in (math.nan, math.inf)),
        probe(low=0.6, high=0.4),
        [("raw_probes", RECORDED | {"value": "nan"})],
    ],
    "chk_probes_are_of_layers_that_exist": [
        probe(layer=7),
        probe(layer=-1),
        probe(head=8),
        probe(head=-1),
        [("raw_probes", RECORDED | {"value": "1", "layer": "7"})],
    ],
    "chk_probes_say_how_they_were_measured": [
        *(probe(**{column: None}) for column in ("model_id", "unit", "n_prompts", "prompts_hash", "config_hash")),
        *(probe(**{column: " "}) for column in ("instrument", "prompts_set", "probe")),
        probe(n_prompts=0),
    ],
    "chk_release_dates_are_dates": [
        [
            (
                "raw_models",
                {"source_id": "planted", "file_row": 2, "model_id": "odd", "family": "Odd", "release_date": date},
            )
        ]
        for date in ("2025-13", "soon", "2025-1", "2025-02-30", "25-02")
    ],
    "chk_score_benchmarks_are_known": [[score("nonsense", "50")], [score("truthfulqa", "50", variant="mc3")]],
    "chk_score_keys_are_unique": [[score("ifeval", "50", row=2), score("ifeval", "51", row=3)]],
    "chk_score_models_are_known": [[score("ifeval", "50", model_id="nobody")]],
    "chk_scores_are_percentages": [
        [score("ifeval", "100.5")],
        [score("ifeval", "-1")],
        [score("ifeval", "1.5", unit="fraction")],
    ],
    "chk_scores_mix_no_fractions": [
        [score("hellaswag", "0.4", row=2), score("hellaswag", "50", row=3, model_id="pythia-160m")]
    ],
    "chk_source_files_match_their_hash": [
        [("raw_source_files", HASHES | {"found_rows": "1", "found_sha256": "bb"})],
        [("raw_source_files", HASHES | {"found_rows": "2"})],
        [("raw_source_files", HASHES | {"sha256": None, "rows": None, "found_rows": "1"})],
        [("raw_source_files", HASHES | {"found_sha256": None, "found_rows": None})],
    ],
    "chk_sources_are_documented": [
        [("raw_sources", {**PLANTED_SOURCE[1], "source_id": f"no-{field}", field: None})]
        for field in ("title", "url", "kind", "date", "licence")
    ],
    "chk_truthfulqa_variants_never_meet": [
        [
            ("raw_benchmarks", {"file_row": 90, "benchmark": "truthfulqa_gen", "name": "T"}),
            score("truthfulqa_gen", "50", row=2),
            score("truthfulqa", "40", row=3, variant="mc2"),
        ]
    ],
}


def test_every_check_has_a_planted_offender() -> None:
    assert sorted(OFFENDERS) == CHECKS


@pytest.fixture(scope="module")
def raw_tables(built_template: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the raw tables of the small lake, in a schema that tests copy from."""
    connection = duckdb.connect(":memory:")
    fill(connection, LakePaths(built_template), version="v", build="b")
    yield connection
    connection.close()


def with_planted(
    raw_tables: duckdb.DuckDBPyConnection, offenders: Iterable[Insert]
) -> tuple[duckdb.DuckDBPyConnection, tuple[str, ...]]:
    """Return a database with the raw tables and the planted rows, its views created, and the names of its checks."""
    connection = duckdb.connect(":memory:")
    names = raw_tables.execute("select table_name from duckdb_tables() where starts_with(table_name, 'raw_')")
    for (name,) in names.fetchall():
        frame = raw_tables.sql(f"select * from {name}").pl()
        connection.register("frame", frame)
        connection.execute(f"create table {name} as select * from frame")
        connection.unregister("frame")
    for table, row in (PLANTED_SOURCE, *offenders):
        columns = ", ".join(f'"{column}"' for column in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"insert into {table} ({columns}) values ({marks})", list(row.values()))
    views = all_views()
    create_views(connection, views=views)
    return connection, tuple(view.name for view in views if view.name.startswith("chk_"))


def test_a_sound_probe_output_offends_no_check(raw_tables: duckdb.DuckDBPyConnection) -> None:
    connection, checks = with_planted(raw_tables, probe())
    run_checks(connection, checks=checks)
    assert connection.execute(
        "select origin, layers, value from mart_probes where source_id = 'planted'"
    ).fetchall() == [("measured here", "one layer", 0.5)]
    connection.close()


def test_the_planted_source_alone_offends_no_check(raw_tables: duckdb.DuckDBPyConnection) -> None:
    connection, checks = with_planted(raw_tables, [])
    run_checks(connection, checks=checks)
    connection.close()


@pytest.mark.parametrize(
    ("check", "number"), [(check, n) for check, plants in OFFENDERS.items() for n in range(len(plants))]
)
def test_a_planted_offender_is_reported_by_its_check_alone(
    check: str, number: int, raw_tables: duckdb.DuckDBPyConnection
) -> None:
    connection, checks = with_planted(raw_tables, OFFENDERS[check][number])
    with pytest.raises(LakeBuildError) as caught:
        run_checks(connection, checks=checks)
    connection.close()
    assert {name for name, _ in caught.value.offenders} == {check}
    assert all(": " in text and "None" not in text for _, text in caught.value.offenders)
    assert check in str(caught.value) and "not published" in str(caught.value)


# Reading.


def test_what_was_read_once_is_kept_within_a_bound_until_the_lake_closes(
    small: LakePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_lake(small)
    lake = Lake.open(small)
    first = lake.read("mart_models", family="OPT")
    assert lake.read("mart_models", family="OPT") is first
    assert lake.read("mart_models", family="Pythia") is not first
    monkeypatch.setattr(read_module, "KEPT_BYTES", 4 * first.estimated_size())  # room for two frames of this size
    for family in lake.read("mart_models")["family"].unique().sort():
        lake.read("mart_models", family=family)
    assert sum(lake._kept_bytes.values()) <= 4 * first.estimated_size()
    assert lake._kept.keys() == lake._kept_bytes.keys()
    again = lake.read("mart_models", family="OPT")
    assert again is not first and again.equals(first)
    lake.close()
    with pytest.raises(duckdb.Error):
        lake.read("mart_models", family="OPT")


def test_read_pushes_equalities_down_and_none_matches_null(lake: Lake) -> None:
    everything = lake.read("mart_models")
    assert lake.read("mart_models", family="Pythia").equals(
        everything.filter(pl.col("family") == "Pythia"), null_equal=True
    )
    without = lake.read("mart_models", params_b=None)
    assert 0 < without.height < everything.height
    assert without.height == everything["params_b"].null_count()
    both = lake.read("mart_models", params_b=None, kind="frontier")
    assert both.height == everything.filter(pl.col("params_b").is_null() & (pl.col("kind") == "frontier")).height
    assert lake.read("mart_models", family="Nobody").height == 0


@pytest.mark.parametrize(
    ("view", "equals", "says"),
    [
        ("mart_score", {}, ("mart_score'", "mart_scores")),
        ("mart_models; drop table raw_lake", {}, ("no view",)),
        ("mart_models", {"familly": "Pythia"}, ("familly", "family")),
        ("mart_models", {'family" = 1 or "family': "Pythia"}, ("no column",)),
    ],
)
def test_unknown_names_are_refused_with_near_ones(
    lake: Lake, view: str, equals: dict[str, str], says: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        lake.read(view, **equals)
    for piece in says:
        assert piece in str(caught.value)


@pytest.mark.parametrize("value", ["O'Neil", "' or 1=1 --", '"', "x'; drop table raw_scores; --", "?", "$1", "\\"])
def test_values_are_parameters(lake: Lake, value: str) -> None:
    before = lake.read("mart_lake")
    assert lake.read("mart_scores", family=value).height == 0
    assert lake.read("mart_lake").equals(before)


def test_query_text_holds_no_value(lake: Lake) -> None:
    text, values = lake.query_text("mart_scores", family="O'Neil", variant=None, n_shot=5)
    assert "O'Neil" not in text and values == ["O'Neil", 5] and "is null" in text


def overlay_scores(model_id: str = "pythia-70m", **columns: str) -> pl.DataFrame:
    rows = [("hellaswag", None, "31.5"), ("truthfulqa", "mc2", "44.5")]
    frame = pl.DataFrame(
        [{"model_id": model_id, "benchmark": b, "variant": v, "score": s} for b, v, s in rows],
        schema=dict.fromkeys(("model_id", "benchmark", "variant", "score"), pl.String),
    )
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def test_an_overlay_is_a_panel_of_its_session_only(lake: Lake) -> None:
    before = lake.read("mart_scores")
    with_rows = lake.with_overlay(scores=overlay_scores())
    mine = with_rows.read("mart_scores", panel="session")
    assert mine["score_pct"].to_list() == [31.5, 44.5] and mine["family"].unique().to_list() == ["Pythia"]
    pairs = with_rows.read("mart_pairs", panel="session", x="hellaswag", y="truthfulqa_mc2")
    assert pairs.select("x_pct", "y_pct").rows() == [(31.5, 44.5)]
    assert with_rows.read("mart_panels", panel="session").height == 1
    others = with_rows.read("mart_scores").filter(pl.col("panel") != "session")
    assert others.equals(before, null_equal=True)
    assert lake.read("mart_scores").equals(before, null_equal=True)
    assert lake.read("mart_panels", panel="session").height == 0
    assert with_rows.version.startswith(lake.version + "+") and with_rows.version != lake.version
    assert with_rows.read("mart_lake")["lake_version"].item() == with_rows.version
    with_rows.close()


def test_two_overlays_do_not_meet(lake: Lake) -> None:
    one, two = lake.with_overlay(scores=overlay_scores()), lake.with_overlay(scores=overlay_scores("pythia-160m"))
    assert one.version != two.version
    assert one.read("mart_scores", panel="session")["model_id"].unique().to_list() == ["pythia-70m"]
    assert two.read("mart_scores", panel="session")["model_id"].unique().to_list() == ["pythia-160m"]
    one.close()
    two.close()


def test_overlay_rows_that_fail_a_check_raise(lake: Lake) -> None:
    with pytest.raises(LakeBuildError, match="chk_score_models_are_known.*upload, row 2"):
        lake.with_overlay(scores=overlay_scores("nobody-7b"))
    with pytest.raises(LakeBuildError, match="chk_score_keys_are_unique"):
        lake.with_overlay(scores=pl.concat([overlay_scores(), overlay_scores()]))


def test_an_overlay_brings_its_own_models(lake: Lake) -> None:
    models = pl.DataFrame({"model_id": ["my-1b", "my-2b"], "family": ["My", "My"], "params_b": ["1", "2"]})
    scores = pl.concat(
        [overlay_scores("my-1b"), overlay_scores("my-2b").with_columns(score=pl.Series(["41.5", "39.5"]))]
    )
    own = lake.with_overlay(scores=scores, models=models)
    (step,) = own.read("mart_gamma", panel="session", x="hellaswag", y="truthfulqa_mc2").to_dicts()
    assert step["delta_x_pct"] == 10 and step["delta_y_pct"] == -5 and step["gamma"] == -0.5
    assert lake.read("mart_models", family="My").height == 0
    own.close()


def test_an_overlay_does_not_replace_a_shipped_model(lake: Lake) -> None:
    models = pl.DataFrame({"model_id": ["pythia-70m"], "family": ["Mine"], "params_b": ["99"]})
    own = lake.with_overlay(scores=overlay_scores(), models=models)
    assert own.read("mart_models", model_id="pythia-70m")["family"].to_list() == ["Pythia"]
    own.close()


# SQL against an independent loop and against cape.stats.


def independent_steps(scores: pl.DataFrame) -> dict[tuple[object, ...], dict[str, float]]:
    """Return every step of every pair, formed by plain loops over the rows of mart_scores."""
    units: dict[tuple[object, ...], list[dict[str, object]]] = defaultdict(list)
    identity = ("panel", "source_id", "family", "model_id", "revision", "source_row", "axis", "position", "replicate")
    for row in scores.iter_rows(named=True):
        units[tuple(row[name] for name in identity)].append(row)
    ladders: dict[tuple[object, ...], dict[float, list[tuple[object, ...]]]] = defaultdict(lambda: defaultdict(list))
    for rows in units.values():
        for first in rows:
            for second in rows:
                if first["benchmark"] == second["benchmark"] or first["position"] is None:
                    continue
                ladder = tuple(first[name] for name in ("panel", "family", "axis", "replicate", "benchmark_id"))
                ladder += (second["benchmark_id"], first["protocol"], second["protocol"])
                numbers = tuple(one[name] for one in (first, second) for name in ("score_pct", "score_se_pct"))
                ladders[ladder][float(str(first["position"]))].append(numbers)
    steps: dict[tuple[object, ...], dict[str, float]] = {}
    for ladder, by_position in ladders.items():
        points = [(position, *averaged(by_position[position])) for position in sorted(by_position)]
        for (start, x0, sx0, y0, sy0), (end, x1, sx1, y1, sy1) in zip(points, points[1:], strict=False):
            steps[(*ladder, start, end)] = {
                "delta_x_pct": x1 - x0,
                "delta_y_pct": y1 - y0,
                "variance_x": sx0**2 + sx1**2,
                "variance_y": sy0**2 + sy1**2,
            }
    return steps


def averaged(rows: list[tuple[object, ...]]) -> tuple[float, float, float, float]:
    """Return the mean scores of models of one size and the root mean square of their standard errors."""
    x, sx, y, sy = (np.array([math.nan if v is None else v for v in column], dtype=float) for column in zip(*rows))  # noqa: B905
    return float(x.mean()), float(np.sqrt((sx**2).mean())), float(y.mean()), float(np.sqrt((sy**2).mean()))


KEY = ("panel", "family", "axis", "replicate", "x", "y", "x_protocol", "y_protocol", "position_from", "position_to")


def assert_equal_to_statistics(gammas: pl.DataFrame) -> None:
    """Assert that the closed forms of the SQL are those of cape.stats, on the same deltas."""
    dx, dy, vx, vy = (gammas[name].to_numpy() for name in ("delta_x_pct", "delta_y_pct", "variance_x", "variance_y"))
    theirs = gamma_interval(dx, dy, variance_x=vx, variance_y=vy)
    for column, expected in (
        ("gamma", theirs.gamma),
        ("gamma_se", theirs.gamma_se),
        ("gamma_low", theirs.fieller_low),
        ("gamma_high", theirs.fieller_high),
    ):
        np.testing.assert_allclose(
            gammas[column].cast(pl.Float64).to_numpy(), expected, rtol=1e-9, atol=1e-12, err_msg=column
        )
    moved = (dx != 0) | (dy != 0)
    np.testing.assert_allclose(gammas["angle_deg"].to_numpy()[moved], theirs.angle_deg[moved], atol=1e-9)
    assert gammas["quadrant"].to_list() == theirs.quadrant.tolist()
    assert [r is None for r in gammas["undefined_reason"]] == [r == "" for r in theirs.undefined_reason.tolist()]
    phase = classify_phase(theirs.gamma, theirs.fieller_low, theirs.fieller_high)[1]
    assert gammas["phase"].to_list() == phase.tolist()
    raw = gammas["gamma_raw"].cast(pl.Float64).to_numpy()
    assert gammas["phase_paper"].to_list() == classify_phase(raw, raw, raw)[0].tolist()


@pytest.fixture(scope="module")
def expected_steps(lake: Lake) -> dict[tuple[object, ...], dict[str, float]]:
    return independent_steps(lake.read("mart_scores"))


def test_every_step_of_every_pair_equals_the_independent_loop(
    lake: Lake, expected_steps: dict[tuple[object, ...], dict[str, float]]
) -> None:
    rows = {tuple(row[name] for name in KEY): row for row in lake.read("mart_gamma").iter_rows(named=True)}
    assert set(rows) == set(expected_steps) and len(rows) == lake.read("mart_gamma").height
    for column in ("delta_x_pct", "delta_y_pct", "variance_x", "variance_y"):
        ours = np.array([math.nan if rows[key][column] is None else rows[key][column] for key in expected_steps])
        loop = np.array([step[column] for step in expected_steps.values()])
        np.testing.assert_allclose(ours, loop, rtol=1e-9, atol=1e-9, err_msg=column)


@pytest.mark.parametrize("panel", ["author", "author_by_family", "independent", "frontier"])
def test_gamma_of_the_default_pair_equals_the_statistics(
    lake: Lake, panel: str, expected_steps: dict[tuple[object, ...], dict[str, float]]
) -> None:
    (pair,) = lake.read("mart_panels", panel=panel).select("default_x", "default_y").rows()
    gammas = lake.read("mart_gamma", panel=panel, x=pair[0], y=pair[1])
    assert gammas.height == sum(key[0] == panel and key[4:6] == pair for key in expected_steps)
    assert gammas.height > 0 or panel == "frontier"  # most frontier sizes are not public
    if gammas.height:
        assert_equal_to_statistics(gammas)


def without_errors(gammas: pl.DataFrame) -> pl.Series:
    """Return which steps lack a standard error of one of their scores."""
    return gammas["variance_x"].is_null() | gammas["variance_y"].is_null()


def test_gamma_of_every_pair_equals_the_statistics(lake: Lake) -> None:
    gammas = lake.read("mart_gamma")
    known = gammas.filter(~without_errors(gammas))
    assert known.height > 1000
    assert_equal_to_statistics(known)


def test_a_step_without_standard_errors_has_no_interval_and_no_settled_phase(lake: Lake) -> None:
    gammas = lake.read("mart_gamma")
    unknown = gammas.filter(without_errors(gammas))
    assert unknown.height > 0
    assert unknown["gamma_low"].null_count() == unknown["gamma_high"].null_count() == unknown.height
    assert set(unknown["phase"]) <= {"undetermined", "none"}


def test_a_step_without_standard_errors_is_defined_as_in_the_statistics(lake: Lake) -> None:
    gammas = lake.read("mart_gamma")
    assert_equal_to_statistics(
        gammas.filter(without_errors(gammas)).with_columns(pl.col("variance_x", "variance_y").cast(pl.Float64))
    )


def test_phases_are_those_of_the_incoming_step_and_of_the_outgoing_one_at_the_first_size(lake: Lake) -> None:
    pair = {"panel": "author", "family": "Pythia", "x": "hellaswag", "y": "truthfulqa_as_printed"}
    gammas = lake.read("mart_gamma", **pair).sort("step_no")
    phases = lake.read("mart_phases", **pair).sort("position")
    assert phases["phase"].to_list() == [gammas["phase"][0], *gammas["phase"].to_list()]
    assert phases["phase_paper"].to_list() == [gammas["phase_paper"][0], *gammas["phase_paper"].to_list()]
    assert phases["is_outgoing_phase"].to_list() == [True] + [False] * gammas.height


SIZES = ("pythia-70m", "pythia-160m", "pythia-410m", "pythia-1b")


def ladder_rows() -> list[dict[str, str]]:
    """Scores of ladders that must not mix; hundredths of a point tell which ladder a score is of."""
    rows = []
    worlds = [
        {"ladder": family, "replicate": replicate, "n_shot": shots, "axis": axis, "harness": harness}
        for family in ("A", "B")
        for replicate in ("seed1", "seed2")
        for shots in ("0", "5")
        for axis in ("params", "step")
        for harness in ("lm-eval", "other")
    ]
    for mark, world in enumerate(worlds):
        for place, model_id in enumerate(SIZES):
            for benchmark, variant, base in (
                ("hellaswag", "", 20.0),
                ("truthfulqa", "mc1", 30.0),
                ("truthfulqa", "mc2", 60.0),
            ):
                on_steps = {"model_id": SIZES[0], "position": str(1000 * (place + 1))}
                row = world | (on_steps if world["axis"] == "step" else {"model_id": model_id, "position": ""})
                value = base + 5 * place + mark / 100
                rows.append(row | {"benchmark": benchmark, "variant": variant, "score": f"{value:.2f}"})
    return rows


def mark_of(value: float) -> int:
    return round(value * 100) % 100


def test_deltas_never_cross_ladders(small: LakePaths) -> None:
    rows = ladder_rows()
    higher = [row | {"score": str(float(row["score"]) + 0.5)} for row in rows]
    for name, delivered in (("one", rows), ("two", higher)):
        write_source(small.local / name, {"scores.csv": pl.DataFrame(delivered).write_csv()})
    build_lake(small)
    lake = Lake.open(small)
    n_worlds, n_steps = 32, len(SIZES) - 1
    for panel, shift in (("one", 0), ("two", 50)):
        deltas = lake.read("mart_deltas", panel=panel)
        assert deltas.height == n_worlds * 3 * n_steps
        for row in deltas.iter_rows(named=True):
            assert mark_of(row["score_from_pct"]) == mark_of(row["score_to_pct"])
            assert (mark_of(row["score_from_pct"]) >= 50) == bool(shift)
            assert row["delta_pct"] == pytest.approx(5) and row["n_rows_from"] == row["n_rows_to"] == 1
        gammas = lake.read("mart_gamma", panel=panel)
        assert_equal_to_statistics(gammas)
        marks = gammas.select("x_from_pct", "x_to_pct").rows()
        assert all(mark_of(a) == mark_of(b) for a, b in marks)
        assert lake.read("mart_families", panel=panel)["n_positions"].to_list() == [len(SIZES)] * 4
    lake.close()
