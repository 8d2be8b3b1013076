"""Probe outputs measured here: Parquet shards of `cape.internals`, checked and landed as a source of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cape.errors import IngestError

PROBE_SHARDS = "probe_shards"
SHARD_PATTERN = "probe-*.parquet"
SHARD_SCHEMA: dict[str, type[pl.DataType]] = {
    "model_id": pl.String,
    "revision": pl.String,
    "instrument": pl.String,
    "backend": pl.String,
    "probe": pl.String,
    "layer": pl.Int64,
    "head": pl.Int64,
    "prompt_id": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "unit": pl.String,
    "n_prompts": pl.Int64,
    "prompts_set": pl.String,
    "prompts_hash": pl.String,
    "position": pl.String,
    "dtype": pl.String,
    "device": pl.String,
    "config_hash": pl.String,
    "versions": pl.String,
    "notes": pl.String,
}


def read_shard(file: Path, *, display_name: str) -> pl.DataFrame:
    """Return the rows of one shard with every column of SHARD_SCHEMA, in order.

    Raises IngestError, naming the file and the column, for a file that is no Parquet file, lacks a column or holds
    another type in it.
    """
    try:
        frame = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IngestError(
            file=display_name,
            found=f"It cannot be read as Parquet ({type(error).__name__}).",
            action="Remove it, then probe the model again.",
        ) from error
    for name, kind in SHARD_SCHEMA.items():
        held = frame.schema.get(name)
        if held is None:
            found = "The column is missing."
        elif held not in (kind, pl.Null):
            found = f"The column holds {held}, not {kind.__name__}."
        else:
            continue
        raise IngestError(
            file=display_name, column=name, found=found, action="Write shards with cape.internals.results."
        )
    return frame.select(pl.col(name).cast(kind) for name, kind in SHARD_SCHEMA.items())


def shard_files(paths: Sequence[Path]) -> list[Path]:
    """Return the shards among files and folders, in order; raise IngestError where a path holds none."""
    found: list[Path] = []
    for path in paths:
        here = sorted(path.rglob(SHARD_PATTERN)) if path.is_dir() else [path] if path.match(SHARD_PATTERN) else []
        if not here or not all(file.is_file() for file in here):
            raise IngestError(
                file=path.name,
                found=f"There is no shard ({SHARD_PATTERN}) here.",
                action="Name a shard that `cape probe` or `cape sweep` wrote, or the folder that holds them.",
            )
        found += here
    names = [file.name for file in found]
    for name in names:
        if names.count(name) > 1:
            raise IngestError(
                file=name,
                found="Two shards have this name, so they are of one configuration.",
                action="Keep one of them.",
            )
    return found
