"""Search symbolic laws for the stored selections, keep them under lake/computed/symbolic_laws and build the lake."""

from __future__ import annotations

import sys
import time

from cape.diagnostics._law_search import store_searches
from cape.errors import CapeError
from cape.lake import LakePaths


def main() -> int:
    """Return 0, or 2 after a message on stderr."""
    started = time.perf_counter()
    try:
        version = store_searches(LakePaths.from_environment(), tell=lambda text: sys.stdout.write(f"{text}\n"))
    except CapeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Lake {version}: laws stored in {time.perf_counter() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
