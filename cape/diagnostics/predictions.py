"""Dated predictions and falsifiers, scored from the lake: status, distance to the criterion, days left, history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from cape.diagnostics._criteria import Kind
from cape.diagnostics._criterion_values import Reading, Status
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._falsifiers import competing_at_n_c
from cape.diagnostics._frontier_scores import EVERY, ROWS, ROWS_HELP, known_scores, newest_day
from cape.diagnostics._params import NoParams, option
from cape.diagnostics._plain_estimates import count, undefined
from cape.diagnostics._prediction_rows import (
    PAST,
    State,
    clause_frame,
    foretold_of,
    history,
    is_dated,
    labs_of,
    state_on,
    statement_state,
)
from cape.diagnostics.wiring.predictions import PREDICTIONS
from cape.errors import BadParameterError, NotEnoughDataError
from cape.figures.predictions import deadlines, status_by_day
from cape.quantities import Estimate, Table

SYMBOL = {
    Kind.SPREAD: "top_spread",
    Kind.CORRELATION: "r",
    Kind.COUNT: "n_models",
    Kind.RESIDUAL: "h_next_release",
}
FEWEST = 5  # measured models from which a count of zero says anything; one counterexample is enough at any number
DATED, CONFIRMED, OPEN = "dated", "past", "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionParams(NoParams):
    """Which frontier rows count, and the day on which the predictions are scored."""

    scope: str = option(EVERY, label="Frontier rows", help=ROWS_HELP, choices=ROWS)
    today: str = option(
        "",
        label="Scored on (YYYY-MM-DD)",
        help="Day up to which rows count and from which days are left; empty: the newest day of a frontier row.",
    )
    resamples: int = option(10_000, label="Resamples", help="Resamples of labs.", low=200, high=100_000)
    seed: int = option(0, label="Seed", help="Seed of the random generator.", low=0, high=2**31 - 1)


def compute(params: PredictionParams, read: Read) -> Outcome:
    """Return every prediction and falsifier with its status on the day, its clauses and its history."""
    rows = read("mart_predictions").to_dicts()
    if not rows:
        raise NotEnoughDataError("This lake holds no prediction. Add a predictions.csv to a source of the lake.")
    today = _today(params, read)
    labs = labs_of(read)
    foretold = [foretold_of(row, labs) for row in rows if is_dated(row)]
    dated = [
        state_on(each, read, rows=params.scope, today=today, draws=(params.resamples, params.seed)) for each in foretold
    ]
    undated = [statement_state(row, read, today) for row in rows if not is_dated(row)]
    days = list(history(foretold, read, rows=params.scope, today=today, seed=params.seed))
    estimates = (
        *_counts(dated, undated),
        *(estimate for state in dated for estimate in _of_state(state, today)),
        *(_of_statement(state) for state in undated),
        *_competing(read),
    )
    tables = (
        _status_table("status", "Dated predictions", dated, today),
        Table(name="clauses", title="Every clause of every criterion", frame=clause_frame(dated)),
        _history_table(days),
        _status_table("statements", "Past confirmations and open falsifiers", undated, today),
        _rows_table(params, read, today),
    )
    return Outcome(
        estimates=estimates, tables=tables, sentences=(*_sentences(params, dated, undated, today), *_ahead(today, read))
    )


def _today(params: PredictionParams, read: Read) -> date | None:
    """Return the day asked for, or the newest day on which a frontier row became known; no clock is read."""
    if not params.today:
        return newest_day(read)
    try:
        return date.fromisoformat(params.today)
    except ValueError:
        raise BadParameterError(
            f"today is {params.today!r}, which is not a date. Write it as YYYY-MM-DD, or leave it empty."
        ) from None


def _ahead(today: date | None, read: Read) -> tuple[str, ...]:
    """Say when the day asked for lies after all that the lake knows: nothing of what came later counts."""
    newest = newest_day(read)
    if today is None or newest is None or today <= newest:
        return ()
    return (
        f"{today.isoformat()} lies {(today - newest).days} days after {newest.isoformat()}, the newest day of any "
        "frontier row here: what was published in between, or will be where that day is still to come, does not count.",
    )


def _days_left(state: State, today: date | None) -> int | None:
    deadline = state.foretold.deadline
    return None if deadline is None or today is None else (deadline - today).days


def _kind(state: State) -> str:
    if is_dated(state.foretold.row):
        return DATED
    return CONFIRMED if state.foretold.row["deadline"] == PAST else OPEN


def _counts(dated: Sequence[State], undated: Sequence[State]) -> Iterator[Estimate]:
    method = "rows of mart_predictions; a status needs whole intervals on one side of the bounds"
    groups = {kind: [s for s in (*dated, *undated) if _kind(s) == kind] for kind in (DATED, CONFIRMED, OPEN)}
    for kind, states in groups.items():
        yield count("n_predictions", kind, len(states), n=len(states), unit="predictions", method=method)
        for status in Status:
            held = sum(state.checked.status is status for state in states)
            yield count("n_predictions", f"{kind}: {status}", held, n=len(states), unit="predictions", method=method)


def _of_state(state: State, today: date | None) -> Iterator[Estimate]:
    """Yield the value of every clause, the distance to the binding one, and the days left."""
    name = state.foretold.name
    for side, readings in state.readings.items():
        for reading in readings:
            yield _of_reading(reading, f"{name} {side}: {reading.clause.text}")
    checked = state.checked
    method = "distance of the value from the bound of the pass clause that binds; positive where it holds"
    if checked.distance is None:
        why = ("undefined: the clause that binds has no value",)
        yield undefined("criterion_distance", name, n=checked.n, unit=checked.unit, method=method, why=why)
    else:
        yield _plain("criterion_distance", name, checked.distance, checked.unit, method, checked.n)
    left = _days_left(state, today)
    if left is not None:
        yield _plain("days_left", name, float(left), "days", "deadline less the day of scoring", checked.n)


def _plain(symbol: str, label: str, value: float, unit: str, method: str, n: int) -> Estimate:
    caveats = ("no interval: it follows from the value and the bound",)
    return Estimate(
        symbol=symbol,
        label=label,
        value=value,
        low=None,
        high=None,
        n=n,
        unit=unit,
        method=method,
        caveats=("no interval: a count of days",) if symbol == "days_left" else caveats,
    )


def _of_reading(reading: Reading, label: str) -> Estimate:
    unit = "" if reading.clause.kind is Kind.COUNT else reading.clause.unit
    return reading.found.estimate(
        symbol=SYMBOL[reading.clause.kind], label=label, unit=unit, caveats=(reading.counted,)
    )


def _of_statement(state: State) -> Estimate:
    checked, label = state.checked, f"{state.foretold.name}: {state.checked.what}"
    if checked.value is None:
        why = (f"undefined: it needs {checked.needs}",)
        return undefined("statement_value", label, n=checked.n, unit=checked.unit, method=checked.what, why=why)
    has_interval = checked.low is not None
    return Estimate(
        symbol="statement_value",
        label=label,
        value=checked.value,
        low=checked.low,
        high=checked.high,
        n=checked.n,
        unit=checked.unit,
        method=checked.what,
        caveats=(checked.counted,) if has_interval else (checked.counted, "no interval: a count of the rows at hand"),
    )


def _competing(read: Read) -> Iterator[Estimate]:
    for name, (held, n, models) in competing_at_n_c(read).items():
        method = "models at N_c of which a source reports a competing head or unit"
        told = f"with competing heads: {', '.join(models)}" if models else "none has a competing head"
        if n < FEWEST and not held:
            why = (f"undefined: {n} models there have an internal measurement, {FEWEST} are needed to count none",)
            yield undefined("n_competing_at_n_c", name, n=n, unit="models", method=method, why=why)
            continue
        found = count("n_competing_at_n_c", name, held, n=n, unit="models", method=method)
        yield Estimate(**{**found.as_dict(), "caveats": (*found.caveats, told)})


def _status_table(name: str, title: str, states: Sequence[State], today: date | None) -> Table:
    rows = []
    for state in states:
        row, checked = state.foretold.row, state.checked
        rows.append(
            {
                "prediction": state.foretold.name,
                "statement": row["statement"],
                "status": str(checked.status),
                "by_value": str(checked.by_value),
                "is_final": state.is_final,
                "deadline": row["deadline"],
                "days_left": _days_left(state, today),
                "measured": checked.what,
                "value": checked.value,
                "low": checked.low,
                "high": checked.high,
                "unit": checked.unit,
                "distance": checked.distance,
                "n": checked.n,
                "rests_on": checked.counted,
                "needs": checked.needs,
                "pass_criterion": row["pass_criterion"],
                "fail_criterion": row["fail_criterion"],
                "origin": row["origin"],
            }
        )
    order: dict[str, Any] = dict.fromkeys(("prediction", "statement", "status", "by_value"), pl.String)
    order |= {"days_left": pl.Int64, "measured": pl.String, **dict.fromkeys(("value", "low", "high"), pl.Float64)}
    order |= {"unit": pl.String, "distance": pl.Float64, "needs": pl.String, "n": pl.Int64, "rests_on": pl.String}
    order |= {"deadline": pl.String, "is_final": pl.Boolean}
    schema = order | dict.fromkeys(("pass_criterion", "fail_criterion", "origin"), pl.String)
    return Table(name=name, title=title, frame=pl.DataFrame(rows, schema=schema), units={"days_left": "days"})


def _history_table(days: Sequence[State]) -> Table:
    rows = [
        {
            "prediction": state.foretold.name,
            "day": state.on,
            "status": str(state.checked.status),
            "by_value": str(state.checked.by_value),
            "measured": state.checked.what,
            "value": state.checked.value,
            "low": state.checked.low,
            "high": state.checked.high,
            "unit": state.checked.unit,
            "n": state.checked.n,
            "rests_on": state.checked.counted,
        }
        for state in days
    ]
    schema = {"prediction": pl.String, "day": pl.Date}
    schema |= dict.fromkeys(("status", "by_value", "measured"), pl.String)
    schema |= {**dict.fromkeys(("value", "low", "high"), pl.Float64), "unit": pl.String, "n": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema | {"rests_on": pl.String})
    return Table(name="history", title="State on every day on which rows became known", frame=frame)


def _rows_table(params: PredictionParams, read: Read, today: date | None) -> Table:
    """Return, by source, how many frontier rows it delivers, how many stand, and since when they are known."""
    delivered = read("mart_frontier_scores")
    standing = known_scores(read, rows=params.scope, known_by=today)
    keys = ("source_id", "is_local", "known_at")
    counted = delivered.group_by(keys).agg(pl.len().cast(pl.Int64).alias("n_delivered"))
    stands = standing.group_by(keys).agg(pl.len().cast(pl.Int64).alias("n_standing"))
    frame = counted.join(stands, on=keys, how="left", nulls_equal=True).with_columns(pl.col("n_standing").fill_null(0))
    return Table(
        name="rows",
        title="Frontier rows by source, and how many stand after the precedence rule",
        frame=frame.sort("known_at", "source_id"),
    )


def _sentences(
    params: PredictionParams, dated: Sequence[State], undated: Sequence[State], today: date | None
) -> tuple[str, ...]:
    day = "no day, as no frontier row has a date" if today is None else today.isoformat()
    chosen = "as asked" if params.today else "the newest day on which a frontier row of this lake became known"
    told = [
        f"Scored on {day}, {chosen}: for dated predictions only rows known by then count, and days left run from then; "
        "statements without a date rest on the whole lake."
    ]
    tally = ", ".join(f"{sum(s.checked.status is status for s in dated)} {status}" for status in Status)
    by_value = ", ".join(f"{sum(s.checked.by_value is status for s in dated)} {status}" for status in Status)
    told.append(
        f"Of {len(dated)} dated predictions, {tally}; read by their values alone, without intervals, {by_value}. "
        f"{sum(s.is_final for s in dated)} are past their deadline; the others can still change."
    )
    for kind, name in ((CONFIRMED, "statements that the paper counts as confirmed"), (OPEN, "falsifiers")):
        mine = [s.checked.status for s in undated if _kind(s) == kind]
        tally = ", ".join(f"{mine.count(status)} {status}" for status in Status)
        told.append(f"Of {len(mine)} {name}, {tally}.")
    return tuple(told)


DIAGNOSTIC = Diagnostic(
    slug="predictions",
    alias="pred",
    section="Frontier",
    title="Predictions",
    question="What do the scores known so far say of each dated prediction and falsifier, and what would decide it?",
    source="Paper A 7.2, 7.5, 9; dashboard predictions tab",
    params=PredictionParams,
    compute=compute,
    uses_selection=False,
    panels=(
        Panel(
            name="status",
            title="Dated predictions",
            tables=("status",),
            alt="One row per prediction: status with and without intervals, value, distance to the criterion, days "
            "left, and what data would decide it.",
        ),
        Panel(
            name="deadlines",
            title="Days left and status",
            tables=("clauses",),
            alt="One row per dated prediction: a line from the day of scoring to the deadline, marked by status.",
            figure=deadlines,
        ),
        Panel(
            name="history",
            title="Status on every day on which rows became known",
            tables=("history", "rows"),
            alt="One row per prediction and one column per day on which frontier rows became known, marked by status.",
            figure=status_by_day,
        ),
        Panel(
            name="statements",
            title="Past confirmations and open falsifiers",
            tables=("statements",),
            alt="One row per statement: status, value, what it rests on and what would decide it.",
        ),
    ),
    controls=("scope", "today", "resamples", "seed"),
    claims=PREDICTIONS,
)
