"""Jobs for the tests of sweeps, and a sweep in a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cape.sweep import Job, Limits, config_hash

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = Limits(memory_gib=0.5, hours=0.05)
PATH = os.pathsep.join((str(REPOSITORY), str(Path(__file__).parent)))

SCRIPT = """
import json, signal, sys
from pathlib import Path
from cape.sweep import Job, Limits, run_sweep
folder, executor, jobs = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
made = [Job(**{**job, "output": Path(job["output"]), "limits": Limits(**job["limits"])}) for job in jobs]
signal.signal(signal.SIGINT, signal.default_int_handler)
outcome = run_sweep(made, folder, executor=executor)
sys.exit(130 if outcome.is_cancelled else 0)
"""


def job(folder: Path, name: str, *, limits: Limits = SMALL, **given: Any) -> Job:
    """Return a job that notes each call in calls.txt and writes out/<name>."""
    arguments = {"out": str(folder / "out" / name), "calls": str(folder / "calls.txt"), **given}
    return Job(
        name=name,
        function="sweep_targets:work",
        arguments=arguments,
        output=folder / "out" / name,
        config_hash=config_hash("work", arguments),
        limits=limits,
    )


def calls(folder: Path) -> Counter[str]:
    """Return how often each job was called."""
    file = folder / "calls.txt"
    return Counter(file.read_text(encoding="utf-8").split()) if file.exists() else Counter()


def in_a_process(jobs: list[Job], folder: Path, executor: str) -> subprocess.Popen[bytes]:
    """Start a sweep in a process and session of its own."""
    given = json.dumps([each.as_dict() for each in jobs])
    environment = {**os.environ, "PYTHONPATH": PATH}
    command = [sys.executable, "-c", SCRIPT, str(folder), executor, given]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something is so; fail when it is not in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
