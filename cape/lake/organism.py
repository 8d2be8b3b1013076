"""The model organism in the lake: land its scores, ship its checkpoints, read what is shipped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import IngestError
from cape.lake.commands import land_shards
from cape.lake.land import LandedFile, SourceRecord, land_tables
from cape.lake.paths import LakePaths
from cape.organism.recipes import RECIPES
from cape.organism.results import ladder_entries, shape_name, tables_of, token_entries, write_tables
from cape.organism.train import read_record

LADDERS, TOKENS, PROBES = "organism", "organism-tokens", "organism-probes"
TITLES = {
    LADDERS: "Model organism: small transformers trained on a synthetic world, scored at the end of training",
    TOKENS: "Model organism by training tokens: checkpoints of the web recipe",
    PROBES: "Model organism from the inside: heads, layers and output of every model of the recipes' ladders",
}
SHIPPED_SEED = 0
DRAFT = ".draft"
ITEM_COMPRESSION = 19  # the file is written once and shipped


def organism_folder(paths: LakePaths) -> Path:
    """Return the folder of the shipped checkpoints."""
    return paths.root / "organism"


def working_folder(paths: LakePaths) -> Path:
    """Return the folder in which training keeps what it has finished; it is not shipped."""
    return paths.built / "organism"


def shipped_checkpoints(paths: LakePaths) -> list[Path]:
    """Return the folders of the shipped checkpoints in order of recipe and size."""
    folders = [file.parent for file in organism_folder(paths).glob("*/*/training.json")]
    sizes = {folder: (read_record(folder) or {}).get("n_params", 0) for folder in folders}
    order = {name: place for place, name in enumerate(RECIPES)}
    return sorted(folders, key=lambda folder: (order.get(folder.parent.name, len(order)), sizes[folder]))


def shipped_scores(paths: LakePaths) -> pl.DataFrame:
    """Return the shipped score table as text columns; raise IngestError when the lake ships none."""
    file = paths.raw / LADDERS / "scores.csv"
    if not file.is_file():
        raise IngestError(
            file=f"{LADDERS}/scores.csv",
            found="The lake ships no scores of the organism.",
            action="Train a ladder with `cape organism train --ship`.",
        )
    return pl.read_csv(file, infer_schema=False)


def land_organism(
    records: Sequence[dict[str, Any]], *, paths: LakePaths, command: str, date: str, items: pl.DataFrame | None = None
) -> tuple[LandedFile, ...]:
    """Write the scores, models, probes and tokens of both sources under raw/, each whole or not at all.

    command : what trained them. date : as YYYY-MM-DD. items : answers at the end of training, of the first source.
    Raises IngestError for what the build would refuse.
    """
    landed: list[LandedFile] = []
    if not records:
        return ()
    for source_id, entries in ((LADDERS, ladder_entries(records)), (TOKENS, token_entries(records))):
        source = SourceRecord(
            source_id=source_id,
            title=TITLES[source_id],
            url="internal",
            kind="repo",
            date=date,
            licence="MIT",
            notes=_notes(records, command),
        )
        with tempfile.TemporaryDirectory() as folder:
            if not entries:
                continue
            files = write_tables(tables_of(entries), Path(folder))
            answers = []
            if items is not None and source_id == LADDERS:
                answers = [Path(folder) / "items.parquet"]
                items.write_parquet(answers[0], compression="zstd", compression_level=ITEM_COMPRESSION)
            landed += land_tables(files, source=source, paths=paths, is_local=False, replace=True, items=answers)
    return tuple(landed)


def land_organism_probes(files: Sequence[Path], *, paths: LakePaths, command: str, date: str) -> tuple[LandedFile, ...]:
    """Write shards of probes as the source PROBES under raw/; command and date as in land_organism."""
    source = SourceRecord(
        source_id=PROBES,
        title=TITLES[PROBES],
        url="internal",
        kind="repo",
        date=date,
        licence="MIT",
        notes=f"command: {command}; prompts of each model's own world: held-out sums against questions",
    )
    return land_shards(files, source=source, paths=paths, is_local=False, replace=True)


def ship_checkpoints(names: Iterable[str], folder: Path, *, paths: LakePaths) -> list[Path]:
    """Copy the finished jobs of SHIPPED_SEED and of a recipe's own ladder to lake/organism/<recipe>/<shape>.

    names : of finished jobs under folder. A recipe's folder is exchanged as a whole.
    """
    sources: dict[str, list[Path]] = {}
    for name in names:
        record = read_record(folder / name)
        if record is not None and record["job"]["seed"] == SHIPPED_SEED and record["job"]["family"] in RECIPES:
            sources.setdefault(record["job"]["family"], []).append(folder / name)
    shipped = []
    for recipe, held in sources.items():
        target = organism_folder(paths) / recipe
        draft = target.with_name(f".{recipe}{DRAFT}")
        shutil.rmtree(draft, ignore_errors=True)
        for each in held:
            shutil.copytree(each, draft / shape_name(read_record(each) or {}))
        shutil.rmtree(target, ignore_errors=True)
        os.replace(draft, target)
        shipped.append(target)
    return shipped


def _notes(records: Sequence[dict[str, Any]], command: str) -> str:
    seeds = sorted({record["job"]["seed"] for record in records})
    versions = ", ".join(f"{name} {version}" for name, version in records[0]["versions"].items())
    return f"command: {command}; seeds {', '.join(map(str, seeds))}; {versions}"
