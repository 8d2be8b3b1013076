"""Claims that `critical_scale` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import (
    AS_PRINTED,
    BOOTSTRAP,
    BY_FAMILY,
    DEDUPED,
    INDEPENDENT,
    NO_CURVE,
    PYTHIA,
    same,
    side,
)
from cape.quantities import Estimate

PAPER_MODE = "paper mode: pooled, not Pythia"
INTERCEPTS = f"{PAPER_MODE}; same rows with family intercepts"
LOGISTIC = "population: logistic in log10 N"
FIXED_EFFECTS = "population: fixed-effect quadratic"
TABLE_1 = ("OPT", "Cerebras-GPT", "GPT-Neo", "BLOOM", PYTHIA, "Falcon")
OTHER_TABLE_1 = tuple(DEDUPED if name == PYTHIA else name for name in TABLE_1)


def _pooled(found: Estimate | None) -> str:
    """The family of the rows behind the printed interval, or how many were pooled."""
    if found is None:
        return "undefined"
    return PYTHIA if found.n == 1 else f"{found.n} families pooled"


def _none_or_number(found: Estimate | None) -> str:
    return "undefined" if found is None else "none" if found.value is None else f"{found.value:.3g} B"


def _n_c(label: str) -> Answer:
    return Answer(symbol="N_c", label=label)


def _turns(status: str) -> Answer:
    return Answer(symbol="n_families_with_turn", label=status)


def _family_n_c(claim_id: str, family: str, other: str, *, parts: tuple[str, ...] = ("n_c",)) -> Settles:
    return Settles(
        claim_id=claim_id,
        reproduced=side(
            {part: _n_c(f"{family}: sign bracket") for part in parts}, panel=BY_FAMILY, family=family, **NO_CURVE
        ),
        supported=side(
            {part: _n_c(f"{other}: zero of the weighted line") for part in parts},
            panel=INDEPENDENT,
            family=other,
            **NO_CURVE,
        ),
    )


def _no_n_c(claim_id: str, family: str, *, not_elsewhere: str = "") -> Settles:
    answer = {"n_c": Answer(symbol="N_c", label=f"{family}: sign bracket", words=_none_or_number)}
    return Settles(
        claim_id=claim_id,
        reproduced=side(answer, panel="author", family=family, **NO_CURVE),
        supported=Side(answers=answer, undefined=not_elsewhere)
        if not_elsewhere
        else side(answer, panel=INDEPENDENT, family=family, **NO_CURVE),
    )


POPULATION = {"n_c": _n_c(LOGISTIC), "n_c_interval": _n_c(LOGISTIC)}
SPREAD = {
    "ratio": Answer(symbol="N_c_ratio", label="largest over smallest family"),
    "smallest": _n_c("smallest of the sign brackets"),
    "largest": _n_c("largest of the sign brackets"),
}
CROSSING = {"families_crossing": _turns("bracketed"), "families_plotted": _turns("any")}
WITHOUT_TURN = {"counterexamples": Answer(symbol="n_families_spanning", label="without a sign change")}

CRITICAL_SCALE: tuple[Settles, ...] = (
    Settles(
        claim_id="PAN-03",
        reproduced=side({"families": _turns("bracketed")}, panel="author", **NO_CURVE),
        supported=side({"families": _turns("bracketed")}, panel=INDEPENDENT, **NO_CURVE),
    ),
    Settles(
        claim_id="NC-01",
        reproduced=side({"n_c": _n_c(PAPER_MODE), "n_c_interval": _n_c(PAPER_MODE)}, panel="author", **NO_CURVE),
        supported=side(POPULATION, panel=INDEPENDENT, **NO_CURVE),
    ),
    Settles(
        claim_id="NC-02",
        reproduced=side(
            {
                "n_c": _n_c(f"the paper's recipe on {BOOTSTRAP} {PYTHIA}"),
                "n_c_interval": _n_c(f"the paper's recipe on {BOOTSTRAP} {PYTHIA}"),
                "family": Answer(symbol="N_c", label=INTERCEPTS, words=_pooled),
            },
            panel=BOOTSTRAP,
            family=PYTHIA,
            y=AS_PRINTED,
            **NO_CURVE,
        ),
        supported=side(
            {
                "n_c": _n_c(f"{DEDUPED}: zero of the weighted line"),
                "n_c_interval": _n_c(f"{DEDUPED}: zero of the weighted line"),
                "family": Answer(symbol="N_c", label=INTERCEPTS, words=_pooled),
            },
            panel=INDEPENDENT,
            family=DEDUPED,
            **NO_CURVE,
        ),
    ),
    Settles(
        claim_id="NC-03",
        reproduced=side(POPULATION, panel=BOOTSTRAP, y=AS_PRINTED, resamples=1000, **NO_CURVE),
        supported=side(POPULATION, panel=INDEPENDENT, **NO_CURVE),
    ),
    Settles(
        claim_id="NC-04",
        reproduced=side({"n_c": _n_c(INTERCEPTS)}, panel="author", **NO_CURVE),
        supported=side({"n_c": _n_c(FIXED_EFFECTS)}, panel=INDEPENDENT, **NO_CURVE),
    ),
    Settles(
        claim_id="NC-05",
        reproduced=side({"n_c": _n_c(PAPER_MODE)}, panel="author", **NO_CURVE),
        supported=side(
            {"n_c": _n_c(f"the paper's recipe on {INDEPENDENT} {DEDUPED} + Llama-1 + Llama-2")},
            panel=INDEPENDENT,
            families=f"{DEDUPED},Llama-1,Llama-2",
            **NO_CURVE,
        ),
    ),
    Settles(
        claim_id="NC-06",
        reproduced=side({"n_50": _n_c(LOGISTIC)}, panel="author", **NO_CURVE),
        supported=side({"n_50": _n_c(LOGISTIC)}, panel=INDEPENDENT, **NO_CURVE),
    ),
    _family_n_c("NC-10", "OPT", "OPT"),
    _family_n_c("NC-11", "Cerebras-GPT", "Cerebras-GPT"),
    _family_n_c("NC-12", "GPT-Neo", "GPT-Neo"),
    _family_n_c("NC-13", "BLOOM", "BLOOM"),
    _family_n_c("NC-14", PYTHIA, DEDUPED, parts=("n_c", "n_c_interval")),
    _family_n_c("NC-15", "Falcon", "Falcon"),
    _no_n_c("NC-16", "Phi"),
    _no_n_c("NC-17", "Qwen3", not_elsewhere="the independent panel holds no Qwen3 model"),
    Settles(
        claim_id="NC-19",
        reproduced=side(SPREAD, panel=BY_FAMILY, families=",".join(TABLE_1), **NO_CURVE),
        supported=side(SPREAD, panel=INDEPENDENT, families=",".join(OTHER_TABLE_1), **NO_CURVE),
    ),
    Settles(
        claim_id="NC-20",
        reproduced=side(CROSSING, panel=BY_FAMILY, families=",".join(TABLE_1), **NO_CURVE),
        supported=side(CROSSING, panel=INDEPENDENT, families=",".join(OTHER_TABLE_1), **NO_CURVE),
    ),
    same(
        "NC-26",
        {
            "resamples": Answer(symbol="n_resamples", label=PAPER_MODE),
            "stratified_by": Answer(
                symbol="n_resamples", label=PAPER_MODE, words=lambda found: "nothing: single rows were drawn"
            ),
        },
        panel="author",
        **NO_CURVE,
    ),
    Settles(
        claim_id="FAL-01",
        reproduced=side(WITHOUT_TURN, panel=BY_FAMILY, **NO_CURVE),
        supported=side(WITHOUT_TURN, panel=INDEPENDENT, **NO_CURVE),
    ),
)
