"""Validity of assembled correlation matrices: Higham's example, laws, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cape.errors import BadParameterError
from cape.stats.definiteness import definiteness


def random_symmetric(seed, p=4):
    matrix = np.eye(p)
    i, j = np.triu_indices(p, 1)
    matrix[i, j] = matrix[j, i] = np.random.default_rng(seed).uniform(-1, 1, i.size)
    return matrix


def test_highams_example_has_his_nearest_matrix():
    found = definiteness(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    assert not found.is_valid and found.smallest_eigenvalue == pytest.approx(1 - np.sqrt(2))
    assert found.nearest == pytest.approx(
        np.array([[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]), abs=1e-4
    )


def test_correlations_of_real_columns_are_their_own_nearest():
    matrix = np.corrcoef(np.random.default_rng(0).standard_normal((5, 30)))
    found = definiteness(matrix)
    assert found.is_valid and found.distance == 0 and (found.nearest == matrix).all()


@given(st.integers(0, 10_000))
def test_no_valid_matrix_is_nearer_than_the_nearest(seed):
    matrix = random_symmetric(seed)
    found = definiteness(matrix)
    assert np.linalg.eigvalsh(found.nearest)[0] > -1e-6
    assert np.diag(found.nearest) == pytest.approx(np.ones(4))
    columns = np.random.default_rng(seed).standard_normal((20, 4, 6))
    rivals = [np.corrcoef(table) for table in columns]
    rivals += [(1 - share) * found.nearest + share * rival for rival in rivals[:5] for share in (0.01, 0.1)]
    assert all(found.distance <= np.linalg.norm(matrix - rival) + 1e-6 for rival in rivals)


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1.0, np.nan], [np.nan, 1.0]]),
        np.array([[1.0, 0.2], [0.3, 1.0]]),
        np.array([[2.0, 0.2], [0.2, 1.0]]),
    ],
)
def test_what_is_no_correlation_matrix_is_refused(matrix):
    with pytest.raises(BadParameterError, match="Fill or drop"):
        definiteness(matrix)
