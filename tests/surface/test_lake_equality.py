"""What the pages show is what SQL over the built file gives, and what is stored is what would be computed now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import polars as pl
import pytest

from cape import diagnostics, ledger
from cape.diagnostics import DIAGNOSTICS
from cape.errors import NotEnoughDataError
from cape.lake import Lake
from tests.surface._app import estimates_on, frame_rows, open_page, table_with

SELECTIONS = (
    {"panel": "author", "x": "hellaswag", "y": "truthfulqa_as_printed"},
    {"panel": "independent", "x": "hellaswag", "y": "truthfulqa_mc2"},
    {"panel": "independent", "x": "mmlu", "y": "winogrande"},
)
FAST = {"resamples": 500}

# gamma and its error from the deltas of the two benchmarks alone: nothing of int_steps is used.
GAMMA_FROM_DELTAS = """
select
    dx.family,
    dx.models_from,
    dx.models_to,
    dx.delta_pct as dx,
    dy.delta_pct as dy,
    dx.delta_se_pct as dx_se,
    dy.delta_se_pct as dy_se
from mart_deltas as dx
inner join mart_deltas as dy
    using (panel, source_id, family, axis, replicate, models_from, models_to, position_from, position_to)
where dx.panel = $panel and dx.benchmark_id = $x and dy.benchmark_id = $y
"""
Z = 1.959963984540054


@pytest.fixture
def sql(lake: Lake) -> Iterator[Any]:
    """Return a function that runs SQL on the built file with DuckDB itself, opened read-only."""
    connection = duckdb.connect(str(lake.database), read_only=True)
    yield lambda text, params=None: frame_rows(connection.cursor().sql(text, params=params or {}).pl())
    connection.close()


@pytest.mark.parametrize("chosen", SELECTIONS, ids=lambda s: f"{s['panel']} {s['x']} {s['y']}")
def test_the_steps_on_the_page_are_the_rows_of_their_mart(chosen: dict[str, str], sql: Any) -> None:
    page = table_with(open_page("local_coupling", **chosen, **FAST), "delta_x_pct", "gamma", "phase")
    stored = sql("select * from mart_gamma where panel = $panel and x = $x and y = $y", chosen)
    assert len(page) == len(stored) > 10
    by_key = {_step(row): row for row in stored}
    assert len(by_key) == len(stored)
    common = sorted(set(page[0]) & set(stored[0]))
    assert {"delta_x_pct", "delta_y_pct", "gamma", "gamma_se", "gamma_low", "gamma_high", "phase", "quadrant"} <= set(
        common
    )
    for row in page:
        assert {name: row[name] for name in common} == {name: by_key[_step(row)][name] for name in common}
    estimates = {
        row["label"]: row
        for row in estimates_on(open_page("local_coupling", **chosen, **FAST))
        if row["symbol"] == "gamma_12"
    }
    assert set(estimates) == {row["label"] for row in page}
    for row in page:
        shown = estimates[row["label"]]
        assert (shown["value"], shown["low"], shown["high"]) == (row["gamma"], row["gamma_low"], row["gamma_high"])


@pytest.mark.parametrize("chosen", SELECTIONS[:1], ids=lambda s: s["panel"])
def test_gamma_and_its_error_follow_from_the_deltas(chosen: dict[str, str], sql: Any) -> None:
    page = {
        (row["family"], row["models_from"], row["models_to"]): row
        for row in table_with(open_page("local_coupling", **chosen, **FAST), "delta_x_pct", "gamma", "phase")
    }
    found = 0
    for row in sql(GAMMA_FROM_DELTAS, chosen):
        shown = page.get((row["family"], row["models_from"], row["models_to"]))
        if shown is None:
            continue
        found += 1
        assert shown["delta_x_pct"] == pytest.approx(row["dx"], abs=1e-9)
        assert shown["delta_y_pct"] == pytest.approx(row["dy"], abs=1e-9)
        if shown["gamma"] is None:
            assert shown["phase"] == "none" and shown["undefined_reason"]
            continue
        gamma = row["dy"] / row["dx"]
        error = (row["dy_se"] ** 2 + gamma**2 * row["dx_se"] ** 2) ** 0.5 / abs(row["dx"])
        assert shown["gamma"] == pytest.approx(gamma, rel=1e-9)
        assert shown["gamma_se"] == pytest.approx(error, rel=1e-9)
        assert abs(row["dx"]) >= max(0.5, Z * row["dx_se"])
        assert shown["phase_paper"] == ("tax" if gamma < -0.1 else "bonus" if gamma > 0.1 else "transition")
        assert shown["phase"] == _phase(shown["gamma_low"], shown["gamma_high"])
    assert found > 0.8 * len(page)


@pytest.mark.parametrize("chosen", SELECTIONS, ids=lambda s: f"{s['panel']} {s['x']} {s['y']}")
def test_the_phases_on_the_page_are_the_rows_of_their_mart(chosen: dict[str, str], sql: Any) -> None:
    app = open_page("phase_diagram", **chosen)
    points = table_with(app, "model_id", "phase", "phase_paper")
    stored = sql("select * from mart_phases where panel = $panel and x = $x and y = $y", chosen)
    by_model = {(row["family"], name): row for row in stored for name in row["models"].split(" + ")}
    sized = [row for row in points if row["position"] is not None]
    assert len(sized) > 10
    for row in sized:
        size = by_model[row["family"], row["model_id"]]
        for name in ("phase", "phase_paper", "gamma", "gamma_se", "is_outgoing_phase"):
            assert row[name] == size[name], (row["model_id"], name)
    assert all(row["phase"] == "none" for row in points if row["position"] is None)
    counted = sql(
        "select count(*) as n_rows, count(distinct model_id) as n_models, count(distinct family) as n_families "
        "from mart_pairs where panel = $panel and x = $x and y = $y",
        chosen,
    )[0]
    totals = {row["symbol"]: row["value"] for row in estimates_on(app) if row["symbol"] in counted}
    assert totals == counted
    segments = table_with(app, "x_from_pct", "y_to_pct", "phase")
    steps = {
        _step(row): row for row in sql("select * from mart_gamma where panel = $panel and x = $x and y = $y", chosen)
    }
    assert len(segments) == len(steps)
    assert sorted(row["phase"] for row in segments) == sorted(row["phase"] for row in steps.values())


@pytest.mark.xdist_group("stored")
def test_stored_estimates_are_those_at_default_parameters(stored_lake: Lake) -> None:
    stored = frame_rows(stored_lake.read("mart_estimates"))
    assert stored
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in stored:
        found.setdefault((row["diagnostic"], row["panel"]), []).append(row)
    statistical = [d.slug for d in DIAGNOSTICS if d.uses_selection and d.slug != "overview"]
    assert {slug for slug, _ in found} == set(statistical)
    named = stored_lake.read("mart_panels").filter(pl.col("is_named") & (pl.col("n_scores") > 0))["panel"]
    assert "author" in set(named) and "independent" in set(named)
    for slug in statistical:
        for panel in named:
            try:
                result = diagnostics.run(slug, {"panel": panel}, stored_lake)
            except NotEnoughDataError:
                assert (slug, panel) not in found
                continue
            rows = found[slug, panel]
            by_name = {(row["symbol"], row["label"]): row for row in rows}
            assert len(by_name) == len(rows) == len(result.estimates)
            for estimate in result.estimates:
                row = by_name[estimate.symbol, estimate.label]
                held = {**row, "caveats": json.loads(row["caveats"])}
                assert {name: held[name] for name in estimate.as_dict()} == estimate.as_dict()
                assert json.loads(row["params"]) == dict(result.params)


@pytest.mark.xdist_group("stored")
def test_stored_verdicts_are_those_judged_now(stored_lake: Lake) -> None:
    stored = {row["claim_id"]: row for row in frame_rows(stored_lake.read("mart_claims"))}
    judged = ledger.judge_all(stored_lake)
    assert judged
    for row in judged:
        held = stored[row["claim_id"]]
        assert {name: held[name] for name in row} == row
    rest = set(stored) - {row["claim_id"] for row in judged}
    assert rest == set(ledger.open_claims(stored_lake))
    assert {(stored[name]["reproduced"], stored[name]["supported"]) for name in rest} <= {("open", "open")}


@pytest.mark.xdist_group("stored")
def test_stored_results_belong_to_this_lake(stored_lake: Lake) -> None:
    """When this fails alone, `python scripts/recompute_claims.py` renews the delivered files."""
    for mart in ("mart_estimates", "mart_claims"):
        versions = set(stored_lake.read(mart)["from_lake_version"].drop_nulls())
        assert versions == {stored_lake.version}, mart
        assert not any(stored_lake.read(mart)["is_stale"])


def _step(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("family", "source_id", "models_from", "models_to", "position_from"))


def _phase(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "undetermined"
    if high < -0.1:
        return "tax"
    if low > 0.1:
        return "bonus"
    return "transition" if low >= -0.1 and high <= 0.1 else "undetermined"
