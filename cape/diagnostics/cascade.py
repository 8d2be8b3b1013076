"""The cascade: which benchmarks still tell models apart, how the frontier's move together, and where to rotate to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._cascade_axes import (
    OLD_BEST,
    OWN_BEST,
    Axis,
    Population,
    Rule,
    axis_estimates,
    axis_of,
    frontier_axes,
    ratios,
    recommendation,
    saturation_table,
    spread_table,
)
from cape.diagnostics._cascade_inside import inside_estimates, inside_table
from cape.diagnostics._cascade_matrix import (
    cells_table,
    complete_estimates,
    complete_sets,
    directions_table,
    matrices_of,
    matrix_estimates,
    matrix_sentences,
    pair_estimates,
    pair_matrix,
)
from cape.diagnostics._cascade_statements import statements_table
from cape.diagnostics._cascade_survival import (
    EDGES_B,
    base_scores,
    largest,
    survival_cells,
    survival_estimates,
    survival_sentence,
    survival_table,
)
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._frontier_scores import (
    EVERY,
    ROWS,
    ROWS_HELP,
    SHORT,
    SWE,
    FrontierRows,
    frontier_rows,
    known_scores,
)
from cape.diagnostics._params import NoParams, family_names, option
from cape.diagnostics.wiring.cascade import CASCADE
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.figures.cascade import directions, frontier_matrix, saturation, spreads, survival_by_scale
from cape.lake.names import did_you_mean
from cape.stats.resampling import row_weights

SATURATED = 0.2  # DEFINITIONS section 2, row saturation: rotate below this ratio
TOP = 5  # the same row: spread of the top five
BASES = ("author", "independent")


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeParams(NoParams):
    """Which frontier rows and axes, how saturation is judged, and the base panel beside them."""

    scope: str = option(EVERY, label="Frontier rows", help=ROWS_HELP, choices=ROWS)
    axes: str = option(
        "", label="Axes", help="Frontier benchmarks, separated by commas; empty: SWE-bench, GPQA, IFEval and HLE."
    )
    current: str = option(SWE, label="Axis in use", help="Benchmark to rotate from; one of the axes.")
    top: int = option(TOP, label="Best models", help="How many of the best a spread is taken over.", low=2, high=20)
    top_by: str = option(
        OWN_BEST,
        label="Best by",
        help="Best models of each axis by its own scores, or the best of the old axis on both.",
        choices=(OWN_BEST, OLD_BEST),
    )
    rotate_below: float = option(
        SATURATED, label="Threshold", help="Rotate when sigma is below this.", low=0, high=10, is_whole=False
    )
    base: str = option("independent", label="Base panel", help="Panel whose sizes are shown.", choices=BASES)
    resamples: int = option(10_000, label="Resamples", help="Resamples of labs and families.", low=200, high=100_000)
    seed: int = option(0, label="Seed", help="Seed of the random generator.", low=0, high=2**31 - 1)


def compute(params: CascadeParams, read: Read) -> Outcome:
    """Return saturation, survival by scale, the frontier's matrix and directions, and what is said of N_c1 to N_c4."""
    data = _frontier(params, read)
    labs, codes = np.unique(data.labs, return_inverse=True)
    lab_weights = row_weights(labs.size, n_resamples=params.resamples, rng=_rng(params, 1))
    axes = frontier_axes(data, lab_weights[:, codes], k=params.top, rng=_rng(params, 2))
    base = base_scores(read, params.base)
    pair = _pair(read, params.base)
    before = _base_axes(base, pair, params)
    held = [axis for axis in axes if axis.spread.value is not None]
    rule = Rule(threshold=params.rotate_below, best=params.top_by)
    found = ratios(axes, axes, rule, rng=_rng(params, 3)) + ratios(before, held, rule, rng=_rng(params, 9))
    old = (*axes, *before)
    named, where, told = recommendation(found, params.current, params.rotate_below)
    cells = survival_cells(base, data, resamples=params.resamples, rng=_rng(params, 4))
    matrix = pair_matrix(data, lab_weights)
    matrices = matrices_of(data, matrix, read)
    sets = complete_sets(data, resamples=params.resamples, rng=_rng(params, 5))
    directed = [*matrix_estimates(matrices, len(data.scores)), *complete_estimates(sets)]
    estimates = [
        *named,
        *axis_estimates(old, found),
        *pair_estimates(data, matrix),
        *directed,
        *survival_estimates(cells, pair),
        *inside_estimates(read),
    ]
    tables = (
        where,
        saturation_table(found),
        spread_table(old),
        survival_table(cells),
        cells_table(data, matrix, matrices),
        directions_table(directed),
        statements_table(read, estimates, params.base),
        inside_table(read),
    )
    sentences = (*told, *matrix_sentences(data, matrix, matrices), survival_sentence(cells, pair, params.base))
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=sentences)


def _rng(params: CascadeParams, stream: int) -> np.random.Generator:
    return np.random.default_rng([params.seed, 31, stream])


def _frontier(params: CascadeParams, read: Read) -> FrontierRows:
    """Return the rows of the selection; raise UnknownNameError for an axis that is no benchmark or not chosen."""
    known = tuple(read("mart_benchmarks")["benchmark_id"])
    axes = family_names(params.axes) or tuple(name for name in SHORT if name in known)
    for name in (*axes, params.current):
        if name not in known:
            raise UnknownNameError(f"There is no benchmark {name!r}. {did_you_mean(name, known)}")
    if len(set(axes)) < 2:
        raise BadParameterError(f"The axes are {', '.join(axes)}. Name at least two: a rotation leads to another one.")
    if params.current not in axes:
        raise UnknownNameError(f"The axis in use, {params.current}, is not among the axes {', '.join(axes)}. Add it.")
    data = frontier_rows(known_scores(read, rows=params.scope), tuple(dict.fromkeys(axes)))
    if not len(data.scores):
        raise NotEnoughDataError(
            f"No frontier model of '{params.scope}' has a score on {', '.join(axes)}. Pick other rows or axes."
        )
    return data


def _pair(read: Read, panel: str) -> tuple[str, str]:
    row = read("mart_panels", panel=panel).row(0, named=True)
    return row["default_x"], row["default_y"]


def _base_axes(base: pl.DataFrame, pair: tuple[str, str], params: CascadeParams) -> tuple[Axis, ...]:
    """Return the base panel's pair over its largest models, as old axes of the rotation to the frontier's."""
    rows = base.filter((pl.col("rank") == len(EDGES_B)) & pl.col("benchmark_id").is_in(pair))
    models = rows.unique("model_id", keep="first", maintain_order=True).sort("model_id")
    if models.is_empty():
        return ()
    families, codes = np.unique(models["family"].to_list(), return_inverse=True)
    weights = row_weights(families.size, n_resamples=params.resamples, rng=_rng(params, 6))[:, codes]
    population = Population(names=tuple(models["display_name"]), weights=weights, n_labs=int(families.size))
    return tuple(
        axis_of(
            f"{name} at {largest()} ({params.base})",
            population,
            (_column(rows, models, name, "score_pct"), _column(rows, models, name, "score_se_pct")),
            k=params.top,
            rng=_rng(params, 7 + place),
        )
        for place, name in enumerate(pair)
    )


def _column(rows: pl.DataFrame, models: pl.DataFrame, benchmark: str, value: str) -> NDArray[np.float64]:
    one = rows.filter(pl.col("benchmark_id") == benchmark).select("model_id", value)
    joined = models.select("model_id").join(one, on="model_id", how="left", maintain_order="left")
    return joined[value].cast(pl.Float64).fill_null(float("nan")).to_numpy()


DIAGNOSTIC = Diagnostic(
    slug="cascade",
    alias="cas",
    section="Frontier",
    title="Cascade",
    question="Which benchmarks still tell models apart, and which should be used next, or none?",
    source="Paper A 7.1, 7.2, A.9; dashboard cascade tab",
    params=CascadeParams,
    compute=compute,
    uses_selection=False,
    panels=(
        Panel(
            name="saturation",
            title="Saturation ratio, and where to rotate to",
            tables=("saturation", "recommendation"),
            alt="One row per pair of axes: spread of the best on the old axis over that on the new one, with the "
            "interval of score errors and that of resampled labs, and the threshold of the rule.",
            figure=saturation,
        ),
        Panel(
            name="spreads",
            title="Spread of the best models, beside error alone",
            tables=("spreads",),
            alt="One row per axis: range of the best scores with its interval, and the range that equally good models "
            "show by error alone.",
            figure=spreads,
        ),
        Panel(
            name="survival",
            title="What each benchmark tells apart, by size",
            tables=("survival",),
            alt="Range of scores of every benchmark by bin of size, with its interval, and the range that equally good "
            "models show by error alone.",
            figure=survival_by_scale,
        ),
        Panel(
            name="matrix",
            title="How frontier benchmarks move together",
            tables=("cells",),
            alt="Matrix of pairwise correlations with the number of models in each cell, beside the printed matrix and "
            "the nearest valid one.",
            figure=frontier_matrix,
        ),
        Panel(
            name="directions",
            title="Directions of the frontier",
            tables=("directions",),
            alt="One row per matrix with its effective dimension and, where there are enough models, a 95% interval.",
            figure=directions,
        ),
        Panel(
            name="statements",
            title="N_c1 to N_c4: what is said and what supports it",
            tables=("statements", "inside"),
            alt="One row per printed statement: what is printed, what public data give, or why nothing can be given.",
        ),
    ),
    controls=("scope", "axes", "current", "top", "top_by", "rotate_below", "base", "resamples", "seed"),
    claims=CASCADE,
)
