"""Source terms of the design equation dB/dlog10N = C B + c0 + h(D) + J(arch), as far as the data measure them.

What is measured is an association: how the rates of some families differ at equal scores. Nothing was intervened on.
Reference: dashboard, ODE formulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.fits import System
from cape.dynamics.phases import Regression, regress
from cape.stats.inference import Inference

Array = NDArray[np.float64]

CURATED, WEB = "curated", "web"
LEAST_ROWS = 6  # differences with a known width; three coefficients are fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Measured differences of rates at equal scores, points per decade, one per benchmark.

    arch : of one family from all others. curated : of curated from web-trained families. width : per decade of width
    at equal size. Each Inference is undefined, with the reason, where the data do not give it.
    """

    arch: tuple[Inference, ...]
    curated: tuple[Inference, ...]
    width: tuple[Inference, ...]


def measured_sources(
    system: System, recipe_of: Mapping[str, str], *, family: str, n_resamples: int, rng: np.random.Generator
) -> Sources:
    """Return what a further term says of one family, of curation and of width, fitted jointly with the system's terms.

    A mean of residuals would not do: the shared terms absorb much of a source before it reaches them.
    recipe_of : family to training recipe (web, curated, ...). With own constants the sources are those constants.
    """
    rows = system.problem.rows
    kind = np.array([recipe_of.get(str(name), "") for name in rows.family])
    is_curated = kind == CURATED
    p = system.problem.library.p
    n_kinds = [np.unique(rows.family[kind == one]).size for one in (CURATED, WEB)]
    if system.problem.owns_constants:
        return Sources(
            arch=_own(system, family),
            curated=(_none("undefined: own constants absorb what curation adds"),) * p,
            width=(_none("undefined: fit shared constants to measure width"),) * p,
        )
    arch = _none("undefined: the family was not fitted, or alone")
    mine = rows.family == family
    every = np.ones(rows.n, dtype=bool)
    joint = Joint(system=system, n_resamples=n_resamples, rng=rng)
    curated = _none("undefined: the fitted families are not of both kinds, curated and web-trained")
    width = _none(f"undefined: fewer than {LEAST_ROWS} differences have a known width")
    known = np.isfinite(rows.width)
    return Sources(
        arch=joint.terms([mine * 1.0], every, by_family=False) if mine.any() and not mine.all() else (arch,) * p,
        curated=joint.terms([is_curated * 1.0], is_curated | (kind == WEB)) if min(n_kinds) else (curated,) * p,
        width=joint.terms([rows.width, rows.log10_n], known) if known.sum() >= LEAST_ROWS else (width,) * p,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Least squares of each rate on the terms that its equation keeps and on further columns."""

    system: System
    n_resamples: int
    rng: np.random.Generator

    def terms(self, extra: list[Array], kept: NDArray[np.bool_], *, by_family: bool = True) -> tuple[Inference, ...]:
        """Return the coefficient of the first further column in every equation, points per decade."""
        problem = self.system.problem
        rows = problem.rows
        seed = int(self.rng.integers(2**31))
        labels = rows.family[kept] if by_family else np.full(int(kept.sum()), "one")
        added = np.column_stack(extra)[kept]
        spread = added - added.mean(axis=0)  # the constant, where kept, takes the mean
        found = []
        for place in range(problem.library.p):
            chosen = self.system.coefficients[:, place] != 0
            own = problem.columns[kept][:, chosen]
            columns = np.column_stack([spread, np.ones(len(own)) if not chosen[0] else np.empty((len(own), 0)), own])
            fitted: Regression = regress(
                columns,
                rows.rate[kept, place],
                labels,
                n_resamples=self.n_resamples,
                rng=np.random.default_rng(seed),
            )
            found.append(fitted.terms[0])
        return tuple(found)


def _own(system: System, family: str) -> tuple[Inference, ...]:
    """Return the family's own constant less the mean of all."""
    p = system.problem.library.p
    if family not in system.families:
        return (_none("undefined: the family was not fitted"),) * p
    offset = system.constant_of(family) - system.constants.mean(axis=0)
    caveat = ("no interval: one constant of a fit; the integration holds it already",)
    method = "own constant of the family less the mean of all"
    return tuple(
        Inference(value=float(v), low=None, high=None, n=len(system.families), method=method, caveats=caveat)
        for v in offset
    )


def _none(why: str) -> Inference:
    return Inference(
        value=None, low=None, high=None, n=0, method="least squares with the system's terms", caveats=(why,)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliders:
    """What the reader adds to the rates.

    h_field : points per decade on the second benchmark, set by the reader. j_arch, curation : how many times the
    measured J of the family, or the measured curated less web difference. width : factor on the width at equal size.
    """

    h_field: float = 0.0
    j_arch: float = 0.0
    curation: float = 0.0
    width: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One source as added: its vector (p,) in points per decade, and where it comes from."""

    name: str
    vector: Array
    provenance: str
    caveats: tuple[str, ...] = ()


def contributions(sources: Sources, sliders: Sliders, *, p: int) -> tuple[Contribution, ...]:
    """Return the four sources of the design equation for one family; an undefined one adds nothing and says so."""
    h = np.zeros(p)
    h[1] = sliders.h_field
    return (
        Contribution(name="h(D)", vector=h, provenance="set by the reader"),
        _measured("J(arch)", sources.arch, sliders.j_arch, p),
        _measured("curation", sources.curated, sliders.curation, p),
        _measured("width", sources.width, float(np.log10(sliders.width)), p),
    )


def _measured(name: str, found: tuple[Inference, ...], amount: float, p: int) -> Contribution:
    known = [one.value for one in found if one.value is not None]
    if len(known) != p:
        why = next(one.caveats for one in found if one.value is None)
        return Contribution(name=name, vector=np.zeros(p), provenance="not measured by these data", caveats=why)
    association = "measured association, not an intervention; its doubt is not in the fan"
    return Contribution(name=name, vector=amount * np.array(known), provenance=association)
