"""Claims that `isocline` settles.

Paper A.7 does not say which end of an interval is tested nor what lying above the curve means; its counts come out
with the first end and "above means negative", so that is the reading of both sides.
"""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles, Side
from cape.diagnostics.wiring._common import INDEPENDENT, same, side
from cape.quantities import Estimate

READING = "first end, above means negative"
COUNTED = {"opt": "OPT", "bloom": "BLOOM", "cerebras": "Cerebras-GPT"}
CURATED = "Phi,Qwen3,Gemma"
CURATED_ELSEWHERE = "Phi,Gemma,Gemma-2"


def _all_above(found: Estimate | None) -> str:
    """All when every row lies above the curve by more than its errors, else how many of how many do."""
    if found is None or found.value is None:
        return "undefined"
    if found.low is not None and found.low >= found.n:
        return "all"
    return f"{found.value:.0f} of {found.n}, {found.low or 0:.0f} beyond their errors"


def _families(families: str) -> str:
    return " + ".join(families.split(","))


HITS = {
    f"{part}_hits": Answer(symbol="n_isocline_hits", label=f"{family}: {READING}") for part, family in COUNTED.items()
}
INTERVALS = {f"{part}_intervals": Answer(symbol="n_signed", label=family) for part, family in COUNTED.items()}

ISOCLINE: tuple[Settles, ...] = (
    same("PHY-21", INTERVALS, panel="author", signs="every ratio"),
    Settles(
        claim_id="PHY-21",
        reproduced=side(HITS, panel="author", signs="every ratio"),
        supported=side(
            {"opt_hits": HITS["opt_hits"]},
            panel=INDEPENDENT,
            context=(
                ("n_isocline_hits", f"{INDEPENDENT}: {READING}"),
                ("base_share", INDEPENDENT),
                ("isocline_null_share", f"{INDEPENDENT}: {READING}"),
            ),
        ),
    ),
    Settles(
        claim_id="PHY-21",
        reproduced=side(HITS, panel="author", signs="every ratio"),
        supported=Side(
            answers={part: HITS[part] for part in ("bloom_hits", "cerebras_hits")},
            undefined="a count of hits needs the same intervals: the independent panel holds one model less of each",
        ),
    ),
    Settles(
        claim_id="PHY-22",
        reproduced=side(
            {"models_above": Answer(symbol="n_models_above", label=f"author {_families(CURATED)}", words=_all_above)},
            panel="author",
            families=CURATED,
        ),
        supported=side(
            {
                "models_above": Answer(
                    symbol="n_models_above", label=f"{INDEPENDENT} {_families(CURATED_ELSEWHERE)}", words=_all_above
                )
            },
            panel=INDEPENDENT,
            families=CURATED_ELSEWHERE,
        ),
    ),
    Settles(
        claim_id="PHY-23",
        reproduced=side({"a_over_b": Answer(symbol="k_isocline", label="OLMo as the paper takes it")}, panel="author"),
        supported=side(
            {"a_over_b": Answer(symbol="k_isocline", label=f"OLMo of panel {INDEPENDENT}")}, panel=INDEPENDENT
        ),
    ),
)
