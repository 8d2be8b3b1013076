"""Partial r of two benchmarks given model size and family: what is left within families beside the trend in log N.

Rows of one family share its recipe, so pooled tests of the partial r given size alone take families for coupling.
Here every family has its own level, the trend is common, and each costs one degree of freedom.
Reference: Fisher (1924), Metron 3, 329-332, for the interval of a partial r given several variables.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.correlation import residuals
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.nulls import RELATIVE_ZERO

METHOD = "partial r given log10 N and family, Fisher z interval with a degree of freedom less for each"


def family_partial_correlation(x: ArrayLike, y: ArrayLike, covariate: ArrayLike, labels: ArrayLike) -> Inference:
    """Return the partial r of x and y given the covariate and the family; n counts models in families of two or more.

    x, y, covariate, labels : (n_models,). Families with a single model contribute nothing and are counted. Undefined
    where fewer than 1 degree of freedom is left or a column does not vary; the interval needs n - families > 3.
    Raises ValueError for unequal or non-finite columns.
    """
    columns = [np.asarray(column, dtype=np.float64) for column in (x, y, covariate)]
    family, member, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if any(column.shape != member.shape for column in columns) or not np.isfinite(columns).all():
        raise ValueError("A partial r needs finite columns and labels of one length. Align them and drop gaps.")
    kept = counts[member] > 1
    n_single = int((counts == 1).sum())
    caveats = (f"{n_single} families of one model were left out",) if n_single else ()
    n, n_families = int(kept.sum()), family.size - n_single
    inside = [_within(column, member, counts)[kept] for column in columns]
    spare = n - n_families - 1  # r itself needs one more than the levels and the trend take
    if spare < 2 or not inside[2].any():
        why = f"undefined: {n} models in {n_families} families leave nothing beside levels and trend"
        return Inference(value=None, low=None, high=None, n=n, method=METHOD, caveats=(why, *caveats))
    a, b = (residuals(column, inside[2]) for column in inside[:2])
    if not a.any() or not b.any():
        why = "undefined: a benchmark does not vary after adjustment"
        return Inference(value=None, low=None, high=None, n=n, method=METHOD, caveats=(why, *caveats))
    r = float(np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1.0, 1.0))  # clips rounding error only
    if spare < 3 or abs(r) > 1 - RELATIVE_ZERO:
        lacking = "no interval: too few degrees of freedom, or an exact line"
        return Inference(value=r, low=None, high=None, n=n, method=METHOD, caveats=(lacking, *caveats))
    half = Z_LEVEL / math.sqrt(spare - 2)  # n - 3 less one for each control, the families less their mean and log N
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Inference(value=r, low=low, high=high, n=n, method=METHOD, caveats=caveats)


def _within(column: NDArray[np.float64], member: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the column less the mean of its family, zero where the rest is rounding error."""
    rest = column - (np.bincount(member, column) / counts)[member]
    return np.where(np.abs(rest) > RELATIVE_ZERO * np.abs(column).max(initial=0.0), rest, 0.0)
