"""A lake with planted probe outputs: a source of recorded rows and shards measured here."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cape.lake import Lake, LakePaths, build_lake
from cape.lake.commands import land_shards
from cape.lake.land import SourceRecord, land_tables
from cape.lake.shards import SHARD_SCHEMA

COMMON: dict[str, Any] = {
    "revision": "main", "backend": "hooks", "instrument": "attention outputs", "unit": "cosine", "n_prompts": 32,
    "prompts_set": "contrast", "prompts_hash": "abc", "config_hash": "c0", "dtype": "float32", "device": "cpu",
    "versions": "{}", "position": "last",
}  # fmt: skip


def source(source_id: str, **about: Any) -> SourceRecord:
    fields = {"title": "t", "url": "internal", "kind": "user", "date": "2026-01", "licence": "none"}
    return SourceRecord(source_id=source_id, **(fields | about))


def shard(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as a shard of one configuration, with COMMON where a row says nothing."""
    whole = [dict.fromkeys(SHARD_SCHEMA) | COMMON | dict(row) for row in rows]
    file = folder / f"probe-{whole[0]['config_hash']}.parquet"
    pl.DataFrame(whole, schema=SHARD_SCHEMA).write_parquet(file)
    return file


def probe_lake(
    root: Path,
    shipped: Path,
    *,
    recorded: Mapping[str, str] | None = None,
    shards: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    notes: str = "",
) -> Lake:
    """Build a lake with the registry of models and these probes: CSV text or rows of shards by source_id."""
    (root / "raw").mkdir(parents=True)
    for file in shipped.glob("*.csv"):
        shutil.copy(file, root)
    shutil.copytree(shipped / "raw" / "reference-models", root / "raw" / "reference-models")
    paths = LakePaths(root)
    for source_id, text in (recorded or {}).items():
        csv = root / "delivered.csv"
        csv.write_text(text, encoding="utf-8")
        land_tables({"probes": csv}, source=source(source_id, notes=notes), paths=paths, is_local=True)
        csv.unlink()
    for source_id, rows in (shards or {}).items():
        file = shard(root, rows)
        land_shards([file], source=source(source_id), paths=paths, is_local=True)
        file.unlink()
    build_lake(paths)
    return Lake.open(paths)
