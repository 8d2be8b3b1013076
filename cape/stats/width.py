"""r of two scores divided by model width, beside what the shared divisor alone would give (paper 5.1, A.3).

Two scores that have nothing in common, divided by the same growing width, both fall like 1 / width and so correlate.
Reference: Pearson (1897), Proc. R. Soc. 60, 489, on spurious correlation of ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from cape.stats.correlation import centred, partial_correlation, pearson
from cape.stats.inference import LEVEL, Inference
from cape.stats.nulls import NullBand, PermutationTest, orderings, tail_test
from cape.stats.resampling import guarded_interval, row_weights

REFERENCE_WIDTH = 512  # d_model that width is measured in (paper A.3); r does not depend on it
LARGEST_P = 1 - LEVEL
RATIO = "Pearson r of both scores over d_model / 512"
SHUFFLED = "r of both scores over width, second score reordered over the models"


class WidthVerdict(StrEnum):
    """What dividing by width did to the r of one family, by `width_verdict`."""

    UNDEFINED = "r is undefined"
    NOTHING_TO_REMOVE = "no anticorrelation to remove"
    NOT_FLIPPED = "not flipped"
    TOO_FEW = "flipped, too few models to test"
    DENOMINATOR = "flipped, no more than by the divisor alone"
    BEYOND = "flipped beyond both controls"


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthControls:
    """One family: r raw and over width, the two controls, and the partial r.

    constant : r with the second score replaced by a constant. shuffled : percentiles of r over orderings of the
    second score, `draws` (n_orderings,) those r. test : the observed r among them. given_width, given_size : partial r
    given log10 d_model, log10 N.
    """

    raw: Inference
    ratio: Inference
    constant: Inference
    shuffled: NullBand
    test: PermutationTest
    given_width: Inference
    given_size: Inference
    draws: NDArray[np.float64] = field(repr=False)


def width_controls(
    x: ArrayLike, y: ArrayLike, d_model: ArrayLike, log10_n: ArrayLike, *, n_orderings: int, rng: np.random.Generator
) -> WidthControls:
    """Return r of x and y over width with its controls.

    x, y : (n,) scores, percent. d_model : (n,) widths, > 0. log10_n : (n,) sizes. All n! orderings when n <= 8.
    Raises ValueError for unequal or non-finite columns and BadParameterError for n_orderings < 1.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    width = np.asarray(d_model, dtype=np.float64) / REFERENCE_WIDTH
    ratio = replace(pearson(first / width, second / width), method=f"{RATIO}, Fisher z interval")
    constant = pearson(first / width, 1 / width)
    draws, exact = np.empty(0), True
    if ratio.value is not None:
        draws, exact = _shuffled(first, second, width, n_orderings=n_orderings, rng=rng)
    return WidthControls(
        raw=pearson(first, second),
        ratio=ratio,
        constant=replace(
            constant,
            low=None,
            high=None,
            method=f"{RATIO}, the second score replaced by any constant",
            caveats=constant.caveats if constant.value is None else ("no interval: a constant score has no error",),
        ),
        shuffled=_band(draws, n=first.size),
        test=_test(ratio.value, draws, exact=exact),
        draws=draws,
        given_width=partial_correlation(first, second, np.log10(width)),
        given_size=partial_correlation(first, second, log10_n),
    )


def adjusted_p(tests: Sequence[PermutationTest]) -> list[float | None]:
    """Return the two-sided p of each test after Benjamini and Hochberg (1995) over those that are defined."""
    values = [test.p_two_sided for test in tests]
    known = [value for value in values if value is not None]
    found = iter(false_discovery_control(known) if known else [])
    return [None if value is None else float(next(found)) for value in values]


def width_verdict(controls: WidthControls, p_adjusted: float | None) -> WidthVerdict:
    """Return what the division did, by this rule in this order.

    r undefined; raw r not below zero: nothing to remove; r over width not above zero: not flipped; fewer orderings
    than a two-sided p of 0.05 needs: too few models; adjusted p at most 0.05, with r above the median of the shuffled
    scores and above the constant score: beyond both controls; else no more than by the divisor alone.
    """
    raw, ratio = controls.raw.value, controls.ratio.value
    if raw is None or ratio is None or p_adjusted is None:
        return WidthVerdict.UNDEFINED
    if raw >= 0:
        return WidthVerdict.NOTHING_TO_REMOVE
    if ratio <= 0:
        return WidthVerdict.NOT_FLIPPED
    if controls.test.smallest_p is None or controls.test.smallest_p > LARGEST_P:
        return WidthVerdict.TOO_FEW
    is_above = ratio > (controls.shuffled.median or 0.0) and ratio > (controls.constant.value or 0.0)
    return WidthVerdict.BEYOND if p_adjusted <= LARGEST_P and is_above else WidthVerdict.DENOMINATOR


def gain_over_shuffled(controls: Sequence[WidthControls], *, n_resamples: int, rng: np.random.Generator) -> Inference:
    """Return the mean over families of r over width less the median over shuffled scores; families are resampled.

    Undefined without a family where both exist; no interval with one.
    """
    gains = np.array(
        [
            one.ratio.value - one.shuffled.median
            for one in controls
            if one.ratio.value is not None and one.shuffled.median is not None
        ]
    )
    method = "mean over families of r over width less the median r of shuffled scores"
    if not gains.size:
        why = "undefined: no family has 3 models of known, different width"
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=(why,))
    if gains.size < 2:
        why = "no interval: fewer than 2 families"
        return Inference(value=float(gains[0]), low=None, high=None, n=1, method=method, caveats=(why,))
    draws = row_weights(gains.size, n_resamples=n_resamples, rng=rng) @ gains / gains.size
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="have no gain")
    method = f"{method}; percentiles of {n_resamples} resamples of whole families"
    return Inference(value=float(gains.mean()), low=low, high=high, n=gains.size, method=method, caveats=caveats)


def _shuffled(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    width: NDArray[np.float64],
    *,
    n_orderings: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], bool]:
    """Return r over width of each ordering of y (n_orderings,), NaN where undefined, and whether they are all."""
    table, exact = orderings(x.size, n_permutations=n_orderings, rng=rng)
    axis = centred(x / width)
    rows = y[table] / width
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1)
    return rows @ (axis / np.linalg.norm(axis)) / np.where(lengths > 0, lengths, np.nan), exact


def _band(draws: NDArray[np.float64], *, n: int) -> NullBand:
    kept = draws[np.isfinite(draws)]
    tail = 50 * LARGEST_P
    low, median, high = np.percentile(kept, [tail, 50, 100 - tail]).tolist() if kept.size else (None, None, None)
    return NullBand(
        n=n, low=low, median=median, high=high, n_simulations=draws.size, n_undefined=draws.size - kept.size
    )


def _test(observed: float | None, draws: NDArray[np.float64], *, exact: bool) -> PermutationTest:
    if observed is None:
        return PermutationTest(method=SHUFFLED, caveats=("undefined: r over width is undefined",))
    return tail_test(observed, draws, exact=exact, method=SHUFFLED)
