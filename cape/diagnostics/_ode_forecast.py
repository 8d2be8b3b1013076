"""Forecasts of one ladder: the fitted course, the fan of the ensemble, the next sizes, and the sources added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._ode_data import Setting
from cape.diagnostics._ode_equation import Fitted
from cape.diagnostics._params import family_names
from cape.dynamics.forecast import Course, integrate, members_of, right_of
from cape.dynamics.sources import Contribution, Sliders, Sources, contributions, measured_sources
from cape.dynamics.trajectories import Trajectory
from cape.errors import BadParameterError
from cape.quantities import Estimate, Table
from cape.stats.inference import LEVEL, Inference
from cape.stats.resampling import MOST_UNDEFINED

Array = NDArray[np.float64]

NEXT = (2.0, 5.0, 10.0)  # times the largest size: one and the two next usual steps of a ladder
CURVE_POINTS = 24
MOST_DECADES = 3.0  # beyond the ladder; a forecast further out is refused
RATE = "pp per decade"
SOURCE_NAMES = ("J(arch)", "curation", "width")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The course of one ladder at a grid and at the targets, by the fit and by all members."""

    ladder: Trajectory
    start: int
    grid: Array
    is_target: NDArray[np.bool_]
    point: Course
    members: Course
    added: tuple[Contribution, ...]
    sources: Sources


def forecast_of(fitted: Fitted) -> Forecast:
    """Integrate the ladder from the chosen size to its own sizes and to the targets, sources added."""
    setting = fitted.setting
    ladder, params = setting.ladder, setting.params
    start = _start(setting, ladder)
    targets = _targets(setting, ladder, start)
    origin = float(ladder.log10_n[start])
    curve = np.linspace(origin, float(targets.max()), CURVE_POINTS)[1:]
    grid = np.unique(np.concatenate([curve, targets, ladder.log10_n[start + 1 :]]).round(9))
    sources = measured_sources(
        fitted.system,
        setting.recipe_of,
        family=ladder.family,
        n_resamples=params.ensemble,
        rng=np.random.default_rng([params.seed, 62]),
    )
    sliders = Sliders(h_field=params.h_field, j_arch=params.j_arch, curation=params.curation, width=params.width_factor)
    added = contributions(sources, sliders, p=len(setting.benchmarks))
    source = np.sum([one.vector for one in added], axis=0)
    first = ladder.scores[start]
    rng = np.random.default_rng([params.seed, 63])
    errors = np.nan_to_num(ladder.errors[start], nan=0.0)
    drawn = np.clip(first + errors * rng.standard_normal((params.ensemble, first.size)), 0.0, 100.0)
    members = members_of(fitted.problem, fitted.members, fitted.system, ladder, source)
    return Forecast(
        ladder=ladder,
        start=start,
        grid=grid,
        is_target=np.isclose(grid[:, None], targets, atol=1e-8).any(axis=1),
        point=integrate(right_of(fitted.system, ladder, source), first, origin, grid),
        members=integrate(members, drawn, origin, grid),
        added=added,
        sources=sources,
    )


def _start(setting: Setting, ladder: Trajectory) -> int:
    size = setting.params.start_b
    if size == 0:
        return 0
    nearest = int(np.abs(ladder.log10_n - (setting.params.axis.log10_scale + np.log10(size))).argmin())
    return min(nearest, ladder.k - 1)


def _targets(setting: Setting, ladder: Trajectory, start: int) -> Array:
    """Return the sizes to predict in log10 N, rising; raise BadParameterError for one that cannot be."""
    words, axis = family_names(setting.params.targets_b), setting.params.axis
    largest = float(ladder.log10_n[-1])
    if not words:
        return largest + np.log10(NEXT)
    try:
        sizes = np.array([float(word) for word in words])
    except ValueError:
        raise BadParameterError(
            f"targets_b is {setting.params.targets_b!r}; write {axis.places} as {axis.unit}, separated by commas, "
            "as 20, 70."
        ) from None
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise BadParameterError(f"targets_b is {setting.params.targets_b!r}; every size must be above 0.")
    places = np.unique(axis.log10_scale + np.log10(sizes))
    origin = float(ladder.log10_n[start])
    if places[0] <= origin or places[-1] > largest + MOST_DECADES:
        raise BadParameterError(
            f"targets_b is {setting.params.targets_b!r}; {ladder.name} starts at {axis.text(10**origin)} and "
            f"can be forecast up to {axis.text(10 ** (largest + MOST_DECADES))}. Pick sizes between the two."
        )
    return places


def forecast_results(fitted: Fitted, found: Forecast) -> tuple[list[Estimate], list[Table]]:
    """Return the forecast of every target, the error over the ladder's own sizes, and the measured sources."""
    estimates = [*_scores(fitted, found), *_own_errors(fitted), *_source_estimates(fitted, found)]
    return estimates, [_course_table(fitted, found), _source_table(fitted, found)]


def _ends(found: Forecast) -> tuple[Array, Array]:
    """Return the ends of the fan (k, p), members that ran away left out; NaN where most of them did."""
    kept = found.members.states[~found.members.blew_up]
    if found.members.blew_up.mean() > MOST_UNDEFINED:
        return (np.full(found.point.states.shape, np.nan),) * 2
    low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _fan_caveats(fitted: Fitted, found: Forecast) -> tuple[str, ...]:
    n, lost, clipped = (len(found.members.blew_up), int(found.members.blew_up.sum()), int(found.members.clipped.sum()))
    caveats = ["the fan holds resampled coefficients and the error of the start, not that the equation may be wrong"]
    if lost:
        fan = "there is no fan" if lost > MOST_UNDEFINED * n else "they are not in the fan"
        caveats.append(f"{lost} of {n} members ran away: {fan}")
    if clipped:
        caveats.append(f"{clipped} of {n} members met the end of the scale")
    if bool(found.point.blew_up):
        caveats.append("undefined: the fit to all rows runs away")
    elif bool(found.point.clipped):
        caveats.append("the fit itself met the end of the scale")
    if not fitted.gate.is_determined:
        caveats.append("the equations are not determined by these data")
    return tuple(caveats)


def _scores(fitted: Fitted, found: Forecast) -> list[Estimate]:
    low, high = _ends(found)
    caveats = _fan_caveats(fitted, found)
    axis = fitted.setting.params.axis
    start = axis.text(10 ** found.ladder.log10_n[found.start])
    is_defined = not bool(found.point.blew_up)
    return [
        Estimate(
            symbol="ode_forecast",
            label=f"{found.ladder.name} at {axis.text(10 ** found.grid[place])}: {benchmark}",
            value=float(found.point.states[place, column]) if is_defined else None,
            low=_finite(low[place, column]) if is_defined else None,
            high=_finite(high[place, column]) if is_defined else None,
            n=fitted.members.n_units,
            unit="%",
            method=f"integrated from {start}; {fitted.interval_words}",
            caveats=caveats,
        )
        for place in np.flatnonzero(found.is_target)
        for column, benchmark in enumerate(fitted.setting.benchmarks)
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _own_errors(fitted: Fitted) -> list[Estimate]:
    """Return the error of every fitted ladder along its own sizes, over its mean score, the start counted."""
    estimates = []
    for one in fitted.setting.fitted:
        course = integrate(right_of(fitted.system, one), one.scores[0], float(one.log10_n[0]), one.log10_n[1:])
        gap = np.abs(course.states - one.scores[1:])
        clipped = ("it met the end of the scale",) if bool(course.clipped) else ()
        estimates.append(
            Estimate(
                symbol="trajectory_error",
                label=one.name,
                value=float(100 * gap.sum() / one.scores.size / one.scores.mean()),
                low=None,
                high=None,
                n=one.k,
                unit="%",
                method="integrated from the smallest size; mean absolute error over all sizes, the start counted with "
                "none, over the mean score",
                caveats=("no interval: the rows were fitted", *clipped),
            )
        )
    return estimates


def _measured(found: Forecast) -> list[tuple[str, tuple[Inference, ...]]]:
    return list(zip(SOURCE_NAMES, (found.sources.arch, found.sources.curated, found.sources.width), strict=True))


def _source_estimates(fitted: Fitted, found: Forecast) -> list[Estimate]:
    return [
        one.estimate(
            symbol="source_rate",
            label=f"{name}{f' of {found.ladder.family}' if name == SOURCE_NAMES[0] else ''}: {benchmark}",
            unit=RATE,
            caveats=("an association at equal scores, nothing was intervened on",),
        )
        for name, inferences in _measured(found)
        for benchmark, one in zip(fitted.setting.benchmarks, inferences, strict=True)
    ]


def _course_table(fitted: Fitted, found: Forecast) -> Table:
    """Return observed scores, the fitted course and the fan, one row per size and benchmark."""
    low, high = _ends(found)
    ladder, rows = found.ladder, []
    for column, benchmark in enumerate(fitted.setting.benchmarks):
        rows += [
            _row(benchmark, "observed", place, score, error=error)
            for place, score, error in zip(
                ladder.log10_n, ladder.scores[:, column], ladder.errors[:, column], strict=True
            )
        ]
        origin = float(ladder.scores[found.start, column])
        rows.append(_row(benchmark, "course", ladder.log10_n[found.start], origin, ends=(origin, origin)))
        for place, at in enumerate(found.grid):
            kind = "target" if found.is_target[place] else "course"
            ends = (_finite(low[place, column]), _finite(high[place, column]))
            rows.append(_row(benchmark, kind, at, found.point.states[place, column], ends=ends))
    units = {"position": "parameters", **dict.fromkeys(("score_pct", "low", "high", "se_pct"), "%")}
    frame = pl.DataFrame(rows, infer_schema_length=None).cast(dict.fromkeys(("low", "high", "se_pct"), pl.Float64))
    return Table(name="course", title=f"Course of {ladder.name}", frame=frame, units=units)


def _row(
    benchmark: str,
    kind: str,
    log10_n: float,
    score: float,
    *,
    ends: tuple[float | None, float | None] = (None, None),
    error: float = float("nan"),
) -> dict[str, object]:
    return {
        "benchmark": benchmark,
        "kind": kind,
        "position": float(10**log10_n),
        "score_pct": float(score),
        "low": ends[0],
        "high": ends[1],
        "se_pct": _finite(error),
    }


def _source_table(fitted: Fitted, found: Forecast) -> Table:
    """Return one row per source and benchmark: what is measured, what the slider adds, and where it is from."""
    measured = dict(_measured(found))
    rows = []
    for one in found.added:
        for place, benchmark in enumerate(fitted.setting.benchmarks):
            inference = measured[one.name][place] if one.name in measured else None
            rows.append(
                {
                    "source": one.name,
                    "benchmark": benchmark,
                    "measured": inference.value if inference else None,
                    "low": inference.low if inference else None,
                    "high": inference.high if inference else None,
                    "n": inference.n if inference else 0,
                    "added": float(one.vector[place]),
                    "provenance": "; ".join((one.provenance, *one.caveats)),
                }
            )
    units = dict.fromkeys(("measured", "low", "high", "added"), RATE)
    frame = pl.DataFrame(rows, infer_schema_length=None).cast(dict.fromkeys(("measured", "low", "high"), pl.Float64))
    title = f"Source terms of the design equation, {found.ladder.family}"
    return Table(name="sources", title=title, frame=frame, units=units)


def forecast_sentence(fitted: Fitted, found: Forecast) -> str:
    """Return the forecast of the first target for the pair of the selection."""
    axis = fitted.setting.params.axis
    start = axis.text(10 ** found.ladder.log10_n[found.start])
    if bool(found.point.blew_up):
        return f"Integrated from {start}, the equations run away for {found.ladder.name}: they give no forecast."
    low, high = _ends(found)
    place = int(np.flatnonzero(found.is_target)[0])
    told = []
    for column, benchmark in enumerate(fitted.setting.benchmarks[:2]):
        ends = (_finite(low[place, column]), _finite(high[place, column]))
        fan = f" (fan {ends[0]:.1f} to {ends[1]:.1f})" if ends[0] is not None and ends[1] is not None else " (no fan)"
        told.append(f"{benchmark} {found.point.states[place, column]:.1f}%{fan}")
    added = [one.name for one in found.added if one.vector.any()]
    with_sources = f" with {', '.join(added)} added" if added else ""
    return (
        f"Integrated from {start}{with_sources}, "
        f"{found.ladder.name} at {axis.text(10 ** found.grid[place])} has {' and '.join(told)}."
    )
