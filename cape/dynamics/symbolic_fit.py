"""Least squares for the constants of a formula, many problems at once (Levenberg 1944, Marquardt 1963)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.symbolic_expression import Columns, Law, evaluate

Array = NDArray[np.float64]
STEP = 1e-6  # relative step of the derivative by differences
FIRST_DAMPING = 1e-2
ITERATIONS = 40
SETTLED = 1e-9  # relative fall of the loss below which a problem is done
LARGEST = 1e100  # slopes and errors beyond it would overflow when squared
STARTS = (1.0, -1.0, 0.3, 2.0)  # factors on the given constants that the first fit tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Problems over the same rows. columns : (n,) by name. target : (n,) or (b, n). weights : (b, n), 0 leaves out."""

    columns: Columns
    target: Array
    weights: Array


def fit_constants(law: Law, problems: Problems, start: Array, *, iterations: int = ITERATIONS) -> tuple[Array, Array]:
    """Return the constants (b, k) that minimise the weighted sum of squares, and that sum divided by the weights (b,).

    start : (k,) or (b, k). The loss is infinite where the formula has no finite value on the rows that count; its
    constants are then those of the start. A formula without constants to fit is only evaluated.
    """
    weights = problems.weights
    held = np.broadcast_to(np.asarray(start, dtype=np.float64), (weights.shape[0], len(law.constants))).copy()
    total = weights.sum(axis=1)
    error, loss = _errors(law, problems, held)
    damping = np.full(held.shape[0], FIRST_DAMPING)
    for _ in range(iterations if held.shape[1] else 0):
        change = _step(law, problems, held, error, damping)
        tried = held + change
        new_error, new_loss = _errors(law, problems, tried)
        better = new_loss < loss
        fall = _relative_fall(loss, new_loss)
        held[better], error[better], loss[better] = tried[better], new_error[better], new_loss[better]
        damping = np.clip(np.where(better, damping * 0.2, damping * 8.0), 1e-12, 1e12)
        if np.all((better & (fall < SETTLED)) | (~better & (damping >= 1e6)) | (loss == 0)):
            break
    return held, loss / total


def first_fit(law: Law, columns: Columns, target: Array) -> tuple[Array, float]:
    """Return the constants (k,) on all rows from the best of a few starts, and the mean squared error."""
    own = np.asarray(law.constants, dtype=np.float64)
    starts = np.array([own * factor for factor in STARTS]) if own.size else own[None]
    problems = Problems(columns=columns, target=target, weights=np.ones((starts.shape[0], target.size)))
    found, loss = fit_constants(law, problems, starts)
    best = int(np.argmin(loss))
    return found[best], float(loss[best])


def _relative_fall(loss: Array, new_loss: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(loss), (loss - new_loss) / np.maximum(loss, 1e-300), np.inf)


def _errors(law: Law, problems: Problems, constants: Array) -> tuple[Array, Array]:
    """Return weighted errors (b, n) and their sums of squares (b,); infinite where a row that counts has no value."""
    with np.errstate(all="ignore"):
        error = (evaluate(law, problems.columns, constants) - problems.target) * np.sqrt(problems.weights)
        error = np.where(problems.weights > 0, error, 0.0)
        loss = np.einsum("bn,bn->b", error, error)
    return error, np.where(np.isfinite(loss), loss, np.inf)


def _step(law: Law, problems: Problems, held: Array, error: Array, damping: Array) -> Array:
    size = np.where(held != 0, np.abs(held) * STEP, STEP)
    columns = []
    for index in range(held.shape[1]):
        moved = held.copy()
        moved[:, index] += size[:, index]
        with np.errstate(all="ignore"):
            columns.append((_errors(law, problems, moved)[0] - error) / size[:, index, None])
    slopes = np.nan_to_num(np.stack(columns, axis=-1), nan=0.0, posinf=0.0, neginf=0.0)
    slopes = np.clip(slopes, -LARGEST, LARGEST)
    normal = np.einsum("bnk,bnl->bkl", slopes, slopes)
    known = np.clip(np.nan_to_num(error, nan=0.0, posinf=0.0, neginf=0.0), -LARGEST, LARGEST)
    right = np.einsum("bnk,bn->bk", slopes, known)
    diagonal = np.einsum("bkk->bk", normal)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = normal / (scale[:, :, None] * scale[:, None, :])
    scaled += (damping[:, None] + 1e-12)[:, :, None] * np.eye(held.shape[1])
    with np.errstate(all="ignore"):
        change = -np.linalg.solve(scaled, (right / scale)[..., None])[..., 0] / scale
    return np.where(np.isfinite(change), change, 0.0)
