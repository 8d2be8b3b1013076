"""How surely a number is negative, and the p of a correlation whose points are taken as independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import t as student


def probability_negative(values: ArrayLike, errors: ArrayLike) -> NDArray[np.float64]:
    """Return P(value < 0) of normal values, (n,); NaN where either is missing.

    values, errors : (n,) estimate and standard error. A standard error of zero gives 0 or 1.
    """
    value, error = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    exact = error == 0
    chance = np.where(exact, (value < 0).astype(np.float64), ndtr(-value / np.where(exact, 1.0, error)))
    return np.where(np.isnan(value) | np.isnan(error), np.nan, chance)


def student_p(r: float, *, n: int, n_covariates: int = 0) -> float | None:
    """Return the two-sided p of a correlation of n independent points, None where r or its freedom is missing.

    n_covariates : covariates that r is adjusted for. Fisher, Metron 1 (1921) and 3 (1924).
    """
    spare = n - 2 - n_covariates
    if not np.isfinite(r) or spare < 1:
        return None
    if abs(r) >= 1.0:
        return 0.0
    return float(2.0 * student.sf(abs(r) * np.sqrt(spare / (1.0 - r**2)), spare))
