"""One row per measured model: its shares of cooperative and competing heads, its net coupling, and its alarms."""

from __future__ import annotations

import polars as pl

from cape.diagnostics._probe_rows import KEY, in_order, labelled, whole_model
from cape.quantities import Estimate, Table

NO_COMPETING, ALL_COOPERATIVE = "no competing heads", "every head cooperative"
FROM_SOURCE, FROM_REGISTRY = "as measured", "layers x heads of the registry"
WHOLE_SHARE = 1.0 - 1e-9
NET_PROBES = ("net_coupling", "tl_attn_net_coupling")
ABOUT = ("family", "display_name", "params_b", "kind", "origin", "instrument", "prompts_set", "n_prompts")
SHOWN = ("label", "model_id", "family", "params_b", "measured_by", "source_id", "cooperative_pct", "competing_pct",
         "other_pct", "net", "net_low", "net_high", "n_competing", "n_heads", "n_heads_is", "n_prompts",
         "alarms")  # fmt: skip
UNITS = {"params_b": "billion parameters", "cooperative_pct": "% of heads", "competing_pct": "% of heads",
         "other_pct": "% of heads", "net": "cosine", "net_low": "cosine", "net_high": "cosine", "n_competing": "heads",
         "n_heads": "heads", "n_prompts": "prompts"}  # fmt: skip


def head_models(rows: pl.DataFrame, struck: pl.DataFrame) -> pl.DataFrame:
    """Return one row per measured model that has a share or count of heads, with SHOWN and what it was measured with.

    rows : of mart_probes. struck : (measured_by, source_id, model_id, alarms). A model whose source gives no number of
    heads takes layers times heads of the registry, and n_heads_is says so.
    """
    whole = whole_model(rows)
    registry = (pl.col("n_layers") * pl.col("n_heads")).first()
    held = (
        whole.group_by(*KEY)
        .agg(
            *(pl.col(name).drop_nulls().first() for name in ABOUT),
            _value("head_coop_frac", "cooperative"),
            _value("head_comp_frac", "competing"),
            _value("competing_units", "n_competing"),
            _value("total_units", "n_heads"),
            registry.alias("n_heads_registry"),
            *(
                pl.coalesce(pl.col(column).filter(pl.col("probe") == probe).first() for probe in NET_PROBES).alias(name)
                for column, name in (("value", "net"), ("low", "net_low"), ("high", "net_high"))
            ),
        )
        .filter(pl.any_horizontal(pl.col("cooperative", "competing", "n_competing").is_not_null()))
    )
    counted = held.with_columns(
        pl.when(pl.col("n_heads").is_not_null())
        .then(pl.lit(FROM_SOURCE))
        .when(pl.col("n_heads_registry").is_not_null())
        .then(pl.lit(FROM_REGISTRY))
        .alias("n_heads_is"),
        pl.coalesce("n_heads", "n_heads_registry").alias("n_heads"),
    )
    shared = counted.with_columns(
        pl.coalesce("competing", pl.col("n_competing") / pl.col("n_heads")).alias("competing"),
        pl.coalesce("n_competing", (pl.col("competing") * pl.col("n_heads")).round(0)).alias("n_competing"),
    ).with_columns(
        (100 * pl.col("cooperative")).alias("cooperative_pct"),
        (100 * pl.col("competing")).alias("competing_pct"),
        (100 * (1 - pl.col("cooperative"))).alias("not_cooperative_pct"),
        (100 * (1 - pl.col("cooperative") - pl.col("competing"))).clip(lower_bound=0).alias("other_pct"),
    )
    told = shared.join(struck, on=["measured_by", "source_id", "model_id"], how="left")
    return in_order(labelled(told.with_columns(pl.col("alarms").fill_null(""))))


def _value(probe: str, name: str) -> pl.Expr:
    return pl.col("value").filter(pl.col("probe") == probe).first().alias(name)


def free_of(models: pl.DataFrame, criterion: str) -> pl.DataFrame:
    """Return the models that the criterion can be tried on, with the column `is_free`."""
    if criterion == ALL_COOPERATIVE:
        tried = models.filter(pl.col("cooperative").is_not_null())
        return tried.with_columns((pl.col("cooperative") >= WHOLE_SHARE).alias("is_free"))
    tried = models.filter(pl.col("n_competing").is_not_null() | pl.col("competing").is_not_null())
    none = pl.coalesce(pl.col("n_competing") == 0, pl.col("competing") == 0)
    return tried.with_columns(none.alias("is_free"))


def model_table(models: pl.DataFrame) -> Table:
    """Return the per-model table."""
    return Table(name="models", title="Heads of every measured model", frame=models.select(SHOWN), units=UNITS)


def model_estimates(models: pl.DataFrame) -> list[Estimate]:
    """Return cooperative share, competing share and net coupling of every measured model."""
    found = []
    for row in models.iter_rows(named=True):
        how = f"{row['measured_by']}; source {row['source_id']}"
        about = (f"alarm: {row['alarms']}",) if row["alarms"] else ()
        heads = int(row["n_heads"] or 0)
        for symbol, column, unit in (
            ("head_cooperative", "cooperative_pct", "% of heads"),
            ("head_competing", "competing_pct", "% of heads"),
            ("head_not_cooperative", "not_cooperative_pct", "% of heads"),
            ("head_net", "net", "cosine"),
        ):
            low, high = (row["net_low"], row["net_high"]) if column == "net" else (None, None)
            why = "no interval: the source gives one number per model" if low is None and high is None else ""
            if row[column] is None:
                why = "undefined: the source does not give it"
            found.append(
                Estimate(
                    symbol=symbol,
                    label=row["label"],
                    value=row[column],
                    low=low,
                    high=high,
                    n=heads,
                    unit=unit,
                    method=f"as measured by {how}; n counts heads",
                    caveats=(*((why,) if why else ()), *about),
                )
            )
    return found
