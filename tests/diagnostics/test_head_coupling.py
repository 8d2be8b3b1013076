"""Heads: planted models are counted as planted, instruments never meet, and alarms strike what they should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import binomtest

from cape import diagnostics
from cape.diagnostics._head_cosines import HEAD_PROBE
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.figures.head_coupling import family_forest, head_histograms, model_bars, share_forest
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics._probes import probe_lake

NO_COMPETING = "no competing heads"
HEADER = "model_id,probe,layer,value,n_prompts,notes\n"


def by(result: Result, symbol: str, label: str) -> Any:
    return result.estimate(symbol, label)


def rows_of(model: str, coop: float, comp: float, net: float) -> str:
    values = {"head_coop_frac": coop, "head_comp_frac": comp, "net_coupling": net, "total_units": 100}
    return "".join(f"{model},{probe},,{value},,\n" for probe, value in values.items())


@pytest.fixture
def planted(lake_paths: LakePaths, tmp_path: Path) -> Callable[..., Lake]:
    return lambda **held: probe_lake(tmp_path / "lake", lake_paths.root, **held)


def heads(model: str, cosines: list[float], **about: Any) -> list[dict[str, Any]]:
    """Rows of a shard: each head's cosine, and the shares that follow."""
    n = len(cosines)
    single = [
        {"model_id": model, "probe": HEAD_PROBE, "layer": 0, "head": head, "value": value} | about
        for head, value in enumerate(cosines)
    ]
    shares = {
        "head_coop_frac": (sum(c > 0.1 for c in cosines) / n, "share of heads"),
        "head_comp_frac": (sum(c < -0.5 for c in cosines) / n, "share of heads"),
        "competing_units": (float(sum(c < -0.5 for c in cosines)), "heads"),
        "total_units": (float(n), "heads"),
        "net_coupling": (sum(cosines) / n, "cosine"),
    }
    whole = [
        {"model_id": model, "probe": probe, "value": value, "unit": unit} | about
        for probe, (value, unit) in shares.items()
    ]
    return [*single, *whole]


def test_planted_models_are_counted_with_wilsons_interval(planted: Callable[..., Lake]) -> None:
    text = HEADER + rows_of("opt-125m", 0.9, 0.0, 0.41) + rows_of("opt-350m", 0.8, 0.02, 0.42)
    text += rows_of("bloom-560m", 1.0, 0.0, 0.43)
    lake = planted(recorded={"planted": text}, notes="per-head hidden-unit coupling")
    result = diagnostics.run("head_coupling", {"resamples": 200}, lake)
    share = by(result, "head_free_share", f"{NO_COMPETING}: hidden units by head; prompts: not stated")
    wilson = binomtest(2, 3).proportion_ci(method="wilson")
    assert (share.value, share.n) == (pytest.approx(200 / 3), 3)
    assert (share.low, share.high) == (pytest.approx(100 * wilson.low), pytest.approx(100 * wilson.high))
    assert "opt-350m" in share.caveats[0]
    families = by(result, "head_free_families", share.label)
    assert (families.value, families.n) == (50.0, 2)
    every = diagnostics.run("head_coupling", {"criterion": "every head cooperative", "resamples": 200}, lake)
    assert by(every, "n_head_free", share.label.replace(NO_COMPETING, "every head cooperative")).value == 1
    assert by(result, "head_competing", "opt-350m, planted").value == pytest.approx(2.0)
    assert by(result, "head_net_step", "opt-350m less opt-125m, planted").value == pytest.approx(0.01)
    lake.close()


def test_sources_that_state_no_instrument_never_meet(planted: Callable[..., Lake]) -> None:
    first, second = (HEADER + rows_of(model, 0.9, 0.0, 0.3) for model in ("opt-125m", "opt-350m"))
    lake = planted(recorded={"one": first, "two": second})
    result = diagnostics.run("head_coupling", {}, lake)
    counts = {row["label"]: row["n"] for row in result.table("shares").frame.iter_rows(named=True)}
    assert {n for name, n in counts.items() if name.startswith("instrument not stated")} == {1}
    lake.close()


def test_rows_measured_here_and_recorded_ones_are_apart_and_treated_alike(planted: Callable[..., Lake]) -> None:
    text = HEADER + rows_of("pythia-70m", 0.9, 0.0, 0.3)
    cosines = [-0.9, -0.2, 0.05, 0.3, 0.6, 0.8, 0.9, 0.95]
    lake = planted(recorded={"old": text}, shards={"new": heads("pythia-160m", cosines)})
    result = diagnostics.run("head_coupling", {"resamples": 200}, lake)
    found = by(result, "head_free_share", f"{NO_COMPETING}: attention outputs; prompts: contrast")
    assert (found.value, found.n) == (0.0, 1)
    here = by(result, "n_head_free", f"{NO_COMPETING}: families of the printed count, measured here")
    assert (here.value, here.n) == (0.0, 1)
    assert by(result, "head_cosine_median", "pythia-160m, new").low <= 0.45
    median = by(result, "head_cosine_median", "families of the printed count, measured here")
    assert median.value == pytest.approx(0.45)
    one = diagnostics.run("head_coupling", {"measured_by": "attention outputs; prompts: contrast"}, lake)
    assert set(one.table("models").frame["model_id"]) == {"pythia-160m"}
    lake.close()


def test_alarms_strike_constants_equals_and_bounds_and_are_left_out_on_request(planted: Callable[..., Lake]) -> None:
    text = HEADER + rows_of("opt-125m", 1.0, 0.0, 0.97) + rows_of("opt-350m", 0.9, 0.0, 0.97)
    text += rows_of("opt-1.3b", 0.8, 0.1, 0.5) + rows_of("opt-2.7b", 1.0, 0.0, 0.6)
    text += "".join(f"opt-1.3b,layer_coupling,{layer},{0.5 + layer / 10},,\n" for layer in range(3))
    text += "".join(f"opt-125m,layer_coupling,{layer},0.97,,\n" for layer in range(3))
    lake = planted(recorded={"planted": text})
    result = diagnostics.run("head_coupling", {"resamples": 200}, lake)
    struck = result.table("alarms").frame.group_by("alarm").agg(pl.col("model_id").unique().sort())
    assert dict(struck.iter_rows()) == {
        "constant across layers": ["opt-125m"],
        "equal across models": ["opt-125m", "opt-350m"],
        "at a bound": ["opt-125m", "opt-2.7b"],
    }
    label = f"{NO_COMPETING}: instrument not stated, planted"
    assert (by(result, "n_head_free", label).value, by(result, "n_head_measured", label).value) == (3, 4)
    left = f"{label}, alarmed rows left out"
    assert (by(result, "n_head_free", left).value, by(result, "n_head_measured", left).value) == (1, 2)
    out = diagnostics.run("head_coupling", {"alarmed": "left out, also at a bound"}, lake)
    assert set(out.table("models").frame["model_id"]) == {"opt-1.3b"}
    lake.close()


def test_everything_alarmed_leaves_nothing_and_says_so(planted: Callable[..., Lake]) -> None:
    text = HEADER + rows_of("opt-125m", 1.0, 0.0, 0.97) + rows_of("opt-350m", 1.0, 0.0, 0.97)
    lake = planted(recorded={"planted": text})
    result = diagnostics.run("head_coupling", {}, lake)
    gone = by(result, "head_free_share", f"{NO_COMPETING}: instrument not stated, planted, alarmed rows left out")
    assert gone.value is None and "no model is left" in gone.caveats[0]
    with pytest.raises(NotEnoughDataError, match="Leave alarmed models in"):
        diagnostics.run("head_coupling", {"alarmed": "left out"}, lake)
    lake.close()


def test_an_unknown_instrument_is_refused_with_near_names(lake: Lake) -> None:
    with pytest.raises(UnknownNameError, match="attention patterns"):
        diagnostics.run("head_coupling", {"measured_by": "attention pattern"}, lake)


def test_a_lake_without_heads_says_how_to_measure_them(planted: Callable[..., Lake]) -> None:
    lake = planted()
    with pytest.raises(NotEnoughDataError, match="cape probe"):
        diagnostics.run("head_coupling", {}, lake)
    lake.close()


def test_the_printed_count_gives_its_printed_interval_and_the_rows_say_what_they_lack(run: Callable[..., Any]) -> None:
    result = run("head_coupling")
    printed = by(result, "head_free_share", f"{NO_COMPETING}: as printed")
    wilson = binomtest(int(by(result, "n_head_free", printed.label).value), printed.n).proportion_ci(method="wilson")
    assert (printed.low, printed.high) == (pytest.approx(100 * wilson.low), pytest.approx(100 * wilson.high))
    coverage = result.table("coverage").frame
    measured = by(result, "n_head_measured", f"{NO_COMPETING}: families of the printed count, any instrument")
    assert coverage["n_models"].sum() == measured.value < printed.n
    assert {"attention patterns", "hidden units by head"} <= {
        name.split(";")[0] for name in result.table("models").frame["measured_by"]
    }


@pytest.mark.parametrize("figure", [share_forest, model_bars, family_forest, head_histograms])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_draw_full_and_empty_tables(figure: Any, theme: str, run: Callable[..., Any]) -> None:
    result = run("head_coupling")
    assert figure(result, theme).data
    bare = Result(
        diagnostic="head_coupling",
        params=result.params,
        lake_version="",
        tables=tuple(type(t)(name=t.name, title=t.title, frame=t.frame.clear(), units=t.units) for t in result.tables),
    )
    assert len(figure(bare, theme).data) == 0
