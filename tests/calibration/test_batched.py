"""Estimators on a batch of panels give, panel by panel, what the shipped functions give on the same resamples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cape.calibration import WORLD, Cell
from cape.calibration import estimators as named
from cape.calibration.groups import (
    GROUPS,
    closed_forms,
    fisher_intervals,
    jackknives,
    one_family,
    resampled_families,
    signs,
)
from cape.calibration.worlds import Panels, draw_design, draw_panels
from cape.stats import correlation, critical_scale, dimensionality, jackknife
from cape.stats.coupling import family_steps
from cape.stats.critical_scale import Estimator
from cape.stats.inference import Inference
from cape.stats.summaries import clustered_mean
from cape.stats.turning_line import within_family_zero

SEED, RESAMPLES, PANELS = (5, 7), 199, 6


def batch(world: str, cell: Cell) -> Panels:
    rng = np.random.default_rng(11)
    design = draw_design(WORLD[world], n_families=cell.n_families, n_sizes=cell.n_sizes, rng=rng)
    return draw_panels(WORLD[world], design, cell, n_panels=PANELS, rng=rng)


CASES = {
    "twenty": batch("turning", Cell(n_families=20, n_sizes=5, x_items=10_042, y_items=817)),
    "recipes": batch("recipes", Cell(n_families=9, n_sizes=4, x_items=10_042, y_items=817)),
    "flat few": batch("flat", Cell(n_families=3, n_sizes=3, x_items=1_000, y_items=200)),
    "noisy": batch("coupled", Cell(n_families=6, n_sizes=3, x_items=60, y_items=60)),
}


def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def steps(panels: Panels, index: int):
    """Return gamma and family of every interval of one panel, family by family with the shipped function."""
    found = [family_steps(panels.points(index, family=code)) for code in range(panels.design.counts.size)]
    return [np.concatenate([getattr(one, name) for one in found]) for name in ("gamma", "family", "log10_n_mid")]


def d_eff(panels: Panels, index: int, kind: Callable) -> Inference:
    scores = np.column_stack([panels.x[index], panels.y[index], panels.others[index]])
    redraws = dimensionality.family_redraws(panels.family, n_resamples=RESAMPLES, rng=rng())
    found = kind(redraws.covariances(scores, np.arange(len(scores))))
    words = dimensionality.Words(what="", why="", lacking="")
    ratios = dimensionality.participation_ratios(found)
    return dimensionality.redraw_inference(ratios, redraws, words, n_rows=len(scores))


def jackknifed(panels: Panels, i: int) -> dict[str, Callable[[], Inference]]:
    x, y, size, family = panels.x[i], panels.y[i], panels.design.sizes, panels.family
    gamma, of = steps(panels, i)[:2]
    negative = np.where(np.isfinite(gamma), (gamma < 0).astype(float), np.nan)
    scores = np.column_stack([x, y, panels.others[i]])
    calls: dict[str, Callable[[], Inference]] = {
        named.MEAN_GAMMA: lambda: jackknife.jackknife_mean(gamma, of, what=""),
        named.SHARE_NEGATIVE: lambda: jackknife.jackknife_mean(negative, of, what=""),
        named.R_FAMILIES: lambda: jackknife.jackknife_correlation(x, y, family),
        named.PARTIAL_FAMILIES: lambda: jackknife.jackknife_correlation(x, y, family, covariate=size),
        named.R_WITHIN: lambda: jackknife.jackknife_within_correlation(x, y, family),
        named.D_EFF: lambda: jackknife.jackknife_d_eff(scores, family, of_correlation=False),
        named.D_EFF_R: lambda: jackknife.jackknife_d_eff(scores, family, of_correlation=True),
    }
    return {named.JACKKNIFED[name]: call for name, call in calls.items()}


def shipped(name: str, panels: Panels, i: int) -> Inference:
    x, y, size, family = panels.x[i], panels.y[i], panels.design.sizes, panels.family
    again = {"n_resamples": RESAMPLES, "rng": rng()}
    calls: dict[str, Callable[[], Inference]] = {
        named.FIXED_EFFECTS: lambda: critical_scale.fixed_effect_quadratic(panels.points(i), **again),
        named.POOLED: lambda: critical_scale.pooled_quadratic_paper_mode(size, y, n_resamples=RESAMPLES)[0],
        named.WITHIN_LINE: lambda: within_family_zero(panels.points(i)),
        named.R_FAMILIES: lambda: correlation.clustered_correlation(x, y, family, **again),
        named.PARTIAL_FAMILIES: lambda: correlation.clustered_partial_correlation(x, y, size, family, **again),
        named.R_WITHIN: lambda: correlation.family_demeaned_correlation(x, y, family, **again),
        named.R_MODELS: lambda: correlation.pearson(x, y),
        named.MEAN_GAMMA: lambda: clustered_mean(*steps(panels, i)[:2], what="gamma", **again),
        named.D_EFF: lambda: d_eff(panels, i, lambda found: found),
        named.D_EFF_R: lambda: d_eff(panels, i, dimensionality.correlations),
        **jackknifed(panels, i),
    }
    return calls[name]()


NAMES = (
    named.FIXED_EFFECTS,
    named.POOLED,
    named.WITHIN_LINE,
    named.R_FAMILIES,
    named.PARTIAL_FAMILIES,
    named.R_WITHIN,
    named.R_MODELS,
    named.MEAN_GAMMA,
    named.D_EFF,
    named.D_EFF_R,
    *named.JACKKNIFED.values(),
)


@pytest.fixture(scope="module")
def answers() -> dict:
    groups = (resampled_families, closed_forms, fisher_intervals, signs, jackknives)
    return {
        case: {name: told for group in groups for name, told in group(panels, RESAMPLES, SEED).items()}
        for case, panels in CASES.items()
    }


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_the_shipped_function_gives_panel_by_panel(name: str, case: str, answers: dict) -> None:
    told = answers[case][name]
    for index in range(PANELS):
        found = shipped(name, CASES[case], index)
        wanted = [np.nan if end is None else end for end in (found.value, found.low, found.high)]
        ends = [told.value[index], told.low[index], told.high[index]]
        assert ends == pytest.approx(wanted, nan_ok=True, abs=1e-7), (name, case, index)


def test_a_family_without_a_defined_gamma_is_left_to_the_shipped_mean() -> None:
    panels = CASES["noisy"]
    gammas = [steps(panels, index) for index in range(PANELS)]
    lacking = [any(np.isnan(g[f == one]).all() for one in np.unique(f)) for g, f, _ in gammas]
    assert any(lacking), "the case no longer holds what it is for"


def test_the_logistic_and_the_family_estimators_are_the_shipped_ones() -> None:
    panels = CASES["twenty"]
    logistic = signs(panels, RESAMPLES, SEED)[named.LOGISTIC]
    bracket = one_family(panels, RESAMPLES, SEED)[str(Estimator.SIGN_BRACKET)]
    for index in range(PANELS):
        gamma, family, mid = steps(panels, index)
        found, _ = critical_scale.logistic_turning_point(mid, gamma > 0, family, n_resamples=RESAMPLES, rng=rng())
        assert (logistic.value[index], logistic.low[index]) == pytest.approx((found.value, found.low))
        own, _ = critical_scale.family_n_c(
            panels.points(index, family=index), estimator=Estimator.SIGN_BRACKET, n_draws=RESAMPLES, rng=rng()
        )
        value = np.nan if own.value is None else own.value
        assert bracket.value[index] == pytest.approx(value, nan_ok=True)
    assert set(bracket.truth) == {9.5}


def test_every_estimator_is_answered_by_exactly_one_group() -> None:
    told = [name for group in GROUPS.values() for name in group(CASES["flat few"], 20, SEED)]
    assert sorted(told) == sorted(named.BY_NAME)
