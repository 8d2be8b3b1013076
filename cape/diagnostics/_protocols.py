"""How the scores of two panels were measured: the words for it, and whether they may be compared without a flag."""

from __future__ import annotations

import polars as pl

from cape.diagnostics._diagnostic import Read


def protocols_of(panel: str, benchmark: str, read: Read) -> tuple[str, ...]:
    """Return the protocols under which a panel holds a benchmark, most scores first."""
    rows = read("mart_protocols", panel=panel, benchmark_id=benchmark)
    counted = rows.group_by("protocol").agg(pl.col("n_scores").sum()).sort("n_scores", "protocol", descending=True)
    return tuple(counted["protocol"])


def difference(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """Return what differs between two sets of protocols in words, empty when they are the same ones."""
    if set(mine) == set(theirs):
        return ""
    return f"{' and '.join(mine)} against {' and '.join(theirs)}"


def protocol_caveats(
    panels: tuple[str, str], pair: tuple[tuple[str, str], tuple[str, str]], read: Read
) -> tuple[str, ...]:
    """Return one caveat per benchmark that the two panels measured differently or that says too little.

    pair : (name here, name there) of each benchmark.
    """
    caveats = []
    for here, there in pair:
        mine, theirs = protocols_of(panels[0], here, read), protocols_of(panels[1], there, read)
        if differs := difference(mine, theirs):
            caveats.append(f"{here} is not measured alike in {panels[0]} and {panels[1]}: {differs}")
    return tuple(caveats)
