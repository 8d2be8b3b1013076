"""Eigenvalues and eigenvectors in a sliding window of sizes, lines through them, and where those lines lead.

Paper A.9 prints such series for Pythia without saying how one matrix per size is formed; here it is a window of models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cape.errors import NotEnoughDataError
from cape.positions import PARAMS, Axis
from cape.stats.dimensionality import (
    MIN_ROWS,
    Redraws,
    Words,
    aligned,
    correlations,
    participation_ratios,
    redraw_inference,
    spectra,
)
from cape.stats.inference import Inference

MOST_WINDOWS = 12
MIN_FIT = 3  # windows that a line needs: with two it passes through both
LARGEST_LOG10_N = 20.0  # a crossing beyond this size is counted as never
AMBIGUOUS = 0.5  # two successive eigenvectors with a cosine below this may be two different ones


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSeries:
    """Spectra of windows of sizes; draws come first in every array, and the data are the first draw.

    rows : per window the rows of the scores it holds, in order of size. log10_n, log10_from, log10_to : (n_windows,)
    mean, smallest and largest log10 N. d_eff_covariance, d_eff_correlation, lambda_1, lambda_2 :
    (1 + n_resamples, n_windows). e2 : (1 + n_resamples, n_windows, p) second eigenvector of the correlation matrix,
    signs aligned from window to window, resamples to the data. alignment : (n_windows - 1,) cosine of each e2 with the
    one before.
    """

    rows: tuple[NDArray[np.intp], ...]
    log10_n: NDArray[np.float64]
    log10_from: NDArray[np.float64]
    log10_to: NDArray[np.float64]
    d_eff_covariance: NDArray[np.float64]
    d_eff_correlation: NDArray[np.float64]
    lambda_1: NDArray[np.float64]
    lambda_2: NDArray[np.float64]
    e2: NDArray[np.float64]
    alignment: NDArray[np.float64]
    redraws: Redraws

    @property
    def size(self) -> int:
        """How many models a window holds."""
        return int(self.rows[0].size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Least-squares lines of a series on log10 N, one per draw, the data first; all arrays (1 + n_resamples,)."""

    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]
    r2: NDArray[np.float64]

    def crossing(self, level: float) -> NDArray[np.float64]:
        """Return log10 N where a falling line comes down to the level; infinite where it does not fall or hardly."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a level line has no crossing
            at = (level - self.intercept) / self.slope
        comes_down = (self.slope < 0) & (at <= LARGEST_LOG10_N)
        return np.where(np.isnan(self.slope), np.nan, np.where(comes_down, at, np.inf))


def window_size(n_rows: int, wanted: int) -> int:
    """Return how many models a window holds: as wanted, or a third of all, at least 6, where 0 is wanted.

    Raises NotEnoughDataError when the models do not fill two windows that differ.
    """
    size = wanted or max(MIN_ROWS, round(n_rows / 3))
    if size < MIN_ROWS or size >= n_rows:
        raise NotEnoughDataError(
            f"A sliding window needs {MIN_ROWS} models or more and fewer than the {n_rows} there are, got {size}. "
            "Set another window, or choose more models."
        )
    return size


def windows(log10_n: NDArray[np.float64], *, size: int) -> tuple[NDArray[np.intp], ...]:
    """Return rows of at most MOST_WINDOWS windows of `size` models in order of size, first and last included."""
    order = np.argsort(log10_n, kind="stable")
    n_starts = order.size - size + 1
    starts = np.unique(np.linspace(0, n_starts - 1, min(n_starts, MOST_WINDOWS)).round().astype(np.intp))
    return tuple(order[start : start + size] for start in starts)


def window_series(
    scores: NDArray[np.float64], log10_n: NDArray[np.float64], redraws: Redraws, *, size: int, positive: int
) -> WindowSeries:
    """Return the spectra of sliding windows.

    scores : (n, p) percent without gaps. log10_n : (n,). positive : benchmark whose loading on e2 is made positive
    in the first window. A window where a benchmark does not vary is NaN.
    """
    rows = windows(log10_n, size=size)
    covariances = np.stack([redraws.covariances(scores, row) for row in rows], axis=1)
    matrices = correlations(covariances)
    values, vectors = spectra(matrices)
    e2, alignment = _followed(vectors[..., 1], positive)
    return WindowSeries(
        rows=rows,
        log10_n=np.array([log10_n[row].mean() for row in rows]),
        log10_from=np.array([log10_n[row].min() for row in rows]),
        log10_to=np.array([log10_n[row].max() for row in rows]),
        d_eff_covariance=participation_ratios(covariances),
        d_eff_correlation=participation_ratios(matrices),
        lambda_1=values[..., 0],
        lambda_2=values[..., 1],
        e2=e2,
        alignment=alignment,
        redraws=redraws,
    )


def _followed(e2: NDArray[np.float64], positive: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return e2 (1 + n_resamples, n_windows, p) with signs followed from window to window, and those cosines."""
    data = e2[0].copy()
    if data[0, positive] < 0:
        data[0] = -data[0]
    for window in range(1, len(data)):
        data[window] = aligned(data[window], data[window - 1])
    alignment = (data[1:] * data[:-1]).sum(axis=1)
    return np.concatenate([data[None], aligned(e2[1:], data)]), alignment


def lines(log10_n: NDArray[np.float64], series: NDArray[np.float64]) -> Lines:
    """Return least-squares lines of series (1 + n_resamples, n) on log10 N (n,); NaN values are left out.

    A draw with fewer than MIN_FIT different sizes has no line. r2 is NaN where the series does not vary.
    """
    known = np.isfinite(series)
    count = known.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # draws without a line
        mean_x = (known * log10_n).sum(axis=1) / count
        y = np.where(known, series, 0.0)
        mean_y = y.sum(axis=1) / count
        x_rest = np.where(known, log10_n - mean_x[:, None], 0.0)
        y_rest = np.where(known, y - mean_y[:, None], 0.0)
        xx, xy, yy = (x_rest**2).sum(axis=1), (x_rest * y_rest).sum(axis=1), (y_rest**2).sum(axis=1)
        usable = (count >= MIN_FIT) & (xx > 0)
        slope = np.where(usable, xy / xx, np.nan)
        r2 = np.where(usable & (yy > 0), xy**2 / (xx * yy), np.nan)
    return Lines(slope=slope, intercept=mean_y - slope * mean_x, r2=r2)


def power_laws(log10_n: NDArray[np.float64], series: NDArray[np.float64]) -> Lines:
    """Return lines of log10 of a positive series on log10 N: slope is the exponent; values <= 0 are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a singular resample has an eigenvalue of zero
        logs = np.where(series > 0, np.log10(series), np.nan)
    return lines(log10_n, logs)


def zero_crossings(log10_n: NDArray[np.float64], series: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Return (log10 N of the first change of sign, number of changes) of series (1 + n_resamples, n), by straight
    lines between neighbours; NaN where the sign never changes or a value is missing. log10_n (n,) rises.
    """
    left, right = series[:, :-1], series[:, 1:]
    changes = left * right < 0
    missing = np.isnan(series).any(axis=1)
    number = np.where(missing, 0, changes.sum(axis=1))
    first = changes.argmax(axis=1)
    draw = np.arange(len(series))
    a, b = left[draw, first], right[draw, first]
    with np.errstate(divide="ignore", invalid="ignore"):  # draws without a change
        share = a / (a - b)
    at = log10_n[first] + share * (log10_n[first + 1] - log10_n[first])
    return np.where(number > 0, at, np.nan), number


def in_billions(log10_n: NDArray[np.float64], axis: Axis = PARAMS) -> NDArray[np.float64]:
    """Return places in the unit of their axis, billions or steps; infinite and missing ones stay so."""
    return 10.0 ** (log10_n - axis.log10_scale)


def line_inference(values: NDArray[np.float64], redraws: Redraws, *, what: str, n_points: int) -> Inference:
    """Return the Inference of one coefficient of a line through n_points: values (1 + n_resamples,), data first."""
    why = f"undefined: a line needs {MIN_FIT} different sizes where the series is defined"
    words = Words(what=what, why=why, lacking="have no line")
    return redraw_inference(values, redraws, words, n_rows=n_points, needs=MIN_FIT)


def crossing_inference(
    log10_at: NDArray[np.float64],
    redraws: Redraws,
    *,
    what: str,
    n_points: int,
    largest_b: float,
    axis: Axis = PARAMS,
) -> Inference:
    """Return the Inference of a size in billions: log10_at (1 + n_resamples,), infinite where it is never reached.

    An interval end among the draws that never reach it is unbounded. largest_b : billions of the largest window, to
    say how far the line was drawn on.
    """
    sizes = in_billions(log10_at, axis)
    share = float(np.isinf(sizes[1:]).mean()) if sizes.size > 1 else 0.0
    told = (f"{share:.1%} of resamples never come down to it",) if share else ()
    words = Words(what=what, why="none: the line does not come down to it", lacking="have no line")
    found = redraw_inference(sizes, redraws, words, n_rows=n_points, needs=MIN_FIT)
    beyond = (f"extrapolated beyond the largest window, {axis.words(largest_b)}",) if sizes[0] > largest_b else ()
    return replace(found, caveats=(*found.caveats, *(beyond if found.value is not None else ()), *told))
