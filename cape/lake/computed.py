"""Write results that are too costly to recompute on every build: small Parquet files with a record beside them."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import polars as pl

from cape import __version__
from cape.errors import IngestError
from cape.lake.paths import LakePaths
from cape.lake.tables import COMPUTED_TABLES

POLARS_TYPES = {"varchar": pl.String, "double": pl.Float64, "bigint": pl.Int64, "boolean": pl.Boolean}


def write_computed(
    name: str, rows: list[dict], *, paths: LakePaths, from_lake_version: str, command: str, seed: int
) -> Path:
    """Write one computed table and its source.toml; return the Parquet file.

    rows : dictionaries with the columns that COMPUTED_TABLES declares for `name`. Files appear whole or not at all.
    Raises KeyError for a table that is not declared.
    """
    schema = {column: POLARS_TYPES[kind] for column, kind in COMPUTED_TABLES[name].items()}
    folder = paths.computed / name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.parquet"
    draft = folder / f".{name}.{os.getpid()}.parquet"
    pl.DataFrame(rows, schema=schema).write_parquet(draft, compression="zstd", statistics=False)
    os.replace(draft, target)
    record = {
        "source_id": name,
        "command": command,
        "seed": seed,
        "from_lake_version": from_lake_version,
        "code_version": __version__,
        "rows": len(rows),
    }
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in record.items())
    record_draft = folder / f".source.{os.getpid()}.toml"
    record_draft.write_text(text, encoding="utf-8")
    os.replace(record_draft, folder / "source.toml")
    return target


def command_of_computed(name: str, *, paths: LakePaths) -> str:
    """Return the command that a computed table says it was made by, or an empty text where nothing is stored."""
    file = paths.computed / name / "source.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8")).get("command", "")) if file.is_file() else ""


def read_computed(name: str, *, paths: LakePaths) -> list[dict]:
    """Return the stored rows of one computed table, none where nothing is stored.

    Raises KeyError for a table that is not declared, and IngestError for a file without its columns.
    """
    file = paths.computed / name / f"{name}.parquet"
    if not file.is_file():
        return []
    frame = pl.read_parquet(file)
    missing = [column for column in COMPUTED_TABLES[name] if column not in frame.columns]
    if missing:
        raise IngestError(
            file=f"computed/{name}/{file.name}",
            column=missing[0],
            found="the column is missing.",
            action=f"Remove the folder computed/{name}, then compute it again.",
        )
    return frame.select(*COMPUTED_TABLES[name]).to_dicts()
