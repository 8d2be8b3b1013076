"""A system of equations fitted to ladders: point estimate, ensemble over resamples, and what each term is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.library import Library, Scaling, Terms, library_on, values_of
from cape.dynamics.sparse import ALPHA, PAPER_ALPHA, moments, pysindy_fit, stlsq
from cape.dynamics.trajectories import Derivative, Rates, Trajectory, rates
from cape.stats.resampling import row_weights

Array = NDArray[np.float64]


class Engine(StrEnum):
    """What makes the point estimate; both give the same numbers."""

    BATCHED = "built in"
    PYSINDY = "PySINDy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a system is fitted: candidates, threshold and where rates are taken."""

    terms: Terms
    threshold: float
    derivative: Derivative = Derivative.MIDPOINT

    @property
    def alpha(self) -> float:
        """The ridge of the thresholding rounds."""
        return PAPER_ALPHA if self.terms.scaling is Scaling.AS_PRINTED else ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Rows and columns of one fit.

    columns : (n, m), less the family's mean where each family has its own constant; target : (n, p) likewise, over
    rate_scale. unit : (n,) whole numbers, what is resampled. unit_name : family, replicate or difference.
    """

    recipe: Recipe
    rows: Rates
    library: Library
    columns: Array
    target: Array
    unit: NDArray[np.int64]
    n_units: int
    unit_name: str

    @property
    def owns_constants(self) -> bool:
        """Whether every family has a constant of its own."""
        return self.recipe.terms.has_own_constant

    def weights(self, n_resamples: int, rng: np.random.Generator) -> Array:
        """Return the weights (R, n) of resamples of whole units."""
        return row_weights(self.n_units, n_resamples=n_resamples, rng=rng)[:, self.unit]

    def solve(self, weights: Array, threshold: float | None = None) -> Array:
        """Return the coefficients (R, m, p) under each row of weights."""
        gram, moment = moments(self.columns, self.target, weights)
        level = self.recipe.threshold if threshold is None else threshold
        return stlsq(gram, moment, threshold=level, alpha=self.recipe.alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A fitted system: dB/dlog10N = (design @ coefficients) * rate_scale + constant of the family.

    coefficients : (m, p). constants : (n_families, p) percentage points per decade, zeros where they are shared.
    """

    problem: Problem = field(repr=False)
    coefficients: Array
    families: tuple[str, ...]
    constants: Array

    def constant_of(self, family: str) -> Array:
        """Return the constant (p,) of a family; of one that was not fitted, the mean of those that were."""
        if family in self.families:
            return self.constants[self.families.index(family)]
        return self.constants.mean(axis=0)


def problem_of(trajectories: Sequence[Trajectory], recipe: Recipe) -> Problem:
    """Return the rows and columns of a fit; raise NotEnoughDataError if no trajectory has two sizes.

    Families are resampled; with one family its replicates, with one replicate its differences, which share scores.
    """
    rows = rates(trajectories, derivative=recipe.derivative)
    library = library_on(recipe.terms, rows)
    values = values_of(rows.state, rows.log10_n, rows.controls, with_log_n=recipe.terms.with_log_n)
    columns, target = library.design(values), rows.rate / library.rate_scale
    if recipe.terms.has_own_constant:
        code = np.unique(rows.family, return_inverse=True)[1]
        columns, target = less_means(columns, code), less_means(target, code)
    unit, name = _units(rows)
    return Problem(
        recipe=recipe,
        rows=rows,
        library=library,
        columns=columns,
        target=target,
        unit=unit,
        n_units=int(unit.max()) + 1,
        unit_name=name,
    )


def less_means(columns: Array, code: NDArray[np.int64]) -> Array:
    """Return the columns (n, m) less their mean within each group."""
    total = np.zeros((int(code.max()) + 1, columns.shape[1]))
    np.add.at(total, code, columns)
    return columns - (total / np.bincount(code)[:, None])[code]


def _units(rows: Rates) -> tuple[NDArray[np.int64], str]:
    for labels, name in ((rows.family, "family"), (rows.unit, "replicate")):
        known, code = np.unique(labels, return_inverse=True)
        if known.size > 1:
            return code, name
    return np.arange(rows.n), "difference"


def fit(problem: Problem, *, engine: Engine = Engine.BATCHED) -> System:
    """Return the system fitted to all rows."""
    recipe = problem.recipe
    if engine is Engine.PYSINDY:
        starts = np.flatnonzero(np.diff(problem.rows.unit)) + 1
        coefficients = pysindy_fit(
            np.split(problem.columns, starts),
            np.split(problem.target, starts),
            threshold=recipe.threshold,
            alpha=recipe.alpha,
        )
    else:
        coefficients = problem.solve(np.ones((1, problem.rows.n)))[0]
    families = tuple(np.unique(problem.rows.family).tolist())
    return System(
        problem=problem,
        coefficients=coefficients,
        families=families,
        constants=_constants(problem, coefficients[None])[0],
    )


def _constants(problem: Problem, coefficients: Array) -> Array:
    """Return the constants (R, n_families, p) of own-constant fits: the mean of what the terms do not explain."""
    families, code = np.unique(problem.rows.family, return_inverse=True)
    shape = (len(coefficients), families.size, problem.library.p)
    if not problem.owns_constants:
        return np.zeros(shape)
    rest = residuals(problem, coefficients)
    return np.stack([rest[:, code == place].mean(axis=1) for place in range(families.size)], axis=1)


def residuals(problem: Problem, coefficients: Array) -> Array:
    """Return what the terms leave of the rates, constants of families not taken off, (R, n, p) points per decade."""
    rows, terms = problem.rows, problem.recipe.terms
    values = values_of(rows.state, rows.log10_n, rows.controls, with_log_n=terms.with_log_n)
    explained = (problem.library.design(values) @ coefficients) * problem.library.rate_scale
    return rows.rate - explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Fits to resamples of the units of a problem.

    coefficients : (R, m, p). constants : (R, n_families, p). unit_name, n_units : what was resampled.
    """

    coefficients: Array
    constants: Array
    unit_name: str
    n_units: int

    @property
    def inclusion(self) -> Array:
        """Share of fits (m, p) that keep each term."""
        return (self.coefficients != 0).mean(axis=0)

    @property
    def sign_agreement(self) -> Array:
        """Share of fits (m, p) whose term has the sign that most of them give it, absent ones counted against."""
        return np.maximum((self.coefficients > 0).mean(axis=0), (self.coefficients < 0).mean(axis=0))


def ensemble(problem: Problem, *, n_members: int, rng: np.random.Generator) -> Ensemble:
    """Return fits to resamples of whole units: families where there are several."""
    coefficients = problem.solve(problem.weights(n_members, rng))
    return Ensemble(
        coefficients=coefficients,
        constants=_constants(problem, coefficients),
        unit_name=problem.unit_name,
        n_units=problem.n_units,
    )
