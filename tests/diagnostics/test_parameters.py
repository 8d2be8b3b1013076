"""Every parameter of every diagnostic does something, and a wrong one is refused with its name and near names."""

from __future__ import annotations

from typing import Any

import pytest

from cape import diagnostics
from cape.diagnostics import DIAGNOSTICS, defaults_of, options_of
from cape.errors import BadParameterError, CapeError, NotEnoughDataError, UnknownNameError
from cape.lake import Lake
from cape.quantities import Result

# For each parameter: the selection to start from and one value that must change the numbers.
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "panel": ({}, "independent"),
    "family": ({}, "OPT"),
    "x": ({}, "winogrande"),
    "y": ({}, "arc_challenge"),
    "variant": ({"panel": "lmeval-2023"}, "mc2"),
    "resamples": ({}, 400),
    "seed": ({}, 1),
    "families": ({}, "OPT, BLOOM"),
    "min_b": ({}, 1.0),
    "max_b": ({}, 7.0),
    "compare_panel": ({}, "independent"),
    "compare_family": ({"compare_panel": "independent"}, "OPT"),
    "curve": ({"curve": "this pair", "panel": "amin-paper3a-text"}, "no curve"),
    "reproduced": ({}, "agrees"),
    "supported": ({}, "agrees"),
    "search": ({}, "OLM-02"),
    "view": ({}, "mart_models"),
    "benchmarks": ({}, "winogrande"),
    "cut_by": ({}, "level"),
    "cut_b": ({}, 10.0),
    "cut_level": ({"cut_by": "level"}, 50.0),
    "estimator": ({}, "given log10 N"),
    "near_chance": ({}, "leave out"),
    "split": ({}, "by size"),
    "window": ({}, 12),
    "scale": ({}, "divided by width"),
    "turn_b": ({}, 2.0),
    "transition_from_b": ({}, 0.5),
    "transition_to_b": ({}, 7.0),
    "reference": ({}, "OPT"),
    "reading": ({}, "above means positive"),
    "signs": ({}, "every ratio"),
    "weights": ({}, "equal"),
    "slope_at": ({}, "start"),
    "n_c": ({}, "fixed-effect quadratic"),
    "size_b": ({}, 2.0),
    "angle": ({}, "loading as printed"),
    "curated": ({}, "Qwen2.5"),
    "rows": ({}, "amin-frontier20"),
    "scope": ({}, "frozen 34"),
    "benchmark_x": ({"rows": "every source"}, "ifeval"),
    "benchmark_y": ({"rows": "every source"}, "ifeval"),
    "subset": ({}, "core"),
    "least_x": ({}, 60.0),
    "labels": ({}, "off"),
    "trajectories": ({}, "off"),
    "zoom_from": ({}, 60.0),
    "zoom_to": ({}, 70.0),
    "star_x": ({"star_y": "80"}, "75"),
    "star_y": ({"star_x": "75"}, "80"),
    "swe": ({"gpqa": "80"}, "75"),
    "gpqa": ({"swe": "75"}, "80"),
    "order": ({}, "as printed"),
    "tiers": ({}, "any tier"),
    "params_b": ({}, "3"),
    "known": ({}, "pythia-410m"),
    "width": ({"params_b": "3"}, "2560"),
    "tokens_t": ({"params_b": "3"}, "1"),
    "recipe": ({"params_b": "3", "truthfulqa": "40"}, "curated"),
    "hellaswag": ({"params_b": "3"}, "70"),
    "truthfulqa": ({"params_b": "3"}, "40"),
    "arc_challenge": ({"params_b": "3"}, "40"),
    "winogrande": ({"params_b": "3"}, "65"),
    "mmlu": ({"params_b": "3"}, "40"),
    "gsm8k": ({"params_b": "3"}, "20"),
    "swe_bench_verified": ({"gpqa_diamond": "70"}, "60"),
    "gpqa_diamond": ({"swe_bench_verified": "60"}, "70"),
    "ifeval": ({"params_b": "3"}, "80"),
    "other_scores": ({"params_b": "3"}, "humaneval = 20"),
    "pair": ({"releases": "1: 60, 38; 7: 76, 35.5"}, "hellaswag, mmlu"),
    "releases": ({"params_b": "3"}, "1: 60, 38; 7: 76, 35.5"),
    "items": ({"releases": "1: 60, 38; 7: 76, 35.5"}, "100, 100"),
    "phase_by": ({"hellaswag": "60", "params_b": "3"}, "logistic in the level of the first benchmark"),
    "bandwidth": ({"params_b": "3"}, 0.25),
    "similar": ({"params_b": "3", "hellaswag": "60"}, 5.0),
    "size_times": ({"params_b": "3"}, 0.5),
    "width_times": ({"params_b": "3"}, 1.1),
    "runs": ({}, "Pythia runs"),
    "degree": ({}, 2),
    "threshold": ({}, 0.5),
    "derivative": ({}, "three-point"),
    "further": ({}, "log N"),
    "constants": ({}, "per family"),
    "scaling": ({}, "as printed"),
    "engine": ({}, "PySINDy"),
    "models": ({}, "every model"),
    "ensemble": ({}, 50),
    "ladder": ({}, "OPT"),
    "held_out": ({}, "Falcon"),
    "start_b": ({}, 1.0),
    "targets_b": ({}, "20, 30"),
    "h_field": ({}, 2.0),
    "j_arch": ({}, 1.0),
    "curation": ({}, 1.0),
    "width_factor": ({}, 2.0),
    "target": ({}, "as measured"),
    "inputs": ({}, "score, size and width"),
    "axes": ({}, "swe_bench_verified, gpqa_diamond"),
    "current": ({}, "gpqa_diamond"),
    "top": ({}, 4),
    "top_by": ({}, "best of the old axis"),
    "rotate_below": ({}, 3.0),
    "base": ({}, "author"),
    "today": ({}, "2026-04-30"),
    "quantity": ({}, "correlation"),
    "n_families": ({}, "10"),
    "n_sizes": ({}, "3"),
    "n_items": ({}, "1000 and 200"),
    "along": ({}, "sizes"),
    "measure": ({}, "probability"),
    "text": ({}, "web"),
    "measured_by": ({}, "attention patterns; prompts: not stated"),
    "criterion": ({}, "every head cooperative"),
    "alarmed": ({}, "left out"),
    "only": ({}, "pythia-1b-deduped"),
    "compared_as": ({}, "mean over matched prompts"),
    "coordinate_sd": ({}, 3.0),
    "coupling_as": ({}, "centred on the background"),
    "placed_by": ({}, "layer number"),
    "profile_family": ({}, "OPT"),
    "ladder_family": ({}, "Qwen2.5"),
    "newer": ({}, "OPT"),
    "older": ({}, "OPT"),
    "band_from_b": ({}, 10.0),
    "band_to_b": ({}, 40.0),
}
SHOWN = [(d.slug, name) for d in DIAGNOSTICS for name in options_of(d.params) if d.uses_selection or name in d.controls]
HIDDEN = {d.slug: [n for n in options_of(d.params) if n not in d.controls] for d in DIAGNOSTICS if not d.uses_selection}


def _plain(slug: str, params: dict[str, Any]) -> dict[str, Any]:
    """Leave out the curve, which is slow, unless it is asked for."""
    return {"curve": "no curve", **params} if "curve" in options_of(diagnostics.get(slug).params) else params


def _differ(one: Result, other: Result) -> bool:
    numbers = [[(e.symbol, e.value, e.low, e.high, e.n) for e in result.estimates] for result in (one, other)]
    tables = [{table.name: table.frame for table in result.tables} for result in (one, other)]
    frames = [{name: frame.sort(frame.columns) for name, frame in held.items()} for held in tables]
    if numbers[0] != numbers[1] or set(frames[0]) != set(frames[1]):
        return True
    return not all(frame.equals(frames[1][name]) for name, frame in frames[0].items())


@pytest.mark.parametrize(("slug", "name"), SHOWN)
def test_a_parameter_changes_the_numbers(slug: str, name: str, run: Any) -> None:
    start, value = CHANGES[name]
    assert name == "curve" or defaults_of(diagnostics.get(slug).params)[name] != value
    assert _differ(run(slug, **_plain(slug, start)), run(slug, **_plain(slug, {**start, name: value})))


@pytest.mark.parametrize("slug", list(HIDDEN))
def test_a_diagnostic_of_the_whole_lake_takes_no_parameter_without_effect(slug: str, run: Any) -> None:
    without_effect = []
    for name in HIDDEN[slug]:
        start, value = CHANGES[name]
        if not _differ(run(slug, **start), run(slug, **{**start, name: value})):
            without_effect.append(name)
    assert without_effect == []


@pytest.mark.parametrize(
    ("slug", "params", "kept"),
    [
        ("local_coupling", {"family": "OPT"}, {"OPT"}),
        ("local_coupling", {"families": "OPT, BLOOM"}, {"OPT", "BLOOM"}),
        ("phase_diagram", {"family": "BLOOM"}, {"BLOOM"}),
        ("trend_control", {"families": "OPT,BLOOM"}, {"OPT", "BLOOM"}),
        ("critical_scale", {"families": "OPT,BLOOM"}, {"OPT", "BLOOM"}),
    ],
)
def test_families_are_the_rows_that_are_used(slug: str, params: dict, kept: set[str], run: Any) -> None:
    result = run(slug, **_plain(slug, params))
    table = "points" if slug in ("phase_diagram", "trend_control") else "steps"
    assert set(result.table(table).frame["family"]) == kept


def test_a_window_of_sizes_holds_for_rows_and_steps(run: Any) -> None:
    points = run("trend_control", min_b=1.0, max_b=7.0, curve="no curve").table("points").frame
    assert points["position"].min() >= 1e9 and points["position"].max() <= 7e9
    steps = run("local_coupling", min_b=1.0, max_b=7.0).table("steps").frame
    assert steps["position_from"].min() >= 1e9 and steps["position_to"].max() <= 7e9


def test_a_variant_replaces_that_of_the_pair(run: Any) -> None:
    by_variant = run("phase_diagram", panel="lmeval-2023", variant="mc2")
    by_name = run("phase_diagram", panel="lmeval-2023", y="truthfulqa_mc2")
    assert by_variant.params["y"] == "truthfulqa_mc2"
    assert by_variant.estimates == by_name.estimates


def test_more_resamples_leave_point_values_alone(run: Any) -> None:
    few, many = (run("local_coupling", resamples=n) for n in (200, 2000))
    assert [e.value for e in few.estimates] == pytest.approx([e.value for e in many.estimates])


@pytest.mark.parametrize(
    ("slug", "params", "kind", "words"),
    [
        ("local_coupling", {"famly": "OPT"}, BadParameterError, ["parameter 'famly'", "family"]),
        ("phase_diagram", {"min_b": 1}, BadParameterError, ["parameter 'min_b'"]),
        ("local_coupling", {"panel": "autor"}, UnknownNameError, ["panel 'autor'", "author"]),
        ("local_coupling", {"panel": "zzz"}, UnknownNameError, ["panel 'zzz'", "author", "independent"]),
        ("overview", {"family": "Pythya"}, UnknownNameError, ["family 'Pythya'", "Pythia"]),
        ("local_coupling", {"families": "OPT, Pythya"}, UnknownNameError, ["family 'Pythya'", "Pythia"]),
        ("trend_control", {"x": "hellaswg"}, UnknownNameError, ["benchmark 'hellaswg'", "hellaswag"]),
        ("trend_control", {"y": "truthfulqa_mc3"}, UnknownNameError, ["'truthfulqa_mc3'", "truthfulqa_as_printed"]),
        ("trend_control", {"variant": "mc9"}, UnknownNameError, ["variant of truthfulqa 'mc9'", "as_printed"]),
        ("trend_control", {"x": "arc_challenge", "y": "arc_challenge"}, BadParameterError, ["'arc_challenge'"]),
        (
            "trend_control",
            {"panel": "lmeval-2023", "x": "truthfulqa_mc1", "y": "truthfulqa_mc2"},
            BadParameterError,
            ["truthfulqa_mc1", "truthfulqa_mc2", "variants of one benchmark"],
        ),
        ("local_coupling", {"resamples": "many"}, BadParameterError, ["resamples", "'many'", "whole number"]),
        ("local_coupling", {"resamples": 200.5}, BadParameterError, ["resamples", "200.5"]),
        ("local_coupling", {"resamples": 10}, BadParameterError, ["resamples", "10", "200"]),
        ("local_coupling", {"resamples": 10**9}, BadParameterError, ["resamples", "1000000000", "100000"]),
        ("local_coupling", {"seed": -1}, BadParameterError, ["seed", "-1"]),
        ("local_coupling", {"min_b": "big"}, BadParameterError, ["min_b", "'big'"]),
        ("local_coupling", {"min_b": -1}, BadParameterError, ["min_b", "-1"]),
        ("local_coupling", {"max_b": float("nan")}, BadParameterError, ["max_b", "nan"]),
        ("model_organism", {"measure": "probabilty"}, UnknownNameError, ["measure 'probabilty'", "probability"]),
        ("model_organism", {"text": "wbe"}, UnknownNameError, ["text 'wbe'", "web"]),
        ("critical_scale", {"curve": "this par"}, UnknownNameError, ["curve 'this par'", "this pair"]),
        ("claims", {"reproduced": "agree"}, UnknownNameError, ["reproduced 'agree'", "agrees"]),
        ("data", {"view": "mart_score"}, UnknownNameError, ["'mart_score'", "mart_scores"]),
        ("local_coupling", {"compare_panel": "autor"}, UnknownNameError, ["'autor'", "author"]),
        (
            "local_coupling",
            {"compare_panel": "independent", "compare_family": "Pythya"},
            UnknownNameError,
            ["'Pythya'", "Pythia"],
        ),
        ("critical_scale", {"compare_panel": "none", "compare_family": "Pythya"}, CapeError, ["Pythya"]),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_was_found_and_what_is_near(
    slug: str, params: dict, kind: type[CapeError], words: list[str], lake: Lake
) -> None:
    with pytest.raises(kind) as caught:
        quick = {"resamples": 200} if "resamples" in options_of(diagnostics.get(slug).params) else {}
        diagnostics.run(slug, {**quick, **params}, lake)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("slug", ["local_coupling", "critical_scale", "trend_control"])
def test_an_empty_window_names_the_window(slug: str, lake: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="window|100000 B|100,000 B|1e\\+05 B"):
        diagnostics.run(slug, {"min_b": 100_000}, lake)


@pytest.mark.parametrize(
    ("asked", "found"), [("local-coupling", "local_coupling"), ("critical_scale", "critical_scale")]
)
def test_a_diagnostic_is_found_by_dashes_or_underscores(asked: str, found: str) -> None:
    assert diagnostics.get(asked).slug == found


def test_an_unknown_diagnostic_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"'local_couplin'.*local_coupling"):
        diagnostics.get("local_couplin")
    with pytest.raises(UnknownNameError, match=r"Known: overview"):
        diagnostics.get("zzz")


def test_a_parameter_that_is_none_takes_its_default(run: Any, lake: Lake) -> None:
    given = dict.fromkeys(defaults_of(diagnostics.get("phase_diagram").params))
    result = diagnostics.run("phase_diagram", {**given, "resamples": 200}, lake)
    assert result.estimates == run("phase_diagram").estimates
    assert result.params["x"] == "hellaswag"
