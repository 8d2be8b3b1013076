"""Medians and shares from bins agree with those of the values they were made of, within what a bin leaves open."""

from __future__ import annotations

import numpy as np
import pytest

from cape.stats.histogram import binned_median, binned_share_above


@pytest.mark.parametrize("seed", range(4))
def test_what_bins_allow_holds_the_median_and_shares_of_the_values(seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-1, 1, 501)
    counts, edges = np.histogram(values, bins=20, range=(-1, 1))
    median = binned_median(edges, counts)
    assert median.low <= np.median(values) <= median.high
    assert median.high - median.low == pytest.approx(0.1)
    assert median.n == 501
    share = binned_share_above(edges, counts, threshold=0.13)
    assert share.low <= (values > 0.13).mean() <= share.high
    at_edge = binned_share_above(edges, counts, threshold=0.1)
    assert at_edge.low == at_edge.value == at_edge.high == pytest.approx((values > 0.1).mean(), abs=2e-3)


def test_planted_bins_give_the_median_by_hand() -> None:
    found = binned_median([0, 1, 2, 3], [1, 2, 1])
    assert (found.value, found.low, found.high) == (1.5, 1.0, 2.0)
    assert binned_share_above([0, 1, 2, 3], [1, 2, 1], threshold=1.5).value == pytest.approx(0.5)
    assert binned_share_above([0, 1, 2, 3], [1, 2, 1], threshold=-1).value == 1.0
    assert binned_share_above([0, 1, 2, 3], [1, 2, 1], threshold=9).value == 0.0


@pytest.mark.parametrize("counts", [[4, 0, 0], [0, 0, 4]])
def test_one_full_bin_holds_the_median(counts: list[int]) -> None:
    found = binned_median([0, 1, 2, 3], counts)
    assert found.value == pytest.approx(0.5 + 2 * (counts[2] > 0))


def test_no_value_is_undefined_with_a_reason() -> None:
    for found in (binned_median([0, 1], [0]), binned_share_above([0, 1], [0], threshold=0.5)):
        assert found.value is None and found.n == 0 and found.caveats
