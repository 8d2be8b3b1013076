"""Scores of frontier models: which rows a selection takes, resolved by precedence, as they were known on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read

EVERY, SINGLE, FROZEN = "every source", "without tiers and copies", "frozen 34"
SOURCES = ("amin-nc3", "amin-frontier10", "amin-frontier17", "amin-frontier20", "amin-dash-frontier")
ROWS = (EVERY, SINGLE, FROZEN, *SOURCES)
ROWS_HELP = (
    "Every frontier row of the lake, added ones included, rivals resolved by the precedence rule; the same without "
    "compute tiers of one model and copied rows; the paper's frozen panel; or one source alone."
)
REPEATED = ("compute_tier", "copied_scores")  # flags of lake/raw/reference-models: not releases of their own
SHORT = {"swe_bench_verified": "SWE", "gpqa_diamond": "GPQA", "ifeval": "IFEval", "hle": "HLE"}
SWE, GPQA, IFEVAL, HLE = SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRows:
    """Models by benchmarks; scores and errors (n_models, n_benchmarks) percent, NaN for a gap.

    models : model_id, display_name, lab, release_date of each row, in order of model_id.
    """

    benchmarks: tuple[str, ...]
    models: pl.DataFrame
    scores: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def labs(self) -> NDArray[np.str_]:
        """Lab of each row; a model of an unnamed lab stands for a lab of its own."""
        named = [lab or f"lab of {model}" for model, lab in self.models.select("model_id", "lab").iter_rows()]
        return np.asarray(named, dtype=np.str_)

    def column(self, benchmark: str) -> int:
        """Return the place of a benchmark."""
        return self.benchmarks.index(benchmark)

    def having(self, *benchmarks: str) -> NDArray[np.bool_]:
        """Return which rows have a score on each of the benchmarks."""
        columns = [self.column(name) for name in benchmarks]
        return np.asarray(np.isfinite(self.scores[:, columns]).all(axis=1))


def known_scores(read: Read, *, rows: str, known_by: date | None = None) -> pl.DataFrame:
    """Return one score per model and benchmark: of the rows of the selection known by a day, the first in precedence.

    A row without a date counts as known. The order in which rivals stand is the same on every day, so what was
    resolved on a day follows from the rows alone.
    """
    scores = read("mart_frontier_scores")
    if rows == SINGLE:
        flags = pl.col("model_flags").fill_null("").str.split(";")
        scores = scores.filter(~pl.any_horizontal(flags.list.contains(flag) for flag in REPEATED))
    elif rows == FROZEN:
        scores = scores.filter("is_panel_row")
    elif rows != EVERY:
        scores = scores.filter(pl.col("source_id") == rows)
    if known_by is not None:
        scores = scores.filter(pl.col("known_at").is_null() | (pl.col("known_at") <= known_by))
    ordered = scores.sort("model_id", "benchmark_id", "precedence")
    return ordered.unique(["model_id", "benchmark_id"], keep="first", maintain_order=True)


def frontier_rows(scores: pl.DataFrame, benchmarks: Sequence[str]) -> FrontierRows:
    """Return the resolved scores as a table of models that have at least one of the benchmarks."""
    held = scores.filter(pl.col("benchmark_id").is_in(benchmarks))
    about = ("model_id", "display_name", "lab", "release_date")
    models = held.unique("model_id", keep="first").sort("model_id").select(about)
    tables = []
    for value in ("score_pct", "score_se_pct"):
        columns = []
        for benchmark in benchmarks:
            one = held.filter(pl.col("benchmark_id") == benchmark).select("model_id", value)
            joined = models.select("model_id").join(one, on="model_id", how="left", maintain_order="left")
            columns.append(joined[value].cast(pl.Float64).fill_null(float("nan")).to_numpy())
        tables.append(np.column_stack(columns))
    return FrontierRows(benchmarks=tuple(benchmarks), models=models, scores=tables[0], errors=tables[1])


def newest_day(read: Read) -> date | None:
    """Return the newest day on which a frontier row of the lake became known, or None."""
    found = read("mart_frontier_scores")["known_at"].max()
    return found if isinstance(found, date) else None
