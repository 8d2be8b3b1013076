"""Maps of the hidden state: planted cosines, pairs and sweeps come back as planted, beside their controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cape import diagnostics
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.figures.output_projection import changes_by_map, direction_sweep, map_cosines, prompt_pairs
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics._probes import probe_lake

HEADER = "model_id,probe,layer,value,n_prompts,notes\n"
ABOUT = {"model_id": "pythia-70m", "instrument": "output projection"}


@pytest.fixture
def planted(lake_paths: LakePaths, tmp_path: Path) -> Callable[..., Lake]:
    return lambda **held: probe_lake(tmp_path / "lake", lake_paths.root, **held)


def by_start(result: Result, symbol: str, start: str) -> Any:
    (found,) = [e for e in result.estimates if e.symbol == symbol and e.label.startswith(start)]
    return found


def shards(hidden: np.ndarray, output: np.ndarray) -> list[dict[str, Any]]:
    rows = []
    for name, values in (("hidden", hidden), ("output", output)):
        rows.append(ABOUT | {"probe": f"proj_{name}_cos", "value": 0.8, "low": 0.7, "high": 0.9})
        rows.append(ABOUT | {"probe": f"proj_{name}_mean_per_prompt", "value": float(values.mean())})
        rows += [
            ABOUT | {"probe": f"proj_{name}_per_prompt", "value": float(value), "prompt_id": f"p{place}"}
            for place, value in enumerate(values)
        ]
    return rows


def test_recorded_cosines_give_change_and_loss_without_an_interval(planted: Callable[..., Lake]) -> None:
    values = {"proj_hidden_cos": 0.8, "proj_output_cos": 0.6, "proj_wide_cos": 0.9}
    text = HEADER + "".join(f"pythia-70m,{probe},,{value},20,\n" for probe, value in values.items())
    lake = planted(recorded={"one": text})
    result = diagnostics.run("output_projection", {"resamples": 500}, lake)
    change = result.estimate("proj_change", "pythia-70m, one: output less hidden")
    assert (change.value, change.low, change.n) == (pytest.approx(-0.2), None, 20)
    assert result.estimate("proj_loss", "pythia-70m, one: output").value == pytest.approx(25.0)
    control = result.estimate("proj_change", "pythia-70m, one: random map, drawn, less hidden")
    assert control.value == 0 and control.low < 0 < control.high and control.n == 512
    assert by_start(result, "p_sign", "wide less hidden").value == 1.0
    assert by_start(result, "p_sign", "ridge less hidden").value is None
    lake.close()


def test_pairs_of_prompts_give_a_paired_interval_over_matched_prompts(planted: Callable[..., Lake]) -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(0.4, 0.2, 30)
    output = hidden - 0.1 + rng.normal(0, 0.02, 30)
    lake = planted(shards={"new": shards(hidden, output)})
    params = {"compared_as": "mean over matched prompts", "resamples": 4000}
    result = diagnostics.run("output_projection", params, lake)
    change = result.estimate("proj_change", "pythia-70m, new: output less hidden")
    assert change.value == pytest.approx((output - hidden).mean())
    assert change.n == 30 and change.low < -0.1 < change.high
    assert change.high - change.low < 0.03  # that of unpaired prompts would be some 0.14
    assert result.table("pairs").frame.filter(what="pair").height == 60
    assert prompt_pairs(result, "light").data
    means = diagnostics.run("output_projection", {}, lake)
    assert means.estimate("proj_cosine", "pythia-70m, new: hidden").high == 0.9
    assert means.estimate("proj_change", change.label).low is None
    lake.close()


def test_a_sweep_says_where_it_is_flat_and_what_the_prompts_allow(planted: Callable[..., Lake]) -> None:
    sweep = {1: -1.0, 2: 0.1, 4: 0.3, 8: 0.35, 16: 0.35, 512: 0.35}
    text = HEADER + "pythia-70m,proj_hidden_cos,,0.8,10,\npythia-70m,proj_output_cos,,0.6,10,\n"
    text += "".join(f"pythia-70m,proj_pca_k{k}_cos,,{value},10,\n" for k, value in sweep.items())
    lake = planted(recorded={"one": text})
    result = diagnostics.run("output_projection", {}, lake)
    found = {
        s: result.estimate(s, "pythia-70m, one").value for s in ("proj_rank_limit", "proj_flat_from", "proj_sweep_end")
    }
    assert found == {"proj_rank_limit": 9, "proj_flat_from": 8, "proj_sweep_end": 0.35}
    assert "10 prompts span at most 9 directions" in " ".join(result.sentences)
    assert result.table("alarms").frame["probe"].to_list() == ["proj_pca_k1_cos"]
    lake.close()


def test_rows_are_narrowed_by_model_family_or_prompts_and_a_wrong_name_is_refused(lake: Lake) -> None:
    for name in ("pythia-1b-deduped", "Pythia-deduped"):
        frame = diagnostics.run("output_projection", {"only": name}, lake).table("maps").frame
        assert frame["model_id"].n_unique() == (1 if name == "pythia-1b-deduped" else 3)
    with pytest.raises(UnknownNameError, match="pythia-1b-deduped"):
        diagnostics.run("output_projection", {"only": "pythia-1b-dedup"}, lake)


def test_a_lake_without_maps_says_how_to_measure_them(planted: Callable[..., Lake]) -> None:
    lake = planted()
    with pytest.raises(NotEnoughDataError, match="cape probe"):
        diagnostics.run("output_projection", {}, lake)
    lake.close()


@pytest.mark.parametrize("figure", [map_cosines, changes_by_map, prompt_pairs, direction_sweep])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_draw_full_and_empty_tables(figure: Any, theme: str, run: Callable[..., Any]) -> None:
    result = run("output_projection")
    assert figure(result, theme).data
    tables = tuple(type(t)(name=t.name, title=t.title, frame=t.frame.clear(), units=t.units) for t in result.tables)
    bare = Result(diagnostic="output_projection", params=result.params, lake_version="", tables=tables)
    assert len(figure(bare, theme).data) == 0
