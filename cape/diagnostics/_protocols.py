"""How the scores of two panels were measured: the words for it, and whether they may be compared without a flag."""

from __future__ import annotations

import polars as pl

from cape.diagnostics._diagnostic import Read


def protocols_of(panel: str, benchmark: str, read: Read) -> tuple[str, ...]:
    """Return the protocols under which a panel holds a benchmark, most scores first."""
    rows = read("mart_protocols", panel=panel, benchmark_id=benchmark)
    counted = rows.group_by("protocol").agg(pl.col("n_scores").sum()).sort("n_scores", "protocol", descending=True)
    return tuple(counted["protocol"])


NOT_STATED = "shots not stated"  # how a protocol begins in the lake where the source does not say


def is_stated(protocols: tuple[str, ...]) -> bool:
    """True when every protocol says at least how many shots were given."""
    return not any(protocol.startswith(NOT_STATED) for protocol in protocols)


def difference(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """Return what differs between two sets of protocols in words, empty when they are the same and stated."""
    if set(mine) == set(theirs) and is_stated(mine):
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
            known = is_stated(mine) and is_stated(theirs)
            words = "is not measured alike" if known else "is not known to be measured alike"
            caveats.append(f"{here} {words} in {panels[0]} and {panels[1]}: protocols {differs}")
    return tuple(caveats)
