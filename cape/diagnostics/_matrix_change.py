"""How the matrix changes from one side of the cut to the other: part of coupling_matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.diagnostics._matrix_sides import PRINTED_METHOD, Sides
from cape.diagnostics._plain_estimates import arithmetic, count
from cape.quantities import Estimate
from cape.stats.inference import Inference
from cape.stats.pair_matrix import frobenius_change, null_correlations, resampled
from cape.stats.resampling import percentile_interval

NULL_DEALS = 2_000
UNDEFINED = "undefined: a pair has no r on one side"
FROBENIUS = "Frobenius norm of the change of the matrix, every pair counted twice"


def change_groups(sides: Sides) -> dict[str, NDArray[np.bool_]]:
    """Return the groups of pairs whose change is summed: all, with the second benchmark, without it."""
    second = sides.benchmarks[1]
    chosen = {"all pairs": np.ones(len(sides.pairs), dtype=bool), f"pairs with {second}": sides.with_second}
    return chosen if sides.with_second.all() else {**chosen, f"pairs without {second}": ~sides.with_second}


def change_estimates(sides: Sides, rng: np.random.Generator) -> list[Estimate]:
    """Return the size of the change with its null, the pairs that change sign, and the change of the named pair."""
    below, above = sides.found["below"], sides.found["above"]
    deals = null_correlations(
        sides.rows["below"], sides.rows["above"], estimator=sides.estimator, n_deals=NULL_DEALS, rng=rng
    )
    n_families = _n_families(sides)
    change, drawn = above.r - below.r, above.draws - below.draws
    named = resampled(
        float(change[0]),
        drawn[:, 0],
        n_families=n_families,
        method=f"r above less r below; {below.method}",
        why=UNDEFINED,
        lacking="lack r on one side",
    )
    estimates = [named.estimate(symbol="delta_r", label=sides.labels[0], unit="", caveats=sides.caveats)]
    for name, chosen in change_groups(sides).items():
        found = resampled(
            float(frobenius_change(below.r, above.r, chosen)),
            frobenius_change(below.draws, above.draws, chosen),
            n_families=n_families,
            method=f"{FROBENIUS}; {below.method}",
            why=UNDEFINED,
            lacking="lack r of a pair",
        )
        estimates += [
            found.estimate(
                symbol="frobenius_change",
                label=name,
                unit="",
                caveats=("a norm is never zero: read it beside its null", *sides.caveats),
            ),
            _null(
                frobenius_change(*deals, chosen), n=len(sides.rows["below"].scores) + len(sides.rows["above"].scores)
            ).estimate(symbol="frobenius_null", label=name, unit=""),
            *_flips(sides, name, chosen),
        ]
    return estimates + _printed(sides)


def _null(values: NDArray[np.float64], *, n: int) -> Inference:
    low, high, n_undefined = percentile_interval(values)
    method = (
        f"{FROBENIUS}, if both sides had one matrix: median and central 95% of {values.size} random deals of models"
    )
    if low is None or high is None:
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(UNDEFINED,))
    caveats: tuple[str, ...] = ("models dealt as if independent of their family",)
    if n_undefined:
        caveats += (f"{n_undefined} of {values.size} deals have no r of a pair",)
    return Inference(value=float(np.nanmedian(values)), low=low, high=high, n=n, method=method, caveats=caveats)


def _flips(sides: Sides, name: str, chosen: NDArray[np.bool_]) -> list[Estimate]:
    below, above = sides.found["below"], sides.found["above"]
    known = chosen & np.isfinite(below.r) & np.isfinite(above.r)
    flips = known & (below.r * above.r < 0)
    settled = flips & (_excludes_zero(below.low, below.high) & _excludes_zero(above.low, above.high))
    drawn = (below.draws * above.draws)[:, known]
    found = resampled(
        float(flips.sum()) if known.any() else np.nan,
        np.where(np.isnan(drawn).any(axis=1), np.nan, (drawn < 0).sum(axis=1)),
        n_families=_n_families(sides),
        method=f"pairs with r of opposite sign on the two sides; {below.method}",
        why=UNDEFINED,
        lacking="lack r of a pair",
    )
    n = int(known.sum())
    beyond = "pairs of opposite sign whose 95% intervals both leave out zero"
    return [
        count("n_pairs", name, n, n=int(chosen.sum()), unit="pairs", method="pairs with r on both sides"),
        found.estimate(symbol="n_sign_changes", label=name, unit="pairs"),
        count("n_sign_changes_settled", name, int(settled.sum()), n=n, unit="pairs", method=beyond),
    ]


def _n_families(sides: Sides) -> int:
    return len({*sides.rows["below"].codes.tolist(), *sides.rows["above"].codes.tolist()})


def _excludes_zero(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (low > 0) | (high < 0)


def _printed(sides: Sides) -> list[Estimate]:
    """Return the same of the two printed matrices."""
    complete = sides.printed_complete
    if set(complete) != {"below", "above"}:
        return []
    below, above = complete["below"], complete["above"]
    estimates = []
    for name, chosen in change_groups(sides).items():
        label, n = f"printed: {name}", int(chosen.sum())
        flips = float((below * above < 0)[chosen].sum())
        numbers = (
            ("frobenius_change", float(frobenius_change(below, above, chosen)), "", FROBENIUS),
            ("n_sign_changes", flips, "pairs", "pairs of opposite sign"),
            ("n_pairs", float(n), "pairs", "pairs"),
        )
        estimates += [
            arithmetic(symbol, label, value, n=n, unit=unit, method=f"{what} {PRINTED_METHOD}")
            for symbol, value, unit, what in numbers
        ]
    return estimates
