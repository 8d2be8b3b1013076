"""Planning: closed forms against simulation, limits that no items reach, seeds, and hostile numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cape.errors import BadParameterError
from cape.quantities import Phase
from cape.stats.coupling import classify_phase, gamma_interval
from cape.stats.power import (
    MOST_TIMES,
    POWER,
    Changes,
    Limit,
    deciding_edge,
    gain_per_item,
    limits,
    replicates_needed,
    settling_power,
    times_needed,
)

SETTLED = (Phase.TAX, Phase.TRANSITION, Phase.BONUS)


def changes(*rows: tuple[float, float, float, float]) -> Changes:
    dx, dy, vx, vy = np.array(rows, dtype=float).T
    return Changes(delta_x=dx, delta_y=dy, variance_x=vx, variance_y=vy)


def simulated_power(one: Changes, *, x_times: float = 1, y_times: float = 1, n: int = 40_000) -> float:
    """The share of repeats whose own Fieller interval lies in one band, by the functions of the page."""
    rng = np.random.default_rng(0)
    vx, vy = one.variance_x / x_times, one.variance_y / y_times
    dx, dy = rng.normal(one.delta_x, np.sqrt(vx), n), rng.normal(one.delta_y, np.sqrt(vy), n)
    found = gamma_interval(dx, dy, variance_x=vx, variance_y=vy)
    phase = classify_phase(found.gamma, found.fieller_low, found.fieller_high)[1]
    return float(np.isin(phase, SETTLED).mean())


STEPS = {
    "tax": (10.0, -4.0, 1.0, 2.0),
    "bonus going down": (-8.0, -3.0, 1.5, 1.0),
    "transition": (30.0, 0.5, 1.0, 1.0),
    "small first change": (2.5, -4.0, 1.0, 1.0),
    "weak": (10.0, -2.0, 1.0, 2.0),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_chance_of_settling_is_that_of_a_simulation(name: str) -> None:
    one = changes(STEPS[name])
    assert settling_power(one)[0] == pytest.approx(simulated_power(one), abs=0.03)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("which", [(True, True), (False, True)])
def test_the_items_needed_give_the_power_planned_for(name: str, which: tuple[bool, bool]) -> None:
    one = changes(STEPS[name])
    times = times_needed(one, more_x=which[0], more_y=which[1])[0]
    if np.isnan(times):
        assert name == "small first change" and not which[0]  # the first benchmark's own noise is the limit
        return
    found = simulated_power(one, x_times=times if which[0] else 1, y_times=times)
    assert found >= POWER - 0.02 and (times == 1 or found <= POWER + 0.05)


def test_the_closed_form_of_one_edge() -> None:
    """Tax with an exact first benchmark: n / n0 = ((z + z_power) se / distance)^2."""
    one = changes((10.0, -2.0, 1e-12, 2.0))
    expected = ((1.959964 + 0.841621) * np.sqrt(2.0) / 1.0) ** 2
    assert times_needed(one, more_x=False, more_y=True)[0] == pytest.approx(expected, rel=1e-4)


def test_what_no_items_settle_is_said() -> None:
    many = changes(
        (10.0, -8.0, 0.1, 0.1), (0.3, -4.0, 1.0, 1.0), (10.0, -1.0, 1.0, 1.0), (10.0, -2.0, 1.0, 2.0),
        (np.nan, 1.0, 1.0, 1.0), (10.0, 2.0, np.nan, 1.0),
    )  # fmt: skip
    found = limits(many, is_settled=[True, False, False, False, False, False])
    assert found.tolist() == [
        Limit.SETTLED, Limit.STANDS_STILL, Limit.AT_THE_EDGE, Limit.REACHABLE, Limit.UNKNOWN, Limit.UNKNOWN
    ]  # fmt: skip
    times = times_needed(many, more_x=True, more_y=True)
    assert np.isnan(times[[1, 2, 4, 5]]).all() and times[0] == 1 and 1 < times[3] < MOST_TIMES


def test_seeds_needed_give_the_power_planned_for() -> None:
    dx, dy = np.array([9.0, 10.0, 11.0, 10.0]), np.array([-4.0, -1.0, -2.0, -3.0])
    n = replicates_needed(dx, dy)
    assert n is not None and n > 4
    rng = np.random.default_rng(1)
    apart = dy + 0.1 * dx
    drawn = rng.normal(apart.mean(), apart.std(ddof=1), (20_000, n))
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(n))
    from scipy.stats import t as student

    assert (t < -student.ppf(0.975, n - 1)).mean() == pytest.approx(POWER, abs=0.06)


def test_seeds_cannot_be_said_without_spread_or_a_change() -> None:
    assert replicates_needed([5.0], [1.0]) is None
    assert replicates_needed([0.1, 0.2], [1.0, 2.0]) is None
    assert replicates_needed([10.0, 10.1], [np.nan, 1.0]) is None
    assert replicates_needed([10.0, 10.2], [-1.0, -1.02]) is None  # the mean lies on the edge
    assert replicates_needed([10.0, 10.0], [-5.0, -5.0]) == 2


def test_an_item_of_the_noisier_benchmark_counts_most() -> None:
    gain = gain_per_item(variance=[4.0, 4.0], n_items=[100, 100], weight=[1.0, 0.01], answers_per_item=[2, 2])
    assert gain.tolist() == [0.02, 0.0002]
    assert deciding_edge([10, 10, -5], [-3, 3, 2]).tolist() == [-0.1, 0.1, -0.1]


def test_hostile_numbers_are_refused() -> None:
    one = changes(STEPS["tax"])
    for power in (0.0, 1.0, np.nan):
        with pytest.raises(BadParameterError):
            times_needed(one, more_x=True, more_y=True, power=power)
    with pytest.raises(BadParameterError):
        times_needed(one, more_x=False, more_y=False)
    with pytest.raises(BadParameterError):
        settling_power(one, x_times=0.0)
    assert settling_power(changes((10.0, -8.0, 0.0, 0.0)))[0] == 1.0
