"""Benchmark 1: 10,000 resamples of every estimator on a page against the plain loop, on rows of the shipped lake."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cape.diagnostics._fetch import points_of, steps_of
from cape.lake import Lake, LakePaths
from cape.stats import correlation, critical_scale
from cape.stats.critical_scale import Estimator, family_n_c
from cape.stats.inference import Inference, Points, Steps
from cape.stats.resampling import subset
from cape.stats.summaries import clustered_mean
from scripts.bench import loops
from scripts.bench.common import Row, best_of, copy_shipped_lake

PART = "Resampling"
SELECTION = {"panel": "independent", "x": "hellaswag", "y": "truthfulqa_mc2"}
N_RESAMPLES = 10_000
LOOPED, QUICK_LOOPED = 500, 100
TARGET = 15.0
SAME = 1e-6  # largest difference of a result that counts as the same number
SEED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One estimator. `ours` makes all resamples, the first axis; `loop` makes the first n of the same resamples."""

    name: str
    ours: Callable[[], NDArray[np.float64] | None]
    loop: Callable[[int], NDArray[np.float64]]


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return one row per estimator: speed relative to the loop, and the largest difference of the resampled values."""
    lake = Lake.ensure(LakePaths(copy_shipped_lake(folder)))
    points = points_of(lake.read("mart_phases", **SELECTION).sort("family", "position"))
    steps = steps_of(lake.read("mart_gamma", **SELECTION).sort("family", "step_no"))
    lake.close()
    steps = subset(steps, np.isfinite(steps.gamma))
    cases = [*_families(points, steps), *_correlations(points), *_one_family(points)]
    return [compared(case, n_looped=QUICK_LOOPED if is_quick else LOOPED) for case in cases]


def compared(case: Case, *, n_looped: int) -> Row:
    """Return the row of one estimator: how many times faster than its loop, and whether the numbers are the same."""
    draws = case.ours()
    if draws is None:
        return Row(part=PART, what=case.name, measured="skipped", note="the shipped rows give no draws")
    fast = best_of(case.ours, repeats=5)
    started = time.perf_counter()
    with np.errstate(all="ignore"):
        looped = case.loop(n_looped)
    slow = (time.perf_counter() - started) * len(draws) / n_looped
    both = np.isfinite(looped) & np.isfinite(draws[:n_looped])
    one = int((np.isfinite(looped) != np.isfinite(draws[:n_looped])).sum())
    difference = float(np.abs(looped[both] - draws[:n_looped][both]).max(initial=0.0))
    agreement = f"largest difference {difference:.1e} over {int(both.sum())} defined values"
    if one:
        agreement += f"; {one} of {n_looped} defined in one only"
    return Row(
        part=PART,
        what=case.name,
        measured=f"{slow / fast:.0f} x ({fast * 1e3:.1f} ms against {slow:.2f} s)",
        target=f">= {TARGET:.0f} x, same numbers",
        is_met=slow / fast >= TARGET and difference <= SAME and not one,
        note=f"{agreement}; loop timed on {n_looped} of {len(draws)} resamples",
    )


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _by_family(name: str, ours: Callable[..., Inference], family: NDArray, statistic: Callable[..., float]) -> Case:
    return Case(
        name=name,
        ours=lambda: ours(n_resamples=N_RESAMPLES, rng=_rng()).draws,
        loop=lambda n: loops.over_families(family, statistic, n=n, n_resamples=N_RESAMPLES, rng=_rng()),
    )


def _families(points: Points, steps: Steps) -> list[Case]:
    """Estimators of a population of families."""
    names, sizes = np.unique(points.family, return_counts=True)
    ladders = subset(points, np.isin(points.family, names[sizes > 1]))
    x, positive = steps.log10_n_mid, steps.gamma > 0
    return [
        _by_family(
            "fixed-effect quadratic",
            lambda **k: critical_scale.fixed_effect_quadratic(ladders, **k),
            ladders.family,
            loops.fixed_effect_vertex(ladders),
        ),
        Case(
            name="pooled quadratic (paper's recipe)",
            ours=lambda: critical_scale.pooled_quadratic_paper_mode(points.log10_n, points.y_pct, seed=42)[0].draws,
            loop=lambda n: loops.pooled_vertex(points.log10_n, points.y_pct, n=n, n_resamples=N_RESAMPLES, seed=42),
        ),
        _by_family(
            "logistic turning point",
            lambda **k: critical_scale.logistic_turning_point(x, positive, steps.family, **k)[0],
            steps.family,
            loops.logistic_half_point(x, positive),
        ),
        _by_family(
            "mean gamma",
            lambda **k: clustered_mean(steps.gamma, steps.family, what="gamma", **k),
            steps.family,
            lambda rows: float(np.mean(steps.gamma[rows])),
        ),
    ]


def _correlations(points: Points) -> list[Case]:
    x, y, size, family = points.x_pct, points.y_pct, points.log10_n, points.family
    names, member, counts = np.unique(family, return_inverse=True, return_counts=True)
    inside = [v - (np.bincount(member, v) / counts)[member] for v in (x, y)]
    kept = counts[member] > 1
    return [
        _by_family(
            "clustered Pearson r",
            lambda **k: correlation.clustered_correlation(x, y, family, **k),
            family,
            loops.pearson(x, y),
        ),
        _by_family(
            "clustered partial r given log10 N",
            lambda **k: correlation.clustered_partial_correlation(x, y, size, family, **k),
            family,
            loops.partial(x, y, size),
        ),
        _by_family(
            f"family-demeaned r ({names.size} families)",
            lambda **k: correlation.family_demeaned_correlation(x, y, family, **k),
            family[kept],
            loops.pearson(inside[0][kept], inside[1][kept]),
        ),
    ]


def _one_family(points: Points) -> list[Case]:
    """D1, D2 and D3 of the family with most sizes."""
    names, sizes = np.unique(points.family, return_counts=True)
    family = subset(points, points.family == names[sizes.argmax()])

    def case(estimator: Estimator) -> Case:
        return Case(
            name=f"{estimator} of {names[sizes.argmax()]}, measurement error",
            ours=lambda: family_n_c(family, estimator=estimator, n_draws=N_RESAMPLES, rng=_rng())[0].draws,
            loop=lambda n: loops.measured_turns(family, estimator, n=n, n_draws=N_RESAMPLES, rng=_rng()),
        )

    return [case(estimator) for estimator in Estimator]
