"""Estimates that need no statistics: counts, arithmetic on printed numbers, and numbers that are undefined."""

from __future__ import annotations

from cape.quantities import Estimate


def count(symbol: str, label: str, value: int, *, n: int, unit: str, method: str) -> Estimate:
    """Return a count of rows at hand."""
    return Estimate(
        symbol=symbol,
        label=label,
        value=float(value),
        low=None,
        high=None,
        n=n,
        unit=unit,
        method=method,
        caveats=("no interval: a count of the rows at hand",),
    )


def arithmetic(symbol: str, label: str, value: float, *, n: int, unit: str, method: str) -> Estimate:
    """Return a number that follows from printed numbers."""
    return Estimate(
        symbol=symbol,
        label=label,
        value=value,
        low=None,
        high=None,
        n=n,
        unit=unit,
        method=method,
        caveats=("no interval: it follows from printed numbers",),
    )


def undefined(symbol: str, label: str, *, n: int, unit: str, method: str, why: tuple[str, ...]) -> Estimate:
    """Return an undefined number and why it is."""
    return Estimate(
        symbol=symbol, label=label, value=None, low=None, high=None, n=n, unit=unit, method=method, caveats=why
    )


def check(symbol: str, label: str, value: float, *, n: int, method: str) -> Estimate:
    """Return a number that checks the matrix at hand and has no sampling interval."""
    return Estimate(
        symbol=symbol,
        label=label,
        value=value,
        low=None,
        high=None,
        n=n,
        unit="",
        method=method,
        caveats=("no interval: a check of the matrix at hand",),
    )
