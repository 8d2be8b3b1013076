"""The lake: build, read, and the public SQL sandbox. The only package that imports DuckDB or executes SQL."""

from cape.lake.additions import AddReport, add_score, with_entries
from cape.lake.build import BuildReport, build_lake, is_current, published
from cape.lake.computed import command_of_computed, read_computed, write_computed
from cape.lake.entry import Addition, ScoreEntry, checked_entry, command_of
from cape.lake.own import OWN_SOURCE, OwnScores, own_scores, with_own
from cape.lake.paths import LakePaths
from cape.lake.public import EXAMPLES, public_database
from cape.lake.read import Lake
from cape.lake.sandbox import QueryResult, run_public_sql
from cape.lake.version import build_id, lake_version

__all__ = [
    "EXAMPLES",
    "OWN_SOURCE",
    "AddReport",
    "Addition",
    "BuildReport",
    "Lake",
    "LakePaths",
    "OwnScores",
    "QueryResult",
    "ScoreEntry",
    "add_score",
    "build_id",
    "build_lake",
    "checked_entry",
    "command_of",
    "command_of_computed",
    "is_current",
    "lake_version",
    "own_scores",
    "public_database",
    "published",
    "read_computed",
    "run_public_sql",
    "with_entries",
    "with_own",
    "write_computed",
]
