"""Claims that `effective_dimension` settles."""

from __future__ import annotations

from typing import Any

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import BY_FAMILY, DEDUPED, INDEPENDENT, PYTHIA, same, side, undefined
from cape.quantities import Estimate

PAPER = "paper's rule"
WINDOW = "sliding window"
PRINTED = "printed fig_topology"
MC2 = "truthfulqa_mc2"
AS_PRINTED = "truthfulqa_as_printed"
NO_LIST = "the texts do not say which models form this phase, so it has no rows to compute from"
THREE_MODELS = "the texts do not name the 3 models, and fewer than 6 models have no d_eff of five benchmarks"
NO_MEASURE = "the texts do not say what is measured to fall below chance at this size"


def _d_eff(group: str, kind: str) -> Answer:
    return Answer(symbol="d_eff_benchmarks", label=f"{group}: {kind}")


def _of_phase(claim_id: str, phase: str, kind: str) -> Settles:
    answer = {"d_eff": _d_eff(f"{phase}, {PAPER}", kind)}
    return Settles(
        claim_id=claim_id, reproduced=side(answer, panel="author"), supported=side(answer, panel=INDEPENDENT)
    )


def _counts(claim_id: str, phase: str) -> Settles:
    answers = {
        "models": Answer(symbol="n_models_in_phase", label=f"{phase}, {PAPER}"),
        "families": Answer(symbol="n_families_in_phase", label=f"{phase}, {PAPER}"),
    }
    return same(claim_id, answers, panel="author")


def _order(found: Estimate | None) -> str:
    """Which phase has the larger d_eff, where the interval of the difference says so; the frontier has none."""
    if found is None or found.value is None:
        return "undefined"
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        larger, smaller = ("tax", "bonus") if found.value > 0 else ("bonus", "tax")
        return f"{larger} above {smaller} but not beyond the interval; frontier undefined"
    return "tax > bonus; frontier undefined" if found.value > 0 else "bonus > tax; frontier undefined"


def _ordered(part: str, **params: Any) -> Settles:
    label = f"tax, {PAPER} less bonus, {PAPER}: covariance"
    answer = {part: Answer(symbol="d_eff_difference", label=label, words=_order)}
    return Settles(
        claim_id="DEF-05",
        reproduced=side(answer, panel="author", **params),
        supported=side(answer, panel=INDEPENDENT, **params),
    )


def _line(label: str) -> dict[str, Answer]:
    return {
        "slope": Answer(symbol="d_eff_slope", label=label),
        "intercept": Answer(symbol="d_eff_intercept", label=label),
        "n_at_d_eff_1": Answer(symbol="N_at_d_eff_1", label=label),
    }


def _pythia(answers: dict[str, Answer]) -> Side:
    return side(answers, panel=BY_FAMILY, family=PYTHIA)


def _elsewhere(answers: dict[str, Answer]) -> Side:
    return side(answers, panel=INDEPENDENT, family=DEDUPED)


def _ends(symbol: str, first: str, second: str, *, prefix: str) -> dict[str, Answer]:
    return {
        first: Answer(symbol=symbol, label=f"{prefix}: smallest sizes"),
        second: Answer(symbol=symbol, label=f"{prefix}: largest sizes"),
    }


def _power(label: str) -> dict[str, Answer]:
    return {
        "exponent": Answer(symbol="lambda_2_exponent", label=label),
        "r2": Answer(symbol="lambda_2_r2", label=label),
    }


def _nowhere(claim_id: str, why: str) -> Settles:
    return Settles(claim_id=claim_id, reproduced=undefined(why), supported=undefined(why))


LAMBDA_2 = _ends("lambda_2", "lambda2_410m", "lambda2_12b", prefix=WINDOW)
BANDS = {"tax": _d_eff("below 3.5 B", "covariance"), "bonus": _d_eff("from 3.5 B", "covariance")}
HALVES = {"below": _d_eff("below 3.5 B", "correlation"), "above": _d_eff("from 3.5 B", "correlation")}
PEAK = {
    "susceptibility_peak": Answer(symbol="chi_2_peak", label=WINDOW),
    "peak_at": Answer(symbol="chi_2_peak_at", label=WINDOW),
    "mmlu_flip": Answer(symbol="N_at_e2_zero", label="mmlu"),
}
BELOW_CHANCE = Side(undefined=NO_MEASURE, answers={"mmlu_below_chance": Answer(symbol="N_at_e2_zero", label="mmlu")})

EFFECTIVE_DIMENSION: tuple[Settles, ...] = (
    _of_phase("DEF-01", "tax", "covariance"),
    _counts("DEF-01", "tax"),
    _of_phase("DEF-02", "bonus", "covariance"),
    _counts("DEF-02", "bonus"),
    _nowhere("DEF-03", THREE_MODELS),
    Settles(
        claim_id="DEF-04",
        reproduced=side({"models": Answer(symbol="n_models_in_phase", label=f"transition, {PAPER}")}, panel="author"),
        supported=side({"models": Answer(symbol="n_models_in_phase", label="transition, expected")}, panel="author"),
    ),
    _ordered("order"),
    _ordered("order_width_normalised", scale="divided by width"),
    _of_phase("DEF-10", "tax", "correlation"),
    _of_phase("DEF-11", "transition", "correlation"),
    _of_phase("DEF-12", "bonus", "correlation"),
    _nowhere("DEF-13", NO_LIST),
    _nowhere("DEF-14", NO_LIST),
    Settles(claim_id="DEF-15", reproduced=side(BANDS, panel="author"), supported=side(BANDS, panel=INDEPENDENT)),
    Settles(
        claim_id="DEF-16",
        reproduced=side(_line(f"{PRINTED}: as printed"), panel="author"),
        supported=side(_line(f"{WINDOW}: correlation"), panel=INDEPENDENT),
    ),
    Settles(claim_id="DEF-17", reproduced=_pythia(HALVES), supported=_elsewhere(HALVES)),
    Settles(
        claim_id="ODE-23",
        reproduced=side(
            {"diagonal": Answer(symbol="transfer_diagonal", label="printed literals: smallest")}, panel="author"
        ),
        supported=side(
            {"diagonal": Answer(symbol="transfer_diagonal", label="smallest: covariance")}, panel=INDEPENDENT
        ),
    ),
    Settles(claim_id="PHY-01", reproduced=_pythia(LAMBDA_2), supported=_elsewhere(LAMBDA_2)),
    Settles(claim_id="PHY-02", reproduced=side(_power(PRINTED), panel="author"), supported=_elsewhere(_power(WINDOW))),
    Settles(
        claim_id="PHY-03",
        reproduced=_pythia(_ends("e2_loading", "below", "above", prefix=AS_PRINTED)),
        supported=_elsewhere(_ends("e2_loading", "below", "above", prefix=MC2)),
    ),
    Settles(
        claim_id="PHY-07",
        reproduced=side({"n_zero": Answer(symbol="N_at_det_0", label=PRINTED)}, panel="author"),
        supported=_elsewhere({"n_zero": Answer(symbol="N_at_det_0", label=WINDOW)}),
    ),
    Settles(
        claim_id="PHY-13",
        reproduced=side({"e2_zero": Answer(symbol="N_at_e2_zero", label=PRINTED)}, panel="author"),
        supported=_elsewhere({"e2_zero": Answer(symbol="N_at_e2_zero", label=MC2)}),
    ),
    Settles(claim_id="PHY-25", reproduced=side(PEAK, panel="author"), supported=side(PEAK, panel=INDEPENDENT)),
    Settles(claim_id="PHY-25", reproduced=BELOW_CHANCE, supported=BELOW_CHANCE),
)
