"""Errors of the prediction chain: a fixed power of N, a running gamma, a field by family (dashboard, paper 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import NotEnoughDataError
from cape.stats.lines import fit_line

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Absolute relative errors, percent, (n,) each: of the rows fitted, and of each row from the others.

    family : (n,) what to resample, or None where rows stand for themselves.
    """

    within_pct: Array
    left_out_pct: Array
    family: NDArray[np.str_] | None = None


def fixed_power_errors(n_params: ArrayLike, norm: ArrayLike, *, exponent: float) -> Errors:
    """Return the errors of norm = c N^-exponent, c fitted in logarithms.

    n_params, norm : (n,) positive, n >= 2; raises NotEnoughDataError with fewer.
    """
    target = np.log(np.asarray(norm, dtype=np.float64)) + exponent * np.log(np.asarray(n_params, dtype=np.float64))
    n = target.size
    if n < 2:
        raise NotEnoughDataError(f"A fixed power needs at least 2 sizes, got {n}. Add sizes.")
    others = (target.sum() - target) / (n - 1)
    return Errors(within_pct=_relative(target.mean() - target), left_out_pct=_relative(others - target))


def power_errors(level: ArrayLike, norm: ArrayLike) -> Errors:
    """Return the errors of norm = c level^k, both fitted in logarithms.

    level, norm : (n,) positive, n >= 3; raises NotEnoughDataError with fewer.
    """
    axis, target = np.log(np.asarray(level, dtype=np.float64)), np.log(np.asarray(norm, dtype=np.float64))
    if target.size < 3:
        raise NotEnoughDataError(f"A power law needs at least 3 sizes, got {target.size}. Add sizes.")
    line = fit_line(axis, target)
    return Errors(within_pct=_relative(line.fitted - target), left_out_pct=_relative(line.left_out - target))


def running_gamma_errors(log10_n_mid: ArrayLike, delta_x: ArrayLike, y_from: ArrayLike, y_to: ArrayLike) -> Errors:
    """Return the errors of y_to = y_from + gamma(N) delta_x, gamma a line in log10 N over the steps of one family.

    log10_n_mid, delta_x, y_from, y_to : (n_steps,), percentage points and percent; steps with delta_x = 0 have no
    gamma and are left out. Raises NotEnoughDataError with fewer than 3 steps.
    """
    place, change, before, after = (
        np.asarray(column, dtype=np.float64) for column in (log10_n_mid, delta_x, y_from, y_to)
    )
    kept = change != 0
    if kept.sum() < 3:
        raise NotEnoughDataError(
            f"A running gamma needs at least 3 steps, got {int(kept.sum())}. Pick a longer ladder."
        )
    place, change, before, after = (column[kept] for column in (place, change, before, after))
    line = fit_line(place, (after - before) / change)
    within, left_out = (100 * np.abs((before + gamma * change) / after - 1) for gamma in (line.fitted, line.left_out))
    return Errors(within_pct=within, left_out_pct=left_out)


def field_errors(log10_n: ArrayLike, y: ArrayLike, family: ArrayLike) -> dict[str, Errors]:
    """Return the errors of y = U(N) + h by family, U a quadratic in log10 N of the other families.

    log10_n, y, family : (n_models,). within_pct : U alone, h = 0; left_out_pct : h is the mean offset of the family's
    other models. Families of one model, and families that leave fewer than 4 other models, are left out.
    """
    size, score, label = (np.asarray(column) for column in (log10_n, y, family))
    found = {}
    for name in np.unique(label):
        mine = label == name
        if mine.sum() < 2 or np.unique(size[~mine]).size < 4:
            continue
        centre = size[~mine].mean()
        curve = np.polyval(np.polyfit(size[~mine] - centre, score[~mine], 2), size[mine] - centre)
        offset = score[mine] - curve
        field = (offset.sum() - offset) / (offset.size - 1)
        within, left_out = (100 * np.abs(guess / score[mine] - 1) for guess in (curve, curve + field))
        found[str(name)] = Errors(within_pct=within, left_out_pct=left_out)
    return found


def _relative(log_error: Array) -> Array:
    return 100 * np.abs(np.exp(log_error) - 1)
