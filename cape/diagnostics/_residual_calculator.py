"""The h calculator: two scores of a model give h, expected GPQA, regime, direction, nearest labs and advice by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_pairs import FROZEN_CLAIM, line_words
from cape.diagnostics._frontier_scores import GPQA, SWE
from cape.quantities import Estimate, Table
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.lab_line import LabPoints
from cape.stats.residual_field import REGIME_PP, Line, Reading, Regime, new_model, regime_of_interval

YOURS = "your model"
REFIT, FROZEN_LINE = "refit", "frozen"
N_NEAREST = 3
PERCENT = 100.0
DIRECTIONS = {Regime.REASONING: "reasoning (GPQA above the line)", Regime.CODING: "coding (GPQA below the line)"}
UNSETTLED = "undetermined: the interval of h holds 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The two scores of the calculator, percent, None where not given, and their binomial standard errors."""

    swe: float | None
    gpqa: float | None
    errors: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The rows that a model is compared with. printed : the paper's line, None where the ledger has none.

    labs : mean h of each lab about the line of the others. tier_spread : largest |difference of h| between compute
    tiers of one release, None where there is none.
    """

    points: LabPoints = field(repr=False)
    printed: Line | None
    labs: Sequence[tuple[str, float]]
    tier_spread: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the calculator found. reading : about the refit line, None without a SWE score. frozen_h : printed line."""

    given: Given
    reading: Reading | None
    frozen_h: float | None
    regime: Regime | None
    direction: str
    nearest: tuple[str, ...]
    rules: pl.DataFrame = field(repr=False)


def given_scores(swe: float | None, gpqa: float | None, read: Read) -> Given:
    """Return the scores with the standard errors that the number of items of each benchmark gives."""
    items = {row["benchmark_id"]: row["n_items"] for row in read("mart_benchmarks").iter_rows(named=True)}
    errors = (_error(swe, items.get(SWE)), _error(gpqa, items.get(GPQA)))
    return Given(swe=swe, gpqa=gpqa, errors=errors)


def _error(score: float | None, n_items: int | None) -> float:
    if score is None or not n_items or not 0 < score < PERCENT:
        return float("nan")
    share = score / PERCENT
    return PERCENT * float(np.sqrt(share * (1 - share) / n_items))


def answer(given: Given, company: Company, *, n_resamples: int, rng: np.random.Generator) -> Answer:
    """Return what the two scores say among the rows; nothing but the rules' heads without a SWE score."""
    if given.swe is None:
        return Answer(
            given=given, reading=None, frozen_h=None, regime=None, direction="", nearest=(), rules=_rules_frame([])
        )
    points, line = company.points, company.printed
    reading = new_model(points, x=given.swe, y=given.gpqa, errors=given.errors, n_resamples=n_resamples, rng=rng)
    frozen_h = None if line is None or given.gpqa is None else float(line.h(given.swe, given.gpqa))
    h = reading.h
    regime = regime_of_interval(h.value, h.low, h.high)
    return Answer(
        given=given,
        reading=reading,
        frozen_h=frozen_h,
        regime=regime,
        direction=_direction(h),
        nearest=_nearest(h.value, company.labs),
        rules=_rules_frame(_rules(given, reading, regime, company)),
    )


def _direction(h: Inference) -> str:
    if h.value is None:
        return ""
    if h.low is None or h.high is None or h.low <= 0 <= h.high:
        return UNSETTLED
    return DIRECTIONS[Regime.REASONING if h.value > 0 else Regime.CODING]


def _nearest(h: float | None, labs: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """Return the labs whose mean h is nearest, the nearest first."""
    if h is None:
        return ()
    return tuple(name for name, _ in sorted(labs, key=lambda lab: (abs(lab[1] - h), lab[0]))[:N_NEAREST])


def _rules(given: Given, reading: Reading, regime: Regime | None, company: Company) -> list[tuple[str, str, bool, str]]:
    """Return (rule, number it looks at, whether it holds, advice); every rule is listed, holding or not."""
    h, points, tier_spread = reading.h, company.points, company.tier_spread
    outside = given.swe is not None and not points.x.min() <= given.swe <= points.x.max()
    rules = [
        (
            "SWE-bench Verified lies outside the scores of the rows",
            f"{given.swe:g}; rows {points.x.min():.3g} to {points.x.max():.3g}",
            outside,
            "Do not rely on the line there: no model of the rows is near.",
        )
    ]
    if h.value is None:
        return rules
    slope = float(np.polyfit(points.x, points.y, 1)[0]) if np.ptp(points.x) > 0 else 0.0
    noise = Z_LEVEL * float(np.hypot(given.errors[1], slope * given.errors[0]))
    interval = "no interval" if h.low is None or h.high is None else f"{h.low:.3g} to {h.high:.3g}"
    sized = f"h {h.value:.3g} pp, interval {interval}"
    rules += [
        (
            f"the whole interval of h lies below -{REGIME_PP:g}",
            sized,
            regime is Regime.CODING,
            "Check reasoning before release: GPQA lies below what models with this SWE score have.",
        ),
        (
            f"the whole interval of h lies above {REGIME_PP:g}",
            sized,
            regime is Regime.REASONING,
            "Check coding before release: SWE lies below what models with this GPQA score have.",
        ),
        (
            f"the whole interval of h lies within {REGIME_PP:g} points of the line",
            sized,
            regime is Regime.COOPERATIVE,
            "No action follows from h.",
        ),
        (
            "the interval of h covers more than one regime",
            sized,
            regime is Regime.UNDETERMINED,
            "Do not act on the regime: the line through so few labs does not settle it.",
        ),
        (
            "|h| is below 1.96 standard errors of the two scores",
            f"|h| {abs(h.value):.3g} pp, 1.96 standard errors {noise:.3g} pp" if np.isfinite(noise) else "unknown",
            bool(np.isfinite(noise) and abs(h.value) < noise),
            "Run both benchmarks again before reading h: the errors of the scores alone explain it.",
        ),
    ]
    if tier_spread is not None:
        rules.append(
            (
                "|h| is at most what a change of compute tier alone moved it",
                f"|h| {abs(h.value):.3g} pp, compute tiers {tier_spread:.3g} pp",
                abs(h.value) <= tier_spread,
                "State the compute setting of both scores: it alone moved h as far in these rows.",
            )
        )
    return rules


def _rules_frame(rules: list[tuple[str, str, bool, str]]) -> pl.DataFrame:
    schema = {"rule": pl.String, "because": pl.String, "holds": pl.Boolean, "advice": pl.String}
    return pl.DataFrame(rules, schema=schema, orient="row")


def answer_estimates(found: Answer, line: Line | None) -> list[Estimate]:
    """Return h, expected GPQA and chance of each regime; undefined with the reason where a score is not given."""
    missing = "undefined: give swe" if found.given.swe is None else "undefined: give gpqa"
    nothing = Inference(value=None, low=None, high=None, n=0, method="none", caveats=(missing,))
    reading = found.reading
    h = nothing if reading is None or reading.h.value is None and found.given.gpqa is None else reading.h
    estimates = [
        h.estimate(symbol="h_frontier", label=f"{YOURS}, {REFIT}", unit="pp"),
        _frozen_estimate("h_frontier", found.frozen_h, line, missing, unit="pp"),
    ]
    for name, one in (
        ("models as independent", None if reading is None else reading.predicted_by_model),
        ("labs as independent", None if reading is None else reading.predicted_by_lab),
    ):
        said = nothing if one is None else one
        estimates.append(said.estimate(symbol="predicted_gpqa", label=f"{YOURS}, {REFIT}: {name}", unit="%"))
    expected = None if line is None or found.given.swe is None else line.intercept + line.slope * found.given.swe
    estimates.append(_frozen_estimate("predicted_gpqa", expected, line, missing, unit="%"))
    for regime in (Regime.CODING, Regime.COOPERATIVE, Regime.REASONING):
        share = None if reading is None else reading.chance.get(regime)
        method = "share of draws of h (labs resampled, both scores drawn from their errors) in the regime"
        caveats = ("no interval: a share of draws",) if share is not None else (missing,)
        one = Inference(value=share, low=None, high=None, n=h.n, method=method, caveats=caveats)
        estimates.append(one.estimate(symbol="regime_chance", label=f"{YOURS}: {regime}", unit=""))
    return estimates


def _frozen_estimate(symbol: str, value: float | None, line: Line | None, missing: str, *, unit: str) -> Estimate:
    why = f"undefined: the ledger has no slope and intercept in {FROZEN_CLAIM}" if line is None else missing
    return Estimate(
        symbol=symbol,
        label=f"{YOURS}, {FROZEN_LINE}",
        value=value,
        low=None,
        high=None,
        n=1 if value is not None else 0,
        unit=unit,
        method="none" if line is None else f"by {line_words(line)}",
        caveats=("no interval: printed coefficients have none" if value is not None else why,),
    )


def answer_tables(found: Answer) -> list[Table]:
    """Return the model as one row, and every rule with whether it holds."""
    h = None if found.reading is None else found.reading.h
    row = {
        "swe_pct": found.given.swe,
        "gpqa_pct": found.given.gpqa,
        "h_refit": None if h is None else h.value,
        "h_refit_low": None if h is None else h.low,
        "h_refit_high": None if h is None else h.high,
        "h_frozen": found.frozen_h,
        "regime": None if found.regime is None else str(found.regime),
        "direction": found.direction,
        "nearest_labs": ", ".join(found.nearest),
    }
    numbers = ("swe_pct", "gpqa_pct", "h_refit", "h_refit_low", "h_refit_high", "h_frozen")
    schema = {**dict.fromkeys(numbers, pl.Float64), "regime": pl.String, "direction": pl.String}
    frame = pl.DataFrame([row] if found.given.swe is not None else [], schema={**schema, "nearest_labs": pl.String})
    units = {"swe_pct": "%", "gpqa_pct": "%", **dict.fromkeys(numbers[2:], "pp")}
    return [
        Table(name="yours", title="Your model", frame=frame, units=units),
        Table(name="advice", title="Advice by rule", frame=found.rules),
    ]


def answer_sentences(found: Answer) -> tuple[str, ...]:
    """Return what the calculator says, in words."""
    if found.reading is None:
        lost = "" if found.given.gpqa is None else " GPQA alone gives no h."
        return (f"The calculator answers once swe is given, and gives h once gpqa is given too.{lost}",)
    expected = found.reading.predicted_by_lab
    if expected.value is None:
        return (f"Expected GPQA is undefined: {'; '.join(expected.caveats)}.",)
    ends = "" if expected.low is None or expected.high is None else f" [{expected.low:.3g}, {expected.high:.3g}]"
    first = (
        f"At SWE-bench Verified {found.given.swe:g} % the refit line gives GPQA Diamond {expected.value:.3g} %{ends}."
    )
    if expected.high is not None and expected.high > PERCENT:
        first += " A straight line knows no ceiling: the part of this interval above 100 % cannot occur."
    h = found.reading.h
    if h.value is None:
        return (first,)
    interval = "" if h.low is None or h.high is None else f" [{h.low:.3g}, {h.high:.3g}]"
    frozen = "" if found.frozen_h is None else f"; by the printed line {found.frozen_h:+.3g} pp"
    chances = ", ".join(f"{name} {share:.0%}" for name, share in found.reading.chance.items())
    second = f"h is {h.value:+.3g} pp{interval}{frozen}. Regime: {found.regime}" + (
        f" ({chances})." if chances else "."
    )
    third = f"Direction: {found.direction}. Nearest labs by mean h: {', '.join(found.nearest)}."
    advice = [
        f"{row['advice'].rstrip('.')} ({row['because']})" for row in found.rules.filter("holds").iter_rows(named=True)
    ]
    return (first, second, third, *(f"Advice: {text}." for text in advice))
