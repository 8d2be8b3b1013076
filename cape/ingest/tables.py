"""Any CSV or Parquet table as text columns, opened with care."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from cape.errors import IngestError
from cape.ingest.documents import Document, number
from cape.ingest.observations import FILE_BYTES_MAX, read_free_table

ROWS_MAX = 5_000_000
UNPACKED_BYTES_MAX = 2 * 2**30  # what the columns of a Parquet file may come to
COLUMNS_MAX = 2_000
SUFFIXES = (".csv", ".parquet")


def header_of(document: Document) -> list[str]:
    """Return the names of the columns without reading the rows; empty for what is no table."""
    if document.suffix == ".parquet":
        return list(_parquet_schema(document).names)
    if document.suffix != ".csv":
        return []
    with document.path.open("rb") as stream:
        line = stream.readline(2**20)
    names = line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n").split(",")
    return [name.strip('"') for name in names]


def read_table(document: Document) -> pl.DataFrame:
    """Return the rows as text columns after `file_row`; an empty cell is null.

    Raises IngestError for a file that is too large, of another encoding, or broken in structure.
    """
    if document.suffix == ".csv":
        frame = read_free_table(document.path, display_name=document.name)
    else:
        frame = _read_parquet(document)
    text = pl.selectors.string()
    return frame.with_columns(pl.when(text.str.strip_chars() != "").then(text).name.keep())


def cell_number(text: str | None) -> float | None:
    """Return the finite number of a cell, or None."""
    if text is None:
        return None
    try:
        return number(float(text))
    except ValueError:
        return None


def formula_fault(frame: pl.DataFrame, column: str, document: Document) -> IngestError | None:
    """Return the error of the first cell of a text column that a spreadsheet would run, or None."""
    rows = frame.filter(pl.col(column).str.contains(r"^\s*(?:[=@]|\+[^0-9.]|-[^0-9.\s-])"))
    if rows.is_empty():
        return None
    return IngestError(
        file=document.name,
        row=rows["file_row"][0],
        column=column,
        found=f"{rows[column][0][:60]!r} would run as a formula in a spreadsheet.",
        action="Remove the leading =, @, + or -.",
    )


def _parquet_schema(document: Document) -> pa.Schema:
    try:
        return pq.read_schema(document.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        found = f"It cannot be read as Parquet ({type(error).__name__})."
        raise document.refuse(found, "Write it again.") from error


def _read_parquet(document: Document) -> pl.DataFrame:
    if document.path.stat().st_size > FILE_BYTES_MAX:
        raise document.refuse(f"The file is larger than {FILE_BYTES_MAX:,} bytes.", "Split it.")
    try:
        about = pq.ParquetFile(document.path).metadata
        unpacked = sum(about.row_group(place).total_byte_size for place in range(about.num_row_groups))
        if about.num_rows > ROWS_MAX or unpacked > UNPACKED_BYTES_MAX or about.num_columns > COLUMNS_MAX:
            raise document.refuse(
                f"It holds {about.num_rows:,} rows, {about.num_columns:,} columns and {unpacked:,} bytes.",
                f"At most {ROWS_MAX:,}, {COLUMNS_MAX:,} and {UNPACKED_BYTES_MAX:,} are allowed: split it.",
            )
        table = pq.read_table(document.path)
        table.validate(full=True)  # a text that is no UTF-8 would crash whoever reads it later
        frame = pl.DataFrame(table)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        found = f"It cannot be read as Parquet ({type(error).__name__})."
        raise document.refuse(found, "Write it again.") from error
    scalar = [name for name, kind in frame.schema.items() if not kind.is_nested() and kind != pl.Binary]
    return frame.select(scalar).select(pl.all().cast(pl.String)).with_row_index("file_row", offset=2)
