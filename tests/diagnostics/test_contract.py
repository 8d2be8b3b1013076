"""What holds for every diagnostic on every panel: symbols, caveats, stable JSON, marts only, plain sentences."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import polars as pl
import pytest

from cape import diagnostics
from cape.diagnostics import DIAGNOSTICS, Diagnostic, defaults_of
from cape.errors import NotEnoughDataError
from cape.lake import Lake
from cape.quantities import Result
from cape.symbols import QUANTITIES, SYMBOLS

SINGLE_SOURCES = ("amin-pythia", "lmeval-2023", "amin-paper3a-text")
PANELS = ("author", "author_by_family", "independent", "frontier", "organism", *SINGLE_SOURCES)
SELECTING = [d for d in DIAGNOSTICS if d.uses_selection]
WHOLE_LAKE = [d for d in DIAGNOSTICS if not d.uses_selection]
# What a panel cannot answer: a rate in log10 N needs sizes, which the frontier panel does not have.
REFUSED = (("ode_explorer", "frontier"),)
CASES = [(d, panel) for d in SELECTING for panel in PANELS if (d.slug, panel) not in REFUSED]
CASES += [(d, "author") for d in WHOLE_LAKE]
ESTIMATE_KEYS = ["symbol", "label", "value", "low", "high", "n", "unit", "method", "caveats"]


def on(run: Any, diagnostic: Diagnostic, panel: str) -> Result:
    """Run with the specification curve, which every panel shares, on two panels only."""
    has_curve = "curve" in defaults_of(diagnostic.params) and panel not in ("author", "independent")
    return run(diagnostic.slug, panel=panel, **({"curve": "no curve"} if has_curve else {}))


every_case = pytest.mark.parametrize(
    ("diagnostic", "panel"), CASES, ids=[f"{diagnostic.slug}-{panel}" for diagnostic, panel in CASES]
)


def test_the_panels_tested_are_all_named_ones_with_scores_and_three_single_sources(lake: Lake) -> None:
    panels = lake.read("mart_panels").filter(pl.col("n_scores") > 0)
    assert set(panels.filter("is_named")["panel"]) == set(PANELS) - set(SINGLE_SOURCES)
    assert set(SINGLE_SOURCES) <= set(panels.filter(~pl.col("is_named"))["panel"])


@every_case
def test_every_estimate_is_sound(diagnostic: Diagnostic, panel: str, run: Any) -> None:
    result = on(run, diagnostic, panel)
    assert result.estimates
    for found in result.estimates:
        about = f"{found.symbol} ({found.label})"
        assert found.symbol in SYMBOLS, about
        for number in (found.value, found.low, found.high):
            assert number is None or (isinstance(number, float) and math.isfinite(number)), about
        if found.low is not None and found.high is not None:
            assert found.low <= found.high, about
        if None in (found.value, found.low, found.high):
            assert found.caveats, about
        if found.value is None:
            assert (found.low, found.high) == (None, None), about
        assert isinstance(found.n, int) and found.n >= 0, about
        assert found.method.strip() and found.label.strip(), about
        assert all(caveat.strip() for caveat in found.caveats), about
        declared = SYMBOLS[found.symbol].unit
        assert found.unit == declared or declared in ("", "as the quantity"), about


@every_case
def test_a_symbol_and_label_name_one_estimate(diagnostic: Diagnostic, panel: str, run: Any) -> None:
    found = Counter((e.symbol, e.label) for e in on(run, diagnostic, panel).estimates)
    assert [key for key, times in found.items() if times > 1] == []


@every_case
def test_the_stable_json_has_its_keys_and_nothing_else(diagnostic: Diagnostic, panel: str, run: Any) -> None:
    result = on(run, diagnostic, panel)
    record = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert list(record) == ["diagnostic", "params", "lake_version", "estimates"]
    assert record["diagnostic"] == diagnostic.slug
    assert set(record["params"]) == set(defaults_of(diagnostic.params))
    assert all(list(estimate) == ESTIMATE_KEYS for estimate in record["estimates"])


@every_case
def test_only_marts_are_read_and_they_can_be_read_again(
    diagnostic: Diagnostic, panel: str, run: Any, lake: Lake
) -> None:
    result = on(run, diagnostic, panel)
    assert result.lake_version == lake.version
    marts = lake.marts()
    assert result.reads
    for view, equals in result.reads:
        assert view in marts
        lake.query_text(view, **equals)


@every_case
def test_panels_of_a_page_draw_tables_that_exist_with_units_of_their_columns(
    diagnostic: Diagnostic, panel: str, run: Any
) -> None:
    result = on(run, diagnostic, panel)
    for drawn in diagnostic.panels:
        for name in drawn.tables:
            table = result.table(name)
            assert set(table.units) <= set(table.frame.columns), name
    for table in result.tables:
        for column in table.frame.select(pl.col(pl.Float64)).iter_columns():
            assert not column.is_nan().any() and not column.is_infinite().any(), (table.name, column.name)


@every_case
def test_sentences_are_plain_words(diagnostic: Diagnostic, panel: str, run: Any) -> None:
    for sentence in on(run, diagnostic, panel).sentences:
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b|Traceback|[{}]", sentence), sentence
        assert sentence.endswith(".") and not sentence.endswith(".."), sentence


@pytest.mark.parametrize("slug", [d.slug for d in SELECTING])
def test_a_panel_of_models_without_public_sizes_is_answered_or_refused_in_plain_words(slug: str, run: Any) -> None:
    panel = "amin-frontier10"
    try:
        result = on(run, diagnostics.get(slug), panel)
    except NotEnoughDataError as error:
        assert "no two sizes of one family" in str(error) and panel in str(error)
        assert slug in NEEDS_STEPS
        return
    assert slug not in NEEDS_STEPS
    words = " ".join(result.sentences)
    assert "size" in words or "undefined" in words
    for symbol in ("r_partial", "r_null", "mean_gamma_12", "N_c"):
        assert all(e.value is None for e in result.estimates if e.symbol == symbol)


@pytest.mark.parametrize(("slug", "panel"), REFUSED)
def test_what_a_panel_cannot_answer_is_refused_in_plain_words(slug: str, panel: str, run: Any) -> None:
    with pytest.raises(NotEnoughDataError, match=f"{panel}.*no two sizes of one family"):
        run(slug, panel=panel)


def test_no_glossary_entry_is_written_twice() -> None:
    assert len(SYMBOLS) == len(QUANTITIES)
    assert all(q.name and q.definition.endswith(".") and q.section for q in QUANTITIES)


def test_every_symbol_of_the_glossary_is_used_somewhere(run: Any) -> None:
    results = [on(run, d, panel) for d, panel in CASES]
    results.append(run("local_coupling", panel="author", family="OPT", compare_panel="independent"))
    results.append(run("local_coupling", panel="author", family="OPT", compare_panel="author", compare_family="OPT"))
    results.append(run("local_coupling", panel="organism", family="web"))
    results.append(run("critical_scale", panel="author", compare_panel="independent", curve="no curve"))
    results.append(run("phase_diagram", panel="author", family="OPT"))
    results.append(run("trend_control", panel="author_by_family", family="Pythia", curve="no curve"))
    results.append(run("ode_explorer", panel="author", engine="PySINDy"))
    used = {e.symbol for result in results for e in result.estimates}
    assert set(SYMBOLS) - used == set()


def _numbers(result: Result) -> dict[tuple[str, str], tuple]:
    return {(e.symbol, e.label): (e.value, e.low, e.high) for e in result.estimates}


@pytest.mark.parametrize("slug", [d.slug for d in WHOLE_LAKE])
def test_a_page_of_the_whole_lake_lists_its_rows_in_one_order(slug: str, lake: Lake) -> None:
    first, *others = (diagnostics.run(slug, {}, lake) for _ in range(5))
    for other in others:
        for a, b in zip(first.tables, other.tables, strict=True):
            assert a.frame.equals(b.frame), f"{a.name}: the order of rows is not fixed"


# Symbols whose value is itself a share or centre of random orderings or simulations, or counts bootstrap intervals.
NEEDS_STEPS = ("local_coupling", "critical_scale", "isocline", "flow_geometry", "ode_explorer")
SIMULATED = {
    "p_permutation",
    "p_freedman_lane",
    "p_null",
    "r_null",
    "share_of_specifications",
    "p_families",
    "q_pairs",
    "n_discoveries",
    "frobenius_null",
    "d_eff_equal_n",
    "n_negative_pairs_settled",
    "n_sign_changes_settled",
    "r_width_shuffled",
    "p_width_shuffled",
    "width_gain",
    "beta_r2_null",
    "beta_slope_null",
    "p_beta",
    "isocline_null_share",
    "n_pairs_at_size",
    "n_actions",
    "ode_inclusion",
    "law_skill_shuffled",
    "p_law_shuffled",
    "law_exponent_shuffled",
    "top_spread_null",
    "rotation_share",
}


@pytest.mark.parametrize("slug", [d.slug for d in SELECTING])
def test_a_seed_fixes_every_number_and_another_seed_moves_intervals_only(slug: str, run: Any, lake: Lake) -> None:
    extra = {"curve": "no curve"} if slug in ("critical_scale", "trend_control") else {}
    first = run(slug, panel="author", **extra)
    again = diagnostics.run(slug, {"panel": "author", "resamples": 200, **extra}, lake)
    other = run(slug, panel="author", seed=7, **extra)
    assert first.estimates == again.estimates
    assert all(a.frame.equals(b.frame) for a, b in zip(first.tables, again.tables, strict=True))
    mine, theirs = _numbers(first), _numbers(other)
    assert set(mine) == set(theirs)
    moved = [key for key in mine if mine[key][1:] != theirs[key][1:]]
    assert moved
    changed = {key[0] for key in mine if mine[key][0] != pytest.approx(theirs[key][0])}
    assert changed <= SIMULATED
