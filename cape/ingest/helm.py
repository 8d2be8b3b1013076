"""A HELM run: the folder that holds `run_spec.json` and `stats.json`; statistics of perturbed inputs are dropped.

A run is one scenario with its arguments, as `mmlu:subject=anatomy,...`; one subject of MMLU is not MMLU and is left
out, unless the run is of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cape.ingest.documents import Document, mapping, number, shown, text_of, whole
from cape.ingest.facts import model_facts
from cape.ingest.records import FileReading, Finding, ScoreRow, flagged
from cape.ingest.tasks import TaskName, left_out, names_of

FORMAT = "HELM"
HARNESS = "HELM"
NAMES = "helm"
STATS, SPEC = "stats.json", "run_spec.json"
SPLITS = ("test", "valid")
# Arguments that name what a scenario is about, in this order.
SUBJECTS = ("dataset", "subject", "subset")
# Written beside the statistics by every run; they hold no scores of their own.
COMPANIONS = frozenset(
    {
        SPEC,
        "scenario.json",
        "scenario_state.json",
        "per_instance_stats.json",
        "instances.json",
        "display_predictions.json",
        "display_requests.json",
    }
)


def detect(given: Path | Document) -> bool:
    """Return whether the file is the statistics file of a run."""
    document = Document.of(given)
    return document.path.name == STATS and (document.path.parent / SPEC).is_file()


def is_companion(path: Path) -> bool:
    """Return whether a file only belongs to a run's statistics."""
    return path.name in COMPANIONS and (path.parent / STATS).is_file() and (path.parent / SPEC).is_file()


def read(given: Path | Document) -> FileReading:
    """Return the score of a run; raises IngestError where its two files are not the published ones."""
    document = Document.of(given)
    spec = mapping(Document(document.path.parent / SPEC, f"{document.name}/../{SPEC}").json())
    stats = document.json()
    if not isinstance(stats, list) or not spec:
        raise document.refuse("It is no list of statistics with a run_spec.json beside it.")
    adapter = mapping(spec.get("adapter_spec"))
    name = text_of(spec.get("name")) or ""
    facts = model_facts(
        text_of(adapter.get("model")) or text_of(adapter.get("model_deployment")) or _arguments(name).get("model", ""),
        arguments={},
        dtype="",
        n_params=None,
        has_chat_template=False,
        document=document,
    )
    task = task_of(name)
    findings: list[Finding] = []
    rows = [
        row
        for each in names_of(task, harness=NAMES)
        if (row := _row(stats, each, facts.model, adapter, document, findings)) is not None
    ]
    if not names_of(task, harness=NAMES):
        findings += left_out([task], file=document.name)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=(facts,), findings=tuple(findings))


def task_of(run_name: str) -> str:
    """Return scenario and subject of a run's name: `commonsense:dataset=hellaswag,...` is commonsense:hellaswag."""
    scenario = run_name.partition(":")[0].partition(",")[0]
    arguments = _arguments(run_name)
    subject = next((arguments[key] for key in SUBJECTS if key in arguments), "")
    return f"{scenario}:{subject}" if subject else scenario


def _arguments(run_name: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in run_name.partition(":")[2].split(",")]
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}


def _row(
    stats: list[Any],
    name: TaskName,
    model: str,
    adapter: Mapping[str, Any],
    document: Document,
    findings: list[Finding],
) -> ScoreRow | None:
    found = _statistic(stats, name)
    if found is None:
        text = f"No mean of {', '.join(name.metrics)} over unperturbed items."
        findings.append(flagged(document.name, text, "The score was left out."))
        return None
    metric, split, score = found
    items = _statistic(stats, TaskName(task="", metrics=("num_instances",), benchmark="", variant=None, subtasks=""))
    limit = whole(adapter.get("max_eval_instances"))
    n_items = whole(items[2]) if items else None
    flags: tuple[str, ...] = ()
    if limit and n_items == limit:
        text = f"The run was capped at {limit:,} items (max_eval_instances)."
        findings.append(flagged(document.name, text, "The row carries the flag limit.", place=SPEC, n_rows=1))
        flags = ("limit",)
    return ScoreRow(
        model=model,
        benchmark=name.benchmark,
        variant=name.variant,
        metric=metric,
        score=score,
        n_items=n_items or None,
        n_shot=whole(adapter.get("max_train_instances")),
        harness=HARNESS,
        flags=flags,
        file=document.name,
        notes=f"split {split}; method {shown(adapter.get('method'))}",
        place=f"stats.{metric}",
    )


def _statistic(stats: list[Any], name: TaskName) -> tuple[str, str, float] | None:
    """Return metric, split and mean of the preferred statistic, None where there is none without perturbation."""
    held: dict[tuple[str, str], float] = {}
    for entry in stats:
        about = mapping(mapping(entry).get("name"))
        mean = number(mapping(entry).get("mean"))
        if mean is not None and not about.get("perturbation") and not about.get("sub_split"):
            held.setdefault((str(about.get("name")), str(about.get("split") or "")), mean)
    for metric in name.metrics:
        for split in (*SPLITS, ""):
            if (metric, split) in held:
                return metric, split or "none", held[metric, split]
    return None
