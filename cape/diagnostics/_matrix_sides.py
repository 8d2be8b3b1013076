"""Estimates and tables of the matrices on each side of the cut: part of coupling_matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._plain_estimates import arithmetic, check, count
from cape.quantities import Estimate, Table
from cape.stats.definiteness import definiteness
from cape.stats.dimensionality import aligned, participation_ratios, spectra
from cape.stats.inference import Inference
from cape.stats.multiple_testing import FALSE_DISCOVERY_RATE, benjamini_hochberg, bootstrap_p
from cape.stats.pair_matrix import Estimator, ScoreRows, SideMatrix, assembled, pairs_of, resampled
from cape.stats.signs import student_p

SIDES = ("all", "below", "above")
SYMBOLS = {Estimator.PEARSON: "r", Estimator.PARTIAL: "r_partial", Estimator.DEMEANED: "r_within"}
INCOMPLETE = "undefined: a pair of benchmarks has no r on this side"
TURNED = "sign turned"
PRINTED_METHOD = "of the ten correlations that the dashboard prints for this side"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The matrices of all models, below and above the cut, by side, and those that the dashboard prints.

    families : name of each family code. printed : (n_pairs,) by side, NaN where the dashboard prints none.
    left_out : how many models lie on neither side, in words.
    """

    benchmarks: tuple[str, ...]
    families: tuple[str, ...]
    estimator: Estimator
    rows: dict[str, ScoreRows]
    found: dict[str, SideMatrix]
    printed: dict[str, NDArray[np.float64]]
    caveats: tuple[str, ...]
    left_out: str = ""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of benchmarks by index; the named pair is the first."""
        return pairs_of(len(self.benchmarks))

    @property
    def labels(self) -> list[str]:
        """Name of each pair."""
        return [f"{self.benchmarks[i]} / {self.benchmarks[j]}" for i, j in self.pairs]

    @property
    def with_second(self) -> NDArray[np.bool_]:
        """Which pairs hold the second benchmark of the named pair."""
        return np.array([1 in pair for pair in self.pairs])

    def n_families(self, side: str) -> int:
        """Families with a model on this side."""
        return int(np.unique(self.rows[side].codes).size)

    @property
    def printed_complete(self) -> dict[str, NDArray[np.float64]]:
        """The printed sides that have a number for every pair at hand."""
        return {side: values for side, values in self.printed.items() if np.isfinite(values).all()}


def pair_estimates(sides: Sides) -> list[Estimate]:
    """Return r of every pair on every side, and p and q of the named pair."""
    estimates = []
    for side, found in sides.found.items():
        for k, label in enumerate(sides.labels):
            models = f"{found.n[k]} model rows of {found.n_families[k]} families"
            known = Inference(
                value=_number(found.r[k]),
                low=_number(found.low[k]),
                high=_number(found.high[k]),
                n=int(found.n_families[k] if found.n_families[k] > 1 else found.n[k]),
                method=f"{sides.estimator} r of models with both scores"
                + (f"; {found.method}" if found.n_families[k] > 1 else ""),
                caveats=(*found.caveats[k], models, *sides.caveats),
            )
            estimates.append(known.estimate(symbol=SYMBOLS[sides.estimator], label=f"{label}: {side}", unit=""))
        estimates += _named_pair_p(sides, side, found)
    return estimates


def _named_pair_p(sides: Sides, side: str, found: SideMatrix) -> list[Estimate]:
    label = f"{sides.labels[0]}: {side}"
    covariates = 1 if sides.estimator is Estimator.PARTIAL else 0
    lost = int(found.n_families[0]) - 1 if sides.estimator is Estimator.DEMEANED else covariates
    naive = student_p(float(found.r[0]), n=int(found.n[0]), n_covariates=lost)
    discovered = int((found.q < FALSE_DISCOVERY_RATE).sum())
    rows = (
        ("p_families", found.p[0], f"two-sided share of draws on the other side of zero; {found.method}"),
        ("q_pairs", found.q[0], f"Benjamini-Hochberg over {np.isfinite(found.p).sum()} pairs of this side"),
        ("p_independent", np.nan if naive is None else naive, "t test of r, models as independent"),
    )
    estimates = []
    for symbol, value, method in rows:
        number = _number(value)
        why = (
            ("no interval: a tail share",) if number is not None else ("undefined: r has no interval or is undefined",)
        )
        n = int(found.n[0]) if symbol == "p_independent" else int(found.n_families[0])
        inference = Inference(value=number, low=None, high=None, n=n, method=method, caveats=why)
        estimates.append(inference.estimate(symbol=symbol, label=label, unit=""))
    method = f"pairs with a Benjamini-Hochberg q below {FALSE_DISCOVERY_RATE}"
    return [*estimates, count("n_discoveries", side, discovered, n=found.q.size, unit="pairs", method=method)]


def side_estimates(sides: Sides) -> list[Estimate]:
    """Return negative pairs, mean r, d_eff and validity of every matrix, ours and printed."""
    estimates = []
    for side, found in sides.found.items():
        estimates += _matrix_estimates(sides, side, found)
    for side, values in sides.printed_complete.items():
        estimates += _printed_estimates(sides, side, values)
    return estimates


def _matrix_estimates(sides: Sides, side: str, found: SideMatrix) -> list[Estimate]:
    known = np.isfinite(found.r)
    n_families, method = sides.n_families(side), found.method
    drawn = np.vstack([found.r, found.draws])[:, known]
    negative = np.where(np.isfinite(drawn).all(axis=1) & known.any(), (drawn < 0).sum(axis=1), np.nan)
    square = participation_ratios(assembled(np.vstack([found.r, found.draws]), len(sides.benchmarks)))
    statistics = (
        ("n_negative_pairs", side, negative, "pairs", "pairs with r below zero"),
        ("mean_pair_r", side, drawn.mean(axis=1) if known.any() else negative, "", "plain mean of r over pairs"),
        ("d_eff_benchmarks", f"{side}: assembled correlation matrix", square, "", "(sum l)^2 / sum l^2 of the matrix"),
    )
    estimates = [
        resampled(
            float(values[0]),
            values[1:],
            n_families=n_families,
            method=f"{what}; {method}",
            why=INCOMPLETE,
            lacking="lack r of a pair",
        ).estimate(symbol=symbol, label=label, unit=unit, caveats=sides.caveats)
        for symbol, label, values, unit, what in statistics
    ]
    settled = int((known & (found.high < 0)).sum())
    n_pairs = int(known.sum())
    what = "pairs of benchmarks that have an r on this side"
    return [
        *estimates,
        count("n_pairs", side, n_pairs, n=found.r.size, unit="pairs", method=what),
        count(
            "n_negative_pairs_settled",
            side,
            settled,
            n=n_pairs,
            unit="pairs",
            method="pairs whose 95% interval lies below zero",
        ),
        *_validity(sides, side, found.r, "correlations assembled from the models of each pair"),
    ]


def _printed_estimates(sides: Sides, side: str, values: NDArray[np.float64]) -> list[Estimate]:
    label = f"printed: {side}"
    n, matrix = values.size, assembled(values, len(sides.benchmarks))
    numbers = (
        ("n_negative_pairs", float((values < 0).sum()), "pairs", "pairs with r below zero"),
        ("n_pairs", float(n), "pairs", "pairs"),
        ("mean_pair_r", float(values.mean()), "", "plain mean of r over pairs"),
        ("d_eff_benchmarks", float(participation_ratios(matrix)), "", "(sum l)^2 / sum l^2"),
    )
    estimates = [
        arithmetic(symbol, label, value, n=n, unit=unit, method=f"{what} {PRINTED_METHOD}")
        for symbol, value, unit, what in numbers
    ]
    return estimates + _validity(sides, label, values, PRINTED_METHOD)


def _validity(sides: Sides, label: str, r: NDArray[np.float64], what: str) -> list[Estimate]:
    """Return the smallest eigenvalue and the distance to the nearest valid matrix."""
    if not np.isfinite(r).all():
        return []
    found = definiteness(assembled(r, len(sides.benchmarks)))
    verdict = "a valid correlation matrix" if found.is_valid else "not a correlation matrix that any scores could have"
    method = "Frobenius norm of the change to the nearest correlation matrix (Higham 2002)"
    return [
        check("smallest_eigenvalue", label, found.smallest_eigenvalue, n=r.size, method=f"{what}: {verdict}"),
        check("psd_distance", label, found.distance, n=r.size, method=f"{what}: {method}"),
    ]


def fold_estimates(sides: Sides) -> list[Estimate]:
    """Return in how many leave-one-family-out folds each pair is negative, and how many pairs keep their sign."""
    estimates = []
    for side, found in sides.found.items():
        n_folds = len(found.fold_family)
        negative = (found.folds < 0).sum(axis=0)
        positive = (found.folds > 0).sum(axis=0)
        same = np.where(found.r < 0, negative, positive)
        method = "one fold per family left out of this side"
        estimates.append(count("n_folds", side, n_folds, n=n_folds, unit="folds", method=method))
        for symbol, label, value in (
            ("n_pairs_positive_in_all_folds", side, int(((positive == n_folds) & (n_folds > 0)).sum())),
            ("n_pairs_same_sign_in_all_folds", side, int(((same == n_folds) & (n_folds > 0)).sum())),
        ):
            estimates.append(count(symbol, label, value, n=found.r.size, unit="pairs", method=method))
        estimates += [
            count("n_folds_negative", f"{label}: {side}", int(negative[k]), n=n_folds, unit="folds", method=method)
            for k, label in enumerate(sides.labels)
        ]
    return estimates


def component_estimates(sides: Sides) -> list[Estimate]:
    """Return loadings on the first component of each matrix, signed so that the first benchmark loads positively."""
    estimates = []
    for side, loadings in _loadings(sides):
        for k, benchmark in enumerate(sides.benchmarks):
            found = _loading(sides, side, loadings[:, k])
            estimates.append(found.estimate(symbol="pc1_loading", label=f"{benchmark}: {side}", unit=""))
            if k < 2 and side.endswith("below"):  # the named pair also in the other sign, which is as good
                turned = _loading(sides, side, -loadings[:, k])
                label = f"{benchmark}: {side}, {TURNED}"
                estimates.append(turned.estimate(symbol="pc1_loading", label=label, unit=""))
    return estimates


def _loadings(sides: Sides) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield (side, loadings (1 + n_resamples, p)) of the first component, the data first, printed sides last."""
    size = len(sides.benchmarks)
    drawn = {side: np.vstack([found.r, found.draws]) for side, found in sides.found.items()}
    drawn |= {f"printed: {side}": values[None] for side, values in sides.printed_complete.items()}
    for side, r in drawn.items():
        _, vectors = spectra(assembled(r, size))
        yield side, aligned(vectors[..., 0], np.eye(size)[0])


def _loading(sides: Sides, side: str, values: NDArray[np.float64]) -> Inference:
    what = "loading on the first eigenvector of the correlation matrix"
    if side not in sides.found:
        caveats = ("no interval: it follows from printed numbers",)
        return Inference(
            value=float(values[0]), low=None, high=None, n=len(sides.pairs), method=f"{what}, printed", caveats=caveats
        )
    method = f"{what}; {sides.found[side].method}"
    return resampled(
        float(values[0]),
        values[1:],
        n_families=sides.n_families(side),
        method=method,
        why=INCOMPLETE,
        lacking="lack r of a pair",
    )


def cell_table(sides: Sides) -> Table:
    """Return one row per side and pair, with the printed number, the change between the sides and its p and q."""
    change = sides.found["above"].draws - sides.found["below"].draws
    p_change = bootstrap_p(change)
    q_change = benjamini_hochberg(p_change)
    flips = sides.found["below"].r * sides.found["above"].r < 0
    rows = []
    for side, found in sides.found.items():
        printed = sides.printed.get(side, np.full(found.r.size, np.nan))
        for k, (i, j) in enumerate(sides.pairs):
            rows.append(
                {
                    "side": side,
                    "first": sides.benchmarks[i],
                    "second": sides.benchmarks[j],
                    "pair": sides.labels[k],
                    "is_named_pair": k == 0,
                    "value": found.r[k],
                    "low": found.low[k],
                    "high": found.high[k],
                    "p": found.p[k],
                    "q": found.q[k],
                    "n_models": found.n[k],
                    "n_families": found.n_families[k],
                    "printed": printed[k],
                    "changes_sign": bool(flips[k]),
                    "p_of_change": p_change[k],
                    "q_of_change": q_change[k],
                    "caveats": "; ".join(found.caveats[k]),
                }
            )
    return Table(name="cells", title="r of every pair", frame=pl.DataFrame(rows).fill_nan(None))


def fold_table(sides: Sides) -> Table:
    """Return one row per side, pair and family left out."""
    rows = [
        {
            "side": side,
            "pair": label,
            "family": sides.families[family],
            "r_without": found.folds[fold, k],
            "r": found.r[k],
            "n_models": found.n[k],
        }
        for side, found in sides.found.items()
        for k, label in enumerate(sides.labels)
        for fold, family in enumerate(found.fold_family.tolist())
    ]
    schema = {"side": pl.String, "pair": pl.String, "family": pl.String, "r_without": pl.Float64, "r": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema | {"n_models": pl.Int64}).fill_nan(None)
    return Table(name="folds", title="r without each family", frame=frame)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
