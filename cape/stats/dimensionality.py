"""How many directions a set of benchmarks varies in: participation ratio, spectra, principal angles, transfer matrix.

Every function takes many covariance or correlation matrices at once, one per resample, the data as observed first.
Paper A 2.3, A.2 (d_eff), 4 (transfer matrix), A.9 (eigenvalues and eigenvectors).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cape.errors import BadParameterError
from cape.stats.correlation import FEW_FAMILIES
from cape.stats.inference import Inference
from cape.stats.resampling import guarded_interval, row_weights

MIN_ROWS = 6  # five benchmarks span five models whatever they are, so n <= 5 has no d_eff; DEFINITIONS section 2
MIN_ROWS_INTERVAL = 10  # DEFINITIONS section 2
FLAT = 1e-9  # a standard deviation this small beside the scores is rounding error
SAME_DIRECTION = 1e-12  # a cosine this close to zero gives an eigenvector no sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Redraws:
    """How scores are drawn again: whole families, or every score from its own error where there is one family.

    codes : (n_rows,) family of each row. weights : (n_resamples, n_codes) how often each family was drawn, or None.
    scores : (n_resamples, n_rows, n_benchmarks) percent, or None.
    Both None: no interval can be formed, and `caveats` says why. n_families : families among the rows.
    """

    method: str
    n_families: int
    codes: NDArray[np.intp] = field(repr=False)
    weights: NDArray[np.float64] | None = field(default=None, repr=False)
    scores: NDArray[np.float64] | None = field(default=None, repr=False)
    caveats: tuple[str, ...] = ()

    def first(self, n_resamples: int) -> Redraws:
        """Return the same with at most this many resamples."""
        weights = None if self.weights is None else self.weights[:n_resamples]
        return replace(self, weights=weights, scores=None if self.scores is None else self.scores[:n_resamples])

    def covariances(self, scores: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return covariance matrices of these rows, (1 + n_resamples, n_benchmarks, n_benchmarks), data first."""
        chosen = scores[rows]
        found = [weighted_covariances(chosen, np.ones((1, rows.size)))]
        if self.weights is not None:
            found.append(weighted_covariances(chosen, self.weights, codes=self.codes[rows]))
        elif self.scores is not None:
            drawn = self.scores[:, rows]
            centred = drawn - drawn.mean(axis=1, keepdims=True) if rows.size else drawn
            enough = rows.size if rows.size >= MIN_ROWS else np.nan
            found.append(np.einsum("rni,rnj->rij", centred, centred) / enough)
        return np.concatenate(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said of a statistic: what it is, why it may be undefined, and what its undefined resamples lack."""

    what: str
    why: str
    lacking: str


def family_redraws(labels: ArrayLike, *, n_resamples: int, rng: np.random.Generator) -> Redraws:
    """Return resamples of whole families, (n_rows,) labels; without weights where there are fewer than 2 families."""
    families, codes = np.unique(np.asarray(labels), return_inverse=True)
    n = int(families.size)
    if n < 2:
        return Redraws(
            method="no resampling", n_families=n, codes=codes, caveats=("no interval: fewer than 2 families",)
        )
    few = f"only {n} families were resampled; the interval is likely too narrow"
    return Redraws(
        method=f"percentiles of {n_resamples} resamples of whole families",
        n_families=n,
        codes=codes,
        weights=row_weights(n, n_resamples=n_resamples, rng=rng),
        caveats=(few,) if n < FEW_FAMILIES else (),
    )


def measurement_redraws(
    scores: NDArray[np.float64], errors: NDArray[np.float64], *, n_resamples: int, rng: np.random.Generator
) -> Redraws:
    """Return every score of one family drawn from Normal(score, SE); scores and errors (n_rows, n_benchmarks)."""
    codes = np.zeros(len(scores), dtype=np.intp)
    if not np.isfinite(errors).all():
        caveat = "no interval: one family, and a standard error is unknown"
        return Redraws(method="no resampling", n_families=1, codes=codes, caveats=(caveat,))
    return Redraws(
        method=f"percentiles of {n_resamples} draws of every score from its standard error",
        n_families=1,
        codes=codes,
        scores=rng.normal(scores, errors, size=(n_resamples, *scores.shape)),
        caveats=("one family: measurement error only, and drawn scores vary more than true ones",),
    )


def weighted_covariances(
    scores: NDArray[np.float64], weights: NDArray[np.float64], *, codes: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    """Return the covariance under each row of weights, divided by its total, (n_resamples, p, p) pp^2.

    scores : (n_rows, p) without gaps. weights : (n_resamples, n_rows) counts, or with codes (n_rows,) the counts
    (n_resamples, n_codes) of the cluster of each row. NaN where fewer than MIN_ROWS distinct rows have weight.
    """
    n_benchmarks = scores.shape[1]
    centred = scores - scores.mean(axis=0) if len(scores) else scores
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(scores), n_benchmarks**2)
    columns = np.hstack([np.ones((len(scores), 1)), centred, products])
    if codes is not None:
        used, place = np.unique(codes, return_inverse=True)
        sums = np.zeros((used.size, columns.shape[1]))
        np.add.at(sums, place, columns)
        weights, columns = weights[:, used], sums
    distinct = (weights > 0).astype(np.float64) @ columns[:, 0]
    moments = weights @ columns
    moments = moments[:, 1:] / np.where(distinct >= MIN_ROWS, moments[:, 0], np.nan)[:, None]
    mean = moments[:, :n_benchmarks]
    second = moments[:, n_benchmarks:].reshape(-1, n_benchmarks, n_benchmarks)
    return second - mean[:, :, None] * mean[:, None, :]


def correlations(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation matrices of covariances (..., p, p); NaN where a benchmark does not vary."""
    deviation = np.sqrt(np.maximum(np.einsum("...ii->...i", covariances), 0.0))
    deviation = np.where(deviation > FLAT, deviation, np.nan)
    found = covariances / (deviation[..., :, None] * deviation[..., None, :])
    return np.where(np.isnan(found).any(axis=(-2, -1), keepdims=True), np.nan, found)


def participation_ratios(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return d_eff = (sum l)^2 / sum l^2 of symmetric matrices (..., p, p), from trace and Frobenius norm (A.2).

    Lies in [1, p] for a positive semidefinite matrix; NaN for a zero or missing one.
    """
    trace = np.einsum("...ii->...", matrices)
    square = (matrices**2).sum(axis=(-2, -1))
    return trace**2 / np.where(square > 0, square, np.nan)


def spectra(matrices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues (..., p), largest first, and eigenvectors (..., p, p) in columns; NaN for a missing matrix."""
    known = np.asarray(np.isfinite(matrices).all(axis=(-2, -1), keepdims=True))
    filled = np.where(known, matrices, np.eye(matrices.shape[-1]))
    values, vectors = np.linalg.eigh(filled)
    values, vectors = values[..., ::-1], vectors[..., ::-1]
    return np.where(known[..., 0], values, np.nan), np.where(known, vectors, np.nan)


def aligned(vectors: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors (..., p) with signs such that none points away from the reference (..., p)."""
    cosine = (vectors * reference).sum(axis=-1, keepdims=True)
    return np.where(cosine < -SAME_DIRECTION, -vectors, vectors)


def principal_angles_deg(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the principal angles between subspaces, (..., k) degrees, smallest first (Bjorck and Golub 1973).

    first, second : (..., p, k) orthonormal columns. NaN where either is missing.
    """
    cosines = np.swapaxes(first, -1, -2) @ second
    known = np.asarray(np.isfinite(cosines).all(axis=(-2, -1), keepdims=True))
    safe = np.where(known, cosines, np.eye(cosines.shape[-1]))
    values = np.linalg.svd(safe, compute_uv=False)
    return np.where(known[..., 0], np.degrees(np.arccos(np.clip(values, -1.0, 1.0))), np.nan)


def transfer_matrices(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return T = V_b S V_a^T, (..., p, p): what carries the axes of the first side to those of the second (paper A 4).

    first, second : (..., p, p) eigenvectors in columns, in order of eigenvalue. S is diagonal and holds the sign that
    makes each pair of columns point the same way, so T is orthogonal, and the identity if no axis moved.
    """
    cosine = (first * second).sum(axis=-2, keepdims=True)
    signs = np.where(cosine < -SAME_DIRECTION, -1.0, 1.0)
    return (second * signs) @ np.swapaxes(first, -1, -2)


def redraw_inference(
    values: NDArray[np.float64], redraws: Redraws, words: Words, *, n_rows: int, needs: int = MIN_ROWS_INTERVAL
) -> Inference:
    """Return the Inference of a statistic: values (1 + n_resamples,), the data first, NaN where undefined.

    n_rows : models it rests on. needs : models below which there is no interval.
    n counts families, or models where there is one family.
    """
    point, draws = float(values[0]), values[1:]
    n = redraws.n_families if redraws.n_families > 1 else n_rows
    method = f"{words.what}; {redraws.method}"
    if not np.isfinite(point):
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(words.why,))
    if not draws.size:
        return Inference(value=point, low=None, high=None, n=n, method=method, caveats=redraws.caveats)
    if n_rows < needs:
        caveat = f"no interval: {n_rows} models, fewer than {needs}"
        return Inference(value=point, low=None, high=None, n=n, method=method, caveats=(caveat,))
    low, high, caveats = guarded_interval(draws, has_value=True, lacking=words.lacking)
    caveats = (*redraws.caveats, *caveats)
    if redraws.scores is not None and not _holds(point, low, high):
        low = high = None
        caveats += ("no interval: scores drawn again are noisier than the data, and their interval misses the value",)
    return Inference(value=point, low=low, high=high, n=n, method=method, caveats=caveats, draws=draws)


def _holds(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def equal_n_ratios(
    scores: NDArray[np.float64], *, n_rows: int, n_resamples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return d_eff of covariance and of correlation for random subsets of n_rows models, (n_resamples,) each.

    scores : (n, p) without gaps. Subsets are drawn without replacement. Raises BadParameterError unless
    MIN_ROWS <= n_rows <= n.
    """
    if not MIN_ROWS <= n_rows <= len(scores):
        raise BadParameterError(
            f"An equal-n comparison needs {MIN_ROWS} to {len(scores)} models, got {n_rows}. Pick a larger phase."
        )
    chosen = dealt(len(scores), n_rows=n_rows, n_resamples=n_resamples, rng=rng)
    covariances = weighted_covariances(scores, chosen)
    return participation_ratios(covariances), participation_ratios(correlations(covariances))


def dealt(n: int, *, n_rows: int, n_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (n_resamples, n) weights, one for n_rows rows chosen at random without replacement and zero elsewhere."""
    order = rng.random((n_resamples, n)).argsort(axis=1)
    return (order < n_rows).astype(np.float64)


def standardised_within(scores: NDArray[np.float64], groups: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return scores (n, p) less the mean of their group and over its standard deviation; groups (n,) has two values.

    NaN where a benchmark does not vary within a group.
    """
    found = np.empty_like(scores, dtype=np.float64)
    for group in (groups, ~groups):
        part = scores[group]
        deviation = part.std(axis=0) if part.size else np.ones(scores.shape[1])
        found[group] = (part - part.mean(axis=0)) / np.where(deviation > FLAT, deviation, np.nan)
    return found
