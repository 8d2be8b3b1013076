"""The estimators and tests that the laboratory calibrates, by the names they have on their own pages.

A group answers for several of them on one batch of panels. Where moments suffice it works on all panels at once
(`batched`), elsewhere it calls the function of `cape.stats` panel by panel, vectorised over resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cape.calibration import batched
from cape.calibration.batched import Answers
from cape.calibration.worlds import Panels
from cape.errors import NotEnoughDataError
from cape.stats import correlation, nulls
from cape.stats.coupling import gamma_interval
from cape.stats.critical_scale import Estimator, family_n_c, logistic_turning_point
from cape.stats.family_partial import family_partial_correlation
from cape.stats.inference import Inference
from cape.stats.resampling import legacy_row_weights, row_weights
from cape.stats.summaries import clustered_mean
from cape.stats.turning_line import line_moments, zero_fits

Array = NDArray[np.float64]
PAPER_SEED = 42  # the legacy seed of the paper's own script, as in pooled_quadratic_paper_mode

LOGISTIC, LOGISTIC_LEVEL = "logistic in log10 N", "logistic in the level of the first benchmark"
FIXED_EFFECTS, POOLED = "fixed-effect quadratic", "pooled quadratic, the paper's recipe"
WITHIN_LINE = "within-family line"
GAMMA, MEAN_GAMMA, SHARE_NEGATIVE = "gamma of one interval", "mean gamma", "share of negative intervals"
R_MODELS, R_FAMILIES = "r, models as independent", "r, families as independent"
PARTIAL_MODELS, PARTIAL_FAMILIES = "partial r, models as independent", "partial r, families as independent"
PARTIAL_WITHIN = "partial r within families"
R_DIFFERENCES, R_WITHIN, R_BETWEEN = "r of differences", "r within families", "r between families"
D_EFF, D_EFF_R = "d_eff of the covariance", "d_eff of the correlation"
PERMUTATION, FREEDMAN_LANE = "permutation of r", "Freedman-Lane for the partial r"
TREND_R, TREND_PARTIAL = "trend null, r", "trend null, partial r"


class Truth(StrEnum):
    """Where the truth of an estimator comes from."""

    TURN = "the planted turn"
    LEVEL = "the first benchmark at the planted turn"
    OWN = "planted for each panel"
    POPULATION = "the same statistic of very many families"
    NONE = "a test has none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One estimator or test. null_worlds : those where it should find nothing; power_worlds : where it should."""

    name: str
    quantity: str
    unit: str
    truth: Truth
    null_worlds: tuple[str, ...] = ()
    power_worlds: tuple[str, ...] = ()
    is_test: bool = False


N_C, COUPLING, CORRELATION, DIMENSION = "N_c", "gamma", "correlation", "d_eff"
QUANTITIES = (N_C, COUPLING, CORRELATION, DIMENSION)
TURNING, TURNLESS = ("turning", "recipes", "bent"), ("trend", "falling", "flat", "coupled")
UNCOUPLED, COUPLED = ("trend", "flat"), ("coupled",)


def _n_c(name: str, truth: Truth = Truth.TURN, unit: str = "log10 N") -> Calibrated:
    return Calibrated(name=name, quantity=N_C, unit=unit, truth=truth, null_worlds=TURNLESS, power_worlds=TURNING)


def _r(name: str, *, is_test: bool = False) -> Calibrated:
    truth = Truth.NONE if is_test else Truth.POPULATION
    return Calibrated(
        name=name,
        quantity=CORRELATION,
        unit="",
        truth=truth,
        null_worlds=UNCOUPLED,
        power_worlds=COUPLED,
        is_test=is_test,
    )


ESTIMATORS: tuple[Calibrated, ...] = (
    _n_c(WITHIN_LINE),
    _n_c(FIXED_EFFECTS),
    _n_c(LOGISTIC),
    _n_c(LOGISTIC_LEVEL, Truth.LEVEL, "%"),
    _n_c(POOLED),
    *(_n_c(str(estimator), Truth.OWN) for estimator in Estimator),
    # Deviations of models are real, so the true ratio of one interval is not zero in any world: no false alarms.
    Calibrated(name=GAMMA, quantity=COUPLING, unit="pp/pp", truth=Truth.OWN),
    Calibrated(
        name=MEAN_GAMMA,
        quantity=COUPLING,
        unit="pp/pp",
        truth=Truth.POPULATION,
        null_worlds=("flat",),
        power_worlds=("trend", "falling"),
    ),
    Calibrated(name=SHARE_NEGATIVE, quantity=COUPLING, unit="share of intervals", truth=Truth.POPULATION),
    *(
        _r(name)
        for name in (
            R_MODELS,
            R_FAMILIES,
            PARTIAL_MODELS,
            PARTIAL_FAMILIES,
            PARTIAL_WITHIN,
            R_DIFFERENCES,
            R_WITHIN,
            R_BETWEEN,
        )
    ),
    *(_r(name, is_test=True) for name in (PERMUTATION, FREEDMAN_LANE, TREND_R, TREND_PARTIAL)),
    *(Calibrated(name=name, quantity=DIMENSION, unit="", truth=Truth.POPULATION) for name in (D_EFF, D_EFF_R)),
)
BY_NAME = {estimator.name: estimator for estimator in ESTIMATORS}

Group = Callable[[Panels, int, tuple[int, ...]], dict[str, Answers]]


def resampled_families(panels: Panels, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Answer for every bootstrap of whole families that moments carry, all panels at once."""

    def weights() -> Array:  # each estimator draws from the start of one stream, as its own call would
        return row_weights(panels.design.counts.size, n_resamples=n_resamples, rng=np.random.default_rng(seed))

    drawn = weights()
    covariance, correlated = batched.effective_dimensions(panels, drawn)
    return {
        FIXED_EFFECTS: batched.family_quadratic(panels, drawn),
        R_FAMILIES: batched.correlation(panels, drawn, given_size=False),
        PARTIAL_FAMILIES: batched.correlation(panels, drawn, given_size=True),
        R_WITHIN: batched.demeaned_correlation(panels, drawn),
        D_EFF: covariance,
        D_EFF_R: correlated,
        **_means(panels, drawn, n_resamples, seed),
    }


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


GROUPS: tuple[Group, ...] = (resampled_families, closed_forms, fisher_intervals, signs, one_family, tests)
POPULATION_GROUPS: tuple[Group, ...] = (
    resampled_families,
    fisher_intervals,
)  # those with a truth of very many families


def _means(panels: Panels, drawn: Array, n_resamples: int, seed: tuple[int, ...]) -> dict[str, Answers]:
    """Return mean gamma and the share of negative intervals; a panel with a family without gamma by its own call."""
    steps, family = batched.steps_of(panels), panels.family
    negative = np.where(np.isfinite(steps.gamma), (steps.gamma < 0).astype(np.float64), np.nan)
    answers = {}
    known = batched.family_sums(np.isfinite(steps.gamma)[..., None].astype(np.float64), steps.member)[..., 0]
    whole = (known > 0).all(axis=1)
    for name, values in ((MEAN_GAMMA, steps.gamma), (SHARE_NEGATIVE, negative)):
        with np.errstate(invalid="ignore"):
            all_panels = batched.mean_over_families(values, steps.member, drawn)
        others = [
            clustered_mean(
                values[i], family[steps.row], n_resamples=n_resamples, rng=np.random.default_rng(seed), what="gamma"
            )
            for i in np.flatnonzero(~whole)
        ]
        told = _told(others)
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
