"""The stored ledger by claim, and the wired diagnostics run once per worker with few resamples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cape import ledger
from cape.errors import NotEnoughDataError
from cape.lake import Lake
from cape.quantities import Result


class QuickRuns(ledger.Runs):
    """Which estimates a diagnostic gives does not depend on the number of resamples."""

    def get(self, slug: str, params: Mapping[str, Any]) -> Result | NotEnoughDataError:
        return super().get(slug, {"resamples": 200, **params})


@pytest.fixture(scope="session")
def runs(lake: Lake) -> ledger.Runs:
    """Results of the wired diagnostics on the session's lake."""
    return QuickRuns(lake)


@pytest.fixture(scope="session")
def stored(lake: Lake) -> dict[str, dict[str, Any]]:
    """Judged claims as stored, `parts` read into a list; one test judges all of them afresh."""
    rows = lake.read("mart_claims").iter_rows(named=True)
    return {row["claim_id"]: {**row, "parts": json.loads(row["parts"])} for row in rows if row["diagnostic"]}
