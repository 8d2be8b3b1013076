"""The paper's mechanism, statement by statement, judged inside the organism's web ladder by stated rules."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cape.diagnostics._organism_inside import COMPETING, DEPTH, MEASURES, OUTPUT, Inside, Measure, Place
from cape.diagnostics._organism_steering import Steering
from cape.diagnostics._organism_verdicts import FAILS, FALLS, HOLDS, RISES, UNSETTLED, Statement, direction
from cape.figures._text import counted
from cape.organism.recipes import WEB
from cape.quantities import Estimate
from cape.stats.exact_trend import share

NOT_PROBED = "The lake holds no probes of the organism: run `cape organism probe --ship`, then `cape build`."
NOT_STEERED = "The lake holds no steering scorecards of the organism for these ladders."
AT, ELSEWHERE = "at the transition", "elsewhere"


def mechanism(inside: Inside, estimates: Sequence[Estimate]) -> list[Statement]:
    """Return the statements on heads, layers and output that the probes of the web ladder can judge."""
    found = {(e.symbol, e.label.rpartition(", ")[2]): e for e in estimates if e.label.startswith(f"{WEB.name}: ")}
    return [*_heads(inside, found), *_layers(found), *_output(found)]


def found_inside(estimates: Sequence[Estimate]) -> list[str]:
    """Return what every measure is before, at and after a recipe's transition; of a control the competing heads."""
    held: dict[tuple[str, Measure], list[Estimate]] = {}
    for measure in MEASURES:
        for e in estimates:
            is_control = e.label.endswith(f"of {WEB.name} text")
            is_placed = any(f"{place} the transition" in e.label for place in Place)
            if e.symbol == measure.symbol and is_placed and (measure is COMPETING or not is_control):
                held.setdefault((e.label.partition(": ")[0], measure), []).append(e)
    return [_said_of(family, measure, each[: len(Place)]) for (family, measure), each in held.items()]


def _said_of(family: str, measure: Measure, held: Sequence[Estimate]) -> str:
    is_control = WEB.name in held[0].label.rpartition(", ")[2]
    of = f"that of {WEB.name} text" if is_control else "the transition"
    parts = "; ".join(f"{place} it {said(e, measure)}" for place, e in zip(Place, held, strict=True))
    name = measure.name[:1].upper() + measure.name[1:]
    about = ", which has no transition," if is_control else ""
    return f"{name} with {family} text{about} by sizes around {of}: {parts} (n = {counted(held[0].n, 'seed')})."


def not_looked_at(inside: Inside, steering: Steering) -> list[str]:
    """Return what the lake lacks, so that an absent verdict is no silent one."""
    said = [NOT_PROBED] if inside.frame.is_empty() else []
    return [*said, NOT_STEERED] if steering.frame.is_empty() else said


Found = dict[tuple[str, str], Estimate]


def _pair(found: Found, measure: Measure) -> tuple[Estimate, Estimate] | None:
    at, elsewhere = (found.get((measure.symbol, where)) for where in (AT, ELSEWHERE))
    return None if at is None or elsewhere is None else (at, elsewhere)


def _heads(inside: Inside, found: Found) -> list[Statement]:
    pair = _pair(found, COMPETING)
    if pair is None:
        return []
    models = inside.of(WEB.name, COMPETING)
    is_at = pl.col("place") == Place.AT
    return [
        _no_heads("No heads compete at the transition.", pair[0], models.filter(is_at)),
        _no_heads("No heads compete at other sizes.", pair[1], models.filter(~is_at)),
    ]


def _no_heads(statement: str, competing: Estimate, models: pl.DataFrame) -> Statement:
    n_without, n = int((models["value"] == 0).sum()), models.height
    verdict = HOLDS if n_without == n else FAILS if direction(competing) == RISES else UNSETTLED
    without = share(n_without, n, what="models")
    chance = models["null_low"].to_numpy()
    return Statement(
        statement=statement,
        verdict=verdict,
        rule="no model of the web ladder has a competing head there; it fails where the interval of their share over "
        "seeds lies above zero",
        evidence=f"{n_without} of {n} models have none (Wilson {without.low:.0f} to {without.high:.0f} %); share of "
        f"competing heads {said(competing, COMPETING)}; two random directions of a head's width would compete in "
        f"{chance.min():.0f} to {chance.max():.0f} %",
    )


def _layers(found: Found) -> list[Statement]:
    pair = _pair(found, DEPTH)
    if pair is None:
        return []
    return [
        Statement(
            statement="Coupling falls from the first to the last layer at the transition and rises elsewhere.",
            verdict=_opposite(*pair),
            rule="the interval of the change lies below zero at the transition and above zero elsewhere; it fails "
            "where either lies on the other side",
            evidence=f"at the transition {said(pair[0], DEPTH)}; elsewhere {said(pair[1], DEPTH)}",
        )
    ]


def _output(found: Found) -> list[Statement]:
    pair = _pair(found, OUTPUT)
    if pair is None:
        return []
    return [
        Statement(
            statement="The output projection loses coupling at the transition and adds it elsewhere.",
            verdict=_opposite(*pair),
            rule="the interval of output less hidden coupling lies below zero at the transition and above zero "
            "elsewhere; it fails where either lies on the other side",
            evidence=f"at the transition {said(pair[0], OUTPUT)}; elsewhere {said(pair[1], OUTPUT)}",
        )
    ]


def _opposite(at: Estimate, elsewhere: Estimate) -> str:
    pair = direction(at), direction(elsewhere)
    if pair == (FALLS, RISES):
        return HOLDS
    return FAILS if pair[0] == RISES or pair[1] == FALLS else UNSETTLED


def said(estimate: Estimate, measure: Measure) -> str:
    """Return an estimate in words with its interval, or why there is none."""
    unit, form = (" %", ".1f") if measure.unit == "%" else ("", "+.3f")
    if estimate.value is None:
        return f"undefined: {'; '.join(estimate.caveats)}"
    value = format(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return f"{value}{unit}, no interval"
    return f"{value}{unit}, 95% interval {estimate.low:{form}} to {estimate.high:{form}}{unit}"
