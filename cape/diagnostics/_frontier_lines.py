"""Estimates of a line through frontier models: pooled, by subset, within and between labs, left-out labs, shuffles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from cape.calibration.estimators import JACKKNIFED, R_BETWEEN, R_FAMILIES, R_MODELS, R_WITHIN
from cape.diagnostics._calibrated import items_behind, like_labs, with_calibration
from cape.diagnostics._diagnostic import Read
from cape.quantities import Estimate, Table
from cape.stats.correlation import clustered_correlation, pearson, permutation_p
from cape.stats.inference import Inference
from cape.stats.jackknife import jackknife_correlation
from cape.stats.lab_line import (
    LabLine,
    LabPoints,
    LeftOut,
    classical_intercept,
    in_labs,
    lab_line,
    lab_shuffle_p,
    leave_lab_out,
    mean_over_labs,
    spread_over_labs,
    within_and_between,
)
from cape.stats.lines import fit_line
from cape.stats.residual_field import Line
from cape.stats.signs import student_p
from cape.stats.summaries import wilson_interval

BY_MODEL, BY_LAB = "models as independent", "labs as independent"
BY_LAB_JACKKNIFE = f"{BY_LAB}, jackknife"
HOW = (BY_MODEL, BY_LAB, BY_LAB_JACKKNIFE)
CALIBRATED = {
    ("r", BY_MODEL): R_MODELS,
    ("r", BY_LAB): R_FAMILIES,
    ("r", BY_LAB_JACKKNIFE): JACKKNIFED[R_FAMILIES],
    ("r_within", ""): R_WITHIN,
    ("r_between", ""): R_BETWEEN,
}
LEAST_MODELS = 3  # models of a lab in the paper's leave-one-lab-out error, paper A.6
MOST_SHUFFLES = 20_000
SLOPE, SLOPE_UNIT = "frontier_slope", "pp/pp"


def line_estimates(
    points: LabPoints, label: str, *, n_resamples: int, rng: np.random.Generator
) -> tuple[list[Estimate], LabLine]:
    """Return r, slope and intercept with classical and lab-bootstrap intervals, and the resampled line."""
    line = lab_line(points, n_resamples=n_resamples, rng=rng)
    clustered = in_labs(clustered_correlation(points.x, points.y, points.lab, n_resamples=n_resamples, rng=rng))
    found = (
        ("r", BY_MODEL, pearson(points.x, points.y), ""),
        ("r", BY_LAB, clustered, ""),
        ("r", BY_LAB_JACKKNIFE, in_labs(jackknife_correlation(points.x, points.y, points.lab)), ""),
        (SLOPE, BY_MODEL, fit_line(points.x, points.y).slope, SLOPE_UNIT),
        (SLOPE, BY_LAB, line.slope, SLOPE_UNIT),
        ("frontier_intercept", BY_MODEL, classical_intercept(points), "%"),
        ("frontier_intercept", BY_LAB, line.intercept, "%"),
    )
    estimates = [one.estimate(symbol=symbol, label=f"{label}: {how}", unit=unit) for symbol, how, one, unit in found]
    return estimates, line


def calibrated_labs(estimates: list[Estimate], rows: pl.DataFrame, label: str, read: Read) -> list[Estimate]:
    """Return the estimates with what the calibration says of each; labs stand for families, their models for sizes."""

    def name_of(estimate: Estimate) -> str | None:
        return CALIBRATED.get((estimate.symbol, estimate.label.removeprefix(label).removeprefix(": ")))

    n_models = rows.group_by("lab").len().filter(pl.col("len") > 1)["len"].median()
    here = like_labs(rows["lab"].n_unique(), n_models, *(items_behind(rows, axis) for axis in "xy"))
    return with_calibration(estimates, read, here, name_of)


def share_estimates(points: LabPoints, label: str, *, n_resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return slopes and r within and between labs, and the slope of every lab with enough models."""
    found = within_and_between(points, n_resamples=n_resamples, rng=rng)
    estimates = [
        found.slope_within.estimate(symbol=SLOPE, label=f"{label}: within labs", unit=SLOPE_UNIT),
        found.slope_between.estimate(symbol=SLOPE, label=f"{label}: between labs", unit=SLOPE_UNIT),
        found.r_within.estimate(symbol="r_within", label=label, unit=""),
        found.r_between.estimate(symbol="r_between", label=label, unit=""),
    ]
    for lab in np.unique(points.lab):
        own = points.rows(points.lab == lab)
        if own.x.size >= LEAST_MODELS:
            slope = fit_line(own.x, own.y).slope
            estimates.append(slope.estimate(symbol=SLOPE, label=f"{label}: {lab}", unit=SLOPE_UNIT))
    return estimates


def p_estimates(points: LabPoints, label: str, *, n_resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return p of r: t test, models exchangeable, and shuffles that keep labs with the interval of their number."""
    n_shuffles = min(n_resamples, MOST_SHUFFLES)
    r = pearson(points.x, points.y).value
    p = None if r is None else student_p(r, n=points.x.size)
    lost = ("no interval: a tail probability",) if p is not None else ("undefined: r or its freedom is missing",)
    t_test = Inference(
        value=p,
        low=None,
        high=None,
        n=points.x.size,
        method="two-sided t test of r, models as independent",
        caveats=lost,
    )
    estimates = [t_test.estimate(symbol="p_independent", label=label, unit="")]
    plain = permutation_p(points.x, points.y, n_permutations=n_shuffles, rng=rng)
    estimates.append(
        Estimate(
            symbol="p_permutation",
            label=f"{label}: two-sided",
            value=plain.p_two_sided,
            low=None,
            high=None,
            n=points.x.size,
            unit="",
            method=f"{plain.method}; {plain.n_orderings} orderings, models exchangeable",
            caveats=plain.caveats or (f"no interval: a tail share; smallest possible {plain.smallest_p or 0:.2g}",),
        )
    )
    for name, test in lab_shuffle_p(points, n_permutations=n_shuffles, rng=rng).items():
        low, high = _monte_carlo(test.p_two_sided, test.n_orderings, is_exact=test.exact)
        caveats = test.caveats
        if test.p_two_sided is not None:
            caveats += (f"smallest possible with {test.n_orderings} orderings: {test.smallest_p or 0:.2g}",)
            caveats += ("no interval: all orderings",) if test.exact else ("interval of the number of shuffles only",)
        estimates.append(
            Estimate(
                symbol="p_labs",
                label=f"{label}: {name}",
                value=test.p_two_sided,
                low=low,
                high=high,
                n=points.n_labs,
                unit="",
                method=test.method,
                caveats=caveats,
            )
        )
    return estimates


def _monte_carlo(p: float | None, n_orderings: int, *, is_exact: bool) -> tuple[float | None, float | None]:
    """Return the interval of a two-sided p that random shuffles estimate: twice Wilson's interval of the tail."""
    if p is None or is_exact:
        return None, None
    tail = round(p / 2 * (n_orderings + 1)) - 1  # shuffles at least as far as the data, which count once themselves
    low, high = wilson_interval(tail, n_orderings)
    return min(1.0, 2 * (low or 0.0)), min(1.0, 2 * (high or 0.0))


def left_out_estimates(
    points: LabPoints, label: str, *, n_resamples: int, rng: np.random.Generator
) -> tuple[list[Estimate], Table]:
    """Return the leave-one-lab-out errors of line and mean, over labs and by lab, and their table."""
    found = leave_lab_out(points)
    estimates = []
    groups = {
        f"labs with at least {LEAST_MODELS} models": found.n_models >= LEAST_MODELS,
        "all labs": np.ones(found.lab.size, dtype=bool),
    }
    for name, kept in groups.items():
        about = f"{label}: {name}"
        line, plain = found.error_line[kept], found.error_mean[kept]
        rows = (
            ("lolo_error", line, "error of the line of the other labs"),
            ("lolo_error_mean", plain, "error of the other labs' mean"),
            ("lolo_gain", plain - line, "error of the other labs' mean less that of their line"),
        )
        for symbol, values, what in rows:
            mean = mean_over_labs(values, what=what, n_resamples=n_resamples, rng=rng)
            estimates.append(mean.estimate(symbol=symbol, label=about, unit="pp"))
        spreads = spread_over_labs(line, what="error of the line of the other labs")
        for divisor, spread in zip(("n", "n - 1"), spreads, strict=True):
            estimates.append(spread.estimate(symbol="lolo_spread", label=f"{about}, by {divisor}", unit="pp"))
    estimates += [_lab_error(found, index, label) for index in range(found.lab.size)]
    frame = pl.DataFrame(
        {
            "lab": found.lab.astype(object),
            "n_models": found.n_models,
            "error_line_pp": found.error_line,
            "error_mean_pp": found.error_mean,
            "bias_pp": found.bias,
        },
        schema_overrides={"lab": pl.String},
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    units = dict.fromkeys(("error_line_pp", "error_mean_pp", "bias_pp"), "pp")
    table = Table(name="left_out", title="Each lab under the line of the others", frame=frame, units=units)
    return estimates, table


def _lab_error(found: LeftOut, index: int, label: str) -> Estimate:
    value = float(found.error_line[index])
    known = np.isfinite(value)
    plain = float(found.error_mean[index])
    beside = f"the other labs' mean errs by {plain:.3g} pp" if np.isfinite(plain) else "there is no other lab"
    return Estimate(
        symbol="lolo_error",
        label=f"{label}: {found.lab[index]}",
        value=value if known else None,
        low=None,
        high=None,
        n=int(found.n_models[index]),
        unit="pp",
        method="mean absolute error of the lab's models under the line of the other labs",
        caveats=("no interval: one lab" if known else "undefined: the other labs give no line", beside),
    )


def later_estimates(
    frozen: LabPoints, later: LabPoints, line: Line | None, *, n_resamples: int, rng: np.random.Generator
) -> list[Estimate]:
    """Return errors on later rows of the printed line, of the line of the frozen rows and of their mean."""
    refit = fit_line(frozen.x, frozen.y)
    mean = frozen.y.mean() if frozen.y.size else np.nan
    predicted = {
        "frozen line": None if line is None else line.intercept + line.slope * later.x,
        "line of the frozen rows": None
        if refit.intercept is None
        else refit.intercept + (refit.slope.value or 0.0) * later.x,
        "mean of the frozen rows": np.full(later.x.size, mean),
    }
    estimates = []
    for name, values in predicted.items():
        errors = np.empty(0) if values is None else np.abs(later.y - values)
        labs = [errors[later.lab == lab].mean() for lab in np.unique(later.lab)] if errors.size else []
        found = mean_over_labs(np.array(labs), what="error on later rows", n_resamples=n_resamples, rng=rng)
        caveats = tuple(c for c in found.caveats if "share models" not in c)
        estimates.append(
            replace(found, caveats=caveats).estimate(symbol="later_error", label=f"later rows: {name}", unit="pp")
        )
    return estimates
