"""Work with a model in a process of its own, one job at a time: a queue, events as they come, cancel; no torch here.

The process keeps its model loaded for the next job. It ends when this one does, when it is idle for long, and when
nobody asks after its job any more, so that a closed browser does not leave it running.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cape.errors import CapeError

WORKER = "cape.organism.live_worker"
PACKAGE_PARENT = Path(__file__).resolve().parents[2]
NEEDED = ("torch", "transformers", "safetensors")
STDERR_CHARACTERS = 400
LAST_EVENTS = ("end", "error")
MOST_WAITING = 20  # jobs of one server
BEAT = b"\n"  # tells the process that somebody still follows its job
CANCELLED, FINISHED, BROKEN = "cancelled", "finished", "broken off"


class LiveError(CapeError):
    """A job could not be started or broke off; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a job stands. n_before : jobs ahead of it. events : all so far. stopped : why it ended, or empty.

    problem : what went wrong, in words, or empty.
    """

    n_before: int
    is_over: bool
    stopped: str
    problem: str
    seconds: float
    events: tuple[dict[str, Any], ...]

    def last(self, event: str) -> dict[str, Any] | None:
        """Return the newest event of a kind, or None."""
        return next((each for each in reversed(self.events) if each["event"] == event), None)

    def text(self, side: str) -> str:
        """Return the text written so far on one side."""
        return "".join(each["text"] for each in self.events if each["event"] == "text" and each["side"] == side)


def can_run() -> bool:
    """Return whether the packages that a job needs are installed; nothing is imported."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


class Job:
    """One request to the process; hold on to it, as letting go cancels it."""

    def __init__(self, request: dict[str, Any], bench: Bench) -> None:
        self.request = request
        self.events: list[dict[str, Any]] = []
        self.stopped, self.problem = "", ""
        self.is_sent = False
        self.began: float | None = None
        self.ended: float | None = None
        self._bench = bench

    @property
    def is_over(self) -> bool:
        """True where nothing more will come."""
        return self.ended is not None

    def poll(self) -> Standing:
        """Return where the job stands now; never waits."""
        n_before = self._bench.pump(self)
        last = self.ended or time.monotonic()
        return Standing(
            n_before=n_before,
            is_over=self.is_over,
            stopped=self.stopped,
            problem=self.problem,
            seconds=0.0 if self.began is None else last - self.began,
            events=tuple(self.events),
        )

    def cancel(self) -> None:
        """End the job now; what has come so far stays."""
        self._bench.cancel(self)

    def close(self, stopped: str, problem: str = "") -> None:
        """Note how the job ended."""
        self.stopped, self.problem, self.ended = stopped, problem, time.monotonic()


class Bench:
    """The queue of one server process and the process that works through it."""

    def __init__(self, worker: str = WORKER) -> None:
        self._lock = threading.RLock()
        self._queue: deque[weakref.ref[Job]] = deque()
        self._worker: _Process | None = None
        self._module = worker

    def submit(self, request: dict[str, Any]) -> Job:
        """Put a request in the queue and return its job; raise LiveError where too many wait."""
        job = Job(request, self)
        with self._lock:
            if len(self._queue) >= MOST_WAITING:
                raise LiveError(f"All {MOST_WAITING} places of the queue are taken. Try again when a job has ended.")
            self._queue.append(weakref.ref(job))
        return job

    def pump(self, asking: Job) -> int:
        """Move the queue on, and return how many jobs stand before the one that asks."""
        with self._lock:
            while (head := self._head()) is not None and self._work_on(head, beat=head is asking):
                self._queue.popleft()
            self._drop_over()
            return next((place for place, held in enumerate(self._queue) if held() is asking), 0)

    def cancel(self, job: Job) -> None:
        """End a job: the process with it where it is the one at work."""
        with self._lock:
            if job.is_over:
                return
            if job.is_sent:
                self.stop()
            job.close(CANCELLED)
            self._drop_over()

    def stop(self) -> None:
        """End the process; the next job starts another."""
        with self._lock:
            if self._worker is not None:
                self._worker.end()
                self._worker = None

    def _drop_over(self) -> None:
        self._queue = deque(held for held in self._queue if (job := held()) is not None and not job.is_over)

    def _head(self) -> Job | None:
        """Return the first job that is still held by someone; one let go while at work takes the process with it."""
        while self._queue:
            job = self._queue[0]()
            if job is not None and not job.is_over:
                return job
            self._queue.popleft()
            if job is None:
                self.stop()
        return None

    def _work_on(self, job: Job, *, beat: bool) -> bool:
        """Start the job or take what it has said; return whether it is over."""
        try:
            if not job.is_sent:
                self._send(job)
            if self._worker is None:
                raise LiveError("The process of this job is gone. Start the job again.")
            if beat:
                self._worker.write(BEAT)
            for event in self._worker.events():
                self._take(job, event)
                if job.is_over:
                    return True
        except LiveError as error:
            job.close(BROKEN, str(error))
            self.stop()
        return job.is_over

    def _send(self, job: Job) -> None:
        if self._worker is None or not self._worker.is_alive:
            self.stop()
            self._worker = _Process(self._module)
        self._worker.write(json.dumps(job.request).encode() + b"\n")
        job.is_sent, job.began = True, time.monotonic()

    def _take(self, job: Job, event: dict[str, Any]) -> None:
        job.events.append(event)
        if event["event"] in LAST_EVENTS:
            failed = event["event"] == "error"
            job.close(BROKEN if failed else FINISHED, event["message"] if failed else "")


class _Process:
    """The process: lines in, events out, its last words where it breaks off."""

    def __init__(self, module: str) -> None:
        faults = tempfile.TemporaryFile()
        try:
            process = _start(module, faults)
        except OSError as error:
            faults.close()
            raise LiveError(f"The job could not be started: {error}. Free some memory, then try again.") from error
        self._process, self._faults, self._rest = process, faults, b""
        self._finish = weakref.finalize(self, _end, process, faults)

    @property
    def is_alive(self) -> bool:
        return self._finish.alive and self._process.poll() is None

    def write(self, line: bytes) -> None:
        """Give the process a line; a process that is gone says why when its events are read."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, BlockingIOError):
            self._process.stdin.write(line)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events that have come; raise LiveError where the process has ended."""
        assert self._process.stdout is not None
        while True:
            piece = self._process.stdout.read(65_536)  # the pipe does not block: None when nothing is there yet
            if piece is None:
                return
            if piece == b"":
                raise LiveError(self._last_words())
            *lines, self._rest = (self._rest + piece).split(b"\n")
            yield from filter(None, map(_event, lines))

    def end(self) -> None:
        """End the process with all it started."""
        self._finish()

    def _last_words(self) -> str:
        status = self._process.wait()
        self._faults.seek(0)
        lines = self._faults.read().decode(errors="replace").strip().splitlines()
        said = lines[-1][:STDERR_CHARACTERS] if lines else ""  # the last line names the fault; the rest is for a log
        how = f"was ended by signal {-status} (out of memory?)" if status < 0 else f"ended with status {status}"
        return f"The process of the model {how}. Start the job again, with a smaller model if it was out of memory." + (
            f" It said: {said}" if said else ""
        )


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event of a line; None for a library's own print."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _start(module: str, faults: IO[bytes]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=faults,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
        bufsize=0,
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process


def _end(process: subprocess.Popen[bytes], faults: IO[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    faults.close()


BENCH = Bench()  # of this server
