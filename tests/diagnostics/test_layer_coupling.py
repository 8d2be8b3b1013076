"""Layers: planted profiles, ladders and pairs come back as planted, and instruments never meet unnamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, pearsonr

from cape import diagnostics
from cape.diagnostics._layer_comparisons import ACROSS, SAME
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.figures.layer_coupling import changes, coupling_and_dimension, depth_ends, ladder_figure
from cape.figures.layer_profiles import layer_profiles
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics._probes import probe_lake

HEADER = "model_id,probe,layer,value,n_prompts,notes\n"
SIZES = {"opt-125m": 0.5, "opt-350m": 0.6, "opt-1.3b": 0.7, "opt-30b": 0.3}


@pytest.fixture
def planted(lake_paths: LakePaths, tmp_path: Path) -> Callable[..., Lake]:
    return lambda **held: probe_lake(tmp_path / "lake", lake_paths.root, **held)


def csv(rows: list[tuple[str, str, int | str, float]]) -> str:
    return HEADER + "".join(f"{model},{probe},{layer},{value},,\n" for model, probe, layer, value in rows)


def summaries(values: dict[str, float]) -> list[tuple[str, str, int | str, float]]:
    return [(model, "net_coupling", "", value) for model, value in values.items()]


def test_a_planted_ladder_gives_its_r_its_p_and_its_fall(planted: Callable[..., Lake]) -> None:
    lake = planted(recorded={"one": csv(summaries(SIZES))})
    result = diagnostics.run("layer_coupling", {}, lake)
    label = "OPT: instrument not stated, one"
    size = np.log10([0.125, 0.35, 1.3, 30.0])
    assert result.estimate("ladder_r", label).value == pytest.approx(pearsonr(size, list(SIZES.values())).statistic)
    p = result.estimate("p_ladder", label)
    assert 0 < p.value <= 1 and "4 sizes allow no p below 0.083" in p.caveats[1]
    fall = result.estimate("ladder_fall", f"{label}, opt-1.3b to opt-30b")
    assert fall.value == pytest.approx(-0.4)
    change = result.estimate("size_change", "opt-30b less opt-1.3b, one")
    assert (change.value, change.low) == (pytest.approx(-0.4), None)
    lake.close()


def test_a_size_measured_by_another_instrument_is_compared_across_and_says_so(planted: Callable[..., Lake]) -> None:
    small = csv(summaries({"opt-1.3b": 0.7}))
    large = csv(summaries({"opt-30b": 0.3, "olmo-2-13b": 0.1, "olmo-2-32b": 0.2}))
    lake = planted(recorded={"small": small, "large": large})
    frame = diagnostics.run("layer_coupling", {}, lake).table("comparisons").frame
    held = {row["label"]: row["compared"] for row in frame.iter_rows(named=True)}
    assert held == {"opt-30b less opt-1.3b, large and small": ACROSS, "olmo-2-32b less olmo-2-13b, large": SAME}
    lake.close()


def test_depth_is_the_change_from_the_first_to_the_last_third_with_its_sign_test(planted: Callable[..., Lake]) -> None:
    models = {"opt-125m": (0.2, 0.4), "opt-350m": (0.3, 0.5), "opt-1.3b": (0.6, 0.1), "opt-30b": (0.2, 0.2)}
    rows = [
        (model, f"{name}_coupling", "", value)
        for model, ends in models.items()
        for name, value in zip(("early", "late"), ends, strict=True)
    ]
    lake = planted(recorded={"one": csv(rows + summaries(SIZES))})
    result = diagnostics.run("layer_coupling", {}, lake)
    assert result.estimate("depth_change", "opt-1.3b, one").value == pytest.approx(-0.5)
    name = "late less early: instrument not stated, one"
    assert result.estimate("p_sign", name).value == pytest.approx(binomtest(2, 3).pvalue)
    assert result.estimate("sign_share", name).n == 3  # one model has no difference
    assert result.estimate("q_sign", name).value >= result.estimate("p_sign", name).value
    lake.close()


def test_a_planted_profile_has_its_slope_and_its_relative_depth(planted: Callable[..., Lake]) -> None:
    rows = [("opt-125m", "layer_coupling", layer, 0.2 + 0.05 * layer) for layer in range(12)]
    lake = planted(recorded={"one": csv(rows + summaries(SIZES))})
    result = diagnostics.run("layer_coupling", {}, lake)
    slope = result.estimate("depth_slope", "opt-125m, one")
    assert (slope.value, slope.n) == (pytest.approx(0.55), 12)
    frame = result.table("profiles").frame
    assert frame["place"].to_list() == pytest.approx(list(np.linspace(0, 1, 12)))
    by_number = diagnostics.run("layer_coupling", {"placed_by": "layer number"}, lake)
    assert by_number.table("profiles").frame["place"].to_list() == list(range(12))
    lake.close()


def test_shards_bring_intervals_nulls_and_centred_profiles(planted: Callable[..., Lake]) -> None:
    about = {"model_id": "pythia-70m", "instrument": "hidden states"}
    rows = [
        about | {"probe": probe, "layer": layer, "value": value + layer / 100, "low": value - 0.1, "high": value + 0.1}
        for layer in range(6)
        for probe, value in (("layer_coupling", 0.7), ("layer_coupling_null", 0.95), ("layer_coupling_centred", 0.2))
    ]
    rows += [
        about | {"probe": "d_rep", "layer": layer, "value": 5.0 + layer, "unit": "dimensions"} for layer in range(6)
    ]
    rows += [
        about | {"probe": probe, "value": value, "low": value - 0.1, "high": value + 0.1}
        for probe, value in (("mean_layer_coupling", 0.72), ("early_layer_coupling", 0.7), ("late_layer_coupling", 0.8))
    ]
    lake = planted(shards={"new": rows})
    result = diagnostics.run("layer_coupling", {"ladder_family": "Pythia"}, lake)
    mean = result.estimate("layer_cosine", "pythia-70m, new, over all layers")
    assert (mean.value, mean.low, mean.high, mean.n) == (0.72, pytest.approx(0.62), pytest.approx(0.82), 32)
    frame = result.table("profiles").frame
    assert frame["null"].to_list() == pytest.approx([0.95 + layer / 100 for layer in range(6)])
    assert frame["low"].null_count() == 0
    dimension = result.estimate("d_rep", "pythia-70m, new")
    assert (dimension.value, dimension.low, dimension.high) == (7.5, 5.0, 10.0)
    assert "cannot exceed 31" in dimension.caveats[0]
    centred = diagnostics.run(
        "layer_coupling",
        {"coupling_as": "centred on the background", "ladder_family": "Pythia"},
        lake,
    )
    assert centred.table("profiles").frame["value"].to_list() == pytest.approx([0.2 + i / 100 for i in range(6)])
    for figure in (layer_profiles, depth_ends, ladder_figure, coupling_and_dimension):
        assert figure(result, "light").data
    lake.close()


def test_generations_are_paired_at_matched_size_within_one_source_only(planted: Callable[..., Lake]) -> None:
    values = {"qwen2.5-1.5b": 0.1, "qwen3-1.7b": 0.8, "qwen2.5-14b": 0.6, "qwen3-14b": 0.5, "qwen3-0.6b": 0.3}
    lake = planted(recorded={"one": csv(summaries(values)), "two": csv(summaries({"qwen2.5-0.5b": 0.9}))})
    result = diagnostics.run("layer_coupling", {"ladder_family": "Qwen3"}, lake)
    found = {e.label: e.value for e in result.estimates if e.symbol == "generation_change"}
    assert found == {
        "qwen3-1.7b less qwen2.5-1.5b, one": pytest.approx(0.7),
        "qwen3-14b less qwen2.5-14b, one": pytest.approx(-0.1),
    }
    assert result.estimate("sign_share", f"generations, {SAME}").value == 50.0
    lake.close()


def test_heads_give_a_difference_its_interval_where_their_spread_is_recorded(planted: Callable[..., Lake]) -> None:
    rows = summaries({"opt-30b": 0.35, "opt-66b": 0.40})
    for model, heads in (("opt-30b", 100), ("opt-66b", 400)):
        rows += [(model, "net_coupling_std", "", 0.4), (model, "total_units", "", heads)]
    lake = planted(recorded={"one": csv(rows)})
    change = diagnostics.run("layer_coupling", {}, lake).estimate("size_change", "opt-66b less opt-30b, one")
    half = 1.959964 * np.sqrt(0.4**2 / 100 + 0.4**2 / 400)
    assert (change.low, change.high) == (pytest.approx(0.05 - half, abs=1e-6), pytest.approx(0.05 + half, abs=1e-6))
    lake.close()


def test_an_unknown_family_is_refused_with_near_names_and_a_lake_without_layers_says_so(
    lake: Lake, planted: Callable[..., Lake]
) -> None:
    with pytest.raises(UnknownNameError, match="older is 'Qwen25'.*Qwen2.5"):
        diagnostics.run("layer_coupling", {"older": "Qwen25"}, lake)
    with pytest.raises(BadParameterError, match="Name two families"):
        diagnostics.run("layer_coupling", {"older": "OPT", "newer": "OPT"}, lake)
    empty = planted()
    with pytest.raises(NotEnoughDataError, match="cape probe"):
        diagnostics.run("layer_coupling", {}, empty)
    empty.close()


@pytest.mark.parametrize("figure", [layer_profiles, depth_ends, ladder_figure, changes, coupling_and_dimension])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_draw_full_and_empty_tables(figure: Any, theme: str, run: Callable[..., Any]) -> None:
    result = run("layer_coupling")
    assert figure(result, theme).data
    tables = tuple(type(t)(name=t.name, title=t.title, frame=t.frame.clear(), units=t.units) for t in result.tables)
    bare = Result(diagnostic="layer_coupling", params=result.params, lake_version="", tables=tables)
    assert len(figure(bare, theme).data) == 0


def test_pairs_of_domains_are_listed_with_the_range_of_their_layers(planted: Callable[..., Lake]) -> None:
    rows = [
        {"model_id": "pythia-70m", "instrument": "hidden states", "probe": probe, "layer": layer, "value": value}
        for layer, value in enumerate((0.2, 0.4))
        for probe in ("layer_coupling", "domain_coupling_law_art")
    ]
    rows.append({"model_id": "pythia-70m", "instrument": "hidden states", "probe": "mean_layer_coupling", "value": 0.3})
    text = csv([("gemma-3-4b", "hidden_coupling", "", 0.9), ("gemma-3-4b", "hidden_coupling_hs_code", "", 0.8)])
    lake = planted(recorded={"old": text}, shards={"new": rows})
    frame = diagnostics.run("layer_coupling", {}, lake).table("domains").frame
    held = {row["domains"]: (row["coupling"], row["lowest_layer"], row["n_layers"]) for row in frame.to_dicts()}
    assert held == {"law_art": (pytest.approx(0.3), 0.2, 2), "hs_code": (0.8, None, 1)}
    lake.close()
