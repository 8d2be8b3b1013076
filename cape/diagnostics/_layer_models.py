"""One row per measured model: its coupling over layers, early, late and last, and the dimension of its states."""

from __future__ import annotations

import polars as pl

from cape.diagnostics._probe_rows import KEY, in_order, labelled, whole_model
from cape.quantities import Estimate, Table

AS_MEASURED, CENTRED, UNBIASED = "as measured", "centred on the background", "without noise of few prompts"
PROFILES = {
    AS_MEASURED: ("layer_coupling", "tl_attn_layer_coupling"),
    CENTRED: ("layer_coupling_centred",),
    UNBIASED: ("layer_coupling_unbiased",),
}
NULLS = ("layer_coupling_null",)
MEASURES = {
    "mean": ("mean_layer_coupling", "hidden_coupling", "net_coupling", "tl_attn_net_coupling"),
    "null": ("net_coupling_null", "tl_attn_net_coupling_null"),
    "early": ("early_layer_coupling", "early_coupling", "tl_attn_early_coupling"),
    "late": ("late_layer_coupling", "late_coupling", "tl_attn_late_coupling"),
    "last": ("last_layer_coupling",),
    "spread": ("net_coupling_std",),
    "heads": ("total_units",),
    "competing": ("competing_units",),
}
ABOUT = ("family", "params_b", "kind", "origin", "instrument", "prompts_set", "n_prompts")
COSINES = ("mean", "early", "late", "last")
NAMES = {"mean": "over all layers", "early": "early layers", "late": "late layers", "last": "last layer"}
NONE_RECORDED = "no interval: the source records none"
SHOWN = (
    *("label", "model_id", "family", "params_b", "measured_by", "source_id"),
    *("mean", "mean_low", "mean_high", "early", "early_low", "early_high", "late", "late_low", "late_high", "last"),
    *("d_rep", "d_rep_low", "d_rep_high", "heads", "competing", "n_prompts", "alarms"),
)
UNITS = {"params_b": "billion parameters", "heads": "heads", "competing": "heads", "n_prompts": "prompts",
         **{name: "cosine" for name in SHOWN if name.split("_")[0] in COSINES},
         **{name: "dimensions" for name in SHOWN if name.startswith("d_rep")}}  # fmt: skip


def layer_models(rows: pl.DataFrame, struck: pl.DataFrame) -> pl.DataFrame:
    """Return one row per measured model with what it has of MEASURES, each with its interval, and d_rep.

    rows : of mart_probes. struck : (measured_by, source_id, model_id, alarms). d_rep of a model that has it by layer
    is the mean over layers, its ends the lowest and highest layer.
    """
    whole = whole_model(rows)
    values = [
        pl.coalesce(pl.col(column).filter(pl.col("probe") == probe).first() for probe in probes).alias(f"{name}{end}")
        for name, probes in MEASURES.items()
        for column, end in (("value", ""), ("low", "_low"), ("high", "_high"))
    ]
    registry = (pl.col("n_layers") * pl.col("n_heads")).first().cast(pl.Float64).alias("heads_registry")
    held = whole.group_by(*KEY).agg(*(pl.col(name).drop_nulls().first() for name in ABOUT), *values, registry)
    size = pl.col("value")
    d_rep = (
        rows.filter((pl.col("probe") == "d_rep") & size.is_not_null())
        .group_by(*KEY)
        .agg(
            *(pl.col(name).drop_nulls().first().alias(f"{name}_") for name in ABOUT),
            size.mean().alias("d_rep"),
            *(
                pl.when(pl.len() > 1).then(end).alias(name)
                for end, name in ((size.min(), "d_rep_low"), (size.max(), "d_rep_high"))
            ),
            pl.len().alias("n_layers_d_rep"),
        )
    )
    both = held.join(d_rep, on=list(KEY), how="full", coalesce=True).with_columns(
        pl.coalesce(name, f"{name}_").alias(name) for name in ABOUT
    )
    both = both.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in (*COSINES, "d_rep")))
    told = both.join(struck, on=["measured_by", "source_id", "model_id"], how="left")
    return in_order(labelled(told.with_columns(pl.col("alarms").fill_null(""))))


def profiles(rows: pl.DataFrame, models: pl.DataFrame, coupling_as: str) -> pl.DataFrame:
    """Return one row per measured model and layer with its relative depth, interval and null."""
    values = rows.filter(pl.col("probe").is_in(PROFILES[coupling_as]) & pl.col("layer").is_not_null())
    null = rows.filter(pl.col("probe").is_in(NULLS) & pl.col("layer").is_not_null()).select(
        *KEY,
        "layer",
        *(pl.col(name).alias(f"null{end}") for name, end in (("value", ""), ("low", "_low"), ("high", "_high"))),
    )
    named = models.select(*KEY, "label", "alarms")
    deepest = pl.col("layer").max().over(KEY)
    return (
        values.filter(pl.col("value").is_not_null())
        .join(null, on=[*KEY, "layer"], how="left")
        .join(named, on=list(KEY), how="inner")
        .with_columns(pl.when(deepest > 0).then(pl.col("layer") / deepest).alias("depth"))
        .select("label", "measured_by", "source_id", "model_id", "family", "params_b", "layer", "depth", "value", "low",
                "high", "null", "null_low", "null_high", "n_prompts", "alarms", "origin")
        .sort("origin", "measured_by", "family", "params_b", "label", "layer", descending=[True] + [False] * 5,
              nulls_last=True)
    )  # fmt: skip


def profile_table(found: pl.DataFrame) -> Table:
    """Return the profiles by layer."""
    cosines = ("value", "low", "high", "null", "null_low", "null_high")
    units = {"depth": "share of the depth", "params_b": "billion parameters", **dict.fromkeys(cosines, "cosine")}
    return Table(name="profiles", title="Coupling by layer", frame=found.drop("origin"), units=units)


def model_table(models: pl.DataFrame) -> Table:
    """Return the per-model table."""
    return Table(name="models", title="Coupling of every measured model", frame=models.select(SHOWN), units=UNITS)


def dimension_table(models: pl.DataFrame) -> Table:
    """Return d_rep with the coupling of the same model by the same instrument, which another source may hold."""
    columns = ("label", "model_id", "family", "measured_by", "d_rep", "d_rep_low", "d_rep_high", "n_prompts")
    other = pl.col("mean").drop_nulls().first().over("model_id", "measured_by")
    frame = models.with_columns(pl.coalesce("mean", other).alias("coupling")).drop_nulls("d_rep")
    units = {"coupling": "cosine", "n_prompts": "prompts"} | dict.fromkeys(columns[4:7], "dimensions")
    title = "Dimension of hidden states and coupling"
    return Table(name="dimension", title=title, frame=frame.select(*columns, "coupling"), units=units)


def domain_table(rows: pl.DataFrame, models: pl.DataFrame) -> Table:
    """Return the coupling of every pair of domains of prompts: as recorded, or the mean over layers measured here."""
    pair = pl.col("probe").str.extract(r"^(?:hidden|domain)_coupling_(.+)$")
    held = rows.with_columns(pair.alias("domains")).filter(
        pl.col("domains").is_not_null() & pl.col("value").is_not_null()
    )
    frame = (
        held.group_by(*KEY, "domains")
        .agg(
            pl.col("value").mean().alias("coupling"), pl.col("value").min().alias("lowest_layer"),
            pl.col("value").max().alias("highest_layer"), pl.col("layer").n_unique().alias("n_layers"),
        )
        .join(models.select(*KEY, "label", "family", "params_b", "n_prompts"), on=list(KEY), how="inner")
        .with_columns(
            pl.when(pl.col("n_layers") > 1).then(pl.col(name)).alias(name) for name in ("lowest_layer", "highest_layer")
        )
        .select("label", "family", "params_b", "measured_by", "domains", "coupling", "lowest_layer", "highest_layer",
                "n_layers", "n_prompts")
        .sort("measured_by", "label", "domains")
    )  # fmt: skip
    units = dict.fromkeys(("coupling", "lowest_layer", "highest_layer"), "cosine") | {"params_b": "billion parameters"}
    return Table(name="domains", title="Coupling of pairs of domains of prompts", frame=frame, units=units)


def model_estimates(models: pl.DataFrame) -> list[Estimate]:
    """Return coupling over all, early, late and last layers, its change with depth, and d_rep, of every model."""
    found = []
    for row in models.iter_rows(named=True):
        how = f"{row['measured_by']}; source {row['source_id']}"
        about = (f"alarm: {row['alarms']}",) if row["alarms"] else ()
        n = int(row["n_prompts"] or 1)
        for name in COSINES:
            if row[name] is None:
                continue
            ends = (row[f"{name}_low"], row[f"{name}_high"])
            found.append(
                Estimate(
                    symbol="layer_cosine",
                    label=f"{row['label']}, {NAMES[name]}",
                    value=row[name],
                    low=ends[0],
                    high=ends[1],
                    n=n,
                    unit="cosine",
                    method=f"{how}; n counts prompts, 1 where they are not stated",
                    caveats=(*(() if None not in ends else (NONE_RECORDED,)), *about),
                )
            )
        if row["early"] is not None and row["late"] is not None:
            found.append(_change(row, how, about))
        if row["d_rep"] is not None:
            found.append(_dimension(row, how, about))
    return found


def _change(row: dict, how: str, about: tuple[str, ...]) -> Estimate:
    return Estimate(
        symbol="depth_change",
        label=row["label"],
        value=row["late"] - row["early"],
        low=None,
        high=None,
        n=int(row["n_prompts"] or 1),
        unit="cosine",
        method=f"late layers less early layers; {how}",
        caveats=("no interval: early and late layers see the same prompts, and their joint spread is not kept", *about),
    )


def _dimension(row: dict, how: str, about: tuple[str, ...]) -> Estimate:
    n_layers = int(row["n_layers_d_rep"])
    of_layers = f"mean over {n_layers} layers, the ends are the lowest and highest" if n_layers > 1 else "one number"
    limit = "prompts are not stated: it cannot exceed their number less one"
    if row["n_prompts"]:
        limit = f"it cannot exceed {int(row['n_prompts']) - 1}, the number of prompts less one"
    return Estimate(
        symbol="d_rep",
        label=row["label"],
        value=row["d_rep"],
        low=row["d_rep_low"],
        high=row["d_rep_high"],
        n=int(row["n_prompts"] or 1),
        unit="dimensions",
        method=f"participation ratio of hidden states, {of_layers}; {how}",
        caveats=(limit, *(() if n_layers > 1 else (NONE_RECORDED,)), *about),
    )
