"""The record of a diagnostic: from it come the page, the CLI command, the README row, the ledger and the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import plotly.graph_objects as go
import polars as pl

from cape.diagnostics._axis_words import Outcome as Outcome
from cape.diagnostics._axis_words import in_words_of
from cape.diagnostics._params import NoParams, accept, options_of
from cape.lake import Lake
from cape.positions import PARAMS
from cape.quantities import Estimate, Result


class Read(Protocol):
    """Read a view of the lake where columns equal values; every call is recorded in the result."""

    def __call__(self, view: str, /, **equals: Any) -> pl.DataFrame: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure of a diagnostic with the tables it draws, in words for those who cannot see it."""

    name: str
    title: str
    tables: tuple[str, ...]
    alt: str
    figure: Callable[[Result, str], go.Figure] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The estimate that answers one part of a claim.

    words : turns the estimate into the word that a text part is compared with; gets None when the result has no
    such estimate. absent : the number that a missing estimate stands for (a family without rows has 0 of them).
    """

    symbol: str
    label: str
    words: Callable[[Estimate | None], str] | None = None
    absent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to judge parts of a claim: parameters other than the defaults, and an answer per part.

    undefined : why the claim cannot be judged this way. is_public : False where no public data could decide it.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    context: tuple[tuple[str, str], ...] = ()
    undefined: str = ""
    is_public: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settles:
    """How a diagnostic answers parts of a claim: with the paper's recipe on its rows, and with ours elsewhere.

    A side with `undefined` set says why the claim cannot be judged that way at all.
    """

    claim_id: str
    reproduced: Side
    supported: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One entry of the registry.

    slug : page file name, URL path, command name. source : section of the paper. alias : short command name.
    inputs : the controls that stand open at the top of the page; the others fold away.
    """

    slug: str
    section: str
    title: str
    question: str
    source: str
    params: type[NoParams]
    compute: Callable[[Any, Read], Outcome]
    panels: tuple[Panel, ...] = ()
    claims: tuple[Settles, ...] = ()
    requires: tuple[str, ...] = ()
    uses_selection: bool = True
    alias: str = ""
    controls: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


def run_diagnostic(diagnostic: Diagnostic, given: Mapping[str, Any], lake: Lake) -> Result:
    """Check the parameters, compute, and return the result with what it read."""
    params = accept(diagnostic.params, given, lake)
    kept: dict[tuple[str, tuple[tuple[str, Any], ...]], pl.DataFrame] = {}

    def read(view: str, /, **equals: Any) -> pl.DataFrame:
        key = (view, tuple(equals.items()))
        if key not in kept:
            kept[key] = lake.read(view, **equals)
        return kept[key]

    outcome = in_words_of(diagnostic.compute(params, read), getattr(params, "axis", PARAMS))
    return Result(
        diagnostic=diagnostic.slug,
        params={name: getattr(params, name) for name in options_of(diagnostic.params)},
        lake_version=lake.version,
        estimates=outcome.estimates,
        tables=outcome.tables,
        sentences=outcome.sentences,
        reads=tuple((view, dict(equals)) for view, equals in kept),
    )
