"""width_normalization on planted families: unrelated scores flip no more than shuffled ones, and the counts say so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cape import ledger
from cape.claims import parse_parts
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics.width_normalization import DIAGNOSTIC
from cape.errors import NotEnoughDataError
from cape.figures.theme import THEMES
from cape.lake import Lake, LakePaths, build_lake
from cape.quantities import Result
from cape.stats.width import WidthVerdict
from tests.diagnostics.planted import PANEL_COLUMNS, X, Y, _write

WIDTHS = (512, 768, 1024, 2048, 2560, 4096)
SIZES = (0.1, 0.3, 1.0, 3.0, 7.0, 13.0)
RISING = (27.0, 31.0, 41.0, 50.0, 57.0, 64.0)
FALLING = (47.0, 44.0, 41.5, 39.0, 36.0, 33.0)
MODELS = [  # model, family, billions, width, scores
    *[(f"apart-{i}", "Apart", SIZES[i], WIDTHS[i], RISING[i], FALLING[i]) for i in range(6)],
    *[(f"together-{i}", "Together", SIZES[i], WIDTHS[i], RISING[i], RISING[i] - 5 + (-1) ** i) for i in range(6)],
    *[(f"few-{i}", "Few", SIZES[i], WIDTHS[i], RISING[i], FALLING[i]) for i in range(3)],
    *[(f"pair-{i}", "Pair", SIZES[i], WIDTHS[i], RISING[i], FALLING[i]) for i in range(2)],
    *[(f"unknown-{i}", "Unknown", SIZES[i], "", RISING[i], FALLING[i]) for i in range(6)],
    *[(f"level-{i}", "Level", SIZES[i], WIDTHS[i], RISING[i], 40.0) for i in range(6)],
]


@pytest.fixture(scope="module")
def widths(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    root = tmp_path_factory.mktemp("widths") / "lake"
    (root / "raw").mkdir(parents=True)
    for name in ("benchmarks", "claims"):
        (root / f"{name}.csv").write_bytes((lake_paths.root / f"{name}.csv").read_bytes())
    (root / "panels.csv").write_text(f"{PANEL_COLUMNS}\nauthor,planted,Planted,,{X},{Y},0,0\n", encoding="utf-8")
    scores = [(model, "hellaswag", "", x) for model, _, _, _, x, _ in MODELS]
    scores += [(model, "truthfulqa", "mc2", y) for model, _, _, _, _, y in MODELS]
    tables = {
        "scores": (("model_id", "benchmark", "variant", "score"), scores),
        "models": (("model_id", "family", "params_b", "d_model"), [row[:4] for row in MODELS]),
    }
    _write(root / "raw" / "planted", tables, is_printed=False)
    build_lake(LakePaths(root))
    lake = Lake.open(LakePaths(root))
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def result(widths: Lake) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"resamples": 400}, widths)


def verdict(result: Result, family: str) -> str:
    return result.table("families").frame.filter(family=family)["verdict"].item()


# planted answers


def test_each_family_gets_the_verdict_of_its_plan(result: Result) -> None:
    assert verdict(result, "Apart") == WidthVerdict.DENOMINATOR
    assert verdict(result, "Together") == WidthVerdict.NOTHING_TO_REMOVE
    assert verdict(result, "Few") == WidthVerdict.TOO_FEW
    assert verdict(result, "Level") == WidthVerdict.UNDEFINED


def test_the_counts_add_up_to_the_families_shown(result: Result) -> None:
    counts = {e.label: e.value for e in result.estimates if e.symbol == "n_families_by_width"}
    assert sum(counts[str(one)] for one in WidthVerdict) == result.table("families").frame.height == 4
    assert counts["flipped in sign"] == 2 and counts["raw r below zero"] == 2
    assert "in 2 of 4 families" in result.sentences[0] and "positive in 2 of them" in result.sentences[0]
    assert "0 exceed" in result.sentences[1] and "1 do not, and 1 have too few" in result.sentences[1]


def test_families_without_widths_or_with_two_models_are_left_out_and_counted(result: Result) -> None:
    caveats = result.estimate("width_gain", "author").caveats
    assert "1 families with fewer than 3 models of known width were left out" in caveats
    assert "6 rows have no known width or size" in caveats
    assert not result.table("families").frame["family"].is_in(["Pair", "Unknown"]).any()


# independent implementation


def test_the_estimates_of_a_family_are_numpys(result: Result) -> None:
    x, y, w = np.array(RISING), np.array(FALLING), np.array(WIDTHS) / 512
    for symbol, label, expected in (
        ("r", "Apart: raw", np.corrcoef(x, y)[0, 1]),
        ("r_width_ratio", "Apart", np.corrcoef(x / w, y / w)[0, 1]),
        ("r_width_constant", "Apart", np.corrcoef(x / w, 1 / w)[0, 1]),
    ):
        assert result.estimate(symbol, label).value == pytest.approx(expected)
    design = np.column_stack([np.ones(6), np.log10(w)])
    rest = [column - design @ np.linalg.lstsq(design, column, rcond=None)[0] for column in (x, y)]
    assert result.estimate("r_given_width", "Apart").value == pytest.approx(np.corrcoef(*rest)[0, 1])


def test_the_histogram_counts_every_ordering_of_the_largest_family(result: Result) -> None:
    frame = result.table("shuffled").frame
    assert frame["n_orderings"].sum() == 720
    assert frame["observed"].unique().len() == 1


# edge cases


def test_one_family_is_answered_alone(widths: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"family": "Apart", "resamples": 200}, widths)
    gain = result.estimate("width_gain", "author Apart")
    assert gain.value is not None and gain.low is None and gain.n == 1


def test_a_family_of_two_models_has_no_r_and_says_so(widths: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"family": "Pair", "resamples": 200}, widths)
    assert result.sentences[0].startswith("r over width is undefined for author Pair")
    assert result.estimate("width_gain", "author Pair").value is None
    for panel in DIAGNOSTIC.panels:
        assert panel.figure(result, "light").layout.annotations


def test_a_window_without_models_is_refused(widths: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="no model in this window"):
        run_diagnostic(DIAGNOSTIC, {"min_b": 500.0}, widths)


@pytest.mark.parametrize("theme", THEMES)
def test_the_figures_draw_every_family_once_per_mark(result: Result, theme: str) -> None:
    before, against, shuffled = (panel.figure(result, theme) for panel in DIAGNOSTIC.panels)
    raw = next(trace for trace in before.data if trace.name == "raw r")
    assert len(raw.x) == 3 and raw.error_x.array is not None
    observed = next(trace for trace in against.data if trace.name == "observed scores")
    assert len(observed.x) == 4  # a constant score has r over width, by the divisor alone
    assert sum(shuffled.data[0].y) == 720
    for figure in (before, against, shuffled):
        assert "no unit" in figure.layout.xaxis.title.text


# the shipped lake


def test_every_wired_part_is_a_part_of_its_claim(lake: Lake) -> None:
    rows = {row["claim_id"]: row for row in lake.read("mart_claims_as_printed").iter_rows(named=True)}
    for settles in DIAGNOSTIC.claims:
        names = {part.name for part in parse_parts(settles.claim_id, rows[settles.claim_id]["parts"])}
        for side in (settles.reproduced, settles.supported):
            assert (side.undefined and not side.answers) or set(side.answers) == names


@pytest.mark.parametrize("settles", DIAGNOSTIC.claims, ids=lambda settles: settles.claim_id)
def test_every_wired_answer_exists_on_the_shipped_lake(settles, lake: Lake) -> None:
    for side in (settles.reproduced, settles.supported):
        if side.undefined:
            continue
        found = run_diagnostic(DIAGNOSTIC, {**side.params, "resamples": 200}, lake)
        for answer in side.answers.values():
            assert ledger._find(found, answer) is not None, (settles.claim_id, answer.label)
        for symbol, label in side.context:
            assert found.estimate(symbol, label).method


def test_shuffled_scores_flip_as_the_observed_ones_do_in_every_family_of_the_lake(lake: Lake) -> None:
    """The control works on real widths: over a growing width even reordered scores correlate."""
    families = run_diagnostic(DIAGNOSTIC, {"panel": "independent", "resamples": 200}, lake).table("families").frame
    assert (families["shuffled_low"] > 0).all()
