"""Parameters of analyze_model: the user's own numbers as text ("" = not given), read and checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cape.diagnostics import _n_c
from cape.diagnostics._params import Params, option
from cape.errors import BadParameterError

NOT_GIVEN = "not given"
RECIPES = (NOT_GIVEN, "web", "curated", "distilled")
ESTIMATORS = (_n_c.LOGISTIC, _n_c.LOGISTIC_LEVEL, _n_c.LOGISTIC_TOKENS, _n_c.FIXED_EFFECTS)
SIZES_B = (0.0, 1e5)  # smallest, excluded, and largest number of parameters, billions
WIDTHS = (0.0, 1e6)
TOKENS_T = (0.0, 1e4)
PERCENTAGES = (0.0, 100.0)
FRACTION_BELOW = 1.0  # a score at or below 1 where chance alone gives more is a fraction
PAPER_REFERENCE = "paper"


def score_option(label: str) -> str:
    """Declare the text parameter of one benchmark's score."""
    declared: str = option("", label=f"{label} (%)", help=f"{label} in percent; empty: not given.")
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeParams(Params):
    """The selection to compare with, the model, a ladder of releases, and the levers of the what-if."""

    known: str = option(
        "", label="Known model", help="Identifier of a model of the lake; its row fills what is left empty below."
    )
    params_b: str = option("", label="Size (B)", help="Parameters in billions; empty: not given.")
    width: str = option("", label="Width", help="d_model, the width of the residual stream; empty: not given.")
    tokens_t: str = option("", label="Training tokens (T)", help="Trillions of training tokens; empty: not given.")
    recipe: str = option(
        NOT_GIVEN, label="Recipe", help="How the training data were made; compares with models alike.", choices=RECIPES
    )
    hellaswag: str = score_option("HellaSwag")
    truthfulqa: str = score_option("TruthfulQA")
    arc_challenge: str = score_option("ARC-Challenge")
    winogrande: str = score_option("WinoGrande")
    mmlu: str = score_option("MMLU")
    gsm8k: str = score_option("GSM8K")
    swe_bench_verified: str = score_option("SWE-bench Verified")
    gpqa_diamond: str = score_option("GPQA Diamond")
    ifeval: str = score_option("IFEval")
    other_scores: str = option(
        "", label="Other scores", help="Further benchmarks of the lake: name = percent, separated by commas."
    )
    pair: str = option(
        "", label="Custom pair", help="Names of two benchmarks, separated by a comma; empty: the selected pair."
    )
    releases: str = option(
        "",
        label="Releases",
        help="Scores of the pair by release, separated by semicolons: '1: 47.2, 38.9; 2.8: 59.4, 35.6' with sizes in "
        "billions, or '47.2, 38.9; 59.4, 35.6' in order of release.",
    )
    items: str = option(
        "", label="Items of the pair", help="Number of items of each benchmark of the pair; empty: as the lake holds."
    )
    phase_by: str = option(
        ESTIMATORS[0],
        label="Phase by",
        help="Population estimator of the phase: by size, by the level of the first benchmark, by training tokens, "
        "or by the slopes of quadratics.",
        choices=ESTIMATORS,
    )
    bandwidth: float = option(
        0.5,
        label="Bandwidth (decades)",
        help="Width of the kernel of the local gamma, in decades of size.",
        low=0.1,
        high=3,
        is_whole=False,
    )
    similar: float = option(
        2.0,
        label="Similar size: factor",
        help="Models count as similar in size within this factor.",
        low=1.1,
        high=1000,
        is_whole=False,
    )
    reference: str = option(
        PAPER_REFERENCE,
        label="Isocline reference",
        help="Model that fixes k of the isocline: paper (OLMo as the paper takes it), a family or a model_id.",
    )
    size_times: float = option(
        2.0, label="What if: size times", help="Size multiplied by this.", low=0.1, high=10, is_whole=False
    )
    width_times: float = option(
        1.0, label="What if: width times", help="Width multiplied by this.", low=0.25, high=4, is_whole=False
    )
    curation: float = option(
        0.0,
        label="What if: curation added",
        help="Share of the difference between the panel's curated and its web-trained models.",
        low=0,
        high=1,
        is_whole=False,
    )


SCORE_FIELDS = (
    "hellaswag",
    "truthfulqa",
    "arc_challenge",
    "winogrande",
    "mmlu",
    "gsm8k",
    "swe_bench_verified",
    "gpqa_diamond",
    "ifeval",
)
MODEL_FIELDS = ("params_b", "width", "tokens_t", "recipe")
PAIR_FIELDS = ("pair", "releases", "items")
WHAT_IF_FIELDS = ("size_times", "width_times", "curation")
METHOD_FIELDS = ("phase_by", "bandwidth", "similar", "reference", "resamples", "seed")
CONTROLS = (
    "known",
    *MODEL_FIELDS,
    *SCORE_FIELDS,
    "other_scores",
    *PAIR_FIELDS,
    *WHAT_IF_FIELDS,
    *METHOD_FIELDS,
)
CLEARED = {
    **dict.fromkeys(("params_b", "width", "tokens_t", *SCORE_FIELDS, "other_scores"), ""),
    "recipe": NOT_GIVEN,
}  # what the page empties when a known model is loaded


def number_of(field: str, text: str, *, within: tuple[float, float], is_above: bool = False) -> float | None:
    """Return the number a text parameter holds, or None when it is empty.

    field : name for the error. within : smallest and largest accepted; is_above : the smallest itself is refused.
    Raises BadParameterError naming the field.
    """
    words = text.strip()
    if not words:
        return None
    low, high = within
    try:
        number = float(words)
    except ValueError:
        raise BadParameterError(
            f"{field} is {text!r}, which is no number. Write it like 47.2, or leave it empty."
        ) from None
    if not math.isfinite(number) or not low <= number <= high or (is_above and number == low):
        bounds = f"above {low:g} and at most {high:g}" if is_above else f"from {low:g} to {high:g}"
        raise BadParameterError(f"{field} is {words}; it must lie {bounds}, or be left empty.")
    return number


def given_scores(params: AnalyzeParams, chances: Mapping[str, float | None]) -> dict[str, float]:
    """Return the scores that were given, percent, by field or benchmark name.

    chances : chance level by benchmark name, percent; also the names that `other_scores` may use.
    Raises BadParameterError naming the field for text that is no percentage, a fraction, or an unknown benchmark.
    """
    texts = {name: str(getattr(params, name)) for name in SCORE_FIELDS}
    for entry in filter(None, (part.strip() for part in params.other_scores.split(","))):
        name, equals, text = (part.strip() for part in entry.partition("="))
        if not equals or name not in chances:
            raise BadParameterError(
                f"other_scores holds {entry!r}. Write name = percent with a benchmark of the lake: "
                f"{', '.join(sorted(chances))}."
            )
        if texts.get(name, "").strip():
            raise BadParameterError(f"other_scores gives {name}, which is given above as well. Give it once.")
        texts[name] = text
    found = {}
    for name, text in texts.items():
        number = number_of(name, text, within=PERCENTAGES)
        if number is None:
            continue
        if 0 < number <= FRACTION_BELOW < (chances.get(name) or 0.0):
            raise BadParameterError(f"{name} is {number:g}, which looks like a fraction. Give it in percent.")
        found[name] = number
    return found
