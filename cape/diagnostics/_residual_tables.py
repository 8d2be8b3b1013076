"""Tables of residual_field: models, labs, lines, steps, and differences of h between tiers of one version."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._frontier_steps import UNITS
from cape.diagnostics._residual_calculator import FROZEN_LINE, REFIT
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.lab_line import LabPoints
from cape.stats.lines import fit_line
from cape.stats.residual_field import Line, confidence_of, difference_of_h, regime_of_interval

OF_ALL = "line of all rows"
COMPUTE, PRODUCT = "compute tier", "product tier"
Row = dict[str, Any]


def tier_differences(rows: pl.DataFrame, printed: Line | None) -> tuple[Table, list[Estimate]]:
    """Return differences of h between rows of one lab and version: compute tiers of a release, and product tiers."""
    own = fit_line(*(rows[name].to_numpy() for name in ("x_pct", "y_pct")))
    slope = own.slope.value if printed is None else printed.slope
    found: list[Row] = []
    estimates = []
    for _, held in rows.drop_nulls("version").group_by("lab", "version", maintain_order=True):
        listed = held.sort("release_name", "is_release", "model_id", descending=[False, True, False]).to_dicts()
        for first, second in combinations(listed, 2):
            same = first["release_name"] == second["release_name"]
            if slope is None or not (same or _word(first) == _word(second)):
                continue
            one = difference_of_h(_scores(first), _scores(second), slope=slope)
            kind = COMPUTE if same else PRODUCT
            label = f"{second['model_id']} less {first['model_id']} ({kind})"
            estimates.append(one.estimate(symbol="h_difference", label=label, unit="pp"))
            found.append(
                {
                    "kind": kind,
                    "label": label,
                    "delta_swe_pp": second["x_pct"] - first["x_pct"],
                    "delta_gpqa_pp": second["y_pct"] - first["y_pct"],
                    "value": one.value,
                    "low": one.low,
                    "high": one.high,
                    "n": one.n,
                }
            )
    schema: dict = {"kind": pl.String, "label": pl.String}
    numbers = ("delta_swe_pp", "delta_gpqa_pp", "value", "low", "high")
    frame = pl.DataFrame(found, schema={**schema, **dict.fromkeys(numbers, pl.Float64), "n": pl.Int64})
    frame = frame.sort("kind", "label")
    return Table(name="tiers", title="Tiers of one version", frame=frame, units=dict.fromkeys(numbers, "pp")), estimates


def _word(row: Row) -> str:
    """Return the first word of a tier, which names the series: Claude, Gemini, GPT, o."""
    return str(row["tier"]).partition(" ")[0]


def _scores(row: Row) -> tuple[float, float, float, float]:
    x_se, y_se = (float("nan") if row[name] is None else float(row[name]) for name in ("x_se_pct", "y_se_pct"))
    return row["x_pct"], row["y_pct"], x_se, y_se


def tier_spread(tiers: Table) -> float | None:
    """Return the largest |difference of h| between compute tiers of one release, None where there is none."""
    return max(map(abs, tiers.frame.filter(pl.col("kind") == COMPUTE)["value"].to_list()), default=None)


def model_table(rows: pl.DataFrame, by_model: dict[str, list[Inference]]) -> Table:
    columns = ("lab", "model_id", "release_date", "date_precision", "tier", "compute_tier", "x_pct", "y_pct")
    frame = rows.select(*columns, "subset", "same_scores_as", "source_id")
    names = {REFIT: "h_refit", FROZEN_LINE: "h_frozen", OF_ALL: "h_of_all"}
    for name, found in by_model.items():
        for end, attribute in (("", "value"), ("_low", "low"), ("_high", "high")):
            values = [getattr(one, attribute) for one in found]
            frame = frame.with_columns(pl.Series(f"{names[name]}{end}", values, dtype=pl.Float64))
    regimes = [regime_of_interval(one.value, one.low, one.high) for one in by_model[REFIT]]
    frame = frame.with_columns(pl.Series("regime", [r and str(r) for r in regimes], dtype=pl.String))
    units = {"x_pct": "%", "y_pct": "%"} | {name: "pp" for name in frame.columns if name.startswith("h_")}
    return Table(name="models", title="h of every model", frame=frame, units=units)


def lab_table(by_lab: dict[str, Inference]) -> Table:
    rows = []
    for label, found in by_lab.items():
        lab, _, line = label.partition(": ")
        rows.append(
            {
                "lab": lab,
                "line": line,
                "mean_h": found.value,
                "low": found.low,
                "high": found.high,
                "n_models": found.n,
                "regime": str(regime_of_interval(found.value, found.low, found.high) or ""),
                "confidence": str(confidence_of(found)),
            }
        )
    schema: dict = {"lab": pl.String, "line": pl.String, **dict.fromkeys(("mean_h", "low", "high"), pl.Float64)}
    schema |= {"n_models": pl.Int64, "regime": pl.String, "confidence": pl.String}
    units = dict.fromkeys(("mean_h", "low", "high"), "pp")
    return Table(name="labs", title="Mean h of every lab", frame=pl.DataFrame(rows, schema=schema), units=units)


def line_table(points: LabPoints, printed: Line | None) -> Table:
    """Return both lines at the ends of the first score, and the points they run through."""
    own = fit_line(points.x, points.y)
    ends = np.array([points.x.min(), points.x.max()])
    refit = [None, None] if own.intercept is None else list(own.intercept + (own.slope.value or 0.0) * ends)
    frozen = [None, None] if printed is None else list(printed.intercept + printed.slope * ends)
    schema = dict.fromkeys(("x_pct", "refit", "frozen"), pl.Float64)
    frame = pl.DataFrame({"x_pct": ends, "refit": refit, "frozen": frozen}, schema=schema)
    return Table(name="lines", title="Lines", frame=frame, units=dict.fromkeys(schema, "%"))


def step_table(steps: pl.DataFrame, models: pl.DataFrame) -> Table:
    """Return the steps with h at both ends about either line."""
    held = models.select("model_id", *(n for n in ("h_frozen", "h_refit", "h_of_all") if n in models.columns))
    frame = steps
    for end in ("from", "to"):
        renamed = held.rename({name: f"{name}_{end}" for name in held.columns if name != "model_id"})
        frame = frame.join(renamed, left_on=f"model_{end}", right_on="model_id", how="left", maintain_order="left")
    units = UNITS | {name: "pp" for name in frame.columns if name.startswith("h_")}
    return Table(name="steps", title="Steps between releases", frame=frame, units=units)
