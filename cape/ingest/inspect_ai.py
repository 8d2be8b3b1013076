"""Logs of Inspect (`.eval` and its JSON export), read through Inspect's own library and through nothing else.

The library is optional. A log that did not finish, or that was invalidated, is refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cape.ingest.documents import Document, mapping, number, shown, text_of, whole
from cape.ingest.facts import model_facts
from cape.ingest.inputs import checked_members
from cape.ingest.records import FileReading, Finding, ScoreRow, flagged
from cape.ingest.tasks import left_out, names_of

FORMAT = "Inspect"
HARNESS = "Inspect"
NAMES = "inspect"
INSTALL = "pip install inspect_ai"
PROVIDERS = frozenset({"hf", "vllm", "sglang", "ollama", "llama-cpp-python", "transformer_lens"})


def detect(given: Path | Document) -> bool:
    """Return whether the file is a log: a zip named .eval, or a JSON object with `eval` and `plan`."""
    document = Document.of(given)
    if document.suffix == ".eval":
        return True
    return document.is_json_object("eval", "plan")


def read(given: Path | Document) -> FileReading:
    """Return the scores of a log.

    Raises IngestError where the library is not installed, cannot read the log, or the log is not a finished one.
    """
    document = Document.of(given)
    if document.suffix == ".eval":
        _check_zip(document)
    log = _log(document)
    status = str(getattr(log, "status", ""))
    if status != "success":
        raise document.refuse(f"The run's status is {shown(status)}.", "Only finished runs are taken.", place="status")
    if getattr(log, "invalidated", False):
        raise document.refuse("The log was invalidated.", "Run the evaluation again.", place="invalidated")
    findings: list[Finding] = []
    rows, facts = _rows(log, document, findings)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=(facts,), findings=tuple(findings))


def _check_zip(document: Document) -> None:
    try:
        with zipfile.ZipFile(document.path) as archive:
            checked_members(archive, document)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        found = f"It is no readable zip ({type(error).__name__})."
        raise document.refuse(found) from error


def _log(document: Document) -> Any:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise document.refuse(
            "Inspect logs are read through Inspect's own library, which is not installed.",
            f"Run `{INSTALL}`, then ingest the file again.",
        ) from error
    faults = (ValueError, KeyError, TypeError, AttributeError, OSError, RuntimeError, EOFError)
    try:
        return read_eval_log(str(document.path), header_only=True)
    except (*faults, zipfile.BadZipFile, zlib.error) as error:
        found = f"Inspect's library cannot read it ({type(error).__name__})."
        raise document.refuse(found) from error


def _rows(log: Any, document: Document, findings: list[Finding]) -> tuple[list[ScoreRow], Any]:
    spec = log.eval
    model = text_of(getattr(spec, "model", None)) or ""
    provider, _, rest = model.partition("/")
    facts = model_facts(
        rest if provider in PROVIDERS and rest else model,
        arguments={key: str(value) for key, value in mapping(getattr(spec, "model_args", None)).items()},
        dtype="",
        n_params=None,
        has_chat_template=False,
        document=document,
    )
    task = (text_of(getattr(spec, "task", None)) or "").rpartition("/")[2]
    limit = getattr(getattr(spec, "config", None), "limit", None)
    flags: tuple[str, ...] = ()
    if limit is not None:
        text = f"The run was limited to {shown(limit)} samples."
        findings.append(flagged(document.name, text, "The rows carry the flag limit.", place="eval.config.limit"))
        flags = ("limit",)
    names = names_of(task, harness=NAMES)
    if not names:
        findings += left_out([task], file=document.name)
    metrics = _metrics(log)
    rows = []
    for name in names:
        chosen = next((each for each in name.metrics if number(metrics.get(each)) is not None), None)
        if chosen is None:
            text = f"{task}: no number of {', '.join(name.metrics)}."
            findings.append(flagged(document.name, text, "The score was left out.", place="results.scores"))
            continue
        rows.append(
            ScoreRow(
                model=facts.model,
                benchmark=name.benchmark,
                variant=_variant(spec, name.variant),
                metric=chosen,
                score=float(number(metrics[chosen]) or 0.0),
                stderr=number(metrics.get("stderr")),
                n_items=whole(getattr(getattr(log, "results", None), "completed_samples", None)) or None,
                n_shot=whole(mapping(getattr(spec, "task_args", None)).get("fewshot")),
                harness=HARNESS,
                task_version=text_of(getattr(spec, "task_version", None)),
                run_at=(text_of(getattr(spec, "created", None)) or "")[:19],
                flags=flags,
                file=document.name,
                place=f"results.scores.{chosen}",
            )
        )
    return rows, facts


def _variant(spec: Any, variant: str | None) -> str | None:
    """Return the variant of TruthfulQA that the task's own argument names, where it names one."""
    target = text_of(mapping(getattr(spec, "task_args", None)).get("target"))
    return target if variant is not None and target in ("mc1", "mc2") else variant


def _metrics(log: Any) -> Mapping[str, Any]:
    """Return the metrics of the first scorer that holds each."""
    held: dict[str, Any] = {}
    for score in getattr(getattr(log, "results", None), "scores", None) or []:
        for name, metric in dict(getattr(score, "metrics", None) or {}).items():
            held.setdefault(str(name).rpartition("/")[2], getattr(metric, "value", None))
    return held
