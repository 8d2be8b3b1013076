"""Benchmark 3: wall time of one run of every page, and memory of a server with every page open in eight browsers.

As a program (`python -m scripts.bench.pages n_repeats`) it measures the pages in its own process.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from scripts.bench.common import ROOT, Row, below, copy_shipped_lake, in_child
from scripts.bench.server import measure_memory

PART = "Pages"
FIRST_S, REDRAW_S, CHANGED_S = 2.0, 0.3, 1.0
TIMEOUT_S = 120


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return three rows per page, then the memory of the server."""
    root = copy_shipped_lake(folder)
    found = in_child("scripts.bench.pages", "2" if is_quick else "5", lake=root)
    rows = []
    for slug, seconds in found.items():
        rows.append(below(PART, f"{slug}: first draw", seconds["first"], most=FIRST_S))
        rows.append(below(PART, f"{slug}: redraw, same parameters", seconds["redraw"], most=REDRAW_S))
        if seconds["changed"] is None:
            rows.append(Row(part=PART, what=f"{slug}: redraw, another seed", measured="-", note="the page has no seed"))
        else:
            rows.append(below(PART, f"{slug}: redraw, another seed", seconds["changed"], most=CHANGED_S))
    return [*rows, measure_memory(root, tuple(found), is_quick=is_quick)]


def main(n_repeats: int) -> None:
    """Time every page in this process and print the result as JSON."""
    logging.disable(logging.WARNING)  # AppTest runs without a browser and says so each time
    import streamlit as st
    from streamlit.runtime.pages_manager import PagesManager

    from cape.diagnostics import DIAGNOSTICS
    from cape.lake import LakePaths, build_lake

    build_lake(LakePaths.from_environment())
    original = PagesManager.__init__

    def follow_the_router(self: PagesManager, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        PagesManager.uses_pages_directory = False  # AppTest forgets that the entry script calls st.navigation

    PagesManager.__init__ = follow_the_router  # type: ignore[method-assign]
    _timed(DIAGNOSTICS[0].slug, 1)  # imports and the theme are paid once per server, not per page
    found = {}
    for diagnostic in DIAGNOSTICS:
        st.cache_resource.clear()
        found[diagnostic.slug] = _timed(diagnostic.slug, n_repeats)
    sys.stdout.write(json.dumps(found) + "\n")


def _timed(slug: str, n_repeats: int) -> dict[str, float | None]:
    """Return seconds of the first run, and the least of n_repeats runs with the same and with another seed."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=TIMEOUT_S).switch_page(f"pages/{slug}.py")
    first = _run(app)
    redraw = min(_run(app) for _ in range(n_repeats))
    changed = []
    for seed in range(1, n_repeats + 1):
        control = next((each for each in app.number_input if each.key == "seed"), None)
        if control is not None:
            control.set_value(seed)
            changed.append(_run(app))
    return {"first": first, "redraw": redraw, "changed": min(changed, default=None)}


def _run(app: Any) -> float:
    started = time.perf_counter()
    app.run()
    seconds = time.perf_counter() - started
    if app.exception or app.error:
        raise RuntimeError((app.exception or app.error)[0].message)
    return seconds


if __name__ == "__main__":
    main(int(sys.argv[1]))
