"""Where jobs run: processes of this machine, or a SLURM cluster; both through submitit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from cape.errors import MissingDependencyError, SweepError
from cape.sweep.jobs import THREADS, Job, perform
from cape.sweep.status import State

INSTALL = "pip install -r requirements-heavy.txt"
SLURM_SECONDS = 60  # that a command of SLURM may take
WARNING_SECONDS = 30  # between the signal that time is nearly up and the end
PENDING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "SUSPENDED")
LIVE = ("RUNNING", "COMPLETING", "STAGE_OUT", "STOPPED", "RESIZING", "SIGNALING")


class Queue(Protocol):
    """A place for jobs. seconds : between two looks at it."""

    seconds: float

    def has_room(self, job: Job) -> bool:
        """Return whether a job can be handed over now."""
        ...

    def submit(self, job: Job, record: Path, logs: Path) -> tuple[str, str]:
        """Hand a job over and return its number and the name of its log."""
        ...

    def states(self, numbers: Iterable[str]) -> dict[str, tuple[State | None, str]]:
        """Return where jobs stand, None for those that ended, with a reason where the queue gives one."""
        ...

    def cancel(self, numbers: Iterable[str]) -> None:
        """Cancel jobs, waiting or running."""
        ...


def require_submitit() -> Any:
    """Return submitit; raise MissingDependencyError with the install line where it is absent."""
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"Sweeps need submitit, which is not installed: `{INSTALL}`.") from error
    return submitit


class LocalQueue:
    """Processes of this machine, at most `workers` at a time; every job on GPU numbers of its own."""

    seconds = 0.2

    def __init__(self, *, workers: int, gpus: tuple[int, ...]) -> None:
        require_submitit()
        self._workers, self._gpus = workers, gpus
        self._running: dict[str, tuple[Any, tuple[int, ...]]] = {}

    def has_room(self, job: Job) -> bool:
        """Return whether a worker and enough GPUs are free."""
        return len(self._running) < self._workers and len(self._free()) >= job.limits.gpus

    def submit(self, job: Job, record: Path, logs: Path) -> tuple[str, str]:
        """Start a process for a job."""
        gpus = self._free()[: job.limits.gpus]
        executor = require_submitit().LocalExecutor(folder=logs)
        executor.update_parameters(
            timeout_min=max(1.0, 60 * job.limits.hours),
            gpus_per_node=len(gpus),
            visible_gpus=list(gpus),
            signal_delay_s=WARNING_SECONDS,
        )
        with _variables({**dict.fromkeys(THREADS, str(job.limits.cpus)), "PYTHONPATH": _path()}):
            submitted = executor.submit(perform, job.as_dict(), str(record))
        self._running[submitted.job_id] = (submitted, gpus)
        return submitted.job_id, submitted.paths.stderr.name

    def states(self, numbers: Iterable[str]) -> dict[str, tuple[State | None, str]]:
        """Return running for the processes of this run that live, None for all others."""
        found: dict[str, tuple[State | None, str]] = {}
        for number in numbers:
            submitted, _ = self._running.get(number, (None, ()))
            is_alive = submitted is not None and not submitted.done()
            found[number] = (State.RUNNING if is_alive else None, "")
            if not is_alive:
                self._running.pop(number, None)
        return found

    def cancel(self, numbers: Iterable[str]) -> None:
        """Interrupt the processes and wait until they have gone."""
        chosen = [self._running.pop(number)[0] for number in numbers if number in self._running]
        for submitted in chosen:
            submitted.cancel()
        for submitted in chosen:
            _ended(submitted._process)

    def _free(self) -> tuple[int, ...]:
        taken = {gpu for _, gpus in self._running.values() for gpu in gpus}
        return tuple(gpu for gpu in self._gpus if gpu not in taken)


class SlurmQueue:
    """A SLURM cluster. States come from squeue, which needs no accounting database."""

    seconds = 2.0

    def __init__(self) -> None:
        require_submitit()
        if shutil.which("sbatch") is None or shutil.which("squeue") is None:
            raise SweepError("There is no SLURM here (sbatch and squeue are not on the path). Use --executor local.")
        _slurm("sinfo", "--noheader")  # says at once where no controller answers

    def has_room(self, job: Job) -> bool:
        """Return True: the cluster has the queue."""
        return True

    def submit(self, job: Job, record: Path, logs: Path) -> tuple[str, str]:
        """Hand a job to sbatch; raise SweepError with its answer where it refuses."""
        submitit = require_submitit()
        executor = submitit.SlurmExecutor(folder=logs)
        executor.update_parameters(**_sbatch_parameters(job))
        try:
            submitted = executor.submit(perform, job.as_dict(), str(record))
        except submitit.core.utils.FailedJobError as error:
            raise SweepError(f"SLURM refused the job {job.name}: {error}. Check its limits and partition.") from error
        return submitted.job_id, submitted.paths.stderr.name

    def states(self, numbers: Iterable[str]) -> dict[str, tuple[State | None, str]]:
        """Return where jobs stand; a job that squeue no longer names has ended."""
        answer = _slurm("squeue", "--noheader", "--all", "--states=all", "--me", "--format=%i|%T|%r")
        lines = [line.split("|", 2) for line in answer.splitlines() if line.count("|") >= 2]
        named = {number: (name, reason) for number, name, reason in lines}
        return {number: _slurm_state(*named.get(number, ("", ""))) for number in numbers}

    def cancel(self, numbers: Iterable[str]) -> None:
        """Cancel jobs by scancel; those that have ended meanwhile are passed over."""
        if chosen := list(numbers):
            _slurm("scancel", "--quiet", *chosen)


def visible_gpus() -> tuple[int, ...]:
    """Return the numbers of the NVIDIA GPUs that this process may use; none where the driver is absent."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is not None:
        return tuple(int(part) for part in asked.split(",") if part.strip().isdigit())
    if shutil.which("nvidia-smi") is None:
        return ()
    answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=SLURM_SECONDS)
    return tuple(range(sum(line.startswith("GPU ") for line in answer.stdout.splitlines())))


def _sbatch_parameters(job: Job) -> dict[str, Any]:
    limits = job.limits
    given: dict[str, Any] = {
        "job_name": f"cape-{job.config_hash}",
        "time": max(1, round(60 * limits.hours)),
        "mem": f"{max(1, round(1024 * limits.memory_gib))}MB",
        "cpus_per_task": limits.cpus,
        "signal_delay_s": WARNING_SECONDS,
        "setup": [f"export {name}={limits.cpus}" for name in THREADS] + [f"export PYTHONPATH={_path()!r}"],
    }
    if limits.gpus:
        given["gpus_per_node"] = limits.gpus
    named = {"partition": limits.partition, "account": limits.account, "qos": limits.qos}
    return given | {name: value for name, value in named.items() if value}


def _path() -> str:
    """Return PYTHONPATH with the folder of this package first, so that a worker imports the same code."""
    package = Path(__file__).resolve().parents[2]
    return os.pathsep.join(part for part in (str(package), os.environ.get("PYTHONPATH", "")) if part)


def _slurm(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SLURM_SECONDS)
    except subprocess.CalledProcessError as error:
        raise SweepError(f"{command[0]} failed: {error.stderr.strip()}. Is the SLURM controller up?") from error
    except subprocess.TimeoutExpired as error:
        raise SweepError(f"{command[0]} did not answer within {SLURM_SECONDS} s. Is the controller up?") from error
    return done.stdout


def _slurm_state(name: str, reason: str) -> tuple[State | None, str]:
    if name in PENDING:
        return State.QUEUED, reason
    if name in LIVE:
        return State.RUNNING, reason
    return None, name.lower()


def _ended(process: Any) -> None:
    """Wait until an interrupted process has gone; one that does not go is killed."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def _variables(given: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
