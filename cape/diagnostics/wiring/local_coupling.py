"""Claims that `local_coupling` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import (
    ARCHPROBE,
    AS_PRINTED,
    DEDUPED,
    INDEPENDENT,
    PYTHIA,
    TEXT,
    side,
    undefined,
    yes_if,
)
from cape.quantities import Estimate

TRANSITION_HALF_WIDTH = 0.1  # |gamma| of the transition band, paper A.1


def _suffices(found: Estimate | None) -> str:
    """Yes when the 95% half-width of a typical gamma is no wider than the half-width of the transition band."""
    return yes_if(lambda e: e.value is not None and e.value <= TRANSITION_HALF_WIDTH / 2)(found)


def _all_negative(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return "undefined"
    return "all" if found.value == 1 else f"{found.value:.0%}"


def _confirmed(found: Estimate | None) -> str:
    """Confirmed when the whole interval of gamma lies within the transition band."""
    if found is None or found.low is None or found.high is None:
        return "undefined"
    inside = found.low >= -TRANSITION_HALF_WIDTH and found.high <= TRANSITION_HALF_WIDTH
    return "confirmed" if inside else "not confirmed"


def _gamma(family: str, smaller: str, larger: str) -> Answer:
    return Answer(symbol="gamma_12", label=f"{family}: {smaller} to {larger}")


OLMO_STEP = _gamma("OLMo", "olmo-1b", "olmo-7b")

LOCAL_COUPLING: tuple[Settles, ...] = (
    Settles(
        claim_id="PAN-04",
        reproduced=side({"phi": Answer(symbol="mean_gamma_12", label="author Phi")}, panel="author", family="Phi"),
        supported=side(
            {"phi": Answer(symbol="mean_gamma_12", label="independent Phi")}, panel=INDEPENDENT, family="Phi"
        ),
    ),
    Settles(
        claim_id="PAN-04",
        reproduced=side(
            {"gemma": Answer(symbol="mean_gamma_12", label="author Gemma")}, panel="author", family="Gemma"
        ),
        supported=side(
            {"gemma": Answer(symbol="mean_gamma_12", label="independent Gemma")}, panel=INDEPENDENT, family="Gemma"
        ),
    ),
    Settles(
        claim_id="PAN-07",
        reproduced=side({"enough": Answer(symbol="gamma_12_se", label="author", words=_suffices)}, panel="author"),
        supported=side({"enough": Answer(symbol="gamma_12_se", label=INDEPENDENT, words=_suffices)}, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="NC-25",
        reproduced=side(
            {"families_with_tax": Answer(symbol="share_negative", label="author up to 3.5 B", words=_all_negative)},
            panel="author",
            max_b=3.5,
        ),
        supported=side(
            {
                "families_with_tax": Answer(
                    symbol="share_negative", label="independent up to 3.5 B", words=_all_negative
                )
            },
            panel=INDEPENDENT,
            max_b=3.5,
        ),
    ),
    Settles(
        claim_id="QWE-07",
        reproduced=side(
            {"gamma_small": Answer(symbol="mean_gamma_12", label="author Qwen2.5 up to 3.5 B")},
            panel="author",
            family="Qwen2.5",
            max_b=3.5,
        ),
        supported=undefined(
            "the independent panel holds no Qwen2.5 model; its Qwen, Qwen1.5 and Qwen2 are other generations"
        ),
    ),
    Settles(
        claim_id="OLM-01",
        reproduced=side({"gamma12": OLMO_STEP}, panel=TEXT, family="OLMo", y=AS_PRINTED),
        supported=side({"gamma12": OLMO_STEP}, panel=INDEPENDENT, family="OLMo"),
    ),
    Settles(
        claim_id="OLM-02",
        reproduced=side(
            {"delta_hellaswag": Answer(symbol="delta_score", label="OLMo: olmo-1b to olmo-7b, hellaswag")},
            panel=TEXT,
            family="OLMo",
            y=AS_PRINTED,
        ),
        supported=side(
            {"delta_hellaswag": Answer(symbol="delta_score", label="OLMo: olmo-1b to olmo-7b, hellaswag")},
            panel=INDEPENDENT,
            family="OLMo",
        ),
    ),
    Settles(
        claim_id="OLM-04",
        reproduced=undefined(
            "the isocline is calibrated on the model it is said to confirm, so the recipe has no other outcome"
        ),
        supported=side(
            {"outcome": Answer(symbol="gamma_12", label=OLMO_STEP.label, words=_confirmed)},
            panel=INDEPENDENT,
            family="OLMo",
        ),
    ),
    Settles(
        claim_id="OLM-06",
        reproduced=side(
            {"gamma12": _gamma(PYTHIA, "pythia-1b", "pythia-1.4b")}, panel=ARCHPROBE, family=PYTHIA, y=AS_PRINTED
        ),
        supported=side(
            {"gamma12": _gamma(DEDUPED, "pythia-1b-deduped", "pythia-1.4b-deduped")},
            panel=INDEPENDENT,
            family=DEDUPED,
        ),
    ),
    Settles(
        claim_id="OLM-07",
        reproduced=side(
            {
                "opt_1_3b": _gamma("OPT", "opt-1.3b", "opt-2.7b"),
                "bloom_1b1": _gamma("BLOOM", "bloom-1b1", "bloom-3b"),
                "olmo_1b": OLMO_STEP,
            },
            panel=ARCHPROBE,
            y=AS_PRINTED,
        ),
        supported=side(
            {
                "opt_1_3b": _gamma("OPT", "opt-1.3b", "opt-2.7b"),
                "bloom_1b1": _gamma("BLOOM", "bloom-1b1", "bloom-3b"),
                "olmo_1b": OLMO_STEP,
            },
            panel=INDEPENDENT,
        ),
    ),
)
