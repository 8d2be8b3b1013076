"""A browser session's own panel: what was read and confirmed, as raw rows, and a lake in memory that holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from cape.errors import BadParameterError
from cape.ingest.reading import Finding, Reading, Severity
from cape.lake.additions import entry_tables
from cape.lake.entry import ScoreEntry
from cape.lake.read import OVERLAY_SOURCES, Lake
from cape.lake.tables import RAW_TABLES

OWN_SOURCE = "mine"
OWN_TITLE = "My scores, in this browser session only"
SAMPLE_TITLE = "SAMPLE: invented scores of invented models"
MOST_SCORES, MOST_MODELS = 100_000, 20_000
PLACED = ("axis", "position", "ladder")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScores:
    """The scores of one session, by panel `mine`. scores, models : text columns of the raw tables of that name.

    findings : what was decided on the files. is_sample : invented scores that only show how a page works.
    """

    scores: pl.DataFrame
    models: pl.DataFrame
    findings: tuple[Finding, ...] = ()
    is_sample: bool = False
    digest: str = field(default="", compare=False)

    @property
    def table(self) -> pl.DataFrame:
        """Scores and the description of their models in one table, for export."""
        described = self.models.select("model_id", "family", "params_b", "d_model")
        return self.scores.join(described, on="model_id", how="left", maintain_order="left")

    @property
    def title(self) -> str:
        """How the panel is called wherever it stands."""
        return SAMPLE_TITLE if self.is_sample else OWN_TITLE


def own_scores(reading: Reading, *, is_sample: bool = False) -> OwnScores:
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
    models = models.with_columns(pl.col("family").fill_null("unnamed family")).unique("model_id", maintain_order=True)
    digest = hashlib.sha256(scores.write_csv().encode() + models.write_csv().encode()).hexdigest()
    return OwnScores(
        scores=scores, models=models, findings=reading.findings, is_sample=is_sample, digest=f"{digest}{is_sample}"
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
        scores=pl.concat(scores, how="diagonal"), models=pl.concat(models, how="diagonal"), sources=sources
    )


def refused(reading: Reading) -> tuple[Finding, ...]:
    """Return the findings that kept rows out."""
    return tuple(finding for finding in reading.findings if finding.severity is Severity.REFUSED)


def _filed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(OWN_SOURCE).alias("source_id"))


def _as_text(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return the columns of a raw table as text; a whole number loses its decimal point."""
    return frame.select(pl.col(name).cast(pl.String) for name in frame.columns if name in columns)
