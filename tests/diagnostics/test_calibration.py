"""The page of the calibration, the marks, and the caveat beside an estimate; and what the shipped simulations show."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import diagnostics
from cape.calibration import BY_NAME, DECLARED, ESTIMATORS, QUANTITIES, WORLDS, Share, simulated_share
from cape.calibration import estimators as known
from cape.diagnostics._calibrated import (
    REACHES,
    TOO_HIGH,
    TOO_LOW,
    UNSURE,
    VIEW,
    Like,
    alarms,
    calibration_caveat,
    covered,
    like,
    like_by_family,
    mark,
    with_calibration,
)
from cape.diagnostics._not_simulated import ANSWERED, NOT_SIMULATED
from cape.errors import NotEnoughDataError
from cape.lake import Lake
from cape.quantities import Estimate

HERE = Like(n_families=20, n_sizes=5, x_items=10_042, y_items=817)
ESTIMATE = Estimate(symbol="N_c", label="a", value=1.0, low=0.5, high=2.0, n=20, unit="", method="m", caveats=("old",))


def counts(world: str, estimator: str = known.LOGISTIC, **changes: Any) -> dict[str, Any]:
    """One row of the mart: 100 panels, 95 of 100 intervals hold the truth."""
    cell = {"n_families": 20, "n_sizes": 5, "x_items": 10_042, "y_items": 817, "cell": DECLARED.name}
    numbers = dict.fromkeys(("n_true", "n_values", "n_intervals"), 100) | {"n_covered": 95, "n_found": 100}
    spreads = dict.fromkeys(("spread_covered", "spread_found", "spread_false"), 1.0)
    return {**cell, **numbers, **spreads, "world": world, "estimator": estimator, "n_none": 0, "n_false": 0} | changes


def nothing(world: str, n_false: int) -> dict[str, Any]:
    gone = dict.fromkeys(("n_true", "n_values", "n_intervals", "n_covered", "n_found"), 0)
    return counts(world, **gone, n_none=100, n_false=n_false)


def store(*rows: dict[str, Any]):
    """Return what reads these rows as the mart."""
    return lambda view, **equals: pl.DataFrame(list(rows)) if view == VIEW else pytest.fail(view)


@pytest.mark.parametrize(
    ("share", "wanted"),
    [
        (simulated_share(950, 1000), REACHES),
        (simulated_share(930, 1000), REACHES),
        (simulated_share(900, 1000), TOO_LOW),
        (simulated_share(92, 100), UNSURE),
        (simulated_share(1000, 1000), TOO_HIGH),
        (simulated_share(98, 100), UNSURE),
        (Share(value=None, low=None, high=None, n=0), UNSURE),
    ],
)
def test_a_coverage_is_marked_by_its_value_inside_and_by_its_interval_outside_the_band(
    share: Share, wanted: str
) -> None:
    assert mark(share) == wanted


def test_the_caveat_gives_the_least_and_the_most_coverage_and_the_worst_false_alarms() -> None:
    rows = (counts("turning", n_covered=95), counts("bent", n_covered=60), nothing("flat", 38), nothing("trend", 2))
    (found,) = with_calibration([ESTIMATE], store(*rows), HERE, lambda estimate: known.LOGISTIC)
    assert found.caveats[0] == "old" and (found.value, found.low, found.high) == (1.0, 0.5, 2.0)
    told = found.caveats[1]
    assert "this interval covers the truth in 60 % (world bent) to 95 % (turning)" in told
    assert TOO_LOW in told and "38 %" in told and "(world flat)" in told and "20 families" in told


def test_an_interval_that_is_seldom_given_is_said_to_be() -> None:
    rows = (counts("turning", n_values=40, n_intervals=40, n_covered=38),)
    (found,) = with_calibration([ESTIMATE], store(*rows), HERE, lambda estimate: known.LOGISTIC)
    assert "an interval is given in 40 %" in found.caveats[1] and TOO_LOW not in found.caveats[1]


def test_an_estimate_that_is_not_calibrated_is_left_as_it_is() -> None:
    found = with_calibration([ESTIMATE], store(counts("turning")), HERE, lambda estimate: None)
    assert found == [ESTIMATE]


@pytest.mark.parametrize(
    "here",
    [
        Like(n_families=3, n_sizes=5, x_items=10_042, y_items=817),
        Like(n_families=20, n_sizes=5, x_items=np.nan, y_items=817),
        Like(n_families=20, n_sizes=np.nan, x_items=10_042, y_items=817),
    ],
)
def test_data_far_from_every_cell_are_said_not_to_be_calibrated(here: Like) -> None:
    (found,) = with_calibration([ESTIMATE], store(counts("turning")), here, lambda estimate: known.LOGISTIC)
    assert found.caveats[1].startswith("not calibrated: no simulated cell is like these data")


def test_without_simulations_the_caveat_says_how_to_make_them() -> None:
    empty = pl.DataFrame([counts("turning")]).clear()
    (told,) = calibration_caveat(empty, None, HERE, BY_NAME[known.LOGISTIC])
    assert "cape calibrate" in told


def test_a_test_is_told_by_its_false_alarms_alone() -> None:
    rows = (counts("flat", known.FREEDMAN_LANE, n_found=31, n_intervals=0, n_covered=0),)
    (found,) = with_calibration([ESTIMATE], store(*rows), HERE, lambda estimate: known.FREEDMAN_LANE)
    assert "31 %" in found.caveats[1] and "covers the truth" not in found.caveats[1]


def test_data_are_like_their_families_median_sizes_and_the_items_that_their_errors_imply() -> None:
    rows = pl.DataFrame(
        {
            "family": ["a"] * 4 + ["b"] * 2 + ["c"],
            "position": [1e8, 2e8, 4e8, 8e8, 1e9, 2e9, 3e9],
            "x_pct": [50.0] * 7,
            "x_se_pct": [100 * (0.25 / 400) ** 0.5] * 7,
            "y_pct": [20.0] * 7,
            "y_se_pct": [None] * 7,
        },
        schema_overrides={"y_se_pct": pl.Float64},
    )
    found = like(rows)
    assert (found.n_families, found.n_sizes) == (2, 3)
    assert found.x_items == pytest.approx(400) and np.isnan(found.y_items)
    one = like_by_family(rows)["b"]
    assert (one.n_families, one.n_sizes, one.x_items) == (DECLARED.n_families, 2, pytest.approx(400))
    assert "unknown" in found.words


def test_the_page_shows_the_counts_of_the_mart(run: Any, lake: Lake) -> None:
    result = run("calibration")
    rows = lake.read(VIEW, cell=DECLARED.name, estimator=known.WITHIN_LINE, world="turning").to_dicts()[0]
    found = result.estimate("interval_coverage", f"{known.WITHIN_LINE}: turning")
    assert found.value == pytest.approx(rows["n_covered"] / rows["n_intervals"])
    assert found.low < found.value < found.high
    shown = {e.label.rsplit(": ", 1)[0] for e in result.estimates}
    assert shown == {e.name for e in ESTIMATORS if e.quantity == QUANTITIES[0]}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_estimator_has_a_verdict_with_its_worst_world(quantity: str, run: Any) -> None:
    result = run("calibration", quantity=quantity)
    verdicts = result.table("verdicts").frame
    assert set(verdicts["estimator"]) == {e.name for e in ESTIMATORS if e.quantity == quantity}
    for row in verdicts.to_dicts():
        shares = [e.value for e in result.estimates if e.label.startswith(f"{row['estimator']}: ")]
        assert shares
        coverages = [
            e.value
            for e in result.estimates
            if e.symbol == "interval_coverage" and e.label.startswith(f"{row['estimator']}: ")
        ]
        assert row["least_coverage"] == (min(coverages) if coverages else None)


def test_a_cell_that_was_not_simulated_says_how_to(run: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Lake.read

    def without(self: Lake, view: str, /, **equals: Any) -> pl.DataFrame:
        frame = real(self, view, **equals)
        return frame.filter(pl.col("n_families") != 40) if view == VIEW else frame

    monkeypatch.setattr(Lake, "read", without)
    with pytest.raises(NotEnoughDataError, match="cape calibrate --cells 40x5x10042x817"):
        diagnostics.run("calibration", {"n_families": "40"}, lake)


def test_the_shipped_simulations_hold_every_cell_world_and_estimator(lake: Lake) -> None:
    rows = lake.read(VIEW)
    per_cell = rows.group_by("cell").len()
    assert set(per_cell["len"]) == {len(WORLDS) * len(ESTIMATORS)}
    declared = rows.filter(pl.col("cell") == DECLARED.name)
    assert declared["n_simulations"].min() >= 1000 and rows["n_resamples"].min() >= 499


def test_in_the_declared_cell_the_within_family_line_meets_the_requirement_and_no_other_n_c_does(lake: Lake) -> None:
    rows = lake.read(VIEW, cell=DECLARED.name, quantity=QUANTITIES[0]).to_dicts()
    met = set()
    for name in {row["estimator"] for row in rows}:
        mine = [row for row in rows if row["estimator"] == name]
        held = [covered(row).value for row in mine if row["n_true"] and row["world"] in known.TURNING]
        false = [alarms(row).value for row in mine if row["world"] in known.TURNLESS]
        if all(0.93 <= value <= 0.97 for value in held) and max(false) <= 0.1:
            met.add(name)
    assert met == {known.WITHIN_LINE}


@pytest.mark.parametrize(
    ("slug", "symbol", "label"),
    [
        ("critical_scale", "N_c", "population: within-family line"),
        ("critical_scale", "N_c", "population: logistic in log10 N"),
        ("critical_scale", "N_c", "Pythia: sign bracket"),
        ("critical_scale", "B1_c", "population: logistic in the level of the first benchmark"),
        ("trend_control", "r_partial", "author: within families"),
        ("trend_control", "p_freedman_lane", "author: two-sided"),
        ("local_coupling", "mean_gamma_12", "author"),
        ("local_coupling", "mean_gamma_12", "author: jackknife"),
        ("trend_control", "r_within", "author: jackknife"),
        ("effective_dimension", "d_eff_benchmarks", "all models: covariance"),
        ("effective_dimension", "d_eff_benchmarks", "all models: correlation, jackknife"),
        ("coupling_matrix", "r", "hellaswag / truthfulqa_as_printed: all"),
        ("frontier_coupling", "r", "frozen 34: labs as independent, jackknife"),
    ],
)
def test_a_calibrated_estimator_carries_the_sentence_on_its_own_page(
    slug: str, symbol: str, label: str, run: Any
) -> None:
    found = run(slug, **({"curve": "no curve"} if slug in ("critical_scale", "trend_control") else {}))
    caveats = [caveat for caveat in found.estimate(symbol, label).caveats if "calibration, nearest" in caveat]
    assert len(caveats) == 1
    told = "false alarms in up to" if symbol.startswith("p_") else "of simulations like your data"
    assert told in caveats[0]


def test_every_page_carries_a_calibration_or_says_why_not(run: Any) -> None:
    slugs = [diagnostic.slug for diagnostic in diagnostics.DIAGNOSTICS]
    assert sorted([*ANSWERED, *NOT_SIMULATED]) == sorted(slugs)
    assert run("calibration").table("scope").frame["page"].to_list() == [*ANSWERED, *NOT_SIMULATED]
    for slug in ANSWERED:
        told = [caveat for estimate in run(slug).estimates for caveat in estimate.caveats]
        assert any(caveat.startswith("calibration, nearest simulated cell") for caveat in told), slug


@pytest.mark.parametrize("name", list(known.JACKKNIFED))
def test_the_jackknife_covers_more_truths_than_the_bootstrap_it_stands_beside(name: str, lake: Lake) -> None:
    cell = lake.read(VIEW).filter(pl.col("cell") == DECLARED.name)
    shares = {}
    for one in (name, known.JACKKNIFED[name]):
        mine = cell.filter(pl.col("estimator") == one)
        shares[one] = mine["n_covered"].sum() / mine["n_intervals"].sum()
    assert abs(shares[known.JACKKNIFED[name]] - 0.95) < abs(shares[name] - 0.95)
