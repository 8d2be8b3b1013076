"""Claims that `head_coupling` settles.

Every recorded number is the author's own, so nothing but a run of `cape probe` on the same models is independent.
"""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics._head_models import NO_COMPETING
from cape.diagnostics._head_shares import LEFT_OUT, NINE_FAMILIES, NINE_HERE, PRINTED
from cape.diagnostics.wiring._common import side, undefined
from cape.quantities import Estimate

TL = "attention patterns; prompts: not stated"
QWEN_FILE = "amin-qwen-gen"
NOT_INDEPENDENT = (
    "the only numbers are the author's own file; `cape probe` on these models gives independent ones, which "
    "scripts/ingest_probe_outputs.py lands"
)
NO_SOURCE = "no source holds a head coupling of Pythia sizes but for attention patterns, another instrument"
EQUAL_VALUE = (
    f"the recorded value is that of other models to the last digit, an alarm of head_coupling; {NOT_INDEPENDENT}"
)


def _scope(symbol: str, name: str) -> Answer:
    return Answer(symbol=symbol, label=f"{NO_COMPETING}: {name}")


def _model(symbol: str, model: str) -> Answer:
    return Answer(symbol=symbol, label=f"{model}, {QWEN_FILE}")


def _recorded(claim_id: str, answers: dict[str, Answer], why: str = NOT_INDEPENDENT) -> Settles:
    """Parts that the author's file answers, and nothing independent does."""
    return Settles(claim_id=claim_id, reproduced=side(answers), supported=Side(answers=answers, undefined=why))


def _dip(found: Estimate | None) -> str:
    """None when net coupling does not fall from the next smaller model."""
    if found is None or found.value is None:
        return "undefined"
    return "none" if found.value >= 0 else "a dip"


HEAD_COUPLING: tuple[Settles, ...] = (
    Settles(
        claim_id="INT-01",
        reproduced=side(
            {
                "models_without_competing": _scope("n_head_free", NINE_FAMILIES),
                "models": _scope("n_head_measured", NINE_FAMILIES),
            },
            context=(("head_free_share", f"{NO_COMPETING}: {NINE_FAMILIES}{LEFT_OUT}"),),
        ),
        supported=side(
            {
                "models_without_competing": _scope("n_head_free", NINE_HERE),
                "models": _scope("n_head_measured", NINE_HERE),
            },
            context=(("head_free_share", f"{NO_COMPETING}: {NINE_FAMILIES}"),),
        ),
    ),
    Settles(
        claim_id="INT-02",
        reproduced=side({"share": _scope("head_free_share", PRINTED)}),
        supported=side({"share": _scope("head_free_share", NINE_FAMILIES)}),
    ),
    _recorded(
        "INT-03",
        {
            "mean_cooperative": Answer(
                symbol="head_cooperative", label=f"family Qwen2.5: instrument not stated, {QWEN_FILE}"
            )
        },
    ),
    Settles(
        claim_id="INT-04",
        reproduced=side({"median_cosine": Answer(symbol="head_cosine_median", label=NINE_FAMILIES)}),
        supported=side({"median_cosine": Answer(symbol="head_cosine_median", label=NINE_HERE)}),
    ),
    Settles(claim_id="INT-05", reproduced=undefined(NO_SOURCE), supported=undefined(NO_SOURCE)),
    Settles(
        claim_id="INT-12",
        reproduced=side(
            {
                "coupling": Answer(symbol="head_net", label=f"mean: {TL}"),
                "cooperative_heads": Answer(symbol="head_cooperative", label=f"mean: {TL}"),
                "models": _scope("n_head_measured", TL),
                "families": _scope("n_head_families", TL),
            }
        ),
        supported=side(
            {
                "coupling": Answer(symbol="head_net", label=f"mean: {TL}{LEFT_OUT}"),
                "cooperative_heads": Answer(symbol="head_cooperative", label=f"mean: {TL}{LEFT_OUT}"),
                "models": _scope("n_head_measured", TL),
                "families": _scope("n_head_families", TL),
            }
        ),
    ),
    _recorded(
        "QWE-01",
        {"cooperative": _model("head_cooperative", "qwen2.5-1.5b"), "net": _model("head_net", "qwen2.5-1.5b")},
    ),
    Settles(
        claim_id="QWE-02",
        reproduced=side({"competing": _model("head_not_cooperative", "qwen2.5-1.5b")}),
        supported=side({"competing": _model("head_competing", "qwen2.5-1.5b")}),
    ),
    _recorded(
        "QWE-03",
        {"cooperative": _model("head_cooperative", "qwen3-1.7b"), "net": _model("head_net", "qwen3-1.7b")},
        EQUAL_VALUE,
    ),
    _recorded(
        "QWE-04",
        {
            "net_3b": _model("head_net", "qwen2.5-3b"),
            "dip_at_14b": Answer(symbol="head_net_step", label=f"qwen2.5-14b less qwen2.5-7b, {QWEN_FILE}", words=_dip),
        },
        EQUAL_VALUE,
    ),
    _recorded("QWE-06", {"cooperative": _model("head_cooperative", "qwen2.5-7b")}),
)
