"""Candidate terms of the right hand side: monomials of the scores, log10 N and control inputs, each on one scale.

A coefficient is compared with the threshold in units that the scaling fixes. Standardised: scores are centred and
divided by their spread, every column has root mean square 1 over the rows and so has the rate, so that a term whose
typical contribution is below threshold times the typical rate is dropped, whatever the units. As printed: scores are
fractions, nothing is centred, as the paper's library has it (A.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.trajectories import Rates
from cape.errors import BadParameterError

Array = NDArray[np.float64]

MAX_DEGREE = 3  # paper A.4
PERCENT = 100.0
LOG_N = "log10 N"
CONSTANT = "1"


class Scaling(StrEnum):
    """Units in which coefficients meet the threshold."""

    STANDARDISED = "standardised"
    AS_PRINTED = "as printed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Candidate terms: products of powers of the variables (scores, then log10 N, then control inputs).

    powers : (m, v) whole numbers; factors : the same as lists, see `factors_of`. variables, names : (v,) and (m,).
    centre, scale : (v,) of the variables.
    column_scale : (m,). rate_scale : (p,). A right hand side is design(values) @ coefficients * rate_scale.
    """

    names: tuple[str, ...]
    variables: tuple[str, ...]
    powers: NDArray[np.int64]
    factors: NDArray[np.int64]
    centre: Array
    scale: Array
    column_scale: Array
    rate_scale: Array

    @property
    def m(self) -> int:
        """Number of candidate terms."""
        return len(self.names)

    @property
    def p(self) -> int:
        """Number of benchmarks."""
        return int(self.rate_scale.size)

    @property
    def is_centred(self) -> bool:
        """Whether scores enter as deviations from a mean."""
        return bool(np.any(self.centre != 0))

    def design(self, values: Array) -> Array:
        """Return the columns (..., m) of the values (..., v)."""
        return _monomials((values - self.centre) / self.scale, self.factors) / self.column_scale

    def jacobian(self, coefficients: Array, values: Array) -> Array:
        """Return d rate_j / d score_k (..., p, p) per decade at one point (v,); coefficients : (..., m, p)."""
        z = (values - self.centre) / self.scale
        slopes = np.zeros((self.p, self.m))
        for k in range(self.p):
            lowered = self.powers.copy()
            lowered[:, k] = np.maximum(lowered[:, k] - 1, 0)
            slopes[k] = self.powers[:, k] * _monomials(z, factors_of(lowered)) / self.column_scale / self.scale[k]
        return np.swapaxes(slopes @ coefficients, -1, -2) * self.rate_scale[:, None]

    def physical(self, coefficients: Array) -> Array:
        """Return coefficients (..., m, p) in percentage points per decade per unit of each term.

        Scores in percent (less their means where the library is centred), log10 N and controls as they are.
        """
        unit = np.prod(np.where(self.powers > 0, self.scale**self.powers, 1.0), axis=1) * self.column_scale
        return coefficients * self.rate_scale / unit[:, None]


def _monomials(z: Array, factors: NDArray[np.int64]) -> Array:
    """Return the products (..., m) of the variables z (..., v) that each row of factors (m, d) names; v names 1."""
    padded = np.concatenate([z, np.ones((*z.shape[:-1], 1))], axis=-1)
    found = padded[..., factors[:, 0]]
    for place in range(1, factors.shape[1]):
        found = found * padded[..., factors[:, place]]
    return found


def factors_of(powers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the variables (m, d) that each product (m, v) multiplies, filled up with v, which stands for 1."""
    v = powers.shape[1]
    depth = max(1, int(powers.sum(axis=1).max(initial=1)))
    rows = [np.repeat(np.arange(v), row) for row in powers]
    return np.array([np.concatenate([row, np.full(depth - row.size, v)]) for row in rows], dtype=np.int64)


def term_powers(n_scores: int, n_linear: int, *, degree: int, with_constant: bool) -> NDArray[np.int64]:
    """Return (m, v) powers: the constant, every product of up to `degree` scores, then the linear inputs one by one.

    Raises BadParameterError unless 1 <= degree <= 3.
    """
    if not 1 <= degree <= MAX_DEGREE:
        raise BadParameterError(f"degree is {degree}; the library holds products of 1 to {MAX_DEGREE} scores.")
    v = n_scores + n_linear
    rows = [np.zeros(v, dtype=np.int64)] if with_constant else []
    for order in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(n_scores), order):
            rows.append(np.bincount(chosen, minlength=v).astype(np.int64))
    rows += [np.eye(v, dtype=np.int64)[n_scores + i] for i in range(n_linear)]
    return np.array(rows)


def values_of(state: Array, log10_n: Array, controls: Array, *, with_log_n: bool) -> Array:
    """Return the variables (..., v): scores, then log10 N where asked for, then controls; leading axes broadcast."""
    parts = [state]
    lead = state.shape[:-1]
    if with_log_n:
        parts.append(np.broadcast_to(np.asarray(log10_n)[..., None], (*lead, 1)))
    if controls.shape[-1]:
        parts.append(np.broadcast_to(controls, (*lead, controls.shape[-1])))
    return np.concatenate(parts, axis=-1) if len(parts) > 1 else state


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Which candidates are asked for, before they are scaled on rows.

    benchmarks, controls : names. has_own_constant : every family its own constant, so that none is shared.
    """

    benchmarks: tuple[str, ...]
    controls: tuple[str, ...] = ()
    degree: int = 1
    with_log_n: bool = False
    has_own_constant: bool = False
    scaling: Scaling = Scaling.STANDARDISED

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in the order of `values_of`."""
        return (*self.benchmarks, *((LOG_N,) if self.with_log_n else ()), *self.controls)

    @property
    def n_parameters(self) -> int:
        """Candidate terms of one equation, a shared constant included."""
        return len(self.powers())

    def powers(self) -> NDArray[np.int64]:
        """Return the powers (m, v) of the candidates."""
        p = len(self.benchmarks)
        n_linear = len(self.variables) - p
        return term_powers(p, n_linear, degree=self.degree, with_constant=not self.has_own_constant)


def library_on(terms: Terms, rows: Rates) -> Library:
    """Return the candidates scaled on these rows; a variable, column or rate that does not vary keeps its own scale."""
    values = values_of(rows.state, rows.log10_n, rows.controls, with_log_n=terms.with_log_n)
    powers, p = terms.powers(), len(terms.benchmarks)
    factors = factors_of(powers)
    names = tuple(term_name(row, terms.variables) for row in powers)
    if terms.scaling is Scaling.AS_PRINTED:
        scale = np.concatenate([np.full(p, PERCENT), np.ones(values.shape[1] - p)])
        return Library(
            names=names,
            variables=terms.variables,
            powers=powers,
            factors=factors,
            centre=np.zeros(values.shape[1]),
            scale=scale,
            column_scale=np.ones(len(powers)),
            rate_scale=np.full(p, PERCENT),
        )
    centre, scale = values.mean(axis=0), _or_one(values.std(axis=0))
    columns = _monomials((values - centre) / scale, factors)
    return Library(
        names=names,
        variables=terms.variables,
        powers=powers,
        factors=factors,
        centre=centre,
        scale=scale,
        column_scale=_or_one(np.sqrt((columns**2).mean(axis=0))),
        rate_scale=_or_one(np.sqrt((rows.rate**2).mean(axis=0))),
    )


def _or_one(scale: Array) -> Array:
    return np.where(scale > np.finfo(np.float64).tiny, scale, 1.0)


def term_name(powers: NDArray[np.int64], variables: tuple[str, ...]) -> str:
    """Return a term in words, for example "hellaswag^2 x mmlu"; "1" for the constant."""
    parts = [
        name if power == 1 else f"{name}^{power}"
        for name, power in zip(variables, powers.tolist(), strict=True)
        if power
    ]
    return " x ".join(parts) or CONSTANT
