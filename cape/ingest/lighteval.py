"""Results of lighteval: `results_<time>.json` with `config_general` and results keyed `[suite|]task|shots`.

A metric has `<metric>_stderr` beside it. `mmlu:_average` is the mean of the subjects; without it they are averaged
here. TruthfulQA reports both variants in one task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cape.ingest.documents import Document, number, shown, text_of, validated
from cape.ingest.facts import model_arguments, model_facts
from cape.ingest.records import FileReading, Finding, ScoreRow, flagged
from cape.ingest.tasks import TaskName, groups_of, left_out, names_of

FORMAT = "lighteval"
HARNESS = "lighteval"
AVERAGE = ":_average"
MMLU_SUBJECTS = 57  # arXiv:2009.03300
METRIC_OF_VARIANT = "acc"


class LightevalLayout(BaseModel):
    """The keys of a results file that are kept."""

    model_config = ConfigDict(extra="ignore")

    config_general: dict[str, Any]
    results: dict[str, dict[str, Any]]
    versions: dict[str, Any] = Field(default_factory=dict)


def detect(given: Path | Document) -> bool:
    """Return whether the file is a results file of lighteval."""
    return Document.of(given).is_json_object("config_general", "results")


def read(given: Path | Document) -> FileReading:
    """Return the scores of a results file; raises IngestError where its structure is not the published one."""
    document = Document.of(given)
    layout = validated(LightevalLayout, document.json(), document)
    general = layout.config_general
    nested = general.get("model_config")
    arguments = model_arguments(nested if nested is not None else general.get("model_args"))
    facts = model_facts(
        text_of(general.get("model_name")) or arguments.get("model_name") or "/".join(document.path.parent.parts[-2:]),
        arguments=arguments,
        dtype=text_of(general.get("model_dtype")) or arguments.get("dtype", ""),
        n_params=None,
        has_chat_template=general.get("use_chat_template") is True or arguments.get("use_chat_template") == "True",
        document=document,
    )
    limit = number(general.get("max_samples"))
    marks = {"limit": bool(limit and limit > 0), "quantised": facts.is_quantised}
    marks["chat_template"] = facts.has_chat_template
    flags = [name for name, is_set in marks.items() if is_set]
    findings: list[Finding] = []
    for name, text in (("limit", f"The run was limited to {shown(limit)} items."), ("quantised", "Quantised weights.")):
        if name in flags:
            findings.append(flagged(document.name, text, f"The rows carry the flag {name}.", place="config_general"))
    common = {
        "model": facts.model,
        "harness": HARNESS,
        "revision": text_of(general.get("model_sha")),
        "run_at": document.run_at,
        "file": document.name,
        "flags": tuple(flags),
    }
    rows, unknown = _rows(layout, common, findings)
    findings += left_out(unknown, file=document.name)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=(facts,), findings=tuple(findings))


def split_key(key: str) -> tuple[str, int | None]:
    """Return task and shots of `suite|task|shots`, `suite|task|shots|0` or `task|shots`."""
    parts = key.split("|")
    if len(parts) >= 3:
        parts = parts[1:3]
    shots = parts[1] if len(parts) == 2 else ""
    return parts[0], int(shots) if shots.isdecimal() and len(shots) < 5 else None


def _rows(
    layout: LightevalLayout, common: Mapping[str, Any], findings: list[Finding]
) -> tuple[list[ScoreRow], list[str]]:
    rows, unknown = [], []
    tasks = {key: split_key(key) for key in layout.results if key != "all"}
    averaged = {task for task, _ in tasks.values() if task.endswith(AVERAGE)}
    for key, (task, shots) in tasks.items():
        names = names_of(task, harness=HARNESS)
        leaf = any(fnmatchcase(task, group.subtasks) for group in groups_of(HARNESS))
        unknown += [task] if not names and not leaf else []
        for name in names:
            version = text_of(layout.versions.get(key))
            own = dict(common) | {"n_shot": shots, "task_version": version, "is_group": task in averaged}
            row = _row(layout.results[key], name, own, key)
            text = f"{task}: no number of {', '.join(name.metrics)}."
            findings += [] if row else [flagged(common["file"], text, "Left out.", place=f"results.{key}")]
            rows += [row] if row else []
    for group in groups_of(HARNESS):
        if group.task not in averaged:
            rows += _averaged(layout, group, tasks, common, findings)
    return rows, unknown


def _row(metrics: Mapping[str, Any], name: TaskName, common: Mapping[str, Any], key: str) -> ScoreRow | None:
    chosen = next((each for each in name.metrics if number(metrics.get(each)) is not None), None)
    if chosen is None:
        return None
    return ScoreRow(
        benchmark=name.benchmark,
        variant=name.variant,
        metric=METRIC_OF_VARIANT if name.variant else chosen,
        score=float(number(metrics[chosen]) or 0.0),
        stderr=number(metrics.get(f"{chosen}_stderr")),
        place=f"results.{key}.{chosen}",
        **common,
    )


def _averaged(
    layout: LightevalLayout,
    group: TaskName,
    tasks: Mapping[str, tuple[str, int | None]],
    common: Mapping[str, Any],
    findings: list[Finding],
) -> list[ScoreRow]:
    """Return the plain mean of a group's subtasks as a row, or nothing where there is none."""
    keys = [key for key, (task, _) in tasks.items() if fnmatchcase(task, group.subtasks)]
    values = [_row(layout.results[key], group, {**common, "n_shot": tasks[key][1]}, key) for key in keys]
    held = [row for row in values if row is not None]
    if not held:
        return []
    text = f"{group.benchmark}: {len(held)} of {MMLU_SUBJECTS} subtasks were averaged."
    findings.append(flagged(common["file"], text, "Nothing, or run all.", place=f"results.{group.subtasks}", n_rows=1))
    shots = {row.n_shot for row in held}
    partial = ("subset_of_subtasks",) if len(held) != MMLU_SUBJECTS else ()
    own = dict(common) | {"flags": (*common["flags"], "averaged_here", *partial), "is_group": True}
    return [
        ScoreRow(
            benchmark=group.benchmark,
            metric=held[0].metric,
            score=math.fsum(row.score for row in held) / len(held),
            n_shot=shots.pop() if len(shots) == 1 else None,
            place=f"results.{group.subtasks}",
            **own,
        )
    ]
