"""Claims that `steering` settles.

The paper's counts are those of the file self_align_across_nc1 of its repository; the runs of the deduplicated models,
prompt by prompt with other prompts, are the nearest thing to independent rows.
"""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics._steering_recorded import DEDUPED, DEMO_MODEL, FOUR_MODELS, PAPER_FILE, THREE_MODELS
from cape.diagnostics.wiring._common import not_public, same, side, undefined
from cape.quantities import Estimate

LEVEL = 0.05  # of a two-sided test; the paper states none
JUDGED_NOWHERE = "no published row says whether an output was right before or after steering"


def _run(model: str, file: str) -> dict[str, Answer]:
    return {"changed": Answer(symbol="steering_changed", label=f"{model}, {file}")}


def _falls(found: Estimate | None) -> str:
    """Say the direction of the counts where the exact test is below LEVEL."""
    if found is None or found.value is None:
        return "undefined"
    if found.value >= LEVEL:
        return "too wide to say"
    return _direction(found)


def _direction(found: Estimate | None) -> str:
    """Say the direction of the counts, whatever a test says, as the paper reads them."""
    if found is None or found.value is None:
        return "undefined"
    said = " ".join(found.caveats)
    return "decreasing" if "falls with size" in said else "increasing" if "rises with size" in said else "level"


def _from_cosine(found: Estimate | None) -> str:
    """Say cos(truth) where every recorded word is the one that the cosine gives."""
    if found is None or found.value is None:
        return "undefined"
    return "cos(truth)" if found.low is not None and found.value == 100 else "not cos(truth) alone"


TREND = {
    "trend": Answer(symbol="p_steering_trend", label=THREE_MODELS, words=_direction),
}
TESTED = {"trend": Answer(symbol="p_steering_trend", label=THREE_MODELS, words=_falls)}

STEERING: tuple[Settles, ...] = (
    Settles(
        claim_id="STE-pythia-410m",
        reproduced=side(_run("pythia-410m", PAPER_FILE)),
        supported=side(
            _run("pythia-410m-deduped", "self_align_modal_410m"),
            context=(("steering_changed", "pythia-410m, self_aligning_demo_410m"),),
        ),
    ),
    same("STE-pythia-1b", _run("pythia-1b", PAPER_FILE)),
    Settles(
        claim_id="STE-pythia-2.8b",
        reproduced=side(_run("pythia-2.8b", PAPER_FILE)),
        supported=side(_run("pythia-2.8b-deduped", "self_align_modal_2.8b")),
    ),
    Settles(
        claim_id="STE-04",
        reproduced=not_public(JUDGED_NOWHERE),
        supported=not_public(JUDGED_NOWHERE),
    ),
    Settles(
        claim_id="STE-05",
        reproduced=side(TREND),
        supported=side(TESTED, context=(("p_steering_trend", FOUR_MODELS), ("p_steering_trend", DEDUPED))),
    ),
    Settles(
        claim_id="STE-06",
        reproduced=not_public(JUDGED_NOWHERE),
        supported=not_public(JUDGED_NOWHERE),
    ),
    same(
        "STE-07",
        {
            "layer": Answer(symbol="probe_layer", label=DEMO_MODEL),
            "layers": Answer(symbol="n_layers", label=DEMO_MODEL),
        },
    ),
    Settles(
        claim_id="STE-08",
        reproduced=not_public("no capability score with and without steering is published"),
        supported=not_public("no capability score with and without steering is published"),
    ),
    Settles(
        claim_id="STE-09",
        reproduced=side(
            {"phase_from": Answer(symbol="tool_rule", label="phase from cos(truth)", words=_from_cosine)},
        ),
        supported=undefined(
            "a phase is the sign of gamma between two models (paper A.1); a single prompt has no gamma"
        ),
    ),
)
