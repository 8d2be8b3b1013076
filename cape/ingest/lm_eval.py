"""Results of lm-evaluation-harness from 0.4 on: `results_<time>.json` with the keys `results` and `n-shot`.

A metric key is `<metric>,<filter>`; its standard error is `<metric>_stderr,<filter>`, a number or "N/A". A group
repeats what its leaves say: the group's own row is the score, and how many leaves stood behind it is reported.
The harness version that counts for comparisons is the series (0.4); tasks carry a version of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cape.ingest.documents import Document, mapping, number, shown, text_of, validated, whole
from cape.ingest.facts import model_arguments, model_facts
from cape.ingest.records import FileReading, Finding, ModelFacts, ScoreRow, Severity
from cape.ingest.tasks import TaskName, groups_of, left_out, names_of

FORMAT = "lm-eval"
HARNESS = "lm-eval"
SERIES = "0.4"
SKIPPED = frozenset({"alias", "name", "sample_len", "sample_count", " ", "samples"})
GROUP_LEAVES = {"mmlu": 57}  # subjects, arXiv:2009.03300
DEPTH_MAX = 8  # groups of groups


class LmEvalLayout(BaseModel):
    """The keys of a results file that are kept; all others are ignored."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    results: dict[str, dict[str, Any]]
    groups: dict[str, Any] = Field(default_factory=dict)
    group_subtasks: dict[str, Any] = Field(default_factory=dict)
    configs: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    n_shot: dict[str, Any] = Field(default_factory=dict, alias="n-shot")
    n_samples: dict[str, Any] = Field(default_factory=dict, alias="n-samples")
    config: dict[str, Any] = Field(default_factory=dict)
    date: Any = None
    git_hash: Any = None
    lm_eval_version: Any = None
    transformers_version: Any = None
    task_hashes: dict[str, Any] | None = None
    model_name: Any = None
    model_source: Any = None
    chat_template: Any = None
    chat_template_sha: Any = None
    system_instruction: Any = None
    system_instruction_sha: Any = None
    fewshot_as_multiturn: Any = None
    max_length: Any = None


@dataclass(slots=True)
class _Work:
    """What is gathered while one file is read."""

    document: Document
    layout: LmEvalLayout
    model: str
    revision: str | None
    run_at: str
    flags: tuple[str, ...]
    rows: list[ScoreRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def flag(self, found: str, action: str, *, place: str = "", n_rows: int = 0) -> None:
        self.findings.append(
            Finding(
                file=self.document.name,
                severity=Severity.FLAGGED,
                place=place,
                found=found,
                action=action,
                n_rows=n_rows,
            )
        )


def detect(given: Path | Document) -> bool:
    """Return whether the file is a results file of this generation."""
    return Document.of(given).is_json_object("results", "n-shot")


def read(given: Path | Document) -> FileReading:
    """Return the scores of a results file; raises IngestError where its structure is not the published one."""
    document = Document.of(given)
    layout = validated(LmEvalLayout, document.json(), document)
    facts = _facts(document, layout)
    work = _Work(
        document=document,
        layout=layout,
        model=facts.model,
        revision=_revision(layout.config),
        run_at=_run_at(layout.date) or document.run_at,
        flags=_run_flags(layout, facts),
    )
    _run_findings(work)
    results = {**layout.results, **{name: mapping(each) for name, each in layout.groups.items()}}
    unknown = [task for task in results if not names_of(task, harness=HARNESS) and not _is_leaf(task, work)]
    for task, metrics in results.items():
        for name in names_of(task, harness=HARNESS):
            _read_task(work, task, metrics, name)
    for name in groups_of(HARNESS):
        if name.task not in results:
            _average_leaves(work, name)
    work.findings += left_out(unknown, file=document.name)
    return FileReading(format=FORMAT, rows=tuple(work.rows), facts=(facts,), findings=tuple(work.findings))


def split_metric(key: str) -> tuple[str, str]:
    """Return metric and filter of a key, split at its first comma; the filter is empty without a comma."""
    metric, _, chosen = key.partition(",")
    return metric, chosen


def _facts(document: Document, layout: LmEvalLayout) -> ModelFacts:
    arguments = model_arguments(layout.config.get("model_args"))
    named = text_of(layout.model_name) or arguments.get("pretrained") or arguments.get("model")
    return model_facts(
        named or _folder_name(document),
        arguments=arguments,
        dtype=text_of(layout.config.get("model_dtype")) or arguments.get("dtype", ""),
        n_params=number(layout.config.get("model_num_parameters")),
        has_chat_template=any((layout.chat_template, layout.chat_template_sha, layout.fewshot_as_multiturn)),
        document=document,
    )


def _folder_name(document: Document) -> str:
    """Return the model as the harness writes it into the folder: `org__name` stands for `org/name`."""
    return document.path.parent.name.replace("__", "/", 1)


def _revision(config: Mapping[str, Any]) -> str | None:
    """Return the named revision, or the commit where the revision is only the main branch."""
    named = text_of(config.get("model_revision")) or model_arguments(config.get("model_args")).get("revision")
    return named if named and named != "main" else text_of(config.get("model_sha"))


def _run_at(date: Any) -> str:
    seconds = number(date)
    if seconds is None or not 0 < seconds < datetime.max.replace(tzinfo=UTC).timestamp():
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _run_flags(layout: LmEvalLayout, facts: ModelFacts) -> tuple[str, ...]:
    flags = []
    if layout.config.get("limit") is not None:
        flags.append("limit")
    if facts.is_quantised:
        flags.append("quantised")
    if facts.has_chat_template:
        flags.append("chat_template")
    return tuple(flags)


def _run_findings(work: _Work) -> None:
    limit = work.layout.config.get("limit")
    if limit is not None:
        text = f"The run was limited to {shown(limit)} items of each task (--limit)."
        work.flag(text, "The rows carry the flag limit; run without --limit.", place="config.limit")
    if "quantised" in work.flags:
        text = "The weights were quantised: the scores are of another model than the full one."
        work.flag(text, "The rows carry the flag quantised.", place="config.model_args")


def _is_leaf(task: str, work: _Work) -> bool:
    return any(fnmatchcase(task, name.subtasks) for name in groups_of(HARNESS)) or task in {
        str(leaf) for leaves in work.layout.group_subtasks.values() if isinstance(leaves, list) for leaf in leaves
    }


def _read_task(work: _Work, task: str, metrics: Mapping[str, Any], name: TaskName) -> None:
    """Add the preferred metric of a task that is a benchmark; say what was found instead where there is none."""
    held = {key: value for key, value in metrics.items() if key not in SKIPPED and "_stderr" not in key}
    key = _preferred(held, name)
    if key is None:
        nothing = "no number" if held else "no metric"
        text = f"The task {shown(task)} holds {nothing} of {', '.join(name.metrics)}."
        work.flag(text, "The score was left out.", place=f"results.{task}")
        return
    metric, chosen = split_metric(key)
    if metric != split_metric(name.metrics[0])[0]:
        text = f"{name.benchmark} is scored by {shown(metric)}; {name.metrics[0]} is missing or null."
        work.flag(text, "Compare it only with rows of the same metric.", place=f"results.{task}", n_rows=1)
    leaves = _leaves(work.layout, task)
    original, effective = _n_samples(work.layout, leaves or [task])
    flags = [*work.flags, *_leaf_flags(work, task, name, leaves)]
    if original is not None and effective is not None and effective < original:
        text = f"{effective:,} of {original:,} items of {task} were scored."
        work.flag(text, "The rows carry the flag subset_of_items.", place=f"n-samples.{task}", n_rows=1)
        flags.append("subset_of_items")
    work.rows.append(
        _row(
            work,
            name,
            metric=key if chosen not in ("", "none") else metric,
            score=float(number(held[key]) or 0.0),
            stderr=number(metrics.get(_stderr_key(key))),
            n_items=effective,
            n_shot=_n_shot(work.layout, [task, *leaves]),
            task_version=_version(work.layout, task),
            is_group=bool(leaves),
            flags=tuple(flags),
            place=f"results.{task}.{key}",
        )
    )


def _row(work: _Work, name: TaskName, **values: Any) -> ScoreRow:
    version = text_of(work.layout.lm_eval_version)
    return ScoreRow(
        model=work.model,
        benchmark=name.benchmark,
        variant=name.variant,
        harness=HARNESS,
        harness_version=SERIES,
        revision=work.revision,
        run_at=work.run_at,
        file=work.document.name,
        notes=f"lm_eval {version}" if version else "",
        **values,
    )


def _preferred(held: Mapping[str, Any], name: TaskName) -> str | None:
    """Return the first key, in the order of preference, that holds a number; a filter only where it is asked for."""
    for wanted in name.metrics:
        metric, chosen = split_metric(wanted)
        for key, value in held.items():
            own, own_filter = split_metric(key)
            if own == metric and (not chosen or own_filter == chosen) and number(value) is not None:
                return key
    return None


def _stderr_key(key: str) -> str:
    metric, chosen = split_metric(key)
    return f"{metric}_stderr,{chosen}" if chosen else f"{metric}_stderr"


def _leaves(layout: LmEvalLayout, task: str, depth: int = 0) -> list[str]:
    """Return the tasks under a group, through groups of groups; empty for a task that is no group."""
    below = layout.group_subtasks.get(task)
    if not isinstance(below, list) or depth > DEPTH_MAX:
        return []
    found: dict[str, None] = {}
    for each in below:
        if isinstance(each, str) and each != task:
            found.update(dict.fromkeys(_leaves(layout, each, depth + 1) or [each]))
    return list(found)


def _leaf_flags(work: _Work, task: str, name: TaskName, leaves: list[str]) -> Iterator[str]:
    expected = GROUP_LEAVES.get(name.benchmark)
    present = sum(leaf in work.layout.results for leaf in leaves)
    if expected is None or (present == expected) or not leaves:
        return
    text = f"{present} of {expected} subtasks of {task} are present."
    work.flag(text, "The rows carry the flag subset_of_subtasks.", place=f"results.{task}", n_rows=1)
    yield "subset_of_subtasks"


def _n_samples(layout: LmEvalLayout, tasks: Iterable[str]) -> tuple[int | None, int | None]:
    """Return (original, effective) number of items summed over tasks, None where one task does not say."""
    entries = [mapping(layout.n_samples.get(task)) for task in tasks]
    sums: list[int | None] = []
    for kind in ("original", "effective"):
        counts = [whole(entry.get(kind)) for entry in entries]
        known = [count for count in counts if count]
        sums.append(sum(known) if known and len(known) == len(counts) else None)
    return sums[0], sums[1]


def _n_shot(layout: LmEvalLayout, tasks: Iterable[str]) -> int | None:
    """Return the shots of a task; of a group those of its leaves, where they all agree."""
    names = list(tasks)
    chosen = names[1:] or names
    shots = {whole(layout.n_shot.get(task, mapping(layout.configs.get(task)).get("num_fewshot"))) for task in chosen}
    return shots.pop() if len(shots) == 1 else whole(layout.n_shot.get(names[0]))


def _version(layout: LmEvalLayout, task: str) -> str | None:
    config = mapping(layout.configs.get(task))
    return text_of(layout.versions.get(task)) or text_of(mapping(config.get("metadata")).get("version"))


def _average_leaves(work: _Work, name: TaskName) -> None:
    """Add the score of a group that has no row of its own: the mean of its leaves weighted by their items."""
    leaves = {task: each for task, each in work.layout.results.items() if fnmatchcase(task, name.subtasks)}
    scores = {task: _leaf_score(each, name) for task, each in leaves.items()}
    held = {task: score for task, score in scores.items() if score is not None}
    if not held:
        return
    counts = {task: _n_samples(work.layout, [task])[1] for task in held}
    weights = {task: float(count or 0) if all(counts.values()) else 1.0 for task, count in counts.items()}
    weighted = "by their numbers of items" if all(counts.values()) else "equally (their numbers of items are missing)"
    expected = GROUP_LEAVES.get(name.benchmark)
    of = f" of {expected}" if expected else ""
    found = f"{name.benchmark} has no row of its own: {len(held)}{of} subtasks were averaged, weighted {weighted}."
    partial = expected is not None and len(held) != expected
    work.flag(found, "Nothing, or run the group.", place=f"results.{name.subtasks}", n_rows=1)
    work.rows.append(
        _row(
            work,
            name,
            metric=name.metrics[0],
            score=sum(weights[task] * held[task] for task in held) / sum(weights.values()),
            n_items=sum(count or 0 for count in counts.values()) or None,
            n_shot=_n_shot(work.layout, [name.task, *held]),
            task_version=_version(work.layout, next(iter(held))),
            is_group=True,
            flags=(*work.flags, "averaged_here", *(["subset_of_subtasks"] if partial else [])),
            place=f"results.{name.subtasks}",
        )
    )


def _leaf_score(metrics: Mapping[str, Any], name: TaskName) -> float | None:
    key = _preferred({key: value for key, value in metrics.items() if key not in SKIPPED}, name)
    return number(metrics[key]) if key is not None else None
