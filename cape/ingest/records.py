"""What reading result files gives: score rows, the models they name, item files, and a finding for every decision.

The columns of `Reading.scores` are those of the project's own score table, typed. Adapters return `FileReading`s of
plain rows, which cross process boundaries cheaply; `cape.ingest.reading` joins them into one `Reading`.
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
# Columns of Reading.models: those of lake/raw/*/models.csv that can be known, how they are known, whether surely, and a
# file that names the model.
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
    "file": pl.String,
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
class ScoreRow:
    """One score as its file gives it, its benchmark already named as the lake names it.

    model : name in the file. score, stderr : in `unit` (fraction or percent). run_at : ISO time of the run, or empty.
    flags : quality flags. place : where in the file the score stands.
    """

    model: str
    benchmark: str
    metric: str
    score: float
    place: str
    variant: str | None = None
    unit: str = "fraction"
    stderr: float | None = None
    n_items: int | None = None
    n_shot: int | None = None
    harness: str = ""
    harness_version: str | None = None
    task_version: str | None = None
    revision: str | None = None
    is_group: bool = False
    flags: tuple[str, ...] = ()
    run_at: str = ""
    file: str = ""
    notes: str = ""
    source_url: str | None = None
    retrieved_at: str | None = None
    ladder: str | None = None
    axis: str | None = None
    position: float | None = None
    replicate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What a file itself says about a model. n_params : counted by the harness. None where it says nothing."""

    model: str
    n_params: float | None = None
    active_params_b: float | None = None
    d_model: int | None = None
    family: str | None = None
    params_b: float | None = None
    kind: str | None = None
    is_quantised: bool = False
    has_chat_template: bool = False
    is_mixture: bool = False
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """What one file gave: rows and facts, or a refused finding and neither."""

    format: str
    rows: tuple[ScoreRow, ...] = ()
    facts: tuple[ModelFacts, ...] = ()
    findings: tuple[Finding, ...] = ()


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
