"""Benchmark of the laboratory: simulated panels with every estimator, on two processes, start of both included."""

from __future__ import annotations

import time
from pathlib import Path

from cape.calibration import DECLARED, ESTIMATORS, plan, rows, run_jobs
from scripts.bench.common import Row, below

PART = "Calibration"
WORLDS = ("turning", "recipes", "trend", "flat")  # with a turn and without, with missing sizes and without
PANELS, QUICK_PANELS, RESAMPLES, CORES = 1_000, 100, 499, 2
LIMIT_S = 120.0


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the wall time of 1,000 panels of the declared cell."""
    n_panels = QUICK_PANELS if is_quick else PANELS
    jobs = plan([DECLARED], WORLDS, n_simulations=n_panels // len(WORLDS), n_resamples=RESAMPLES, seed=0)
    started = time.perf_counter()
    run_jobs(jobs, folder, n_workers=CORES, progress=lambda done, total: None)
    seconds = (time.perf_counter() - started) * PANELS / n_panels
    n_rows = len(rows(jobs, folder))
    what = f"{PANELS} panels x {len(ESTIMATORS)} estimators and tests, {RESAMPLES} resamples, {CORES} processes"
    note = f"{DECLARED.words}; {n_rows} rows" + (f"; scaled from {n_panels} panels" if is_quick else "")
    return [below(PART, what, seconds, most=LIMIT_S, note=note)]
