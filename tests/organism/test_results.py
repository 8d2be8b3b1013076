"""The plan of the experiment, its tables in the lake, and the rule that compares a new run with the shipped one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cape.errors import BadParameterError, IngestError
from cape.lake import Lake, LakePaths
from cape.lake.organism import ship_checkpoints, shipped_checkpoints, shipped_scores
from cape.organism.recipes import DEEP, FULL, LADDER, STANDARD, WIDE
from cape.organism.results import compare, ladder_entries, standard_error, tables_of
from cape.organism.run import chosen_jobs, cost, held_records
from cape.organism.train import read_record
from tests.organism.planted import n_params, organism_lake, records


def test_jobs_have_names_of_their_own_and_cover_every_recipe_shape_and_seed() -> None:
    jobs = FULL.jobs()
    assert len({job.name for job in jobs}) == len({job.model_id for job in jobs}) == len(jobs)
    per_seed = len(FULL.recipes) * len(LADDER) + len(WIDE) + len(DEEP)
    assert len(jobs) == per_seed * len(FULL.seeds)
    assert all(cost(job) > 0 for job in jobs)


def test_wide_and_deep_models_match_in_parameters_within_five_percent_and_differ_in_width() -> None:
    for wide, deep in zip(WIDE, DEEP, strict=True):
        assert abs(n_params(wide) / n_params(deep) - 1) < 0.05
        assert wide.d_model > 1.4 * deep.d_model and wide.n_layers < deep.n_layers


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [STANDARD.rate(step) for step in range(1, STANDARD.steps + 1)]
    top = int(np.argmax(rates))
    assert rates[0] == pytest.approx(STANDARD.learning_rate / STANDARD.warm_up)
    assert abs(top + 1 - STANDARD.warm_up) <= 1
    assert rates[-1] < 0.001 * STANDARD.learning_rate
    assert all(a > b for a, b in zip(rates[top:], rates[top + 1 :], strict=False))


def test_a_filter_that_keeps_no_job_says_what_there_is() -> None:
    assert [job.name for job in chosen_jobs(FULL, family="web", shape="d8-l2", seed=1)] == ["web/d8-l2/seed1"]
    with pytest.raises(BadParameterError, match="curated, middle, web"):
        chosen_jobs(FULL, family="wbe")


def test_a_folder_without_finished_jobs_holds_no_record(tmp_path: Path) -> None:
    assert held_records(FULL.jobs(), tmp_path) == []
    (tmp_path / "training.json").write_text("{", encoding="utf-8")
    assert read_record(tmp_path) is None
    (tmp_path / "training.json").write_text("[1]", encoding="utf-8")
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("score", [0.0, 25.0, 60.0, 100.0])
def test_a_score_has_a_standard_error_even_at_its_ends(score: float) -> None:
    found, n = standard_error(score, 480), 480
    binomial = 100 * np.sqrt(score / 100 * (1 - score / 100) / n)
    assert 0 < found
    assert found == pytest.approx(binomial, abs=0.02 if 0 < score < 100 else 0.6)


@pytest.fixture(scope="module")
def planted(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = organism_lake(tmp_path_factory.mktemp("organism") / "lake", lake_paths.root)
    yield lake
    lake.close()


def test_every_score_reaches_the_lake_with_its_seed_size_items_and_shape(planted: Lake) -> None:
    rows = planted.read("mart_organism", panel="organism")
    held = records()
    assert rows.height == len(held)
    by_id = {row["model_id"]: row for row in rows.iter_rows(named=True)}
    for record in held:
        row, last = by_id[record["model_id"]], record["checkpoints"][-1]
        assert row["position"] == record["n_params"] == pytest.approx(row["params_b"] * 1e9)
        assert (row["family"], row["replicate"]) == (record["job"]["family"], str(record["job"]["seed"]))
        assert (row["d_model"], row["n_layers"]) == (record["job"]["d_model"], record["job"]["n_layers"])
        for column in ("truth_pct", "myth_pct", "reasoning_pct", "truth_mass_pct"):
            assert row[column] == pytest.approx(last[column], abs=1e-5)
        assert row["truth_se_pct"] == pytest.approx(standard_error(last["truth_pct"], row["n_questions"]), abs=1e-5)
    scores = planted.read("mart_scores", panel="organism")
    assert set(scores["chance_pct"]) == {25.0} and scores["n_items"].null_count() == 0


def test_the_items_of_the_registry_are_those_of_the_world(planted: Lake) -> None:
    benchmarks = planted.read("mart_benchmarks").filter(pl.col("benchmark").str.starts_with("organism_"))
    scores = planted.read("mart_scores", panel="organism")
    told = dict(zip(benchmarks["benchmark"], benchmarks["n_items"], strict=True))
    assert told == dict(scores.select("benchmark", "n_items").unique().iter_rows())


def test_checkpoints_are_ladders_of_tokens_with_models_of_their_own(planted: Lake) -> None:
    rows = planted.read("mart_organism", panel="organism-tokens")
    assert set(rows["axis"]) == {"tokens"}
    assert rows["position"].max() == STANDARD.tokens(STANDARD.steps)
    assert rows.group_by("family", "replicate").len()["len"].unique().to_list() == [len(STANDARD.checkpoints)]
    assert planted.read("mart_score_conflicts").is_empty()


def _scores(shift: float = 0.0) -> pl.DataFrame:
    table = tables_of(ladder_entries(records()))["scores"].with_columns(pl.all().cast(pl.String))
    return table.with_columns((pl.col("score").cast(pl.Float64) + shift).cast(pl.String).alias("score"))


def test_a_run_equal_to_the_shipped_one_repeats_it_and_a_shifted_one_does_not() -> None:
    same = compare(_scores(), _scores())
    assert same.is_repeated and same.n_identical == same.n_repeated == same.rows.height
    assert "repeats the shipped scores" in same.text
    near = compare(_scores(0.5), _scores())
    assert near.is_repeated and near.n_identical == 0
    far = compare(_scores(12.0), _scores())
    assert not far.is_repeated and "does not repeat" in far.text


def test_seeds_that_only_one_side_holds_are_left_out_and_nothing_in_common_repeats_nothing() -> None:
    one_seed = _scores().filter(pl.col("replicate") == "0")
    found = compare(one_seed, _scores())
    assert found.rows["n_seeds"].unique().to_list() == [1] and found.is_repeated
    assert not compare(_scores().head(0), _scores()).is_repeated


def test_a_lake_without_the_organism_says_how_to_get_it(tmp_path: Path) -> None:
    paths = LakePaths(tmp_path)
    assert shipped_checkpoints(paths) == []
    with pytest.raises(IngestError, match="cape organism train"):
        shipped_scores(paths)
    assert ship_checkpoints(["web/d4-l2/seed0"], tmp_path / "run", paths=paths) == []
