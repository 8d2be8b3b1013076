"""What would settle the phase of each interval: items, which benchmark and model, seeds; and families for N_c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.calibration.estimators import BY_NAME, LOGISTIC, WITHIN_LINE
from cape.diagnostics._calibrated import VIEW, alarms, powered
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._items import PAIRED
from cape.diagnostics._params import Params
from cape.quantities import Estimate, Phase, Table
from cape.stats.power import (
    MOST_REPLICATES,
    POWER,
    Changes,
    Limit,
    deciding_edge,
    gain_per_item,
    limits,
    replicates_needed,
    settling_power,
    times_needed,
)

FEW_TIMES = 10.0  # this multiple of the items counts as within reach of one more evaluation
AS_OBSERVED = "no interval: planned for changes as large as the observed ones, which noise may have enlarged"
NO_SEEDS = f"undefined: no number of seeds up to {MOST_REPLICATES:,} settles it"
PLANNED = f"planned for a chance of {POWER:.0%} that the 95% interval of gamma lies in one phase"
PLAN_SCHEMA = {
    "label": pl.String, "phase": pl.String, "gamma": pl.Float64, "chance_now": pl.Float64, "x_items": pl.Float64,
    "y_items": pl.Float64, "x_items_needed": pl.Float64, "y_items_needed": pl.Float64, "times_both": pl.Float64,
    "plan": pl.String, "plan_items": pl.Float64, "items_now": pl.Float64, "more_answers": pl.Float64,
    "next_benchmark": pl.String, "next_models": pl.String, "share_per_100": pl.Float64, "limit": pl.String,
}  # fmt: skip
BOTH = "both benchmarks"
FAMILY_SCHEMA = {
    "estimator": pl.String, "n_sizes": pl.Int64, "x_items": pl.Int64, "y_items": pl.Int64, "n_families": pl.Int64,
    "found": pl.Float64, "width_decades": pl.Float64, "false_alarms": pl.Float64, "most_families": pl.Int64,
}  # fmt: skip
Array = NDArray[np.float64]


def plan_table(rows: pl.DataFrame, params: Params) -> Table:
    """Return one row per interval without a settled phase: chance now, items needed, and where one more helps most."""
    open_rows = rows.filter(pl.col("phase").is_in([Phase.UNDETERMINED, Phase.NONE]))
    found = [_plan(row, params) for row in _with_powers(open_rows).iter_rows(named=True)]
    frame = pl.DataFrame(found, schema=PLAN_SCHEMA).sort("more_answers", "label", nulls_last=True)
    return Table(
        name="planning",
        title="What would settle each interval",
        frame=frame,
        units={"gamma": "pp/pp", "share_per_100": "% of the variance per 100 answers"},
    )


def plan_estimates(table: Table, rows: pl.DataFrame, params: Params) -> list[Estimate]:
    """Return the intervals within reach, the items of the one nearest to be settled, and seeds where there are some."""
    frame = table.frame
    if rows.is_empty():
        return []
    near = frame.filter(pl.col("times_both") <= FEW_TIMES).height
    found = [
        Estimate(
            symbol="n_intervals_in_reach",
            label=f"{params.panel}, {params.family}",
            value=float(near),
            low=None,
            high=None,
            n=frame.height,
            unit="intervals",
            method=f"intervals without a settled phase that up to {FEW_TIMES:.0f} times the items of both benchmarks "
            f"would settle; {PLANNED}",
            caveats=(AS_OBSERVED,),
        )
    ]
    if (row := _deciding(frame)) is not None:
        found.append(
            Estimate(
                symbol="items_to_settle",
                label=f"{row['label']}, {row['plan']}",
                value=row["plan_items"],
                low=None,
                high=None,
                n=round(row["items_now"]),
                unit="items",
                method=f"items of {row['plan']} that both sizes answer, in all; {PLANNED}; n is the items at hand",
                caveats=(AS_OBSERVED,),
            )
        )
    return found + list(_seed_estimates(rows))


def plan_sentences(table: Table) -> tuple[str, ...]:
    """Return which evaluation settles the nearest open interval, and how many intervals no items settle."""
    frame = table.frame
    if frame.is_empty():
        return ("Every interval has a settled phase.",)
    row = _deciding(frame)
    stuck = frame.filter(pl.col("limit").is_in([Limit.STANDS_STILL, Limit.AT_THE_EDGE])).height
    text = f"Of {frame.height} intervals without a settled phase {stuck} cannot be reached by items alone."
    if row is None:
        return (text,)
    return (
        f"{text} Nearest to be settled is {row['label']}: {row['plan_items']:,.0f} items of {row['plan']} in all, "
        f"{row['items_now']:,.0f} at hand, if the changes are as observed. There one more answer counts most from "
        f"{row['next_models']} on {row['next_benchmark']}: 100 take {row['share_per_100']:.1f}% off the variance that "
        "decides.",
    )


def family_table(read: Read) -> Table:
    """Return, by estimator of N_c, sizes and items, the fewest simulated families in which it is found often enough."""
    rows = read(VIEW)
    found = []
    for name in (LOGISTIC, WITHIN_LINE):
        mine = rows.filter(pl.col("estimator") == name)
        for (n_sizes, x_items, y_items), cells in mine.group_by("n_sizes", "x_items", "y_items"):
            at = {"estimator": name, "n_sizes": n_sizes, "x_items": x_items, "y_items": y_items}
            found.append({**at, **_fewest(cells, name), "most_families": cells["n_families"].max()})
    frame = pl.DataFrame(found, schema=FAMILY_SCHEMA).sort("estimator", "x_items", "n_sizes")
    return Table(
        name="families_for_n_c",
        title="Families until N_c is found, from the calibration",
        frame=frame,
        units={"width_decades": "decades", "found": "share of simulations", "false_alarms": "share of simulations"},
    )


def _fewest(cells: pl.DataFrame, name: str) -> dict[str, Any]:
    """Return the smallest number of families whose worst turning world is found often enough, and its other figures."""
    estimator = BY_NAME[name]
    for (n_families,), rows in cells.sort("n_families").group_by("n_families", maintain_order=True):
        turning = rows.filter(pl.col("world").is_in(estimator.power_worlds))
        shares = [powered(row).value for row in turning.iter_rows(named=True)]
        if not shares or None in shares or min(share for share in shares if share is not None) < POWER:
            continue
        null = rows.filter(pl.col("world").is_in(estimator.null_worlds))
        false = [share for row in null.iter_rows(named=True) if (share := alarms(row).value) is not None]
        return {
            "n_families": n_families,
            "found": min(share for share in shares if share is not None),
            "width_decades": turning["width"].max(),
            "false_alarms": max(false, default=None),
        }
    return {"n_families": None, "found": None, "width_decades": None, "false_alarms": None}


def _with_powers(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with their chance of being settled and the multiples of items that would settle them."""
    changes = Changes(**{name: _numbers(rows, column) for name, column in (
        ("delta_x", "delta_x_pct"), ("delta_y", "delta_y_pct"), ("variance_x", "variance_x"),
        ("variance_y", "variance_y"))})  # fmt: skip
    settled = np.zeros(rows.height, dtype=bool)
    return rows.with_columns(
        pl.Series("chance_now", settling_power(changes), dtype=pl.Float64),
        pl.Series("times_x", times_needed(changes, more_x=True, more_y=False), dtype=pl.Float64),
        pl.Series("times_y", times_needed(changes, more_x=False, more_y=True), dtype=pl.Float64),
        pl.Series("times_both", times_needed(changes, more_x=True, more_y=True), dtype=pl.Float64),
        pl.Series("limit", limits(changes, is_settled=settled).tolist(), dtype=pl.String),
        pl.Series("edge", deciding_edge(changes.delta_x, changes.delta_y), dtype=pl.Float64),
    ).with_columns(pl.col("chance_now", "times_x", "times_y", "times_both").fill_nan(None))


def _plan(row: dict[str, Any], params: Params) -> dict[str, Any]:
    items = {axis: _items_at_hand(row, axis) for axis in ("x", "y")}
    needed = {axis: _product(items[axis], row[f"times_{axis}"]) for axis in ("x", "y")}
    return {
        "label": row["label"], "phase": row["phase"], "gamma": row["gamma_raw"], "chance_now": row["chance_now"],
        "x_items": items["x"], "y_items": items["y"], "x_items_needed": needed["x"], "y_items_needed": needed["y"],
        "times_both": row["times_both"], "limit": row["limit"], **_cheapest(row, items, params),
        **_next(row, items, params),
    }  # fmt: skip


def _items_at_hand(row: dict[str, Any], axis: str) -> float | None:
    """Return the common items, or those at which shares of right answers have these standard errors."""
    if row[f"{axis}_n_items"] is not None:
        return float(row[f"{axis}_n_items"])
    variance = row[f"variance_{axis}_unpaired"]
    spread = sum(_spread(row, axis, end) for end in ("from", "to"))
    return spread / variance if variance else None


def _spread(row: dict[str, Any], axis: str, end: str) -> float:
    score = row[f"{axis}_{end}_pct"]
    return score * (100.0 - score)


def _cheapest(row: dict[str, Any], items: dict[str, float | None], params: Params) -> dict[str, Any]:
    """Return the plan with the fewest further answers: more items of one benchmark, or of both in one proportion."""
    plans: list[tuple[float, str, float, float]] = []
    x, y = (items[axis] or 0.0 for axis in ("x", "y"))
    for times, name, answered, counted in (
        (row["times_x"], params.x, x, x), (row["times_y"], params.y, y, y), (row["times_both"], BOTH, x + y, y),
    ):  # fmt: skip
        if times is not None and counted and row["limit"] == Limit.REACHABLE:
            plans.append((2 * (times - 1) * answered, name, times * counted, counted))
    found = min(plans) if plans else (None, None, None, None)
    return dict(zip(("more_answers", "plan", "plan_items", "items_now"), found, strict=True))


def _next(row: dict[str, Any], items: dict[str, float | None], params: Params) -> dict[str, Any]:
    """Return the benchmark and models of which one more answer shortens the deciding variance most."""
    if row["limit"] != Limit.REACHABLE or not items["x"] or not items["y"]:
        return dict.fromkeys(("next_benchmark", "next_models", "share_per_100"))
    weights = {"x": row["edge"] ** 2, "y": 1.0}
    total = sum(weights[axis] * row[f"variance_{axis}"] for axis in ("x", "y"))
    gain, axis, models = max(
        (gain, axis, models)
        for axis in ("x", "y")
        for gain, models in _options(row, axis, weights[axis], items[axis] or 1.0)
    )
    return {
        "next_benchmark": params.x if axis == "x" else params.y,
        "next_models": models,
        "share_per_100": 100 * 100 * gain / total if total else None,
    }


def _options(row: dict[str, Any], axis: str, weight: float, n_items: float) -> Iterator[tuple[float, str]]:
    """Yield (gain per answer, models): both ends on new common items, or either end where items are not paired."""
    both = f"{row['models_from']} and {row['models_to']}"
    if row[f"{axis}_stderr_method"] == PAIRED:
        variance = row[f"variance_{axis}"]
        yield float(gain_per_item(variance=variance, n_items=n_items, weight=weight, answers_per_item=2)), both
        return
    for end in ("from", "to"):
        variance = _spread(row, axis, end) / n_items
        gain = gain_per_item(variance=variance, n_items=n_items, weight=weight)
        yield float(gain), str(row[f"models_{end}"])


def _seed_estimates(rows: pl.DataFrame) -> Iterator[Estimate]:
    """Yield the seeds that settle each step of which there are several replicates, for one family at a time."""
    if rows["family"].n_unique() > 1:
        return
    for (family, start, end), found in rows.group_by("family", "position_from", "position_to", maintain_order=True):
        if found["replicate"].n_unique() < 2:
            continue
        needed = replicates_needed(_numbers(found, "delta_x_pct"), _numbers(found, "delta_y_pct"))
        yield Estimate(
            symbol="seeds_to_settle",
            label=f"{family}: {start:.0f} to {end:.0f}",
            value=None if needed is None else float(needed),
            low=None,
            high=None,
            n=found.height,
            unit="seeds",
            method=f"replicates until Student's interval of the mean changes lies in one phase; chance of {POWER:.0%}; "
            "n is the replicates at hand",
            caveats=(AS_OBSERVED,) if needed is not None else (NO_SEEDS,),
        )


def _deciding(frame: pl.DataFrame) -> dict[str, Any] | None:
    """Return the row that the fewest further answers settle."""
    known = frame.drop_nulls(["more_answers", "share_per_100"])
    return None if known.is_empty() else known.row(0, named=True)


def _product(number: float | None, times: float | None) -> float | None:
    return None if number is None or times is None else number * times


def _numbers(frame: pl.DataFrame, column: str) -> Array:
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
