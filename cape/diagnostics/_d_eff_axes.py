"""Principal angles and transfer matrix between two phases, beside groups dealt at random: part of
effective_dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._d_eff_phases import KINDS, Complete, Group
from cape.diagnostics._plain_estimates import undefined
from cape.quantities import Estimate, Table
from cape.stats.dimensionality import (
    MIN_ROWS,
    Redraws,
    Words,
    correlations,
    dealt,
    principal_angles_deg,
    redraw_inference,
    spectra,
    standardised_within,
    transfer_matrices,
    weighted_covariances,
)
from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval

PLANE = 2  # principal angles between the planes of the first two components
NULL_DEALS = 1_000
NULL_WORDS = "models dealt to the two sides at random after centring within each"
NUMBERS = ("value", "low", "high", "null_low", "null_high")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """Eigenvectors of both sides, (1 + n_resamples, p, p) each, data first, and of sides dealt at random."""

    kind: str
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    null_first: NDArray[np.float64]
    null_second: NDArray[np.float64]


def axes(
    data: Complete, sides: tuple[Group, Group], redraws: Redraws, rng: np.random.Generator
) -> tuple[list[Estimate], list[Table]]:
    """Return principal angles and transfer matrix between the two groups, each beside groups dealt at random."""
    estimates: list[Estimate] = []
    angle_lines: list[dict] = []
    cells: list[dict] = []
    n_rows = min(group.rows.size for group in sides)
    between = f"{sides[0].label} to {sides[1].label}"
    if n_rows < MIN_ROWS:
        why = (f"undefined: fewer than {MIN_ROWS} models on one side of {between}",)
        for kind in KINDS:
            names = [("principal_angle", f"angle {k + 1}: {kind}", "degrees") for k in range(PLANE)]
            for symbol, label, unit in [*names, ("transfer_diagonal", f"smallest: {kind}", "")]:
                estimates.append(undefined(symbol, label, n=n_rows, unit=unit, method="none", why=why))
        return estimates, _tables(angle_lines, cells)
    for found in _axes_of(data, sides, redraws, rng):
        for k, (inference, null) in enumerate(_angles(found, redraws, n_rows)):
            label = f"angle {k + 1}: {found.kind}"
            estimate = inference.estimate(
                symbol="principal_angle", label=label, unit="degrees", caveats=(between, _null_text(null))
            )
            estimates.append(estimate)
            angle_lines.append({"kind": found.kind, "angle": f"angle {k + 1}", "n": n_rows, **_numbers(estimate, null)})
        diagonal, more = _transfer(found, data.benchmarks, redraws, n_rows)
        estimates.append(diagonal)
        cells += more
    return estimates, _tables(angle_lines, cells)


def _axes_of(data: Complete, sides: tuple[Group, Group], redraws: Redraws, rng: np.random.Generator) -> list[_Axes]:
    rows = np.concatenate([group.rows for group in sides])
    is_first = np.arange(rows.size) < sides[0].rows.size
    to_first = dealt(rows.size, n_rows=sides[0].rows.size, n_resamples=NULL_DEALS, rng=rng)
    covariances = [redraws.covariances(data.scores, group.rows) for group in sides]
    centred = data.scores[rows] - np.where(
        is_first[:, None], data.scores[sides[0].rows].mean(axis=0), data.scores[sides[1].rows].mean(axis=0)
    )
    found = []
    for kind in KINDS:
        pool = centred if kind == "covariance" else standardised_within(data.scores[rows], is_first)
        nulls = [weighted_covariances(np.nan_to_num(pool), weights) for weights in (to_first, 1.0 - to_first)]
        first, second, null_first, null_second = (
            spectra(matrices if kind == "covariance" else correlations(matrices))[1]
            for matrices in (*covariances, *nulls)
        )
        found.append(_Axes(kind=kind, first=first, second=second, null_first=null_first, null_second=null_second))
    return found


def _angles(found: _Axes, redraws: Redraws, n_rows: int) -> list[tuple[Inference, tuple[float | None, float | None]]]:
    angles = principal_angles_deg(found.first[..., :PLANE], found.second[..., :PLANE])
    null = principal_angles_deg(found.null_first[..., :PLANE], found.null_second[..., :PLANE])
    what = f"principal angle between the planes of the first {PLANE} components ({found.kind} matrix)"
    inferences = [_inference(angles[:, k], redraws, what=what, n_rows=n_rows) for k in range(angles.shape[1])]
    return [(inference, percentile_interval(null[:, k])[:2]) for k, inference in enumerate(inferences)]


def _transfer(found: _Axes, benchmarks: tuple[str, ...], redraws: Redraws, n_rows: int) -> tuple[Estimate, list[dict]]:
    """Return the smallest diagonal entry of T and its cells."""
    matrices = transfer_matrices(found.first, found.second)
    nulls = transfer_matrices(found.null_first, found.null_second)
    smallest, null_smallest = (np.einsum("rii->ri", found_).min(axis=1) for found_ in (matrices, nulls))
    what = f"smallest diagonal entry of T = V_b S V_a^T, V of the {found.kind} matrices, S their signs"
    null = percentile_interval(null_smallest)[:2]
    estimate = _inference(smallest, redraws, what=what, n_rows=n_rows).estimate(
        symbol="transfer_diagonal", label=f"smallest: {found.kind}", unit="", caveats=(_null_text(null),)
    )
    cells = []
    for i, to in enumerate(benchmarks):
        for j, source in enumerate(benchmarks):
            entry = _inference(matrices[:, i, j], redraws, what="entry of T", n_rows=n_rows)
            null = percentile_interval(nulls[:, i, j])[:2]
            cells.append({"kind": found.kind, "to": to, "from": source, "n": n_rows, **_numbers(entry, null)})
    return estimate, cells


def _inference(values: NDArray[np.float64], redraws: Redraws, *, what: str, n_rows: int) -> Inference:
    why, lacking = "undefined: a benchmark does not vary on one side", f"hold fewer than {MIN_ROWS} models of one side"
    return redraw_inference(values, redraws, Words(what=what, why=why, lacking=lacking), n_rows=n_rows)


def _numbers(found: Estimate | Inference, null: tuple[float | None, float | None]) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high, "null_low": null[0], "null_high": null[1]}


def _null_text(null: tuple[float | None, float | None]) -> str:
    if null[0] is None or null[1] is None:
        return f"no null: {NULL_WORDS}"
    return f"{NULL_WORDS} give {null[0]:.3g} to {null[1]:.3g} in 95% of {NULL_DEALS} deals"


def _tables(angle_lines: list[dict], cells: list[dict]) -> list[Table]:
    numbers = dict.fromkeys(NUMBERS, pl.Float64)
    angles = pl.DataFrame(angle_lines, schema={"kind": pl.String, "angle": pl.String, "n": pl.Int64, **numbers})
    entries = pl.DataFrame(
        cells, schema={"kind": pl.String, "to": pl.String, "from": pl.String, "n": pl.Int64, **numbers}
    )
    units = dict.fromkeys(NUMBERS, "degrees")
    return [
        Table(name="angles", title="Principal angles between the two sides", frame=angles, units=units),
        Table(name="transfer", title="Transfer matrix between the two sides", frame=entries),
    ]
