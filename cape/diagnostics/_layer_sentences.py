"""What layer_coupling says on screen, by stated rules from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from cape.diagnostics._layer_comparisons import ACROSS, GENERATIONS, POST, SAME, SIZES
from cape.figures._text import counted
from cape.stats.sign_test import SignTest

Row = Mapping[str, Any]


def sentences(
    models: pl.DataFrame,
    profiles: pl.DataFrame,
    ladder: pl.DataFrame,
    compared: Sequence[Row],
    tests: Mapping[str, tuple[SignTest, int]],
    *,
    params: Any,
) -> tuple[str, ...]:
    """Return what the profiles hold, how coupling changes with depth, size, generation and post-training."""
    told = [_held(models, profiles), *_depth(tests), _ladder(ladder, params.ladder_family)]
    told += [_second(compared, params), _generations(compared, params), _post(compared)]
    return tuple(sentence for sentence in told if sentence)


def _held(models: pl.DataFrame, profiles: pl.DataFrame) -> str:
    n_intervals = models.drop_nulls("mean_low").height
    n_profiles = profiles["label"].n_unique() if profiles.height else 0
    n_models, n_ways = models["model_id"].n_unique(), models["measured_by"].n_unique()
    return (
        f"{counted(models.height, 'row')} of {n_models} measured models by {n_ways} instruments or prompts; "
        f"{n_profiles} have a profile over layers, {n_intervals} an interval over prompts."
    )


def _depth(tests: Mapping[str, tuple[SignTest, int]]) -> list[str]:
    told = []
    for name, (test, n_families) in tests.items():
        if name.startswith("late less early") and test.n:
            told.append(
                f"{name.partition(': ')[2]}: coupling is higher in late than in early layers at {test.n_positive} of "
                f"{test.n} models with a difference ({_families(n_families)}), sign test p = {test.p:.2g}, and "
                f"{test.n} signs allow no p below {test.floor:.2g}."
            )
    return told


def _families(n: int) -> str:
    return "1 family" if n == 1 else f"{n} families"


def _ladder(ladder: pl.DataFrame, family: str) -> str:
    if ladder.is_empty():
        return f"No size of {family} is measured in this selection."
    printed = ladder.filter((pl.col("same_value_in") != "") | (pl.col("other_value_in") != ""))
    same = printed.filter(pl.col("same_value_in") != "").select("model_id").n_unique()
    other = printed.filter(pl.col("same_value_in") == "").select("model_id").n_unique()
    sources = ladder["source_id"].n_unique()
    head = f"{family} is measured at {ladder['model_id'].n_unique()} sizes in {counted(sources, 'source')}"
    if not printed.height:
        return f"{head}, no size in two."
    return (
        f"{head}; of the sizes that two sources hold, {same} have the same value to three decimals and {other} "
        "another, so one ladder through them joins different measurements."
        if other
        else f"{head}; the sizes that two sources hold have the same value to three decimals."
    )


def _second(compared: Sequence[Row], params: Any) -> str:
    held = [row for row in compared if row["kind"] == SIZES]
    if not held:
        return ""
    told = []
    for name in (SAME, ACROSS):
        mine = [row for row in held if row["compared"] == name]
        falls = sorted({str(row["family"]) for row in mine if row["value"] < 0})
        rises = sorted({str(row["family"]) for row in mine if row["value"] > 0})
        if mine:
            told.append(f"{name}: lower in {', '.join(falls) or 'none'}, higher in {', '.join(rises) or 'none'}")
    n_intervals = sum(row["low"] is not None for row in held)
    return (
        f"At {params.band_from_b:g} to {params.band_to_b:g}B against the next smaller size measured, "
        f"{'; '.join(told)}; {n_intervals} of {counted(len(held), 'change')} have an interval."
    )


def _generations(compared: Sequence[Row], params: Any) -> str:
    held = [row for row in compared if row["kind"] == GENERATIONS]
    if not held:
        return f"No {params.newer} and {params.older} of matched size are measured by one instrument in this selection."
    up, equal = (sum(test(row["value"]) for row in held) for test in (lambda v: v > 1e-6, lambda v: abs(v) <= 1e-6))
    n_alarmed = sum(bool(row["alarms"]) for row in held)
    return (
        f"{params.newer} against {params.older} at matched size: higher in {up}, equal in {equal} and lower in "
        f"{len(held) - up - equal} of {counted(len(held), 'pair')}; {n_alarmed} of them hold an alarmed value."
    )


def _post(compared: Sequence[Row]) -> str:
    told = [
        f"{row['to_model']} {row['to_value']:.3f} after {row['from_value']:.3f}"
        for row in compared
        if row["kind"] == POST
    ]
    return f"After post-training: {'; '.join(told)}; one run each, without an interval." if told else ""
