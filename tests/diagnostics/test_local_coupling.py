"""local_coupling and phase_diagram on planted ladders: slope, error, Fieller interval, phase, comparison."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from cape import diagnostics
from cape.lake import Lake
from cape.quantities import Result

Z = norm.ppf(0.975)


def on(planted: Lake, slug: str = "local_coupling", **params: object) -> Result:
    return diagnostics.run(slug, {"resamples": 400, **params}, planted)


def steps(result: Result, table: str = "steps") -> dict[str, dict]:
    return {row["label"]: row for row in result.table(table).frame.iter_rows(named=True)}


@pytest.mark.parametrize(("step", "gamma"), list(enumerate((-0.8, -0.12, 0.04, 0.6))))
def test_gamma_of_a_planted_step_is_its_slope_with_closed_form_error_and_fieller_interval(
    planted: Lake, step: int, gamma: float
) -> None:
    result = on(planted, family="Steps")
    label = f"Steps: steps-{step} to steps-{step + 1}"
    found, row = result.estimate("gamma_12", label), steps(result)[label]
    dx, dy, variance = 10.0, 10 * gamma, 2 * 0.1**2
    assert found.value == pytest.approx(gamma)
    assert row["gamma_se"] == pytest.approx(np.sqrt(variance + gamma**2 * variance) / dx)
    roots = np.sort(np.roots([dx**2 - Z**2 * variance, -2 * dx * dy, dy**2 - Z**2 * variance]).real)
    assert (found.low, found.high) == pytest.approx(tuple(roots))
    assert found.n == 2 and found.unit == "pp/pp"
    assert all(caveat.startswith("not calibrated") for caveat in found.caveats)  # the planted lake holds no simulation

    assert row["position_mid"] == pytest.approx(np.sqrt(row["position_from"] * row["position_to"]))
    assert row["null_high"] == pytest.approx(Z * np.sqrt(variance) / dx)


def test_phases_follow_the_interval_and_the_bare_ratio_has_its_own_column(planted: Lake) -> None:
    rows = steps(on(planted, family="Steps")).values()
    assert [row["phase"] for row in rows] == ["tax", "undetermined", "transition", "bonus"]
    assert [row["phase_paper"] for row in rows] == ["tax", "tax", "transition", "bonus"]


def test_phase_counts_are_those_of_the_rows(planted: Lake) -> None:
    result = on(planted)
    rows = list(steps(result).values())
    for phase in ("undetermined", "none"):
        count = sum(row["phase"] == phase for row in rows)
        assert result.estimate("n_intervals_in_phase", phase).value == count > 0
    gamma = np.array([row["gamma"] for row in rows if row["gamma"] is not None])
    error = np.array([row["gamma_se"] for row in rows if row["gamma"] is not None])
    tax = norm.cdf((-0.1 - gamma) / error).sum()
    assert result.estimate("n_intervals_in_phase", "tax").value == pytest.approx(tax)
    bonus = norm.sf((0.1 - gamma) / error).sum()
    assert result.estimate("n_intervals_in_phase", "bonus").value == pytest.approx(bonus)
    middle = result.estimate("n_intervals_in_phase", "transition").value
    assert middle == pytest.approx(gamma.size - tax - bonus)
    settled = [sum(row["phase"] == phase for row in rows) for phase in ("tax", "transition", "bonus")]
    assert f"{sum(settled)} of {len(rows)} intervals" in result.sentences[0]
    for words in (f"{settled[0]} tax", f"{settled[1]} transition", f"{settled[2]} bonus"):
        assert words in result.sentences[0]


@pytest.mark.parametrize(
    ("step", "reason"),
    [(0, "less than 0.5 points"), (1, "less than 1.96 standard errors"), (2, "did not move")],
)
def test_a_step_inside_its_noise_has_no_gamma_and_says_why(planted: Lake, step: int, reason: str) -> None:
    result = on(planted, family="Noise")
    label = f"Noise: noise-{step} to noise-{step + 1}"
    found, row = result.estimate("gamma_12", label), steps(result)[label]
    assert (found.value, found.low, found.high) == (None, None, None)
    assert any(reason in caveat for caveat in found.caveats)
    assert row["phase"] == "none"
    mean = result.estimate("mean_gamma_12", "author Noise")
    assert mean.value is None and any("no gamma is defined" in caveat for caveat in mean.caveats)


def test_equal_sizes_are_averaged_and_said_to_be(planted: Lake) -> None:
    result = on(planted, family="Twin")
    (found,) = (e for e in result.estimates if e.symbol == "gamma_12")
    assert found.label == "Twin: twin-0 + twin-1 to twin-2"
    assert found.value == pytest.approx((46 - 41) / (41 - 31))
    assert found.n == 3
    assert any("equal sizes were averaged" in caveat for caveat in found.caveats)
    alone = on(planted, family="Turn")
    assert not any("averaged" in c for e in alone.estimates for c in e.caveats)


def test_the_mean_of_one_ladder_has_the_interval_of_its_errors(planted: Lake) -> None:
    found = on(planted, family="Steps").estimate("mean_gamma_12", "author Steps")
    gamma = np.array([-0.8, -0.12, 0.04, 0.6])
    half = Z * np.sqrt((2 * 0.1**2 * (1 + gamma**2)).sum()) / 10 / gamma.size
    assert found.value == pytest.approx(gamma.mean())
    assert (found.low, found.high) == pytest.approx((gamma.mean() - half, gamma.mean() + half))


def test_score_changes_of_a_single_ladder_carry_their_normal_interval(planted: Lake) -> None:
    result = on(planted, family="Steps")
    found = result.estimate("delta_score", "Steps: steps-0 to steps-1, truthfulqa_mc2")
    half = Z * np.sqrt(2) * 0.1
    assert (found.value, found.low, found.high) == pytest.approx((-8, -8 - half, -8 + half))
    assert not any(e.symbol == "delta_score" for e in on(planted).estimates)


def test_a_ladder_compared_with_itself_differs_by_nothing(planted: Lake) -> None:
    result = on(planted, family="Turn", compare_panel="author", compare_family="Turn")
    differences = [e for e in result.estimates if e.symbol == "delta_gamma_12"]
    assert len(differences) == 4
    for found in (*differences, *(e for e in result.estimates if e.symbol == "delta_mean_gamma_12")):
        assert found.value == pytest.approx(0)
        assert found.low < 0 < found.high


def test_a_shifted_copy_differs_by_the_planted_shift(planted: Lake) -> None:
    result = on(planted, family="Turn", compare_panel="shifted", compare_family="Turn")
    differences = [e for e in result.estimates if e.symbol == "delta_gamma_12"]
    gammas = np.array([-0.5, -0.5, 0.5, 0.5])
    assert [e.value for e in differences] == pytest.approx([-0.3] * 4)
    assert [e.high - e.low for e in differences] == pytest.approx(
        list(2 * Z * np.sqrt(2 * 0.1**2 * (2 + gammas**2 + (gammas + 0.3) ** 2)) / 10)
    )
    (mean,) = (e for e in result.estimates if e.symbol == "delta_mean_gamma_12")
    assert mean.value == pytest.approx(-0.3)
    assert mean.low < -0.3 < mean.high < 0
    assert "protocols" in " ".join(mean.caveats)
    assert set(steps(result, "compared")) == {f"Turn: turn-{i} to turn-{i + 1}" for i in range(4)}


def test_only_steps_between_common_sizes_are_compared(planted: Lake) -> None:
    result = on(planted, family="Turn", compare_panel="shifted", compare_family="Late")
    differences = {e.label: e.value for e in result.estimates if e.symbol == "delta_gamma_12"}
    assert differences == {
        "Turn: turn-2 to turn-3 minus Late: late-0 to late-1 of shifted Late": pytest.approx(1.0),
        "Turn: turn-3 to turn-4 minus Late: late-1 to late-2 of shifted Late": pytest.approx(1.0),
    }
    (mean,) = (e for e in result.estimates if e.symbol == "delta_mean_gamma_12")
    assert mean.value == pytest.approx(0)


@pytest.mark.parametrize(
    ("window", "kept"),
    [({}, 4), ({"min_b": 0.3}, 3), ({"max_b": 1.0}, 2), ({"min_b": 0.3, "max_b": 1.0}, 1)],
)
def test_a_window_keeps_the_steps_that_lie_wholly_in_it(planted: Lake, window: dict, kept: int) -> None:
    assert on(planted, family="Turn", **window).table("steps").frame.height == kept


def test_several_families_are_those_named(planted: Lake) -> None:
    frame = on(planted, families="Turn, Up").table("steps").frame
    assert set(frame["family"]) == {"Turn", "Up"}


def test_a_model_takes_the_phase_of_the_interval_it_ends_and_the_first_of_the_one_it_starts(planted: Lake) -> None:
    result = on(planted, "phase_diagram", family="Steps")
    points = result.table("points").frame.sort("position")
    assert points["phase"].to_list() == ["tax", "tax", "undetermined", "transition", "bonus"]
    assert points["is_outgoing_phase"].to_list() == [True, False, False, False, False]
    labelled = {e.label: e.value for e in result.estimates if e.symbol == "n_models_in_phase"}
    assert labelled["tax, paper mode"] == 3
    assert labelled["undetermined, ours"] == 1
    assert labelled["bonus, ours"] == pytest.approx(1, abs=1e-3)


def test_a_family_of_one_size_has_no_phase(planted: Lake) -> None:
    result = on(planted, "phase_diagram", panel="alone")
    points = result.table("points").frame
    assert set(points["phase"]) == {"none"}
    assert "size not public" in points["undefined_reason"].to_list()
    assert "2 models have no public size" in result.sentences[1]
    assert result.estimate("n_rows", "alone").value == 3
