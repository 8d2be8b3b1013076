"""Claims that `residual_field` settles.

The dashboard does not say about which line its h are taken. Its frontier card names 20 models, and the line of those
20 rows gives the OpenAI table as printed, so that is the paper's side; ours is the line of the other frozen models,
with the frozen line of paper A.6 beside it. Printed steps are read as ratios whatever their size; ours are defined
for releases of one tier, forward in time, whose first score moved beyond its error.
"""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import side

OLDER = "amin-frontier20"
OF_ALL, REFIT, FROZEN = "line of all rows", "refit", "frozen"
AS_PRINTED = "as printed"
STEPS: tuple[tuple[str, str], ...] = (
    ("claude-sonnet-4.5", "claude-sonnet-4.6"),
    ("claude-sonnet-4.6", "claude-opus-4.6"),
    ("gemini-2.5-pro", "gemini-3-flash"),
    ("gemini-3-flash", "gemini-3-pro"),
    ("gemini-3-pro", "gemini-3.1-pro"),
    ("gpt-4o", "gpt-5"),
    ("gpt-5", "gpt-5.1"),
    ("gpt-5.1", "gpt-5.4-std"),
    ("gpt-5.4-std", "gpt-5.2-pro"),
)
ONE_END = (0, 1)  # rows of the Anthropic table, which prints h of the later model only


def _h(model: str, line: str) -> Answer:
    return Answer(symbol="h_frontier", label=f"{model}: {line}")


def _hs(claim_id: str, models: dict[str, str]) -> Settles:
    """h of models by part: the dashboard's 20 rows on one side, the other frozen models on the other."""
    return Settles(
        claim_id=claim_id,
        reproduced=side({part: _h(model, OF_ALL) for part, model in models.items()}, rows=OLDER),
        supported=side(
            {part: _h(model, REFIT) for part, model in models.items()},
            context=tuple(("h_frontier", f"{model}: {FROZEN}") for model in models.values()),
        ),
    )


def _gamma(claim_id: str, first: str, second: str) -> Settles:
    name = f"{first} to {second}"
    return Settles(
        claim_id=claim_id,
        reproduced=side({"gamma12": Answer(symbol="gamma_release", label=f"{name}: ratio")}, order=AS_PRINTED),
        supported=side(
            {"gamma12": Answer(symbol="gamma_release", label=f"{name}, as printed: ours")},
            context=(("gamma_release", f"{name}: paper rule"),),
            order=AS_PRINTED,
        ),
    )


def _ends(index: int) -> dict[str, str]:
    first, second = STEPS[index]
    return {"h_to": second} if index in ONE_END else {"h_from": first, "h_to": second}


RESIDUAL_FIELD: tuple[Settles, ...] = (
    *(_gamma(f"FRO-T{index}g", *step) for index, step in enumerate(STEPS)),
    *(_hs(f"FRO-T{index}h", _ends(index)) for index in range(len(STEPS))),
    Settles(
        claim_id="FRO-10",
        reproduced=side(
            {"h": Answer(symbol="h_range", label=f"Google, models of the printed steps: {OF_ALL}")}, rows=OLDER
        ),
        supported=side(
            {"h": _h("Google, lowest of all its rows", REFIT)},
            context=(("h_range", f"Google, models of the printed steps: {FROZEN}"),),
        ),
    ),
    _hs(
        "FRO-11",
        {"sonnet_4_6": "claude-sonnet-4.6", "opus_4_6": "claude-opus-4.6", "gpt_5_4": "gpt-5.4-std"},
    ),
)
