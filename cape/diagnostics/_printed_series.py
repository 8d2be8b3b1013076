"""The series that the paper, its figure scripts and its dashboard print, shaped for the statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.stats.pair_matrix import pairs_of

TOPOLOGY, STIFFNESS, LITERALS = "fig_topology", "stiffness", "phase_transfer_literals"
MATRICES = {"below": "dash_matrix_below", "above": "dash_matrix_above"}
DASHBOARD_NAMES = {
    "HS": "hellaswag",
    "TQA": "truthfulqa",
    "ARC": "arc_challenge",
    "MMLU": "mmlu",
    "WG": "winogrande",
}
SPECTRAL_KEYS = ("d_eff", "lambda1", "lambda2", "theta")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedSeries:
    """Numbers printed by size: log10_n (n,), and by key (n,) with NaN where one is missing."""

    group: str
    log10_n: NDArray[np.float64]
    by_key: dict[str, NDArray[np.float64]]


def printed_by_size(read: Read) -> list[PrintedSeries]:
    """Return the printed series of eigenvalues by size, one per figure that prints them."""
    found = []
    for group in (TOPOLOGY, STIFFNESS):
        rows = read("mart_printed_series", series_group=group).filter(pl.col("series_key").is_in(SPECTRAL_KEYS))
        if rows.is_empty():
            continue
        table = rows.with_columns(pl.col("x").cast(pl.Float64)).pivot(on="series_key", index="x", values="y").sort("x")
        by_key = {
            key: table[key].cast(pl.Float64).fill_null(float("nan")).to_numpy() if key in table.columns else np.empty(0)
            for key in SPECTRAL_KEYS
        }
        found.append(PrintedSeries(group=group, log10_n=np.log10(table["x"].to_numpy()), by_key=by_key))
    return found


def printed_axes(read: Read) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the two 5x5 matrices of axes that the author's transfer script holds as literals, or None."""
    rows = read("mart_printed_series", series_group=LITERALS)
    found = []
    for key in ("V_tax", "V_bonus"):
        mine = rows.filter(pl.col("series_key") == key)
        if mine.is_empty():
            return None
        size = int(np.sqrt(mine.height))
        matrix = np.full((size, size), np.nan)
        for cell, value in mine.select("x", "y").iter_rows():
            i, j = (int(part) for part in cell.split(","))
            matrix[i, j] = value
        found.append(matrix)
    return found[0], found[1]


def printed_matrix(read: Read, side: str, benchmarks: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the dashboard's printed r of every pair of these benchmarks (names without variant), (n_pairs,).

    NaN where the dashboard prints none.
    """
    printed = {}
    for key, value in read("mart_printed_series", series_group=MATRICES[side]).select("series_key", "y").iter_rows():
        names = [DASHBOARD_NAMES.get(name, name) for name in key.split("-")]
        printed[frozenset(names)] = float(value)
    pairs = pairs_of(len(benchmarks))
    return np.array([printed.get(frozenset((benchmarks[i], benchmarks[j])), np.nan) for i, j in pairs])
