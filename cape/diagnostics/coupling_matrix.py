"""Correlations of every pair of benchmarks on two sides of a cut: which change sign, by how much, and how surely."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.calibration.estimators import PARTIAL_FAMILIES, R_FAMILIES, R_WITHIN
from cape.diagnostics._calibrated import like, with_calibration
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import size_rows, step_rows
from cape.diagnostics._matrix_change import change_estimates
from cape.diagnostics._matrix_sides import (
    SIDES,
    SYMBOLS,
    Sides,
    cell_table,
    component_estimates,
    fold_estimates,
    fold_table,
    pair_estimates,
    side_estimates,
)
from cape.diagnostics._params import WINDOW, WindowParams, option
from cape.diagnostics._plain_estimates import count
from cape.diagnostics._printed_series import MATRICES, printed_matrix
from cape.diagnostics._score_matrix import BENCHMARKS_HELP, ScoreMatrix, score_matrix, short
from cape.diagnostics.wiring.coupling_matrix import COUPLING_MATRIX
from cape.figures.coupling_matrix import change, folds, matrices, pairs
from cape.quantities import Estimate, Phase, Table
from cape.stats.pair_matrix import Estimator, side_matrix
from cape.stats.resampling import row_weights
from cape.stats.signs import probability_negative
from cape.stats.summaries import expected_count

PAPER_CUT_B = 3.5  # N_c of paper A 2.1, where the dashboard parts its matrices
BY_SIZE, BY_PHASE, BY_OUR_PHASE, BY_LEVEL = "size", "phase, paper's rule", "phase, our rule", "level"
KEEP, LEAVE_OUT = "keep", "leave out"
CALIBRATED = {Estimator.PEARSON: R_FAMILIES, Estimator.PARTIAL: PARTIAL_FAMILIES, Estimator.DEMEANED: R_WITHIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class CouplingMatrixParams(WindowParams):
    """Selection, benchmarks, the cut, the estimator and what is done near chance."""

    benchmarks: str = option("", label="Benchmarks", help=BENCHMARKS_HELP)
    cut_by: str = option(
        BY_SIZE,
        label="Cut by",
        help="What parts the models: size, phase (tax below, bonus above), or level of the first benchmark.",
        choices=(BY_SIZE, BY_PHASE, BY_OUR_PHASE, BY_LEVEL),
    )
    cut_b: float = option(
        PAPER_CUT_B,
        label="Cut at size (B)",
        help="Billions of parameters that part the two sides.",
        low=0.001,
        high=1e6,
        is_whole=False,
    )
    cut_level: float = option(
        0.0,
        label="Cut at level (%)",
        help="Level of the first benchmark that parts the two sides; 0: its median.",
        low=0,
        high=100,
        is_whole=False,
    )
    estimator: str = option(
        str(Estimator.PEARSON),
        label="Correlation",
        help="Pearson, partial given log10 N, or of scores less their family means.",
        choices=tuple(str(estimator) for estimator in Estimator),
    )
    near_chance: str = option(
        KEEP,
        label="Scores near chance",
        help="Keep scores within two standard errors of chance, or leave them out.",
        choices=(KEEP, LEAVE_OUT),
    )


def compute(params: CouplingMatrixParams, read: Read) -> Outcome:
    """Return both matrices with intervals, their change, folds and validity (paper 2.1, dashboard matrix tab)."""
    matrix = score_matrix(params, read, wanted=params.benchmarks)
    sides = _sides(matrix, params, read)
    estimates = [
        *_calibrated(pair_estimates(sides), sides, params, read),
        *side_estimates(sides),
        *fold_estimates(sides),
        *component_estimates(sides),
        *change_estimates(sides, np.random.default_rng([params.seed, 32])),
        *_negative_intervals(matrix.benchmarks, params, read),
        *_near_chance(matrix),
    ]
    return Outcome(
        estimates=tuple(estimates),
        tables=(cell_table(sides), fold_table(sides), _change_table(estimates)),
        sentences=_sentences(estimates, sides),
    )


def _sides(matrix: ScoreMatrix, params: CouplingMatrixParams, read: Read) -> Sides:
    """Return the three matrices (all models, below and above the cut), resampled by the same families."""
    masks, words = _masks(matrix, params)
    estimator = Estimator(params.estimator)
    keep = params.near_chance == KEEP
    n_families = int(np.unique(matrix.family).size)
    weights = row_weights(n_families, n_resamples=params.resamples, rng=np.random.default_rng([params.seed, 31]))
    rows = {side: matrix.score_rows(masks[side], keep_near_chance=keep) for side in SIDES}
    names = tuple(short(name) for name in matrix.benchmarks)
    left_out = int((~(masks["below"] | masks["above"])).sum())
    caveats = [f"cut: {words}", *matrix.caveats]
    if left_out:
        why = "no public size" if params.cut_by == BY_SIZE else "no value or phase of this cut"
        caveats.append(f"{left_out} of {masks['all'].size} model rows have {why} and lie on neither side")
    if not keep:
        caveats.append(f"{int(matrix.is_near.sum())} scores near chance were left out")
    return Sides(
        benchmarks=matrix.benchmarks,
        families=tuple(np.unique(matrix.family).tolist()),
        estimator=estimator,
        rows=rows,
        found={side: side_matrix(rows[side], weights, estimator=estimator) for side in SIDES},
        printed={side: printed_matrix(read, side, names) for side in MATRICES},
        caveats=tuple(caveats),
        left_out=caveats[len(matrix.caveats) + 1] if left_out else "",
    )


def _calibrated(estimates: list[Estimate], sides: Sides, params: CouplingMatrixParams, read: Read) -> list[Estimate]:
    """Return the estimates with what the calibration says of r with families resampled, side by side."""
    everyone, name = like(size_rows(params, read)), CALIBRATED[sides.estimator]
    places = {side: replace(everyone, n_families=float(sides.n_families(side))) for side in SIDES}
    found = []
    for estimate in estimates:
        place = places.get(estimate.label.rsplit(": ", 1)[-1])
        is_pair = place is not None and estimate.symbol == SYMBOLS[sides.estimator]
        found += with_calibration([estimate], read, place, lambda _: name) if is_pair and place else [estimate]
    return found


def _masks(matrix: ScoreMatrix, params: CouplingMatrixParams) -> tuple[dict[str, NDArray[np.bool_]], str]:
    """Return the rows of all models, below and above the cut, and the cut in words."""
    everything = np.ones(len(matrix.scores), dtype=bool)
    if params.cut_by in (BY_PHASE, BY_OUR_PHASE):
        phase = np.asarray(matrix.rows["phase_paper" if params.cut_by == BY_PHASE else "phase"].to_list())
        words = f"{params.cut_by}: tax below, bonus above, for {params.x} and {params.y}"
        return {"all": everything, "below": phase == Phase.TAX, "above": phase == Phase.BONUS}, words
    if params.cut_by == BY_LEVEL:
        values = matrix.scores[:, 0]
        cut = params.cut_level or (float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0)
        words = f"{params.x} of {cut:.3g}%" + ("" if params.cut_level else ", its median")
    else:
        values, cut = matrix.log10_n, float(np.log10(params.cut_b) + 9)
        words = f"{params.cut_b:g} B parameters"
    with np.errstate(invalid="ignore"):  # a model without the value lies on neither side
        return {"all": everything, "below": values < cut, "above": values >= cut}, words


def _negative_intervals(benchmarks: tuple[str, ...], params: CouplingMatrixParams, read: Read) -> list[Estimate]:
    """Return how many intervals between sizes have a negative gamma of the first benchmark with each other one."""
    rng = np.random.default_rng([params.seed, 33])
    estimates = []
    for other in benchmarks[1:]:
        steps = step_rows(replace(params, y=other), read)
        raw, known = steps.drop_nulls("gamma_raw"), steps.drop_nulls(["gamma", "gamma_se"])
        negative = raw.filter(pl.col("gamma_raw") < 0).height
        label = f"{params.x} / {other}"
        estimates.append(
            count(
                "n_negative_intervals",
                f"{label}: bare ratio",
                negative,
                n=raw.height,
                unit="intervals",
                method="intervals between consecutive sizes with a bare ratio below zero",
            )
        )
        chances = probability_negative(known["gamma"].to_numpy(), known["gamma_se"].to_numpy())
        found = expected_count(
            chances,
            n_draws=params.resamples,
            rng=rng,
            method="expected number of intervals with gamma below zero if each is Normal(gamma, SE)",
        )
        estimates.append(
            found.estimate(
                symbol="n_negative_intervals", label=f"{label}: expected, given the errors", unit="intervals"
            )
        )
    return estimates


def _near_chance(matrix: ScoreMatrix) -> list[Estimate]:
    """Return how many scores of each benchmark lie within two standard errors of chance."""
    method = "scores within 2 standard errors of the chance level"
    return [
        count(
            "n_scores_near_chance",
            name,
            int(matrix.is_near[:, k].sum()),
            n=int(np.isfinite(matrix.scores[:, k]).sum()),
            unit="scores",
            method=method,
        )
        for k, name in enumerate(matrix.benchmarks)
    ]


def _change_table(estimates: list[Estimate]) -> Table:
    """Return one row per group of pairs: the change, its null and the printed one."""
    by = {(e.symbol, e.label): e for e in estimates}
    rows = []
    for found in (e for e in estimates if e.symbol == "frobenius_null"):
        ours, printed = by[("frobenius_change", found.label)], by.get(("frobenius_change", f"printed: {found.label}"))
        rows.append(
            {
                "group": found.label,
                "value": ours.value,
                "low": ours.low,
                "high": ours.high,
                "n_families": ours.n,
                "null_median": found.value,
                "null_low": found.low,
                "null_high": found.high,
                "printed": None if printed is None else printed.value,
            }
        )
    numbers = dict.fromkeys(("value", "low", "high", "null_median", "null_low", "null_high", "printed"), pl.Float64)
    frame = pl.DataFrame(rows, schema_overrides=numbers)
    return Table(name="change", title="Change of the matrix", frame=frame)


def _sentences(estimates: list[Estimate], sides: Sides) -> tuple[str, ...]:
    """Return what the main estimates say, by rule."""
    by = {(e.symbol, e.label): e for e in estimates}
    told = [f"{sides.left_out}."] if sides.left_out else []
    for side in ("below", "above"):
        negative, total = by[("n_negative_pairs", side)], by[("n_pairs", side)]
        settled = by[("n_negative_pairs_settled", side)]
        if negative.value is None:
            told.append(f"{side.capitalize()} the cut no pair of benchmarks has an r.")
            continue
        told.append(
            f"{side.capitalize()} the cut, pairs of benchmarks with a negative r: {negative.value:.0f} of "
            f"{total.value:.0f}; with an interval below zero: {settled.value:.0f}."
        )
    flips, sure = by[("n_sign_changes", "all pairs")], by[("n_sign_changes_settled", "all pairs")]
    if flips.value is not None:
        told.append(
            f"Pairs with opposite signs on the two sides: {flips.value:.0f} of {sure.n}; beyond the intervals of both: "
            f"{sure.value:.0f}."
        )
    size, null = by[("frobenius_change", "all pairs")], by[("frobenius_null", "all pairs")]
    if size.value is not None and null.low is not None and null.high is not None:
        where = "inside" if null.low <= size.value <= null.high else "outside"
        told.append(
            f"The matrix changes by {size.value:.3g} (Frobenius norm); with one matrix on both sides, dealing models "
            f"at random gives {null.low:.3g} to {null.high:.3g} in 95% of cases, so the change lies {where} that range."
        )
    return tuple(told)


DIAGNOSTIC = Diagnostic(
    slug="coupling_matrix",
    alias="matrix",
    section="Coupling",
    title="Coupling matrix",
    question="Which pairs of benchmarks rise together, which fall, and does that change across a cut?",
    source="Paper A 2.1; dashboard matrix tab",
    params=CouplingMatrixParams,
    compute=compute,
    panels=(
        Panel(
            name="matrices",
            title="Matrices on both sides of the cut",
            tables=("cells",),
            alt="One square of cells per side with r of every pair of benchmarks, coloured by sign and size, ours "
            "above and the dashboard's printed ones below.",
            figure=matrices,
        ),
        Panel(
            name="pairs",
            title="Every pair with its interval",
            tables=("cells",),
            alt="One row per pair of benchmarks with r below and above the cut and their 95% intervals on an axis from "
            "-1 to 1; printed values as stars.",
            figure=pairs,
        ),
        Panel(
            name="change",
            title="Size of the change",
            tables=("change",),
            alt="Frobenius norm of the change between the sides with its 95% interval, beside the range that dealing "
            "models at random gives.",
            figure=change,
        ),
        Panel(
            name="folds",
            title="Without each family",
            tables=("folds",),
            alt="One row per pair and side; one mark for r without each family, and one for r with all of them.",
            figure=folds,
        ),
    ),
    controls=(
        *WINDOW,
        "benchmarks",
        "cut_by",
        "cut_b",
        "cut_level",
        "estimator",
        "near_chance",
        "resamples",
        "seed",
    ),
    claims=COUPLING_MATRIX,
)
