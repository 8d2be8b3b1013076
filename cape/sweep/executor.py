"""Run the jobs of a sweep: skip what is done, submit the rest, follow it, keep the status file, cancel cleanly."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cape.errors import SweepError
from cape.sweep.jobs import Job, read_record
from cape.sweep.queues import LocalQueue, Queue, SlurmQueue, visible_gpus
from cape.sweep.status import ACTIVE, STATUS_FILE, JobState, State, SweepStatus, read_status, write_status

GRACE_SECONDS = 5.0  # for the files of a job that has ended to appear on a shared disk
NO_REASON = "ended without a result"
Watch = Callable[[SweepStatus], None]


class Executor(StrEnum):
    """Where the jobs of a sweep run."""

    LOCAL = "local"
    SLURM = "slurm"


EXECUTORS = tuple(executor.value for executor in Executor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutcome:
    """How a run of a sweep ended. skipped : jobs that failed in an earlier run and were not asked to be retried."""

    status: SweepStatus
    is_cancelled: bool
    skipped: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """True when every job is done."""
        return all(job.state is State.DONE for job in self.status.jobs.values())


def run_sweep(
    jobs: Sequence[Job],
    folder: Path,
    *,
    executor: str,
    workers: int = 1,
    retry: bool = False,
    on_change: Watch | None = None,
) -> SweepOutcome:
    """Run every job that is not done and return how all of them stand.

    folder : of the sweep: status file, records and logs. workers : processes at a time, local only. retry : also run
    jobs that failed before. A job that fails stops no other. KeyboardInterrupt cancels what waits or runs; outputs
    that are there stay, and the same call goes on from them. Jobs that an earlier run left in SLURM are followed, not
    submitted twice. Raises SweepError for two jobs of one name or output and where there is no such executor.
    """
    _check(jobs)
    queue = _queue(executor, workers, jobs)
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(jobs=jobs, folder=folder, queue=queue, executor=executor, on_change=on_change)
    skipped = run.prepare(retry=retry)
    is_cancelled = False
    try:
        run.follow()
    except KeyboardInterrupt:
        is_cancelled = True
        run.cancel()
    return SweepOutcome(status=run.status, is_cancelled=is_cancelled, skipped=skipped)


def cancel_sweep(folder: Path) -> SweepStatus:
    """Cancel the SLURM jobs that a sweep left in the queue, as after its own process was killed."""
    status = read_status(folder)
    if status.executor != Executor.SLURM:
        raise SweepError(f"{folder} ran on this machine: stop the process of `cape sweep` itself, by Ctrl-C.")
    active = status.of(*ACTIVE)
    SlurmQueue().cancel([job.submission for job in active])
    for job in active:
        job.state = State.CANCELLED
    write_status(status, folder)
    return status


class _Run:
    """One run of a sweep."""

    def __init__(
        self, *, jobs: Sequence[Job], folder: Path, queue: Queue, executor: str, on_change: Watch | None
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._folder, self._queue, self._on_change = folder, queue, on_change
        self._gone: dict[str, float] = {}  # jobs that the queue no longer knows, since when
        self.status = SweepStatus(executor=executor)

    def prepare(self, *, retry: bool) -> tuple[str, ...]:
        """Set the state each job starts from; return the names of failed jobs that are left as they are."""
        before = _held(self._folder)
        skipped = []
        for job in self._jobs.values():
            held = before.jobs.get(job.name)
            is_same = held is not None and held.config_hash == job.config_hash
            now = JobState(name=job.name, config_hash=job.config_hash, output=str(job.output))
            if held is not None and is_same:
                now.attempts, now.log, now.error = held.attempts, held.log, held.error
                now.seconds, now.peak_memory_gib = held.seconds, held.peak_memory_gib
                now.state, now.submission = _carried(held, before.executor, self.status.executor)
            if job.is_done:
                now.state, now.error, now.was_held = State.DONE, "", True
            elif now.state is State.FAILED and not retry:
                skipped.append(job.name)
            elif now.state not in ACTIVE:
                now.state, now.error = State.WAITING, ""
            self.status.jobs[job.name] = now
        self._changed()
        return tuple(skipped)

    def follow(self) -> None:
        """Submit and look at jobs until none waits or runs."""
        while self.status.of(State.WAITING, *ACTIVE):
            is_changed = self._submit() | self._look()
            if is_changed:
                self._changed()
            if self.status.of(State.WAITING, *ACTIVE):
                time.sleep(self._queue.seconds)

    def cancel(self) -> None:
        """Cancel what waits or runs. Jobs that ended meanwhile count as they ended."""
        active = self.status.of(*ACTIVE)
        self._queue.cancel([state.submission for state in active])
        for state in self.status.of(State.WAITING, *ACTIVE):
            is_done = self._jobs[state.name].is_done
            state.state = State.DONE if is_done else State.CANCELLED
        self._changed()

    def _submit(self) -> bool:
        is_changed = False
        for state in self.status.of(State.WAITING):
            job = self._jobs[state.name]
            if not self._queue.has_room(job):
                continue
            logs = self._folder / "logs" / job.name
            logs.mkdir(parents=True, exist_ok=True)
            record = self._record(job)
            record.unlink(missing_ok=True)
            state.attempts += 1
            is_changed = True
            try:
                state.submission, log = self._queue.submit(job, record, logs)
            except SweepError as error:  # the queue refuses this job; the others go on
                state.state, state.error, state.log = State.FAILED, str(error), ""
                continue
            state.state, state.log = State.QUEUED, str((logs / log).relative_to(self._folder))
        return is_changed

    def _look(self) -> bool:
        active = self.status.of(*ACTIVE)
        if not active:
            return False
        found = self._queue.states([state.submission for state in active])
        return any([self._settle(state, *found[state.submission]) for state in active])

    def _settle(self, state: JobState, now: State | None, reason: str) -> bool:
        """Set the state of a submitted job from the queue and from what its worker wrote; return whether it changed."""
        if now is not None:
            is_changed = state.state is not now
            state.state = now
            return is_changed
        record = read_record(self._record(self._jobs[state.name]))
        if record is None and self._is_fresh(state.name):
            return False
        is_done = self._jobs[state.name].is_done
        state.state = State.DONE if is_done else State.FAILED
        held = record or {}
        state.seconds, state.peak_memory_gib = held.get("seconds"), held.get("peak_memory_gib")
        state.error = "" if is_done else held.get("error") or self._unexplained(state, reason)
        return True

    def _is_fresh(self, name: str) -> bool:
        """Return whether a job without a record ended so lately that its record may still be on its way."""
        return time.monotonic() - self._gone.setdefault(name, time.monotonic()) < GRACE_SECONDS

    def _unexplained(self, state: JobState, reason: str) -> str:
        last = _last_line(self._folder / state.log)
        parts = [NO_REASON, f"({reason})" if reason else "(killed, out of memory or out of time)"]
        return " ".join(parts) + (f": {last}" if last else "")

    def _record(self, job: Job) -> Path:
        return self._folder / "records" / f"{job.config_hash}.json"

    def _changed(self) -> None:
        write_status(self.status, self._folder)
        if self._on_change is not None:
            self._on_change(self.status)


def _carried(held: JobState, before: str, now: str) -> tuple[State, str]:
    """Return the state that a job takes over from an earlier run: failures, and jobs that SLURM may still hold.

    A process of this machine that outlived its sweep is not followed: its successor waits for its lock.
    """
    if held.state is State.FAILED:
        return State.FAILED, held.submission
    if held.state in ACTIVE and before == now == Executor.SLURM and held.submission:
        return held.state, held.submission
    return State.WAITING, ""


def _held(folder: Path) -> SweepStatus:
    if not (folder / STATUS_FILE).is_file():
        return SweepStatus(executor="")
    return read_status(folder)


def _check(jobs: Sequence[Job]) -> None:
    for what, values in (("name", [job.name for job in jobs]), ("output", [str(job.output) for job in jobs])):
        twice = [value for value, n in Counter(values).items() if n > 1]
        if twice:
            raise SweepError(f"Two jobs have the {what} {twice[0]!r}. Each job of a sweep needs its own.")


def _queue(executor: str, workers: int, jobs: Sequence[Job]) -> Queue:
    if executor not in EXECUTORS:
        raise SweepError(f"There is no executor {executor!r}. There are: {', '.join(EXECUTORS)}.")
    if executor == Executor.SLURM:
        return SlurmQueue()
    gpus = visible_gpus()
    wanted = max((job.limits.gpus for job in jobs), default=0)
    if wanted > len(gpus):
        raise SweepError(
            f"A job asks for {wanted} GPUs and this machine shows {len(gpus)}. Lower `gpus`, or use slurm."
        )
    return LocalQueue(workers=max(1, workers or os.cpu_count() or 1), gpus=gpus)


def _last_line(log: Path) -> str:
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except FileNotFoundError:
        return ""
    return next((line for line in reversed(lines) if line), "")
