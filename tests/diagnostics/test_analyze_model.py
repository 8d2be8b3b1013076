"""analyze_model: what is given is used, the numbers are those of other implementations, and gaps are said in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._analyze_params import CLEARED, CONTROLS
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics._params import defaults_of, options_of
from cape.diagnostics.analyze_model import DIAGNOSTIC
from cape.errors import BadParameterError, UnknownNameError
from cape.figures.theme import THEMES
from cape.lake import Lake, LakePaths
from cape.quantities import Estimate, Result
from tests.diagnostics.planted import X, Y, build, with_gammas

Run = Callable[..., Result]
PANELS = ("author", "author_by_family", "independent", "frontier", "amin-pythia", "lmeval-2023", "amin-paper3a-text")
LADDER = "1: 60, 38; 7: 76, 35.5"


@pytest.fixture(scope="session")
def analyze(lake: Lake) -> Run:
    """Run the diagnostic with few resamples; equal calls are answered once."""

    @cache
    def answer(params: tuple[tuple[str, Any], ...]) -> Result:
        return run_diagnostic(DIAGNOSTIC, dict(params), lake)

    def call(**params: Any) -> Result:
        return answer(tuple(sorted({"resamples": 200, **params}.items())))

    return call


@pytest.fixture(scope="session")
def planted_model(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A panel in which every ladder has gamma -0.5 below 1 B and +0.5 above."""
    gammas = (-0.5, -0.5, 0.5, 0.5)
    sources = {"planted": [row for i in range(6) for row in with_gammas(f"Ladder{i}", gammas)]}
    root = tmp_path_factory.mktemp("analyze") / "lake"
    lake = build(root, lake_paths.root, sources, [f"author,planted,Planted,,{X},{Y},0,0"])
    yield lake
    lake.close()


def one(result: Result, symbol: str, words: str = "") -> Estimate:
    """Return the only estimate of a symbol whose label holds these words."""
    found = [e for e in result.estimates if e.symbol == symbol and words in e.label]
    assert len(found) == 1, [e.label for e in result.estimates if e.symbol == symbol]
    return found[0]


def numbers(result: Result) -> list[tuple]:
    return [(e.symbol, e.label, e.value, e.low, e.high, e.n) for e in result.estimates]


# What holds on every panel.


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_is_answered_soundly(panel: str, analyze: Run) -> None:
    result = analyze(panel=panel)
    assert [key for key, n in Counter((e.symbol, e.label) for e in result.estimates).items() if n > 1] == []
    for e in result.estimates:
        assert None not in (e.value, e.low, e.high) or e.caveats, e.label
        assert e.low is None or e.high is None or e.low <= e.high, e.label
    for sentence in result.sentences:
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b|[{}]", sentence), sentence
        assert sentence.endswith(".") and not sentence.endswith(".."), sentence
    for panel_ in DIAGNOSTIC.panels:
        for name in panel_.tables:
            table = result.table(name)
            assert set(table.units) <= set(table.frame.columns), name


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("given", [{}, {"panel": "frontier"}, {"params_b": "500"}, {"ifeval": "80"}])
def test_every_figure_is_drawn_or_says_why_not(given: dict[str, Any], theme: str, analyze: Run) -> None:
    result = analyze(**given)
    for panel in DIAGNOSTIC.panels:
        if panel.figure is not None:
            figure = panel.figure(result, theme)
            assert figure.to_json() and figure.layout.height > 0
            assert figure.data or figure.layout.annotations


def test_every_parameter_is_a_control_of_the_page() -> None:
    shared = {"panel", "family", "x", "y", "variant"}
    assert set(CONTROLS) == set(options_of(DIAGNOSTIC.params)) - shared


# What the analysis starts from.


def test_nothing_given_shows_an_example_of_the_selection(analyze: Run) -> None:
    assert "so Pythia-1B is shown as an example" in analyze().sentences[0]
    assert "example" in analyze(family="OPT").sentences[0] and "OPT" in analyze(family="OPT").sentences[0]
    assert not any("example" in sentence for sentence in analyze(params_b="3").sentences)


def test_a_known_model_fills_what_is_empty_and_is_overruled_by_what_is_given(analyze: Run) -> None:
    frame = analyze(known="pythia-1b", hellaswag="60").table("inputs").frame
    rows = {row["input"]: row for row in frame.iter_rows(named=True)}
    assert (rows["size"]["value"], rows["size"]["origin"]) == (1.0, "row of pythia-1b")
    assert (rows["hellaswag"]["value"], rows["hellaswag"]["origin"]) == (60.0, "given")
    assert rows["truthfulqa_as_printed"]["origin"] == "row of pythia-1b"
    assert analyze(known="Pythia-1B").estimates == analyze(known="pythia-1b").estimates


def test_what_loading_a_model_empties_are_controls_at_their_defaults() -> None:
    defaults = defaults_of(DIAGNOSTIC.params)
    assert {name: defaults[name] for name in CLEARED} == CLEARED


def test_a_known_model_is_left_out_of_every_comparison(analyze: Run, lake: Lake) -> None:
    result = analyze(known="pythia-1b")
    assert "pythia-1b" not in set(result.table("nearest").frame["model_id"])
    assert "pythia-1b" not in set(result.table("points").frame["model_id"])
    rows = lake.read("mart_pairs", panel="author", x="hellaswag", y="truthfulqa_as_printed")
    assert result.table("points").frame.height == rows.filter(pl.col("model_id") != "pythia-1b").height + 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"params_b": "3B"}, "params_b is '3B'"),
        ({"params_b": "0"}, "params_b is 0"),
        ({"params_b": "nan"}, "params_b is nan"),
        ({"width": "-1"}, "width is -1"),
        ({"tokens_t": "1e9"}, "tokens_t is 1e9"),
        ({"mmlu": "101"}, "mmlu is 101"),
        ({"hellaswag": "47,2"}, "hellaswag is '47,2'"),
        ({"hellaswag": "0.47"}, "hellaswag is 0.47, which looks like a fraction"),
        ({"other_scores": "humaneval 20"}, "other_scores holds 'humaneval 20'"),
        ({"other_scores": "unheard = 20"}, "other_scores holds 'unheard = 20'"),
        ({"mmlu": "40", "other_scores": "mmlu = 20"}, "other_scores gives mmlu"),
        ({"pair": "hellaswag"}, "pair is 'hellaswag'"),
        ({"releases": "1: 60"}, "releases holds '1: 60'"),
        ({"releases": "1: 60, x"}, "releases is 'x'"),
        ({"releases": "1: 60, 40; 61, 41"}, "releases gives a size for some releases only"),
        ({"releases": "1: 60, 40; 1: 61, 41"}, "two entries of one size"),
        ({"releases": LADDER, "items": "100"}, "items is '100'"),
    ],
)
def test_a_number_that_cannot_be_read_is_refused_by_name(given: dict[str, str], words: str, analyze: Run) -> None:
    if "releases" in given and "pair" not in given:
        given = {"pair": "first, second", **given}
    with pytest.raises(BadParameterError, match=re.escape(words)):
        analyze(**given)


def test_an_unknown_model_is_refused_with_near_names(analyze: Run) -> None:
    with pytest.raises(UnknownNameError, match="pythia-1b"):
        analyze(known="pythia1b")
    with pytest.raises(UnknownNameError, match="reference"):
        analyze(reference="nobody")


def test_a_low_score_of_a_free_answer_is_no_fraction(analyze: Run) -> None:
    assert analyze(params_b="1", gsm8k="0.8").estimates


# The phase.


def test_a_planted_turn_is_found_on_both_sides(planted_model: Lake) -> None:
    for size, phase, gamma in (("0.3", "tax", -0.5), ("3.2", "bonus", 0.5)):
        result = run_diagnostic(DIAGNOSTIC, {"params_b": size, "resamples": 200, "bandwidth": 0.1}, planted_model)
        assert one(result, "phase_chance", f": {phase}").value == pytest.approx(1.0)
        assert one(result, "gamma_at_size", "local line").value == pytest.approx(gamma, abs=0.02)
        assert f"is {phase} at {size} B" in result.sentences[0]
    assert one(result, "chi_gamma").value == pytest.approx(2.0, abs=0.1)


def test_without_the_rows_of_the_paper_paper_mode_is_undefined(planted_model: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"params_b": "1", "resamples": 200}, planted_model)
    assert one(result, "size_over_N_c").value is None
    assert one(result, "isocline_distance").value is None


def test_size_over_the_papers_n_c_is_that_of_the_critical_scale(analyze: Run, lake: Lake) -> None:
    n_c = diagnostics.run("critical_scale", {"resamples": 200, "curve": "no curve"}, lake).estimate(
        "N_c", "paper mode: pooled, not Pythia"
    )
    found = one(analyze(params_b="2"), "size_over_N_c")
    assert n_c.value is not None and n_c.low is not None and n_c.high is not None
    assert (found.value, found.low, found.high) == pytest.approx((2 / n_c.value, 2 / n_c.high, 2 / n_c.low))


def test_a_size_beyond_the_data_has_no_chance_no_gamma_and_no_curve(analyze: Run) -> None:
    result = analyze(params_b="5000", hellaswag="90", truthfulqa="60")
    for symbol, words in (("phase_chance", "positive"), ("gamma_at_size", "local"), ("h_curation", "own panel")):
        for found in (e for e in result.estimates if e.symbol == symbol and words in e.label):
            assert found.value is None and found.caveats[0].startswith("undefined"), found.label


def test_the_level_and_the_tokens_of_the_model_can_set_its_phase(analyze: Run) -> None:
    level = {"params_b": "3", "phase_by": "logistic in the level of the first benchmark"}
    low, high = (one(analyze(hellaswag=score, **level), "phase_chance", "positive") for score in ("40", "80"))
    assert low.value is not None and high.value is not None and low.value < high.value
    lacking = one(analyze(**level), "phase_chance", "positive")
    assert lacking.value is None and "hellaswag score" in lacking.caveats[0]
    tokens = {"params_b": "3", "phase_by": "logistic in log10 training tokens"}
    assert one(analyze(tokens_t="1", **tokens), "phase_chance", "positive").value is not None
    assert "training tokens" in one(analyze(**tokens), "phase_chance", "positive").caveats[0]


# Offsets.


def test_h_of_the_panel_is_the_score_less_polyfit(analyze: Run, lake: Lake) -> None:
    rows = lake.read("mart_pairs", panel="author", x="hellaswag", y="truthfulqa_as_printed")
    rows = rows.filter(pl.col("is_population_model") & (pl.col("model_id") != "pythia-1b")).drop_nulls("position")
    curve = np.polyfit(np.log10(rows["position"].to_numpy()), rows["y_pct"].to_numpy(), 2)
    result = analyze(known="pythia-1b", truthfulqa="45")
    found = result.estimate("h_curation", "Pythia-1B, truthfulqa_as_printed, own panel")
    assert found.value == pytest.approx(45 - np.polyval(curve, 9.0))


def test_h_in_paper_mode_is_the_quadratic_of_the_papers_rows(analyze: Run, lake: Lake) -> None:
    rows = lake.read("mart_pairs", panel="amin-lit-bootstrap", x="hellaswag", y="truthfulqa_as_printed")
    curve = np.polyfit(np.log10(rows["position"].to_numpy()), rows["y_pct"].to_numpy(), 2)
    found = one(analyze(params_b="2", truthfulqa="45"), "h_curation", "paper mode")
    assert found.value == pytest.approx(45 - np.polyval(curve, np.log10(2e9)))
    other = one(analyze(panel="independent", params_b="2", truthfulqa="45"), "h_curation", "paper mode")
    assert other.value is None and "variants never meet" in other.caveats[0]


def test_frontier_h_is_the_residual_of_a_refit_and_of_the_quoted_line(analyze: Run, lake: Lake) -> None:
    result = analyze(swe_bench_verified="60", gpqa_diamond="70")
    rows = lake.read("mart_pairs", panel="frontier", x="swe_bench_verified", y="gpqa_diamond")
    slope, intercept = np.polyfit(rows["x_pct"].to_numpy(), rows["y_pct"].to_numpy(), 1)
    assert one(result, "h_frontier", "refit").value == pytest.approx(70 - slope * 60 - intercept)
    quoted = lake.read("mart_claims_as_printed", claim_id="FRO-03")["paper_value"][0]
    a, b = (float(text) for text in quoted.split(","))
    assert one(result, "h_frontier", "paper mode").value == pytest.approx(70 - a * 60 - b)
    assert result.table("labs").frame["distance"].is_sorted()
    assert one(analyze(swe_bench_verified="60"), "h_frontier", "refit").value is None


def test_percentiles_are_shares_of_models_within_the_factor(analyze: Run, lake: Lake) -> None:
    scores = lake.read("mart_scores", panel="independent", benchmark_id="hellaswag")
    near = scores.filter(pl.col("position").is_between(1.5e9, 6e9))
    below = (near["score_pct"] < 65).mean()
    found = one(analyze(panel="independent", params_b="3", hellaswag="65"), "score_percentile")
    assert found.value == pytest.approx(100 * float(below or 0)) and found.n == near.height


def test_a_benchmark_that_the_panel_lacks_is_placed_in_the_panel_that_holds_it(analyze: Run) -> None:
    found = one(analyze(params_b="3", gsm8k="20"), "score_percentile")
    assert "models of any size in panel independent" in found.label and found.n == 148


def test_the_nearest_models_are_those_of_a_plain_search(analyze: Run, lake: Lake) -> None:
    result = analyze(panel="independent", params_b="3", hellaswag="65", mmlu="30")
    rows = lake.read("mart_scores", panel="independent").filter(pl.col("benchmark_id").is_in(["hellaswag", "mmlu"]))
    wide = rows.pivot(on="benchmark_id", index="model_id", values="score_pct").drop_nulls()
    away = sum(((wide[name] - own) / wide[name].std(ddof=0)) ** 2 for name, own in (("hellaswag", 65), ("mmlu", 30)))
    expected = wide.with_columns((away / 2).sqrt().alias("d")).sort("d", "model_id").head(3)
    found = result.table("nearest").frame.filter(pl.col("nearest_by") == "score profile")
    assert found["model_id"].to_list() == expected["model_id"].to_list()
    assert found["distance"].to_list() == pytest.approx(expected["d"].to_list())


# The matrix, the levers and the actions.


def test_one_score_has_no_matrix_and_three_have_one_that_is_complete(analyze: Run) -> None:
    alone = analyze(params_b="7", hellaswag="75")
    assert one(alone, "d_eff_at_size").value is None
    three = analyze(params_b="7", hellaswag="75", truthfulqa="35", mmlu="45")
    assert one(three, "d_eff_at_size").value is not None
    frame = three.table("matrix").frame
    assert frame.height == 9 and frame["r"].null_count() == 0
    values = [e.value or 0.0 for e in three.estimates if e.symbol == "eigenvalue_at_size"]
    matrix = frame["r"].to_numpy().reshape(3, 3)
    assert values == pytest.approx(sorted(np.linalg.eigvalsh(matrix), reverse=True))


def test_a_lever_at_rest_changes_nothing_and_all_levers_are_their_sum(analyze: Run) -> None:
    given = {"params_b": "3", "hellaswag": "65", "truthfulqa": "40"}
    rest = analyze(size_times=1.0, **given)
    assert {e.value for e in rest.estimates if e.symbol == "score_change"} == {0.0}
    moved = analyze(size_times=2.0, width_times=1.1, curation=0.5, **given)
    for name in ("hellaswag", "truthfulqa_as_printed"):
        parts = [one(moved, "score_change", f"{name}: {lever}") for lever in ("size", "width", "curation")]
        total = one(moved, "score_change", f"{name}: all levers")
        assert total.value == pytest.approx(sum(part.value or 0.0 for part in parts))


def test_the_effect_of_a_lever_and_its_interval_scale_with_how_far_it_is_moved(analyze: Run) -> None:
    half, full = (one(analyze(params_b="3", curation=c), "score_change", "hellaswag: curation") for c in (0.5, 1.0))
    gap = one(analyze(params_b="3"), "curated_gap", "hellaswag")
    assert None not in (gap.value, gap.low, gap.high)
    assert (full.value, full.low, full.high) == pytest.approx((gap.value, gap.low, gap.high))
    assert (half.value, half.low, half.high) == pytest.approx((gap.value / 2, gap.low / 2, gap.high / 2))  # type: ignore[operator]
    narrow = one(analyze(params_b="3", width_times=0.9), "score_change", "hellaswag: width")
    slope = one(analyze(params_b="3"), "width_slope", "hellaswag")
    ends = [np.log10(0.9) * (end or 0.0) for end in (slope.value, slope.high, slope.low)]
    assert (narrow.value, narrow.low, narrow.high) == pytest.approx(ends)


def test_a_width_that_no_model_has_is_not_extrapolated(analyze: Run) -> None:
    found = one(analyze(params_b="3", width_times=4.0), "score_change", "hellaswag: width")
    assert found.value is None and "lies outside the observed" in found.caveats[0]


def test_a_score_near_chance_is_to_be_rotated(analyze: Run) -> None:
    rows = analyze(params_b="1", mmlu="25.2").table("actions").frame
    chosen = rows.filter(pl.col("action").str.starts_with("rotate mmlu"))
    assert chosen.select("action", "verdict").rows() == [("rotate mmlu: near chance", "supported")]


def test_where_nothing_is_supported_that_is_said(analyze: Run) -> None:
    result = analyze(params_b="5000")
    assert "supported" not in set(result.table("actions").frame["verdict"])
    assert "No action the data support." in result.sentences
    assert one(result, "n_actions").value == 0.0


# The custom pair.


def test_releases_with_sizes_give_a_gamma_with_interval_and_phase(analyze: Run) -> None:
    result = analyze(pair="hellaswag, mmlu", releases="7: 80, 60; 1: 60, 30")
    found = one(result, "gamma_12")
    assert found.value == pytest.approx(1.5)
    assert found.low is not None and found.high is not None and 0.1 < found.low < 1.5 < found.high
    assert found.caveats == ("phase bonus; by the bare ratio bonus",)


def test_the_model_itself_joins_its_releases(analyze: Run) -> None:
    result = analyze(params_b="3", hellaswag="70", truthfulqa="36", releases=LADDER)
    assert result.table("releases").frame["step"].to_list() == ["1 B to your model", "your model to 7 B"]


def test_releases_without_sizes_keep_their_order(analyze: Run) -> None:
    result = analyze(pair="swe_bench_verified, gpqa_diamond", releases="40, 50; 60, 70; 50, 65")
    assert result.table("releases").frame["delta_x_pct"].to_list() == [20.0, -10.0]


def test_benchmarks_the_lake_does_not_know_need_their_number_of_items(analyze: Run) -> None:
    lost = one(analyze(pair="mine, yours", releases="1: 40, 50; 2: 50, 60"), "gamma_12")
    assert lost.value is None and "number of items of mine and yours is unknown" in lost.caveats[0]
    found = one(analyze(pair="mine, yours", releases="1: 40, 50; 2: 50, 60", items="900, 900"), "gamma_12")
    assert found.value == pytest.approx(1.0)


# slopes by the coupled equations


def test_the_slopes_by_the_equations_are_those_of_ode_explorer(run: Any) -> None:
    scores = {"hellaswag": 64.0, "truthfulqa": 37.0, "arc_challenge": 38.0, "winogrande": 63.0, "mmlu": 30.0}
    mine = run("analyze_model", params_b="3", **{name: str(value) for name, value in scores.items()})
    whole = run("ode_explorer", panel="author")
    means = {row["rate"].split()[1]: row["mean"] for row in whole.table("system").frame.iter_rows(named=True)}
    given = {**scores, "truthfulqa_as_printed": scores["truthfulqa"]}
    at = {"1": 1.0, **{name: given[name] - mean for name, mean in means.items()}}
    rows = whole.table("equation").frame.to_dicts()
    for name in ("hellaswag", "truthfulqa_as_printed", "arc_challenge", "winogrande", "mmlu"):
        expected = sum(row["value"] * at[row["term"]] for row in rows if row["equation"] == name)  # less their means
        found = mine.estimate("ode_slope", f"your model: {name}")
        assert found.value == pytest.approx(expected, rel=1e-6)
        assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"params_b": "3", "hellaswag": "70"}, "1 of the given scores"),
        ({"panel": "frontier", "swe_bench_verified": "70", "gpqa_diamond": "80"}, "0 families"),
    ],
)
def test_without_scores_or_ladders_there_is_no_slope_and_why_is_said(
    given: dict[str, str], words: str, run: Any
) -> None:
    found = [e for e in run("analyze_model", **given).estimates if e.symbol == "ode_slope"]
    assert found and all(e.value is None and words in e.caveats[0] for e in found)


def test_names_that_the_lake_does_not_know_and_what_their_errors_rest_on_are_said(run: Any) -> None:
    ladder = "1: 60, 38; 7: 76, 35.5"
    told = [text for text in run("analyze_model", pair="foo, bar", releases=ladder).sentences if "foo" in text]
    assert any("no benchmark of this lake" in text and "give items" in text for text in told)
    told = run("analyze_model", pair="foo, bar", releases=ladder, items="100, 200").sentences
    assert any("errors rest on 100 items" in text and "errors rest on 200 items" in text for text in told)
    assert not any("no benchmark" in text for text in run("analyze_model", pair="hellaswag, mmlu").sentences)


def test_items_that_are_no_numbers_are_refused_with_or_without_a_ladder(lake: Lake) -> None:
    for more in ({}, {"releases": "1: 60, 38; 7: 76, 35.5"}):
        with pytest.raises(BadParameterError, match="items"):
            diagnostics.run("analyze_model", {"items": "abc", **more}, lake)


def test_a_single_family_whose_signs_part_gives_no_chance_instead_of_nought_or_one(run: Any) -> None:
    chances = [e for e in run("analyze_model", params_b="3", family="OPT").estimates if e.symbol == "phase_chance"]
    by_fit = [e for e in chances if "logistic" in e.label]
    assert by_fit and all(e.value not in (0.0, 1.0) for e in by_fit)
    assert any("step" in caveat for e in by_fit for caveat in e.caveats)
