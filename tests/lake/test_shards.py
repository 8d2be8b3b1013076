"""Shards of probe outputs: read as written, landed whole, refused by name, and joined to recorded rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from cape.errors import IngestError, LakeBuildError
from cape.internals import results
from cape.lake import Lake, LakePaths, build_lake
from cape.lake.commands import land_shards
from cape.lake.shards import SHARD_PATTERN, SHARD_SCHEMA, read_shard, shard_files
from tests.diagnostics._probes import probe_lake, shard, source

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = {"model_id": "pythia-70m", "probe": "layer_coupling", "layer": 1, "value": 0.5, "low": 0.4, "high": 0.6}


@pytest.fixture
def paths(lake_paths: LakePaths, tmp_path: Path) -> LakePaths:
    probe_lake(tmp_path / "lake", lake_paths.root).close()
    return LakePaths(tmp_path / "lake")


def test_the_columns_of_a_shard_are_those_that_the_probes_write() -> None:
    assert SHARD_SCHEMA == results.SCHEMA
    assert SHARD_PATTERN == results.PATTERN


def test_a_landed_shard_is_in_the_mart_with_its_interval(paths: LakePaths, tmp_path: Path) -> None:
    landed = land_shards([shard(tmp_path, [ROW])], source=source("mine"), paths=paths, is_local=True)
    assert [file.n_rows for file in landed] == [1]
    build_lake(paths)
    lake = Lake.open(paths)
    (row,) = lake.read("mart_probes", source_id="mine").iter_rows(named=True)
    assert (row["origin"], row["measured_by"]) == ("measured here", "attention outputs; prompts: contrast")
    assert (row["family"], row["value"], row["low"], row["high"], row["layer"]) == ("Pythia", 0.5, 0.4, 0.6, 1)
    lake.close()


def test_an_undefined_value_lands_and_one_that_is_no_number_is_refused(paths: LakePaths, tmp_path: Path) -> None:
    land_shards([shard(tmp_path, [ROW | {"value": None}])], source=source("mine"), paths=paths, is_local=True)
    build_lake(paths)
    land_shards([shard(tmp_path, [ROW | {"value": float("nan")}])], source=source("mine"), paths=paths, is_local=True)
    with pytest.raises(LakeBuildError, match="chk_probes_are_numbers.*mine/probe-c0.parquet, row 1"):
        build_lake(paths)


def test_a_file_that_is_no_shard_is_refused_by_name(tmp_path: Path) -> None:
    bad = tmp_path / "probe-bad.parquet"
    bad.write_bytes(b"nothing")
    with pytest.raises(IngestError, match="probe-bad.parquet"):
        read_shard(bad, display_name=bad.name)
    whole = pl.read_parquet(shard(tmp_path, [ROW]))
    whole.drop("unit").write_parquet(bad)
    with pytest.raises(IngestError, match="unit.*missing"):
        read_shard(bad, display_name=bad.name)
    whole.with_columns(pl.col("value").cast(pl.String)).write_parquet(bad)
    with pytest.raises(IngestError, match="value.*String"):
        read_shard(bad, display_name=bad.name)


def test_paths_without_shards_and_shards_named_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(IngestError, match="no shard"):
        shard_files([tmp_path / "a"])
    for name in "ab":
        shard(tmp_path / name, [ROW])
    assert len(shard_files([tmp_path / "a"])) == 1
    with pytest.raises(IngestError, match="one configuration"):
        shard_files([tmp_path])


def test_the_script_lands_a_folder_of_shards(paths: LakePaths, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    shard(tmp_path / "out", [ROW])
    about = [
        "--source-id",
        "mine",
        "--title",
        "t",
        "--url",
        "internal",
        "--kind",
        "user",
        "--date",
        "2026",
        "--licence",
    ]
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "ingest_probe_outputs.py", tmp_path / "out", *about, "none"],
        env={"CAPE_LAKE": str(paths.root), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "probe-c0.parquet: 1 rows landed" in done.stdout
