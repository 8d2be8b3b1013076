"""The share of models without competing heads: by instrument, as printed, and what the printed count lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from cape.claims import parse_parts
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._head_models import free_of
from cape.diagnostics._plain_estimates import count, undefined
from cape.diagnostics._probe_rows import HOW_TO_MEASURE, MEASURED, RECORDED
from cape.quantities import Estimate, Table
from cape.stats.summaries import clustered_mean, wilson_interval

COUNT_CLAIM = "INT-01"  # models without competing heads, of how many, and of which families
PRINTED, NINE_FAMILIES = "as printed", "families of the printed count, any instrument"
NINE_HERE = "families of the printed count, measured here"
LEFT_OUT = ", alarmed rows left out"
UNIT = "% of models"
MEASURES = (
    ("head_cooperative", "cooperative_pct", "% of heads"),
    ("head_competing", "competing_pct", "% of heads"),
    ("head_net", "net", "cosine"),
)
SCHEMA = {"label": pl.String, "kind": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
          "k": pl.Int64, "n": pl.Int64, "n_families": pl.Int64, "n_free_families": pl.Int64,
          "families_low": pl.Float64, "families_high": pl.Float64, "exceptions": pl.String}  # fmt: skip


def share_rows(models: pl.DataFrame, criterion: str, read: Read) -> list[dict[str, Any]]:
    """Return k of n models with Wilson's interval: by instrument, without alarmed rows, measured here, and as printed.

    A model that a scope holds twice counts once, and as free only where every row of it is.
    """
    tried = free_of(models, criterion)
    rows = [_printed(read)]
    nine = _of_families(tried.filter(pl.col("origin") == RECORDED), printed_families(read))
    rows += _both(NINE_FAMILIES, nine, kind="as the paper counts")
    for (name,), held in tried.group_by("measured_by", maintain_order=True):
        rows += _both(str(name), held, kind="one instrument")
    here = _of_families(tried.filter(pl.col("origin") == MEASURED), printed_families(read))
    rows.append(_scope(NINE_HERE, here, kind=MEASURED))
    return rows


def _both(name: str, held: pl.DataFrame, *, kind: str) -> list[dict[str, Any]]:
    kept = held.filter(pl.col("alarms") == "")
    return [_scope(name, held, kind=kind), _scope(name + LEFT_OUT, kept, kind="alarmed rows left out")]


def _scope(name: str, held: pl.DataFrame, *, kind: str) -> dict[str, Any]:
    models = held.group_by("model_id").agg(pl.col("is_free").all(), pl.col("family").first())
    families = models.group_by("family").agg(pl.col("is_free").all())
    k, n = int(models["is_free"].sum()), models.height
    free = int(families["is_free"].sum())
    exceptions = ", ".join(models.filter(~pl.col("is_free"))["model_id"].sort())
    low, high = wilson_interval(k, n)
    families_low, families_high = wilson_interval(free, families.height)
    return {
        "label": name, "kind": kind, "value": _pct(k / n) if n else None, "low": _pct(low), "high": _pct(high),
        "k": k, "n": n, "n_families": families.height, "n_free_families": free, "families_low": _pct(families_low),
        "families_high": _pct(families_high), "exceptions": exceptions,
    }  # fmt: skip


def _pct(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _printed(read: Read) -> dict[str, Any]:
    """The two counts of the claim as lake/claims.csv holds them, with the Wilson interval they give."""
    parts = {part.name: part for row in _claim(read) for part in parse_parts(COUNT_CLAIM, row["parts"])}
    k, n = (int(float(str(parts[name].value))) for name in ("models_without_competing", "models"))
    low, high = wilson_interval(k, n)
    return dict.fromkeys(SCHEMA) | {
        "label": PRINTED, "kind": "printed", "value": 100 * k / n, "low": _pct(low), "high": _pct(high), "k": k, "n": n,
        "n_families": len(printed_families(read)), "exceptions": "",
    }  # fmt: skip


def _claim(read: Read) -> list[dict[str, Any]]:
    return list(read("mart_claims_as_printed", claim_id=COUNT_CLAIM).iter_rows(named=True))


def printed_families(read: Read) -> tuple[str, ...]:
    """Return the families that the claim's population names after its colon."""
    (row,) = _claim(read)
    return tuple(name.strip() for name in str(row["population"]).partition(":")[2].split(",") if name.strip())


def _of_families(models: pl.DataFrame, families: tuple[str, ...]) -> pl.DataFrame:
    return models.filter(pl.Series([is_of(family or "", families) for family in models["family"]], dtype=pl.Boolean))


def is_of(name: str, families: tuple[str, ...]) -> bool:
    """Return whether a family is one of these, or one of them with an addition after a dash."""
    return any(name == family or name.startswith(f"{family}-") for family in families)


def coverage_table(models: pl.DataFrame, read: Read) -> Table:
    """Return, for every family of the printed count, the models whose heads are recorded."""
    recorded = models.filter(pl.col("origin") == RECORDED)
    rows = []
    for family in printed_families(read):
        mine = _of_families(recorded, (family,))
        rows.append(
            {
                "family": family,
                "n_models": mine["model_id"].n_unique(),
                "models": ", ".join(mine.sort("params_b")["model_id"].unique(maintain_order=True)),
                "instruments": "; ".join(mine["measured_by"].unique().sort()),
            }
        )
    schema = {"family": pl.String, "n_models": pl.Int64, "models": pl.String, "instruments": pl.String}
    frame = pl.DataFrame(rows, schema=schema)
    title = "Families of the printed count and the models whose heads are recorded"
    return Table(name="coverage", title=title, frame=frame, units={"n_models": "models"})


def share_table(rows: list[dict[str, Any]]) -> Table:
    """Return the shares with their intervals over models and over families."""
    columns = ("value", "low", "high", "families_low", "families_high")
    return Table(
        name="shares",
        title="Models that meet the criterion",
        frame=pl.DataFrame(rows, schema=SCHEMA),
        units=dict.fromkeys(columns, UNIT) | {"k": "models", "n": "models", "n_families": "families"},
    )


def share_estimates(rows: list[dict[str, Any]], criterion: str) -> list[Estimate]:
    """Return the share and its counts for every scope, and the share of families."""
    found = []
    for row in rows:
        label = f"{criterion}: {row['label']}"
        if not row["n"]:
            why = (f"undefined: {HOW_TO_MEASURE}" if row["label"] == NINE_HERE else "undefined: no model is left",)
            about: dict[str, Any] = {"n": 0, "method": "k of n models", "why": why}
            found.append(undefined("head_free_share", label, unit=UNIT, **about))
            found.append(undefined("n_head_free", label, unit="models", **about))
            found.append(undefined("n_head_measured", label, unit="models", **about))
            continue
        told = f"k = {row['k']} of n = {row['n']} models of {row['n_families']} families"
        source = "printed counts" if row["kind"] == "printed" else "a model counts once, free only if all its rows are"
        found.append(
            Estimate(
                symbol="head_free_share",
                label=label,
                value=row["value"],
                low=row["low"],
                high=row["high"],
                n=row["n"],
                unit=UNIT,
                method=f"{told}; {source}; Wilson 95% interval, models taken as independent",
                caveats=(f"exceptions: {row['exceptions']}",) if row["exceptions"] else (),
            )
        )
        about = {"n": row["n"], "unit": "models", "method": f"{told}; {source}"}
        found.append(count("n_head_free", label, row["k"], **about))
        found.append(count("n_head_measured", label, row["n"], **about))
        found.append(count("n_head_families", label, row["n_families"], **{**about, "unit": "families"}))
        if row["n_free_families"] is not None:
            found.append(_of_whole_families(row, label))
    return found


def _of_whole_families(row: dict[str, Any], label: str) -> Estimate:
    return Estimate(
        symbol="head_free_families",
        label=label,
        value=100 * row["n_free_families"] / row["n_families"],
        low=row["families_low"],
        high=row["families_high"],
        n=row["n_families"],
        unit="% of families",
        method="families of which every measured model meets the criterion; Wilson 95% interval over families",
    )


def by_model(models: pl.DataFrame) -> pl.DataFrame:
    """Return one row per instrument and model: the mean of its rows where several sources measured it alike."""
    return models.group_by("measured_by", "model_id", maintain_order=True).agg(
        pl.col("family").first(), pl.col("cooperative_pct", "competing_pct", "net").mean(), pl.col("alarms").max()
    )


def mean_estimates(models: pl.DataFrame, *, resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return the mean over models of each share and of the net coupling by instrument, families resampled whole."""
    found = []
    for (name,), held in by_model(models).group_by("measured_by", maintain_order=True):
        for label, rows in ((f"mean: {name}", held), (f"mean: {name}{LEFT_OUT}", held.filter(pl.col("alarms") == ""))):
            for symbol, column, unit in MEASURES:
                values = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
                families = np.asarray(rows["family"].fill_null("unknown").to_list(), dtype=np.str_)
                mean = clustered_mean(values, families, n_resamples=resamples, rng=rng, what=f"{symbol} of models")
                why = "every row is alarmed" if rows.is_empty() else "the source does not give it"
                caveats = (f"undefined: {why}",) if mean.value is None else ()
                found.append(mean.estimate(symbol=symbol, label=label, unit=unit, caveats=caveats))
    return found


def step_estimates(models: pl.DataFrame) -> list[Estimate]:
    """Return the change of net coupling from each model to the next larger one of its family and source."""
    sized = models.drop_nulls(["params_b", "net"]).sort("measured_by", "source_id", "family", "params_b", "model_id")
    sized = sized.unique(["measured_by", "source_id", "model_id"], keep="first", maintain_order=True)
    keys = ["measured_by", "source_id", "family"]
    steps = sized.with_columns(
        (pl.col("net") - pl.col("net").shift(1).over(keys)).alias("step"),
        pl.col("model_id").shift(1).over(keys).alias("smaller"),
    ).drop_nulls("step")
    return [
        Estimate(
            symbol="head_net_step",
            label=f"{row['model_id']} less {row['smaller']}, {row['source_id']}",
            value=row["step"],
            low=None,
            high=None,
            n=2,
            unit="cosine",
            method=f"difference of net coupling between consecutive sizes; {row['measured_by']}",
            caveats=("no interval: the source gives one number per model",),
        )
        for row in steps.iter_rows(named=True)
    ]


def family_table(models: pl.DataFrame) -> Table:
    """Return the mean of each family by instrument with its smallest and largest model."""
    columns = ("cooperative_pct", "competing_pct", "net")
    ends = [
        expr.alias(f"{column}{end}")
        for column in columns
        for expr, end in (
            (pl.col(column).mean(), ""),
            (pl.col(column).min(), "_low"),
            (pl.col(column).max(), "_high"),
        )
    ]
    frame = (
        by_model(models)
        .group_by("measured_by", "family", maintain_order=True)
        .agg(*ends, pl.len().cast(pl.Int64).alias("n"), pl.col("alarms").max())
        .with_columns(pl.format("{}: {}", pl.col("family").fill_null("family unknown"), "measured_by").alias("label"))
    )
    units = {f"{column}{end}": unit for _, column, unit in MEASURES for end in ("", "_low", "_high")}
    return Table(name="families", title="Means by family, with the range of its models", frame=frame, units=units)


def family_estimates(table: Table) -> list[Estimate]:
    """Return the mean of each family; the ends are its smallest and largest model."""
    found = []
    for row in table.frame.iter_rows(named=True):
        for symbol, column, _ in MEASURES:
            if row[column] is None:
                continue
            found.append(
                Estimate(
                    symbol=symbol,
                    label=f"family {row['label']}",
                    value=row[column],
                    low=row[f"{column}_low"],
                    high=row[f"{column}_high"],
                    n=row["n"],
                    unit=table.units[column],
                    method="mean over the models of a family; the ends are its lowest and highest model",
                    caveats=("the ends are models, not a confidence interval",),
                )
            )
    return found
