"""What the data can determine: parameters against differences, collinearity, and structure that survives changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.fits import Problem, System, less_means
from cape.dynamics.library import values_of
from cape.dynamics.sparse import moments, stlsq
from cape.dynamics.trajectories import Trajectory, rates

Array = NDArray[np.float64]

CONDITION_LIMIT = 30.0  # scaled columns; Belsley, Kuh and Welsch (1980), Regression Diagnostics, section 3.2
FOLD = 10.0  # range of the threshold over which the paper says the structure is stable, A.4
PATH_POINTS = 11
RANK_TOLERANCE = 1e-8  # of the largest singular value


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether the differences can determine the candidates of one equation.

    n_candidates : terms and constants of one equation. n_independent : differences between neighbouring sizes.
    rank, condition : of the columns scaled to equal length. reasons : why not, empty if determined.
    """

    n_candidates: int
    n_independent: int
    rank: int
    condition: float | None
    reasons: tuple[str, ...]

    @property
    def is_determined(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return "determined" if self.is_determined else "not determined"


def gate(problem: Problem) -> Gate:
    """Return whether the candidates are determined: enough differences, full rank, condition number in bounds.

    A family's own constant is a parameter of each equation too. Columns are scaled to equal length first, as the
    condition number of unscaled ones depends on units.
    """
    n_families = np.unique(problem.rows.family).size
    n_candidates = problem.library.m + (n_families if problem.owns_constants else 0)
    n = problem.rows.n_independent
    lengths = np.sqrt((problem.columns**2).sum(axis=0))
    scaled = problem.columns / np.where(lengths > 0, lengths, 1.0)
    values = np.linalg.svd(scaled, compute_uv=False)
    rank = int((values > RANK_TOLERANCE * values[0]).sum())
    is_full = rank == problem.library.m
    condition = float(values[0] / values[-1]) if is_full else None
    reasons = []
    if n_candidates > n:
        reasons.append(f"more candidates ({n_candidates}) than independent differences ({n})")
    if not is_full:
        reasons.append(f"the candidates span {rank} directions, fewer than their number {problem.library.m}")
    if condition is not None and condition > CONDITION_LIMIT:
        reasons.append(
            f"the condition number of the candidates is {condition:.0f}, above {CONDITION_LIMIT:.0f}: "
            "some of them move together and their coefficients trade against each other"
        )
    if n_candidates == n:
        reasons.append("as many candidates as differences: the fit is exact and leaves nothing to judge it by")
    return Gate(n_candidates=n_candidates, n_independent=n, rank=rank, condition=condition, reasons=tuple(reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Signs of the coefficients over a range of thresholds. thresholds : (s,). signs : (s, m, p) of -1, 0, 1."""

    thresholds: Array
    signs: NDArray[np.int64]

    @property
    def stability(self) -> float:
        """Share of the m x p places whose sign, or absence, is one and the same at every threshold."""
        return float((self.signs == self.signs[:1]).all(axis=0).mean())

    @property
    def kept_share(self) -> Array:
        """Share of the thresholds (m, p) at which a term is kept."""
        return (self.signs != 0).mean(axis=0)


def threshold_path(problem: Problem) -> Path:
    """Return the signs of all terms while the threshold varies tenfold about the one chosen."""
    middle = problem.recipe.threshold
    thresholds = middle * FOLD ** np.linspace(-0.5, 0.5, PATH_POINTS)
    gram, moment = moments(problem.columns, problem.target, np.ones((1, problem.rows.n)))
    found = [stlsq(gram, moment, threshold=float(t), alpha=problem.recipe.alpha)[0] for t in thresholds]
    return Path(thresholds=thresholds, signs=np.sign(np.array(found)).astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Fits without one size, or one family, at a time. labels : (s,). coefficients : (s, m, p)."""

    labels: tuple[str, ...]
    coefficients: Array

    def same_sign(self, system: System) -> Array:
        """Return the share of the fits (m, p) that give each term the sign it has with everything; NaN if dropped."""
        if not self.labels:
            return np.full(system.coefficients.shape, np.nan)
        same = (np.sign(self.coefficients) == np.sign(system.coefficients)).mean(axis=0)
        return np.where(system.coefficients != 0, same, np.nan)


def without_families(problem: Problem) -> LeftOut:
    """Return the fits without each family in turn, on the scales of all of them; none with a single family."""
    families, code = np.unique(problem.rows.family, return_inverse=True)
    if families.size < 2:
        return LeftOut(labels=(), coefficients=np.zeros((0, *problem.columns.shape[1:], problem.library.p)))
    weights = (code[None, :] != np.arange(families.size)[:, None]).astype(np.float64)
    return LeftOut(labels=tuple(families.tolist()), coefficients=problem.solve(weights))


def without_sizes(problem: Problem, trajectories: Sequence[Trajectory]) -> LeftOut:
    """Return the fits without each size in turn: its two differences become one; the scales stay those of all sizes.

    A trajectory of two sizes leaves altogether with either of them, which is one fit.
    """
    code = np.unique(problem.rows.family, return_inverse=True)[1]
    own = (
        [code == code[problem.rows.unit == place][0] for place in range(len(trajectories))]
        if problem.owns_constants
        else []
    )
    one = np.ones((1, problem.rows.n))
    gram, moment = (found[0] for found in moments(problem.columns, problem.target, one))
    labels, grams, targets = [], [], []
    for place, trajectory in enumerate(trajectories):
        mine = own[place] if own else problem.rows.unit == place
        held = moments(problem.columns[mine], problem.target[mine], np.ones((1, int(mine.sum()))))
        mates = [t for other, t in enumerate(trajectories) if own and mine[problem.rows.unit == other].all()]
        for size in range(trajectory.k if trajectory.k > 2 else 1):
            rest = [trajectory.keep(np.arange(trajectory.k) != size)]
            rest = [t for t in mates if t is not trajectory] + rest if own else rest
            shorter = [t for t in rest if t.k > 1]
            new = _moments_of(problem, shorter) if shorter else (np.zeros_like(gram), np.zeros_like(moment))
            grams.append(gram - held[0][0] + new[0])
            targets.append(moment - held[1][0] + new[1])
            labels.append(f"{trajectory.name} without size {size + 1}")
    solved = stlsq(np.array(grams), np.array(targets), threshold=problem.recipe.threshold, alpha=problem.recipe.alpha)
    return LeftOut(labels=tuple(labels), coefficients=solved)


def _moments_of(problem: Problem, trajectories: Sequence[Trajectory]) -> tuple[Array, Array]:
    """Return gram (m, m) and moment (m, p) of the trajectories of one family, on the scales of the whole problem."""
    terms, library = problem.recipe.terms, problem.library
    rows = rates(trajectories, derivative=problem.recipe.derivative)
    columns = library.design(values_of(rows.state, rows.log10_n, rows.controls, with_log_n=terms.with_log_n))
    target = rows.rate / library.rate_scale
    if problem.owns_constants:
        all_one = np.zeros(rows.n, dtype=np.int64)
        columns, target = less_means(columns, all_one), less_means(target, all_one)
    gram, moment = moments(columns, target, np.ones((1, rows.n)))
    return gram[0], moment[0]


def linear_part(problem: Problem, coefficients: Array) -> Array:
    """Return C = d rate / d score (..., p, p) per decade, at the mean state of the rows."""
    rows, terms = problem.rows, problem.recipe.terms
    values = values_of(rows.state, rows.log10_n, rows.controls, with_log_n=terms.with_log_n)
    return problem.library.jacobian(coefficients, values.mean(axis=0))


def eigenvalues(matrices: Array) -> NDArray[np.complex128]:
    """Return the eigenvalues (..., p) by falling real part, a complex pair with its positive member first."""
    found = np.linalg.eigvals(matrices).astype(np.complex128)
    order = np.lexsort((-found.imag, -found.real), axis=-1)
    return np.take_along_axis(found, order, axis=-1)


def noise_share(problem: Problem) -> Array:
    """Return the share (p,) of the variance of each rate that the standard errors of the scores alone would give.

    NaN where errors are unknown. Not bounded by 1: errors may exceed what the rates vary by.
    """
    rows = problem.rows
    if rows.n < 2:
        return np.full(problem.library.p, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (rows.noise**2).mean(axis=0) / rows.rate.var(axis=0, ddof=1)
    return np.where(np.isfinite(share), share, np.nan)
