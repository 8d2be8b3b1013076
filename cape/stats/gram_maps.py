"""What maps of hidden vectors do to their inner products: participation ratio, principal directions, a ridge readout.

Everything takes Gram matrices, so neither the width of the model nor of its vocabulary matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.errors import NotEnoughDataError
from cape.stats.inference import Z_LEVEL, Inference

Array = NDArray[np.float64]
PENALTIES = np.logspace(-4, 3, 22)  # of the ridge, relative to the mean length of a feature vector
MIN_ROWS = 3
LEAST_RANK = 2  # of the sweep
RANK_TOLERANCE = 1e-10  # an eigenvalue below this part of the largest is rounding error


def participation_ratio(gram: Array) -> Inference:
    """Return d_rep = (sum l)^2 / sum l^2 of the covariance spectrum of n vectors, with a jackknife interval.

    gram : (n, n) inner products. The eigenvalues of the centred Gram matrix are those of the covariance, so the
    squared trace over the squared entries is d_rep. It lies between 1 and n - 1: compare equal n only.
    Raises NotEnoughDataError with fewer than MIN_ROWS vectors.
    """
    n = gram.shape[0]
    if n < MIN_ROWS:
        raise NotEnoughDataError(f"d_rep needs at least {MIN_ROWS} prompts, got {n}. Add prompts.")
    weights = np.concatenate([np.ones((1, n)), 1.0 - np.eye(n)])
    found = _ratios(gram, weights)
    method = f"participation ratio of {n} hidden states, at most {n - 1}; jackknife over prompts"
    if not np.isfinite(found[0]):
        return Inference(
            value=None, low=None, high=None, n=n, method=method, caveats=("undefined: the vectors are all the same",)
        )
    left = found[1:]
    error = float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))
    if not np.isfinite(error):
        why = "no interval: undefined without one of the prompts"
        return Inference(value=float(found[0]), low=None, high=None, n=n, method=method, caveats=(why,))
    limits = float(found[0] - Z_LEVEL * error), float(found[0] + Z_LEVEL * error)
    return Inference(value=float(found[0]), low=limits[0], high=limits[1], n=n, method=method)


def _ratios(gram: Array, weights: Array) -> Array:
    """Return the participation ratio under weights of 0 and 1, (n_draws,); NaN where nothing varies."""
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ gram  # inner product of every vector with the mean
    length = (mean * share).sum(axis=1)
    scale = np.abs(np.diagonal(gram)).max() if gram.size else 0.0
    found = np.empty(weights.shape[0])
    for row, (kept, inner, squared) in enumerate(zip(weights.astype(bool), mean, length, strict=True)):
        centred = gram[np.ix_(kept, kept)] - inner[kept][:, None] - inner[kept][None] + squared
        total, entries = float(np.trace(centred)), float((centred**2).sum())
        found[row] = total**2 / entries if total > RANK_TOLERANCE * scale * kept.sum() else np.nan
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Inner products of vectors within their first k principal directions. ranks : (n_ranks,) k, at most n - 1.
    grams : (n_ranks, n, n)."""

    ranks: NDArray[np.intp]
    grams: Array


def principal_sweep(gram: Array) -> Sweep:
    """Return what is left of n vectors in their first k principal directions, k = 2, 4, 8, ... and the rank.

    In one direction a cosine is 1 or -1 whatever the vectors are, so k = 1 is left out. The directions are those of
    the centred vectors; the vectors themselves are not centred, else two groups of equal size would have opposite
    means by construction. What lies outside the n - 1 directions is lost, so the last k need not give the whole
    vectors' cosine. gram : (n, n).
    """
    n = gram.shape[0]
    centring = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(centring @ gram @ centring)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > RANK_TOLERANCE * max(values[0], 0.0)).sum()) if values[0] > 0 else 0
    if rank < LEAST_RANK:
        return Sweep(ranks=np.empty(0, dtype=np.intp), grams=np.empty((0, n, n)))
    places = gram @ centring @ vectors[:, :rank] / np.sqrt(values[:rank])  # coordinates of the uncentred vectors
    ranks = np.unique(np.minimum(2 ** np.arange(1, max(int(np.ceil(np.log2(rank))), 1) + 1), rank))
    return Sweep(ranks=ranks, grams=np.stack([places[:, :k] @ places[:, :k].T for k in ranks]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """A ridge readout learned on other prompts. gram : (n, n) inner products of what it reads out of the prompts.
    penalty : chosen by leave-one-out. skill : share of the outputs' variation it predicts, one held-out prompt at a
    time. n_fit : prompts it was learned on."""

    gram: Array
    penalty: float
    skill: float
    n_fit: int


def ridge_readout(fit: Array, across: Array, outputs: Array) -> Readout:
    """Return the inner products of outputs that a ridge regression on features predicts for new prompts.

    fit : (m, m) inner products of the features of the m prompts learned from. across : (n, m) of the n new prompts'
    features with those. outputs : (m, m) inner products of the outputs to learn. Features are centred on the fit
    prompts, and the mean output is added again. The penalty minimises the leave-one-out error, in closed form.
    Raises NotEnoughDataError with fewer than MIN_ROWS prompts to learn from.
    """
    m = fit.shape[0]
    if m < MIN_ROWS:
        raise NotEnoughDataError(f"A readout is learned from at least {MIN_ROWS} prompts, got {m}. Add prompts.")
    centring = np.eye(m) - 1.0 / m
    kernel = centring @ fit @ centring
    reach = (across - fit.mean(axis=0)) @ centring
    values, vectors = np.linalg.eigh(kernel)
    scale = max(float(np.trace(kernel)) / m, np.finfo(float).tiny)
    errors = [_left_out_error(values, vectors, outputs, penalty * scale) for penalty in PENALTIES]
    best = int(np.argmin(errors))
    solved = vectors @ np.diag(1.0 / (np.maximum(values, 0.0) + PENALTIES[best] * scale)) @ vectors.T
    weights = reach @ solved @ centring + 1.0 / m  # prediction = weights @ outputs of the fit prompts
    spread = float(np.trace(centring @ outputs @ centring)) * (m / (m - 1)) ** 2  # about the mean of the others
    return Readout(
        gram=weights @ outputs @ weights.T,
        penalty=float(PENALTIES[best]),
        skill=1.0 - errors[best] / spread if spread > 0 else float("nan"),
        n_fit=m,
    )


def _left_out_error(values: Array, vectors: Array, outputs: Array, penalty: float) -> float:
    """Return the summed squared error of every fit prompt predicted from the others, by the hat matrix."""
    m = values.size
    shrink = np.maximum(values, 0.0) / (np.maximum(values, 0.0) + penalty)
    hat = (vectors * shrink) @ vectors.T + 1.0 / m
    residual = (np.eye(m) - hat) / np.maximum(1.0 - np.diagonal(hat), np.finfo(float).eps)[:, None]
    return float(np.einsum("ij,jk,ik->", residual, outputs, residual))
