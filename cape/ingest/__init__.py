"""Files that people have, turned into validated tables; no database here.

A reader either returns a whole table or raises IngestError with the file, the row, the column and what to do.
"""

from __future__ import annotations

from cape.ingest.observations import check_cells, read_text_table
from cape.ingest.score_table import read_score_table

__all__ = ["check_cells", "read_score_table", "read_text_table"]
