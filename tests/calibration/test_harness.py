"""The harness tells a right interval from a broken one, depends on no worker or order, and goes on after a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cape.calibration import BY_NAME, CELLS, DECLARED, cells_named, merged, nearest_cell, plan, rows, run_job, run_jobs
from cape.calibration import estimators as named
from cape.calibration import jobs as jobs_module
from cape.calibration.batched import Answers, percentiles
from cape.calibration.tally import COUNTS, row_of, simulated_share, tally
from cape.errors import BadParameterError

MEAN = BY_NAME[named.MEAN_GAMMA]
SMALL = cells_named("4x3x1000x200")
CHECKED = min(CELLS)


def shipped_calibration() -> list[dict]:
    file = Path(__file__).parents[2] / "lake" / "computed" / "calibration" / "calibration.parquet"
    return pl.read_parquet(file).to_dicts()


def normal_means(scale: float, *, n_blocks: int = 40, n_panels: int = 50, bias: float = 0.0) -> dict:
    """Tally the exact 95% interval of a normal mean of known error, its half width times a scale."""
    rng, blocks = np.random.default_rng(0), []
    for _ in range(n_blocks):
        value = 2.0 + bias + rng.standard_normal(n_panels)
        half = scale * 1.959963984540054
        blocks.append(tally(Answers(value=value, low=value - half, high=value + half), MEAN, np.full(n_panels, 2.0)))
    return row_of(blocks)


def test_an_exact_interval_reaches_its_nominal_coverage() -> None:
    row = normal_means(1.0)
    share = simulated_share(row["n_covered"], row["n_intervals"], row["spread_covered"])
    assert share.low < 0.95 < share.high
    assert row["n_simulations"] == 2000 and row["bias"] == pytest.approx(0.0, abs=0.05)
    assert row["rmse"] == pytest.approx(1.0, abs=0.05) and row["width"] == pytest.approx(2 * 1.96, abs=0.01)


@pytest.mark.parametrize(("scale", "bias"), [(0.5, 0.0), (1.0, 1.5), (2.0, 0.0)])
def test_a_broken_interval_does_not(scale: float, bias: float) -> None:
    row = normal_means(scale, bias=bias)
    share = simulated_share(row["n_covered"], row["n_intervals"], row["spread_covered"])
    assert not share.low < 0.95 < share.high
    if bias:
        assert row["bias"] == pytest.approx(bias, abs=0.1) and row["n_above"] > 10 * row["n_below"]


def test_what_is_not_said_is_counted_and_an_unbounded_interval_covers() -> None:
    nan, inf = np.nan, np.inf
    told = Answers(
        value=np.array([1.0, nan, 1.0, 1.0, 1.0, nan]),
        low=np.array([0.0, nan, nan, -inf, 2.0, nan]),
        high=np.array([2.0, nan, nan, inf, 3.0, nan]),
    )
    found = tally(told, BY_NAME[named.LOGISTIC], np.array([1.0, 1.0, 1.0, 1.0, nan, nan]))
    wanted = {"n_true": 4, "n_none": 2, "n_values": 3, "n_intervals": 2, "n_covered": 2, "n_false": 1, "n_bounded": 1}
    assert {name: found[name] for name in wanted} == wanted
    assert found["n_found"] == 3


def test_a_test_is_counted_by_its_p() -> None:
    nothing = np.full(4, np.nan)
    told = Answers(value=nothing, low=nothing, high=nothing, p=np.array([0.01, 0.05, 0.2, np.nan]))
    row = row_of([tally(told, BY_NAME[named.PERMUTATION], nothing)])
    assert (row["n_true"], row["n_values"], row["n_found"]) == (4, 3, 2)
    assert row["truth"] is None and row["bias"] is None


def test_blocks_that_differ_more_than_chance_are_worth_fewer_panels() -> None:
    block = {name: 50.0 for name in COUNTS} | dict.fromkeys(("sum_truth", "sum_error"), 1.0)
    block |= dict.fromkeys(("sum_squared_error", "sum_width"), 1.0)
    row = row_of([{**block, "n_covered": float(k)} for k in (50, 30, 50, 30)])
    assert row["spread_covered"] == pytest.approx(4 * 100 / (50 * 0.8 * 0.2) / 3)
    wide, narrow = simulated_share(160, 200, row["spread_covered"]), simulated_share(160, 200)
    assert wide.n < narrow.n == 200 and wide.low < narrow.low and wide.value == narrow.value
    assert simulated_share(0, 0).value is None and simulated_share(0, 10).low == 0.0


def test_percentiles_are_those_of_numpy_with_gaps_left_out() -> None:
    draws = np.random.default_rng(2).standard_normal((4, 101))
    draws[1, 10:60], draws[2, 1:], draws[3] = np.nan, np.nan, np.nan
    low, high, n_undefined = percentiles(draws)
    for index in range(3):
        assert (low[index], high[index]) == pytest.approx(tuple(np.nanquantile(draws[index], [0.025, 0.975])))
    assert n_undefined.tolist() == [0, 50, 100, 101] and np.isnan(low[3])


def test_results_do_not_depend_on_workers_or_order(tmp_path: Path) -> None:
    jobs = plan(SMALL, ["turning", "flat"], n_simulations=40, n_resamples=40, seed=3)
    assert [job.n_panels for job in jobs] == [25, 15, 25, 15]
    run_jobs(jobs[::-1], tmp_path / "one", n_workers=1, progress=lambda done, total: None)
    run_jobs(jobs, tmp_path / "two", n_workers=2, progress=lambda done, total: None)
    assert rows(jobs, tmp_path / "one") == rows(jobs, tmp_path / "two")


def test_another_seed_or_block_gives_other_panels_and_the_same_gives_the_same() -> None:
    (job,) = plan(SMALL, ["turning"], n_simulations=10, n_resamples=40, seed=3)
    assert run_job(job) == run_job(job)
    assert run_job(job) != run_job(replace(job, seed=4)) != run_job(replace(job, block=1))


def test_a_run_that_was_stopped_keeps_what_ended_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = plan(SMALL, ["turning", "flat"], n_simulations=50, n_resamples=40, seed=3)
    ran: list = []
    real = jobs_module.run_job
    monkeypatch.setattr(jobs_module, "run_job", lambda job: (ran.append(job), real(job))[1])

    def stop_after_three(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, tmp_path, n_workers=1, progress=stop_after_three)
    kept = rows(jobs, tmp_path)
    assert {row["world"] for row in kept} == {"turning"}
    (tmp_path / f"{jobs[2].key}.json").write_text('{"cut sho')
    seen: list[int] = []
    run_jobs(jobs, tmp_path, n_workers=1, progress=lambda done, total: seen.append(done))
    assert seen == [2, 3, 4] and ran == [*jobs[:3], *jobs[2:]]
    whole = rows(jobs, tmp_path)
    assert whole[: len(kept)] == kept and {row["world"] for row in whole} == {"turning", "flat"}


def test_new_rows_replace_those_of_their_cell_world_and_estimator_only() -> None:
    def row(cell: str, world: str, n: int, estimator: str = "e") -> dict:
        numbers = dict.fromkeys(("n_families", "n_sizes", "x_items", "y_items"), 1)
        return {"cell": cell, "world": world, "estimator": estimator, "n_simulations": n, **numbers}

    stored = [row("a", "flat", 1), row("a", "trend", 1), row("b", "flat", 1), row("a", "flat", 1, "f")]
    found = merged(stored, [row("a", "flat", 2)])
    assert sorted((r["cell"], r["world"], r["estimator"], r["n_simulations"]) for r in found) == [
        ("a", "flat", "e", 2),
        ("a", "flat", "f", 1),
        ("a", "trend", "e", 1),
        ("b", "flat", "e", 1),
    ]


def test_a_group_alone_says_what_it_says_among_all() -> None:
    (whole,) = plan(SMALL, ["turning"], n_simulations=3, n_resamples=39, seed=4)
    (alone,) = plan(SMALL, ["turning"], n_simulations=3, n_resamples=39, seed=4, groups=["signs"])
    assert alone.key != whole.key
    every, some = run_job(whole), run_job(alone)
    assert set(some) < set(every) and all(every[name] == told for name, told in some.items())


def test_the_stored_simulations_are_those_of_the_statistics_as_they_are() -> None:
    """One small cell and world is simulated again, every estimator: a changed statistic shows here."""
    stored = [row for row in shipped_calibration() if row["cell"] == CHECKED.name and row["world"] == "recipes"]
    assert {row["estimator"] for row in stored} == set(BY_NAME)
    plans = {(row["n_simulations"], row["n_resamples"], row["seed"]) for row in stored}
    ((n_simulations, n_resamples, seed),) = plans
    jobs = plan([CHECKED], ["recipes"], n_simulations=n_simulations, n_resamples=n_resamples, seed=seed)
    blocks = [run_job(job) for job in jobs]
    for row in stored:
        again = row_of([block[row["estimator"]] for block in blocks])
        assert {name: again[name] for name in COUNTS} == {name: row[name] for name in COUNTS}, row["estimator"]
        for name in ("bias", "rmse", "width", "truth"):
            assert (again[name] is None) == (row[name] is None), (row["estimator"], name)
            if row[name] is not None:
                assert again[name] == pytest.approx(row[name], rel=1e-6), (row["estimator"], name)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cells_named("20x5"), "families x sizes x items"),
        (lambda: cells_named("1x5x1000x200"), "too small"),
        (lambda: plan(SMALL, ["turnin"], n_simulations=1, n_resamples=20, seed=0), "turnin"),
        (lambda: plan(SMALL, ["flat"], n_simulations=0, n_resamples=20, seed=0), "1 simulation"),
        (lambda: plan(SMALL, ["flat"], n_simulations=1, n_resamples=20, seed=0, groups=["jack"]), "group 'jack'"),
        (lambda: run_jobs((), Path("unused"), n_workers=0, progress=lambda done, total: None), "1 worker"),
    ],
)
def test_a_wrong_request_says_what_to_write(call, words: str) -> None:
    with pytest.raises(BadParameterError, match=words):
        call()


def test_cells_have_short_names() -> None:
    assert cells_named("declared") == (DECLARED,) == cells_named(f"declared, {DECLARED.name}")
    assert set(cells_named("rest")) == set(CELLS) - {DECLARED} and cells_named("all") == CELLS


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((20, 5, 10_042, 817), "20x5x10042x817"),
        ((33, 4, 9_000, 817), "40x5x10042x817"),
        ((14, 4, 10_042, 817), "10x5x10042x817"),
        ((10, 3, 700, 300), "10x3x1000x200"),
        ((2, 3, 10_042, 817), None),
        ((20, 5, 100, 817), None),
        ((20, 5, float("nan"), 817), None),
        ((90, 5, 10_042, 817), None),
    ],
)
def test_the_nearest_cell_is_near_in_all_numbers_or_none_is(numbers: tuple, wanted: str | None) -> None:
    names = ("n_families", "n_sizes", "x_items", "y_items")
    found = nearest_cell(CELLS, **dict(zip(names, numbers, strict=True)))
    assert (None if found is None else found.name) == wanted


def test_an_interrupt_of_the_command_keeps_finished_worlds_and_the_same_command_ends_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    (root / "raw").mkdir(parents=True)
    command = [sys.executable, "-m", "cape", "calibrate", "--cells", "4x3x1000x200", "--worlds", "turning,flat"]
    command += ["--simulations", "75", "--resamples", "60", "--workers", "2"]
    environment = {**os.environ, "CAPE_LAKE": str(root)}
    repository = Path(__file__).resolve().parents[2]
    first = subprocess.Popen(command, cwd=repository, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(root.glob("built/calibration/*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 130, said
    assert "goes on from here" in said
    blocks = {file.name: file.stat().st_mtime_ns for file in root.glob("built/calibration/*/*.json")}
    assert 0 < len(blocks)
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=True)
    assert "2 of 2 cells and worlds are stored" in done.stdout
    after = {file.name: file.stat().st_mtime_ns for file in root.glob("built/calibration/*/*.json")}
    assert len(after) == 6 and all(after[name] == when for name, when in blocks.items())
    assert all(json.loads(file.read_text()) for file in root.glob("built/calibration/*/*.json"))
    assert (root / "computed" / "calibration" / "calibration.parquet").is_file()
