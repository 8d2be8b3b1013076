"""`cape sweep models.yaml --executor local|slurm`, and `cape sweep status|cancel|example`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from cape.cli_options import taking
from cape.lake import LakePaths
from cape.sweep import EXECUTORS, State, SweepOutcome, SweepStatus, read_status, run_followed
from cape.sweep.executor import cancel_sweep
from cape.sweep.models_file import EXAMPLE, read_models_file
from cape.sweep.planner import JobPlan, config_from, plan_sweep, refuse_unfit
from cape.sweep.probing import Permissions, count_prompts, probe_jobs

UNFINISHED, CANCELLED = 1, 130
MOST_WORKERS = 64
PLAIN_WIDTH = 160  # columns where the output is not a terminal
ABOUT = """Probe many models, each in a job of its own: `cape sweep models.yaml --executor local|slurm`.

The same command goes on where it was stopped. `cape sweep example` prints a file of models to start from."""


class _RunByDefault(TyperGroup):
    """`cape sweep FILE` is `cape sweep run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_own = not args or args[0] in self.commands or args[0] in ("--help", "-h")
        return super().parse_args(ctx, args if is_own else ["run", *args])


app = typer.Typer(help=ABOUT, cls=_RunByDefault, no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `cape sweep run` takes."""

    file: Annotated[Path, typer.Argument(help="YAML file of models; `cape sweep example` prints one.")]
    executor: Annotated[str, typer.Option(help=f"Where jobs run: {' or '.join(EXECUTORS)}.")] = "local"
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep; default: in the lake's built folder.")] = None
    workers: Annotated[int, typer.Option(help="Jobs at a time on this machine.", min=1, max=MOST_WORKERS)] = 1
    plan: Annotated[bool, typer.Option("--plan", help="Print what each job needs and stop.")] = False
    retry: Annotated[bool, typer.Option("--retry", help="Run jobs that failed before once more.")] = False
    allow_hub: Annotated[bool, typer.Option("--allow-hub", help="Let models be fetched from the hub.")] = False
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let Python code that comes with a model run. Not safe.")
    ] = False


@app.command("run")
@taking(RunOptions)
def run(options: RunOptions) -> None:
    """Probe every model of a file; what is done is skipped, what cannot fit is refused before anything starts."""
    plans = plan_sweep(
        read_models_file(options.file),
        read_config=lambda spec: config_from(spec.model, spec.revision, allow_hub=options.allow_hub),
        n_prompts=count_prompts,
    )
    if options.plan:
        _print_plans(plans)
    refuse_unfit(plans)
    if options.plan:
        return
    folder = options.out or LakePaths.from_environment().built / "sweeps" / options.file.stem
    permissions = Permissions(hub=options.allow_hub, remote_code=options.trust_remote_code)
    jobs = probe_jobs(plans, folder.resolve() / "shards", permissions)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome = run_followed(jobs, folder, executor=options.executor, workers=options.workers, retry=options.retry)
    finish(outcome, folder)


@app.command("status")
def status(
    folder: Annotated[Path, typer.Argument(help="Folder of a sweep.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print stable JSON.")] = False,
) -> None:
    """Print where every job of a sweep stands, also while it runs elsewhere."""
    found = read_status(folder)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("job", "state", "attempts", "seconds", "memory GiB", "log"):
        table.add_column(name, overflow="fold")
    for job in found.jobs.values():
        numbers = [_number(job.seconds, ".1f"), _number(job.peak_memory_gib, ".2f")]
        table.add_row(job.name, job.state.value, str(job.attempts), *numbers, job.log)
    _console().print(table, markup=False)
    typer.echo(f"{found.text} Executor {found.executor}, {found.updated}.")
    _list_failures(found, folder)


@app.command("cancel")
def cancel(folder: Annotated[Path, typer.Argument(help="Folder of a sweep that ran on SLURM.")]) -> None:
    """Cancel the jobs that a sweep left in SLURM when its own process was killed."""
    typer.echo(cancel_sweep(folder).text)


@app.command("example")
def example() -> None:
    """Print a file of models to start from."""
    typer.echo(EXAMPLE, nl=False)


def finish(outcome: SweepOutcome, folder: Path) -> None:
    """Say how a sweep ended and exit with 0 when every job is done, 130 when it was cancelled, 1 otherwise."""
    typer.echo(f"{outcome.status.text} Folder: {folder}.")
    _list_failures(outcome.status, folder)
    if outcome.skipped:
        typer.echo(f"{len(outcome.skipped)} jobs failed in an earlier run and were left; --retry runs them.", err=True)
    if outcome.is_cancelled:
        typer.echo("Cancelled. The same command goes on from here.", err=True)
        raise typer.Exit(CANCELLED)
    if not outcome.is_whole:
        raise typer.Exit(UNFINISHED)


def _list_failures(found: SweepStatus, folder: Path) -> None:
    for job in found.of(State.FAILED):
        typer.echo(f"failed: {job.name}: {job.error} Log: {folder / job.log}", err=True)


def _print_plans(plans: Sequence[JobPlan]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("job", "parameters", "prompts", "device", "memory GiB", "of", "GPU GiB", "of", "hours", "of", "fits"):
        table.add_column(name, overflow="fold")
    for plan in plans:
        limits = plan.spec.limits
        gpu = [_number(plan.gpu_gib, ".1f"), f"{limits.gpus} x {plan.spec.gpu_memory_gib:g}" if limits.gpus else "-"]
        main = [f"{plan.memory_gib:.1f}", f"{limits.memory_gib:g}", *gpu, f"{plan.hours:.2f}", f"{limits.hours:g}"]
        fits = "NO" if plan.problems else "yes"
        n_parameters, n_prompts = f"{plan.size.n_parameters:,}", str(plan.n_prompts)
        table.add_row(plan.name, n_parameters, n_prompts, plan.device, *main, fits)
    _console().print(table, markup=False)
    for note in dict.fromkeys(f"{plan.spec.model}: {note}" for plan in plans for note in plan.size.notes):
        typer.echo(note)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
