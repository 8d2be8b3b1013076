"""The specification curve: exactly the planted sources, variants and estimators, in order, the paper's one marked."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest

from cape import diagnostics
from cape.lake import Lake
from cape.quantities import Result

CELLS = {
    ("author", "truthfulqa_mc1"),
    ("author", "truthfulqa_mc2"),
    ("source-b", "truthfulqa_mc1"),
    ("source-b", "truthfulqa_mc2"),
    ("amin-lit-bootstrap", "truthfulqa_mc2"),
    ("amin-lit-bootstrap", "truthfulqa_as_printed"),
}
LONE_CELL = ("amin-lit-bootstrap", "truthfulqa_unspecified")  # holds one family
NEEDS_FAMILIES = ("r within families", "logistic in log10 N", "fixed-effect quadratic")
CORRELATIONS = ("raw r", "r given log10 N", "r of differences", "r within families")
SCALES = ("logistic in log10 N", "fixed-effect quadratic", "pooled quadratic")
FAMILY_SCALES = ("sign bracket", "zero of the weighted line", "vertex of the quadratic")


def on(lake: Lake, slug: str, **params: object) -> Result:
    return diagnostics.run(slug, {"resamples": 200, **params}, lake)


def rows(result: Result) -> pl.DataFrame:
    return result.table("specifications").frame


def chosen(result: Result) -> list[tuple[str, str, str]]:
    return rows(result).filter("is_paper_choice").select("panel", "y", "estimator").rows()


@pytest.mark.parametrize(("slug", "estimators"), [("trend_control", CORRELATIONS), ("critical_scale", SCALES)])
def test_every_source_variant_and_estimator_stands_in_the_curve_once(
    two_by_two: Lake, slug: str, estimators: tuple[str, ...]
) -> None:
    frame = rows(on(two_by_two, slug))
    expected = [(*cell, name) for cell, name in product(CELLS, estimators)]
    expected += [(*LONE_CELL, name) for name in estimators if name not in NEEDS_FAMILIES]
    assert sorted(frame.select("panel", "y", "estimator").rows()) == sorted(expected)
    assert set(frame["x"]) == {"hellaswag"}
    assert set(frame["family_or_all"]) == {"all"}
    assert frame["rank"].to_list() == list(range(1, frame.height + 1))
    defined = frame["value"].drop_nulls().to_list()
    assert defined == sorted(defined)
    assert frame["value"].to_list()[: len(defined)] == defined


def test_one_family_has_its_own_estimators(two_by_two: Lake) -> None:
    frame = rows(on(two_by_two, "critical_scale", family="One"))
    assert set(frame["estimator"]) == set(FAMILY_SCALES)
    assert set(frame["family_or_all"]) == {"One"}
    n_same_rows = 1  # family One of the paper's own source is mc2, which as printed holds the same rows
    assert frame.height == (len(CELLS) - n_same_rows) * len(FAMILY_SCALES)


@pytest.mark.parametrize("selection", [{}, {"panel": "source-b"}, {"variant": "mc1"}])
def test_the_papers_correlation_is_marked_whatever_is_selected(two_by_two: Lake, selection: dict) -> None:
    assert chosen(on(two_by_two, "trend_control", **selection)) == [("author", "truthfulqa_mc2", "raw r")]


@pytest.mark.parametrize("selection", [{}, {"panel": "source-b"}, {"variant": "mc1"}])
def test_the_papers_n_c_is_marked_whatever_is_selected(two_by_two: Lake, selection: dict) -> None:
    marked = chosen(on(two_by_two, "critical_scale", **selection))
    assert marked == [("amin-lit-bootstrap", "truthfulqa_as_printed", "pooled quadratic")]


def test_the_papers_rows_are_not_marked_for_one_family(two_by_two: Lake) -> None:
    assert chosen(on(two_by_two, "trend_control", family="One")) == []


@pytest.mark.parametrize("slug", ["trend_control", "critical_scale"])
def test_shares_and_median_are_those_of_the_listed_specifications(two_by_two: Lake, slug: str) -> None:
    result = on(two_by_two, slug)
    frame = rows(result)
    reference, name = (0.0, "zero") if slug == "trend_control" else (_printed_n_c(two_by_two), "the printed N_c")
    shares = {e.label: e.value for e in result.estimates if e.symbol == "share_of_specifications"}
    n = frame.height
    assert shares == {
        f"above {name}": (frame["value"] > reference).sum() / n,
        f"below {name}": (frame["value"] < reference).sum() / n,
        "undefined": frame["value"].null_count() / n,
        f"interval wholly above {name}": (frame["low"] > reference).sum() / n,
        f"interval wholly below {name}": (frame["high"] < reference).sum() / n,
    }
    median = result.estimate("median_of_specifications", "defined specifications")
    assert median.value == pytest.approx(frame["value"].median())
    assert median.n == n - frame["value"].null_count()


def _printed_n_c(lake: Lake) -> float:
    return float(lake.read("mart_claims", claim_id="NC-01")["paper_value"][0])


@pytest.mark.parametrize("slug", ["trend_control", "critical_scale"])
def test_the_curve_gives_what_the_panel_itself_gives(two_by_two: Lake, slug: str) -> None:
    result = on(two_by_two, slug)
    frame = rows(result).filter((pl.col("panel") == "author") & (pl.col("y") == "truthfulqa_mc2"))
    own = {
        "raw r": ("r", "author: models as independent"),
        "r given log10 N": ("r_partial", "author: models as independent"),
        "r of differences": ("r_differences", "author"),
        "r within families": ("r_within", "author"),
        "logistic in log10 N": ("N_c", "population: logistic in log10 N"),
        "fixed-effect quadratic": ("N_c", "population: fixed-effect quadratic"),
    }
    for row in frame.filter(pl.col("estimator").is_in(list(own))).iter_rows(named=True):
        found = result.estimate(*own[row["estimator"]])
        assert (row["value"], row["n"]) == (pytest.approx(found.value), found.n), row["estimator"]


@pytest.mark.parametrize("slug", ["trend_control", "critical_scale"])
def test_without_a_curve_there_is_none(two_by_two: Lake, slug: str) -> None:
    result = on(two_by_two, slug, curve="no curve")
    assert rows(result).is_empty()
    assert not {e.symbol for e in result.estimates} & {"share_of_specifications", "median_of_specifications"}


@pytest.mark.parametrize("slug", ["trend_control", "critical_scale"])
def test_the_curve_stays_in_the_window_and_families_that_are_selected(two_by_two: Lake, slug: str) -> None:
    narrowed = on(two_by_two, slug, families="One,Two")
    everywhere = on(two_by_two, slug)
    own = [f.filter(pl.col("panel") == "author")["n"].sum() for f in (rows(narrowed), rows(everywhere))]
    assert own[0] < own[1]


def test_no_rows_enter_the_curve_twice(run) -> None:  # type: ignore[no-untyped-def]
    frame = rows(run("trend_control", panel="author", family="OPT"))
    twice = frame.group_by("source_id", "estimator", "value", "n").len().filter(pl.col("len") > 1)
    assert twice.is_empty(), f"one set of rows counts as several specifications: {twice.sort('source_id').rows()[:5]}"
