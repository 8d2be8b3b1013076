"""Claims that `loss_blindness` settles. Every public gradient norm is the author's own, so both sides use those."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import DEDUPED, INDEPENDENT, same, side, undefined

PRINTED = "Pythia: author_pythia_validation_loss"
MEASURED = "Pythia: pile_test_xent"
COMPONENTS = "N^-(alpha+1/2)"
ON_WIKITEXT, ON_PILE, ON_SIZE = (f"grad_norm_mean on {name}" for name in ("wikitext2_loss_mean", "pile_test_xent", "N"))
WITHOUT = " without pythia-1b"


RATE_NOT_STATED = (
    "which score S stands for and how its rate is taken is not stated; loss_blindness shows C of central differences "
    "of the first score beside that of steps"
)
LEVEL_NOT_STATED = (
    "neither what this level predicts nor on which models is stated, so no number can be set against it; "
    "loss_blindness shows the error of our reading"
)


def _law(claim_id: str, parts: dict[str, str]) -> Settles:
    """Parts by symbol: the printed losses on one side, the measured ones of the same models on the other."""
    sides = (
        side({part: Answer(symbol=symbol, label=label) for part, symbol in parts.items()})
        for label in (PRINTED, MEASURED)
    )
    return Settles(claim_id=claim_id, reproduced=next(sides), supported=next(sides))


def _error(label: str) -> Answer:
    return Answer(symbol="prediction_error", label=label)


def _phase(claim_id: str, phase: str) -> Settles:
    def answers(label: str) -> dict[str, Answer]:
        return {"c": Answer(symbol="arrhenius_c", label=label), "r2": Answer(symbol="arrhenius_r2", label=label)}

    return Settles(
        claim_id=claim_id,
        reproduced=undefined(RATE_NOT_STATED),
        supported=side(answers(f"{DEDUPED}: {phase}, steps"), panel=INDEPENDENT),
    )


LOSS_BLINDNESS: tuple[Settles, ...] = (
    _law("LOS-01", {"r2": "loss_r2"}),
    _law("LOS-02", {"cv": "loss_cv"}),
    _law("LOS-03", {"mean": "loss_amplitude", "plus_minus": "loss_amplitude_sd"}),
    _law("LOS-04", {"alpha": "loss_exponent"}),
    same("LOS-05", {"orders_of_magnitude": Answer(symbol="size_span", label=PRINTED)}),
    Settles(
        claim_id="LOS-06",
        reproduced=side({"mae": _error(f"L0: {PRINTED}, in sample")}),
        supported=side(
            {"mae": _error(f"L0: {MEASURED}, in sample")},
            context=(("prediction_error", f"L0: {MEASURED}, left out"),),
        ),
    ),
    Settles(
        claim_id="LOS-07",
        reproduced=side(
            {
                "ratio": Answer(symbol="prediction_error_ratio", label=f"L1 over L0: {COMPONENTS}, printed losses"),
                "mae": _error(f"L1: {COMPONENTS}, printed losses, in sample"),
            }
        ),
        supported=side(
            {
                "ratio": Answer(symbol="prediction_error_ratio", label=f"L1 over L0: {COMPONENTS}, measured losses"),
                "mae": _error(f"L1: {COMPONENTS}, measured losses, in sample"),
            },
            context=(("prediction_error", "L1: N^-(alpha+1), measured losses, in sample"),),
        ),
    ),
    Settles(
        claim_id="LOS-08",
        reproduced=side({"mae": _error("L2: L^k, printed losses, in sample")}),
        supported=side(
            {"mae": _error("L2: L^k, measured losses, in sample")},
            context=(("prediction_error", "L2: L^k, measured losses, left out"),),
        ),
    ),
    Settles(claim_id="LOS-09", reproduced=undefined(LEVEL_NOT_STATED), supported=undefined(LEVEL_NOT_STATED)),
    Settles(
        claim_id="GRA-01",
        reproduced=side(
            {
                "exponent": Answer(symbol="gradient_exponent", label=ON_WIKITEXT),
                "r": Answer(symbol="gradient_r", label=ON_WIKITEXT),
            }
        ),
        supported=side(
            {
                "exponent": Answer(symbol="gradient_exponent", label=ON_PILE),
                "r": Answer(symbol="gradient_r", label=ON_PILE),
            },
            context=(("gradient_exponent", f"{ON_PILE}{WITHOUT}"),),
        ),
    ),
    Settles(
        claim_id="GRA-02",
        reproduced=side({"deviation": Answer(symbol="gradient_dip", label=f"{ON_SIZE}: pythia-1b in the line")}),
        supported=side(
            {"deviation": Answer(symbol="gradient_dip", label=f"{ON_SIZE}: pythia-1b out of the line")},
            context=(("p_dip", ON_SIZE),),
        ),
    ),
    same(
        "GRA-03",
        {
            "beta": Answer(symbol="gradient_beta", label=ON_SIZE),
            "plus_minus": Answer(symbol="gradient_beta_se", label=ON_SIZE),
        },
    ),
    _phase("GRA-10", "tax"),
    _phase("GRA-11", "transition"),
    _phase("GRA-12", "bonus"),
    Settles(
        claim_id="GRA-13",
        reproduced=undefined(RATE_NOT_STATED),
        supported=side({"ratio": Answer(symbol="arrhenius_ratio", label=f"{DEDUPED}: steps")}, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="GRA-14",
        reproduced=undefined("the search of A.8 (library, operators, loss) is not stated, so it cannot be repeated"),
        supported=undefined(
            "the six public gradient norms, all the author's, do not tell exp(-C/L) from L^k: form_error_ratio holds 1"
        ),
    ),
)
