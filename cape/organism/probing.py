"""Probe models of the organism, in the words of each one's own world, and put their shards together for the lake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import polars as pl

from cape.errors import BadParameterError
from cape.internals.probes import Prompts
from cape.internals.results import ProbeConfig, read_shard
from cape.internals.run import Place, config_of, run_probe
from cape.organism.probe_prompts import background_set, contrast_set
from cape.organism.recipes import RECIPES
from cape.organism.train import read_record
from cape.organism.world import make_world

SHARD = "probe-organism-{}.parquet"  # of one recipe: every model of its ladder
Done = Callable[[Path], None]


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the finished models of the recipes' own ladders in a run, in order of recipe, seed and size.

    Raises BadParameterError where there is none.
    """
    held = [(file.parent, read_record(file.parent)) for file in folder.glob("*/*/**/training.json")]
    known = [(place, record) for place, record in held if record is not None and record["job"]["family"] in RECIPES]
    if not known:
        raise BadParameterError(f"{folder} holds no finished model. Train them with `cape organism train`.")
    order = list(RECIPES)
    known.sort(key=lambda pair: (order.index(pair[1]["job"]["family"]), pair[1]["job"]["seed"], pair[1]["n_params"]))
    return [place for place, _ in known]


def probe_checkpoints(folders: Sequence[Path], shards: Path, *, on_done: Done) -> dict[str, list[Path]]:
    """Probe every model that has no shard yet and return the shards by recipe."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        record = read_record(folder)
        if record is None:
            raise BadParameterError(f"{folder} holds no training.json of a finished model.")
        prompts = world_prompts(record["job"]["seed"])
        config = config_of(ProbeConfig(model=str(folder)), prompts)
        place = Place(source=str(folder), folder=shards, model_id=record["model_id"])
        found.setdefault(record["job"]["family"], []).append(run_probe(config, prompts, place))
        on_done(folder)
    return found


def world_prompts(seed: int) -> Prompts:
    """Return the prompts in the words of the world of a seed."""
    world = make_world(seed)
    return Prompts(contrast=contrast_set(world), background=background_set(world))


def joined_shards(found: dict[str, list[Path]], folder: Path, *, known: Collection[str]) -> list[Path]:
    """Write one shard per recipe into a folder and return the files.

    known : ids of the models that the lake holds scores of; the others are left out, as are rows of single prompts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for recipe, shards in found.items():
        rows = pl.concat([read_shard(shard) for shard in shards])
        kept = rows.filter(pl.col("prompt_id").is_null(), pl.col("model_id").is_in(sorted(known)))
        if kept.is_empty():
            continue
        files.append(folder / SHARD.format(recipe))
        kept.write_parquet(files[-1], compression="zstd", statistics=False)
    return files
