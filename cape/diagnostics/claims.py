"""The ledger as stored: every claim with both verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cape.claims import Verdict
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams, option
from cape.figures.claims import verdict_matrix
from cape.quantities import Estimate, Table

ANY = "any"
VERDICTS = (ANY, *(str(verdict) for verdict in Verdict))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsParams(NoParams):
    """Which claims to list."""

    reproduced: str = option(ANY, label="Reproduced", help="Verdict on the paper's recipe and rows.", choices=VERDICTS)
    supported: str = option(ANY, label="Supported", help="Verdict on independent rows.", choices=VERDICTS)
    search: str = option("", label="Search", help="Words or an identifier to look for in the claims.")


def compute(params: ClaimsParams, read: Read) -> Outcome:
    """Return the ledger's totals and the claims that match the filters."""
    claims = read("mart_claims")
    estimates = [
        Estimate(
            symbol="n_claims",
            label=f"{column}: {verdict}",
            value=float(claims.filter(pl.col(column) == verdict).height),
            low=None,
            high=None,
            n=claims.height,
            unit="claims",
            method="count of the ledger's rows by verdict",
            caveats=("no interval: a count",),
        )
        for column in ("reproduced", "supported")
        for verdict in Verdict
    ]
    shown = _matching(claims, params)
    matrix = claims.group_by("reproduced", "supported").len("n").sort("reproduced", "supported")
    tables = (
        Table(name="claims", title="Claims", frame=shown),
        Table(name="matrix", title="Claims by both verdicts", frame=matrix, units={"n": "claims"}),
    )
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=_sentences(claims, shown))


def _matching(claims: pl.DataFrame, params: ClaimsParams) -> pl.DataFrame:
    for column in ("reproduced", "supported"):
        wanted = getattr(params, column)
        if wanted != ANY:
            claims = claims.filter(pl.col(column) == wanted)
    if params.search:
        text = pl.concat_str("claim_id", "claim", "quantity", "source", separator=" ", ignore_nulls=True)
        claims = claims.filter(text.str.to_lowercase().str.contains(params.search.lower(), literal=True))
    return claims


def _sentences(claims: pl.DataFrame, shown: pl.DataFrame) -> tuple[str, ...]:
    judged = claims.filter((pl.col("reproduced") != Verdict.OPEN) | (pl.col("supported") != Verdict.OPEN)).height
    agree = {column: claims.filter(pl.col(column) == Verdict.AGREES).height for column in ("reproduced", "supported")}
    stale = claims.filter(pl.col("is_stale")).height
    text = (
        f"{judged} of {claims.height} claims are wired to a computation; {claims.height - judged} are open. "
        f"{agree['reproduced']} are reproduced with the paper's recipe; {agree['supported']} agree "
        f"on independent rows. {shown.height} match the filters."
    )
    return (text, f"{stale} verdicts were computed from an older lake.") if stale else (text,)


DIAGNOSTIC = Diagnostic(
    slug="claims",
    section="Evidence",
    title="Claims",
    question="Which of the paper's statements hold, on which rows, by which method?",
    source="lake/claims.csv",
    params=ClaimsParams,
    compute=compute,
    panels=(
        Panel(
            name="matrix",
            title="Reproduced against supported",
            tables=("matrix",),
            alt="Table of counts of claims by both verdicts.",
            figure=verdict_matrix,
        ),
        Panel(name="claims", title="Claims", tables=("claims",), alt="List of claims with both verdicts."),
    ),
    uses_selection=False,
    controls=("reproduced", "supported", "search"),
)
