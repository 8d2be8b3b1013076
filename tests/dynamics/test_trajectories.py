"""Ladders put in order, and rates on a grid that is not uniform."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.trajectories import Derivative, Rows, ladders, node_weights, rates
from cape.errors import NotEnoughDataError
from tests.conftest import require
from tests.dynamics.planted import SIZES, trajectory

UNEVEN = np.array([7.8, 8.2, 8.6, 9.0, 9.15, 9.45, 9.84, 10.08])


def rows(**changes: np.ndarray) -> Rows:
    base = {
        "family": np.array(["A", "A", "A", "B", "B", "C"]),
        "replicate": np.array([""] * 6),
        "log10_n": np.array([9.0, 8.0, 9.0, 8.0, 9.0, 9.0]),
        "scores": np.arange(12.0).reshape(6, 2),
        "errors": np.full((6, 2), 2.0),
        "controls": np.zeros((6, 0)),
        "width": np.full(6, 3.0),
    }
    return Rows(**{**base, **changes})


def test_equal_sizes_are_averaged_and_families_of_one_size_are_named() -> None:
    found = ladders(rows())
    first = found.trajectories[0]
    assert [one.family for one in found.trajectories] == ["A", "B"]
    assert first.log10_n.tolist() == [8.0, 9.0]
    assert first.scores.tolist() == [[2.0, 3.0], [2.0, 3.0]]
    assert first.errors[1] == pytest.approx([2 / np.sqrt(2)] * 2) and first.errors[0].tolist() == [2.0, 2.0]
    assert found.n_averaged == 1 and found.singles == ("C",)
    assert any("1 families have one size only: C" in words for words in found.caveats())


def test_rows_that_lack_something_are_counted_by_what_they_lack() -> None:
    scores, sizes, controls = np.arange(12.0).reshape(6, 2), np.full(6, 9.0), np.zeros((6, 1))
    scores[3, 1] = np.nan
    sizes[5] = np.nan
    sizes[1] = 8.0
    controls[2, 0] = np.nan
    found = ladders(rows(scores=scores, log10_n=sizes, controls=controls))
    assert (found.n_unsized, found.n_gaps, found.n_uncontrolled) == (1, 1, 1)
    assert [one.k for one in found.trajectories] == [2]


def test_replicates_stay_apart() -> None:
    found = ladders(rows(family=np.array(["A"] * 6), replicate=np.array(list("111222"))))
    assert [one.name for one in found.trajectories] == ["A, replicate 1", "A, replicate 2"]


def test_midpoint_rates_of_a_straight_line_are_its_slope_with_the_error_of_a_difference() -> None:
    scores = np.column_stack([3 * UNEVEN, 90 - 5 * UNEVEN])
    one = trajectory("A", UNEVEN, scores, np.full(scores.shape, 0.5))
    found = rates([one, one.keep(slice(0, 3))], derivative=Derivative.MIDPOINT)
    assert found.rate == pytest.approx(np.tile([3.0, -5.0], (9, 1)))
    assert found.n_independent == 9 and found.unit.tolist() == [0] * 7 + [1] * 2
    assert found.noise[:7, 0] == pytest.approx(0.5 * np.sqrt(2) / np.diff(UNEVEN))
    assert found.state[0] == pytest.approx(scores[:2].mean(axis=0))


def test_three_point_rates_are_those_of_numpy_and_of_pysindy() -> None:
    pysindy = require("pysindy")
    scores = np.column_stack([np.sin(UNEVEN), np.exp(UNEVEN / 10)])
    found = rates([trajectory("A", UNEVEN, scores)], derivative=Derivative.NODES)
    assert found.rate == pytest.approx(np.gradient(scores, UNEVEN, axis=0, edge_order=2))
    theirs = pysindy.FiniteDifference(order=2)._differentiate(scores, UNEVEN)
    assert found.rate == pytest.approx(np.asarray(theirs), abs=1e-9)
    assert found.n == 8 and found.n_independent == 7


def test_three_point_weights_are_exact_for_a_parabola() -> None:
    assert node_weights(UNEVEN) @ UNEVEN**2 == pytest.approx(2 * UNEVEN)


def test_a_ladder_of_two_sizes_has_one_rate_either_way() -> None:
    one = trajectory("A", SIZES[:2], np.array([[10.0], [20.0]]))
    found = [rates([one], derivative=derivative) for derivative in Derivative]
    assert found[0].rate.tolist() == found[1].rate.tolist() and found[1].n == 1


def test_one_size_has_no_rate() -> None:
    with pytest.raises(NotEnoughDataError, match="two sizes"):
        rates([trajectory("A", SIZES[:1], np.array([[10.0]]))], derivative=Derivative.MIDPOINT)
