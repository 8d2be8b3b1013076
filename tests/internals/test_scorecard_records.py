"""Scorecards as records: JSON and frames give back what was put in, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import polars as pl
import pytest

from cape.errors import IngestError
from cape.internals.scorecard_records import (
    LAKE_TABLES,
    LAKE_TYPES,
    POLARS_TYPES,
    TABLES,
    Scorecard,
    SummaryRow,
    _kinds,
    lake_columns,
    read_scorecard,
    scorecard_from_json,
)
from cape.lake.tables import COMPUTED_TABLES

VALUES: dict[type, Any] = {str: "x", float: 0.25, int: 3, bool: True}


def filled(record: type) -> Any:
    return record(**{name: VALUES[kind] for name, kind in _kinds(record).items()})


@pytest.fixture
def card() -> Scorecard:
    tables: dict[str, Any] = {name: (filled(record), filled(record)) for name, record in TABLES.items()}
    return Scorecard(summary=filled(SummaryRow), **tables)


def test_a_scorecard_comes_back_from_json(card: Scorecard) -> None:
    assert scorecard_from_json(card.as_json()) == card


def test_frames_hold_every_column_typed_even_without_rows(card: Scorecard) -> None:
    empty = Scorecard(summary=card.summary, arms=(), effects=(), histogram=(), generations=())
    for name, record in TABLES.items():
        full, none = card.frame(name), empty.frame(name)
        assert full.columns == none.columns == [field.name for field in fields(record)]
        assert full.schema == none.schema and full.height == 2 and none.height == 0


def test_a_missing_number_is_null_and_keeps_its_type(card: Scorecard) -> None:
    row = TABLES["arms"](**{name: None if name == "mc1_pct" else VALUES[kind]
                            for name, kind in _kinds(TABLES["arms"]).items()})  # fmt: skip
    frame = Scorecard(summary=card.summary, arms=(row,), effects=(), histogram=(), generations=()).frame("arms")
    assert frame["mc1_pct"].to_list() == [None] and frame.schema["mc1_pct"] == pl.Float64


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "summary": {}, "arms": [{"model_id": "a"}]}']
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(IngestError, match=r"card\.json"):
        scorecard_from_json(text, name="card.json")


def test_a_file_that_is_not_there_is_refused(tmp_path: Any) -> None:
    with pytest.raises(IngestError, match=r"gone\.json"):
        read_scorecard(tmp_path / "gone.json")


def test_the_lake_declares_the_columns_of_the_records() -> None:
    assert set(POLARS_TYPES) == set(LAKE_TYPES)
    for name, record in LAKE_TABLES.items():
        assert COMPUTED_TABLES[name] == lake_columns(record)
        assert list(COMPUTED_TABLES[name]) == [field.name for field in fields(record)]


def test_json_holds_no_not_a_number(card: Scorecard) -> None:
    assert json.loads(card.as_json())["arms"][0]["mc1_pct"] == 0.25
