"""Results of probes as Parquet shards: one row per number, one file per configuration, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import BadParameterError, IngestError

SHARD = "probe-{}.parquet"
PATTERN = SHARD.format("*")
DRAFT = ".draft"
HASH_LENGTH = 16  # hexadecimal digits of a configuration's hash: 64 bits
SCHEMA = {
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
MANDATORY = ("model_id", "instrument", "backend", "probe", "unit", "prompts_set", "prompts_hash", "config_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeConfig:
    """What decides the numbers of one probe run; where it runs does not, beyond its dtype.

    model : id or folder as asked for. revision : as asked for. layers, heads : those reported, () for all.
    backend : hooks or transformerlens. prompts_hash : of the prompt set's text. seed : of every resample.
    options : further named choices, as name and value.
    """

    model: str
    revision: str = "main"
    dtype: str = "float32"
    backend: str = "hooks"
    prompts_set: str = "contrast"
    prompts_hash: str = ""
    layers: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    seed: int = 0
    n_resamples: int = 1000
    options: tuple[tuple[str, str], ...] = field(default=())

    @property
    def config_hash(self) -> str:
        """Return the hash that names this run: equal configurations have equal hashes on every machine."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def write_shard(rows: Iterable[Mapping[str, Any]], folder: Path) -> Path:
    """Write the rows of one run as a shard named by their configuration's hash, and return its file.

    A reader sees the old shard or the new one, never a part. Raises BadParameterError for no rows, rows of several
    configurations, an unknown column or a mandatory one that is empty.
    """
    frame = shard_frame(rows)
    hashes = frame["config_hash"].unique().to_list()
    if len(hashes) != 1:
        raise BadParameterError(f"A shard holds one configuration, got {len(hashes)}. Write one shard for each.")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SHARD.format(hashes[0])
    draft = file.with_name(f"{file.name}.{os.getpid()}{DRAFT}")
    frame.write_parquet(draft)
    os.replace(draft, file)
    return file


def shard_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the rows with every column of SCHEMA, absent ones null; raise BadParameterError as `write_shard`."""
    held = list(rows)
    unknown = sorted({name for row in held for name in row} - set(SCHEMA))
    if not held or unknown:
        found = f"columns {', '.join(unknown)}" if unknown else "no rows"
        raise BadParameterError(f"A shard of probe results cannot hold {found}. Its columns: {', '.join(SCHEMA)}.")
    whole = [{name: row.get(name) for name in SCHEMA} for row in held]
    frame = pl.DataFrame(whole, schema=SCHEMA)
    empty = [name for name in MANDATORY if frame[name].null_count() or (frame[name] == "").any()]
    if empty:
        raise BadParameterError(f"Every probe result states its {', '.join(empty)}. Fill them in.")
    return frame


def has_shard(config_hash: str, folder: Path) -> bool:
    """Return whether a run of this configuration has finished."""
    return (folder / SHARD.format(config_hash)).is_file()


def read_shards(folder: Path) -> pl.DataFrame:
    """Return every row of every shard of a folder, in order of file name; an empty frame where there are none.

    Raises IngestError for a file that is no shard.
    """
    frames = [_read(file) for file in sorted(folder.glob(PATTERN))]
    return pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)


def _read(file: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(file)
        return frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).splitlines()[0]
        raise IngestError(
            file=file.name, found=f"It is no shard of probe results: {said}.", action="Delete it and probe again."
        ) from error
