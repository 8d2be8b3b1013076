"""The record that every statistic returns, and the records of points and steps that they take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cape.positions import PARAMS, Axis
from cape.quantities import Estimate

LEVEL = 0.95  # confidence level of every interval in the workbench
Z_LEVEL = 1.959963984540054  # standard normal quantile of (1 + LEVEL) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A statistic with its interval, before it is given a symbol and a unit.

    value, low, high : float or None (undefined or unbounded; `caveats` says which).
    n : number of independent units the interval rests on.
    draws : (n_resamples,) the resampled statistic, NaN where it was undefined, or None.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    caveats: tuple[str, ...] = ()
    draws: NDArray[np.float64] | None = field(default=None, repr=False)

    def estimate(self, *, symbol: str, label: str, unit: str, caveats: tuple[str, ...] = ()) -> Estimate:
        """Return the Estimate of this symbol and unit, with further caveats appended."""
        return Estimate(
            symbol=symbol,
            label=label,
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            unit=unit,
            method=self.method,
            caveats=self.caveats + caveats,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Models of one panel with both scores; all arrays have shape (n_models,).

    family : label of the resampling unit (family or lab).
    log10_n : log10 of the number of parameters.
    x_pct, y_pct : first and second benchmark, percent. x_se, y_se : their standard errors, percentage points.
    """

    family: NDArray[np.str_]
    log10_n: NDArray[np.float64]
    x_pct: NDArray[np.float64]
    y_pct: NDArray[np.float64]
    x_se: NDArray[np.float64]
    y_se: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Intervals between consecutive sizes of one family; all arrays have shape (n_steps,).

    log10_n_mid : mid-point in log10 N. x_mid_pct : mean of the first benchmark over the step, percent.
    gamma, gamma_se : slope dy/dx and its standard error; NaN where undefined.
    """

    family: NDArray[np.str_]
    log10_n_mid: NDArray[np.float64]
    x_mid_pct: NDArray[np.float64]
    gamma: NDArray[np.float64]
    gamma_se: NDArray[np.float64]


def to_billions(inference: Inference, axis: Axis = PARAMS) -> Inference:
    """Return the same inference with log10 N turned into the unit of its axis: billions, or training steps.

    value, low, high, draws : log10 of a count; 10^x / 1e9 where the axis is stated in billions.
    """
    shift = axis.log10_scale
    value, low, high = (
        None if x is None else 10.0 ** (x - shift) for x in (inference.value, inference.low, inference.high)
    )
    draws = None if inference.draws is None else 10.0 ** (inference.draws - shift)
    words = "as billions" if shift else f"as {axis.counted}"
    return replace(inference, value=value, low=low, high=high, draws=draws, method=f"{inference.method}, {words}")
