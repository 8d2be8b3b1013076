"""Arrhenius fits log(rate) = A - C / level, where the level is a score or a loss (paper A.8, dashboard)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.stats.inference import Inference
from cape.stats.lines import Line, fit_line
from cape.stats.resampling import guarded_interval, row_weights

MIN_FOR_R2 = 4  # three points on one degree of freedom give nearly any r2


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrhenius:
    """C in units of the level, with a t interval, and r2 with the interval that Fisher's for r gives.

    r2_bare : r2 whatever the number of points, None with two or fewer. spare : degrees of freedom, points less 2.
    """

    c: Inference
    r2: Inference
    r2_bare: Inference
    spare: int


def central_rates(log10_n: ArrayLike, score: ArrayLike) -> NDArray[np.float64]:
    """Return d score / d log10 N at each size (n,), second-order differences inside, one-sided at the ends.

    log10_n, score : (n,) of one ladder, n >= 2, sizes rising.
    """
    return np.gradient(np.asarray(score, dtype=np.float64), np.asarray(log10_n, dtype=np.float64))


def fit_arrhenius(level: ArrayLike, rate: ArrayLike) -> Arrhenius:
    """Return the least-squares line log(rate) = A - C / level over finite points (n,) with a rate above zero.

    A rate at or below zero has no logarithm: those points are dropped and counted. C needs 3 points: two have no
    degree of freedom left.
    """
    place, speed = np.asarray(level, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    kept = speed > 0
    dropped = int((~kept).sum())
    counted = (f"{dropped} of {speed.size} rates are not above zero and were dropped",) if dropped else ()
    line = fit_line(-1.0 / place[kept], np.log(speed[kept]))
    spare = max(int(kept.sum()) - 2, 0)
    slope = replace(line.slope, caveats=(*line.slope.caveats, *counted))
    if spare == 0 and slope.value is not None:
        why = "undefined: two points leave 0 degrees of freedom, any line fits them"
        slope = replace(slope, value=None, caveats=(why, *counted))
    bare = _bare_r2(line, counted)
    return Arrhenius(c=slope, r2=_r2(bare, line), r2_bare=bare, spare=spare)


def _bare_r2(line: Line, caveats: tuple[str, ...]) -> Inference:
    why = () if line.r2 is not None else ("undefined: any line fits two points",)
    return Inference(
        value=line.r2,
        low=None,
        high=None,
        n=line.slope.n,
        method="share of variance of log(rate) that the line explains",
        caveats=(*why, "no interval: too few points for Fisher's", *caveats),
    )


def _r2(bare: Inference, line: Line) -> Inference:
    """Return r2 with its interval, undefined where the points are too few to say anything."""
    if bare.value is None:
        return bare
    if bare.n < MIN_FOR_R2:
        why = f"undefined: {bare.n} points leave 1 degree of freedom, where nearly any r2 can come out"
        return replace(bare, value=None, caveats=(why,))
    if line.r.low is None or line.r.high is None:
        return bare
    ends = sorted((line.r.low**2, line.r.high**2))
    low = 0.0 if line.r.low <= 0 <= line.r.high else ends[0]
    return replace(
        bare, low=low, high=ends[1], method=f"{bare.method}; interval of r by Fisher's z, squared", caveats=()
    )


def form_error_ratio(
    loss: ArrayLike, gradient_norm: ArrayLike, *, n_resamples: int, rng: np.random.Generator
) -> Inference:
    """Return the left-out error of exp(-C / L) over that of L^k for gradient norms, both fitted in logarithms.

    loss, gradient_norm : (n,) positive. The error is the root mean square of log residuals, each size predicted from
    the others. Below 1 the exponential form predicts better; the interval resamples the sizes in pairs, fits kept.
    Undefined with fewer than 4 points or where the other points share one loss.
    """
    level, norm = np.asarray(loss, dtype=np.float64), np.log(np.asarray(gradient_norm, dtype=np.float64))
    method = "root mean square of left-out log residuals, exp(-C/L) over L^k"
    lines = [fit_line(axis, norm) for axis in (-1 / level, np.log(level))]
    squares = [(norm - line.left_out) ** 2 if line.left_out.size else np.full(level.size, np.nan) for line in lines]
    if level.size < MIN_FOR_R2 or not np.isfinite(squares).all() or not squares[1].any():
        why = ("undefined: needs 4 sizes with different losses, off the line of the others",)
        return Inference(value=None, low=None, high=None, n=level.size, method=method, caveats=why)
    weights = row_weights(level.size, n_resamples=n_resamples, rng=rng)
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold only sizes that a form meets exactly
        draws = np.sqrt((weights @ squares[0]) / (weights @ squares[1]))
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="have no ratio")
    return Inference(
        value=float(np.sqrt(squares[0].mean() / squares[1].mean())),
        low=low,
        high=high,
        n=level.size,
        method=f"{method}; percentiles of {n_resamples} resamples of the sizes, fits kept",
        caveats=caveats,
    )
