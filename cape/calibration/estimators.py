"""The estimators and tests that the laboratory calibrates, by the names they have on their own pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cape.stats.critical_scale import Estimator

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

# The same with the interval of cape.stats.jackknife.
JACKKNIFED = {
    name: f"{name}, jackknife"
    for name in (MEAN_GAMMA, SHARE_NEGATIVE, R_FAMILIES, PARTIAL_FAMILIES, R_WITHIN, D_EFF, D_EFF_R)
}


class Truth(StrEnum):
    """Where the truth of an estimator comes from."""

    TURN = "the planted turn"
    LEVEL = "the first benchmark at the planted turn"
    OWN = "planted for each panel"
    POPULATION = "the same statistic of very many families"
    NONE = "a test has none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One estimator or test. null_worlds : those where it should find nothing; power_worlds : where it should.

    improves : name of the estimator with the same value and another interval.
    """

    name: str
    quantity: str
    unit: str
    truth: Truth
    null_worlds: tuple[str, ...] = ()
    power_worlds: tuple[str, ...] = ()
    is_test: bool = False
    improves: str = ""


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


_BASE: tuple[Calibrated, ...] = (
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


def _with_improved(estimators: tuple[Calibrated, ...]) -> tuple[Calibrated, ...]:
    """Return the estimators, each followed by the one that improves on its interval, where there is one."""
    found: list[Calibrated] = []
    for one in estimators:
        found.append(one)
        if one.name in JACKKNIFED:
            found.append(replace(one, name=JACKKNIFED[one.name], improves=one.name))
    return tuple(found)


ESTIMATORS = _with_improved(_BASE)
BY_NAME = {estimator.name: estimator for estimator in ESTIMATORS}
