"""Statements without a date: confirmations that the paper counts as past, and its falsifiers: part of predictions.

Which rule a row takes is read off its text; a text that no rule knows is undecided and says so. What another diagnostic
computes is taken from its stored estimate and marked where that is of an older lake.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from cape.claims import Verdict, parse_parts
from cape.diagnostics._criterion_values import Status, status_of
from cape.diagnostics._diagnostic import Read
from cape.stats.coupling import TRANSITION_WIDTH

PANEL = "independent"  # the rows that the paper did not choose
OPEN_END = "the rows hold no deadline: it stays open to new families"
N_C_CLAIM = "NC-01"
AT_INTERVAL, AT_TURN = "size inside the printed interval of N_c", "the model at which its family turns"
NOT_FLIPPED = "not flipped"
ODE_CLAIM, FALSIFIER_CLAIM, LEFT_OUT = "ODE-03", "ODE-26", "leave one family out"
WHICH_ROWS = "a statement of which families the ODE may be fitted on: the two readings differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The state of one statement: value with what it is, both readings of its status, and what would decide it.

    low, high : ends of its interval, or None. counted : what the value rests on.
    """

    status: Status
    by_value: Status
    what: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    distance: float | None = None
    needs: str = ""
    counted: str = ""


Rule = Callable[[re.Match[str], Read], Checked]


def check_statement(row: Mapping[str, Any], read: Read) -> Checked:
    """Return the state of a statement without a date."""
    for text in (row["fail_criterion"], row["statement"]):
        for pattern, rule in RULES.items():
            match = re.search(pattern, text or "", flags=re.IGNORECASE)
            if match is not None:
                return rule(match, read)
    return Checked(
        status=Status.UNDECIDED,
        by_value=Status.UNDECIDED,
        what="no rule reads this text",
        needs="a criterion in words that this page knows",
    )


def _gamma_rows(read: Read) -> pl.DataFrame:
    pair = read("mart_panels", panel=PANEL)
    if pair.is_empty():
        return pl.DataFrame(schema={"family": pl.String})
    x, y = pair.select("default_x", "default_y").row(0)
    return read("mart_gamma", panel=PANEL, x=x, y=y).sort("family", "axis", "replicate", "step_no")


def _at_zero(match: re.Match[str], read: Read) -> Checked:
    """A model at a stated gamma: it holds where the interval lies in the transition band around the stated value."""
    model, stated = match["model"].casefold(), float(match["value"])
    what = f"gamma_12 of the interval of {match['model']}, panel {PANEL}"
    steps = _gamma_rows(read)
    if steps.height:
        ends = (pl.col("models_from") + ", " + pl.col("models_to")).str.split(", ")
        steps = steps.filter(ends.list.contains(model) & pl.col("gamma").is_not_null())
    if steps.is_empty():
        return _open(what, needs=f"scores of {match['model']} and of another size of its family")
    row = steps.row(0, named=True)
    value, low, high = row["gamma"], row["gamma_low"], row["gamma_high"]
    inside = low is not None and abs(low - stated) <= TRANSITION_WIDTH and abs(high - stated) <= TRANSITION_WIDTH
    outside = low is not None and not low <= stated <= high
    return Checked(
        status=status_of(inside, outside),
        by_value=status_of(abs(value - stated) <= TRANSITION_WIDTH, abs(value - stated) > TRANSITION_WIDTH),
        what=what,
        value=value,
        low=low,
        high=high,
        n=int(row["n_rows"]),
        unit="pp/pp",
        distance=TRANSITION_WIDTH - abs(value - stated),
        needs="" if inside or outside else f"a gamma known to within {TRANSITION_WIDTH:g}",
        counted=f"{row['models_from']} to {row['models_to']}",
    )


def _cooperative(match: re.Match[str], read: Read) -> Checked:
    """Every interval of a family is positive: each interval of gamma above zero, or one below."""
    family = match["family"]
    what = f"intervals of {family} with positive gamma_12, panel {PANEL}"
    steps = _gamma_rows(read)
    steps = steps.filter((pl.col("family") == family) & pl.col("gamma").is_not_null())
    if steps.is_empty():
        sizes = read("mart_models").filter(pl.col("family") == family)
        scored = int((sizes["n_scores"] > 0).sum())
        needs = f"scores of at least two sizes of {family} on one protocol"
        return _open(what, needs=needs, counted=f"{scored} of {sizes.height} sizes have scores")
    positive, n = int((steps["gamma"] > 0).sum()), steps.height
    sure = int((steps["gamma_low"] > 0).sum())
    return Checked(
        status=status_of(sure == n, bool((steps["gamma_high"] < 0).any())),
        by_value=status_of(positive == n, positive < n),
        what=what,
        value=float(positive),
        low=float(sure),
        high=float(n - int((steps["gamma_high"] < 0).sum())),
        n=n,
        unit="intervals",
        distance=float(positive - n),
        needs="" if sure == n else "intervals of gamma above zero throughout",
        counted=f"{n} intervals",
    )


def _no_sign_change(match: re.Match[str], read: Read) -> Checked:
    """Families of many sizes in a range whose gamma never turns, at any size: certain, observed and possible ones."""
    fewest = int(match["sizes"])
    ends = float(match["low"]) * 1e9, float(match["high"]) * 1e9
    what = f"families with at least {fewest} sizes in {match['low']} to {match['high']} B and no turn from - to +"
    steps = _gamma_rows(read)
    certain = observed = possible = n = 0
    if steps.height:
        for _, ladder in steps.group_by("family", "replicate", maintain_order=True):
            sizes = pl.concat([ladder["position_from"], ladder["position_to"]]).unique()
            if int(sizes.is_between(*ends).sum()) < fewest:
                continue
            n += 1
            observed += not _turns(ladder["gamma"].to_list(), ladder["gamma"].to_list())
            lowest, highest = ladder["gamma_low"].fill_null(-math.inf), ladder["gamma_high"].fill_null(math.inf)
            certain += not _turns(lowest.to_list(), highest.to_list())
            possible += not _turns(ladder["gamma_high"].to_list(), ladder["gamma_low"].to_list())
    if not n:
        return _open(what, needs=f"a family with {fewest} sizes in the range")
    return _counterexamples(what, (certain, observed, possible), n=n, unit="families")


def _turns(negative: list[float | None], positive: list[float | None]) -> bool:
    """Return whether a value below zero of the first list stands before one above zero of the second.

    With the lower ends first and the upper ends second a turn is possible, the other way it is certain.
    """
    below = [place for place, value in enumerate(negative) if value is not None and value < 0]
    above = [place for place, value in enumerate(positive) if value is not None and value > 0]
    return bool(below and above) and min(below) < max(above)


def _counterexamples(what: str, counts: tuple[int, int, int], *, n: int, unit: str, counted: str = "") -> Checked:
    """Return the state of a falsifier: certain counterexamples refute it, none possible leaves it standing."""
    certain, observed, possible = counts
    return Checked(
        status=status_of(possible == 0, certain > 0),
        by_value=status_of(observed == 0, observed > 0),
        what=what,
        value=float(observed),
        low=float(certain),
        high=float(possible),
        n=n,
        unit=unit,
        distance=float(-observed),
        needs=OPEN_END if possible == 0 or certain else "intervals of gamma on one side of zero",
        counted=counted or f"{n} {unit}",
    )


def _width(match: re.Match[str], read: Read) -> Checked:
    """Families whose anticorrelation the division by width leaves: the stored count of width_normalization."""
    what = f"families with a negative r that stays negative over width, panel {PANEL}"
    stored = read("mart_estimates", diagnostic="width_normalization", panel=PANEL, symbol="n_families_by_width")
    found = stored.filter(pl.col("label") == NOT_FLIPPED)
    if found.is_empty():
        return _open(what, needs="the stored estimates of width_normalization: recompute the ledger")
    row = found.row(0, named=True)
    count = int(row["value"])
    aged = "; from an older lake" if row["is_stale"] else ""
    return _counterexamples(
        what,
        (count, count, count),
        n=int(row["n"]),
        unit="families",
        counted=f"{row['n']} families, stored estimate of width_normalization{aged}",
    )


def competing_at_n_c(read: Read) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    """Return, by what "at N_c" means, models with competing heads, models measured, and the names of the former.

    A model has competing heads where a source counts a competing unit or gives a competing share above zero.
    """
    probes = read("mart_probes").filter(pl.col("probe").is_in(("competing_units", "head_comp_frac")))
    measured = (
        probes.drop_nulls("params_b")
        .group_by("model_id")
        .agg(pl.col("params_b").first(), (pl.col("value") > 0).any().alias("competes"))
    )
    at = {AT_INTERVAL: _in_printed_interval(measured, read), AT_TURN: _at_own_turn(measured, read)}
    return {
        name: (int(rows["competes"].sum()), rows.height, tuple(rows.filter("competes")["model_id"].sort()))
        for name, rows in at.items()
    }


def _in_printed_interval(measured: pl.DataFrame, read: Read) -> pl.DataFrame:
    claims = read("mart_claims_as_printed", claim_id=N_C_CLAIM)
    ranges = [
        part for row in claims.iter_rows(named=True) for part in parse_parts(row["claim_id"], row["parts"]) if part.low
    ]
    if not ranges:
        return measured.clear()
    return measured.filter(pl.col("params_b").is_between(ranges[0].low, ranges[0].high))


def _at_own_turn(measured: pl.DataFrame, read: Read) -> pl.DataFrame:
    """Keep the models that end a negative interval of their family and begin the positive one after it."""
    steps = _gamma_rows(read)
    if not steps.height:
        return measured.clear()
    steps = steps.filter(pl.col("gamma").is_not_null()).with_columns(
        pl.col("gamma").shift(-1).over("family", "axis", "replicate").alias("following")
    )
    turning = steps.filter((pl.col("gamma") < 0) & (pl.col("following") > 0))
    models = {name for text in turning["models_to"] for name in text.split(", ")}
    return measured.filter(pl.col("model_id").is_in(models))


def _competing(match: re.Match[str], read: Read) -> Checked:
    """Models at N_c with competing heads; "significant" and "at N_c" are not defined by the text."""
    what = f"models with competing heads, N_c taken as: {AT_INTERVAL}"
    count, n, names = competing_at_n_c(read)[AT_INTERVAL]
    if not n:
        return _open(what, needs="internal measurements of a model at N_c")
    told = f"{n} models measured" + (f"; with competing heads: {', '.join(names)}" if names else "")
    # What share is significant is not said: a count above zero refutes by value, and is not certain.
    return Checked(
        status=status_of(count == 0, False),
        by_value=status_of(count == 0, count > 0),
        what=what,
        value=float(count),
        n=n,
        unit="models",
        distance=float(-count),
        needs="a definition of significant, and of how near N_c a model must be",
        counted=told,
    )


def _held_out(match: re.Match[str], read: Read) -> Checked:
    """Families that a fitted equation predicts worse than the bound, by either reading of what it is fitted on.

    Every family from a fit to all others is the stored count of ode_explorer; every family from a fit to Pythia alone,
    which is what the paper calls the ODE, is the ledger's number for its own row of this falsifier.
    """
    what = f"families with a held-out error of the ODE above {match['bound']} points, panel {PANEL}"
    stored = read("mart_estimates", diagnostic="ode_explorer", panel=PANEL, symbol="n_counterexamples")
    pooled = stored.filter((pl.col("label") == LEFT_OUT) & pl.col("value").is_not_null())
    alone = read("mart_claims", claim_id=FALSIFIER_CLAIM).filter(pl.col("our_value").is_not_null())
    if pooled.is_empty() or alone.is_empty():
        return _open(what, needs="the stored estimates of ode_explorer and the ledger: recompute both")
    first, second = pooled.row(0, named=True), alone.row(0, named=True)
    counts = sorted((int(first["value"]), int(second["our_value"])))
    aged = "; from an older lake" if first["is_stale"] or second["is_stale"] else ""
    found = _counterexamples(
        what,
        (counts[0], int(first["value"]), counts[1]),
        n=int(first["n"]),
        unit="families",
        counted=f"{int(first['value'])} of {first['n']} families, each predicted by a fit to all others; "
        f"{int(second['our_value'])} of {second['n']} predicted by a fit to Pythia alone{aged}",
    )
    return replace(found, needs=WHICH_ROWS) if counts[0] == 0 < counts[1] else found


def _cross_predicts(match: re.Match[str], read: Read) -> Checked:
    """The held-out error that the ledger judges: the status is its verdict on rows that the paper did not choose."""
    printed, unit = float(match["value"]), "%"
    what = f"error of the ODE on {match['family']}, claim {ODE_CLAIM}, panel {PANEL}"
    claims = read("mart_claims", claim_id=ODE_CLAIM)
    if claims.is_empty() or claims["our_value"][0] is None:
        return _open(what, needs=f"the ledger's number for claim {ODE_CLAIM}: recompute the ledger")
    row = claims.row(0, named=True)
    verdict = Verdict(row["supported"])
    status = status_of(verdict in (Verdict.AGREES, Verdict.INSIDE), verdict is Verdict.DISAGREES)
    aged = "; from an older lake" if row["is_stale"] else ""
    return Checked(
        status=status,
        by_value=status,
        what=what,
        value=row["our_value"],
        low=row["low"],
        high=row["high"],
        n=int(row["n"] or 0),
        unit=unit,
        distance=printed - row["our_value"],
        needs="" if status is not Status.UNDECIDED else "an interval narrower than the distance to the printed number",
        counted=f"verdict of the ledger: {verdict}{aged}",
    )


def _open(what: str, *, needs: str, counted: str = "") -> Checked:
    return Checked(status=Status.UNDECIDED, by_value=Status.UNDECIDED, what=what, needs=needs, counted=counted)


RULES: Mapping[str, Rule] = {
    r"(?P<model>\S+) sits at gamma12 = (?P<value>-?[\d.]+)": _at_zero,
    r"(?P<family>\S+) is cooperative at all": _cooperative,
    r"family with >=(?P<sizes>\d+) models in (?P<low>[\d.]+)-(?P<high>[\d.]+)B with no sign change": _no_sign_change,
    r"width normali[sz]ation fails": _width,
    r"model at Nc with significant competing heads": _competing,
    r"holdout family with ODE MAE > (?P<bound>[\d.]+)%": _held_out,
    r"ODE cross-predicts (?P<family>\S+) at (?P<value>[\d.]+)% MAE": _cross_predicts,
}
