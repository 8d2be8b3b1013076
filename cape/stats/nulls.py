"""Null distributions of r: over orderings of one column, and over pairs of benchmarks with unrelated log-N trends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import LEVEL

MAX_EXACT = 8  # 8! = 40,320 orderings are listed in full, more points are sampled
MIN_TREND_POINTS = 4  # a line costs two degrees of freedom, the partial r one more
MIN_SIZES = 3  # r of two points is +1 or -1 whatever they are
RELATIVE_ZERO = 1e-12  # a spread this small beside the values is rounding error
TIE = 1e-9  # statistics of two orderings closer than this are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationTest:
    """An observed statistic among its values over orderings of the second column.

    p_one_sided : share of orderings at least as far as the observed one towards its own sign.
    p_two_sided : twice the smaller tail, at most 1.
    n_orderings : orderings compared; all n! when `exact`, else drawn at random, p = (b + 1) / (n_orderings + 1).
    smallest_p : the smallest p_two_sided these orderings can give, ties in the data included.
    Every number but n_orderings is None where the statistic is undefined; `caveats` says why.
    """

    method: str
    statistic: float | None = None
    p_two_sided: float | None = None
    p_one_sided: float | None = None
    n_orderings: int = 0
    exact: bool = False
    smallest_p: float | None = None
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NullBand:
    """Percentiles 2.5, 50 and 97.5 of r under a null, None where no simulation has an r.

    n : points in each simulation. n_undefined : simulations of n_simulations without an r.
    """

    n: int
    low: float | None
    median: float | None
    high: float | None
    n_simulations: int
    n_undefined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendNull:
    """What r and partial r given log10 N look like for two benchmarks that share nothing but their growth with N.

    r, partial_r : observed, None where undefined. p, partial_p : share of simulations at least as far from the
    simulated median as the observed one, (b + 1) / (simulations with an r + 1).
    r_draws, partial_r_draws : (n_simulations,), NaN where undefined.
    slope : score per decade of N. residual_sd : on n - 2 degrees of freedom. signal_to_noise : change of the trend
    over the observed sizes in residual standard deviations, signed; None where the trend is exact.
    """

    n: int
    r: float | None
    band: NullBand
    p: float | None
    r_draws: NDArray[np.float64]
    partial_r: float | None
    partial_band: NullBand
    partial_p: float | None
    partial_r_draws: NDArray[np.float64]
    slope_x: float
    slope_y: float
    residual_sd_x: float
    residual_sd_y: float
    signal_to_noise_x: float | None
    signal_to_noise_y: float | None
    method: str
    caveats: tuple[str, ...] = ()


@lru_cache(maxsize=MAX_EXACT)
def _all_orderings(n: int) -> NDArray[np.intp]:
    table = np.array(list(permutations(range(n))), dtype=np.intp)
    table.flags.writeable = False
    return table


def orderings(n: int, *, n_permutations: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], bool]:
    """Return orderings (n_orderings, n) and whether they are all of them."""
    if n_permutations < 1:
        raise BadParameterError(
            f"A permutation test needs n_permutations >= 1, got {n_permutations}. Ask for 9,999 or more."
        )
    if n <= MAX_EXACT:
        return _all_orderings(n), True
    return rng.permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1), False


def tail_test(statistic: float, null: NDArray[np.float64], *, exact: bool, method: str) -> PermutationTest:
    """Return the test of a statistic against its orderings (n_orderings,); an undefined ordering counts as extreme."""
    undefined = np.isnan(null)
    extra = 0 if exact else 1  # the observed ordering is among all of them, but not among those drawn
    total = null.size + extra
    above = int(((null >= statistic - TIE) | undefined).sum()) + extra
    below = int(((null <= statistic + TIE) | undefined).sum()) + extra
    fewest = 1
    if exact:
        ends = (null >= np.nanmax(null) - TIE, null <= np.nanmin(null) + TIE)
        fewest = min(int((end | undefined).sum()) for end in ends)
    n_undefined = int(undefined.sum())
    caveat = f"{n_undefined} of {null.size} orderings have no statistic and were counted as extreme"
    return PermutationTest(
        statistic=statistic,
        p_two_sided=min(1.0, 2 * min(above, below) / total),
        p_one_sided=(above if statistic >= 0 else below) / total,
        n_orderings=null.size,
        exact=exact,
        smallest_p=min(1.0, 2 * fewest / total),
        method=f"{method}; {'all' if exact else 'random'} orderings",
        caveats=(caveat,) if n_undefined else (),
    )


def independent_trend_null(
    log10_n: ArrayLike, x: ArrayLike, y: ArrayLike, *, n_simulations: int, rng: np.random.Generator
) -> TrendNull:
    """Return r and partial r against the null of two unrelated linear trends in log10 N with Gaussian residuals.

    log10_n, x, y : (n,), one ladder of models. Trend and residual SD are fitted to each benchmark by itself.
    Raises NotEnoughDataError for n < 4 or a single size, ValueError for unequal or non-finite columns,
    BadParameterError for n_simulations < 1.
    """
    log10_n, x, y = _checked(log10_n, x, y, n_simulations=n_simulations)
    axis = log10_n - log10_n.mean()
    x, slope_x, sd_x = _trend(axis, x)
    y, slope_y, sd_y = _trend(axis, y)
    noise = rng.standard_normal((2, n_simulations, axis.size))
    simulated_x, simulated_y = slope_x * axis + sd_x * noise[0], slope_y * axis + sd_y * noise[1]
    draws = _row_r(simulated_x, simulated_y)
    partial_draws = _row_r(_off_axis(simulated_x, axis), _off_axis(simulated_y, axis))
    r = _row_r(x[None], y[None])[0]
    partial_r = _row_r(_off_axis(x[None], axis), _off_axis(y[None], axis))[0]
    band, partial_band = _band(draws, n=axis.size), _band(partial_draws, n=axis.size)
    return TrendNull(
        n=axis.size,
        r=_defined(r),
        band=band,
        p=_distance_p(r, draws, median=band.median),
        r_draws=draws,
        partial_r=_defined(partial_r),
        partial_band=partial_band,
        partial_p=_distance_p(partial_r, partial_draws, median=partial_band.median),
        partial_r_draws=partial_draws,
        slope_x=slope_x,
        slope_y=slope_y,
        residual_sd_x=sd_x,
        residual_sd_y=sd_y,
        signal_to_noise_x=slope_x * float(np.ptp(axis)) / sd_x if sd_x > 0 else None,
        signal_to_noise_y=slope_y * float(np.ptp(axis)) / sd_y if sd_y > 0 else None,
        method="simulation of two unrelated straight lines in log10 N with Gaussian residuals fitted to each benchmark",
        caveats=_trend_caveats((band, "r"), (partial_band, "partial r")),
    )


def null_band_by_n(
    n_values: Sequence[int],
    signal_to_noise_x: float,
    signal_to_noise_y: float,
    *,
    n_simulations: int,
    rng: np.random.Generator,
) -> tuple[NullBand, ...]:
    """Return the band of r between two unrelated trends for each number of sizes, equally spaced in log10 N.

    n_values : numbers of sizes, each >= 3. signal_to_noise : signed change of each trend from the smallest to the
    largest size, in residual standard deviations, the same for every n.
    Raises BadParameterError for n < 3, a signal to noise that is not finite, or n_simulations < 1.
    """
    too_few = [n for n in n_values if n < MIN_SIZES]
    if too_few:
        raise BadParameterError(f"null_band_by_n needs n >= {MIN_SIZES}, got {too_few}. Leave those sizes out.")
    if not np.isfinite([signal_to_noise_x, signal_to_noise_y]).all():
        found = (signal_to_noise_x, signal_to_noise_y)
        raise BadParameterError(
            f"null_band_by_n needs finite signal to noise, got {found}. An exact trend has r = +1 or -1."
        )
    _check_count(n_simulations)
    bands = []
    for n in n_values:
        axis = np.linspace(-0.5, 0.5, n)
        noise = rng.standard_normal((2, n_simulations, n))
        draws = _row_r(signal_to_noise_x * axis + noise[0], signal_to_noise_y * axis + noise[1])
        bands.append(_band(draws, n=n))
    return tuple(bands)


def _check_count(n_simulations: int) -> None:
    if n_simulations < 1:
        raise BadParameterError(
            f"A simulated null needs n_simulations >= 1, got {n_simulations}. Ask for 2,000 or more."
        )


def _checked(
    log10_n: ArrayLike, x: ArrayLike, y: ArrayLike, *, n_simulations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    _check_count(n_simulations)
    log10_n, x, y = (np.asarray(column, dtype=np.float64) for column in (log10_n, x, y))
    if log10_n.ndim != 1 or not log10_n.shape == x.shape == y.shape:
        shapes = [log10_n.shape, x.shape, y.shape]
        raise ValueError(f"The trend null needs columns of one equal length, got shapes {shapes}. Align them by model.")
    n_bad = int((~np.isfinite([log10_n, x, y])).sum())
    if n_bad:
        raise ValueError(f"The trend null needs finite numbers, got {n_bad} missing or infinite. Drop those models.")
    if log10_n.size < MIN_TREND_POINTS or np.ptp(log10_n) <= RELATIVE_ZERO * np.abs(log10_n).max():
        n_sizes = np.unique(log10_n).size
        raise NotEnoughDataError(
            f"The trend null needs at least {MIN_TREND_POINTS} models and two sizes, got {log10_n.size} models of "
            f"{n_sizes} sizes. Pick a longer ladder."
        )
    return log10_n, x, y


def _trend(axis: NDArray[np.float64], column: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Return the centred column (n,), its slope on a centred axis, and the residual SD on n - 2 degrees of freedom."""
    deviations = column - column.mean()
    rounding = RELATIVE_ZERO * np.abs(column).max()
    if np.abs(deviations).max() <= rounding:
        return np.zeros_like(column), 0.0, 0.0
    slope = float(axis @ deviations / (axis @ axis))
    rest = deviations - slope * axis
    if np.abs(rest).max() <= rounding:
        return slope * axis, slope, 0.0
    return deviations, slope, float(np.sqrt(rest @ rest / (column.size - 2)))


def _off_axis(rows: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows (m, n) less mean and straight line in a centred axis, exactly zero where a row is a line."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    rest = rows - (rows @ axis / (axis @ axis))[:, None] * axis
    largest, size = np.abs(rest).max(axis=1, keepdims=True), np.abs(rows).max(axis=1, keepdims=True)
    return np.where(largest > RELATIVE_ZERO * size, rest, 0.0)


def _row_r(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson r (m,) of each row of x with the same row of y, both (m, n); NaN where a row is all zero."""
    x, y = (rows - rows.mean(axis=1, keepdims=True) for rows in (x, y))
    scale = np.sqrt(np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", y, y))
    return np.einsum("ij,ij->i", x, y) / np.where(scale > 0, scale, np.nan)


def _defined(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def _band(draws: NDArray[np.float64], *, n: int) -> NullBand:
    kept = draws[np.isfinite(draws)]
    tail = 50 * (1 - LEVEL)
    low, median, high = np.percentile(kept, [tail, 50, 100 - tail]).tolist() if kept.size else (None, None, None)
    return NullBand(
        n=n, low=low, median=median, high=high, n_simulations=draws.size, n_undefined=draws.size - kept.size
    )


def _distance_p(observed: float, draws: NDArray[np.float64], *, median: float | None) -> float | None:
    if median is None or not np.isfinite(observed):
        return None
    kept = draws[np.isfinite(draws)]
    b = int((np.abs(kept - median) >= abs(observed - median) - TIE).sum())
    return (b + 1) / (kept.size + 1)


def _trend_caveats(*bands: tuple[NullBand, str]) -> tuple[str, ...]:
    return tuple(
        f"{band.n_undefined} of {band.n_simulations} simulations have no {what}: a benchmark is an exact line"
        for band, what in bands
        if band.n_undefined
    )
