"""Curation in units of size: the required field h_c(N), h(D) of a model, and the size that a gamma would need.

Definitions: DEFINITIONS section 2 (h_c; h(D), base scale), paper A.10 and 5.2. All are heuristics of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.flow import weighted_polynomials
from cape.stats.inference import Inference, Steps
from cape.stats.resampling import cluster_inference, cluster_weights

Array = NDArray[np.float64]

PERCENT = 100.0
EXPONENT = 1.5  # mean-field exponent of h_c, paper A.10
HEURISTIC = "a heuristic of the paper with an assumed exponent; nothing here was fitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """One measured gamma against the line gamma(log10 N) of other families.

    gap : gamma less the line at another size. ratio : log10 of the size at which the line reaches gamma over the size
    where gamma was measured.
    """

    gap: Inference
    ratio: Inference


def required_field(n_c: Inference, log10_n: float) -> Inference:
    """Return h_c = ((N_c - N) / N_c)^1.5 below N_c and 0 above it, in percent of full curation.

    n_c : in log10 N. h_c rises with N_c, so the ends of its interval are those of N_c carried over: an end of N_c that
    is unbounded above gives 100, one unbounded below gives 0.
    """
    method = f"((N_c - N) / N_c)^{EXPONENT} with the interval of N_c carried over; {n_c.method}"
    if n_c.value is None:
        reason = ("no N_c, so no h_c", *n_c.caveats)
        return Inference(value=None, low=None, high=None, n=n_c.n, method=method, caveats=reason)
    has_interval = n_c.low is not None or n_c.high is not None
    low = (0.0 if n_c.low is None else field_pct(n_c.low, log10_n)) if has_interval else None
    high = (PERCENT if n_c.high is None else field_pct(n_c.high, log10_n)) if has_interval else None
    caveats = (HEURISTIC, *n_c.caveats, *(() if has_interval else ("no interval: N_c has none",)))
    return Inference(value=field_pct(n_c.value, log10_n), low=low, high=high, n=n_c.n, method=method, caveats=caveats)


def field_pct(log10_n_c: float, log10_n: float) -> float:
    """Return ((N_c - N) / N_c)^1.5 in percent, or 0 where N is at or above N_c."""
    return PERCENT * max(0.0, 1.0 - 10.0 ** (log10_n - log10_n_c)) ** EXPONENT


def baseline(
    log10_n: ArrayLike, y_pct: ArrayLike, labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> Array:
    """Return the quadratic U(log10 N) of models and of resamples of their families, (1 + n_resamples, 3), lowest first.

    log10_n, y_pct, labels : (n,). Rows are NaN where the quadratic is singular.
    """
    size, score = np.asarray(log10_n, dtype=np.float64), np.asarray(y_pct, dtype=np.float64)
    drawn = cluster_weights(labels, n_resamples=n_resamples, rng=rng)
    found, _ = weighted_polynomials(np.vstack([np.ones(size.size), drawn]), size[None, :], score[None, :], 2)
    return found


def curation_offset(
    curve: Array, *, log10_n: float, y_pct: float, y_se: float, n: int, rng: np.random.Generator
) -> Inference:
    """Return h(D) = B2 - U(log10 N) of one model, percentage points.

    curve : (1 + n_resamples, 3) from `baseline`. The interval holds the resampling of families and the standard error
    of the score (none of it if that is NaN). n counts the families of the curve.
    """
    height = curve @ np.array([1.0, log10_n, log10_n**2])
    noise = np.concatenate([[0.0], rng.standard_normal(curve.shape[0] - 1)])
    values = y_pct + np.where(np.isfinite(y_se), y_se, 0.0) * noise - height
    return cluster_inference(
        values,
        why="undefined: the curve needs 3 sizes",
        lacking="have no curve",
        n=n,
        method="score less the quadratic U(log10 N) of the other models, score drawn with its error",
    )


def equivalent_scale(
    others: Steps,
    *,
    gamma: tuple[float, float],
    log10_n: float,
    log10_n_compared: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Equivalence:
    """Return how one gamma compares with the weighted line gamma(log10 N) of other families.

    others : their steps. gamma : (value, standard error) measured at log10_n. gap : gamma less the line at
    log10_n_compared. ratio : undefined where the line does not rise. n counts the other families.
    """
    kept = np.isfinite(others.gamma) & np.isfinite(others.gamma_se)
    size, slope, family = others.log10_n_mid[kept], others.gamma[kept], others.family[kept]
    n = int(np.unique(family).size)
    values = np.full((2, n_resamples + 1), np.nan)
    if size.size > 2 and np.ptp(size) > 0:
        drawn = np.vstack([np.ones(size.size), cluster_weights(family, n_resamples=n_resamples, rng=rng)])
        weight = drawn * others.gamma_se[kept] ** -2.0
        total, s_l, s_g, s_ll, s_lg = (weight @ np.stack([size**0, size, slope, size**2, size * slope], axis=1)).T
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = s_ll - s_l**2 / total
            rise = np.where(spread > 1e-9 * total, (s_lg - s_l * s_g / total) / spread, np.nan)
            level = (s_g - rise * s_l) / total
            measured = gamma[0] + gamma[1] * np.concatenate([[0.0], rng.standard_normal(n_resamples)])
            ratio = np.where(rise > 0, (measured - level) / rise - log10_n, np.nan)
        values = np.stack([measured - level - rise * log10_n_compared, ratio])
    method = "weighted line gamma(log10 N) of the other families, gamma drawn with its error"
    gap, ratio_found = (
        cluster_inference(row, why=why, lacking="have no such value", n=n, method=f"{what}; {method}")
        for row, why, what in (
            (values[0], "undefined: fewer than 3 intervals of other families", "gamma less the line"),
            (values[1], "undefined: the line of the other families does not rise", "size on the line over own size"),
        )
    )
    return Equivalence(gap=gap, ratio=ratio_found)
