"""The equations: what the data can determine, coefficients with intervals, and structure that survives changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._ode_data import Setting
from cape.diagnostics._plain_estimates import check, count, undefined
from cape.dynamics.fits import Engine, Ensemble, Problem, System, ensemble, fit, problem_of
from cape.dynamics.identify import (
    Gate,
    LeftOut,
    Path,
    eigenvalues,
    gate,
    linear_part,
    noise_share,
    threshold_path,
    without_families,
    without_sizes,
)
from cape.quantities import Estimate, Table
from cape.stats.inference import LEVEL

Array = NDArray[np.float64]

PER_TERM = "points per decade per unit of the term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fit with everything that is said about it."""

    setting: Setting
    problem: Problem
    system: System
    members: Ensemble
    gate: Gate
    path: Path
    families_out: LeftOut
    sizes_out: LeftOut

    @property
    def interval_words(self) -> str:
        """How intervals were formed."""
        what = {"family": "whole families", "replicate": "whole replicates", "difference": "single differences"}
        words = f"percentiles of {len(self.members.coefficients)} fits to resamples of {what[self.members.unit_name]}"
        shared = ", though neighbouring differences share a score" if self.members.unit_name == "difference" else ""
        return f"{words} (n = {self.members.n_units}){shared}"


def fitted_of(setting: Setting) -> Fitted:
    """Fit the system, its ensemble, and everything left out in turn."""
    params = setting.params
    problem = problem_of(setting.fitted, setting.recipe)
    return Fitted(
        setting=setting,
        problem=problem,
        system=fit(problem, engine=Engine(params.engine)),
        members=ensemble(problem, n_members=params.ensemble, rng=np.random.default_rng([params.seed, 61])),
        gate=gate(problem),
        path=threshold_path(problem),
        families_out=without_families(problem),
        sizes_out=without_sizes(problem, setting.fitted),
    )


def equation_results(fitted: Fitted) -> tuple[list[Estimate], list[Table]]:
    """Return every estimate and table that concerns the equations."""
    estimates = [*_gate_estimates(fitted), *_term_counts(fitted), *_stability(fitted), *_noise(fitted)]
    coefficients, equation = _coefficients(fitted)
    values, table = _eigenvalues(fitted)
    return [*estimates, *coefficients, *values, *_engine(fitted)], [equation, table]


def _gate_estimates(fitted: Fitted) -> list[Estimate]:
    found, name = fitted.gate, fitted.setting.name
    candidates = count(
        "n_ode_candidates",
        name,
        found.n_candidates,
        n=found.n_candidates,
        unit="parameters",
        method="candidate terms and constants of one equation",
    )
    differences = count(
        "n_differences",
        name,
        found.n_independent,
        n=found.n_independent,
        unit="differences",
        method="sizes less one, summed over ladders",
    )
    method = "ratio of the largest to the smallest singular value of the candidates, columns of equal length"
    n = fitted.problem.rows.n
    if found.condition is None:
        why = (f"undefined: the candidates span {found.rank} of {fitted.problem.library.m} directions",)
        condition = undefined("ode_condition", name, n=n, unit="", method=method, why=why)
    else:
        condition = check("ode_condition", name, found.condition, n=n, method=method)
    return [candidates, differences, condition]


def _term_counts(fitted: Fitted) -> list[Estimate]:
    kept = (fitted.system.coefficients != 0).sum(axis=0)
    own = fitted.setting.recipe.terms.has_own_constant * len(fitted.setting.families)
    method = f"terms that survive threshold {fitted.setting.params.threshold:g}"
    total = count(
        "n_ode_parameters",
        fitted.setting.name,
        int(kept.sum()) + own * kept.size,
        n=kept.size,
        unit="parameters",
        method=f"{method}, over all equations, with the families' own constants",
    )
    everything = ("every candidate is kept",) if kept.min() == fitted.problem.library.m else ()
    per_equation = Estimate(
        symbol="n_ode_terms",
        label=fitted.setting.name,
        value=float(kept.mean()),
        low=float(kept.min()),
        high=float(kept.max()),
        n=kept.size,
        unit="terms",
        method=f"{method}: mean over equations; low and high are the fewest and the most",
        caveats=("a range over equations, not a 95% interval", *everything),
    )
    return [total, per_equation]


def _stability(fitted: Fitted) -> list[Estimate]:
    name, size = fitted.setting.name, fitted.system.coefficients.size
    path = fitted.path.thresholds
    found = [
        check(
            "structure_stability",
            name,
            fitted.path.stability,
            n=size,
            method=f"share of the places whose sign, or absence, is the same at {path.size} thresholds "
            f"from {path[0]:.3g} to {path[-1]:.3g}",
        )
    ]
    for left_out, what in ((fitted.families_out, "family"), (fitted.sizes_out, "size")):
        label, method = f"{name}: without each {what}", f"share of the fits without one {what} that keep a term's sign"
        same = left_out.same_sign(fitted.system)
        known = same[np.isfinite(same)]
        if not known.size:
            why = ("undefined: no term is kept" if left_out.labels else f"undefined: there is no second {what}",)
            found.append(undefined("sign_stability", label, n=0, unit="share of fits", method=method, why=why))
            continue
        found.append(
            Estimate(
                symbol="sign_stability",
                label=label,
                value=float(known.mean()),
                low=float(known.min()),
                high=float(known.max()),
                n=len(left_out.labels),
                unit="share of fits",
                method=f"{method}: mean over kept terms; low is the least stable of them",
                caveats=("a range over terms, not a 95% interval",),
            )
        )
    return found


def _noise(fitted: Fitted) -> list[Estimate]:
    method = "mean squared standard error of the rates over their variance"
    found, n = [], fitted.problem.rows.n
    for name, share in zip(fitted.setting.benchmarks, noise_share(fitted.problem).tolist(), strict=True):
        if np.isnan(share):
            why = ("undefined: a standard error is unknown, or there is one difference",)
            found.append(undefined("rate_noise_share", name, n=n, unit="", method=method, why=why))
        else:
            found.append(check("rate_noise_share", name, share, n=n, method=method))
    return found


def _coefficients(fitted: Fitted) -> tuple[list[Estimate], Table]:
    problem, setting = fitted.problem, fitted.setting
    library = problem.library
    point = library.physical(fitted.system.coefficients)
    low, high = np.quantile(library.physical(fitted.members.coefficients), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    inclusion, kept = fitted.members.inclusion, fitted.path.kept_share
    left_out = [one.same_sign(fitted.system) for one in (fitted.families_out, fitted.sizes_out)]
    rows, estimates = [], []
    for place, benchmark in enumerate(setting.benchmarks):
        for term, name in enumerate(library.names):
            at = (term, place)
            rows.append(
                {
                    "equation": benchmark,
                    "term": name,
                    "is_kept": bool(fitted.system.coefficients[at] != 0),
                    "value": float(point[at]),
                    "low": float(low[at]),
                    "high": float(high[at]),
                    "inclusion": float(inclusion[at]),
                    "threshold_share": float(kept[at]),
                    "same_sign_without_family": _or_none(left_out[0][at]),
                    "same_sign_without_size": _or_none(left_out[1][at]),
                }
            )
            if rows[-1]["is_kept"]:
                estimates += _coefficient(fitted, rows[-1])
    units = {name: "share of fits" for name in ("inclusion", "same_sign_without_family", "same_sign_without_size")}
    units |= dict.fromkeys(("value", "low", "high"), PER_TERM) | {"threshold_share": "share of thresholds"}
    frame = pl.DataFrame(rows, infer_schema_length=None)
    schema = {name: pl.Float64 for name in ("same_sign_without_family", "same_sign_without_size")}
    return estimates, Table(name="equation", title="The equations", frame=frame.cast(schema), units=units)  # type: ignore[arg-type]


def _coefficient(fitted: Fitted, row: dict[str, object]) -> list[Estimate]:
    """Return the coefficient with its interval, and the share of the fits that keep it."""
    label = f"d {row['equation']}: {row['term']}"
    means = ", scores less their means" if fitted.problem.library.is_centred else ""
    determined = fitted.gate.is_determined
    caveats = () if determined else (f"not determined: {'; '.join(fitted.gate.reasons)}",)
    n, method = fitted.members.n_units, f"thresholded least squares{means}; {fitted.interval_words}"
    value = Estimate(
        symbol="ode_coefficient",
        label=label,
        value=row["value"],  # type: ignore[arg-type]
        low=row["low"],  # type: ignore[arg-type]
        high=row["high"],  # type: ignore[arg-type]
        n=n,
        unit=PER_TERM,
        method=method,
        caveats=caveats,
    )
    share = Estimate(
        symbol="ode_inclusion",
        label=label,
        value=row["inclusion"],  # type: ignore[arg-type]
        low=None,
        high=None,
        n=n,
        unit="share of fits",
        method=f"share of the {len(fitted.members.coefficients)} fits that keep the term",
        caveats=("no interval: a share of resamples",),
    )
    return [value, share]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _eigenvalues(fitted: Fitted) -> tuple[list[Estimate], Table]:
    """Return the real parts of the eigenvalues of C with intervals; their imaginary parts stand in the table."""
    point = eigenvalues(linear_part(fitted.problem, fitted.system.coefficients))
    drawn = eigenvalues(linear_part(fitted.problem, fitted.members.coefficients))
    low, high = np.quantile(drawn.real, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    spread = np.quantile(np.abs(drawn.imag), (1 + LEVEL) / 2, axis=0)
    rows = [
        {
            "number": place + 1,
            "real": float(one.real),
            "low": float(low[place]),
            "high": float(high[place]),
            "imaginary": float(one.imag),
            "imaginary_reach": float(spread[place]),
        }
        for place, one in enumerate(point)
    ]
    estimates = [
        Estimate(
            symbol="ode_eigenvalue",
            label=f"real part {row['number']} of {len(rows)}",
            value=float(row["real"]),
            low=float(row["low"]),
            high=float(row["high"]),
            n=fitted.members.n_units,
            unit="per decade",
            method=f"eigenvalues of C, sorted by real part, at the mean state; {fitted.interval_words}",
            caveats=() if fitted.gate.is_determined else ("the coefficients are not determined",),
        )
        for row in rows
    ]
    units = dict.fromkeys(("real", "low", "high", "imaginary", "imaginary_reach"), "per decade")
    table = Table(name="eigenvalues", title="Eigenvalues of the linear part", frame=pl.DataFrame(rows), units=units)
    return estimates, table


def _engine(fitted: Fitted) -> list[Estimate]:
    """Return how far the two engines lie apart, where the other one was asked for."""
    if fitted.setting.params.engine == Engine.BATCHED:
        return []
    own = fit(fitted.problem).coefficients
    gap = float(np.abs(own - fitted.system.coefficients).max())
    method = "largest difference of a scaled coefficient between PySINDy and the batched fit"
    return [check("ode_engine_gap", fitted.setting.name, gap, n=own.size, method=method)]
