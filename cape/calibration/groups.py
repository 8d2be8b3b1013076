"""What answers for the estimators on a batch of panels: groups that share resamples.

Where moments suffice a group works on all panels at once (`batched`), elsewhere it calls the function of `cape.stats`
panel by panel, vectorised over resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cape.calibration import batched
from cape.calibration.batched import Answers, Limits
from cape.calibration.estimators import (
    D_EFF,
    D_EFF_R,
    FIXED_EFFECTS,
    FREEDMAN_LANE,
    GAMMA,
    JACKKNIFED,
    LOGISTIC,
    LOGISTIC_LEVEL,
    MEAN_GAMMA,
    PARTIAL_FAMILIES,
    PARTIAL_MODELS,
    PARTIAL_WITHIN,
    PERMUTATION,
    POOLED,
    R_BETWEEN,
    R_DIFFERENCES,
    R_FAMILIES,
    R_MODELS,
    R_WITHIN,
    SHARE_NEGATIVE,
    TREND_PARTIAL,
    TREND_R,
    WITHIN_LINE,
)
from cape.calibration.worlds import Panels
from cape.errors import NotEnoughDataError
from cape.stats import correlation, nulls
from cape.stats.coupling import gamma_interval
from cape.stats.critical_scale import Estimator, family_n_c, logistic_turning_point
from cape.stats.family_partial import family_partial_correlation
from cape.stats.inference import Inference
from cape.stats.jackknife import ABOVE_ONE, FISHER, PLAIN, jackknife_mean
from cape.stats.resampling import legacy_row_weights, row_weights
from cape.stats.summaries import clustered_mean
from cape.stats.turning_line import line_moments, zero_fits

Array = NDArray[np.float64]
PAPER_SEED = 42  # the legacy seed of the paper's own script, as in pooled_quadratic_paper_mode

Group = Callable[[Panels, int, tuple[int, ...]], dict[str, Answers]]


def resampled_families(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for every bootstrap of whole families that moments carry, all panels at once."""

    def weights() -> Array:  # each estimator draws from the start of one stream, as its own call would
        return row_weights(panels.design.counts.size, n_resamples=n_resamples, rng=np.random.default_rng(seed))

    def mean(values: Array, labels: NDArray) -> Inference:
        return clustered_mean(values, labels, n_resamples=n_resamples, rng=np.random.default_rng(seed), what="gamma")

    drawn = weights()
    covariance, correlated = batched.effective_dimensions(panels, drawn)
    return {
        FIXED_EFFECTS: batched.family_quadratic(panels, drawn),
        R_FAMILIES: batched.correlation(panels, drawn, given_size=False),
        PARTIAL_FAMILIES: batched.correlation(panels, drawn, given_size=True),
        R_WITHIN: batched.demeaned_correlation(panels, drawn),
        D_EFF: covariance,
        D_EFF_R: correlated,
        **_means(panels, drawn, batched.guarded, mean),
    }


def jackknives(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for the intervals of `cape.stats.jackknife`: families left out one at a time, nothing drawn."""
    n_families = panels.design.counts.size
    without = 1.0 - np.eye(n_families)
    fisher, above_one = batched.jackknifed(FISHER), batched.jackknifed(ABOVE_ONE)
    covariance, correlated = batched.effective_dimensions(panels, without, above_one)

    def mean(values: Array, labels: NDArray) -> Inference:
        return jackknife_mean(values, labels, what="gamma")

    found = {
        R_FAMILIES: batched.correlation(panels, without, given_size=False, limits=fisher),
        PARTIAL_FAMILIES: batched.correlation(panels, without, given_size=True, limits=fisher),
        R_WITHIN: batched.demeaned_correlation(panels, without, fisher),
        D_EFF: covariance,
        D_EFF_R: correlated,
        **_means(panels, without, batched.jackknifed(PLAIN), mean),
    }
    return {JACKKNIFED[name]: answers for name, answers in found.items()}


def closed_forms(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for the within-family line and for Fieller's interval of gamma, which need no resample."""
    return {WITHIN_LINE: within_line(panels), GAMMA: _one_gamma(panels, batched.steps_of(panels))}


def fisher_intervals(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for the correlations with Fisher's interval."""
    steps = batched.steps_of(panels)
    size, family = panels.design.sizes, panels.family
    fisher = {
        R_MODELS: [correlation.pearson(x, y) for x, y in zip(panels.x, panels.y, strict=True)],
        PARTIAL_MODELS: [correlation.partial_correlation(x, y, size) for x, y in zip(panels.x, panels.y, strict=True)],
        PARTIAL_WITHIN: [
            family_partial_correlation(x, y, size, family) for x, y in zip(panels.x, panels.y, strict=True)
        ],
        R_DIFFERENCES: [
            correlation.difference_correlation(x, y) for x, y in zip(steps.delta_x, steps.delta_y, strict=True)
        ],
        R_BETWEEN: [
            correlation.between_family_correlation(x, y, family) for x, y in zip(panels.x, panels.y, strict=True)
        ],
    }
    return {name: _told(found) for name, found in fisher.items()}


def within_line(panels: Panels) -> Answers:
    """Return `within_family_zero` of every panel."""
    sizes, member = panels.design.sizes, panels.design.member
    origin = sizes.mean()
    moments = np.stack(
        [
            line_moments(sizes[rows] - origin, panels.x[:, rows], panels.y[:, rows], panels.x_se[:, rows])
            for rows in (member == code for code in range(panels.design.counts.size))
        ],
        axis=1,
    )
    fits = zero_fits(moments)
    zero = fits.zero + origin
    found = fits.is_rising & (zero >= sizes.min()) & (zero <= sizes.max())
    return Answers(
        value=np.where(found, zero, np.nan),
        low=np.where(found, fits.low + origin, np.nan),
        high=np.where(found, fits.high + origin, np.nan),
    )


def signs(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for the logistic regressions and the paper's pooled quadratic."""
    steps, n_models = batched.steps_of(panels), panels.design.sizes.size
    family = panels.family[steps.row]
    level = (panels.x[:, steps.row] + panels.x[:, steps.row + 1]) / 2
    by_size: list[Inference | None] = []
    by_level: list[Inference | None] = []
    for index, gamma in enumerate(steps.gamma):
        kept = np.isfinite(gamma)
        for covariate, found in ((steps.mid, by_size), (level[index], by_level)):
            found.append(_turn(covariate[kept], gamma[kept] > 0, family[kept], n_resamples, seed))
    pooled = legacy_row_weights(n_models, n_resamples=n_resamples, seed=PAPER_SEED)
    return {
        LOGISTIC: _told(by_size),
        LOGISTIC_LEVEL: _told(by_level),
        POOLED: batched.pooled_quadratic(panels, pooled),
    }


def one_family(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for D1, D2 and D3, each panel with another of its families; the truth is that family's own turn."""
    n_families, answers = panels.design.counts.size, {}
    chosen = np.arange(len(panels.x)) % n_families
    turn = panels.turn[np.arange(len(panels.x)), chosen]
    ends = [(rows.min(), rows.max()) for rows in (panels.design.sizes[panels.design.member == c] for c in chosen)]
    inside = np.array([low <= own <= high for own, (low, high) in zip(turn, ends, strict=True)])
    points = [panels.points(index, family=int(code)) for index, code in enumerate(chosen)]
    for estimator in Estimator:
        found = [
            family_n_c(one, estimator=estimator, n_draws=n_resamples, rng=np.random.default_rng(seed))[0]
            for one in points
        ]
        told = _told(found)
        answers[str(estimator)] = Answers(
            value=told.value, low=told.low, high=told.high, truth=np.where(inside, turn, np.nan)
        )
    return answers


def tests(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for the permutation tests and the trend null."""
    size, names = panels.design.sizes, (PERMUTATION, FREEDMAN_LANE, TREND_R, TREND_PARTIAL)
    found: dict[str, list[float | None]] = {name: [] for name in names}
    for x, y in zip(panels.x, panels.y, strict=True):
        raw = correlation.permutation_p(x, y, n_permutations=n_resamples, rng=np.random.default_rng(seed))
        given = correlation.freedman_lane_p(x, y, size, n_permutations=n_resamples, rng=np.random.default_rng(seed))
        null = nulls.independent_trend_null(size, x, y, n_simulations=n_resamples, rng=np.random.default_rng(seed))
        ps = (raw.p_two_sided, given.p_two_sided, null.p, null.partial_p)
        for name, p in zip(names, ps, strict=True):
            found[name].append(p)
    nothing = np.full(len(panels.x), np.nan)
    return {
        name: Answers(value=nothing, low=nothing, high=nothing, p=np.array(ps, dtype=np.float64))
        for name, ps in found.items()
    }


# By name, in a fixed order: the draws of a group follow from its place, so that a new one goes to the end.
GROUPS: dict[str, Group] = {
    "families": resampled_families,
    "closed": closed_forms,
    "fisher": fisher_intervals,
    "signs": signs,
    "family": one_family,
    "tests": tests,
    "jackknife": jackknives,
}
POPULATION_GROUPS: tuple[Group, ...] = (
    resampled_families,
    fisher_intervals,
)  # those with a truth of very many families


def _means(
    panels: Panels, drawn: Array, limits: Limits, mean: Callable[[Array, NDArray], Inference]
) -> dict[str, Answers]:
    """Return mean gamma and the share of negative intervals; a panel with a family without gamma by its own call."""
    steps, family = batched.steps_of(panels), panels.family
    negative = np.where(np.isfinite(steps.gamma), (steps.gamma < 0).astype(np.float64), np.nan)
    answers = {}
    known = batched.family_sums(np.isfinite(steps.gamma)[..., None].astype(np.float64), steps.member)[..., 0]
    whole = (known > 0).all(axis=1)
    for name, values in ((MEAN_GAMMA, steps.gamma), (SHARE_NEGATIVE, negative)):
        with np.errstate(invalid="ignore"):
            all_panels = batched.mean_over_families(values, steps.member, drawn, limits)
        told = _told([mean(values[i], family[steps.row]) for i in np.flatnonzero(~whole)])
        columns = {}
        for column in ("value", "low", "high"):
            columns[column] = getattr(all_panels, column).copy()
            columns[column][~whole] = getattr(told, column)
        answers[name] = Answers(**columns)
    return answers


def _one_gamma(panels: Panels, steps: batched.Stepped) -> Answers:
    """Return Fieller's interval of one interval per panel, another one each time; the truth is its true ratio."""
    panel = np.arange(len(panels.x))
    chosen = panel % steps.row.size
    row = steps.row[chosen]
    found = gamma_interval(
        steps.delta_x[panel, chosen],
        steps.delta_y[panel, chosen],
        variance_x=steps.variance_x[panel, chosen],
        variance_y=steps.variance_y[panel, chosen],
    )
    true_x = panels.x_true[panel, row + 1] - panels.x_true[panel, row]
    true_y = panels.y_true[panel, row + 1] - panels.y_true[panel, row]
    return Answers(value=found.gamma, low=found.fieller_low, high=found.fieller_high, truth=true_y / true_x)


def _turn(
    covariate: Array, positive: NDArray[np.bool_], family: NDArray, n_resamples: int, seed: tuple[int, ...]
) -> Inference | None:
    try:
        return logistic_turning_point(
            covariate, positive, family, n_resamples=n_resamples, rng=np.random.default_rng(seed)
        )[0]
    except NotEnoughDataError:
        return None


def _told(found: Sequence[Inference | None]) -> Answers:
    """Return the numbers of inferences, NaN where there is none; a side without limit is infinite."""
    numbers = np.full((3, len(found)), np.nan)
    for index, one in enumerate(found):
        if one is None:
            continue
        numbers[0, index] = np.nan if one.value is None else one.value
        if one.low is not None or one.high is not None:
            numbers[1, index] = -np.inf if one.low is None else one.low
            numbers[2, index] = np.inf if one.high is None else one.high
    return Answers(value=numbers[0], low=numbers[1], high=numbers[2])
