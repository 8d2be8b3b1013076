"""Claims that `flow_geometry` settles: beta function, fixed points, kink, angle of e2, h_c, curation and arithmetic.

Where the paper does not name its rows, its side is the pooled fit of the author's rows with equal weights; where a
text does not say what it measured, both sides are undefined and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import BY_FAMILY, DEDUPED, INDEPENDENT, PYTHIA, not_public, side, undefined
from cape.quantities import Estimate

AUTHOR, OTHERS = "pooled: author", f"pooled: {INDEPENDENT}"
EQUAL: dict[str, Any] = {"weights": "equal"}
PAPER_N_C = "the paper's recipe"
TRANSITION_WIDTH = 0.1  # |gamma| of the transition band, paper A.1
PRINTED_THETA, PRINTED_H12 = "printed theta", "printed H12"
NO_ANGLE = (
    "the angle of e2 needs a correlation matrix at every size of one family; the independent panel has one model per "
    "size, so only the printed series exists"
)


def _stability(found: Estimate | None) -> str:
    """Stable when the stable zero of the parabola has an interval on one side of 0, else why not."""
    if found is None or found.value is None:
        return "no fixed point"
    if found.low is None or found.high is None:
        return "too wide to say"
    return "stable" if found.low > 0 or found.high < 0 else "too wide to say"


def _equal(found: Estimate | None) -> str:
    """Equal when the interval of the gap lies within the transition band, different when it excludes no gap."""
    if found is None or found.low is None or found.high is None:
        return "undefined"
    if found.low >= -TRANSITION_WIDTH and found.high <= TRANSITION_WIDTH:
        return "equal"
    return "too wide to say" if found.low <= 0 <= found.high else "different"


def _diverges(found: Estimate | None) -> str:
    """Diverges when the interval of 1 / |gamma| has no upper end, as wherever the interval of gamma holds 0."""
    if found is None:
        return "undefined"
    return "diverges" if found.high is None and any("holds 0" in caveat for caveat in found.caveats) else "bounded"


def _partly(reason: str, *parts: str) -> Side:
    """Return a side on which these parts cannot be judged."""
    return Side(answers={part: Answer(symbol="derived_constant", label="none") for part in parts}, undefined=reason)


def _unstated(claim_id: str, reason: str) -> Settles:
    return Settles(claim_id=claim_id, reproduced=undefined(reason), supported=undefined(reason))


def _arithmetic(claim_id: str, answers: Mapping[str, str]) -> Settles:
    """Parts that follow from other printed numbers, whatever the data: both sides are the same arithmetic."""
    found = {part: Answer(symbol="derived_constant", label=statement) for part, statement in answers.items()}
    return Settles(claim_id=claim_id, reproduced=side(found, panel="author"), supported=side(found, panel="author"))


def _printed(claim_id: str, answers: Mapping[str, Answer], **params: Any) -> Settles:
    """Parts that the printed series alone can answer."""
    return Settles(
        claim_id=claim_id, reproduced=side(answers, panel="author", **params), supported=_partly(NO_ANGLE, *answers)
    )


def _fit(symbol: str, label: str) -> Answer:
    return Answer(symbol=symbol, label=label)


def _both(claim_id: str, answers: Mapping[str, tuple[str, str]]) -> Settles:
    """Pooled fits: (symbol, rest of the label) by part, on the author's rows with equal weights and on other rows."""
    mine, theirs = (
        {part: _fit(symbol, f"{name}{rest}") for part, (symbol, rest) in answers.items()} for name in (AUTHOR, OTHERS)
    )
    return Settles(
        claim_id=claim_id, reproduced=side(mine, panel="author", **EQUAL), supported=side(theirs, panel=INDEPENDENT)
    )


def _line(claim_id: str, answers: Mapping[str, str], *, other: str = DEDUPED) -> Settles:
    """The line of gamma of Pythia: symbol by part, on the author's rows and on the deduplicated models."""
    return Settles(
        claim_id=claim_id,
        reproduced=side(
            {part: _fit(symbol, PYTHIA) for part, symbol in answers.items()}, panel=BY_FAMILY, family=PYTHIA, **EQUAL
        ),
        supported=side(
            {part: _fit(symbol, other) for part, symbol in answers.items()}, panel=INDEPENDENT, family=other
        ),
    )


def _field(part: str, size_b: float) -> Settles:
    answer = {part: Answer(symbol="h_c", label=f"at {size_b:g} B")}
    return Settles(
        claim_id="PHY-20",
        reproduced=side(answer, panel="author", n_c=PAPER_N_C, size_b=size_b),
        supported=side(answer, panel=INDEPENDENT, size_b=size_b),
    )


KINK = {
    "amplitude": ("kink_amplitude", ""),
    "centre": ("kink_centre", ""),
    "width": ("kink_width", ""),
    "offset": ("kink_offset", ""),
    "rmse": ("kink_rmse", ""),
}
BETA = {
    "quadratic": ("beta_coefficient", ", quadratic: gamma^2"),
    "linear": ("beta_coefficient", ", quadratic: gamma^1"),
    "constant": ("beta_coefficient", ", quadratic: gamma^0"),
    "r2": ("beta_r2", ", quadratic"),
}
GAP, RATIO = _fit("curation_gap", "Phi less web-trained at 10 B"), _fit("curation_ratio", "Phi")
NOT_DEFINED = "the supplied texts print the number without saying what was measured, on which models or how"
CLOSED_MODEL = "the size of a closed model is not public, and the text does not say where its number is from"

FLOW_GEOMETRY: tuple[Settles, ...] = (
    _line("NC-21", {"slope": "gamma_line_slope", "intercept": "gamma_line_intercept"}),
    _line("NC-22", {"r2": "gamma_line_r2"}),
    _line("NC-23", {"hits": "n_line_hits", "intervals": "n_gamma"}),
    _line("NC-24", {"zero": "N_line_zero"}),
    Settles(
        claim_id="ODE-25",
        reproduced=side(
            {"gamma_star": _fit("gamma_star", "OPT, linear: zero")}, panel=BY_FAMILY, family="OPT", **EQUAL
        ),
        supported=side({"gamma_star": _fit("gamma_star", "OPT, linear: zero")}, panel=INDEPENDENT, family="OPT"),
    ),
    Settles(
        claim_id="PHI-01",
        reproduced=undefined("the texts print no coupling of Phi at 1B and none of web-trained models at 10B"),
        supported=side({"comparison": Answer(symbol=GAP.symbol, label=GAP.label, words=_equal)}, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="PHI-02",
        reproduced=side({"h": _fit("h_curation", "Phi: largest, the paper's curve")}, panel="author"),
        supported=side({"h": _fit("h_curation", "Phi: largest, own panel")}, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="PHI-03",
        reproduced=side({"ratio": RATIO}, panel="author"),
        supported=side({"ratio": RATIO}, panel=INDEPENDENT),
    ),
    _printed("PHY-04", {"theta_star": _fit("theta_star", f"{PRINTED_THETA}: stable")}),
    _printed("PHY-05", {"sin_theta_star": _fit("sin_theta_star", f"{PRINTED_THETA}: stable")}),
    _line("PHY-05", {"slope": "gamma_line_slope"}),
    _arithmetic("PHY-05", {"difference": "difference of the printed sine and slope"}),
    Settles(
        claim_id="PHY-06",
        reproduced=side({"gamma12": _fit("locked_rate", f"{AUTHOR} above N_c")}, panel="author", n_c=PAPER_N_C),
        supported=side(
            {"gamma12": _fit("locked_rate", f"{OTHERS} above N_c")},
            panel=INDEPENDENT,
            context=(("p_heterogeneity", f"{OTHERS} above N_c"),),
        ),
    ),
    Settles(
        claim_id="PHY-08",
        reproduced=side(
            {
                "gamma_star": _fit("gamma_star", f"{AUTHOR}, quadratic: stable"),
                "stability": Answer(symbol="gamma_star", label=f"{AUTHOR}, quadratic: stable", words=_stability),
            },
            panel="author",
            **EQUAL,
        ),
        supported=side(
            {
                "gamma_star": _fit("gamma_star", f"{OTHERS}, quadratic: stable"),
                "stability": Answer(symbol="gamma_star", label=f"{OTHERS}, quadratic: stable", words=_stability),
            },
            panel=INDEPENDENT,
            context=(("p_beta", f"{OTHERS}, quadratic"),),
        ),
    ),
    _both("PHY-09", BETA),
    _unstated("PHY-10", f"{NOT_DEFINED}; a universality class needs critical exponents with a scaling analysis"),
    _both("PHY-11", KINK),
    _both("PHY-12", {"n_c": ("N_kink_centre", "")}),
    _printed(
        "PHY-13",
        {
            "winding": _fit("winding", PRINTED_THETA),
            "e2_zero": _fit("N_e2_zero", PRINTED_H12),
            "phase_degrees": _fit("e2_rotation", PRINTED_THETA),
            "phase_pi": _fit("e2_rotation_pi", PRINTED_THETA),
        },
    ),
    Settles(
        claim_id="PHY-14",
        reproduced=_partly("the origin of the exponent is not stated", "exponent"),
        supported=_partly("the origin of the exponent is not stated", "exponent"),
    ),
    _arithmetic("PHY-14", {"value": "exponential of the printed action exponent"}),
    _unstated("PHY-15", f"{NOT_DEFINED}: a Ginzburg number"),
    _unstated("PHY-16", f"{NOT_DEFINED}: chi_ND"),
    _unstated("PHY-17", f"{NOT_DEFINED}: a conserved W"),
    _unstated("PHY-18", f"{NOT_DEFINED}: the two variables of each correlation"),
    Settles(
        claim_id="PHY-19",
        reproduced=side({"n_peak": _fit("N_bend", PYTHIA)}, panel=BY_FAMILY, family=PYTHIA),
        supported=side({"n_peak": _fit("N_bend", DEDUPED)}, panel=INDEPENDENT, family=DEDUPED),
    ),
    _field("at_1b", 1.0),
    _field("at_3b", 3.0),
    Settles(
        claim_id="PHY-24",
        reproduced=side({"at_n_c": Answer(symbol="chi_gamma", label="largest", words=_diverges)}, panel="author"),
        supported=side({"at_n_c": Answer(symbol="chi_gamma", label="largest", words=_diverges)}, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="PHY-25",
        reproduced=side({"mmlu_below_chance": _fit("N_chance", "mmlu")}, panel="author", y="mmlu"),
        supported=side({"mmlu_below_chance": _fit("N_chance", "mmlu")}, panel=INDEPENDENT, y="mmlu"),
    ),
    Settles(
        claim_id="PHY-25",
        reproduced=_partly(NOT_DEFINED, "susceptibility_peak", "peak_at", "mmlu_flip"),
        supported=_partly(NOT_DEFINED, "susceptibility_peak", "peak_at", "mmlu_flip"),
    ),
    _unstated("PHY-26", "an analogy with a superconductor under pressure: no statistic compares the two"),
    Settles(claim_id="PHY-27", reproduced=not_public(CLOSED_MODEL), supported=not_public(CLOSED_MODEL)),
)
