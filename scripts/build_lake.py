"""Build the lake of $CAPE_LAKE, or the shipped one, and publish it."""

from __future__ import annotations

import argparse
import sys

from cape.lake import LakePaths
from cape.lake.commands import build_and_count, finish

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="build even when the published lake is current")
    force = parser.parse_args().force
    sys.exit(finish(lambda: build_and_count(LakePaths.from_environment(), force=force)))
