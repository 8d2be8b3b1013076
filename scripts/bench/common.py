"""Rows of the benchmark table, the clock, a lake of its own, and children whose memory is measured."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_DELIVERED = shutil.ignore_patterns("built", "local", "cape.duckdb", ".cape-*")
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `target` is "" where nothing is promised; `is_met` is None there and where skipped."""

    part: str
    what: str
    measured: str
    target: str = ""
    is_met: bool | None = None
    note: str = ""


def below(part: str, what: str, value: float, *, most: float, unit: str = "s", note: str = "") -> Row:
    """Return the row of a quantity that must stay below `most`."""
    text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return Row(
        part=part, what=what, measured=f"{text} {unit}", target=f"< {most:g} {unit}", is_met=value < most, note=note
    )


def best_of(call: Callable[[], Any], *, repeats: int) -> float:
    """Return the smallest wall time of a call in seconds: what it costs when nothing else runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def copy_shipped_lake(folder: Path) -> Path:
    """Copy what the shipped lake is built from into a folder; nothing is built yet."""
    root = folder / "lake"
    shutil.copytree(ROOT / "lake", root, ignore=NOT_DELIVERED)
    return root


def in_child(module: str, *arguments: str, lake: Path) -> dict[str, Any]:
    """Run `python -m module arguments` on a lake of its own and return the JSON object on its last line.

    Raises RuntimeError with the end of its stderr when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "CAPE_LAKE": str(lake), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_rss_mib() -> float:
    """Return the largest resident memory this process has had, in MiB.

    Linux's own mark is taken: getrusage counts the parent's memory too, as a child starts as its copy.
    """
    status = Path("/proc/self/status")
    if status.exists():
        mark = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(mark.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB  # bytes on macOS


def machine() -> Row:
    """Return the row that says how busy the machine is: wall times of a busy one are upper limits."""
    load, n_cores = os.getloadavg()[0], os.cpu_count() or 1
    note = "wall times below are upper limits" if load > 0.5 * n_cores else ""
    return Row(part="Machine", what="load average before", measured=f"{load:.1f} on {n_cores} cores", note=note)


def as_text(rows: list[Row]) -> str:
    """Return the table as aligned columns under a line per part."""
    cells = [_cells(row) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(1, 4)]
    lines, part = [], ""
    for row in cells:
        if row[0] != part:
            part = row[0]
            lines.append(f"\n{part}")
        body = "  ".join(text.ljust(width) for text, width in zip(row[1:4], widths, strict=True))
        lines.append(f"  {body}  {row[4]:7}  {row[5]}".rstrip())
    return "\n".join(lines).lstrip("\n")


def as_markdown(rows: list[Row]) -> str:
    """Return the table in markdown."""
    head = ["part", "what", "measured", "target", "met", "note"]
    lines = [head, ["---"] * len(head), *(_cells(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _cells(row: Row) -> list[str]:
    met = "" if row.is_met is None else "met" if row.is_met else "MISSED"
    return [row.part, row.what, row.measured, row.target, met, row.note]
