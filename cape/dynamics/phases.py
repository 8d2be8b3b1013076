"""Equations fitted separately below and above a band of sizes, with the degrees of freedom that each fit has left.

The paper fits tax and bonus regimes separately and compares one coefficient (paper 4). Its published script splits by
size, fits dTQA/dlog10N = a + b HS on three and on two differences, and dHS/dlog10N = a + b TQA + c WG on three.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from cape.dynamics.sparse import moments
from cape.stats.inference import LEVEL, Inference
from cape.stats.resampling import cluster_weights, guarded_interval

Array = NDArray[np.float64]

LEAST_DF = 1  # no ratio of coefficients from a fit that leaves less, DEFINITIONS section 2
CONDITION_SQUARED = 1e12  # of the normal equations of scaled columns, beyond which a regression is singular


class Regime(StrEnum):
    """Where a step lies: below the band of sizes, within or across it, above it."""

    TAX = "tax"
    TRANSITION = "transition"
    BONUS = "bonus"


def regimes_by_size(from_log10_n: Array, to_log10_n: Array, *, band: tuple[float, float]) -> NDArray[np.str_]:
    """Return the regime of each step (n,): tax if it ends at or below the band, bonus if it starts at or above it."""
    small = np.asarray(to_log10_n) <= band[0] + 1e-9
    large = np.asarray(from_log10_n) >= band[1] - 1e-9
    return np.where(small, str(Regime.TAX), np.where(large, str(Regime.BONUS), str(Regime.TRANSITION)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A least-squares fit of one regime. terms : one Inference per column. df : rows less columns or 0. error : RMS."""

    terms: tuple[Inference, ...]
    coefficients: Array | None
    n: int
    df: int
    rms: float | None


def regress(
    columns: Array, target: Array, family: NDArray[np.str_], *, n_resamples: int, rng: np.random.Generator
) -> Regression:
    """Return the least-squares coefficients of a regime with intervals.

    columns : (n, m), target : (n,) points per decade. Intervals are percentiles over resamples of whole families;
    with one family, Student's t on the degrees of freedom left; none where none is left. Undefined if singular.
    """
    n, m = columns.shape
    df = max(n - m, 0)
    solved = _solve(columns, target, np.ones((1, n))) if n >= m else np.full((1, m), np.nan)
    if np.isnan(solved).any():
        why = (f"undefined: {m} coefficients from {n} differences",) if n < m else ("undefined: the columns repeat",)
        none = Inference(value=None, low=None, high=None, n=n, method="least squares", caveats=why)
        return Regression(terms=(none,) * m, coefficients=None, n=n, df=df, rms=None)
    coefficients = solved[0]
    rest = target - columns @ coefficients
    n_families = np.unique(family).size
    if n_families > 1:
        draws = _solve(columns, target, cluster_weights(family, n_resamples=n_resamples, rng=rng))
        terms = tuple(_resampled(coefficients[i], draws[:, i], n_families) for i in range(m))
    else:
        terms = _classical(columns, coefficients, rest, df)
    return Regression(terms=terms, coefficients=coefficients, n=n, df=df, rms=float(np.sqrt((rest**2).mean())))


def _solve(columns: Array, target: Array, weights: Array) -> Array:
    """Return weighted coefficients (R, m), NaN where singular."""
    scale = np.sqrt((columns**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    gram, moment = moments(columns / scale, target[:, None], weights)
    values = np.linalg.eigvalsh(gram)
    fine = values[:, 0] > values[:, -1] / CONDITION_SQUARED
    found = np.full(moment.shape[:2], np.nan)
    found[fine] = np.linalg.solve(gram[fine], moment[fine])[:, :, 0]
    return found / scale


def _resampled(value: float, draws: Array, n_families: int) -> Inference:
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="have a singular fit")
    return Inference(
        value=float(value),
        low=low,
        high=high,
        n=n_families,
        method=f"least squares; percentiles of {draws.size} resamples of whole families",
        caveats=caveats,
        draws=draws,
    )


def _classical(columns: Array, coefficients: Array, rest: Array, df: int) -> tuple[Inference, ...]:
    if df < 1:
        caveat = f"no interval: {len(rest)} differences and {len(coefficients)} coefficients leave no degree of freedom"
        return tuple(
            Inference(value=float(c), low=None, high=None, n=len(rest), method="least squares", caveats=(caveat,))
            for c in coefficients
        )
    inverse = np.linalg.pinv(columns)
    error = np.sqrt((rest**2).sum() / df * (inverse**2).sum(axis=1))
    reach = float(student.ppf((1 + LEVEL) / 2, df)) * error
    return tuple(
        Inference(
            value=float(c),
            low=float(c - r),
            high=float(c + r),
            n=len(rest),
            method=f"least squares; Student's t on {df} degrees of freedom",
            caveats=("neighbouring differences share a score, which the interval leaves out",),
        )
        for c, r in zip(coefficients, reach, strict=True)
    )


def ratio(above: Regression, below: Regression, place: int, *, gated: bool) -> Inference:
    """Return |coefficient above| over |coefficient below|, one place of both fits.

    gated : undefined where either fit leaves less than one degree of freedom. Draws of both fits are paired.
    """
    n = above.n + below.n
    what = "magnitude of the coefficient above over that below"
    least = min(above.df, below.df)
    if gated and least < LEAST_DF:
        why = (f"undefined: a fit leaves {max(least, 0)} degrees of freedom, less than {LEAST_DF}",)
        return Inference(value=None, low=None, high=None, n=n, method=what, caveats=why)
    top, bottom = above.terms[place], below.terms[place]
    if top.value is None or bottom.value is None or bottom.value == 0:
        return Inference(
            value=None, low=None, high=None, n=n, method=what, caveats=("undefined: a coefficient is missing or zero",)
        )
    value = abs(top.value / bottom.value)
    if top.draws is None or bottom.draws is None:
        caveat = ("no interval: the fits were not resampled",)
        return Inference(value=value, low=None, high=None, n=n, method=what, caveats=caveat)
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.abs(top.draws / bottom.draws)
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="have no ratio")
    method = f"{what}; percentiles of {draws.size} resamples of whole families"
    return Inference(value=value, low=low, high=high, n=n, method=method, caveats=caveats, draws=draws)


def transfer_error(fitted: Regression, columns: Array, target: Array) -> float | None:
    """Return the root mean square error, points per decade, of one regime's equation on the steps of another."""
    if fitted.coefficients is None or not len(target):
        return None
    return float(np.sqrt(((target - columns @ fitted.coefficients) ** 2).mean()))
