"""How much room a benchmark leaves between the models of one size: range, standard deviation and entropy of scores.

Dashboard, benchmark survival table. Whole families (labs) are resampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.stats.inference import LEVEL, Inference
from cape.stats.resampling import guarded_interval

BIN_PP = 5.0  # percentage points per bin of the entropy: about the width of a 95% interval of a score
FEWEST = 5  # models; the paper's saturation rule speaks of the top five, and fewer leave no spread to judge
FEWEST_RANGED = 3  # models whose range is set against error alone; the null is drawn for as many
NULL_DRAWS = 2_000  # draws of n equal models; only a 95% quantile is read off them


@dataclass(frozen=True, slots=True, kw_only=True)
class Survival:
    """The spread of one benchmark over the models of one bin.

    n, n_families : models and their families. low_pct, high_pct : smallest and largest score.
    noise_range : 95% quantile of the range that n equally good models show by error alone, pp; None if unknown.
    range_pp : largest less smallest score, with the noise range on both sides. deviation_pp : standard deviation.
    entropy_bits : Shannon entropy of the scores in bins of BIN_PP. discrimination : range over noise range.
    """

    n: int
    n_families: int
    low_pct: float | None
    high_pct: float | None
    noise_range: float | None
    range_pp: Inference
    deviation_pp: Inference
    entropy_bits: Inference
    discrimination: Inference


def survival(
    scores: NDArray[np.float64],
    errors: NDArray[np.float64],
    codes: NDArray[np.intp],
    weights: NDArray[np.float64],
    *,
    rng: np.random.Generator,
) -> Survival:
    """Return range, standard deviation and entropy of the scores of one bin.

    scores, errors : (n,) percent without gaps in scores, NaN for an unknown error. codes : (n,) family of each row.
    weights : (n_resamples, n_codes) how often each family is drawn.
    """
    n, n_families = scores.size, int(np.unique(codes).size)
    noise = _noise_range(errors, rng)
    deviations, entropies = _spread_of(scores, codes, weights)
    return Survival(
        n=n,
        n_families=n_families,
        low_pct=float(scores.min()) if n else None,
        high_pct=float(scores.max()) if n else None,
        noise_range=noise,
        range_pp=_range(scores, noise),
        deviation_pp=_resampled(deviations, n, n_families, "standard deviation of scores"),
        entropy_bits=_resampled(entropies, n, n_families, f"Shannon entropy of scores in bins of {BIN_PP:g} pp"),
        discrimination=_discrimination(scores, noise),
    )


def _noise_range(errors: NDArray[np.float64], rng: np.random.Generator) -> float | None:
    if errors.size < 2 or not np.isfinite(errors).all():
        return None
    drawn = rng.standard_normal((NULL_DRAWS, errors.size)) * errors
    return float(np.quantile(drawn.max(axis=1) - drawn.min(axis=1), LEVEL))


def _few(n: int, method: str, needed: int = FEWEST) -> Inference:
    why = (f"undefined: {n} models, {needed} are needed",)
    return Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)


def _range(scores: NDArray[np.float64], noise: float | None) -> Inference:
    method = "largest less smallest score; the 95% quantile of the range of the errors on both sides"
    if scores.size < 2:
        why = (f"undefined: {scores.size} models, 2 are needed",)
        return Inference(value=None, low=None, high=None, n=scores.size, method=method, caveats=why)
    value = float(scores.max() - scores.min())
    if noise is None:
        unknown = ("no interval: the error of a score is unknown",)
        return Inference(value=value, low=None, high=None, n=scores.size, method=method, caveats=unknown)
    return Inference(
        value=value,
        low=max(value - noise, 0.0),  # a range is never below zero
        high=value + noise,
        n=scores.size,
        method=method,
        caveats=("the interval holds for these models; it is conservative",),
    )


def _discrimination(scores: NDArray[np.float64], noise: float | None) -> Inference:
    method = "range of the scores over the 95% quantile of the range that equally good models show by error alone"
    if scores.size < FEWEST_RANGED:
        return _few(scores.size, method, FEWEST_RANGED)
    if not noise:
        why = ("undefined: the error of a score is unknown",)
        return Inference(value=None, low=None, high=None, n=scores.size, method=method, caveats=why)
    value = float(scores.max() - scores.min()) / noise
    caveat = ("no interval: the ratio is itself the test; above 1 the models differ by more than their errors",)
    return Inference(value=value, low=None, high=None, n=scores.size, method=method, caveats=caveat)


def _resampled(values: NDArray[np.float64], n: int, n_families: int, what: str) -> Inference:
    """values : (1 + n_resamples,) the statistic of the data, then of each resample, NaN where undefined."""
    method = f"{what}; percentiles of {values.size - 1} resamples of whole families"
    if n < FEWEST or not np.isfinite(values[0]):
        return _few(n, method)
    if n_families < 2:
        caveat = ("no interval: fewer than 2 families",)
        return Inference(value=float(values[0]), low=None, high=None, n=n, method=method, caveats=caveat)
    low, high, caveats = guarded_interval(values[1:], has_value=True, lacking="hold fewer than 2 models of this bin")
    return Inference(value=float(values[0]), low=low, high=high, n=n_families, method=method, caveats=caveats)


def _sums(columns: NDArray[np.float64], codes: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns (n, k) summed under unit weights and under each row of family weights, (1 + n_resamples, k)."""
    used, place = np.unique(codes, return_inverse=True)
    by_family = np.zeros((used.size, columns.shape[1]))
    np.add.at(by_family, place, columns)
    return np.vstack([by_family.sum(axis=0)[None, :], weights[:, used] @ by_family])


def _spread_of(
    scores: NDArray[np.float64], codes: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return standard deviation (divisor: sum of weights less 1) and entropy in bits, (1 + n_resamples,) each.

    The data come first; NaN where fewer than 2 rows are drawn.
    """
    centred = scores - scores.mean() if scores.size else scores
    bins = np.minimum((scores // BIN_PP).astype(np.intp), int(100 / BIN_PP) - 1)
    used, place = np.unique(bins, return_inverse=True)
    columns = np.column_stack([np.ones_like(centred), centred, centred**2, np.eye(used.size)[place]])
    sums = _sums(columns, codes, weights)
    total, first, second = sums[:, :3].T
    counts = sums[:, 3:]
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold no model of this bin, or none of one
        variance = (second - first**2 / total) / (total - 1)
        share = counts / total[:, None]
        entropy = np.where(counts > 0, -share * np.log2(share), 0.0).sum(axis=1)
    enough = total >= 2
    return np.where(enough, np.sqrt(np.maximum(variance, 0.0)), np.nan), np.where(enough, entropy, np.nan)
