"""The page of symbolic laws: planted panels, stored searches, controls, and a search of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._law_rows import SymbolicParams, law_models
from cape.diagnostics._law_search import STORED, STORED_PANELS, LawSearch, as_mart
from cape.diagnostics._params import accept
from cape.diagnostics.symbolic_laws import run_with
from cape.dynamics.symbolic import follow
from cape.dynamics.symbolic_expression import evaluate, parse_law
from cape.dynamics.symbolic_forms import CONTROL_NAME, LATEX, PAPER_NAME, Inputs, Target, input_names
from cape.errors import CapeError, NotEnoughDataError
from cape.lake import Lake, LakePaths
from tests.diagnostics.planted import X, Y, build

SLUG = "symbolic_laws"
QUICK = {"resamples": 200}
BEYOND = "beyond both controls"


def panel_of(kind: str, *, seed: int = 3, n_families: int = 10) -> list[dict[str, Any]]:
    """Families whose second score is the paper's form times width, or does not depend on anything."""
    rng = np.random.default_rng(seed)
    rows = []
    for family in range(n_families):
        for step, size in enumerate(10 ** np.sort(rng.uniform(-1, 2, 5))):
            log10_n = np.log10(size) + 9
            d_model = int(512 * 10 ** (0.3 * (log10_n - 8)))
            width = d_model / 512
            first = float(np.clip(30 + 12 * (log10_n - 8) + rng.normal(0, 3), 5, 95))
            law = 2.6 * (first / width) ** 2 / log10_n**2 * width
            second = float(np.clip(law * (1 + rng.normal(0, 0.02)) if kind == "law" else rng.normal(40, 4), 1, 99))
            name = f"f{family:02d}-{step}"
            scores = {("hellaswag", ""): first, ("truthfulqa", "mc2"): second}
            rows.append({"model_id": name, "family": f"F{family:02d}", "params_b": size, "se": 0.5, "scores": scores})
            rows[-1]["d_model"] = d_model
    return rows


@pytest.fixture(scope="module")
def lawful(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with a panel that follows the paper's form and one, `noise`, whose second score follows nothing."""
    sources = {"law": panel_of("law"), "noise": panel_of("noise"), "pair": panel_of("law", n_families=2)}
    return build(tmp_path_factory.mktemp("laws") / "lake", lake_paths.root, sources, [f"author,law,Law,,{X},{Y},0,0"])


def searched(lake: Lake, panel: str) -> Any:
    search = LawSearch({"panel": panel, **QUICK}, lake, seconds=300)
    search._job = replace(search._job, evaluations=20_000)
    search.search.cancel()
    progress = follow(type(search.search)(search._job))
    return search, progress


def test_a_planted_law_is_found_and_wins_on_held_out_families(lawful: Lake) -> None:
    search, progress = searched(lawful, "author")
    result = search.result(progress, lawful)
    laws = result.table("laws").frame
    assert result.estimate("n_laws", "searched, of the paper's form").value == 1
    paper = laws.row(by_predicate=pl.col("law") == PAPER_NAME, named=True)
    assert paper["verdict"] == BEYOND
    assert result.estimate("law_rank", PAPER_NAME).value <= 4
    assert result.estimate("law_constant", f"{PAPER_NAME}, log base 10").value == pytest.approx(2.6, rel=0.05)
    natural = result.estimate("law_constant", f"{PAPER_NAME}, natural log").value
    assert natural == pytest.approx(2.6 * np.log(10) ** 2, rel=0.05)
    unseen = laws.filter(pl.col("kind") == "searched without the family")
    assert unseen["error"].min() < 0.25 * laws.filter(pl.col("law") == CONTROL_NAME)["error"].item()


def test_scores_that_follow_nothing_give_no_law_though_both_sides_share_a_divisor(lawful: Lake) -> None:
    search, progress = searched(lawful, "noise")
    result = search.result(progress, lawful)
    laws = result.table("laws").frame
    assert laws.filter(pl.col("verdict") == BEYOND).is_empty()
    assert result.estimate("n_laws", "searched, beyond both controls").value == 0
    band = result.estimate("law_exponent_shuffled", "first score")
    assert band.low < result.estimate("law_exponent", "first score, observed scores").value < band.high


def test_without_a_search_forms_stand_alone_and_the_page_says_so(lawful: Lake) -> None:
    result = diagnostics.run(SLUG, QUICK, lawful)
    assert set(result.table("laws").frame["kind"]) == {"form", "baseline"}
    assert result.estimate("n_laws", "searched").value is None
    assert "No search is stored" in result.sentences[-1]
    assert result.estimate("law_rank", PAPER_NAME).value == 1


def test_of_two_families_single_models_are_held_out_and_it_says_so(lawful: Lake) -> None:
    result = diagnostics.run(SLUG, {"panel": "pair", **QUICK}, lawful)
    found = result.estimate("law_error", PAPER_NAME)
    assert found.n == 10
    assert any("single models are held out" in caveat for caveat in found.caveats)
    assert "ingle models are held out" in result.sentences[0].split(": ")[-1] or "ewer than 3" in result.sentences[0]


def test_too_few_models_cannot_be_held_out(lawful: Lake) -> None:
    few = {"panel": "pair", "max_b": 0.2}
    result = diagnostics.run(SLUG, {**few, **QUICK}, lawful)
    assert result.estimate("law_error", PAPER_NAME).value is None
    assert "5 are needed" in result.sentences[0]
    with pytest.raises(NotEnoughDataError, match="5 are needed"):
        LawSearch(few, lawful, seconds=10)


def test_families_that_no_finished_run_left_out_have_no_prediction_of_a_search(lawful: Lake) -> None:
    search, progress = searched(lawful, "author")
    cut = replace(progress, runs=progress.runs[:3])  # all families, then two folds
    laws = search.result(cut, lawful).table("laws").frame.filter(pl.col("kind") == "searched without the family")
    held = {name for run in cut.runs[1:] for name in search._rows.family[search._rows.fold == run["fold"]].tolist()}
    assert set(laws["lost_rows"]) == {50 - 5 * len(held)}


def test_a_search_with_a_wrong_parameter_is_refused(lawful: Lake) -> None:
    with pytest.raises(CapeError, match="divided by widht"):
        LawSearch({"target": "divided by widht"}, lawful, seconds=10)


def test_a_search_of_no_run_has_no_laws(lawful: Lake) -> None:
    empty = as_mart([])
    assert run_with(empty, QUICK, lawful).estimate("n_laws", "searched").value is None


# What is stored.


@pytest.mark.parametrize("panel", STORED_PANELS)
@pytest.mark.parametrize(("target", "inputs"), STORED)
def test_a_stored_search_is_of_the_models_as_they_are(panel: str, target: Target, inputs: Inputs, lake: Lake) -> None:
    given = {"panel": panel, "target": str(target), "inputs": str(inputs)}
    params = accept(SymbolicParams, given, lake)
    stored = lake.read("mart_symbolic_laws", x=params.x, y=params.y, **given)
    models = law_models(params, lake.read)
    assert set(stored["models_digest"]) == {models.digest}, "run scripts/search_laws.py"
    whole = stored.filter(pl.col("fold").is_null())
    assert set(whole["n_models"]) == {models.frame.height}
    assert whole["seed"].n_unique() >= 3
    held = [name for text in stored.drop_nulls("fold").unique("fold")["held_out"] for name in text.split("\n")]
    assert sorted(held) == sorted(set(models.frame["family"]))
    for text in stored["expression"]:
        assert set(parse_law(text, inputs=tuple(LATEX)).inputs) <= set(input_names(target, inputs))


def test_the_stored_loss_is_that_of_the_stored_formula(lake: Lake) -> None:
    params = accept(SymbolicParams, {"panel": "author"}, lake)
    stored = lake.read("mart_symbolic_laws", panel="author", x=params.x, y=params.y, target=params.target)
    stored = stored.filter((pl.col("inputs") == params.inputs) & pl.col("fold").is_null())
    frame = law_models(params, lake.read).frame
    width = frame["d_model"].to_numpy() / 512
    columns = {"x_n": frame["x_pct"].to_numpy() / width, "log10_n": np.log10(frame["position"].to_numpy())}
    for row in stored.iter_rows(named=True):
        error = (
            evaluate(parse_law(row["expression"], inputs=tuple(columns)), columns) - frame["y_pct"].to_numpy() / width
        )
        assert np.mean(error**2) == pytest.approx(row["loss"], rel=1e-3)
        assert row["latex"]


def test_the_stored_file_is_small_and_says_how_it_was_made() -> None:
    folder = Path(__file__).resolve().parents[2] / "lake" / "computed" / SLUG
    assert (folder / f"{SLUG}.parquet").stat().st_size < 200_000
    assert "scripts/search_laws.py" in (folder / "source.toml").read_text(encoding="utf-8")


def test_models_without_a_width_are_counted_out_and_said(run: Any) -> None:
    result = run(SLUG, panel="author")
    left = result.estimate("n_law_rows_left_out", "left out")
    assert left.value > 0
    assert result.estimate("n_models", "used").value + left.value <= 63
    assert f"{left.value:.0f} rows without a known width" in result.sentences[0]
    tokens = run(SLUG, panel="author", inputs="score, size and tokens")
    assert tokens.estimate("n_law_rows_left_out", "left out").value > left.value


def test_a_part_of_the_panel_says_that_the_search_saw_more(run: Any) -> None:
    assert "are those of the search" in run(SLUG, panel="author").sentences[-1]
    assert "not all those of the search" in run(SLUG, panel="author", min_b=1.0).sentences[-1]


@pytest.mark.parametrize("target", [str(one) for one in Target])
def test_every_law_is_scored_on_the_same_rows_and_the_ranks_follow_the_error(target: str, run: Any) -> None:
    laws = run(SLUG, panel="independent", target=target).table("laws").frame
    ranked = laws.drop_nulls("rank").sort("rank")
    assert ranked["error"].is_sorted()
    assert ranked["rank"].to_list() == list(range(1, ranked.height + 1))
    assert set(ranked["n_families"]) == {56} and set(ranked["lost_rows"]) == {0}
    control = laws.filter(pl.col("law") == CONTROL_NAME).row(0, named=True)
    for row in ranked.iter_rows(named=True):
        assert row["skill"] == pytest.approx(1 - row["error"] / control["error"])


def test_what_is_predicted_is_the_second_score_over_width_or_as_it_is(run: Any) -> None:
    params = {"panel": "independent"}
    divided = run(SLUG, **params).table("predictions").frame.filter(pl.col("law") == CONTROL_NAME)
    measured = (
        run(SLUG, target="as measured", **params).table("predictions").frame.filter(pl.col("law") == CONTROL_NAME)
    )
    both = divided.join(measured, on=("family", "model_id"), suffix="_raw")
    assert both.height == 148
    assert (both["observed"] <= both["observed_raw"] * 1.5).all()
    assert measured["predicted"].n_unique() <= 10  # one number per fold
