"""Land a user's CSV in the lake's folders: validated as the build will read it, then written whole or not at all.

The build's lock is held while files are exchanged, so that no build sees half a source.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Date
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import IngestError
from cape.lake.build import turn
from cape.lake.exchange import recover, stage, swap
from cape.lake.load import read_benchmarks, read_record, read_table
from cape.lake.names import did_you_mean
from cape.lake.paths import LakePaths
from cape.lake.read import OVERLAY_SOURCE
from cape.lake.tables import RAW_TABLES, TOP_TABLES, RawTable

KINDS = ("leaderboard", "model_card", "user", "repo", "paper", "compiled")  # int_score_precedence ranks them
MANDATORY = ("title", "url", "kind", "date", "licence")
INTERNAL = "internal"

_SOURCE_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
ADDRESS = re.compile(r"https?://[^\s/]+\S*")
_BENCHMARKS = next(table for table in TOP_TABLES if table.name == "benchmarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """Where a source comes from: the head of its `source.toml`.

    kind : one of KINDS. date : YYYY, YYYY-MM or YYYY-MM-DD. url : an address, or the word `internal`.
    """

    source_id: str
    title: str
    url: str
    kind: str
    date: str
    licence: str
    notes: str = ""
    paper_mode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """What is to be written: CSV file by name of its raw table, and other files by their path in the source."""

    tables: Mapping[str, Path]
    others: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Validated files: content and rows by name, and files to copy as they are by their path in the source."""

    texts: Mapping[str, tuple[bytes, int]]
    others: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedFile:
    """One file written under raw/ or local/; `replaced` is True where the source had a file of this name."""

    folder: Path
    file: Path
    n_rows: int
    sha256: str
    replaced: bool


def land_table(
    path: Path, *, table: str, source: SourceRecord, paths: LakePaths, is_local: bool, replace: bool = False
) -> LandedFile:
    """Write one validated CSV as `<raw|local>/<source_id>/<table>.csv` and list it in `source.toml`.

    Arguments and errors as for `land_tables`.
    """
    return land_tables({table: path}, source=source, paths=paths, is_local=is_local, replace=replace)[0]


def land_tables(
    delivered: Mapping[str, Path], *, source: SourceRecord, paths: LakePaths, is_local: bool, replace: bool = False
) -> tuple[LandedFile, ...]:
    """Write several CSV files of one source, all or none, and list them in its `source.toml`.

    delivered : CSV file by name of its raw table. is_local : under local/ (a user's own) instead of raw/ (shipped).
    replace : allow a shipped source to be changed; a local one may always be.
    Only columns that hold something are written, in the order of `cape.lake.tables`, as UTF-8 with LF. The other
    files of the source keep their entries.
    Raises IngestError with file, row and column for a table or record that the build would refuse, for a
    source_id that belongs to the other folder, and for a shipped source without `replace`.
    """
    return land_all(Landing(tables=delivered), source=source, paths=paths, is_local=is_local, replace=replace)


def land_all(
    landing: Landing, *, source: SourceRecord, paths: LakePaths, is_local: bool, replace: bool = False
) -> tuple[LandedFile, ...]:
    """Write tables and other files of one source, all or none; otherwise as `land_tables`."""
    texts = {
        f"{table}.csv": _csv(read_delivered(path, table=table, paths=paths), table)
        for table, path in landing.tables.items()
    }
    files = Files(texts=texts, others=landing.others)
    return land_files(files, source=source, paths=paths, is_local=is_local, replace=replace)


def land_files(
    files: Files, *, source: SourceRecord, paths: LakePaths, is_local: bool, replace: bool = False
) -> tuple[LandedFile, ...]:
    """Write files that were validated already, all or none, and list them in `source.toml`; errors as `land_tables`."""
    check_source(source)
    try:
        paths.built.mkdir(parents=True, exist_ok=True)
        with turn(paths):
            recover(paths)
            folder = _target(source, paths=paths, is_local=is_local, replace=replace)
            staging = paths.built / "landing"
            try:
                landed = _stage(folder, files.texts, source=source, staging=staging)
                for name, file in files.others.items():
                    _put(staging / name, file)
                swap(folder, staging, paths)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            return landed
    except OSError as error:
        raise IngestError(
            file=f"{source.source_id}/{error.filename or ''}",
            found=f"It could not be written ({error.strerror}).",
            action="Check the permissions of the folder and the free space, then land the file again.",
        ) from error


def read_delivered(path: Path, *, table: str, paths: LakePaths) -> pl.DataFrame:
    """Return a CSV file as the build would read it; raises IngestError with file, row and column."""
    layout = _raw_table(table, file=path.name)
    return read_table(path, table=layout, known_benchmarks=read_benchmarks(paths), display_name=path.name)


def check_source(source: SourceRecord) -> None:
    """Raise IngestError for the first field of a source record that cannot stand."""
    texts = {name: getattr(source, name) for name in ("source_id", *MANDATORY, "notes")}
    for name, text in texts.items():
        if any("\ud800" <= character <= "\udfff" for character in text):
            _refuse(source, name, f"{text!r} holds bytes that are no text.", "Write it in UTF-8.")
        if name in MANDATORY and not text.strip():
            _refuse(source, name, "The field is empty.", f"{', '.join(MANDATORY)} are all needed.")
    if not _SOURCE_ID.fullmatch(source.source_id) or source.source_id == OVERLAY_SOURCE:
        action = f"Use a-z, 0-9, '.', '_' and '-', starting with a letter or digit; {OVERLAY_SOURCE!r} is taken."
        _refuse(source, "source_id", f"{source.source_id!r} cannot name a source.", action)
    if source.kind not in KINDS:
        _refuse(source, "kind", f"{source.kind!r} is not a known kind.", did_you_mean(source.kind, KINDS))
    if source.url != INTERNAL and not ADDRESS.fullmatch(source.url):
        action = f"Write http(s)://..., or {INTERNAL!r} where there is no address."
        _refuse(source, "url", f"{source.url!r} is not an address.", action)
    if not _is_date(source.date):
        _refuse(source, "date", f"{source.date!r} is not a date.", "Write it as YYYY, YYYY-MM or YYYY-MM-DD.")


def _refuse(source: SourceRecord, column: str, found: str, action: str) -> None:
    raise IngestError(file=f"{source.source_id}/source.toml", column=column, found=found, action=action)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        Date.fromisoformat(text + "-01" * (2 - text.count("-")))
    except ValueError:
        return False
    return True


def _raw_table(name: str, *, file: str) -> RawTable:
    names = [table.name for table in RAW_TABLES]
    if name not in names:
        raise IngestError(file=file, found=f"The lake has no table {name!r}.", action=did_you_mean(name, names))
    return RAW_TABLES[names.index(name)]


def _csv(frame: pl.DataFrame, table: str) -> tuple[bytes, int]:
    """Return the bytes of the file to write and its number of rows."""
    layout = _raw_table(table, file=f"{table}.csv")
    held = [name for name in layout.columns if name in layout.required or frame[name].null_count() < frame.height]
    return frame.select(held).write_csv(line_terminator="\n").encode(), frame.height


def _target(source: SourceRecord, *, paths: LakePaths, is_local: bool, replace: bool) -> Path:
    """Return the folder to write; raises IngestError where it may not be written."""
    parent, other = (paths.local, paths.raw) if is_local else (paths.raw, paths.local)
    if (other / source.source_id).exists():
        found = f"{source.source_id!r} is already a source under {other.name}/."
        _refuse(source, "source_id", found, "Choose another source_id.")
    folder = parent / source.source_id
    if folder.exists() and not is_local and not replace:
        found = f"{source.source_id!r} is a shipped source."
        _refuse(source, "source_id", found, "Choose another source_id, or say that it is to be replaced.")
    return folder


def _stage(
    folder: Path, texts: Mapping[str, tuple[bytes, int]], *, source: SourceRecord, staging: Path
) -> tuple[LandedFile, ...]:
    """Write what the source will hold beside the lake's folders: what it holds now, and the new tables over it."""
    held = read_record(folder).get("files", []) if (folder / "source.toml").exists() else []
    landed = tuple(
        LandedFile(
            folder=folder,
            file=folder / name,
            n_rows=n_rows,
            sha256=hashlib.sha256(text).hexdigest(),
            replaced=(folder / name).exists(),
        )
        for name, (text, n_rows) in texts.items()
    )
    stage(folder, staging)
    for name, (text, _) in texts.items():
        _written(staging / name, text)
    _written(staging / "source.toml", _toml(source, held, landed).encode())
    return landed


def _written(file: Path, content: bytes) -> None:
    """Write a file anew: one that is linked from the serving folder is never written through."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def _put(target: Path, file: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(file, target)


def _toml(source: SourceRecord, held: list[dict[str, Any]], landed: tuple[LandedFile, ...]) -> str:
    """Return the text of `source.toml`: the record, the entries it held and those of the files just landed."""
    entries = {entry["name"]: entry for entry in held if "name" in entry}
    entries |= {file.file.name: {"name": file.file.name, "sha256": file.sha256, "rows": file.n_rows} for file in landed}
    fields = ("source_id", *MANDATORY, *(["notes"] if source.notes else []))
    lines = [f"{name} = {_quoted(getattr(source, name))}" for name in fields]
    lines += ["paper_mode = true"] if source.paper_mode else []
    for entry in entries.values():
        lines += ["", "[[files]]"]
        lines += [f"{key} = {value if type(value) is int else _quoted(str(value))}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON escapes the same characters but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
