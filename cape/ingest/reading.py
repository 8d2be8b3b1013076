"""What reading result files gives: score rows, the models they name, item files, and a finding for every decision.

The columns of `Reading.scores` are those of the project's own score table, typed; a reader never raises on bad
content: a file that cannot stand is a refused finding and none of its rows are in the reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import polars as pl

# Columns of Reading.scores: the score table's own (cape/ingest/score_table.py) and `is_group`.
SCORE_SCHEMA: dict[str, type[pl.DataType]] = {
    "model_id": pl.String,
    "benchmark": pl.String,
    "variant": pl.String,
    "metric": pl.String,
    "score": pl.Float64,
    "unit": pl.String,
    "stderr": pl.Float64,
    "n_items": pl.Int64,
    "n_shot": pl.Int64,
    "harness": pl.String,
    "harness_version": pl.String,
    "task_version": pl.String,
    "revision": pl.String,
    "is_group": pl.Boolean,
    "quality_flags": pl.String,
    "source_row": pl.String,
    "ladder": pl.String,
    "axis": pl.String,
    "position": pl.Float64,
    "replicate": pl.String,
    "retrieved_at": pl.String,
    "source_url": pl.String,
    "notes": pl.String,
}
# Columns of Reading.models: those of lake/raw/*/models.csv that can be known, how they are known, and whether surely.
MODEL_SCHEMA: dict[str, type[pl.DataType]] = {
    "model_id": pl.String,
    "family": pl.String,
    "params_b": pl.Float64,
    "display_name": pl.String,
    "active_params_b": pl.Float64,
    "d_model": pl.Int64,
    "n_layers": pl.Int64,
    "kind": pl.String,
    "hf_id": pl.String,
    "quality_flags": pl.String,
    "notes": pl.String,
    "how": pl.String,
    "is_sure": pl.Boolean,
    "is_registered": pl.Boolean,
}
# Columns of the item files (Parquet, one row per model, benchmark and item); value lies in 0..1.
ITEM_SCHEMA: dict[str, type[pl.DataType]] = {
    "model_id": pl.String,
    "revision": pl.String,
    "benchmark": pl.String,
    "variant": pl.String,
    "metric": pl.String,
    "item_id": pl.String,
    "value": pl.Float64,
    "category": pl.String,
}


class Severity(StrEnum):
    """What became of a file or of rows of it."""

    ACCEPTED = "accepted"
    FLAGGED = "flagged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One decision on one file. place : row or field, empty for the whole file. n_rows : score rows concerned."""

    file: str
    severity: Severity
    found: str
    action: str
    place: str = ""
    column: str = ""
    n_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that result files gave.

    scores : SCORE_SCHEMA, one row per score. models : MODEL_SCHEMA, one row per model of `scores`.
    items : Parquet files of ITEM_SCHEMA. inputs : (name, sha256, format) of each file that was read and accepted.
    """

    scores: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCORE_SCHEMA))
    models: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MODEL_SCHEMA))
    items: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()
    inputs: tuple[tuple[str, str, str], ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by the worst that was found in them."""
        return counts_of(self.findings)


def counts_of(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of files that were accepted, flagged and refused; each file counts once, by its worst."""
    order = list(Severity)
    worst: dict[str, Severity] = {}
    for finding in findings:
        held = worst.get(finding.file, Severity.ACCEPTED)
        worst[finding.file] = max(held, finding.severity, key=order.index)
    return {str(severity): sum(each is severity for each in worst.values()) for severity in order}
