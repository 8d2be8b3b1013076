"""Count what an estimator said of simulated panels against the truth, block by block, and add blocks up to rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.calibration.batched import Answers
from cape.calibration.estimators import N_C, Calibrated
from cape.stats.summaries import wilson_interval

Array = NDArray[np.float64]
DIGITS = 9
ALARM = 0.05  # a test of this size, the complement of the level of every interval

COUNTS = (
    "n_simulations",
    "n_true",  # panels in which the quantity exists
    "n_none",  # panels in which it does not
    "n_values",  # of those in which it exists: a value is given
    "n_intervals",  # of those: with an interval
    "n_covered",  # of those: the interval holds the truth
    "n_below",  # of those: the interval ends below the truth
    "n_above",  # of those: the interval starts above the truth
    "n_found",  # of those in which it exists: N_c given, or zero rejected
    "n_false",  # of those in which it does not exist: N_c given
    "n_bounded",  # intervals with both limits
)
SUMS = ("sum_truth", "sum_error", "sum_squared_error", "sum_width")


def tally(answers: Answers, estimator: Calibrated, truth: Array) -> dict[str, float]:
    """Return the counts and sums of one block. truth : (n_panels,) NaN where the quantity does not exist."""
    exists = np.isfinite(truth) | estimator.is_test
    has_value = np.isfinite(answers.value)
    has_interval = exists & has_value & ~np.isnan(answers.low) & ~np.isnan(answers.high)
    below, above = has_interval & (answers.high < truth), has_interval & (answers.low > truth)
    bounded = has_interval & np.isfinite(answers.low) & np.isfinite(answers.high)
    error = (answers.value - truth)[exists & has_value] if not estimator.is_test else np.empty(0)
    masks = {
        "n_simulations": np.ones(truth.size, dtype=bool),
        "n_true": exists,
        "n_none": ~exists,
        "n_values": exists & (has_value if answers.p is None else np.isfinite(answers.p)),
        "n_intervals": has_interval,
        "n_covered": has_interval & ~below & ~above,
        "n_below": below,
        "n_above": above,
        "n_found": exists & _found(answers, estimator, has_value),
        "n_false": ~exists & has_value,
        "n_bounded": bounded,
    }
    sums = {
        "sum_truth": truth[np.isfinite(truth)].sum(),
        "sum_error": error.sum(),
        "sum_squared_error": (error**2).sum(),
        "sum_width": (answers.high - answers.low)[bounded].sum(),
    }
    return {
        **{name: float(mask.sum()) for name, mask in masks.items()},
        **{name: rounded(value) for name, value in sums.items()},
    }


def rounded(value: float) -> float:
    """Return a sum to DIGITS figures: the rest depends on how many threads added it up."""
    return float(f"{value:.{DIGITS}g}")


def row_of(blocks: Sequence[dict[str, float]]) -> dict[str, float | int | None]:
    """Return the row of one estimator in one cell and world: sums over its blocks, means, and spreads of the blocks.

    spread_* : variance of the blocks' shares over that of independent panels, at least 1; panels of one block share
    sizes and resamples, so their number is divided by it before the simulation error is formed.
    """
    total = {name: sum(block[name] for block in blocks) for name in (*COUNTS, *SUMS)}
    n_values, n_bounded = total["n_values"], total["n_bounded"]
    is_estimate = total["n_values"] > 0 and any(block["sum_truth"] or block["sum_error"] for block in blocks)
    n_truths = total["n_true"]
    return {
        **{name: int(total[name]) for name in COUNTS},
        "truth": total["sum_truth"] / n_truths if n_truths and is_estimate else None,
        "bias": total["sum_error"] / n_values if n_values and is_estimate else None,
        "rmse": float(np.sqrt(total["sum_squared_error"] / n_values)) if n_values and is_estimate else None,
        "width": total["sum_width"] / n_bounded if n_bounded else None,
        "n_blocks": len(blocks),
        "spread_covered": _spread(blocks, "n_covered", "n_intervals"),
        "spread_found": _spread(blocks, "n_found", "n_true"),
        "spread_false": _spread(blocks, "n_false", "n_none"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A simulated share with its Wilson interval. n : independent panels it is worth; all None without panels."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def simulated_share(hits: int, trials: int, spread: float = 1.0) -> Share:
    """Return hits of trials with an interval for as many independent panels as give the same simulation error."""
    if not trials:
        return Share(value=None, low=None, high=None, n=0)
    value, n = hits / trials, max(1, round(trials / max(spread, 1.0)))
    low, high = wilson_interval(value * n, n)
    low, high = (0.0 if not hits else low), (1.0 if hits == trials else high)
    return Share(value=value, low=low, high=high, n=n)


def _found(answers: Answers, estimator: Calibrated, has_value: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where something was found: N_c given, p at most ALARM, or zero outside the interval."""
    if answers.p is not None:
        return answers.p <= ALARM
    if estimator.quantity == N_C:
        return has_value
    return has_value & ((answers.low > 0) | (answers.high < 0))


def _spread(blocks: Sequence[dict[str, float]], hits: str, trials: str) -> float:
    n = np.array([block[trials] for block in blocks])
    k = np.array([block[hits] for block in blocks])[n > 0]
    n = n[n > 0]
    share = k.sum() / n.sum() if n.size else 0.0
    if n.size < 2 or not 0 < share < 1:
        return 1.0
    return float(max(1.0, ((k - n * share) ** 2 / (n * share * (1 - share))).sum() / (n.size - 1)))
