"""What a source already holds joined with what is new: the latest run of a key stands, checkpoints form ladders."""

from __future__ import annotations

import polars as pl

from cape.ingest.combine import COMMIT, KEY, with_checkpoints
from cape.ingest.score_table import OPTIONAL_COLUMNS, REQUIRED_COLUMNS

COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)


def as_text(scores: pl.DataFrame) -> pl.DataFrame:
    """Return scores as the text columns of a score table."""
    held = [name for name in COLUMNS if name in scores.columns]
    frame = scores.select(pl.col(name).cast(pl.String) for name in held)
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in COLUMNS if name not in held)


def merged(before: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the rows of a source after new ones came, as text, and how many rows of `before` were superseded.

    before, new : text columns of a score table. Of rows of one key the later run stands; without times, the new one.
    """
    both = pl.concat([as_text(new), as_text(before)]) if not before.is_empty() else as_text(new)
    commit = pl.col("revision").str.contains(f"^{COMMIT.pattern}$").fill_null(value=False)
    frame = both.with_columns(
        pl.when(~commit).then("revision").alias("named_revision"),
        pl.col("notes").str.extract(r"\brun (\d{4}-\d{2}-\d{2}T[^;\s]*)").fill_null("").alias("run_at"),
        pl.col("position").cast(pl.Float64).alias("position"),
    )
    frame, _ = with_checkpoints(frame)
    frame = frame.sort("run_at", descending=True, maintain_order=True).unique(KEY, keep="first", maintain_order=True)
    rows = as_text(frame.sort("model_id", "benchmark", "variant", nulls_last=True, maintain_order=True))
    return rows, both.height - rows.height
