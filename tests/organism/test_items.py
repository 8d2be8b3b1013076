"""Item rows of the organism: names, categories and values of planted answers, and their place in the lake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cape.lake import Lake, LakePaths, build_lake
from cape.lake.organism import land_organism
from cape.organism.items import SCHEMA, benchmarks_of, item_names, item_table
from cape.organism.results import N_ITEMS
from cape.organism.world import GRADES, RELATIONS, make_world
from tests.conftest import require
from tests.organism.planted import organism_lake, records


def test_items_have_names_of_their_own_and_the_relation_or_grade_as_category() -> None:
    world = make_world(2)
    for benchmark, items in benchmarks_of(world).items():
        names, categories = item_names(benchmark, items)
        assert len(set(names)) == len(names) == len(categories) == N_ITEMS[benchmark]
        assert len(set(categories)) == (len(RELATIONS) if benchmark == "organism_truth" else len(GRADES))
    questions, relations = item_names("organism_truth", world.questions)
    assert all(name.split()[1] == relation for name, relation in zip(questions, relations, strict=True))
    sums, grades = item_names("organism_reasoning", world.sums)
    assert all(len(name.split()) == 2 for name in sums)
    assert [grades[i] == f"wrong by {GRADES[0][0]} to {GRADES[0][1]}" for i in range(5)] == [
        bool(world.sums.grade[i] == 0) for i in range(5)
    ]


def test_a_table_of_no_model_has_the_columns() -> None:
    assert item_table([]).schema == pl.Schema(SCHEMA) and item_table([]).is_empty()


def test_answers_land_beside_their_scores_and_are_paired_within_a_seed(lake_paths: LakePaths, tmp_path: Path) -> None:
    """Answers drawn at random with the planted scores: every set of items is used, no pair crosses seeds."""
    rng, held = np.random.default_rng(0), records()
    for record in held:
        last = record["checkpoints"][-1]
        for column, benchmark in (("truth_pct", "organism_truth"), ("reasoning_pct", "organism_reasoning")):
            share = min(max(last[column], 0.0), 100.0) / 100
            last[column] = 100 * round(share * N_ITEMS[benchmark]) / N_ITEMS[benchmark]

    def answered(record: dict) -> dict[str, np.ndarray]:
        last = record["checkpoints"][-1]
        right = {}
        for benchmark, column in (("organism_truth", "truth_pct"), ("organism_reasoning", "reasoning_pct")):
            n = N_ITEMS[benchmark]
            right[benchmark] = rng.permutation(np.arange(n) < round(last[column] / 100 * n))
        return right

    table = item_table((record["model_id"], record["job"]["seed"], answered(record)) for record in held)
    organism_lake(tmp_path / "lake", lake_paths.root, names=("web",)).close()
    paths = LakePaths(tmp_path / "lake")
    land_organism(held, paths=paths, command="planted", date="2026-01-01", items=table)
    file = paths.raw / "organism" / "items.parquet"
    assert pl.read_parquet(file).equals(table) and file.stat().st_size < 1_000_000
    build_lake(paths)
    lake = Lake.open(paths)
    assert lake.read("mart_item_scores", source_id="organism")["item_flag"].null_count() == 2 * len(held)
    pairs = lake.read("mart_items_paired", panel="organism", family="web", benchmark_id="organism_truth")
    seeds = [pairs[name].str.slice(-1) for name in ("model_from", "model_to")]
    assert pairs.height > 0 and (seeds[0] == seeds[1]).all() and (seeds[0] == pairs["replicate"]).all()
    lake.close()


@pytest.mark.heavy
def test_a_trained_model_answers_its_items_as_it_scored(tmp_path: Path) -> None:
    for package in ("torch", "transformers", "safetensors"):
        require(package)
    from cape.organism.items import final_items
    from cape.organism.recipes import LADDER, WEB, Job, Schedule
    from cape.organism.train import train_job

    schedule = Schedule(steps=12, batch=16, learning_rate=4e-3, warm_up=2, checkpoints=(12,))
    job = Job(family="web", recipe=WEB, shape=LADDER[0], seed=1, schedule=schedule)
    record = train_job(job, tmp_path / "job")
    items = final_items([record], [tmp_path / "job"])
    shares = items.group_by("benchmark").agg(100 * pl.col("value").mean())
    found = dict(shares.rows())
    assert found["organism_truth"] == pytest.approx(record["checkpoints"][-1]["truth_pct"])
    assert found["organism_reasoning"] == pytest.approx(record["checkpoints"][-1]["reasoning_pct"])
