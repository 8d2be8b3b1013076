"""Claims that `cascade` settles: directions of the frontier, saturation of the old axes, where a second transition is.

The texts name neither rows nor matrix for most of these; a d_eff of three benchmarks is taken over the models that the
author's script has all three for, and what has no recipe at all is undefined and says so.
"""

from __future__ import annotations

from cape.diagnostics._cascade_inside import ANY_SOURCE, COMMON, SAME_SOURCE
from cape.diagnostics._cascade_matrix import PAPER
from cape.diagnostics._cascade_statements import LARGEST
from cape.diagnostics._cascade_survival import LOOSE
from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics._frontier_scores import GPQA, IFEVAL, SWE
from cape.diagnostics.wiring._common import INDEPENDENT, side, undefined
from cape.quantities import Estimate

THREE_ROWS = "amin-nc3"
TWO, THREE = f"{SWE} + {GPQA}", f"{SWE} + {GPQA} + {IFEVAL}"
HALF = 0.5  # of the squared length of an eigenvector: a loading above it outweighs all others together


def _dominant(found: Estimate | None) -> str:
    """IFEval when its squared loading is more than all others together, undefined without one."""
    if found is None or found.value is None:
        return "undefined"
    return "IFEval" if found.value**2 > HALF else "no single benchmark"


def _saturated(found: Estimate | None) -> str:
    """Saturated when even the wider of the two benchmarks spans no more than equally good models would."""
    if found is None or found.value is None:
        return "undefined"
    return "saturated" if found.value <= LOOSE else "not saturated"


def _partly(reason: str, *parts: str) -> Side:
    return Side(answers={part: Answer(symbol="N_c2", label=COMMON) for part in parts}, undefined=reason)


def _loading(label: str) -> dict[str, Answer]:
    return {
        "loading": Answer(symbol="pc1_loading", label=label),
        "dominant": Answer(symbol="pc1_loading", label=label, words=_dominant),
    }


FALL = Answer(symbol="N_c2", label=COMMON)
NO_RULE = "the texts give a range of sizes, not how it was found or on which models"

CASCADE: tuple[Settles, ...] = (
    Settles(
        claim_id="FRO-12",
        reproduced=side(
            {"d_eff": Answer(symbol="d_eff_benchmarks", label=f"{PAPER}, {THREE}: covariance")}, scope=THREE_ROWS
        ),
        supported=side(
            {"d_eff": Answer(symbol="d_eff_benchmarks", label=f"{THREE}: covariance")},
            context=(
                ("d_eff_benchmarks", f"{TWO}: correlation"),
                ("d_eff_benchmarks", f"{TWO}: covariance"),
            ),
        ),
    ),
    Settles(
        claim_id="FRO-13",
        reproduced=undefined("the texts name neither the benchmarks nor the models whose second eigenvalue this is"),
        supported=side({"chi2": Answer(symbol="inverse_lambda_2", label=f"{TWO}: correlation")}),
    ),
    Settles(
        claim_id="FRO-14",
        reproduced=side(_loading(f"{IFEVAL}: {PAPER}, {THREE}: covariance"), scope=THREE_ROWS),
        supported=side(_loading(f"{IFEVAL}: {THREE}: covariance")),
    ),
    Settles(
        claim_id="FRO-15",
        reproduced=undefined("the extrapolation is not given, and the sizes of closed models are not public"),
        supported=undefined("the sizes of closed models are not public, so no frontier quantity has a size"),
    ),
    Settles(
        claim_id="FRO-16",
        reproduced=undefined(NO_RULE),
        supported=side({"nc2_dashboard": FALL, "nc2_paper": FALL}),
    ),
    Settles(
        claim_id="FRO-16",
        reproduced=_partly(NO_RULE, "nc2_susceptibility"),
        supported=_partly("no susceptibility is measured between sizes by any source", "nc2_susceptibility"),
    ),
    Settles(
        claim_id="FRO-17",
        reproduced=side({"range": Answer(symbol="score_range", label=LARGEST)}, base="author"),
        supported=side({"range": Answer(symbol="score_range", label=LARGEST)}, base=INDEPENDENT),
    ),
    Settles(
        claim_id="FRO-20",
        reproduced=side({"state": Answer(symbol="discrimination", label=LARGEST, words=_saturated)}, base="author"),
        supported=side({"state": Answer(symbol="discrimination", label=LARGEST, words=_saturated)}, base=INDEPENDENT),
    ),
    Settles(
        claim_id="INT-11",
        reproduced=side({"models": Answer(symbol="n_families_weaker", label=ANY_SOURCE)}),
        supported=side({"models": Answer(symbol="n_families_weaker", label=SAME_SOURCE)}),
    ),
)
