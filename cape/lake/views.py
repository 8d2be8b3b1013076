"""The SQL of the lake: one view per file, file name = view name, created in order of dependence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

import duckdb

from cape.errors import LakeBuildError
from cape.lake.paths import SQL_FOLDER

LAYERS = {"10_staging": "stg_", "20_intermediate": "int_", "30_marts": "mart_", "40_checks": "chk_"}
MATERIALIZED = "-- materialized"
IN_PARTS = "-- materialized in parts"  # a table filled part by part, so that no part needs much memory


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One SQL file. `grain` is its first comment line; a materialized view is stored as a table at build.

    in_parts : its rows are those of one part of the items, `raw_held_parts`, which the build counts through.
    """

    name: str
    layer: str
    grain: str
    sql: str
    is_materialized: bool
    in_parts: bool
    reads: frozenset[str]


def all_views() -> tuple[View, ...]:
    """Return every view of `sql/`, each after the views it reads.

    Raises LakeBuildError when a file name does not start with its layer's prefix, has no grain comment or
    when views read each other in a circle.
    """
    files = {file.stem: file for folder in LAYERS for file in sorted((SQL_FOLDER / folder).glob("*.sql"))}
    pattern = re.compile(r"\b(?:stg|int|mart|chk)_\w+")
    views: dict[str, View] = {}
    for name, file in files.items():
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        if not name.startswith(LAYERS[file.parent.name]) or not lines or not lines[0].startswith("-- "):
            raise LakeBuildError(
                f"sql/{file.parent.name}/{file.name}: the name must start with {LAYERS[file.parent.name]!r} and "
                "the first line must be a comment that states the grain. Rename the file or add the comment."
            )
        views[name] = View(
            name=name,
            layer=file.parent.name,
            grain=lines[0].removeprefix("-- "),
            sql=text,
            is_materialized=not {MATERIALIZED, IN_PARTS}.isdisjoint(lines[:5]),
            in_parts=IN_PARTS in lines[:5],
            reads=frozenset(pattern.findall(text)) & frozenset(files) - {name},
        )
    order = TopologicalSorter({name: view.reads for name, view in views.items()}).static_order()
    return tuple(views[name] for name in order)


def create_views(connection: duckdb.DuckDBPyConnection, *, views: tuple[View, ...]) -> None:
    """Create the views in the given order; a materialized one becomes a table."""
    for view in views:
        kind = "table" if view.is_materialized else "view"
        try:
            connection.execute(f"create {kind} {view.name} as\n{view.sql}").fetchall()
            if view.in_parts:
                _fill_other_parts(connection, view)
        except duckdb.Error as error:
            raise LakeBuildError(f"sql/{view.layer}/{view.name}.sql: {error}") from error


def _fill_other_parts(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    """Add the rows of every part but the first, then go back to the first."""
    row = connection.execute("select n_parts from raw_held_parts").fetchone()
    for part in range(1, int(row[0]) if row else 1):
        connection.execute("update raw_held_parts set part = ?", [part]).fetchall()
        connection.execute(f"insert into {view.name}\n{view.sql}").fetchall()
    connection.execute("update raw_held_parts set part = 0").fetchall()


def view_grains(views: tuple[View, ...], *, prefix: str) -> Mapping[str, str]:
    """Return the grain of every view whose name starts with `prefix`."""
    return {view.name: view.grain for view in sorted(views, key=lambda v: v.name) if view.name.startswith(prefix)}
