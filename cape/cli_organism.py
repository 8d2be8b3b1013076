"""`cape organism show | train | eval`: look into the synthetic world, train the ladders, score checkpoints."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from cape.cli_options import taking
from cape.errors import BadParameterError
from cape.lake import LakePaths
from cape.lake.organism import (
    land_organism,
    ship_checkpoints,
    shipped_checkpoints,
    shipped_scores,
    working_folder,
)
from cape.organism.model import load_model, require_torch
from cape.organism.recipes import FULL, RECIPES, Job
from cape.organism.results import Comparison, compare, ladder_entries, tables_of
from cape.organism.run import chosen_jobs, cost, held_records, run_jobs
from cape.organism.score import Score, score_model
from cape.organism.train import read_record
from cape.organism.world import make_world, sample_text
from cape.sweep import EXECUTORS
from cape.sweep.laboratory import check_whole, train_by_sweep

NOT_REPEATED, CANCELLED = 1, 130
MOST_WORKERS = 64

app = typer.Typer(
    help="The model organism: small transformers trained on a synthetic world.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show")
def show(
    recipe: Annotated[str, typer.Option(help=f"Recipe of text: {', '.join(RECIPES)}.")] = "web",
    seed: Annotated[int, typer.Option(help="Seed of the world.", min=0)] = 0,
    texts: Annotated[int, typer.Option(help="Training texts to show.", min=1, max=1000)] = 12,
) -> None:
    """Print a readable sample of a world: training texts, a question and sums."""
    if recipe not in RECIPES:
        raise BadParameterError(f"There is no recipe {recipe!r}. Known: {', '.join(RECIPES)}.")
    typer.echo(sample_text(seed, RECIPES[recipe].mixture, n=texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What `cape organism train` takes."""

    family: Annotated[str, typer.Option(help="Only this ladder, as web or curated; empty: all.")] = ""
    shape: Annotated[str, typer.Option(help="Only this shape, as d16-l2; empty: all.")] = ""
    seed: Annotated[int | None, typer.Option(help="Only this seed; empty: all.")] = None
    out: Annotated[Path | None, typer.Option(help="Folder of the run; finished models in it are kept.")] = None
    workers: Annotated[int, typer.Option(help="Processes of one thread each.", min=1, max=MOST_WORKERS)] = 1
    ship: Annotated[bool, typer.Option("--ship", help="Write scores and checkpoints into the lake.")] = False
    executor: Annotated[str, typer.Option(help=f"{' or '.join(EXECUTORS)}: a submitit job per model; or a pool.")] = ""


@app.command("train")
@taking(TrainOptions)
def train(options: TrainOptions) -> None:
    """Train the ladders, or what is still missing of them, and compare with the shipped scores."""
    paths = LakePaths.from_environment()
    folder = options.out or working_folder(paths)
    jobs = chosen_jobs(FULL, family=options.family, shape=options.shape, seed=options.seed)
    if options.ship and len(jobs) < len(FULL.jobs()):
        raise BadParameterError("--ship replaces every shipped score. Leave out --family, --shape and --seed with it.")
    require_torch()
    held = None if options.ship else shipped_scores(paths)
    started = time.perf_counter()
    records = _trained(jobs, folder, options)
    typer.echo(f"{len(records)} models in {folder}, {time.perf_counter() - started:.0f} s.")
    if held is None:
        _ship(records, [job.name for job in jobs], folder, paths)
        return
    new = tables_of(ladder_entries(records))["scores"].select(pl.all().cast(pl.String))
    compared = compare(new, held)
    _print_comparison(compared)
    if compared.rows.height and not compared.is_repeated:
        raise typer.Exit(NOT_REPEATED)


def _trained(jobs: Sequence[Job], folder: Path, options: TrainOptions) -> list[dict[str, Any]]:
    """Return the records of the jobs, trained in a pool of processes or through the executor of sweeps."""
    if options.executor:
        outcome = train_by_sweep(jobs, folder, executor=options.executor, workers=options.workers)
        if outcome.is_cancelled:
            typer.echo("Cancelled. The same command goes on from here.", err=True)
            raise typer.Exit(CANCELLED)
        check_whole(outcome, folder)
        return held_records(jobs, folder)
    with _progress(jobs, held=len(held_records(jobs, folder))) as on_finished:
        return run_jobs(jobs, folder, workers=options.workers, on_finished=on_finished)


def _ship(records: list[dict[str, Any]], names: list[str], folder: Path, paths: LakePaths) -> None:
    """Write scores and checkpoints into the lake and say what was written."""
    today = datetime.date.today().isoformat()
    landed = land_organism(records, paths=paths, command="cape organism train --ship", date=today)
    shipped = ship_checkpoints(names, folder, paths=paths)
    typer.echo(f"{len(landed)} tables landed, checkpoints of {len(shipped)} recipes shipped.")


@app.command("eval")
def evaluate(
    folders: Annotated[list[Path] | None, typer.Argument(help="Checkpoint folders; empty: the shipped ones.")] = None,
) -> None:
    """Score checkpoints on the world of their seed and print the scores beside the recorded ones."""
    chosen = folders or shipped_checkpoints(LakePaths.from_environment())
    if not chosen:
        raise BadParameterError("The lake ships no checkpoint. Name a folder, or train one with `cape organism train`.")
    require_torch()
    for folder in chosen:
        record = read_record(folder)
        if record is None:
            raise BadParameterError(f"{folder} holds no training.json of a finished model. Name a job's own folder.")
        found = score_model(load_model(folder), make_world(record["job"]["seed"]))
        held = record["checkpoints"][-1]
        same = all(held[name] == value for name, value in found.as_dict().items() if name in EXACT)
        typer.echo(f"{record['model_id']}: {_score_text(found)}; {'as' if same else 'NOT as'} recorded")


EXACT = ("truth_pct", "myth_pct", "reasoning_pct")


def _score_text(score: Score) -> str:
    return f"truth {score.truth_pct:.1f} %, myth {score.myth_pct:.1f} %, reasoning {score.reasoning_pct:.1f} % of items"


@contextmanager
def _progress(jobs: Sequence[Job], *, held: int) -> Iterator[Callable[[Job, dict[str, Any]], None]]:
    """Show a bar weighted by cost on stderr, and a line for every model that is finished."""
    console = Console(stderr=True)
    console.print(f"{len(jobs)} models, {held} of them finished before.", highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=sum(cost(job) for job in jobs))

        def on_finished(job: Job, record: dict[str, Any]) -> None:
            last = record["checkpoints"][-1]
            text = f"{job.name}: truth {last['truth_pct']:.1f}, myth {last['myth_pct']:.1f}"
            console.print(f"{text}, reasoning {last['reasoning_pct']:.1f} %; {record['seconds']} s", highlight=False)
            bar.advance(task, cost(job))

        yield on_finished


def _print_comparison(compared: Comparison) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("family", "parameters", "benchmark", "seeds", "shipped %", "new %", "difference", "noise", "repeats"):
        table.add_column(name)
    for row in compared.rows.iter_rows(named=True):
        numbers = [f"{row[name]:.2f}" for name in ("shipped_pct", "new_pct", "difference_pp", "noise_pp")]
        verdict = "identical" if row["is_identical"] else "yes" if row["is_repeated"] else "NO"
        places = [row["family"], f"{row['parameters']:.0f}", row["benchmark"], str(row["n_seeds"])]
        table.add_row(*places, *numbers, verdict)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    typer.echo(compared.text)
