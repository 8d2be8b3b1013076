"""Correlations of the frontier's benchmarks, validity of the assembled matrix, its directions: part of cascade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_scores import SHORT, FrontierRows
from cape.diagnostics._plain_estimates import check, count, undefined
from cape.quantities import Estimate, Table
from cape.stats.correlation import MIN_POINTS
from cape.stats.definiteness import Definiteness, definiteness
from cape.stats.dimensionality import (
    MIN_ROWS,
    Redraws,
    Words,
    aligned,
    correlations,
    family_redraws,
    participation_ratios,
    redraw_inference,
    spectra,
)
from cape.stats.inference import Inference
from cape.stats.pair_matrix import Estimator, ScoreRows, SideMatrix, assembled, pairs_of, side_matrix

OURS, PRINTED, NEAREST = "pairwise", "printed pairwise", "nearest valid"
PAPER = "paper's recipe"
KINDS = ("covariance", "correlation")
SERIES = "frontier_pairwise_matrix"  # the author's matrix of SWE, GPQA and HLE
NO_MATRIX = "undefined: fewer than two benchmarks have a correlation with one another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A matrix of pairwise correlations of benchmarks, (p, p), and whether scores could have it."""

    name: str
    benchmarks: tuple[str, ...]
    matrix: NDArray[np.float64]
    validity: Definiteness


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Rows that have every benchmark of a set: scores (n, p) percent and how they are drawn again."""

    benchmarks: tuple[str, ...]
    scores: NDArray[np.float64]
    redraws: Redraws

    @property
    def name(self) -> str:
        """Names of the set, as labels have them."""
        return " + ".join(self.benchmarks)


def pair_matrix(data: FrontierRows, family_weights: NDArray[np.float64]) -> SideMatrix:
    """Return r of every pair of benchmarks over the models that have both; labs (n_resamples, n_labs) are resampled."""
    codes = np.unique(data.labs, return_inverse=True)[1]
    rows = ScoreRows(scores=data.scores, log10_n=np.full(len(data.scores), np.nan), codes=codes)
    return side_matrix(rows, family_weights, estimator=Estimator.PEARSON)


def matrices_of(data: FrontierRows, found: SideMatrix, read: Read) -> tuple[Assembled, ...]:
    """Return our assembled matrix, over the benchmarks that all have an r with one another, and the printed one."""
    square = assembled(found.r, len(data.benchmarks))
    held = connected(square)
    kept = []
    if len(held) > 1:
        matrix = square[np.ix_(held, held)]
        names = tuple(data.benchmarks[place] for place in held)
        kept.append(Assembled(name=OURS, benchmarks=names, matrix=matrix, validity=definiteness(matrix)))
    printed = _printed(read)
    return (*kept, printed) if printed is not None else tuple(kept)


def connected(square: NDArray[np.float64]) -> list[int]:
    """Return the benchmarks, in order, that have a defined r with every benchmark taken before them."""
    held: list[int] = []
    for place in range(len(square)):
        if np.isfinite(square[place, held]).all() and np.isfinite(np.delete(square[place], place)).any():
            held.append(place)
    return held


def _printed(read: Read) -> Assembled | None:
    series = read("mart_printed_series", series_group=SERIES)
    by_short = {short: name for name, short in SHORT.items()}
    cells: dict[tuple[str, str], float] = {}
    for key, value in series.select("series_key", "y").iter_rows():
        first, _, second = str(key).partition("-")
        cells[by_short[first], by_short[second]] = cells[by_short[second], by_short[first]] = float(value)
    names = tuple(name for name in SHORT if any(name in cell for cell in cells))
    if not names:
        return None
    matrix = np.array([[1.0 if a == b else cells.get((a, b), np.nan) for b in names] for a in names])
    if not np.isfinite(matrix).all():
        return None
    return Assembled(name=PRINTED, benchmarks=names, matrix=matrix, validity=definiteness(matrix))


def pair_estimates(data: FrontierRows, found: SideMatrix) -> Iterator[Estimate]:
    """Yield r and the number of models of every pair."""
    for place, (i, j) in enumerate(pairs_of(len(data.benchmarks))):
        label = f"{data.benchmarks[i]} / {data.benchmarks[j]}"
        n = int(found.n[place])
        yield count("n_rows", label, n, n=n, unit="", method="models with both scores")
        n_labs = int(found.n_families[place])
        about = f"{n} models of {n_labs} labs"
        low, high, caveats = _limits(found, place)
        inference = Inference(
            value=_number(found.r[place]),
            low=low,
            high=high,
            n=n_labs,
            method=f"Pearson r of models with both scores; {found.method}",
            caveats=(*caveats, about),
        )
        yield inference.estimate(symbol="r", label=label, unit="")


def _limits(found: SideMatrix, place: int) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return the interval of one r, without limits where fewer than MIN_ROWS models are resampled."""
    n = int(found.n[place])
    if np.isfinite(found.r[place]) and n < MIN_ROWS:
        return None, None, (f"no interval: {n} models, fewer than {MIN_ROWS}",)
    return _number(found.low[place]), _number(found.high[place]), found.caveats[place]


def matrix_estimates(matrices: Sequence[Assembled], n: int) -> Iterator[Estimate]:
    """Yield validity, d_eff, eigenvalues and first loadings of every assembled matrix."""
    if not any(found.name == OURS for found in matrices):
        yield undefined("d_eff_benchmarks", OURS, n=n, unit="", method="none", why=(NO_MATRIX,))
    for found in matrices:
        name, size = found.name, len(found.benchmarks)
        about = f"matrix of {', '.join(found.benchmarks)}"
        yield check(
            "smallest_eigenvalue",
            name,
            found.validity.smallest_eigenvalue,
            n=size,
            method=f"eigenvalues of the {about}",
        )
        yield check(
            "psd_distance",
            name,
            found.validity.distance,
            n=size,
            method="Frobenius norm of the difference from the nearest correlation matrix (Higham 2002)",
        )
        shown = [(name, found.matrix)]
        if not found.validity.is_valid:
            shown.append((f"{name}, {NEAREST}", found.validity.nearest))
        for label, matrix in shown:
            ratio = float(participation_ratios(matrix))
            yield check("d_eff_benchmarks", label, ratio, n=size, method=f"participation ratio of the {about}")
            values, vectors = spectra(matrix)
            yield check("lambda_2", label, float(values[1]), n=size, method=f"second eigenvalue of the {about}")
            for loading, benchmark in zip(_positive(vectors[:, 0]), found.benchmarks, strict=True):
                method = f"loading on the first eigenvector of the {about}, signs summing to plus"
                yield check("pc1_loading", f"{benchmark}: {label}", float(loading), n=size, method=method)


def complete_sets(data: FrontierRows, *, resamples: int, rng: np.random.Generator) -> tuple[Complete, ...]:
    """Return the rows with the first two benchmarks, the first three, and so on, as long as three rows have all."""
    found = []
    for size in range(2, len(data.benchmarks) + 1):
        names = data.benchmarks[:size]
        held = data.having(*names)
        if held.sum() < MIN_POINTS:
            break
        redraws = family_redraws(data.labs[held], n_resamples=resamples, rng=rng)
        found.append(Complete(benchmarks=names, scores=data.scores[held][:, :size], redraws=redraws))
    return tuple(found)


def complete_estimates(sets: Sequence[Complete]) -> Iterator[Estimate]:
    """Yield d_eff, 1 / lambda_2 and first loadings over complete rows, ours and as the paper takes them.

    Ours needs MIN_ROWS models: as many benchmarks as models less one span themselves whatever they are.
    """
    for found in sets:
        rows = np.arange(len(found.scores))
        covariances = found.redraws.covariances(found.scores, rows)
        for kind in KINDS:
            matrices = covariances if kind == "covariance" else correlations(covariances)
            yield from _ours(found, kind, matrices)
            yield from _paper(found, kind)


def _ours(found: Complete, kind: str, matrices: NDArray[np.float64]) -> Iterator[Estimate]:
    label, n = f"{found.name}: {kind}", len(found.scores)
    why = f"undefined: {n} models have all of them, {MIN_ROWS} are needed"
    about = (f"{n} models of {found.redraws.n_families} labs",)
    values, vectors = spectra(matrices)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(values[:, 1] > 0, 1.0 / values[:, 1], np.nan)
    first = aligned(vectors[..., 0], np.ones(len(found.benchmarks)))
    rows = [
        ("d_eff_benchmarks", label, participation_ratios(matrices), f"participation ratio, {kind}"),
        ("inverse_lambda_2", label, inverse, f"1 / second eigenvalue, {kind}"),
    ]
    rows += [
        ("pc1_loading", f"{name}: {label}", first[:, place], f"loading on the first eigenvector, {kind}")
        for place, name in enumerate(found.benchmarks)
    ]
    for symbol, name, drawn, what in rows:
        words = Words(what=what, why=why, lacking=f"hold fewer than {MIN_ROWS} models")
        inference = redraw_inference(drawn, found.redraws, words, n_rows=n)
        yield inference.estimate(symbol=symbol, label=name, unit="", caveats=about)


def _paper(found: Complete, kind: str) -> Iterator[Estimate]:
    """Yield the same numbers for however few models there are, without an interval."""
    n, label = len(found.scores), f"{PAPER}, {found.name}: {kind}"
    matrix = np.cov(found.scores.T)
    if kind == "correlation":
        matrix = correlations(matrix)
    if not np.isfinite(matrix).all():
        return
    values, vectors = spectra(matrix)
    shown = [
        ("d_eff_benchmarks", label, float(participation_ratios(matrix)), "participation ratio"),
        ("inverse_lambda_2", label, float(1.0 / values[1]) if values[1] > 0 else None, "1 / second eigenvalue"),
    ]
    shown += [
        ("pc1_loading", f"{name}: {label}", float(loading), "loading on the first eigenvector")
        for name, loading in zip(found.benchmarks, _positive(vectors[:, 0]), strict=True)
    ]
    for symbol, name, value, what in shown:
        yield Estimate(
            symbol=symbol,
            label=name,
            value=value,
            low=None,
            high=None,
            n=n,
            unit="",
            method=f"{what} of the {kind} of {n} models",
            caveats=("no interval: the paper gives none; it takes however few models there are",),
        )


def cells_table(data: FrontierRows, found: SideMatrix, matrices: Sequence[Assembled]) -> Table:
    """Return one row per pair: r, its interval, n, the nearest valid and the printed value."""
    rows = []
    for place, (i, j) in enumerate(pairs_of(len(data.benchmarks))):
        pair = (data.benchmarks[i], data.benchmarks[j])
        rows.append(
            {
                "first": pair[0],
                "second": pair[1],
                "r": _number(found.r[place]),
                "low": _limits(found, place)[0],
                "high": _limits(found, place)[1],
                "n_models": int(found.n[place]),
                "n_labs": int(found.n_families[place]),
                "nearest": _entry(matrices, OURS, pair, is_nearest=True),
                "printed": _entry(matrices, PRINTED, pair, is_nearest=False),
                "printed_nearest": _entry(matrices, PRINTED, pair, is_nearest=True),
                "caveats": "; ".join(_limits(found, place)[2]),
            }
        )
    numbers = dict.fromkeys(("r", "low", "high"), pl.Float64)
    schema = {"first": pl.String, "second": pl.String, **numbers, "n_models": pl.Int64, "n_labs": pl.Int64}
    schema |= {**dict.fromkeys(("nearest", "printed", "printed_nearest"), pl.Float64), "caveats": pl.String}
    return Table(name="cells", title="r of every pair of frontier benchmarks", frame=pl.DataFrame(rows, schema=schema))


def directions_table(estimates: Sequence[Estimate]) -> Table:
    """Return d_eff, eigenvalues and loadings of every matrix as rows with intervals."""
    symbols = ("d_eff_benchmarks", "lambda_2", "inverse_lambda_2", "pc1_loading", "smallest_eigenvalue", "psd_distance")
    rows = [
        {
            **{k: v for k, v in e.as_dict().items() if k in _DIRECTIONS},
            "n_of": _counted(e.label),
            "caveats": "; ".join(e.caveats),
        }
        for e in estimates
        if e.symbol in symbols
    ]
    return Table(name="directions", title="Directions of the frontier", frame=pl.DataFrame(rows, schema=_DIRECTIONS))


_DIRECTIONS = {"symbol": pl.String, "label": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
_DIRECTIONS |= {"n": pl.Int64, "n_of": pl.String, "method": pl.String, "caveats": pl.String}


def _counted(label: str) -> str:
    """Return what n counts in an estimate of this label."""
    if PAPER in label:
        return "models"
    return "benchmarks" if OURS in label else "labs"


def matrix_sentences(data: FrontierRows, found: SideMatrix, matrices: Sequence[Assembled]) -> tuple[str, ...]:
    """Return which cells can be filled, and whether the assembled matrices are possible ones."""
    pairs = pairs_of(len(data.benchmarks))
    empty = [f"{data.benchmarks[i]} / {data.benchmarks[j]}" for k, (i, j) in enumerate(pairs) if not found.n[k]]
    told = []
    if empty:
        told.append(f"{len(empty)} of {len(pairs)} cells have no model with both scores: {', '.join(empty)}.")
    for each in matrices:
        names = ", ".join(each.benchmarks)
        if each.validity.is_valid:
            told.append(f"The {each.name} matrix of {names} is positive semidefinite.")
            continue
        told.append(
            f"The {each.name} matrix of {names} is not positive semidefinite (smallest eigenvalue "
            f"{each.validity.smallest_eigenvalue:.2f}), so no scores of one set of models have it; the nearest valid "
            f"one is {each.validity.distance:.2f} away."
        )
    return tuple(told)


def _entry(matrices: Sequence[Assembled], name: str, pair: tuple[str, str], *, is_nearest: bool) -> float | None:
    for found in matrices:
        if found.name == name and set(pair) <= set(found.benchmarks):
            matrix = found.validity.nearest if is_nearest else found.matrix
            return float(matrix[found.benchmarks.index(pair[0]), found.benchmarks.index(pair[1])])
    return None


def _positive(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return aligned(vector, np.ones_like(vector))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
