"""Claims that `symbolic_laws` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics._law_estimates import AT_ITS_SIZE
from cape.diagnostics.wiring._common import INDEPENDENT, side
from cape.dynamics.symbolic_forms import CONTROL_NAME, PAPER_NAME
from cape.quantities import Estimate

PRINTED_FORM = "HS_norm^2/(log N)^2"
ANOTHER = "another form"


def _found(found: Estimate | None) -> str:
    """The printed form when the search on the paper's rows has it in its hall of fame."""
    if found is None or found.value is None:
        return "undefined"
    return PRINTED_FORM if found.value >= 1 else ANOTHER


def _first(found: Estimate | None) -> str:
    """The printed form when it predicts held-out families best among forms and laws of at most its complexity."""
    if found is None or found.value is None:
        return "undefined"
    return PRINTED_FORM if found.value == 1 else ANOTHER


CONTEXT = (("law_rank", PAPER_NAME), ("law_skill", PAPER_NAME), ("law_error", CONTROL_NAME))

SYMBOLIC_LAWS: tuple[Settles, ...] = (
    Settles(
        claim_id="ODE-24",
        reproduced=side(
            {"form": Answer(symbol="n_laws", label="searched, of the paper's form", words=_found)},
            context=CONTEXT,
            panel="author",
        ),
        supported=side(
            {"form": Answer(symbol="law_rank", label=AT_ITS_SIZE, words=_first)}, context=CONTEXT, panel=INDEPENDENT
        ),
    ),
)
