"""Correlations of every pair of benchmarks under many weightings of families at once: matrices on two sides of a cut.

A pair uses the models that have both scores, so a matrix assembled from pairs need not be positive semidefinite.
Dashboard matrix tab; DEFINITIONS section 2, row "phase matrices, LOFO".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cape.stats.correlation import FEW_FAMILIES, MIN_POINTS
from cape.stats.inference import Z_LEVEL, Inference
from cape.stats.multiple_testing import benjamini_hochberg, bootstrap_p
from cape.stats.nulls import RELATIVE_ZERO
from cape.stats.resampling import guarded_interval

UNDEFINED = "undefined: too few models with both scores, or a score that does not vary"
EXACT_LINE = 1e-9  # 1 - |r| below this is a straight line within rounding


class Estimator(StrEnum):
    """How the correlation of a pair is formed."""

    PEARSON = "Pearson"
    PARTIAL = "given log10 N"
    DEMEANED = "family-demeaned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRows:
    """Scores of one side: scores (n, p) percent with NaN for gaps, log10_n (n,) NaN without size, codes (n,) family."""

    scores: NDArray[np.float64]
    log10_n: NDArray[np.float64]
    codes: NDArray[np.intp]

    @property
    def n_families(self) -> int:
        """Largest family code plus one: the number of columns that family weights must have."""
        return int(self.codes.max()) + 1 if self.codes.size else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideMatrix:
    """Correlations of one side, one entry per pair in the order of `pairs_of`; all arrays (n_pairs,) unless said.

    r, low, high, p, q : NaN where undefined. p : two-sided, from the family bootstrap; q : Benjamini-Hochberg over
    the pairs of this side. n : models with both scores. n_families : their families.
    draws : (n_resamples, n_pairs). caveats : one tuple per pair.
    folds : (n_folds, n_pairs) r without each family that has a model on this side; fold_family : their codes.
    """

    r: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    n: NDArray[np.intp]
    n_families: NDArray[np.intp]
    caveats: tuple[tuple[str, ...], ...]
    draws: NDArray[np.float64] = field(repr=False)
    folds: NDArray[np.float64] = field(repr=False)
    fold_family: NDArray[np.intp] = field(repr=False)

    @property
    def method(self) -> str:
        """How intervals and p are formed."""
        return f"percentiles of {len(self.draws)} resamples of whole families"


def pairs_of(n_benchmarks: int) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, in the order of every array of pairs."""
    return list(zip(*(index.tolist() for index in np.triu_indices(n_benchmarks, 1)), strict=True))


def pair_correlations(
    rows: ScoreRows, family_weights: NDArray[np.float64], *, estimator: Estimator
) -> NDArray[np.float64]:
    """Return r of every pair under each row of family weights, (n_resamples, n_pairs), NaN where undefined.

    family_weights : (n_resamples, n_family_codes) counts. Needs 3 distinct models, 4 for the partial r; the
    family-demeaned r needs two more distinct models than families.
    """
    sums = [_family_sums(rows, i, j, estimator=estimator) for i, j in pairs_of(rows.scores.shape[1])]
    n_codes, n_columns = family_weights.shape[1], sums[0].shape[1]
    stacked = np.zeros((n_codes, len(sums) * n_columns))
    stacked[: rows.n_families] = np.concatenate(sums, axis=1)
    moments = (family_weights @ stacked).reshape(-1, len(sums), n_columns)
    counts = stacked.reshape(n_codes, len(sums), n_columns)[:, :, 0]
    present = (family_weights > 0).astype(np.float64)
    distinct, families = present @ counts, present @ (counts > 0)
    if estimator is Estimator.DEMEANED:
        enough = distinct - families >= MIN_POINTS - 1
    else:
        enough = distinct >= MIN_POINTS + (estimator is Estimator.PARTIAL)
    return np.where(enough, _r_of(moments, estimator), np.nan)


def side_matrix(rows: ScoreRows, family_weights: NDArray[np.float64], *, estimator: Estimator) -> SideMatrix:
    """Return the matrix of one side with intervals, p, q and leave-one-family-out folds.

    family_weights : (n_resamples, n_family_codes) counts, the same draws for every side.
    """
    present_families = np.unique(rows.codes)
    n_codes = family_weights.shape[1]
    without = np.ones((present_families.size, n_codes))
    without[np.arange(present_families.size), present_families] = 0.0
    plain = pair_correlations(rows, np.vstack([np.ones((1, n_codes)), without]), estimator=estimator)
    draws = pair_correlations(rows, family_weights, estimator=estimator)
    both = [_present(rows, i, j, estimator) for i, j in pairs_of(rows.scores.shape[1])]
    n_families = np.array([np.unique(rows.codes[mask]).size for mask in both], dtype=np.intp)
    limits = [
        _fisher(plain[0, k], int(both[k].sum()), estimator)
        if n_families[k] == 1
        else _limits(plain[0, k], draws[:, k], int(n_families[k]))
        for k in range(len(both))
    ]
    settled = np.array([low is not None for low, _, _ in limits])
    p = np.where(settled & (n_families > 1), bootstrap_p(draws), np.nan)
    return SideMatrix(
        r=plain[0],
        low=np.array([np.nan if low is None else low for low, _, _ in limits]),
        high=np.array([np.nan if high is None else high for _, high, _ in limits]),
        p=p,
        q=benjamini_hochberg(p),
        n=np.array([int(mask.sum()) for mask in both], dtype=np.intp),
        n_families=n_families,
        caveats=tuple(caveats for _, _, caveats in limits),
        draws=draws,
        folds=plain[1:],
        fold_family=present_families,
    )


def assembled(r: NDArray[np.float64], n_benchmarks: int) -> NDArray[np.float64]:
    """Return the symmetric matrices (..., p, p) with unit diagonal of pairs (..., n_pairs)."""
    i, j = np.triu_indices(n_benchmarks, 1)
    matrix = np.broadcast_to(np.eye(n_benchmarks), (*r.shape[:-1], n_benchmarks, n_benchmarks)).copy()
    matrix[..., i, j] = r
    matrix[..., j, i] = r
    return matrix


def frobenius_change(below: NDArray[np.float64], above: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray:
    """Return the Frobenius norm of the change of the chosen pairs, (...), each pair counted twice as in the matrix.

    below, above : (..., n_pairs). chosen : (n_pairs,). NaN where a chosen pair is undefined.
    """
    return np.sqrt(2.0 * ((above - below)[..., chosen] ** 2).sum(axis=-1))


def null_correlations(
    below: ScoreRows, above: ScoreRows, *, estimator: Estimator, n_deals: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return r of both sides, (n_deals, n_pairs) each, when both share one matrix.

    Scores are adjusted as the estimator does and brought to zero mean and unit variance within each side; models are
    then dealt to two sides of the same sizes at random, as if they were independent of one another.
    """
    pooled = np.concatenate([_adjusted_within(rows, estimator=estimator) for rows in (below, above)])
    n = len(pooled)
    rows = ScoreRows(scores=pooled, log10_n=np.full(n, np.nan), codes=np.arange(n))
    order = rng.random((n_deals, n)).argsort(axis=1)
    to_below = (order < len(below.scores)).astype(np.float64)
    one, other = (pair_correlations(rows, weights, estimator=Estimator.PEARSON) for weights in (to_below, 1 - to_below))
    return one, other


def resampled(
    value: float, draws: NDArray[np.float64], *, n_families: int, method: str, why: str, lacking: str
) -> Inference:
    """Return the Inference of a summary of pairs: its value, its draws (n_resamples,) by whole families.

    why : caveat of an undefined value. lacking : rest of the sentence that counts undefined resamples.
    """
    if not np.isfinite(value):
        return Inference(value=None, low=None, high=None, n=n_families, method=method, caveats=(why,))
    low, high, caveats = _limits(value, draws, n_families, lacking=lacking)
    return Inference(value=float(value), low=low, high=high, n=n_families, method=method, caveats=caveats, draws=draws)


def _adjusted_within(rows: ScoreRows, *, estimator: Estimator) -> NDArray[np.float64]:
    """Return scores (n, p) as the estimator sees them (residual on log10 N, or less family means), unit variance.

    NaN stays a gap; a score that does not vary becomes one.
    """
    found = np.full(rows.scores.shape, np.nan)
    for column in range(rows.scores.shape[1]):
        score = rows.scores[:, column]
        known = np.isfinite(score) & (np.isfinite(rows.log10_n) if estimator is Estimator.PARTIAL else True)
        rest = score[known] - score[known].mean() if known.any() else score[known]
        if estimator is Estimator.PARTIAL and rest.size:
            axis = rows.log10_n[known] - rows.log10_n[known].mean()
            rest = rest - axis * (axis @ rest) / ((axis @ axis) or 1.0)
        elif estimator is Estimator.DEMEANED:
            rest = _demeaned(rest, rows.codes[known])
        spread = rest.std() if rest.size else 0.0
        found[known, column] = rest / spread if spread > RELATIVE_ZERO else np.nan
    return found


def _fisher(r: float, n: int, estimator: Estimator) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return Fisher's interval of r of one family's n models, which cannot be resampled by family."""
    spare = n - 3 - (estimator is not Estimator.PEARSON)
    if not np.isfinite(r):
        return None, None, (UNDEFINED,)
    if spare < 1 or abs(r) > 1 - EXACT_LINE:
        return None, None, ("no interval: one family, and too few models or an exact line",)
    ends = np.tanh(np.arctanh(r) + np.array([-Z_LEVEL, Z_LEVEL]) / np.sqrt(spare))
    return float(ends[0]), float(ends[1]), ("one family: Fisher interval, models as independent of one another",)


def _limits(
    value: float, draws: NDArray[np.float64], n_families: int, *, lacking: str = "have no r"
) -> tuple[float | None, float | None, tuple[str, ...]]:
    if not np.isfinite(value):
        return None, None, (UNDEFINED,)
    if n_families < 2:
        return None, None, ("no interval: fewer than 2 families",)
    low, high, caveats = guarded_interval(draws, has_value=True, lacking=lacking)
    if n_families < FEW_FAMILIES:
        caveats += (f"only {n_families} families were resampled; the interval is likely too narrow",)
    return low, high, caveats


def _present(rows: ScoreRows, i: int, j: int, estimator: Estimator) -> NDArray[np.bool_]:
    both = np.isfinite(rows.scores[:, i]) & np.isfinite(rows.scores[:, j])
    return both & np.isfinite(rows.log10_n) if estimator is Estimator.PARTIAL else both


def _demeaned(column: NDArray[np.float64], codes: NDArray[np.intp]) -> NDArray[np.float64]:
    if not column.size:
        return column
    sizes = np.maximum(np.bincount(codes), 1)
    return column - (np.bincount(codes, column) / sizes)[codes]


def _family_sums(rows: ScoreRows, i: int, j: int, *, estimator: Estimator) -> NDArray[np.float64]:
    """Return the moments of one pair summed within families, (n_family_codes, n_columns), the count first."""
    both = _present(rows, i, j, estimator)
    codes = rows.codes[both]
    columns = [_scaled(rows.scores[both, k]) for k in (i, j)]
    if estimator is Estimator.DEMEANED:
        columns = [_demeaned(column, codes) for column in columns]
        columns = [np.where(np.abs(column) > EXACT_LINE, column, 0.0) for column in columns]
    elif estimator is Estimator.PARTIAL:
        columns.append(_scaled(rows.log10_n[both]))
    terms = [np.ones(codes.size), *columns]
    terms += [columns[a] * columns[b] for a in range(len(columns)) for b in range(a, len(columns))]
    return np.stack([np.bincount(codes, term, minlength=rows.n_families) for term in terms], axis=1)


def _scaled(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a column less its mean and over its spread; zero where it does not vary."""
    rest = column - column.mean() if column.size else column
    spread = rest.std() if rest.size else 0.0
    return rest / spread if spread > RELATIVE_ZERO * max(1.0, float(np.abs(column).max(initial=0.0))) else 0.0 * rest


def _r_of(moments: NDArray[np.float64], estimator: Estimator) -> NDArray[np.float64]:
    """Return r of moments (n_resamples, n_pairs, n_columns) as `_family_sums` orders them."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold no model of a pair
        if estimator is Estimator.DEMEANED:
            _, _, _, xx, xy, yy = np.moveaxis(moments, -1, 0)
            return _ratio(xy, xx, yy)
        scaled = moments / moments[..., :1]
        if estimator is Estimator.PEARSON:
            _, x, y, xx, xy, yy = np.moveaxis(scaled, -1, 0)
            return _ratio(xy - x * y, xx - x * x, yy - y * y)
        _, x, y, size, xx, xy, x_size, yy, y_size, sizes = np.moveaxis(scaled, -1, 0)
        var_size = sizes - size * size
        cov_x, cov_y = x_size - x * size, y_size - y * size
        var_size = np.where(var_size > RELATIVE_ZERO, var_size, np.nan)
        return _ratio(
            xy - x * y - cov_x * cov_y / var_size, xx - x * x - cov_x**2 / var_size, yy - y * y - cov_y**2 / var_size
        )


def _ratio(xy: NDArray[np.float64], xx: NDArray[np.float64], yy: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = np.where((xx > EXACT_LINE) & (yy > EXACT_LINE), xx * yy, np.nan)
    return np.clip(xy / np.sqrt(spread), -1.0, 1.0)  # clips rounding error only
