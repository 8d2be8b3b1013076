"""Shares and their exact trend: planted counts, Fisher's test, every deal listed, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportion_confint

from cape.errors import BadParameterError
from cape.stats.exact_trend import MOST_TRIALS, exact_trend, share


@pytest.mark.parametrize(("hits", "trials"), [(0, 14), (3, 10), (7, 14), (14, 14)])
def test_the_interval_of_a_share_is_wilsons(hits: int, trials: int) -> None:
    found = share(hits, trials, what="prompts")
    low, high = proportion_confint(hits, trials, method="wilson")
    assert found.value == pytest.approx(100 * hits / trials)
    assert (found.low, found.high) == (pytest.approx(100 * low, abs=1e-9), pytest.approx(100 * high, abs=1e-9))
    assert 0 <= (found.low or 0) <= (found.high or 0) <= 100


def test_a_share_of_nothing_is_undefined_and_says_so() -> None:
    found = share(0, 0, what="prompts")
    assert found.value is found.low is found.high is None
    assert "no prompts" in found.caveats[0]


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3)])
def test_hits_beyond_the_trials_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(BadParameterError, match="hits"):
        share(hits, trials, what="prompts")
    with pytest.raises(BadParameterError, match="hits within trials"):
        exact_trend([hits, 1], [trials, 3])


@pytest.mark.parametrize(("hits", "trials"), [((9, 6), (14, 14)), ((1, 5), (7, 9)), ((0, 4), (5, 11))])
def test_the_trend_of_two_groups_is_fishers_test(hits: tuple[int, int], trials: tuple[int, int]) -> None:
    found = exact_trend(hits, trials)
    table = [[hits[0], trials[0] - hits[0]], [hits[1], trials[1] - hits[1]]]
    falls = hits[0] / trials[0] > hits[1] / trials[1]
    assert found.p_one_sided == pytest.approx(fisher_exact(table, alternative="greater" if falls else "less").pvalue)
    assert (found.statistic or 0) < 0 if falls else (found.statistic or 0) > 0


@pytest.mark.parametrize("hits", [(3, 1, 0), (0, 2, 2), (1, 1, 1), (2, 0, 3)])
def test_the_trend_of_three_groups_counts_every_deal_of_the_hits(hits: tuple[int, int, int]) -> None:
    trials = (4, 3, 5)
    ranks = np.repeat(np.arange(3), trials)
    sums = np.array([ranks[list(deal)].sum() for deal in combinations(range(12), sum(hits))])
    observed = int(np.dot(hits, np.arange(3)))
    tails = [(sums <= observed).mean(), (sums >= observed).mean()]
    found = exact_trend(hits, trials)
    assert found.p_two_sided == pytest.approx(min(1.0, 2 * min(tails)))
    assert found.smallest_p == pytest.approx(
        min(1.0, 2 * min((sums == sums.min()).mean(), (sums == sums.max()).mean()))
    )


def test_reversing_the_order_turns_the_sign_and_keeps_p() -> None:
    up, down = exact_trend([1, 3, 6], [10, 10, 10]), exact_trend([6, 3, 1], [10, 10, 10])
    assert up.p_two_sided == pytest.approx(down.p_two_sided)
    assert up.statistic == pytest.approx(-(down.statistic or 0))


@pytest.mark.parametrize(("hits", "trials"), [((0, 0), (3, 3)), ((3, 3), (3, 3)), ((2,), (3,)), ((), ())])
def test_without_a_difference_to_deal_the_trend_is_undefined(hits: tuple, trials: tuple) -> None:
    found = exact_trend(hits, trials)
    assert found.p_two_sided is None and found.caveats


def test_many_trials_keep_the_p_finite_and_too_many_are_refused() -> None:
    found = exact_trend([300, 200], [500, 500])
    assert found.p_one_sided == pytest.approx(fisher_exact([[300, 200], [200, 300]], alternative="greater").pvalue)
    with pytest.raises(BadParameterError, match=str(MOST_TRIALS)):
        exact_trend([1, 1], [MOST_TRIALS, 1])
