"""Cells of the calibration: how many families, sizes and items a simulated panel has, and which cell is nearest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cape.errors import BadParameterError

HELLASWAG_ITEMS, TRUTHFULQA_ITEMS = 10_042, 817  # lake/benchmarks.csv
SMALL_ITEMS = (1_000, 200)  # a quick evaluation of both
FAMILIES, SIZES = (5, 10, 20, 40), (3, 5, 8)
NEAR_FACTOR = 2.0  # data within this factor of a cell in families, sizes and items are like it


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """Families, sizes per family before any is missing, and items of the first and second benchmark."""

    n_families: int
    n_sizes: int
    x_items: int
    y_items: int

    @property
    def name(self) -> str:
        """The cell in one word, as the command line takes it: families x sizes x items of both benchmarks."""
        return f"{self.n_families}x{self.n_sizes}x{self.x_items}x{self.y_items}"

    @property
    def words(self) -> str:
        """The cell in words."""
        return (
            f"{self.n_families} families, {self.n_sizes} sizes, {self.x_items:,} and {self.y_items:,} items of the "
            "first and second benchmark"
        )


DECLARED = Cell(n_families=20, n_sizes=5, x_items=HELLASWAG_ITEMS, y_items=TRUTHFULQA_ITEMS)
CELLS = tuple(
    Cell(n_families=n_families, n_sizes=n_sizes, x_items=x_items, y_items=y_items)
    for x_items, y_items in ((HELLASWAG_ITEMS, TRUTHFULQA_ITEMS), SMALL_ITEMS)
    for n_families in FAMILIES
    for n_sizes in SIZES
)


ALL, REST = "all", "rest"


def cells_named(names: str) -> tuple[Cell, ...]:
    """Return the cells of a list such as "declared, 20x5x10042x817"; "all" is the grid, "rest" all but the declared.

    Raises BadParameterError for anything else, or fewer than 3 families or sizes or 20 items.
    """
    cells: list[Cell] = []
    for name in (part.strip().lower() for part in names.split(",")):
        if name in (ALL, REST):
            cells += [cell for cell in CELLS if name == ALL or cell != DECLARED]
        else:
            cells.append(DECLARED if name == "declared" else _cell_named(name))
    return tuple(dict.fromkeys(cells))


def _cell_named(name: str) -> Cell:
    parts = name.split("x")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts):
        raise BadParameterError(
            f"There is no cell {name!r}. Write families x sizes x items of both benchmarks, such as {DECLARED.name}, "
            f"or declared, {REST} or {ALL}."
        )
    n_families, n_sizes, x_items, y_items = (int(part) for part in parts)
    if min(n_families, n_sizes) < 3 or min(x_items, y_items) < 20:
        raise BadParameterError(
            f"Cell {name!r} is too small. It needs 3 families, 3 sizes and 20 items of each benchmark or more."
        )
    return Cell(n_families=n_families, n_sizes=n_sizes, x_items=x_items, y_items=y_items)


def nearest_cell(
    cells: Iterable[Cell], *, n_families: float, n_sizes: float, x_items: float, y_items: float
) -> Cell | None:
    """Return the cell nearest in the logarithms of the four numbers, or None where one is off by more than a factor 2.

    The second benchmark's items count before the first's on a tie: it is the noisier one. Of equal distances the
    smaller cell wins, which promises less.
    """
    wanted = (n_families, n_sizes, x_items, y_items)
    if not all(math.isfinite(number) and number > 0 for number in wanted):
        return None
    near = []
    for cell in sorted(cells):
        has = (cell.n_families, cell.n_sizes, cell.x_items, cell.y_items)
        off = [abs(math.log(a / b)) for a, b in zip(wanted, has, strict=True)]
        if max(off) <= math.log(NEAR_FACTOR) + 1e-9:
            near.append((math.hypot(*off), cell))
    return min(near, key=lambda pair: pair[0])[1] if near else None
