"""`cape probe MODEL`: look inside a language model and store what its layers, heads and output say."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from cape.cli_options import taking
from cape.errors import BadParameterError
from cape.internals.gather import OnPrompts
from cape.internals.models import Access, require_torch
from cape.internals.probes import BATCH, HOOKS, PARTS, Prompts
from cape.internals.results import ProbeConfig, alarms_of, read_shard
from cape.internals.run import Place, config_of, prompts_of, run_probe
from cape.lake import LakePaths
from cape.lake.organism import shipped_checkpoints
from cape.organism.probe_prompts import background_set, contrast_set
from cape.organism.train import read_record
from cape.organism.world import make_world

CANCELLED = 130
PLAIN_WIDTH = 140  # columns where the output is not a terminal
PLACES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
MOST_PLACES = 4096  # layers or heads that a range may name
SHOWN = (
    "mean_layer_coupling",
    "last_layer_coupling",
    "layer_split_half",
    "net_coupling",
    "net_coupling_p",
    "head_coop_frac",
    "head_comp_frac",
    "head_coupling_split_half",
    "tl_attn_net_coupling",
    "proj_hidden_cos",
    "proj_output_cos",
    "proj_wide_cos",
    "proj_ridge_cos",
    "proj_random_cos",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """The options of `cape probe`."""

    model: Annotated[str, typer.Argument(help="A folder with config.json and safetensors, or a hub id.")] = ""
    shipped: Annotated[bool, typer.Option("--shipped", help="Probe every shipped model of the organism.")] = False
    revision: Annotated[str, typer.Option(help="Branch, tag or commit on the hub.")] = "main"
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32"
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:0, mps, or auto for every GPU.")] = "cpu"
    parts: Annotated[str, typer.Option(help=f"What to probe, by commas: {', '.join(PARTS)}.")] = ",".join(PARTS)
    layers: Annotated[str, typer.Option(help="Layers to store, as 0,3-5; empty: all.")] = ""
    heads: Annotated[str, typer.Option(help="Heads to store, as 0,3-5; empty: all.")] = ""
    backend: Annotated[str, typer.Option(help="hooks or transformerlens.")] = HOOKS
    prompts: Annotated[str, typer.Option(help="YAML file with two groups of prompts; empty: the shipped ones.")] = ""
    background: Annotated[str, typer.Option(help="YAML file of other prompts; empty: the shipped ones; or none.")] = ""
    out: Annotated[Path | None, typer.Option(help="Folder of shards; empty: one in the lake's built folder.")] = None
    batch: Annotated[int, typer.Option(help="Prompts of one forward pass.", min=1, max=4096)] = BATCH
    resamples: Annotated[int, typer.Option(help="Resamples and shuffles.", min=1, max=100_000)] = 1000
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 0
    force: Annotated[bool, typer.Option("--force", help="Probe again what is stored.")] = False
    allow_hub: Annotated[bool, typer.Option("--allow-hub", help="Fetch the model from the hub.")] = False
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="Read weights that are no safetensors.")] = False
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python that comes with the model.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the stored rows as JSON.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    config: ProbeConfig
    prompts: Prompts
    place: Place


@taking(ProbeOptions)
def probe(given: ProbeOptions) -> None:
    """Look inside a language model: layers, heads, attention and output, with intervals, nulls and alarms."""
    runs = _shipped_runs(given) if given.shipped else [_run(given)]
    require_torch()
    parts = _parts(given)
    files = []
    with _progress(sum(len(run.prompts) for run in runs)) as on_prompts:
        try:
            for run in runs:
                config = config_of(run.config, run.prompts, parts)
                files.append(
                    run_probe(config, run.prompts, run.place, parts=parts, force=given.force, on_prompts=on_prompts)
                )
        except KeyboardInterrupt:
            typer.echo(f"Cancelled; {len(files)} of {len(runs)} models are stored. The same command goes on.", err=True)
            raise typer.Exit(CANCELLED) from None
    _show(pl.concat([read_shard(file) for file in files]), files, as_json=given.as_json)


def _run(given: ProbeOptions) -> _Run:
    if not given.model:
        raise BadParameterError("Name a model: a folder or a hub id; or use --shipped.")
    prompts = prompts_of(given.prompts, given.background)
    return _Run(config=_config(given, given.model), prompts=prompts, place=_place(given, given.model))


def _shipped_runs(given: ProbeOptions) -> list[_Run]:
    """Return one run per shipped checkpoint, with prompts in the words of its world."""
    if given.model or given.prompts or given.background:
        raise BadParameterError("--shipped takes its models and prompts from the lake. Leave the others out.")
    runs = []
    for folder in shipped_checkpoints(LakePaths.from_environment()):
        record = read_record(folder) or {}
        world = make_world(record["job"]["seed"])
        prompts = Prompts(contrast=contrast_set(world), background=background_set(world))
        place = _place(given, str(folder), record["model_id"])
        runs.append(_Run(config=_config(given, str(folder)), prompts=prompts, place=place))
    return runs


def _config(given: ProbeOptions, model: str) -> ProbeConfig:
    return ProbeConfig(
        model=model,
        revision=given.revision,
        dtype=given.dtype,
        backend=given.backend,
        layers=_numbers(given.layers, "--layers"),
        heads=_numbers(given.heads, "--heads"),
        seed=given.seed,
        n_resamples=given.resamples,
    )


def _place(given: ProbeOptions, source: str, model_id: str = "") -> Place:
    folder = given.out or LakePaths.from_environment().built / "probes"
    access = Access(hub=given.allow_hub, remote_code=given.trust_remote_code, pickle=given.allow_pickle)
    return Place(source=source, folder=folder, device=given.device, batch=given.batch, access=access, model_id=model_id)


def _parts(given: ProbeOptions) -> tuple[str, ...]:
    """Return the parts asked for, in their own order; raise BadParameterError for one that is not known."""
    wanted = [part.strip() for part in given.parts.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in PARTS]
    if unknown or not wanted:
        raise BadParameterError(f"There is no part {', '.join(unknown) or given.parts!r}. Known: {', '.join(PARTS)}.")
    return tuple(part for part in PARTS if part in wanted)


def _numbers(text: str, option: str) -> tuple[int, ...]:
    """Return the numbers of a text such as 0,3-5; raise BadParameterError for any other."""
    bare = "".join(text.split())
    if not bare:
        return ()
    if not PLACES.fullmatch(bare):
        raise BadParameterError(f"{option} takes numbers and ranges such as 0,3-5, got {text!r}.")
    pairs = [part.partition("-") for part in bare.split(",")]
    ranges = [(int(low), int(high or low)) for low, _, high in pairs]
    if any(high < low or high >= MOST_PLACES for low, high in ranges):
        raise BadParameterError(f"{option} takes ranges that rise and stay below {MOST_PLACES}, got {text!r}.")
    return tuple(sorted({number for low, high in ranges for number in range(low, high + 1)}))


@contextmanager
def _progress(n_prompts: int) -> Iterator[OnPrompts]:
    """Show a bar of prompts on stderr."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("prompts", total=n_prompts)
        yield lambda n: bar.advance(task, n)


def _show(rows: pl.DataFrame, files: list[Path], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"shards": [str(file) for file in files], "rows": rows.to_dicts()}, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("model", "instrument", "probe", "value", "low", "high", "unit", "n"):
        table.add_column(name, overflow="fold")
    for row in rows.filter(pl.col("probe").is_in(SHOWN) & pl.col("layer").is_null()).iter_rows(named=True):
        numbers = ["-" if row[name] is None else f"{row[name]:.3f}" for name in ("value", "low", "high")]
        words = (row["model_id"], row["instrument"], row["probe"], *numbers, row["unit"], str(row["n_prompts"]))
        table.add_row(*words)
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    for alarm in alarms_of(rows):
        typer.echo(alarm)
    typer.echo(f"{rows.height} rows in {len(files)} shards: {', '.join(str(file) for file in files)}")
