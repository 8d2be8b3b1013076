"""Alarms of probes: planted constants, equals and bounds are found, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from cape.stats.degenerate import TOLERANCE, at_bound, equal_groups, is_constant


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.97, 0.97, 0.97], True),
        ([0.97, 0.97 + 0.9 * TOLERANCE], True),
        ([0.97, 0.97 + 1.1 * TOLERANCE], False),
        ([0.97], False),
        ([], False),
        ([0.97, np.nan], False),
        ([0.97, np.nan, 0.97], True),
    ],
)
def test_values_are_constant_when_at_least_two_differ_by_no_more_than_the_tolerance(
    values: list[float], expected: bool
) -> None:
    assert is_constant(values) is expected


def test_equal_values_share_a_group_and_others_have_none() -> None:
    groups = equal_groups([0.83, 0.025, 0.83, np.nan, 0.5, 0.5 + TOLERANCE / 2, np.nan, 0.83])
    assert groups.tolist() == [1, -1, 1, -1, 0, 0, -1, 1]
    assert equal_groups([]).size == 0
    assert equal_groups([0.1, 0.2]).tolist() == [-1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_a_plain_comparison_of_all_pairs(seed: int) -> None:
    values = np.random.default_rng(seed).choice([0.1, 0.2, 0.3, 0.4, np.nan], 12)
    groups = equal_groups(values)
    for i, first in enumerate(values):
        equals = [j for j, other in enumerate(values) if j != i and abs(first - other) <= TOLERANCE]
        assert (groups[i] >= 0) == bool(equals)
        assert all(groups[j] == groups[i] for j in equals)


def test_bounds_are_met_within_the_tolerance_only() -> None:
    values = [1.0, -1.0 + TOLERANCE / 2, 0.999, np.nan, 0.0]
    assert at_bound(values, bounds=(-1.0, 1.0)).tolist() == [True, True, False, False, False]
