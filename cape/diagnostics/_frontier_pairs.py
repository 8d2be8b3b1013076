"""Rows of frontier models: which sources count, one row per model with both scores, subsets and the printed line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.claims import parse_parts
from cape.diagnostics._analyze_params import FRACTION_BELOW, PERCENTAGES, number_of
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_scores import EVERY, FROZEN
from cape.diagnostics._params import NoParams, option
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.lake.names import did_you_mean
from cape.stats.lab_line import LabPoints
from cape.stats.residual_field import Line

FROZEN_SOURCE, LATER_SOURCE = "amin-frontier34", "amin-frontier-postcutoff"
LATER, OWN = "frozen and later", "with your own"
OLDER = ("amin-frontier10", "amin-frontier17", "amin-frontier20", "amin-dash-frontier", "amin-frontier-lb")
POPULATIONS = (FROZEN, LATER, OWN, EVERY, *OLDER)
FROZEN_CLAIM = "FRO-03"  # prints the frozen line, paper A.6
STANDARD = "standard"  # the compute tier that stands for the release
CORE = "Core"

ALL, IN_CORE, FROM_X, NO_TIERS = "all", "core", "first score from", "without compute tiers"
NO_COPIES, THIRD_PARTY = "without copied rows", "without self-reported"
YEARS = ("released 2024", "released 2025", "released 2026")
ABOUT = (
    "display_name",
    "release_name",
    "lab",
    "release_date",
    "date_precision",
    "version",
    "tier",
    "compute_tier",
)
SUBSETS = (ALL, IN_CORE, FROM_X, NO_TIERS, NO_COPIES, THIRD_PARTY, *YEARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierParams(NoParams):
    """What both frontier diagnostics share: whose rows, resamples and seed."""

    rows: str = option(
        FROZEN,
        label="Rows",
        help="The paper's frozen 34; the 5 later ones too; your own sources and session too; every source of the lake; "
        "or one older list of the author.",
        choices=POPULATIONS,
    )
    resamples: int = option(10_000, label="Resamples", help="Bootstrap resamples and shuffles.", low=200, high=100_000)
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


def percent_of(name: str, text: str) -> float | None:
    """Return the percentage that a text parameter holds, None when empty; raise BadParameterError naming it."""
    number = number_of(name, text, within=PERCENTAGES)
    if number is not None and 0 < number <= FRACTION_BELOW:
        raise BadParameterError(f"{name} is {text.strip()}, which looks like a fraction. Give it in percent.")
    return number


def frontier_benchmarks(read: Read) -> tuple[str, ...]:
    """Return the benchmarks that any frontier model has, in order of name."""
    return tuple(read("mart_frontier_scores")["benchmark_id"].unique().sort())


def check_pair(pair: tuple[str, str], read: Read) -> None:
    """Raise UnknownNameError, with near names, for a benchmark no frontier model has, and for one named twice."""
    known = frontier_benchmarks(read)
    for name in pair:
        if name not in known:
            raise UnknownNameError(f"No frontier model has a score on {name!r}. {did_you_mean(name, known)}")
    if pair[0] == pair[1]:
        raise BadParameterError(f"Both benchmarks are {pair[0]!r}. Pick two different ones.")


def frontier_rows(population: str, pair: tuple[str, str], read: Read, *, is_third_party: bool = False) -> pl.DataFrame:
    """Return one row per frontier model with both scores of the pair, in order of lab, date and name.

    Frozen rows rule, then later ones, then the reader's own, then the lake's written precedence; a model's other
    values stay rivals. is_third_party : only scores marked as not self-reported, of any source.
    """
    scores = read("mart_frontier_scores").filter(pl.col("benchmark_id").is_in(pair))
    if is_third_party:
        scores = scores.filter(pl.col("is_self_reported") == False)  # noqa: E712  # null means unknown
        rank = _rank(EVERY)
    else:
        rank = _rank(population)
    ranked = scores.with_columns(rank.alias("rank")).drop_nulls("rank")
    best = ranked.sort("model_id", "benchmark_id", "rank", "precedence", "file_row").unique(
        ["model_id", "benchmark_id"], keep="first", maintain_order=True
    )
    about = ("model_id", *ABOUT)
    first, second = (_one(best, name, key) for name, key in zip(pair, ("x", "y"), strict=True))
    held = best.select(*about).unique("model_id")
    joined = first.join(second, on="model_id").join(held, on="model_id")
    rows = joined.sort("lab", "release_date", "tier", "model_id", nulls_last=True)
    return _marked(rows)


def _rank(population: str) -> pl.Expr:
    """Rank of a source within a population, null for one outside it."""
    if population in OLDER:
        return pl.when(pl.col("source_id") == population).then(0)
    in_order = [pl.col("source_id") == FROZEN_SOURCE]
    if population != FROZEN:
        in_order.append(pl.col("source_id") == LATER_SOURCE)
    if population in (OWN, EVERY):
        in_order.append(pl.col("is_local"))
    if population == EVERY:
        in_order.append(pl.lit(True))
    return pl.coalesce(*(pl.when(test).then(rank) for rank, test in enumerate(in_order)))


def _one(best: pl.DataFrame, benchmark: str, key: str) -> pl.DataFrame:
    columns = {
        "score_pct": f"{key}_pct",
        "score_se_pct": f"{key}_se_pct",
        "source_id": f"{key}_source",
        "subset": f"{key}_subset",
        "is_self_reported": f"{key}_is_self_reported",
        "quality_flags": f"{key}_flags",
    }
    return best.filter(pl.col("benchmark_id") == benchmark).select("model_id", *columns).rename(columns)


def _marked(rows: pl.DataFrame) -> pl.DataFrame:
    """Add subset, year, source, the earlier release whose two scores a row repeats, and which row stands for a release.

    Of the compute tiers of one release the row without one stands for it, else the standard one, else the first name.
    """
    standing = pl.col("compute_tier").is_not_null().cast(pl.Int32) + (pl.col("compute_tier") != STANDARD).fill_null(
        False
    )
    ranked = rows.with_columns(standing.alias("standing")).sort("standing", "model_id")
    releases = ranked.unique(["lab", "release_name"], keep="first")["model_id"].to_list()
    rows = rows.with_columns(
        pl.coalesce("x_subset", "y_subset").alias("subset"),
        pl.col("release_date").str.slice(0, 4).alias("year"),
        pl.when(pl.col("x_source") == pl.col("y_source"))
        .then(pl.col("x_source"))
        .otherwise(pl.format("{} + {}", "x_source", "y_source"))
        .alias("source_id"),
        pl.col("model_id").first().over("lab", "x_pct", "y_pct").alias("first_alike"),
        pl.col("model_id").is_in(releases).alias("is_release"),
    )
    return rows.with_columns(
        pl.when(pl.col("first_alike") != pl.col("model_id")).then(pl.col("first_alike")).alias("same_scores_as")
    ).drop("first_alike", "x_subset", "y_subset")


def subset_rows(rows: pl.DataFrame, subset: str, *, least_x: float) -> pl.DataFrame:
    """Return the rows of a subset other than THIRD_PARTY, which needs rows of its own (`frontier_rows`)."""
    if subset == IN_CORE:
        return rows.filter(pl.col("subset") == CORE)
    if subset == FROM_X:
        return rows.filter(pl.col("x_pct") >= least_x)
    if subset == NO_TIERS:
        return rows.filter("is_release")
    if subset == NO_COPIES:
        return rows.filter(pl.col("same_scores_as").is_null())
    if subset in YEARS:
        return rows.filter(pl.col("year") == subset[-4:])
    return rows


def require_rows(rows: pl.DataFrame, population: str, pair: tuple[str, str]) -> None:
    """Raise NotEnoughDataError where the population holds no model with both scores."""
    if rows.is_empty():
        raise NotEnoughDataError(
            f"Rows {population!r} hold no frontier model with both {pair[0]} and {pair[1]}. "
            f"Pick {EVERY!r}, another pair, or add scores."
        )


def lab_points(rows: pl.DataFrame) -> LabPoints:
    """Return the arrays of the rows; standard errors that are unknown become NaN."""
    numbers = {
        name: rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name, column in (("x", "x_pct"), ("y", "y_pct"), ("x_se", "x_se_pct"), ("y_se", "y_se_pct"))
    }
    return LabPoints(lab=np.asarray(rows["lab"].to_list(), dtype=np.str_), **numbers)


def frozen_line(read: Read) -> Line | None:
    """Return the line that the ledger quotes from the paper, or None where the ledger does not hold it."""
    rows = read("mart_claims_as_printed", claim_id=FROZEN_CLAIM)
    printed: Mapping[str, object] = {
        part.name: part.value for row in rows.iter_rows(named=True) for part in parse_parts(FROZEN_CLAIM, row["parts"])
    }
    slope, intercept = printed.get("slope"), printed.get("intercept")
    if not isinstance(slope, int | float) or not isinstance(intercept, int | float):
        return None
    return Line(slope=float(slope), intercept=float(intercept))


def line_words(line: Line) -> str:
    """Return the printed line in words, with where it is from."""
    return f"the frozen line {line.slope:g} x + {line.intercept:g} of claim {FROZEN_CLAIM}"
