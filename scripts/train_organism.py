"""Train the model organism, or what is still missing of it, and compare with the shipped scores.

The same as `cape organism train`; exit code 1 when the new run lies outside the seed noise of the shipped one.
"""

from __future__ import annotations

import sys

from cape.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["organism", "train"]
    main()
