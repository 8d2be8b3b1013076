"""The page of the model organism on planted ladders: every turning point and every lever is known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics import DIAGNOSTICS
from cape.errors import BadParameterError, NotEnoughDataError
from cape.figures.theme import THEMES
from cape.lake import Lake, LakePaths, build_lake
from cape.organism.recipes import Job
from cape.quantities import Result
from tests.organism.planted import CURATION_GAIN, LOWEST, OVERCOME, WIDE_GAIN, organism_lake, web_truth

DIAGNOSTIC = diagnostics.get("model_organism")
SEEDS = 4


@pytest.fixture(scope="module")
def planted(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = organism_lake(tmp_path_factory.mktemp("page") / "lake", lake_paths.root)
    yield lake
    lake.close()


def run(lake: Lake, **params: Any) -> Result:
    return diagnostics.run("model_organism", {"resamples": 400, **params}, lake)


def other_lake(tmp_path: Path, lake_paths: LakePaths, truth: Any, names: tuple[str, ...] = ()) -> Result:
    lake = organism_lake(tmp_path / "lake", lake_paths.root, truth=truth, names=names)
    try:
        return run(lake)
    finally:
        lake.close()


def test_the_planted_sizes_of_the_turn_and_of_the_myths_end_are_found(planted: Lake) -> None:
    result = run(planted)
    for family in ("web", "middle", "curated"):
        end = result.estimate("N_overcome", f"{family}: myth overcome")
        assert end.value == pytest.approx(OVERCOME, rel=1e-4) and end.n == SEEDS
        vertex = result.estimate("N_organism", f"{family}: vertex of the quadratic")
        assert vertex.value == pytest.approx(LOWEST, rel=1e-4)
        ratio = result.estimate("N_c_over_overcome", f"{family}: vertex of the quadratic")
        assert ratio.value == pytest.approx(LOWEST / OVERCOME, rel=1e-4)
        fixed = result.estimate("N_organism", f"{family}: fixed-effect quadratic, over seeds")
        assert fixed.value == pytest.approx(LOWEST, rel=1e-4)
        line = result.estimate("N_organism", f"{family}: within-family line, over seeds")
        assert line.n == SEEDS and line.value == pytest.approx(LOWEST, rel=0.2)


def test_the_planted_levers_are_found(planted: Lake) -> None:
    levers = {e.label: e for e in run(planted).estimates if e.symbol == "lever_truth"}
    curated = next(e for label, e in levers.items() if label.startswith("curation, curated less web"))
    assert curated.value == pytest.approx(CURATION_GAIN, abs=1e-4)
    wide = [e for label, e in levers.items() if label.startswith("width")]
    assert len(wide) == 4 and all(e.value == pytest.approx(WIDE_GAIN, abs=0.2) for e in wide)
    falls = levers["scale, web: first to lowest size"], levers["scale, web: lowest to last size"]
    assert falls[0].value < 0 < falls[1].value


def test_each_statement_is_judged_by_its_rule_and_can_come_out_against_the_paper(planted: Lake) -> None:
    """In the planted ladders the fall is the same on curated text, and the turn lies below the myth's end."""
    verdicts = dict(run(planted).table("statements").frame.select("statement", "verdict").iter_rows())
    assert verdicts == {
        "On web text truth first falls and then rises with scale.": "holds here",
        "Curated text removes the fall.": "does not hold here",
        "At equal parameters a wider model tells more truth.": "holds here",
        "N_c is the size at which the truth overcomes the myth.": "does not hold here",
    }


def test_a_narrow_model_that_tells_more_truth_speaks_against_width(tmp_path: Path, lake_paths: LakePaths) -> None:
    def narrow_is_better(job: Job, log10_n: float) -> float:
        return web_truth(job, log10_n) - 2 * WIDE_GAIN * (job.family == "web wide")

    result = other_lake(tmp_path, lake_paths, narrow_is_better)
    verdicts = dict(result.table("statements").frame.select("statement", "verdict").iter_rows())
    assert verdicts["At equal parameters a wider model tells more truth."] == "does not hold here"


def test_what_guessing_scores_stands_beside_the_models(planted: Lake) -> None:
    result = run(planted)
    assert result.estimate("organism_truth", "guessing at random").value == 25
    popular = result.estimate("organism_truth", "guessing the commonest true value of the relation")
    assert popular.n == SEEDS and 25 < popular.value < 45


def test_probability_and_chosen_answer_are_two_measures_of_one_end(planted: Lake) -> None:
    chosen, mass = run(planted), run(planted, measure="probability")
    label = "web: myth overcome"
    assert chosen.estimate("N_overcome", label).value == pytest.approx(
        mass.estimate("N_overcome", label).value, rel=1e-3
    )
    shown = [r.table("by_size").frame.filter(pl.col("score") == "truth")["value"] for r in (chosen, mass)]
    assert (shown[1] / shown[0]).to_list() == pytest.approx([0.9] * shown[0].len(), abs=1e-4)


def test_one_recipe_alone_is_shown_without_the_levers_that_need_two(planted: Lake) -> None:
    result = run(planted, text="curated")
    assert set(result.table("by_size").frame["family"]) == {"curated"}
    assert set(result.table("levers").frame["lever"]) == {"scale"}
    assert result.table("by_tokens").frame.is_empty()


def test_a_ladder_that_only_rises_is_said_to_have_no_settled_fall(tmp_path: Path, lake_paths: LakePaths) -> None:
    result = other_lake(tmp_path, lake_paths, lambda job, log10_n: 40 + 20 * (log10_n - 3.4) + 0.3 * job.seed)
    web = next(text for text in result.sentences if text.startswith("With web text truth"))
    assert "rises with size, and no fall before the rise is settled" in web
    assert result.estimate("N_organism", "web: sign bracket").value is None


def test_a_myth_that_is_never_overcome_has_no_size(tmp_path: Path, lake_paths: LakePaths) -> None:
    def falling(job: Job, log10_n: float) -> float:
        return 60 - 20 * (log10_n - 3.4) + 0.3 * job.seed

    result = other_lake(tmp_path, lake_paths, falling, names=("web",))
    end = result.estimate("N_overcome", "web: myth overcome")
    outcomes = {e.label: e.value for e in result.estimates if e.symbol == "n_seeds_overcome"}
    assert sum(outcomes.values()) == SEEDS
    assert (end.value is None) == (outcomes["web: overtaken"] == 0)
    assert any("falls with size, and no rise after the fall is settled" in text for text in result.sentences)


def test_a_lake_without_the_organism_says_what_to_run(tmp_path: Path, lake_paths: LakePaths) -> None:
    lake = organism_lake(tmp_path / "lake", lake_paths.root, names=("nobody",))
    try:
        with pytest.raises(NotEnoughDataError, match="make organism"):
            run(lake)
    finally:
        lake.close()


def test_every_figure_draws_planted_and_absent_rows(planted: Lake) -> None:
    for params in ({}, {"text": "curated"}):
        result = run(planted, **params)
        for panel, theme in product(DIAGNOSTIC.panels, THEMES):
            if panel.figure is not None:
                assert panel.figure(result, theme).layout.height > 0


def test_the_shipped_scores_draw_without_torch(lake: Lake) -> None:
    result = diagnostics.run("model_organism", {"resamples": 200}, lake)
    assert {"web", "middle", "curated"} <= set(result.table("by_size").frame["family"])
    assert any("pip install" in text for text in result.sentences)
    assert DIAGNOSTIC in DIAGNOSTICS and DIAGNOSTIC.section == "Laboratory"


def test_replicates_of_one_family_are_what_is_resampled(planted: Lake) -> None:
    """A family trained from several seeds has its mean gamma resampled by seed, not taken as one ladder."""
    result = diagnostics.run("local_coupling", {"panel": "organism", "family": "web", "resamples": 400}, planted)
    mean = result.estimate("mean_gamma_12", "organism web")
    assert mean.n == SEEDS
    steps = result.table("steps").frame
    assert all(label.endswith(tuple(f"replicate {seed}" for seed in range(SEEDS))) for label in steps["label"])


def test_gamma_is_formed_within_a_seed(planted: Lake) -> None:
    steps = planted.read("mart_gamma", panel="organism", x="organism_reasoning", y="organism_truth")
    for row in steps.iter_rows(named=True):
        ends = [model.rpartition("-seed")[2] for model in (row["models_from"], row["models_to"])]
        assert ends == [row["replicate"]] * 2


def test_an_unbuilt_part_of_the_lake_is_no_silent_zero(tmp_path: Path, lake_paths: LakePaths) -> None:
    """Without its probes a model is no row of mart_organism, rather than one whose myth score is zero."""
    root = tmp_path / "lake"
    organism_lake(root, lake_paths.root, names=("web",)).close()
    for source in ("organism", "organism-tokens"):
        folder = root / "raw" / source
        (folder / "probes.csv").unlink()
        record = (folder / "source.toml").read_text(encoding="utf-8").split("[[files]]")
        kept = [part for part in record if 'name = "probes.csv"' not in part]
        (folder / "source.toml").write_text("[[files]]".join(kept), encoding="utf-8")
    build_lake(LakePaths(root))
    lake = Lake.open(LakePaths(root))
    try:
        assert lake.read("mart_organism", panel="organism").is_empty()
    finally:
        lake.close()


def test_a_panel_without_scores_is_refused_in_words(planted: Lake) -> None:
    """The planted lake names the author's panel and holds none of its scores."""
    with pytest.raises(BadParameterError, match="'author' holds no scores yet"):
        diagnostics.run("local_coupling", {"panel": "author"}, planted)
