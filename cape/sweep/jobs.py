"""A job of a sweep: a function named by its path, arguments of plain values, one output; and how a worker performs it.

Nothing here knows what a job does, so that probes, training and calibration go through the same executor.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cape.errors import SweepError

HASH_LENGTH = 16  # hex digits: 64 bits, so that two of a million jobs agree by chance once in 37 million sweeps
KIB_PER_GIB = 1024**2
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one job may use. gpus, cpus : numbers of one machine. memory_gib : of main memory. hours : wall time.

    partition, account, qos : of SLURM; empty leaves the cluster's own choice.
    """

    gpus: int = 0
    cpus: int = 1
    memory_gib: float = 4.0
    hours: float = 1.0
    partition: str = ""
    account: str = ""
    qos: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. name : unique in its sweep, also the folder of its logs. function : "module:function".

    arguments : plain JSON values, handed over by name. output : file whose presence says that the job is done; the
    function must make it appear whole (draft, then rename). config_hash : of what fixes the outcome.
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    output: Path
    config_hash: str
    limits: Limits = field(default_factory=Limits)

    @property
    def is_done(self) -> bool:
        """True when the output is there."""
        return self.output.is_file()

    def as_dict(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return {**asdict(self), "arguments": dict(self.arguments), "output": str(self.output)}


def config_hash(function: str, arguments: Mapping[str, Any]) -> str:
    """Return the hash of a function and its arguments, the same on every machine.

    Raises SweepError where an argument is not a JSON value.
    """
    try:
        text = json.dumps([function, arguments], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SweepError(f"The arguments of {function} cannot be hashed: {error}. Give plain JSON values.") from error
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def perform(job: Mapping[str, Any], record: str) -> None:
    """Run one job in a worker process, at most once at a time, and write how it went to the file `record`.

    job : Job.as_dict(). A job whose output is there already does nothing: two workers of the same job, as after a
    restart, wait for one another on a lock file. Any failure is recorded and raised again for the log.
    """
    os.environ.update(dict.fromkeys(THREADS, str(job["limits"]["cpus"])))
    output, file = Path(job["output"]), Path(record)
    output.parent.mkdir(parents=True, exist_ok=True)
    started = time.time()
    try:
        with _locked(file.with_suffix(".lock")):
            if not output.is_file():
                _function(job["function"])(**job["arguments"])
            if not output.is_file():
                raise SweepError(f"{job['function']} ended without writing {output.name}.")
    except BaseException as error:
        _write(file, {"state": "failed", "error": f"{type(error).__name__}: {error}", **_use(started)})
        raise
    _write(file, {"state": "done", "error": "", **_use(started)})


def read_record(file: Path) -> dict[str, Any] | None:
    """Return what a worker wrote about its job, or None where it wrote nothing whole."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is seen whole or not at all, also after a power cut."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, file)


def _function(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SweepError(f"There is no function {path!r}: {error}.") from error


def _use(started: float) -> dict[str, Any]:
    """Return the wall time and the highest main memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GIB
    return {"started": started, "seconds": round(time.time() - started, 2), "peak_memory_gib": round(peak, 3)}


def _write(file: Path, record: dict[str, Any]) -> None:
    write_whole(file, json.dumps(record, indent=1) + "\n")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock; it ends with the process, however that ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
