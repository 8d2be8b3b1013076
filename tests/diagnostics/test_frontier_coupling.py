"""Frontier coupling: plain recomputation, whose rows count, subsets, the view, the user's own rows, refused input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics._frontier_pairs import LATER, OWN, SUBSETS, frontier_rows, frozen_line
from cape.diagnostics._frontier_scores import EVERY, FROZEN, GPQA, SWE
from cape.diagnostics.frontier_coupling import DIAGNOSTIC
from cape.errors import BadParameterError, CapeError, NotEnoughDataError, UnknownNameError
from cape.figures import theme as look
from cape.lake import Lake
from cape.quantities import Result

FEW = {"resamples": 300}


@pytest.fixture(scope="module")
def shipped(lake: Lake) -> Callable[..., Result]:
    return lambda **params: run_diagnostic(DIAGNOSTIC, {**FEW, **params}, lake)


@pytest.fixture(scope="module")
def default(shipped: Callable[..., Result]) -> Result:
    return shipped()


@pytest.fixture(scope="module")
def frozen_rows(lake: Lake) -> pl.DataFrame:
    """Both scores of the frozen rows, taken from the pairs of the panel and not from the diagnostic's own reading."""
    return lake.read("mart_pairs", panel="frontier", x=SWE, y=GPQA).sort("lab", "model_id")


@pytest.fixture(scope="module")
def with_own(lake: Lake) -> Iterator[Lake]:
    """A session that adds one frontier model of a new lab and another value for a model that is frozen."""
    models = pl.DataFrame(
        {
            "model_id": ["mine-2-max"],
            "family": ["mine"],
            "params_b": [None],
            "display_name": ["Mine 2 Max"],
            "lab": ["My Lab"],
            "kind": ["frontier"],
            "release_date": ["2026-05"],
        },
        schema_overrides={"params_b": pl.String},
    )
    rows = [("mine-2-max", SWE, "70.0"), ("mine-2-max", GPQA, "90.0"), ("gpt-5", SWE, "10.0")]
    scores = pl.DataFrame(rows, schema=["model_id", "benchmark", "score"], orient="row")
    session = lake.with_overlay(scores=scores, models=models)
    yield session
    session.close()


# independent recomputation


def test_line_and_r_of_the_frozen_rows_are_scipys(default: Result, frozen_rows: pl.DataFrame) -> None:
    found = stats.linregress(frozen_rows["x_pct"], frozen_rows["y_pct"])
    for symbol, value in (
        ("r", found.rvalue),
        ("frontier_slope", found.slope),
        ("frontier_intercept", found.intercept),
    ):
        for how in ("models", "labs"):
            assert default.estimate(symbol, f"{FROZEN}: {how} as independent").value == pytest.approx(value)
    assert default.estimate("p_independent", FROZEN).value == pytest.approx(found.pvalue)
    assert default.estimate("n_models", FROZEN).value == frozen_rows.height
    assert default.estimate("n_labs", FROZEN).value == frozen_rows["lab"].n_unique()


def test_left_out_labs_are_a_plain_loop(default: Result, frozen_rows: pl.DataFrame) -> None:
    errors = {}
    for lab in frozen_rows["lab"].unique():
        own, rest = (frozen_rows.filter(pl.col("lab") == lab), frozen_rows.filter(pl.col("lab") != lab))
        slope, intercept = np.polyfit(rest["x_pct"], rest["y_pct"], 1)
        errors[lab] = (own.height, float((own["y_pct"] - intercept - slope * own["x_pct"]).abs().mean()))
    table = default.table("left_out").frame
    assert dict(zip(table["lab"], table["error_line_pp"], strict=True)) == pytest.approx(
        {k: v[1] for k, v in errors.items()}
    )
    larger = [error for n, error in errors.values() if n >= 3]
    label = f"{FROZEN}: labs with at least 3 models"
    assert default.estimate("lolo_error", label).value == pytest.approx(np.mean(larger))
    assert default.estimate("lolo_spread", f"{label}, by n").value == pytest.approx(np.std(larger))
    assert default.estimate("lolo_error", f"{FROZEN}: all labs").n == len(errors)


def test_later_rows_are_judged_by_lines_that_have_not_seen_them(default: Result, lake: Lake) -> None:
    later = frontier_rows(LATER, (SWE, GPQA), lake.read)
    frozen = frontier_rows(FROZEN, (SWE, GPQA), lake.read)
    new = later.filter(~pl.col("model_id").is_in(frozen["model_id"].to_list()))
    copied = new.filter(pl.col("same_scores_as").is_not_null())
    assert copied["model_id"].to_list() == ["glm-5.1"] and copied["same_scores_as"].to_list() == ["glm-5"]
    kept = new.filter(pl.col("same_scores_as").is_null())
    line = frozen_line(lake.read)
    assert line is not None
    expected = np.abs(line.h(kept["x_pct"].to_numpy(), kept["y_pct"].to_numpy())).mean()
    found = default.estimate("later_error", "later rows: frozen line")
    assert found.value == pytest.approx(expected) and found.n == kept.height


# whose rows


def test_rows_grow_from_frozen_to_every_source(lake: Lake) -> None:
    held = [set(frontier_rows(name, (SWE, GPQA), lake.read)["model_id"]) for name in (FROZEN, LATER, OWN, EVERY)]
    assert held[0] < held[1] == held[2] < held[3]
    frozen = frontier_rows(EVERY, (SWE, GPQA), lake.read).filter(pl.col("model_id").is_in(list(held[0])))
    assert set(frozen["source_id"]) == {"amin-frontier34"}


def test_compute_tiers_and_copies_are_no_further_release(shipped: Callable[..., Result]) -> None:
    found = shipped(rows=LATER)
    models, releases = (found.estimate(symbol, LATER).value for symbol in ("n_models", "n_releases"))
    assert models - releases == 2
    without = shipped(rows=LATER, subset="without compute tiers").table("points").frame["model_id"]
    assert "gpt-5.4-std" in without and "gpt-5.4-xhigh" not in without


def test_a_users_model_counts_where_asked_for_and_its_rival_value_never_replaces_a_frozen_one(with_own: Lake) -> None:
    frozen, own = (run_diagnostic(DIAGNOSTIC, {**FEW, "rows": rows}, with_own) for rows in (FROZEN, OWN))
    assert own.estimate("n_models", OWN).value == frozen.estimate("n_models", FROZEN).value + 6
    points = own.table("points").frame
    mine = points.row(by_predicate=pl.col("model_id") == "mine-2-max", named=True)
    assert (mine["lab"], mine["tier"], mine["x_pct"], mine["y_pct"]) == ("My Lab", "Mine Max", 70.0, 90.0)
    assert points.filter(pl.col("model_id") == "gpt-5")["x_pct"].item() > 10
    rivals = own.table("rivals").frame.filter(pl.col("source_id") == "session")
    assert rivals.select("model_id", "score_pct").rows() == [("gpt-5", 10.0)]


def test_a_pair_may_join_scores_of_two_sources_and_says_so(shipped: Callable[..., Result]) -> None:
    found = shipped(rows=EVERY, benchmark_x=GPQA, benchmark_y="ifeval")
    assert found.table("points").frame.height == 4
    assert "4 with scores of two sources" in " ".join(found.sentences)
    assert found.table("lines").frame["frozen"].null_count() == found.table("lines").frame.height
    assert not any(e.symbol == "later_error" for e in found.estimates)


# subsets


def test_every_subset_is_a_row_and_can_be_looked_at(shipped: Callable[..., Result], default: Result) -> None:
    labels = [label for label in default.table("subsets").frame.filter(pl.col("symbol") == "r")["label"]]
    assert len(labels) == len(SUBSETS)
    for subset in ("core", "without self-reported", "released 2025"):
        own = shipped(subset=subset)
        label = f"{FROZEN}, {subset}: labs as independent"
        assert own.estimate("r", label).value == pytest.approx(default.estimate("r", label).value)
    third = shipped(subset="without self-reported").table("points").frame
    assert set(third["source_id"]) == {"amin-frontier-lb"}


def test_the_smallest_first_score_is_a_parameter(shipped: Callable[..., Result], frozen_rows: pl.DataFrame) -> None:
    found = shipped(subset="first score from", least_x=70.0)
    kept = frozen_rows.filter(pl.col("x_pct") >= 70)
    label = f"{FROZEN}, first score from 70"
    assert found.estimate("n_models", label).value == kept.height
    expected = stats.pearsonr(kept["x_pct"], kept["y_pct"]).statistic
    assert found.estimate("r", f"{label}: models as independent").value == pytest.approx(expected)


# the view


def test_zoom_labels_and_trajectories_change_what_is_drawn_and_no_estimate(
    shipped: Callable[..., Result], default: Result
) -> None:
    near = shipped(zoom_from=70.0, zoom_to=82.0, labels="off", trajectories="off")
    assert near.estimates == default.estimates
    points = near.table("points").frame
    assert points["x_pct"].is_between(70, 82).all() and set(points["label"]) == {""}
    assert near.table("trajectories").frame.is_empty()
    lines = near.table("lines").frame["x_pct"]
    assert lines.min() >= 70 and lines.max() <= 82
    nothing = shipped(zoom_from=95.0)
    assert "No model of these rows lies in the view" in str(
        DIAGNOSTIC.panels[0].figure(nothing, "light").layout.annotations
    )


@pytest.mark.parametrize("theme", look.THEMES)
def test_figures_are_drawn_with_the_star(theme: str, shipped: Callable[..., Result]) -> None:
    found = shipped(star_x="78", star_y="80")
    star = found.table("star").frame.row(0, named=True)
    slope, intercept = (
        found.estimate(s, f"{FROZEN}: labs as independent").value for s in ("frontier_slope", "frontier_intercept")
    )
    assert star["off_refit_pp"] == pytest.approx(80 - intercept - slope * 78)
    for panel in DIAGNOSTIC.panels:
        if panel.figure is not None:
            assert panel.figure(found, theme).data
    names = [trace.name for trace in DIAGNOSTIC.panels[0].figure(found, theme).data]
    assert {"your model", "refit line", "line as printed"} <= set(names)


def test_half_a_star_is_not_drawn_and_said(shipped: Callable[..., Result]) -> None:
    found = shipped(star_x="78")
    assert found.table("star").frame.is_empty()
    assert "both of its scores" in found.sentences[-1]


# refused


@pytest.mark.parametrize(
    ("params", "kind", "words"),
    [
        ({"benchmark_x": "swe_bench"}, UnknownNameError, "swe_bench_verified"),
        ({"benchmark_x": GPQA}, BadParameterError, "two different"),
        ({"benchmark_y": "ifeval"}, NotEnoughDataError, "every source"),
        ({"zoom_from": 80.0, "zoom_to": 70.0}, BadParameterError, "larger"),
        ({"star_x": "0.78"}, BadParameterError, "fraction"),
        ({"star_x": "nan", "star_y": "3"}, BadParameterError, "star_x"),
        ({"star_y": "101"}, BadParameterError, "star_y"),
        ({"rows": "frozen"}, UnknownNameError, "frozen 34"),
        ({"rows": "amin-frontier-lb", "subset": "core"}, NotEnoughDataError, "subset 'core'"),
        ({"least_x": -1}, BadParameterError, "least_x"),
    ],
)
def test_bad_input_is_refused_by_name(
    params: dict[str, Any], kind: type[CapeError], words: str, shipped: Callable[..., Result]
) -> None:
    with pytest.raises(kind, match=words):
        shipped(**params)
