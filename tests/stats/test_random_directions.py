"""The chance of a cosine between random directions: against draws, against known values, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from cape.errors import BadParameterError
from cape.stats.random_directions import random_cosine_below


@pytest.mark.parametrize("width", [2, 3, 4, 10])
@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.7])
def test_draws_agree(width: int, cosine: float) -> None:
    rng = np.random.default_rng(0)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, 100_000, width)))
    drawn = float(((a * b).sum(axis=1) < cosine).mean())
    assert random_cosine_below(cosine, width=width) == pytest.approx(drawn, abs=0.006)


def test_known_values() -> None:
    assert random_cosine_below(-0.5, width=2) == pytest.approx(1 / 3)  # an angle beyond 120 degrees
    assert random_cosine_below(-0.5, width=3) == pytest.approx(1 / 4)  # Archimedes: uniform on the sphere
    assert random_cosine_below(0.0, width=7) == pytest.approx(0.5)
    assert random_cosine_below(-0.5, width=1) == 0.5 and random_cosine_below(-1.0, width=1) == 0.0
    assert random_cosine_below(-1.0, width=5) == 0.0 and random_cosine_below(1.0, width=5) == 1.0


@pytest.mark.parametrize(("cosine", "width"), [(1.5, 3), (0.0, 0), (float("nan"), 3)])
def test_what_is_no_cosine_is_refused(cosine: float, width: int) -> None:
    with pytest.raises(BadParameterError):
        random_cosine_below(cosine, width=width)
