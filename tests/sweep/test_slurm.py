"""The same sweep on a real SLURM; `scripts/start_slurm.sh --install` starts one, `make test-slurm` runs this."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cape.sweep import Limits, State, read_status, run_sweep
from cape.sweep.executor import cancel_sweep
from tests.conftest import require
from tests.sweep.planted import PATH, SMALL, calls, in_a_process, job, wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.slurm]
require("submitit")
if os.environ.get("CAPE_SLURM") != "1":
    pytest.skip("CAPE_SLURM=1 is not set: no SLURM is promised here", allow_module_level=True)


@pytest.fixture(autouse=True)
def _targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PATH)


def _queued() -> list[str]:
    answer = subprocess.run(["squeue", "--noheader", "--format=%i"], capture_output=True, text=True, check=True)
    return answer.stdout.split()


def test_jobs_run_fail_apart_and_are_retried(tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    jobs = [job(tmp_path, "a"), job(tmp_path, "b", fail_until=str(switch)), job(tmp_path, "c")]
    first = run_sweep(jobs, tmp_path, executor="slurm")
    assert [first.status.jobs[name].state for name in "abc"] == [State.DONE, State.FAILED, State.DONE]
    assert "the switch is off" in (tmp_path / first.status.jobs["b"].log).read_text(encoding="utf-8")
    switch.touch()
    assert run_sweep(jobs, tmp_path, executor="slurm", retry=True).is_whole
    assert calls(tmp_path) == {"a": 1, "b": 2, "c": 1}


def test_jobs_left_by_a_killed_sweep_are_followed_not_submitted_twice(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs = [job(tmp_path, "a", wait_for=str(gate)), job(tmp_path, "b", wait_for=str(gate))]
    process = in_a_process(jobs, tmp_path, "slurm")
    wait_until(lambda: calls(tmp_path)["a"] == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {name: held.submission for name, held in read_status(tmp_path).jobs.items()}
    gate.touch()
    outcome = run_sweep(jobs, tmp_path, executor="slurm")
    assert outcome.is_whole and calls(tmp_path) == {"a": 1, "b": 1}
    assert {name: held.submission for name, held in outcome.status.jobs.items()} == before


def test_an_interrupt_empties_the_queue(tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    jobs = [job(tmp_path, name, wait_for=never) for name in ("a", "b", "c", "d")]
    process = in_a_process(jobs, tmp_path, "slurm")
    wait_until(lambda: calls(tmp_path).total() >= 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert read_status(tmp_path).counts == {"cancelled": 4}
    wait_until(lambda: not _queued())


def test_a_killed_sweep_can_be_cancelled_from_outside(tmp_path: Path) -> None:
    process = in_a_process([job(tmp_path, "a", wait_for=str(tmp_path / "never"))], tmp_path, "slurm")
    wait_until(lambda: calls(tmp_path)["a"] == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cancel_sweep(tmp_path).counts == {"cancelled": 1}
    wait_until(lambda: not _queued())


def test_limits_reach_the_queue(tmp_path: Path) -> None:
    greedy = job(tmp_path, "a", gib=1.5, wait_for=str(tmp_path / "never"), limits=replace(SMALL, memory_gib=0.3))
    failed = run_sweep([greedy], tmp_path, executor="slurm").status.jobs["a"]
    assert failed.state is State.FAILED and not (tmp_path / "out" / "a").exists()
    huge = replace(job(tmp_path, "b"), limits=Limits(memory_gib=1e6))
    elsewhere = replace(job(tmp_path, "c"), limits=replace(SMALL, partition="nowhere"))
    refused = run_sweep([huge, elsewhere, job(tmp_path, "d")], tmp_path, executor="slurm").status
    assert [refused.jobs[name].state for name in "bcd"] == [State.FAILED, State.FAILED, State.DONE]
    assert "SLURM refused the job b" in refused.jobs["b"].error and "partition" in refused.jobs["c"].error
