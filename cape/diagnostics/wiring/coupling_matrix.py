"""Claims that `coupling_matrix` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import AS_PRINTED, BY_FAMILY, DEDUPED, INDEPENDENT, PYTHIA, side, undefined
from cape.quantities import Estimate

MC2 = "truthfulqa_mc2"
NAMES = {"HS": "hellaswag", "TQA": AS_PRINTED, "ARC": "arc_challenge", "WG": "winogrande", "MMLU": "mmlu"}
ORDER = tuple(NAMES)
PRINTED_PAIRS = (
    ("HS", "TQA"),
    ("HS", "ARC"),
    ("HS", "MMLU"),
    ("HS", "WG"),
    ("TQA", "ARC"),
    ("TQA", "MMLU"),
    ("TQA", "WG"),
    ("ARC", "MMLU"),
    ("ARC", "WG"),
    ("WG", "MMLU"),
)
NO_PRIORS = "the texts state neither priors nor rival models nor software, so this Bayes factor is not defined"
OTHER_FOLDS = "counts of folds belong to the families left out; another panel has other families, so other counts"


def _pair(first: str, second: str, *, truthfulqa: str = AS_PRINTED) -> str:
    """Label of a pair as the diagnostic orders it."""
    names = NAMES | {"TQA": truthfulqa}
    one, other = sorted((first, second), key=ORDER.index)
    return f"{names[one]} / {names[other]}"


def _r(first: str, second: str, where: str, *, truthfulqa: str = AS_PRINTED) -> dict[str, Answer]:
    return {"r": Answer(symbol="r", label=f"{_pair(first, second, truthfulqa=truthfulqa)}: {where}")}


def _cell(letter: str, where: str, first: str, second: str) -> Settles:
    return Settles(
        claim_id=f"MAT-{letter}-{first}-{second}",
        reproduced=side(_r(first, second, where), panel="author"),
        supported=side(_r(first, second, where, truthfulqa=MC2), panel=INDEPENDENT),
    )


def _of_pythia(claim_id: str, first: str, second: str) -> Settles:
    return Settles(
        claim_id=claim_id,
        reproduced=side(_r(first, second, "all"), panel=BY_FAMILY, family=PYTHIA),
        supported=side(_r(first, second, "all", truthfulqa=MC2), panel=INDEPENDENT, family=DEDUPED),
    )


def _negative_intervals(claim_id: str, other: str) -> Settles:
    def answer(how: str) -> dict[str, Answer]:
        return {"negative_intervals": Answer(symbol="n_negative_intervals", label=f"hellaswag / {NAMES[other]}: {how}")}

    return Settles(
        claim_id=claim_id,
        reproduced=side(answer("bare ratio"), panel=BY_FAMILY, family=PYTHIA),
        supported=side(answer("expected, given the errors"), panel=INDEPENDENT, family=DEDUPED),
    )


def _side_of_first(found: Estimate | None) -> str:
    """Opposite when the loading lies on the other side of zero than the first benchmark's, interval included."""
    if found is None or found.value is None:
        return "undefined"
    ends = [end for end in (found.low, found.high) if end is not None]
    if ends and min(ends) <= 0 <= max(ends):
        return "not settled"
    return "opposite" if found.value < 0 else "same"


def _loadings(label: str, *, truthfulqa: str) -> dict[str, Answer]:
    turned = f"{label}, sign turned"  # the print gives the first benchmark the negative sign
    return {
        "sign": Answer(symbol="pc1_loading", label=f"{truthfulqa}: {label}", words=_side_of_first),
        "tqa": Answer(symbol="pc1_loading", label=f"{truthfulqa}: {turned}"),
        "hs": Answer(symbol="pc1_loading", label=f"hellaswag: {turned}"),
    }


def _both(symbol: str, below: str, above: str, *, prefix: str = "") -> dict[str, Answer]:
    """Answers of two parts, from the printed matrices or from ours."""
    return {
        below: Answer(symbol=symbol, label=f"{prefix}below"),
        above: Answer(symbol=symbol, label=f"{prefix}above"),
    }


def _changes(symbol: str, *, prefix: str, truthfulqa: str) -> dict[str, Answer]:
    return {
        "tqa_pairs": Answer(symbol=symbol, label=f"{prefix}pairs with {truthfulqa}"),
        "other_pairs": Answer(symbol=symbol, label=f"{prefix}pairs without {truthfulqa}"),
    }


def _flips(*, prefix: str, truthfulqa: str) -> dict[str, Answer]:
    flips = _changes("n_sign_changes", prefix=prefix, truthfulqa=truthfulqa)
    renamed = {"tqa_flips": flips["tqa_pairs"], "other_flips": flips["other_pairs"]}
    return renamed | _changes("n_pairs", prefix=prefix, truthfulqa=truthfulqa)


def _folds() -> dict[str, Answer]:
    answers = {
        f"{other.lower()}_tqa": Answer(symbol="n_folds_negative", label=f"{_pair(other, 'TQA')}: below")
        for other in ("HS", "ARC", "MMLU", "WG")
    }
    return answers | {"folds": Answer(symbol="n_folds", label="below")}


PRINTED = "printed: "
ASSEMBLED = {
    part: Answer(symbol="d_eff_benchmarks", label=f"{part}: assembled correlation matrix")
    for part in ("below", "above")
}
ABOVE = {
    "negative_pairs": Answer(symbol="n_negative_pairs", label="above"),
    "pairs": Answer(symbol="n_pairs", label="above"),
}
NEGATIVE = ("negative_below", "negative_above")
ALL_POSITIVE = {
    "pairs_positive": Answer(symbol="n_pairs_positive_in_all_folds", label="above"),
    "pairs": Answer(symbol="n_pairs", label="above"),
}

COUPLING_MATRIX: tuple[Settles, ...] = (
    *(_cell("b", "below", *pair) for pair in PRINTED_PAIRS),
    *(_cell("a", "above", *pair) for pair in PRINTED_PAIRS),
    Settles(
        claim_id="MAT-1",
        reproduced=side(
            _both("n_negative_pairs", *NEGATIVE, prefix=PRINTED)
            | {"pairs": Answer(symbol="n_pairs", label="printed: below")},
            panel="author",
        ),
        supported=side(
            _both("n_negative_pairs", *NEGATIVE) | {"pairs": Answer(symbol="n_pairs", label="below")}, panel=INDEPENDENT
        ),
    ),
    Settles(
        claim_id="MAT-2",
        reproduced=side(_both("mean_pair_r", "mean_below", "mean_above", prefix=PRINTED), panel="author"),
        supported=side(_both("mean_pair_r", "mean_below", "mean_above"), panel=INDEPENDENT),
    ),
    Settles(
        claim_id="MAT-3",
        reproduced=side(_both("d_eff_benchmarks", "below", "above", prefix=PRINTED), panel="author"),
        supported=side(ASSEMBLED, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="MAT-4",
        reproduced=side(_changes("frobenius_change", prefix=PRINTED, truthfulqa=AS_PRINTED), panel="author"),
        supported=side(
            _changes("frobenius_change", prefix="", truthfulqa=MC2),
            context=(("frobenius_null", f"pairs with {MC2}"), ("frobenius_null", f"pairs without {MC2}")),
            panel=INDEPENDENT,
        ),
    ),
    Settles(
        claim_id="MAT-5",
        reproduced=side(_flips(prefix=PRINTED, truthfulqa=AS_PRINTED), panel="author"),
        supported=side(
            _flips(prefix="", truthfulqa=MC2),
            context=(("n_sign_changes_settled", f"pairs with {MC2}"),),
            panel=INDEPENDENT,
        ),
    ),
    Settles(
        claim_id="MAT-6",
        reproduced=side(_folds(), panel="author"),
        supported=undefined(OTHER_FOLDS),
    ),
    Settles(
        claim_id="MAT-7",
        reproduced=side(ALL_POSITIVE, panel="author"),
        supported=side(ALL_POSITIVE, panel=INDEPENDENT),
    ),
    Settles(
        claim_id="MAT-8",
        reproduced=side(_loadings("printed: below", truthfulqa=AS_PRINTED), panel="author"),
        supported=side(_loadings("below", truthfulqa=MC2), panel=INDEPENDENT),
    ),
    _of_pythia("COR-07", "TQA", "WG"),
    _of_pythia("COR-08", "TQA", "MMLU"),
    Settles(claim_id="COR-09", reproduced=side(ABOVE, panel="author"), supported=side(ABOVE, panel=INDEPENDENT)),
    *(_negative_intervals(f"COR-10{other}", other) for other in ("ARC", "WG", "MMLU")),
    Settles(
        claim_id="COR-11",
        reproduced=side(
            _r("HS", "TQA", "all") | {"p": Answer(symbol="p_independent", label=f"{_pair('HS', 'TQA')}: all")},
            panel="author",
        ),
        supported=side(
            _r("HS", "TQA", "all", truthfulqa=MC2)
            | {"p": Answer(symbol="p_families", label=f"{_pair('HS', 'TQA', truthfulqa=MC2)}: all")},
            panel=INDEPENDENT,
        ),
    ),
    Settles(claim_id="COR-12", reproduced=undefined(NO_PRIORS), supported=undefined(NO_PRIORS)),
)
