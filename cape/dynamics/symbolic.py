"""One interface to the symbolic search: start it in a process of its own, follow it, stop it, take what it found.

The process frees its memory when it ends and is ended with whoever holds the `Search`. PySR is used where it and
Julia are present, pyoperon elsewhere; neither is imported here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from cape.dynamics.symbolic_engines import PYSR_INSTALL, Engine, engine_here, pysr_absence, version_of
from cape.dynamics.symbolic_worker import NO_FOLD
from cape.errors import BadParameterError, CapeError

WORKER = "cape.dynamics.symbolic_worker"
PACKAGE_PARENT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1, 2)  # of the search on all families; the first is also that of the folds
COMPLEXITY = 20
EVALUATIONS = 100_000
SECONDS = 300.0
GRACE_S = {Engine.OPERON: 30.0, Engine.PYSR: 300.0}  # beyond the time limit: imports; Julia also compiles
POLL_S = 0.1
STDERR_CHARACTERS = 600
CONCURRENT_MAX = 2  # searches of one server; each takes about 200 MB

_PLACES = threading.BoundedSemaphore(CONCURRENT_MAX)


class SearchError(CapeError):
    """A search ended without an answer; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to search. columns : (n,) by input name. target : (n,). fold : (n,) the fold that leaves a row out."""

    columns: dict[str, np.ndarray]
    target: np.ndarray
    fold: np.ndarray
    seeds: tuple[int, ...] = SEEDS
    complexity: int = COMPLEXITY
    evaluations: int = EVALUATIONS
    seconds: float = SECONDS
    engine: Engine = field(default_factory=engine_here)

    def request(self) -> str:
        """Return the request as the worker reads it."""
        return json.dumps(
            {
                "engine": str(self.engine),
                "names": list(self.columns),
                "columns": [column.tolist() for column in self.columns.values()],
                "target": self.target.tolist(),
                "fold": self.fold.tolist(),
                "seeds": list(self.seeds),
                "complexity": self.complexity,
                "evaluations": self.evaluations,
                "seconds": self.seconds,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a search stands. runs : those that ended. is_over : nothing more will come. stopped : why it ended."""

    n_done: int
    n_runs: int
    seconds: float
    is_over: bool
    stopped: str
    runs: tuple[dict[str, Any], ...]


class Search:
    """A search under way. `poll` never waits; `cancel` ends it and keeps the runs that are done."""

    def __init__(self, job: Job) -> None:
        """Start the process; raise MissingDependencyError without an engine, SearchError when too many run."""
        self.version = version_of(job.engine)
        self.job = job
        if not _PLACES.acquire(blocking=False):
            raise SearchError(f"{CONCURRENT_MAX} searches are under way here. Wait for one to end, or cancel it.")
        self._started = time.monotonic()
        self._ended: float | None = None
        self._runs: list[dict[str, Any]] = []
        self._n_runs, self._stopped, self._rest = 0, "", b""
        self._problem: SearchError | None = None
        try:
            self._process, self._faults = _start(job.request())
        except OSError as error:
            _PLACES.release()
            raise SearchError(f"The search could not be started: {error}. Free some memory, then try again.") from error
        self._finish = weakref.finalize(self, _end, self._process, self._faults)

    def poll(self) -> Progress:
        """Return where the search stands now; raise SearchError when it broke off without an answer."""
        if self._finish.alive:
            self._read()
            limit = self.job.seconds + GRACE_S[self.job.engine]
            if self._finish.alive and time.monotonic() - self._started > limit:
                self._close("time limit")
        if self._problem is not None:
            raise self._problem
        return Progress(
            n_done=len(self._runs),
            n_runs=self._n_runs,
            seconds=(self._ended or time.monotonic()) - self._started,
            is_over=not self._finish.alive,
            stopped=self._stopped,
            runs=tuple(self._runs),
        )

    def cancel(self) -> None:
        """End the process now; runs that are done stay."""
        if self._finish.alive:
            self._close("cancelled")

    def _read(self) -> None:
        assert self._process.stdout is not None
        piece: bytes | None = None
        while self._finish.alive:
            piece = self._process.stdout.read(65_536)  # the pipe does not block: None when nothing is there yet
            if not piece:
                break
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                self._take(line)
        if piece == b"" and self._finish.alive:
            self._break_off()

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # a library's own print; events alone are JSON objects with a known name
        kind = event.get("event") if isinstance(event, dict) else None
        if kind == "started":
            self._n_runs = event["n_runs"]
        elif kind == "run":
            self._runs.append(event)
        elif kind == "end":
            self._close(event["stopped"])
        elif kind == "error":
            self._problem = SearchError(event["message"])
            self._close("error")

    def _break_off(self) -> None:
        """Say that the process ended before its last line, with its exit status and its last words."""
        status = self._process.wait()
        self._faults.seek(0)
        said = self._faults.read().decode(errors="replace").strip()[-STDERR_CHARACTERS:]
        how = f"was ended by signal {-status} (out of memory?)" if status < 0 else f"ended with status {status}"
        self._problem = SearchError(
            f"The search's process {how} after {len(self._runs)} runs, without an answer. Search with fewer "
            f"evaluations or free some memory.{f' It said: {said}' if said else ''}"
        )
        self._close("error")

    def _close(self, stopped: str) -> None:
        self._stopped, self._ended = stopped, time.monotonic()
        self._finish()


def run_search(job: Job, *, tell: Callable[[Progress], object] | None = None) -> Progress:
    """Search and wait; `tell` is called with the progress after every run. Raises SearchError as `Search.poll`."""
    return follow(Search(job), tell)


def follow(search: Search, tell: Callable[[Progress], object] | None = None) -> Progress:
    """Wait for a search and return where it ended; a search whose follower breaks off is ended."""
    told = 0
    try:
        while True:
            progress = search.poll()
            if tell is not None and progress.n_done != told:
                tell(progress)
                told = progress.n_done
            if progress.is_over:
                return progress
            time.sleep(POLL_S)
    finally:
        search.cancel()


def engine_words() -> str:
    """Return which engine searches here, and for pyoperon what PySR lacks and how to install it."""
    absent = pysr_absence()
    if not absent:
        return "Searches here use PySR, the paper's engine."
    return (
        f"Searches here use pyoperon, because {absent}. The paper used PySR; the two look through the same operators "
        f"but may end at different formulas, so a law that only one of them finds is weak evidence. To use PySR: "
        f"{PYSR_INSTALL}."
    )


def _start(request: str) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    faults = tempfile.TemporaryFile()
    path = os.pathsep.join(filter(None, (str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", ""))))
    given = tempfile.TemporaryFile()
    given.write(request.encode())
    given.seek(0)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=faults,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        faults.close()
        raise
    finally:
        given.close()
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process, faults


def _end(process: subprocess.Popen[bytes], faults: IO[bytes]) -> None:
    """End the process with all it started, and free its place."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
    faults.close()
    _PLACES.release()


__all__ = [
    "COMPLEXITY",
    "EVALUATIONS",
    "NO_FOLD",
    "SECONDS",
    "SEEDS",
    "BadParameterError",
    "Engine",
    "Job",
    "Progress",
    "Search",
    "SearchError",
    "engine_words",
    "follow",
    "run_search",
]
