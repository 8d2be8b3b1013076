"""Criteria of dated predictions as rules: what is measured, on which benchmarks, against which bound.

The texts stand in the lake; nothing is filled in here but the names that they use. A text of which a word is left over
after its clauses are taken is not read at all, so that no half-understood criterion is ever scored.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from cape.diagnostics._frontier_scores import SHORT


class Kind(StrEnum):
    """What a clause measures."""

    SPREAD = "spread of the best"
    CORRELATION = "r"
    COUNT = "number of models"
    RESIDUAL = "h of the next releases"


class Quantifier(StrEnum):
    """Over how many releases a clause must hold."""

    BOTH = "both"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One measurement against one bound.

    text : as printed. relation : <, <=, > or >=. bound : in percentage points, except r and counts. best : how many of
    the best a spread is over. benchmarks : what is measured; inherited from the clause before where the text leaves it
    out. quantifier, after : of releases, those after this day.
    """

    text: str
    kind: Kind
    relation: str
    bound: float
    benchmarks: tuple[str, ...] = ()
    best: int | None = None
    quantifier: Quantifier | None = None
    after: date | None = None

    @property
    def unit(self) -> str:
        """Unit of the bound."""
        return {Kind.CORRELATION: "", Kind.COUNT: "models"}.get(self.kind, "pp")

    def margin(self, value: float) -> float:
        """Return how far a value is on the holding side of the bound; negative where the clause does not hold."""
        return self.bound - value if self.relation.startswith("<") else value - self.bound

    def holds(self, value: float) -> bool:
        """Return whether the clause holds for a value."""
        margin = self.margin(value)
        return margin >= 0 if self.relation.endswith("=") else margin > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """Clauses that must all hold, or of which one must (is_any)."""

    clauses: tuple[Clause, ...]
    is_any: bool = False


BY_SHORT = {short.casefold(): name for name, short in SHORT.items()}
NAMES = "|".join(SHORT.values())
BOUND = r"(?P<relation><=|>=|<|>)\s*(?P<bound>[+-]?\d+(?:\.\d+)?)"
PATTERNS = (
    (Kind.SPREAD, rf"(?:top-?(?P<best>\d+)\s+)?(?P<one>{NAMES})\s+spread\s*{BOUND}\s*pp"),
    (Kind.CORRELATION, rf"\br\s*(?:\((?P<first>{NAMES})\s*,\s*(?P<second>{NAMES})\)\s*)?{BOUND}"),
    (
        Kind.RESIDUAL,
        rf"\bh\s*{BOUND}\s+for\s+(?P<quantifier>both|either)"
        r"(?:\s+of\s+the\s+next\s+\w+\s+releases)?(?:\s+after\s+(?P<month>[A-Z][a-z]+)\s+(?P<year>\d{4}))?",
    ),
    (Kind.COUNT, rf"\bn\s*{BOUND}"),
)
# Words that join clauses or say of what they speak; anything else left over means that the text was not understood.
JOINING = {"and", "while", "or", "on", "any", "panel", "with", "frontier", "models"}
MONTHS = {name: number for number, name in enumerate(calendar.month_name) if name}


def parse_criterion(text: str | None, *, like: Criterion | None = None) -> Criterion | None:
    """Return the criterion of a text, or None where there is no text or a part of it is not understood.

    like : the criterion of the same prediction read before, from which a clause takes what its text leaves out.
    """
    if not text:
        return None
    found = sorted(_matches(text), key=lambda item: item[0])
    rest, end = [], 0
    for start, stop, _ in found:
        rest.append(text[end:start])
        end = stop
    rest.append(text[end:])
    words = {word.casefold() for part in rest for word in re.findall(r"\S+", part)}
    if not found or words - JOINING:
        return None
    clauses: list[Clause] = []
    for _, _, clause in found:
        clauses.append(_completed(clause, clauses, like))
    return Criterion(clauses=tuple(clauses), is_any="or" in words)


def _matches(text: str) -> list[tuple[int, int, Clause]]:
    return [
        (match.start(), match.end(), _clause(kind, match))
        for kind, pattern in PATTERNS
        for match in re.finditer(pattern, text)
    ]


def _clause(kind: Kind, match: re.Match[str]) -> Clause:
    parts = match.groupdict()
    names = [parts[key] for key in ("one", "first", "second") if parts.get(key)]
    best, quantifier = parts.get("best"), parts.get("quantifier")
    return Clause(
        text=match.group().strip(),
        kind=kind,
        relation=parts["relation"],
        bound=float(parts["bound"]),
        benchmarks=tuple(BY_SHORT[name.casefold()] for name in names),
        best=int(best) if best else None,
        quantifier=Quantifier(quantifier) if quantifier else None,
        after=_month_end(parts["month"], parts["year"]) if parts.get("month") else None,
    )


def _month_end(month: str, year: str) -> date | None:
    number = MONTHS.get(month)
    return None if number is None else date(int(year), number, calendar.monthrange(int(year), number)[1])


def _completed(clause: Clause, before: list[Clause], like: Criterion | None) -> Clause:
    """Return the clause with what its text leaves out taken from the clauses before it, then from the other criterion.

    A count of models, and an r without names, speak of the benchmarks of the r before them.
    """
    earlier = [*reversed(before), *(like.clauses if like is not None else ())]
    if clause.kind in (Kind.CORRELATION, Kind.COUNT) and not clause.benchmarks:
        names = next((other.benchmarks for other in earlier if other.kind is Kind.CORRELATION), ())
        return replace(clause, benchmarks=names)
    if clause.kind is Kind.SPREAD and clause.best is None:
        return replace(clause, best=next((other.best for other in earlier if other.best), None))
    if clause.kind is Kind.RESIDUAL and clause.after is None:
        return replace(clause, after=next((other.after for other in earlier if other.after), None))
    return clause


def releases_meant(deadline: str | None) -> int | None:
    """Return k of the deadline "next-k-releases", or None for another deadline."""
    match = re.fullmatch(r"next-(\d+)-releases", deadline or "")
    return int(match.group(1)) if match else None


def day_of(deadline: str | None) -> date | None:
    """Return the day of a dated deadline, or None."""
    try:
        return date.fromisoformat(deadline or "")
    except ValueError:
        return None
