"""Write the generated parts of README.md; with --check, only say whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from cape.docs import written
from cape.lake import Lake

README = Path(__file__).resolve().parent.parent / "README.md"


def main(arguments: list[str]) -> int:
    """Return 0, or 1 when --check finds the README out of date."""
    text = README.read_text(encoding="utf-8")
    fresh = written(text, Lake.ensure())
    if "--check" in arguments:
        if fresh == text:
            return 0
        sys.stderr.write("README.md is out of date. Run `make docs`.\n")
        return 1
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
