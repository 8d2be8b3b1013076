"""The beta function of gamma: its fits, its fixed points, and the same fits on ladders whose gamma does not run."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._flow_params import GAMMA, FlowParams, Ladders, fewer, pooled_name
from cape.diagnostics._plain_estimates import undefined
from cape.quantities import Estimate, Table
from cape.stats.flow import At, BetaFit, Degree, FlowPoints, beta_function, flow_points, ladder_beta_function, null_r2
from cape.stats.inference import Inference

LEAST_SIZES = {Degree.LINEAR: 6, Degree.QUADRATIC: 9}  # sizes of a ladder, so that rates are left over
CURVE_POINTS = 60


def beta_fits(params: FlowParams, ladders: Ladders) -> tuple[list[Estimate], list[Table]]:
    """Return the beta functions with their null: pooled where there are several families, and of every long ladder."""
    at = At(params.slope_at)
    points = flow_points(ladders.steps, ladders.ladder, at=at)
    betas, nulls = _betas(params, ladders, points, at), _nulls(params, ladders, at)
    estimates = [e for name, fit in betas for e in _beta_estimates(name, fit, points)] + _null_estimates(nulls, betas)
    return estimates, [_rates_table(points), _beta_curves(betas, points), _fixed_table(betas)]


def _betas(params: FlowParams, ladders: Ladders, points: FlowPoints, at: At) -> list[tuple[str, BetaFit]]:
    rng = np.random.default_rng([params.seed, 31])
    fits = []
    if ladders.is_pooled:
        for degree in Degree:
            fit = beta_function(
                points, degree=degree, is_weighted=params.is_weighted, n_resamples=params.resamples, rng=rng
            )
            fits.append((pooled_name(params), fit))
    for name, ladder in ladders.each.items():
        for degree in (degree for degree in Degree if ladder.log10_n.size >= LEAST_SIZES[degree]):
            fit = ladder_beta_function(
                ladder, degree=degree, at=at, is_weighted=params.is_weighted, n_draws=fewer(params), rng=rng
            )
            fits.append((name, fit))
    return fits


def _nulls(params: FlowParams, ladders: Ladders, at: At) -> dict[Degree, tuple[str, Inference, Inference]]:
    """Return R2 and slope of ladders whose gamma does not run, for the first name of the fits."""
    kept = set(ladders.steps.family)
    chosen = tuple(ladder for ladder in ladders.each.values() if ladder.log10_n.size > 2 and ladder.family[0] in kept)
    if not chosen:
        return {}
    name = pooled_name(params) if ladders.is_pooled else next(iter(ladders.each))
    rng = np.random.default_rng([params.seed, 32])
    return {
        degree: (
            name,
            *null_r2(chosen, degree=degree, at=at, is_weighted=params.is_weighted, n_draws=fewer(params), rng=rng),
        )
        for degree in Degree
    }


def _beta_estimates(name: str, fit: BetaFit, points: FlowPoints) -> list[Estimate]:
    label = f"{name}, {fit.degree}"
    n_rates = f"{points.gamma.size} rates of {np.unique(points.family).size} families" if "pooled" in name else ""
    caveats = (n_rates,) if n_rates else ()
    estimates = [
        found.estimate(symbol="beta_coefficient", label=f"{label}: gamma^{p}", unit="per decade", caveats=caveats)
        for p, found in enumerate(fit.coefficients)
    ]
    kind = "zero" if fit.degree is Degree.LINEAR else "stable"
    estimates.append(
        fit.fixed.estimate(symbol="gamma_star", label=f"{label}: {kind}", unit=GAMMA, caveats=(stability(fit),))
    )
    if fit.other is not None:
        estimates.append(fit.other.estimate(symbol="gamma_star", label=f"{label}: unstable", unit=GAMMA))
    return [
        *estimates,
        fit.slope.estimate(symbol="beta_slope", label=label, unit="per decade"),
        fit.r2.estimate(symbol="beta_r2", label=label, unit="", caveats=caveats),
    ]


def stability(fit: BetaFit) -> str:
    """Return what the interval of the slope of beta at a fixed point says about its stability."""
    slope = fit.slope
    if fit.other is not None:
        return "stable where it exists: the zero at which a parabola falls"
    if slope.value is None:
        return "stability undefined: there is no fixed point"
    if slope.low is None or slope.high is None:
        return "stability without an interval: " + ("stable" if slope.value < 0 else "unstable")
    if slope.high < 0:
        return "stable: the 95% interval of the slope lies below 0"
    return "unstable: the 95% interval of the slope lies above 0" if slope.low > 0 else "stability not settled"


def _null_estimates(
    nulls: dict[Degree, tuple[str, Inference, Inference]], betas: list[tuple[str, BetaFit]]
) -> list[Estimate]:
    estimates = []
    for degree, (name, r2, slope) in nulls.items():
        label = f"{name}, {degree}"
        estimates += [
            r2.estimate(symbol="beta_r2_null", label=label, unit=""),
            slope.estimate(symbol="beta_slope_null", label=label, unit="per decade"),
        ]
        observed = next((fit.r2.value for fitted, fit in betas if fitted == name and fit.degree is degree), None)
        estimates.append(_p_of(label, observed, r2))
    return estimates


def _p_of(label: str, observed: float | None, null: Inference) -> Estimate:
    known = np.empty(0) if null.draws is None else null.draws[np.isfinite(null.draws)]
    method = "share of draws of ladders with one constant gamma whose R2 is at least as large"
    if observed is None or known.size == 0:
        why = ("undefined: no fit of the data, or none of the null",)
        return undefined("p_beta", label, n=null.n, unit="", method=method, why=why)
    above = int((known >= observed).sum())
    return Estimate(
        symbol="p_beta",
        label=label,
        value=(above + 1) / (known.size + 1),
        low=None,
        high=None,
        n=null.n,
        unit="",
        method=f"{method}; {known.size} draws",
        caveats=("no interval: a tail share",),
    )


def _rates_table(points: FlowPoints) -> Table:
    frame = pl.DataFrame(
        {
            "family": points.family.astype(str),
            "gamma": points.gamma,
            "rate": points.rate,
            "rate_se": points.rate_se,
            "position": 10.0**points.log10_n,
        }
    )
    units = {"gamma": GAMMA, "rate": "per decade", "rate_se": "per decade", "position": "parameters"}
    return Table(name="rates", title="Rates of gamma between neighbouring intervals", frame=frame, units=units)


def _values(fit: BetaFit) -> list[float]:
    return [c.value if c.value is not None else float("nan") for c in fit.coefficients]


def _beta_curves(betas: list[tuple[str, BetaFit]], points: FlowPoints) -> Table:
    """Curves of the first name of the fits over the gammas observed."""
    rows = []
    grid = np.linspace(points.gamma.min(), points.gamma.max(), CURVE_POINTS) if points.gamma.size else np.empty(0)
    for name, fit in betas:
        if name != betas[0][0] or fit.coefficients[0].value is None:
            continue
        height = np.polynomial.polynomial.polyval(grid, _values(fit))
        rows += [{"curve": str(fit.degree), "gamma": g, "rate": r} for g, r in zip(grid, height, strict=True)]
    schema = {"curve": pl.String, "gamma": pl.Float64, "rate": pl.Float64}
    return Table(
        name="beta_curves",
        title="Fitted beta functions",
        frame=pl.DataFrame(rows, schema=schema),
        units={"gamma": GAMMA, "rate": "per decade"},
    )


def _fixed_table(betas: list[tuple[str, BetaFit]]) -> Table:
    rows = []
    for name, fit in betas:
        kinds = [("zero" if fit.degree is Degree.LINEAR else "stable", fit.fixed)]
        kinds += [("unstable", fit.other)] if fit.other is not None else []
        for kind, found in kinds:
            rows.append(
                {
                    "label": f"{name}, {fit.degree}: {kind}",
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "r2": fit.r2.value,
                    "stability": stability(fit) if kind != "unstable" else "unstable where it exists",
                    "caveats": "; ".join(found.caveats),
                }
            )
    schema = {"label": pl.String, **dict.fromkeys(("value", "low", "high"), pl.Float64), "n": pl.Int64}
    schema |= {"r2": pl.Float64, "stability": pl.String, "caveats": pl.String}
    units = dict.fromkeys(("value", "low", "high"), GAMMA)
    return Table(name="fixed_points", title="Fixed points", frame=pl.DataFrame(rows, schema=schema), units=units)
