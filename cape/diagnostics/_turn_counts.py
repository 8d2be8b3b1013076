"""How many families turn from negative to positive, the spread of their N_c, and the paper's first falsifier."""

from __future__ import annotations

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import size_rows
from cape.diagnostics._n_c import FamilyTurn
from cape.diagnostics._params import Params
from cape.positions import PARAMS, Axis
from cape.quantities import Estimate
from cape.stats.compare import ratio_of_draws
from cape.stats.critical_scale import Estimator, Turn
from cape.stats.inference import to_billions

FALSIFIER_RANGE = (0.1e9, 10e9)  # paper A 9: "at least 5 models spanning 0.1 to 10 B"
FALSIFIER_SIZES = 5
EXTREMES = "of the sign brackets"


def turn_counts(turns: list[FamilyTurn], axis: Axis = PARAMS) -> list[Estimate]:
    """Return how many families turn, and the smallest and largest N_c among them, by sign brackets."""
    brackets = [t for t in turns if t.estimator is Estimator.SIGN_BRACKET]
    estimates = [
        _family_count(str(status), sum(t.status is status for t in brackets), len(brackets)) for status in Turn
    ]
    estimates.append(_family_count("any", len(brackets), len(brackets)))
    found = sorted(
        (t for t in brackets if t.status is Turn.BRACKETED and t.inference.value is not None),
        key=lambda t: t.inference.value or 0.0,
    )
    if len(found) > 1:
        for name, turn in (("smallest", found[0]), ("largest", found[-1])):
            named_family = (f"family: {turn.family}",)
            estimates.append(
                to_billions(turn.inference, axis).estimate(
                    symbol="N_c", label=f"{name} {EXTREMES}", unit=axis.unit, caveats=named_family
                )
            )
        ratio = ratio_of_draws(found[-1].inference, found[0].inference)
        estimates.append(ratio.estimate(symbol="N_c_ratio", label="largest over smallest family", unit="x"))
    return estimates


def _family_count(label: str, count: int, n: int) -> Estimate:
    return Estimate(
        symbol="n_families_with_turn",
        label=label,
        value=float(count),
        low=None,
        high=None,
        n=n,
        unit="families",
        method="families by what the signs of their intervals say (sign bracket)",
        caveats=("no interval: a count by observed signs, whether or not they are settled",),
    )


def falsifier_counts(params: Params, read: Read, turns: list[FamilyTurn]) -> list[Estimate]:
    """Return how many families the paper's first falsifier speaks of, with and without a sign change (paper A 9)."""
    if params.axis is not PARAMS:
        return []  # the falsifier speaks of parameters
    sizes = size_rows(params, read).filter(pl.col("position").is_between(*FALSIFIER_RANGE))
    wide = sizes.group_by("family").agg(pl.col("position").n_unique()).filter(pl.col("position") >= FALSIFIER_SIZES)
    names = set(wide["family"])
    brackets = [t for t in turns if t.estimator is Estimator.SIGN_BRACKET and t.family in names]
    turning = sum(t.status is Turn.BRACKETED for t in brackets)
    return [
        Estimate(
            symbol="n_families_spanning",
            label=label,
            value=float(count),
            low=None,
            high=None,
            n=len(brackets),
            unit="families",
            method="families with at least 5 sizes within 0.1 to 10 B, by whether the signs of gamma turn from - to +",
            caveats=("no interval: a count by observed signs, whether or not they are settled",),
        )
        for label, count in (("with a sign change", turning), ("without a sign change", len(brackets) - turning))
    ]
