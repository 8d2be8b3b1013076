"""The jobs of the model organism and of the calibration, in the form that goes through a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cape import calibration
from cape.errors import SweepError
from cape.organism import recipes
from cape.organism.run import held_records
from cape.organism.train import RECORD_FILE
from cape.sweep.executor import SweepOutcome
from cape.sweep.jobs import Job, Limits, config_hash
from cape.sweep.progress import run_followed
from cape.sweep.status import State

SWEEP_FOLDER = "sweep"  # of status, records and logs, beside the outputs
TRAINING_LIMITS = Limits(cpus=1, memory_gib=2.0, hours=1.0)  # the largest model of the ladder takes minutes
CALIBRATION_LIMITS = Limits(cpus=1, memory_gib=2.0, hours=8.0)  # the largest cell at 300 panels takes under an hour


def train_by_sweep(jobs: Sequence[recipes.Job], folder: Path, *, executor: str, workers: int) -> SweepOutcome:
    """Train models through the executor of sweeps; what an earlier run finished is kept, failures are tried again."""
    place = folder.resolve()
    _remove_others(jobs, place)
    return run_followed(
        [_training_job(job, place) for job in jobs],
        place / SWEEP_FOLDER,
        executor=executor,
        workers=workers,
        retry=True,
    )


def calibrate_by_sweep(
    jobs: Sequence[calibration.Job], folder: Path, *, n_simulations: int, executor: str, workers: int
) -> SweepOutcome:
    """Run a calibration through the executor of sweeps, one job per cell and world; all blocks land in the folder."""
    place = folder.resolve()
    first = {(job.cell, job.world): job for job in reversed(jobs)}
    chosen = [
        _calibration_job(first[key], place, n_simulations) for key in dict.fromkeys((j.cell, j.world) for j in jobs)
    ]
    return run_followed(chosen, place / SWEEP_FOLDER, executor=executor, workers=workers, retry=True)


def check_whole(outcome: SweepOutcome, folder: Path) -> None:
    """Raise SweepError, with the logs, where jobs of a sweep failed."""
    failed = outcome.status.of(State.FAILED)
    if failed:
        lines = [f"{job.name}: {job.error} Log: {folder / SWEEP_FOLDER / job.log}" for job in failed]
        raise SweepError(f"{len(failed)} jobs failed; the same command tries them again.\n" + "\n".join(lines))


def _training_job(job: recipes.Job, folder: Path) -> Job:
    arguments = {"family": job.family, "shape": job.shape.name, "seed": job.seed, "folder": str(folder)}
    return Job(
        name=f"organism/{job.name}",
        function="cape.organism.run:train_named",
        arguments=arguments,
        output=folder / job.name / RECORD_FILE,
        config_hash=config_hash("organism", job.as_dict()),
        limits=TRAINING_LIMITS,
    )


def _remove_others(jobs: Sequence[recipes.Job], folder: Path) -> None:
    """Remove records of models that were trained otherwise, so that their presence does not count as done."""
    held = {record["model_id"] for record in held_records(jobs, folder)}
    for job in jobs:
        if job.model_id not in held:
            (folder / job.name / RECORD_FILE).unlink(missing_ok=True)


def _calibration_job(job: calibration.Job, folder: Path, n_simulations: int) -> Job:
    numbers = {"n_simulations": n_simulations, "n_resamples": job.n_resamples, "seed": job.seed}
    what = {"cell": job.cell.name, "world": job.world, "numbers": numbers, "groups": list(job.groups)}
    fixed = config_hash("calibration", {**what, "code": calibration.fingerprint()})
    done = folder / SWEEP_FOLDER / "done" / fixed
    return Job(
        name=f"calibration/{job.cell.name}-{job.world}-{n_simulations}",
        function="cape.calibration.jobs:run_cell",
        arguments={**what, "folder": str(folder), "done": str(done)},
        output=done,
        config_hash=fixed,
        limits=CALIBRATION_LIMITS,
    )
