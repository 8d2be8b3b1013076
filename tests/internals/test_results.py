"""Shards: written whole, read again, named by what decides their numbers; alarms across models."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cape.errors import BadParameterError, IngestError
from cape.internals.results import SCHEMA, ProbeConfig, alarms_of, read_shards, shard_file, shard_frame, write_shard
from cape.internals.rows import Rows, alarm
from cape.internals.run import config_of, fingerprint, prompts_of
from cape.stats.inference import Inference

CONFIG = ProbeConfig(model="some/model")


def row(**changes: Any) -> dict[str, Any]:
    common = {
        "model_id": "some/model",
        "instrument": "hidden states",
        "backend": "hooks",
        "probe": "net_coupling",
        "value": 0.5,
        "unit": "cosine",
        "prompts_set": "contrast",
        "prompts_hash": "abc",
        "config_hash": CONFIG.config_hash,
    }
    return {**common, **changes}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = write_shard([row(layer=2), row(value=None, low=0.1)], tmp_path / "new")
    assert file == shard_file(CONFIG.config_hash, tmp_path / "new")
    held = read_shards(tmp_path / "new")
    assert held.schema == pl.Schema(SCHEMA)
    assert held["layer"].to_list() == [2, None]
    assert held["value"].to_list() == [0.5, None]


def test_a_folder_without_shards_gives_an_empty_frame(tmp_path: Path) -> None:
    assert read_shards(tmp_path).schema == pl.Schema(SCHEMA)


def test_equal_configurations_share_a_name_and_every_field_changes_it() -> None:
    assert CONFIG.config_hash == ProbeConfig(model="some/model").config_hash
    other = {
        "model": "x", "revision": "x", "dtype": "x", "backend": "x", "prompts_set": "x", "prompts_hash": "x",
        "layers": (1,), "heads": (1,), "seed": 1, "n_resamples": 7, "options": (("a", "b"),),
    }  # fmt: skip
    hashes = {replace(CONFIG, **{name: value}).config_hash for name, value in other.items()}
    assert len(hashes | {CONFIG.config_hash}) == len(other) + 1


def test_prompts_parts_and_a_folder_s_files_decide_the_name(tmp_path: Path) -> None:
    prompts = prompts_of()
    assert config_of(CONFIG, prompts).prompts_hash == prompts.hash
    assert config_of(CONFIG, prompts, ("layers",)).config_hash != config_of(CONFIG, prompts).config_hash
    names = []
    for place, weights in (("here", b"1"), ("there", b"1"), ("else", b"2")):
        folder = tmp_path / place / "a" / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)
        names.append(config_of(ProbeConfig(model=str(folder)), prompts).config_hash)
    assert names[0] == names[1] != names[2]


def test_the_fingerprint_of_a_large_file_sees_both_ends(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    whole = bytearray(3 * 2**20)
    found = []
    for change in (None, 0, len(whole) - 1):
        changed = bytearray(whole)
        if change is not None:
            changed[change] = 1
        file.write_bytes(changed)
        found.append(fingerprint(tmp_path))
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "no rows"),
        ([row(colour="red")], "columns colour"),
        ([row(), row(config_hash="other")], "got 2"),
        ([row(instrument="")], "instrument"),
        ([row(unit=None)], "unit"),
        ([{**row(), "prompts_hash": None}], "prompts_hash"),
    ],
)
def test_rows_that_are_no_shard_are_refused(tmp_path: Path, rows: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(BadParameterError, match=fault):
        write_shard(rows, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_dies_leaves_the_old_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard([row(value=1.0)], tmp_path)

    def dies(*arguments: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(OSError, match="no space"):
        write_shard([row(value=2.0)], tmp_path)
    assert read_shards(tmp_path)["value"].to_list() == [1.0]


def test_a_file_that_is_no_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "probe-bad.parquet").write_bytes(b"not parquet")
    with pytest.raises(IngestError, match="probe-bad.parquet"):
        read_shards(tmp_path)


def test_alarms_are_those_noted_and_those_across_models() -> None:
    noted = row(notes=f"mean; {alarm('constant across 4 layers', None)}")
    same = [row(model_id=f"model {i}", probe="head_coupling_mean", value=0.25) for i in range(2)]
    other_prompts = [row(model_id="model 3", probe="head_coupling_mean", value=0.25, prompts_hash="other")]
    said = alarms_of(shard_frame([noted, *same, *other_prompts]))
    assert said[0] == "some/model: net_coupling: alarm: constant across 4 layers"
    assert "equal across models model 0, model 1" in said[1]
    assert len(said) == 2


def test_a_row_turns_what_is_not_finite_into_null_and_keeps_the_reason() -> None:
    rows = Rows(instrument="hidden states", common={"model_id": "m"})
    rows.infer("d_rep", Inference(value=float("nan"), low=None, high=None, n=3, method="how", caveats=("why",)))
    rows.add("x", float("inf"), low=float("nan"), layer=1)
    assert rows.held[0]["value"] is None and rows.held[0]["notes"] == "how; why"
    assert rows.held[1]["value"] is None and rows.held[1]["low"] is None
