"""Parameters of frontier_coupling and the tables that its figures draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_pairs import ALL, FROM_X, SUBSETS, FrontierParams, frozen_line, percent_of
from cape.diagnostics._frontier_scores import GPQA, SWE
from cape.diagnostics._frontier_steps import SAME_TIER, dated_steps
from cape.diagnostics._params import option
from cape.quantities import Estimate, Table
from cape.stats.lab_line import LabLine

ON, OFF = "on", "off"
GRID = 41
MARGIN_PP = 3.0  # room around the points of a view
POINT_COLUMNS = (
    "lab",
    "model_id",
    "display_name",
    "release_date",
    "tier",
    "compute_tier",
    "x_pct",
    "y_pct",
    "x_se_pct",
    "y_se_pct",
    "subset",
    "same_scores_as",
    "source_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierCouplingParams(FrontierParams):
    """Rows, pair, subset, and what the figure shows."""

    benchmark_x: str = option(
        SWE, label="First benchmark", help="Benchmark on the x axis.", source="frontier benchmark"
    )
    benchmark_y: str = option(
        GPQA, label="Second benchmark", help="Benchmark on the y axis.", source="frontier benchmark"
    )
    subset: str = option(ALL, label="Subset", help="Rows to look at; every subset is a row below.", choices=SUBSETS)
    least_x: float = option(
        40.0,
        label="First score from (%)",
        help="Smallest first score of the subset 'first score from'.",
        low=0,
        high=100,
        is_whole=False,
    )
    labels: str = option(ON, label="Labels", help="Names beside the markers.", choices=(ON, OFF))
    trajectories: str = option(
        ON, label="Trajectories", help="Releases of one lab and tier joined in order of date.", choices=(ON, OFF)
    )
    zoom_from: float = option(0.0, label="Zoom from (%)", help="Left end of the view.", low=0, high=100, is_whole=False)
    zoom_to: float = option(100.0, label="Zoom to (%)", help="Right end of the view.", low=0, high=100, is_whole=False)
    star_x: str = option("", label="Your model: first score (%)", help="Draws your model as a star; empty: none.")
    star_y: str = option("", label="Your model: second score (%)", help="Draws your model as a star; empty: none.")


def named(params: FrontierCouplingParams) -> str:
    """Return the words for the rows and the subset."""
    return params.rows if params.subset == ALL else f"{params.rows}, {subset_name(params.subset, params)}"


def subset_name(subset: str, params: FrontierCouplingParams) -> str:
    return f"{subset} {params.least_x:g}" if subset == FROM_X else subset


def plane_tables(params: FrontierCouplingParams, rows: pl.DataFrame, line: LabLine, read: Read) -> list[Table]:
    """Return the points in view, both lines, the trajectories and the user's model."""
    seen = rows.filter(pl.col("x_pct").is_between(params.zoom_from, params.zoom_to))
    name = pl.col("display_name") if params.labels == ON else pl.lit("")
    points = seen.select(*POINT_COLUMNS, name.alias("label"))
    units = dict.fromkeys(("x_pct", "y_pct", "x_se_pct", "y_se_pct"), "%")
    steps, _ = dated_steps(seen, tiers=SAME_TIER)
    columns = ("lab", "tier", "model_from", "model_to", "date_from", "date_to")
    ends = ("x_from_pct", "y_from_pct", "x_to_pct", "y_to_pct")
    drawn = steps.select(*columns, *ends) if params.trajectories == ON else steps.select(*columns, *ends).clear()
    return [
        Table(name="points", title="Models in view", frame=points, units=units),
        _lines(params, seen, line, read),
        Table(name="trajectories", title="Trajectories by date", frame=drawn, units=dict.fromkeys(ends, "%")),
        _star(params, line, read),
    ]


def _lines(params: FrontierCouplingParams, seen: pl.DataFrame, line: LabLine, read: Read) -> Table:
    known = seen["x_pct"].to_list()
    star = percent_of("star_x", params.star_x)
    known += [star] if star is not None and params.zoom_from <= star <= params.zoom_to else []
    ends = (min(known) - MARGIN_PP, max(known) + MARGIN_PP) if known else (params.zoom_from, params.zoom_to)
    grid = np.linspace(max(ends[0], params.zoom_from), min(ends[1], params.zoom_to), GRID)
    middle, low, high = line.at(grid)
    printed = frozen_line(read) if (params.benchmark_x, params.benchmark_y) == (SWE, GPQA) else None
    frozen = np.full(GRID, np.nan) if printed is None else printed.intercept + printed.slope * grid
    frame = pl.DataFrame({"x_pct": grid, "refit": middle, "refit_low": low, "refit_high": high, "frozen": frozen})
    frame = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    return Table(name="lines", title="Refit and frozen line", frame=frame, units=dict.fromkeys(frame.columns, "%"))


def _star(params: FrontierCouplingParams, line: LabLine, read: Read) -> Table:
    x, y = percent_of("star_x", params.star_x), percent_of("star_y", params.star_y)
    schema = dict.fromkeys(("x_pct", "y_pct", "off_refit_pp", "off_frozen_pp"), pl.Float64)
    rows = []
    if x is not None and y is not None:
        height = float(line.at(np.array([x]))[0][0])
        printed = frozen_line(read) if (params.benchmark_x, params.benchmark_y) == (SWE, GPQA) else None
        off = None if printed is None else float(printed.h(x, y))
        rows = [{"x_pct": x, "y_pct": y, "off_refit_pp": y - height if np.isfinite(height) else None}]
        rows[0]["off_frozen_pp"] = off
    frame = pl.DataFrame(rows, schema=schema)
    units = {"x_pct": "%", "y_pct": "%", "off_refit_pp": "pp", "off_frozen_pp": "pp"}
    return Table(name="star", title="Your model", frame=frame, units=units)


def forest_table(name: str, title: str, estimates: list[Estimate]) -> Table:
    columns = ("symbol", "label", "value", "low", "high", "n", "unit", "method")
    rows = [{key: value for key, value in e.as_dict().items() if key in columns} for e in estimates]
    schema = {"symbol": pl.String, "label": pl.String, **dict.fromkeys(("value", "low", "high"), pl.Float64)}
    schema |= {"n": pl.Int64, "unit": pl.String, "method": pl.String}
    return Table(name=name, title=title, frame=pl.DataFrame(rows, schema=schema))


def rival_table(rows: pl.DataFrame, pair: tuple[str, str], read: Read) -> Table:
    """Return the values that other sources give for the models and benchmarks on show, where they differ."""
    used = pl.concat(
        [
            rows.select(
                "model_id",
                pl.lit(name).alias("benchmark_id"),
                pl.col(f"{key}_pct").alias("used_pct"),
                pl.col(f"{key}_source").alias("used_source"),
            )
            for name, key in zip(pair, ("x", "y"), strict=True)
        ]
    )
    others = read("mart_frontier_scores").select("model_id", "benchmark_id", "score_pct", "source_id")
    rivals = used.join(others, on=["model_id", "benchmark_id"]).filter(pl.col("score_pct") != pl.col("used_pct"))
    frame = rivals.with_columns((pl.col("score_pct") - pl.col("used_pct")).alias("difference_pp")).sort(
        "benchmark_id", "model_id", "source_id"
    )
    units = {"used_pct": "%", "score_pct": "%", "difference_pp": "pp"}
    return Table(name="rivals", title="Rival values of other sources", frame=frame, units=units)
