"""Answers item by item, streamed to Parquet; never a whole file in memory.

`samples_<task>_<time>.jsonl` of lm-eval: the name of an item is its `doc_hash`, which is equal for the same question
in every run, or else task and `doc_id`; its value is the benchmark's metric (acc, acc_norm ...), from 0 to 1. A
category is taken where the document has one; a leaf of a group has its own name as category.
`<uuid>_samples.jsonl` of Every Eval Ever: `sample_hash` or `sample_id`, `evaluation.score`, category from `metadata`.
An item that stands twice counts once, and how often that happened is said.
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
from cape.ingest.documents import Document, mapping, number, parse_json, refused, shown, text_of
from cape.ingest.lm_eval import HARNESS, split_metric
from cape.ingest.records import ITEM_SCHEMA, Finding, Severity
from cape.ingest.tasks import TaskName, any_name, groups_of, names_of

LINE_BYTES_MAX = 32 * 2**20
FILE_BYTES_MAX = 64 * 2**30  # read as a stream, so memory does not grow with it
ITEMS_MAX = 2_000_000  # of one file: their names are remembered, so that none is taken twice
ROWS_PER_WRITE = 20_000
CATEGORY_KEYS = ("category", "Category", "subject", "Subject", "subcategory", "topic", "domain", "level")
OTHER_ENDING = "_samples"  # Every Eval Ever
_NAME = re.compile(r"samples_(.+?)(?:_\d{4}-\d{2}-\d{2}T[\d.:-]+)?")


Metrics = Mapping[tuple[str, str | None], str]
Item = tuple[str, str | None, str, str, float, str | None]  # benchmark, variant, metric, name, value, category


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRead:
    """What one samples file gave: a Parquet file (None where it was refused) and the finding."""

    file: Path | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The model and revision whose run wrote the samples."""

    model_id: str
    revision: str | None


def detect(given: Path | Document) -> bool:
    """Return whether the file is a samples file, by its name."""
    document = Document.of(given)
    return document.suffix == ".jsonl" and (bool(task_of(document)) or _is_other(document))


def _is_other(document: Document) -> bool:
    return document.path.stem.endswith(OTHER_ENDING)


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


def stream(given: Path | Document, owner: Owner, folder: Path, metrics: Metrics) -> ItemsRead:
    """Write the items of a samples file to a Parquet file in the folder; a broken file is refused as a whole.

    metrics : metric of the model's own score by (benchmark, variant): the items of that metric are taken.
    """
    document = Document.of(given)
    if not _is_other(document) and target_of(task_of(document)) is None:
        text = f"The task {shown(task_of(document))} is no benchmark of this lake."
        return ItemsRead(file=None, findings=(_said(document, Severity.ACCEPTED, text, "Its items were left out."),))
    unique = hashlib.sha256(f"{document.path}|{owner.model_id}|{owner.revision}".encode()).hexdigest()[:16]
    file = folder / f"items-{unique}.parquet"
    count = _Count()
    try:
        _write(document, owner, metrics, file, count)
    except IngestError as error:
        file.unlink(missing_ok=True)
        return ItemsRead(file=None, findings=(refused(error),))
    if count.taken == 0:
        file.unlink(missing_ok=True)
        nothing = document.refuse("No line holds the metric of a known benchmark.", "Its items were left out.")
        return ItemsRead(file=None, findings=(refused(nothing),))
    left = [
        f"{n:,} lines {why}"
        for n, why in ((count.without, "hold no such metric"), (count.twice, "repeat an item"))
        if n
    ]
    severity = Severity.FLAGGED if left else Severity.ACCEPTED
    text = f"{count.taken:,} items.{' Left out: ' + ', '.join(left) + '.' if left else ''}"
    return ItemsRead(file=file, findings=(_said(document, severity, text, "Taken as items.", count.taken),))


@dataclass(slots=True)
class _Count:
    taken: int = 0
    without: int = 0
    twice: int = 0


def _said(document: Document, severity: Severity, found: str, action: str, n_rows: int = 0) -> Finding:
    return Finding(file=document.name, severity=severity, found=found, action=action, n_rows=n_rows)


def _write(document: Document, owner: Owner, metrics: Metrics, file: Path, count: _Count) -> None:
    """Stream items into a Parquet file; raises IngestError at the first line that cannot stand."""
    writer: pq.ParquetWriter | None = None
    batch: list[tuple[Any, ...]] = []
    seen: set[tuple[str, str | None, int]] = set()
    items = _other_items(document, metrics) if _is_other(document) else _items(document, metrics)
    try:
        for item in items:
            if item is None:
                count.without += 1
                continue
            key = (item[0], item[1], hash(item[3]))
            if key in seen:
                count.twice += 1
                continue
            seen.add(key)
            if len(seen) > ITEMS_MAX:
                raise document.refuse(f"It holds more than {ITEMS_MAX:,} items.", "Split it.")
            batch.append((owner.model_id, owner.revision, *item))
            count.taken += 1
            if len(batch) >= ROWS_PER_WRITE:
                writer, batch = _flushed(batch, file, writer), []
        if batch:
            writer = _flushed(batch, file, writer)
    finally:
        if writer is not None:
            writer.close()


def _flushed(batch: list[tuple[Any, ...]], file: Path, writer: pq.ParquetWriter | None) -> pq.ParquetWriter:
    table = pl.DataFrame(batch, schema=ITEM_SCHEMA, orient="row").to_arrow()
    writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
    writer.write_table(table)
    return writer


def _items(document: Document, metrics: Metrics) -> Iterator[Item | None]:
    """Yield the items of lm-eval's samples, None for a line that holds none of the benchmark's metrics."""
    task = task_of(document)
    target = target_of(task)
    if target is None:
        return
    name, leaf = target
    held = metrics.get((name.benchmark, name.variant))
    wanted = (held,) if held is not None else name.metrics
    for row, sample in _objects(document):
        found = _value(sample, wanted, document, row)
        item = _item_name(sample, task)
        if found is None or item is None:
            yield None
            continue
        metric, value = found
        category = _category(mapping(sample.get("doc"))) or leaf
        yield name.benchmark, name.variant, metric, item, value, category


def _other_items(document: Document, metrics: Metrics) -> Iterator[Item | None]:
    """Yield the items of Every Eval Ever's samples, None for a line of no known benchmark or without a score."""
    for row, sample in _objects(document):
        name = any_name(text_of(sample.get("evaluation_name")) or "")
        score = mapping(sample.get("evaluation")).get("score")
        value = float(score) if isinstance(score, bool) else number(score)
        item = text_of(sample.get("sample_hash")) or text_of(sample.get("sample_id"))
        if name is None or value is None or item is None:
            yield None
            continue
        _check_share(value, document, row, "evaluation.score")
        metric = metrics.get((name.benchmark, name.variant), "score")
        yield name.benchmark, name.variant, metric, item[:128], value, _category(mapping(sample.get("metadata")))


def _objects(document: Document) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row, line in _lines(document):
        sample = parse_json(line, file=document.name, row=row)
        if not isinstance(sample, dict):
            raise IngestError(file=document.name, row=row, found="The line is no object.", action="Write it again.")
        yield row, sample


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


def _value(
    sample: Mapping[str, Any], metrics: tuple[str, ...], document: Document, row: int
) -> tuple[str, float] | None:
    """Return metric and value of the preferred metric; raises IngestError for a value that is no share."""
    for wanted in metrics:
        metric, chosen = split_metric(wanted)
        if chosen and sample.get("filter") not in (None, chosen):
            continue
        raw = sample.get(metric)
        value = float(raw) if isinstance(raw, bool) else number(raw)
        if value is not None:
            _check_share(value, document, row, metric)
            return wanted, value
    return None


def _check_share(value: float, document: Document, row: int, column: str) -> None:
    if not 0 <= value <= 1:
        found = f"The value {value:g} is not between 0 and 1."
        raise IngestError(file=document.name, row=row, column=column, found=found, action="Write it as a share.")


def _item_name(sample: Mapping[str, Any], task: str) -> str | None:
    named = sample.get("doc_hash")
    if isinstance(named, str) and named:
        return named[:128]
    number_of = text_of(sample.get("doc_id"))
    return f"{task}:{number_of}" if number_of is not None else None


def _category(about: Mapping[str, Any]) -> str | None:
    return next((text for key in CATEGORY_KEYS if (text := text_of(about.get(key))) is not None), None)
