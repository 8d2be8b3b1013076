"""Which benchmarks still tell models apart at each size, and on the frontier: part of cascade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_scores import FrontierRows
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.resampling import row_weights
from cape.stats.survival import Survival, survival

# Billions; 3.5 and 70 are the ends of the dashboard's bands (benchmark survival table), the rest divides them.
EDGES_B = (1.0, 3.5, 10.0, 30.0, 70.0)
FRONTIER = "frontier, size not public"
MOST_RESAMPLES = 2_000  # enough for the 2.5% tails of the many cells; the estimates say how many were drawn
CROWDED = 2  # benchmarks with fewer scores in all are left out
LOOSE = 1.0  # range over noise range above which models differ by more than their errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One benchmark at one size."""

    scale: str
    rank: int
    benchmark: str
    found: Survival

    @property
    def label(self) -> str:
        """Label of its estimates."""
        return f"{self.benchmark}: {self.scale}"


def scale_names() -> tuple[str, ...]:
    """Return the names of the bins of size, smallest first."""
    ends = [f"{edge:g}" for edge in EDGES_B]
    between = [f"{low} to {high} B" for low, high in zip(ends, ends[1:], strict=False)]
    return (f"below {ends[0]} B", *between, f"{ends[-1]} B up")


def largest() -> str:
    """Return the name of the bin of the largest models."""
    return scale_names()[-1]


def base_scores(read: Read, panel: str) -> pl.DataFrame:
    """Return the sized scores of a base panel, one per model and benchmark, with the bin of their size."""
    scores = read("mart_scores", panel=panel).drop_nulls("position").filter(pl.col("model_kind") != "frontier")
    keys = ("family", "model_id", "position", "benchmark_id")
    scores = scores.group_by(keys, maintain_order=True).agg(
        pl.col("score_pct").mean(), pl.col("score_se_pct").max(), pl.col("display_name").first()
    )
    rank = pl.sum_horizontal(pl.col("position") >= edge * 1e9 for edge in EDGES_B)
    return scores.with_columns(rank.alias("rank")).sort("benchmark_id", "rank", "family", "position", "model_id")


def survival_cells(
    base: pl.DataFrame, frontier: FrontierRows, *, resamples: int, rng: np.random.Generator
) -> tuple[Cell, ...]:
    """Return the spread of every benchmark in every bin of the base panel that holds a model, then of the frontier."""
    resamples = min(resamples, MOST_RESAMPLES)
    families = base["family"].unique().sort().to_list()
    weights = row_weights(max(len(families), 1), n_resamples=resamples, rng=rng)
    cells = []
    for (benchmark, rank), rows in base.group_by("benchmark_id", "rank", maintain_order=True):
        codes = np.array([families.index(name) for name in rows["family"]], dtype=np.intp)
        errors = rows["score_se_pct"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        found = survival(rows["score_pct"].to_numpy(), errors, codes, weights, rng=rng)
        place = int(str(rank))
        cells.append(Cell(scale=scale_names()[place], rank=place, benchmark=str(benchmark), found=found))
    labs, lab_codes = np.unique(frontier.labs, return_inverse=True)
    weights = row_weights(max(labs.size, 1), n_resamples=resamples, rng=rng)
    for column, benchmark in enumerate(frontier.benchmarks):
        held = np.isfinite(frontier.scores[:, column])
        if held.sum() < CROWDED:
            continue
        found = survival(
            frontier.scores[held, column], frontier.errors[held, column], lab_codes[held], weights, rng=rng
        )
        cells.append(Cell(scale=FRONTIER, rank=len(EDGES_B) + 1, benchmark=benchmark, found=found))
    return tuple(cells)


def survival_estimates(cells: tuple[Cell, ...], pair: tuple[str, str]) -> list[Estimate]:
    """Return range, deviation, entropy and discrimination of every cell, and the pair's together above 70 B."""
    estimates = []
    for cell in cells:
        found = cell.found
        rows = (
            ("score_range", found.range_pp, "pp"),
            ("score_deviation", found.deviation_pp, "pp"),
            ("score_entropy", found.entropy_bits, "bits"),
            ("discrimination", found.discrimination, ""),
        )
        about = (f"{found.n} models of {found.n_families} families or labs",)
        estimates += [
            inference.estimate(symbol=symbol, label=cell.label, unit=unit, caveats=about)
            for symbol, inference, unit in rows
        ]
    top = {cell.benchmark: cell.found for cell in cells if cell.scale == largest() and cell.benchmark in pair}
    label = f"the pair's larger: {largest()}"
    for symbol, name, unit in (("score_range", "range_pp", "pp"), ("discrimination", "discrimination", "")):
        ranked = [getattr(found, name) for found in top.values()]
        known = [found for found in ranked if found.value is not None]
        if len(known) == len(pair):
            widest = max(known, key=lambda found: found.value or 0.0)
        else:
            why = (f"undefined: {' and '.join(pair)} are not both held at {largest()}",)
            widest = Inference(value=None, low=None, high=None, n=0, method="larger of the pair", caveats=why)
        estimates.append(widest.estimate(symbol=symbol, label=label, unit=unit))
    return estimates


def survival_table(cells: tuple[Cell, ...]) -> Table:
    """Return one row per benchmark and bin."""
    rows = []
    for cell in cells:
        found = cell.found
        row = {"scale": cell.scale, "rank": cell.rank, "benchmark": cell.benchmark, "n": found.n}
        row |= {"n_families": found.n_families, "low_pct": found.low_pct, "high_pct": found.high_pct}
        for name, inference in (
            ("range", found.range_pp),
            ("deviation", found.deviation_pp),
            ("entropy", found.entropy_bits),
        ):
            row |= {name: inference.value, f"{name}_low": inference.low, f"{name}_high": inference.high}
        row |= {"noise_range": found.noise_range, "discrimination": found.discrimination.value}
        rows.append({**row, "tells_apart": _tells_apart(found)})
    numbers = [f"{name}{end}" for name in ("range", "deviation", "entropy") for end in ("", "_low", "_high")]
    schema = {"scale": pl.String, "rank": pl.Int64, "benchmark": pl.String, "n": pl.Int64, "n_families": pl.Int64}
    names = ("low_pct", "high_pct", *numbers, "noise_range", "discrimination")
    schema |= {**dict.fromkeys(names, pl.Float64), "tells_apart": pl.String}
    units = {"low_pct": "%", "high_pct": "%", "noise_range": "pp"}
    units |= {name: "bits" if name.startswith("entropy") else "pp" for name in numbers}
    return Table(
        name="survival",
        title="What each benchmark tells apart, by size",
        frame=pl.DataFrame(rows, schema=schema).sort("benchmark", "rank"),
        units=units,
    )


def survival_sentence(cells: tuple[Cell, ...], pair: tuple[str, str], panel: str) -> str:
    """Return whether the pair's benchmarks tell the largest models apart."""
    told = []
    for cell in cells:
        if cell.scale == largest() and cell.benchmark in pair:
            found = cell.found
            if found.discrimination.value is None or found.noise_range is None:
                told.append(f"{cell.benchmark} cannot be judged ({found.n} models)")
                continue
            told.append(
                f"{cell.benchmark} spans {found.range_pp.value:.1f} points over {found.n} models, where equally good "
                f"models would span up to {found.noise_range:.1f}"
            )
    if not told:
        return f"Panel {panel} holds no model of {largest()} with {' or '.join(pair)}."
    return f"At {largest()} of panel {panel}, {'; '.join(told)}."


def _tells_apart(found: Survival) -> str:
    if found.discrimination.value is None:
        return "too few models"
    return "yes" if found.discrimination.value > LOOSE else "no"
