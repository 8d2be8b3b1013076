"""Jobs of the live page: one at a time in order, events as they come, cancel, and a process that breaks off."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

import pytest

from cape.internals import live
from cape.internals.live import BROKEN, CANCELLED, FINISHED, Bench, Job, LiveError, Standing

WORKER = "tests.internals.fake_worker"
PATIENCE_S = 20


@pytest.fixture
def bench() -> Iterator[Bench]:
    held = Bench(WORKER)
    yield held
    held.stop()


def until(job: Job, wanted: Callable[[Standing], bool]) -> Standing:
    deadline = time.monotonic() + PATIENCE_S
    while not wanted(standing := job.poll()):
        assert time.monotonic() < deadline, standing
        time.sleep(0.02)
    return standing


def over(standing: Standing) -> bool:
    return standing.is_over


def test_the_text_of_a_job_comes_in_pieces_and_ends(bench: Bench) -> None:
    job = bench.submit({"kind": "write", "pieces": [" one", " two"]})
    found = until(job, over)
    assert (found.text("after"), found.text("before"), found.stopped, found.problem) == (" one two", "", FINISHED, "")
    assert (found.last("end") or {})["changed"] is True and found.last("model") is None


def test_jobs_wait_for_those_before_and_use_one_process(bench: Bench) -> None:
    first, second, third = (bench.submit({"kind": "hang", "pieces": ["."]}) for _ in range(3))
    until(first, lambda s: s.text("after") == ".")
    assert (first.poll().n_before, second.poll().n_before, third.poll().n_before) == (0, 1, 2)
    assert second.poll().text("after") == ""
    second.cancel()
    assert (third.poll().n_before, second.poll().stopped) == (1, CANCELLED)
    first.cancel()
    assert until(third, lambda s: s.text("after") == ".").n_before == 0


def test_a_cancelled_job_keeps_what_came_and_the_next_one_runs(bench: Bench) -> None:
    job = bench.submit({"kind": "hang", "pieces": ["half"]})
    until(job, lambda s: s.text("after") == "half")
    job.cancel()
    job.cancel()
    found = job.poll()
    assert (found.is_over, found.stopped, found.text("after")) == (True, CANCELLED, "half")
    assert until(bench.submit({"kind": "write"}), over).stopped == FINISHED


def test_a_job_that_is_let_go_makes_room(bench: Bench) -> None:
    lost = bench.submit({"kind": "hang", "pieces": ["."]})
    until(lost, lambda s: s.text("after") == ".")
    del lost
    gc.collect()
    assert until(bench.submit({"kind": "write"}), over).stopped == FINISHED


def test_a_refusal_is_said_in_its_own_words_and_the_process_stays(bench: Bench) -> None:
    found = until(bench.submit({"kind": "refuse"}), over)
    assert (found.stopped, found.problem) == (BROKEN, "There is no such folder.")
    assert until(bench.submit({"kind": "write"}), over).stopped == FINISHED


def test_a_process_that_dies_is_named_with_its_last_words_and_replaced(bench: Bench) -> None:
    found = until(bench.submit({"kind": "die"}), over)
    assert found.stopped == BROKEN
    assert "status 7" in found.problem and "the last words" in found.problem
    assert until(bench.submit({"kind": "write"}), over).stopped == FINISHED


def test_more_jobs_than_places_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_WAITING", 1)
    kept = bench.submit({"kind": "hang"})
    with pytest.raises(LiveError, match="All 1 places"):
        bench.submit({"kind": "write"})
    kept.cancel()
    assert until(bench.submit({"kind": "write"}), over).stopped == FINISHED
