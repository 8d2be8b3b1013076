"""gamma against size: a straight line, a kink A tanh((l - c) / w) + B, and whether slopes differ beyond their errors.

l is log10 N. Every fit comes with its zero, its residual and, for the kink, its gain over the line.
Definitions: DEFINITIONS section 2 (kink), paper A.9 (exchange rate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from cape.errors import BadParameterError
from cape.stats.coupling import check_family, family_gammas, family_steps
from cape.stats.inference import Inference, Points, Steps
from cape.stats.measurement import as_measured, residual_of_draws
from cape.stats.resampling import cluster_inference, cluster_weights

Array = NDArray[np.float64]

LINE_TERMS, KINK_TERMS = 2, 4
N_CENTRES, N_WIDTHS = 25, 9  # points of the first grid over centre and width
WIDTHS = (0.1, 2.0)  # decades; a narrower kink is a step, a wider one is a line on any ladder of the lake
ROUNDS = 8  # each halves the spacing of the grid around its best point
BLOCK = 256  # resamples handled at once: what stays in the cache of one core


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """gamma of the data and of its resamples, ready for a fit.

    log10_n : (n_steps,). gamma, weight : (1 + n_resamples, n_steps), the data first; weight 0 leaves a step out.
    n : independent units. is_measured : the resamples are draws of the scores of one ladder, not of families.
    """

    log10_n: Array
    gamma: Array
    weight: Array
    n: int
    is_measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFit:
    """gamma = intercept + slope log10 N; zero in log10 N; rmse in units of gamma; fitted at the steps (n_steps,)."""

    slope: Inference
    intercept: Inference
    zero: Inference
    r2: Inference
    rmse: Inference
    fitted: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class KinkFit:
    """gamma = amplitude tanh((log10 N - centre) / width) + offset.

    centre, zero : in log10 N; they differ unless the offset is 0. gain : corrected AIC of the kink less that of the
    line on the same steps, negative where the kink is worth its two terms. fitted : (n_steps,), NaN if undefined.
    """

    amplitude: Inference
    centre: Inference
    width: Inference
    offset: Inference
    zero: Inference
    rmse: Inference
    gain: Inference
    fitted: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """Whether slopes differ by more than their standard errors: Cochran's Q on n - 1 degrees of freedom.

    mean : weighted by 1 / SE^2. i2 : (Q - df) / Q, the share of the spread that is not measurement error; negative
    where the spread is smaller than the errors. p : chance of a Q as large from errors alone.
    """

    n: int
    mean: float | None
    q: float | None
    i2: float | None
    p: float | None


def family_running(steps: Steps, *, is_weighted: bool, n_resamples: int, rng: np.random.Generator) -> Running:
    """Return the steps with resamples of whole families; steps without a gamma are left out.

    is_weighted : weights 1 / gamma_se^2 instead of 1.
    """
    kept = np.isfinite(steps.gamma) & (np.isfinite(steps.gamma_se) | (not is_weighted))
    family, gamma = steps.family[kept], steps.gamma[kept]
    drawn = cluster_weights(family, n_resamples=n_resamples, rng=rng) if family.size else np.zeros((n_resamples, 0))
    weight = np.vstack([np.ones(gamma.size), drawn])
    if is_weighted:
        weight = weight * steps.gamma_se[kept] ** -2.0
    return Running(
        log10_n=steps.log10_n_mid[kept],
        gamma=np.broadcast_to(gamma, weight.shape),
        weight=weight,
        n=int(np.unique(family).size),
        is_measured=False,
    )


def ladder_running(ladder: Points, *, is_weighted: bool, n_draws: int, rng: np.random.Generator) -> Running:
    """Return the steps of one ladder with draws of each score from Normal(score, SE).

    ladder : sorted by size, sizes distinct. Raises BadParameterError if it is not one finite, sorted family.
    """
    check_family(ladder)
    noise = rng.standard_normal((2, n_draws, ladder.log10_n.size))
    x = np.vstack([ladder.x_pct, ladder.x_pct + ladder.x_se * noise[0]])
    y = np.vstack([ladder.y_pct, ladder.y_pct + ladder.y_se * noise[1]])
    gamma, error = family_gammas(ladder, x, y)
    with np.errstate(divide="ignore"):
        weight = np.where(np.isfinite(gamma), error**-2.0 if is_weighted else 1.0, 0.0)
    steps = family_steps(ladder)
    return Running(
        log10_n=steps.log10_n_mid,
        gamma=np.where(np.isfinite(gamma), gamma, 0.0),
        weight=weight,
        n=int(np.isfinite(steps.gamma).sum()),
        is_measured=True,
    )


def line_fit(running: Running) -> LineFit:
    """Return the least-squares line; undefined with fewer than 3 steps or one size."""
    size, weight, gamma = running.log10_n, running.weight, running.gamma
    counted = (weight > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weight.sum(axis=1)
        centre, mean = weight @ size / total, (weight * gamma).sum(axis=1) / total
        deviation = size - centre[:, None]
        square = (weight * deviation**2).sum(axis=1)
        slope = (weight * deviation * gamma).sum(axis=1) / square
        slope = np.where((square > 1e-9 * total) & (counted > LINE_TERMS), slope, np.nan)
        fitted = mean[:, None] + slope[:, None] * deviation
        rss = (weight * (gamma - fitted) ** 2).sum(axis=1) / total
        spread = (weight * (gamma - mean[:, None]) ** 2).sum(axis=1) / total
        zero = centre - mean / slope
        r2 = 1 - rss / spread
    why = "undefined: fewer than 3 steps, or all at one size"
    model = "least-squares line gamma(log10 N)"
    intercept = np.where(np.isnan(slope), np.nan, mean - slope * centre)
    outside = why if np.isnan(slope[0]) else f"outside the data: the line has no zero from {_span(running)}"
    fine = ~np.isnan(slope)
    return LineFit(
        slope=_told(running, slope, f"slope per decade of the {model}", why),
        intercept=_told(running, intercept, f"intercept of the {model}", why),
        zero=_told(running, _within(zero, running), f"zero of the {model}, log10 N", outside),
        r2=_told(running, np.where(fine & np.isfinite(r2), r2, np.nan), f"R2 of the {model}", why, is_residual=True),
        rmse=_told(
            running,
            np.where(fine, np.sqrt(rss), np.nan),
            f"root mean square residual of the {model}",
            why,
            is_residual=True,
        ),
        fitted=fitted[0] if fitted.size else np.empty(0),
    )


def _span(running: Running) -> str:
    """Return "log10 N a to b" of the steps."""
    size = running.log10_n
    return f"log10 N {size.min():.2f} to {size.max():.2f}" if size.size else "no step"


def kink_fit(running: Running) -> KinkFit:
    """Return the least-squares kink; undefined with fewer than 6 steps, or where the best fit is no kink.

    Centre and width are searched on a grid that is halved around its best point; amplitude and offset follow by least
    squares. The centre is held within the mid-points of the steps and the width within 0.1 to 2 decades; a best fit on
    that border is a step or a line, so it has no kink.
    """
    n_rows, n_steps = running.weight.shape
    found = np.full((n_rows, 5), np.nan)  # centre, width, amplitude, offset, mean square residual
    wide = n_steps > 0 and np.ptp(running.log10_n) > 0
    if wide and (running.weight[0] > 0).sum() > KINK_TERMS + 1:
        for first in range(0, n_rows, BLOCK):
            rows = slice(first, first + BLOCK)
            found[rows] = _search(running.log10_n, running.weight[rows], running.gamma[rows])
    centre, width, amplitude, offset, rss = _inside(found, running).T
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = centre + width * np.arctanh(-offset / amplitude)
    gain = _corrected_aic(rss, running, KINK_TERMS) - _corrected_aic(_line_rss(running), running, LINE_TERMS)
    model, why = "least-squares kink A tanh((log10 N - c) / w) + B", "undefined: fewer than 6 steps, or no kink is best"
    gain = np.where(np.isfinite(gain), gain, np.nan)
    outside = why if np.isnan(centre[0]) else f"outside the data: the kink has no zero from {_span(running)}"
    return KinkFit(
        amplitude=_told(running, amplitude, f"amplitude A of the {model}", why),
        centre=_told(running, centre, f"centre c of the {model}, log10 N", why),
        width=_told(running, width, f"width w of the {model}, decades", why),
        offset=_told(running, offset, f"offset B of the {model}", why),
        zero=_told(running, _within(zero, running), f"zero of the {model}, log10 N", outside),
        rmse=_told(running, np.sqrt(rss), f"root mean square residual of the {model}", why, is_residual=True),
        gain=_told(running, gain, f"corrected AIC of the {model} less that of the line", why, is_residual=True),
        fitted=amplitude[0] * np.tanh((running.log10_n - centre[0]) / width[0]) + offset[0],
    )


def _search(size: Array, weight: Array, gamma: Array) -> Array:
    """Return centre, width, amplitude, offset and mean square residual of each row, (n_rows, 5)."""
    centres = np.linspace(size.min(), size.max(), N_CENTRES)
    widths = np.geomspace(*WIDTHS, N_WIDTHS)
    grid = np.stack([a.ravel() for a in np.meshgrid(centres, np.log(widths), indexing="ij")], axis=1)
    shape = np.tanh((size[:, None] - grid[:, 0]) / np.exp(grid[:, 1]))
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weight / total
        mean = (share * gamma).sum(axis=1, keepdims=True)
        first, second = share @ shape, share @ shape**2
        explained = ((share * (gamma - mean)) @ shape) ** 2 / (second - first**2)
    best = grid[np.nan_to_num(explained, nan=-1.0).argmax(axis=1)]
    spacing = np.array([centres[1] - centres[0], np.log(widths[1] / widths[0])])
    offsets = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), axis=-1).reshape(-1, 2)
    low, high = np.array([size.min(), np.log(WIDTHS[0])]), np.array([size.max(), np.log(WIDTHS[1])])
    for _ in range(ROUNDS):
        spacing = spacing / 2
        trial = np.clip(best[:, None, :] + offsets * spacing, low, high)
        fits = _linear_part(size, share, gamma, trial)
        best = trial[np.arange(best.shape[0]), np.nan_to_num(fits[..., 2], nan=np.inf).argmin(axis=1)]
    amplitude, offset, rss = _linear_part(size, share, gamma, best[:, None, :])[:, 0].T
    return np.stack([best[:, 0], np.exp(best[:, 1]), amplitude, offset, rss], axis=1)


def _linear_part(size: Array, share: Array, gamma: Array, trial: Array) -> Array:
    """Return amplitude, offset and mean square residual for trial centres and log widths (n_rows, n_trials, 2)."""
    shape = np.tanh((size - trial[..., :1]) / np.exp(trial[..., 1:]))
    columns = np.stack([share, share * gamma], axis=-1)
    first, cross = np.moveaxis(np.matmul(shape, columns), -1, 0)
    second = np.matmul(shape * shape, share[..., None])[..., 0]
    mean, square = (share * gamma).sum(axis=1)[:, None], (share * gamma**2).sum(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        amplitude = (cross - first * mean) / (second - first**2)
    offset = mean - amplitude * first
    return np.stack([amplitude, offset, square - mean**2 - amplitude * (cross - first * mean)], axis=-1)


def _inside(found: Array, running: Running) -> Array:
    """Return the fits, NaN where the best centre or width lies on the border of the search or the fit is exact."""
    if running.log10_n.size == 0:
        return found
    centre, width = found[:, 0], found[:, 1]
    low, high = running.log10_n.min(), running.log10_n.max()
    edge = 1e-3 * (high - low)
    with np.errstate(invalid="ignore"):
        fine = (centre > low + edge) & (centre < high - edge) & (width > 1.01 * WIDTHS[0]) & (width < 0.99 * WIDTHS[1])
        fine &= found[:, 4] > 1e-12
    return np.where(fine[:, None], found, np.nan)


def _line_rss(running: Running) -> Array:
    """Return the weighted mean square residual of the line of each row, (n_rows,)."""
    weight, gamma, size = running.weight, running.gamma, running.log10_n
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weight / weight.sum(axis=1, keepdims=True)
        mean, centre = (share * gamma).sum(axis=1), share @ size
        cross = (share * gamma * size).sum(axis=1) - mean * centre
        square = share @ size**2 - centre**2
        return (share * gamma**2).sum(axis=1) - mean**2 - cross**2 / square


def _corrected_aic(rss: Array, running: Running, terms: int) -> Array:
    """Return n log(rss) + 2 k + 2 k (k + 1) / (n - k - 1), k = terms + 1 with the variance; NaN where undefined.

    n is the number of steps a row holds; a copy of a family drawn twice adds no step (Hurvich and Tsai 1989).
    """
    n, k = (running.weight > 0).sum(axis=1), terms + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > k + 1, n * np.log(rss) + 2 * k + 2 * k * (k + 1) / (n - k - 1), np.nan)


def _told(running: Running, values: Array, what: str, why: str, *, is_residual: bool = False) -> Inference:
    """Return the Inference of the values of a fit, (1 + n_resamples,)."""
    found = cluster_inference(values, why=why, lacking="have no such value", n=running.n, method=what)
    if not running.is_measured:
        return found
    return residual_of_draws(found) if is_residual else as_measured(found)


def _within(place: Array, running: Running) -> Array:
    """Return places in log10 N, NaN where they lie outside the mid-points of the steps."""
    size = running.log10_n
    if size.size == 0:
        return np.full(place.shape, np.nan)
    with np.errstate(invalid="ignore"):
        return np.where((place >= size.min()) & (place <= size.max()), place, np.nan)


def heterogeneity(gamma: ArrayLike, gamma_se: ArrayLike) -> Heterogeneity:
    """Return the weighted mean of slopes (n,) and whether they differ by more than their standard errors (n,).

    NaN slopes are left out. Reference: Higgins and Thompson (2002), Stat. Med. 21, 1539-1558, for I2.
    Raises BadParameterError on a standard error that is not positive.
    """
    slope, error = np.asarray(gamma, dtype=np.float64), np.asarray(gamma_se, dtype=np.float64)
    kept = np.isfinite(slope) & np.isfinite(error)
    slope, error = slope[kept], error[kept]
    if (error <= 0).any():
        raise BadParameterError("heterogeneity needs standard errors above 0. Supply the errors of the scores.")
    if slope.size < 2:
        return Heterogeneity(n=int(slope.size), mean=None, q=None, i2=None, p=None)
    weight = error**-2.0
    mean = float(weight @ slope / weight.sum())
    q = float(weight @ (slope - mean) ** 2)
    freedom = slope.size - 1
    return Heterogeneity(
        n=int(slope.size), mean=mean, q=q, i2=1 - freedom / q if q > 0 else None, p=float(chi2.sf(q, freedom))
    )
