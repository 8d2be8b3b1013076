"""The caveat of the calibration beside every N_c, by the population, the family or the paper's rows it rests on."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from cape.calibration import BY_NAME, Cell
from cape.calibration.estimators import FIXED_EFFECTS, POOLED
from cape.diagnostics import _n_c
from cape.diagnostics._calibrated import VIEW, Like, like, like_by_family, near, stored_cells, with_calibration
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import pair_rows, size_rows
from cape.diagnostics._params import Params
from cape.quantities import Estimate
from cape.stats.critical_scale import Estimator

POPULATION, PAPER_LABEL, RECIPE = "population: ", "paper mode: ", "the paper's recipe on "
OF_ROWS, WITH_INTERCEPTS = "; vertex of the rows themselves", "; same rows with family intercepts"
TURN_SYMBOLS = ("N_c", "B1_c")
Names = Callable[[Estimate], str | None]


def with_turn_calibration(
    estimates: list[Estimate], params: Params, read: Read, *, paper_rows: pl.DataFrame
) -> list[Estimate]:
    """Return the estimates, each N_c of a calibrated estimator with what simulations like its data say of it."""
    sizes = size_rows(params, read)
    found = with_calibration(estimates, read, like(_n_c.population(params, read).points), _population_name)
    found = with_calibration(found, read, like(pair_rows(params, read)), _recipe_name)
    found = with_calibration(found, read, like(paper_rows), _paper_name)
    for here, names in _by_cell(sizes, read):
        found = with_calibration(found, read, here, _family_name(names))
    return found


def _by_cell(sizes: pl.DataFrame, read: Read) -> list[tuple[Like, set[str]]]:
    """Return the families with what they are like, those of one nearest cell together; the others do not matter."""
    cells = stored_cells(read(VIEW))
    groups: dict[Cell | Like, tuple[Like, set[str]]] = {}
    for family, here in like_by_family(sizes).items():
        groups.setdefault(near(cells, here) or here, (here, set()))[1].add(family)
    return list(groups.values())


def _population_name(estimate: Estimate) -> str | None:
    return _known(estimate, estimate.label.removeprefix(POPULATION)) if _starts(estimate, POPULATION) else None


def _recipe_name(estimate: Estimate) -> str | None:
    return POOLED if _starts(estimate, RECIPE) and not estimate.label.endswith(OF_ROWS) else None


def _paper_name(estimate: Estimate) -> str | None:
    if not _starts(estimate, PAPER_LABEL) or estimate.label.endswith(OF_ROWS):
        return None
    return FIXED_EFFECTS if estimate.label.endswith(WITH_INTERCEPTS) else POOLED


def _family_name(families: set[str]) -> Names:
    """Return the names of D1, D2 and D3 of these families; a replicate is told apart in the label only."""

    def name(estimate: Estimate) -> str | None:
        family, _, estimator = estimate.label.rpartition(": ")
        is_one = estimator in tuple(Estimator) and family.partition(", replicate ")[0] in families
        return _known(estimate, estimator) if is_one else None

    return name


def _starts(estimate: Estimate, prefix: str) -> bool:
    return estimate.symbol in TURN_SYMBOLS and estimate.label.startswith(prefix)


def _known(estimate: Estimate, name: str) -> str | None:
    return name if estimate.symbol in TURN_SYMBOLS and name in BY_NAME else None
