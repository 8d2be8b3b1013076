"""gamma_12 on every interval between consecutive sizes, with Fieller intervals; and its difference between ladders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from cape.calibration import DECLARED
from cape.calibration.estimators import GAMMA, JACKKNIFED, MEAN_GAMMA, SHARE_NEGATIVE
from cape.diagnostics._calibrated import like, with_calibration
from cape.diagnostics._compare import CompareParams, Other, comparison_sentences, named, other_of
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import PARAMETERS, position_unit, require, size_rows, step_rows, steps_of
from cape.diagnostics._params import WINDOW, Params
from cape.diagnostics.wiring.local_coupling import LOCAL_COUPLING
from cape.figures.coupling import gamma_by_size, gamma_quadrants
from cape.quantities import Estimate, Phase, Table
from cape.stats.compare import gamma_difference, mean_gamma_difference
from cape.stats.coupling import phase_probabilities
from cape.stats.inference import Z_LEVEL, Steps
from cape.stats.jackknife import jackknife_mean
from cape.stats.summaries import clustered_mean, expected_count, mean_of_measured

GAMMA_UNIT = "pp/pp"
GAMMA_METHOD = "ratio of score differences between consecutive sizes; Fieller interval from the scores' standard errors"
MEANS = {"mean_gamma_12": MEAN_GAMMA, "share_negative": SHARE_NEGATIVE}
JACKKNIFE = ": jackknife"  # ends the label of the same mean with the interval of cape.stats.jackknife
STEP_COLUMNS = (
    "label",
    "family",
    "models_from",
    "models_to",
    "position_from",
    "position_to",
    "position_mid",
    "delta_x_pct",
    "delta_y_pct",
    "delta_x_se_pct",
    "delta_y_se_pct",
    "gamma",
    "gamma_low",
    "gamma_high",
    "gamma_se",
    "gamma_raw",
    "null_high",
    "angle_deg",
    "quadrant",
    "phase",
    "phase_paper",
    "undefined_reason",
    "n_rows",
    "is_population_step",
    "source_id",
)
STEP_UNITS = {
    "position_from": "parameters",
    "position_to": "parameters",
    "position_mid": "parameters",
    "delta_x_pct": "percentage points",
    "delta_y_pct": "percentage points",
    "delta_x_se_pct": "percentage points",
    "delta_y_se_pct": "percentage points",
    "gamma": GAMMA_UNIT,
    "gamma_low": GAMMA_UNIT,
    "gamma_high": GAMMA_UNIT,
    "gamma_se": GAMMA_UNIT,
    "gamma_raw": GAMMA_UNIT,
    "null_high": GAMMA_UNIT,
    "angle_deg": "degrees",
}


def compute(params: CompareParams, read: Read) -> Outcome:
    """Return gamma per interval, the mean over families, phase counts and the chosen comparison (paper 2.1, A.1)."""
    rows = step_rows(params, read)
    require(rows, params, what="two sizes of one family")
    rng = np.random.default_rng(params.seed)
    estimates = [*summary_estimates(rows, params, rng), *gamma_estimates(rows), *score_estimates(rows, params)]
    sizes = size_rows(params, read)
    estimates = with_calibration(estimates, read, like(sizes), _calibrated_name)
    each = replace(like(sizes), n_families=DECLARED.n_families)  # one interval does not rest on other families
    estimates = with_calibration(estimates, read, each, lambda e: GAMMA if e.symbol == "gamma_12" else None)
    tables = [step_table("steps", "Intervals between consecutive sizes", rows)]
    other = other_of(params, read)
    if other is not None:
        other_rows = step_rows(other.params, read)
        require(other_rows, other.params, what="two sizes of one family")
        estimates += _comparison(params, rows, other, other_rows)
        tables.append(step_table("compared", f"Intervals of {other.name}", other_rows))
    return Outcome(
        estimates=tuple(estimates),
        tables=tuple(tables),
        sentences=(*_sentences(rows), *comparison_sentences(estimates)),
    )


def step_table(name: str, title: str, rows: pl.DataFrame) -> Table:
    """Return the step rows as shown; null_high is the half-width of gamma when the second benchmark does not move."""
    null = Z_LEVEL * pl.col("variance_y").sqrt() / pl.col("delta_x_pct").abs()
    shown = rows.with_columns(
        pl.when(pl.col("gamma").is_not_null()).then(null).alias("null_high"),
        pl.col("variance_x").sqrt().alias("delta_x_se_pct"),
        pl.col("variance_y").sqrt().alias("delta_y_se_pct"),
    )
    unit = position_unit(rows)
    units = {column: unit if of == PARAMETERS else of for column, of in STEP_UNITS.items()}
    return Table(name=name, title=title, frame=shown.select(STEP_COLUMNS), units=units)


def gamma_estimates(rows: pl.DataFrame) -> list[Estimate]:
    """Return gamma_12 of every step, and the bare ratio where the rule leaves gamma undefined."""
    estimates = []
    for row in rows.iter_rows(named=True):
        averaged: tuple[str, ...] = (
            (f"{row['n_rows']} rows at two sizes: equal sizes were averaged",) if row["n_rows"] > 2 else ()
        )
        reason = (f"undefined: {row['undefined_reason']}",) if row["gamma"] is None else ()
        lacking = () if row["gamma_low"] is not None or reason else ("no interval: a standard error is unknown",)
        estimates.append(
            Estimate(
                symbol="gamma_12",
                label=row["label"],
                value=row["gamma"],
                low=row["gamma_low"],
                high=row["gamma_high"],
                n=row["n_rows"],
                unit=GAMMA_UNIT,
                method=GAMMA_METHOD,
                caveats=reason + lacking + averaged,
            )
        )
    return estimates


def summary_estimates(rows: pl.DataFrame, params: Params, rng: np.random.Generator) -> list[Estimate]:
    """Return mean gamma, the share of negative intervals, the typical error and the intervals in each phase."""
    steps, name = steps_of(rows), named(params)
    negative = np.where(np.isfinite(steps.gamma), (steps.gamma < 0).astype(float), np.nan)
    if np.unique(steps.family).size > 1:
        mean = clustered_mean(steps.gamma, steps.family, n_resamples=params.resamples, rng=rng, what="gamma")
    else:
        mean = mean_of_measured(steps.gamma, steps.gamma_se, what="gamma")
    share = clustered_mean(negative, steps.family, n_resamples=params.resamples, rng=rng, what="sign of gamma")
    estimates = [
        mean.estimate(symbol="mean_gamma_12", label=name, unit=GAMMA_UNIT),
        share.estimate(symbol="share_negative", label=name, unit="share of intervals"),
        *_jackknifed(steps, negative, name),
        _typical_error(steps, name),
    ]
    defined = np.isfinite(steps.gamma) & np.isfinite(steps.gamma_se)
    chances = phase_probabilities(steps.gamma[defined], steps.gamma_se[defined])
    for column, phase in enumerate((Phase.TAX, Phase.TRANSITION, Phase.BONUS)):
        method = "expected number of intervals in the phase if each gamma is Normal(gamma, SE)"
        count = expected_count(chances[:, column], n_draws=params.resamples, rng=rng, method=method)
        estimates.append(
            count.estimate(
                symbol="n_intervals_in_phase", label=str(phase), unit="intervals", caveats=_labels(rows, phase)
            )
        )
    return [*estimates, *(_phase_count(rows, phase) for phase in (Phase.UNDETERMINED, Phase.NONE))]


def _jackknifed(steps: Steps, negative: np.ndarray, name: str) -> list[Estimate]:
    """Return both means with the interval from leaving out one family at a time, where there is more than one."""
    if np.unique(steps.family).size < 2:
        return []
    mean = jackknife_mean(steps.gamma, steps.family, what="gamma")
    share = jackknife_mean(negative, steps.family, what="sign of gamma")
    return [
        mean.estimate(symbol="mean_gamma_12", label=f"{name}{JACKKNIFE}", unit=GAMMA_UNIT),
        share.estimate(symbol="share_negative", label=f"{name}{JACKKNIFE}", unit="share of intervals"),
    ]


def _calibrated_name(estimate: Estimate) -> str | None:
    name = MEANS.get(estimate.symbol)
    return JACKKNIFED[name] if name is not None and estimate.label.endswith(JACKKNIFE) else name


def score_estimates(rows: pl.DataFrame, params: CompareParams) -> list[Estimate]:
    """Return the change of both scores on every step of a single ladder, with its interval."""
    if rows["family"].n_unique() > 1:
        return []
    estimates = []
    for row in rows.iter_rows(named=True):
        for axis, benchmark in (("x", params.x), ("y", params.y)):
            value, variance = row[f"delta_{axis}_pct"], row[f"variance_{axis}"]
            half = None if variance is None else Z_LEVEL * variance**0.5
            estimates.append(
                Estimate(
                    symbol="delta_score",
                    label=f"{row['label']}, {benchmark}",
                    value=value,
                    low=None if half is None else value - half,
                    high=None if half is None else value + half,
                    n=row["n_rows"],
                    unit="pp",
                    method="difference of scores between consecutive sizes; normal interval from their standard errors",
                    caveats=() if half is not None else ("no interval: a standard error is unknown",),
                )
            )
    return estimates


def _typical_error(steps: Steps, name: str) -> Estimate:
    known = steps.gamma_se[np.isfinite(steps.gamma_se)]
    low, value, high = np.percentile(known, [25, 50, 75]).tolist() if known.size else (None, None, None)
    return Estimate(
        symbol="gamma_12_se",
        label=name,
        value=value,
        low=low,
        high=high,
        n=int(known.size),
        unit=GAMMA_UNIT,
        method="median standard error of gamma over intervals; low and high are quartiles",
        caveats=() if known.size else ("no interval has a standard error",),
    )


def _labels(rows: pl.DataFrame, phase: Phase) -> tuple[str, ...]:
    settled = rows.filter(pl.col("phase") == phase).height
    printed = rows.filter(pl.col("phase_paper") == phase).height
    return (f"{settled} of {rows.height} are settled by their own 95% interval; the bare ratio alone labels {printed}",)


def _phase_count(rows: pl.DataFrame, phase: Phase) -> Estimate:
    return Estimate(
        symbol="n_intervals_in_phase",
        label=str(phase),
        value=float(rows.filter(pl.col("phase") == phase).height),
        low=None,
        high=None,
        n=rows.height,
        unit="intervals",
        method="count of intervals by label",
        caveats=("no interval: a count of labels that the data did not settle",),
    )


def _comparison(params: CompareParams, rows: pl.DataFrame, other: Other, other_rows: pl.DataFrame) -> list[Estimate]:
    label = f"{named(params)} minus {other.name}"
    rng = np.random.default_rng([params.seed, 1])
    steps, other_steps = steps_of(rows), steps_of(other_rows)
    mean = mean_gamma_difference(steps, other_steps, n_resamples=params.resamples, rng=rng)
    estimates = [
        mean.estimate(symbol="delta_mean_gamma_12", label=label, unit=GAMMA_UNIT, caveats=other.caveats),
    ]
    mine, theirs = _by_size(rows), _by_size(other_rows)
    for key in sorted(mine.keys() & theirs.keys()):
        a, b = mine[key], theirs[key]
        found = gamma_difference(a["gamma"], a["gamma_se"], b["gamma"], b["gamma_se"])
        estimates.append(
            found.estimate(
                symbol="delta_gamma_12",
                label=f"{a['label']} minus {b['label']} of {other.name}",
                unit=GAMMA_UNIT,
                caveats=other.caveats,
            )
        )
    return estimates


def _by_size(rows: pl.DataFrame) -> dict[tuple[str, float, float], dict]:
    """Return the steps by (family, from, to) for families on both sides, or by size alone for single ladders."""
    alone = rows["family"].n_unique() == 1
    return {
        ("" if alone else row["family"], row["position_from"], row["position_to"]): row
        for row in rows.iter_rows(named=True)
    }


def _sentences(rows: pl.DataFrame) -> tuple[str, ...]:
    n, n_families = rows.height, rows["family"].n_unique()
    counts = {phase: rows.filter(pl.col("phase") == phase).height for phase in Phase}
    settled = counts[Phase.TAX] + counts[Phase.BONUS] + counts[Phase.TRANSITION]
    return (
        f"{settled} of {n} intervals in {n_families} families have a phase that their 95% interval settles: "
        f"{counts[Phase.TAX]} tax, {counts[Phase.TRANSITION]} transition, {counts[Phase.BONUS]} bonus. "
        f"{counts[Phase.UNDETERMINED]} are undetermined and {counts[Phase.NONE]} have no defined gamma.",
    )


DIAGNOSTIC = Diagnostic(
    slug="local_coupling",
    alias="gamma",
    section="Coupling",
    title="Local coupling",
    question="When a family grows by one size, do the two benchmarks rise together, and how sure is the sign?",
    source="Paper A 2.1 and A.1; interval by Fieller (1954)",
    params=CompareParams,
    compute=compute,
    panels=(
        Panel(
            name="gamma_by_size",
            title="gamma_12 by size",
            tables=("steps",),
            alt="gamma of each interval against the geometric mean size on a log axis, with 95% intervals, one "
            "marker shape per phase; a bar around zero shows what standing still would give.",
            figure=gamma_by_size,
        ),
        Panel(
            name="quadrants",
            title="Direction of each step",
            tables=("steps",),
            alt="Change of the second benchmark against change of the first for every step, by quadrant.",
            figure=gamma_quadrants,
        ),
    ),
    controls=(*WINDOW, "compare_panel", "compare_family", "resamples", "seed"),
    claims=LOCAL_COUPLING,
)
