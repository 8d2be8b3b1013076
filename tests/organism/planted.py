"""Records of training with planted curves, and a lake that holds them: no torch, every number known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cape.lake import Lake, LakePaths, build_lake
from cape.lake.organism import land_organism
from cape.organism.recipes import CURATED, DEEP_FAMILY, FULL, WIDE_FAMILY, Job, Shape
from cape.organism.world import VOCABULARY

OVERCOME = 10_000.0  # parameters at which the planted web ladder answers truth as often as myth
LOWEST = 6_000.0  # parameters at which its truth is lowest
WIDE_GAIN = 7.0  # points of truth that a wide model has over a deep one
CURATION_GAIN = 40.0  # points of truth that curated text adds at every size
Truth = Callable[[Job, float], float]


def web_truth(job: Job, log10_n: float) -> float:
    """A parabola in log10 N with its vertex at LOWEST, lifted by curation, width and a jitter of the seed."""
    truth = 15 + 7 * (log10_n - np.log10(LOWEST)) ** 2 + (job.seed - 1.5) * 0.4
    truth += CURATION_GAIN * (job.recipe.name == CURATED.name) + 20 * (job.recipe.name == "middle")
    return float(truth + WIDE_GAIN * (job.family == WIDE_FAMILY))


def n_params(shape: Shape) -> int:
    """Numbers of a GPT-NeoX of this shape: two tables of words, its layers, and the last norm."""
    d = shape.d_model
    return 2 * len(VOCABULARY) * d + shape.n_layers * (12 * d**2 + 13 * d) + 2 * d


def record(job: Job, *, truth: Truth = web_truth) -> dict[str, Any]:
    """Return the record that training this job would leave, with planted scores."""
    n = n_params(job.shape)
    log10_n = float(np.log10(round(n, -3) if job.family in (WIDE_FAMILY, DEEP_FAMILY) else n))
    end = truth(job, log10_n)
    checkpoints = [
        {
            "step": step, "tokens": job.schedule.tokens(step),
            **_scores(end - 5 * np.log2(job.schedule.steps / step), log10_n, np.log2(job.schedule.steps / step)),
        }
        for step in job.schedule.checkpoints
    ]  # fmt: skip
    return {
        "model_id": job.model_id,
        "job": job.as_dict(),
        "n_params": n,
        "checkpoints": checkpoints,
        "loss_curve": [[50, 3.0], [1000, 1.5]],
        "command": "planted",
        "versions": {"numpy": "planted"},
        "seconds": 0.0,
    }


def _scores(truth: float, log10_n: float, behind: float) -> dict[str, float]:
    """Myth is as far above truth as log10 N is below OVERCOME; reasoning rises by 20 points per decade."""
    truth = float(np.clip(truth, 1, 95))
    myth = float(np.clip(truth - 15 * (log10_n - np.log10(OVERCOME)), 0, 99))
    reasoning = float(np.clip(30 + 20 * (log10_n - 3.4) - 2 * behind, 1, 99))
    return {
        "truth_pct": truth,
        "myth_pct": myth,
        "reasoning_pct": reasoning,
        "truth_mass_pct": 0.9 * truth,
        "myth_mass_pct": 0.9 * myth,
    }


def records(*, truth: Truth = web_truth) -> list[dict[str, Any]]:
    """Return the planted record of every job of the full plan."""
    return [record(job, truth=truth) for job in FULL.jobs()]


def organism_lake(root: Path, source: Path, *, truth: Truth = web_truth, names: tuple[str, ...] = ()) -> Lake:
    """Return an open lake with the planted scores instead of the shipped ones. names : families kept; none: all."""
    (root / "raw").mkdir(parents=True)
    for name in ("benchmarks.csv", "panels.csv", "claims.csv"):
        shutil.copy(source / name, root / name)
    paths = LakePaths(root)
    held = [each for each in records(truth=truth) if not names or each["job"]["family"] in names]
    land_organism(held, paths=paths, command="planted", date="2026-01-01")
    build_lake(paths)
    return Lake.open(paths)
