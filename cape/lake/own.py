"""A browser session's own panel: what was read and confirmed, as raw rows, and a lake in memory that holds them."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from cape.errors import BadParameterError
from cape.ingest import every_eval_ever
from cape.ingest.reading import MODEL_SCHEMA, SCORE_SCHEMA, Finding, Reading
from cape.lake.additions import entry_tables
from cape.lake.entry import ScoreEntry
from cape.lake.read import OVERLAY_SOURCES, Lake
from cape.lake.tables import RAW_TABLES

OWN_SOURCE = "mine"
OWN_TITLE = "My scores, in this browser session only"
SAMPLE_TITLE = "SAMPLE: invented scores of invented models"
MOST_SCORES, MOST_MODELS = 100_000, 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScores:
    """The scores of one session, by panel `mine`. scores, models : text columns of the raw tables of that name.

    items : item rows of ITEM_SCHEMA, where there are any.
    findings : what was decided on the files. is_sample : invented scores that only show how a page works.
    """

    scores: pl.DataFrame
    models: pl.DataFrame
    items: pl.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    is_sample: bool = False
    digest: str = field(default="", compare=False)

    @property
    def table(self) -> pl.DataFrame:
        """The scores as a score table that `cape ingest` and the uploader read again; empty columns are left out."""
        return self.scores.select(
            name for name in self.scores.columns if self.scores[name].null_count() < len(self.scores)
        )

    def exchanged(self) -> bytes:
        """The scores as Every Eval Ever records, one JSON file per model, in a zip."""
        packed = BytesIO()
        with tempfile.TemporaryDirectory() as work, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            files = every_eval_ever.write(
                _typed(self.scores, SCORE_SCHEMA), _typed(self.models, MODEL_SCHEMA), Path(work), organisation="mine"
            )
            for file in files:
                archive.write(file, file.relative_to(work).as_posix())
        return packed.getvalue()

    @property
    def title(self) -> str:
        """How the panel is called wherever it stands."""
        return SAMPLE_TITLE if self.is_sample else OWN_TITLE


def own_scores(reading: Reading, *, items: pl.DataFrame | None = None, is_sample: bool = False) -> OwnScores:
    """Return what a reading gives as the rows of a session.

    Raises BadParameterError for a reading without scores or with more than a session may hold.
    """
    if reading.scores.is_empty():
        raise BadParameterError("No score could be read. See the findings, correct the files and try again.")
    if reading.scores.height > MOST_SCORES or reading.models.height > MOST_MODELS:
        raise BadParameterError(
            f"{reading.scores.height:,} scores of {reading.models.height:,} models are more than a browser session "
            f"holds ({MOST_SCORES:,} and {MOST_MODELS:,}). Use `cape ingest` on the server."
        )
    tables = {table.name: table.columns for table in RAW_TABLES}
    scores, models = _as_text(reading.scores, tables["scores"]), _as_text(reading.models, tables["models"])
    items = None if items is None else items.join(scores.select("model_id").unique(), on="model_id", how="semi")
    models = models.with_columns(pl.col("family").fill_null(pl.col("model_id"))).unique("model_id", maintain_order=True)
    digest = hashlib.sha256()
    for frame in (scores, models, items):
        digest.update(b"" if frame is None else frame.write_csv().encode())
    return OwnScores(
        scores=scores,
        models=models,
        items=items,
        findings=reading.findings,
        is_sample=is_sample,
        digest=f"{digest.hexdigest()}{is_sample}",
    )


def with_own(lake: Lake, own: OwnScores, entries: Sequence[ScoreEntry] = ()) -> Lake:
    """Return a lake in memory that also holds the session's own panel and the scores it added one by one.

    Raises what `Lake.with_overlay` and `entry_tables` raise.
    """
    scores, models = [_filed(own.scores)], [_filed(own.models)]
    sources = {OWN_SOURCE: own.title}
    if entries:
        added, described = entry_tables(lake, entries)
        scores.append(added.with_columns(pl.lit(next(iter(OVERLAY_SOURCES))).alias("source_id")))
        if described is not None:
            models.append(described.with_columns(pl.lit(next(iter(OVERLAY_SOURCES))).alias("source_id")))
        sources |= OVERLAY_SOURCES
    return lake.with_overlay(
        scores=pl.concat(scores, how="diagonal"),
        models=pl.concat(models, how="diagonal"),
        items=None if own.items is None else _filed(own.items),
        sources=sources,
    )


def _typed(frame: pl.DataFrame, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items() if name in frame.columns)


def _filed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(OWN_SOURCE).alias("source_id"))


def _as_text(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return the columns of a raw table as text; a whole number loses its decimal point."""
    return frame.select(pl.col(name).cast(pl.String) for name in frame.columns if name in columns)
