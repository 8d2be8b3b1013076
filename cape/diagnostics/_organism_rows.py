"""The organism's ladders as matrices of seeds and sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.errors import NotEnoughDataError
from cape.stats.inference import Points

PANEL, TOKEN_PANEL = "organism", "organism-tokens"
CHOSEN, PROBABILITY = "chosen answer", "probability"
MEASURES = {CHOSEN: ("truth_pct", "myth_pct"), PROBABILITY: ("truth_mass_pct", "myth_mass_pct")}
COLUMNS = ("reasoning_pct", "reasoning_se_pct", "truth_pct", "truth_se_pct", "myth_pct", "truth_mass_pct",
           "myth_mass_pct")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One family of the organism: every seed scored at every position.

    positions : (n_positions,) parameters or training tokens, ascending. seeds : names of the replicates.
    cells : by column of COLUMNS, (n_seeds, n_positions).
    """

    family: str
    recipe: str
    positions: NDArray[np.float64]
    seeds: tuple[str, ...]
    d_model: tuple[int, ...]
    n_layers: tuple[int, ...]
    n_questions: int
    cells: dict[str, NDArray[np.float64]]

    @property
    def log10_n(self) -> NDArray[np.float64]:
        """log10 of the positions."""
        return np.log10(self.positions)

    def points(self, seed: int) -> Points:
        """Return the ladder of one seed, for the estimators of N_c; the replicate is the resampling unit."""
        return Points(
            family=np.full(self.positions.size, self.seeds[seed]),
            log10_n=self.log10_n,
            x_pct=self.cells["reasoning_pct"][seed],
            y_pct=self.cells["truth_pct"][seed],
            x_se=self.cells["reasoning_se_pct"][seed],
            y_se=self.cells["truth_se_pct"][seed],
        )


def ladders(read: Read, panel: str) -> dict[str, Ladder]:
    """Return the ladders of a panel by family, in order of the family's name.

    A seed that lacks a position of its family is left out of that family, as effects are formed within seeds.
    """
    rows = read("mart_organism", panel=panel)
    found = {}
    for (family,), held in rows.group_by("family", maintain_order=True):
        ladder = _ladder(str(family), held)
        if ladder is not None:
            found[str(family)] = ladder
    return dict(sorted(found.items()))


def require_ladders(found: dict[str, Ladder]) -> None:
    """Raise NotEnoughDataError where the lake holds no scores of the organism."""
    if not found:
        raise NotEnoughDataError(
            "The lake holds no scores of the model organism. Train it with `make organism`, then "
            "`cape organism train --ship`."
        )


def _ladder(family: str, rows: pl.DataFrame) -> Ladder | None:
    positions = rows["position"].unique().sort()
    whole = rows.group_by("replicate").agg(pl.col("position").n_unique().alias("n"))
    seeds = sorted(whole.filter(pl.col("n") == positions.len())["replicate"])
    if not seeds or positions.len() < 2:
        return None
    kept = rows.filter(pl.col("replicate").is_in(seeds)).sort("replicate", "position")
    shape = (len(seeds), positions.len())
    first = kept.filter(pl.col("replicate") == seeds[0])
    return Ladder(
        family=family,
        recipe=str(first["recipe"][0]),
        positions=positions.cast(pl.Float64).to_numpy(),
        seeds=tuple(seeds),
        d_model=tuple(first["d_model"]),
        n_layers=tuple(first["n_layers"]),
        n_questions=int(first["n_questions"][0]),
        cells={name: kept[name].cast(pl.Float64).to_numpy().reshape(shape) for name in COLUMNS},
    )
