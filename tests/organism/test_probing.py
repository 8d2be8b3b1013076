"""Probes of the shipped organism: resumable, in each world's own words, and landed where the page reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from cape.errors import BadParameterError
from cape.lake import Lake, LakePaths, build_lake
from cape.lake.organism import land_organism_probes, shipped_scores
from cape.organism.probing import checkpoints_in, joined_shards, probe_checkpoints
from cape.organism.train import read_record
from tests.conftest import REPOSITORY, require

pytestmark = pytest.mark.heavy
require("torch")
SHIPPED = REPOSITORY / "lake" / "organism"


def test_two_models_are_probed_once_and_reach_the_mart(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for shape in ("d4-l2", "d8-l2"):
        shutil.copytree(SHIPPED / "web" / shape, run / "web" / shape)
    folders = checkpoints_in(run)
    assert [folder.name for folder in folders] == ["d4-l2", "d8-l2"]
    done: list[Path] = []
    found = probe_checkpoints(folders, tmp_path / "shards", on_done=done.append)
    stamps = [shard.stat().st_mtime_ns for shard in found["web"]]
    assert done == folders and probe_checkpoints(folders, tmp_path / "shards", on_done=done.append) == found
    assert [shard.stat().st_mtime_ns for shard in found["web"]] == stamps, "a shard that is there is kept"

    root = tmp_path / "lake"
    shutil.copytree(
        REPOSITORY / "lake", root, ignore=shutil.ignore_patterns("built", "local", "cape.duckdb", ".cape-*")
    )
    paths = LakePaths(root)
    ids = [str((read_record(folder) or {})["model_id"]) for folder in folders]
    assert set(ids) <= set(shipped_scores(paths)["model_id"])
    files = joined_shards(found, tmp_path / "joined", known=ids[1:])
    land_organism_probes(files, paths=paths, command="test", date="2026-01-01")
    build_lake(paths)
    lake = Lake.open(paths)
    try:
        rows = lake.read("mart_organism_inside", family="web")
    finally:
        lake.close()
    assert rows["model_id"].unique().to_list() == ids[1:], "a model whose scores are unknown is left out"
    assert {"head_comp_frac", "net_coupling", "layer_coupling", "proj_output_cos"} <= set(rows["probe"])
    one = rows.filter(pl.col("probe") == "net_coupling", pl.col("instrument") == "head outputs")
    assert one.height == 1 and one["prompts_set"][0].startswith("organism-0") and one["n_heads"][0] == 2


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadParameterError, match="holds no finished model"):
        checkpoints_in(tmp_path)
