"""Text tables as delivered: the structure of a CSV file is checked, its values are left alone.

Every file of the project's own format comes in through `read_text_table`, whatever it holds. The file is scanned
once as bytes (quotes, commas and line ends as vectors of positions), so that a fault is reported with its line before
any parser sees it; polars then reads what is known to be well formed.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.errors import IngestError

FILE_BYTES_MAX = 512 * 2**20
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
QUOTE, COMMA, NEWLINE, RETURN = (ord(character) for character in '",\n\r')
SAVE_AS_UTF8 = "Save it as CSV in UTF-8 and load it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the records of a CSV text lie; the header is the first of them.

    starts, ends : (n_records,) byte offsets; `ends` is the offset of the line end that closes the record.
    lines : (n_records,) line on which each record starts, as an editor counts (1 = first line).
    fields : (n_records,) number of fields.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    fields: NDArray[np.int64]


def read_text_table(
    path: Path, *, required: Sequence[str], optional: Sequence[str] = (), display_name: str | None = None
) -> pl.DataFrame:
    """Return a CSV file as text columns: `file_row`, then `required`, then `optional` (null where absent).

    path : UTF-8, comma separated, header on line 1; quoted fields may hold commas and line ends.
    display_name : name of the file in messages; its last path component by default.
    file_row is the line on which a row starts, the header being line 1. Empty cells are null.
    Raises IngestError for a file that is missing, too large, empty, of another encoding, or broken in structure
    (header, quotes, number of fields), at the first offending place.
    """
    file = display_name or path.name
    frame = read_free_table(path, known=(required, optional), display_name=file)
    header = frame.columns
    columns = [
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)
        if name in header
        else pl.lit(None, dtype=pl.String).alias(name)
        for name in (*required, *optional)
    ]
    return frame.select("file_row", *columns)


def read_free_table(
    path: Path,
    *,
    known: tuple[Sequence[str], Sequence[str]] | None = None,
    display_name: str | None = None,
) -> pl.DataFrame:
    """Return a CSV file as text columns in its own order, after `file_row`; empty cells are empty texts or null.

    known : required and optional columns; without them any header with distinct names is accepted.
    Raises IngestError as `read_text_table` does.
    """
    file = display_name or path.name
    data = _read_bytes(path, file=file)
    layout = _scan(data, file=file)
    header = _header(data[: int(layout.ends[0])].decode(), file=file)
    required, optional = known if known is not None else (header, ())
    _check_header(header, required=required, optional=optional, file=file)
    _check_fields(layout, n_columns=len(header), file=file)
    body = data[int(layout.starts[1]) : int(layout.ends[-1])]
    frame = pl.read_csv(body, has_header=False, new_columns=header, infer_schema=False)
    if frame.height != layout.lines.size - 1:
        raise IngestError(
            file=file,
            found=f"{layout.lines.size - 1} rows were counted and {frame.height} were read.",
            action="Quote every field and load the file again.",
        )
    return frame.select(pl.Series("file_row", layout.lines[1:], dtype=pl.Int64), *header)


def check_cells(frame: pl.DataFrame, *, filled: Sequence[str], numbers: Sequence[str], file: str) -> None:
    """Raise IngestError at the first empty cell of `filled` columns or the first text in `numbers` columns.

    frame : as read_text_table returns it.
    """
    faults = [(c, pl.col(c).is_null(), "The cell is empty.", "Every row needs one.") for c in filled]
    for column in numbers:
        value = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
        fault = pl.col(column).is_not_null() & ~value.is_finite().fill_null(value=False)
        faults.append((column, fault, "The cell holds no finite number.", "Write a number, or leave it empty."))
    broken = []
    for column, fault, found, action in faults:
        rows = frame.filter(fault)
        if not rows.is_empty():
            text = found if rows[column][0] is None else f"{rows[column][0]!r} is not a finite number."
            broken.append((rows["file_row"][0], column, text + further_rows(rows.height - 1), action))
    if broken:
        row, column, found, action = min(broken)
        raise IngestError(file=file, row=row, column=column, found=found, action=action)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ' Did you mean ...?' for the closest known name, or an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def further_rows(count: int) -> str:
    """Return ' N further rows have the same fault.' or an empty text for none."""
    if count == 0:
        return ""
    return " 1 further row has the same fault." if count == 1 else f" {count:,} further rows have the same fault."


def _read_bytes(path: Path, *, file: str) -> bytes:
    """Return the bytes of a UTF-8 text file without its byte order mark; raises IngestError if it is not one."""
    if not path.is_file():
        raise IngestError(file=file, found="The file does not exist.", action="Check the name and the folder.")
    size = path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise IngestError(
            file=file,
            found=f"The file has {size:,} bytes and {FILE_BYTES_MAX:,} are allowed.",
            action="Split it into several files.",
        )
    data = path.read_bytes()
    if data.startswith(UTF16_MARKS):
        raise IngestError(file=file, row=1, found="The file is in UTF-16, not in UTF-8.", action=SAVE_AS_UTF8)
    data = data.removeprefix(UTF8_MARK)
    if not data.strip():
        raise IngestError(file=file, found="The file is empty.", action="Write a header line and at least one row.")
    _check_encoding(data, file=file)
    return data


def _check_encoding(data: bytes, *, file: str) -> None:
    """Raise IngestError at the first NUL byte or the first byte that is not UTF-8."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise IngestError(
            file=file,
            row=_line(data, nul),
            found=f"Byte {nul} is NUL: this is UTF-16 or not a text file.",
            action=SAVE_AS_UTF8,
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestError(
            file=file,
            row=_line(data, error.start),
            found=f"Byte {error.start} (0x{data[error.start]:02x}) is not UTF-8.",
            action=SAVE_AS_UTF8,
        ) from error


def _line(data: bytes, offset: int) -> int:
    """Return the line (1 = first) on which a byte stands."""
    return data.count(b"\n", 0, offset) + 1


def _scan(data: bytes, *, file: str) -> _Layout:
    """Return where the records lie, blank lines at the end left out; raises IngestError for broken quoting."""
    text = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    newlines = np.flatnonzero(text == NEWLINE)
    _check_quotes(text, quotes, data=data, file=file)
    _check_returns(text, quotes, data=data, file=file)
    ends = _outside(newlines, quotes)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    blank = (ends - starts == 0) | ((ends - starts == 1) & (text[np.minimum(starts, len(data) - 1)] == RETURN))
    kept = int(np.flatnonzero(~blank)[-1]) + 1 if not blank.all() else 0
    starts, ends, blank = starts[:kept], ends[:kept], blank[:kept]
    lines = np.searchsorted(newlines, starts) + 1
    if blank.any():
        raise IngestError(
            file=file,
            row=int(lines[blank][0]),
            found=f"The line is empty.{further_rows(int(blank.sum()) - 1)}",
            action="Delete empty lines.",
        )
    commas = _outside(np.flatnonzero(text == COMMA), quotes)
    fields = np.searchsorted(commas, ends) - np.searchsorted(commas, starts) + 1
    return _Layout(starts=starts, ends=ends, lines=lines, fields=fields)


def _outside(positions: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions that stand outside quoted fields: after an even number of quotes."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0]


def _check_quotes(text: NDArray[np.uint8], quotes: NDArray[np.int64], *, data: bytes, file: str) -> None:
    """Raise IngestError unless quotes open at the start of a field, close at its end, and are doubled inside it."""
    padded = np.concatenate(([NEWLINE], text, [NEWLINE]))  # offset p of the text stands at p + 1
    opening, closing = quotes[0::2], quotes[1::2]
    bad_opening = opening[~np.isin(padded[opening], (COMMA, NEWLINE, QUOTE))]
    bad_closing = closing[~np.isin(padded[closing + 2], (COMMA, NEWLINE, RETURN, QUOTE))]
    unclosed = quotes[-1:] if quotes.size % 2 else quotes[:0]
    bad = np.concatenate((bad_opening, bad_closing, unclosed))
    if bad.size:
        raise IngestError(
            file=file,
            row=_line(data, int(bad.min())),
            found="A double quote stands inside an unquoted field, or a quoted field is not closed.",
            action='Put the whole field in double quotes and write a quote inside it as "".',
        )


def _check_returns(text: NDArray[np.uint8], quotes: NDArray[np.int64], *, data: bytes, file: str) -> None:
    """Raise IngestError for a carriage return that is not part of a line end."""
    returns = _outside(np.flatnonzero(text == RETURN), quotes)
    following = np.append(text, 0)[returns + 1]
    lone = returns[following != NEWLINE]
    if lone.size:
        raise IngestError(
            file=file,
            row=_line(data, int(lone[0])),
            found="A carriage return stands alone, without a line feed.",
            action="Save the file with LF or CRLF line ends.",
        )


def _header(line: str, *, file: str) -> list[str]:
    """Return the column names of the header record."""
    return next(csv.reader(io.StringIO(line.removesuffix("\r"), newline=""), strict=True))


def _check_header(header: list[str], *, required: Sequence[str], optional: Sequence[str], file: str) -> None:
    """Raise IngestError for a nameless, repeated, unknown or missing column."""
    known = (*required, *optional)
    for place, name in enumerate(header, start=1):
        fault = None
        if not name.strip():
            fault = f"Column {place} of the header has no name.", "Name it or remove it."
        elif name in header[: place - 1]:
            fault = f"The column {name!r} stands twice in the header.", "Keep one of them."
        elif name not in known:
            fault = f"The column {name!r} is not known.{did_you_mean(name, known)}", f"Known are: {', '.join(known)}."
        if fault:
            raise IngestError(file=file, row=1, column=name, found=fault[0], action=fault[1])
    for name in required:
        if name not in header:
            raise IngestError(
                file=file,
                row=1,
                column=name,
                found=f"The column {name!r} is missing.",
                action=f"Add it to the header; found are: {', '.join(header)}.",
            )


def _check_fields(layout: _Layout, *, n_columns: int, file: str) -> None:
    """Raise IngestError for a table without rows or for the first row of another number of fields."""
    if layout.lines.size == 1:
        raise IngestError(file=file, found="The file has a header and no row.", action="Add at least one row.")
    ragged = np.flatnonzero(layout.fields != n_columns)
    if ragged.size:
        first = int(ragged[0])
        raise IngestError(
            file=file,
            row=int(layout.lines[first]),
            found=(
                f"The row has {int(layout.fields[first])} fields and the header has {n_columns}."
                f"{further_rows(int(ragged.size) - 1)}"
            ),
            action="Put fields that hold a comma in double quotes, and keep a comma for every empty field.",
        )
