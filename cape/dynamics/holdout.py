"""Hold-outs: a system and its baselines predict sizes that neither has seen, from the same start.

Reference: the paper's hold-out is Pythia to Llama-2 (paper 4) and its falsifier an error above 15% (paper 9 (iv)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.baselines import RULES, Training
from cape.dynamics.fits import Ensemble, Recipe, System, fit, problem_of
from cape.dynamics.forecast import integrate, members_of, right_of
from cape.dynamics.trajectories import Trajectory
from cape.stats.inference import Inference
from cape.stats.resampling import guarded_interval, row_weights

Array = NDArray[np.float64]

SYSTEM = "ODE"
LEAST_SIZES = 3  # of a ladder whose last size is held out: one rate must remain


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One ladder predicted from its start by every method.

    log10_n : (k,) sizes predicted. observed : (k, p). predicted : method to (k, p), NaN where it has no answer.
    start : (p,) scores at the start, at_start : what each method gives there. clipped, blew_up : whether the system met
    the end of the scale, or ran away.
    """

    name: str
    family: str
    start_log10_n: float
    start: Array
    log10_n: Array
    observed: Array
    predicted: dict[str, Array]
    at_start: dict[str, Array]
    clipped: bool
    blew_up: bool

    def mean_error(self, method: str) -> float:
        """Return the mean absolute error over sizes and benchmarks, percentage points; NaN without an answer."""
        return float(np.abs(self.predicted[method] - self.observed).mean())


def predict(system: System, training: Sequence[Trajectory], target: Trajectory, *, start: int) -> Prediction:
    """Predict the sizes of a ladder after `start` by the system and by every baseline, all from the same rows."""
    ahead = slice(start + 1, None)
    place, scores, targets = float(target.log10_n[start]), target.scores[start], target.log10_n[ahead]
    course = integrate(right_of(system, target), scores, place, targets)
    rows = Training.of(training)
    with_start = np.append(place, targets)
    found = {SYSTEM: np.vstack([scores, course.states])}
    found |= {name: np.clip(rule(rows, place, scores, with_start), 0.0, 100.0) for name, rule in RULES.items()}
    return Prediction(
        name=target.name,
        family=target.family,
        start_log10_n=place,
        start=scores,
        log10_n=targets,
        observed=target.scores[ahead],
        predicted={name: states[1:] for name, states in found.items()},
        at_start={name: states[0] for name, states in found.items()},
        clipped=bool(course.clipped),
        blew_up=bool(course.blew_up),
    )


def leave_families_out(trajectories: Sequence[Trajectory], recipe: Recipe) -> list[Prediction]:
    """Predict every family from its smallest size by what the others give, scales included; none with one family."""
    families = sorted({one.family for one in trajectories})
    found = []
    for family in families if len(families) > 1 else ():
        others = [one for one in trajectories if one.family != family]
        system = fit(problem_of(others, recipe))
        found += [predict(system, others, one, start=0) for one in trajectories if one.family == family]
    return found


def leave_last_sizes_out(trajectories: Sequence[Trajectory], recipe: Recipe) -> list[Prediction]:
    """Predict the last size of every ladder of three sizes or more from the one before it and all other ladders."""
    found = []
    for place, target in enumerate(trajectories):
        if target.k < LEAST_SIZES:
            continue
        shorter = [one.keep(slice(0, -1)) if i == place else one for i, one in enumerate(trajectories)]
        system = fit(problem_of(shorter, recipe))
        found.append(predict(system, shorter, target, start=target.k - 2))
    return found


def transfer(system: System, training: Sequence[Trajectory], others: Sequence[Trajectory]) -> list[Prediction]:
    """Predict ladders of families that were not fitted, from their smallest sizes."""
    return [predict(system, training, one, start=0) for one in others]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Errors of all methods over the same cells, families weighing alike.

    errors : method to its mean absolute error, percentage points, resampled by family. best : the method with the
    least error among the baselines. ratio : error of the system over that of the best baseline, the best chosen anew
    in every resample. by_family : method to (n_families,), in order of `families`. n_undefined : baselines left out.
    """

    families: tuple[str, ...]
    errors: dict[str, Inference]
    by_family: dict[str, Array]
    best: str
    ratio: Inference
    left_out: tuple[str, ...]


def skill(predictions: Sequence[Prediction], *, n_resamples: int, rng: np.random.Generator) -> Skill | None:
    """Return the errors and the skill of a set of predictions; None if there is none.

    A baseline without an answer for some ladder is left out and named. With one family there is no interval.
    """
    if not predictions:
        return None
    families = tuple(sorted({one.family for one in predictions}))
    by_family = {
        method: np.array(
            [np.mean([one.mean_error(method) for one in predictions if one.family == name]) for name in families]
        )
        for method in predictions[0].predicted
    }
    left_out = tuple(method for method, column in by_family.items() if not np.isfinite(column).all())
    rivals = [method for method in by_family if method != SYSTEM and method not in left_out]
    weights = row_weights(len(families), n_resamples=n_resamples, rng=rng) / len(families)
    drawn = {method: weights @ column for method, column in by_family.items() if method not in left_out}
    errors = {
        method: _inference(float(by_family[method].mean()), draws, len(families), "mean absolute error")
        for method, draws in drawn.items()
    }
    best = min(rivals, key=lambda method: by_family[method].mean())
    least = np.min([drawn[method] for method in rivals], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where(least > 0, drawn[SYSTEM] / least, np.nan)
    floor = float(by_family[best].mean())
    value = float(by_family[SYSTEM].mean()) / floor if floor > 0 else None
    ratio = _inference(value, draws, len(families), "error of the ODE over that of the best baseline")
    return Skill(families=families, errors=errors, by_family=by_family, best=best, ratio=ratio, left_out=left_out)


def _inference(value: float | None, draws: Array, n: int, what: str) -> Inference:
    method = f"{what}, families weighing alike; percentiles of {draws.size} resamples of whole families"
    if value is None:
        why = ("undefined: the best baseline has no error",)
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)
    if n < 2:
        caveats: tuple[str, ...] = ("no interval: one family",)
        return Inference(value=value, low=None, high=None, n=n, method=method, caveats=caveats)
    low, high, caveats = guarded_interval(draws, has_value=True, lacking="have no ratio")
    return Inference(value=value, low=low, high=high, n=n, method=method, caveats=caveats, draws=draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Predictions (R, k, p) of one ladder by the members of an ensemble, its start and scores drawn with their errors.

    observed : (R, k, p) the scores predicted, drawn with their errors. n_blew_up : members that ran away.
    """

    predicted: Array
    observed: Array
    n_blew_up: int


def drawn_predictions(
    system: System, members: Ensemble, target: Trajectory, *, rng: np.random.Generator, source: Array | float = 0.0
) -> Members:
    """Return the predictions of all members from starts drawn with their standard errors (unknown errors count 0)."""
    errors = np.nan_to_num(target.errors, nan=0.0)
    drawn = target.scores + errors * rng.standard_normal((len(members.coefficients), *target.scores.shape))
    drawn = np.clip(drawn, 0.0, 100.0)
    right = members_of(system.problem, members, system, target, source)
    course = integrate(right, drawn[:, 0], float(target.log10_n[0]), target.log10_n[1:])
    return Members(predicted=course.states, observed=drawn[:, 1:], n_blew_up=int(course.blew_up.sum()))
