"""What if: the scores expected after a change of size, width or curation, and the field h_c, each by a stated rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import polars as pl

from cape.diagnostics import _n_c
from cape.diagnostics._analyze_company import Company, nothing
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._analyze_phase import NO_SIZE, Phased, logits_of
from cape.diagnostics._diagnostic import Read
from cape.quantities import Estimate, Table
from cape.stats.at_size import expected_change, step_residuals, turning_place
from cape.stats.curation import required_field
from cape.stats.inference import Inference
from cape.stats.profile import Others, Score, curve_offset, effect_given_size
from cape.stats.resampling import guarded_interval

POINTS = "pp"
KEPT_EFFECTS = 64  # two per benchmark of a panel
SIZE, WIDTH, CURATION, ALL = "size", "width", "curation", "all levers"
RULES = {
    SIZE: "within-family quadratic of the panel, plus what a randomly drawn interval did beyond it",
    WIDTH: "slope of the score on log10 width given size across models, times log10 of the factor",
    CURATION: "curated less web-trained models given size, times the share added",
    ALL: "sum of the three, taken as independent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Changes by (lever, benchmark). falls : chance that a score falls with size, by benchmark.

    width_slope, curated_gap : per decade of width and for full curation, by benchmark.
    """

    names: tuple[str, ...]
    changes: dict[tuple[str, str], Inference]
    falls: dict[str, Inference]
    width_slope: dict[str, Inference]
    curated_gap: dict[str, Inference]
    width_ratio: Inference
    n_c: Inference
    h_c: Inference
    h_c_paper: Inference


def outlook_of(subject: Subject, company: Company, found: Phased, params: AnalyzeParams, read: Read) -> Outlook:
    """Return what each lever is expected to do to the selected pair and to every given score that the panel holds."""
    names = tuple(dict.fromkeys((params.x, params.y, *(n for n in subject.scores if n in company.benchmarks))))
    rng = np.random.default_rng([params.seed, 91])
    changes, falls = _size_changes(names, subject, company, found, params, rng)
    width_slope = {name: _width_slope(name, company, params) for name in names}
    gap = {name: _curated_gap(name, company, params) for name in names}
    for name in names:
        changes[WIDTH, name] = _width_change(width_slope[name], subject, company, params)
        changes[CURATION, name] = _times(gap[name], params.curation, params.resamples)
        changes[ALL, name] = _sum([changes[lever, name] for lever in (SIZE, WIDTH, CURATION)])
    n_c = _critical(company, params, read)
    fields = [_field(subject, scale) for scale in (n_c, found.paper_n_c)]
    return Outlook(
        names=names,
        changes=changes,
        falls=falls,
        width_slope=width_slope,
        curated_gap=gap,
        width_ratio=_width_ratio(subject, company, params, rng),
        n_c=n_c,
        h_c=fields[0],
        h_c_paper=fields[1],
    )


def _size_changes(
    names: tuple[str, ...],
    subject: Subject,
    company: Company,
    found: Phased,
    params: AnalyzeParams,
    rng: np.random.Generator,
) -> tuple[dict[tuple[str, str], Inference], dict[str, Inference]]:
    curves, start = found.curves, subject.log10_n
    if curves is None or start is None:
        why = NO_SIZE if start is None else "undefined: the selection has no model with a public size"
        lost = nothing(why, method=RULES[SIZE])
        return {(SIZE, name): lost for name in names}, dict.fromkeys(names, lost)
    chosen = company.is_population
    rest = step_residuals(curves, company.log10_n[chosen], company.scores[chosen], company.family[chosen])
    moved = curves.changes(start, start + float(np.log10(params.size_times)))
    changes: dict[tuple[str, str], Inference] = {}
    falls: dict[str, Inference] = {}
    for name in names:
        k = company.benchmarks.index(name)
        if params.size_times == 1:
            changes[SIZE, name] = _at_rest(RULES[SIZE], int(curves.n[k]), params.resamples)
            falls[name] = nothing("undefined: the size is not changed", n=int(curves.n[k]))
            continue
        changes[SIZE, name], falls[name] = expected_change(moved[:, k], rest[:, k], n=int(curves.n[k]), rng=rng)
    return changes, falls


def _at_rest(method: str, n: int, n_draws: int) -> Inference:
    caveats = ("the lever is not moved",)
    return Inference(value=0.0, low=0.0, high=0.0, n=n, method=method, caveats=caveats, draws=np.zeros(n_draws))


def _times(effect: Inference, amount: float, n_draws: int) -> Inference:
    """Return an effect per unit times an amount, interval and draws included; exactly 0 for an amount of 0."""
    if amount == 0:
        return _at_rest(effect.method, effect.n, n_draws)
    ends = sorted(
        (end * amount for end in (effect.low, effect.high) if end is not None),
    )
    whole = len(ends) == 2
    return replace(
        effect,
        value=None if effect.value is None else effect.value * amount,
        low=ends[0] if whole else None,
        high=ends[1] if whole else None,
        method=f"{effect.method}, times {amount:.3g}",
        draws=None if effect.draws is None else effect.draws * amount,
    )


def _sum(parts: list[Inference]) -> Inference:
    """Return the sum of changes; undefined where one is, without an interval where a moved lever has no draws."""
    n = min((part.n for part in parts if part.n), default=0)
    lost = [caveat for part in parts if part.value is None for caveat in part.caveats[:1]]
    if lost:
        return nothing("; ".join(dict.fromkeys(lost)), n=n, method=RULES[ALL])
    value = float(sum(part.value or 0.0 for part in parts))
    moved = [part for part in parts if "the lever is not moved" not in part.caveats]
    if not moved:
        return _at_rest(RULES[ALL], n, 0)
    draws = [part.draws for part in moved]
    if any(part.low is None for part in moved) or any(d is None for d in draws):
        lacking = ("no interval: a part of the sum has none",)
        return Inference(value=value, low=None, high=None, n=n, method=RULES[ALL], caveats=lacking)
    total = np.sum([d for d in draws if d is not None], axis=0)
    low, high, caveats = guarded_interval(total, has_value=True, lacking="have no sum")
    return Inference(value=value, low=low, high=high, n=n, method=RULES[ALL], caveats=caveats, draws=total)


def _width_slope(name: str, company: Company, params: AnalyzeParams) -> Inference:
    width = company.rows["d_model"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    chosen = company.is_population & np.isfinite(width) & np.isfinite(company.column(name))
    return _effect(company.others(name, chosen), np.log10(width[chosen]), params, what="slope on log10 width")


def _effect(others: Others, extra: np.ndarray, params: AnalyzeParams, *, what: str) -> Inference:
    arrays = (others.score.tobytes(), others.place.tobytes(), np.ascontiguousarray(extra, dtype=np.float64).tobytes())
    return _kept_effect(*arrays, tuple(others.family.tolist()), what, (params.resamples, params.seed))


@lru_cache(maxsize=KEPT_EFFECTS)
def _kept_effect(
    score: bytes, place: bytes, extra: bytes, family: tuple[str, ...], what: str, draws: tuple[int, int]
) -> Inference:
    """Fit once for every model and lever that is compared with the same models."""
    others = Others(score=np.frombuffer(score), place=np.frombuffer(place), family=np.array(family, dtype=np.str_))
    rng = np.random.default_rng([draws[1], 92, len(what)])
    return effect_given_size(others, np.frombuffer(extra), n_resamples=draws[0], rng=rng, what=what)


def _width_change(slope: Inference, subject: Subject, company: Company, params: AnalyzeParams) -> Inference:
    """Return the change at the new width, undefined where no model of the panel is so wide or narrow for its size."""
    if params.width_times == 1:
        return _at_rest(slope.method, slope.n, params.resamples)
    reach, own = _widths(company).spread_about_line, _own_width(subject, company)
    decades = float(np.log10(params.width_times))
    if not reach.size or not reach.min() <= own + decades <= reach.max():
        span = f"{10 ** reach.min():.3g} to {10 ** reach.max():.3g}" if reach.size else "unknown"
        then = f"{10 ** (own + decades):.3g} times the typical width of the size"
        return nothing(f"undefined: {then} lies outside the observed {span}", n=slope.n, method=slope.method)
    return _times(slope, decades, params.resamples)


def _widths(company: Company) -> Others:
    """Return log10 width of the population, by log10 N."""
    width = company.rows["d_model"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    chosen = company.is_population & np.isfinite(width)
    return Others(score=np.log10(width[chosen]), place=company.log10_n[chosen], family=company.family[chosen])


def _own_width(subject: Subject, company: Company) -> float:
    """Return log10 of the model's width over the typical one; 0 where width or size is not given."""
    others = _widths(company)
    if subject.width is None or subject.log10_n is None or np.unique(others.place).size < 2:
        return 0.0
    line = np.polynomial.Polynomial.fit(others.place, others.score, 1)
    return float(np.log10(subject.width) - line(subject.log10_n))


def _curated_gap(name: str, company: Company, params: AnalyzeParams) -> Inference:
    chosen = company.is_population & (company.is_curated | company.is_web) & np.isfinite(company.column(name))
    what = "curated or distilled less web-trained models"
    found = _effect(company.others(name, chosen), company.is_curated[chosen], params, what=what)
    counts = f"{int(company.is_curated[chosen].sum())} curated or distilled, {int(company.is_web[chosen].sum())} web"
    return replace(found, caveats=(*found.caveats, counts))


def _width_ratio(subject: Subject, company: Company, params: AnalyzeParams, rng: np.random.Generator) -> Inference:
    method = "width over the line of log10 width in log10 N through other models"
    if subject.width is None or subject.log10_n is None:
        return nothing("undefined: width or size is not given", method=method)
    others = _widths(company)
    own = Score(value=float(np.log10(subject.width)), error=0.0)
    at = Score(value=subject.log10_n, error=0.0)
    found, _ = curve_offset(own, at, others, powers=1, n_resamples=params.resamples, rng=rng)
    value, low, high = (None if end is None else 10.0**end for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, draws=None, method=f"{method}; {found.method}")


def _critical(company: Company, params: AnalyzeParams, read: Read) -> Inference:
    """Return N_c of the population in log10 N by the logistic in size, whatever estimates the phase."""
    logits = logits_of(company, replace(params, phase_by=_n_c.LOGISTIC), read)
    if logits is None:
        return nothing("no N_c: the selection has no interval with a gamma", method=_n_c.LOGISTIC)
    return turning_place(logits)


def _field(subject: Subject, n_c: Inference) -> Inference:
    return nothing(NO_SIZE) if subject.log10_n is None else required_field(n_c, subject.log10_n)


def outlook_estimates(subject: Subject, found: Outlook, params: AnalyzeParams) -> list[Estimate]:
    """Return every change with its interval, chances of a fall, effects behind the levers, width ratio and h_c."""
    lever_words = {
        SIZE: f"size x{params.size_times:g}",
        WIDTH: f"width x{params.width_times:g}",
        CURATION: f"curation +{params.curation:g}",
        ALL: ALL,
    }
    estimates = [
        one.estimate(
            symbol="score_change",
            label=f"{subject.name}, {name}: {lever_words[lever]}",
            unit=POINTS,
            caveats=(RULES[lever],),
        )
        for (lever, name), one in found.changes.items()
    ]
    estimates += [
        one.estimate(symbol="chance_of_fall", label=f"{subject.name}, {name}: {lever_words[SIZE]}", unit="")
        for name, one in found.falls.items()
    ]
    for name in found.names:
        width, gap = found.width_slope[name], found.curated_gap[name]
        estimates.append(width.estimate(symbol="width_slope", label=f"{subject.name}, {name}", unit="pp per decade"))
        estimates.append(gap.estimate(symbol="curated_gap", label=f"{subject.name}, {name}", unit=POINTS))
    estimates.append(found.width_ratio.estimate(symbol="width_ratio", label=subject.name, unit="x"))
    for one, name in ((found.h_c, _n_c.LOGISTIC), (found.h_c_paper, "paper mode")):
        estimates.append(one.estimate(symbol="h_c", label=f"{subject.name}, {name}", unit="%"))
    return estimates


def outlook_table(subject: Subject, found: Outlook, params: AnalyzeParams) -> Table:
    """Return one row per lever and benchmark: the change and, where the score was given, the score it leads to.

    is_moved : whether the lever is off its rest; for all levers, whether more than one is.
    """
    rows = []
    moved = {SIZE: params.size_times != 1, WIDTH: params.width_times != 1, CURATION: params.curation != 0}
    moved[ALL] = sum(moved.values()) > 1
    for (lever, name), one in found.changes.items():
        held = subject.scores.get(name)
        now = None if held is None else held.score.value
        rows.append(
            {
                "lever": lever,
                "benchmark": name,
                "change": one.value,
                "low": one.low,
                "high": one.high,
                "now_pct": now,
                "then_pct": None if now is None or one.value is None else now + one.value,
                "n": one.n,
                "is_moved": moved[lever],
                "rule": RULES[lever],
                "caveats": "; ".join(one.caveats),
            }
        )
    numbers = ("change", "low", "high", "now_pct", "then_pct")
    schema = {"lever": pl.String, "benchmark": pl.String, **dict.fromkeys(numbers, pl.Float64), "n": pl.Int64}
    schema |= {"is_moved": pl.Boolean}
    schema |= dict.fromkeys(("rule", "caveats"), pl.String)
    units = {**dict.fromkeys(numbers[:3], POINTS), **dict.fromkeys(numbers[3:], "%")}
    return Table(name="what_if", title="What if", frame=pl.DataFrame(rows, schema=schema), units=units)
