"""Public SQL: one query in one short-lived process over a database that holds only marts.

DuckDB calls untrusted SQL unsafe by design, so the query never runs in this process. `sandbox_child.py` runs it with
resource limits, DuckDB's own guards and a check of the parse tree; this module starts that process with an empty
environment and an empty working directory, holds it to a time and to a size of reply, and ends its whole group.

What this does not stop: code that breaks out of DuckDB through a memory fault would run as the same user, without
files or sockets of its own (no new descriptors, no new processes) but not inside a kernel sandbox.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import BadParameterError, LakeNotBuiltError, QueryRefusedError

CHILD = Path(__file__).with_name("sandbox_child.py")
QUERY_CHARACTERS_MAX = 20_000
ROW_CAP_MAX = 100_000
TIMEOUT_S_MAX = 60.0
REPLY_BYTES_MAX = 8_000_000
GRACE_S = 1.0  # the child stops itself at the timeout; after this much longer it is killed
READ_BYTES = 65_536
CONCURRENT_MAX = 4  # each child may take 640 MiB of address space; small hosts have 1 to 3 GB
QUEUE_S = 10.0  # longest wait for a free place

_PLACES = threading.BoundedSemaphore(CONCURRENT_MAX)
# A slash that starts a word, after a quote, a space or "scheme:" but not after an operand as in 1/2 or */.
_ABSOLUTE_PATH = re.compile(r"(?<![\w)\]*/])/+[\w.~-][^\s'\",;)]*")

_NUMBERS: dict[str, pl.DataType] = {
    "BOOLEAN": pl.Boolean(),
    "TINYINT": pl.Int8(),
    "SMALLINT": pl.Int16(),
    "INTEGER": pl.Int32(),
    "BIGINT": pl.Int64(),
    "UTINYINT": pl.UInt8(),
    "USMALLINT": pl.UInt16(),
    "UINTEGER": pl.UInt32(),
    "UBIGINT": pl.UInt64(),
    "FLOAT": pl.Float32(),
    "DOUBLE": pl.Float64(),
}
_MOMENTS: dict[str, tuple[pl.DataType, Callable[[str], date]]] = {
    "DATE": (pl.Date(), date.fromisoformat),
    "TIMESTAMP": (pl.Datetime("us"), datetime.fromisoformat),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """The answer to one public query.

    columns : names as in `frame`; a repeated name gets `_2`, `_3`, ...
    types : DuckDB's type of each column; types other than integers, floats, text, BOOLEAN, DATE and TIMESTAMP
        (DECIMAL, HUGEINT, lists, blobs, ...) are text in `frame`, as are dates outside years 1 to 9999.
    frame : at most row_cap rows.
    truncated : whether the query had more rows than that.
    seconds : wall time, the start of the process included.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    frame: pl.DataFrame
    truncated: bool
    seconds: float


def run_public_sql(database: Path, query: str, *, row_cap: int = 5_000, timeout_s: float = 2.0) -> QueryResult:
    """Run one SELECT or EXPLAIN of a stranger over `database` and return at most `row_cap` rows within `timeout_s`.

    database : a DuckDB file that holds nothing private; it is opened read-only.
    Raises QueryRefusedError if the query is refused, fails, runs too long or answers too much; LakeNotBuiltError if
    the file is missing; BadParameterError for a cap or a timeout outside 1 to 100,000 rows and 0 to 60 seconds.
    """
    if not 1 <= row_cap <= ROW_CAP_MAX:
        raise BadParameterError(f"row_cap is {row_cap}. Give a number of rows from 1 to {ROW_CAP_MAX:,}.")
    if not 0 < timeout_s <= TIMEOUT_S_MAX:
        raise BadParameterError(f"timeout_s is {timeout_s}. Give seconds above 0 and up to {TIMEOUT_S_MAX:g}.")
    if len(query) > QUERY_CHARACTERS_MAX:
        raise QueryRefusedError(
            f"The query has {len(query):,} characters and {QUERY_CHARACTERS_MAX:,} are allowed. Shorten it."
        )
    if not database.is_file():
        raise LakeNotBuiltError(f"The query database {database.name!r} is missing. Build the lake, then ask again.")
    request = {
        "database": str(database.resolve()),
        "query": query,
        "row_cap": row_cap,
        "timeout_s": timeout_s,
        "byte_cap": REPLY_BYTES_MAX,
    }
    if not _PLACES.acquire(timeout=QUEUE_S):
        raise QueryRefusedError(f"{CONCURRENT_MAX} other queries are running. Try again in a few seconds.")
    try:
        started = time.perf_counter()
        reply = _exchange(json.dumps(request), timeout_s=timeout_s)
        seconds = time.perf_counter() - started
    finally:
        _PLACES.release()
    if not reply["ok"]:
        raise QueryRefusedError(_without_paths(reply["message"]))
    columns = _distinct(reply["columns"])
    frame = _frame(reply["rows"], columns=columns, types=reply["types"])
    return QueryResult(
        columns=columns,
        types=tuple(reply["types"]),
        frame=frame,
        truncated=reply["truncated"],
        seconds=seconds,
    )


def _exchange(request: str, *, timeout_s: float) -> dict[str, Any]:
    """Start the child, give it the request and return its reply; its process group is ended in every case.

    Raises QueryRefusedError if there is no whole reply in time and in size.
    """
    with tempfile.TemporaryDirectory(prefix="cape-sql-") as empty:
        child = subprocess.Popen(
            [sys.executable, "-I", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=empty,
            # One malloc arena: the second thread would otherwise reserve 64 MB of the address space.
            env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": empty, "MALLOC_ARENA_MAX": "1"},
            start_new_session=True,
        )
        try:
            output = _converse(child, request, deadline=time.monotonic() + timeout_s + GRACE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            child.wait()
    if output is None:
        raise QueryRefusedError(
            f"The query ran longer than {timeout_s:g} s and its process was ended. Filter or aggregate earlier."
        )
    try:
        return json.loads(output)
    except ValueError as error:
        raise QueryRefusedError(
            "The query's process ended without an answer: it reached a limit of memory, of processor time or of "
            "nesting. Simplify the query, or filter and aggregate before joining."
        ) from error


def _converse(child: subprocess.Popen[bytes], request: str, *, deadline: float) -> bytes | None:
    """Write the request and read until the child closes its end; None if `deadline` (monotonic s) passes first.

    Raises QueryRefusedError if the reply is larger than its cap.
    """
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(request.encode())
        child.stdin.close()
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                return None
            piece = os.read(child.stdout.fileno(), READ_BYTES)
            if not piece:
                return bytes(received)
            received += piece
            if len(received) > REPLY_BYTES_MAX + READ_BYTES:
                raise QueryRefusedError(
                    f"The answer is larger than {REPLY_BYTES_MAX / 1e6:g} MB. Select fewer columns or rows."
                )
    return None


def _without_paths(message: str) -> str:
    return _ABSOLUTE_PATH.sub("<path>", message)


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Return the names with `_2`, `_3`, ... after repeated ones, none equal to another."""
    distinct: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in distinct:
            count += 1
            candidate = f"{name}_{count}"
        distinct.append(candidate)
    return tuple(distinct)


def _frame(rows: list[list[Any]], *, columns: tuple[str, ...], types: list[str]) -> pl.DataFrame:
    """Return the rows of a reply as a typed frame (see QueryResult.types)."""
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    series = [_series(name, kind, values) for name, kind, values in zip(columns, types, by_column, strict=True)]
    return pl.DataFrame(series)


def _series(name: str, kind: str, values: tuple[Any, ...]) -> pl.Series:
    """Return one column, typed where DuckDB's type has a plain counterpart and as text elsewhere."""
    if kind in _NUMBERS:
        return pl.Series(name, values, dtype=_NUMBERS[kind])
    if kind in _MOMENTS:
        dtype, parse = _MOMENTS[kind]
        # DuckDB has infinite dates and years outside 1 to 9999; a column that holds one stays text.
        with suppress(ValueError):
            moments = [None if value is None else parse(value) for value in values]
            return pl.Series(name, moments, dtype=dtype)
    return pl.Series(name, values, dtype=pl.String())
