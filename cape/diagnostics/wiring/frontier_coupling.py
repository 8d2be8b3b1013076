"""Claims that `frontier_coupling` settles, and statements on the repository and the arXiv record.

The paper's rows are the only public ones with enough models, so both sides look at them: the paper's side counts rows
and takes models as independent, ours counts releases and resamples labs; third-party scores stand beside ours.
"""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import not_public, same, side

ROWS = "frozen 34"
BY_MODEL, BY_LAB = "models as independent", "labs as independent"
BY_LAB_JACKKNIFE = f"{BY_LAB}, jackknife"  # the interval that calibration does not show too narrow
LARGER = f"{ROWS}: labs with at least 3 models"
OLDER = "amin-frontier20"
NOT_SUPPLIED = (
    "a statement about the contents and licence of a repository; the lake holds numbers copied from it, not the "
    "repository, so nothing can be computed that would decide it"
)
NO_RECORD = (
    "dates of an arXiv record; no supplied data set holds them, so nothing can be computed that would decide them"
)


def _is(symbol: str, label: str) -> Answer:
    return Answer(symbol=symbol, label=label)


FRONTIER_COUPLING: tuple[Settles, ...] = (
    Settles(
        claim_id="FRO-01",
        reproduced=side({"r": _is("r", f"{ROWS}: {BY_MODEL}"), "models": _is("n_models", ROWS)}),
        supported=side(
            {"r": _is("r", f"{ROWS}: {BY_LAB_JACKKNIFE}"), "models": _is("n_releases", ROWS)},
            context=(
                ("r", f"{ROWS}, without self-reported: {BY_LAB_JACKKNIFE}"),
                ("r_within", ROWS),
                ("r_between", ROWS),
            ),
        ),
    ),
    Settles(
        claim_id="FRO-02",
        reproduced=side({"p": _is("p_independent", ROWS)}),
        supported=side({"p": _is("p_labs", f"{ROWS}: both")}, context=(("p_labs", f"{ROWS}: between"),)),
    ),
    Settles(
        claim_id="FRO-03",
        reproduced=side(
            {
                "slope": _is("frontier_slope", f"{ROWS}: {BY_MODEL}"),
                "intercept": _is("frontier_intercept", f"{ROWS}: {BY_MODEL}"),
            }
        ),
        supported=side(
            {
                "slope": _is("frontier_slope", f"{ROWS}: {BY_LAB}"),
                "intercept": _is("frontier_intercept", f"{ROWS}: {BY_LAB}"),
            },
            context=(("frontier_slope", f"{ROWS}, first score from 40: {BY_LAB}"),),
        ),
    ),
    same("FRO-04", {"labs": _is("n_labs", ROWS)}),
    Settles(
        claim_id="FRO-05",
        reproduced=side({"mae": _is("lolo_error", LARGER), "plus_minus": _is("lolo_spread", f"{LARGER}, by n")}),
        supported=side(
            {"mae": _is("lolo_error", LARGER), "plus_minus": _is("lolo_spread", f"{LARGER}, by n - 1")},
            context=(
                ("lolo_error_mean", LARGER),
                ("lolo_gain", LARGER),
                ("lolo_error", f"{ROWS}: all labs"),
                ("lolo_error_mean", f"{ROWS}: all labs"),
            ),
        ),
    ),
    Settles(
        claim_id="FRO-06",
        reproduced=side(
            {
                "r": _is("r", f"{OLDER}: {BY_MODEL}"),
                "models": _is("n_models", OLDER),
                "p": _is("p_independent", OLDER),
            },
            rows=OLDER,
        ),
        supported=side(
            {
                "r": _is("r", f"{OLDER}: {BY_LAB_JACKKNIFE}"),
                "models": _is("n_releases", OLDER),
                "p": _is("p_labs", f"{OLDER}: both"),
            },
            rows=OLDER,
        ),
    ),
    Settles(
        claim_id="FRO-07",
        reproduced=side({"r": _is("r", f"{ROWS}, first score from 70: {BY_MODEL}")}, least_x=70.0),
        supported=side(
            {"r": _is("r", f"{ROWS}, first score from 70: {BY_LAB}")},
            context=(("r", f"{ROWS}: {BY_LAB}"),),
            least_x=70.0,
        ),
    ),
    Settles(
        claim_id="FRO-18",
        reproduced=side({"models": _is("n_models", "frozen and later")}, rows="frozen and later"),
        supported=side({"models": _is("n_releases", "frozen and later")}, rows="frozen and later"),
    ),
    Settles(claim_id="NEW-01", reproduced=not_public(NOT_SUPPLIED), supported=not_public(NOT_SUPPLIED)),
    Settles(claim_id="NEW-02", reproduced=not_public(NO_RECORD), supported=not_public(NO_RECORD)),
)
