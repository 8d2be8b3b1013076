"""Claims that `layer_coupling` settles. Every recorded number is the author's own."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import side, undefined
from cape.diagnostics.wiring.head_coupling import NOT_INDEPENDENT

TEXT, FILE, GEMMA, QWEN3 = "amin-text-probes", "amin-internal", "amin-gemma", "amin-qwen3-8b"
OTHER_INSTRUMENT = (
    "other recorded values of these sizes are by another instrument (attention patterns, constant over layers); "
    f"{NOT_INDEPENDENT}"
)
ONE_MODEL = "a gamma needs two sizes of one family, and no second size of Gemma-4 has scores; the print names one model"
NO_PROMPTS = "no source of values by layer or head states its prompts, and the prompts themselves are not published"
PRINT_ITSELF = "the only source is the print itself, without a data file, so reading it back reproduces nothing"
HIDDEN = "hidden states; prompts: not stated"


def _mean(model: str, source: str) -> Answer:
    return Answer(symbol="layer_cosine", label=f"{model}, {source}, over all layers")


def _third(which: str, model: str) -> Answer:
    return Answer(symbol="layer_cosine", label=f"{model}, {TEXT}, {which} layers")


def _depth(model: str) -> Answer:
    return Answer(symbol="depth_change", label=f"{model}, {TEXT}")


def _d_rep(model: str, source: str) -> Answer:
    return Answer(symbol="d_rep", label=f"{model}, {source}")


def _recorded(claim_id: str, answers: dict[str, Answer], why: str = NOT_INDEPENDENT) -> Settles:
    return Settles(claim_id=claim_id, reproduced=side(answers), supported=Side(answers=answers, undefined=why))


def _printed_only(claim_id: str, answers: dict[str, Answer]) -> Settles:
    """Parts of which the only source is the print itself: reading it back would reproduce nothing."""
    return Settles(
        claim_id=claim_id,
        reproduced=Side(answers=answers, undefined=PRINT_ITSELF),
        supported=Side(answers=answers, undefined=NOT_INDEPENDENT),
    )


INT_06 = {"early": _third("early", "pythia-1b"), "late": _third("late", "pythia-1b")}
INT_07 = {
    "m70_early": _third("early", "pythia-70m"),
    "m70_late": _third("late", "pythia-70m"),
    "m410_early": _third("early", "pythia-410m"),
    "m410_late": _third("late", "pythia-410m"),
}
OPT_SIZES = {"opt_125m": "opt-125m", "opt_1_3b": "opt-1.3b", "opt_6_7b": "opt-6.7b", "opt_13b": "opt-13b"}

# The sign of a change follows from the printed ends, so that part is arithmetic on the print.
LAYER_COUPLING: tuple[Settles, ...] = (
    _printed_only("INT-06", INT_06),
    _recorded("INT-06", {"change": _depth("pythia-1b")}),
    _printed_only("INT-07", INT_07),
    _recorded("INT-07", {"m70_change": _depth("pythia-70m"), "m410_change": _depth("pythia-410m")}),
    Settles(
        claim_id="INT-08",
        reproduced=Side(
            answers={part: _mean(model, TEXT) for part, model in OPT_SIZES.items()}, undefined=PRINT_ITSELF
        ),
        supported=undefined(OTHER_INSTRUMENT),
    ),
    _recorded(
        "INT-09",
        {
            "net": _mean("opt-30b", FILE),
            "competing_units": Answer(symbol="n_competing_heads", label=f"opt-30b, {FILE}"),
        },
    ),
    _recorded("INT-10", {"net": _mean("opt-66b", FILE)}),
    Settles(claim_id="INT-16", reproduced=undefined(NO_PROMPTS), supported=undefined(NO_PROMPTS)),
    _recorded("GEM-01", {"net": _mean("gemma-4-e4b", GEMMA)}),
    _printed_only("GEM-02", {"d_rep": _d_rep("gemma-4-e4b", TEXT)}),
    _recorded("GEM-03", {"net": _mean("gemma-3-4b", GEMMA), "d_rep": _d_rep("gemma-3-4b", GEMMA)}),
    _recorded("GEM-04", {"net": _mean("gemma-4-e4b-it", GEMMA)}),
    Settles(claim_id="GEM-05", reproduced=undefined(ONE_MODEL), supported=undefined(ONE_MODEL)),
    _printed_only("GEM-06", {"opt_13b": _mean("opt-13b", TEXT)}),
    _recorded(
        "GEM-06",
        {"gemma_4_e4b": _mean("gemma-4-e4b", GEMMA)},
        f"its instrument is not stated to be that of the OPT value; {NOT_INDEPENDENT}",
    ),
    _recorded("GEM-07", {"d_rep": Answer(symbol="d_rep_range", label=HIDDEN)}),
    _recorded(
        "QWE-05",
        {
            "qwen3_8b": _mean("qwen3-8b", QWEN3),
            "qwen2_5_7b": _mean("qwen2.5-7b", QWEN3),
            "difference": Answer(symbol="generation_change", label=f"qwen3-8b less qwen2.5-7b, {QWEN3}"),
        },
    ),
    _recorded("QWE-06", {"last_layer": Answer(symbol="layer_cosine", label="qwen2.5-7b, amin-qwen-gen, last layer")}),
)
