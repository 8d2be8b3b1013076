"""Texts and bytes of a result: tables as CSV, Parquet and JSON; citation, command, SQL and permalink."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import polars as pl

from cape import __version__
from cape.diagnostics import SHARED, get
from cape.quantities import Estimate, Result

FORMATS = {"CSV": "text/csv", "Parquet": "application/vnd.apache.parquet", "JSON": "application/json"}


def table_bytes(frame: pl.DataFrame, result: Result, *, file_format: str) -> bytes:
    """Return a table in one of FORMATS; JSON carries diagnostic, parameters and lake version beside the rows."""
    if file_format == "CSV":
        return frame.write_csv().encode()
    if file_format == "Parquet":
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()
    head = {"diagnostic": result.diagnostic, "params": dict(result.params), "lake_version": result.lake_version}
    return json.dumps({**head, "rows": frame.to_dicts()}, default=str, indent=1).encode()


def estimates_frame(estimates: tuple[Estimate, ...]) -> pl.DataFrame:
    """Return estimates as rows with the columns of the stable JSON; caveats joined by semicolons."""
    rows = [{**estimate.as_dict(), "caveats": "; ".join(estimate.caveats)} for estimate in estimates]
    text, number = pl.String, pl.Float64
    schema = {"symbol": text, "label": text, "value": number, "low": number, "high": number}
    schema |= {"n": pl.Int64, "unit": text, "method": text, "caveats": text}
    return pl.DataFrame(rows, schema=schema)


def command_of(result: Result) -> str:
    """Return the command line that prints the same numbers."""
    diagnostic = get(result.diagnostic)
    if diagnostic.slug == "sql":
        return f"cape sql {shlex.quote('select * from mart_schema')}"
    shared = (*SHARED, "resamples", "seed") if diagnostic.uses_selection else ()
    names = dict.fromkeys((*shared, *diagnostic.controls))
    options = [
        f"--{name.replace('_', '-')} {shlex.quote(str(result.params[name]))}"
        for name in names
        if name != "variant" and result.params.get(name, "") != ""
    ]
    return " ".join(["cape", result.diagnostic.replace("_", "-"), *options])


def sql_of(result: Result) -> str:
    """Return the queries whose rows the result was computed from."""
    return ";\n".join(_select(view, equals) for view, equals in result.reads)


def citation(estimate: Estimate, result: Result) -> str:
    """Return value, interval, n, lake version and command of one estimate as text."""
    value = "undefined" if estimate.value is None else f"{estimate.value:.4g}"
    unit = f" {estimate.unit}" if estimate.unit else ""
    if estimate.low is None and estimate.high is None:
        interval = "no interval"
    else:
        low, high = ("unbounded" if end is None else f"{end:.4g}" for end in (estimate.low, estimate.high))
        interval = f"95% interval {low} to {high}"
    caveats = f" Caveats: {'; '.join(estimate.caveats)}." if estimate.caveats else ""
    return (
        f"{estimate.symbol} ({estimate.label}) = {value}{unit}, {interval}, n = {estimate.n}. "
        f"Method: {estimate.method}.{caveats} CAPE workbench {__version__}, lake {result.lake_version}. "
        f"Command: {command_of(result)}"
    )


def permalink(base: str, slug: str, result: Result, *, keys: tuple[str, ...]) -> str:
    """Return a link that restores every parameter and names the lake version it was made with."""
    values = {key: result.params[key] for key in keys if result.params.get(key) not in ("", None)}
    return f"{base.rstrip('/')}/{slug}?{urlencode({**values, 'lake': result.lake_version})}"


def _select(view: str, equals: Mapping[str, Any]) -> str:
    conditions = " and ".join(
        f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'" for name, value in equals.items()
    )
    return f"select * from {view}" + (f" where {conditions}" if conditions else "")
