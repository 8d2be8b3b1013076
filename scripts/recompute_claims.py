"""Judge every claim anew, store verdicts and default estimates under lake/computed, and build the lake."""

from __future__ import annotations

import sys
import time

from cape import ledger
from cape.errors import CapeError
from cape.lake import LakePaths


def main() -> int:
    """Return 0, or 2 after a message on stderr."""
    started = time.perf_counter()
    try:
        version = ledger.store(LakePaths.from_environment())
    except CapeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Lake {version}: verdicts and estimates stored in {time.perf_counter() - started:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
