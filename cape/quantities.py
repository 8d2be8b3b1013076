"""What a number is (Quantity), what we know of it (Estimate) and what a diagnostic returns (Result)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl


class Phase(StrEnum):
    """Phase of an interval between two model sizes (paper A.1), or why it has none."""

    TAX = "tax"
    TRANSITION = "transition"
    BONUS = "bonus"
    UNDETERMINED = "undetermined"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One symbol of the workbench: its name, unit, definition and where it comes from."""

    symbol: str
    name: str
    unit: str
    definition: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number with its doubt.

    value, low, high : float or None. None means undefined or unbounded; `caveats` says which and why.
    n : number of independent observations the value rests on; the label or method says of what.
    unit : "" for a pure number.
    method : how value and interval were formed, in words a reader can check.
    """

    symbol: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    method: str
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(
                    f"Estimate {self.symbol} ({self.label}): {name} is {number}. "
                    "Use None and a caveat for an undefined or unbounded number."
                )
        if self.value is None and not self.caveats:
            raise ValueError(f"Estimate {self.symbol} ({self.label}) is undefined without a caveat that says why.")

    def as_dict(self) -> dict[str, Any]:
        """Return the stable JSON form: symbol, label, value, low, high, n, unit, method, caveats."""
        return {
            "symbol": self.symbol,
            "label": self.label,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "unit": self.unit,
            "method": self.method,
            "caveats": list(self.caveats),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that a panel of a result plots or lists; `units` maps a column to its unit."""

    name: str
    title: str
    frame: pl.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run of a diagnostic found.

    params : the accepted parameters, by name, defaults included.
    sentences : statements for the screen, generated from the estimates by stated rules.
    reads : (view, equality filters) pairs that were read from the lake, in order.
    """

    diagnostic: str
    params: Mapping[str, Any]
    lake_version: str
    estimates: tuple[Estimate, ...] = ()
    tables: tuple[Table, ...] = ()
    sentences: tuple[str, ...] = ()
    reads: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def table(self, name: str) -> Table:
        """Return the table called `name`; raise KeyError with the known names."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"result of {self.diagnostic} has no table {name!r}, only {[t.name for t in self.tables]}")

    def estimate(self, symbol: str, label: str) -> Estimate:
        """Return the estimate with this symbol and label; raise KeyError with near ones."""
        for estimate in self.estimates:
            if (estimate.symbol, estimate.label) == (symbol, label):
                return estimate
        near = [e.label for e in self.estimates if e.symbol == symbol]
        raise KeyError(f"result of {self.diagnostic} has no estimate {symbol} ({label}); {symbol} has {near}")

    def as_dict(self) -> dict[str, Any]:
        """Return the stable JSON form: diagnostic, params, lake_version, estimates."""
        return {
            "diagnostic": self.diagnostic,
            "params": dict(self.params),
            "lake_version": self.lake_version,
            "estimates": [estimate.as_dict() for estimate in self.estimates],
        }
