"""What a lake is made of, as hashes: `lake_version` for the data and rules, `build_id` for those plus results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cape.lake.paths import PACKAGE, SQL_FOLDER, LakePaths
from cape.lake.tables import TOP_TABLES

HASH_LENGTH = 12


def lake_version(paths: LakePaths) -> str:
    """Return the hash of raw and local files, SQL, `cape/ingest`, `cape/lake` and the shard columns (12 hex digits)."""
    return _digest(_content_files(paths))


def build_id(paths: LakePaths) -> str:
    """Return the hash of everything a built file holds: `lake_version` and the stored results."""
    computed = sorted(paths.computed.rglob("*")) if paths.computed.is_dir() else []
    return _digest([*_content_files(paths), *_named(paths.root, (p for p in computed if p.is_file()))])


def _content_files(paths: LakePaths) -> list[tuple[str, Path]]:
    tops = (paths.root / f"{table.name}.csv" for table in TOP_TABLES)
    delivered = [p for folder in (paths.raw, paths.local) if folder.is_dir() for p in folder.rglob("*") if p.is_file()]
    code = [*(PACKAGE / "lake").glob("*.py"), *(PACKAGE / "ingest").glob("*.py"), *(PACKAGE / "ingest").glob("*.csv")]
    code.append(PACKAGE / "internals" / "results.py")  # the columns of a shard
    return [
        *_named(paths.root, (p for p in tops if p.is_file())),
        *_named(paths.root, delivered),
        *_named(SQL_FOLDER, SQL_FOLDER.rglob("*.sql")),
        *_named(PACKAGE, code),
    ]


def _named(base: Path, files: Iterable[Path]) -> list[tuple[str, Path]]:
    return sorted((file.relative_to(base).as_posix(), file) for file in files)


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, file in files:
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:HASH_LENGTH]
