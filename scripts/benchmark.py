"""Measure what DESIGN.md section 5 promises and print one table; everything happens in temporary folders."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

PARTS = ("resampling", "base scale", "dynamics", "calibration", "lake", "pages", "claims", "internals")


def main(arguments: argparse.Namespace) -> int:
    """Print the table; return 0, 1 when a target is missed, or 2 after a message on stderr."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from cape.errors import CapeError
    from scripts.bench import base_scale, calibration, claims, dynamics, internals, lake, pages, stats
    from scripts.bench.common import as_markdown, as_text, machine

    measures = {
        "resampling": lambda folder: stats.measure(folder, is_quick=arguments.quick),
        "base scale": lambda folder: base_scale.measure(folder, is_quick=arguments.quick),
        "dynamics": lambda folder: dynamics.measure(folder, is_quick=arguments.quick),
        "calibration": lambda folder: calibration.measure(folder, is_quick=arguments.quick),
        "lake": lambda folder: lake.measure(folder, is_quick=arguments.quick, is_huge=arguments.huge),
        "pages": lambda folder: pages.measure(folder, is_quick=arguments.quick),
        "claims": lambda folder: claims.measure(folder, is_quick=arguments.quick),
        "internals": lambda folder: internals.measure(folder, is_quick=arguments.quick),
    }
    rows = [machine()]
    for part in arguments.only or PARTS:
        with tempfile.TemporaryDirectory(prefix="cape-benchmark-") as folder:
            try:
                rows += measures[part](Path(folder))
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
    parser.add_argument("--huge", action="store_true", help="a lake of 10^7 rows as well (about 20 GB of memory)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only; may be repeated")
    sys.exit(main(parser.parse_args()))
