"""gamma over size: its line and its kink with their zeros and residuals, and its rate of exchange above N_c."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from cape.diagnostics._flow_params import GAMMA, FlowParams, Ladders, fewer, pooled_name
from cape.diagnostics._plain_estimates import count, undefined
from cape.positions import Axis
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference, to_billions
from cape.stats.running import (
    KinkFit,
    LineFit,
    Running,
    family_running,
    heterogeneity,
    kink_fit,
    ladder_running,
    line_fit,
)
from cape.stats.summaries import clustered_mean

MOST_KINK = 1_000  # resamples of the kink, the costly fit; its method says the number
LEAST_KINK, LEAST_LINE = 6, 3
CURVE_POINTS = 60


def running_fits(params: FlowParams, ladders: Ladders, n_c: Inference) -> tuple[list[Estimate], list[Table]]:
    """Return lines, pooled and of every ladder long enough, the kink of the first, and the rate above N_c (A.9)."""
    runs = _runs(params, ladders)
    lines = {name: line_fit(run) for name, run in runs.items()}
    name = next(iter(runs), "")  # a kink has four terms: only the first fit, all families or the one selected, gets one
    kinks = {name: kink_fit(_first(runs[name]))} if name and runs[name].log10_n.size >= LEAST_KINK else {}
    estimates = [e for name, fit in lines.items() for e in _line_estimates(name, fit, runs[name], params.axis)]
    estimates += [e for name, kink in kinks.items() for e in _kink_estimates(name, kink, params.axis)]
    estimates += _locking(params, ladders, n_c)
    return estimates, [_running_table(params, ladders, lines, kinks), _running_curves(lines, kinks, ladders)]


def _runs(params: FlowParams, ladders: Ladders) -> dict[str, Running]:
    rng = np.random.default_rng([params.seed, 33])
    runs = {}
    if ladders.is_pooled:
        runs[pooled_name(params)] = family_running(
            ladders.steps, is_weighted=params.is_weighted, n_resamples=params.resamples, rng=rng
        )
    for name, ladder in ladders.each.items():
        if ladder.log10_n.size > LEAST_LINE:
            runs[name] = ladder_running(ladder, is_weighted=params.is_weighted, n_draws=fewer(params), rng=rng)
    return runs


def _first(run: Running) -> Running:
    """Return the run with no more resamples than a kink is given."""
    return replace(run, gamma=run.gamma[: MOST_KINK + 1], weight=run.weight[: MOST_KINK + 1])


def _line_estimates(name: str, fit: LineFit, run: Running, axis: Axis) -> list[Estimate]:
    seen = run.weight[0] > 0
    signed = seen & (run.gamma[0] != 0)
    hits = int(((fit.fitted > 0) == (run.gamma[0] > 0))[signed].sum()) if fit.slope.value is not None else None
    method = "intervals whose gamma has the sign of the fitted line"
    return [
        fit.slope.estimate(symbol="gamma_line_slope", label=name, unit=f"{GAMMA} per decade"),
        fit.intercept.estimate(symbol="gamma_line_intercept", label=name, unit=GAMMA),
        to_billions(fit.zero, axis).estimate(symbol="N_line_zero", label=name, unit=axis.unit),
        fit.r2.estimate(symbol="gamma_line_r2", label=name, unit=""),
        fit.rmse.estimate(symbol="gamma_line_rmse", label=name, unit=GAMMA),
        undefined("n_line_hits", name, n=0, unit="intervals", method=method, why=("no line",))
        if hits is None
        else count("n_line_hits", name, hits, n=int(signed.sum()), unit="intervals", method=f"{method}, in sample"),
        count(
            "n_gamma",
            name,
            int(seen.sum()),
            n=int(seen.sum()),
            unit="intervals",
            method="intervals with a defined gamma",
        ),
    ]


def _kink_estimates(name: str, fit: KinkFit, axis: Axis) -> list[Estimate]:
    centre, zero = (
        replace(found, caveats=(*found.caveats, note))
        for found, note in (
            (fit.centre, "the centre is where gamma equals the offset, not where it is zero"),
            (fit.zero, "the zero is where gamma changes sign, which is what N_c means"),
        )
    )
    return [
        fit.amplitude.estimate(symbol="kink_amplitude", label=name, unit=GAMMA),
        fit.centre.estimate(symbol="kink_centre", label=name, unit="log10 N"),
        fit.width.estimate(symbol="kink_width", label=name, unit="decades"),
        fit.offset.estimate(symbol="kink_offset", label=name, unit=GAMMA),
        fit.rmse.estimate(symbol="kink_rmse", label=name, unit=GAMMA),
        fit.gain.estimate(symbol="kink_gain", label=name, unit=""),
        to_billions(centre, axis).estimate(symbol="N_kink_centre", label=name, unit=axis.unit),
        to_billions(zero, axis).estimate(symbol="N_kink_zero", label=name, unit=axis.unit),
    ]


def _locking(params: FlowParams, ladders: Ladders, n_c: Inference) -> list[Estimate]:
    """Return the rate of exchange above N_c and whether one rate fits all intervals there (paper A.9)."""
    label = f"{pooled_name(params) if ladders.is_pooled else next(iter(ladders.each), 'none')} above N_c"
    steps, caveats = ladders.steps, (f"N_c by {params.n_c}; intervals whose mid-point lies above it",)
    if n_c.value is None:
        why = ("undefined: there is no N_c to lie above", *n_c.caveats)
        return [undefined("locked_rate", label, n=0, unit=GAMMA, method="none", why=why)]
    above = steps.log10_n_mid > n_c.value
    rng = np.random.default_rng([params.seed, 34])
    gamma, error = steps.gamma[above], steps.gamma_se[above]
    mean = clustered_mean(gamma, steps.family[above], n_resamples=params.resamples, rng=rng, what="gamma")
    spread = heterogeneity(gamma, error)
    method = "Cochran's Q of gamma over intervals above N_c"
    estimates = [mean.estimate(symbol="locked_rate", label=label, unit=GAMMA, caveats=caveats)]
    for symbol, value, what in (
        ("gamma_i2", spread.i2, "(Q - df) / Q"),
        ("p_heterogeneity", spread.p, "chance of a Q as large from measurement error alone"),
        ("locked_rate", spread.mean, "mean weighted by 1 / SE^2"),
    ):
        name = f"{label}, weighted" if symbol == "locked_rate" else label
        unit = GAMMA if symbol == "locked_rate" else ""
        why = ("no interval: see the plain mean",) if symbol == "locked_rate" else ("no interval: a test statistic",)
        estimates.append(
            Estimate(
                symbol=symbol,
                label=name,
                value=value,
                low=None,
                high=None,
                n=spread.n,
                unit=unit,
                method=f"{what}; {method}",
                caveats=(*(why if value is not None else ("undefined: fewer than 2 intervals",)), *caveats),
            )
        )
    return estimates


def _running_table(params: FlowParams, ladders: Ladders, lines: dict[str, LineFit], kinks: dict[str, KinkFit]) -> Table:
    """Every interval of the fitted population with both fits and their residuals."""
    defined = ladders.kept.filter(pl.col("gamma").is_not_null())
    name = pooled_name(params) if ladders.is_pooled else next(iter(lines), "")
    columns: dict[str, np.ndarray] = {}
    for kind, fitted in (
        ("line", lines[name].fitted if name in lines else None),
        ("kink", kinks[name].fitted if name in kinks else None),
    ):
        columns[kind] = _matched(fitted, ladders, defined.height)
    columns_ = ("label", "family", "position_mid", "gamma", "gamma_low", "gamma_high", "gamma_se")
    frame = defined.select(*columns_).with_columns(
        *(pl.Series(kind, values).fill_nan(None) for kind, values in columns.items())
    )
    frame = frame.with_columns(
        (pl.col("gamma") - pl.col("line")).alias("line_residual"),
        (pl.col("gamma") - pl.col("kink")).alias("kink_residual"),
    )
    units = {"position_mid": "parameters", **dict.fromkeys(frame.columns[3:], GAMMA)}
    return Table(name="running", title="gamma of each interval with its fits", frame=frame, units=units)


def _matched(fitted: np.ndarray | None, ladders: Ladders, height: int) -> np.ndarray:
    """Return fitted values in the order of the defined steps, NaN where the fit holds other steps."""
    if fitted is None:
        return np.full(height, np.nan)
    if fitted.size == height:
        return fitted
    defined = np.isfinite(ladders.steps.gamma)
    return fitted[defined] if fitted.size == defined.size else np.full(height, np.nan)


def _running_curves(lines: dict[str, LineFit], kinks: dict[str, KinkFit], ladders: Ladders) -> Table:
    """The line and the kink of the first fit over the sizes observed."""
    size = ladders.steps.log10_n_mid[np.isfinite(ladders.steps.gamma)]
    name = next(iter(lines), "")
    rows = []
    grid = np.linspace(size.min(), size.max(), CURVE_POINTS) if size.size else np.empty(0)
    line, kink = lines.get(name), kinks.get(name)
    if line is not None and line.slope.value is not None and line.intercept.value is not None:
        rows += _curve("line", grid, line.intercept.value + line.slope.value * grid)
    if kink is not None and None not in (
        parts := [f.value for f in (kink.amplitude, kink.centre, kink.width, kink.offset)]
    ):
        amplitude, centre, width, offset = (float(p) for p in parts if p is not None)
        rows += _curve("kink", grid, amplitude * np.tanh((grid - centre) / width) + offset)
    schema = {"curve": pl.String, "position": pl.Float64, "gamma": pl.Float64}
    return Table(
        name="running_curves",
        title="Fitted line and kink",
        frame=pl.DataFrame(rows, schema=schema),
        units={"position": "parameters", "gamma": GAMMA},
    )


def _curve(kind: str, grid: np.ndarray, height: np.ndarray) -> list[dict[str, object]]:
    return [{"curve": kind, "position": 10**size, "gamma": g} for size, g in zip(grid, height, strict=True)]
