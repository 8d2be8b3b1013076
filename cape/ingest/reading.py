"""Read result files that people already have: detect the format, read, validate, and say what became of each file.

`read_results` never raises on bad content: a file that cannot stand is a refused finding and none of its rows are in
the reading. Many files are read by several processes; what they give is joined and checked once.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from cape.errors import IngestError
from cape.ingest import combine, lm_eval, lm_eval_old
from cape.ingest.documents import Document, refused
from cape.ingest.identity import identify
from cape.ingest.inputs import Inputs, expand
from cape.ingest.records import (
    ITEM_SCHEMA,
    MODEL_SCHEMA,
    SCORE_SCHEMA,
    FileReading,
    Finding,
    Reading,
    Severity,
    counts_of,
)
from cape.ingest.tasks import Known

__all__ = [
    "ITEM_SCHEMA",
    "MODEL_SCHEMA",
    "SCORE_SCHEMA",
    "Finding",
    "ReadOptions",
    "Reading",
    "Severity",
    "counts_of",
    "read_results",
]

# In order: the first adapter that knows a file reads it.
ADAPTERS = (lm_eval, lm_eval_old)
POOL_FROM_FILES = 300  # below this a second process costs more than it saves
FILES_PER_TASK = 64
NOT_A_FORMAT = "not a format that is read"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a reading may be told.

    registry : models that the lake describes. answers : the user's rows on models. known_inputs : sha256 of files that
    need not be read again. items_folder : where Parquet files of items are written; without it items are left out.
    mapping_file : TOML that says which columns of a table hold what. workers : processes; 0 for one per core.
    """

    registry: pl.DataFrame | None = None
    answers: pl.DataFrame | None = None
    known_inputs: Collection[str] = field(default_factory=frozenset)
    items_folder: Path | None = None
    mapping_file: Path | None = None
    workers: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """What one process says of one file."""

    name: str
    sha256: str
    reading: FileReading


def read_results(
    paths: Sequence[Path | str],
    *,
    known_benchmarks: Known,
    options: ReadOptions | None = None,
    on_progress: Progress | None = None,
) -> Reading:
    """Return everything that files, folders, patterns and zips give.

    known_benchmarks : (benchmark, variant) pairs of the lake. on_progress : called with files done and files in all.
    Raises BadParameterError for a path that is not there, and nothing else that content could cause.
    """
    chosen = options or ReadOptions()
    with tempfile.TemporaryDirectory(prefix="cape-ingest-") as work:
        inputs = expand(paths, Path(work))
        read = list(_read_all(inputs, known_benchmarks, chosen, on_progress))
    return _joined(read, inputs, chosen)


def read_document(document: Document, *, known: Known, is_named: bool = True) -> FileReading:
    """Return what one file gives; a file that cannot stand is a refused finding.

    is_named : the user named this very file; one that was only found beside others may be of another kind.
    """
    try:
        for adapter in ADAPTERS:
            if adapter.detect(document):
                return combine.checked(adapter.read(document), file=document.name, known=known)
    except IngestError as error:
        return FileReading(format="", findings=(refused(error),))
    except OSError as error:
        broken = document.refuse(f"The file cannot be read ({error.strerror}).", "Check its permissions.")
        return FileReading(format="", findings=(refused(broken),))
    finding = Finding(
        file=document.name,
        severity=Severity.REFUSED if is_named else Severity.FLAGGED,
        found=f"It is {NOT_A_FORMAT}.",
        action="Nothing was taken from it; give a mapping with --map where it is a table.",
    )
    return FileReading(format="", findings=(finding,))


def _read_all(inputs: Inputs, known: Known, options: ReadOptions, on_progress: Progress | None) -> Iterator[_Read]:
    entries = [(document.path, document.name, document.name in inputs.named) for document in inputs.documents]
    total, done = len(entries), 0
    work = partial(_read_chunk, known=dict(known), seen=frozenset(options.known_inputs))
    chunks = [entries[start : start + FILES_PER_TASK] for start in range(0, total, FILES_PER_TASK)]
    for chunk in _mapped(work, chunks, workers=_workers(total, options.workers)):
        yield from chunk
        done += len(chunk)
        if on_progress is not None:
            on_progress(done, total)


def _workers(n_files: int, asked: int) -> int:
    cores = len(os.sched_getaffinity(0))
    return 1 if n_files < POOL_FROM_FILES else max(asked or cores, 1)


def _mapped(
    work: Callable[[list[tuple[Path, str, bool]]], list[_Read]],
    chunks: list[list[tuple[Path, str, bool]]],
    *,
    workers: int,
) -> Iterator[list[_Read]]:
    if workers == 1:
        yield from map(work, chunks)
        return
    # Spawned, not forked: polars keeps threads, which a forked process would wait for without end.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(work, chunk) for chunk in chunks]):
            yield finished.result()


def _read_chunk(chunk: list[tuple[Path, str, bool]], *, known: Known, seen: frozenset[str]) -> list[_Read]:
    return [_read_one(Document(path, name), known, seen, is_named=is_named) for path, name, is_named in chunk]


def _read_one(document: Document, known: Known, seen: frozenset[str], *, is_named: bool) -> _Read:
    try:
        digest = document.sha256()
    except OSError as error:
        broken = document.refuse(f"The file cannot be read ({error.strerror}).", "Check its permissions.")
        return _Read(document.name, "", FileReading(format="", findings=(refused(broken),)))
    if digest in seen:
        text = "The same file was ingested before (sha256)."
        finding = Finding(file=document.name, severity=Severity.ACCEPTED, found=text, action="Nothing to do.")
        return _Read(document.name, "", FileReading(format="", findings=(finding,)))
    return _Read(document.name, digest, read_document(document, known=known, is_named=is_named))


def _joined(read: Iterable[_Read], inputs: Inputs, options: ReadOptions) -> Reading:
    """Return the files' readings as one, in order of file name."""
    ordered = sorted(read, key=lambda each: each.name)
    findings = [*inputs.findings, *(finding for each in ordered for finding in each.reading.findings)]
    rows = [row for each in ordered for row in each.reading.rows]
    taken = tuple((each.name, each.sha256, each.reading.format) for each in ordered if each.reading.rows)
    if not rows:
        return Reading(findings=tuple(findings))
    identities = identify(
        (row.model for row in rows),
        [facts for each in ordered for facts in each.reading.facts],
        registry=options.registry,
        answers=options.answers,
    )
    frame, superseded = combine.latest(combine.as_frame(rows, identities))
    frame, ladders = combine.with_checkpoints(frame)
    frame, templated = combine.with_chat_flags(frame, identities.models)
    findings += [*identities.findings, *superseded, *ladders, *templated, *combine.commit_findings(frame)]
    findings += combine.protocol_findings(frame, identities.models)
    return Reading(scores=combine.final_scores(frame), models=identities.models, findings=tuple(findings), inputs=taken)
