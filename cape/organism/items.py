"""Answers to every item by trained models: one row per model, benchmark and item, right or wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.organism.model import load_model
from cape.organism.score import choice_probabilities
from cape.organism.world import GRADES, INDEX, RELATIONS, TRUTH, Items, World, make_world, words

METRIC = "acc"  # as in the rows of scores
SCHEMA = {"model_id": pl.String, "benchmark": pl.String, "metric": pl.String, "item_id": pl.String,
          "value": pl.UInt8, "category": pl.String}  # fmt: skip


def right_answers(model: Any, world: World) -> dict[str, NDArray[np.bool_]]:
    """Return, by benchmark, whether the model answers each item right; ties and precision as in `score_model`."""
    exact = copy.deepcopy(model).double().eval()
    return {
        benchmark: choice_probabilities(exact, items).argmax(axis=1) == TRUTH
        for benchmark, items in benchmarks_of(world).items()
    }


def benchmarks_of(world: World) -> dict[str, Items]:
    """Return the items of a world by benchmark."""
    return {"organism_truth": world.questions, "organism_reasoning": world.sums}


def item_names(benchmark: str, items: Items) -> tuple[list[str], list[str]]:
    """Return identifier and category of each item: a question's relation, a sum's grade of wrong answers."""
    identifiers = [words(prompt[2:4]) for prompt in items.prompts]
    if benchmark == "organism_truth":
        relation = {INDEX[name]: name for name in RELATIONS}
        return identifiers, [relation[int(prompt[3])] for prompt in items.prompts]
    return identifiers, [f"wrong by {GRADES[g][0]} to {GRADES[g][1]}" for g in items.grade]


def item_table(answers: Iterable[tuple[str, int, dict[str, NDArray[np.bool_]]]]) -> pl.DataFrame:
    """Return the item rows of (model_id, seed of the world, right answers by benchmark), in order."""
    named: dict[tuple[int, str], tuple[list[str], list[str]]] = {}
    frames = [pl.DataFrame(schema=SCHEMA)]
    for model_id, seed, right in answers:
        for benchmark, values in right.items():
            if (seed, benchmark) not in named:
                named[seed, benchmark] = item_names(benchmark, benchmarks_of(make_world(seed))[benchmark])
            identifiers, categories = named[seed, benchmark]
            rows = {"item_id": identifiers, "value": values.astype(np.uint8), "category": categories}
            fixed = [pl.lit(text).alias(name) for name, text in
                     (("model_id", model_id), ("benchmark", benchmark), ("metric", METRIC))]  # fmt: skip
            frames.append(pl.DataFrame(rows).with_columns(fixed).select(*SCHEMA))
    return pl.concat(frames)


def final_items(records: Sequence[dict[str, Any]], folders: Sequence[Path]) -> pl.DataFrame:
    """Return the item rows of finished models, read again from their checkpoints.

    records, folders : of the same jobs, in the same order. Raises MissingDependencyError without torch.
    """
    return item_table(
        (
            record["model_id"],
            record["job"]["seed"],
            right_answers(load_model(folder), make_world(record["job"]["seed"])),
        )
        for record, folder in zip(records, folders, strict=True)
    )
