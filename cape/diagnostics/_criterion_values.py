"""Values of the clauses of dated predictions on the rows known on a day, and what follows for their status.

A clause holds where its whole interval is on the holding side of the bound, fails where it is on the other, and is
open in between. Before the deadline a count of models can still grow, so a clause that asks for few is open until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cape.diagnostics._criteria import Clause, Criterion, Kind, Quantifier
from cape.diagnostics._frontier_scores import GPQA, SHORT, SWE, FrontierRows
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.pair_matrix import Estimator, ScoreRows, side_matrix
from cape.stats.resampling import row_weights
from cape.stats.saturation import top_spread


class Status(StrEnum):
    """What the rows say of a prediction."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


NOT_FORMED = "cannot be formed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The frozen line h is measured from: h = GPQA - (slope SWE + intercept)."""

    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a prediction asks on one day.

    rows : the rows known. on : the day. is_final : the deadline has passed. lab, releases : of predictions that
    speak of the next releases of a lab.
    """

    rows: FrontierRows
    on: date | None
    is_final: bool
    line: Line | None
    lab: str | None
    releases: int | None
    resamples: int
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The value of one clause: found, whether it holds (None: open) by its interval and by its value, what is missing.

    counted : models or releases it rests on.
    """

    clause: Clause
    found: Inference
    holds: bool | None
    holds_by_value: bool | None
    missing: str
    counted: str


def read_clause(clause: Clause, asked: Question) -> Reading:
    """Return the value of a clause on the rows of the question."""
    return {
        Kind.SPREAD: _spread,
        Kind.CORRELATION: _correlation,
        Kind.COUNT: _count,
        Kind.RESIDUAL: _residual,
    }[clause.kind](clause, asked)


def combined(readings: Sequence[Reading], criterion: Criterion, *, by_value: bool) -> bool | None:
    """Return whether the criterion holds; None where an open clause could decide it either way."""
    held = [reading.holds_by_value if by_value else reading.holds for reading in readings]
    decisive = criterion.is_any
    if decisive in held:
        return decisive
    return None if None in held else not decisive


def status_of(passes: bool | None, fails: bool | None) -> Status:
    """Return pass or fail where just that criterion holds, undecided otherwise."""
    if passes and not fails:
        return Status.PASS
    if fails and not passes:
        return Status.FAIL
    return Status.UNDECIDED


def _names(benchmarks: Sequence[str]) -> str:
    return " and ".join(SHORT.get(name, name) for name in benchmarks)


def _undefined(why: str, *, n: int, method: str) -> Inference:
    return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(f"undefined: {why}",))


def _by_interval(clause: Clause, found: Inference) -> bool | None:
    """Return whether the clause holds throughout the interval; an open end reaches past every bound."""
    if found.value is None or (found.low is None and found.high is None):
        return None
    ends = [-np.inf if found.low is None else found.low, np.inf if found.high is None else found.high]
    held = {clause.holds(end) for end in (*ends, found.value)}
    return held.pop() if len(held) == 1 else None


def _read(clause: Clause, found: Inference, *, missing: str, counted: str) -> Reading:
    by_value = None if found.value is None else clause.holds(found.value)
    holds = _by_interval(clause, found)
    if not missing and found.value is not None and holds is None:
        missing = _unsettled(clause, found)
    return Reading(clause=clause, found=found, holds=holds, holds_by_value=by_value, missing=missing, counted=counted)


def _unsettled(clause: Clause, found: Inference) -> str:
    """Return what a value without a settled side lacks."""
    if found.low is None and found.high is None:
        return "; ".join(found.caveats)
    ends = " to ".join("open" if end is None else f"{end:.3g}" for end in (found.low, found.high))
    return f"an interval on one side of {clause.bound:g} {clause.unit}".strip() + f" (now {ends})"


def _spread(clause: Clause, asked: Question) -> Reading:
    best, name = clause.best or 0, clause.benchmarks[0]
    column = asked.rows.column(name)
    n = int(np.isfinite(asked.rows.scores[:, column]).sum())
    counted = f"{n} models with {_names((name,))}"
    method = f"range of the {best} best scores"
    if best < 2:
        found = _undefined("the text does not say over how many of the best", n=n, method=method)
        return _read(clause, found, missing="a criterion that says over how many models", counted=counted)
    if n < best:
        found = _undefined(f"{n} models, {best} are needed", n=n, method=method)
        return _read(clause, found, missing=f"{best - n} more models with {_names((name,))}", counted=counted)
    labs, codes = np.unique(asked.rows.labs, return_inverse=True)
    rng = np.random.default_rng(asked.seed)
    weights = row_weights(labs.size, n_resamples=asked.resamples, rng=rng)[:, codes]
    spread = top_spread(asked.rows.scores[:, column], asked.rows.errors[:, column], weights, k=best, rng=rng)
    names = ", ".join(asked.rows.models["display_name"][int(row)] for row in spread.rows)
    return _read(clause, spread.by_errors(), missing="", counted=f"{counted}; best: {names}")


def _correlation(clause: Clause, asked: Question) -> Reading:
    method = "Pearson r of models with both scores"
    if len(clause.benchmarks) != 2:
        found = _undefined("the text names no pair of benchmarks", n=0, method=method)
        return _read(clause, found, missing="a criterion that names its benchmarks", counted="no model")
    held = asked.rows.having(*clause.benchmarks)
    n = int(held.sum())
    columns = [asked.rows.column(name) for name in clause.benchmarks]
    labs, codes = np.unique(asked.rows.labs[held], return_inverse=True)
    counted = f"{n} models of {labs.size} labs with {_names(clause.benchmarks)}"
    if n < MIN_FOR_R:
        found = _undefined(f"{n} models with both scores, {MIN_FOR_R} are needed", n=n, method=method)
        lack = f"{MIN_FOR_R - n} more models with {_names(clause.benchmarks)}"
        return _read(clause, found, missing=lack, counted=counted)
    rows = ScoreRows(scores=asked.rows.scores[held][:, columns], log10_n=np.full(n, np.nan), codes=codes)
    weights = row_weights(labs.size, n_resamples=asked.resamples, rng=np.random.default_rng(asked.seed))
    matrix = side_matrix(rows, weights, estimator=Estimator.PEARSON)
    value, low, high = (_number(numbers[0]) for numbers in (matrix.r, matrix.low, matrix.high))
    caveats = matrix.caveats[0]
    if value is not None and n < MIN_FOR_INTERVAL:
        low = high = None
        caveats = (f"no interval: {n} models, fewer than {MIN_FOR_INTERVAL}",)
    found = Inference(
        value=value, low=low, high=high, n=int(labs.size), method=f"{method}; {matrix.method}", caveats=caveats
    )
    return _read(clause, found, missing="", counted=counted)


MIN_FOR_R = 3  # cape.stats.correlation.MIN_POINTS
MIN_FOR_INTERVAL = 6  # cape.stats.dimensionality.MIN_ROWS: resamples of fewer models repeat them too often


def _count(clause: Clause, asked: Question) -> Reading:
    n = int(asked.rows.having(*clause.benchmarks).sum()) if clause.benchmarks else len(asked.rows.scores)
    exact = Inference(
        value=float(n),
        low=float(n),
        high=float(n),
        n=n,
        method=f"models with {_names(clause.benchmarks) or 'a score'}",
        caveats=("a count of the rows at hand",),
    )
    by_value = clause.holds(n)
    # The number of models only grows: a bound from above that holds, or one from below that does not, is open.
    can_change = by_value == clause.relation.startswith("<")
    lack = max(int(np.ceil(clause.bound)) - n + (clause.relation in (">", "<=")), 0) if can_change else 0
    return Reading(
        clause=clause,
        found=exact,
        holds=None if can_change and not asked.is_final else by_value,
        holds_by_value=by_value,
        missing=f"{lack} more models with {_names(clause.benchmarks)}" if lack else "",
        counted=f"{n} models",
    )


def _residual(clause: Clause, asked: Question) -> Reading:
    method = "h = GPQA - (slope SWE + intercept) of the frozen line; errors of both scores"
    wanted = asked.releases or 0
    places = _releases(clause, asked)
    lack = max(wanted - places.size, 0)
    after = f" released after {clause.after:%Y-%m-%d}" if clause.after else ""
    missing = f"{lack} more models of {asked.lab}{after} with {_names((SWE, GPQA))}" if lack else ""
    counted = f"{places.size} of {wanted} releases of {asked.lab}{after}"
    if not places.size or asked.line is None:
        found = _undefined(f"no model of {asked.lab}{after} with both scores is known", n=0, method=method)
        return _read(clause, found, missing=missing, counted=counted)
    values, reach = _residuals(asked, places)
    per_release = [
        Inference(value=float(v), low=float(v - e), high=float(v + e), n=1, method=method)
        if np.isfinite(e)
        else Inference(value=float(v), low=None, high=None, n=1, method=method, caveats=("an error is unknown",))
        for v, e in zip(values, reach, strict=True)
    ]
    margins = [clause.margin(float(value)) for value in values]
    decisive = margins.index(max(margins) if clause.quantifier is Quantifier.EITHER else min(margins))
    shown = per_release[decisive]
    names = ", ".join(asked.rows.models["display_name"][int(place)] for place in places)
    return Reading(
        clause=clause,
        found=shown,
        holds=_over(clause, [_by_interval(clause, each) for each in per_release], lack),
        holds_by_value=_over(clause, [clause.holds(float(value)) for value in values], lack),
        missing=missing,
        counted=f"{counted}: {names}",
    )


def _releases(clause: Clause, asked: Question) -> NDArray[np.intp]:
    """Return the first models of the lab released after the day with both scores, as many as are meant, by date."""
    held = asked.rows.having(SWE, GPQA)
    dated = [
        (str(released), place)
        for place, (lab, released) in enumerate(asked.rows.models.select("lab", "release_date").iter_rows())
        if held[place] and lab == asked.lab and released and _is_after(str(released), clause.after)
    ]
    return np.array([place for _, place in sorted(dated)[: asked.releases or 0]], dtype=np.intp)


def _is_after(released: str, day: date | None) -> bool:
    """Return whether a release, dated by year, month or day, can only lie after a day."""
    if day is None:
        return True
    return released > day.isoformat()[: len(released)]


def _residuals(asked: Question, places: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return h of the releases and the reach of their 95% intervals."""
    line = asked.line or Line(slope=0.0, intercept=0.0)
    swe, gpqa = (asked.rows.scores[places, asked.rows.column(name)] for name in (SWE, GPQA))
    swe_se, gpqa_se = (asked.rows.errors[places, asked.rows.column(name)] for name in (SWE, GPQA))
    return gpqa - (line.slope * swe + line.intercept), Z_LEVEL * np.sqrt(gpqa_se**2 + (line.slope * swe_se) ** 2)


def _over(clause: Clause, held: Sequence[bool | None], lack: int) -> bool | None:
    """Return whether both, or either, of the releases meant hold; those not yet known are open."""
    every = [*held, *[None] * lack]
    decisive = clause.quantifier is Quantifier.EITHER
    if decisive in every:
        return decisive
    return None if None in every else not decisive


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
