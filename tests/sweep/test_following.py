"""How a run follows its queue, on a queue that the tests play: no submitit, no processes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from cape.errors import SweepError
from cape.sweep import Job, State, executor, read_status, run_sweep
from tests.sweep.planted import job


class PlayedQueue:
    """Jobs start at the first look and end at the second; `misses` looks fail before."""

    seconds = 0.0

    def __init__(self, folder: Path, *, misses: int = 0, refused: str = "", lost: str = "") -> None:
        self.folder, self.misses, self.refused, self.lost = folder, misses, refused, lost
        self.submitted: dict[str, Job] = {}
        self.looks: dict[str, int] = {}
        self.cancelled: list[str] = []
        self.interrupt_at = 0

    def has_room(self, job: Job) -> bool:
        return True

    def submit(self, job: Job, record: Path, logs: Path) -> tuple[str, str]:
        if job.name == self.refused:
            raise SweepError("the queue says no")
        number = str(len(self.submitted) + 1)
        self.submitted[number] = job
        return number, "log.err"

    def states(self, numbers: Iterable[str]) -> dict[str, tuple[State | None, str]]:
        if self.misses:
            self.misses -= 1
            raise SweepError("no answer")
        return {number: (self._state(number), "node_fail") for number in numbers}

    def _state(self, number: str) -> State | None:
        self.looks[number] = self.looks.get(number, 0) + 1
        if self.looks[number] == self.interrupt_at:
            raise KeyboardInterrupt
        if self.looks[number] == 1:
            return State.RUNNING
        job = self.submitted[number]
        if job.name != self.lost:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            job.output.touch()
            record = self.folder / "records" / f"{job.config_hash}.json"
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps({"state": "done", "seconds": 2.0, "peak_memory_gib": 0.5}), encoding="utf-8")
        return None

    def cancel(self, numbers: Iterable[str]) -> None:
        self.cancelled += numbers


def _run(folder: Path, queue: PlayedQueue, monkeypatch: pytest.MonkeyPatch, **given: bool):
    monkeypatch.setattr(executor, "_queue", lambda *_: queue)
    monkeypatch.setattr(executor, "GRACE_SECONDS", 0.0)
    return run_sweep([job(folder, name) for name in "abc"], folder, executor="slurm", **given)


def test_a_controller_that_does_not_answer_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = _run(tmp_path, PlayedQueue(tmp_path, misses=executor.MOST_MISSES), monkeypatch)
    assert outcome.is_whole and outcome.status.jobs["a"].seconds == 2.0
    with pytest.raises(SweepError, match="no answer"):
        _run(tmp_path / "other", PlayedQueue(tmp_path, misses=executor.MOST_MISSES + 1), monkeypatch)
    assert read_status(tmp_path / "other").counts == {"queued": 3}, "the same command follows them on"


def test_a_refused_and_a_lost_job_stop_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = _run(tmp_path, PlayedQueue(tmp_path, refused="a", lost="b"), monkeypatch)
    assert [held.state for held in outcome.status.jobs.values()] == [State.FAILED, State.FAILED, State.DONE]
    assert outcome.status.jobs["a"].error == "the queue says no"
    assert outcome.status.jobs["b"].error == "ended without a result (node_fail)"
    again = PlayedQueue(tmp_path)
    assert _run(tmp_path, again, monkeypatch).skipped == ("a", "b") and not again.submitted
    assert _run(tmp_path, again, monkeypatch, retry=True).is_whole and len(again.submitted) == 2


def test_an_interrupt_cancels_at_the_queue_and_keeps_what_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = PlayedQueue(tmp_path)
    queue.interrupt_at = 2
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").touch()
    outcome = _run(tmp_path, queue, monkeypatch)
    assert outcome.is_cancelled and queue.cancelled == ["1", "2"]
    assert {name: held.state for name, held in outcome.status.jobs.items()} == {
        "a": State.CANCELLED, "b": State.DONE, "c": State.CANCELLED,
    }  # fmt: skip
