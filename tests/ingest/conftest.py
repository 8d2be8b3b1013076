"""What tests of readers share: the benchmarks of the lake, and a way to read files given as contents."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def known() -> dict[tuple[str, str], float | None]:
    """Chance level by (benchmark, variant) of the shipped table."""
    with (REPOSITORY / "lake" / "benchmarks.csv").open(encoding="utf-8", newline="") as stream:
        return {
            (row["benchmark"], row["variant"]): float(row["chance_pct"]) if row["chance_pct"] else None
            for row in csv.DictReader(stream)
        }
