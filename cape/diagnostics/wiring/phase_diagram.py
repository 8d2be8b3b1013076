"""Claims that `phase_diagram` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import AS_PRINTED, INDEPENDENT, PYTHIA, TEXT, same, side, yes_if
from cape.quantities import Estimate, Phase


def _n_rows(family: str) -> Answer:
    return Answer(symbol="n_rows_in_family", label=family, absent=0.0)


def _held(family: str) -> Answer:
    return Answer(symbol="n_rows_in_family", label=family, words=yes_if(lambda e: e.n > 0))


def _variant_words(found: Estimate | None) -> str:
    """MC2 where values equal the leaderboard's MC2; nothing identifies MC1."""
    return "MC2" if found is not None and found.value else "not identified"


def _in_phase(phase: Phase, mode: str) -> Answer:
    return Answer(symbol="n_models_in_phase", label=f"{phase}, {mode}")


PHASE_DIAGRAM: tuple[Settles, ...] = (
    Settles(
        claim_id="PAN-01",
        reproduced=side(
            {
                "models": Answer(symbol="n_rows", label="author"),
                "families": Answer(symbol="n_families", label="author"),
            },
            panel="author",
        ),
        supported=side(
            {
                "models": Answer(symbol="n_models", label="author"),
                "families": Answer(symbol="n_families", label="author"),
            },
            panel="author",
        ),
    ),
    same(
        "PAN-02",
        {
            "families_named": Answer(symbol="n_families", label="author"),
            "deepseek_in_panel": _held("DeepSeek"),
            "mpt_in_panel": _held("MPT"),
        },
        panel="author",
    ),
    Settles(
        claim_id="PAN-05",
        reproduced=side(
            {
                "tax": _in_phase(Phase.TAX, "paper mode"),
                "bonus": _in_phase(Phase.BONUS, "paper mode"),
                "transition": _in_phase(Phase.TRANSITION, "paper mode"),
                "frontier": Answer(symbol="n_models_in_phase", label="frontier"),
            },
            panel="author",
        ),
        supported=side(
            {
                "tax": _in_phase(Phase.TAX, "ours"),
                "bonus": _in_phase(Phase.BONUS, "ours"),
                "transition": _in_phase(Phase.TRANSITION, "ours"),
                "frontier": Answer(symbol="n_models_in_phase", label="frontier"),
            },
            panel="author",
        ),
    ),
    same(
        "PAN-06",
        {"variant": Answer(symbol="n_variant_inferred", label="author", words=_variant_words)},
        panel="author",
    ),
    same(
        "NC-18",
        {
            "opt": _n_rows("OPT"),
            "cerebras_gpt": _n_rows("Cerebras-GPT"),
            "gpt_neo": _n_rows("GPT-Neo"),
            "bloom": _n_rows("BLOOM"),
            "pythia": _n_rows(PYTHIA),
            "falcon": _n_rows("Falcon"),
            "phi": _n_rows("Phi"),
            "qwen3": _n_rows("Qwen3"),
        },
        panel="author",
    ),
    same("NC-17", {"sizes": _n_rows("Qwen3")}, panel="author"),
    Settles(
        claim_id="OLM-03",
        reproduced=side(
            {
                "tqa_1b": Answer(symbol="score", label=f"olmo-1b, {AS_PRINTED}"),
                "tqa_7b": Answer(symbol="score", label=f"olmo-7b, {AS_PRINTED}"),
            },
            panel=TEXT,
            family="OLMo",
            y=AS_PRINTED,
        ),
        supported=side(
            {
                "tqa_1b": Answer(symbol="score", label="olmo-1b, truthfulqa_mc2"),
                "tqa_7b": Answer(symbol="score", label="olmo-7b, truthfulqa_mc2"),
            },
            panel=INDEPENDENT,
            family="OLMo",
        ),
    ),
    same("OLM-05", {"olmo_1b": Answer(symbol="n_layers", label="olmo-1b")}, panel="author", family="OLMo"),
    same("OLM-05", {"pythia_1b": Answer(symbol="n_layers", label="pythia-1b")}, panel="author", family=PYTHIA),
)
