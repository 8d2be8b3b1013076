"""Resampled statistics of many panels of one design at once: family sums of moments times weights of families.

Each function gives, panel by panel, the numbers of the function of `cape.stats` that it names, on the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.calibration.worlds import Design, Panels
from cape.stats.coupling import gamma_and_se
from cape.stats.critical_scale import PAPER_RANGE
from cape.stats.dimensionality import MIN_ROWS, MIN_ROWS_INTERVAL, correlations, participation_ratios
from cape.stats.inference import LEVEL
from cape.stats.jackknife import FEWEST_CLUSTERS, Scale, student_limits
from cape.stats.nulls import RELATIVE_ZERO
from cape.stats.resampling import MOST_UNDEFINED, parabola_vertex

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an estimator says of each panel of a batch; all arrays (n_panels,), NaN for nothing said.

    low, high : limits of the interval, both or none of them NaN. p : of a test. truth : where it differs by panel.
    """

    value: Array
    low: Array
    high: Array
    p: Array | None = None
    truth: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """Intervals between neighbouring sizes of a batch: row (n_steps,) of their lower end, and what changes over them.

    gamma, gamma_se : (n_panels, n_steps), NaN where undefined. member : (n_steps,) family. mid : (n_steps,) log10 N.
    """

    row: NDArray[np.intp]
    member: NDArray[np.intp]
    mid: Array
    delta_x: Array
    delta_y: Array
    variance_x: Array
    variance_y: Array
    gamma: Array
    gamma_se: Array


def steps_of(panels: Panels) -> Stepped:
    """Return the intervals of every panel of a batch with gamma by the rule of `cape.stats.coupling`."""
    member, sizes = panels.design.member, panels.design.sizes
    row = np.flatnonzero(member[1:] == member[:-1])
    delta_x, delta_y = panels.x[:, row + 1] - panels.x[:, row], panels.y[:, row + 1] - panels.y[:, row]
    variance_x = panels.x_se[:, row + 1] ** 2 + panels.x_se[:, row] ** 2
    variance_y = panels.y_se[:, row + 1] ** 2 + panels.y_se[:, row] ** 2
    gamma, gamma_se = gamma_and_se(delta_x, delta_y, variance_x=variance_x, variance_y=variance_y)
    return Stepped(
        row=row,
        member=member[row],
        mid=(sizes[row + 1] + sizes[row]) / 2,
        delta_x=delta_x,
        delta_y=delta_y,
        variance_x=variance_x,
        variance_y=variance_y,
        gamma=gamma,
        gamma_se=gamma_se,
    )


def percentiles(draws: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return low, high and the number of undefined draws of each row (n_panels, n_resamples), as numpy.quantile."""
    ordered = np.sort(draws, axis=1)  # NaN last
    n_undefined = np.isnan(draws).sum(axis=1)
    last = draws.shape[1] - n_undefined - 1
    limits = []
    for share in ((1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0):
        place = share * np.maximum(last, 0)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(last, 0))
        ends = [np.take_along_axis(ordered, index[:, None], axis=1)[:, 0] for index in (below, above)]
        limits.append(ends[0] + (place - below) * (ends[1] - ends[0]))
    return limits[0], limits[1], n_undefined


def guarded(values: Array, draws: Array) -> Answers:
    """Return values (n_panels,) with the intervals that `guarded_interval` gives their draws."""
    low, high, n_undefined = percentiles(draws)
    given = np.isfinite(values) & (n_undefined <= MOST_UNDEFINED * draws.shape[1])
    return Answers(value=values, low=np.where(given, low, np.nan), high=np.where(given, high, np.nan))


Limits = Callable[[Array, Array], Answers]  # of values (n_panels,) and their redraws (n_panels, n_weights)


def jackknifed(scale: Scale) -> Limits:
    """Return what turns values, and the same without each family, into the answers of `jackknife_inference`."""

    def limits(values: Array, without: Array) -> Answers:
        if without.shape[1] < FEWEST_CLUSTERS:
            nothing = np.full(values.size, np.nan)
            return Answers(value=values, low=nothing, high=nothing)
        low, high = student_limits(values, without, scale)
        return Answers(value=values, low=low, high=high)

    return limits


def family_sums(columns: Array, member: NDArray[np.intp]) -> Array:
    """Return sums over the models of each family, (n_panels, n_families, n_columns); rows stand by family."""
    first = np.flatnonzero(np.diff(member, prepend=-1))
    return np.add.reduceat(columns, first, axis=1)


def family_quadratic(panels: Panels, weights: Array) -> Answers:
    """Return the vertices of `fixed_effect_quadratic`. weights : (n_resamples, n_families)."""
    design = panels.design
    line = design.sizes - design.sizes.mean()
    line_, square_ = (_within(v[None], design)[0] for v in (line, line**2))
    shape = family_sums(np.stack([line_**2, line_ * square_, square_**2], axis=-1)[None], design.member)[0]
    y_ = _within(panels.y, design)
    follows = family_sums(np.stack([y_ * line_, y_ * square_], axis=-1), design.member)
    drawn = np.vstack([np.ones(weights.shape[1]), weights])
    ll, lq, qq = (drawn @ shape).T
    ly, qy = np.moveaxis(drawn @ follows, -1, 0)
    vertex, curvature = parabola_vertex((ll, lq, qq, ly, qy))
    vertex = vertex + design.sizes.mean()
    inside = (curvature > 0) & (vertex >= design.sizes.min()) & (vertex <= design.sizes.max())
    found = np.where(inside, vertex, np.nan)
    return guarded(found[:, 0], found[:, 1:])


def pooled_quadratic(panels: Panels, weights: Array) -> Answers:
    """Return what the paper's recipe gives, `pooled_quadratic_paper_mode`. weights : (n_resamples, n_models)."""
    centre = panels.design.sizes.mean()
    line = panels.design.sizes - centre
    square = line**2
    fixed = weights @ np.stack([np.ones_like(line), line, square, line * square, square**2], axis=1)
    total, l_, q_, lq, qq = fixed.T
    y_, ly, qy = (panels.y @ (weights * column).T for column in (np.ones_like(line), line, square))
    with np.errstate(divide="ignore", invalid="ignore"):
        products = (
            q_ - l_**2 / total,
            lq - l_ * q_ / total,
            qq - q_**2 / total,
            ly - l_ * y_ / total,
            qy - q_ * y_ / total,
        )
    vertex, curvature = parabola_vertex(products)
    vertex = vertex + centre
    kept = np.where((curvature > 0) & (vertex > PAPER_RANGE[0]) & (vertex < PAPER_RANGE[1]), vertex, np.nan)
    low, high, n_undefined = percentiles(kept)
    ordered, some = np.sort(kept, axis=1), kept.shape[1] - n_undefined
    middle = [np.maximum((some - 1) // 2, 0), np.minimum(some // 2, kept.shape[1] - 1)]
    median = sum(np.take_along_axis(ordered, index[:, None], axis=1)[:, 0] for index in middle) / 2
    return Answers(value=np.where(some > 0, median, np.nan), low=low, high=high)


def mean_over_families(values: Array, member: NDArray[np.intp], weights: Array, limits: Limits = guarded) -> Answers:
    """Return the means of `clustered_mean`, values (n_panels, n_steps) without gaps in a whole family."""
    known = np.isfinite(values)
    sums = family_sums(np.stack([np.where(known, values, 0.0), known], axis=-1), member)
    drawn = weights @ sums
    total = sums.sum(axis=1)
    return limits(total[:, 0] / total[:, 1], drawn[..., 0] / drawn[..., 1])


def correlation(panels: Panels, weights: Array, *, given_size: bool, limits: Limits = guarded) -> Answers:
    """Return the r of `clustered_correlation`, or of `clustered_partial_correlation` given log10 N."""
    columns = [_centred(panels.x), _centred(panels.y)]
    if given_size:
        columns.append(np.broadcast_to(_centred(panels.design.sizes[None]), panels.x.shape))
    stacked = np.stack(columns, axis=-1)
    products = stacked[..., :, None] * stacked[..., None, :]
    moments = np.concatenate([np.ones((*panels.x.shape, 1)), stacked, products.reshape(*panels.x.shape, -1)], axis=-1)
    sums = family_sums(moments, panels.design.member)
    enough = (weights > 0) @ panels.design.counts >= 1 + len(columns)
    draws = np.where(enough, _r(weights @ sums, len(columns)), np.nan)
    return limits(_r(sums.sum(axis=1, keepdims=True), len(columns))[:, 0], draws)


def demeaned_correlation(panels: Panels, weights: Array, limits: Limits = guarded) -> Answers:
    """Return the r of `family_demeaned_correlation`; every family has two models or more."""
    x, y = _within(panels.x, panels.design), _within(panels.y, panels.design)
    sums = family_sums(np.stack([x * y, x * x, y * y], axis=-1), panels.design.member)
    spare = (weights > 0) @ (panels.design.counts - 1)

    def r_of(found: Array) -> Array:
        spread = found[..., 1] * found[..., 2]
        return found[..., 0] / np.sqrt(np.where(spread > 0, spread, np.nan))

    draws = np.where(spare >= 2, r_of(weights @ sums), np.nan)
    return limits(r_of(sums.sum(axis=1)), draws)


def effective_dimensions(panels: Panels, weights: Array, limits: Limits = guarded) -> tuple[Answers, Answers]:
    """Return d_eff of covariance and of correlation of five benchmarks with the intervals of `redraw_inference`."""
    scores = np.concatenate([panels.x[..., None], panels.y[..., None], panels.others], axis=-1)
    scores = scores - scores.mean(axis=1, keepdims=True)
    n_benchmarks = scores.shape[-1]
    products = (scores[..., :, None] * scores[..., None, :]).reshape(*scores.shape[:2], -1)
    sums = family_sums(
        np.concatenate([np.ones((*scores.shape[:2], 1)), scores, products], axis=-1), panels.design.member
    )
    drawn = np.concatenate([sums.sum(axis=1, keepdims=True), weights @ sums], axis=1)
    distinct = np.concatenate([[panels.x.shape[1]], (weights > 0) @ panels.design.counts])
    drawn = drawn[..., 1:] / np.where(distinct >= MIN_ROWS, drawn[..., 0], np.nan)[..., None]
    mean, second = drawn[..., :n_benchmarks], drawn[..., n_benchmarks:].reshape(*drawn.shape[:2], *[n_benchmarks] * 2)
    covariance = second - mean[..., :, None] * mean[..., None, :]
    if panels.x.shape[1] < MIN_ROWS_INTERVAL:  # a value, but no resample of it
        covariance = np.where(np.arange(covariance.shape[1])[:, None, None] == 0, covariance, np.nan)
    found = participation_ratios(covariance), participation_ratios(correlations(covariance))
    return limits(found[0][:, 0], found[0][:, 1:]), limits(found[1][:, 0], found[1][:, 1:])


def _r(moments: Array, n_columns: int) -> Array:
    """Return r of the first two columns given the others from weighted sums 1, columns, products (..., n)."""
    moments = moments[..., 1:] / moments[..., :1]
    means = moments[..., :n_columns]
    covariance = moments[..., n_columns:].reshape(*means.shape, n_columns) - means[..., :, None] * means[..., None, :]
    if n_columns > 2:
        slope = covariance[..., :, 2] / covariance[..., 2, 2][..., None]
        covariance = covariance - slope[..., :, None] * covariance[..., 2, None, :]
    spread = covariance[..., 0, 0] * covariance[..., 1, 1]
    return covariance[..., 0, 1] / np.sqrt(np.where(spread > RELATIVE_ZERO, spread, np.nan))


def _centred(rows: Array) -> Array:
    return rows - rows.mean(axis=1, keepdims=True)


def _within(rows: Array, design: Design) -> Array:
    """Return rows (n_panels, n_models) less the mean of their family."""
    means = family_sums(rows[..., None], design.member)[..., 0] / design.counts
    return rows - means[:, design.member]
