"""Laws on families they were not fitted on, beside a constant score and beside shuffled scores (paper A 4, 5.1).

Families are dealt to folds; constants are fitted on the other folds. Every family counts once: its error is the mean
absolute error over its models, and whole families are resampled for intervals, the same resamples for every law.
A target over width falls with width whatever the score does, so a law has to beat one score for all models divided
by the same widths, and to beat it by more than it does when the scores are dealt to the models at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.symbolic_expression import Columns, Law, evaluate
from cape.dynamics.symbolic_fit import Problems, first_fit, fit_constants
from cape.stats.inference import LEVEL, Inference
from cape.stats.resampling import guarded_interval, row_weights

Array = NDArray[np.float64]
MOST_FOLDS = 10
LEAST_FAMILIES = 3  # fewer leave no family beyond one to fit on and one to predict
SHUFFLES = 99  # deals of the scores; with these no share below 0.01 can be seen
SHUFFLE_STEPS = 15
LARGEST_P = 1 - LEVEL
N_SUMS = 5  # of `_sums`


class LawVerdict(StrEnum):
    """What a law says beyond its controls, by `law_verdict`."""

    UNDEFINED = "no held-out error"
    NO_BETTER = "no better than one score for all models"
    SHUFFLED = "better than one score, no more than on shuffled scores"
    SEEN = "better than one score only where the search saw the family"
    BEYOND = "beyond both controls"
    UNTESTED = "better than one score, not all controls run"


@dataclass(frozen=True)
class Rows:
    """Models to fit and predict. family : (n,). columns : (n,) by name. target, score : (n,), score before dividing.

    fold : (n,) number of the fold that leaves the row out. divisor : (n,) what the target was divided by.
    """

    family: NDArray[np.str_]
    columns: Columns
    score: Array
    divisor: Array
    fold: NDArray[np.int64]

    @cached_property
    def target(self) -> Array:
        return self.score / self.divisor

    @cached_property
    def families(self) -> NDArray[np.str_]:
        return np.unique(self.family)

    @cached_property
    def training(self) -> Array:
        """Return 1 where a row is fitted on, by fold (n_folds, n)."""
        return (np.arange(self.fold.max() + 1)[:, None] != self.fold).astype(np.float64)

    def by_family(self, values: Array) -> Array:
        """Return sums over the models of each family (..., n_families) of values (..., n)."""
        place = np.searchsorted(self.families, self.family)
        return values @ np.eye(self.families.size)[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A law on held-out families. constants : (k,) on all rows. predictions : (n,), NaN where it has none."""

    constants: Array
    loss: float
    predictions: Array = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a law predicts held-out families.

    error : mean absolute error, the mean over families. skill : 1 less error over that of the control. r2 : 1 less
    squared errors over those of the control. n_lost : held-out rows for which the law has no finite value.
    """

    error: Inference
    skill: Inference
    r2: Inference
    n_lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleTest:
    """Skill of a law on shuffled scores: median, central 95%, and the share at least as high as on the data."""

    observed: float | None
    low: float | None
    median: float | None
    high: float | None
    p: float | None
    n_shuffles: int


def family_folds(family: Sequence[str], *, most: int = MOST_FOLDS) -> NDArray[np.int64]:
    """Return the fold of each row (n,): whole families, the largest first, each to the fold with the fewest rows."""
    names, counts = np.unique(np.asarray(family, dtype=np.str_), return_counts=True)
    held = np.zeros(min(most, names.size), dtype=np.int64)
    fold_of: dict[str, int] = {}
    for index in np.lexsort((names, -counts)):
        fold = int(np.argmin(held))
        fold_of[str(names[index])] = fold
        held[fold] += counts[index]
    return np.array([fold_of[str(name)] for name in family], dtype=np.int64)


def predict_held_out(law: Law, rows: Rows, *, target: Array | None = None) -> Predicted:
    """Fit a law without each fold in turn and predict it; constants start from the fit on all rows."""
    wanted = rows.target if target is None else target
    constants, loss = first_fit(law, rows.columns, wanted)
    problems = Problems(columns=rows.columns, target=wanted, weights=rows.training)
    by_fold, losses = fit_constants(law, problems, constants)
    predicted = evaluate(law, rows.columns, by_fold)[rows.fold, np.arange(rows.fold.size)]
    known = np.isfinite(predicted) & np.isfinite(losses)[rows.fold]
    return Predicted(constants=constants, loss=loss, predictions=np.where(known, predicted, np.nan))


def predict_by_fold(laws: Mapping[int, Law], rows: Rows) -> Array:
    """Return held-out predictions (n,) where each fold has a law that was searched and fitted without it; else NaN."""
    predicted = np.full(rows.fold.size, np.nan)
    for fold, law in laws.items():
        out = rows.fold == fold
        predicted[out] = evaluate(law, rows.columns)[out]
    return np.where(np.isfinite(predicted), predicted, np.nan)


def smallest_model(rows: Rows) -> Array:
    """Return for each row the score of the smallest model of its family over the row's divisor; NaN for that model."""
    found = np.full(rows.score.size, np.nan)
    size = rows.columns["log10_n"]
    for name in rows.families:
        held = np.flatnonzero(rows.family == name)
        least = size[held] == size[held].min()
        found[held[~least]] = rows.score[held[least]].mean() / rows.divisor[held[~least]]
    return found


def mean_of_families(rows: Rows) -> Array:
    """Return for each row the mean over the families it is not fitted with of their mean target."""
    sizes = rows.by_family(np.ones(rows.family.size))
    means = rows.by_family(rows.target) / sizes
    kept = rows.by_family(rows.training) > 0
    return ((kept @ means) / kept.sum(axis=1))[rows.fold]


def scores(
    predictions: Mapping[str, Array], control: Array, rows: Rows, *, n_resamples: int, rng: np.random.Generator
) -> dict[str, Score]:
    """Return the score of each set of held-out predictions (n,) beside those of the control (n,).

    A set without a value for some rows is compared with the control on the rows it has.
    """
    weights = row_weights(rows.families.size, n_resamples=n_resamples, rng=rng)
    weights = np.vstack([np.ones(rows.families.size), weights])
    sums = [_sums(found, control, rows) for found in predictions.values()]
    drawn = weights @ np.concatenate(sums, axis=0).T if sums else np.empty((weights.shape[0], 0))
    by_law = drawn.reshape(weights.shape[0], len(sums), N_SUMS)
    lost = [int((~np.isfinite(found)).sum()) for found in predictions.values()]
    counts = [int(one[0].sum()) for one in sums]
    return {
        name: _score(by_law[:, index], n=counts[index], n_lost=lost[index], n_rows=rows.fold.size)
        for index, name in enumerate(predictions)
    }


def shuffle_test(law: Law, control: Law, rows: Rows, *, rng: np.random.Generator) -> ShuffleTest:
    """Return the skill of a law when scores are dealt to the models at random, divided by the same widths and refitted.

    The starting constants are those on the data. Undefined where the law has no finite value on a held-out row.
    """
    deals = np.stack([np.arange(rows.score.size), *(rng.permutation(rows.score.size) for _ in range(SHUFFLES))])
    target = rows.score[deals] / rows.divisor
    errors = _dealt_errors(law, rows, target), _dealt_errors(control, rows, target)
    with np.errstate(all="ignore"):
        skill = 1 - errors[0] / errors[1]
    known = skill[1:][np.isfinite(skill[1:])]
    if not np.isfinite(skill[0]) or not known.size:
        return ShuffleTest(observed=None, low=None, median=None, high=None, p=None, n_shuffles=int(known.size))
    tail = 50 * LARGEST_P
    low, median, high = np.percentile(known, [tail, 50, 100 - tail]).tolist()
    p = (1 + int(np.sum(known >= skill[0]))) / (1 + known.size)
    return ShuffleTest(observed=float(skill[0]), low=low, median=median, high=high, p=p, n_shuffles=int(known.size))


def law_verdict(score: Score, test: ShuffleTest | None) -> LawVerdict:
    """Return what a law says beyond its controls, in this order.

    No held-out error: undefined. Lower end of its skill over one score for all models not above zero: no better.
    No shuffled scores run: untested. Share of deals with as high a skill above 0.05: shuffled. Else beyond both.
    """
    if score.skill.value is None or score.skill.low is None:
        return LawVerdict.UNDEFINED
    if score.skill.low <= 0:
        return LawVerdict.NO_BETTER
    if test is None or test.p is None:
        return LawVerdict.UNTESTED
    return LawVerdict.BEYOND if test.p <= LARGEST_P else LawVerdict.SHUFFLED


def searched_verdict(verdict: LawVerdict, unseen: Score | None) -> LawVerdict:
    """Return the verdict on a law whose search saw every family; `unseen` is a search that did not, up to its size.

    Better than one score only where that search is too: its skill has a lower end above zero. Without one: untested.
    """
    if verdict in (LawVerdict.UNDEFINED, LawVerdict.NO_BETTER):
        return verdict
    if unseen is None or unseen.skill.low is None:
        return LawVerdict.UNTESTED
    return LawVerdict.SEEN if unseen.skill.low <= 0 else verdict


def is_same_form(law: Law, other: Law, columns: Columns) -> bool:
    """Return whether two formulas are proportional to each other on the rows."""
    with np.errstate(all="ignore"):
        ratio = evaluate(law, columns) / evaluate(other, columns)
    return bool(np.all(np.isfinite(ratio)) and np.ptp(ratio) <= 1e-6 * np.abs(ratio.mean()))


def _sums(found: Array, control: Array, rows: Rows) -> Array:
    """Return by family (N_SUMS, n_families): 1 where a row is predicted, mean absolute errors, sums of squares."""
    use = np.isfinite(found)
    counts = rows.by_family(use.astype(np.float64))
    error, other = (np.where(use, np.nan_to_num(one - rows.target), 0.0) for one in (found, control))
    means = [rows.by_family(np.abs(one)) / np.maximum(counts, 1) for one in (error, other)]
    return np.stack([(counts > 0).astype(np.float64), *means, *(rows.by_family(one**2) for one in (error, other))])


def _score(drawn: Array, *, n: int, n_lost: int, n_rows: int) -> Score:
    """Return the score from the sums of `_sums` over drawn families (1 + n_resamples, N_SUMS), the data first."""
    with np.errstate(all="ignore"):
        own = drawn[:, 1] / drawn[:, 0]
        skill, r2 = 1 - drawn[:, 1] / drawn[:, 2], 1 - drawn[:, 3] / drawn[:, 4]
    caveats = (f"{n_lost} of {n_rows} held-out rows have no finite prediction",) if n_lost else ()
    return Score(
        error=_inference(own, n, "mean absolute error on held-out families, mean over families", caveats),
        skill=_inference(skill, n, "1 less the held-out error over that of one score for all models", caveats),
        r2=_inference(r2, n, "1 less held-out squared errors over those of one score for all models", caveats),
        n_lost=n_lost,
    )


def _inference(values: Array, n: int, method: str, caveats: tuple[str, ...]) -> Inference:
    """Return the Inference of the data (first value) and the resamples (the others)."""
    method = f"{method}; 95% percentiles of {values.size - 1} resamples of whole families"
    if n < LEAST_FAMILIES or not np.isfinite(values[0]):
        why = f"undefined: {n} families can be held out, {LEAST_FAMILIES} are needed" if n < LEAST_FAMILIES else ""
        return Inference(
            value=None, low=None, high=None, n=n, method=method, caveats=(why or "undefined: no finite value", *caveats)
        )
    low, high, more = guarded_interval(values[1:], has_value=True, lacking="have no value")
    return Inference(value=float(values[0]), low=low, high=high, n=n, method=method, caveats=(*caveats, *more))


def _dealt_errors(law: Law, rows: Rows, target: Array) -> Array:
    """Return the held-out error of a law for each deal of the scores (n_deals,); target (n_deals, n)."""
    n_folds, n_deals = rows.training.shape[0], target.shape[0]
    start, _ = first_fit(law, rows.columns, target[0])
    problems = Problems(
        columns=rows.columns,
        target=np.repeat(target, n_folds, axis=0),
        weights=np.tile(rows.training, (n_deals, 1)),
    )
    constants, _ = fit_constants(law, problems, start, iterations=SHUFFLE_STEPS)
    predicted = evaluate(law, rows.columns, constants).reshape(n_deals, n_folds, -1)
    own = predicted[:, rows.fold, np.arange(rows.fold.size)]
    sizes = rows.by_family(np.ones(rows.fold.size))
    return (rows.by_family(np.abs(own - target)) / sizes).mean(axis=1)
