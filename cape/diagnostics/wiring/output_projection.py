"""Claims that `output_projection` settles. The author's file holds the deduplicated Pythia models."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import side
from cape.diagnostics.wiring.head_coupling import NOT_INDEPENDENT

FILE = "amin-intervention"


def _cosine(model: str, name: str) -> Answer:
    return Answer(symbol="proj_cosine", label=f"{model}, {FILE}: {name}")


def _recorded(claim_id: str, answers: dict[str, Answer]) -> Settles:
    return Settles(
        claim_id=claim_id, reproduced=side(answers), supported=Side(answers=answers, undefined=NOT_INDEPENDENT)
    )


def _delta(claim_id: str, model: str) -> Settles:
    return _recorded(claim_id, {"delta": Answer(symbol="proj_change", label=f"{model}, {FILE}: output less hidden")})


OUTPUT_PROJECTION: tuple[Settles, ...] = (
    _delta("INT-13a", "pythia-410m-deduped"),
    _delta("INT-13b", "pythia-2.8b-deduped"),
    _recorded(
        "INT-14",
        {
            "hidden": _cosine("pythia-1b-deduped", "hidden"),
            "output": _cosine("pythia-1b-deduped", "output"),
            "loss": Answer(symbol="proj_loss", label=f"pythia-1b-deduped, {FILE}: output"),
        },
    ),
    _recorded("INT-15", {"wide": _cosine("pythia-1b-deduped", "wide")}),
)
