"""Items beside the scores: whose samples a file holds is told by the results file in its folder, or by the folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cape.ingest import samples
from cape.ingest.documents import Document
from cape.ingest.identity import Identities
from cape.ingest.records import Finding, Reading, ScoreRow, Severity

if TYPE_CHECKING:
    from cape.ingest.reading import ReadOptions


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
    for document in sampled:
        digest = document.sha256()
        if digest in options.known_inputs:
            text = "The same file was ingested before (sha256)."
            findings.append(_finding(document, Severity.ACCEPTED, text, "Nothing to do."))
            continue
        found = _streamed(document, owners.get(document.path.parent, set()), options)
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
