"""Sweeps on the local executor: resumable, idempotent, failures apart from one another, nothing half written."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cape.errors import SweepError
from cape.sweep import Limits, State, config_hash, read_status, run_sweep
from tests.conftest import require
from tests.sweep.planted import PATH, SMALL, calls, in_a_process, job, wait_until

pytestmark = pytest.mark.heavy
require("submitit")


@pytest.fixture(autouse=True)
def _targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PATH)


def test_a_failing_job_stops_no_other_and_is_retried_only_when_asked(tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    jobs = [job(tmp_path, "a"), job(tmp_path, "b", fail_until=str(switch)), job(tmp_path, "c")]
    seen: list[dict[str, int]] = []
    first = run_sweep(jobs, tmp_path, executor="local", workers=3, on_change=lambda now: seen.append(now.counts))
    assert [first.status.jobs[name].state for name in "abc"] == [State.DONE, State.FAILED, State.DONE]
    assert not first.is_whole and not first.is_cancelled and seen[-1] == {"done": 2, "failed": 1}
    failed = first.status.jobs["b"]
    assert failed.error == "ValueError: the switch is off"
    assert "the switch is off" in (tmp_path / failed.log).read_text(encoding="utf-8")
    assert read_status(tmp_path).counts == first.status.counts
    assert first.status.jobs["a"].peak_memory_gib > 0

    switch.touch()
    left = run_sweep(jobs, tmp_path, executor="local", workers=3)
    assert left.skipped == ("b",) and calls(tmp_path) == {"a": 1, "b": 1, "c": 1}
    again = run_sweep(jobs, tmp_path, executor="local", workers=3, retry=True)
    assert again.is_whole and again.status.jobs["b"].attempts == 2
    assert calls(tmp_path) == {"a": 1, "b": 2, "c": 1}
    run_sweep(jobs, tmp_path, executor="local", workers=3, retry=True)
    assert calls(tmp_path) == {"a": 1, "b": 2, "c": 1}, "a finished sweep does nothing"


def test_a_killed_sweep_goes_on_and_no_job_runs_twice_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs = [job(tmp_path, "a"), job(tmp_path, "b", wait_for=str(gate)), job(tmp_path, "c")]
    process = in_a_process(jobs, tmp_path, "local")
    wait_until(lambda: calls(tmp_path)["b"] == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "out" / "a").exists() and not (tmp_path / "out" / "b").exists()
    assert read_status(tmp_path).jobs["c"].state is State.WAITING

    gate.touch()  # the orphan of "b" ends; its successor waits for its lock and finds the output
    outcome = run_sweep(jobs, tmp_path, executor="local", workers=2)
    assert outcome.is_whole and outcome.status.jobs["a"].was_held
    assert calls(tmp_path) == {"a": 1, "b": 1, "c": 1}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a", "b", "c"], "no draft is left"


def test_an_interrupt_cancels_what_waits_and_runs_and_keeps_what_is_done(tmp_path: Path) -> None:
    never = tmp_path / "never"
    jobs = [job(tmp_path, "a"), job(tmp_path, "b", wait_for=str(never)), job(tmp_path, "c")]
    process = in_a_process(jobs, tmp_path, "local")
    wait_until(lambda: calls(tmp_path)["b"] == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    states = {name: held.state for name, held in read_status(tmp_path).jobs.items()}
    assert states == {"a": State.DONE, "b": State.CANCELLED, "c": State.CANCELLED}
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a"]
    time.sleep(0.5)
    assert calls(tmp_path) == {"a": 1, "b": 1}


def test_a_worker_that_is_killed_counts_as_failed_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cape.sweep.executor.GRACE_SECONDS", 0.2)
    dead = replace(job(tmp_path, "a"), function="os:abort", arguments={})
    silent = replace(job(tmp_path, "b"), function="sweep_targets:forget", arguments={"out": ""})
    missing = replace(job(tmp_path, "c"), function="sweep_targets:no_such_function")
    outcome = run_sweep([dead, silent, missing], tmp_path, executor="local", workers=3)
    errors = {name: held.error for name, held in outcome.status.jobs.items()}
    assert "ended without a result" in errors["a"]
    assert "ended without writing b" in errors["b"]
    assert "no function" in errors["c"]


def test_another_configuration_of_the_same_name_is_another_job(tmp_path: Path) -> None:
    old = job(tmp_path, "a", fail_until=str(tmp_path / "no"))
    assert run_sweep([old], tmp_path, executor="local").status.jobs["a"].state is State.FAILED
    assert run_sweep([job(tmp_path, "a")], tmp_path, executor="local").is_whole


def test_what_cannot_be_a_sweep_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    one = job(tmp_path, "a")
    with pytest.raises(SweepError, match="Two jobs have the name 'a'"):
        run_sweep([one, one], tmp_path, executor="local")
    with pytest.raises(SweepError, match="Two jobs have the output"):
        run_sweep([one, replace(one, name="b")], tmp_path, executor="local")
    with pytest.raises(SweepError, match="no executor 'cloud'"):
        run_sweep([one], tmp_path, executor="cloud")
    with pytest.raises(SweepError, match="asks for 2 GPUs and this machine shows 0"):
        run_sweep([replace(one, limits=Limits(gpus=2))], tmp_path, executor="local")
    with pytest.raises(SweepError, match="plain JSON"):
        config_hash("work", {"path": tmp_path})
    (tmp_path / "status.json").write_text("{", encoding="utf-8")
    with pytest.raises(SweepError, match="damaged"):
        run_sweep([one], tmp_path, executor="local")


def test_every_job_has_gpus_of_its_own(tmp_path: Path) -> None:
    from cape.sweep.queues import LocalQueue

    queue = LocalQueue(workers=3, gpus=(4, 5, 7))
    two, one = (replace(job(tmp_path, name), limits=replace(SMALL, gpus=n)) for name, n in (("x", 2), ("y", 1)))
    gate = tmp_path / "gate"
    held = replace(two, arguments={**two.arguments, "wait_for": str(gate)})
    number, _ = queue.submit(held, tmp_path / "r.json", tmp_path)
    assert queue.has_room(one) and not queue.has_room(two)
    gate.touch()
    wait_until(lambda: queue.states([number])[number][0] is None)
    assert queue.has_room(two)
