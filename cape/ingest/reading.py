"""Read result files that people already have: detect the format, read, validate, and say what became of each file.

`read_results` never raises on bad content: a file that cannot stand is a refused finding and none of its rows are in
the reading. Many files are read by several processes; what they give is joined and checked once.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cape.errors import IngestError
from cape.ingest import (
    combine,
    every_eval_ever,
    helm,
    inspect_ai,
    leaderboard_v2,
    lighteval,
    lm_eval,
    lm_eval_old,
    mapped_table,
    opencompass,
    own_table,
    samples,
)
from cape.ingest.documents import Document, refused
from cape.ingest.identity import Identities, identify
from cape.ingest.inputs import Inputs, expand
from cape.ingest.records import (
    ITEM_SCHEMA,
    MODEL_SCHEMA,
    SCORE_SCHEMA,
    FileReading,
    Finding,
    Reading,
    ReadOptions,
    Severity,
    counts_of,
)
from cape.ingest.sampled import needed_folders, owners_of, with_items
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
ADAPTERS = (lm_eval, lm_eval_old, every_eval_ever, leaderboard_v2, inspect_ai, lighteval, helm, opencompass)
POOL_FROM_FILES = 1_500  # below this starting processes costs more than it saves
FILES_PER_TASK = 100
NOT_A_FORMAT = "not a format that is read"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Task:
    """What every process needs to know besides its files."""

    known: Known
    seen: frozenset[str]
    mapping_file: Path | None
    needed_folders: frozenset[Path]


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
        listed = [document for document in inputs.documents if not helm.is_companion(document.path)]
        sampled = [document for document in listed if samples.detect(document)]
        others = [document for document in listed if not samples.detect(document)]
        read = list(_read_all(others, inputs, known_benchmarks, chosen, on_progress))
        reading, identities = _joined(read, inputs, chosen)
        folders = {document.name: document.path.parent for document in others}
        rows = [(folders[each.name], row) for each in read for row in each.reading.rows if each.name in folders]
        owners = owners_of(rows, identities)
        return with_items(reading, sampled, owners, chosen)


def read_document(document: Document, *, known: Known, mapping_file: Path | None = None) -> FileReading | None:
    """Return what one file gives, None for a format that is not read; a file that cannot stand is a refused finding."""
    try:
        found = _adapted(document, known, mapping_file)
    except IngestError as error:
        return FileReading(format="", findings=(refused(error),))
    except OSError as error:
        broken = document.refuse(f"The file cannot be read ({error.strerror}).", "Check its permissions.")
        return FileReading(format="", findings=(refused(broken),))
    return None if found is None else combine.checked(found, file=document.name, known=known)


def _adapted(document: Document, known: Known, mapping_file: Path | None) -> FileReading | None:
    """Return the reading of the first adapter that knows the file, or None."""
    mapped = mapped_table.read_mapping(mapping_file) if mapping_file is not None else None
    if mapped is not None and mapped_table.detect(document, mapped):
        return mapped_table.read(document, mapped)
    for adapter in ADAPTERS:
        if adapter.detect(document):
            return adapter.read(document)
    return own_table.read(document, known) if own_table.detect(document) else None


def _unknown(document: Document, *, is_named: bool) -> FileReading:
    """Return the finding on a file of no known format: refused where the user named this very file."""
    finding = Finding(
        file=document.name,
        severity=Severity.REFUSED if is_named else Severity.FLAGGED,
        found=f"It is {NOT_A_FORMAT}.",
        action="Nothing was taken from it; give a mapping with --map where it is a table.",
    )
    return FileReading(format="", findings=(finding,))


def _read_all(
    documents: Sequence[Document], inputs: Inputs, known: Known, options: ReadOptions, on_progress: Progress | None
) -> Iterator[_Read]:
    entries = [(document.path, document.name, document.name in inputs.named) for document in documents]
    total, done = len(inputs.documents), 0
    needed = frozenset(needed_folders(inputs.documents, options))
    task = _Task(dict(known), frozenset(options.known_inputs), options.mapping_file, needed)
    chunks = [entries[start : start + FILES_PER_TASK] for start in range(0, len(entries), FILES_PER_TASK)]
    for chunk in _mapped(partial(_read_chunk, task), chunks, workers=_workers(len(entries), options.workers)):
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


def _read_chunk(task: _Task, chunk: list[tuple[Path, str, bool]]) -> list[_Read]:
    return [_read_one(Document(path, name), task, is_named=is_named) for path, name, is_named in chunk]


def _read_one(document: Document, task: _Task, *, is_named: bool) -> _Read:
    try:
        digest = document.sha256()
    except OSError as error:
        broken = document.refuse(f"The file cannot be read ({error.strerror}).", "Check its permissions.")
        return _Read(document.name, "", FileReading(format="", findings=(refused(broken),)))
    if digest in task.seen and document.path.parent not in task.needed_folders:
        return _Read(document.name, "", FileReading(format="", findings=(_seen(document),)))
    found = read_document(document, known=task.known, mapping_file=task.mapping_file)
    return _Read(document.name, digest, found or _unknown(document, is_named=is_named))


def _seen(document: Document) -> Finding:
    text = "The same file was ingested before (sha256)."
    return Finding(file=document.name, severity=Severity.ACCEPTED, found=text, action="Nothing to do.")


def _joined(read: Iterable[_Read], inputs: Inputs, options: ReadOptions) -> tuple[Reading, Identities | None]:
    """Return the files' readings as one, in order of file name, and which models they mean."""
    ordered = sorted(read, key=lambda each: each.name)
    findings = [*inputs.findings, *(finding for each in ordered for finding in each.reading.findings)]
    rows = [row for each in ordered for row in each.reading.rows]
    taken = tuple((each.name, each.sha256, each.reading.format) for each in ordered if each.reading.rows)
    if not rows:
        return Reading(findings=tuple(findings)), None
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
    reading = Reading(
        scores=combine.final_scores(frame),
        models=identities.models,
        findings=tuple(findings),
        inputs=taken,
        settings={each.name: each.reading.settings for each in ordered if each.reading.settings},
    )
    return reading, identities
