"""The ladders of a selection: one family, axis, replicate and pair of protocols each, sorted by size."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from cape.diagnostics._fetch import points_of
from cape.stats.inference import Points

LADDER = ("family", "axis", "replicate", "x_protocol", "y_protocol")


def ladders_by_name(sizes: pl.DataFrame) -> dict[str, Points]:
    """Return the ladders of two sizes or more whose standard errors are all known, by a name that is unique."""
    groups = [
        (keys, rows) for keys, rows in sizes.group_by(*LADDER, maintain_order=True) if rows["position"].n_unique() > 1
    ]
    names = [f"{keys[0]}, replicate {keys[2]}" if keys[2] else str(keys[0]) for keys, _ in groups]
    repeated = Counter(names)
    found = {}
    for name, (keys, rows) in zip(names, groups, strict=True):
        points = points_of(rows)
        if np.isfinite(points.x_se).all() and np.isfinite(points.y_se).all():
            found[f"{name} ({keys[3]}; {keys[4]})" if repeated[name] > 1 else name] = points
    return found
