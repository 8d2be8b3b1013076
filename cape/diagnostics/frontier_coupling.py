"""Two benchmarks across frontier models: line, subsets, labs, left-out labs, and the line that the paper prints."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._frontier_lines import (
    BY_LAB,
    BY_LAB_JACKKNIFE,
    HOW,
    calibrated_labs,
    later_estimates,
    left_out_estimates,
    line_estimates,
    p_estimates,
    share_estimates,
)
from cape.diagnostics._frontier_pairs import (
    LATER,
    SUBSETS,
    THIRD_PARTY,
    check_pair,
    frontier_rows,
    frozen_line,
    lab_points,
    require_rows,
    subset_rows,
)
from cape.diagnostics._frontier_scores import EVERY, FROZEN, GPQA, SWE
from cape.diagnostics._frontier_tables import (
    FrontierCouplingParams,
    forest_table,
    named,
    plane_tables,
    rival_table,
    subset_name,
)
from cape.diagnostics._n_c import FEW_FAMILIES
from cape.diagnostics.wiring.frontier_coupling import FRONTIER_COUPLING
from cape.errors import BadParameterError, NotEnoughDataError
from cape.figures.frontier_coupling import frontier_plane, left_out_errors, slope_rows, subset_rows_figure
from cape.quantities import Estimate, Table


def compute(params: FrontierCouplingParams, read: Read) -> Outcome:
    """Return the coupling of a pair of benchmarks across frontier models (paper 7.2, A.6)."""
    pair = (params.benchmark_x, params.benchmark_y)
    check_pair(pair, read)
    if params.zoom_to <= params.zoom_from:
        raise BadParameterError(
            f"The view runs from zoom_from = {params.zoom_from:g} to zoom_to = {params.zoom_to:g}. "
            "Make the second the larger one."
        )
    everyone = frontier_rows(params.rows, pair, read)
    require_rows(everyone, params.rows, pair)
    label = named(params)
    rows = _subset(params, params.subset, everyone, read)
    if rows.is_empty():
        raise NotEnoughDataError(
            f"Rows {params.rows!r} hold no model of the subset {params.subset!r} with both {pair[0]} and {pair[1]}. "
            f"Pick another subset, or the rows {EVERY!r}."
        )
    points = lab_points(rows)
    rng = np.random.default_rng([params.seed, 81])
    estimates, line = line_estimates(points, label, n_resamples=params.resamples, rng=rng)
    estimates = [*_counts(rows, label), *estimates]
    estimates += p_estimates(points, label, n_resamples=params.resamples, rng=rng)
    estimates += share_estimates(points, label, n_resamples=params.resamples, rng=rng)
    estimates = calibrated_labs(estimates, rows, label, read)
    left, left_table = left_out_estimates(points, label, n_resamples=params.resamples, rng=rng)
    subsets = _subset_estimates(params, everyone, read)
    later = _later(params, read)
    table_rows = [*estimates, *subsets]
    tables = [
        *plane_tables(params, rows, line, read),
        forest_table("subsets", "r and slope by subset", [e for e in table_rows if e.label.endswith(BY_LAB)]),
        forest_table(
            "slopes", "Slopes pooled, within, between and by lab", [e for e in estimates if "slope" in e.symbol]
        ),
        left_table,
        forest_table("tests", "Tests of r", [e for e in estimates if e.symbol.startswith("p_")]),
        rival_table(rows, pair, read),
    ]
    sentences = _sentences(params, rows, [*estimates, *left, *later], tables)
    return Outcome(estimates=(*estimates, *left, *subsets, *later), tables=tuple(tables), sentences=sentences)


def _subset(params: FrontierCouplingParams, subset: str, everyone: pl.DataFrame, read: Read) -> pl.DataFrame:
    """Return the rows of a subset; third-party scores are looked for in every source, for they are rivals elsewhere."""
    if subset == THIRD_PARTY:
        pair = (params.benchmark_x, params.benchmark_y)
        return frontier_rows(params.rows, pair, read, is_third_party=True)
    return subset_rows(everyone, subset, least_x=params.least_x)


def _counts(rows: pl.DataFrame, label: str) -> list[Estimate]:
    releases = rows.filter(pl.col("is_release") & pl.col("same_scores_as").is_null())
    counts = {
        "n_models": (rows["model_id"].n_unique(), "distinct model names among the rows"),
        "n_releases": (releases.height, "rows less compute tiers of one release and rows with copied scores"),
        "n_labs": (rows["lab"].n_unique(), "distinct labs among the rows"),
    }
    return [
        Estimate(
            symbol=symbol,
            label=label,
            value=float(value),
            low=None,
            high=None,
            n=rows.height,
            unit="",
            method=method,
            caveats=("no interval: a count",),
        )
        for symbol, (value, method) in counts.items()
    ]


def _subset_estimates(params: FrontierCouplingParams, everyone: pl.DataFrame, read: Read) -> list[Estimate]:
    """Return r and slope of every subset but the one on show, undefined with the reason where it is too small."""
    estimates = []
    for index, subset in enumerate(SUBSETS):
        if subset == params.subset:
            continue
        rows = _subset(params, subset, everyone, read)
        name = f"{params.rows}, {subset_name(subset, params)}"
        if rows.is_empty():
            why = f"undefined: the rows hold no model of this subset, {subset_name(subset, params)}"
            estimates += [
                Estimate(symbol=symbol, label=f"{name}: {BY_LAB}", value=None, low=None, high=None, n=0, unit=unit,
                         method="none", caveats=(why,))
                for symbol, unit in (("r", ""), ("frontier_slope", "pp/pp"))
            ]  # fmt: skip
            continue
        rng = np.random.default_rng([params.seed, 82, index])
        found, _ = line_estimates(lab_points(rows), name, n_resamples=params.resamples, rng=rng)
        estimates += [e for e in found if e.symbol in ("r", "frontier_slope") and e.label.endswith(HOW)]
    return estimates


def _later(params: FrontierCouplingParams, read: Read) -> list[Estimate]:
    """Return the errors of lines of the frozen rows on the later ones, whatever rows are on show; its own pair only."""
    pair = (SWE, GPQA)
    if (params.benchmark_x, params.benchmark_y) != pair:
        return []
    frozen = frontier_rows(FROZEN, pair, read)
    later = frontier_rows(LATER, pair, read).filter(~pl.col("model_id").is_in(frozen["model_id"].to_list()))
    copies = later.filter(pl.col("same_scores_as").is_not_null())
    kept = later.filter(pl.col("same_scores_as").is_null())
    rng = np.random.default_rng([params.seed, 83])
    found = later_estimates(
        lab_points(frozen), lab_points(kept), frozen_line(read), n_resamples=params.resamples, rng=rng
    )
    said = f"{copies.height} later rows with copied scores left out" if copies.height else ""
    return [_with_caveat(e, said) for e in found]


def _with_caveat(estimate: Estimate, caveat: str) -> Estimate:
    if not caveat:
        return estimate
    about = {**estimate.as_dict(), "caveats": (*estimate.caveats, caveat)}
    return Estimate(**about)


def _sentences(
    params: FrontierCouplingParams, rows: pl.DataFrame, estimates: list[Estimate], tables: list[Table]
) -> tuple[str, ...]:
    by = {(e.symbol, e.label): e for e in estimates}
    label = named(params)
    said = [_line_sentence(by, label, params)]
    within, between = by[("frontier_slope", f"{label}: within labs")], by[("frontier_slope", f"{label}: between labs")]
    said.append(f"Within labs the slope is {_text(within)}; between labs it is {_text(between)}.")
    for gain in (e for (symbol, _), e in by.items() if symbol == "lolo_gain"):
        said.append(
            f"For a lab left out ({gain.label.removeprefix(label).removeprefix(': ')}), the line of the others errs by "
            f"{_text(by[('lolo_error', gain.label)])} pp on average and their mean by "
            f"{_text(by[('lolo_error_mean', gain.label)])} pp; {_gain_words(gain)}."
        )
    said += _quality(rows)
    star = next(table for table in tables if table.name == "star").frame
    if star.is_empty() and (params.star_x.strip() or params.star_y.strip()):
        said.append("Your model is drawn once both of its scores are given.")
    for row in star.iter_rows(named=True):
        if row["off_refit_pp"] is not None:
            said.append(f"Your model lies {row['off_refit_pp']:+.3g} pp from the refit line.")
    return tuple(said)


def _line_sentence(by: dict, label: str, params: FrontierCouplingParams) -> str:
    r, slope = by[("r", f"{label}: {BY_LAB_JACKKNIFE}")], by[("frontier_slope", f"{label}: {BY_LAB}")]
    models, labs = by[("n_models", label)], by[("n_labs", label)]
    few = " With so few labs the interval of the slope is likely too narrow." if labs.value < FEW_FAMILIES else ""
    return (
        f"{models.value:.0f} models of {labs.value:.0f} labs ({label}): r of {params.benchmark_y} and "
        f"{params.benchmark_x} is {_text(r)} with labs left out one at a time, the slope {_text(slope)} with labs "
        f"resampled.{few}"
    )


def _gain_words(gain: Estimate) -> str:
    if gain.value is None or gain.low is None or gain.high is None:
        return "whether the line does better cannot be said"
    if gain.low > 0:
        return "the line does better"
    return "the mean does better" if gain.high < 0 else "the interval of the difference holds zero"


def _quality(rows: pl.DataFrame) -> list[str]:
    """Say how many rows are self-reported, tiers of one release, copies, or join scores of two sources."""
    own = rows.filter(pl.col("x_is_self_reported").fill_null(False) | pl.col("y_is_self_reported").fill_null(False))
    counts = (
        (own.height, "self-reported by the labs"),
        (rows.filter(~pl.col("is_release")).height, "a further compute tier of one release"),
        (rows.filter(pl.col("same_scores_as").is_not_null()).height, "with both scores equal to another of its lab"),
        (rows.filter(pl.col("x_source") != pl.col("y_source")).height, "with scores of two sources"),
    )
    told = [f"{count} {what}" for count, what in counts if count]
    ending = f"; the subset {THIRD_PARTY} takes values of other parties for these models where a source has them"
    return [f"Of {rows.height} rows: {', '.join(told)}{ending if own.height else ''}."] if told else []


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3g} (no interval)"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


DIAGNOSTIC = Diagnostic(
    slug="frontier_coupling",
    alias="frontier",
    section="Frontier",
    title="Frontier coupling",
    question="Do SWE-bench Verified and GPQA Diamond, or any other pair, move together across frontier models?",
    source="Paper A 7.2, A.6; dashboard frontier tab",
    params=FrontierCouplingParams,
    compute=compute,
    uses_selection=False,
    panels=(
        Panel(
            name="plane",
            title="Frontier models",
            tables=("points", "lines", "trajectories", "star"),
            alt="Second benchmark against first, one marker per model in the colour of its lab with standard errors; "
            "the refit line with its 95% band by labs, the line as printed, releases of one lab and tier joined in "
            "order of date, and your model as a star.",
            figure=frontier_plane,
        ),
        Panel(
            name="subsets",
            title="r by subset",
            tables=("subsets",),
            alt="One row per subset: r with its 95% interval from resampling labs; undefined subsets are named below.",
            figure=subset_rows_figure,
        ),
        Panel(
            name="slopes",
            title="Slope pooled, within and between labs",
            tables=("slopes",),
            alt="One row per slope with its 95% interval: pooled by models and by labs, within labs, between labs, "
            "and of each lab with at least 3 models; 0 is marked.",
            figure=slope_rows,
        ),
        Panel(
            name="left_out",
            title="Each lab predicted by the others",
            tables=("left_out", "tests"),
            alt="One row per lab: mean absolute error under the line of the other labs and under their mean.",
            figure=left_out_errors,
        ),
        Panel(
            name="rivals",
            title="Rival values of other sources",
            tables=("rivals",),
            alt="Table of scores that other sources give for the same models and benchmarks, with the difference.",
        ),
    ),
    controls=(
        "rows",
        "benchmark_x",
        "benchmark_y",
        "subset",
        "least_x",
        "labels",
        "trajectories",
        "zoom_from",
        "zoom_to",
        "star_x",
        "star_y",
        "resamples",
        "seed",
    ),
    inputs=("rows", "subset", "benchmark_x", "benchmark_y", "star_x", "star_y"),
    claims=FRONTIER_COUPLING,
)
