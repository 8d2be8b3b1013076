"""The cascade on the shipped rows, recomputed plainly; what is missing is said; hostile parameters are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics._cascade_inside import falls
from cape.diagnostics._cascade_matrix import connected
from cape.diagnostics._cascade_survival import EDGES_B, scale_names
from cape.diagnostics._frontier_scores import EVERY, ROWS, SINGLE, known_scores
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.lake import Lake

SWE, GPQA = "swe_bench_verified", "gpqa_diamond"
PANEL = "frozen 34"


def wide(lake: Lake, panel: str) -> pl.DataFrame:
    """Return the models of a panel by benchmark."""
    return lake.read("mart_scores", panel=panel).pivot(on="benchmark_id", index="model_id", values="score_pct")


def test_sigma_and_r_of_the_panel_are_those_of_plain_numpy(run: Any, lake: Lake) -> None:
    result, table = run("cascade", scope=PANEL), wide(lake, "frontier")
    tops = {name: np.sort(table[name].drop_nulls())[::-1] for name in (SWE, GPQA)}
    spreads = {name: scores[0] - scores[4] for name, scores in tops.items()}
    for name, spread in spreads.items():
        assert result.estimate("top_spread", f"{name}: score errors").value == pytest.approx(spread)
    sigma = result.estimate("sigma_saturation", f"{SWE} to {GPQA}: labs")
    assert sigma.value == pytest.approx(spreads[SWE] / spreads[GPQA])
    r = result.estimate("r", f"{SWE} / {GPQA}")
    assert r.value == pytest.approx(np.corrcoef(table[SWE], table[GPQA])[0, 1])


def test_d_eff_and_first_loading_of_complete_rows_are_those_of_numpy(run: Any, lake: Lake) -> None:
    result = run("cascade", scope="amin-nc3")
    rows = wide(lake, "amin-nc3").drop_nulls().select(SWE, GPQA, "ifeval").to_numpy()
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    label = f"paper's recipe, {SWE} + {GPQA} + ifeval: covariance"
    found = result.estimate("d_eff_benchmarks", label)
    assert found.value == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert (found.n, found.low) == (4, None)
    loading = vectors[2, -1] * np.sign(vectors[:, -1].sum())
    assert result.estimate("pc1_loading", f"ifeval: {label}").value == pytest.approx(loading)
    ours = result.estimate("d_eff_benchmarks", f"{SWE} + {GPQA} + ifeval: covariance")
    assert ours.value is None and "4 models have all of them, 6 are needed" in ours.caveats[0]


def test_an_axis_without_models_is_shown_as_such_and_never_named(run: Any) -> None:
    result = run("cascade")
    cells = result.table("cells").frame.filter((pl.col("first") == "hle") | (pl.col("second") == "hle"))
    assert cells.height == 3 and set(cells["n_models"]) == {0} and cells["r"].null_count() == 3
    assert result.estimate("top_spread", "hle: score errors").value is None
    where = result.table("recommendation").frame.filter(pl.col("to") == "hle").row(0, named=True)
    assert where["verdict"] == "undefined" and not where["is_named"]
    assert "no model with both scores" in " ".join(result.sentences)


def test_few_models_give_an_r_without_an_interval(run: Any) -> None:
    found = run("cascade").estimate("r", f"{GPQA} / ifeval")
    assert found.value is not None and found.low is None and "4 models, fewer than 6" in found.caveats[0]


@pytest.mark.parametrize(("threshold", "named"), [(0.0, "none"), (10.0, GPQA)])
def test_the_rule_names_none_or_the_smallest_ratio_by_its_threshold(threshold: float, named: str, run: Any) -> None:
    result = run("cascade", rotate_below=threshold)
    table = result.table("recommendation").frame
    assert table.filter("is_named")["to"].to_list() == [named]
    shares = [e.value for e in result.estimates if e.symbol == "rotation_share"]
    assert sum(shares) == pytest.approx(1.0)
    assert ("names no axis" in result.sentences[0]) == (named == "none")


def test_a_rotation_is_settled_only_where_both_intervals_lie_below_the_threshold(run: Any) -> None:
    for row in run("cascade", rotate_below=1.0).table("saturation").frame.iter_rows(named=True):
        highs = [row["high_errors"], row["high_labs"]]
        if row["sigma"] is None:
            assert row["verdict"] == "undefined"
        elif row["verdict"] == "rotate":
            assert all(high is not None and high < 1.0 for high in highs)
        else:
            assert None in highs or max(highs) >= 1.0


def test_the_best_of_the_old_axis_are_the_same_models_on_both(run: Any) -> None:
    rows = run("cascade", top_by="best of the old axis").table("saturation").frame
    row = rows.filter((pl.col("old") == SWE) & (pl.col("new") == GPQA)).row(0, named=True)
    assert set(row["best_old"].split(", ")) == set(row["best_new"].split(", "))


def test_bins_hold_every_sized_model_of_the_base_panel_once(run: Any, lake: Lake) -> None:
    assert len(scale_names()) == len(EDGES_B) + 1
    survival = run("cascade").table("survival").frame
    sized = lake.read("mart_scores", panel="independent").drop_nulls("position")
    counted = survival.filter(pl.col("rank") <= len(EDGES_B)).group_by("benchmark").agg(pl.col("n").sum())
    expected = sized.group_by("benchmark_id").agg(pl.col("model_id").n_unique())
    assert dict(counted.rows()) == dict(expected.rows())


def test_the_printed_matrix_is_checked_and_the_nearest_valid_one_is_valid(run: Any) -> None:
    result = run("cascade")
    assert result.estimate("smallest_eigenvalue", "printed pairwise").value < 0
    nearest = result.table("cells").frame.drop_nulls("printed_nearest")
    values = nearest["printed_nearest"].to_list()
    matrix = np.array([[1, values[0], values[1]], [values[0], 1, values[2]], [values[1], values[2], 1]])
    assert np.linalg.eigvalsh(matrix)[0] > -1e-6


def test_a_benchmark_without_any_r_is_left_out_of_the_assembled_matrix() -> None:
    gap = np.nan
    square = np.array([[1, 0.5, gap, 0.1], [0.5, 1, gap, gap], [gap, gap, 1, gap], [0.1, gap, gap, 1]])
    assert connected(square) == [0, 1]
    assert connected(np.array([[1, gap], [gap, 1]])) == []


def test_every_statement_has_a_number_or_a_reason_and_no_claim_is_invented(run: Any, lake: Lake) -> None:
    frame = run("cascade").table("statements").frame
    assert set(frame["transition"]) == {"N_c1", "N_c2", "N_c3", "N_c4"}
    known = set(lake.read("mart_claims")["claim_id"]) | set(lake.read("mart_predictions")["prediction_id"])
    assert set(frame["row"]) <= known
    for row in frame.iter_rows(named=True):
        assert row["statement"] and row["printed"] and row["supports"]


def test_a_fall_is_the_steepest_within_one_family_source_and_instrument() -> None:
    rows = pl.DataFrame(
        {
            "source_id": ["a"] * 4 + ["b"] * 2 + ["c"] * 2,
            "measured_by": ["x"] * 6 + ["x", "y"],  # the last two would fall, but by two instruments
            "family": ["One"] * 8,
            "params_b": [7.0, 13.0, 40.0, 70.0, 13.0, 66.0, 13.0, 66.0],
            "value": [0.9, 0.8, 0.2, 0.1, 0.5, 0.6, 0.9, 0.1],
        }
    )
    (fall,) = falls(rows)
    assert (fall.source_id, fall.from_b, fall.to_b) == ("a", 13.0, 40.0)


@pytest.mark.parametrize("rows", ROWS)
def test_every_choice_of_rows_is_answered(rows: str, run: Any) -> None:
    assert run("cascade", scope=rows).estimates


def test_tiers_and_copies_are_left_out_and_rivals_are_resolved_once(lake: Lake) -> None:
    every, single = (known_scores(lake.read, rows=rows) for rows in (EVERY, SINGLE))
    assert set(every["model_id"]) - set(single["model_id"]) == {"gpt-5.4-std", "gpt-5.4-xhigh", "glm-5.1"}
    assert every.select("model_id", "benchmark_id").is_unique().all()


@pytest.mark.parametrize(
    ("params", "kind", "words"),
    [
        ({"axes": "swe_bench_verified, gpqa"}, UnknownNameError, ["'gpqa'", "gpqa_diamond"]),
        ({"axes": f"{GPQA}, ifeval"}, UnknownNameError, [SWE, "not among the axes"]),
        ({"axes": f"{SWE}, {SWE}"}, BadParameterError, ["at least two"]),
        ({"current": "nothing"}, UnknownNameError, ["'nothing'"]),
        ({"axes": "organism_truth, organism_reasoning", "current": "organism_truth"}, NotEnoughDataError, ["organism"]),
        ({"top": 1}, BadParameterError, ["top", "2"]),
        ({"rotate_below": -0.1}, BadParameterError, ["rotate_below"]),
        ({"base": "frontier"}, UnknownNameError, ["'frontier'", "author"]),
        ({"scope": "mine"}, UnknownNameError, ["'mine'"]),
    ],
)
def test_a_hostile_parameter_is_refused_in_words(
    params: dict[str, Any], kind: type[Exception], words: list[str], lake: Lake
) -> None:
    with pytest.raises(kind) as caught:
        diagnostics.run("cascade", {"resamples": 200, **params}, lake)
    for word in words:
        assert word in str(caught.value)


def test_axes_without_a_ratio_and_a_top_beyond_all_models_are_answered(run: Any) -> None:
    assert "undefined" in run("cascade", axes=f"{SWE}, hle").sentences[0]
    assert run("cascade", scope="amin-frontier10", top=20).estimate("top_spread", f"{SWE}: labs").value is None
