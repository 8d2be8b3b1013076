"""Train the jobs of a plan in several processes; finished jobs are kept, so that a cancelled run goes on later."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError
from cape.organism.model import require_torch
from cape.organism.recipes import FULL, Job, Plan
from cape.organism.train import read_record, train_job

Finished = Callable[[Job, dict[str, Any]], None]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def chosen_jobs(plan: Plan, *, family: str = "", shape: str = "", seed: int | None = None) -> tuple[Job, ...]:
    """Return the jobs of a plan with this family, shape and seed; an empty filter keeps all.

    Raises BadParameterError, with what there is, when none is left.
    """
    jobs = plan.jobs()
    kept = tuple(
        job for job in jobs if family in ("", job.family) and shape in ("", job.shape.name) and seed in (None, job.seed)
    )
    if not kept:
        known = [sorted({text(job) for job in jobs}) for text in (_family, _shape, _seed)]
        raise BadParameterError(
            f"No model has family {family!r}, shape {shape!r} and seed {seed}. Families: {', '.join(known[0])}. "
            f"Shapes: {', '.join(known[1])}. Seeds: {', '.join(known[2])}."
        )
    return kept


def run_jobs(
    jobs: Sequence[Job], folder: Path, *, workers: int, on_finished: Finished | None = None
) -> list[dict[str, Any]]:
    """Train every job under folder and return the records in order of the jobs.

    workers : processes of one thread each; with 1 the jobs run in this process. on_finished is called after each.
    An interruption leaves the finished jobs as they are and the others without a record.
    """
    require_torch()
    found: dict[str, dict[str, Any]] = {}
    for job, record in _results(jobs, folder, workers):
        found[job.name] = record
        if on_finished is not None:
            on_finished(job, record)
    return [found[job.name] for job in jobs]


def train_named(*, family: str, shape: str, seed: int, folder: str) -> None:
    """Train the one model of the shipped experiment with this family, shape and seed under a folder.

    The form in which a training job goes through a sweep: plain values in, a record in the job's own folder out.
    """
    (job,) = chosen_jobs(FULL, family=family, shape=shape, seed=seed)
    train_job(job, Path(folder) / job.name)


def held_records(jobs: Sequence[Job], folder: Path) -> list[dict[str, Any]]:
    """Return the records of the jobs that a folder holds finished."""
    records = ((job, read_record(folder / job.name)) for job in jobs)
    return [record for job, record in records if record is not None and record["job"] == job.as_dict()]


def cost(job: Job) -> float:
    """Return the relative cost of a job: a fixed share for every layer and step and a share for its numbers."""
    shape = job.shape
    return job.schedule.steps * shape.n_layers * (1 + (shape.d_model / 24) ** 2)


def _results(jobs: Sequence[Job], folder: Path, workers: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    if workers <= 1:
        for job in jobs:
            yield job, train_job(job, folder / job.name)
        return
    os.environ.update(ONE_THREAD)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(train_job, job, folder / job.name): job for job in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _family(job: Job) -> str:
    return job.family


def _shape(job: Job) -> str:
    return job.shape.name


def _seed(job: Job) -> str:
    return str(job.seed)
