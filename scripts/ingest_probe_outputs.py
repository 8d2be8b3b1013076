"""Land probe outputs in the lake, then build it: shards of `cape probe`, or a CSV with model_id, probe and value.

A CSV may also hold layer, n_prompts and notes; its instrument is then read from what source and rows say.
"""

from __future__ import annotations

import sys

from cape.lake.commands import finish, ingest, ingest_request

if __name__ == "__main__":
    request = ingest_request(__doc__, table="probes")
    sys.exit(finish(lambda: ingest(request)))
