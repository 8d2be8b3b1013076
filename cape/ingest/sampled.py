"""Items beside the scores: whose samples a file holds is told by the results file in its folder, or by the folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cape.ingest import samples
from cape.ingest.documents import Document
from cape.ingest.identity import Identities
from cape.ingest.records import Finding, Reading, ReadOptions, ScoreRow, Severity


def owners_of(rows: Iterable[tuple[Path, ScoreRow]], identities: Identities | None) -> dict[Path, set[samples.Owner]]:
    """Return the models and revisions that the results files of each folder name."""
    owners: dict[Path, set[samples.Owner]] = {}
    if identities is None:
        return owners
    for folder, row in rows:
        revision = row.revision or identities.steps.get(row.model)
        owner = samples.Owner(model_id=identities.ids[row.model], revision=revision)
        owners.setdefault(folder, set()).add(owner)
    return owners


def needed_folders(documents: Iterable[Document], options: ReadOptions) -> set[Path]:
    """Return the folders of new samples files: results there are read again, for they say whose the items are."""
    if options.items_folder is None or not options.known_inputs:
        return set()
    sampled = [document for document in documents if samples.detect(document)]
    return {document.path.parent for document in sampled if document.sha256() not in options.known_inputs}


def with_items(
    reading: Reading,
    sampled: Sequence[Document],
    owners: Mapping[Path, set[samples.Owner]],
    options: ReadOptions,
) -> Reading:
    """Return a reading with the items of samples files whose model is known; say why others were left out."""
    files: list[Path] = []
    findings: list[Finding] = []
    inputs: list[tuple[str, str, str]] = []
    taken: set[tuple[samples.Owner, str]] = set()
    for document in sorted(sampled, key=lambda each: each.run_at, reverse=True):
        digest = document.sha256()
        if digest in options.known_inputs:
            text = "The same file was ingested before (sha256)."
            findings.append(_finding(document, Severity.ACCEPTED, text, "Nothing to do."))
            continue
        owned = owners.get(document.path.parent, set())
        keys = {(owner, samples.task_of(document)) for owner in owned}
        if keys & taken:
            text, action = "A later run of the same task and model is among the files.", "Its items were left out."
            findings.append(_finding(document, Severity.FLAGGED, text, action))
            continue
        taken |= keys
        found = _streamed(document, owned, options)
        findings += found.findings
        if found.file is not None:
            files.append(found.file)
            inputs.append((document.name, digest, "lm-eval samples"))
    return replace(
        reading,
        items=tuple(files),
        findings=(*reading.findings, *findings),
        inputs=(*reading.inputs, *inputs),
    )


def _streamed(document: Document, owners: set[samples.Owner], options: ReadOptions) -> samples.ItemsRead:
    if options.items_folder is None:
        text, action = "Items were not asked for.", "The file was not read."
        return samples.ItemsRead(file=None, findings=(_finding(document, Severity.ACCEPTED, text, action),))
    if len(owners) != 1:
        how = "no results file" if not owners else f"results of {len(owners)} models or revisions"
        text = f"Its folder holds {how}, so whose items these are is not known."
        action = "Keep samples beside the results of their own run."
        return samples.ItemsRead(file=None, findings=(_finding(document, Severity.REFUSED, text, action),))
    options.items_folder.mkdir(parents=True, exist_ok=True)
    return samples.stream(document, next(iter(owners)), options.items_folder)


def _finding(document: Document, severity: Severity, found: str, action: str) -> Finding:
    return Finding(file=document.name, severity=severity, found=found, action=action)
