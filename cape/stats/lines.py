"""Straight lines by least squares with Student t intervals, and one point against the line of the others.

Used on logarithms: a power law is a line in log and log, an Arrhenius law a line in the inverse (paper A.8).
Reference: Draper and Smith (1998), Applied Regression Analysis, chapters 1 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from cape.stats.correlation import centred, pearson
from cape.stats.inference import LEVEL, Inference

METHOD = "least-squares line, t interval"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through n points. slope : with its t interval on n - 2 degrees of freedom. r : with Fisher's interval.

    slope_se, r2, intercept : None where undefined. fitted, left_out : (n,) the line at each point, and the line of the
    other points there; empty where there is no line, NaN where the others have none.
    """

    slope: Inference
    slope_se: float | None
    intercept: float | None
    r: Inference
    r2: float | None
    fitted: Array
    left_out: Array


def fit_line(x: ArrayLike, y: ArrayLike) -> Line:
    """Return the line y = intercept + slope x through finite points (n,) each.

    Undefined with fewer than 2 points or one value of x; no interval and no r2 with 2 points, which any line fits.
    Raises ValueError for columns of different length or not finite.
    """
    axis, column = _checked(x, y)
    n = axis.size
    if n < 2 or not centred(axis).any():
        why = f"undefined: a line needs 2 different values of x, got {n} {'point' if n == 1 else 'points'}"
        undefined = Inference(value=None, low=None, high=None, n=n, method=METHOD, caveats=(why,))
        r, empty = replace(undefined, method="Pearson r"), np.empty(0)
        return Line(slope=undefined, slope_se=None, intercept=None, r=r, r2=None, fitted=empty, left_out=empty)
    r = pearson(axis, column)
    slope, intercept = _slope(axis, column)
    fitted = intercept + slope * axis
    spare = n - 2
    if spare < 1:
        caveats = ("no interval: two points leave 0 degrees of freedom, any line fits them",)
        found = Inference(value=slope, low=None, high=None, n=n, method=METHOD, caveats=caveats)
        left_out = np.full(n, np.nan)
        return Line(slope=found, slope_se=None, intercept=intercept, r=r, r2=None, fitted=fitted, left_out=left_out)
    rest, deviations = column - fitted, column - column.mean()
    slope_se = float(np.sqrt(rest @ rest / spare) / np.linalg.norm(axis - axis.mean()))
    half = float(student.ppf((1 + LEVEL) / 2, spare)) * slope_se
    found = Inference(value=slope, low=slope - half, high=slope + half, n=n, method=f"{METHOD}, {_freedom(spare)}")
    total = float(deviations @ deviations)
    return Line(
        slope=found,
        slope_se=slope_se,
        intercept=intercept,
        r=r,
        r2=1 - float(rest @ rest) / total if total > 0 else None,
        fitted=fitted,
        left_out=_left_out(axis, column),
    )


def distance_from_line(x: ArrayLike, y: ArrayLike, *, row: int) -> tuple[Inference, Inference]:
    """Return how far y[row] lies from the line of all points, and from the line of the others with its t interval.

    x, y : (n,). The second interval is that of a new observation less the prediction, on n - 3 degrees of freedom.
    Undefined with fewer than 4 points. Raises ValueError as `fit_line`.
    """
    axis, column = _checked(x, y)
    n = axis.size
    kept = np.arange(n) != row
    method = "distance from the least-squares line"
    if n < 4 or not centred(axis[kept]).any():
        why = ("undefined: needs 4 points and 2 other values of x",)
        nothing = Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)
        return nothing, nothing
    slope, intercept = _slope(axis, column)
    within = Inference(
        value=float(column[row] - intercept - slope * axis[row]),
        low=None,
        high=None,
        n=n,
        method=f"{method} of all {n} points",
        caveats=("no interval: the point is one of those that the line was fitted to",),
    )
    slope, intercept = _slope(axis[kept], column[kept])
    value = float(column[row] - intercept - slope * axis[row])
    rest, spare = column[kept] - intercept - slope * axis[kept], n - 3
    off = axis[kept] - axis[kept].mean()
    spread = 1 + 1 / (n - 1) + (axis[row] - axis[kept].mean()) ** 2 / (off @ off)
    half = float(student.ppf((1 + LEVEL) / 2, spare) * np.sqrt(rest @ rest / spare * spread))
    outside = Inference(
        value=value,
        low=value - half,
        high=value + half,
        n=n - 1,
        method=f"{method} of the other {n - 1} points, prediction interval, {_freedom(spare)}",
    )
    return within, outside


def outlier_p(x: ArrayLike, y: ArrayLike, *, row: int) -> float | None:
    """Return the two-sided p that y[row] lies off the line of the others, times n: the row was picked after looking.

    x, y : (n,). At most 1 (Bonferroni); None with fewer than 4 points or where the others lie on their line exactly.
    """
    _, outside = distance_from_line(x, y, row=row)
    if outside.value is None or outside.low is None or outside.low == outside.value:
        return None
    spare, n = outside.n - 2, outside.n + 1
    error = (outside.value - outside.low) / student.ppf((1 + LEVEL) / 2, spare)
    return float(min(1.0, n * 2 * student.sf(abs(outside.value) / error, spare)))


def _freedom(spare: int) -> str:
    return f"{spare} degree of freedom" if spare == 1 else f"{spare} degrees of freedom"


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    axis, column = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if axis.ndim != 1 or axis.shape != column.shape:
        raise ValueError(f"A line needs columns of one length, got {axis.shape} and {column.shape}. Align them.")
    if not np.isfinite([axis, column]).all():
        raise ValueError("A line needs finite numbers, got missing or infinite ones. Drop those points.")
    return axis, column


def _slope(axis: Array, column: Array) -> tuple[float, float]:
    off = axis - axis.mean()
    slope = float(off @ (column - column.mean()) / (off @ off))
    return slope, float(column.mean() - slope * axis.mean())


def _left_out(axis: Array, column: Array) -> Array:
    """Return the line of the other points at each point (n,); NaN where the others share one x."""
    found = np.full(axis.size, np.nan)
    for row in range(axis.size):
        kept = np.arange(axis.size) != row
        if centred(axis[kept]).any():
            slope, intercept = _slope(axis[kept], column[kept])
            found[row] = intercept + slope * axis[row]
    return found
