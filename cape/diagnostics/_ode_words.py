"""The equations in words: each as a sum of its terms, how its structure runs with the threshold, and what is said."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._ode_equation import Fitted
from cape.dynamics.identify import CONDITION_LIMIT, linear_part
from cape.dynamics.library import CONSTANT
from cape.quantities import Table
from cape.stats.inference import LEVEL


def system_table(fitted: Fitted) -> Table:
    """Return each equation as text: the constant, then the kept terms, scores less their means where centred."""
    library = fitted.problem.library
    point = library.physical(fitted.system.coefficients)
    means = dict(zip(library.variables, library.centre.tolist(), strict=True))
    rows = []
    for place, benchmark in enumerate(fitted.setting.benchmarks):
        parts = [
            f"{value:+.3g}{'' if name == CONSTANT else f' {name}'}"
            for name, value in zip(library.names, point[:, place].tolist(), strict=True)
            if value
        ]
        own = " + constant of the family" if fitted.problem.owns_constants else ""
        rows.append(
            {
                "rate": f"d {benchmark} / d log10 N",
                "right_hand_side": (" ".join(parts) or "0") + own,
                "mean": means[benchmark] if library.is_centred else None,
                "identifiability": fitted.gate.verdict,
            }
        )
    centred = "; each score stands for its difference from its mean" if library.is_centred else ""
    frame = pl.DataFrame(rows, schema_overrides={"mean": pl.Float64})
    return Table(name="system", title=f"Equations, points per decade{centred}", frame=frame, units={"mean": "%"})


def path_table(fitted: Fitted) -> Table:
    """Return the number of terms of every equation at every threshold, and how many signs are as chosen."""
    chosen = np.sign(fitted.system.coefficients)
    rows = [
        {
            "threshold": float(threshold),
            "equation": benchmark,
            "n_terms": int((signs[:, place] != 0).sum()),
            "same_share": float((signs[:, place] == chosen[:, place]).mean()),
            "is_chosen": bool(np.isclose(threshold, fitted.setting.params.threshold)),
        }
        for threshold, signs in zip(fitted.path.thresholds, fitted.path.signs, strict=True)
        for place, benchmark in enumerate(fitted.setting.benchmarks)
    ]
    units = {"n_terms": "terms", "same_share": "share of places as at the chosen threshold"}
    return Table(name="path", title="Structure by threshold", frame=pl.DataFrame(rows), units=units)


def equation_sentences(fitted: Fitted) -> tuple[str, ...]:
    """Return the identifiability first, then what the equations and their structure are."""
    found, setting = fitted.gate, fitted.setting
    head = (
        f"The equations of {setting.name} are {found.verdict}: {found.n_candidates} candidates per equation, "
        f"{found.n_independent} independent differences in {_families(len(setting.families))}"
    )
    rest = (
        f", condition number {found.condition:.0f} (limit {CONDITION_LIMIT:.0f})"
        if found.is_determined and found.condition is not None
        else f"; {'; '.join(found.reasons)}. The equation below is one of many that fit about as well"
    )
    sentences = [f"{head}{rest}."]
    off = _settled_couplings(fitted)
    p = len(setting.benchmarks)
    if setting.params.degree == 1:
        names = f": {', '.join(off)}" if off else ""
        sentences.append(
            f"{len(off)} of the {p * (p - 1)} couplings between benchmarks have a 95% interval without 0{names}; "
            f"the level alone lets {(1 - LEVEL) * p * (p - 1):.1f} through by chance."
        )
    signs = fitted.path.stability
    sentences.append(f"Over a tenfold range of the threshold {signs:.0%} of the places keep their sign or absence.")
    return tuple(sentences)


def _families(n: int) -> str:
    return "1 family" if n == 1 else f"{n} families"


def _settled_couplings(fitted: Fitted) -> list[str]:
    """Return the couplings whose interval leaves out 0, as "of on" pairs."""
    drawn = linear_part(fitted.problem, fitted.members.coefficients)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    names = fitted.setting.benchmarks
    return [
        f"{names[j]} on the rate of {names[i]} ({'+' if low[i, j] > 0 else '-'})"
        for i in range(len(names))
        for j in range(len(names))
        if i != j and (low[i, j] > 0 or high[i, j] < 0)
    ]
