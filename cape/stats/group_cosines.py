"""Cosine of the mean vectors of two groups of prompts, from inner products alone, with intervals and nulls.

Everything takes the n x n inner products (Gram matrix) of the prompts' vectors, so its memory does not depend on the
width of the model. An interval is a jackknife over prompts on Fisher's z: resampling prompts with replacement makes
mean vectors longer by noise, so a percentile bootstrap of this cosine is biased and in wide models covers nothing.
References: Efron and Tibshirani (1993) chapter 11; Spearman (1910) and Brown (1910) for split halves.
DEFINITIONS section 2, heads and probes; paper A.5 for the two thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.resampling import percentile_interval, row_weights

Array = NDArray[np.float64]
COOPERATIVE = 0.1  # a head's cosine above this; paper A.5
COMPETING = -0.5  # a pair of prompts below this; paper A.5
MOST_PAIRS = 0.5  # share of competing pairs above which a head or layer competes; paper A.5
CHUNK = 64  # units whose products are formed at once
MIN_PROMPTS = 3  # of each group, for an interval
TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosines:
    """Cosine of group means of many units (layers or heads), each array (n_units,), NaN where undefined.

    value : plug-in cosine, as the paper's. low, high : jackknife interval of it at this number of prompts.
    unbiased, unbiased_low, unbiased_high : the same with the noise of a finite number of prompts taken out of the
    lengths of the means; what more and more prompts tend to.
    """

    value: Array
    low: Array
    high: Array
    unbiased: Array
    unbiased_low: Array
    unbiased_high: Array
    n_prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """What a shuffle of the group labels gives, per unit. mean, low, high : of the shuffles (95 %).
    p : share of shuffles, the data included, with a cosine as low as the data's: small where the groups differ.
    draws : (n_shuffles, n_units)."""

    mean: Array
    low: Array
    high: Array
    p: Array
    draws: Array = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Competition:
    """Which heads cooperate and which compete.

    cosines : of every unit. share : (n_units,) of prompt pairs with a cosine below COMPETING. is_cooperative,
    is_competing : (n_units,). cooperative, competing, net : share of units, share of units, mean cosine.
    draws : (n, n_units) the cosine of means without each prompt in turn.
    """

    cosines: Cosines
    share: Array
    is_cooperative: NDArray[np.bool_]
    is_competing: NDArray[np.bool_]
    cooperative: Inference
    competing: Inference
    net: Inference
    draws: Array = field(repr=False)


def group_masks(n_first: int, n_second: int) -> Array:
    """Return the (2, n) weights of two groups, one after the other; raise NotEnoughDataError for an empty one."""
    if min(n_first, n_second) < 1:
        raise NotEnoughDataError(f"Two groups of prompts are compared, got {n_first} and {n_second}. Add prompts.")
    first = np.arange(n_first + n_second) < n_first
    return np.stack([first, ~first]).astype(np.float64)


def cosines_of(gram: Array, weights: Array, *, is_unbiased: bool = False) -> Array:
    """Return the cosine of the weighted means of two groups, (n_draws, n_units); NaN where a mean has no length.

    gram : (n_units, n, n). weights : (n_draws, 2, n), of 0 and 1 where is_unbiased.
    """
    found = [
        _cosines(gram[start : start + CHUNK], weights, is_unbiased=is_unbiased)
        for start in range(0, gram.shape[0], CHUNK)
    ]
    return np.concatenate(found, axis=1) if found else np.empty((weights.shape[0], 0))


def _cosines(gram: Array, weights: Array, *, is_unbiased: bool) -> Array:
    first, second = weights[:, 0], weights[:, 1]
    across = _forms(gram, first, second)
    lengths = []
    for side in (first, second):
        squared, total = _forms(gram, side, side), side.sum(axis=1)[:, None]
        if is_unbiased:
            own = side @ np.einsum("uii->iu", gram)
            with np.errstate(divide="ignore", invalid="ignore"):
                squared = (squared - own) * total / (total - 1)
        lengths.append(squared)
    with np.errstate(divide="ignore", invalid="ignore"):
        product = np.where((lengths[0] > TINY) & (lengths[1] > TINY), lengths[0] * lengths[1], np.nan)
        return across / np.sqrt(product)


def _forms(gram: Array, left: Array, right: Array) -> Array:
    """Return left' G right of every draw and unit, (n_draws, n_units)."""
    half = np.tensordot(left, gram, axes=(1, 1))  # (n_draws, n_units, n)
    return np.einsum("run,rn->ru", half, right)


def leave_one_out(masks: Array) -> Array:
    """Return the (n, 2, n) weights without each prompt in turn."""
    n = masks.shape[1]
    return masks[None] * (1.0 - np.eye(n))[:, None, :]


def group_cosines(gram: Array, *, n_first: int) -> Cosines:
    """Return the cosine of two group means for every unit, with jackknife intervals.

    gram : (n_units, n, n) inner products, the first group's n_first prompts first. Limits are NaN with fewer than
    MIN_PROMPTS in a group, or where leaving a prompt out leaves nothing defined.
    """
    masks = group_masks(n_first, gram.shape[1] - n_first)
    whole, without = masks[None], leave_one_out(masks)
    plain, unbiased = (
        (cosines_of(gram, whole, is_unbiased=way)[0], cosines_of(gram, without, is_unbiased=way))
        for way in (False, True)
    )
    low, high = _fisher_jackknife(*plain, masks)
    unbiased_low, unbiased_high = _fisher_jackknife(*unbiased, masks)
    return Cosines(
        value=plain[0],
        low=low,
        high=high,
        unbiased=unbiased[0],
        unbiased_low=unbiased_low,
        unbiased_high=unbiased_high,
        n_prompts=gram.shape[1],
    )


def jackknife_error(draws: Array, masks: Array) -> Array:
    """Return the standard error of two independent groups from leave-one-out values, (n_units,); NaN where undefined.

    draws : (n, n_units) without each prompt in turn.
    """
    squared = np.zeros(draws.shape[1])
    for side in masks.astype(bool):
        n = int(side.sum())
        if n < MIN_PROMPTS:
            return np.full(draws.shape[1], np.nan)
        squared = squared + (n - 1) / n * ((draws[side] - draws[side].mean(axis=0)) ** 2).sum(axis=0)
    return np.sqrt(squared)


def _fisher_jackknife(value: Array, draws: Array, masks: Array) -> tuple[Array, Array]:
    """Return (low, high) on the scale of Fisher's z; NaN for a value that is no cosine inside its bounds."""
    inside = np.abs(value) < 1 - TINY
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.arctanh(np.where(inside, value, np.nan))
        error = jackknife_error(np.arctanh(np.where(np.abs(draws) < 1, draws, np.nan)), masks)
        return np.tanh(z - Z_LEVEL * error), np.tanh(z + Z_LEVEL * error)


def mean_over_units(value: Array, draws: Array, masks: Array, *, method: str) -> Inference:
    """Return the mean over units of their cosines, with its jackknife interval on Fisher's z of the mean.

    value : (n_units,). draws : (n, n_units) without each prompt in turn. Units that are undefined are left out and
    counted. No interval where a group has fewer than MIN_PROMPTS, or where no prompt matters.
    """
    defined = np.isfinite(value)
    n_prompts = int(masks.shape[1])
    lost = int((~defined).sum())
    caveats: tuple[str, ...] = (f"{lost} of {defined.size} have no cosine and are left out",) if lost else ()
    if not defined.any():
        return Inference(value=None, low=None, high=None, n=n_prompts, method=method, caveats=caveats)
    point = float(value[defined].mean())
    with np.errstate(invalid="ignore", divide="ignore"):
        z, error = (
            np.arctanh(point),
            float(jackknife_error(np.arctanh(draws[:, defined].mean(axis=1))[:, None], masks)[0]),
        )
    if not np.isfinite(z):
        caveats += ("no interval: the mean lies at its bound",)
    elif not np.isfinite(error):
        caveats += (f"no interval: fewer than {MIN_PROMPTS} prompts in a group, or undefined without one of them",)
    elif error < TINY:
        caveats += ("no interval: it does not change when any one prompt is left out",)
    has = np.isfinite(z) and np.isfinite(error) and error >= TINY
    low, high = (float(np.tanh(z + side * Z_LEVEL * error)) if has else None for side in (-1, 1))
    return Inference(value=point, low=low, high=high, n=n_prompts, method=method, caveats=caveats)


def share_above(value: Array, low: Array, high: Array, *, limit: float, n: int, what: str) -> Inference:
    """Return the share of units above a limit, between the share surely above and the share possibly above it.

    value, low, high : (n_units,) with the interval of each unit; a unit is surely above with all of its interval, and
    possibly with any of it. Units that are undefined, or have no interval, are left out of the limits and counted.
    """
    method = f"share {what}; limits: units whose whole interval is above, units any of whose interval is"
    defined, bounded = np.isfinite(value), np.isfinite(low) & np.isfinite(high)
    lost = int((~defined).sum())
    caveats: tuple[str, ...] = (f"{lost} of {value.size} are undefined and left out",) if lost else ()
    if not defined.any():
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=caveats)
    point = float((value[defined] > limit).mean())
    if not bounded[defined].all():
        unbounded = int((defined & ~bounded).sum())
        caveats += (f"no interval: {unbounded} of {value.size} have none themselves",)
        return Inference(value=point, low=None, high=None, n=n, method=method, caveats=caveats)
    limits = float((low[defined] > limit).mean()), float((high[defined] > limit).mean())
    return Inference(value=point, low=limits[0], high=limits[1], n=n, method=method, caveats=caveats)


def competition(gram: Array, *, n_first: int) -> Competition:
    """Return which units cooperate (cosine of means above COOPERATIVE) and which compete (more than MOST_PAIRS of all
    pairs of prompts below COMPETING), and the mean cosine. gram : as `group_cosines`."""
    masks = group_masks(n_first, gram.shape[1] - n_first)
    found, draws = group_cosines(gram, n_first=n_first), cosines_of(gram, leave_one_out(masks))
    below = (pair_cosines(gram, n_first=n_first) < COMPETING).astype(np.float64)
    share = below.mean(axis=(1, 2))
    error = jackknife_error(_left_out_shares(below), masks)
    n = gram.shape[1]
    return Competition(
        cosines=found,
        share=share,
        is_cooperative=found.value > COOPERATIVE,
        is_competing=share > MOST_PAIRS,
        cooperative=share_above(
            found.value, found.low, found.high, limit=COOPERATIVE, n=n, what=f"with a cosine above {COOPERATIVE}"
        ),
        competing=share_above(
            share,
            share - Z_LEVEL * error,
            share + Z_LEVEL * error,
            limit=MOST_PAIRS,
            n=n,
            what=f"with more than {MOST_PAIRS:.0%} of pairs of prompts below {COMPETING}",
        ),
        net=mean_over_units(found.value, draws, masks, method=f"mean cosine; jackknife over {n} prompts"),
        draws=draws,
    )


def _left_out_shares(below: Array) -> Array:
    """Return the share of pairs without each prompt in turn, (n, n_units). below : (n_units, n_first, n_second)."""
    _, n_first, n_second = below.shape
    total = below.sum(axis=(1, 2))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (total - below.sum(axis=2)) / ((n_first - 1) * n_second)
        second = (total - below.sum(axis=1)) / (n_first * (n_second - 1))
    return np.concatenate([first, second], axis=1).T


def pair_cosines(gram: Array, *, n_first: int) -> Array:
    """Return the cosine of every prompt of the first group with every one of the second, (n_units, n_first, rest)."""
    size = np.sqrt(np.maximum(np.einsum("uii->ui", gram), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(size > TINY, size, np.nan)
        return gram[:, :n_first, n_first:] / (scale[:, :n_first, None] * scale[:, None, n_first:])


def matched_pairs(gram: Array, *, n_resamples: int, rng: np.random.Generator) -> tuple[Array, Inference]:
    """Return the cosine of pairs of prompts of the same place in both groups, and their mean with a bootstrap interval.

    gram : (n, n) of one map, two groups of equal size. Raises BadParameterError where the sizes differ.
    """
    if gram.shape[0] % 2:
        raise BadParameterError(f"Pairs need two groups of equal size, got {gram.shape[0]} prompts in all.")
    n = gram.shape[0] // 2
    pairs = np.diagonal(pair_cosines(gram[None], n_first=n)[0]).copy()
    kept = pairs[np.isfinite(pairs)]
    method = f"mean of {kept.size} pairs of prompts; percentiles of {n_resamples} resamples of pairs"
    if kept.size < MIN_PROMPTS:
        caveat = f"no interval: fewer than {MIN_PROMPTS} pairs"
        value = float(kept.mean()) if kept.size else None
        return pairs, Inference(value=value, low=None, high=None, n=kept.size, method=method, caveats=(caveat,))
    draws = row_weights(kept.size, n_resamples=n_resamples, rng=rng) @ kept / kept.size
    low, high, _ = percentile_interval(draws)
    return pairs, Inference(value=float(kept.mean()), low=low, high=high, n=kept.size, method=method)


def shuffled_null(gram: Array, *, n_first: int, n_shuffles: int, rng: np.random.Generator) -> Null:
    """Return what the cosine is when prompts are dealt to the two groups at random. gram : as `group_cosines`."""
    n = gram.shape[1]
    if n_shuffles < 1:
        raise BadParameterError(f"n_shuffles must be at least 1, got {n_shuffles}. The usual number is 1000.")
    masks = group_masks(n_first, n - n_first)
    order = rng.random((n_shuffles, n)).argsort(axis=1)
    first = np.zeros((n_shuffles, n))
    np.put_along_axis(first, order[:, :n_first], 1.0, axis=1)
    draws = cosines_of(gram, np.stack([first, 1.0 - first], axis=1))
    return null_of(cosines_of(gram, masks[None])[0], draws)


def null_of(data: Array, draws: Array) -> Null:
    """Return the null that draws of a shuffle make for the data; NaN where any of them is undefined.

    data : (n_units,). draws : (n_shuffles, n_units).
    """
    n_shuffles = draws.shape[0]
    as_low = (draws <= data + TINY).sum(axis=0)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    empty = np.where(np.isfinite(data) & np.isfinite(draws).all(axis=0), 0.0, np.nan)
    return Null(
        mean=draws.mean(axis=0) + empty,
        low=low + empty,
        high=high + empty,
        p=(1 + as_low) / (1 + n_shuffles) + empty,
        draws=draws,
    )
