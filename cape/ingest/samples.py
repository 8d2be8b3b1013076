"""Answers item by item: `samples_<task>_<time>.jsonl` of lm-eval, streamed to Parquet; never a whole file in memory.

The name of an item is its `doc_hash`, which is equal for the same question in every run, or else task and `doc_id`.
Its value is the benchmark's metric (acc, acc_norm, mc1, mc2 ...), a number from 0 to 1. A category is taken where the
document has one; a leaf of a group has its own name as category.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from cape.errors import IngestError
from cape.ingest.documents import Document, mapping, number, parse_json, shown, text_of
from cape.ingest.lm_eval import HARNESS, split_metric
from cape.ingest.records import ITEM_SCHEMA, Finding, Severity
from cape.ingest.tasks import TaskName, groups_of, names_of

LINE_BYTES_MAX = 32 * 2**20
FILE_BYTES_MAX = 64 * 2**30  # read as a stream, so memory does not grow with it
ROWS_PER_WRITE = 20_000
CATEGORY_KEYS = ("category", "Category", "subject", "Subject", "subcategory", "topic", "domain", "level")
_NAME = re.compile(r"samples_(.+?)(?:_\d{4}-\d{2}-\d{2}T[\d.:-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRead:
    """What one samples file gave: a Parquet file (None where it was refused) and the finding."""

    file: Path | None
    findings: tuple[Finding, ...]
    n_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The model and revision whose run wrote the samples."""

    model_id: str
    revision: str | None


def detect(given: Path | Document) -> bool:
    """Return whether the file is a samples file, by its name."""
    document = Document.of(given)
    return document.suffix == ".jsonl" and _NAME.fullmatch(document.path.stem) is not None


def task_of(document: Document) -> str:
    """Return the task in the name of a samples file."""
    found = _NAME.fullmatch(document.path.stem)
    return found.group(1) if found else ""


def target_of(task: str) -> tuple[TaskName, str | None] | None:
    """Return the benchmark of a task and, for a leaf of a group, its category; None for no benchmark."""
    names = names_of(task, harness=HARNESS)
    if names:
        return names[0], None
    for group in groups_of(HARNESS):
        if fnmatchcase(task, group.subtasks):
            return group, task.removeprefix(group.subtasks.rstrip("*"))
    return None


def stream(given: Path | Document, owner: Owner, folder: Path) -> ItemsRead:
    """Write the items of a samples file to a Parquet file in the folder; a broken file is refused as a whole."""
    document = Document.of(given)
    target = target_of(task_of(document))
    if target is None:
        text = f"The task {shown(task_of(document))} is no benchmark of this lake."
        finding = Finding(file=document.name, severity=Severity.ACCEPTED, found=text, action="Its items were left out.")
        return ItemsRead(file=None, findings=(finding,))
    unique = hashlib.sha256(f"{document.path}|{owner.model_id}|{owner.revision}".encode()).hexdigest()[:16]
    file = folder / f"items-{unique}.parquet"
    try:
        n_rows, n_without = _written(document, owner, target, file)
    except IngestError as error:
        file.unlink(missing_ok=True)
        return ItemsRead(file=None, findings=(_refused(error),))
    if n_rows == 0:
        file.unlink(missing_ok=True)
        text = f"No line holds one of {', '.join(target[0].metrics)}."
        return ItemsRead(file=None, findings=(_refused(document.refuse(text, "Its items were left out.")),))
    without = f" {n_without:,} lines hold none of its metrics and were left out." if n_without else ""
    finding = Finding(
        file=document.name,
        severity=Severity.FLAGGED if n_without else Severity.ACCEPTED,
        found=f"{n_rows:,} items of {target[0].benchmark}.{without}",
        action="Taken as items.",
        n_rows=n_rows,
    )
    return ItemsRead(file=file, findings=(finding,), n_rows=n_rows)


def _refused(error: IngestError) -> Finding:
    return Finding(
        file=error.file,
        severity=Severity.REFUSED,
        place="" if error.row is None else f"row {error.row}",
        column=error.column or "",
        found=error.found,
        action=error.action,
    )


def _written(document: Document, owner: Owner, target: tuple[TaskName, str | None], file: Path) -> tuple[int, int]:
    """Stream items into a Parquet file; return how many were written and how many lines held no metric."""
    writer: pq.ParquetWriter | None = None
    n_rows = n_without = 0
    try:
        for batch, skipped in _batches(document, owner, target):
            n_rows, n_without = n_rows + len(batch), n_without + skipped
            table = pl.DataFrame(batch, schema=ITEM_SCHEMA, orient="row").to_arrow()
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    return n_rows, n_without


def _batches(
    document: Document, owner: Owner, target: tuple[TaskName, str | None]
) -> Iterator[tuple[list[tuple[Any, ...]], int]]:
    name, leaf = target
    task = task_of(document)
    batch: list[tuple[Any, ...]] = []
    skipped = 0
    for row, line in _lines(document):
        sample = parse_json(line, file=document.name, row=row)
        if not isinstance(sample, dict):
            raise IngestError(file=document.name, row=row, found="The line is no object.", action="Write it again.")
        found = _value(sample, name, document, row)
        item = _item(sample, task)
        if found is None or item is None:
            skipped += 1
            continue
        metric, value = found
        category = _category(sample) or leaf
        batch.append((owner.model_id, owner.revision, name.benchmark, name.variant, metric, item, value, category))
        if len(batch) >= ROWS_PER_WRITE:
            yield batch, skipped
            batch, skipped = [], 0
    if batch or skipped:
        yield batch, skipped


def _lines(document: Document) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines that are not blank; raises IngestError at the first that cannot be read."""
    size = document.path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise document.refuse(f"The file has {size:,} bytes and {FILE_BYTES_MAX:,} are allowed.", "Split it.")
    with document.path.open("rb") as stream:
        row = 0
        while line := stream.readline(LINE_BYTES_MAX + 1):
            row += 1
            if len(line) > LINE_BYTES_MAX:
                found = f"The line has more than {LINE_BYTES_MAX:,} bytes."
                raise IngestError(file=document.name, row=row, found=found, action="Leave the file out.")
            if not line.strip():
                continue
            try:
                yield row, line.decode("utf-8")
            except UnicodeDecodeError as error:
                found = f"Byte {error.start} of the line is not UTF-8."
                raise IngestError(file=document.name, row=row, found=found, action="Save it in UTF-8.") from error


def _value(sample: Mapping[str, Any], name: TaskName, document: Document, row: int) -> tuple[str, float] | None:
    """Return metric and value of the preferred metric; raises IngestError for a value that is no share."""
    for wanted in name.metrics:
        metric, chosen = split_metric(wanted)
        if chosen and sample.get("filter") not in (None, chosen):
            continue
        raw = sample.get(metric)
        value = float(raw) if isinstance(raw, bool) else number(raw)
        if value is None:
            continue
        if not 0 <= value <= 1:
            found = f"The value {value:g} is not between 0 and 1."
            raise IngestError(file=document.name, row=row, column=metric, found=found, action="Write it as a share.")
        return (f"{metric},{chosen}" if chosen else metric), value
    return None


def _item(sample: Mapping[str, Any], task: str) -> str | None:
    named = sample.get("doc_hash")
    if isinstance(named, str) and named:
        return named[:128]
    number_of = text_of(sample.get("doc_id"))
    return f"{task}:{number_of}" if number_of is not None else None


def _category(sample: Mapping[str, Any]) -> str | None:
    doc = mapping(sample.get("doc"))
    return next((text for key in CATEGORY_KEYS if (text := text_of(doc.get(key))) is not None), None)
