"""The curves that the figures of analyze_model draw: chances of each phase, gamma, and the second score over size."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics import _n_c
from cape.diagnostics._analyze_company import Company
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._analyze_phase import GAMMA, Phased, logits_of
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import steps_of
from cape.quantities import Estimate, Table
from cape.stats.at_size import band, chances_above, local_gamma
from cape.stats.isocline import curve_pct
from cape.stats.profile import curve_band

CURVE_POINTS = 41
MOST_RESAMPLES = 2_000  # of the bands of the figures; the numbers beside them use all


def curve_tables(company: Company, params: AnalyzeParams, read: Read) -> list[Table]:
    """Return the chance of each phase over its covariate, gamma over size, the curve U over size, and the intervals."""
    return [
        _chance_curve(company, params, read),
        _gamma_curve(company, params),
        _score_curve(company, params),
        _interval_table(company),
    ]


def _chance_curve(company: Company, params: AnalyzeParams, read: Read) -> Table:
    names = ("place", "positive", "low", "high", "tax", "transition", "bonus")
    logits = None if params.phase_by == _n_c.FIXED_EFFECTS else logits_of(company, params, read)
    rows: dict[str, list] = {name: [] for name in names}
    unit, n = "parameters", 0
    if logits is not None:
        grid = np.linspace(logits.low, logits.high, CURVE_POINTS)
        above = chances_above(logits, grid)
        point, low, high = band(above[1])
        is_log = params.phase_by != _n_c.LOGISTIC_LEVEL
        place = (10**grid if is_log else grid).tolist()
        tax, bonus = 1 - above[0, 0], above[2, 0]
        between = above[0, 0] - bonus  # negative where the two fitted curves cross
        columns = (
            place,
            point,
            low,
            high,
            *(_nulled(v) for v in (tax, np.where(between >= 0, between, np.nan), bonus)),
        )
        rows = dict(zip(names, columns, strict=True))
        n = logits.n
        unit = {_n_c.LOGISTIC_LEVEL: "%", _n_c.LOGISTIC_TOKENS: "tokens"}.get(params.phase_by, "parameters")
    return Table(name="chances", title="Chance of each phase", frame=_counted(rows, n), units={"place": unit})


def _counted(rows: dict[str, list], n: int) -> pl.DataFrame:
    """Return the columns as numbers with the number of families the curve rests on."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.Float64))
    return frame.with_columns(pl.lit(n, dtype=pl.Int64).alias("n"))


def _nulled(values: np.ndarray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _gamma_curve(company: Company, params: AnalyzeParams) -> Table:
    steps = steps_of(company.steps)
    names = ("position", "gamma", "low", "high")
    rows: dict[str, list] = {name: [] for name in names}
    if steps.gamma.size > 2:
        grid = np.linspace(steps.log10_n_mid.min(), steps.log10_n_mid.max(), CURVE_POINTS)
        rng = np.random.default_rng([params.seed, 62])
        values, _ = local_gamma(
            steps, at=grid, bandwidth=params.bandwidth, n_resamples=min(params.resamples, MOST_RESAMPLES), rng=rng
        )
        rows = dict(zip(names, ((10**grid).tolist(), *band(values)), strict=True))
    return Table(
        name="gamma_curve",
        title="gamma by the local line",
        frame=_counted(rows, int(np.unique(steps.family).size)),
        units={"position": "parameters", **dict.fromkeys(names[1:], GAMMA)},
    )


def _interval_table(company: Company) -> Table:
    columns = ("label", "family", "position_from", "position_to", "position_mid", "gamma", "gamma_low", "gamma_high")
    shown = company.steps.select(*columns, "phase", "phase_paper")
    units = {**dict.fromkeys(columns[2:5], "parameters"), **dict.fromkeys(columns[5:], GAMMA)}
    return Table(name="intervals", title="Intervals of the population", frame=shown, units=units)


def _score_curve(company: Company, params: AnalyzeParams) -> Table:
    others = company.others(params.y, company.is_population)
    names = ("position", "score_pct", "low", "high")
    rows: dict[str, list] = {name: [] for name in names}
    if np.unique(others.place).size > 2:
        grid = np.linspace(others.place.min(), others.place.max(), CURVE_POINTS)
        rng = np.random.default_rng([params.seed, 71])
        values = curve_band(others, grid, n_resamples=min(params.resamples, MOST_RESAMPLES), rng=rng)
        rows = dict(zip(names, ((10**grid).tolist(), *band(values)), strict=True))
    frame = _counted(rows, others.n_families)
    units = {"position": "parameters", **dict.fromkeys(names[1:], "%")}
    return Table(name="score_curve", title=f"{params.y} by size: U(N)", frame=frame, units=units)


def isocline_table(company: Company, k: float | None, params: AnalyzeParams) -> Table:
    """Return the isocline over the observed scores of the first benchmark; empty without a constant."""
    x = company.column(params.x)
    rows: dict[str, list] = {"x_pct": [], "y_pct": []}
    if k is not None and np.isfinite(x).any():
        grid = np.linspace(np.nanmin(x), np.nanmax(x), CURVE_POINTS)
        rows = {"x_pct": grid.tolist(), "y_pct": curve_pct(grid, k).tolist()}
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.Float64))
    return Table(name="isocline", title="Isocline", frame=frame, units=dict.fromkeys(rows, "%"))


def here_table(subject: Subject, found: Phased, params: AnalyzeParams) -> Table:
    """Return the one row that the figures mark: where the model is, its chances, its gamma, and the paper's N_c."""
    is_level = params.phase_by == _n_c.LOGISTIC_LEVEL
    row: dict[str, float | None] = {
        "position": None if subject.log10_n is None else 10**subject.log10_n,
        "place": found.place if is_level or found.place is None else 10**found.place,
    }
    for name, one in {**found.chances, "gamma": found.gamma}.items():
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    for name, end in (("value", found.paper_n_c.value), ("low", found.paper_n_c.low), ("high", found.paper_n_c.high)):
        row[f"paper_n_c_{name}"] = None if end is None else 10**end
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.Float64))
    units = {name: "parameters" for name in row if name == "position" or name.startswith("paper_n_c")}
    return Table(name="here", title=subject.name, frame=frame, units=units)


def profile_table(estimates: list[Estimate]) -> Table:
    """Return percentiles and standardised residuals as rows of one figure."""
    names = {"score_percentile": "percentile", "score_residual": "residual given size"}
    rows = [
        {
            "kind": names[e.symbol],
            "label": e.label.partition(", " if e.symbol == "score_percentile" else ": ")[2],
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "n": e.n,
            "caveats": "; ".join(e.caveats),
        }
        for e in estimates
        if e.symbol in names
    ]
    schema = {"kind": pl.String, "label": pl.String, **dict.fromkeys(("value", "low", "high"), pl.Float64)}
    schema |= {"n": pl.Int64, "caveats": pl.String}
    units = dict.fromkeys(("value", "low", "high"), "% or standard deviations")
    return Table(
        name="profile",
        title="Scores among models of similar size",
        frame=pl.DataFrame(rows, schema=schema),
        units=units,
    )
