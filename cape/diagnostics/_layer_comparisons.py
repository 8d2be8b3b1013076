"""Comparisons of layer coupling between models: sizes of one family, two generations, and post-training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from cape.quantities import Estimate, Table
from cape.stats.degenerate import TOLERANCE
from cape.stats.inference import Z_LEVEL
from cape.stats.multiple_testing import benjamini_hochberg
from cape.stats.sign_test import SignTest, sign_test

SAME, ACROSS = "same instrument", "across instruments"
MATCHED = 1.5  # ratio of sizes up to which two models are called of matched size; the paper pairs 1.5B with 1.7B
POST_TRAINED = "-it"
NO_INTERVAL = "no interval: neither source records one"
SCHEMA = {"kind": pl.String, "label": pl.String, "family": pl.String, "compared": pl.String, "measured_by": pl.String,
          "from_model": pl.String, "to_model": pl.String, "from_b": pl.Float64, "to_b": pl.Float64,
          "from_value": pl.Float64, "to_value": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
          "from_competing": pl.Float64, "to_competing": pl.Float64, "alarms": pl.String}  # fmt: skip
UNITS = {"from_b": "billion parameters", "to_b": "billion parameters", "from_competing": "heads",
         "to_competing": "heads",
         **dict.fromkeys(("from_value", "to_value", "value", "low", "high"), "cosine")}  # fmt: skip
SIZES, GENERATIONS, POST = "sizes", "generations", "post-training"


def size_rows(models: pl.DataFrame, band_b: tuple[float, float]) -> list[dict[str, Any]]:
    """Return, for every model in a band of sizes, its change from the next smaller size of its family.

    Within one instrument the next smaller size measured by it; and where a family is measured below the band only by
    another instrument, the change across instruments, named as such.
    """
    sized = models.drop_nulls(["params_b", "mean", "family"]).sort("params_b", "label")
    rows = []
    for target in sized.filter(pl.col("params_b").is_between(*band_b)).iter_rows(named=True):
        below = sized.filter((pl.col("family") == target["family"]) & (pl.col("params_b") < target["params_b"]))
        alike = below.filter(pl.col("measured_by") == target["measured_by"])
        chosen = alike if alike.height else below
        if chosen.height:
            largest = chosen.filter(pl.col("params_b") == pl.col("params_b").max()).row(0, named=True)
            rows.append(_row(SIZES, largest, target, SAME if alike.height else ACROSS))
    return rows


def generation_rows(models: pl.DataFrame, newer: str, older: str) -> list[dict[str, Any]]:
    """Return the change from each model of the older family to the one of the newer nearest in size, by instrument."""
    sized = models.drop_nulls(["params_b", "mean"])
    rows = []
    for target in sized.filter(pl.col("family") == newer).iter_rows(named=True):
        rivals = sized.filter(
            (pl.col("family") == older)
            & (pl.col("measured_by") == target["measured_by"])
            & (pl.col("source_id") == target["source_id"])
        ).with_columns((pl.col("params_b") / target["params_b"]).log().abs().alias("apart"))
        near = rivals.filter(pl.col("apart") <= np.log(MATCHED)).sort("apart", "label")
        if near.height:
            rows.append(_row(GENERATIONS, near.row(0, named=True), target, SAME))
    return rows


def post_training_rows(models: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the change from a base model to the model of the same name with POST_TRAINED after it, by instrument."""
    held = models.drop_nulls("mean")
    pairs = held.join(
        held.with_columns((pl.col("model_id") + POST_TRAINED).alias("model_id")),
        on=["model_id", "measured_by", "source_id", "backend"],
        suffix="_base",
    )
    rows = []
    for label, base in pairs.select("label", "label_base").iter_rows():
        first, second = (held.filter(pl.col("label") == name).row(0, named=True) for name in (base, label))
        rows.append(_row(POST, first, second, SAME))
    return rows


def _row(kind: str, first: dict[str, Any], second: dict[str, Any], compared: str) -> dict[str, Any]:
    change = second["mean"] - first["mean"]
    half = _half_width(first, second)
    by = second["measured_by"] if compared == SAME else f"{first['measured_by']} and {second['measured_by']}"
    label = f"{second['model_id']} less {first['model_id']}, {second['source_id']}"
    label += "" if first["source_id"] == second["source_id"] else f" and {first['source_id']}"
    return {
        "kind": kind, "label": label, "family": second["family"], "compared": compared, "measured_by": by,
        "from_model": first["model_id"], "to_model": second["model_id"], "from_b": first["params_b"],
        "to_b": second["params_b"], "from_value": first["mean"], "to_value": second["mean"], "value": change,
        "low": None if half is None else change - half, "high": None if half is None else change + half,
        "from_competing": first["competing"], "to_competing": second["competing"],
        "alarms": "; ".join(sorted({text for text in (first["alarms"], second["alarms"]) if text})),
    }  # fmt: skip


def _half_width(first: dict[str, Any], second: dict[str, Any]) -> float | None:
    """Half of the normal 95% interval of a difference: from intervals over prompts, or from the spread over heads."""
    if any(model["mean_low"] is None or model["mean_high"] is None for model in (first, second)):
        if any(model["spread"] is None or not model["heads"] for model in (first, second)):
            return None
        return float(Z_LEVEL * np.sqrt(sum(model["spread"] ** 2 / model["heads"] for model in (first, second))))
    halves = [(model["mean_high"] - model["mean_low"]) / 2 for model in (first, second)]
    return float(np.hypot(*halves))


def comparison_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return every comparison."""
    title = "Changes between models"
    return Table(name="comparisons", title=title, frame=pl.DataFrame(rows, schema=SCHEMA), units=UNITS)


def comparison_estimates(rows: Sequence[dict[str, Any]]) -> list[Estimate]:
    """Return the change of every comparison with what interval can be given."""
    symbols = {SIZES: "size_change", GENERATIONS: "generation_change", POST: "post_training_change"}
    found = []
    for row in rows:
        caveats = [NO_INTERVAL] if row["low"] is None else ["heads or the models' prompts taken as independent"]
        if row["compared"] == ACROSS:
            caveats.append("across instruments: not a change of the model")
        if row["alarms"]:
            caveats.append(f"alarm: {row['alarms']}")
        found.append(
            Estimate(
                symbol=symbols[row["kind"]],
                label=row["label"],
                value=row["value"],
                low=row["low"],
                high=row["high"],
                n=2,
                unit="cosine",
                method=f"difference of mean coupling, {row['compared']}: {row['measured_by']}",
                caveats=tuple(caveats),
            )
        )
    return found


def sign_tests(models: pl.DataFrame, rows: Sequence[dict[str, Any]]) -> dict[str, tuple[SignTest, int]]:
    """Return the sign tests by name with their number of families: depth by instrument, sizes, generations."""
    found: dict[str, tuple[SignTest, int]] = {}
    deep = models.drop_nulls(["early", "late"])
    for (name,), held in deep.group_by("measured_by", maintain_order=True):
        change = (held["late"] - held["early"]).to_numpy()
        found[f"late less early: {name}"] = (sign_test(change, tolerance=TOLERANCE), held["family"].n_unique())
    for kind, compared in ((SIZES, SAME), (SIZES, ACROSS), (GENERATIONS, SAME)):
        held_rows = [row for row in rows if (row["kind"], row["compared"]) == (kind, compared)]
        if held_rows:
            tested = sign_test([row["value"] for row in held_rows], tolerance=TOLERANCE)
            found[f"{kind}, {compared}"] = (tested, len({row["family"] for row in held_rows}))
    return found


def sign_estimates(tests: dict[str, tuple[SignTest, int]]) -> Iterator[Estimate]:
    """Yield the positive share with Wilson's interval, the p and its value adjusted for the number of looks."""
    defined = {name: test.p for name, (test, _) in tests.items() if test.p is not None}
    looks = list(benjamini_hochberg(list(defined.values()))) if defined else []
    adjusted = dict(zip(defined, looks, strict=True))
    for name, (test, n_families) in tests.items():
        method = f"exact two-sided sign test; {test.n_zero} differences without a sign left out; {n_families} families"
        if test.p is None or test.share is None:
            yield Estimate(
                symbol="sign_share", label=name, value=None, low=None, high=None, n=0, unit="% of differences",
                method=method, caveats=("undefined: no difference has a sign",),
            )  # fmt: skip
            continue
        yield Estimate(
            symbol="sign_share", label=name, value=100 * test.share, low=100 * (test.low or 0.0),
            high=100 * (1.0 if test.high is None else test.high), n=test.n, unit="% of differences",
            method=f"{method}; Wilson 95% interval", caveats=("models taken as independent",),
        )  # fmt: skip
        for symbol, value, more in (
            ("p_sign", test.p, f"{test.n} signs allow no p below {test.floor:.3g}"),
            ("q_sign", float(adjusted[name]), f"Benjamini-Hochberg over the {len(defined)} sign tests of this page"),
        ):
            yield Estimate(
                symbol=symbol, label=name, value=value, low=None, high=None, n=test.n, unit="", method=method,
                caveats=("no interval: a p-value", more),
            )  # fmt: skip
