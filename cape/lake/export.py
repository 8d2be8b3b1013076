"""The scores of a panel as Every Eval Ever records: what stands in the lake, with its errors, protocol and address."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cape.errors import UnknownNameError
from cape.ingest import every_eval_ever
from cape.lake.names import did_you_mean
from cape.lake.read import Lake

DELIVERED = "delivered"  # int_scores: the method of a standard error that came with the score


def export_panel(panel: str, folder: Path, lake: Lake, *, organisation: str) -> list[Path]:
    """Write one record per model and revision of a panel; return the files.

    organisation : who provides the numbers. A standard error that only follows from the number of items is not
    written: whoever reads the record can form it too. Raises UnknownNameError for a panel that has no scores.
    """
    rows = lake.read("mart_scores", panel=panel)
    if rows.is_empty():
        known = lake.read("mart_panels")["panel"].to_list()
        raise UnknownNameError(f"There is no panel {panel!r} with scores. {did_you_mean(panel, known)}")
    by_size = pl.col("axis") == "params"
    scores = rows.with_columns(
        pl.col("score_pct").alias("score"),
        pl.lit("percent").alias("unit"),
        pl.when(pl.col("se_method") == DELIVERED).then("score_se_pct").alias("stderr"),
        pl.when(pl.col("is_self_reported"))
        .then(pl.lit("1"))
        .when(~pl.col("is_self_reported"))
        .then(pl.lit("0"))
        .alias("is_self_reported"),
        pl.col("metric").fill_null("score"),
        pl.col("retrieved_at").cast(pl.String),
        pl.when(~by_size).then("family").alias("ladder"),
        pl.when(~by_size).then("axis").alias("axis"),
        pl.when(~by_size).then("position").alias("position"),
        pl.when(pl.col("replicate") != "").then("replicate").alias("replicate"),
    )
    models = lake.read("mart_models")
    return every_eval_ever.write(scores, models, folder, organisation=organisation, collection=panel)
