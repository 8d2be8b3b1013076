"""Steering scorecards in the lake: which shipped models to score, where each stands, and the stored tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cape.errors import UnknownNameError
from cape.internals.scorecard_records import LAKE_TABLES, Scorecard
from cape.lake.computed import write_computed
from cape.lake.organism import shipped_checkpoints
from cape.lake.paths import LakePaths
from cape.organism.train import read_record

BEFORE, AT, AFTER = "before", "at", "after"
ROWS = {
    "organism_steering": "arms",
    "organism_steering_effects": "effects",
    "organism_steering_histogram": "histogram",
    "organism_steering_generations": "generations",
}

Ladder = list[tuple[Path, dict[str, Any]]]


def shipped_ladder(paths: LakePaths, recipe: str) -> Ladder:
    """Return (folder, record) of the shipped models of a recipe, smallest first; raise UnknownNameError without any."""
    folders = shipped_checkpoints(paths)
    found = [(folder, read_record(folder) or {}) for folder in folders if folder.parent.name == recipe]
    if not found:
        known = sorted({folder.parent.name for folder in folders})
        raise UnknownNameError(f"The lake ships no ladder {recipe!r}. Shipped: {', '.join(known) or 'none'}.")
    return sorted(found, key=lambda pair: pair[1]["n_params"])


def positions_on_ladder(ladder: Ladder) -> dict[str, str]:
    """Return where each model stands: "at" for the one that answers fewest questions by the truth at the end of its
    training, "before" for the smaller and "after" for the larger ones."""
    truths = [record["checkpoints"][-1]["truth_pct"] for _, record in ladder]
    lowest = truths.index(min(truths))
    words = [BEFORE if place < lowest else AT if place == lowest else AFTER for place in range(len(ladder))]
    return {record["model_id"]: word for (_, record), word in zip(ladder, words, strict=True)}


def write_steering(cards: Sequence[Scorecard], *, paths: LakePaths, command: str, seed: int) -> list[Path]:
    """Write the tables of scorecards under computed/, one folder per table, and return the files."""
    files = []
    for name in LAKE_TABLES:
        if name in ROWS:
            rows = [asdict(row) for card in cards for row in getattr(card, ROWS[name])]
        else:
            rows = [{**asdict(card.summary), "seconds": 0.0} for card in cards]  # the machine's speed is no result
        files.append(
            write_computed(
                name, rows, paths=paths, from_lake_version="none: shipped models", command=command, seed=seed
            )
        )
    return files
