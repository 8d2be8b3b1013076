"""Errors of paired items in a selection: read from the marts, shaped for the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._params import ALL_FAMILIES, Params
from cape.stats.inference import Points
from cape.stats.ladder_errors import LadderErrors, covariance_of_scores

LADDER = ("family", "axis", "replicate")
PAIRED = "paired items"


def item_pairs(params: Params, read: Read) -> pl.DataFrame:
    """Return the pairs of sizes that share their items on either benchmark of the selection."""
    frames = [
        read("mart_items_paired", panel=params.panel, benchmark_id=name, **_family(params))
        for name in (params.x, params.y)
    ]
    return pl.concat(frames)


def item_flips(params: Params, read: Read) -> pl.DataFrame:
    """Return items gained and lost on every step of the selection, in all and by category."""
    frames = [
        read("mart_item_flips", panel=params.panel, benchmark_id=name, **_family(params))
        for name in (params.x, params.y)
    ]
    return pl.concat(frames)


def error_words(row: Mapping[str, Any], axes: str = "xy") -> str:
    """Return whose errors a step rests on: paired items, the scores' own, or one of each."""
    methods = {row[f"{axis}_stderr_method"] for axis in axes}
    words = {PAIRED: "paired items", "scores": "the scores' standard errors"}
    return " and ".join(words[method] for method in sorted(methods))


def ladder_errors(params: Params, rows: pl.DataFrame, points: Points, pairs: pl.DataFrame) -> LadderErrors | None:
    """Return the joint errors of the scores of one ladder, None where neither benchmark has items of all its sizes.

    rows : sizes of one ladder, in order, as the points. A benchmark without items keeps its own standard errors.
    """
    if pairs.is_empty() or rows["position"].null_count():
        return None
    found, n_paired = [], 0
    for name, protocol, se in ((params.x, "x_protocol", points.x_se), (params.y, "y_protocol", points.y_se)):
        equal = [pl.col(column) == rows[column][0] for column in LADDER]
        mine = pairs.filter(pl.col("benchmark_id") == name, pl.col("protocol") == rows[protocol][0], *equal)
        between = _variances(rows["position"].to_list(), mine)
        n_paired += between is not None
        found.append(np.diag(se**2) if between is None else covariance_of_scores(se, between))
    return LadderErrors(x=found[0], y=found[1]) if n_paired else None


def _variances(positions: list[float], pairs: pl.DataFrame) -> NDArray[np.float64] | None:
    """Return the variance of the difference of every two sizes, None where one is missing."""
    place = {position: index for index, position in enumerate(positions)}
    between = np.full((len(positions), len(positions)), np.nan)
    np.fill_diagonal(between, 0.0)
    for start, end, se in pairs.select("position_from", "position_to", "paired_se_pct").iter_rows():
        if start in place and end in place:
            between[place[start], place[end]] = between[place[end], place[start]] = se**2
    return between if np.isfinite(between).all() else None


def _family(params: Params) -> dict[str, str]:
    return {} if params.family == ALL_FAMILIES else {"family": params.family}
