"""Land a CSV of scores of base models in the lake, then build it.

Rows of models whose registry kind is frontier are refused: scripts/ingest_frontier_scores.py takes those.
"""

from __future__ import annotations

import sys

from cape.lake.commands import finish, ingest, ingest_request

if __name__ == "__main__":
    request = ingest_request(__doc__, table="scores")
    sys.exit(finish(lambda: ingest(request, refused_kind="frontier")))
