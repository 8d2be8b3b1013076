"""What probes see inside the organism before, at and after its transition: heads, layers and output, over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._organism_turns import Turns
from cape.internals.activations import HEADS, LAYERS
from cape.internals.rows import INSTRUMENTS
from cape.organism.recipes import WEB
from cape.quantities import Estimate, Table
from cape.stats.group_cosines import COMPETING as COMPETING_COSINE
from cape.stats.inference import Inference
from cape.stats.random_directions import random_cosine_below
from cape.stats.replicates import replicate_mean

MODEL = ("family", "replicate", "position", "d_model", "n_layers")
NUMBERS = ("value", "low", "high", "null_low", "null_high")
SCHEMA = (
    ("family", pl.String),
    ("replicate", pl.String),
    ("position", pl.Float64),
    ("d_model", pl.Int64),
    ("n_layers", pl.Int64),
    *((name, pl.Float64) for name in NUMBERS),
    ("measure", pl.String),
)
ONE_SEED = "interval over prompts: one seed"
PLACES = "before, at or after the size, of those trained, that is nearest to where the myth is overcome"


class Place(StrEnum):
    """Where a size lies with respect to the transition of its recipe."""

    BEFORE = "before"
    AT = "at"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of every model. rows : gives it from the mart's rows, with MODEL and NUMBERS as columns."""

    name: str
    symbol: str
    unit: str
    rows: Callable[[pl.DataFrame], pl.DataFrame]


def _probe(rows: pl.DataFrame, instrument: str, probe: str) -> pl.DataFrame:
    return rows.filter(pl.col("instrument") == instrument, pl.col("probe") == probe, pl.col("head").is_null())


def _whole(rows: pl.DataFrame, probe: str, *, null: str = "", scale: float = 1.0) -> pl.DataFrame:
    """Return one probe of the heads, with the range of its shuffles where there is a null."""
    found = _probe(rows, INSTRUMENTS[HEADS], probe).filter(pl.col("layer").is_null())
    kept = found.select(*MODEL, *(pl.col(name) * scale for name in NUMBERS[:3]))
    if not null:
        return kept.with_columns(null_low=pl.lit(None, pl.Float64), null_high=pl.lit(None, pl.Float64))
    shuffled = _probe(rows, INSTRUMENTS[HEADS], null).select(*MODEL, null_low="low", null_high="high")
    return kept.join(shuffled, on=MODEL, how="left")


def _competing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the share of competing heads beside that of random directions of a head's width."""
    found = _whole(rows, "head_comp_frac", scale=100.0)
    widths = rows.select(*MODEL, width=pl.col("d_model") // pl.col("n_heads")).unique()
    both = found.join(widths, on=MODEL, how="left")
    chance = [100 * random_cosine_below(COMPETING_COSINE, width=width) for width in both["width"]]
    level = pl.Series(chance, dtype=pl.Float64)
    return both.with_columns(null_low=level, null_high=level).drop("width")


def _net(rows: pl.DataFrame) -> pl.DataFrame:
    return _whole(rows, "net_coupling", null="net_coupling_null")


def _with_depth(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the coupling of the last layer less that of the first."""
    layers = _probe(rows, INSTRUMENTS[LAYERS], "layer_coupling").sort("layer")
    ends = pl.col("value").last() - pl.col("value").first()
    return _difference(layers.group_by(MODEL, maintain_order=True).agg(value=ends))


def _at_output(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the coupling after the output projection less that of the state it is given."""
    hidden, output = (
        rows.filter(pl.col("probe") == f"proj_{name}_cos").select(*MODEL, pl.col("value").alias(name))
        for name in ("hidden", "output")
    )
    both = hidden.join(output, on=MODEL)
    return _difference(both.select(*MODEL, value=pl.col("output") - pl.col("hidden")))


def _difference(found: pl.DataFrame) -> pl.DataFrame:
    """Return differences of two numbers of one model, which have no interval over prompts; 0 is no change."""
    none = pl.lit(None, pl.Float64)
    return found.with_columns(low=none, high=none, null_low=pl.lit(0.0), null_high=pl.lit(0.0))


COMPETING = Measure(name="competing heads", symbol="organism_competing", unit="%", rows=_competing)
NET = Measure(name="net coupling of heads", symbol="organism_net_heads", unit="cosine", rows=_net)
DEPTH = Measure(name="coupling, last less first layer", symbol="organism_depth_change", unit="cosine", rows=_with_depth)
OUTPUT = Measure(name="coupling, output less hidden", symbol="organism_output_change", unit="cosine", rows=_at_output)
MEASURES = (COMPETING, NET, DEPTH, OUTPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Every measure of every model. frame : MODEL, NUMBERS, measure and place ("" where a recipe has no transition)."""

    frame: pl.DataFrame

    def of(self, family: str, measure: Measure) -> pl.DataFrame:
        """Return the rows of one recipe and measure."""
        return self.frame.filter(pl.col("family") == family, pl.col("measure") == measure.name)


def inside_of(read: Read, turns: Sequence[Turns]) -> Inside:
    """Return what the lake's probes of the organism say; no rows where it holds none."""
    rows = read("mart_organism_inside")
    known = rows.filter(pl.col("family").is_in([each.ladder.family for each in turns]))
    measured = [measure.rows(known).with_columns(measure=pl.lit(measure.name)) for measure in MEASURES]
    frame = pl.concat([each.select(pl.col(name).cast(kind) for name, kind in SCHEMA) for each in measured])
    places = {(each.ladder.family, size): place for each in turns for size, place in places_of(each).items()}
    named = [places.get(key, "") for key in frame.select("family", "position").iter_rows()]
    return Inside(frame=frame.with_columns(place=pl.Series(named, dtype=pl.String)))


def places_of(turns: Turns) -> dict[float, Place]:
    """Return where every size of a ladder lies; nothing where the myth is overcome in no seed."""
    known = turns.overcome[np.isfinite(turns.overcome)]
    if known.size == 0:
        return {}
    sizes = turns.ladder.log10_n
    at = int(np.abs(sizes - known.mean()).argmin())
    return {
        float(size): Place.AT if place == at else Place.BEFORE if place < at else Place.AFTER
        for place, size in enumerate(turns.ladder.positions)
    }


def inside_table(inside: Inside, families: Sequence[str]) -> Table:
    """Return one row per recipe, measure and size: the mean over seeds with its interval and that of the null."""
    rows = []
    for family in families:
        for measure in MEASURES:
            for (position,), held in (
                inside.of(family, measure).sort("position").group_by("position", maintain_order=True)
            ):
                mean = over_seeds(held, what=measure.name)
                first = held.row(0, named=True)
                rows.append({
                    "family": family, "measure": measure.name, "unit": measure.unit, "position": position,
                    "d_model": first["d_model"], "n_layers": first["n_layers"], "place": first["place"],
                    "value": mean.value, "low": mean.low, "high": mean.high, "null_low": held["null_low"].mean(),
                    "null_high": held["null_high"].mean(), "n": mean.n,
                    "seeds": ", ".join("-" if v is None else f"{v:.3g}" for v in held.sort("replicate")["value"]),
                })  # fmt: skip
    words = dict.fromkeys(("family", "measure", "unit", "place", "seeds"), pl.String)
    schema = {**words, "position": pl.Float64, "d_model": pl.Int64, "n_layers": pl.Int64,
              **dict.fromkeys(NUMBERS, pl.Float64), "n": pl.Int64}  # fmt: skip
    return Table(
        name="inside",
        title="Heads, layers and output by size, mean over seeds",
        frame=pl.DataFrame(rows, schema=schema),
        units={"position": "parameters"},
    )


def over_seeds(held: pl.DataFrame, *, what: str) -> Inference:
    """Return the mean of one measure over seeds; of one seed its own value and, where it has one, interval."""
    mean = replicate_mean(held["value"].cast(pl.Float64).fill_null(np.nan).to_numpy(), what=what)
    row = held.row(0, named=True)
    if mean.n != 1 or row["low"] is None:
        return mean
    return replace(mean, low=row["low"], high=row["high"], caveats=(ONE_SEED,), method=f"{what} of one seed")


def inside_estimates(inside: Inside, families: Sequence[str]) -> list[Estimate]:
    """Return every measure before, at and after the transition, and at it less elsewhere, each formed within seeds."""
    return [
        estimate
        for family in families
        for measure in MEASURES
        for estimate in _estimates(inside.of(family, measure), family, measure)
    ]


def control_estimates(inside: Inside, families: Sequence[str]) -> list[Estimate]:
    """Return every measure of the recipes without a transition at the sizes before, at and after that of web text.

    What differs between sizes there cannot be due to a transition, so this is the control of the web ladder.
    """
    places = {size: place for size, place in inside.of(WEB.name, COMPETING).select("position", "place").iter_rows()}
    found = []
    for family in families:
        for measure in MEASURES:
            rows = inside.of(family, measure)
            if rows.is_empty() or not any(places.values()) or (rows["place"] != "").any():
                continue
            held = rows.with_columns(
                place=pl.col("position").replace_strict(places, default="", return_dtype=pl.String)
            )
            for place in Place:
                label = f"{family}: {measure.name}, sizes {place} the transition of {WEB.name} text"
                found.append(_estimate(_by_seed(held, (place,)), label=label, measure=measure))
    return found


def _estimates(rows: pl.DataFrame, family: str, measure: Measure) -> list[Estimate]:
    if rows.is_empty() or (rows["place"] == "").all():
        return []
    by_seed = {place: _by_seed(rows, (place,)) for place in Place}
    elsewhere = _by_seed(rows, (Place.BEFORE, Place.AFTER))
    found = {f"{place} the transition": values for place, values in by_seed.items()}
    found["elsewhere"] = elsewhere
    found["at the transition less elsewhere"] = by_seed[Place.AT] - elsewhere
    return [
        _estimate(values, label=f"{family}: {measure.name}, {name}", measure=measure) for name, values in found.items()
    ]


def _by_seed(rows: pl.DataFrame, places: tuple[Place, ...]) -> np.ndarray:
    """Return the mean over the sizes at these places for every seed, NaN where one has none."""
    seeds = rows["replicate"].unique().sort()
    chosen = rows.filter(pl.col("place").is_in([str(place) for place in places]))
    means = dict(chosen.group_by("replicate").agg(pl.col("value").mean()).iter_rows())
    values = [means.get(seed) for seed in seeds]
    return np.array([np.nan if value is None else value for value in values])


def _estimate(values: np.ndarray, *, label: str, measure: Measure) -> Estimate:
    mean = replicate_mean(values, what=measure.name)
    told = replace(mean, method=f"{mean.method}; sizes averaged within a seed, {PLACES}")
    return told.estimate(symbol=measure.symbol, label=label, unit=measure.unit)
