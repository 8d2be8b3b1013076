"""The paper's statements on the transition, each judged on the organism, where the cause is known, by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cape.diagnostics._organism_levers import CURATION, SCALE, WIDTH
from cape.organism.recipes import CURATED, WEB
from cape.quantities import Estimate, Table

HOLDS, FAILS, UNSETTLED = "holds here", "does not hold here", "not settled here"
RISES, FALLS, OPEN = "rises", "falls", "open"
COLUMNS = ("statement", "verdict", "rule", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of the paper, the verdict of its rule and the numbers it rests on."""

    statement: str
    verdict: str
    rule: str
    evidence: str


def direction(estimate: Estimate) -> str:
    """Return which way a change goes by its 95% interval, or that it is open."""
    if estimate.low is not None and estimate.low > 0:
        return RISES
    if estimate.high is not None and estimate.high < 0:
        return FALLS
    return OPEN


def numbers(estimate: Estimate) -> str:
    """Return a change in words, with its interval or the reason for none."""
    if estimate.value is None:
        return f"undefined: {'; '.join(estimate.caveats)}"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.1f} points, no interval"
    return f"{estimate.value:+.1f} points, 95% interval {estimate.low:+.1f} to {estimate.high:+.1f}"


def statements(turning: list[Estimate], levers: list[Estimate]) -> list[Statement]:
    """Return the statements that the selected ladders can judge."""
    truth = {e.label: e for e in levers if e.symbol == "lever_truth"}
    return [*_transition(truth), *_curation(truth), *_width(truth), *_critical_scale(turning)]


def _along(truth: dict[str, Estimate], recipe: str) -> tuple[Estimate | None, Estimate | None]:
    return tuple(truth.get(f"{SCALE}, {recipe}: {which} size") for which in ("first to lowest", "lowest to last"))  # type: ignore[return-value]


def _transition(truth: dict[str, Estimate]) -> list[Statement]:
    fall, rise = _along(truth, WEB.name)
    if fall is None or rise is None:
        return []
    pair = (direction(fall), direction(rise))
    verdict = HOLDS if pair == (FALLS, RISES) else FAILS if pair[0] == RISES or pair[1] == FALLS else UNSETTLED
    return [
        Statement(
            statement="On web text truth first falls and then rises with scale.",
            verdict=verdict,
            rule="both changes of truth have intervals on their own side of zero",
            evidence=f"fall {numbers(fall)}; rise {numbers(rise)}",
        )
    ]


def _curation(truth: dict[str, Estimate]) -> list[Statement]:
    web, curated = _along(truth, WEB.name)[0], _along(truth, CURATED.name)[0]
    if web is None or curated is None:
        return []
    label = next((name for name in truth if name.startswith(f"{CURATION}, {CURATED.name} less")), "")
    gain = truth.get(label)
    is_gone = direction(web) == FALLS and direction(curated) != FALLS
    removed = is_gone and gain is not None and direction(gain) == RISES
    verdict = HOLDS if removed else FAILS if direction(curated) == FALLS else UNSETTLED
    return [
        Statement(
            statement="Curated text removes the fall.",
            verdict=verdict,
            rule="truth falls on web text, has no settled fall on curated text, and is higher there on average",
            evidence=f"fall on web text {numbers(web)}; on curated text {numbers(curated)}"
            + (f"; curated less web {numbers(gain)}" if gain is not None else ""),
        )
    ]


def _width(truth: dict[str, Estimate]) -> list[Statement]:
    pairs = [e for name, e in truth.items() if name.startswith(WIDTH) and "mean over" not in name]
    if not pairs:
        return []
    ways = [direction(e) for e in pairs]
    verdict = HOLDS if set(ways) == {RISES} else FAILS if FALLS in ways else UNSETTLED
    return [
        Statement(
            statement="At equal parameters a wider model tells more truth.",
            verdict=verdict,
            rule="the interval of wide less narrow lies above zero at every size; it fails where one lies below",
            evidence="; ".join(f"{e.label.removeprefix(f'{WIDTH}, ')}: {numbers(e)}" for e in pairs),
        )
    ]


def _critical_scale(turning: list[Estimate]) -> list[Statement]:
    ratios = [e for e in turning if e.symbol == "N_c_over_overcome" and e.label.startswith(f"{WEB.name}: ")]
    judged = [e for e in ratios if e.low is not None and e.high is not None]
    if not ratios:
        return []
    apart = [e for e in judged if e.high is not None and e.low is not None and not e.low <= 1 <= e.high]
    verdict = UNSETTLED if not judged else FAILS if len(apart) == len(judged) else UNSETTLED if apart else HOLDS
    told = [f"{e.label.partition(': ')[2]} {e.value:.2f} x, {e.low:.2f} to {e.high:.2f}" for e in judged]
    return [
        Statement(
            statement="N_c is the size at which the truth overcomes the myth.",
            verdict=verdict,
            rule="the interval of N_c over that size holds 1 for every estimator; it fails where none does",
            evidence="; ".join(told) or "no estimator has an interval over seeds",
        )
    ]


def statement_table(found: list[Statement]) -> Table:
    """Return the statements as rows."""
    rows = [{name: getattr(each, name) for name in COLUMNS} for each in found]
    return Table(
        name="statements",
        title="The paper's statements where the cause is known",
        frame=pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String)),
    )
