"""Claims that `trend_control` settles."""

from __future__ import annotations

from typing import Any

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import (
    AS_PRINTED,
    BOOTSTRAP,
    BY_FAMILY,
    DEDUPED,
    INDEPENDENT,
    NO_CURVE,
    PYTHIA,
    side,
)

MODELS = "models as independent"
FAMILIES = "families as independent"


def _r(label: str, kind: str = MODELS) -> dict[str, Answer]:
    return {"r": Answer(symbol="r", label=f"{label}: {kind}")}


def _with_null(label: str) -> tuple[tuple[str, str], ...]:
    return (("r_null", label), ("r_partial", f"{label}: {MODELS}"))


EIGHT_ELSEWHERE = side(
    _r(f"{INDEPENDENT} {DEDUPED}"),
    context=_with_null(f"{INDEPENDENT} {DEDUPED}"),
    panel=INDEPENDENT,
    family=DEDUPED,
    **NO_CURVE,
)


def _eight(claim_id: str, panel: str, family: str, **params: Any) -> Settles:
    reproduced = side(_r(f"{panel} {family}"), panel=panel, family=family, **params, **NO_CURVE)
    return Settles(claim_id=claim_id, reproduced=reproduced, supported=EIGHT_ELSEWHERE)


def _p_of_eight(claim_id: str) -> Settles:
    return Settles(
        claim_id=claim_id,
        reproduced=side(
            {"p": Answer(symbol="p_permutation", label=f"{BY_FAMILY} {PYTHIA}: two-sided")},
            panel=BY_FAMILY,
            family=PYTHIA,
            **NO_CURVE,
        ),
        supported=side(
            {"p": Answer(symbol="p_freedman_lane", label=f"{INDEPENDENT} {DEDUPED}: two-sided")},
            panel=INDEPENDENT,
            family=DEDUPED,
            **NO_CURVE,
        ),
    )


LARGE = "Llama-1,Llama-2,Llama-3,Falcon,OPT"
LARGE_LABEL = "Llama-1 + Llama-2 + Llama-3 + Falcon + OPT from 7 B"

TREND_CONTROL: tuple[Settles, ...] = (
    _eight("COR-01a", BY_FAMILY, PYTHIA),
    _eight("COR-01b", BOOTSTRAP, PYTHIA, y=AS_PRINTED),
    _eight("COR-01c", "amin-lit-null", PYTHIA, y=AS_PRINTED),
    _eight("COR-01d", INDEPENDENT, DEDUPED),
    _p_of_eight("COR-02"),
    _p_of_eight("COR-03"),
    Settles(
        claim_id="COR-04",
        reproduced=side(_r(f"{BY_FAMILY} {PYTHIA} up to 3.5 B"), panel=BY_FAMILY, family=PYTHIA, max_b=3.5, **NO_CURVE),
        supported=side(
            _r(f"{INDEPENDENT} {DEDUPED} up to 3.5 B"),
            context=_with_null(f"{INDEPENDENT} {DEDUPED} up to 3.5 B"),
            panel=INDEPENDENT,
            family=DEDUPED,
            max_b=3.5,
            **NO_CURVE,
        ),
    ),
    Settles(
        claim_id="COR-05",
        reproduced=side(_r(f"author {LARGE_LABEL}"), panel="author", families=LARGE, min_b=7, **NO_CURVE),
        supported=side(
            _r(f"{INDEPENDENT} {LARGE_LABEL}", FAMILIES),
            context=_with_null(f"{INDEPENDENT} {LARGE_LABEL}"),
            panel=INDEPENDENT,
            families=LARGE,
            min_b=7,
            **NO_CURVE,
        ),
    ),
    Settles(
        claim_id="COR-06",
        reproduced=side(_r("author from 3.5 B"), panel="author", min_b=3.5, **NO_CURVE),
        supported=side(
            _r(f"{INDEPENDENT} from 3.5 B", FAMILIES),
            context=_with_null(f"{INDEPENDENT} from 3.5 B"),
            panel=INDEPENDENT,
            min_b=3.5,
            **NO_CURVE,
        ),
    ),
)
