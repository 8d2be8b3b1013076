"""Correlations given size among models of similar size, with the model's own standardised residuals marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._analyze_company import Company, nothing
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.quantities import Estimate, Table
from cape.stats.dimensionality import participation_ratios, spectra
from cape.stats.inference import Inference
from cape.stats.pair_matrix import Estimator, ScoreRows, SideMatrix, assembled, pairs_of, resampled, side_matrix
from cape.stats.profile import standard_residual
from cape.stats.resampling import row_weights

LEAST_SPECTRUM = 3  # benchmarks; two have one correlation and nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupled:
    """The matrix at one size. names : benchmarks that were given and the panel holds. residuals : by name."""

    names: tuple[str, ...]
    side: SideMatrix | None
    residuals: dict[str, Inference]
    words: str


def coupled(subject: Subject, company: Company, params: AnalyzeParams) -> Coupled:
    """Return pair correlations given log10 N of models of similar size, and where the model lies about their lines.

    A model without a size is compared with models of any size.
    """
    names = tuple(name for name in dict.fromkeys((params.x, params.y, *subject.scores)) if name in company.benchmarks)
    names = tuple(name for name in names if name in subject.scores)
    chosen = company.is_sized if subject.log10_n is None else company.is_similar
    words = (
        "models of any size"
        if subject.log10_n is None
        else f"{int(chosen.sum())} models within a factor {params.similar:g} of its size"
    )
    rng = np.random.default_rng([params.seed, 81])
    residuals = {name: _residual(subject, name, company, chosen, params, rng) for name in names}
    side = None
    if len(names) > 1 and chosen.any():
        table = np.stack([company.column(name) for name in names], axis=1)
        codes = np.unique(company.family, return_inverse=True)[1]
        rows = ScoreRows(scores=table[chosen], log10_n=company.log10_n[chosen], codes=codes[chosen])
        weights = row_weights(int(codes.max()) + 1, n_resamples=params.resamples, rng=rng)
        side = side_matrix(rows, weights, estimator=Estimator.PARTIAL)
    return Coupled(names=names, side=side, residuals=residuals, words=words)


def _residual(
    subject: Subject,
    name: str,
    company: Company,
    chosen: NDArray[np.bool_],
    params: AnalyzeParams,
    rng: np.random.Generator,
) -> Inference:
    if subject.log10_n is None:
        return nothing("undefined: the size is not given")
    others = company.others(name, chosen)
    return standard_residual(subject.scores[name].score, subject.log10_n, others, n_resamples=params.resamples, rng=rng)


def matrix_estimates(subject: Subject, found: Coupled) -> list[Estimate]:
    """Return residuals, correlations, eigenvalues, d_eff and how many pairs compete or cooperate."""
    caveats = (found.words,)
    estimates = [
        one.estimate(
            symbol="score_residual", label=f"{subject.name}: {name}", unit="standard deviations", caveats=caveats
        )
        for name, one in found.residuals.items()
    ]
    if found.side is None:
        why = f"undefined: needs 2 scores of the panel and {found.words} to compare, got {len(found.names)} scores"
        lost = nothing(why)
        return [
            *estimates,
            *(
                lost.estimate(symbol=symbol, label=f"{subject.name}: {label}", unit=unit)
                for symbol, label, unit in LOST
            ),
        ]
    side = found.side
    for k, (i, j) in enumerate(pairs_of(len(found.names))):
        one = _pair(side, k)
        label = f"{subject.name}: {found.names[i]} and {found.names[j]} at its size"
        estimates.append(one.estimate(symbol="r_partial", label=label, unit="", caveats=caveats))
    return estimates + _counts(subject, found) + _spectrum(subject, found)


LOST = (
    ("n_pairs_at_size", "competing", "pairs"),
    ("n_pairs_at_size", "cooperating", "pairs"),
    ("eigenvalue_at_size", "largest", ""),
    ("d_eff_at_size", "given scores", ""),
)


def _pair(side: SideMatrix, k: int) -> Inference:
    r, low, high = (float(v[k]) for v in (side.r, side.low, side.high))
    return Inference(
        value=r if np.isfinite(r) else None,
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
        n=int(side.n[k]),
        method=f"Pearson r given log10 N; {side.method}",
        caveats=(*side.caveats[k], f"{side.n_families[k]} families"),
    )


def _counts(subject: Subject, found: Coupled) -> list[Estimate]:
    side = found.side
    if side is None:
        return []
    counts = {"competing": int((side.high < 0).sum()), "cooperating": int((side.low > 0).sum())}
    return [
        Estimate(
            symbol="n_pairs_at_size",
            label=f"{subject.name}: {word}",
            value=float(count),
            low=None,
            high=None,
            n=side.r.size,
            unit="pairs",
            method=f"pairs whose 95% interval of r given log10 N lies {where} 0",
            caveats=("no interval: a count", found.words),
        )
        for (word, count), where in zip(counts.items(), ("below", "above"), strict=True)
    ]


def _spectrum(subject: Subject, found: Coupled) -> list[Estimate]:
    side, p = found.side, len(found.names)
    label = f"{subject.name}: given scores"
    if side is None or p < LEAST_SPECTRUM or not np.isfinite(side.r).all():
        lost = nothing(f"undefined: needs {LEAST_SPECTRUM} scores and a correlation of every pair, got {p} scores")
        return [
            lost.estimate(symbol="eigenvalue_at_size", label=f"{subject.name}: largest", unit=""),
            lost.estimate(symbol="d_eff_at_size", label=label, unit=""),
        ]
    matrices = np.concatenate([assembled(side.r, p)[None], assembled(side.draws, p)])
    complete = np.isfinite(matrices).all(axis=(1, 2))
    filled = np.where(complete[:, None, None], matrices, np.nan)
    values, _ = spectra(filled)
    n = int(side.n_families.min())
    caveats = (
        found.words,
        "assembled from pairs; resampled eigenvalues spread more than true ones",
        f"smallest eigenvalue {values[0, -1]:.3g}: {'no' if values[0, -1] < 0 else 'a'} covariance matrix",
    )
    names = ["largest", *(f"number {k}" for k in range(2, p + 1))]
    found_values = [
        _summary(values[:, k], n, f"eigenvalue {k + 1} of {p} of the matrix of r given log10 N") for k in range(p)
    ]
    d_eff = _summary(participation_ratios(filled), n, "(sum l)^2 / sum l^2 of the matrix of r given log10 N")
    return [
        *(
            one.estimate(symbol="eigenvalue_at_size", label=f"{subject.name}: {name}", unit="", caveats=caveats)
            for name, one in zip(names, found_values, strict=True)
        ),
        d_eff.estimate(symbol="d_eff_at_size", label=label, unit="", caveats=caveats),
    ]


def _summary(values: NDArray[np.float64], n: int, method: str) -> Inference:
    return resampled(
        float(values[0]),
        values[1:],
        n_families=n,
        method=method,
        why="undefined: a pair has no correlation",
        lacking="have a pair without a correlation",
    )


def matrix_table(found: Coupled) -> Table:
    """Return one row per ordered pair: r with its interval, and the residuals of the model on both."""
    rows = []
    for i, first in enumerate(found.names):
        for j, second in enumerate(found.names):
            rows.append({"first": first, "second": second, **_cell(found, i, j), **_marks(found, first, second)})
    numbers = ("r", "low", "high", "first_residual", "second_residual", "product")
    schema = {"first": pl.String, "second": pl.String, **dict.fromkeys(numbers, pl.Float64)}
    schema |= {"n": pl.Int64, "reading": pl.String, "this_model": pl.String}
    units = dict.fromkeys(numbers[3:5], "standard deviations")
    return Table(name="matrix", title="Correlations given size", frame=pl.DataFrame(rows, schema=schema), units=units)


def _cell(found: Coupled, i: int, j: int) -> dict:
    if found.side is None or i == j:
        return {"r": 1.0 if i == j else None, "low": None, "high": None, "n": None, "reading": "itself"}
    k = pairs_of(len(found.names)).index((min(i, j), max(i, j)))
    one = _pair(found.side, k)
    reading = "unsettled"
    if one.high is not None and one.high < 0:
        reading = "competing"
    elif one.low is not None and one.low > 0:
        reading = "cooperating"
    return {"r": one.value, "low": one.low, "high": one.high, "n": one.n, "reading": reading}


def _marks(found: Coupled, first: str, second: str) -> dict:
    """Say whether the model's two residuals have the sign of the correlation."""
    a, b = (found.residuals[name].value for name in (first, second))
    side = "same side" if a is not None and b is not None and a * b > 0 else "opposite sides"
    return {
        "first_residual": a,
        "second_residual": b,
        "product": None if a is None or b is None else a * b,
        "this_model": "undefined" if a is None or b is None else side,
    }
