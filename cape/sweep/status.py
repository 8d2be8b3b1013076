"""The status file of a sweep: the state of every job, written whole at every change, read by `cape sweep status`."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cape.errors import SweepError
from cape.sweep.jobs import write_whole

STATUS_FILE = "status.json"


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"  # not submitted yet
    QUEUED = "queued"  # submitted, not started
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (State.QUEUED, State.RUNNING)


@dataclass(slots=True, kw_only=True)
class JobState:
    """One job as the status file holds it.

    submission : number the queue gave it. log : of its last attempt, in the folder of the sweep. attempts : so far.
    was_held : its output was there before this run.
    """

    name: str
    config_hash: str
    output: str
    state: State = State.WAITING
    attempts: int = 0
    submission: str = ""
    log: str = ""
    error: str = ""
    seconds: float | None = None
    peak_memory_gib: float | None = None
    was_held: bool = False


@dataclass(slots=True, kw_only=True)
class SweepStatus:
    """A whole sweep. executor : that the last run used. updated : time of the last change, UTC."""

    executor: str
    jobs: dict[str, JobState] = field(default_factory=dict)
    updated: str = ""

    def of(self, *states: State) -> list[JobState]:
        """Return the jobs in these states."""
        return [job for job in self.jobs.values() if job.state in states]

    @property
    def counts(self) -> dict[str, int]:
        """Number of jobs in every state that occurs."""
        found = {state.value: len(self.of(state)) for state in State}
        return {name: n for name, n in found.items() if n}

    @property
    def text(self) -> str:
        """The counts in words."""
        return f"{len(self.jobs)} jobs: " + ", ".join(f"{n} {name}" for name, n in self.counts.items()) + "."

    def as_dict(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        return {
            "executor": self.executor,
            "updated": self.updated,
            "counts": self.counts,
            "jobs": [asdict(job) for job in self.jobs.values()],
        }


def write_status(status: SweepStatus, folder: Path) -> None:
    """Write the status file of a sweep."""
    status.updated = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_whole(folder / STATUS_FILE, json.dumps(status.as_dict(), indent=1) + "\n")


def read_status(folder: Path) -> SweepStatus:
    """Return the status of a sweep; raise SweepError where the folder holds none that can be read."""
    file = folder / STATUS_FILE
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        jobs = _jobs(held["jobs"])
        return SweepStatus(executor=held["executor"], jobs=jobs, updated=held["updated"])
    except FileNotFoundError:
        raise SweepError(f"{folder} holds no sweep ({STATUS_FILE} is missing). Name the folder of a sweep.") from None
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise SweepError(
            f"{file} is damaged ({error}). Remove it; finished outputs stay and are found again."
        ) from error


def _jobs(rows: Sequence[dict[str, Any]]) -> dict[str, JobState]:
    return {row["name"]: JobState(**{**row, "state": State(row["state"])}) for row in rows}
