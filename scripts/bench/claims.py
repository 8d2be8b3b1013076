"""Benchmark 4: every claim judged anew."""

from __future__ import annotations

from pathlib import Path

from cape import ledger
from cape.lake import Lake, LakePaths
from scripts.bench.common import Row, below, best_of, copy_shipped_lake

PART = "Claims"
MOST_SECONDS = 10.0


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the row of the ledger."""
    lake = Lake.ensure(LakePaths(copy_shipped_lake(folder)))
    n_claims = len(ledger.judge_all(lake))
    seconds = best_of(lambda: ledger.judge_all(lake), repeats=1 if is_quick else 3)
    lake.close()
    return [below(PART, f"{n_claims} claims judged anew", seconds, most=MOST_SECONDS)]
