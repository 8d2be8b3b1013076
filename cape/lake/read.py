"""Read the lake: `Lake.read(view, **equals)` is the whole query language of Python; anything cleverer is a view."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import polars as pl

from cape.errors import LakeNotBuiltError, UnknownNameError
from cape.lake.build import build_lake, is_current, published, run_checks
from cape.lake.names import did_you_mean
from cape.lake.paths import LakePaths
from cape.lake.public import quoted
from cape.lake.tables import PROVENANCE, RAW_TABLES
from cape.lake.views import all_views, create_views, view_grains

OVERLAY_SOURCE = "session"
OVERLAY_SOURCES = MappingProxyType({OVERLAY_SOURCE: "Scores of this browser session"})
KEPT_BYTES = 16 * 2**20  # frames of one lake kept for the next read


class Lake:
    """One published lake, opened read-only; safe to share between threads (a cursor per read)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, version: str, database: Path) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        # A published lake never changes: what was read once holds.
        self._columns: dict[str, dict[str, str]] = {}
        self._kept: OrderedDict[tuple[Any, ...], pl.DataFrame] = OrderedDict()
        self._kept_bytes: dict[tuple[Any, ...], int] = {}
        self.version = version
        self.database = database

    @classmethod
    def open(cls, paths: LakePaths | None = None) -> Lake:
        """Open the published lake; raise LakeNotBuiltError when there is none."""
        paths = paths or LakePaths.from_environment()
        real = published(paths)
        if real is None:
            raise LakeNotBuiltError("The lake has not been built. Run `cape build`, or start the app, which builds it.")
        return cls.open_file(real)

    @classmethod
    def open_file(cls, database: Path) -> Lake:
        """Open one built file by its real path."""
        if not database.is_file():
            raise LakeNotBuiltError(f"The built lake {database.name} has gone. Run `cape build`.")
        connection = duckdb.connect(str(database), read_only=True)
        row = connection.execute("select lake_version from mart_lake").fetchone()
        return cls(connection, version=str(row[0]) if row else "", database=database)

    @classmethod
    def ensure(cls, paths: LakePaths | None = None) -> Lake:
        """Open the lake, building it first when it is missing or stale."""
        paths = paths or LakePaths.from_environment()
        if not is_current(paths):
            build_lake(paths)
        return cls.open(paths)

    def close(self) -> None:
        """Close the connection; a closed lake cannot be read."""
        self._connection.close()
        with self._lock:
            self._kept.clear()
            self._kept_bytes.clear()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def read(self, view: str, /, **equals: Any) -> pl.DataFrame:
        """Return the rows of a view where each named column equals its value (None matches null).

        Raises UnknownNameError, with near names, for a view or a column that does not exist.
        """
        text, values = self.query_text(view, **equals)
        key = (text, *values)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        with self._cursor() as cursor:
            frame = cursor.sql(text, params=values).pl()
        self._keep(key, frame)
        return frame

    def _keep(self, key: tuple[Any, ...], frame: pl.DataFrame) -> None:
        """Keep a frame, which nobody changes in place, for the next read; the least recently used make room."""
        size = int(frame.estimated_size())
        if size > KEPT_BYTES // 2:
            return
        with self._lock:
            self._kept[key] = frame
            self._kept_bytes[key] = size
            while sum(self._kept_bytes.values()) > KEPT_BYTES:
                oldest, _ = self._kept.popitem(last=False)
                del self._kept_bytes[oldest]

    def query_text(self, view: str, /, **equals: Any) -> tuple[str, list[Any]]:
        """Return the SQL that `read` runs and its positional values."""
        self._known(view, equals)
        if not equals:
            return f"select * from {view}", []
        conditions = " and ".join(
            f'"{column}" = ?' if value is not None else f'"{column}" is null' for column, value in equals.items()
        )
        return f"select * from {view} where {conditions}", [v for v in equals.values() if v is not None]

    def columns(self, view: str) -> dict[str, str]:
        """Return the columns of a view and their DuckDB types, in order."""
        if view not in self._columns:
            with self._cursor() as cursor:
                rows = cursor.execute(
                    "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index",
                    [view],
                ).fetchall()
            self._columns[view] = dict(rows)
        return dict(self._columns[view])

    def marts(self) -> dict[str, str]:
        """Return every mart with its grain, in order of name."""
        return dict(view_grains(all_views(), prefix="mart_"))

    def with_overlay(
        self,
        *,
        scores: pl.DataFrame,
        models: pl.DataFrame | None = None,
        sources: Mapping[str, str] = OVERLAY_SOURCES,
    ) -> Lake:
        """Return a lake in memory that also holds a browser session's own rows.

        scores, models : text columns of the raw tables of the same name (absent ones become null), already
        validated by `cape.ingest`; without a column source_id they are filed under source `session`.
        sources : title by source_id of the rows; what the lake holds under such a name gives way. The same views and
        checks run over shipped and own rows alike; the file on disk is not touched. Raises LakeBuildError when the
        rows fail a check.
        """
        digest = hashlib.sha256()
        for frame in (scores, models):
            digest.update(b"" if frame is None else frame.write_csv().encode())
        version = f"{self.version}+{digest.hexdigest()[:8]}"
        if not self.database.is_file():
            raise LakeNotBuiltError(f"The built lake {self.database.name} has gone. Open the lake again.")
        connection = duckdb.connect(":memory:")
        try:
            self._copy_raw(connection, version=version, sources=sources)
            for name, frame in (("scores", scores), ("models", models)):
                if frame is not None:
                    _append(connection, name, frame)
            views = all_views()
            create_views(connection, views=views)
            run_checks(connection, checks=tuple(v.name for v in views if v.name.startswith("chk_")))
        except BaseException:
            connection.close()
            raise
        return Lake(connection, version=version, database=self.database)

    def _copy_raw(self, connection: duckdb.DuckDBPyConnection, *, version: str, sources: Mapping[str, str]) -> None:
        """Copy the raw tables into an empty database and name the session's rows as sources of their own."""
        connection.execute(f"attach '{quoted(self.database)}' as shipped (read_only)").fetchall()
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'shipped' and starts_with(table_name, 'raw_')"
        ).fetchall()
        for (name,) in tables:
            connection.execute(f"create table {name} as select * from shipped.{name}").fetchall()
        connection.execute("detach shipped").fetchall()
        connection.execute("update raw_lake set lake_version = ?", [version]).fetchall()
        replaced = connection.execute(
            "select table_name from duckdb_columns() "
            "where column_name = 'source_id' and starts_with(table_name, 'raw_')"
        ).fetchall()
        for source_id, title in sources.items():
            for (name,) in replaced:
                connection.execute(f"delete from {name} where source_id = ?", [source_id]).fetchall()
            connection.execute(
                "insert into raw_sources by name select $id as source_id, $title as title, "
                "'internal' as url, 'user' as kind, 'today' as date, 'private' as licence, 'true' as is_local, "
                "'false' as paper_mode",
                {"id": source_id, "title": title},
            ).fetchall()

    def _known(self, view: str, equals: dict[str, Any]) -> None:
        columns = self.columns(view)
        if not columns:
            raise UnknownNameError(f"The lake has no view {view!r}. {did_you_mean(view, tuple(self.marts()))}")
        for column in equals:
            if column not in columns:
                raise UnknownNameError(f"{view} has no column {column!r}. {did_you_mean(column, tuple(columns))}")


def _append(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    table = next(table for table in RAW_TABLES if table.name == name)
    known: Sequence[str] = (*PROVENANCE, *table.columns)
    delivered = frame.with_columns(pl.lit("upload").alias("source_file"))
    if "source_id" not in delivered.columns:
        delivered = delivered.with_columns(pl.lit(OVERLAY_SOURCE).alias("source_id"))
    if "file_row" not in delivered.columns:
        delivered = delivered.with_row_index("file_row", offset=2)
    delivered = delivered.select([column for column in delivered.columns if column in known])
    connection.register("delivered", delivered)
    connection.execute(f"insert into raw_{name} by name select * from delivered").fetchall()
    connection.unregister("delivered")
