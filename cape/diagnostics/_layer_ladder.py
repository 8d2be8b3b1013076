"""The ladder of one family: coupling and competing heads by size in every source, and what a printed ladder joins."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._plain_estimates import undefined
from cape.quantities import Estimate, Table
from cape.stats.correlation import pearson, permutation_p

COLUMNS = ("label", "model_id", "params_b", "measured_by", "source_id", "mean", "mean_low", "mean_high", "competing",
           "heads", "same_value_in", "other_value_in", "alarms")  # fmt: skip
UNITS = {"params_b": "billion parameters", "mean": "cosine", "mean_low": "cosine", "mean_high": "cosine",
         "competing": "heads", "heads": "heads", "share_pct": "% of heads"}  # fmt: skip
AS_PRINTED = 5e-4  # half of the last digit of a value with three decimals


def ladder_rows(models: pl.DataFrame, family: str) -> pl.DataFrame:
    """Return the models of a family in order of size, with the sources that hold the same or another value of each.

    Where a source gives no number of heads, layers times heads of the registry stand for it.
    """
    mine = models.filter(pl.col("family") == family).drop_nulls(["params_b", "mean"]).sort("source_id", "params_b")
    same, other = [], []
    for row in mine.iter_rows(named=True):
        rivals = mine.filter((pl.col("model_id") == row["model_id"]) & (pl.col("label") != row["label"]))
        near = (rivals["mean"] - row["mean"]).abs() <= AS_PRINTED
        same.append(", ".join(sorted(set(rivals.filter(near)["source_id"]))))
        other.append(", ".join(sorted(set(rivals.filter(~near)["source_id"]))))
    told = mine.with_columns(
        pl.Series("same_value_in", same, dtype=pl.String), pl.Series("other_value_in", other, dtype=pl.String)
    )
    told = told.with_columns(pl.coalesce("heads", "heads_registry").alias("heads"))
    return told.select(COLUMNS).with_columns((100 * pl.col("competing") / pl.col("heads")).alias("share_pct"))


def ladder_table(rows: pl.DataFrame, family: str) -> Table:
    """Return the ladder of one family."""
    return Table(name="ladder", title=f"{family} by size", frame=rows, units=UNITS)


def ladder_estimates(rows: pl.DataFrame, family: str, *, resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return r of coupling and log size by source with its permutation p, the steepest fall, and competing heads."""
    found: list[Estimate] = []
    for (source,), held in rows.group_by("source_id", maintain_order=True):
        for (by,), ladder in held.group_by("measured_by", maintain_order=True):
            label = f"{family}: {by}" if str(source) in str(by) else f"{family}: {by}, {source}"
            found += _trend(ladder.sort("params_b"), label, resamples=resamples, rng=rng)
    for row in rows.drop_nulls("competing").iter_rows(named=True):
        found.append(_competing(row))
    return found


def _trend(ladder: pl.DataFrame, label: str, *, resamples: int, rng: np.random.Generator) -> list[Estimate]:
    log10_n = np.log10(ladder["params_b"].to_numpy() * 1e9)
    value = ladder["mean"].to_numpy()
    n = ladder.height
    if n < 3 or np.ptp(value) == 0 or np.ptp(log10_n) == 0:
        why = ("undefined: fewer than 3 sizes, or values that do not vary",)
        about: dict[str, Any] = {"n": n, "method": "Pearson r of mean coupling and log10 N over sizes", "why": why}
        return [undefined("ladder_r", label, unit="", **about), undefined("p_ladder", label, unit="", **about)]
    r = pearson(log10_n, value)
    test = permutation_p(log10_n, value, n_permutations=resamples, rng=rng)
    steps = ladder.with_columns(pl.col("mean").diff().alias("step"), pl.col("model_id").shift(1).alias("smaller"))
    fall = steps.drop_nulls("step").sort("step").row(0, named=True)
    return [
        r.estimate(symbol="ladder_r", label=label, unit="", caveats=("sizes of one family taken as independent",)),
        Estimate(
            symbol="p_ladder", label=label, value=test.p_two_sided, low=None, high=None, n=n, unit="",
            method="two-sided permutation of the values over sizes",
            caveats=("no interval: a p-value", f"{n} sizes allow no p below {test.smallest_p or 0:.2g}"),
        ),
        Estimate(
            symbol="ladder_fall", label=f"{label}, {fall['smaller']} to {fall['model_id']}", value=fall["step"],
            low=None, high=None, n=n, unit="cosine", method=f"lowest of the {n - 1} changes between consecutive sizes",
            caveats=("no interval: the source records none", f"the lowest of {n - 1} looks"),
        ),
    ]  # fmt: skip


def _competing(row: dict[str, Any]) -> Estimate:
    return Estimate(
        symbol="n_competing_heads",
        label=row["label"],
        value=row["competing"],
        low=None,
        high=None,
        n=int(row["heads"] or 0),
        unit="heads",
        method=f"as the source counts; {row['measured_by']}; n counts heads, 0 where they are not stated",
        caveats=("no interval: a count",),
    )
