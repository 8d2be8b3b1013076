"""Does a benchmark still tell the best models apart: spread of the top scores, and how it compares across benchmarks.

The spread of the k best is the range of their scores. Its interval from the errors of the scores is conservative: the
range of a sum differs from a range by at most the range of the errors, so the range of the errors of the same k models,
at its 95% quantile, bounds the difference. The same draws say what spread k equally good models show by error alone.
DEFINITIONS section 2, row saturation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError
from cape.stats.inference import LEVEL, Inference
from cape.stats.resampling import guarded_interval, percentile_interval

BY_ERRORS, BY_LABS = "score errors", "labs"
CONSERVATIVE = "the interval holds for these models and errors independent of one another; it is conservative"
EXTREMES = "the spread of the best is a statistic of extremes, which a bootstrap of labs covers poorly"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopSpread:
    """The spread of the k best scores of one benchmark.

    rows : (k,) places of the k best, best first; fewer where there are fewer models. value : their range, percentage
    points, or None with fewer than k. error_ranges : (n_draws,) range of the errors of the same models, or None where
    an error is unknown. lab_draws : (n_resamples,) the spread when whole labs are drawn, NaN with fewer than k models.
    """

    n: int
    k: int
    rows: NDArray[np.intp]
    value: float | None
    error_ranges: NDArray[np.float64] | None = field(default=None, repr=False)
    lab_draws: NDArray[np.float64] = field(repr=False)

    def reach(self, level: float = LEVEL) -> float | None:
        """Return the quantile of the range of the errors at this level, or None."""
        return None if self.error_ranges is None else float(np.quantile(self.error_ranges, level))

    def by_errors(self) -> Inference:
        """Return the spread with its interval from the errors of the scores."""
        method = f"range of the {self.k} best scores; the 95% quantile of the range of their errors on both sides"
        if self.value is None:
            return _too_few(self, method)
        reach = self.reach()
        if reach is None:
            unknown = ("no interval: the error of a score is unknown",)
            return Inference(value=self.value, low=None, high=None, n=self.n, method=method, caveats=unknown)
        low, high = max(self.value - reach, 0.0), self.value + reach  # a range is never below zero
        return Inference(value=self.value, low=low, high=high, n=self.n, method=method, caveats=(CONSERVATIVE,))

    def by_labs(self, n_labs: int) -> Inference:
        """Return the spread with its interval from resampled labs."""
        method = f"range of the {self.k} best scores; percentiles of {self.lab_draws.size} resamples of whole labs"
        if self.value is None:
            return _too_few(self, method)
        return _of_draws(self.value, self.lab_draws, n=n_labs, method=method)

    def under_null(self) -> Inference:
        """Return the spread that k equally good models show by error alone: median and central 95%."""
        method = f"range of the errors of the {self.k} best scores, drawn from their standard errors"
        if self.value is None:
            return _too_few(self, method)
        if self.error_ranges is None:
            return Inference(
                value=None, low=None, high=None, n=self.n, method=method, caveats=("undefined: an error is unknown",)
            )
        low, high, _ = percentile_interval(self.error_ranges)
        middle = float(np.median(self.error_ranges))
        return Inference(value=middle, low=low, high=high, n=self.rows.size, method=method)


def top_spread(
    scores: NDArray[np.float64],
    errors: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    k: int,
    rng: np.random.Generator,
    chosen: NDArray[np.intp] | None = None,
) -> TopSpread:
    """Return the spread of the k best of the models that have a score.

    scores, errors : (n,) percent, NaN for a gap or an unknown error. weights : (n_resamples, n) how often each row is
    in a resample of labs. chosen : take these rows instead of the k best. Ties are broken by the order of the rows.
    Raises BadParameterError for k below 2.
    """
    if k < 2:
        raise BadParameterError(f"A spread needs at least the 2 best models, got {k}. The paper takes five.")
    known = np.flatnonzero(np.isfinite(scores))
    order = known[np.argsort(-scores[known], kind="stable")]
    if chosen is not None:
        order = chosen[np.isfinite(scores[chosen])]
    rows = order[:k]
    draws = _lab_draws(scores, weights, order, k)
    if rows.size < k:
        return TopSpread(n=known.size, k=k, rows=rows, value=None, lab_draws=draws)
    ranges = None
    if np.isfinite(errors[rows]).all():
        drawn = rng.standard_normal((len(weights), k)) * errors[rows]
        ranges = drawn.max(axis=1) - drawn.min(axis=1)
    value = float(scores[rows].max() - scores[rows].min())
    return TopSpread(n=known.size, k=k, rows=rows, value=value, error_ranges=ranges, lab_draws=draws)


def saturation_by_errors(old: TopSpread, new: TopSpread) -> Inference:
    """Return sigma = spread on the old axis / spread on the new one, with its interval from the errors of the scores.

    Each spread is held within the quantile of the range of its errors at half the error rate, so both hold at once.
    The interval has no upper end where the spread of the new axis may be zero.
    """
    method = "range of the best scores, old axis over new; both ranges within the range of their errors, Bonferroni"
    n = min(old.n, new.n)
    value, why = _ratio_of(old, new)
    if value is None:
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
    reaches = [spread.reach(1 - (1 - LEVEL) / 2) for spread in (old, new)]
    if reaches[0] is None or reaches[1] is None or old.value is None or new.value is None:
        unknown = ("no interval: the error of a score is unknown",)
        return Inference(value=value, low=None, high=None, n=n, method=method, caveats=unknown)
    low = max(old.value - reaches[0], 0.0) / (new.value + reaches[1])
    least = new.value - reaches[1]
    caveats: tuple[str, ...] = (CONSERVATIVE,)
    if least <= 0:
        caveats += ("unbounded above: by the errors alone the best of the new axis may all be equal",)
    high = (old.value + reaches[0]) / least if least > 0 else None
    return Inference(value=value, low=low, high=high, n=n, method=method, caveats=caveats)


def saturation_by_labs(old: TopSpread, new: TopSpread, *, n_labs: int) -> Inference:
    """Return sigma with the percentile interval of resampled labs, the same draws for both axes."""
    method = f"range of the best scores, old axis over new; percentiles of {old.lab_draws.size} resamples of labs"
    value, why = _ratio_of(old, new)
    if value is None:
        return Inference(value=None, low=None, high=None, n=n_labs, method=method, caveats=(why,))
    return _of_draws(value, saturation_draws(old, new), n=n_labs, method=method)


def saturation_draws(old: TopSpread, new: TopSpread) -> NDArray[np.float64]:
    """Return sigma of each resample of labs, (n_resamples,); infinite where the new axis has no spread."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold the same model k times
        return old.lab_draws / new.lab_draws


def rotation_shares(
    sigmas: NDArray[np.float64], *, threshold: float
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return how often each candidate is the axis to rotate to, how often none is, and the share of undefined draws.

    sigmas : (n_candidates, n_resamples) sigma of the old axis over each candidate. The axis to rotate to is the one of
    smallest sigma below the threshold. Undefined candidates of a draw do not compete in it; the last array,
    (n_candidates,), says how often that was.
    """
    competing = np.where(np.isnan(sigmas), np.inf, sigmas)
    best = competing.argmin(axis=0)
    rotates = competing.min(axis=0) < threshold
    shares = np.array([float((rotates & (best == place)).mean()) for place in range(len(sigmas))])
    return shares, float((~rotates).mean()), np.isnan(sigmas).mean(axis=1)


def _ratio_of(old: TopSpread, new: TopSpread) -> tuple[float | None, str]:
    for name, spread in (("old", old), ("new", new)):
        if spread.value is None:
            return None, f"undefined: {spread.rows.size} models on the {name} axis, {spread.k} are needed"
    if not new.value:
        return None, "undefined: the best models of the new axis have equal scores"
    return (old.value or 0.0) / new.value, ""


def _too_few(spread: TopSpread, method: str) -> Inference:
    why = (f"undefined: {spread.rows.size} models, {spread.k} are needed",)
    return Inference(value=None, low=None, high=None, n=spread.n, method=method, caveats=why)


def _of_draws(value: float, draws: NDArray[np.float64], *, n: int, method: str) -> Inference:
    if n < 2:
        return Inference(
            value=value, low=None, high=None, n=n, method=method, caveats=("no interval: fewer than 2 labs",)
        )
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="hold too few models or have no spread")
    if low is not None or high is not None:
        caveats += (EXTREMES,)
    return Inference(value=value, low=low, high=high, n=n, method=method, caveats=caveats)


def _lab_draws(
    scores: NDArray[np.float64], weights: NDArray[np.float64], order: NDArray[np.intp], k: int
) -> NDArray[np.float64]:
    """Return the spread of the k best under each row of weights, NaN where fewer than k models are drawn."""
    if not order.size:
        return np.full(len(weights), np.nan)
    ranked = order[np.argsort(-scores[order], kind="stable")]
    drawn = weights[:, ranked]
    running = drawn.cumsum(axis=1)
    best, last = (running >= 1).argmax(axis=1), (running >= k).argmax(axis=1)
    return np.where(running[:, -1] >= k, scores[ranked][best] - scores[ranked][last], np.nan)
