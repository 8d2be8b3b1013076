"""Which estimate answers which part of which claim: names of panels, families and labels, and how a side is said.

No number of ours or of the paper stands in this package, only where to find ours; the bounds that some statements
set on sizes are parameters of their populations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.quantities import Estimate

BY_FAMILY = "author_by_family"
INDEPENDENT = "independent"
ARCHPROBE = "amin-lit-archprobe"
TEXT = "amin-paper3a-text"
BOOTSTRAP = "amin-lit-bootstrap"
PYTHIA = "Pythia"
DEDUPED = "Pythia-deduped"
AS_PRINTED = "truthfulqa_as_printed"
NO_CURVE: dict[str, Any] = {"curve": "no curve"}


def side(
    answers: Mapping[str, Answer] | None = None, *, context: tuple[tuple[str, str], ...] = (), **params: Any
) -> Side:
    """Return one side of a claim: its answers by part and the parameters other than the defaults."""
    return Side(params=params, answers=answers or {}, context=context)


def undefined(reason: str) -> Side:
    """Return a side on which the claim cannot be judged at all."""
    return Side(undefined=reason)


def not_public(reason: str) -> Side:
    """Return a side on which no public data could decide the claim: the numbers it needs are not published."""
    return Side(undefined=reason, is_public=False)


def same(claim_id: str, answers: Mapping[str, Answer], **params: Any) -> Settles:
    """Return a statement about the paper's own rows: both sides look at them."""
    return Settles(claim_id=claim_id, reproduced=side(answers, **params), supported=side(answers, **params))


def yes_if(test: Callable[[Estimate], bool]) -> Callable[[Estimate | None], str]:
    """Return a rule that says yes when the estimate is defined and passes the test, else no."""
    return lambda found: "yes" if found is not None and found.value is not None and test(found) else "no"
