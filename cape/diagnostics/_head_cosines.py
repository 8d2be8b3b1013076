"""Cosines of single heads where they are known: a recorded histogram, or the heads measured here with their null."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._head_shares import NINE_FAMILIES, NINE_HERE, is_of
from cape.diagnostics._plain_estimates import undefined
from cape.diagnostics._probe_rows import HOW_TO_MEASURE, KEY, in_order, labelled
from cape.quantities import Estimate, Table
from cape.stats.heads import COMPETING_BELOW, COOPERATIVE_ABOVE
from cape.stats.histogram import binned_median, binned_share_above

HEAD_PROBES = ("head_coupling", "attn_head_coupling")
BIN = re.compile(r"unit_coupling_hist_bin(\d+)_of(\d+)_\[(-?\d+),(-?\d+)\]")
THRESHOLDS = (("above 0", 0.0), (f"above {COOPERATIVE_ABOVE:g}", COOPERATIVE_ABOVE),
              (f"below {COMPETING_BELOW:g}", COMPETING_BELOW))  # fmt: skip
N_BINS = 20
SCHEMA = {"label": pl.String, "measured_by": pl.String, "family": pl.String, "low": pl.Float64, "high": pl.Float64,
          "count": pl.Float64, "share_pct": pl.Float64, "n": pl.Int64, "n_models": pl.Int64,
          "competing_below": pl.Float64, "cooperative_above": pl.Float64}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosines:
    """Heads of one measured model in bins. edges : (n_bins + 1,). counts : (n_bins,). values : None where binned."""

    label: str
    measured_by: str
    family: str
    edges: NDArray[np.float64]
    counts: NDArray[np.float64]
    values: NDArray[np.float64] | None = None

    @property
    def n(self) -> int:
        return int(self.counts.sum())


def head_cosines(rows: pl.DataFrame) -> list[Cosines]:
    """Return the heads of every measured model of which cosines, or counts of them in bins, are known."""
    known = pl.col("probe").str.contains(BIN.pattern) | pl.col("probe").is_in(HEAD_PROBES)
    held = rows.filter(known & pl.col("value").is_not_null())
    if held.is_empty():
        return []
    names = in_order(labelled(held.unique(KEY, keep="first", maintain_order=True))).select(*KEY, "label", "family")
    found = []
    for key in names.iter_rows(named=True):
        mine = held.filter(pl.all_horizontal(pl.col(name) == key[name] for name in KEY))
        binned = mine.filter(pl.col("probe").str.contains(BIN.pattern))
        if binned.height:
            found.append(_recorded(key, binned))
        values = mine.filter(pl.col("probe").is_in(HEAD_PROBES))["value"].to_numpy()
        if values.size:
            found.append(_measured(key, values))
    return found


def _recorded(key: dict[str, Any], rows: pl.DataFrame) -> Cosines:
    places = [BIN.fullmatch(probe) for probe in rows["probe"]]
    found = {int(at[1]): (int(at[2]), float(at[3]), float(at[4])) for at in places if at is not None}
    n_bins, low, high = next(iter(found.values()))
    counts = np.zeros(n_bins)
    counts[list(found)] = rows["value"].to_numpy()
    return Cosines(edges=np.linspace(low, high, n_bins + 1), counts=counts, **_about(key))


def _about(key: dict[str, Any]) -> dict[str, Any]:
    return {"label": key["label"], "measured_by": key["measured_by"], "family": key["family"] or ""}


def _measured(key: dict[str, Any], values: NDArray[np.float64]) -> Cosines:
    counts, edges = np.histogram(np.clip(values, -1, 1), bins=N_BINS, range=(-1, 1))
    return Cosines(edges=edges, counts=counts.astype(np.float64), values=values, **_about(key))


def cosine_table(found: list[Cosines]) -> Table:
    """Return the counts of heads per bin of the cosine, the models of a family and instrument together."""
    pooled: dict[tuple[str, str, int], list[Cosines]] = {}
    for each in found:
        pooled.setdefault((each.measured_by, each.family, each.counts.size), []).append(each)
    rows = [
        {
            "label": held[0].label if len(held) == 1 else f"{family}, {len(held)} models", "measured_by": measured_by,
            "family": family, "low": float(low), "high": float(high), "count": float(n),
            "share_pct": 100 * float(n) / total, "n": total, "n_models": len(held),
            "competing_below": COMPETING_BELOW, "cooperative_above": COOPERATIVE_ABOVE,
        }
        for (measured_by, family, _), held in pooled.items()
        if (total := sum(each.n for each in held))
        for low, high, n in zip(held[0].edges, held[0].edges[1:], _summed(held), strict=False)
    ]  # fmt: skip
    units = {
        "low": "cosine",
        "high": "cosine",
        "count": "heads",
        "share_pct": "% of heads",
        "n": "heads",
        "n_models": "models",
        "competing_below": "cosine",
        "cooperative_above": "cosine",
    }
    title = "Cosines of single heads where they are known"
    return Table(name="cosines", title=title, frame=pl.DataFrame(rows, schema=SCHEMA), units=units)


def cosine_estimates(found: list[Cosines], families: tuple[str, ...]) -> list[Estimate]:
    """Return the median and the shares beyond the thresholds by model, and those over the families of the print."""
    estimates = [estimate for each in found for estimate in _of_model(each)]
    why = "undefined: no head of these models is recorded by itself, only shares and means over heads"
    method = "median over heads of the cosine of reasoning and truthfulness vectors"
    estimates.append(undefined("head_cosine_median", NINE_FAMILIES, n=0, unit="cosine", method=method, why=(why,)))
    here = [each for each in found if each.values is not None and is_of(each.family, families)]
    if not here:
        why = f"undefined: {HOW_TO_MEASURE}"
        estimates.append(undefined("head_cosine_median", NINE_HERE, n=0, unit="cosine", method=method, why=(why,)))
        return estimates
    values = np.concatenate([each.values for each in here if each.values is not None])
    low, high = (float(end) for end in np.quantile(values, (0.25, 0.75)))
    estimates.append(
        Estimate(
            symbol="head_cosine_median",
            label=NINE_HERE,
            value=float(np.median(values)),
            low=low,
            high=high,
            n=len(here),
            unit="cosine",
            method=f"{method}; {values.size} heads of n models; the ends are the quartiles of the heads",
            caveats=("the ends are quartiles of heads, not a confidence interval",),
        )
    )
    return estimates


def _of_model(each: Cosines) -> list[Estimate]:
    label = each.label
    told = (each.measured_by, "the ends are the edges of a bin, not a confidence interval")
    median = binned_median(each.edges, each.counts)
    if each.values is not None:
        told = (each.measured_by, "no interval: every head of the model is counted")
        middle = float(np.median(each.values))
        median = replace(median, value=middle, low=None, high=None, method="median over heads; n counts heads")
    estimates = [median.estimate(symbol="head_cosine_median", label=label, unit="cosine", caveats=told)]
    for name, threshold in THRESHOLDS:
        above = binned_share_above(each.edges, each.counts, threshold=threshold)
        ends = [above.low, above.value, above.high]
        if threshold < 0:
            ends = [None if end is None else 1 - end for end in reversed(ends)]
        low, value, high = (None if end is None else 100 * end for end in ends)
        estimates.append(
            Estimate(
                symbol="head_share_beyond",
                label=f"{label}, cosine {name}",
                value=value,
                low=low,
                high=high,
                n=each.n,
                unit="% of heads",
                method=f"{above.method}; n counts heads",
                caveats=told[:1] if value is not None else ("undefined: no head",),
            )
        )
    return estimates


def _summed(held: list[Cosines]) -> np.ndarray:
    """Return the counts of heads per bin, (n_bins,), of several models."""
    return np.sum([each.counts for each in held], axis=0)
