"""Results of lm-evaluation-harness before 0.4, and the archive of the Open LLM Leaderboard v1 that it wrote.

Both have `results` whose metric keys hold no comma. A key `harness|<task>|<shots>` is of the archive: its protocol is
fixed, TruthfulQA reports both variants in one task, and MMLU is the plain mean of 57 `hendrycksTest-*` tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cape.ingest.documents import Document, mapping, number, shown, text_of, validated, whole
from cape.ingest.facts import model_arguments, model_facts
from cape.ingest.records import FileReading, Finding, ModelFacts, ScoreRow, Severity
from cape.ingest.tasks import TaskName, groups_of, left_out, names_of

FORMAT_OLD = "lm-eval < 0.4"
FORMAT_V1 = "Open LLM Leaderboard v1"
NAMES = "lm-eval-old"
HARNESS_V1 = "lm-eval (Open LLM Leaderboard v1)"  # as the shipped independent panel names its protocol
SERIES = "0.3"
PREFIX = "harness|"
MMLU_SUBJECTS = 57  # arXiv:2009.03300
METRIC_OF_VARIANT = "acc"  # mc1 and mc2 name the variant; what is averaged is acc, as everywhere else


class OldLayout(BaseModel):
    """The keys of a results file that are kept; all others are ignored."""

    model_config = ConfigDict(extra="ignore")

    results: dict[str, dict[str, Any]]
    versions: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    config_general: dict[str, Any] = Field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """What is gathered while one file is read."""

    document: Document
    layout: OldLayout
    is_v1: bool
    facts: ModelFacts
    rows: list[ScoreRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def flag(self, found: str, action: str, *, place: str, n_rows: int = 0) -> None:
        name = self.document.name
        entry = Finding(file=name, severity=Severity.FLAGGED, place=place, found=found, action=action, n_rows=n_rows)
        self.findings.append(entry)


def detect(given: Path | Document) -> bool:
    """Return whether the file is of this generation: results without commas in their metrics, and without n-shot."""
    document = Document.of(given)
    if not document.is_json_object("results"):
        return False
    content = document.json()
    results = mapping(content["results"])
    if any(task.startswith(PREFIX) for task in results):
        return True
    if "n-shot" in content or "versions" not in content or not results:
        return False
    return not any("," in key for metrics in results.values() for key in mapping(metrics))


def read(given: Path | Document) -> FileReading:
    """Return the scores of a results file; raises IngestError where its structure is not the published one."""
    document = Document.of(given)
    layout = validated(OldLayout, document.json(), document)
    is_v1 = any(task.startswith(PREFIX) for task in layout.results)
    work = _Work(document=document, layout=layout, is_v1=is_v1, facts=_facts(document, layout))
    limit = layout.config.get("limit", layout.config_general.get("max_samples"))
    flags = (*(["limit"] if _is_limit(limit) else []), *(["quantised"] if work.facts.is_quantised else []))
    if "limit" in flags:
        text = f"The run was limited to {shown(limit)} items of each task."
        work.flag(text, "The rows carry the flag limit; run without a limit.", place="config")
    if "quantised" in flags:
        text = "The weights were quantised: the scores are of another model than the full one."
        work.flag(text, "The rows carry the flag quantised.", place="config")
    unknown = []
    for key, metrics in layout.results.items():
        task, shots = _task_of(key, layout)
        names = names_of(task, harness=NAMES)
        for name in names:
            _read_task(work, key, metrics, name, shots=shots, flags=flags)
        if not names and key != "all" and not any(fnmatchcase(task, group.subtasks) for group in groups_of(NAMES)):
            unknown.append(task)
    _average_groups(work, flags)
    work.findings += left_out(unknown, file=document.name)
    label = FORMAT_V1 if is_v1 else FORMAT_OLD
    return FileReading(format=label, rows=tuple(work.rows), facts=(work.facts,), findings=tuple(work.findings))


def _is_limit(limit: Any) -> bool:
    """Return whether a limit was set; early archive files write -1 or 0 for none."""
    found = number(limit)
    return found is not None and found > 0


def _facts(document: Document, layout: OldLayout) -> ModelFacts:
    both = {**layout.config, **layout.config_general}
    arguments = model_arguments(both.get("model_args"))
    named = text_of(both.get("model_name")) or arguments.get("pretrained") or arguments.get("model")
    folder = "/".join(document.path.parent.parts[-2:])
    return model_facts(
        named or folder,
        arguments=arguments,
        dtype=text_of(both.get("model_dtype")) or arguments.get("dtype", ""),
        n_params=None,
        has_chat_template=False,
        document=document,
    )


def _task_of(key: str, layout: OldLayout) -> tuple[str, int | None]:
    """Return task and shots of a result key."""
    if key.startswith(PREFIX):
        _, task, shots = (*key.split("|"), "")[:3]
        return task, int(shots) if shots.isdecimal() and len(shots) < 5 else None
    return key, whole(layout.config.get("num_fewshot"))


def _read_task(
    work: _Work, key: str, metrics: Mapping[str, Any], name: TaskName, *, shots: int | None, flags: tuple[str, ...]
) -> None:
    chosen = next((each for each in name.metrics if number(metrics.get(each)) is not None), None)
    if chosen is None:
        holds = "NaN or no number" if any(each in metrics for each in name.metrics) else "none"
        text = f"{name.benchmark} {name.variant or ''}".strip() + f": {holds} of {', '.join(name.metrics)}."
        work.flag(text, "The score was left out.", place=f"results.{key}")
        return
    if chosen != name.metrics[0]:
        text = f"{name.benchmark} is scored by {chosen}; {name.metrics[0]} is missing or not a number."
        work.flag(text, "Compare it only with rows of the same metric.", place=f"results.{key}", n_rows=1)
    work.rows.append(
        _row(
            work,
            name,
            metric=METRIC_OF_VARIANT if name.variant else chosen,
            score=float(number(metrics[chosen]) or 0.0),
            stderr=number(metrics.get(f"{chosen}_stderr")),
            n_shot=shots,
            task_version=None if work.is_v1 else text_of(work.layout.versions.get(key)),
            flags=flags,
            place=f"results.{key}.{chosen}",
        )
    )


def _row(work: _Work, name: TaskName, **values: Any) -> ScoreRow:
    general = work.layout.config_general
    both = {**work.layout.config, **general}
    named = text_of(both.get("model_revision")) or model_arguments(both.get("model_args")).get("revision")
    return ScoreRow(
        model=work.facts.model,
        benchmark=name.benchmark,
        variant=name.variant,
        harness=HARNESS_V1 if work.is_v1 else "lm-eval",
        harness_version=None if work.is_v1 else SERIES,
        revision=named if named and named != "main" else text_of(both.get("model_sha")),
        run_at=work.document.run_at,
        file=work.document.name,
        **values,
    )


def _average_groups(work: _Work, flags: tuple[str, ...]) -> None:
    for name in groups_of(NAMES):
        if not any(_task_of(key, work.layout)[0] == name.task for key in work.layout.results):
            _average_leaves(work, name, flags)


def _leaves(work: _Work, name: TaskName) -> Iterator[tuple[float | None, float | None, int | None]]:
    """Yield score, standard error and shots of every subtask of a group."""
    for key, metrics in work.layout.results.items():
        task, shots = _task_of(key, work.layout)
        if fnmatchcase(task, name.subtasks):
            yield number(metrics.get(name.metrics[0])), number(metrics.get(f"{name.metrics[0]}_stderr")), shots


def _average_leaves(work: _Work, name: TaskName, flags: tuple[str, ...]) -> None:
    """Add the plain mean of the subtasks of a group, as the leaderboard did, and say how many there were."""
    leaves = list(_leaves(work, name))
    held = [(score, stderr, shots) for score, stderr, shots in leaves if score is not None]
    if not leaves:
        return
    expected = MMLU_SUBJECTS if name.benchmark == "mmlu" else len(leaves)
    place = f"results.{name.subtasks}"
    partial = len(held) != expected
    if partial:
        text = f"{name.benchmark}: {len(held)} of {expected} subtasks are present and hold a number."
        work.flag(text, "The row carries the flag subset_of_subtasks." if held else "It was left out.", place=place)
    if not held:
        return
    errors = [stderr for _, stderr, _ in held if stderr is not None]
    complete = len(errors) == len(held)
    all_shots = {shots for _, _, shots in held}
    work.rows.append(
        _row(
            work,
            name,
            metric=name.metrics[0],
            score=math.fsum(score for score, _, _ in held) / len(held),
            stderr=math.sqrt(math.fsum(stderr**2 for stderr in errors)) / len(held) if complete else None,
            n_shot=all_shots.pop() if len(all_shots) == 1 else None,
            is_group=True,
            flags=(*flags, *(["subset_of_subtasks"] if partial else [])),
            place=place,
            notes=f"mean of {len(held)} subtasks",
        )
    )
