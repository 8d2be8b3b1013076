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
MOST_DAMPING = 1e6  # beyond it no step that is worth taking is left
SETTLED = 1e-9  # relative fall of the loss below which a problem is done
LARGEST = 1e100  # slopes and errors beyond it would overflow when squared
STARTS = (1.0, -1.0, 0.3, 2.0)  # factors on the given constants that the first fit tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Problems over the same rows. columns : (n,) by name. target : (n,) or (b, n). weights : (b, n), 0 leaves out."""

    columns: Columns
    target: Array
    weights: Array

    def only(self, chosen: NDArray[np.int64]) -> Problems:
        """Return some of the problems."""
        target = self.target if self.target.ndim == 1 else self.target[chosen]
        return Problems(columns=self.columns, target=target, weights=self.weights[chosen])


def fit_constants(law: Law, problems: Problems, start: Array, *, iterations: int = ITERATIONS) -> tuple[Array, Array]:
    """Return the constants (b, k) that minimise the weighted sum of squares, and that sum divided by the weights (b,).

    start : (k,) or (b, k). The loss is infinite where the formula has no finite value on the rows that count; its
    constants are then those of the start. A formula without constants to fit is only evaluated.
    """
    held = np.broadcast_to(np.asarray(start, dtype=np.float64), (problems.weights.shape[0], len(law.constants))).copy()
    error, loss = _errors(law, problems, held)
    damping = np.full(held.shape[0], FIRST_DAMPING)
    active = np.arange(held.shape[0] if held.shape[1] else 0)
    for _ in range(iterations):
        if not active.size:
            break
        part = problems.only(active)
        tried = held[active] + _step(law, part, held[active], error[active], damping[active])
        new_error, new_loss = _errors(law, part, tried)
        better = new_loss < loss[active]
        fall = _relative_fall(loss[active], new_loss)
        damping[active] = np.clip(damping[active] * np.where(better, 0.2, 8.0), 1e-12, 1e12)
        won = active[better]
        held[won], error[won], loss[won] = tried[better], new_error[better], new_loss[better]
        is_done = (better & (fall < SETTLED)) | (~better & (damping[active] >= MOST_DAMPING)) | (loss[active] == 0)
        active = active[~is_done]
    return held, loss / problems.weights.sum(axis=1)


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
