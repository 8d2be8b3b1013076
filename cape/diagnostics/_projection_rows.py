"""Maps of the final hidden state: cosine of means and of matched prompts under each, and a sweep of directions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._probe_rows import KEY, in_order, labelled, whole_model
from cape.quantities import Estimate, Table

HIDDEN, OUTPUT, WIDE, RANDOM, RIDGE = "hidden", "output", "wide", "random", "ridge"
MAPS = {
    HIDDEN: "hidden state",
    OUTPUT: "output projection W_U h",
    WIDE: "GELU(h), the paper's wider map",
    RANDOM: "random linear map, a control",
    RIDGE: "learned wider map",
}
OF_MEANS, PER_PROMPT = "cosine of means", "mean over matched prompts"
PROBE = {OF_MEANS: "proj_{}_cos", PER_PROMPT: "proj_{}_mean_per_prompt"}
PAIR_PROBE = "proj_{}_per_prompt"
SWEEP = re.compile(r"proj_pca_k(\d+)_cos")
NONE_RECORDED = "no interval: the source records none, and no pair of prompts by itself"
NAMED = ("label", "model_id", "family", "params_b", "measured_by", "source_id")
ABOUT = ("family", "params_b", "d_model", "origin", "prompts_set", "n_prompts")
UNITS = {"params_b": "billion parameters", "n_prompts": "prompts", "d_model": "numbers", "n_pairs": "pairs of prompts",
         **dict.fromkeys(("value", "low", "high"), "cosine"), "cooperative_pct": "% of pairs of prompts"}  # fmt: skip
MAP_SCHEMA = {"label": pl.String, "model_id": pl.String, "family": pl.String, "params_b": pl.Float64,
              "measured_by": pl.String, "source_id": pl.String, "map": pl.String, "value": pl.Float64,
              "low": pl.Float64, "high": pl.Float64, "cooperative_pct": pl.Float64, "n_prompts": pl.Int64,
              "n_pairs": pl.Int64}  # fmt: skip
SWEEP_SCHEMA = {"label": pl.String, "model_id": pl.String, "measured_by": pl.String, "k": pl.Int64,
                "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_prompts": pl.Int64,
                "rank_limit": pl.Int64, "hidden": pl.Float64}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One measured model: value, low and high by map, and the cosine of every matched pair of prompts by map.

    pairs : by map, (n_pairs,) in order of prompt_id; empty where only means are known. pair_means : by map, their mean
    as the source gives it.
    """

    label: str
    about: dict
    values: dict[str, tuple[float, float | None, float | None]]
    cooperative: dict[str, float]
    pairs: dict[str, NDArray[np.float64]]
    pair_means: dict[str, float]

    @property
    def n_prompts(self) -> int:
        return int(self.about["n_prompts"] or 0)


def of_one_state(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows of maps; what was measured is one final state whatever the map, so only the prompts part them."""
    told = pl.format("final state; prompts: {}", "prompts_set").alias("measured_by")
    return rows.filter(pl.col("probe").str.starts_with("proj_")).with_columns(told)


def mapped_models(rows: pl.DataFrame, compared_as: str) -> list[Mapped]:
    """Return every measured model that has a hidden and at least one mapped cosine."""
    names = in_order(labelled(rows.group_by(*KEY).agg(*(pl.col(name).drop_nulls().first() for name in ABOUT))))
    found = []
    for about in names.iter_rows(named=True):
        mine = rows.filter(pl.all_horizontal(pl.col(name) == about[name] for name in KEY))
        one = _mapped(mine, about, compared_as)
        if HIDDEN in one.values and len(one.values) > 1:
            found.append(one)
    return found


def _mapped(rows: pl.DataFrame, about: dict, compared_as: str) -> Mapped:
    whole = {row["probe"]: row for row in whole_model(rows).iter_rows(named=True) if row["value"] is not None}
    values, cooperative, pairs, means = {}, {}, {}, {}
    for name in MAPS:
        row = whole.get(PROBE[compared_as].format(name))
        if row is not None:
            values[name] = (row["value"], row["low"], row["high"])
        mean = whole.get(PROBE[PER_PROMPT].format(name))
        if mean is not None:
            means[name] = float(mean["value"])
        share = whole.get(f"proj_{name}_coop_frac")
        if share is not None:
            cooperative[name] = 100 * share["value"]
        single = rows.filter((pl.col("probe") == PAIR_PROBE.format(name)) & pl.col("prompt_id").is_not_null())
        pairs[name] = single.sort("prompt_id")["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Mapped(
        label=about["label"], about=about, values=values, cooperative=cooperative, pairs=pairs, pair_means=means
    )


def map_table(models: Iterable[Mapped]) -> Table:
    """Return one row per measured model and map."""
    rows = [
        {
            **{name: one.about[name] for name in NAMED},
            "map": MAPS[name], "value": value, "low": low, "high": high,
            "cooperative_pct": one.cooperative.get(name), "n_prompts": one.n_prompts, "n_pairs": one.pairs[name].size,
        }
        for one in models
        for name, (value, low, high) in one.values.items()
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=MAP_SCHEMA)
    units = {name: unit for name, unit in UNITS.items() if name in frame.columns}
    return Table(name="maps", title="Coupling under every map", frame=frame, units=units)


def pair_table(models: Iterable[Mapped]) -> Table:
    """Return the cosine of every matched pair of prompts under every map where they are known, and the means."""
    schema = {"label": pl.String, "map": pl.String, "what": pl.String, "pair": pl.Int64, "value": pl.Float64}
    rows: list[dict[str, Any]] = []
    for one in models:
        for name, values in one.pairs.items():
            about = {"label": one.label, "map": MAPS[name]}
            rows += [
                {**about, "what": "pair", "pair": place, "value": None if np.isnan(value) else float(value)}
                for place, value in enumerate(values)
            ]
            if name in one.pair_means:
                rows.append({**about, "what": "mean", "pair": None, "value": one.pair_means[name]})
    title = "Matched pairs of prompts"
    return Table(name="pairs", title=title, frame=pl.DataFrame(rows, schema=schema), units={"value": "cosine"})


def sweep_table(rows: pl.DataFrame, models: Iterable[Mapped]) -> Table:
    """Return the cosine within the first k principal directions, with the rank that the prompts allow."""
    found = []
    by_key = {tuple(one.about[name] for name in KEY): one for one in models}
    held = whole_model(rows).filter(pl.col("probe").str.contains(SWEEP.pattern) & pl.col("value").is_not_null())
    for row in held.iter_rows(named=True):
        one, at = by_key.get(tuple(row[name] for name in KEY)), SWEEP.fullmatch(row["probe"])
        if one is None or at is None:
            continue
        found.append({
            "label": one.label, "model_id": row["model_id"], "measured_by": row["measured_by"], "k": int(at[1]),
            "value": row["value"], "low": row["low"], "high": row["high"], "n_prompts": one.n_prompts,
            "rank_limit": one.n_prompts - 1 if one.n_prompts else None,
            "hidden": one.values[HIDDEN][0],
        })  # fmt: skip
    frame = pl.DataFrame(found, schema=SWEEP_SCHEMA).sort("measured_by", "label", "k")
    units = {"k": "directions", "rank_limit": "directions", "n_prompts": "prompts"}
    units |= dict.fromkeys(("value", "low", "high", "hidden"), "cosine")
    return Table(name="sweep", title="Sweep over principal directions", frame=frame, units=units)


def sweep_estimates(table: Table) -> list[Estimate]:
    """Return, by model, the rank that the prompts allow, the k from which nothing changes, and the cosine there."""
    found = []
    numbers: tuple[tuple[str, Any, str, str], ...]
    for (label,), rows in table.frame.group_by("label", maintain_order=True):
        n, limit = rows["n_prompts"][0], rows["rank_limit"][0]
        end = rows["value"][-1]
        flat = rows.filter((pl.col("value") - end).abs() <= FLAT)
        changed = rows.filter((pl.col("value") - end).abs() > FLAT)["k"].max()
        first: Any = flat.filter(pl.col("k") > (changed or 0))["k"].min()
        about = f"centred vectors of {n} prompts span at most {limit} directions" if limit else "prompts not stated"
        numbers = (
            ("proj_rank_limit", limit, "directions", "number of prompts less one"),
            ("proj_flat_from", first, "directions", f"smallest k of the sweep from which no value moves by {FLAT:g}"),
            ("proj_sweep_end", end, "cosine", "cosine within all directions of the sweep"),
        )
        for symbol, value, unit, method in numbers:
            found.append(
                Estimate(
                    symbol=symbol,
                    label=str(label),
                    value=None if value is None else float(value),
                    low=None,
                    high=None,
                    n=int(n or 0),
                    unit=unit,
                    method=f"{method}; n counts prompts",
                    caveats=(NONE_RECORDED if symbol == "proj_sweep_end" else "no interval: a count", about),
                )
            )
    return found


FLAT = 1e-6  # change of a cosine that float32 does not tell from none
