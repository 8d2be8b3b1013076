"""How many independent directions the benchmarks vary in: by phase, by size, and how the axes turn between phases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cape.calibration.estimators import D_EFF, D_EFF_R, JACKKNIFED
from cape.diagnostics._calibrated import like, with_calibration
from cape.diagnostics._d_eff_axes import axes
from cape.diagnostics._d_eff_phases import (
    PAPER_RULE,
    RULES,
    Complete,
    Group,
    comparison,
    expected_transition,
    group_estimates,
    groups,
    two_sides,
    with_equal_n,
)
from cape.diagnostics._d_eff_sizes import WINDOW as SLIDING
from cape.diagnostics._d_eff_sizes import printed_estimates, window_estimates, window_tables
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import size_rows
from cape.diagnostics._params import WINDOW, WindowParams, option
from cape.diagnostics._plain_estimates import arithmetic, undefined
from cape.diagnostics._printed_series import printed_axes, printed_by_size
from cape.diagnostics._score_matrix import BENCHMARKS_HELP, ScoreMatrix, score_matrix
from cape.diagnostics.wiring.effective_dimension import EFFECTIVE_DIMENSION
from cape.errors import NotEnoughDataError
from cape.figures.effective_dimension import d_eff_by_phase, d_eff_by_size, lambda_2_by_size, rotation, transfer
from cape.quantities import Estimate
from cape.stats.dimensionality import Redraws, family_redraws, measurement_redraws, transfer_matrices
from cape.stats.spectral_trend import WindowSeries, window_series, window_size

AS_SCORED, BY_WIDTH = "as scored", "divided by width"
REFERENCE_WIDTH = 512  # d_ref, paper A.3
PAPER_CUT_B = 3.5  # N_c of paper A 2.1, where the dashboard parts its phases
WINDOW_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveDimensionParams(WindowParams):
    """Selection, benchmarks, the rule that parts the models, the window of sizes, and width normalisation."""

    benchmarks: str = option("", label="Benchmarks", help=BENCHMARKS_HELP)
    split: str = option(
        PAPER_RULE, label="Compare phases by", help="Rule that parts the models into two sides.", choices=RULES
    )
    cut_b: float = option(
        PAPER_CUT_B,
        label="Cut between sizes (B)",
        help="Billions of parameters that part the two sides by size.",
        low=0.001,
        high=1e6,
        is_whole=False,
    )
    window: int = option(
        0, label="Models per window", help="Models in a sliding window of sizes; 0: a third of them.", low=0, high=1000
    )
    scale: str = option(
        AS_SCORED,
        label="Scores",
        help="As scored, or divided by the model's width over 512 (paper A.3).",
        choices=(AS_SCORED, BY_WIDTH),
    )


def compute(params: EffectiveDimensionParams, read: Read) -> Outcome:
    """Return d_eff by phase and size with intervals, its extrapolations, and the axes (paper A 2.3, 4, A.2, A.9)."""
    matrix = score_matrix(params, read, wanted=params.benchmarks)
    data = _complete(matrix, params)
    redraws = _redraws(data, params)
    found = groups(data, cut_b=params.cut_b)
    estimates, phases = group_estimates(data, found, redraws)
    rng = np.random.default_rng([params.seed, 22])
    estimates.append(expected_transition(matrix.rows, n_draws=params.resamples, rng=rng))
    sides = two_sides(found, params.split)
    estimates += comparison(data, sides, redraws, n_resamples=min(params.resamples, WINDOW_RESAMPLES), rng=rng)
    more, axis_tables = axes(data, sides, redraws, np.random.default_rng([params.seed, 23]))
    estimates += more + _printed_transfer(read)
    series, why = _series(data, redraws, params)
    estimates += window_estimates(series, data) if series is not None else [_no_window(data, why)]
    printed = printed_by_size(read)
    estimates += printed_estimates(printed)
    kinds = (("all models: covariance", D_EFF), ("all models: correlation", D_EFF_R))
    names = dict(kinds) | {f"{label}, jackknife": JACKKNIFED[name] for label, name in kinds}
    estimates = with_calibration(estimates, read, like(size_rows(params, read)), lambda e: names.get(e.label))
    return Outcome(
        estimates=tuple(estimates),
        tables=(with_equal_n(phases, estimates, sides), *axis_tables, *window_tables(series, data, printed)),
        sentences=_sentences(estimates, data, sides),
    )


def _complete(matrix: ScoreMatrix, params: EffectiveDimensionParams) -> Complete:
    """Return the rows with every score, divided by width where that is asked for."""
    kept, caveats = matrix.is_complete, list(matrix.caveats)
    if not kept.all():
        caveats.append(f"{int((~kept).sum())} of {kept.size} model rows lack a score and were left out")
    factor = np.ones(kept.size)
    if params.scale == BY_WIDTH:
        factor = REFERENCE_WIDTH / matrix.widths
        unknown = kept & ~np.isfinite(factor)
        kept = kept & np.isfinite(factor)
        caveats.append(f"scores divided by d_model / {REFERENCE_WIDTH}; {int(unknown.sum())} rows of unknown width")
    return Complete(
        benchmarks=matrix.benchmarks,
        rows=matrix.rows.filter(pl.Series(kept)),
        scores=matrix.scores[kept] * factor[kept, None],
        errors=matrix.errors[kept] * factor[kept, None],
        log10_n=matrix.log10_n[kept],
        family=matrix.family[kept],
        is_near=matrix.is_near[kept],
        caveats=tuple(caveats),
    )


def _redraws(data: Complete, params: EffectiveDimensionParams) -> Redraws:
    rng = np.random.default_rng([params.seed, 21])
    if np.unique(data.family).size > 1:
        return family_redraws(data.family, n_resamples=params.resamples, rng=rng)
    return measurement_redraws(data.scores, data.errors, n_resamples=params.resamples, rng=rng)


def _series(data: Complete, redraws: Redraws, params: EffectiveDimensionParams) -> tuple[WindowSeries | None, str]:
    """Return the spectra by window of the rows that have a size, or why there are none."""
    sized = np.flatnonzero(np.isfinite(data.log10_n))
    try:
        size = window_size(sized.size, params.window)
    except NotEnoughDataError as error:
        return None, str(error)
    mine = redraws.first(WINDOW_RESAMPLES)
    mine = replace(mine, codes=mine.codes[sized], scores=None if mine.scores is None else mine.scores[:, sized])
    found = window_series(data.scores[sized], data.log10_n[sized], mine, size=size, positive=1)
    return replace(found, rows=tuple(sized[row] for row in found.rows)), ""


def _no_window(data: Complete, why: str) -> Estimate:
    n = int(np.isfinite(data.log10_n).sum())
    return undefined("lambda_2_exponent", SLIDING, n=n, unit="", method="none", why=(f"undefined: {why.rstrip('.')}",))


def _printed_transfer(read: Read) -> list[Estimate]:
    found = printed_axes(read)
    if found is None:
        return []
    diagonal = np.diag(transfer_matrices(*found))
    method = "smallest diagonal entry of T = V_b S V_a^T of the axes that the author's script holds as literals"
    label = "printed literals: smallest"
    return [
        arithmetic("transfer_diagonal", label, float(diagonal.min()), n=diagonal.size, unit="", method=method),
        arithmetic(
            "transfer_off_orthogonal",
            "printed literals",
            float(max(np.linalg.norm(v.T @ v - np.eye(len(v))) for v in found)),
            n=diagonal.size,
            unit="",
            method="Frobenius norm of V^T V - I, the larger of the two; zero for axes at right angles",
        ),
    ]


def _sentences(estimates: list[Estimate], data: Complete, sides: tuple[Group, Group]) -> tuple[str, ...]:
    """Return what the main estimates say, by rule."""
    by = {(e.symbol, e.label): e for e in estimates}
    found = by[("d_eff_difference", f"{sides[0].label} less {sides[1].label}: covariance")]
    told = [_difference(found, f"{sides[0].name} less {sides[1].name}, {sides[0].rule}")]
    exponent = by[("lambda_2_exponent", SLIDING)]
    told.append(
        f"lambda_2 of the correlation matrix goes as N to the power {_with_interval(exponent)} over windows of size."
        if exponent.value is not None
        else f"lambda_2 by size is {exponent.caveats[0]}."
    )
    for symbol, label, what in (
        ("N_at_d_eff_1", f"{SLIDING}: correlation", "A straight line through d_eff reaches 1"),
        ("N_at_det_0", SLIDING, "A straight line through lambda_1 lambda_2 reaches 0"),
        ("N_at_e2_zero", data.benchmarks[1], f"The loading of {data.benchmarks[1]} on e2 changes sign"),
    ):
        at = by.get((symbol, label))
        if at is not None:
            told.append(f"{what} {f'at {_with_interval(at)} {at.unit}' if at.value is not None else 'nowhere'}.")
    return tuple(told)


def _difference(found: Estimate, difference: str) -> str:
    if found.value is None:
        return f"d_eff of {difference}: {found.caveats[0]}."
    text = f"d_eff (covariance) of {difference}: {_with_interval(found)}"
    if found.low is None or found.high is None:
        return f"{text}."
    return f"{text}, which {'holds' if found.low <= 0 <= found.high else 'excludes'} no difference."


def _with_interval(found: Estimate) -> str:
    if found.low is None and found.high is None:
        return f"{found.value:.3g} (no interval)"
    low, high = ("open" if end is None else f"{end:.3g}" for end in (found.low, found.high))
    return f"{found.value:.3g} (95% interval {low} to {high})"


DIAGNOSTIC = Diagnostic(
    slug="effective_dimension",
    alias="deff",
    section="Coupling",
    title="Effective dimension",
    question="In how many independent directions do the benchmarks vary, in each phase and at each size?",
    source="Paper A 2.3, 4, A.2, A.9; dashboard matrix tab",
    params=EffectiveDimensionParams,
    compute=compute,
    panels=(
        Panel(
            name="phases",
            title="d_eff by phase",
            tables=("phases",),
            alt="One row per phase, rule and matrix with its d_eff and 95% interval; phases of five models or fewer "
            "say that they have none.",
            figure=d_eff_by_phase,
        ),
        Panel(
            name="d_eff_by_size",
            title="d_eff by size",
            tables=("windows", "printed"),
            alt="d_eff of a sliding window of models against their mean size on a log axis, with a 95% band, and the "
            "printed series.",
            figure=d_eff_by_size,
        ),
        Panel(
            name="lambda_2",
            title="Second eigenvalue by size",
            tables=("windows", "printed"),
            alt="lambda_2 of the correlation matrix of a sliding window of models against their mean size, both axes "
            "logarithmic, with a 95% band, and the printed series.",
            figure=lambda_2_by_size,
        ),
        Panel(
            name="rotation",
            title="Loadings on the second axis by size",
            tables=("loadings", "printed"),
            alt="Loading of every benchmark on e2 against the mean size of a sliding window, signs followed from "
            "window to window, and the printed series.",
            figure=rotation,
        ),
        Panel(
            name="transfer",
            title="Axes of one phase in the other",
            tables=("transfer", "angles"),
            alt="Transfer matrix between the two sides as shaded cells with numbers, for covariance and correlation.",
            figure=transfer,
        ),
    ),
    controls=(*WINDOW, "benchmarks", "split", "cut_b", "window", "scale", "resamples", "seed"),
    claims=EFFECTIVE_DIMENSION,
)
