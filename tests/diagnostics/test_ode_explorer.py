"""The ODE explorer on planted lakes and on the shipped one: what it says first, what it refuses, what it compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cape import diagnostics
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.conftest import require
from tests.diagnostics.planted import X, Y, build, ladder
from tests.dynamics.planted import coupled, independent_trends

PANELS = [f"author,coupled,Coupled,,{X},{Y},0,0", f"trends,trends,Trends,,{X},{Y},0,0"]
QUICK = {"resamples": 200, "ensemble": 100}


@pytest.fixture(scope="module")
def planted_ode(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Four coupled families in panel `author`, twelve independent ones in `trends`, and one of two sizes."""

    def rows(trajectories: list, others: tuple[str, ...]) -> list[dict[str, Any]]:
        held = []
        for one in trajectories:
            models = ladder(one.family, 10 ** (one.log10_n - 9), one.scores[:, 0], one.scores[:, 1], se=0.5)
            for place, model in enumerate(models):
                model["scores"] |= {(name, ""): float(one.scores[place, 2 + i]) for i, name in enumerate(others)}
            held += models
        return held

    named = [
        one.__class__(**{n: getattr(one, n) for n in one.__slots__} | {"family": f"T{i}"})
        for i, one in enumerate(independent_trends(n_families=12, seed=2))
    ]
    sources = {
        "coupled": rows(coupled(noise=0.5, seed=0), ("arc_challenge", "winogrande")),
        "trends": rows(named, ("arc_challenge",)),
        "single": ladder("Only", (1.0,), (50.0,), (40.0,)),
    }
    lake = build(tmp_path_factory.mktemp("ode") / "lake", lake_paths.root, sources, PANELS)
    yield lake
    lake.close()


def ask(lake: Lake, **params: Any) -> Result:
    return diagnostics.run("ode_explorer", {**QUICK, **params}, lake)


def test_the_first_sentence_says_whether_the_equations_are_determined(planted_ode: Lake, run: Any) -> None:
    planted = ask(planted_ode)
    assert planted.sentences[0].startswith("The equations of 4 families of panel author are determined: 5 candidates")
    alone = run("ode_explorer", panel="author_by_family", family="Pythia", degree=3)
    assert "are not determined" in alone.sentences[0] and "56 candidates per equation" in alone.sentences[0]
    assert "one of many" in alone.sentences[0]
    coefficients = [e for e in alone.estimates if e.symbol == "ode_coefficient"]
    assert coefficients and all(e.caveats[0].startswith("not determined") for e in coefficients)


def test_planted_couplings_are_found_and_beat_every_baseline_on_held_out_families(planted_ode: Lake) -> None:
    result = ask(planted_ode, threshold=0.3)
    table = result.table("equation").frame
    signs = {(row["equation"], row["term"]): np.sign(row["value"]) for row in table.iter_rows(named=True)}
    assert signs["truthfulqa_mc2", "hellaswag"] == -1
    assert signs["arc_challenge", "hellaswag"] == signs["winogrande", "arc_challenge"] == 1
    assert signs["hellaswag", "truthfulqa_mc2"] == 0
    ratio = result.estimate("skill_ratio", "leave one family out")
    assert ratio.value is not None and ratio.value < 1
    assert result.estimate("n_counterexamples", "leave one family out").value == 0


def test_independent_trends_are_not_called_coupled_nor_better_than_uncoupled_equations(planted_ode: Lake) -> None:
    result = ask(planted_ode, panel="trends")
    said = next(sentence for sentence in result.sentences if "couplings between benchmarks" in sentence)
    assert int(said.split()[0]) <= 1, said
    errors = {
        row["method"]: row["error"]
        for row in result.table("methods").frame.iter_rows(named=True)
        if row["design"] == "leave one family out"
    }
    assert errors["ODE"] > 0.95 * errors["uncoupled ODE"]


def test_a_family_chosen_is_fitted_alone_and_predicts_the_others(planted_ode: Lake) -> None:
    result = ask(planted_ode, family="F0", held_out="F3")
    designs = set(result.table("families").frame["design"])
    assert designs == {"last size out", "families not fitted"}
    assert set(result.table("families").frame.filter(design="families not fitted")["family"]) == {"F1", "F2", "F3"}
    assert result.estimate("skill_ratio", "leave one family out").value is None
    labels = {e.label for e in result.estimates if e.symbol == "holdout_reading"}
    assert "F3: F0; ODE; points; all 4 benchmarks; start not counted" in labels


def test_the_readings_follow_from_one_another(planted_ode: Lake) -> None:
    result = ask(planted_ode, family="F0", held_out="F3")
    rows = {
        (row["measure"], row["start"]): row["error"]
        for row in result.table("readings").frame.iter_rows(named=True)
        if row["method"] == "ODE" and row["scores"].startswith("all")
    }
    assert rows["points", "start counted"] == pytest.approx(rows["points", "start not counted"] * 7 / 8)
    family = result.table("families").frame.filter(design="families not fitted", family="F3")["ode_error"][0]
    assert rows["points", "start not counted"] == pytest.approx(family)


def test_sliders_move_the_forecast_and_say_so(planted_ode: Lake) -> None:
    still, moved = (ask(planted_ode, h_field=h, ladder="F1", targets_b="40") for h in (0.0, 5.0))
    one, other = (result.estimate("ode_forecast", "F1 at 40 B: truthfulqa_mc2") for result in (still, moved))
    assert one.value is not None and other.value is not None and other.value > one.value + 1
    assert any("with h(D) added" in sentence for sentence in moved.sentences)
    added = moved.table("sources").frame.filter(source="h(D)", benchmark="truthfulqa_mc2")
    assert added["added"].to_list() == [5.0] and "reader" in added["provenance"][0]


def test_forecasts_start_at_the_size_nearest_to_the_one_asked_for(planted_ode: Lake) -> None:
    late = ask(planted_ode, ladder="F0", start_b=3.0, targets_b="20,30")
    methods = {e.method.split(";")[0] for e in late.estimates if e.symbol == "ode_forecast"}
    assert methods == {"integrated from 2.8 B"}
    assert {e.label.split(":")[0] for e in late.estimates if e.symbol == "ode_forecast"} == {"F0 at 20 B", "F0 at 30 B"}


def test_a_runaway_gives_no_forecast(run: Any) -> None:
    result = run("ode_explorer", panel="author_by_family", family="Pythia", degree=2)
    assert all(e.value is None for e in result.estimates if e.symbol == "ode_forecast")
    assert any("run away" in sentence for sentence in result.sentences)


def test_both_engines_give_the_same_page(planted_ode: Lake) -> None:
    require("pysindy")
    own, theirs = (ask(planted_ode, engine=engine) for engine in ("built in", "PySINDy"))
    gap = theirs.estimate("ode_engine_gap", "4 families of panel author").value
    assert gap is not None and gap < 1e-6
    for found in own.estimates:
        other = theirs.estimate(found.symbol, found.label).value
        same = other is None if found.value is None else other == pytest.approx(found.value, rel=1e-4, abs=1e-4)
        assert same, found.label


def test_importing_the_registry_leaves_pysindy_and_scikit_learn_alone() -> None:
    import subprocess
    import sys

    code = "import sys, cape.diagnostics; print({'pysindy', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("params", "kind", "words"),
    [
        ({"targets_b": "big"}, BadParameterError, "targets_b is 'big'"),
        ({"targets_b": "-3"}, BadParameterError, "above 0"),
        ({"targets_b": "nan"}, BadParameterError, "above 0"),
        ({"targets_b": "0.0001"}, BadParameterError, "Pick sizes between"),
        ({"targets_b": "1e9"}, BadParameterError, "Pick sizes between"),
        ({"ladder": "F9"}, UnknownNameError, "no ladder 'F9'"),
        ({"benchmarks": "hellaswg"}, UnknownNameError, "hellaswg"),
        ({"transition_from_b": 5.0, "transition_to_b": 2.0}, BadParameterError, "Swap them"),
        ({"degree": 4}, BadParameterError, "degree"),
        ({"threshold": -1}, BadParameterError, "threshold"),
        ({"min_b": 25.0}, NotEnoughDataError, "no two sizes of one family"),
        ({"h_field": 1e9}, BadParameterError, "h_field"),
    ],
)
def test_a_wrong_wish_is_refused_with_what_to_do(
    params: dict[str, Any], kind: type[Exception], words: str, planted_ode: Lake
) -> None:
    with pytest.raises(kind, match=words):
        ask(planted_ode, **params)


def test_a_held_out_family_that_is_not_there_leaves_the_reading_undefined(planted_ode: Lake) -> None:
    result = ask(planted_ode, held_out="Nowhere")
    assert result.estimate("holdout_reading", "Nowhere").value is None
    assert result.table("readings").frame.is_empty()


def test_the_regimes_of_the_published_script_keep_their_degrees_of_freedom(run: Any) -> None:
    result = run("ode_explorer", panel="author_by_family", family="Pythia")
    rows = {e.label: e for e in result.estimates if e.symbol == "phase_df"}
    assert [e.value for e in rows.values()] == [1.0, 0.0]
    assert result.estimate("phase_ratio", "with a degree of freedom left").value is None
    free = result.estimate("phase_ratio", "as the script has it")
    assert free.value is not None and any("cannot be judged" in caveat for caveat in free.caveats)


@pytest.mark.parametrize("further", ["width", "tokens", "log N + tokens"])
def test_control_inputs_are_terms_and_rows_without_them_are_counted(further: str, run: Any) -> None:
    result = run("ode_explorer", panel="independent", further=further)
    terms = set(result.table("equation").frame["term"])
    assert {f"log10 {name}" for name in ("width", "tokens") if name in further} <= terms
    assert ("log10 N" in terms) == ("log N" in further)


CHOICES: dict[str, list[Any]] = {
    "panel": ["author", "independent", "author_by_family", "amin-pythia", "lmeval-2023", "amin-llb"],
    "family": ["all", "OPT", "Pythia"],
    "degree": [1, 2, 3],
    "threshold": [0.0, 0.1, 1.0, 100.0],
    "derivative": ["midpoint", "three-point"],
    "further": ["none", "log N", "width", "log N + tokens"],
    "constants": ["shared", "per family"],
    "scaling": ["standardised", "as printed"],
    "models": ["population", "every model"],
    "benchmarks": ["", "all", "mmlu"],
    "min_b": [0.0, 1.0, 5.0],
    "max_b": [0.0, 13.0],
    "start_b": [0.0, 2.0],
    "curation": [0.0, 1.0],
    "width_factor": [1.0, 2.0],
}


@pytest.mark.parametrize("seed", range(16))
def test_any_combination_of_choices_is_answered_soundly_or_refused_in_words(seed: int, lake: Lake) -> None:
    rng = np.random.default_rng(seed)
    asked = {name: values[int(rng.integers(len(values)))] for name, values in CHOICES.items()}
    try:
        result = diagnostics.run("ode_explorer", {**QUICK, **asked}, lake)
    except (BadParameterError, NotEnoughDataError, UnknownNameError) as error:
        assert str(error).endswith((".", "?"))
        return
    assert "determined" in result.sentences[0]
    for panel in diagnostics.get("ode_explorer").panels:
        if panel.figure is not None:
            panel.figure(result, "dark")
    for found in result.estimates:
        assert None not in (found.value, found.low, found.high) or found.caveats
