"""A bar on stderr that follows a sweep, and a line for every job that ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cape.sweep.executor import SweepOutcome, Watch, run_sweep
from cape.sweep.jobs import Job
from cape.sweep.status import State, SweepStatus

ENDED = (State.DONE, State.FAILED, State.CANCELLED)


def run_followed(
    jobs: Sequence[Job], folder: Path, *, executor: str, workers: int = 1, retry: bool = False
) -> SweepOutcome:
    """Run a sweep as run_sweep does, with a bar on stderr."""
    with following(jobs) as on_change:
        return run_sweep(jobs, folder, executor=executor, workers=workers, retry=retry, on_change=on_change)


@contextmanager
def following(jobs: Sequence[Job]) -> Iterator[Watch]:
    """Show a bar of the jobs that have ended; yields the function to hand to run_sweep as on_change."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    seen: dict[str, State] = {}
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("jobs", total=len(jobs))

        def on_change(status: SweepStatus) -> None:
            for job in status.jobs.values():
                is_news = job.state in ENDED and seen.get(job.name) is not job.state and not job.was_held
                seen[job.name] = job.state
                if is_news:
                    seconds = f", {job.seconds:.0f} s" if job.seconds is not None else ""
                    reason = f": {job.error}; log {job.log}" if job.error else ""
                    console.print(f"{job.name}: {job.state}{seconds}{reason}", highlight=False, markup=False)
            active = len(status.of(State.RUNNING))
            bar.update(task, completed=len(status.of(*ENDED)), description=f"{active} running")

        yield on_change
