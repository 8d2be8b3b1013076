"""The live process: it answers line by line, ends with its input, and when nobody follows its job; no torch needed."""

from __future__ import annotations

import json
import subprocess
import sys

from cape.organism.live_worker import UNFOLLOWED
from tests.conftest import REPOSITORY

PATIENCE_S = 60
HANGING = """
import time
from cape.organism import live_jobs, live_worker
live_worker.LEASE_S, live_worker.LOOK_S = 0.5, 0.1
live_jobs.Bearer.work = lambda self, request: time.sleep(60)
live_worker.main()
"""


def worker(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_requests_are_answered_in_order_and_the_end_of_the_input_ends_the_process() -> None:
    process = worker("-m", "cape.organism.live_worker")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write('{"kind": "sing"}\n\n{"kind": "write", "model": "m", "prompt": ""}\n')
    process.stdin.flush()
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    assert (first["event"], "no job 'sing'" in first["message"]) == ("error", True)
    assert (second["kind"], "0 characters" in second["message"]) == ("BadParameterError", True)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_a_job_that_nobody_follows_ends_the_process() -> None:
    process = worker("-c", HANGING)
    assert process.stdin is not None
    process.stdin.write('{"kind": "write"}\n')
    process.stdin.flush()
    assert process.wait(timeout=PATIENCE_S) == UNFOLLOWED
    process.communicate()
