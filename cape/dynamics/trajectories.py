"""Ladders of scores over log10 N, and their rates of change on a grid that is not uniform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cape.errors import NotEnoughDataError

Array = NDArray[np.float64]


class Derivative(StrEnum):
    """Where a rate is taken: between two sizes, or at each size from its neighbours."""

    MIDPOINT = "midpoint"
    NODES = "three-point"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The sizes of one family (one replicate of it), rising, equal sizes averaged.

    log10_n : (k,) strictly rising. scores, errors : (k, p) percent and their standard errors (NaN where unknown).
    controls : (k, q) control inputs of the equations, q may be 0. width : (k,) log10 d_model, NaN where unknown.
    """

    family: str
    replicate: str
    log10_n: Array
    scores: Array
    errors: Array
    controls: Array
    width: Array

    @property
    def k(self) -> int:
        """Number of sizes."""
        return int(self.log10_n.size)

    @property
    def name(self) -> str:
        """Family, with the replicate where there is one."""
        return f"{self.family}, replicate {self.replicate}" if self.replicate else self.family

    def keep(self, rows: NDArray | slice) -> Trajectory:
        """Return the trajectory with these sizes only."""
        return Trajectory(
            family=self.family,
            replicate=self.replicate,
            log10_n=self.log10_n[rows],
            scores=self.scores[rows],
            errors=self.errors[rows],
            controls=self.controls[rows],
            width=self.width[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Scored models before they are put in order; all arrays have one row per model.

    family, replicate : labels. log10_n : NaN where the size is not public. scores, errors : (n, p). controls : (n, q).
    width : (n,) log10 d_model, NaN where unknown.
    """

    family: NDArray[np.str_]
    replicate: NDArray[np.str_]
    log10_n: Array
    scores: Array
    errors: Array
    controls: Array
    width: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladders:
    """Trajectories, and what was left out of them.

    n_unsized : rows without a public size. n_gaps : rows that lack a benchmark. n_uncontrolled : rows that lack a
    control input. n_averaged : rows averaged into one size with another. singles : families left with a single size.
    """

    trajectories: tuple[Trajectory, ...]
    n_unsized: int
    n_gaps: int
    n_uncontrolled: int
    n_averaged: int
    singles: tuple[str, ...]

    def caveats(self) -> tuple[str, ...]:
        """Return one sentence per kind of row that was left out or averaged."""
        counts = (
            (self.n_unsized, "rows without a public size were left out"),
            (self.n_gaps, "rows that lack a benchmark were left out"),
            (self.n_uncontrolled, "rows that lack a control input were left out"),
            (self.n_averaged, "rows were averaged with another of the same size"),
            (len(self.singles), f"families have one size only: {', '.join(self.singles)}"),
        )
        return tuple(f"{count} {words}" for count, words in counts if count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates of change with the state they are taken at; n rows of all trajectories in order.

    state : (n, p) percent. log10_n : (n,). controls : (n, q). rate, noise : (n, p) percentage points per decade, and
    the standard error that those of the scores give it. unit : (n,) index of the trajectory. family : (n,).
    width : (n,) log10 d_model there.
    n_independent : differences between neighbouring sizes, k - 1 per trajectory, whatever the number of rows.
    """

    state: Array
    log10_n: Array
    controls: Array
    rate: Array
    noise: Array
    unit: NDArray[np.int64]
    family: NDArray[np.str_]
    width: Array
    n_independent: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.log10_n.size)


def ladders(rows: Rows) -> Ladders:
    """Return the trajectories of the families with at least two sizes, and counts of what was left out."""
    sized = np.isfinite(rows.log10_n)
    complete = np.isfinite(rows.scores).all(axis=1)
    controlled = np.isfinite(rows.controls).all(axis=1)
    kept = sized & complete & controlled
    found, singles, n_averaged = [], [], 0
    for family, replicate in sorted(set(zip(rows.family[kept].tolist(), rows.replicate[kept].tolist(), strict=True))):
        mine = np.flatnonzero(kept & (rows.family == family) & (rows.replicate == replicate))
        one = _averaged(rows, mine, family, replicate)
        n_averaged += mine.size - one.k
        if one.k > 1:
            found.append(one)
        else:
            singles.append(one.name)
    return Ladders(
        trajectories=tuple(found),
        n_unsized=int((~sized).sum()),
        n_gaps=int((sized & ~complete).sum()),
        n_uncontrolled=int((sized & complete & ~controlled).sum()),
        n_averaged=n_averaged,
        singles=tuple(singles),
    )


def _averaged(rows: Rows, mine: NDArray[np.intp], family: str, replicate: str) -> Trajectory:
    """Return the sizes of one family, equal ones averaged; the error of a mean of m rows falls as sqrt(m)."""
    sizes, place, counts = np.unique(rows.log10_n[mine], return_inverse=True, return_counts=True)

    def mean(columns: Array) -> Array:
        total = np.zeros((sizes.size, columns.shape[1]))
        np.add.at(total, place, columns)
        return total / counts[:, None]

    return Trajectory(
        family=family,
        replicate=replicate,
        log10_n=sizes,
        scores=mean(rows.scores[mine]),
        errors=np.sqrt(mean(rows.errors[mine] ** 2) / counts[:, None]),
        controls=mean(rows.controls[mine]),
        width=mean(rows.width[mine, None])[:, 0],
    )


def rates(trajectories: Sequence[Trajectory], *, derivative: Derivative) -> Rates:
    """Return the rates of all trajectories, in order.

    midpoint : difference over the step in log10 N, with the mean of its two ends as the state: one row per step.
    three-point : second-order differences at each size for unequal steps (one-sided at the ends), the state being that
    size; a trajectory of two sizes gives its one midpoint row. Its k rows still hold k - 1 independent differences.
    Raises NotEnoughDataError if no trajectory has two sizes.
    """
    if not any(one.k > 1 for one in trajectories):
        raise NotEnoughDataError("A rate of change needs two sizes of one family. Pick a family with more sizes.")
    parts = [_rates_of(one, derivative) for one in trajectories]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    counts = [part[1].size for part in parts]
    families = np.array([one.family for one in trajectories])
    return Rates(
        state=columns[0],
        log10_n=columns[1],
        controls=columns[2],
        rate=columns[3],
        noise=columns[4],
        unit=np.repeat(np.arange(len(parts)), counts),
        family=np.repeat(families, counts),
        width=columns[5],
        n_independent=sum(max(one.k - 1, 0) for one in trajectories),
    )


def _rates_of(one: Trajectory, derivative: Derivative) -> tuple[Array, ...]:
    """Return (state, log10_n, controls, rate, noise, width) of one trajectory, errors carried through the weights."""
    if derivative is Derivative.NODES and one.k > 2:
        weights = node_weights(one.log10_n)
        middle = np.eye(one.k)
    else:
        weights, middle = midpoint_weights(one.log10_n)
    noise = np.sqrt((weights**2) @ one.errors**2)
    return (
        middle @ one.scores,
        middle @ one.log10_n,
        middle @ one.controls,
        weights @ one.scores,
        noise,
        middle @ one.width,
    )


def midpoint_weights(log10_n: Array) -> tuple[Array, Array]:
    """Return (k - 1, k) weights of the rate of each step and of its middle."""
    steps = np.diff(log10_n)
    eye = np.eye(log10_n.size)
    return (eye[1:] - eye[:-1]) / steps[:, None], (eye[1:] + eye[:-1]) / 2


def node_weights(log10_n: Array) -> Array:
    """Return (k, k) weights of the second-order rate at each node: the slope of the parabola through three neighbours.

    Exact for a parabola at every node, ends included. log10_n : (k,) with k >= 3.
    """
    k = log10_n.size
    weights = np.zeros((k, k))
    for node in range(k):
        first = min(max(node - 1, 0), k - 3)
        three = slice(first, first + 3)
        powers = np.vander(log10_n[three] - log10_n[node], 3, increasing=True)
        weights[node, three] = np.linalg.solve(powers.T, np.array([0.0, 1.0, 0.0]))
    return weights
