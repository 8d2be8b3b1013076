"""Measure what DESIGN.md section 5 promises and print one table; everything happens in temporary folders."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

PARTS = ("resampling", "base scale", "dynamics", "calibration", "lake", "items", "ingest", "pages", "claims")
HEAVY_PARTS = ("internals", "steering")  # say so where torch is absent
MODULES = {"resampling": "stats"}
HUGE = ("lake", "items")  # parts with a larger size on request


def main(arguments: argparse.Namespace) -> int:
    """Print the table; return 0, 1 when a target is missed, or 2 after a message on stderr."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from cape.errors import CapeError
    from scripts.bench.common import as_markdown, as_text, machine

    rows = [machine()]
    for part in arguments.only or (*PARTS, *HEAVY_PARTS):
        measured = importlib.import_module(f"scripts.bench.{MODULES.get(part, part.replace(' ', '_'))}")
        more = {"is_huge": arguments.huge} if part in HUGE else {}
        with tempfile.TemporaryDirectory(prefix="cape-benchmark-") as folder:
            try:
                rows += measured.measure(Path(folder), is_quick=arguments.quick, **more)
            except CapeError as error:
                sys.stderr.write(f"{part}: {error}\n")
                return 2
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print(as_markdown(rows) if arguments.markdown else as_text(rows))
    return 1 if any(row.is_met is False for row in rows) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print a markdown table")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, lakes of up to 10^5 rows")
    parser.add_argument("--huge", action="store_true", help="10^7 scores (about 20 GB) and 5 x 10^7 items as well")
    parser.add_argument(
        "--only", action="append", choices=(*PARTS, *HEAVY_PARTS), help="measure this part only; may be repeated"
    )
    sys.exit(main(parser.parse_args()))
