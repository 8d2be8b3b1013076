"""Correlation of two benchmarks beside what shared growth with size alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._calibrated import like, with_calibration
from cape.diagnostics._compare import named
from cape.diagnostics._correlation_names import calibrated_name
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, points_of, require, step_rows
from cape.diagnostics._params import WINDOW, WindowParams, option
from cape.diagnostics._specifications import SCOPES, correlation_curve, curve_estimates, curve_table
from cape.diagnostics.wiring.trend_control import TREND_CONTROL
from cape.errors import NotEnoughDataError
from cape.figures.specification import specification_figure
from cape.figures.trend_control import correlations, null_distribution, residual_plane
from cape.quantities import Estimate, Table
from cape.stats.correlation import (
    between_family_correlation,
    clustered_correlation,
    clustered_partial_correlation,
    difference_correlation,
    family_demeaned_correlation,
    freedman_lane_p,
    partial_correlation,
    pearson,
    permutation_p,
    smallest_attainable_p,
)
from cape.stats.family_partial import family_partial_correlation
from cape.stats.inference import Inference, Points
from cape.stats.jackknife import jackknife_correlation, jackknife_within_correlation
from cape.stats.nulls import PermutationTest, TrendNull, independent_trend_null

PAPER_PANEL = "author"
MOST_PERMUTATIONS = 20_000
MIN_SIZES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendControlParams(WindowParams):
    """Selection, a window of families and sizes, and the scope of the specification curve."""

    curve: str = option(
        SCOPES[0],
        label="Specification curve over",
        help="This pair in every source and variant, or every pair of benchmarks as well.",
        choices=SCOPES,
    )


def compute(params: TrendControlParams, read: Read) -> Outcome:
    """Return r raw, given size, within and between families, its tests and its null (paper 1, 2.1)."""
    rows = pair_rows(params, read)
    require(rows, params, what="model in this window")
    x, y = rows["x_pct"].to_numpy(), rows["y_pct"].to_numpy()
    family = np.asarray(rows["family"].to_list())
    rng = np.random.default_rng([params.seed, 7])
    label = named(params)
    estimates = _raw(x, y, family, params, rng, label)
    points = points_of(rows)
    unsized = rows.height - points.log10_n.size
    estimates += _given_size(points, params, rng, label, unsized)
    steps = step_rows(params, read)
    if steps.is_empty():
        estimates.append(_undefined("r_differences", label, 0, "undefined: no family has two models of known size"))
    else:
        deltas = difference_correlation(*(steps[column].to_numpy() for column in ("delta_x_pct", "delta_y_pct")))
        estimates.append(deltas.estimate(symbol="r_differences", label=label, unit=""))
    estimates += _families(x, y, family, params, rng, label)
    null = _null(points, params)
    estimates += _null_estimates(null, points, label)
    estimates = with_calibration(estimates, read, like(rows), calibrated_name(label))
    tables = [_points_table(rows), _correlation_table(estimates), _null_table(null)]
    curve = correlation_curve(params, read, paper_panel=PAPER_PANEL, scope=params.curve)
    estimates += curve_estimates(curve, reference="zero", unit="")
    tables.append(curve_table(curve, unit=""))
    return Outcome(estimates=tuple(estimates), tables=tuple(tables), sentences=_sentences(estimates, label))


def _raw(
    x: np.ndarray, y: np.ndarray, family: np.ndarray, params: TrendControlParams, rng: np.random.Generator, label: str
) -> list[Estimate]:
    found = pearson(x, y)
    estimates = [found.estimate(symbol="r", label=f"{label}: models as independent", unit="")]
    if np.unique(family).size > 1:
        clustered = clustered_correlation(x, y, family, n_resamples=params.resamples, rng=rng)
        estimates.append(clustered.estimate(symbol="r", label=f"{label}: families as independent", unit=""))
        left_out = jackknife_correlation(x, y, family)
        estimates.append(left_out.estimate(symbol="r", label=f"{label}: families as independent, jackknife", unit=""))
    n_permutations = min(params.resamples, MOST_PERMUTATIONS)
    test = permutation_p(x, y, n_permutations=n_permutations, rng=rng)
    caveat = "two unrelated benchmarks that both follow log N are nearly always rejected by this test"
    return [*estimates, *_tests("p_permutation", label, test, x.size, caveat)]


def _tests(symbol: str, label: str, test: PermutationTest, n: int, *caveats: str) -> list[Estimate]:
    floor = smallest_attainable_p(n, two_sided=True) if test.exact and n else None
    notes = (*test.caveats, *caveats)
    if test.smallest_p is not None:
        notes += (f"the smallest p these orderings can give is {test.smallest_p:.2g}",)
    how = "all orderings" if test.exact else "orderings drawn at random"
    sides = (("two-sided", test.p_two_sided), ("one-sided", test.p_one_sided))
    estimates = [
        Estimate(
            symbol=symbol,
            label=f"{label}: {side}",
            value=value,
            low=None,
            high=None,
            n=n,
            unit="",
            method=f"{test.method}; {test.n_orderings} {how}",
            caveats=notes or ("no interval: a tail share",),
        )
        for side, value in sides
    ]
    if floor is not None:
        estimates.append(
            Estimate(
                symbol="p_smallest",
                label=f"{label}: {symbol}",
                value=floor,
                low=None,
                high=None,
                n=n,
                unit="",
                method="2 / n!: twice the smaller tail over all orderings of n rows",
                caveats=("no interval: arithmetic",),
            )
        )
    return estimates


def _given_size(
    points: Points, params: TrendControlParams, rng: np.random.Generator, label: str, unsized: int
) -> list[Estimate]:
    caveats = (f"{unsized} models without a public size were left out",) if unsized else ()
    if np.unique(points.log10_n).size < MIN_SIZES - 1:
        return [_undefined("r_partial", label, points.log10_n.size, "undefined: fewer than 3 different sizes", caveats)]
    found = partial_correlation(points.x_pct, points.y_pct, points.log10_n)
    estimates = [found.estimate(symbol="r_partial", label=f"{label}: models as independent", unit="", caveats=caveats)]
    if np.unique(points.family).size > 1:
        clustered = clustered_partial_correlation(
            points.x_pct, points.y_pct, points.log10_n, points.family, n_resamples=params.resamples, rng=rng
        )
        estimates.append(
            clustered.estimate(symbol="r_partial", label=f"{label}: families as independent", unit="", caveats=caveats)
        )
        left_out = jackknife_correlation(points.x_pct, points.y_pct, points.family, covariate=points.log10_n)
        place = f"{label}: families as independent, jackknife"
        estimates.append(left_out.estimate(symbol="r_partial", label=place, unit="", caveats=caveats))
        within = family_partial_correlation(points.x_pct, points.y_pct, points.log10_n, points.family)
        straight = (*caveats, "a straight trend is taken off: a curve that families share would count as coupling")
        estimates.append(
            within.estimate(symbol="r_partial", label=f"{label}: within families", unit="", caveats=straight)
        )
    test = freedman_lane_p(
        points.x_pct, points.y_pct, points.log10_n, n_permutations=min(params.resamples, MOST_PERMUTATIONS), rng=rng
    )
    return [*estimates, *_tests("p_freedman_lane", label, test, points.log10_n.size, *caveats)]


def _families(
    x: np.ndarray, y: np.ndarray, family: np.ndarray, params: TrendControlParams, rng: np.random.Generator, label: str
) -> list[Estimate]:
    if np.unique(family).size < 2:
        return []
    dropped = (np.unique(family, return_counts=True)[1] == 1).any()
    within = family_demeaned_correlation(x, y, family, n_resamples=params.resamples, rng=rng)
    between = between_family_correlation(x, y, family)
    return [
        within.estimate(symbol="r_within", label=label, unit=""),
        jackknife_within_correlation(x, y, family).estimate(
            symbol="r_within", label=f"{label}: jackknife", unit="", caveats=within.caveats[:1] if dropped else ()
        ),
        between.estimate(symbol="r_between", label=label, unit=""),
    ]


def _null(points: Points, params: TrendControlParams) -> TrendNull | None:
    rng = np.random.default_rng([params.seed, 8])
    try:
        return independent_trend_null(
            points.log10_n, points.x_pct, points.y_pct, n_simulations=params.resamples, rng=rng
        )
    except NotEnoughDataError:
        return None


def _null_estimates(null: TrendNull | None, points: Points, label: str) -> list[Estimate]:
    n = points.log10_n.size
    if null is None:
        return [_undefined("r_null", label, n, "undefined: a trend needs 4 models and 2 sizes")]
    method = "two independent linear trends in log10 N with Gaussian residuals, each fitted to its own benchmark"
    band = Inference(
        value=null.band.median,
        low=null.band.low,
        high=null.band.high,
        n=n,
        method=f"{method}; median and 95% band of {null.band.n_simulations} simulations",
        caveats=() if null.band.median is not None else ("no simulation has an r",),
    )
    tail = Inference(
        value=null.p,
        low=None,
        high=None,
        n=n,
        method=f"{method}; share of simulations at least as far from their median as the observed r",
        caveats=("no interval: a tail share",) if null.p is not None else ("r is undefined",),
    )
    partial = Inference(
        value=null.partial_p,
        low=None,
        high=None,
        n=n,
        method=f"{method}; share of simulations at least as far from their median as the observed partial r",
        caveats=("no interval: a tail share",) if null.partial_p is not None else ("partial r is undefined",),
    )
    return [
        band.estimate(symbol="r_null", label=label, unit=""),
        tail.estimate(symbol="p_null", label=label, unit="", caveats=("the p of the partial r is better calibrated",)),
        partial.estimate(symbol="p_null", label=f"{label}: partial r", unit=""),
    ]


def _undefined(symbol: str, label: str, n: int, *caveats: str | tuple[str, ...]) -> Estimate:
    flat = tuple(c for item in caveats for c in ((item,) if isinstance(item, str) else item))
    return Estimate(
        symbol=symbol, label=label, value=None, low=None, high=None, n=n, unit="", method="none", caveats=flat
    )


def _points_table(rows: pl.DataFrame) -> Table:
    sized = rows.with_columns(pl.col("position").log10().alias("log10_n"))
    sized = sized.with_columns(
        *(_residual(column).alias(name) for column, name in (("x_pct", "x_residual_pct"), ("y_pct", "y_residual_pct")))
    )
    columns = ("family", "model_id", "position", "x_pct", "y_pct", "x_residual_pct", "y_residual_pct", "source_id")
    units = {"position": "parameters", **dict.fromkeys(columns[3:7], "%")}
    return Table(name="points", title="Models", frame=sized.select(columns), units=units)


def _residual(column: str) -> pl.Expr:
    """Residual of a column on log10_n by least squares; null without a size."""
    known = pl.col("log10_n").is_not_null()
    size, score = pl.col("log10_n").filter(known), pl.col(column).filter(known)
    slope = pl.when(size.var() > 0).then(pl.cov(size, score) / size.var())
    return pl.col(column) - score.mean() - slope * (pl.col("log10_n") - size.mean())


def _correlation_table(estimates: list[Estimate]) -> Table:
    symbols = ("r", "r_partial", "r_differences", "r_within", "r_between", "r_null")
    rows = [
        {
            "symbol": e.symbol,
            "label": e.label,
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "n": e.n,
            "method": e.method,
        }
        for e in estimates
        if e.symbol in symbols
    ]
    overrides = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return Table(name="correlations", title="Correlations", frame=pl.DataFrame(rows, schema_overrides=overrides))


def _null_table(null: TrendNull | None) -> Table:
    """Counts of simulated r in bins of width 0.02, with the observed r beside them."""
    edges = np.linspace(-1, 1, 101)
    draws = np.empty(0) if null is None else null.r_draws[np.isfinite(null.r_draws)]
    counts, _ = np.histogram(draws, bins=edges)
    frame = pl.DataFrame({"r_from": edges[:-1], "r_to": edges[1:], "n_simulations": counts})
    observed = None if null is None else null.r
    return Table(
        name="null",
        title="r of independent trends",
        frame=frame.with_columns(pl.lit(observed, dtype=pl.Float64).alias("observed_r")),
    )


def _sentences(estimates: list[Estimate], label: str) -> tuple[str, ...]:
    by = {(e.symbol, e.label): e for e in estimates}
    raw, null = by[("r", f"{label}: models as independent")], by[("r_null", label)]
    if raw.value is None or null.low is None or null.high is None:
        return (f"r of {label} or its null is undefined: {'; '.join(raw.caveats + null.caveats)}.",)
    inside = null.low <= raw.value <= null.high
    where = "inside" if inside else "outside"
    return (
        f"Raw r of {label} is {raw.value:.3f} (n = {raw.n}). Two benchmarks that share nothing but their growth with "
        f"size would give {null.low:.3f} to {null.high:.3f} in 95% of cases; the observed r lies {where} that band.",
    )


DIAGNOSTIC = Diagnostic(
    slug="trend_control",
    alias="trend",
    section="Coupling",
    title="Trend control",
    question="Is the correlation of two benchmarks more than what growth with size alone would give?",
    source="Paper A 1, 2.1; Freedman and Lane (1983)",
    params=TrendControlParams,
    compute=compute,
    panels=(
        Panel(
            name="correlations",
            title="Correlation, raw and controlled",
            tables=("correlations",),
            alt="One row per correlation with its 95% interval on an axis from -1 to 1; the null band of independent "
            "trends is one of the rows.",
            figure=correlations,
        ),
        Panel(
            name="null",
            title="r of independent trends",
            tables=("null",),
            alt="Histogram of r between two simulated independent trends with the observed r as a line.",
            figure=null_distribution,
        ),
        Panel(
            name="residuals",
            title="Scores with the trend in log N removed",
            tables=("points",),
            alt="Residual of the second benchmark against residual of the first after a linear trend in log N.",
            figure=residual_plane,
        ),
        Panel(
            name="specification_curve",
            title="Every specification",
            tables=("specifications",),
            alt="r of every source, variant, pair and estimator in order of value with intervals; the paper's choice "
            "is marked.",
            figure=specification_figure,
        ),
    ),
    controls=(*WINDOW, "curve", "resamples", "seed"),
    claims=TREND_CONTROL,
)
