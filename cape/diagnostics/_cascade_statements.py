"""What is said of N_c1 to N_c4, and what public data let us compute of each: part of cascade."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cape.diagnostics._cascade_inside import COMMON, SAME_SOURCE
from cape.diagnostics._cascade_survival import largest
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_scores import GPQA, HLE, IFEVAL, SWE
from cape.quantities import Estimate, Table
from cape.stats.saturation import BY_ERRORS

NOT_STORED = "not stored in this lake: open the diagnostic named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A row of the ledger that speaks of a transition, and where our number for it is found.

    claim_id : row of lake/claims.csv, or a prediction of mart_predictions. symbol, label : an estimate of this page, or
    with diagnostic and panel one stored by another. because : why it cannot be computed, where it cannot.
    """

    transition: str
    claim_id: str
    computed: str
    symbol: str = ""
    label: str = ""
    diagnostic: str = "cascade"
    because: str = ""


LARGEST = f"the pair's larger: {largest()}"
STATEMENTS: tuple[Statement, ...] = (
    Statement(
        transition="N_c1",
        claim_id="NC-01",
        computed="size at which half of the intervals are positive, families resampled",
        symbol="N_c",
        label="population: logistic in log10 N",
        diagnostic="critical_scale",
    ),
    Statement(
        transition="N_c2",
        claim_id="FRO-16",
        computed="sizes between which published internal coupling falls",
        symbol="N_c2",
        label=COMMON,
    ),
    Statement(
        transition="N_c2",
        claim_id="INT-11",
        computed="families weaker at 30 to 72 B than at a smaller size by the same instrument",
        symbol="n_families_weaker",
        label=SAME_SOURCE,
    ),
    Statement(
        transition="N_c2",
        claim_id="FRO-17",
        computed="range of the wider of the two benchmarks",
        symbol="score_range",
        label=LARGEST,
    ),
    Statement(
        transition="N_c2",
        claim_id="FRO-20",
        computed="that range over the range that equally good models show by error alone",
        symbol="discrimination",
        label=LARGEST,
    ),
    Statement(
        transition="N_c2",
        claim_id="PHY-07",
        computed="size at which a straight line through lambda_1 lambda_2 of a sliding window reaches 0",
        symbol="N_at_det_0",
        label="sliding window",
        diagnostic="effective_dimension",
    ),
    Statement(
        transition="N_c2",
        claim_id="FRO-07",
        computed="r of the two frontier benchmarks, labs resampled",
        symbol="r",
        label=f"{SWE} / {GPQA}",
    ),
    Statement(
        transition="N_c3",
        claim_id="FRO-12",
        computed="participation ratio of the benchmarks over models that have all three",
        symbol="d_eff_benchmarks",
        label=f"{SWE} + {GPQA} + {IFEVAL}: covariance",
    ),
    Statement(
        transition="N_c3",
        claim_id="FRO-14",
        computed="loading of IFEval on the first eigenvector over models that have all three",
        symbol="pc1_loading",
        label=f"{IFEVAL}: {SWE} + {GPQA} + {IFEVAL}: covariance",
    ),
    Statement(
        transition="N_c3",
        claim_id="P1",
        computed="spread of the best on SWE-bench Verified over that on GPQA Diamond",
        symbol="sigma_saturation",
        label=f"{SWE} to {GPQA}: {BY_ERRORS}",
    ),
    Statement(
        transition="N_c3",
        claim_id="P2",
        computed="r of GPQA Diamond and IFEval",
        symbol="r",
        label=f"{GPQA} / {IFEVAL}",
    ),
    Statement(
        transition="N_c3",
        claim_id="FRO-15",
        computed="a size on the frontier",
        because="the sizes of closed models are not public, so no quantity of the frontier can be set against size",
    ),
    Statement(
        transition="N_c4",
        claim_id="P6",
        computed="spread of the best on IFEval over that on HLE",
        symbol="sigma_saturation",
        label=f"{IFEVAL} to {HLE}: {BY_ERRORS}",
    ),
    Statement(
        transition="N_c4",
        claim_id="P7",
        computed="r of SWE-bench Verified and HLE",
        symbol="r",
        label=f"{SWE} / {HLE}",
    ),
)


def statements_table(read: Read, estimates: Sequence[Estimate], panel: str) -> Table:
    """Return one row per statement: what is printed and where, what we compute, or why that cannot be done."""
    claims = {row["claim_id"]: row for row in read("mart_claims_as_printed").iter_rows(named=True)}
    foretold = {row["prediction_id"]: row for row in read("mart_predictions").iter_rows(named=True)}
    mine = {(e.symbol, e.label): e for e in estimates}
    rows = []
    for statement in STATEMENTS:
        said = _printed(statement.claim_id, claims, foretold)
        if said is None:
            continue
        rows.append({"transition": statement.transition, **said, **_found(statement, mine, read, panel)})
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    schema: dict[str, Any] = dict.fromkeys(
        ("transition", "row", "statement", "printed", "printed_in", "computed"), pl.String
    )
    schema |= {**numbers, "n": pl.Int64, "unit": pl.String, "supports": pl.String}
    schema |= {"diagnostic": pl.String, "printed_in": pl.String}
    return Table(
        name="statements", title="N_c1 to N_c4: what is said and what supports it", frame=pl.DataFrame(rows, schema)
    )


def _printed(name: str, claims: Mapping[str, dict], foretold: Mapping[str, dict]) -> dict | None:
    if name in claims:
        row = claims[name]
        value = " ".join(str(row[part]) for part in ("paper_value", "unit") if row[part])
        return {"row": name, "statement": row["claim"], "printed": value, "printed_in": row["found_in"]}
    if name in foretold:
        row = foretold[name]
        told = f"by {row['deadline']}: {row['pass_criterion']}"
        return {"row": name, "statement": row["statement"], "printed": told, "printed_in": row["origin"]}
    return None


def _found(statement: Statement, mine: Mapping[tuple[str, str], Estimate], read: Read, panel: str) -> dict:
    row = {"computed": statement.computed, "diagnostic": statement.diagnostic}
    if statement.because:
        return row | _without(statement.because)
    if statement.diagnostic != "cascade":
        return row | _stored(statement, read, panel)
    estimate = mine.get((statement.symbol, statement.label))
    if estimate is None:
        return row | _without("no model of this selection has all of these scores")
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return row | numbers | {"unit": estimate.unit, "supports": "; ".join(estimate.caveats) or estimate.method}


def _stored(statement: Statement, read: Read, panel: str) -> dict:
    stored = read(
        "mart_estimates",
        diagnostic=statement.diagnostic,
        panel=panel,
        symbol=statement.symbol,
        label=statement.label,
    )
    if stored.is_empty():
        return _without(NOT_STORED)
    found = stored.row(0, named=True)
    numbers = {name: found[name] for name in ("value", "low", "high", "n", "unit")}
    told = [f"stored estimate of {statement.diagnostic} on panel {panel}", *json.loads(found["caveats"] or "[]")]
    if found["is_stale"]:
        told.insert(1, "from an older lake")
    return numbers | {"supports": "; ".join(told)}


def _without(why: str) -> dict:
    return {"value": None, "low": None, "high": None, "n": None, "unit": "", "supports": why}
