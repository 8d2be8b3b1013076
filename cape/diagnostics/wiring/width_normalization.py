"""Claims that `width_normalization` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import BY_FAMILY, DEDUPED, INDEPENDENT, PYTHIA, side, undefined
from cape.stats.width import WidthVerdict

TESTED_BY_PAPER = (PYTHIA, "OPT", "BLOOM", "Cerebras-GPT", "GPT-Neo")
ELSEWHERE = tuple(DEDUPED if name == PYTHIA else name for name in TESTED_BY_PAPER)


def _count(label: str) -> Answer:
    return Answer(symbol="n_families_by_width", label=label)


def _family(panel: str, family: str, *, with_controls: bool = False) -> Side:
    answers = {
        "raw": Answer(symbol="r", label=f"{family}: raw"),
        "normalised": Answer(symbol="r_width_ratio", label=family),
    }
    controls = tuple((symbol, family) for symbol in ("r_width_constant", "r_width_shuffled", "r_given_width"))
    return side(answers, context=controls if with_controls else (), panel=panel, family=family)


def _settles(family: str) -> Settles:
    if family == "GPT-Neo":
        elsewhere = undefined("the independent panel holds three GPT-Neo models, and r of three has no interval")
    else:
        elsewhere = _family(INDEPENDENT, DEDUPED if family == PYTHIA else family, with_controls=True)
    return Settles(claim_id=f"WID-{family}", reproduced=_family(BY_FAMILY, family), supported=elsewhere)


IN_SIGN = {"families_flipped": _count("flipped in sign"), "families_tested": _count("r over width is defined")}
BEYOND_CONTROLS = {**IN_SIGN, "families_flipped": _count(str(WidthVerdict.BEYOND))}

WIDTH_NORMALIZATION: tuple[Settles, ...] = (
    *(_settles(family) for family in TESTED_BY_PAPER),
    Settles(
        claim_id="WID-ALL",
        reproduced=side(IN_SIGN, panel=BY_FAMILY, families=",".join(TESTED_BY_PAPER)),
        supported=side(
            BEYOND_CONTROLS,
            context=(("width_gain", f"{INDEPENDENT} {' + '.join(ELSEWHERE)}"),),
            panel=INDEPENDENT,
            families=",".join(ELSEWHERE),
        ),
    ),
    Settles(
        claim_id="FAL-02",
        reproduced=side({"counterexamples": _count(str(WidthVerdict.NOT_FLIPPED))}, panel=BY_FAMILY),
        supported=side(
            {"counterexamples": _count(str(WidthVerdict.DENOMINATOR))},
            context=(
                ("n_families_by_width", str(WidthVerdict.NOT_FLIPPED)),
                ("n_families_by_width", str(WidthVerdict.BEYOND)),
                ("width_gain", INDEPENDENT),
            ),
            panel=INDEPENDENT,
        ),
    ),
)
