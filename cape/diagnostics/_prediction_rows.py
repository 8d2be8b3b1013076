"""The state of every prediction on a day, and on every day on which rows became known: part of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from cape.claims import parse_parts
from cape.diagnostics._criteria import Criterion, day_of, parse_criterion, releases_meant
from cape.diagnostics._criterion_values import Line, Question, Reading, combined, read_clause, status_of
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._falsifiers import Checked, check_statement
from cape.diagnostics._frontier_scores import SHORT, frontier_rows, known_scores

LINE_CLAIM = "FRO-03"  # the frozen line of h, as printed
PASS, FAIL = "pass", "fail"
PAST = "past"
HISTORY_RESAMPLES = 1_000  # a day of the history needs its side of a bound, not a third digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """One dated prediction: its row, what would pass and what would fail it, and of whose releases it speaks.

    passes, fails : None where the text is missing or not understood.
    """

    row: Mapping[str, Any]
    passes: Criterion | None
    fails: Criterion | None
    deadline: date | None
    releases: int | None
    lab: str | None

    @property
    def name(self) -> str:
        """Its identifier."""
        return str(self.row["prediction_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One prediction on one day: readings of its clauses by side, and the state that follows."""

    foretold: Foretold
    on: date | None
    is_final: bool
    readings: Mapping[str, tuple[Reading, ...]]
    checked: Checked


def is_dated(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a day or a number of releases by which it is to be scored."""
    return day_of(row["deadline"]) is not None or releases_meant(row["deadline"]) is not None


def foretold_of(row: Mapping[str, Any], labs: Sequence[str]) -> Foretold:
    """Return a dated prediction with its criteria read; labs are the names that its statement may speak of."""
    passes = parse_criterion(row["pass_criterion"])
    return Foretold(
        row=row,
        passes=passes,
        fails=parse_criterion(row["fail_criterion"], like=passes),
        deadline=day_of(row["deadline"]),
        releases=releases_meant(row["deadline"]),
        lab=next((lab for lab in labs if str(row["statement"]).startswith(lab)), None),
    )


def labs_of(read: Read) -> tuple[str, ...]:
    """Return the names of the labs of frontier models."""
    return tuple(sorted(read("mart_frontier_scores")["lab"].drop_nulls().unique()))


def frozen_line(read: Read) -> Line | None:
    """Return the line of h as the paper prints it, or None where the lake holds no such row."""
    found: dict[str, float] = {}
    for row in read("mart_claims_as_printed", claim_id=LINE_CLAIM).iter_rows(named=True):
        parts = parse_parts(row["claim_id"], row["parts"])
        found = {part.name: part.value for part in parts if isinstance(part.value, float | int)}
    if not {"slope", "intercept"} <= set(found):
        return None
    return Line(slope=float(found["slope"]), intercept=float(found["intercept"]))


def state_on(foretold: Foretold, read: Read, *, rows: str, today: date | None, draws: tuple[int, int]) -> State:
    """Return the state of a prediction on a day, from the rows of the selection known by then or by its deadline.

    draws : resamples and seed.
    """
    is_final = today is not None and foretold.deadline is not None and today > foretold.deadline
    on = foretold.deadline if is_final else today
    asked = Question(
        rows=frontier_rows(known_scores(read, rows=rows, known_by=on), tuple(SHORT)),
        on=on,
        is_final=is_final,
        line=frozen_line(read),
        lab=foretold.lab,
        releases=foretold.releases,
        resamples=draws[0],
        seed=(draws[1], 41),
    )
    readings = {
        side: tuple(read_clause(clause, asked) for clause in criterion.clauses) if criterion is not None else ()
        for side, criterion in ((PASS, foretold.passes), (FAIL, foretold.fails))
    }
    return State(foretold=foretold, on=on, is_final=is_final, readings=readings, checked=_checked(foretold, readings))


def _checked(foretold: Foretold, readings: Mapping[str, tuple[Reading, ...]]) -> Checked:
    """Return status and value of the clause that binds: the first pass clause that does not hold, else the nearest."""
    held: dict[tuple[str, bool], bool | None] = {
        (side, by_value): None if criterion is None else combined(readings[side], criterion, by_value=by_value)
        for side, criterion in ((PASS, foretold.passes), (FAIL, foretold.fails))
        for by_value in (False, True)
    }
    status, by_value = (status_of(held[PASS, value], held[FAIL, value]) for value in (False, True))
    binding = _binding(readings[PASS])
    if binding is None:
        needs = "a pass criterion that this page can read"
        return Checked(status=status, by_value=by_value, what="criterion not understood", needs=needs)
    found = binding.found
    lacking = dict.fromkeys(reading.missing for side in (PASS, FAIL) for reading in readings[side] if reading.missing)
    return Checked(
        status=status,
        by_value=by_value,
        what=binding.clause.text,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        unit=binding.clause.unit,
        distance=None if found.value is None else binding.clause.margin(found.value),
        needs="; ".join(lacking),
        counted=binding.counted,
    )


def _binding(readings: Sequence[Reading]) -> Reading | None:
    unmet = [reading for reading in readings if not reading.holds_by_value]
    if unmet:
        return unmet[0]
    return min(readings, key=lambda reading: reading.clause.margin(reading.found.value or 0.0), default=None)


def history(foretold: Sequence[Foretold], read: Read, *, rows: str, today: date | None, seed: int) -> Iterator[State]:
    """Yield the state of every dated prediction on every day up to today on which rows became known.

    Nothing of this is stored: a day is the rows whose date is not after it.
    """
    known = read("mart_frontier_scores")["known_at"].drop_nulls().unique().sort().to_list()
    for day in (day for day in known if today is None or day <= today):
        for each in foretold:
            yield state_on(each, read, rows=rows, today=day, draws=(HISTORY_RESAMPLES, seed))


def statement_state(row: Mapping[str, Any], read: Read, today: date | None) -> State:
    """Return the state of a statement without a date."""
    plain = Foretold(row=row, passes=None, fails=None, deadline=None, releases=None, lab=None)
    checked = check_statement(row, read)
    if row["deadline"] == PAST:
        checked = replace(checked, needs=checked.needs or "nothing: the paper counts it as past")
    return State(foretold=plain, on=today, is_final=row["deadline"] == PAST, readings={}, checked=checked)


def clause_frame(states: Sequence[State]) -> pl.DataFrame:
    """Return one row per clause: what is measured, its bound, and whether it holds."""
    rows = [
        {
            "prediction": state.foretold.name,
            "side": side,
            "clause": reading.clause.text,
            "measured": str(reading.clause.kind),
            "value": reading.found.value,
            "low": reading.found.low,
            "high": reading.found.high,
            "n": reading.found.n,
            "relation": reading.clause.relation,
            "bound": reading.clause.bound,
            "unit": reading.clause.unit,
            "distance": None if reading.found.value is None else reading.clause.margin(reading.found.value),
            "holds": _word(reading.holds),
            "holds_by_value": _word(reading.holds_by_value),
            "rests_on": reading.counted,
            "needs": reading.missing,
            "caveats": "; ".join(reading.found.caveats),
        }
        for state in states
        for side, readings in state.readings.items()
        for reading in readings
    ]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    schema = {**dict.fromkeys(("prediction", "side", "clause", "measured"), pl.String), **numbers, "n": pl.Int64}
    schema |= {"relation": pl.String, "bound": pl.Float64, "unit": pl.String, "distance": pl.Float64}
    schema |= dict.fromkeys(("holds", "holds_by_value", "rests_on", "needs", "caveats"), pl.String)
    return pl.DataFrame(rows, schema=schema)


def _word(held: bool | None) -> str:
    return "open" if held is None else "yes" if held else "no"
