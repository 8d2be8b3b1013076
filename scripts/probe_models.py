"""Probe language models and store the shards: the same as `cape probe`. See `cape probe --help`."""

from __future__ import annotations

import sys

from cape.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["probe"]
    main()
