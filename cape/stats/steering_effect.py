"""What steering does to a benchmark: scores of multiple choice, paired effects, controls by random directions.

MC1 and MC2 as TruthfulQA defines them (Lin, Hilton and Evans, arXiv 2109.07958, section 2.3). The rank test is a
Monte Carlo test (Davison and Hinkley, 1997, section 4.2): its smallest p is 1 / (1 + number of random directions).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError, NotEnoughDataError
from cape.stats.inference import Inference
from cape.stats.paired import mcnemar_exact, paired_difference

ALPHA = 0.05  # level of the verdict
KL_TOLERANCE = 0.05  # relative; a matched strength has the wanted KL within this
WIDE_PP = 10.0  # an interval that holds 0 and is wider says nothing about an effect worth having
MOVED = 1e-9  # a change of a score below this is none
KL_ORDER = 2.0  # for small strengths KL grows with the square of the strength

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How the answers to the same questions moved. changed : another choice. corrected, broken : wrong to right,
    right to wrong. A changed answer that was wrong and stays wrong is neither."""

    n: int
    n_changed: int
    n_corrected: int
    n_broken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Mean of after minus before over the same questions.

    p_value : exact McNemar for values of 0 and 1, else None. wrong_way, right_way : shares of questions that fell,
    rose, in 0 to 1.
    """

    inference: Inference
    p_value: float | None
    wrong_way: float
    right_way: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstRandom:
    """An effect beside those of random directions.

    inference : effect minus the mean of random effects, paired by question. p_value : two-sided rank of the effect's
    distance from the mean of the random effects. floor : smallest p that n_random allows. low, high : central 95 %
    range of the random effects, their extremes where they are fewer than 40.
    """

    inference: Inference
    p_value: float
    floor: float
    n_random: int
    mean: float
    low: float
    high: float


def mc1_score(log_probabilities: ArrayLike, is_true: ArrayLike, *, best: int) -> float:
    """Return 1.0 if the best true choice is likelier than every false one, else 0.0; a tie is lost.

    log_probabilities : (n_choices,) of the whole choice given the prompt. best : place of the best true choice.
    """
    values, true = _choices(log_probabilities, is_true)
    return float((values[best] > values[~true]).all())


def mc2_score(log_probabilities: ArrayLike, is_true: ArrayLike) -> float:
    """Return the probability of the true choices over that of all choices, 0 to 1."""
    values, true = _choices(log_probabilities, is_true)
    weights = np.exp(values - values.max())
    return float(weights[true].sum() / weights.sum())


def _choices(log_probabilities: ArrayLike, is_true: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    values, true = np.asarray(log_probabilities, dtype=np.float64), np.asarray(is_true, dtype=bool)
    if values.shape != true.shape or values.ndim != 1 or not true.any() or true.all():
        raise BadParameterError("A question needs at least one true and one false choice, each with a log-probability.")
    if not np.isfinite(values).all():
        raise BadParameterError("A choice has no finite log-probability. Its model may have overflowed; use float32.")
    return values, true


def moves(before: ArrayLike, after: ArrayLike, right_before: ArrayLike, right_after: ArrayLike) -> Moves:
    """Return how answers moved. before, after : (n,) chosen places. right_* : (n,) whether they were right."""
    first, second = np.asarray(before), np.asarray(after)
    was, is_now = np.asarray(right_before, dtype=bool), np.asarray(right_after, dtype=bool)
    return Moves(
        n=first.size,
        n_changed=int((first != second).sum()),
        n_corrected=int((~was & is_now).sum()),
        n_broken=int((was & ~is_now).sum()),
    )


def paired_effect(before: ArrayLike, after: ArrayLike, *, rng: np.random.Generator, n_resamples: int) -> Effect:
    """Return the mean of after minus before with a bootstrap of questions, and McNemar's test where values are 0 or 1.

    before, after : (n,) score of each question, in its unit. Raises NotEnoughDataError without a question.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    found = paired_difference(first, second, rng=rng, n_resamples=n_resamples)
    change = second - first
    is_binary = bool(np.isin([first, second], (0.0, 1.0)).all())
    gained, lost = int((change > MOVED).sum()), int((change < -MOVED).sum())
    return Effect(
        inference=found.inference,
        p_value=float(mcnemar_exact(gained, lost).p_exact) if is_binary else None,
        wrong_way=lost / first.size,
        right_way=gained / first.size,
    )


def against_random(
    before: ArrayLike, after: ArrayLike, random: ArrayLike, *, rng: np.random.Generator, n_resamples: int
) -> AgainstRandom:
    """Return the effect of an arm beside those of random directions on the same questions.

    before, after : (n,) scores without and with the arm. random : (n_random, n) scores under each random direction.
    Raises NotEnoughDataError without a random direction.
    """
    base, steered = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    drawn = np.asarray(random, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[0] < 1:
        raise NotEnoughDataError("A comparison with random directions needs at least 1 of them. Ask for 20.")
    effects = (drawn - base).mean(axis=1)
    effect, centre = float((steered - base).mean()), float(effects.mean())
    beyond = int((np.abs(effects - centre) >= abs(effect - centre) - MOVED).sum())
    low, high = np.percentile(effects, [2.5, 97.5])
    found = paired_difference(drawn.mean(axis=0), steered, rng=rng, n_resamples=n_resamples)
    return AgainstRandom(
        inference=found.inference,
        p_value=(1 + beyond) / (1 + effects.size),
        floor=1 / (1 + effects.size),
        n_random=effects.size,
        mean=centre,
        low=float(low),
        high=float(high),
    )


def next_strength(strengths: Sequence[float], kls: Sequence[float], target: float) -> float:
    """Return the strength to try next so that KL(strength) meets the target, by interpolation in logarithms.

    strengths, kls : tried so far, all above 0. Between two that bracket the target the line through them is taken;
    outside them the nearest grows with the square of the strength. Raises BadParameterError for a target not above 0.
    """
    if not target > 0 or not strengths or min(strengths) <= 0:
        raise BadParameterError(f"Matching needs a KL and strengths above 0, got {target} and {list(strengths)}.")
    x, y = np.log(np.asarray(strengths)), np.log(np.maximum(np.asarray(kls, dtype=np.float64), np.finfo(float).tiny))
    wanted = float(np.log(target))
    below, above = np.flatnonzero(y <= wanted), np.flatnonzero(y > wanted)
    if below.size and above.size:
        left, right = below[np.argmax(y[below])], above[np.argmin(y[above])]
        share = (wanted - y[left]) / (y[right] - y[left])
        return float(np.exp(x[left] + share * (x[right] - x[left])))
    nearest = int(np.argmin(np.abs(y - wanted)))
    return float(np.exp(x[nearest] + (wanted - y[nearest]) / KL_ORDER))


def is_matched(kl: float, target: float) -> bool:
    """Return whether a KL meets its target within KL_TOLERANCE."""
    return abs(kl - target) <= KL_TOLERANCE * target


def verdict_of(effect: Inference, beyond: Inference, p_value: float) -> tuple[str, str]:
    """Return (verdict, reason) of a steered arm. The rule, in order:

    no interval: too wide to say; effect, effect beyond random directions and rank p all significant with one sign:
    truer, or less true; the interval of the effect beyond random directions holds 0 and is wider than WIDE_PP: too
    wide to say; otherwise no effect beyond random directions. Both in percentage points of one score.
    beyond, p_value : from `against_random`.
    """
    signs = [_sign(effect), _sign(beyond)]
    if None in signs:
        return "too wide to say", "an interval could not be formed"
    if p_value <= ALPHA and signs[0] == signs[1] != 0:
        word = "truer" if signs[0] == 1 else "less true"
        return f"{word} beyond random directions", "effect and effect beyond random directions exclude 0"
    lacking = [
        *(["the interval of the effect holds 0"] if signs[0] == 0 else []),
        *(["the interval of the effect beyond random directions holds 0"] if signs[1] == 0 else []),
        *(["the two have opposite signs"] if (signs[0] or 0) * (signs[1] or 0) < 0 else []),
        *([f"the rank among random directions gives p = {p_value:.3f}"] if p_value > ALPHA else []),
    ]
    width = (beyond.high or 0.0) - (beyond.low or 0.0)
    is_wide = signs[1] == 0 and width > WIDE_PP
    return "too wide to say" if is_wide else "no effect beyond random directions", "; ".join(lacking)


def _sign(found: Inference) -> int | None:
    """Return 1 or -1 for an interval that excludes 0, 0 for one that holds it, None without one."""
    if found.low is None or found.high is None:
        return None
    return 1 if found.low > 0 else -1 if found.high < 0 else 0


def repetition(tokens: Sequence[Hashable]) -> float | None:
    """Return the share of neighbouring pairs that occurred before in the same text; None for fewer than 2 pairs."""
    pairs = list(zip(tokens, tokens[1:], strict=False))
    return None if len(pairs) < 2 else 1 - len(set(pairs)) / len(pairs)


def histogram(change: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """Return how many changes lie in each bin; the outermost bins take what lies beyond."""
    limits = np.asarray(edges, dtype=np.float64)
    values = np.clip(np.asarray(change, dtype=np.float64), limits[0], limits[-1])
    return np.histogram(values, bins=limits)[0]
