"""Inside the organism on planted probes: every measure, place and verdict is known, and can come out either way."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._organism_inside import COMPETING, Inside, control_estimates
from cape.diagnostics._organism_mechanism import found_inside
from cape.figures.organism_inside import inside_by_size, steering_by_size
from cape.figures.theme import THEMES
from cape.internals.activations import HEADS, LAYERS
from cape.internals.probes import OUTPUT
from cape.internals.results import SCHEMA
from cape.internals.rows import INSTRUMENTS
from cape.internals.scorecard_records import EffectRow, SummaryRow, Verdict
from cape.lake import Lake, LakePaths, build_lake, write_computed
from cape.lake.organism import land_organism_probes
from cape.organism.recipes import FULL, LADDER, RECIPES, Job
from cape.quantities import Result
from tests.organism.planted import OVERCOME, n_params, organism_lake

SIZES = [n_params(shape) for shape in LADDER]
AT = min(SIZES, key=lambda size: abs(size / OVERCOME - 1))


def _rows(job: Job, *, at: dict[str, float], elsewhere: dict[str, float]) -> list[dict[str, Any]]:
    """Return the probes of one model. at, elsewhere : value of each measure there; seeds differ by 0.001."""
    told = at if n_params(job.shape) == AT else elsewhere
    jitter = 0.001 * job.seed
    heads, layers, output = (INSTRUMENTS[name] for name in (HEADS, LAYERS, OUTPUT))
    numbers = [
        (heads, "head_comp_frac", None, told["competing"]),
        (heads, "net_coupling", None, 0.4 + jitter),
        (heads, "net_coupling_null", None, 0.6),
        (layers, "layer_coupling", 0, 0.5),
        (layers, "layer_coupling", job.shape.n_layers - 1, 0.5 + told["depth"] + jitter),
        (layers, "proj_hidden_cos", None, 0.3),
        (output, "proj_output_cos", None, 0.3 + told["output"] + jitter),
    ]
    same = {name: None for name in SCHEMA} | {
        "model_id": job.model_id, "revision": "main", "backend": "hooks", "unit": "cosine", "n_prompts": 32,
        "prompts_set": "planted", "prompts_hash": "0", "config_hash": job.name, "dtype": "float32", "device": "cpu",
    }  # fmt: skip
    return [
        same | {"instrument": instrument, "probe": probe, "layer": layer, "value": value,
                "low": value - 0.1, "high": value + 0.1}
        for instrument, probe, layer, value in numbers
    ]  # fmt: skip


def _lake(
    tmp_path: Path,
    source: Path,
    *,
    seeds: int = 4,
    steered: bool = False,
    verdict: str = Verdict.TRUER,
    **told: dict[str, float],
) -> Lake:
    root = tmp_path / "lake"
    organism_lake(root, source).close()
    paths = LakePaths(root)
    jobs = [job for job in FULL.jobs() if job.family in RECIPES and job.seed < seeds]
    shard = tmp_path / "probe-planted.parquet"
    pl.DataFrame([row for job in jobs for row in _rows(job, **told)], schema=SCHEMA).write_parquet(shard)
    land_organism_probes([shard], paths=paths, command="planted", date="2026-01-01")
    if steered:
        _steer([job for job in jobs if job.seed == 0], paths, verdict)
    build_lake(paths)
    return Lake.open(paths)


def _steer(jobs: list[Job], paths: LakePaths, verdict: str) -> None:
    """Plant scorecards: fewer answers change the larger the model is, and truth rises by 10 points at every size."""
    cards, effects = [], []
    for job in jobs:
        changed = 180 - 22 * sorted(SIZES).index(n_params(job.shape))
        one = {name: _default(kind) for name, kind in SummaryRow.__annotations__.items()}
        cards.append(one | {"model_id": job.model_id, "n_test": 200, "layer": 1, "strength": 2.0, "verdict": verdict})
        for kind, against, value in (
            ("steered", "base", 10.0),
            ("steered", "mean of random directions, equal norm", 8.0),
            ("paper mode", "base", -3.0),
        ):
            row = {name: _default(kind) for name, kind in EffectRow.__annotations__.items()}
            effects.append(row | {
                "model_id": job.model_id, "arm": kind, "kind": kind, "matching": "equal norm",
                "against": against, "metric": "mc1", "value": value, "low": value - 5, "high": value + 5,
                "unit": "pp", "n": 200, "n_changed": changed - 1 * (kind == "steered"), "n_corrected": 30,
                "n_broken": 10,
            })  # fmt: skip
    given = {"paths": paths, "from_lake_version": "none", "command": "planted", "seed": 0}
    write_computed("organism_steering_summary", cards, **given)
    write_computed("organism_steering_effects", effects, **given)


def _default(kind: str) -> Any:
    return None if "None" in kind else {"str": "", "int": 0, "float": 0.0}[kind]


def _run(lake: Lake) -> Result:
    try:
        return diagnostics.run("model_organism", {"resamples": 200}, lake)
    finally:
        lake.close()


def _verdicts(result: Result) -> dict[str, str]:
    return dict(result.table("statements").frame.select("statement", "verdict").iter_rows())


NO_HEADS_AT, NO_HEADS_ELSEWHERE = "No heads compete at the transition.", "No heads compete at other sizes."
DEPTH = "Coupling falls from the first to the last layer at the transition and rises elsewhere."
OUTPUT_LOSES = "The output projection loses coupling at the transition and adds it elsewhere."
MOST_BEFORE = "Steering changes the most answers before the transition and the fewest after it."
CORRECTS = "Before the transition steering makes answers truer than random directions do."
AS_PAPER = {
    "at": {"competing": 0.0, "depth": -0.2, "output": -0.1},
    "elsewhere": {"competing": 0.0, "depth": 0.1, "output": 0.15},
}


def test_what_the_paper_says_is_found_where_it_is_planted(tmp_path: Path, lake_paths: LakePaths) -> None:
    result = _run(_lake(tmp_path, lake_paths.root, steered=True, **AS_PAPER))
    found = _verdicts(result)
    statements = (NO_HEADS_AT, NO_HEADS_ELSEWHERE, DEPTH, OUTPUT_LOSES, MOST_BEFORE, CORRECTS)
    assert [found[statement] for statement in statements] == ["holds here"] * 6
    assert all(any(text.startswith(statement[:-1]) for text in result.sentences) for statement in statements)

    depth = result.estimate("organism_depth_change", "web: coupling, last less first layer, at the transition")
    assert depth.value == pytest.approx(-0.2 + 0.0015) and depth.n == 4 and depth.low < depth.value < depth.high
    change = result.estimate(
        "organism_output_change", "web: coupling, output less hidden, at the transition less elsewhere"
    )
    assert change.value == pytest.approx(-0.25)

    table = result.table("inside").frame.filter(pl.col("family") == "web", pl.col("measure") == "competing heads")
    assert table.sort("position")["place"].to_list() == [
        "before" if size < AT else "at" if size == AT else "after" for size in sorted(SIZES)
    ]
    assert table.sort("position")["null_low"][0] == pytest.approx(19.55, abs=0.01)  # a head of 4 numbers
    net = result.table("inside").frame.filter(pl.col("measure") == "net coupling of heads")
    assert set(net["null_low"]) == {0.5} and set(net["null_high"]) == {0.7}


def test_an_effect_that_single_random_directions_reach_settles_nothing(tmp_path: Path, lake_paths: LakePaths) -> None:
    result = _run(_lake(tmp_path, lake_paths.root, steered=True, verdict=Verdict.NOT_BEYOND, **AS_PAPER))
    assert _verdicts(result)[CORRECTS] == "not settled here"
    assert any(f"among single random directions too, at 0 of {len(SIZES)}" in text for text in result.sentences)


def test_the_opposite_is_found_too(tmp_path: Path, lake_paths: LakePaths) -> None:
    opposite = {
        "at": {"competing": 0.5, "depth": 0.2, "output": 0.1},
        "elsewhere": {"competing": 0.25, "depth": -0.1, "output": -0.15},
    }
    found = _verdicts(_run(_lake(tmp_path, lake_paths.root, **opposite)))
    assert [found[each] for each in (NO_HEADS_AT, NO_HEADS_ELSEWHERE, DEPTH, OUTPUT_LOSES)] == [
        "does not hold here"
    ] * 4
    assert MOST_BEFORE not in found


def test_one_seed_has_the_interval_of_its_prompts_and_settles_no_change(tmp_path: Path, lake_paths: LakePaths) -> None:
    result = _run(_lake(tmp_path, lake_paths.root, seeds=1, **AS_PAPER))
    found = _verdicts(result)
    assert found[DEPTH] == found[OUTPUT_LOSES] == "not settled here" and found[NO_HEADS_AT] == "holds here"
    net = result.table("inside").frame.filter(pl.col("measure") == "net coupling of heads")
    assert net["low"].to_list() == pytest.approx([0.3] * net.height) and set(net["n"]) == {1}
    depth = result.table("inside").frame.filter(pl.col("measure") == "coupling, last less first layer")
    assert depth["low"].null_count() == depth.height


def test_steered_models_stand_in_their_places_with_changed_apart_from_corrected(
    tmp_path: Path, lake_paths: LakePaths
) -> None:
    result = _run(_lake(tmp_path, lake_paths.root, steered=True, **AS_PAPER))
    table = result.table("steering").frame.filter(pl.col("family") == "web").sort("position")
    assert table["paper_changed_pct"].to_list() == [(180 - 22 * place) / 2 for place in range(len(SIZES))]
    assert table["changed_pct"].to_list() == [(179 - 22 * place) / 2 for place in range(len(SIZES))]
    assert set(table["paper_effect_pp"]) == {-3.0} and set(table["beyond_random_pp"]) == {8.0}
    assert set(table["corrected_pct"]) == {15.0} and set(table["broken_pct"]) == {5.0}
    n = len(SIZES)
    assert any(
        f"truer than the mean of random directions does at {n} of {n} sizes" in text for text in result.sentences
    )
    start = f"In paper mode truth rises at 0 of {n} sizes of web text and falls at 0"
    paper = next(text for text in result.sentences if text.startswith(start))
    assert "30 of them corrected, 10 broken" in paper
    label = f"web: d {LADDER[0].d_model} x {LADDER[0].n_layers}, seed 0, before the transition"
    assert result.estimate("organism_steering", label).value == 10.0
    assert result.estimate("organism_changed", f"{label}, paper mode").value == 90.0


def test_a_recipe_without_a_transition_is_the_control_at_the_same_sizes() -> None:
    """Both recipes have the same share of competing heads at every size, so none of it is the transition's."""
    places = dict(zip((1.0, 2.0, 3.0), ("before", "at", "after"), strict=True))
    rows = [
        {"family": family, "replicate": str(seed), "position": size, "d_model": 4, "n_layers": 2,
         "measure": COMPETING.name, "value": 30 - 10 * size + seed, "place": places[size] if family == "web" else ""}
        for family in ("web", "curated") for seed in range(3) for size in places
    ]  # fmt: skip
    inside = Inside(frame=pl.DataFrame(rows).with_columns(low=None, high=None, null_low=None, null_high=None))
    found = {e.label: e for e in control_estimates(inside, ["web", "curated"])}
    assert [e.value for e in found.values()] == [21.0, 11.0, 1.0] and {e.n for e in found.values()} == {3}
    assert list(found)[0] == "curated: competing heads, sizes before the transition of web text"
    said = found_inside(list(found.values()))
    assert len(said) == 1 and "which has no transition" in said[0] and "before it 21.0 %" in said[0]
    assert control_estimates(inside, ["curated"]) and not control_estimates(
        Inside(frame=inside.frame.clear()), ["curated"]
    )


def test_figures_draw_planted_and_absent_rows(tmp_path: Path, lake_paths: LakePaths) -> None:
    result = _run(_lake(tmp_path, lake_paths.root, steered=True, **AS_PAPER))
    for draw, theme in product((inside_by_size, steering_by_size), THEMES):
        assert len(draw(result, theme).data) > 0


def test_a_lake_without_probes_says_what_to_run(tmp_path: Path, lake_paths: LakePaths) -> None:
    lake = organism_lake(tmp_path / "lake", lake_paths.root)
    result = _run(lake)
    assert any("cape organism probe --ship" in text for text in result.sentences)
    assert any("no steering scorecards" in text for text in result.sentences)
    for draw, theme in product((inside_by_size, steering_by_size), THEMES):
        assert draw(result, theme).layout.height < 200
