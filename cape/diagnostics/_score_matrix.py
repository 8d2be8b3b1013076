"""Read the scores of a selection as a table of models by benchmarks. No SQL, no statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import AT_SIZE, in_window
from cape.diagnostics._params import ALL_FAMILIES, Params, family_names
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.quantities import Phase
from cape.stats.pair_matrix import ScoreRows

FIVE = ("hellaswag", "truthfulqa", "arc_challenge", "winogrande", "mmlu")  # paper A.2
EVERY = "all"
UNIT_KEYS = ("source_id", "family", "model_id", "revision", "source_row", "axis", "replicate", "position")
ORDER = ("family", "position", "model_id", "source_row", "revision", "source_id", "axis", "replicate")
PHASE_KEYS = ("family", "axis", "replicate", "position")
BENCHMARKS_HELP = "Benchmark names, separated by commas; empty: the paper's five; all: every one the panel holds."


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreMatrix:
    """Models by benchmarks, in order of family and size.

    rows : family, model_id, position, d_model, phase, phase_paper of each model row. scores, errors : (n, p) percent,
    NaN for a gap. is_near : (n, p) within two standard errors of chance. benchmarks : (p,) the pair first.
    """

    benchmarks: tuple[str, ...]
    rows: pl.DataFrame
    scores: NDArray[np.float64]
    errors: NDArray[np.float64]
    is_near: NDArray[np.bool_]
    caveats: tuple[str, ...] = ()

    @property
    def family(self) -> NDArray[np.str_]:
        """Family of each row."""
        return np.asarray(self.rows["family"].to_list(), dtype=np.str_)

    @property
    def log10_n(self) -> NDArray[np.float64]:
        """log10 of the size of each row, NaN where it is not public."""
        return np.log10(self.rows["position"].cast(pl.Float64).fill_null(float("nan")).to_numpy())

    @property
    def widths(self) -> NDArray[np.float64]:
        """Model width of each row, NaN where it is unknown."""
        return self.rows["d_model"].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    @property
    def is_complete(self) -> NDArray[np.bool_]:
        """Whether a row has every score."""
        return np.asarray(np.isfinite(self.scores).all(axis=1))

    def score_rows(self, chosen: NDArray[np.bool_], *, keep_near_chance: bool) -> ScoreRows:
        """Return the chosen rows for the pair statistics; families keep one code in every choice."""
        codes = np.unique(self.family, return_inverse=True)[1]
        scores = self.scores if keep_near_chance else np.where(self.is_near, np.nan, self.scores)
        return ScoreRows(scores=scores[chosen], log10_n=self.log10_n[chosen], codes=codes[chosen])


def score_matrix(params: Params, read: Read, *, wanted: str) -> ScoreMatrix:
    """Return the scores of the selection as a table.

    wanted : names of benchmarks separated by commas, "" for the paper's five, "all" for every one of the panel; the
    pair x, y always comes first. Raises UnknownNameError for a benchmark that the panel does not hold,
    BadParameterError for two variants of one benchmark, NotEnoughDataError for an empty selection.
    """
    held = read("mart_panel_benchmarks", panel=params.panel)
    benchmarks = _chosen(params, held, wanted)
    equals = {"panel": params.panel}
    if params.family != ALL_FAMILIES:
        equals["family"] = params.family
    scores = in_window(read("mart_scores", **equals), params, *AT_SIZE)
    scores = scores.filter(pl.col("benchmark_id").is_in(benchmarks))
    if scores.is_empty():
        raise NotEnoughDataError(
            f"Panel {params.panel!r} has no model with {', '.join(benchmarks)} in this selection. "
            "Pick another family, window or panel."
        )
    units = scores.group_by(UNIT_KEYS).agg(pl.col("d_model").first())
    units = units.sort(ORDER, nulls_last=True)
    phases = read("mart_phases", panel=params.panel, x=params.x, y=params.y)
    order = ("x_protocol", "y_protocol")
    phases = phases.group_by(PHASE_KEYS).agg(
        pl.col("phase", "phase_paper", "gamma", "gamma_se").sort_by(*order).first()
    )
    rows = units.join(phases, on=PHASE_KEYS, how="left", nulls_equal=True, maintain_order="left")
    rows = rows.with_columns(pl.col("phase", "phase_paper").fill_null(str(Phase.NONE)))
    repeated = scores.height - scores.select(*UNIT_KEYS, "benchmark_id").unique().height
    return ScoreMatrix(
        benchmarks=benchmarks,
        rows=rows,
        scores=_table(rows, scores, benchmarks, pl.col("score_pct").mean()),
        errors=_table(rows, scores, benchmarks, pl.col("score_se_pct").mean()),
        is_near=_table(rows, scores, benchmarks, pl.col("is_near_chance").any().cast(pl.Float64)) == 1,
        caveats=(f"{repeated} scores of one model under several protocols were averaged",) if repeated else (),
    )


def _table(rows: pl.DataFrame, scores: pl.DataFrame, benchmarks: Sequence[str], value: pl.Expr) -> NDArray[np.float64]:
    """Return (n_rows, n_benchmarks) of one column of the long scores, NaN for a gap."""
    cells = scores.group_by(*UNIT_KEYS, "benchmark_id").agg(value.alias("cell"))
    columns = []
    for benchmark in benchmarks:
        one = cells.filter(pl.col("benchmark_id") == benchmark).select(*UNIT_KEYS, "cell")
        joined = rows.select(UNIT_KEYS).join(one, on=UNIT_KEYS, how="left", nulls_equal=True, maintain_order="left")
        columns.append(joined["cell"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return np.column_stack(columns)


def _chosen(params: Params, held: pl.DataFrame, wanted: str) -> tuple[str, ...]:
    base = dict(zip(held["benchmark_id"], held["benchmark"], strict=True))
    names = [params.x, params.y]
    taken = {base[name] for name in names}
    if wanted in ("", EVERY):
        pool = held.sort("n_models", "benchmark_id", descending=[True, False])
        order = FIVE if wanted == "" else tuple(dict.fromkeys((*FIVE, *pool["benchmark"])))
        for benchmark in order:
            first = next((name for name in pool["benchmark_id"] if base[name] == benchmark), None)
            if first is not None and benchmark not in taken:
                names.append(first)
        return tuple(names)
    for name in family_names(wanted):
        if name in names:
            continue
        if name not in base:
            near = get_close_matches(name, base, n=3, cutoff=0.4)
            hint = f"Did you mean {', '.join(near)}?" if near else f"It has: {', '.join(base)}."
            raise UnknownNameError(f"Panel {params.panel!r} has no benchmark {name!r}. {hint}")
        if base[name] in taken:
            raise BadParameterError(
                f"{name} is another variant of {base[name]}, and variants of one benchmark never meet. Name one."
            )
        names.append(name)
        taken.add(base[name])
    return tuple(names)


def short(benchmark: str) -> str:
    """Return a benchmark's name without its variant, for tables that printed series are joined to."""
    return next((name for name in FIVE if benchmark == name or benchmark.startswith(f"{name}_")), benchmark)
