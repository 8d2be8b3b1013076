"""Load files as delivered into `raw_*` tables: every column text, with the place of each row beside it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from cape.errors import IngestError
from cape.ingest import check_cells, read_score_table, read_text_table
from cape.lake.paths import LakePaths
from cape.lake.shards import PROBE_SHARDS, SHARD_PATTERN, SHARD_SCHEMA, read_shard
from cape.lake.tables import COMPUTED_TABLES, PROVENANCE, RAW_TABLES, SCORES, TOP_TABLES, RawTable

SOURCE_FIELDS = ("source_id", "title", "url", "kind", "date", "licence", "notes", "paper_mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFolder:
    """One `source.toml` with its folder."""

    folder: Path
    record: dict[str, Any]
    is_local: bool

    @property
    def source_id(self) -> str:
        return str(self.record["source_id"])


def load_lake(connection: duckdb.DuckDBPyConnection, paths: LakePaths) -> None:
    """Create every `raw_*` table in the open database.

    Raises IngestError naming file, row and column for the first file that does not hold what it must.
    """
    tops = {table.name: _read_top(paths, table) for table in TOP_TABLES}
    known = chance_levels(tops["benchmarks"])
    sources = read_sources(paths)
    frames: dict[str, list[pl.DataFrame]] = {table.name: [] for table in RAW_TABLES}
    shards: list[pl.DataFrame] = []
    files: list[dict[str, str | None]] = []
    by_name = {table.name: table for table in RAW_TABLES}
    for source in sources:
        declared = {entry["name"]: entry for entry in source.record.get("files", [])}
        for name in sorted({file.name for file in _delivered(source.folder)} | set(declared)):
            file = source.folder / name
            entry: dict[str, Any] = declared.get(name, {})
            is_shard = file.match(SHARD_PATTERN)
            frame = None
            if file.is_file():
                frame = _read_shard(file, source) if is_shard else _read_delivered(file, source, by_name, known)
                (shards if is_shard else frames[file.stem]).append(frame)
            files.append(_file_row(source, name, entry, file, frame))
    for table in RAW_TABLES:
        _store(connection, f"raw_{table.name}", _stack(frames[table.name], (*PROVENANCE, *table.columns)))
    held: dict[str, Any] = {"source_id": pl.String, "source_file": pl.String, "file_row": pl.Int64, **SHARD_SCHEMA}
    _store(connection, f"raw_{PROBE_SHARDS}", pl.concat(shards) if shards else pl.DataFrame(schema=held))
    for table in TOP_TABLES:
        _store(connection, f"raw_{table.name}", tops[table.name])
    _store(connection, "raw_sources", _sources_frame(sources))
    columns = ("source_id", "name", "sha256", "rows", "found_sha256", "found_rows")
    _store(connection, "raw_source_files", pl.DataFrame(files, schema=dict.fromkeys(columns, pl.String)))
    for name, schema in COMPUTED_TABLES.items():
        _load_computed(connection, paths, name, schema)


def read_sources(paths: LakePaths) -> tuple[SourceFolder, ...]:
    """Read every `source.toml` under raw/ and local/, in order of source_id.

    Raises IngestError when a folder has no readable `source.toml` or its source_id is not the folder's name.
    """
    sources = []
    for parent, is_local in ((paths.raw, False), (paths.local, True)):
        for folder in sorted(p for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []:
            sources.append(SourceFolder(folder=folder, record=read_record(folder), is_local=is_local))
    seen: dict[str, SourceFolder] = {}
    for source in sources:
        if source.source_id in seen:
            raise IngestError(
                file=_shown(source.folder / "source.toml"),
                found=f"source_id {source.source_id!r} is already used by another folder.",
                action="Give each source its own source_id and folder name.",
            )
        seen[source.source_id] = source
    return tuple(seen[name] for name in sorted(seen))


def read_record(folder: Path) -> dict[str, Any]:
    file = folder / "source.toml"
    try:
        record = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise IngestError(
            file=_shown(file),
            found=f"the source record cannot be read ({type(error).__name__}).",
            action=f"Write a TOML file with {', '.join(SOURCE_FIELDS[:6])}.",
        ) from error
    if record.get("source_id") != folder.name:
        raise IngestError(
            file=_shown(file),
            column="source_id",
            found=f"source_id is {record.get('source_id')!r} in folder {folder.name!r}.",
            action="Make the two equal.",
        )
    _check_record(record, file=_shown(file))
    return record


def _check_record(record: dict[str, Any], *, file: str) -> None:
    """Raise IngestError where the fields of a source record do not have the type they need."""
    if not isinstance(record.get("paper_mode", False), bool):
        raise IngestError(
            file=file, column="paper_mode", found=f"it is {record['paper_mode']!r}.", action="Write true or false."
        )
    entries = record.get("files", [])
    if not isinstance(entries, list):
        raise IngestError(file=file, column="files", found="it is not a list.", action="Write one [[files]] per file.")
    for entry in entries:
        kinds = {"name": str, "sha256": str, "rows": int}
        wrong = [n for n, k in kinds.items() if not isinstance(entry, dict) or not isinstance(entry.get(n), k)]
        if wrong:
            raise IngestError(
                file=file,
                column=f"files.{wrong[0]}",
                found=f"an entry of files is {entry!r}.",
                action="Give each file a name (text), a sha256 (text) and rows (a whole number).",
            )


def _delivered(folder: Path) -> list[Path]:
    return [*folder.glob("*.csv"), *folder.glob(SHARD_PATTERN)]


def _read_shard(file: Path, source: SourceFolder) -> pl.DataFrame:
    frame = read_shard(file, display_name=f"{source.source_id}/{file.name}").with_row_index("file_row", offset=1)
    return frame.select(
        pl.lit(source.source_id).alias("source_id"),
        pl.lit(file.name).alias("source_file"),
        pl.col("file_row").cast(pl.Int64),
        *SHARD_SCHEMA,
    )


def _read_delivered(
    file: Path, source: SourceFolder, by_name: dict[str, RawTable], known: Mapping[tuple[str, str], float | None]
) -> pl.DataFrame:
    shown = f"{source.source_id}/{file.name}"
    table = by_name.get(file.stem)
    if table is None:
        raise IngestError(
            file=shown,
            found="the lake has no table of this name.",
            action=f"Name the file after one of: {', '.join(sorted(by_name))}.",
        )
    frame = read_table(file, table=table, known_benchmarks=known, display_name=shown)
    return frame.with_columns(
        pl.lit(source.source_id).alias("source_id"), pl.lit(file.name).alias("source_file")
    ).select(*PROVENANCE, *table.columns)


def read_table(
    file: Path,
    *,
    table: RawTable,
    known_benchmarks: Mapping[tuple[str, str], float | None],
    display_name: str,
) -> pl.DataFrame:
    """Return one delivered file as text, validated as its table demands; raise IngestError at the first fault."""
    if table is SCORES:
        return read_score_table(file, known_benchmarks=known_benchmarks, display_name=display_name)
    frame = read_text_table(file, required=table.required, optional=table.optional, display_name=display_name)
    check_cells(frame, filled=table.filled, numbers=table.numbers, file=display_name)
    return frame


def read_benchmarks(paths: LakePaths) -> dict[tuple[str, str], float | None]:
    """Return the chance level in percent, None where unknown, by (benchmark, variant) of the lake's benchmarks.csv."""
    return chance_levels(_read_top(paths, next(table for table in TOP_TABLES if table.name == "benchmarks")))


def chance_levels(benchmarks: pl.DataFrame) -> dict[tuple[str, str], float | None]:
    """Return the chance level in percent, None where unknown, by (benchmark, variant)."""
    return {
        (benchmark, variant or ""): None if chance is None else float(chance)
        for benchmark, variant, chance in benchmarks.select("benchmark", "variant", "chance_pct").iter_rows()
    }


def _read_top(paths: LakePaths, table: RawTable) -> pl.DataFrame:
    file = paths.root / f"{table.name}.csv"
    frame = read_text_table(file, required=table.required, optional=table.optional, display_name=file.name)
    check_cells(frame, filled=table.filled, numbers=table.numbers, file=file.name)
    return frame.select("file_row", *table.columns)


def _file_row(
    source: SourceFolder, name: str, entry: dict[str, Any], file: Path, frame: pl.DataFrame | None
) -> dict[str, str | None]:
    found = hashlib.sha256(file.read_bytes()).hexdigest() if frame is not None else None
    return {
        "source_id": source.source_id,
        "name": name,
        "sha256": entry.get("sha256"),
        "rows": None if "rows" not in entry else str(entry["rows"]),
        "found_sha256": found,
        "found_rows": None if frame is None else str(frame.height),
    }


def _sources_frame(sources: tuple[SourceFolder, ...]) -> pl.DataFrame:
    rows = [
        {
            **{field: _text(source.record.get(field)) for field in SOURCE_FIELDS},
            "paper_mode": str(bool(source.record.get("paper_mode", False))).lower(),
            "is_local": str(source.is_local).lower(),
        }
        for source in sources
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys((*SOURCE_FIELDS, "is_local"), pl.String))


def _stack(frames: list[pl.DataFrame], columns: tuple[str, ...]) -> pl.DataFrame:
    if frames:
        return pl.concat(frames)
    return pl.DataFrame(schema={name: pl.Int64 if name == "file_row" else pl.String for name in columns})


def _load_computed(connection: duckdb.DuckDBPyConnection, paths: LakePaths, name: str, schema: dict[str, str]) -> None:
    columns = ", ".join(f"{column} {kind}" for column, kind in {**schema, "from_lake_version": "varchar"}.items())
    connection.execute(f"create table raw_computed_{name} ({columns})").fetchall()
    file = paths.computed / name / f"{name}.parquet"
    if not file.is_file():
        return
    record = read_record(file.parent)
    frame = pl.read_parquet(file)
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise IngestError(
            file=f"computed/{name}/{file.name}",
            column=missing[0],
            found="the column is missing.",
            action=f"Run again the command that computed/{name}/source.toml names.",
        )
    delivered = frame.select(*schema).with_columns(
        pl.lit(_text(record.get("from_lake_version"))).alias("from_lake_version")
    )
    connection.register("delivered", delivered)
    connection.execute(f"insert into raw_computed_{name} select * from delivered").fetchall()
    connection.unregister("delivered")


def _store(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    connection.register("delivered", frame)
    connection.execute(f"create table {name} as select * from delivered").fetchall()
    connection.unregister("delivered")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _shown(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
