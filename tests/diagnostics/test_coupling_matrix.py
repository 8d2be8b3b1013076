"""coupling_matrix: planted signs on two sides of a cut, the author's rows against numpy, options, edges, wiring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest

from cape import diagnostics, ledger
from cape.claims import Verdict
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics.coupling_matrix import DIAGNOSTIC
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.figures import theme as look
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics.planted import X, Y, build

SIZES = tuple(10.0 ** np.linspace(-1, 2, 8))
OTHERS = ("arc_challenge", "winogrande", "mmlu")


def family(name: str, seed: int, *, sizes: tuple[float, ...] = SIZES, se: float = 0.2) -> list[dict[str, Any]]:
    """A ladder whose TruthfulQA falls with the level of all others below 3.5 B and rises with it above."""
    level = np.random.default_rng(seed).normal(0, 5, len(sizes))
    noise = np.random.default_rng(seed + 500).normal(0, 0.4, (len(sizes), 5))
    turn = np.where(np.array(sizes) < 3.5, -1.0, 1.0)
    rows = []
    for k, size in enumerate(sizes):
        scores = {("hellaswag", ""): 60 + level[k] + noise[k, 0]}
        scores["truthfulqa", "mc2"] = 60 + turn[k] * level[k] + noise[k, 1]
        scores |= {(name_, ""): 70 + level[k] + noise[k, 2 + j] for j, name_ in enumerate(OTHERS)}
        rows.append({"model_id": f"{name.lower()}-{k}", "family": name, "params_b": size, "se": se, "scores": scores})
    return rows


@pytest.fixture(scope="module")
def flipping(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Panel `author` of eight families that flip; `gappy` lacks scores; `level` does not vary; `lone` has one model."""
    names = [f"F{k}" for k in range(8)]
    gappy = [row for k, name in enumerate(names[:6]) for row in family(f"G{name}", 40 + k)]
    for k, row in enumerate(gappy):
        del row["scores"][OTHERS[k % 3], ""]
    level = [row for k, name in enumerate(names[:4]) for row in family(f"L{name}", 60 + k)]
    for row in level:
        row["scores"]["mmlu", ""] = 25.0
    sources = {
        "planted": [row for k, name in enumerate(names) for row in family(name, k)],
        "gappy": gappy,
        "level": level,
        "lone": family("Lone", 90, sizes=(1.0,)),
    }
    lake = build(
        tmp_path_factory.mktemp("flipping") / "lake",
        lake_paths.root,
        sources,
        [f"author,planted,Planted,,{X},{Y},0,0"],
    )
    yield lake
    lake.close()


def on(lake: Lake, **params: Any) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"resamples": 400, **params}, lake)


def value(result: Result, symbol: str, label: str) -> float | None:
    return result.estimate(symbol, label).value


# planted answers


def test_the_planted_pairs_change_sign_and_only_those(flipping: Lake) -> None:
    result = on(flipping)
    for side, sign in (("below", -1), ("above", 1)):
        found = result.estimate("r", f"{X} / {Y}: {side}")
        assert sign * found.value > 0.95 and sign * found.low > 0 and sign * found.high > 0
        assert value(result, "r", f"arc_challenge / winogrande: {side}") > 0.95
    assert value(result, "n_negative_pairs", "below") == 4 and value(result, "n_negative_pairs", "above") == 0
    assert value(result, "n_sign_changes", f"pairs with {Y}") == 4
    assert value(result, "n_sign_changes_settled", f"pairs with {Y}") == 4
    assert value(result, "n_sign_changes", f"pairs without {Y}") == 0
    assert value(result, "n_discoveries", "below") == 10
    assert value(result, "n_pairs_same_sign_in_all_folds", "below") == 10
    assert value(result, "n_folds_negative", f"{X} / {Y}: below") == value(result, "n_folds", "below") == 8


def test_the_change_lies_outside_its_null_for_the_planted_pairs_only(flipping: Lake) -> None:
    result = on(flipping)
    with_second, null = (result.estimate(s, f"pairs with {Y}") for s in ("frobenius_change", "frobenius_null"))
    assert with_second.low > null.high
    rest, null = (result.estimate(s, f"pairs without {Y}") for s in ("frobenius_change", "frobenius_null"))
    assert rest.value < 0.1 and with_second.value > 5
    assert any("lies outside that range" in sentence for sentence in result.sentences)


def test_the_first_component_opposes_the_second_benchmark_below_the_cut(flipping: Lake) -> None:
    result = on(flipping)
    below, above = (result.estimate("pc1_loading", f"{Y}: {side}") for side in ("below", "above"))
    assert below.high < 0 < above.low
    turned = result.estimate("pc1_loading", f"{Y}: below, sign turned")
    assert (turned.value, turned.low, turned.high) == pytest.approx((-below.value, -below.high, -below.low))


def test_moving_the_cut_moves_the_models(flipping: Lake) -> None:
    tables = [on(flipping, cut_b=cut).table("cells").frame for cut in (3.5, 30.0)]
    below = [frame.filter(pl.col("side") == "below")["n_models"][0] for frame in tables]
    assert below == [8 * 4, 8 * 6]


# the author's rows, recomputed


@pytest.mark.parametrize("estimator", ["Pearson", "given log10 N", "family-demeaned"])
@pytest.mark.parametrize("panel", ["author", "independent"])
def test_matrices_agree_with_numpy_on_the_shipped_rows(lake: Lake, panel: str, estimator: str) -> None:
    result = on(lake, panel=panel, estimator=estimator)
    scores = lake.read("mart_scores", panel=panel)
    index = ["family", "model_id", "source_row", "position"]
    for side, test in (("below", pl.col("position") < 3.5e9), ("above", pl.col("position") >= 3.5e9)):
        cells = result.table("cells").frame.filter(pl.col("side") == side)
        for row in cells.iter_rows(named=True):
            pair = scores.filter(pl.col("benchmark_id").is_in([row["first"], row["second"]])).filter(test)
            wide = pair.pivot(on="benchmark_id", index=index, values="score_pct")
            wide = wide.drop_nulls([row["first"], row["second"]])
            columns = np.stack([wide[name].to_numpy() for name in (row["first"], row["second"])])
            if estimator == "given log10 N":
                design = np.column_stack([np.ones(wide.height), np.log10(wide["position"].to_numpy())])
                columns = np.stack([c - design @ np.linalg.lstsq(design, c, rcond=None)[0] for c in columns])
            elif estimator == "family-demeaned":
                columns = columns - np.stack(_means(wide, row))
            assert row["value"] == pytest.approx(np.corrcoef(columns)[0, 1]), row["pair"]
            assert (row["n_models"], row["n_families"]) == (wide.height, wide["family"].n_unique())


def _means(wide: pl.DataFrame, row: dict[str, Any]) -> list[np.ndarray]:
    return [
        wide.select(pl.col(name).mean().over("family")).to_series().to_numpy() for name in (row["first"], row["second"])
    ]


def test_the_printed_matrices_stand_beside_with_what_follows_from_them(lake: Lake) -> None:
    result = on(lake)
    printed = lake.read("mart_printed_series", series_group="dash_matrix_below")["y"].to_numpy()
    label = "printed: below"
    assert value(result, "mean_pair_r", label) == pytest.approx(printed.mean())
    assert value(result, "n_negative_pairs", label) == (printed < 0).sum()
    assert value(result, "d_eff_benchmarks", label) == pytest.approx(25 / (5 + 2 * (printed**2).sum()))
    assert value(result, "smallest_eigenvalue", label) < 0 < value(result, "psd_distance", label)
    assert value(result, "smallest_eigenvalue", "printed: above") > 0
    assert value(result, "psd_distance", "printed: above") == 0
    cells = result.table("cells").frame.filter(pl.col("side") == "below")
    assert sorted(cells["printed"].to_list()) == sorted(printed.tolist())


def test_negative_intervals_are_counted_from_the_steps(lake: Lake) -> None:
    result = on(lake, panel="author_by_family", family="Pythia")
    steps = lake.read("mart_gamma", panel="author_by_family", x="hellaswag", y="mmlu", family="Pythia")
    expected = steps.filter(pl.col("delta_y_pct") * pl.col("delta_x_pct") < 0).height
    found = result.estimate("n_negative_intervals", "hellaswag / mmlu: bare ratio")
    assert found.value == expected > 0 and found.n == steps.height


# options


def test_scores_near_chance_are_left_out_on_demand_and_counted(lake: Lake) -> None:
    kept, left = on(lake), on(lake, near_chance="leave out")
    near, more = (value(kept, "n_scores_near_chance", name) for name in ("mmlu", "arc_challenge"))
    assert near > 0
    n = [r.table("cells").frame.filter(side="all", pair="arc_challenge / mmlu")["n_models"][0] for r in (kept, left)]
    assert n[0] - near - more <= n[1] <= n[0] - near
    assert any("scores near chance were left out" in c for c in left.estimate("mean_pair_r", "all").caveats)


def test_pairs_with_gaps_use_the_models_that_have_both(flipping: Lake) -> None:
    cells = on(flipping, panel="gappy").table("cells").frame.filter(pl.col("side") == "all")
    n = dict(cells.select("pair", "n_models").iter_rows())
    assert n[f"{X} / {Y}"] == 48 and n["arc_challenge / winogrande"] == 16


def test_the_phase_cut_puts_tax_below_and_bonus_above(lake: Lake) -> None:
    result = on(lake, cut_by="phase, paper's rule")
    phases = lake.read("mart_phases", panel="author", x="hellaswag", y="truthfulqa_as_printed")
    for side, phase in (("below", "tax"), ("above", "bonus")):
        rows = phases.filter(pl.col("phase_paper") == phase)
        n = result.table("cells").frame.filter(side=side)["n_models"][0]
        assert n == rows["n_rows"].sum()


def test_the_level_cut_is_the_median_unless_a_level_is_given(lake: Lake) -> None:
    levels = lake.read("mart_scores", panel="author", benchmark_id="hellaswag")["score_pct"].to_numpy()
    for level, cut in ((0.0, float(np.median(levels))), (50.0, 50.0)):
        result = on(lake, cut_by="level", cut_level=level)
        assert result.table("cells").frame.filter(side="below")["n_models"][0] == (levels < cut).sum()


def test_any_number_of_benchmarks_can_be_named(lake: Lake) -> None:
    assert value(on(lake, panel="independent", benchmarks="all"), "n_pairs", "all") == 28
    three = on(lake, panel="independent", benchmarks="gsm8k")
    assert value(three, "n_pairs", "all") == 3 and value(three, "r", "hellaswag / gsm8k: all") is not None
    assert not [e for e in three.estimates if e.label.startswith("printed")]


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"benchmarks": "gsm9k"}, UnknownNameError, "Did you mean gsm8k"),
        ({"cut_b": 0}, BadParameterError, "must lie between"),
        ({"estimator": "Spearman"}, UnknownNameError, "no estimator 'Spearman'"),
        ({"min_b": 1e5}, NotEnoughDataError, "has no model with"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(lake: Lake, params: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        on(lake, panel="independent", **params)


def test_two_variants_of_one_benchmark_are_refused(lake: Lake) -> None:
    with pytest.raises(BadParameterError, match="variants of one benchmark never meet"):
        on(lake, panel="amin-26", benchmarks="truthfulqa_as_printed,truthfulqa_mc2")


# edges


def test_a_benchmark_that_does_not_vary_has_no_r_and_no_validity(flipping: Lake) -> None:
    result = on(flipping, panel="level")
    assert value(result, "r", f"{X} / mmlu: below") is None
    assert value(result, "r", f"{X} / arc_challenge: below") is not None
    assert value(result, "n_pairs", "below") == 6
    assert not [e for e in result.estimates if (e.symbol, e.label) == ("smallest_eigenvalue", "below")]
    assert value(result, "d_eff_benchmarks", "below: assembled correlation matrix") is None


def test_one_model_is_undefined_throughout_and_says_so(flipping: Lake) -> None:
    result = on(flipping, panel="lone")
    assert all(e.value is None for e in result.estimates if e.symbol in ("r", "mean_pair_r", "frobenius_change"))
    assert "Below the cut no pair of benchmarks has an r." in result.sentences
    assert value(result, "n_pairs_positive_in_all_folds", "below") == 0
    for panel in DIAGNOSTIC.panels:
        assert panel.figure(result, "light").to_json()


def test_one_family_keeps_r_with_a_fisher_interval(lake: Lake) -> None:
    found = on(lake, panel="author_by_family", family="Pythia").estimate("r", "truthfulqa_as_printed / mmlu: all")
    assert found.low < found.value < found.high and found.n == 8
    assert "one family: Fisher interval" in found.caveats[0]


# figures


@pytest.mark.parametrize("theme", look.THEMES)
def test_figures_draw_the_table(flipping: Lake, theme: str) -> None:
    result = on(flipping)
    cells = result.table("cells").frame
    by_name = {panel.name: panel.figure for panel in DIAGNOSTIC.panels}
    below, above = (trace for trace in by_name["matrices"](result, theme).data if trace.type == "heatmap")
    assert below.z[0][1] == cells.filter(side="below", pair=f"{X} / {Y}")["value"][0] == below.z[1][0]
    assert above.z[0][0] is None
    drawn = [x for trace in by_name["pairs"](result, theme).data for x in trace.x]
    assert sorted(drawn) == sorted(cells.filter(pl.col("side") != "all")["value"].to_list())
    assert len(by_name["folds"](result, theme).data) == 4


# wiring


@pytest.fixture(scope="module")
def judged(lake: Lake) -> dict[str, dict[str, Any]]:
    with patch.object(diagnostics, "DIAGNOSTICS", (DIAGNOSTIC,)), patch.object(ledger, "DIAGNOSTICS", (DIAGNOSTIC,)):
        return {row["claim_id"]: row for row in ledger.judge_all(lake)}


def test_every_part_of_every_wired_claim_is_answered_on_both_sides(judged: dict[str, dict[str, Any]]) -> None:
    assert len([claim for claim in judged if claim.startswith("MAT-")]) == 28
    assert {f"COR-{k}" for k in ("07", "08", "09", "10ARC", "10WG", "10MMLU", "11", "12")} <= set(judged)
    for claim, row in judged.items():
        for part in json.loads(row["parts"]):
            assert Verdict.OPEN not in (part["reproduced"], part["supported"]), (claim, part["name"])
            assert "defines no" not in part["reproduced_reason"] + part["supported_reason"], (claim, part)


def test_verdicts_follow_from_the_printed_matrices(judged: dict[str, dict[str, Any]]) -> None:
    parts = {p["name"]: p for p in json.loads(judged["MAT-2"]["parts"])}
    assert parts["mean_below"]["reproduced"] == parts["mean_above"]["reproduced"] == Verdict.DISAGREES
    assert judged["MAT-1"]["reproduced"] == judged["MAT-5"]["reproduced"] == Verdict.AGREES
    assert judged["COR-12"]["supported"] == Verdict.UNDEFINED
