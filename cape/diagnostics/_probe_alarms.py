"""Alarms of degenerate probes: which recorded values cannot be measurements of what they are called."""

from __future__ import annotations

from typing import Any

import polars as pl

from cape.diagnostics._probe_rows import KEY
from cape.quantities import Table
from cape.stats.degenerate import TOLERANCE, Alarm, at_bound, equal_groups, is_constant

COLUMNS = ("alarm", "measured_by", "source_id", "probe", "model_id", "family", "value", "n_struck", "strikes")
SCHEMA: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String) | {"value": pl.Float64, "n_struck": pl.Int64}
THIRDS = ("early", "mid", "late")  # summaries of a profile that some sources give instead of its layers
BOUNDS = {"cosine": (-1.0, 1.0), "share of heads": (1.0,), "share of prompt pairs": (1.0,)}
RULES = {
    Alarm.CONSTANT: f"all layers, or early, middle and late layers, within {TOLERANCE:g} of each other",
    Alarm.EQUAL: f"a cosine of a whole model within {TOLERANCE:g} of that of another model of the same source",
    Alarm.BOUND: "a cosine at -1 or 1, or a share of cooperative heads or pairs at 1",
}


def alarms(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per alarm and struck model, with how many values or models it strikes.

    rows : of mart_probes. A count of competing heads at zero is no alarm: it is what the claims are about.
    """
    found = [*_constant(rows), *_equal(rows), *_bound(rows)]
    return pl.DataFrame(found, schema=SCHEMA).sort(*COLUMNS[:5])


def alarm_table(found: pl.DataFrame) -> Table:
    """Return the alarms with the rule of each."""
    rule = pl.col("alarm").replace_strict({str(alarm): text for alarm, text in RULES.items()}, return_dtype=pl.String)
    return Table(
        name="alarms",
        title="Alarms of degenerate probes",
        frame=found.with_columns(rule.alias("rule")),
        units={"value": "unit of the probe", "n_struck": "values or models"},
    )


def struck_models(found: pl.DataFrame, *, with_bounds: bool) -> pl.DataFrame:
    """Return (measured_by, source_id, model_id, alarms) of the models that an alarm strikes."""
    kept = found if with_bounds else found.filter(pl.col("alarm") != str(Alarm.BOUND))
    return kept.group_by("measured_by", "source_id", "model_id").agg(
        pl.col("alarm").unique().sort().str.join("; ").alias("alarms")
    )


def _row(alarm: Alarm, head: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"alarm": str(alarm)} | {name: head[name] for name in COLUMNS[1:6] if name in head} | about


def _constant(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Values of one model that do not change over its layers; shares of heads are left to the alarm of bounds."""
    third = pl.col("probe").str.extract(rf"({'|'.join(THIRDS)})_coupling")
    cosines = rows.filter((pl.col("unit") == "cosine") & pl.all_horizontal(pl.col("head", "prompt_id").is_null()))
    profile = cosines.with_columns(
        pl.when(third.is_not_null()).then(pl.col("probe").str.replace(rf"({'|'.join(THIRDS)})_", "")).alias("thirds")
    ).filter(pl.col("layer").is_not_null() | pl.col("thirds").is_not_null())
    named = profile.with_columns(
        pl.coalesce(pl.format("early, middle and late {}", "thirds"), pl.col("probe")).alias("probe")
    )
    found = []
    for _, held in named.group_by(*KEY, "probe", maintain_order=True):
        if is_constant(held["value"].to_numpy()):
            about = {"value": float(held["value"][0]), "n_struck": held.height, "strikes": f"{held.height} values"}
            found.append(_row(Alarm.CONSTANT, held.row(0, named=True), **about))
    return found


def _equal(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Cosines of whole models that another model of the same source and instrument has to the last digit."""
    cosines = rows.filter(
        (pl.col("unit") == "cosine") & pl.all_horizontal(pl.col("layer", "head", "prompt_id").is_null())
        & pl.col("value").abs().lt(1 - TOLERANCE)
    )  # fmt: skip
    found = []
    for _, held in cosines.group_by("measured_by", "source_id", "probe", maintain_order=True):
        groups = held.with_columns(pl.Series("group", equal_groups(held["value"].to_numpy())))
        for _, equals in groups.filter(pl.col("group") >= 0).group_by("group", maintain_order=True):
            n_models = equals["model_id"].n_unique()
            if n_models < 2:
                continue
            for row in equals.unique("model_id", keep="first", maintain_order=True).iter_rows(named=True):
                others = sorted(set(equals["model_id"]) - {row["model_id"]})
                about = {"value": row["value"], "n_struck": n_models, "strikes": f"also {', '.join(others)}"}
                found.append(_row(Alarm.EQUAL, row, **about))
    return found


def _bound(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Values at the end of their scale, one row per model and probe."""
    found = []
    # A share of competing heads has its bound at 1 too, but none is near it; zero is what is claimed.
    for unit, bounds in BOUNDS.items():
        held = rows.filter((pl.col("unit") == unit) & pl.col("value").is_not_null())
        struck = held.filter(pl.Series(at_bound(held["value"].to_numpy(), bounds=bounds)))
        for _, mine in struck.group_by(*KEY, "probe", maintain_order=True):
            about = {"value": float(mine["value"][0]), "n_struck": mine.height, "strikes": f"{mine.height} values"}
            found.append(_row(Alarm.BOUND, mine.row(0, named=True), **about))
    return found
