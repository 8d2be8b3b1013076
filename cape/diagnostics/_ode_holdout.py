"""Hold-outs of the selection: three designs, every baseline on the same cells, skill, and the paper's falsifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._ode_equation import Fitted
from cape.diagnostics._plain_estimates import undefined
from cape.dynamics.holdout import (
    SYSTEM,
    Prediction,
    Skill,
    leave_families_out,
    leave_last_sizes_out,
    skill,
    transfer,
)
from cape.quantities import Estimate, Table

FAMILIES, LAST, ELSEWHERE = "leave one family out", "last size out", "families not fitted"
FALSIFIER_PP = 15.0  # an independent family above this error would weaken the claim, paper 9 (iv)
POINTS = "percentage points"
WHY_NONE = {
    FAMILIES: "undefined: one family was fitted, so that none can be left out",
    LAST: "undefined: no fitted ladder has three sizes",
    ELSEWHERE: "undefined: every family of the panel with two sizes was fitted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdouts:
    """Predictions and skill of each design; a design without folds has no skill."""

    predictions: dict[str, list[Prediction]]
    skills: dict[str, Skill | None]

    @property
    def independent(self) -> str:
        """The design whose families the system has not seen: those not fitted, else each left out."""
        return ELSEWHERE if self.predictions[ELSEWHERE] else FAMILIES


def holdouts_of(fitted: Fitted) -> Holdouts:
    """Run every design that the selection allows."""
    setting = fitted.setting
    predictions = {
        FAMILIES: leave_families_out(setting.fitted, setting.recipe),
        LAST: leave_last_sizes_out(setting.fitted, setting.recipe),
        ELSEWHERE: transfer(fitted.system, setting.fitted, setting.others),
    }
    skills = {
        design: skill(
            found,
            n_resamples=setting.params.resamples,
            rng=np.random.default_rng([setting.params.seed, 64, place]),
        )
        for place, (design, found) in enumerate(predictions.items())
    }
    return Holdouts(predictions=predictions, skills=skills)


def holdout_results(fitted: Fitted, found: Holdouts) -> tuple[list[Estimate], list[Table]]:
    """Return errors of all methods, skill and counterexamples, with the tables of methods and of families."""
    estimates: list[Estimate] = []
    for design, one in found.skills.items():
        estimates += _errors(design, one, found.predictions[design])
    estimates += [_counterexamples(design, found) for design in (FAMILIES, ELSEWHERE)]
    return estimates, [_method_table(found), _family_table(found)]


def _errors(design: str, one: Skill | None, predictions: list[Prediction]) -> list[Estimate]:
    method = "error of the ODE over that of the best baseline"
    if one is None:
        why = (WHY_NONE[design],)
        return [undefined("skill_ratio", design, n=0, unit="x", method=method, why=why)]
    left_out = (f"no answer everywhere, left out: {', '.join(one.left_out)}",) if one.left_out else ()
    clipped = sum(p.clipped for p in predictions)
    ends = (f"{clipped} of {len(predictions)} predictions met the end of the scale",) if clipped else ()
    ratio = one.ratio.estimate(
        symbol="skill_ratio",
        label=design,
        unit="x",
        caveats=(f"best baseline: {one.best}, chosen anew in every resample", *left_out, *ends),
    )
    return [ratio] + [
        inference.estimate(symbol="holdout_error", label=f"{design}: {name}", unit=POINTS)
        for name, inference in one.errors.items()
    ]


def _counterexamples(design: str, found: Holdouts) -> Estimate:
    """Return how many families the system misses by more than the paper's falsifier."""
    method = (
        f"families whose mean absolute error exceeds {FALSIFIER_PP:g} points, predicted from their smallest size "
        "without their rows"
    )
    one = found.skills[design]
    if one is None:
        return undefined("n_counterexamples", design, n=0, unit="families", method=method, why=(WHY_NONE[design],))
    beyond = one.by_family[SYSTEM] > FALSIFIER_PP
    names = [name for name, is_beyond in zip(one.families, beyond.tolist(), strict=True) if is_beyond]
    said = f"they are {', '.join(names)}" if names else "none"
    return Estimate(
        symbol="n_counterexamples",
        label=design,
        value=float(beyond.sum()),
        low=None,
        high=None,
        n=len(one.families),
        unit="families",
        method=method,
        caveats=("no interval: a count of the families at hand", said),
    )


def _method_table(found: Holdouts) -> Table:
    """Return one row per design and method: error, interval, families, and which baseline is best."""
    rows = [
        {
            "design": design,
            "method": name,
            "error": inference.value,
            "low": inference.low,
            "high": inference.high,
            "n_families": inference.n,
            "n_ladders": len(found.predictions[design]),
            "is_best_baseline": name == one.best,
        }
        for design, one in found.skills.items()
        if one is not None
        for name, inference in one.errors.items()
    ]
    schema = {
        **dict.fromkeys(("design", "method"), pl.String),
        **dict.fromkeys(("error", "low", "high"), pl.Float64),
        **dict.fromkeys(("n_families", "n_ladders"), pl.Int64),
        "is_best_baseline": pl.Boolean,
    }
    units = dict.fromkeys(("error", "low", "high"), POINTS)
    return Table(name="methods", title="Hold-out errors", frame=pl.DataFrame(rows, schema=schema), units=units)


def _family_table(found: Holdouts) -> Table:
    """Return one row per design and family: the system, the best baseline, their ratio and the falsifier."""
    rows = []
    for design, one in found.skills.items():
        if one is None:
            continue
        for place, family in enumerate(one.families):
            errors = {name: float(column[place]) for name, column in one.by_family.items() if name not in one.left_out}
            system, best = errors[SYSTEM], errors[one.best]
            rows.append(
                {
                    "design": design,
                    "family": family,
                    "ode_error": system,
                    "baseline": one.best,
                    "baseline_error": best,
                    "ratio": system / best if best > 0 else None,
                    "exceeds_falsifier": system > FALSIFIER_PP,
                    "falsifier": FALSIFIER_PP,
                    "n_cells": sum(p.observed.size for p in found.predictions[design] if p.family == family),
                }
            )
    schema = {
        **dict.fromkeys(("design", "family"), pl.String),
        "ode_error": pl.Float64,
        "baseline": pl.String,
        **dict.fromkeys(("baseline_error", "ratio"), pl.Float64),
        "exceeds_falsifier": pl.Boolean,
        "falsifier": pl.Float64,
        "n_cells": pl.Int64,
    }
    units = dict.fromkeys(("ode_error", "baseline_error", "falsifier"), POINTS) | {"n_cells": "scores"}
    return Table(name="families", title="Error by family", frame=pl.DataFrame(rows, schema=schema), units=units)


def holdout_sentences(found: Holdouts) -> tuple[str, ...]:
    """Return per design how the system does beside the best baseline, and the falsifier."""
    told = []
    for design, one in found.skills.items():
        if one is None:
            continue
        ratio = one.ratio
        ends = (
            f" (95% interval {ratio.low:.2f} to {ratio.high:.2f})"
            if ratio.low is not None and ratio.high is not None
            else " (no interval)"
        )
        verdict = _verdict(ratio.low, ratio.high)
        value = "undefined" if ratio.value is None else f"{ratio.value:.2f}{ends}"
        told.append(
            f"{design.capitalize()}: the ODE errs by {one.errors[SYSTEM].value:.1f} points, the best baseline "
            f"({one.best}) by {one.errors[one.best].value:.1f}; ratio {value}{verdict}."
        )
    counted = _counterexamples(found.independent, found)
    if counted.value is not None:
        told.append(
            f"{counted.value:.0f} of {counted.n} families ({found.independent}) have an error above the "
            f"{FALSIFIER_PP:g} points of the paper's falsifier."
        )
    return tuple(told)


def _verdict(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    if high < 1:
        return ": better than every baseline"
    return ": worse than the best baseline" if low > 1 else ": not told apart from the best baseline"
