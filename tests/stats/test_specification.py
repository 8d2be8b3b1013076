"""The specification curve: planted answers, an independent count, edge cases."""

from __future__ import annotations

import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cape.errors import NotEnoughDataError
from cape.stats.specification import Specification, specification_curve


def spec(value, low=None, high=None, *, paper=False, estimator="pearson"):
    return Specification(
        source_id="leaderboard",
        panel="independent",
        variant="strict",
        x="hellaswag",
        y="truthfulqa_mc2",
        family_or_all="all",
        estimator=estimator,
        value=value,
        low=low,
        high=high,
        n=8,
        is_paper_choice=paper,
    )


# planted answers


def test_specifications_are_ordered_by_value_with_undefined_ones_last():
    curve = specification_curve([spec(None), spec(0.4), spec(-0.9), spec(None), spec(0.1)])
    assert [one.value for one in curve.specifications] == [-0.9, 0.1, 0.4, None, None]
    assert curve.n == 5 and curve.n_undefined == 2 and curve.median == 0.1
    assert any("2 of 5" in caveat for caveat in curve.caveats)


def test_shares_are_of_all_specifications():
    curve = specification_curve([spec(-0.9, -1, -0.5), spec(-0.2, -0.6, 0.3), spec(0.5, 0.1, 0.8), spec(None)])
    assert (curve.share_below, curve.share_above, curve.share_undefined) == (0.5, 0.25, 0.25)
    assert (curve.share_interval_below, curve.share_interval_above) == (0.25, 0.25)
    assert curve.n_without_interval == 1


def test_the_reference_moves_the_sides():
    specs = [spec(9.0, 8.9, 9.1), spec(9.5, 9.3, 10.0), spec(9.54, 9.2, None)]
    curve = specification_curve(specs, reference=9.25)
    assert (curve.share_below, curve.share_above) == pytest.approx((1 / 3, 2 / 3))
    assert (curve.share_interval_below, curve.share_interval_above) == pytest.approx((1 / 3, 1 / 3))


def test_the_papers_choice_has_its_place():
    curve = specification_curve([spec(0.3), spec(-0.9, paper=True), spec(-0.95), spec(None), spec(0.1)])
    assert curve.paper_rank == 2 and curve.paper_percentile == pytest.approx(37.5)
    assert curve.median == pytest.approx(-0.4)


# independent implementation

choices = st.lists(st.one_of(st.none(), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])), min_size=1, max_size=30)


@given(choices, st.floats(-1, 1), st.randoms(use_true_random=False))
def test_counts_agree_with_numpy_in_any_order(values, reference, shuffler: random.Random):
    specs = [spec(value, paper=i == 0, estimator=str(i)) for i, value in enumerate(values)]
    shuffler.shuffle(specs)
    curve = specification_curve(specs, reference=reference)
    known = np.array([value for value in values if value is not None])
    total = curve.share_above + curve.share_below + curve.share_equal + curve.share_undefined
    assert total == pytest.approx(1.0)
    assert curve.share_above == pytest.approx((known > reference).sum() / len(values))
    if known.size:
        assert curve.median == pytest.approx(np.median(known))
    if values[0] is not None:
        assert curve.paper_rank == scipy.stats.rankdata(known, method="min")[0]
        assert curve.paper_percentile == pytest.approx(scipy.stats.percentileofscore(known, values[0], kind="mean"))
    else:
        assert curve.paper_rank is None and curve.caveats


# edge cases


def test_a_value_on_the_reference_is_on_neither_side():
    curve = specification_curve([spec(0.0, 0.0, 0.5)])
    assert (curve.share_above, curve.share_below, curve.share_equal) == (0, 0, 1)
    assert curve.share_interval_above == 0


def test_without_a_choice_of_the_paper_there_is_no_rank():
    curve = specification_curve([spec(0.1)])
    assert curve.paper_rank is None and curve.paper_percentile is None and "no rank" in curve.caveats[0]


def test_all_undefined_is_an_answer():
    curve = specification_curve([spec(None, paper=True), spec(None)])
    assert curve.share_undefined == 1 and curve.median is None and curve.paper_rank is None
    assert len(curve.caveats) == 2


def test_bad_specifications_are_refused():
    with pytest.raises(NotEnoughDataError, match="got 0"):
        specification_curve([])
    with pytest.raises(ValueError, match="at most one"):
        specification_curve([spec(0.1, paper=True), spec(0.2, paper=True)])
    with pytest.raises(ValueError, match="value is nan"):
        spec(float("nan"))
    with pytest.raises(ValueError, match="reversed"):
        spec(0.1, 0.5, 0.2)
    with pytest.raises(ValueError, match="finite reference"):
        specification_curve([spec(0.1)], reference=float("inf"))
