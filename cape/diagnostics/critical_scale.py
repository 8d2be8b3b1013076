"""N_c, the size where gamma turns from negative to positive: by family, by population and as the paper forms it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cape.diagnostics import _n_c
from cape.diagnostics._compare import CompareParams, Other, comparison_sentences, named, other_of
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, points_of, require, step_rows, steps_of
from cape.diagnostics._n_c_calibrated import with_turn_calibration
from cape.diagnostics._params import WINDOW, Params, option
from cape.diagnostics._specifications import SCOPES, critical_scale_curve, curve_estimates, curve_table
from cape.diagnostics._turn_counts import EXTREMES, falsifier_counts, turn_counts
from cape.diagnostics.local_coupling import step_table
from cape.diagnostics.wiring.critical_scale import CRITICAL_SCALE
from cape.errors import NotEnoughDataError
from cape.figures.critical_scale import gamma_with_turning_points, turning_points
from cape.figures.specification import specification_figure
from cape.positions import PARAMS, Axis
from cape.quantities import Estimate, Table
from cape.stats.compare import ratio_of_draws
from cape.stats.critical_scale import (
    Estimator,
    Turn,
    fixed_effect_quadratic,
    logistic_turning_point,
    pooled_quadratic_paper_mode,
)
from cape.stats.inference import Inference, Steps, to_billions
from cape.stats.resampling import jackknife_families

PAPER_PANEL = "amin-lit-bootstrap"  # the 14 pooled rows of the paper's own bootstrap script
PAPER_PAIR = ("hellaswag", "truthfulqa_as_printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalScaleParams(CompareParams):
    """Selection, comparison and the scope of the specification curve."""

    curve: str = option(
        SCOPES[0],
        label="Specification curve over",
        help="This pair in every source and variant, or every pair of benchmarks as well.",
        choices=SCOPES,
    )


def compute(params: CriticalScaleParams, read: Read) -> Outcome:
    """Return N_c by every estimator and population, the paper's own, and the curve of specifications."""
    rows = step_rows(params, read)
    require(rows, params, what="two sizes of one family")
    turns = _n_c.family_turns(params, read, n_draws=params.resamples)
    estimates = [_family_estimate(turn, params.axis) for turn in turns]
    tables = [step_table("steps", "Intervals between consecutive sizes", rows)]
    if not _n_c.single_family(params):
        estimates += _population_estimates(params, read)
    estimates += (
        _paper_estimates(params, read) + turn_counts(turns, params.axis) + falsifier_counts(params, read, turns)
    )
    other = other_of(params, read)
    if other is not None:
        estimates += _comparison(params, other, turns, read)
    estimates = with_turn_calibration(estimates, params, read, paper_rows=_paper_rows(read))
    curve = critical_scale_curve(params, read, paper_panel=PAPER_PANEL, paper_y=PAPER_PAIR[1], scope=params.curve)
    tables += [_turning_table(estimates, turns, params.axis), curve_table(curve, unit=params.axis.unit)]
    estimates += curve_estimates(curve, reference="the printed N_c", unit=params.axis.unit)
    return Outcome(
        estimates=tuple(estimates),
        tables=tuple(tables),
        sentences=(*_sentences(turns, estimates, params.axis), *comparison_sentences(estimates)),
    )


def _family_estimate(turn: _n_c.FamilyTurn, axis: Axis) -> Estimate:
    return to_billions(turn.inference, axis).estimate(
        symbol="N_c",
        label=f"{turn.family}: {turn.estimator}",
        unit=axis.unit,
        caveats=(f"status: {turn.status}",),
    )


def _population_estimates(params: CriticalScaleParams, read: Read) -> list[Estimate]:
    rows = _n_c.population(params, read)
    caveats, axis = (rows.filter_text,), params.axis
    estimates = []
    for name, found in _n_c.population_turns(rows, params, read, n_resamples=params.resamples).items():
        if name == _n_c.LOGISTIC_LEVEL:
            estimates.append(found.estimate(symbol="B1_c", label=f"population: {name}", unit="%", caveats=caveats))
        elif name == _n_c.LOGISTIC_TOKENS:
            trillions = _rescaled(to_billions(found))
            estimates.append(
                trillions.estimate(symbol="D_c", label=f"population: {name}", unit="trillion tokens", caveats=caveats)
            )
        else:
            found = to_billions(found, axis)
            estimates.append(found.estimate(symbol="N_c", label=f"population: {name}", unit=axis.unit, caveats=caveats))
    return [*estimates, *_jackknife(rows, caveats, axis)]


def _jackknife(rows: _n_c.Population, caveats: tuple[str, ...], axis: Axis) -> list[Estimate]:
    defined = rows.steps.filter(pl.col("gamma").is_not_null())
    if defined["family"].n_unique() < 2:
        return []
    influence = jackknife_families(steps_of(defined), _logistic_value)
    moved = (
        (f"leaving out {influence.most_influential} moves it most, by a factor {10**influence.shift:.3g}",)
        if influence.shift is not None
        else ()
    )
    found = Inference(
        value=influence.full,
        low=influence.low,
        high=influence.high,
        n=defined["family"].n_unique(),
        method=f"{_n_c.LOGISTIC}; range when each family is left out in turn (jackknife)",
        caveats=influence.caveats + moved + (("undefined with every family in",) if influence.full is None else ()),
    )
    return [
        to_billions(found, axis).estimate(
            symbol="N_c", label="population: jackknife over families", unit=axis.unit, caveats=caveats
        )
    ]


def _logistic_value(steps: Steps) -> float | None:
    rng = np.random.default_rng(0)  # one resample only: the value does not depend on it
    try:
        found, _ = logistic_turning_point(steps.log10_n_mid, steps.gamma > 0, steps.family, n_resamples=1, rng=rng)
    except NotEnoughDataError:
        return None
    return found.value


def _paper_estimates(params: CriticalScaleParams, read: Read) -> list[Estimate]:
    rows = _paper_rows(read)
    independent = _paper_rows_elsewhere(params, read)
    if rows.is_empty():
        return independent
    points = points_of(rows)
    paper, vertex = pooled_quadratic_paper_mode(points.log10_n, points.y_pct)
    label = "paper mode: pooled, not Pythia"
    estimates = [
        to_billions(paper).estimate(symbol="N_c", label=label, unit=PARAMS.unit),
        to_billions(vertex).estimate(symbol="N_c", label=f"{label}; vertex of the rows themselves", unit=PARAMS.unit),
        _same_rows_fixed_effects(rows, params, label=f"{label}; same rows with family intercepts"),
        _recipe_size(paper),
    ]
    return estimates + independent


def _paper_rows(read: Read) -> pl.DataFrame:
    return read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).sort("y_file_row")


def _recipe_size(paper: Inference) -> Estimate:
    n = 0 if paper.draws is None else int(paper.draws.size)
    return Estimate(
        symbol="n_resamples",
        label="paper mode: pooled, not Pythia",
        value=float(n),
        low=None,
        high=None,
        n=paper.n,
        unit="resamples",
        method="resamples of single rows, not stratified, in the recipe that gives the printed interval",
        caveats=("no interval: a setting of the recipe",),
    )


def _same_rows_fixed_effects(rows: pl.DataFrame, params: CriticalScaleParams, *, label: str) -> Estimate:
    rng = np.random.default_rng([params.seed, 4])
    found = fixed_effect_quadratic(points_of(rows), n_resamples=params.resamples, rng=rng)
    return to_billions(found).estimate(symbol="N_c", label=label, unit=PARAMS.unit)


def _paper_rows_elsewhere(params: CriticalScaleParams, read: Read) -> list[Estimate]:
    """The paper's recipe on the selected panel's own rows, in order of family and size."""
    points = points_of(pair_rows(params, read))
    if points.log10_n.size < 3 or params.axis is not PARAMS:  # the recipe keeps turns between 10^7 and 10^12 parameters
        return []
    found, vertex = pooled_quadratic_paper_mode(points.log10_n, points.y_pct, n_resamples=params.resamples)
    label = f"the paper's recipe on {named(params)}"
    return [
        to_billions(found).estimate(symbol="N_c", label=label, unit=PARAMS.unit),
        to_billions(vertex).estimate(symbol="N_c", label=f"{label}; vertex of the rows themselves", unit=PARAMS.unit),
    ]


def _comparison(params: CriticalScaleParams, other: Other, turns: list[_n_c.FamilyTurn], read: Read) -> list[Estimate]:
    require(step_rows(other.params, read), other.params, what="two sizes of one family")
    mine = _comparable(params, turns, read)
    theirs_turns = _n_c.family_turns(other.params, read, n_draws=params.resamples)
    theirs = _comparable(other.params, theirs_turns, read)
    estimates = []
    if other.params.axis is not params.axis:
        return [_not_comparable(params, other)]
    if not set(mine) & set(theirs):
        kinds = f"{', '.join(mine) or 'none'} on one side, {', '.join(theirs) or 'none'} on the other"
        estimates.append(
            Estimate(
                symbol="N_c_comparison",
                label=f"{named(params)} over {other.name}",
                value=None,
                low=None,
                high=None,
                n=0,
                unit="x",
                method="N_c of one selection over N_c of the other, by the same estimator",
                caveats=(f"no estimator in common: {kinds}; compare two families, or two panels",),
            )
        )
    for name in mine:
        if name not in theirs:
            continue
        found = ratio_of_draws(mine[name], theirs[name])
        label = f"{named(params)} over {other.name}: {name}"
        estimates.append(found.estimate(symbol="N_c_comparison", label=label, unit="x", caveats=other.caveats))
    return estimates


def _not_comparable(params: CriticalScaleParams, other: Other) -> Estimate:
    return Estimate(
        symbol="N_c_comparison",
        label=f"{named(params)} over {other.name}",
        value=None,
        low=None,
        high=None,
        n=0,
        unit="x",
        method="N_c of one selection over N_c of the other, by the same estimator",
        caveats=(f"undefined: {other.params.axis.counted} cannot be set against {params.axis.counted}", *other.caveats),
    )


def _comparable(params: Params, turns: list[_n_c.FamilyTurn], read: Read) -> dict[str, Inference]:
    if _n_c.single_family(params):
        return {str(turn.estimator): turn.inference for turn in turns}
    rows = _n_c.population(params, read)
    found = _n_c.population_turns(rows, params, read, n_resamples=params.resamples)
    return {name: found[name] for name in (_n_c.LOGISTIC, _n_c.FIXED_EFFECTS) if name in found}


def _turning_table(estimates: list[Estimate], turns: list[_n_c.FamilyTurn], axis: Axis) -> Table:
    statuses = {f"{turn.family}: {turn.estimator}": str(turn.status) for turn in turns}
    rows = [
        {
            "label": e.label,
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "n": e.n,
            "status": statuses.get(e.label, "found" if e.value is not None else "none"),
            "method": e.method,
            "caveats": "; ".join(e.caveats),
        }
        for e in estimates
        if e.symbol == "N_c" and not e.label.endswith(EXTREMES) and e.unit == axis.unit
    ]
    schema = {"label": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
    units = dict.fromkeys(("value", "low", "high"), axis.unit)
    return Table(
        name="turning_points",
        title="N_c by estimator",
        frame=pl.DataFrame(rows, schema_overrides=schema),
        units=units,
    )


def _rescaled(found: Inference) -> Inference:
    """Return billions of tokens as trillions."""
    value, low, high = (None if x is None else x / 1000 for x in (found.value, found.low, found.high))
    method = found.method.replace("as billions", "as trillions")
    return replace(found, value=value, low=low, high=high, draws=None, method=method)


def _sentences(turns: list[_n_c.FamilyTurn], estimates: list[Estimate], axis: Axis) -> tuple[str, ...]:
    brackets = [turn for turn in turns if turn.estimator is Estimator.SIGN_BRACKET]
    bracketed = sum(turn.status is Turn.BRACKETED for turn in brackets)
    text = (
        f"{bracketed} of {len(brackets)} families with two {axis.places} or more turn from negative to positive by "
        "their signs."
    )
    by_label = {e.label: e for e in estimates if e.symbol == "N_c"}
    kinds = (_n_c.LOGISTIC, _n_c.WITHIN_LINE)
    return (text, *(_told(by_label[f"population: {k}"], k, axis) for k in kinds if f"population: {k}" in by_label))


def _told(found: Estimate, kind: str, axis: Axis) -> str:
    if found.value is None:
        return f"For the population there is no N_c by the {kind}: {found.caveats[0].removesuffix('.')}."
    if axis is not PARAMS:
        ends = () if found.low is None or found.high is None else (found.low, found.high)
        interval = f"95% interval {' to '.join(axis.words(end) for end in ends)}" if ends else "no interval"
        return f"For the population the {kind} gives {axis.words(found.value)}, {interval}."
    interval = (
        "with no interval"
        if found.low is None or found.high is None
        else f"with a 95% interval from {found.low:.3g} to {found.high:.3g}"
    )
    return f"For the population the {kind} gives {found.value:.3g} {found.unit}, {interval}."


DIAGNOSTIC = Diagnostic(
    slug="critical_scale",
    alias="nc",
    section="Coupling",
    title="Critical scale",
    question="At which size does gamma turn from negative to positive, by which estimator, and does it at all?",
    source="Paper A 2.1, Table 1 and A.2",
    params=CriticalScaleParams,
    compute=compute,
    panels=(
        Panel(
            name="turning_points",
            title="N_c by estimator and population",
            tables=("turning_points",),
            alt="One row per estimator with its N_c and 95% interval on a log axis of size; rows without one say why.",
            figure=turning_points,
        ),
        Panel(
            name="gamma",
            title="gamma_12 by size",
            tables=("steps", "turning_points"),
            alt="gamma of each interval against size, with the population's N_c and its interval as a vertical band.",
            figure=gamma_with_turning_points,
        ),
        Panel(
            name="specification_curve",
            title="Every specification",
            tables=("specifications",),
            alt="N_c of every source, variant, pair and estimator in order of value with intervals; the paper's choice "
            "is marked.",
            figure=specification_figure,
        ),
    ),
    controls=(*WINDOW, "compare_panel", "compare_family", "curve", "resamples", "seed"),
    claims=CRITICAL_SCALE,
)
