"""Jobs of the calibration: one block of panels of one cell and world each, resumable, on as many processes as wished.

The draws of a job follow from its own numbers, so results depend neither on the number of workers nor on the order.
"""

from __future__ import annotations

import ast
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cape.calibration.batched import Answers
from cape.calibration.cells import Cell, cells_named
from cape.calibration.estimators import BY_NAME, ESTIMATORS, Calibrated, Truth
from cape.calibration.groups import GROUPS, POPULATION_GROUPS
from cape.calibration.tally import rounded, row_of, tally
from cape.calibration.worlds import WORLD, draw_design, draw_panels, level_at_turn
from cape.errors import BadParameterError

Tallies = dict[str, dict[str, float]]

BLOCK = 25  # panels of one job: they share sizes and resamples, and fit the cache of a core
MANY_FAMILIES = 20_000  # families whose statistic counts as the truth; its own error is below 0.01
QUEUED = 4  # jobs handed to each worker ahead of time, so that a cancelled run ends soon
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One block of panels. block : its number, from 0; n_panels : BLOCK but for the last of a cell.

    groups : names of the groups of estimators that answer.
    """

    cell: Cell
    world: str
    block: int
    n_panels: int
    n_resamples: int
    seed: int
    groups: tuple[str, ...] = tuple(GROUPS)

    @property
    def entropy(self) -> tuple[int, ...]:
        """The numbers that all draws of the job follow from; the number of its panels is not among them."""
        world = zlib.crc32(self.world.encode())
        cell = self.cell
        return (self.seed, cell.n_families, cell.n_sizes, cell.x_items, cell.y_items, world, self.block)

    @property
    def key(self) -> str:
        """A file name for the result of the job."""
        plan = f"{self.n_panels}p-{self.n_resamples}r-{self.seed}s"
        if self.groups != tuple(GROUPS):
            plan = f"{plan}-{'-'.join(self.groups)}"
        return f"{self.cell.name}-{self.world}-{self.block:04d}-{plan}"


def plan(
    cells: Sequence[Cell],
    worlds: Sequence[str],
    *,
    n_simulations: int,
    n_resamples: int,
    seed: int,
    groups: Sequence[str] = (),
) -> tuple[Job, ...]:
    """Return the jobs of a calibration, cell by cell; no groups: all.

    Raises BadParameterError for a world or group that does not exist, or fewer than 1 simulation or 20 resamples.
    """
    if n_simulations < 1 or n_resamples < 20 or seed < 0:
        raise BadParameterError(
            f"A calibration needs 1 simulation, 20 resamples and a seed of 0 or more, got {n_simulations}, "
            f"{n_resamples} and {seed}."
        )
    if unknown := [name for name in worlds if name not in WORLD]:
        raise BadParameterError(f"There is no world {unknown[0]!r}. Known: {', '.join(WORLD)}.")
    if unknown := [name for name in groups if name not in GROUPS]:
        raise BadParameterError(f"There is no group {unknown[0]!r} of estimators. Known: {', '.join(GROUPS)}.")
    answering = tuple(name for name in GROUPS if name in groups or not groups)
    blocks = [min(BLOCK, n_simulations - first) for first in range(0, n_simulations, BLOCK)]
    return tuple(
        Job(
            cell=cell,
            world=world,
            block=block,
            n_panels=n_panels,
            n_resamples=n_resamples,
            seed=seed,
            groups=answering,
        )
        for cell in cells
        for world in worlds
        for block, n_panels in enumerate(blocks)
    )


def run_job(job: Job) -> Tallies:
    """Return the counts of every estimator over the panels of one job."""
    world = WORLD[job.world]
    rng = np.random.default_rng([*job.entropy, 0])
    design = draw_design(world, n_families=job.cell.n_families, n_sizes=job.cell.n_sizes, rng=rng)
    panels = draw_panels(world, design, job.cell, n_panels=job.n_panels, rng=rng)
    known = population(job.cell, job.world, job.seed)
    tallies: Tallies = {}
    for number, group in enumerate(GROUPS):
        if group not in job.groups:
            continue
        for name, answers in GROUPS[group](panels, job.n_resamples, (*job.entropy, 1 + number)).items():
            estimator = BY_NAME[name]
            truth = _truth(estimator, answers, known, job.world)
            tallies[name] = tally(answers, estimator, truth)
    return tallies


@lru_cache(maxsize=8)
def population(cell: Cell, world: str, seed: int) -> dict[str, float]:
    """Return the value of every estimator of a population in a panel of MANY_FAMILIES families."""
    rng = np.random.default_rng([seed, cell.n_sizes, cell.x_items, cell.y_items, zlib.crc32(world.encode())])
    design = draw_design(WORLD[world], n_families=MANY_FAMILIES, n_sizes=cell.n_sizes, rng=rng)
    panels = draw_panels(WORLD[world], design, cell, n_panels=1, rng=rng)
    found = {name: answers for group in POPULATION_GROUPS for name, answers in group(panels, 2, (seed,)).items()}
    return {name: rounded(answers.value[0]) for name, answers in found.items()}


def finished(job: Job, folder: Path) -> Tallies | None:
    """Return the stored result of a job, or None; a file that was cut short counts as none."""
    try:
        return json.loads((folder / f"{job.key}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def run_jobs(jobs: Sequence[Job], folder: Path, *, n_workers: int, progress: Callable[[int, int], None]) -> None:
    """Run the jobs whose result is not in the folder and store each as it ends; progress gets (done, all).

    A KeyboardInterrupt leaves what is stored; the same call goes on from there.
    """
    if n_workers < 1:
        raise BadParameterError(f"A calibration needs 1 worker or more, got {n_workers}.")
    folder.mkdir(parents=True, exist_ok=True)
    left = [job for job in jobs if finished(job, folder) is None]
    n_done = len(jobs) - len(left)
    progress(n_done, len(jobs))
    ended = map(_with_result, left) if n_workers == 1 else _in_processes(left, n_workers)
    for job, result in ended:
        draft = folder / f".{job.key}.{os.getpid()}"
        draft.write_text(json.dumps(result), encoding="utf-8")
        os.replace(draft, folder / f"{job.key}.json")
        n_done += 1
        progress(n_done, len(jobs))


def run_cell(*, cell: str, world: str, numbers: dict[str, int], groups: Sequence[str], folder: str, done: str) -> None:
    """Run every block of one cell and world and then write the empty file `done`.

    The form in which a calibration goes through a sweep: plain values in, results in a folder out.
    numbers : n_simulations, n_resamples and seed of `plan`.
    """
    jobs = plan(cells_named(cell), [world], **numbers, groups=groups)
    run_jobs(jobs, Path(folder), n_workers=1, progress=_silent)
    Path(done).touch()


def _silent(done: int, n_jobs: int) -> None:
    """Progress of a job that another process follows."""


def rows(jobs: Sequence[Job], folder: Path) -> list[dict]:
    """Return one row per cell, world and estimator of which every block is stored, in the order of the jobs."""
    groups: dict[tuple[Cell, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.cell, job.world), []).append(job)
    found = []
    for (cell, world), blocks in groups.items():
        results = [finished(job, folder) for job in sorted(blocks, key=lambda job: job.block)]
        whole = [result for result in results if result is not None]
        if len(whole) < len(results):
            continue
        found += [
            {
                "cell": cell.name,
                **asdict(cell),
                "world": world,
                "estimator": estimator.name,
                "quantity": estimator.quantity,
                "unit": estimator.unit,
                "n_resamples": blocks[0].n_resamples,
                "seed": blocks[0].seed,
                **row_of([result[estimator.name] for result in whole]),
            }
            for estimator in ESTIMATORS
            if estimator.name in whole[0]
        ]
    return found


def merged(stored: Sequence[dict], found: Sequence[dict]) -> list[dict]:
    """Return the stored rows with those of the same cell, world and estimator replaced, in a fixed order."""
    new = {(row["cell"], row["world"], row["estimator"]) for row in found}
    kept = [row for row in stored if (row["cell"], row["world"], row["estimator"]) not in new]
    order = ("n_families", "n_sizes", "x_items", "y_items", "world", "estimator")
    return sorted([*kept, *found], key=lambda row: tuple(row[name] for name in order))


def fingerprint() -> str:
    """Return a hash of the code that results depend on, words apart, so that results of another code are not used."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for file in sorted([*(package / "calibration").glob("*.py"), *(package / "stats").glob("*.py")]):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ""  # docstrings
        digest.update(file.name.encode() + ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def _truth(estimator: Calibrated, answers: Answers, known: dict[str, float], world: str) -> NDArray[np.float64]:
    """Return the truth of each panel, NaN where the quantity does not exist or a test has none."""
    if answers.truth is not None:
        return answers.truth
    turn = WORLD[world].turn
    value = np.nan
    if estimator.truth is Truth.POPULATION:
        value = known[estimator.improves or estimator.name]
    elif turn is not None and estimator.truth in (Truth.TURN, Truth.LEVEL):
        value = turn if estimator.truth is Truth.TURN else level_at_turn(WORLD[world])
    return np.full(answers.value.size, value)


def _with_result(job: Job) -> tuple[Job, Tallies]:
    return job, run_job(job)


def _in_processes(jobs: Sequence[Job], n_workers: int) -> Iterator[tuple[Job, Tallies]]:
    """Yield jobs with their results as they end; a few are handed out ahead, so that a cancelled run ends soon."""
    waiting = iter(jobs)
    with (
        _one_thread_each(),
        ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("spawn"), initializer=_as_worker) as pool,
    ):
        running: set[Future[tuple[Job, Tallies]]] = set()
        try:
            while True:
                for job in waiting:
                    running.add(pool.submit(_with_result, job))
                    if len(running) >= QUEUED * n_workers:
                        break
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _as_worker() -> None:
    """Leave Ctrl-C to the process that started this one, and end with it even where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Give every worker one thread of linear algebra, as there is a worker per core."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
