"""The generated parts of the README: the diagnostics table and the ledger's totals."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from cape.claims import Verdict
from cape.diagnostics import DIAGNOSTICS
from cape.lake import Lake

START, END = "<!-- {name}: written by scripts/write_docs.py -->", "<!-- end of {name} -->"


def diagnostics_table(lake: Lake) -> str:
    """Return the registry as a Markdown table."""
    rows = [f"| {d.section} | [{d.slug}](pages/{d.slug}.py) | {d.question} |" for d in DIAGNOSTICS]
    return "\n".join(["| Section | Page and command | Question |", "|---|---|---|", *rows])


def ledger_totals(lake: Lake) -> str:
    """Return the number of claims by verdict as a Markdown table, one row per way of judging."""
    claims = lake.read("mart_claims")
    sides = {"reproduced": "Reproduced: the paper's recipe on its rows", "supported": "Supported: ours"}
    rows = [
        f"| {words} | {' | '.join(str(_count(claims, side, verdict)) for verdict in Verdict)} |"
        for side, words in sides.items()
    ]
    head = f"| {claims.height} claims | {' | '.join(str(verdict) for verdict in Verdict)} |"
    return "\n".join([head, "|---" * (len(Verdict) + 1) + "|", *rows])


BLOCKS: dict[str, Callable[[Lake], str]] = {"diagnostics": diagnostics_table, "ledger": ledger_totals}


def written(text: str, lake: Lake) -> str:
    """Return the text with every generated block brought up to date.

    Raises ValueError when a block's marks are missing.
    """
    for name, block in BLOCKS.items():
        start, end = START.format(name=name), END.format(name=name)
        before, found_start, rest = text.partition(start)
        _, found_end, after = rest.partition(end)
        if not found_start or not found_end:
            raise ValueError(f"README.md has no block {name!r}. Put {start} and {end} where it belongs.")
        text = f"{before}{start}\n{block(lake)}\n{end}{after}"
    return text


def _count(claims: pl.DataFrame, column: str, verdict: Verdict) -> int:
    return claims.filter(pl.col(column) == verdict).height
