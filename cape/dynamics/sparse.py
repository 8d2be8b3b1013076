"""Sequentially thresholded least squares: many weighted fits at once, and one fit by PySINDy.

The threshold is an absolute size of a coefficient in the units of the columns given (see `library`): a coefficient
below it is set to zero, the rest refitted, until nothing changes; the survivors are then fitted without the ridge.
Reference: Brunton, Proctor and Kutz (2016), PNAS 113, 3932-3937.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cape.errors import MissingDependencyError

Array = NDArray[np.float64]

MAX_ROUNDS = 20  # PySINDy's own limit
ALPHA = 1e-6  # ridge on standardised columns; the 0.05 that PySINDy takes by default biases ~60 rows
PAPER_ALPHA = 0.05  # PySINDy's default, which the paper does not say it changed (A.4)
JITTER = 1e-11  # of the mean diagonal; makes the last fit the one of least norm where columns are dependent
REFINEMENTS = 2  # each takes the bias of the jitter down by its ratio to the smallest eigenvalue
BLOCK_BYTES = 16_000_000  # of systems solved at once


def stlsq(gram: Array, moment: Array, *, threshold: float, alpha: float) -> Array:
    """Return the coefficients (R, m, p) of R weighted regressions of p targets on m columns.

    gram : (R, m, m) weighted sums of products of columns. moment : (R, m, p) of columns with targets. Every target
    keeps its own terms. One solve treats all resamples and targets of a round, in blocks that fit the cache.
    """
    n_resamples, m, p = moment.shape
    found = np.zeros((n_resamples * p, m))
    target = np.swapaxes(moment, 1, 2).reshape(n_resamples * p, m)
    owner = np.repeat(np.arange(n_resamples), p)
    block = max(1, BLOCK_BYTES // (8 * m * m))
    for first in range(0, owner.size, block):
        part = slice(first, first + block)
        found[part] = _stlsq_block(gram, target[part], owner[part], threshold=threshold, alpha=alpha)
    return np.swapaxes(found.reshape(n_resamples, p, m), 1, 2)


def _stlsq_block(gram: Array, target: Array, owner: NDArray, *, threshold: float, alpha: float) -> Array:
    """Return coefficients (B, m); gram : (R, m, m), owner : (B,) which of them, target : (B, m)."""
    kept = np.ones(target.shape, dtype=bool)
    coefficients = np.zeros_like(target)
    active = np.arange(len(target))
    for _ in range(MAX_ROUNDS):
        coefficients[active] = _masked_solve(gram[owner[active]], target[active], kept[active], alpha)
        survivors = kept[active] & (np.abs(coefficients[active]) >= threshold)
        changed = (survivors != kept[active]).any(axis=1)
        kept[active] = survivors
        coefficients[active] *= survivors
        active = active[changed]
        if active.size == 0:
            break
    return _without_ridge(gram[owner], target, kept)


def _without_ridge(gram: Array, target: Array, kept: NDArray[np.bool_]) -> Array:
    """Solve gram c = target on the kept terms, the solution of least norm where columns are dependent.

    A system with a trace of ridge is solved and its residual solved again, which takes the ridge's bias away.
    """
    jitter = JITTER * (np.trace(gram, axis1=1, axis2=2) / gram.shape[1])[:, None]
    found = _masked_solve(gram, target, kept, jitter)
    for _ in range(REFINEMENTS):
        rest = target - (gram @ found[:, :, None])[:, :, 0]
        found = found + _masked_solve(gram, rest, kept, jitter)
    return found


def _masked_solve(gram: Array, target: Array, kept: NDArray[np.bool_], ridge: float | Array) -> Array:
    """Solve (gram + ridge) c = target on the kept terms, zero elsewhere; an empty or weightless system gives zeros."""
    system = gram * (kept[:, :, None] & kept[:, None, :])
    diagonal = np.arange(target.shape[1])
    system[:, diagonal, diagonal] += np.where(kept, ridge, 1.0)
    dead = system[:, diagonal, diagonal] <= 0
    system[:, diagonal, diagonal] = np.where(dead, 1.0, system[:, diagonal, diagonal])
    return np.asarray(np.linalg.solve(system, (target * kept)[:, :, None])[:, :, 0], dtype=np.float64)


def moments(columns: Array, rate: Array, weights: Array) -> tuple[Array, Array]:
    """Return gram (R, m, m) and moment (R, m, p) of rows under each row of weights.

    columns : (n, m). rate : (n, p). weights : (R, n). One matrix product makes all of them.
    """
    n, m = columns.shape
    both = np.concatenate([columns, rate], axis=1)
    products = np.einsum("ni,nj->nij", columns, both).reshape(n, -1)
    found = (weights @ products).reshape(len(weights), m, -1)
    return found[:, :, :m], found[:, :, m:]


def pysindy_fit(columns: Sequence[Array], rate: Sequence[Array], *, threshold: float, alpha: float) -> Array:
    """Return the coefficients (m, p) of one fit by PySINDy: a list of trajectories, our own rates, STLSQ.

    columns, rate : per trajectory (n_i, m) and (n_i, p). The library of PySINDy is the identity, as the candidates are
    made and scaled by `library`. Importing it costs a server about 90 MB and 0.7 s, so nothing imports it but a call
    of this. Raises MissingDependencyError without PySINDy.
    """
    try:
        import pysindy
    except ImportError as error:
        raise MissingDependencyError("PySINDy is not installed. Run `pip install pysindy==2.1.0`.") from error
    import warnings

    p, m = rate[0].shape[1], columns[0].shape[1]
    optimizer = pysindy.STLSQ(threshold=threshold, alpha=alpha, max_iter=MAX_ROUNDS)
    model = pysindy.SINDy(optimizer=optimizer, feature_library=pysindy.IdentityLibrary())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of equations that keep no term: that is an answer here
        model.fit(
            [np.asarray(c) for c in columns],
            t=[np.arange(len(c), dtype=np.float64) for c in columns],
            x_dot=[np.asarray(r) for r in rate],
        )
    coefficients = np.asarray(model.optimizer.coef_)
    if coefficients.shape != (p, m):
        raise ValueError(f"PySINDy gave coefficients of shape {coefficients.shape}, expected {(p, m)}.")
    return coefficients.T
