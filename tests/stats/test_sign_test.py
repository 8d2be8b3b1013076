"""The sign test agrees with scipy's binomial test, and says what few signs allow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from cape.stats.sign_test import sign_test


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 2), (2, 2), (5, 7), (7, 7), (3, 6), (12, 13)])
def test_p_and_interval_are_those_of_the_binomial_test(k: int, n: int) -> None:
    found = sign_test([0.1] * k + [-0.2] * (n - k))
    other = binomtest(k, n)
    assert found.p == pytest.approx(other.pvalue)
    ends = other.proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert (found.n_positive, found.n, found.share) == (k, n, k / n)
    assert found.floor == pytest.approx(binomtest(n, n).pvalue)


def test_ties_and_missing_differences_have_no_sign() -> None:
    found = sign_test([0.0, 1e-9, np.nan, -0.5], tolerance=1e-6)
    assert (found.n, found.n_zero, found.n_positive, found.p) == (1, 2, 0, 1.0)
    empty = sign_test([0.0, 0.0])
    assert (empty.p, empty.share, empty.low, empty.floor, empty.n_zero) == (None, None, None, None, 2)
