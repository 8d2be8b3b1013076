"""Claims that `ode_explorer` settles: the ODE's errors, its rivals, its structure, and the two regimes.

The paper's recipe is A.4 (fractions, degree 3, threshold 0.1); its figure of the trajectories comes from a published
script without a threshold, which is the recipe of ODE-01 and ODE-02. Ours is the standardised fit with an interval.
Where a text states neither the measure nor the start, the reading is points over all benchmarks, the start not counted;
every other reading stands on the page. The regime fits of ODE-17, 18 and 22 do not depend on degree or threshold. The
falsifier (ODE-26) speaks of the ODE, which the paper finds on Pythia, so ours is fitted on Pythia-deduped alone; the
kinder reading, every family predicted by a fit to all others, stands on the pages ode_explorer and predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import BY_FAMILY, DEDUPED, INDEPENDENT, PYTHIA, side
from cape.quantities import Estimate

HELD_OUT = "Llama-2"
READING = "points; all 5 benchmarks; start not counted"
ELSEWHERE = "families not fitted"
ON_PYTHIA: dict[str, Any] = {"panel": BY_FAMILY, "families": PYTHIA, "scaling": "as printed", "models": "every model"}
A4: dict[str, Any] = {**ON_PYTHIA, "degree": 3, "threshold": 0.1}
SCRIPT: dict[str, Any] = {**ON_PYTHIA, "degree": 1, "threshold": 0.0}
OURS: dict[str, Any] = {"panel": INDEPENDENT, "families": DEDUPED}
POOLED: dict[str, Any] = {"panel": INDEPENDENT}
TQA, TQA_MC2 = "truthfulqa_as_printed", "truthfulqa_mc2"


def _is_stable(found: Estimate | None) -> str:
    """Stable when every place keeps its sign or absence at every threshold."""
    if found is None or found.value is None:
        return "undefined"
    return "stable" if found.value >= 1 else f"{found.value:.0%} of the places stable"


def _both(
    claim_id: str,
    mine: Mapping[str, Answer],
    theirs: Mapping[str, Answer],
    *,
    recipe: Mapping[str, Any],
    ours: Mapping[str, Any] = OURS,
    context: tuple[tuple[str, str], ...] = (),
) -> Settles:
    """Return a claim with the paper's recipe on its rows and ours on independent rows."""
    return Settles(claim_id=claim_id, reproduced=side(mine, **recipe), supported=side(theirs, context=context, **ours))


def _reading(method: str, on: str) -> dict[str, Answer]:
    return {"mae": Answer(symbol="holdout_reading", label=f"{HELD_OUT}: {on}; {method}; {READING}")}


def _trajectory(family: str) -> dict[str, Answer]:
    return {"mae": Answer(symbol="trajectory_error", label=family)}


def _polynomial(claim_id: str, degree: int) -> Settles:
    name = f"polynomial {degree}"
    return _both(claim_id, _reading(name, PYTHIA), _reading(name, DEDUPED), recipe=A4)


def _one(part: str, symbol: str, label: str) -> dict[str, Answer]:
    return {part: Answer(symbol=symbol, label=label)}


def _slopes(y: str) -> dict[str, Answer]:
    return {
        regime: Answer(symbol="phase_coefficient", label=f"{regime}: {y} on hellaswag") for regime in ("tax", "bonus")
    }


def _equation(y: str) -> dict[str, Answer]:
    names = {"constant": "constant", "tqa": y, "wg": "winogrande"}
    found = {part: Answer(symbol="phase_equation", label=f"tax, hellaswag: {name}") for part, name in names.items()}
    return {**found, "rhs": Answer(symbol="phase_equation", label="tax, hellaswag: rate at the mean state")}


def _gammas(how: str) -> dict[str, Answer]:
    return {regime: Answer(symbol="mean_gamma_12", label=f"{regime} {how}") for regime in ("tax", "bonus")}


NOT_DETERMINED = (("ode_condition", DEDUPED),)

ODE_EXPLORER: tuple[Settles, ...] = (
    _both("ODE-01", _trajectory(PYTHIA), _trajectory(DEDUPED), recipe=SCRIPT, context=NOT_DETERMINED),
    _both("ODE-02", _trajectory(PYTHIA), _trajectory(DEDUPED), recipe=SCRIPT, context=NOT_DETERMINED),
    _both(
        "ODE-03",
        _reading("ODE", PYTHIA),
        _reading("ODE", DEDUPED),
        recipe=A4,
        context=(
            *NOT_DETERMINED,
            ("n_readings_as_printed", HELD_OUT),
            ("skill_ratio", ELSEWHERE),
            ("n_counterexamples", ELSEWHERE),
        ),
    ),
    Settles(
        claim_id="LOS-10",
        reproduced=side(_one("mae", "holdout_reading", "Phi hold-out of h(D)"), panel="author"),
        supported=side(_one("mae", "holdout_reading", "Phi hold-out of h(D)"), panel=INDEPENDENT),
    ),
    *(_polynomial(f"ODE-{10 + degree}", degree) for degree in (1, 2, 3, 4)),
    _both(
        "ODE-15",
        _one("ratio", "polynomial_ratio", HELD_OUT),
        _one("ratio", "polynomial_ratio", HELD_OUT),
        recipe=A4,
        context=(("skill_ratio", ELSEWHERE),),
    ),
    _both(
        "ODE-16",
        _one("parameters", "n_ode_parameters", PYTHIA),
        _one("parameters", "n_ode_parameters", DEDUPED),
        recipe=A4,
    ),
    _both("ODE-17", _slopes(TQA), _slopes(TQA_MC2), recipe=SCRIPT, ours=POOLED),
    _both(
        "ODE-18",
        _one("ratio", "phase_ratio", "of coefficients rounded as printed"),
        _one("ratio", "phase_ratio", "with a degree of freedom left"),
        recipe=SCRIPT,
        ours=POOLED,
    ),
    _both("ODE-19", _gammas("by sign"), _gammas("by size"), recipe={"panel": "author"}, ours=POOLED),
    _both("ODE-20", _one("terms", "n_ode_terms", PYTHIA), _one("terms", "n_ode_terms", DEDUPED), recipe=A4),
    _both(
        "ODE-21",
        {"structure": Answer(symbol="structure_stability", label=PYTHIA, words=_is_stable)},
        {"structure": Answer(symbol="structure_stability", label=DEDUPED, words=_is_stable)},
        recipe=A4,
    ),
    _both("ODE-22", _equation(TQA), _equation(TQA_MC2), recipe=SCRIPT, ours=POOLED),
    _both(
        "ODE-26",
        _one("counterexamples", "n_counterexamples", ELSEWHERE),
        _one("counterexamples", "n_counterexamples", ELSEWHERE),
        recipe=A4,
        context=(*NOT_DETERMINED, ("skill_ratio", ELSEWHERE)),
    ),
    _both(
        "ODE-27",
        _one("error", "polynomial_range", f"{HELD_OUT}: two smallest sizes"),
        _one("error", "polynomial_range", f"{HELD_OUT}: two smallest sizes"),
        recipe=A4,
    ),
)
