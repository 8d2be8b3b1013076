"""Benchmark of the sparse equations: the ensemble and the hold-outs against plain loops over PySINDy, same resamples.

As a program (`python -m scripts.bench.dynamics`) it measures what importing PySINDy costs a process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cape.diagnostics._ode_data import OdeParams, Setting, setting_of
from cape.diagnostics._params import accept
from cape.dynamics.fits import Problem, ensemble, problem_of
from cape.dynamics.holdout import leave_families_out
from cape.dynamics.sparse import pysindy_fit
from cape.lake import Lake, LakePaths
from scripts.bench.common import Row, below, best_of, copy_shipped_lake, in_child, peak_rss_mib

PART = "Dynamics"
MEMBERS, LOOPED, QUICK_LOOPED = 200, 100, 20
ENSEMBLE_S, FAMILIES_S = 2.0, 10.0
TARGET = 15.0  # times the plain loop, DESIGN section 5
SAME = 1e-6
DEGREES = (1, 2, 3)


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the rows of ensembles of each degree, leave-one-family-out, and the cost of importing PySINDy."""
    root = copy_shipped_lake(folder)
    lake = Lake.ensure(LakePaths(root))
    settings = {degree: _setting(lake, degree) for degree in DEGREES}
    lake.close()
    n_looped = QUICK_LOOPED if is_quick else LOOPED
    rows = [row for degree, one in settings.items() for row in _ensemble_rows(one, degree, n_looped)]
    return [*rows, *_holdout_rows(settings[1]), _import_row(root)]


def _setting(lake: Lake, degree: int) -> Setting:
    params = accept(OdeParams, {"panel": "independent", "models": "every model", "degree": degree}, lake)
    return setting_of(params, lake.read)


def _ensemble_rows(setting: Setting, degree: int, n_looped: int) -> list[Row]:
    problem = problem_of(setting.fitted, setting.recipe)
    seconds = best_of(lambda: ensemble(problem, n_members=MEMBERS, rng=np.random.default_rng(0)), repeats=3)
    ours = ensemble(problem, n_members=MEMBERS, rng=np.random.default_rng(0)).coefficients
    weights = problem.weights(MEMBERS, np.random.default_rng(0))[:n_looped]
    started = time.perf_counter()
    theirs = _loop(problem, weights)
    slow = (time.perf_counter() - started) * MEMBERS / n_looped
    rows_per_term = problem.rows.n / problem.library.m
    difference = np.abs(theirs - ours[:n_looped])
    same = float((difference.max(axis=(1, 2)) <= SAME).mean())
    what = f"ensemble of {MEMBERS}, degree {degree}, {len(setting.benchmarks)} benchmarks"
    note = (
        f"largest difference {difference.max():.1e}, {same:.0%} of {n_looped} fits the same to {SAME:g}; "
        f"{rows_per_term:.1f} rows per term"
    )
    is_comparable = rows_per_term > 1 + degree  # a resample of families that leaves fewer rows than terms has many fits
    return [
        below(PART, what, seconds, most=ENSEMBLE_S, note=f"{len(setting.fitted)} ladders"),
        Row(
            part=PART,
            what=f"{what}: against the PySINDy loop",
            measured=f"{slow / seconds:.0f} x ({seconds * 1e3:.0f} ms against {slow:.2f} s)",
            target=f">= {TARGET:.0f} x, same numbers" if is_comparable else "",
            is_met=(slow / seconds >= TARGET and same == 1.0) if is_comparable else None,
            note=note,
        ),
    ]


def _loop(problem: Problem, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one PySINDy fit per resample, families drawn twice standing there twice."""
    parts = [np.flatnonzero(problem.rows.unit == place) for place in np.unique(problem.rows.unit)]
    found = []
    for row in weights:
        drawn = [mine for mine in parts for _ in range(int(row[mine[0]]))]
        columns, target = ([values[mine] for mine in drawn] for values in (problem.columns, problem.target))
        recipe = problem.recipe
        found.append(pysindy_fit(columns, target, threshold=recipe.threshold, alpha=recipe.alpha))
    return np.array(found)


def _holdout_rows(setting: Setting) -> list[Row]:
    n_families = len(setting.families)
    seconds = best_of(lambda: leave_families_out(setting.fitted, setting.recipe), repeats=3)
    what = f"leave one of {n_families} families out, all baselines"
    return [below(PART, what, seconds, most=FAMILIES_S, note="each fold scaled, fitted and integrated anew")]


def _import_row(root: Path) -> Row:
    found = in_child("scripts.bench.dynamics", lake=root)
    return Row(
        part=PART,
        what="importing PySINDy",
        measured=f"{found['seconds']:.2f} s, {found['mib']:.0f} MiB",
        note="paid by a server only where the engine PySINDy is chosen",
    )


def main() -> None:
    """Print what importing PySINDy costs this process, over the registry of diagnostics."""
    import cape.diagnostics  # noqa: F401

    before, started = peak_rss_mib(), time.perf_counter()
    import pysindy  # noqa: F401

    found = {"seconds": time.perf_counter() - started, "mib": peak_rss_mib() - before}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
