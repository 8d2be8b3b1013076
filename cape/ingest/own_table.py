"""The project's own long CSV of scores among other files: read by `score_table`, row by row as any other format."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cape.ingest.documents import Document
from cape.ingest.facts import model_facts
from cape.ingest.records import SCORE_SCHEMA, FileReading, ScoreRow
from cape.ingest.score_table import REQUIRED_COLUMNS, read_score_table
from cape.ingest.tables import header_of
from cape.ingest.tasks import Known

FORMAT = "score table"


def detect(given: Path | Document) -> bool:
    """Return whether the file is a score table: a CSV with model_id, benchmark and score."""
    document = Document.of(given)
    return document.suffix == ".csv" and set(header_of(document)) >= set(REQUIRED_COLUMNS)


def read(given: Path | Document, known: Known) -> FileReading:
    """Return the scores of a table; raises IngestError with row and column as `read_score_table` does."""
    document = Document.of(given)
    frame = read_score_table(document.path, known_benchmarks=known, display_name=document.name)
    numbers = [name for name, kind in SCORE_SCHEMA.items() if kind != pl.String and name in frame.columns]
    typed = frame.with_columns(pl.col(name).cast(SCORE_SCHEMA[name]) for name in numbers)
    rows = tuple(
        ScoreRow(
            model=line["model_id"],
            unit=line["unit"] or "percent",
            metric=line["metric"] or "score",
            harness=line["harness"] or "",
            flags=tuple(line["quality_flags"].split(";")) if line["quality_flags"] else (),
            notes=line["notes"] or "",
            file=document.name,
            place=f"row {line['file_row']}",
            **{name: line[name] for name in _SAME},
        )
        for line in typed.iter_rows(named=True)
    )
    names = dict.fromkeys(row.model for row in rows)
    facts = tuple(
        model_facts(name, arguments={}, dtype="", n_params=None, has_chat_template=False, document=document)
        for name in names
    )
    return FileReading(format=FORMAT, rows=rows, facts=facts)


_SAME = (
    "benchmark",
    "variant",
    "score",
    "stderr",
    "n_items",
    "n_shot",
    "harness_version",
    "task_version",
    "revision",
    "is_self_reported",
    "source_url",
    "retrieved_at",
    "ladder",
    "axis",
    "position",
    "replicate",
)
