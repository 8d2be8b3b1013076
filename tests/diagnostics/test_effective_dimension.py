"""effective_dimension: planted spectra by phase and size, the shipped rows against sklearn, options, edges, wiring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from sklearn.decomposition import PCA

from cape import diagnostics, ledger
from cape.claims import Verdict
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics.effective_dimension import DIAGNOSTIC
from cape.errors import NotEnoughDataError
from cape.figures import theme as look
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics.planted import X, Y, build

OTHERS = ("arc_challenge", "winogrande", "mmlu")
SIZES = tuple(10.0 ** np.linspace(-1, 2, 8))
FIVE = ("hellaswag", "truthfulqa_as_printed", "arc_challenge", "winogrande", "mmlu")
EMPTY = {"panel": "author", "resamples": 300}


def models(name: str, columns: np.ndarray, sizes: tuple[float, ...] = SIZES) -> list[dict[str, Any]]:
    keys = [("hellaswag", ""), ("truthfulqa", "mc2"), *((other, "") for other in OTHERS)]
    return [
        {
            "model_id": f"{name.lower()}-{k}",
            "family": name,
            "params_b": size,
            "se": 0.1,
            "scores": dict(zip(keys, row.tolist(), strict=True)),
        }
        for k, (size, row) in enumerate(zip(sizes, columns, strict=True))
    ]


def line(name: str, seed: int) -> list[dict[str, Any]]:
    """TruthfulQA falls as every other score rises in equal steps: one direction, and every step is tax."""
    start = np.random.default_rng(seed).normal(0, 0.5)
    level = start + 5.0 * np.arange(8)
    return models(name, np.column_stack([30 + level, 70 - level, 30 + level, 30 + level, 30 + level]))


def plane(name: str, seed: int) -> list[dict[str, Any]]:
    """Two unrelated directions with TruthfulQA rising beside HellaSwag: every step is bonus."""
    level = 5.0 * np.arange(8)
    other = np.random.default_rng(seed).normal(0, 11.5, 8)
    return models(name, np.column_stack([30 + level, 20 + level, 45 + other, 45 + other, 30 + level]))


@pytest.fixture(scope="module")
def spectra(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Panel `author`: six families on a line that are tax, six in a plane that are bonus. `few` has five models."""
    both = [row for k in range(6) for row in (*line(f"L{k}", k), *plane(f"P{k}", 20 + k))]
    sources = {"planted": both, "few": line("Few", 3)[:5], "lines": [row for k in range(4) for row in line(f"M{k}", k)]}
    lake = build(
        tmp_path_factory.mktemp("spectra") / "lake",
        lake_paths.root,
        sources,
        [f"author,planted,Planted,,{X},{Y},0,0"],
    )
    yield lake
    lake.close()


def on(lake: Lake, **params: Any) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"resamples": 300, **params}, lake)


# planted answers


def test_a_planted_line_has_one_direction_and_a_planted_plane_nearly_two(spectra: Lake) -> None:
    result = on(spectra)
    tax, bonus = (result.estimate("d_eff_benchmarks", f"{p}, paper's rule: correlation") for p in ("tax", "bonus"))
    assert tax.value == pytest.approx(1, abs=0.01) and tax.high < 1.02
    assert bonus.low < bonus.value and 1.7 < bonus.value < 2.01
    assert result.estimate("n_models_in_phase", "tax, paper's rule").value == 48
    assert result.estimate("n_families_in_phase", "bonus, paper's rule").value == 6
    difference = result.estimate("d_eff_difference", "tax, paper's rule less bonus, paper's rule: correlation")
    assert difference.high < 0
    assert "excludes no difference" in result.sentences[0]


def test_the_planted_axes_of_line_and_plane_are_apart(spectra: Lake) -> None:
    result = on(spectra)
    assert result.estimate("principal_angle", "angle 1: correlation").value > 10
    cells = result.table("transfer").frame.filter(kind="correlation")
    matrix = cells["value"].to_numpy().reshape(5, 5)
    assert matrix @ matrix.T == pytest.approx(np.eye(5), abs=1e-9)


def test_a_line_at_every_size_has_no_second_eigenvalue(spectra: Lake) -> None:
    result = on(spectra, panel="lines", window=8)
    windows = result.table("windows").frame
    assert windows["d_eff_correlation"].to_numpy() == pytest.approx(np.ones(windows.height), abs=0.02)
    assert windows["lambda_2"].max() < 0.05
    assert set(windows["n_models"]) == {8}
    assert windows["position"].is_sorted()


# the shipped rows, recomputed


def rows_of(lake: Lake, panel: str, names: tuple[str, ...]) -> pl.DataFrame:
    scores = lake.read("mart_scores", panel=panel).filter(pl.col("benchmark_id").is_in(names))
    index = ["family", "model_id", "source_row", "position", "d_model"]
    return scores.pivot(on="benchmark_id", index=index, values="score_pct").drop_nulls(list(names))


@pytest.mark.parametrize("side", ["below 3.5 B", "from 3.5 B"])
def test_d_eff_by_size_agrees_with_sklearn(lake: Lake, side: str) -> None:
    rows = rows_of(lake, "author", FIVE)
    test = pl.col("position") < 3.5e9 if side.startswith("below") else pl.col("position") >= 3.5e9
    table = rows.filter(test).select(FIVE).to_numpy()
    result = on(lake)
    for kind, columns in (("covariance", table), ("correlation", (table - table.mean(0)) / table.std(0))):
        values = PCA().fit(columns).explained_variance_
        found = result.estimate("d_eff_benchmarks", f"{side}: {kind}")
        assert found.value == pytest.approx(values.sum() ** 2 / (values**2).sum())
        assert found.low < found.value < found.high
    assert result.estimate("n_models_in_phase", side).value == len(table)


def test_d_eff_of_the_papers_tax_phase_agrees_with_sklearn(lake: Lake) -> None:
    phases = lake.read("mart_phases", panel="author", x="hellaswag", y="truthfulqa_as_printed")
    tax = phases.filter(pl.col("phase_paper") == "tax").select("family", "position")
    table = rows_of(lake, "author", FIVE).join(tax, on=["family", "position"]).select(FIVE).to_numpy()
    values = PCA().fit(table).explained_variance_
    found = on(lake).estimate("d_eff_benchmarks", "tax, paper's rule: covariance")
    assert found.value == pytest.approx(values.sum() ** 2 / (values**2).sum())


def test_width_normalisation_divides_every_score_of_a_model(lake: Lake) -> None:
    rows = rows_of(lake, "author", FIVE).drop_nulls("d_model")
    table = rows.select(FIVE).to_numpy() * 512 / rows["d_model"].to_numpy()[:, None]
    values = np.linalg.eigvalsh(np.cov(table.T))
    found = on(lake, scale="divided by width").estimate("d_eff_benchmarks", "all models: covariance")
    assert found.value == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert any("d_model / 512" in caveat for caveat in found.caveats)


def test_printed_series_give_the_fits_that_follow_from_them(lake: Lake) -> None:
    result = on(lake)
    printed = lake.read("mart_printed_series", series_group="fig_topology")
    by = {
        key: printed.filter(series_key=key).sort(pl.col("x").cast(pl.Float64))
        for key in ("lambda1", "lambda2", "d_eff")
    }
    size = np.log10(by["lambda2"]["x"].cast(pl.Float64).to_numpy())
    first, second, own = (by[key]["y"].to_numpy() for key in ("lambda1", "lambda2", "d_eff"))
    exponent = np.polyfit(size, np.log10(second), 1)[0]
    assert result.estimate("lambda_2_exponent", "printed fig_topology").value == pytest.approx(exponent)
    slope, intercept = np.polyfit(size, own, 1)
    label = "printed fig_topology: as printed"
    assert result.estimate("d_eff_slope", label).value == pytest.approx(slope)
    assert result.estimate("N_at_d_eff_1", label).value == pytest.approx(10 ** ((1 - intercept) / slope - 9))
    fall, start = np.polyfit(size, first * second, 1)
    assert result.estimate("N_at_det_0", "printed fig_topology").value == pytest.approx(10 ** (-start / fall - 9))
    derived = result.table("printed").frame.filter(series="fig_topology")["d_eff_of_its_eigenvalues"].to_numpy()
    assert derived == pytest.approx((first + second) ** 2 / (first**2 + second**2))


def test_windows_of_the_shipped_rows_agree_with_numpy(lake: Lake) -> None:
    rows = rows_of(lake, "independent", ("hellaswag", "truthfulqa_mc2", *OTHERS)).sort("position")
    result = on(lake, panel="independent", window=30)
    smallest = rows.head(30).select("hellaswag", "truthfulqa_mc2", *OTHERS).to_numpy()
    values = np.linalg.eigvalsh(np.corrcoef(smallest.T))[::-1]
    ours = result.table("windows").frame.row(0, named=True)
    if rows["position"][29] != rows["position"][30]:  # otherwise which of the equal sizes is in is a matter of order
        assert ours["lambda_2"] == pytest.approx(values[1])
    assert ours["n_models"] == 30 and ours["lambda_2_low"] < ours["lambda_2"] < ours["lambda_2_high"]


# edges


def test_five_models_are_refused_and_one_family_of_eight_has_no_interval(spectra: Lake) -> None:
    few = on(spectra, panel="few")
    assert all(e.value is None for e in few.estimates if e.symbol == "d_eff_benchmarks")
    one = on(spectra, family="P0").estimate("d_eff_benchmarks", "all models: correlation")
    assert one.value is not None and one.low is None and one.n == 8
    assert "fewer than 10" in one.caveats[0]


def test_a_window_that_holds_every_model_leaves_the_trend_undefined(spectra: Lake) -> None:
    found = on(spectra, panel="few").estimate("lambda_2_exponent", "sliding window")
    assert found.value is None and "sliding window needs 6 models" in found.caveats[0]


def test_a_phase_of_five_models_or_fewer_has_no_axes(lake: Lake) -> None:
    result = on(lake, split="our rule")
    assert result.estimate("transfer_diagonal", "smallest: covariance").value is None
    assert result.table("transfer").frame.is_empty()
    assert "undefined" in result.sentences[0]


def test_equal_n_uses_the_smaller_side(lake: Lake) -> None:
    result = on(lake)
    n = min(result.estimate("n_models_in_phase", f"{p}, paper's rule").value for p in ("tax", "bonus"))
    equal = [e for e in result.estimates if e.symbol == "d_eff_equal_n"]
    assert len(equal) == 4 and {e.n for e in equal} == {int(n)}


def test_an_empty_selection_is_refused(lake: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="has no model with"):
        on(lake, min_b=1e5)


@pytest.mark.parametrize("theme", look.THEMES)
def test_figures_draw_the_tables(lake: Lake, theme: str) -> None:
    result = on(lake)
    by_name = {panel.name: panel.figure for panel in DIAGNOSTIC.panels}
    points = [x for trace in by_name["phases"](result, theme).data if trace.mode == "markers" for x in trace.x]
    assert sorted(points) == sorted(result.table("phases").frame["value"].drop_nulls().to_list())
    windows = result.table("windows").frame
    second = next(t for t in by_name["lambda_2"](result, theme).data if t.name == "sliding window")
    assert list(second.y) == windows["lambda_2"].to_list()
    assert [trace.type for trace in by_name["transfer"](result, theme).data].count("heatmap") == 2
    for figure in by_name.values():
        assert figure(on(lake, split="our rule"), theme).to_json()


# wiring


@pytest.fixture(scope="module")
def judged(lake: Lake) -> dict[str, dict[str, Any]]:
    with patch.object(diagnostics, "DIAGNOSTICS", (DIAGNOSTIC,)), patch.object(ledger, "DIAGNOSTICS", (DIAGNOSTIC,)):
        return {row["claim_id"]: row for row in ledger.judge_all(lake)}


def test_every_part_but_three_is_answered_on_both_sides(judged: dict[str, dict[str, Any]]) -> None:
    phases = {f"DEF-{k:02d}" for k in (1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17)}
    assert set(judged) == phases | {f"PHY-{k}" for k in ("01", "02", "03", "07", "13", "25")} | {"ODE-23"}
    elsewhere = {("PHY-13", part) for part in ("winding", "phase_degrees", "phase_pi")}
    for claim, row in judged.items():
        for part in json.loads(row["parts"]):
            is_open = Verdict.OPEN in (part["reproduced"], part["supported"])
            assert is_open == ((claim, part["name"]) in elsewhere), (claim, part["name"])
            assert "defines no" not in part["reproduced_reason"] + part["supported_reason"], (claim, part)


def test_the_printed_exponent_does_not_follow_from_the_printed_eigenvalues(judged: dict[str, dict[str, Any]]) -> None:
    parts = {p["name"]: p for p in json.loads(judged["PHY-02"]["parts"])}
    assert parts["exponent"]["reproduced"] == Verdict.DISAGREES
    assert parts["r2"]["reproduced"] == Verdict.AGREES
