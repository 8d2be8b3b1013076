"""N_c of a population as the zero of one line gamma = alpha + beta log10 N within families, with Fieller's interval.

Within a family y = c + sum of gamma(mid) dx over its intervals = c + alpha x + beta z, with z the running sum of
mid dx. Scores of different models have independent errors, so this form needs no ratio and no undefined interval:
alpha and beta are within-family least squares of y on x and z. The errors of x have known variances, and what they
add to the sums of products is taken off (errors in both benchmarks). The doubt is that between families: delete-one-
family jackknife of (alpha, beta), and the set of sizes at which gamma = 0 is not rejected by Student's t.
References: Fieller (1954), J. R. Stat. Soc. B 16, 175-185; Fuller (1987), Measurement Error Models, section 2.2;
Cameron, Gelbach and Miller (2008), Rev. Econ. Stat. 90, 414-427, for few clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from cape.errors import NotEnoughDataError
from cape.stats.inference import LEVEL, Inference, Points

Array = NDArray[np.float64]

MIN_FAMILIES = 3  # the jackknife leaves one out and the rest must still differ
FLAT = 1e-12  # a determinant this small beside its terms is rounding error

STILL = "undefined: the first benchmark does not move beyond its errors"
METHOD = (
    "zero of one line gamma(log10 N) within families, errors in both benchmarks; "
    "Fieller interval, delete-one-family jackknife, Student t"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroFits:
    """Zeros of the line of several panels; all arrays (n_panels,), NaN where undefined.

    slope : beta, gamma per decade. zero, low, high : log10 N; low and high only where the interval is bounded.
    is_rising : the slope is positive and its own interval leaves out zero, so that the interval of the zero is bounded.
    """

    slope: Array
    zero: Array
    low: Array
    high: Array
    is_rising: NDArray[np.bool_]


def line_moments(log10_n: Array, x: Array, y: Array, x_se: Array) -> Array:
    """Return (..., 5) sums of within-family products xx, xz, zz, xy, zy of one family, less what errors of x add.

    log10_n : (n,) sorted, from any common origin. x, y, x_se : (..., n) percent.
    """
    n = log10_n.size
    change = np.diff(np.eye(n), axis=0)  # (n - 1, n): row j takes x to dx of interval j
    mid = (log10_n[1:] + log10_n[:-1]) / 2
    running = np.vstack([np.zeros(n), np.cumsum(mid[:, None] * change, axis=0)])  # z = running @ x
    centre = np.eye(n) - 1.0 / n
    from_x, from_z = centre @ running, running.T @ centre @ running
    within, cumulated = x @ centre, x @ from_x.T
    variance = x_se**2
    return np.stack(
        [
            (within * x).sum(axis=-1) - variance @ np.diag(centre),
            (within * cumulated).sum(axis=-1) - variance @ np.diag(from_x),
            (cumulated**2).sum(axis=-1) - variance @ np.diag(from_z),
            (within * y).sum(axis=-1),
            (cumulated * y).sum(axis=-1),
        ],
        axis=-1,
    )


def zero_fits(moments: Array) -> ZeroFits:
    """Return the zero of alpha + beta l of each panel with its interval, l from the origin of the moments.

    moments : (n_panels, n_families, 5) of `line_moments`, n_families >= MIN_FAMILIES.
    """
    n_families = moments.shape[1]
    total = moments.sum(axis=1)
    alpha, beta = _solved(total)
    without = _solved(total[:, None, :] - moments)
    off_alpha, off_beta = without[0] - alpha[:, None], without[1] - beta[:, None]
    share = (n_families - 1) / n_families
    v_aa, v_ab, v_bb = (share * (a * b).sum(axis=1) for a, b in _pairs(off_alpha, off_beta))
    t2 = float(student.ppf((1 + LEVEL) / 2, n_families - 1)) ** 2
    # {l : (alpha + beta l)^2 <= t2 (v_aa + 2 l v_ab + l^2 v_bb)}; bounded where `leading` > 0, then it holds the zero
    leading, middle, last = beta**2 - t2 * v_bb, alpha * beta - t2 * v_ab, alpha**2 - t2 * v_aa
    is_rising = (leading > 0) & (beta > 0)
    divisor = np.where(is_rising, leading, np.nan)
    root = np.sqrt(np.maximum(middle**2 - leading * last, 0.0))
    return ZeroFits(
        slope=beta,
        zero=-alpha / np.where(beta != 0, beta, np.nan),
        low=(-middle - root) / divisor,
        high=(-middle + root) / divisor,
        is_rising=is_rising,
    )


def within_family_zero(points: Points) -> Inference:
    """Return N_c of a population, in log10 N, as the zero of one line gamma(log10 N) within its families.

    points : any order; a standard error of x that is missing counts as zero, with a caveat. Defined if the line rises
    beyond doubt (the interval of its slope leaves out zero) through zero within the observed sizes; elsewhere gamma
    may have no turn, and none is given. n is the number of families of two sizes or more.
    Raises NotEnoughDataError with fewer than 3 of those.
    """
    ladders = [_ladder(points, family) for family in np.unique(points.family)]
    kept = [rows for rows in ladders if np.ptp(points.log10_n[rows]) > 0]
    if len(kept) < MIN_FAMILIES:
        raise NotEnoughDataError(
            f"The within-family line needs {MIN_FAMILIES} families of two sizes or more, got {len(kept)}. Widen the "
            "filter."
        )
    used = np.concatenate(kept)
    origin = float(points.log10_n[used].mean())
    unknown = ~np.isfinite(points.x_se)
    error = np.where(unknown, 0.0, points.x_se)
    moments = np.stack(
        [line_moments(points.log10_n[r] - origin, points.x_pct[r], points.y_pct[r], error[r]) for r in kept]
    )
    fits = zero_fits(moments[None])
    caveats = _dropped(len(ladders) - len(kept), int(unknown[used].sum()))
    zero, sizes = float(fits.zero[0]) + origin, points.log10_n[used]
    moves = any(np.ptp(points.x_pct[rows]) > FLAT * np.abs(points.x_pct[rows]).max() for rows in kept)
    if why := _why_none(fits, zero, sizes) if moves else STILL:
        return Inference(value=None, low=None, high=None, n=len(kept), method=METHOD, caveats=(why, *caveats))
    low, high = float(fits.low[0]) + origin, float(fits.high[0]) + origin
    return Inference(value=zero, low=low, high=high, n=len(kept), method=METHOD, caveats=caveats)


def _ladder(points: Points, family: str) -> NDArray[np.intp]:
    """Return the rows of one family by size."""
    rows = np.flatnonzero(points.family == family)
    return rows[np.argsort(points.log10_n[rows], kind="stable")]


def _why_none(fits: ZeroFits, zero: float, sizes: Array) -> str:
    """Return why the line has no turning point, or an empty text."""
    if not np.isfinite(fits.slope[0]):
        return STILL
    if not fits.is_rising[0]:
        word = "falls" if fits.slope[0] < 0 else "does not rise beyond doubt"
        return f"none: gamma {word} with log10 N (slope {fits.slope[0]:.3g} per decade), so no turn can be placed"
    low, high = float(sizes.min()), float(sizes.max())
    if not low <= zero <= high:
        return f"outside the data: gamma is zero at log10 N {zero:.2f}, observed at {low:.2f} to {high:.2f}"
    return ""


def _dropped(n_single: int, n_unknown: int) -> tuple[str, ...]:
    single = (f"{n_single} families of one size were left out",) if n_single else ()
    unknown = (f"{n_unknown} standard errors of the first benchmark are unknown and count as zero",)
    return single + (unknown if n_unknown else ())


def _solved(moments: Array) -> tuple[Array, Array]:
    """Return alpha and beta of sums of products (..., 5), NaN where they are not positive definite."""
    xx, xz, zz, xy, zy = np.moveaxis(moments, -1, 0)
    determinant = xx * zz - xz**2
    divisor = np.where((xx > 0) & (determinant > FLAT * np.abs(xx * zz)), determinant, np.nan)
    return (xy * zz - zy * xz) / divisor, (zy * xx - xy * xz) / divisor


def _pairs(a: Array, b: Array) -> tuple[tuple[Array, Array], ...]:
    return (a, a), (a, b), (b, b)
