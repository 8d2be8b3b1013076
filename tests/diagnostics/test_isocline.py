"""The isocline diagnostic: planted sides and signs, the paper's constant and counts, references and edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import ledger
from cape.claims import parse_parts
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics.isocline import DIAGNOSTIC
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.figures import theme as look
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from cape.stats.isocline import Reading
from tests.diagnostics.planted import X, Y, build, ladder, with_gammas

NEGATIVE, POSITIVE = (str(reading) for reading in (Reading.NEGATIVE, Reading.POSITIVE))


@pytest.fixture(scope="module")
def sided(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Ladders far above and below sqrt(k B1) of model mark-0 (k = 0.2), with known signs of gamma."""
    sources = {
        "planted": [
            *ladder("Mark", (1.0,), (50,), (100 * (0.2 * 0.5) ** 0.5,)),
            *ladder("High", (1, 2, 4, 8), (30, 40, 50, 60), (70, 65, 60, 55)),  # above, gamma negative
            *ladder("Low", (1, 2, 4, 8), (30, 40, 50, 60), (5, 6, 8, 9)),  # below, gamma positive
            *ladder("Odd", (1, 2, 4), (30, 40, 50), (70, 72, 71)),  # above, one positive and one negative
        ],
        "unsigned": [*ladder("Flat", (1, 2), (30, 40), (40, 40)), *ladder("Mark", (1.0,), (50,), (40,))],
        "sizeless": [*ladder("OLMo", (None,), (60,), (36,))],
        "boundary": [*with_gammas("Only", (-0.5, 0.02, 0.5))],
    }
    lake = build(
        tmp_path_factory.mktemp("sided") / "lake",
        lake_paths.root,
        sources,
        [f"author,planted,Planted,,{X},{Y},0,0"],
    )
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def at_mark(sided: Lake) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"reference": "mark-0", "resamples": 300}, sided)


@pytest.fixture(scope="module")
def shipped(lake: Lake) -> Callable[..., Result]:
    return lambda **params: run_diagnostic(DIAGNOSTIC, {"resamples": 300, **params}, lake)


def test_the_constant_is_that_of_the_named_reference(at_mark: Result) -> None:
    assert at_mark.estimate("k_isocline", "mark-0").value == pytest.approx(0.2)


def test_models_are_placed_by_side_and_counted_by_family(at_mark: Result) -> None:
    places = dict(at_mark.table("models").frame.select("model_id", "place").iter_rows())
    assert {places[f"high-{i}"] for i in range(4)} == {"above"}
    assert {places[f"low-{i}"] for i in range(4)} == {"below"}
    assert places["mark-0"] == "undetermined"
    high, low = (at_mark.estimate("n_models_above", name) for name in ("High", "Low"))
    assert (high.value, high.low, high.high, high.n) == (4, 4, 4, 4)
    assert (low.value, low.high) == (0, 0)


@pytest.mark.parametrize("end", ["first", "second"])
def test_planted_signs_are_hit_with_one_reading_and_missed_with_the_other(at_mark: Result, end: str) -> None:
    right = at_mark.estimate("n_isocline_hits", f"author: {end} end, {NEGATIVE}")
    wrong = at_mark.estimate("n_isocline_hits", f"author: {end} end, {POSITIVE}")
    assert (right.value, right.n, wrong.value) == (7, 8, 1)
    assert at_mark.estimate("n_signed", "author").value == 8
    assert at_mark.estimate("base_share", "author").value == pytest.approx(0.5)
    gain = at_mark.estimate("isocline_gain", f"author: {end} end, {NEGATIVE}")
    assert gain.value == pytest.approx(7 / 8 - 1 / 2)


def test_a_constant_answer_is_called_one_and_has_p_one(at_mark: Result) -> None:
    rows = at_mark.table("hits").frame.filter((pl.col("scope") == "High") & (pl.col("reading") == NEGATIVE))
    assert rows["hits"].to_list() == [3, 3] and rows["base"].to_list() == [3, 3] and rows["p"].to_list() == [1.0, 1.0]
    hits = at_mark.estimate("n_isocline_hits", f"High: first end, {NEGATIVE}")
    assert "the prediction is one sign for all intervals" in hits.caveats


def test_pooled_p_keeps_the_signs_of_each_family(at_mark: Result) -> None:
    """All families but Odd have one sign, so reordering within families can only swap its two."""
    found = at_mark.estimate("p_isocline", f"author: first end, {NEGATIVE}")
    assert found.value == pytest.approx(1.0)


def test_every_model_is_tried_as_the_reference(at_mark: Result) -> None:
    table = at_mark.table("constants").frame
    scores = at_mark.table("models").frame.select("model_id", "x_pct", "y_pct")
    joined = table.join(scores, on="model_id")
    assert joined["k"].to_list() == pytest.approx((joined["y_pct"] ** 2 / joined["x_pct"] / 100).to_list())
    assert at_mark.estimate("n_isocline_hits", "best k after the fact, author: first end").value >= 7
    own = table.filter(pl.col("model_id") == "mark-0").row(0, named=True)
    assert (own["share_first"], own["share_second"]) == pytest.approx((7 / 8, 7 / 8))  # as with the reference itself
    everyone_below = table.sort("k").row(-1, named=True)  # all lie below, so all signs are named positive
    assert everyone_below["share_first"] == pytest.approx(4 / 8)


def test_the_steps_table_says_which_signs_were_hit(at_mark: Result) -> None:
    steps = at_mark.table("steps").frame
    assert steps["is_hit_first"].sum() == 7
    assert (steps["is_hit_first"] == (steps["is_above_first"] != steps["is_positive"])).all()


def test_a_panel_without_signs_still_places_models_and_says_so(sided: Lake) -> None:
    found = run_diagnostic(DIAGNOSTIC, {"panel": "unsigned", "reference": "Mark", "resamples": 300}, sided)
    assert found.estimate("n_signed", "unsigned").value == 0
    hits = found.estimate("n_isocline_hits", f"unsigned: first end, {NEGATIVE}")
    assert hits.value is None and hits.caveats == ("no interval has a sign",)
    assert "nothing to predict" in found.sentences[-1]
    assert found.table("models").frame.height == 3


def test_models_without_a_size_are_placed(sided: Lake) -> None:
    found = run_diagnostic(DIAGNOSTIC, {"panel": "sizeless", "resamples": 300}, sided)
    assert found.table("models").frame.height == 1
    assert found.estimate("k_isocline", "OLMo of panel sizeless").value == pytest.approx(0.36**2 / 0.6)


def test_without_olmo_the_interval_nearest_zero_is_the_reference(sided: Lake) -> None:
    found = run_diagnostic(DIAGNOSTIC, {"panel": "boundary", "resamples": 300}, sided)
    (label,) = [e.label for e in found.estimates if e.symbol == "k_isocline" and "best" not in e.label]
    assert label == "Only: only-1 to only-2"


def test_an_unknown_reference_is_refused_with_near_names(sided: Lake) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean.*mark-0"):
        run_diagnostic(DIAGNOSTIC, {"reference": "mark-1"}, sided)


def test_a_pair_that_nothing_holds_is_refused(lake: Lake) -> None:
    with pytest.raises(NotEnoughDataError):
        run_diagnostic(DIAGNOSTIC, {"panel": "amin-frontier10"}, lake)


def test_paper_mode_gives_the_constant_and_the_counts_the_paper_prints(
    shipped: Callable[..., Result], lake: Lake
) -> None:
    """The one regression test of the recipe: its counts come out with the first end and "above means negative"."""
    found = shipped(panel="author", signs="every ratio")
    printed = {part.name: part for part in _parts(lake, "PHY-21")}
    for name, family in (("opt", "OPT"), ("bloom", "BLOOM"), ("cerebras", "Cerebras-GPT")):
        hits = found.estimate("n_isocline_hits", f"{family}: first end, {NEGATIVE}")
        assert (hits.value, hits.n) == (printed[f"{name}_hits"].value, printed[f"{name}_intervals"].value)
        other = found.estimate("n_isocline_hits", f"{family}: first end, {POSITIVE}")
        assert other.value == hits.n - hits.value
    (k,) = _parts(lake, "PHY-23")
    assert found.estimate("k_isocline", "OLMo as the paper takes it").value == pytest.approx(k.value, abs=5e-4)


def test_hits_equal_a_plain_count_over_the_gammas_of_the_lake(shipped: Callable[..., Result], lake: Lake) -> None:
    found = shipped(panel="independent")
    (k,) = [e.value for e in found.estimates if e.label == "OLMo of panel independent"]
    rows = lake.read("mart_gamma", panel="independent", x=X, y=Y).filter(pl.col("gamma").is_not_null())
    hits = sum(
        (row["y_from_pct"] / 100 > np.sqrt(k * row["x_from_pct"] / 100)) == (row["gamma"] < 0)
        for row in rows.iter_rows(named=True)
        if row["gamma"] != 0
    )
    assert found.estimate("n_isocline_hits", f"independent: first end, {NEGATIVE}").value == hits


def test_sentences_quote_their_estimates(at_mark: Result) -> None:
    first = at_mark.sentences[1]
    assert "7 of 8 signs" in first and "more frequent sign gives 4" in first and "first end" in first


@pytest.mark.parametrize("theme", look.THEMES)
def test_figures_draw_their_tables(at_mark: Result, theme: str) -> None:
    plane, hits, constants = (panel.figure(at_mark, theme) for panel in DIAGNOSTIC.panels)  # type: ignore[misc]
    markers = sum(len(trace.x) for trace in plane.data if trace.mode == "markers")
    assert markers == at_mark.table("models").frame.height
    drawn = [trace for trace in hits.data if "Wilson" in (trace.name or "")]
    rows = at_mark.table("hits").frame.filter(pl.col("reading") == NEGATIVE)
    assert sum(len(trace.x) for trace in drawn) == rows.height
    assert len(constants.data[0].x) == at_mark.table("constants").frame.height
    assert "share of intervals" in hits.layout.xaxis.title.text


def test_figures_of_nothing_are_a_sentence(at_mark: Result) -> None:
    bare = [table for table in at_mark.tables]
    empty = Result(
        diagnostic="isocline",
        params=at_mark.params,
        lake_version="",
        tables=tuple(type(t)(name=t.name, title=t.title, frame=t.frame.clear(), units=t.units) for t in bare),
    )
    for panel in DIAGNOSTIC.panels:
        figure = panel.figure(empty, "light")  # type: ignore[misc]
        assert len(figure.data) == 0 and figure.layout.annotations[0].text.startswith("No ")


def _parts(lake: Lake, claim_id: str) -> tuple[Any, ...]:
    (row,) = lake.read("mart_claims_as_printed", claim_id=claim_id).iter_rows(named=True)
    return parse_parts(claim_id, row["parts"])


@pytest.mark.parametrize("claim_id", sorted({settles.claim_id for settles in DIAGNOSTIC.claims}))
def test_every_part_of_a_wired_claim_is_judged_on_both_sides(claim_id: str, lake: Lake) -> None:
    class Runs(ledger.Runs):
        def get(self, slug: str, params: Any) -> Any:
            return run_diagnostic(DIAGNOSTIC, {**params, "resamples": 300}, lake)

    settled = [(DIAGNOSTIC, s) for s in DIAGNOSTIC.claims if s.claim_id == claim_id]
    row = ledger._judge_claim(claim_id, _parts(lake, claim_id), settled, Runs(lake))
    assert "open" not in (row["reproduced"], row["supported"])
    assert "defines no" not in row["parts"]
