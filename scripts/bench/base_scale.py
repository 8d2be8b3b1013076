"""Benchmark 1, continued: what the base-scale diagnostics resample, against the plain loop over the same resamples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import least_squares

from cape.diagnostics._fetch import points_of, steps_of
from cape.lake import Lake, LakePaths
from cape.stats.at_size import local_gamma
from cape.stats.dimensionality import participation_ratios, weighted_covariances
from cape.stats.flow import At, constant_gamma_scores, flow_points, weighted_polynomials
from cape.stats.inference import Points, Steps
from cape.stats.isocline import curve_pct, null_shares
from cape.stats.nulls import orderings
from cape.stats.pair_matrix import Estimator, ScoreRows, pair_correlations, pairs_of
from cape.stats.resampling import cluster_weights, row_weights, subset
from cape.stats.scaling_law import fit_laws
from cape.stats.width import REFERENCE_WIDTH, width_controls
from scripts.bench import loops
from scripts.bench.common import Row, copy_shipped_lake
from scripts.bench.stats import LOOPED, N_RESAMPLES, QUICK_LOOPED, SEED, SELECTION, Case, compared

Array = NDArray[np.float64]
BENCHMARKS = ("hellaswag", "truthfulqa_mc2", "arc_challenge", "winogrande", "mmlu")
FAMILY = "Pythia"
BANDWIDTH = 0.5  # decades
TIGHT = 1e-15


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return one row per diagnostic: speed relative to the loop, and the largest difference of the resampled values."""
    lake = Lake.ensure(LakePaths(copy_shipped_lake(folder)))
    points = points_of(lake.read("mart_phases", **SELECTION).sort("family", "position"))
    steps = steps_of(lake.read("mart_gamma", **SELECTION).sort("family", "step_no"))
    scores = lake.read("mart_scores", panel=SELECTION["panel"]).filter(pl.col("benchmark_id").is_in(BENCHMARKS))
    pythia = lake.read("mart_pairs", **{**SELECTION, "panel": "author", "y": "truthfulqa_as_printed"}, family=FAMILY)
    widths = lake.read("mart_models").select("model_id", "d_model")
    losses = lake.read("mart_losses", family=FAMILY, quantity="pile_test_xent")
    lake.close()
    table = scores.pivot(on="benchmark_id", index=("model_id", "family"), values="score_pct", aggregate_function="mean")
    steps = subset(steps, np.isfinite(steps.gamma) & (steps.gamma_se > 0))
    cases = [
        _coupling_matrix(table),
        _effective_dimension(table),
        _width(pythia.join(widths, on="model_id").drop_nulls("d_model").sort("position", "model_id")),
        _losses(losses.drop_nulls("params_b").sort("params_b").unique("params_b", keep="first", maintain_order=True)),
        _isocline(_longest(points)),
        _flow(steps),
        _at_size(steps),
    ]
    return [compared(case, n_looped=QUICK_LOOPED if is_quick else LOOPED) for case in cases]


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _looped(family: NDArray, statistic: Callable[[NDArray], Any]) -> Callable[[int], Array]:
    return lambda n: loops.over_families(family, statistic, n=n, n_resamples=N_RESAMPLES, rng=_rng())


def _longest(points: Points) -> Points:
    names, sizes = np.unique(points.family, return_counts=True)
    found = subset(points, points.family == names[sizes.argmax()])
    return subset(found, np.concatenate([[True], np.diff(found.log10_n) > 0]))


def _coupling_matrix(table: pl.DataFrame) -> Case:
    family, codes = np.unique(table["family"].to_numpy(), return_inverse=True)
    scores = table.select(BENCHMARKS).to_numpy()
    rows = ScoreRows(scores=scores, log10_n=np.full(len(scores), np.nan), codes=codes)
    pairs = pairs_of(len(BENCHMARKS))

    def ours() -> Array:
        weights = row_weights(family.size, n_resamples=N_RESAMPLES, rng=_rng())
        return pair_correlations(rows, weights, estimator=Estimator.PEARSON)

    def statistic(drawn: NDArray) -> list[float]:
        held = scores[drawn]
        both = [held[np.isfinite(held[:, [i, j]]).all(axis=1)][:, [i, j]] for i, j in pairs]
        return [float(np.corrcoef(pair, rowvar=False)[0, 1]) for pair in both]

    return Case(
        name=f"coupling_matrix: r of {len(pairs)} pairs",
        ours=ours,
        loop=_looped(codes, statistic),
    )


def _effective_dimension(table: pl.DataFrame) -> Case:
    whole = table.drop_nulls(BENCHMARKS)
    family, codes = np.unique(whole["family"].to_numpy(), return_inverse=True)
    scores = whole.select(BENCHMARKS).to_numpy()

    def ours() -> Array:
        weights = row_weights(family.size, n_resamples=N_RESAMPLES, rng=_rng())
        return participation_ratios(weighted_covariances(scores, weights, codes=codes))

    def statistic(drawn: NDArray) -> float:
        values = np.linalg.eigvalsh(np.cov(scores[drawn], rowvar=False))
        return float(values.sum() ** 2 / (values**2).sum())

    return Case(name="effective_dimension: participation ratio", ours=ours, loop=_looped(codes, statistic))


def _width(rows: pl.DataFrame) -> Case:
    x, y, width = (rows[name].cast(pl.Float64).to_numpy() for name in ("x_pct", "y_pct", "d_model"))
    size = np.log10(rows["position"].cast(pl.Float64).to_numpy())

    def loop(n: int) -> Array:
        table, _ = orderings(x.size, n_permutations=N_RESAMPLES, rng=_rng())
        over = width / REFERENCE_WIDTH
        return np.array([np.corrcoef(x / over, y[order] / over)[0, 1] for order in table[:n]])

    return Case(
        name=f"width_normalization: shuffled control of {FAMILY}",
        ours=lambda: width_controls(x, y, width, size, n_orderings=N_RESAMPLES, rng=_rng()).draws,
        loop=loop,
    )


def _losses(rows: pl.DataFrame) -> Case:
    size, loss = rows["params_b"].to_numpy() * 1e9, rows["value"].to_numpy()
    fitted = fit_laws(size, loss).fitted[0]
    drawn = fitted + (loss - fitted)[_rng().integers(loss.size, size=(N_RESAMPLES, loss.size))]
    log_n = np.log(size) - np.log(size).mean()

    def alpha(column: Array) -> float:
        found = least_squares(
            lambda p: p[0] + p[1] * np.exp(-p[2] * log_n) - column,
            x0=(column.min() / 2, column.mean() / 2, 0.2),
            bounds=([0, -np.inf, -np.inf], np.inf),
            xtol=TIGHT,
            ftol=TIGHT,
            gtol=TIGHT,
        )
        return float(found.x[2])

    return Case(
        name=f"loss_blindness: exponent of {FAMILY}, residual bootstrap",
        ours=lambda: fit_laws(size, drawn).alpha,
        loop=lambda n: np.array([alpha(column) for column in drawn[:n]]),
    )


def _isocline(ladder: Points) -> Case:
    known = subset(ladder, np.isfinite(ladder.x_se) & np.isfinite(ladder.y_se))
    k = float(np.mean((known.y_pct / 100) ** 2 / (known.x_pct / 100)))
    flat = constant_gamma_scores(known)

    def loop(n: int) -> Array:
        noise = _rng().standard_normal((2, N_RESAMPLES, known.log10_n.size))
        found = []
        for i in range(n):
            x, y = known.x_pct + known.x_se * noise[0, i], flat + known.y_se * noise[1, i]
            hits = [
                (y[j] > curve_pct(x[j], k)) == ((x[j + 1] - x[j]) * (y[j + 1] - y[j]) < 0) for j in range(x.size - 1)
            ]
            found.append(np.mean(hits))
        return np.array(found)

    return Case(
        name="isocline: hits when gamma is constant",
        ours=lambda: null_shares((known,), k=k, is_raw=True, n_draws=N_RESAMPLES, rng=_rng())["first"].draws,
        loop=loop,
    )


def _flow(steps: Steps) -> Case:
    rates = flow_points(steps, steps.family, at=At.START)

    def ours() -> Array:
        weights = cluster_weights(rates.family, n_resamples=N_RESAMPLES, rng=_rng())
        return weighted_polynomials(weights, rates.gamma[None], rates.rate[None], 1)[0]

    return Case(
        name="flow_geometry: linear beta function",
        ours=ours,
        loop=_looped(rates.family, lambda rows: np.polyfit(rates.gamma[rows], rates.rate[rows], 1)[::-1]),
    )


def _at_size(steps: Steps) -> Case:
    place = float(np.median(steps.log10_n_mid))

    def statistic(rows: NDArray) -> float:
        away = steps.log10_n_mid[rows] - place
        root = np.exp(-0.25 * (away / BANDWIDTH) ** 2) / steps.gamma_se[rows]
        return float(np.polyfit(away, steps.gamma[rows], 1, w=root)[1])

    return Case(
        name="analyze_model: gamma at a size, local line",
        ours=lambda: local_gamma(steps, at=place, bandwidth=BANDWIDTH, n_resamples=N_RESAMPLES, rng=_rng())[0][1:, 0],
        loop=_looped(steps.family, statistic),
    )
