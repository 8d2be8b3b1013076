"""Computed tables come back as they were written, absent ones as no rows, and short ones are refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cape.errors import IngestError
from cape.lake import LakePaths, read_computed, write_computed
from cape.lake.tables import COMPUTED_TABLES

ROW = {
    name: "a" if kind == "varchar" else 1.5 if kind == "double" else 3
    for name, kind in COMPUTED_TABLES["calibration"].items()
}


def write(paths: LakePaths, rows: list[dict]) -> Path:
    return write_computed("calibration", rows, paths=paths, from_lake_version="v", command="c", seed=0)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    paths = LakePaths(tmp_path)
    assert read_computed("calibration", paths=paths) == []
    rows = [ROW, {**ROW, "cell": "b", "bias": None}]
    write(paths, rows)
    assert read_computed("calibration", paths=paths) == rows


def test_a_table_without_its_columns_is_refused_with_what_to_do(tmp_path: Path) -> None:
    paths = LakePaths(tmp_path)
    file = write(paths, [ROW])
    pl.read_parquet(file).drop("bias").write_parquet(file)
    with pytest.raises(IngestError, match="bias"):
        read_computed("calibration", paths=paths)


def test_an_unknown_table_is_no_table(tmp_path: Path) -> None:
    paths = LakePaths(tmp_path)
    (tmp_path / "computed" / "zzz").mkdir(parents=True)
    with pytest.raises(KeyError):
        write_computed("zzz", [], paths=paths, from_lake_version="v", command="c", seed=0)
