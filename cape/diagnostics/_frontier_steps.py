"""Steps between releases of a lab: by date within a tier, and in the order that the dashboard prints.

A release is (lab, date, tier); rows that differ in compute tier only are one release, and the standard one stands for
it. Releases of one date at the coarser precision of the two form no step (DEFINITIONS section 2, frontier trajectory).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.quantities import Estimate
from cape.stats.coupling import gamma_interval

BY_DATE, AS_PRINTED = "by release date", "as printed"
SAME_TIER, ANY_TIER = "same tier", "any tier"
PAPER_LEAST_PP = 2.0  # |dSWE| below which the author's scripts leave gamma undefined, DEFINITIONS section 2
PRINTED_STEP = re.compile(r"FRO-T\d+g")  # claims that print the gamma of one step
STEP_NAMES = re.compile(r"(\S+)->(\S+)")
TIED, BACKWARDS, OTHER_TIER = "both have one release date", "it runs backwards in time", "the tiers differ"
UNDATED = "a release date is unknown"

Row = Mapping[str, Any]
SCHEMA: dict[str, Any] = {
    "order": pl.String,
    "lab": pl.String,
    "tier": pl.String,
    "model_from": pl.String,
    "model_to": pl.String,
    "date_from": pl.String,
    "date_to": pl.String,
    "date_precision": pl.String,
    **dict.fromkeys(("x_from_pct", "x_to_pct", "y_from_pct", "y_to_pct", "delta_x_pp", "delta_y_pp"), pl.Float64),
    **dict.fromkeys(("gamma_raw", "gamma_paper", "gamma", "gamma_low", "gamma_high"), pl.Float64),
    "undefined_reason": pl.String,
}
UNITS = {
    **dict.fromkeys(("x_from_pct", "x_to_pct", "y_from_pct", "y_to_pct"), "%"),
    **dict.fromkeys(("delta_x_pp", "delta_y_pp"), "pp"),
    **dict.fromkeys(("gamma_raw", "gamma_paper", "gamma", "gamma_low", "gamma_high"), "pp/pp"),
}


def compared_dates(first: str | None, second: str | None) -> int | None:
    """Return -1, 0 or 1 as the first date is earlier, tied at the coarser precision, or later; None if unknown."""
    if not first or not second:
        return None
    length = min(len(first), len(second))
    a, b = first[:length], second[:length]
    return (a > b) - (a < b)


def dated_steps(rows: pl.DataFrame, *, tiers: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return steps between consecutive releases by date, and releases that form none with the reason."""
    releases = rows.filter("is_release")
    keys = ["lab"] if tiers == ANY_TIER else ["lab", "tier"]
    steps: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    for _, held in releases.group_by(keys, maintain_order=True):
        dated = held.drop_nulls("release_date").sort("release_date", "model_id").to_dicts()
        left += [_left(row, UNDATED) for row in held.filter(pl.col("release_date").is_null()).iter_rows(named=True)]
        groups = _tied_groups(dated)
        left += [_left(row, TIED) for group in groups if len(group) > 1 for row in group]
        if len(dated) == 1:
            left.append(_left(dated[0], "no other release of its tier" if tiers == SAME_TIER else "no other release"))
        steps += [_step(a[0], b[0], BY_DATE) for a, b in pairwise(groups) if len(a) == len(b) == 1]
    schema = {name: pl.String for name in ("lab", "tier", "model_id", "release_date", "reason")}
    return _with_gamma(steps), pl.DataFrame(left, schema=schema)


def _tied_groups(dated: Iterable[Row]) -> list[list[Row]]:
    """Return releases in order of date, those that cannot be told apart in one group."""
    groups: list[list[Row]] = []
    for row in dated:
        if groups and any(compared_dates(held["release_date"], row["release_date"]) == 0 for held in groups[-1]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def printed_steps(rows: pl.DataFrame, read: Read) -> pl.DataFrame:
    """Return the steps of the dashboard's trajectory tables in their printed order, those whose models are held."""
    held = {row["model_id"]: row for row in rows.iter_rows(named=True)}
    claims = read("mart_claims_as_printed").filter(pl.col("claim_id").str.contains(f"^{PRINTED_STEP.pattern}$"))
    steps = []
    for claim in claims.sort("claim_id").iter_rows(named=True):
        names = STEP_NAMES.search(claim["claim"])
        if names and names[1] in held and names[2] in held:
            first, second = held[names[1]], held[names[2]]
            steps.append(_step(first, second, AS_PRINTED, reason=_not_a_step(first, second)))
    return _with_gamma(steps)


def _not_a_step(first: Row, second: Row) -> str:
    """Return why two releases form no step by our rule, or nothing."""
    if first["tier"] != second["tier"]:
        return f"{OTHER_TIER} ({first['tier']}, {second['tier']})"
    order = compared_dates(first["release_date"], second["release_date"])
    return {None: UNDATED, 0: TIED, 1: BACKWARDS}.get(order, "")


def _left(row: Row, reason: str) -> dict[str, Any]:
    return {name: row[name] for name in ("lab", "tier", "model_id", "release_date")} | {"reason": reason}


def _step(first: Row, second: Row, order: str, *, reason: str = "") -> dict[str, Any]:
    backwards = compared_dates(first["release_date"], second["release_date"]) == 1
    reason = f"{reason}; {BACKWARDS}" if reason and backwards and BACKWARDS not in reason else reason
    copied = second["same_scores_as"] == first["model_id"]
    return {
        "order": order,
        "lab": second["lab"],
        "tier": first["tier"] if first["tier"] == second["tier"] else f"{first['tier']} to {second['tier']}",
        "model_from": first["model_id"],
        "model_to": second["model_id"],
        "date_from": first["release_date"],
        "date_to": second["release_date"],
        "date_precision": f"{first['date_precision']}, {second['date_precision']}",
        "x_from_pct": first["x_pct"],
        "x_to_pct": second["x_pct"],
        "y_from_pct": first["y_pct"],
        "y_to_pct": second["y_pct"],
        "variance_x": _variance(first["x_se_pct"], second["x_se_pct"]),
        "variance_y": _variance(first["y_se_pct"], second["y_se_pct"]),
        "undefined_reason": "both rows hold the same two scores, so one may be a copy" if copied else reason,
    }


def _variance(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first**2 + second**2


def _with_gamma(steps: list[dict[str, Any]]) -> pl.DataFrame:
    """Add the ratio, the ratio by the author's rule, and gamma by the general rule with Fieller's interval."""
    held = {**SCHEMA, "variance_x": pl.Float64, "variance_y": pl.Float64}
    frame = pl.DataFrame(steps, schema=held)
    dx, dy = frame["x_to_pct"] - frame["x_from_pct"], frame["y_to_pct"] - frame["y_from_pct"]
    variances = {name: frame[name].fill_null(float("nan")).to_numpy() for name in ("variance_x", "variance_y")}
    found = gamma_interval(dx.to_numpy(), dy.to_numpy(), **variances)
    given = frame["undefined_reason"].fill_null("").to_numpy()
    reason = np.where(given == "", found.undefined_reason, given).astype(str)
    defined = reason == ""
    raw = dy / dx.set(dx == 0, None)
    small = dx.abs() < PAPER_LEAST_PP

    def kept(values: np.ndarray) -> pl.Series:
        return pl.Series(np.where(defined, values, np.nan)).fill_nan(None)

    return frame.with_columns(
        dx.alias("delta_x_pp"),
        dy.alias("delta_y_pp"),
        raw.alias("gamma_raw"),
        raw.set(small, None).alias("gamma_paper"),
        kept(found.gamma).alias("gamma"),
        kept(found.fieller_low).alias("gamma_low"),
        kept(found.fieller_high).alias("gamma_high"),
        pl.Series(reason).alias("undefined_reason"),
    ).select(*SCHEMA)


def step_estimates(steps: pl.DataFrame) -> list[Estimate]:
    """Return gamma of every step by our rule, and for printed ones the ratio as printed and by the author's rule."""
    estimates = []
    for row in steps.iter_rows(named=True):
        name = f"{row['model_from']} to {row['model_to']}"
        small = f"undefined: the first score moved {row['delta_x_pp']:.2g} points"
        ours = f"undefined: {row['undefined_reason']}; the first score moved {row['delta_x_pp']:.2g} points"
        about = "change of the second score over change of the first"
        estimates.append(
            _gamma(
                f"{name}, {row['order']}: ours",
                (row["gamma"], row["gamma_low"], row["gamma_high"]),
                method=f"{about}, Fieller interval from the errors of four scores",
                why=ours if row["undefined_reason"] else "measurement error only",
            )
        )
        if row["order"] != AS_PRINTED:
            continue
        no_rule = "no interval: a ratio without regard to the errors of the scores"
        estimates.append(
            _gamma(
                f"{name}: ratio",
                (row["gamma_raw"], None, None),
                method=f"{about}, whatever its size, as the dashboard prints",
                why=no_rule if row["gamma_raw"] is not None else small,
            )
        )
        rule = f"|change of the first| below {PAPER_LEAST_PP:g} points undefined"
        estimates.append(
            _gamma(
                f"{name}: paper rule",
                (row["gamma_paper"], None, None),
                method=f"{about}, {rule}, as the author's scripts do",
                why=no_rule if row["gamma_paper"] is not None else small,
            )
        )
    return estimates


def _gamma(label: str, numbers: tuple[float | None, float | None, float | None], *, method: str, why: str) -> Estimate:
    value, low, high = numbers
    return Estimate(
        symbol="gamma_release",
        label=label,
        value=value,
        low=low,
        high=high,
        n=2,
        unit="pp/pp",
        method=method,
        caveats=(why,),
    )
