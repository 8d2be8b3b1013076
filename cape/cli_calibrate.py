"""`cape calibrate`: simulate panels with planted truth and store how each interval and test does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from cape import calibration
from cape.cli_options import taking
from cape.lake import LakePaths, command_of_computed, read_computed, write_computed
from cape.sweep import EXECUTORS
from cape.sweep.laboratory import calibrate_by_sweep, check_whole

CANCELLED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """What `cape calibrate` takes."""

    cells: Annotated[str, typer.Option(help="Cells such as 20x5x10042x817, declared, rest or all; by commas.")] = "all"
    worlds: Annotated[str, typer.Option(help="Worlds of planted truth, by commas; empty: all.")] = ""
    simulations: Annotated[int, typer.Option(help="Simulated panels of each cell and world.")] = 300
    resamples: Annotated[int, typer.Option(help="Resamples of each bootstrap and permutation test.")] = 499
    workers: Annotated[int, typer.Option(help="Processes; 0: one per core.")] = 0
    seed: Annotated[int, typer.Option(help="Seed that all draws follow from.")] = 0
    groups: Annotated[str, typer.Option(help=f"Only these estimators: {', '.join(calibration.GROUPS)}.")] = ""
    executor: Annotated[
        str, typer.Option(help=f"{' or '.join(EXECUTORS)}: a submitit job per cell and world; or a pool.")
    ] = ""

    @property
    def answering(self) -> list[str]:
        """Names of the groups of estimators; none: all."""
        return [name.strip() for name in self.groups.split(",") if name.strip()]

    @property
    def command(self) -> str:
        """The command that gives the same results."""
        return f"cape calibrate --cells {self.cells} --simulations {self.simulations} --resamples {self.resamples}"


@taking(CalibrateOptions)
def calibrate(options: CalibrateOptions) -> None:
    """Simulate panels with planted truth and store how each interval and test does; goes on where it was stopped."""
    names = [name.strip() for name in options.worlds.split(",") if name.strip()] or list(calibration.WORLD)
    chosen = calibration.cells_named(options.cells)
    jobs = calibration.plan(
        chosen,
        names,
        n_simulations=options.simulations,
        n_resamples=options.resamples,
        seed=options.seed,
        groups=options.answering,
    )
    paths = LakePaths.from_environment()
    folder = paths.built / "calibration" / calibration.fingerprint()
    is_whole = _by_sweep(jobs, folder, options) if options.executor else _in_pool(jobs, folder, options)
    found = calibration.rows(jobs, folder)
    if found:
        write_computed(
            "calibration",
            calibration.merged(read_computed("calibration", paths=paths), found),
            paths=paths,
            from_lake_version="none: simulated",
            command=_commands(options, paths),
            seed=options.seed,
        )
    whole = len({(row["cell"], row["world"]) for row in found})
    typer.echo(
        f"{whole} of {len(chosen) * len(names)} cells and worlds are stored. Run `cape build`, or start the app."
    )
    if not is_whole:
        typer.echo("Cancelled. The same command goes on from here.", err=True)
        raise typer.Exit(CANCELLED)


def _commands(options: CalibrateOptions, paths: LakePaths) -> str:
    """Return the commands that made the stored simulations, this one last; one group says what it says among all."""
    held = [command for command in command_of_computed("calibration", paths=paths).split("; ") if command]
    if options.answering and held:
        return "; ".join(held)
    return "; ".join([*(command for command in held if command != options.command), options.command])


def _in_pool(jobs: Sequence[calibration.Job], folder: Path, options: CalibrateOptions) -> bool:
    """Run the blocks over processes of this machine; return False where they were cancelled."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("blocks of panels", total=len(jobs))
        try:
            calibration.run_jobs(
                jobs,
                folder,
                n_workers=options.workers or os.cpu_count() or 1,
                progress=lambda done, _: bar.update(task, completed=done),
            )
        except KeyboardInterrupt:
            return False
    return True


def _by_sweep(jobs: Sequence[calibration.Job], folder: Path, options: CalibrateOptions) -> bool:
    """Run the cells and worlds through the executor of sweeps; return False where they were cancelled."""
    workers = options.workers or os.cpu_count() or 1
    outcome = calibrate_by_sweep(
        jobs, folder, n_simulations=options.simulations, executor=options.executor, workers=workers
    )
    check_whole(outcome, folder)
    return not outcome.is_cancelled
