"""Differences and ratios of two estimates: two slopes, two mean slopes, two resampled statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError
from cape.stats.correlation import FEW_FAMILIES
from cape.stats.inference import LEVEL, Z_LEVEL, Inference, Steps
from cape.stats.resampling import cluster_weights, guarded_interval, percentile_interval


def gamma_difference(gamma_a: float | None, se_a: float | None, gamma_b: float | None, se_b: float | None) -> Inference:
    """Return gamma_a - gamma_b of two single intervals with a normal interval from their standard errors.

    Undefined when either gamma is None or NaN; no interval when either standard error is. Raises ValueError for a
    negative standard error.
    """
    method = "difference of two gammas, normal interval, errors independent (the intervals share no model)"
    gammas, errors = _numbers(gamma_a, gamma_b), _numbers(se_a, se_b)
    if (errors < 0).any():
        raise ValueError(f"gamma_difference needs standard errors >= 0, got {se_a} and {se_b}. Check their source.")
    missing = [name for name, gamma in zip(("first", "second"), gammas, strict=True) if np.isnan(gamma)]
    if missing:
        caveat = f"The {' and the '.join(missing)} gamma is undefined, so the difference is"
        return Inference(value=None, low=None, high=None, n=2 - len(missing), method=method, caveats=(caveat,))
    value = float(gammas[0] - gammas[1])
    if np.isnan(errors).any():
        caveat = "A standard error is unknown, so the difference has no interval"
        return Inference(value=value, low=None, high=None, n=2, method=method, caveats=(caveat,))
    half = Z_LEVEL * math.hypot(*errors)
    return Inference(value=value, low=value - half, high=value + half, n=2, method=method)


def mean_gamma_difference(steps_a: Steps, steps_b: Steps, *, n_resamples: int, rng: np.random.Generator) -> Inference:
    """Return mean gamma of a less mean gamma of b, plain means over the steps with a gamma, percentile interval.

    A side with two or more families is resampled by whole families; a side with one is redrawn from
    Normal(gamma, gamma_se). `method` says which was done. n counts the units redrawn, families or steps, of both sides.
    Undefined when a side has no gamma. Raises BadParameterError for n_resamples < 1.
    """
    if n_resamples < 1:
        raise BadParameterError(
            f"mean_gamma_difference needs n_resamples >= 1, got {n_resamples}. Ask for 2,000 or more."
        )
    a = _side(steps_a, "first", n_resamples=n_resamples, rng=rng)
    b = _side(steps_b, "second", n_resamples=n_resamples, rng=rng)
    method = f"difference of plain mean gammas; first: {a.method}; second: {b.method}"
    caveats = a.caveats + b.caveats
    if a.mean is None or b.mean is None:
        return Inference(value=None, low=None, high=None, n=a.n + b.n, method=method, caveats=caveats)
    shared = a.families & b.families
    if shared:
        caveats += (f"On both sides: {', '.join(sorted(shared))}; the sides are redrawn independently all the same",)
    value = a.mean - b.mean
    if a.draws is None or b.draws is None:
        return Inference(value=value, low=None, high=None, n=a.n + b.n, method=method, caveats=caveats)
    draws = a.draws - b.draws
    low, high, _ = percentile_interval(draws, level=LEVEL)  # a mean over at least one family is always defined
    return Inference(value=value, low=low, high=high, n=a.n + b.n, method=method, caveats=caveats, draws=draws)


def difference_of_draws(a: Inference, b: Inference, *, unit_word: str) -> Inference:
    """Return a - b with a percentile interval from the draws of both, taken as independent.

    unit_word : what is subtracted, for the method sentence. Undefined when either value is; no interval when either
    has no draws. n is the smaller of the two. Raises ValueError for unequal numbers of draws.
    """
    method = f"difference in {unit_word}, percentile interval of independent draws"
    caveats = _carried(a, b)
    if a.value is None or b.value is None:
        return _without_interval(None, a, b, method=method, caveats=caveats)
    value = a.value - b.value
    if a.draws is None or b.draws is None:
        return _without_interval(value, a, b, method=method, caveats=caveats)
    draws = a.draws - _unpaired(a.draws, b.draws)
    low, high, more = guarded_interval(draws, has_value=True, lacking="have no difference")
    caveats += more
    return Inference(value=value, low=low, high=high, n=min(a.n, b.n), method=method, caveats=caveats, draws=draws)


def ratio_of_draws(a: Inference, b: Inference) -> Inference:
    """Return N_c of a over N_c of b, a pure number, with a percentile interval from the draws of both.

    a, b : log10 N_c, value and draws. The difference is taken in log10 and raised to a ratio at the end.
    Undefined and raises as `difference_of_draws`.
    """
    found = difference_of_draws(a, b, unit_word="log10 N_c")
    return Inference(
        value=_power(found.value),
        low=_power(found.low),
        high=_power(found.high),
        n=found.n,
        method=f"ratio of N_c, from the {found.method}",
        caveats=found.caveats,
        draws=None if found.draws is None else 10.0**found.draws,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Mean gamma of one side, its draws (n_resamples,) or None, and how they were formed."""

    mean: float | None
    draws: NDArray[np.float64] | None
    n: int
    families: frozenset[str]
    method: str
    caveats: tuple[str, ...]


def _side(steps: Steps, name: str, *, n_resamples: int, rng: np.random.Generator) -> _Side:
    keep = np.isfinite(steps.gamma)
    gamma, errors, family = steps.gamma[keep], steps.gamma_se[keep], steps.family[keep]
    families = frozenset(family.tolist())
    caveats: tuple[str, ...] = ()
    if not keep.all():
        caveats += (f"Steps of the {name} side without a gamma, left out: {(~keep).sum()}",)
    if not gamma.size:
        caveats += (f"The {name} side has no step with a gamma, so its mean is undefined",)
        return _Side(mean=None, draws=None, n=0, families=families, method="no step", caveats=caveats)
    mean, n_steps = float(gamma.mean()), gamma.size
    if len(families) > 1:
        weights = np.asarray(cluster_weights(family, n_resamples=n_resamples, rng=rng), dtype=np.float64)
        draws = (weights @ gamma) / weights.sum(axis=1)
        if len(families) < FEW_FAMILIES:
            caveats += (f"The {name} side has only {len(families)} families; its part of the interval is too narrow",)
        method = f"bootstrap of {len(families)} whole families ({n_steps} steps)"
        return _Side(mean=mean, draws=draws, n=len(families), families=families, method=method, caveats=caveats)
    n_unknown = int((~np.isfinite(errors)).sum())
    if n_unknown:
        caveats += (f"No interval: steps of the {name} side, one family, without a standard error: {n_unknown}",)
        return _Side(mean=mean, draws=None, n=n_steps, families=families, method="no draws", caveats=caveats)
    draws = rng.normal(gamma, errors, size=(n_resamples, n_steps)).mean(axis=1)
    caveats += (f"The {name} side has one family: measurement error only, steps taken as independent",)
    method = f"measurement-error draws of one family ({n_steps} steps)"
    return _Side(mean=mean, draws=draws, n=n_steps, families=families, method=method, caveats=caveats)


def _numbers(*values: float | None) -> NDArray[np.float64]:
    """Return the values, NaN where one is None or not finite."""
    return np.array([math.nan if value is None or not math.isfinite(value) else value for value in values])


def _power(log10_value: float | None) -> float | None:
    return None if log10_value is None else 10.0**log10_value


def _carried(a: Inference, b: Inference) -> tuple[str, ...]:
    """Return the caveats of both sides, each naming its side, after a sentence for every side that is undefined."""
    caveats = []
    for name, side in (("first", a), ("second", b)):
        if side.value is None:
            caveats.append(f"The {name} value is undefined, so the result is")
        caveats += [f"Of the {name}: {caveat}" for caveat in side.caveats]
    return tuple(caveats)


def _without_interval(
    value: float | None, a: Inference, b: Inference, *, method: str, caveats: tuple[str, ...]
) -> Inference:
    if value is not None:
        caveats += ("One side has no draws, so the result has no interval",)
    return Inference(value=value, low=None, high=None, n=min(a.n, b.n), method=method, caveats=caveats)


def _unpaired(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the draws of b turned by half their number.

    Two runs from one seed share their resamples draw by draw; turned, draw i of a meets an unrelated draw of b.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"Draws of both sides must be equal in number, got {a.size} and {b.size}. "
            "Resample both with the same n_resamples."
        )
    return np.roll(b, b.size // 2)
