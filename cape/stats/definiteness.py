"""Is an assembled matrix of correlations one that scores could have, and which valid matrix is nearest to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError

MOST_STEPS = 5_000
TOLERANCE = 1e-10  # change of the matrix, in the Frobenius norm, at which the projections have met
NEGATIVE = -1e-10  # a smallest eigenvalue above this is rounding error


@dataclass(frozen=True, slots=True, kw_only=True)
class Definiteness:
    """The smallest eigenvalue of a symmetric matrix and the nearest correlation matrix.

    is_valid : no eigenvalue is negative beyond rounding. nearest : (p, p), the matrix itself where it is valid.
    distance : Frobenius norm of the difference from the nearest.
    """

    smallest_eigenvalue: float
    is_valid: bool
    nearest: NDArray[np.float64]
    distance: float


def definiteness(matrix: NDArray[np.float64]) -> Definiteness:
    """Return whether a matrix (p, p) with unit diagonal is positive semidefinite, and the nearest one that is.

    Alternating projections with Dykstra's correction; Higham, IMA J. Numerical Analysis 22 (2002) 329.
    Raises BadParameterError for a matrix that is not symmetric, has gaps or another diagonal.
    """
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
        raise BadParameterError(
            f"A correlation matrix must be symmetric with ones on its diagonal and no gap, got {matrix.tolist()}. "
            "Fill or drop the benchmarks that have no correlation."
        )
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest >= NEGATIVE:
        return Definiteness(smallest_eigenvalue=smallest, is_valid=True, nearest=matrix, distance=0.0)
    nearest = _nearest(matrix)
    distance = float(np.linalg.norm(matrix - nearest))
    return Definiteness(smallest_eigenvalue=smallest, is_valid=False, nearest=nearest, distance=distance)


def _nearest(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    current, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(MOST_STEPS):
        shifted = current - correction
        values, vectors = np.linalg.eigh(shifted)
        projected = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = projected - shifted
        before, current = current, projected.copy()
        np.fill_diagonal(current, 1.0)
        if np.linalg.norm(current - before) < TOLERANCE:
            break
    return current
