"""Add one score of a frontier model to the lake's local folder: landed whole and built, or everything as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from cape.lake.build import build_lake
from cape.lake.entry import Addition, ScoreEntry, checked_entry, record_of
from cape.lake.exchange import as_it_was, one_at_a_time
from cape.lake.land import LandedFile, land_tables
from cape.lake.load import read_record
from cape.lake.paths import LakePaths
from cape.lake.read import Lake


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReport:
    """What was landed, the lake built with it, and whether the new value stands."""

    landed: tuple[LandedFile, ...]
    lake_version: str
    stands: bool
    rivals: tuple[str, ...]

    @property
    def text(self) -> str:
        """The report as lines for a terminal."""
        lines = [f"{file.file.name}: {file.n_rows} rows in source {file.folder.name}" for file in self.landed]
        lines += [f"Lake {self.lake_version} holds it."]
        if self.rivals:
            outcome = "stands before" if self.stands else "stands after"
            lines.append(f"By the precedence rule it {outcome}: {'; '.join(self.rivals)}.")
        return "\n".join(lines)


def add_score(entry: ScoreEntry, paths: LakePaths, *, today: date) -> AddReport:
    """Check an entry, land it under local/<source_id>/ and build the lake; on any fault everything stays as it was.

    Raises what `checked_entry`, `land_tables` and `build_lake` raise.
    """
    paths.built.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(paths):
        lake = Lake.ensure(paths)  # opened under the lock: it holds what an addition before this one wrote
        try:
            addition = checked_entry(entry, lake, today=today)
            lake.with_overlay(scores=addition.scores, models=addition.models).close()  # runs every check beforehand
        finally:
            lake.close()
        with as_it_was(paths.local / addition.entry.source_id, paths):
            landed = _land(addition, paths)
            built = build_lake(paths)
    after = Lake.open_file(built.database)
    try:
        return AddReport(
            landed=landed,
            lake_version=built.lake_version,
            stands=_stands(addition, after),
            rivals=addition.rivals,
        )
    finally:
        after.close()


def entry_tables(lake: Lake, entries: Sequence[ScoreEntry]) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the score rows and the new models of these entries; each is checked again.

    Entries are checked against their own day, so that none ages out of a session. Raises what `checked_entry` raises.
    """
    additions = [checked_entry(entry, lake, today=date.fromisoformat(entry.date)) for entry in entries]
    scores = pl.concat([addition.scores.drop("file_row") for addition in additions])
    again = pl.int_range(pl.len()).over("model_id", "benchmark", "variant") > 0
    scores = scores.with_columns(pl.when(again).then("source_url").alias("source_row"))
    described = [addition.models for addition in additions if addition.models is not None]
    models = pl.concat(described).unique("model_id", keep="first", maintain_order=True) if described else None
    return scores, models


def with_entries(lake: Lake, entries: Sequence[ScoreEntry]) -> Lake:
    """Return a lake in memory that also holds these entries, under source `session`.

    Raises what `entry_tables` raises.
    """
    scores, models = entry_tables(lake, entries)
    return lake.with_overlay(scores=scores, models=models)


def _land(addition: Addition, paths: LakePaths) -> tuple[LandedFile, ...]:
    """Write the source with the row at its end, and the model where it is new."""
    entry = addition.entry
    folder = paths.local / entry.source_id
    held = read_record(folder) if (folder / "source.toml").is_file() else {}
    new = {"scores": addition.scores.drop("file_row")}
    if addition.models is not None:
        new["models"] = addition.models
    with tempfile.TemporaryDirectory() as work:
        delivered = {}
        for table, rows in new.items():
            before = _text_table(folder / f"{table}.csv")
            rows = _told_apart(before, rows) if table == "scores" else rows
            delivered[table] = Path(work) / f"{table}.csv"
            pl.concat([before, rows], how="diagonal").write_csv(delivered[table])
        return land_tables(delivered, source=record_of(entry, held), paths=paths, is_local=True)


def _text_table(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False) if file.is_file() else pl.DataFrame()


def _told_apart(before: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the row with its address as source_row where the source already has this score from another address."""
    keys = ["model_id", "benchmark", "variant"]
    if before.is_empty() or not set(keys[:2]) <= set(before.columns):
        return rows
    known = before if "variant" in before.columns else before.with_columns(pl.lit(None, pl.String).alias("variant"))
    if rows.join(known, on=keys, how="semi", nulls_equal=True).is_empty():
        return rows
    return rows.with_columns(pl.col("source_url").alias("source_row"))


def _stands(addition: Addition, lake: Lake) -> bool:
    """Return whether the added row is the first in precedence among its rivals."""
    entry = addition.entry
    held = lake.read("mart_frontier_scores", model_id=entry.model_id, precedence=1)
    mine = held.filter((pl.col("source_id") == entry.source_id) & (pl.col("source_url") == entry.source_url))
    return entry.benchmark in set(mine["benchmark_id"])
