"""Land a CSV of probe outputs (model_id, probe, value, layer, n_prompts, notes) in the lake, then build it."""

from __future__ import annotations

import sys

from cape.lake.commands import finish, ingest, ingest_request

if __name__ == "__main__":
    request = ingest_request(__doc__, table="probes")
    sys.exit(finish(lambda: ingest(request)))
