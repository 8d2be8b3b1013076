"""Words for hover labels, tick labels and notes: numbers, intervals, sizes and wrapped names."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping
from typing import Any

HOVER = "%{hovertext}<extra></extra>"
SIZE_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def plain(text: object) -> str:
    """Return a name as text that plotly does not read as markup."""
    return html.escape(str(text), quote=False)


def wrapped(text: str, columns: int) -> str:
    """Return a name or sentence on lines of at most this many characters."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, columns, break_on_hyphens=False)) or " "


def number_text(value: float | None, unit: str = "") -> str:
    """Return a number to three figures with its unit, or the word undefined."""
    return "undefined" if value is None else f"{value:.3g} {unit}".strip()


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval in words; one missing side is unbounded, two are no interval."""
    if low is None and high is None:
        return "no interval"
    if low is None:
        return f"interval unbounded below, to {high:.3g}"
    if high is None:
        return f"interval from {low:.3g}, unbounded above"
    return f"interval {low:.3g} to {high:.3g}"


def estimate_text(row: Mapping[str, Any], name: str, unit: str = "") -> str:
    """Return "value unit, interval" of the columns name, name_low, name_high; or of value, low, high."""
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    return f"{number_text(row[name], unit)}, {interval_text(row[low], row[high])}"


def size_text(size: float | None) -> str:
    """Return a size as 160M or 6.9B."""
    if size is None:
        return "size not public"
    for one, suffix in SIZE_UNITS:
        if size >= one:
            return f"{size / one:.3g}{suffix}"
    return f"{size:.3g}"


def hover(*lines: str) -> str:
    """Return the non-empty lines as one hover label."""
    return "<br>".join(wrapped(line, 60) for line in lines if line)


def counted(n: int, what: str) -> str:
    """Return "1 step" or "3 steps"."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
