"""Parameters of flow_geometry, and the ladders and steps that its fits share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics import _n_c
from cape.diagnostics._compare import named
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import size_rows, step_rows, steps_of
from cape.diagnostics._ladders import LADDER, ladders_by_name
from cape.diagnostics._params import WindowParams, option
from cape.stats.flow import At
from cape.stats.inference import Points, Steps
from cape.stats.winding import Angle

GAMMA = "pp/pp"
BILLIONS = "billion parameters"
MOST_DRAWS = 2_000  # draws of the scores of one ladder; the method of each fit says its number
BY_ERROR, EQUAL = "by error", "equal"
PAPER_RECIPE = "the paper's recipe"
N_C_CHOICES = (_n_c.LOGISTIC, _n_c.FIXED_EFFECTS, PAPER_RECIPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParams(WindowParams):
    """Selection, how gamma is fitted, which N_c the field h_c uses, and which families count as curated."""

    weights: str = option(
        BY_ERROR,
        label="Weights of gamma",
        help="Weigh every gamma by 1 / SE^2, or all the same as the paper's fits seem to.",
        choices=(BY_ERROR, EQUAL),
    )
    slope_at: str = option(
        str(At.MIDDLE),
        label="Rate set against",
        help="The mean of the two gammas a rate lies between, or the first of them, which error alone bends down.",
        choices=tuple(str(at) for at in At),
    )
    n_c: str = option(
        N_C_CHOICES[0], label="N_c of h_c", help="Population estimator of the critical scale.", choices=N_C_CHOICES
    )
    size_b: float = option(
        1.0,
        label="Size for h_c (B)",
        help="Size at which h_c is stated.",
        low=0.001,
        high=1e6,
        is_whole=False,
        is_place=True,
    )
    angle: str = option(
        str(Angle.ARCTANGENT),
        label="Angle of e2",
        help="How the printed loading of e2 is read as an angle; the paper does not say.",
        choices=tuple(str(angle) for angle in Angle),
    )
    curated: str = option(
        "Phi", label="Curated families", help="Families taken as trained on curated data, separated by commas."
    )

    @property
    def is_weighted(self) -> bool:
        return self.weights == BY_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladders:
    """The selection as one ladder per family and replicate, and as steps.

    each : ladders with two sizes or more and known standard errors, by name. rows : all steps.
    steps, ladder : the steps of the population (no code, instruct or mixture-of-experts models; all steps of a single
    family) as arrays, and the ladder each belongs to. population : words for that filter, with counts.
    """

    each: dict[str, Points]
    rows: pl.DataFrame
    kept: pl.DataFrame
    steps: Steps
    ladder: np.ndarray
    population: str

    @property
    def is_pooled(self) -> bool:
        return self.kept["family"].n_unique() > 1


def ladders_of(params: FlowParams, read: Read) -> Ladders:
    """Return the ladders and steps of the selection."""
    rows = step_rows(params, read)
    sizes = size_rows(params, read)
    kept = rows if _n_c.single_family(params) else rows.filter(pl.col("is_population_step"))
    words = "" if _n_c.single_family(params) else "without code, instruct and mixture-of-experts models; "
    return Ladders(
        each=ladders_by_name(sizes),
        rows=rows,
        kept=kept,
        steps=steps_of(kept),
        ladder=np.asarray(kept.select(pl.concat_str(LADDER, separator="|")).to_series().to_list(), dtype=np.str_),
        population=f"{words}{kept.height} of {rows.height} intervals in {kept['family'].n_unique()} families",
    )


def pooled_name(params: FlowParams) -> str:
    """Return the label of the fits over all families of the selection."""
    return f"pooled: {named(params)}"


def fewer(params: FlowParams) -> int:
    """Return how often the scores of one ladder are drawn."""
    return min(params.resamples, MOST_DRAWS)


def once(read: Read) -> Read:
    """Return `read` with every answer kept, for a computation that asks for the same rows several times."""
    kept: dict[tuple, pl.DataFrame] = {}

    def remembered(view: str, /, **equals: Any) -> pl.DataFrame:
        key = (view, *sorted(equals.items()))
        if key not in kept:
            kept[key] = read(view, **equals)
        return kept[key]

    return remembered
