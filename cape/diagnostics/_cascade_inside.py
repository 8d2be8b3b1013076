"""What published internal measurements say of a second transition: part of cascade.

Every row is the author's own, and a model is compared only with smaller ones of its family; where two instruments
or sources would meet, the count says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._plain_estimates import undefined
from cape.quantities import Estimate, Table

PROBE = "net_coupling"
BAND_B = (30.0, 72.0)  # paper 6: "a similar weakening reappears at 30-72B"
SAME_SOURCE, ANY_SOURCE = "same instrument", "any instrument"
COMMON = "common to every family with a fall"
BILLIONS = "billion parameters"
METHOD = "largest model of 30 to 72 B against the family's largest below 30 B, mean internal coupling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """A family whose internal coupling is lower at one size than at the size before, by one instrument."""

    source_id: str
    family: str
    from_b: float
    to_b: float


def inside_rows(read: Read) -> pl.DataFrame:
    """Return mean internal coupling by model, sized, in order of source, family and size."""
    rows = read("mart_probes", probe=PROBE, origin="recorded").drop_nulls(["params_b", "value"])
    columns = ("measured_by", "source_id", "family", "model_id", "params_b", "value")
    return rows.select(columns).sort("source_id", "measured_by", "family", "params_b")


def falls(rows: pl.DataFrame) -> tuple[Fall, ...]:
    """Return, by source and family, the steepest fall that ends within the band of the paper."""
    found = []
    for (source, _, family), ladder in rows.group_by("source_id", "measured_by", "family", maintain_order=True):
        steps = ladder.with_columns(
            pl.col("params_b").shift(1).alias("from_b"), pl.col("value").diff().alias("change")
        ).filter((pl.col("change") < 0) & pl.col("params_b").is_between(*BAND_B))
        if steps.height:
            step = steps.sort("change").row(0, named=True)
            found.append(Fall(source_id=str(source), family=str(family), from_b=step["from_b"], to_b=step["params_b"]))
    return tuple(found)


def inside_estimates(read: Read) -> Iterator[Estimate]:
    """Yield how many families are weaker at 30 to 72 B than at a smaller size, and between which sizes they fall."""
    rows = inside_rows(read)
    for name in (SAME_SOURCE, ANY_SOURCE):
        yield _weaker(rows, name)
    found = falls(rows)
    for fall in found:
        label = f"{fall.family}, {fall.source_id}"
        yield _bracket(label, fall.from_b, fall.to_b, n=2)
    if not found:
        why = ("undefined: no family has an internal measurement on both sides of the band",)
        yield undefined("N_c2", COMMON, n=0, unit=BILLIONS, method=METHOD, why=why)
        return
    low, high = max(fall.from_b for fall in found), min(fall.to_b for fall in found)
    if low < high:
        yield _bracket(COMMON, low, high, n=len({fall.family for fall in found}))
        return
    why = (f"undefined: the falls of {len(found)} ladders share no range of sizes",)
    yield undefined("N_c2", COMMON, n=len(found), unit=BILLIONS, method=METHOD, why=why)


def _weaker(rows: pl.DataFrame, name: str) -> Estimate:
    keys = ["family", "measured_by"] if name == SAME_SOURCE else ["family"]
    in_band = rows.filter(pl.col("params_b").is_between(*BAND_B))
    upper = in_band.sort("params_b").group_by(keys).agg(pl.col("value").last().alias("upper"))
    below = rows.filter(pl.col("params_b") < BAND_B[0]).sort("params_b")
    lower = below.group_by(keys).agg(pl.col("value").last().alias("lower"))
    both = upper.join(lower, on=keys, how="inner").group_by("family").agg((pl.col("upper") < pl.col("lower")).any())
    n_weaker, measured = int(both["upper"].sum()), in_band["family"].n_unique()
    return Estimate(
        symbol="n_families_weaker",
        label=name,
        value=float(n_weaker),
        low=None,
        high=None,
        n=both.height,
        unit="families",
        method=f"{METHOD}; {name}",
        caveats=(
            f"no interval: a count; {measured} families are measured at 30 to 72 B, {both.height} of them also below",
            "the author's own measurements; the models carry no repeated runs",
        ),
    )


def _bracket(label: str, low: float, high: float, *, n: int) -> Estimate:
    return Estimate(
        symbol="N_c2",
        label=label,
        value=(low * high) ** 0.5,
        low=low,
        high=high,
        n=n,
        unit=BILLIONS,
        method="geometric middle of the two sizes between which mean internal coupling falls; the ends are the sizes",
        caveats=("the ends are sizes that were measured, not a confidence interval",),
    )


def inside_table(read: Read) -> Table:
    """Return internal coupling by source, family and size."""
    return Table(
        name="inside",
        title="Internal coupling by size, as published",
        frame=inside_rows(read),
        units={"params_b": "billion parameters", "value": "cosine"},
    )
