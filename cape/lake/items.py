"""Item rows of a source: Parquet files that the build reads by column and never holds whole.

`lake/raw|local/<source_id>/items*.parquet`, one row per (model, benchmark, item). What the marts need of them is
summed once, at build; the built file holds sums, not items.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from cape.errors import IngestError

PATTERN = "items*.parquet"
REQUIRED = ("model_id", "benchmark", "item_id", "value")
OPTIONAL = ("revision", "variant", "metric", "category")
ITEM_COLUMNS = ("model_id", "revision", "benchmark", "variant", "metric", "item_id", "value", "category")
HASHED_AT_ONCE = 1 << 20
ROWS_PER_PART = 2_500_000  # items whose pairs are formed at once, in about half a gigabyte

# Sums that an overlay takes over from the built file instead of reading its items again: types by column.
HELD_TABLES: dict[str, dict[str, str]] = {
    "item_scores": {
        "source_id": "varchar",
        "model_id": "varchar",
        "revision": "varchar",
        "benchmark": "varchar",
        "variant": "varchar",
        "metric": "varchar",
        "n_rows": "bigint",
        "n_items": "bigint",
        "n_outside": "bigint",
        "n_unnamed": "bigint",
        "item_mean_pct": "double",
        "is_binary": "boolean",
    },
    "item_pairs": {
        "source_id": "varchar",
        "row_from": "bigint",
        "row_to": "bigint",
        "category": "varchar",
        "is_whole": "boolean",
        "n_common": "bigint",
        "mean_from_pct": "double",
        "mean_to_pct": "double",
        "total": "double",
        "total_of_squares": "double",
        "n_gained": "bigint",
        "n_lost": "bigint",
        "correlation": "double",
        "gained_items": "varchar",
        "lost_items": "varchar",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFile:
    """One file of item rows. columns : those it holds."""

    source_id: str
    file: Path
    n_rows: int
    columns: frozenset[str]


def read_item_file(file: Path, *, source_id: str) -> ItemFile:
    """Return what a Parquet file of items holds, from its footer alone.

    Raises IngestError where it is no Parquet, lacks a column, or holds numbers for names or text for values.
    """
    shown = f"{source_id}/{file.name}"
    try:
        schema = pl.read_parquet_schema(file)
        n_rows = int(pl.scan_parquet(file).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IngestError(
            file=shown,
            found=f"it cannot be read as Parquet ({type(error).__name__}).",
            action=f"Write it with the columns {', '.join(ITEM_COLUMNS)}.",
        ) from error
    for column in REQUIRED:
        if column not in schema:
            raise IngestError(
                file=shown,
                column=column,
                found="the column is missing.",
                action=f"An item file needs {', '.join(REQUIRED)}; {', '.join(OPTIONAL)} may be left out.",
            )
    for column in schema:
        _check_type(column, schema[column], shown)
    return ItemFile(source_id=source_id, file=file, n_rows=n_rows, columns=frozenset(schema))


def _check_type(column: str, found: pl.DataType, shown: str) -> None:
    if column not in ITEM_COLUMNS:
        raise IngestError(
            file=shown,
            column=column,
            found="the column is not one of an item file.",
            action=f"Leave it out; the columns are {', '.join(ITEM_COLUMNS)}.",
        )
    is_number = found.is_numeric() or found in (pl.Boolean, pl.Null)
    is_text = found in (pl.String, pl.Categorical, pl.Enum, pl.Null) or (column == "item_id" and found.is_integer())
    if not (is_number if column == "value" else is_text):
        wanted = "a number from 0 to 1" if column == "value" else "text"
        raise IngestError(file=shown, column=column, found=f"it holds {found}.", action=f"Write it as {wanted}.")


def create_raw_items(connection: duckdb.DuckDBPyConnection, files: Sequence[ItemFile]) -> None:
    """Create the view `raw_items` over the files, with no row where there is none, and the empty held sums."""
    parts = [_select_of(file) for file in files] or [_nothing()]
    connection.execute(f"create view raw_items as {' union all '.join(parts)}").fetchall()
    _create_parts(connection, n_rows=sum(file.n_rows for file in files))
    for name, types in HELD_TABLES.items():
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        connection.execute(f"create table raw_held_{name} ({columns})").fetchall()


def hold_items(connection: duckdb.DuckDBPyConnection, *, built: str) -> None:
    """Take over the sums of an attached built lake, and make `raw_items` a table without a row."""
    for name in HELD_TABLES:
        connection.execute(f"create table raw_held_{name} as select * from {built}.int_{name}").fetchall()
    connection.execute(f"create table raw_items as {_nothing()}").fetchall()
    _create_parts(connection, n_rows=0)


def add_items(connection: duckdb.DuckDBPyConnection, items: pl.DataFrame, *, source_id: str) -> None:
    """Append a session's own items to the table `raw_items`.

    items : columns of an item file, already validated by `cape.ingest`; source_id : where they have no such column.
    """
    delivered = items if "source_id" in items.columns else items.with_columns(pl.lit(source_id).alias("source_id"))
    delivered = delivered.select(column for column in ("source_id", *ITEM_COLUMNS) if column in delivered.columns)
    connection.register("delivered", delivered)
    connection.execute("insert into raw_items by name select * from delivered").fetchall()
    connection.unregister("delivered")
    connection.execute("drop table raw_held_parts").fetchall()
    _create_parts(connection, n_rows=items.height)


def _create_parts(connection: duckdb.DuckDBPyConnection, *, n_rows: int) -> None:
    """Create the table of one row that says which part of how many the views in parts form."""
    n_parts = max(1, math.ceil(n_rows / ROWS_PER_PART))
    connection.execute(f"create table raw_held_parts as select 0 as part, {n_parts} as n_parts").fetchall()


def file_sha256(file: Path) -> str:
    """Return the sha256 of a file in hexadecimal digits, read piece by piece."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(HASHED_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def _select_of(item_file: ItemFile) -> str:
    columns = [
        f"cast({column if column in item_file.columns else 'null'} as {'double' if column == 'value' else 'varchar'}) "
        f"as {column}"
        for column in ITEM_COLUMNS
    ]
    path = str(item_file.file.resolve()).replace("'", "''")
    return f"select '{item_file.source_id}' as source_id, {', '.join(columns)} from read_parquet('{path}')"


def _nothing() -> str:
    types = [f"cast(null as {'double' if column == 'value' else 'varchar'}) as {column}" for column in ITEM_COLUMNS]
    return f"select cast(null as varchar) as source_id, {', '.join(types)} where false"
