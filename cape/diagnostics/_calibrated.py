"""What the calibration says of an estimator on data like those at hand, as a caveat beside its estimate.

Rule: the nearest stored cell by families, sizes per family and items (within a factor of two in each); coverage over
the worlds in which the quantity exists, and how often none is reported where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from cape.calibration import BY_NAME, DECLARED, Calibrated, Cell, Share, cells_named, nearest_cell, simulated_share
from cape.diagnostics._diagnostic import Read
from cape.quantities import Estimate

VIEW = "mart_calibration"
N_SIZES = pl.col("position").n_unique().alias("n_sizes")
BAND = (0.93, 0.97)  # coverage that counts as 95%, issue 6
MOST_FALSE = 0.1  # of panels without a turn, N_c may be reported in this share, issue 6

REACHES, TOO_LOW, TOO_HIGH, UNSURE = "93-97 %", "covers too little", "covers too much", "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """The numbers by which data are compared with the cells; NaN where unknown."""

    n_families: float
    n_sizes: float
    x_items: float
    y_items: float

    @property
    def words(self) -> str:
        """The numbers in words."""
        items = " and ".join("unknown" if np.isnan(n) else f"{n:,.0f}" for n in (self.x_items, self.y_items))
        return f"{self.n_families:.0f} families, {self.n_sizes:.0f} sizes, {items} items"


def like(rows: pl.DataFrame) -> Like:
    """Return what the rows (family, position, scores and their standard errors) are like.

    Sizes are the median over families of two or more. Items are those at which a share of right answers would have the
    median standard error; NaN where errors are unknown.
    """
    sized = rows.drop_nulls("position")
    sizes = sized.group_by("family").agg(N_SIZES).filter(pl.col("n_sizes") > 1)["n_sizes"]
    x_items, y_items = rows.select(*(_items(axis) for axis in "xy")).row(0)
    return _like(sizes.len(), sizes.median(), x_items, y_items)


def like_by_family(rows: pl.DataFrame) -> dict[str, Like]:
    """Return the same for each family: what rests on one does not depend on how many there are, so DECLARED stands."""
    found = rows.drop_nulls("position").group_by("family").agg(N_SIZES, *(_items(axis) for axis in "xy"))
    return {
        str(family): _like(DECLARED.n_families, n_sizes, x_items, y_items)
        for family, n_sizes, x_items, y_items in found.sort("family").iter_rows()
    }


def like_labs(n_labs: int, n_models: Any, x_items: float | None, y_items: float | None) -> Like:
    """Return the same where labs stand for families and their models, two or more, for sizes."""
    return _like(n_labs, n_models, x_items, y_items)


def items_behind(rows: pl.DataFrame, axis: str) -> float | None:
    """Return the items at which a share of right answers would have the median standard error of an axis, or None."""
    return rows.select(_items(axis)).item()


def with_calibration(
    estimates: Iterable[Estimate], read: Read, here: Like, name_of: Callable[[Estimate], str | None]
) -> list[Estimate]:
    """Return the estimates, those with a calibrated estimator (by name_of) with one caveat more."""
    rows = read(VIEW)
    cell = near(stored_cells(rows), here)
    told: dict[str, tuple[str, ...]] = {}
    found = []
    for estimate in estimates:
        name = name_of(estimate)
        if name is None:
            found.append(estimate)
            continue
        if name not in told:
            told[name] = calibration_caveat(rows, cell, here, BY_NAME[name])
        found.append(replace(estimate, caveats=(*estimate.caveats, *told[name])))
    return found


def calibration_caveat(rows: pl.DataFrame, cell: Cell | None, here: Like, estimator: Calibrated) -> tuple[str, ...]:
    """Return the sentence on one estimator from the rows of the nearest cell, or that no cell is near."""
    if rows.is_empty():
        return ("not calibrated: no simulation is stored, run `cape calibrate`",)
    if cell is None:
        return (f"not calibrated: no simulated cell is like these data ({here.words})",)
    mine = rows.filter((pl.col("cell") == cell.name) & (pl.col("estimator") == estimator.name))
    parts = [*_coverage_words(mine, estimator), *_alarm_words(mine, estimator)]
    if not parts:
        return ()
    return (f"calibration, nearest simulated cell {cell.words}: {'; '.join(parts)}",)


def mark(share: Share) -> str:
    """Return whether a coverage counts as 95%: by its own value inside the band, by its interval outside."""
    if share.value is None or share.low is None or share.high is None:
        return UNSURE
    if BAND[0] <= share.value <= BAND[1]:
        return REACHES
    if share.high < BAND[0]:
        return TOO_LOW
    return TOO_HIGH if share.low > BAND[1] else UNSURE


def covered(row: dict) -> Share:
    """Return the share of intervals that hold the truth."""
    return simulated_share(row["n_covered"], row["n_intervals"], row["spread_covered"])


def powered(row: dict) -> Share:
    """Return the share of panels in which something is found, of those in which something is there."""
    return simulated_share(row["n_found"], row["n_true"], row["spread_found"])


def alarms(row: dict) -> Share:
    """Return the share of false alarms in a world in which the estimator should find nothing."""
    if row["n_none"]:
        return simulated_share(row["n_false"], row["n_none"], row["spread_false"])
    return powered(row)


def stored_cells(rows: pl.DataFrame) -> tuple[Cell, ...]:
    """Return the simulated cells among the rows of the mart."""
    names = rows["cell"].unique().to_list()
    return cells_named(",".join(names)) if names else ()


def near(cells: tuple[Cell, ...], here: Like) -> Cell | None:
    """Return the simulated cell nearest to the data, or None where none is near."""
    return nearest_cell(
        cells, n_families=here.n_families, n_sizes=here.n_sizes, x_items=here.x_items, y_items=here.y_items
    )


def _coverage_words(rows: pl.DataFrame, estimator: Calibrated) -> list[str]:
    kept = [row for row in rows.iter_rows(named=True) if row["n_intervals"]]
    if estimator.is_test or not kept:
        return []
    shares = [(covered(row).value or 0.0, row["world"], row) for row in kept]
    low, high = min(shares, key=lambda s: s[0]), max(shares, key=lambda s: s[0])
    words = f"this interval covers the truth in {_percent(low[0])}"
    if len(shares) > 1:
        words += f" (world {low[1]}) to {_percent(high[0])} ({high[1]})"
    words += " of simulations like your data"
    worst = mark(covered(low[2]))
    if worst in (TOO_LOW, TOO_HIGH):
        words += f", so it {worst}"
    given = sum(row["n_intervals"] for row in kept) / sum(row["n_true"] for row in kept)
    return [words, *([f"an interval is given in {_percent(given)}"] if given < 1 - MOST_FALSE else [])]


def _alarm_words(rows: pl.DataFrame, estimator: Calibrated) -> list[str]:
    kept = rows.filter(pl.col("world").is_in(estimator.null_worlds))
    known = [(alarms(row).value, row["world"]) for row in kept.iter_rows(named=True)]
    most, world = max(((value, world) for value, world in known if value is not None), default=(None, ""))
    if most is None:
        return []
    return [f"false alarms in up to {_percent(most)} where there is nothing to find (world {world})"]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _items(axis: str) -> pl.Expr:
    """Return the items of a share with the median standard error of these scores."""
    score, error = pl.col(f"{axis}_pct"), pl.col(f"{axis}_se_pct")
    return (score * (100.0 - score) / error**2).filter(error > 0).median().alias(f"{axis}_items")


def _like(n_families: int, n_sizes: Any, x_items: float | None, y_items: float | None) -> Like:
    numbers = [np.nan if number is None else float(number) for number in (n_sizes, x_items, y_items)]
    return Like(n_families=float(n_families), n_sizes=numbers[0], x_items=numbers[1], y_items=numbers[2])
