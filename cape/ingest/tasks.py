"""Which of a harness's tasks is which benchmark of the lake, and which of its metrics is the score.

The rule is data, `task_names.csv`: per harness and task (a trailing * stands for any ending) the metrics in order of
preference, the benchmark, its variant, and the subtasks that a group averages. One metric per task is taken: the
first of the list that holds a number. All others are counted, never loaded as rivals of the same key.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path

from cape.ingest.records import Finding, Severity

TASK_NAMES = Path(__file__).with_name("task_names.csv")
NAMES_SHOWN = 5
CACHED = 4096

Known = Mapping[tuple[str, str], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskName:
    """One row of task_names.csv. metrics : in order of preference. subtasks : pattern of the leaves of a group."""

    task: str
    metrics: tuple[str, ...]
    benchmark: str
    variant: str | None
    subtasks: str

    @property
    def key(self) -> tuple[str, str]:
        """The benchmark as the lake's table of benchmarks keys it."""
        return self.benchmark, self.variant or ""


@cache
def task_names(harness: str) -> tuple[TaskName, ...]:
    """Return the rows of a harness in the order of the file."""
    with TASK_NAMES.open(encoding="utf-8", newline="") as stream:
        return tuple(
            TaskName(
                task=row["task"],
                metrics=tuple(row["metrics"].split()),
                benchmark=row["benchmark"],
                variant=row["variant"] or None,
                subtasks=row["subtasks"],
            )
            for row in csv.DictReader(stream)
            if row["harness"] == harness
        )


@lru_cache(maxsize=CACHED)
def names_of(task: str, *, harness: str) -> tuple[TaskName, ...]:
    """Return the benchmarks that a task gives: none, one, or two where a task reports two variants."""
    return tuple(name for name in task_names(harness) if fnmatchcase(task, name.task))


def groups_of(harness: str) -> tuple[TaskName, ...]:
    """Return the tasks that average subtasks."""
    return tuple(name for name in task_names(harness) if name.subtasks)


def left_out(tasks: Iterable[str], *, file: str, n_values: int = 0) -> tuple[Finding, ...]:
    """Return the finding that says which tasks are no benchmark of the lake, or none."""
    names = sorted(set(tasks))
    if not names:
        return ()
    return (
        Finding(
            file=file,
            severity=Severity.ACCEPTED,
            place="results",
            found=f"{len(names)} tasks are no benchmark of this lake and were left out: {listed(names)}.",
            action="Nothing, or add the benchmark to lake/benchmarks.csv.",
            n_rows=n_values,
        ),
    )


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence, the first few and how many more."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
