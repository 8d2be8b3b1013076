"""Claims of the paper as typed parts, and the rule that judges each part against an estimate.

A claim is judged twice: `reproduced` puts the paper's own recipe on the paper's own rows and asks for
equality at the printed decimals; `supported` puts our method on independent rows and asks what our
interval says. The row of a claim shows its worst part.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cape.errors import ClaimError
from cape.quantities import Estimate


class Verdict(StrEnum):
    """What a comparison of a claim with an estimate came to, from best to worst, then open."""

    AGREES = "agrees"
    INSIDE = "inside our interval"
    TOO_WIDE = "too wide to say"
    UNDEFINED = "not defined by this data"
    NOT_PUBLIC = "cannot be computed from public data"
    DISAGREES = "disagrees"
    OPEN = "open"


SEVERITY = tuple(Verdict)


WORDED = {str(Verdict.TOO_WIDE): Verdict.TOO_WIDE, "undefined": Verdict.UNDEFINED}


class PartKind(StrEnum):
    NUMBER = "number"
    COUNT = "count"
    SIGN = "sign"
    RANGE = "range"
    TEXT = "text"


class Relation(StrEnum):
    """How the printed value is meant: equal, or a bound."""

    EQUAL = "="
    BELOW = "<"
    ABOVE = ">"
    AT_MOST = "<="
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One checkable piece of a claim.

    name : what the piece is, unique within the claim.
    value : number (number, count), "+", "-" or "0" (sign), text (text); None for a range.
    low, high : printed interval (range); None where the print leaves a side open.
    decimals : digits after the point as printed; None for counts, signs and text.
    contrary : the value that would make the statement false in kind (0 for a correlation), or None.
    """

    name: str
    kind: PartKind
    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    decimals: int | None = None
    relation: Relation = Relation.EQUAL
    contrary: float | None = None

    def printed(self) -> str:
        """Return the part as the paper prints it."""
        if self.kind is PartKind.RANGE:
            return f"[{_print(self.low, self.decimals)}, {_print(self.high, self.decimals)}]"
        relation = "" if self.relation is Relation.EQUAL else f"{self.relation} "
        value = self.value if isinstance(self.value, str) else _print(self.value, self.decimals)
        return f"{relation}{value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict on one part, with what it was judged against and the reason in words."""

    part: str
    verdict: Verdict
    reason: str
    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None


def parse_parts(claim_id: str, text: str) -> tuple[Part, ...]:
    """Read the `parts` cell of a claim: a JSON list of objects with the fields of Part.

    Raises ClaimError naming the claim when the cell is not such a list, a kind is unknown, a number is
    missing or a name is used twice.
    """
    try:
        items = json.loads(text)
        parts = tuple(
            Part(**{**item, "kind": PartKind(item["kind"]), "relation": Relation(item.get("relation", "="))})
            for item in items
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ClaimError(f"claims.csv, {claim_id}: parts is {text!r} ({error}). Write a JSON list of parts.") from error
    names = [part.name for part in parts]
    if not parts or len(set(names)) != len(names):
        raise ClaimError(f"claims.csv, {claim_id}: part names are {names}. Give at least one, each its own name.")
    for part in parts:
        _validate(claim_id, part)
    return parts


def judge_reproduced(part: Part, estimate: Estimate) -> Judged:
    """Judge a part against the paper's recipe on the paper's rows: equality at the printed decimals."""
    if estimate.value is None:
        return _judged(part, estimate, Verdict.UNDEFINED, "; ".join(estimate.caveats))
    if part.kind is PartKind.RANGE:
        low, high = _same(estimate.low, part.low, part.decimals), _same(estimate.high, part.high, part.decimals)
        verdict = Verdict.AGREES if low and high else Verdict.DISAGREES
        ours = f"[{_print(estimate.low, part.decimals)}, {_print(estimate.high, part.decimals)}]"
    else:
        verdict = Verdict.AGREES if _holds(part, estimate.value) else Verdict.DISAGREES
        ours = _print(estimate.value, part.decimals)
    return _judged(part, estimate, verdict, f"the paper's recipe gives {ours}, the print says {part.printed()}")


def judge_supported(part: Part, estimate: Estimate) -> Judged:
    """Judge a part against our estimate on independent rows.

    disagrees when the printed value lies outside our interval; too wide to say when the interval holds
    the part's contrary as well, or is wider than the distance from the claim to its contrary; agrees
    when the printed decimals are equal (or the bound holds throughout the interval); otherwise inside.
    """
    if estimate.value is None:
        return _judged(part, estimate, Verdict.UNDEFINED, "; ".join(estimate.caveats))
    if part.kind is PartKind.SIGN:
        return _supported_sign(part, estimate)
    if part.kind is PartKind.RANGE:
        return _supported_range(part, estimate)
    if part.kind is PartKind.TEXT:
        raise ClaimError(f"part {part.name!r} is text; judge it with judge_text")
    return _supported_number(part, estimate)


def judge_text(part: Part, ours: str, reason: str) -> Judged:
    """Judge a text part by equality of words, ignoring case; "undefined" and "too wide to say" are verdicts."""
    said = ours.strip().casefold()
    same = str(part.value).strip().casefold() == said
    verdict = WORDED.get(said, Verdict.AGREES if same else Verdict.DISAGREES)
    return Judged(part=part.name, verdict=verdict, reason=reason, value=ours)


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Return the worst of the verdicts; OPEN when there is none."""
    return max(verdicts, key=SEVERITY.index) if verdicts else Verdict.OPEN


def _supported_number(part: Part, estimate: Estimate) -> Judged:
    value = float(part.value)  # type: ignore[arg-type]
    ours = _interval_text(estimate, part.decimals)
    has_interval = estimate.low is not None or estimate.high is not None
    if part.relation is not Relation.EQUAL:
        return _supported_bound(part, estimate)
    if not has_interval:
        verdict = Verdict.AGREES if _same(estimate.value, value, _decimals(part)) else Verdict.DISAGREES
        return _judged(part, estimate, verdict, f"ours is {ours}, without an interval; the print says {part.printed()}")
    if not _covers(estimate, value) and not _same(estimate.value, value, _decimals(part)):
        return _judged(part, estimate, Verdict.DISAGREES, f"{part.printed()} lies outside ours, {ours}")
    if part.contrary is not None and _too_wide(estimate, value, part.contrary):
        return _judged(part, estimate, Verdict.TOO_WIDE, f"ours is {ours}, which does not exclude {part.contrary:g}")
    if _same(estimate.value, value, _decimals(part)):
        return _judged(part, estimate, Verdict.AGREES, f"ours is {ours}, equal to {part.printed()} as printed")
    return _judged(part, estimate, Verdict.INSIDE, f"{part.printed()} lies inside ours, {ours}")


def _supported_bound(part: Part, estimate: Estimate) -> Judged:
    """Judge a printed bound; an open side of our interval reaches past every bound."""
    ours, bound = _interval_text(estimate, part.decimals), float(part.value)  # type: ignore[arg-type]
    ends = [float(estimate.value)]  # type: ignore[arg-type]
    if estimate.low is not None or estimate.high is not None:
        ends.append(-math.inf if estimate.low is None else estimate.low)
        ends.append(math.inf if estimate.high is None else estimate.high)
    holds = [_compare(part.relation, end, bound) for end in ends]
    if all(holds):
        return _judged(part, estimate, Verdict.AGREES, f"ours is {ours}; the bound {part.printed()} holds throughout")
    if not any(holds):
        return _judged(part, estimate, Verdict.DISAGREES, f"ours is {ours}; the bound {part.printed()} never holds")
    return _judged(part, estimate, Verdict.TOO_WIDE, f"ours is {ours}, on both sides of the bound {part.printed()}")


def _supported_sign(part: Part, estimate: Estimate) -> Judged:
    ours = _interval_text(estimate, None)
    sign = "+" if estimate.value > 0 else "-" if estimate.value < 0 else "0"  # type: ignore[operator]
    has_interval = estimate.low is not None or estimate.high is not None
    if has_interval and _covers(estimate, 0.0):
        if estimate.low == estimate.high == 0:
            verdict = Verdict.AGREES if part.value == "0" else Verdict.DISAGREES
            return _judged(part, estimate, verdict, f"ours is {ours}")
        return _judged(part, estimate, Verdict.TOO_WIDE, f"ours is {ours}, which holds both signs")
    verdict = Verdict.AGREES if sign == part.value else Verdict.DISAGREES
    return _judged(part, estimate, verdict, f"ours is {ours}; the claim needs sign {part.value}")


def _supported_range(part: Part, estimate: Estimate) -> Judged:
    ours = _interval_text(estimate, part.decimals)
    printed = part.printed()
    if estimate.low is None and estimate.high is None:
        return _judged(part, estimate, Verdict.UNDEFINED, f"ours has no interval; the print says {printed}")
    below = estimate.high is not None and part.low is not None and estimate.high < part.low
    above = estimate.low is not None and part.high is not None and estimate.low > part.high
    if below or above:
        return _judged(part, estimate, Verdict.DISAGREES, f"ours, {ours}, does not meet {printed}")
    inside = (part.low is None or (estimate.low is not None and estimate.low >= part.low)) and (
        part.high is None or (estimate.high is not None and estimate.high <= part.high)
    )
    if inside:
        return _judged(part, estimate, Verdict.AGREES, f"ours, {ours}, lies within {printed}")
    covers = (estimate.low is None or (part.low is not None and estimate.low <= part.low)) and (
        estimate.high is None or (part.high is not None and estimate.high >= part.high)
    )
    if covers:
        return _judged(part, estimate, Verdict.TOO_WIDE, f"ours, {ours}, is wider than {printed} on both sides")
    return _judged(part, estimate, Verdict.INSIDE, f"ours, {ours}, overlaps {printed}")


def _too_wide(estimate: Estimate, value: float, contrary: float) -> bool:
    if estimate.low is None or estimate.high is None:
        return True
    return _covers(estimate, contrary) or (estimate.high - estimate.low) > abs(value - contrary)


def _covers(estimate: Estimate, value: float) -> bool:
    return (estimate.low is None or estimate.low <= value) and (estimate.high is None or value <= estimate.high)


def _holds(part: Part, ours: float) -> bool:
    if part.kind is PartKind.SIGN:
        return part.value == ("+" if ours > 0 else "-" if ours < 0 else "0")
    if part.kind is PartKind.TEXT:
        raise ClaimError(f"part {part.name!r} is text; judge it with judge_text")
    if part.relation is Relation.EQUAL:
        return _same(ours, float(part.value), _decimals(part))  # type: ignore[arg-type]
    if part.decimals is not None and part.relation in (Relation.AT_MOST, Relation.AT_LEAST):
        ours = round(ours, part.decimals)  # a printed bound that includes its end was compared after rounding
    return _compare(part.relation, ours, float(part.value))  # type: ignore[arg-type]


def _compare(relation: Relation, ours: float, bound: float) -> bool:
    if relation is Relation.BELOW:
        return ours < bound
    if relation is Relation.ABOVE:
        return ours > bound
    return ours <= bound if relation is Relation.AT_MOST else ours >= bound


def _same(ours: float | None, printed: float | None, decimals: int | None) -> bool:
    """True when ours rounds to the printed number: within half a unit of the last printed digit."""
    if ours is None or printed is None:
        return ours is printed
    if decimals is None:
        return ours == printed
    return abs(ours - printed) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


def _decimals(part: Part) -> int | None:
    """The printed decimals of a part; a count is printed without any."""
    return 0 if part.kind is PartKind.COUNT else part.decimals


def _validate(claim_id: str, part: Part) -> None:
    fault = _type_fault(part) or _kind_fault(part)
    if fault:
        raise ClaimError(f"claims.csv, {claim_id}, part {part.name!r}: value is {part.value!r}; {fault}.")


def _type_fault(part: Part) -> str | None:
    """What is wrong with the types of a part's fields, or None."""
    if not isinstance(part.name, str) or not part.name:
        return "a part needs a name"
    for name in ("low", "high", "contrary"):
        if getattr(part, name) is not None and not _is_number(getattr(part, name)):
            return f"{name} must be a finite number"
    if part.decimals is not None and (type(part.decimals) is not int or part.decimals < 0):
        return "decimals must be a whole number from 0"
    if part.low is not None and part.high is not None and part.low > part.high:
        return "low lies above high"
    return None


def _kind_fault(part: Part) -> str | None:
    """What is missing for the kind of a part, or None."""
    if part.kind in (PartKind.NUMBER, PartKind.COUNT) and not _is_number(part.value):
        return f"a {part.kind} needs a numeric value"
    if part.kind is PartKind.SIGN and part.value not in ("+", "-", "0"):
        return 'a sign is "+", "-" or "0"'
    if part.kind is PartKind.TEXT and not isinstance(part.value, str):
        return "a text needs words"
    if part.kind is PartKind.RANGE and part.low is None and part.high is None:
        return "a range needs a low or a high"
    if part.kind in (PartKind.NUMBER, PartKind.RANGE) and part.decimals is None:
        return f"a {part.kind} needs its printed decimals"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _judged(part: Part, estimate: Estimate, verdict: Verdict, reason: str) -> Judged:
    return Judged(
        part=part.name,
        verdict=verdict,
        reason=reason,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
    )


def _interval_text(estimate: Estimate, decimals: int | None) -> str:
    digits = None if decimals is None else decimals + 1
    value = _print(estimate.value, digits)
    if estimate.low is None and estimate.high is None:
        return f"{value} (n = {estimate.n})"
    return f"{value} [{_print(estimate.low, digits)}, {_print(estimate.high, digits)}] (n = {estimate.n})"


def _print(value: Any, decimals: int | None) -> str:
    if value is None:
        return "open"
    return f"{value:.6g}" if decimals is None else f"{value:.{max(decimals, 0)}f}"
