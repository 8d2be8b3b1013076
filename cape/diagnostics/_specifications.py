"""Every specification of a statistic: each source, variant, pair, panel and estimator the lake allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import AT_SIZE, BETWEEN_SIZES, in_window, points_of, steps_of
from cape.diagnostics._params import ALL_FAMILIES, Params
from cape.quantities import Estimate, Table
from cape.stats.correlation import difference_correlation, family_demeaned_correlation, partial_correlation, pearson
from cape.stats.critical_scale import (
    Estimator,
    family_n_c,
    fixed_effect_quadratic,
    logistic_turning_point,
    pooled_quadratic_paper_mode,
)
from cape.stats.inference import Inference, to_billions
from cape.stats.specification import Specification, SpecificationCurve, specification_curve

SCOPES = ("this pair", "every pair", "no curve")
NO_CURVE = SCOPES[2]
CURVE_RESAMPLES = 400  # per specification; the curve is about the spread between specifications
POOLED = "pooled quadratic"
RAW, PARTIAL, DIFFERENCES, DEMEANED = "raw r", "r given log10 N", "r of differences", "r within families"
POOLING = (RAW, PARTIAL, POOLED)  # estimators that do not look at families
MIN_ROWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The rows of one panel and pair: what one specification is computed from."""

    panel: str
    source_id: str
    x: str
    y: str
    variant: str
    pairs: pl.DataFrame
    steps: pl.DataFrame
    sizes: pl.DataFrame

    def rows_key(self, *, has_family: bool) -> tuple:
        """What the rows hold, whatever they are called: equal keys give equal estimates."""
        columns = ["model_id", "position", "x_pct", "y_pct", *(["family"] if has_family else [])]
        return tuple(self.pairs.select(columns).sort(columns).rows())


def correlation_curve(params: Params, read: Read, *, paper_panel: str, scope: str) -> SpecificationCurve | None:
    """Return r by every specification, relative to zero; raw r of the paper's panel and default pair is its choice.

    None for the scope "no curve".
    """
    rng = np.random.default_rng([params.seed, 5])
    specs = []
    pairs = read("mart_panels", panel=paper_panel).select("default_x", "default_y").rows()
    for cell in _cells(params, read, scope=scope):
        for name, found in _correlations(cell, rng):
            is_paper = cell.panel == paper_panel and name == RAW and (cell.x, cell.y) in pairs
            is_paper = is_paper and params.family == ALL_FAMILIES
            specs.append((cell, _specification(params, cell, name, found, is_paper=is_paper)))
    return specification_curve(_distinct(specs)) if specs else None


def critical_scale_curve(
    params: Params, read: Read, *, paper_panel: str, paper_y: str, scope: str
) -> SpecificationCurve | None:
    """Return N_c in billions by every specification, relative to the printed N_c of the ledger's first N_c claim.

    None for the scope "no curve".
    """
    rng = np.random.default_rng([params.seed, 6])
    specs = []
    for cell in _cells(params, read, scope=scope):
        for name, found in _turning_points(params, cell, rng):
            is_paper = cell.panel == paper_panel and name == POOLED and cell.y == paper_y
            specs.append((cell, _specification(params, cell, name, to_billions(found, params.axis), is_paper=is_paper)))
    printed = read("mart_claims", claim_id="NC-01")["paper_value"]
    return specification_curve(_distinct(specs), reference=float(printed[0])) if specs else None


def _distinct(specs: list[tuple[Cell, Specification]]) -> list[Specification]:
    """Keep one of the specifications that name the same rows of one source differently; the paper's choice first."""
    kept: dict[tuple, Specification] = {}
    for cell, spec in specs:
        key = (spec.source_id, spec.estimator, *cell.rows_key(has_family=spec.estimator not in POOLING))
        if key not in kept or spec.is_paper_choice:
            kept[key] = spec
    return list(kept.values())


def curve_estimates(curve: SpecificationCurve | None, *, reference: str, unit: str) -> list[Estimate]:
    """Return the shares of the specifications on each side of the reference, and their median."""
    if curve is None:
        return []
    shares = {
        f"above {reference}": curve.share_above,
        f"below {reference}": curve.share_below,
        "undefined": curve.share_undefined,
        f"interval wholly above {reference}": curve.share_interval_above,
        f"interval wholly below {reference}": curve.share_interval_below,
    }
    rank = (
        f"the paper's choice has rank {curve.paper_rank} of {curve.n - curve.n_undefined}"
        if curve.paper_rank is not None
        else "; ".join(curve.caveats) or "no specification is marked as the paper's choice"
    )
    caveats = ("no interval: specifications share data and are not a sample", rank)
    estimates = [
        Estimate(
            symbol="share_of_specifications",
            label=label,
            value=share,
            low=None,
            high=None,
            n=curve.n,
            unit="share of specifications",
            method="every source, panel, variant, pair and estimator that the lake allows",
            caveats=caveats,
        )
        for label, share in shares.items()
    ]
    median = Estimate(
        symbol="median_of_specifications",
        label="defined specifications",
        value=curve.median,
        low=None,
        high=None,
        n=curve.n - curve.n_undefined,
        unit=unit,
        method="median over the defined specifications",
        caveats=caveats if curve.median is not None else ("no specification has a value", *caveats),
    )
    return [*estimates, median]


def curve_table(curve: SpecificationCurve | None, *, unit: str) -> Table:
    """Return the curve as rows in order of value."""
    names = (
        "panel",
        "source_id",
        "x",
        "y",
        "variant",
        "family_or_all",
        "estimator",
        "value",
        "low",
        "high",
        "n",
        "is_paper_choice",
        "note",
    )
    specifications = () if curve is None else curve.specifications
    rows = [{"rank": i, **{name: getattr(s, name) for name in names}} for i, s in enumerate(specifications, 1)]
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(("rank", *names), pl.String)
    schema |= dict.fromkeys(("value", "low", "high"), pl.Float64)
    schema |= dict.fromkeys(("rank", "n"), pl.Int64) | {"is_paper_choice": pl.Boolean}
    frame = pl.DataFrame(rows, schema=schema)
    units = dict.fromkeys(("value", "low", "high"), unit)
    return Table(name="specifications", title="Specification curve", frame=frame, units=units)


def _cells(params: Params, read: Read, *, scope: str) -> Iterator[Cell]:
    if scope == NO_CURVE:
        return
    benchmarks = read("mart_panel_benchmarks").sort("panel", "benchmark_id")
    variants = dict(benchmarks.select("benchmark_id", "variant").unique().iter_rows())
    for x, y in _benchmark_pairs(params, benchmarks, scope):
        views = ("mart_pairs", "mart_gamma", "mart_phases")
        pairs, steps, sizes = (_on_axis(read(view, x=x, y=y), params) for view in views)
        for (panel, source), rows in sorted(pairs.group_by("panel", "source_id")):
            chosen = [f.filter(pl.col("panel") == panel) for f in (rows, steps, sizes)]
            if params.family != ALL_FAMILIES:
                chosen = [f.filter(pl.col("family") == params.family) for f in chosen]
            chosen = [
                in_window(f, params, *ends) for f, ends in zip(chosen, (AT_SIZE, BETWEEN_SIZES, AT_SIZE), strict=True)
            ]
            if chosen[0].is_empty():
                continue
            variant = variants.get(y) or variants.get(x) or ""
            order = ["family", "axis", "replicate", "x_protocol", "y_protocol", "position"]
            yield Cell(
                panel=str(panel),
                source_id=str(source),
                x=x,
                y=y,
                variant=variant,
                pairs=chosen[0].sort("y_file_row"),
                steps=chosen[1].sort(*order[:-1], "step_no"),
                sizes=chosen[2].sort(order),
            )


def _on_axis(rows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Keep rows whose places count what those of the selection count: the others cannot stand in one curve."""
    return rows.filter(pl.col("axis") == params.axis.name)


def _benchmark_pairs(params: Params, benchmarks: pl.DataFrame, scope: str) -> list[tuple[str, str]]:
    base = dict(benchmarks.select("benchmark_id", "benchmark").unique().iter_rows())
    ids: dict[str, list[str]] = {}
    for name, benchmark in sorted(base.items()):
        ids.setdefault(benchmark, []).append(name)
    chosen = (base[params.x], base[params.y])
    bases = [chosen]
    if scope == SCOPES[1]:
        bases += [pair for pair in combinations(sorted(ids), 2) if set(pair) != set(chosen)]
    return [pair for first, second in bases for pair in product(ids[first], ids[second])]


def _correlations(cell: Cell, rng: np.random.Generator) -> Iterator[tuple[str, Inference]]:
    if cell.pairs.height < MIN_ROWS:
        return
    x, y = (cell.pairs[column].to_numpy() for column in ("x_pct", "y_pct"))
    yield RAW, pearson(x, y)
    points = points_of(cell.pairs)
    if np.unique(points.log10_n).size >= MIN_ROWS - 1 and points.log10_n.size >= MIN_ROWS:
        yield PARTIAL, partial_correlation(points.x_pct, points.y_pct, points.log10_n)
    if cell.steps.height >= MIN_ROWS - 1:
        deltas = (cell.steps[column].to_numpy() for column in ("delta_x_pct", "delta_y_pct"))
        yield DIFFERENCES, difference_correlation(*deltas)
    family = np.asarray(cell.pairs["family"].to_list())
    if np.unique(family).size > 1:
        yield DEMEANED, family_demeaned_correlation(x, y, family, n_resamples=CURVE_RESAMPLES, rng=rng)


def _turning_points(params: Params, cell: Cell, rng: np.random.Generator) -> Iterator[tuple[str, Inference]]:
    if params.family != ALL_FAMILIES:
        yield from _family_turning_points(cell, rng)
        return
    defined = cell.steps.filter(pl.col("gamma").is_not_null() & pl.col("is_population_step"))
    if defined["family"].n_unique() > 1:
        steps = steps_of(defined)
        found, _ = logistic_turning_point(
            steps.log10_n_mid, steps.gamma > 0, steps.family, n_resamples=CURVE_RESAMPLES, rng=rng
        )
        yield "logistic in log10 N", found
    kept = cell.sizes.filter(pl.col("is_population_point"))
    kept = kept.filter(pl.col("position").n_unique().over("family") > 1)
    if kept["family"].n_unique() > 1:
        yield "fixed-effect quadratic", fixed_effect_quadratic(points_of(kept), n_resamples=CURVE_RESAMPLES, rng=rng)
    pooled = points_of(cell.pairs)
    if np.unique(pooled.log10_n).size >= MIN_ROWS:
        yield POOLED, _pooled(pooled.log10_n.tobytes(), pooled.y_pct.tobytes())


@lru_cache(maxsize=1024)
def _pooled(log10_n: bytes, y: bytes) -> Inference:
    """Return the paper's pooled recipe on float64 rows, without its draws; its seed is fixed, so it is kept."""
    found, _ = pooled_quadratic_paper_mode(np.frombuffer(log10_n), np.frombuffer(y))
    return replace(found, draws=None)


def _family_turning_points(cell: Cell, rng: np.random.Generator) -> Iterator[tuple[str, Inference]]:
    for _, rows in cell.sizes.group_by("axis", "replicate", "x_protocol", "y_protocol", maintain_order=True):
        points = points_of(rows)
        if points.log10_n.size < 2 or not (np.isfinite(points.x_se).all() and np.isfinite(points.y_se).all()):
            continue
        for estimator in Estimator:
            found, status = family_n_c(points, estimator=estimator, n_draws=CURVE_RESAMPLES, rng=rng)
            yield str(estimator), replace(found, caveats=(f"status: {status}", *found.caveats))


def _specification(params: Params, cell: Cell, name: str, found: Inference, *, is_paper: bool) -> Specification:
    return Specification(
        source_id=cell.source_id,
        panel=cell.panel,
        variant=cell.variant,
        x=cell.x,
        y=cell.y,
        family_or_all=params.family,
        estimator=name,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        is_paper_choice=is_paper,
        note="; ".join(found.caveats),
    )
