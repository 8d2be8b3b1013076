"""Saturation of the frontier's benchmarks and where to rotate to, by the stated rule: part of cascade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._frontier_scores import FrontierRows
from cape.diagnostics._plain_estimates import count, undefined
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.saturation import (
    BY_ERRORS,
    BY_LABS,
    TopSpread,
    rotation_shares,
    saturation_by_errors,
    saturation_by_labs,
    saturation_draws,
    top_spread,
)

OWN_BEST, OLD_BEST = "best of each axis", "best of the old axis"
ROTATE, KEEP, UNDETERMINED, UNDEFINED = "rotate", "keep", "undetermined", "undefined"
NONE = "none"
ENDS = ("low", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Models whose best are compared: names (n,), labs drawn as weights (n_resamples, n), how many labs there are."""

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    n_labs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One benchmark over one population: its scores and errors (n,) percent and the spread of its best."""

    name: str
    population: Population
    scores: NDArray[np.float64]
    errors: NDArray[np.float64]
    spread: TopSpread

    @property
    def best(self) -> str:
        """Names of the best models, best first."""
        return ", ".join(self.population.names[row] for row in self.spread.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Sigma of one axis over another, with both intervals and what the rule says of it."""

    old: Axis
    new: Axis
    by_errors: Inference
    by_labs: Inference
    verdict: str


def axis_of(
    name: str,
    population: Population,
    columns: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    k: int,
    rng: np.random.Generator,
) -> Axis:
    """Return one axis; columns are its scores and errors."""
    spread = top_spread(*columns, population.weights, k=k, rng=rng)
    return Axis(name=name, population=population, scores=columns[0], errors=columns[1], spread=spread)


def frontier_axes(
    data: FrontierRows, weights: NDArray[np.float64], *, k: int, rng: np.random.Generator
) -> tuple[Axis, ...]:
    """Return one axis per benchmark of the frontier rows; weights (n_resamples, n_models)."""
    population = Population(
        names=tuple(data.models["display_name"]), weights=weights, n_labs=int(np.unique(data.labs).size)
    )
    return tuple(
        axis_of(name, population, (data.scores[:, place], data.errors[:, place]), k=k, rng=rng)
        for place, name in enumerate(data.benchmarks)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When to rotate: sigma below the threshold. best : which models a spread is taken over."""

    threshold: float
    best: str


def ratios(olds: Sequence[Axis], news: Sequence[Axis], rule: Rule, *, rng: np.random.Generator) -> tuple[Ratio, ...]:
    """Return sigma of every old axis over every other axis."""
    return tuple(
        _ratio(old, _on_same_models(old, new, rng) if rule.best == OLD_BEST else new, rule.threshold)
        for old in olds
        for new in news
        if old.name != new.name
    )


def _on_same_models(old: Axis, new: Axis, rng: np.random.Generator) -> Axis:
    """Return the new axis over the best models of the old one; another population has none of them."""
    rows = old.spread.rows if old.population is new.population else np.empty(0, dtype=np.intp)
    spread = top_spread(new.scores, new.errors, new.population.weights, k=old.spread.k, rng=rng, chosen=rows)
    return Axis(name=new.name, population=new.population, scores=new.scores, errors=new.errors, spread=spread)


def _ratio(old: Axis, new: Axis, threshold: float) -> Ratio:
    n_labs = min(old.population.n_labs, new.population.n_labs)
    found = saturation_by_errors(old.spread, new.spread), saturation_by_labs(old.spread, new.spread, n_labs=n_labs)
    return Ratio(old=old, new=new, by_errors=found[0], by_labs=found[1], verdict=_verdict(*found, threshold))


def _verdict(by_errors: Inference, by_labs: Inference, threshold: float) -> str:
    """Rotate (keep) when both intervals lie below (not below) the threshold, else undetermined."""
    if by_errors.value is None:
        return UNDEFINED
    both = (by_errors, by_labs)
    if all(found.high is not None and found.high < threshold for found in both):
        return ROTATE
    if all(found.low is not None and found.low >= threshold for found in both):
        return KEEP
    return UNDETERMINED


def axis_estimates(axes: Sequence[Axis], found: Sequence[Ratio]) -> list[Estimate]:
    """Return the spread of every axis, what error alone gives, and every sigma by both intervals."""
    estimates = []
    for axis in axes:
        who = (f"best: {axis.best}",) if axis.spread.rows.size else ()
        for by, inference in (
            (BY_ERRORS, axis.spread.by_errors()),
            (BY_LABS, axis.spread.by_labs(axis.population.n_labs)),
        ):
            estimates.append(
                inference.estimate(symbol="top_spread", label=f"{axis.name}: {by}", unit="pp", caveats=who)
            )
        estimates.append(axis.spread.under_null().estimate(symbol="top_spread_null", label=axis.name, unit="pp"))
    for ratio in found:
        label = f"{ratio.old.name} to {ratio.new.name}"
        for by, inference in ((BY_ERRORS, ratio.by_errors), (BY_LABS, ratio.by_labs)):
            estimates.append(inference.estimate(symbol="sigma_saturation", label=f"{label}: {by}", unit=""))
    return estimates


def recommendation(
    found: Sequence[Ratio], current: str, threshold: float
) -> tuple[list[Estimate], Table, tuple[str, ...]]:
    """Return which axis the rule names from the current one, how sure that is, and the words for it.

    Rule: among the axes over which sigma lies below the threshold, the one with the smallest sigma; none where there
    is none. It is settled where both intervals of its sigma lie below the threshold.
    """
    mine = [ratio for ratio in found if ratio.old.name == current]
    known = [ratio for ratio in mine if ratio.by_errors.value is not None]
    below = [ratio for ratio in known if (ratio.by_errors.value or 0.0) < threshold]
    named = min(below, key=lambda ratio: ratio.by_errors.value or 0.0, default=None)
    estimates = [
        _axes_named("by value", len(below), len(known)),
        _axes_named("settled", sum(ratio.verdict == ROTATE for ratio in mine), len(known)),
    ]
    shares, lines = _shares(known, current, threshold)
    lines += [_line(ratio, None, named) for ratio in mine if ratio not in known]
    table = Table(
        name="recommendation",
        title="Where to rotate to",
        frame=pl.DataFrame([_line(r, shares.get(r.new.name), named) for r in known] + lines, schema=_LINE),
        units={"share_of_resamples": "share of resamples of labs"},
    )
    estimates += _share_estimates(shares, known, current)
    return estimates, table, (_sentence(known, named, current, threshold, shares),)


_LINE = {"from": pl.String, "to": pl.String, "sigma": pl.Float64} | {
    "share_of_resamples": pl.Float64,
    "is_named": pl.Boolean,
    "verdict": pl.String,
    "why": pl.String,
}


def _axes_named(label: str, value: int, n: int) -> Estimate:
    method = "axes over which sigma lies below the threshold; settled: with both of its intervals"
    return count("n_axes_to_rotate_to", label, value, n=n, unit="axes", method=method)


def _shares(known: Sequence[Ratio], current: str, threshold: float) -> tuple[dict[str, float], list[dict]]:
    """Return how often each axis is named when labs are resampled, and the line for none."""
    if not known:
        return {}, []
    draws = np.stack([saturation_draws(ratio.old.spread, ratio.new.spread) for ratio in known])
    each, none, _ = rotation_shares(draws, threshold=threshold)
    shares = {ratio.new.name: float(share) for ratio, share in zip(known, each, strict=True)} | {NONE: none}
    is_named = not any((ratio.by_errors.value or 0.0) < threshold for ratio in known)
    line = {"from": current, "to": NONE, "sigma": None, "share_of_resamples": none, "is_named": is_named}
    return shares, [{**line, "verdict": "", "why": "no sigma below the threshold, or none is defined"}]


def _line(ratio: Ratio, share: float | None, named: Ratio | None) -> dict:
    return {
        "from": ratio.old.name,
        "to": ratio.new.name,
        "sigma": ratio.by_errors.value,
        "share_of_resamples": share,
        "is_named": ratio is named,
        "verdict": ratio.verdict,
        "why": "; ".join(dict.fromkeys((*ratio.by_errors.caveats, *ratio.by_labs.caveats))),
    }


def _share_estimates(shares: dict[str, float], known: Sequence[Ratio], current: str) -> list[Estimate]:
    method = "share of resamples of whole labs in which the rule names this axis"
    n = known[0].old.population.n_labs if known else 0
    if not shares:
        why = ("undefined: no sigma of the current axis is defined",)
        return [undefined("rotation_share", f"{current} to {NONE}", n=n, unit="", method=method, why=why)]
    caveat = ("no interval: itself a share of resamples", "errors of single scores are not in it")
    return [
        Estimate(
            symbol="rotation_share",
            label=f"{current} to {name}",
            value=share,
            low=None,
            high=None,
            n=n,
            unit="",
            method=method,
            caveats=caveat,
        )
        for name, share in shares.items()
    ]


def _sentence(
    known: Sequence[Ratio], named: Ratio | None, current: str, threshold: float, shares: dict[str, float]
) -> str:
    if not known:
        return (
            f"Where to rotate to from {current}: undefined, because no other axis has enough models to form a "
            "saturation ratio."
        )
    if named is None:
        closest = min(known, key=lambda ratio: ratio.by_errors.value or 0.0)
        start = (
            f"The rule names no axis to rotate to from {current}: the smallest saturation ratio, "
            f"{closest.by_errors.value:.2f} over {closest.new.name}, is not below {threshold:g}"
        )
    else:
        start = f"The rule names {named.new.name}: sigma {named.by_errors.value:.2f} is below {threshold:g}"
    is_settled = named.verdict == ROTATE if named is not None else all(ratio.verdict == KEEP for ratio in known)
    ending = "both intervals agree" if is_settled else "this is not settled, an interval reaches past the threshold"
    told = ", ".join(f"{name} in {share:.0%}" for name, share in sorted(shares.items(), key=lambda item: -item[1]))
    return f"{start}; {ending}. When labs are resampled the answer is {told} of draws."


def saturation_table(found: Sequence[Ratio]) -> Table:
    """Return one row per pair of axes, with the models that each spread is of."""
    rows = [
        {
            "old": ratio.old.name,
            "new": ratio.new.name,
            "sigma": ratio.by_errors.value,
            **{f"{end}_errors": getattr(ratio.by_errors, end) for end in ENDS},
            **{f"{end}_labs": getattr(ratio.by_labs, end) for end in ENDS},
            "verdict": ratio.verdict,
            "spread_old": ratio.old.spread.value,
            "spread_new": ratio.new.spread.value,
            "n_old": ratio.old.spread.n,
            "n_new": ratio.new.spread.n,
            "best_old": ratio.old.best,
            "best_new": ratio.new.best,
            "caveats": "; ".join(dict.fromkeys((*ratio.by_errors.caveats, *ratio.by_labs.caveats))),
        }
        for ratio in found
    ]
    numbers = dict.fromkeys(("sigma", *(f"{end}_{by}" for by in ("errors", "labs") for end in ENDS)), pl.Float64)
    schema = {"old": pl.String, "new": pl.String, **numbers, "verdict": pl.String}
    schema |= {"spread_old": pl.Float64, "spread_new": pl.Float64, "n_old": pl.Int64, "n_new": pl.Int64}
    schema |= dict.fromkeys(("best_old", "best_new", "caveats"), pl.String)
    return Table(
        name="saturation",
        title="Saturation ratio of every pair of axes",
        frame=pl.DataFrame(rows, schema=schema),
        units={"spread_old": "pp", "spread_new": "pp"},
    )


def spread_table(axes: Sequence[Axis]) -> Table:
    """Return one row per axis: the spread of its best, both intervals, and what error alone gives."""
    rows = []
    for axis in axes:
        errors, labs = axis.spread.by_errors(), axis.spread.by_labs(axis.population.n_labs)
        null = axis.spread.under_null()
        rows.append(
            {
                "axis": axis.name,
                "value": errors.value,
                "low": errors.low,
                "high": errors.high,
                "low_labs": labs.low,
                "high_labs": labs.high,
                "null": null.value,
                "null_low": null.low,
                "null_high": null.high,
                "n": axis.spread.n,
                "n_labs": axis.population.n_labs,
                "best": axis.best,
                "caveats": "; ".join(dict.fromkeys((*errors.caveats, *labs.caveats))),
            }
        )
    names = ("value", "low", "high", "low_labs", "high_labs", "null", "null_low", "null_high")
    schema = {"axis": pl.String, **dict.fromkeys(names, pl.Float64), "n": pl.Int64, "n_labs": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema | {"best": pl.String, "caveats": pl.String})
    return Table(name="spreads", title="Spread of the best models", frame=frame, units=dict.fromkeys(names, "pp"))
