"""The copy of the lake that strangers may query: marts as tables and nothing else."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import duckdb

EXAMPLES = {
    "Steps of one family": "select models_from, models_to, gamma, gamma_low, gamma_high, phase\nfrom mart_gamma\n"
    "where panel = 'author' and family = 'Pythia' and x = 'hellaswag' and y = 'truthfulqa_as_printed'\n"
    "order by step_no",
    "Phases by panel": "select panel, phase, count(*) as n_intervals\nfrom mart_gamma\n"
    "where x = 'hellaswag' and y like 'truthfulqa%'\ngroup by panel, phase\norder by panel, phase",
    "Widest disagreements": "select model_id, benchmark_id, source_id, score_pct, resolved_pct, spread_pct\n"
    "from mart_score_conflicts\norder by spread_pct desc\nlimit 50",
    "Claims by verdict": "select reproduced, supported, count(*) as n_claims\nfrom mart_claims\n"
    "group by reproduced, supported\norder by n_claims desc",
    "Where a number comes from": "select model_id, score_pct, source_id, source_file, file_row, source_url\n"
    "from mart_scores\nwhere panel = 'author' and benchmark_id = 'truthfulqa_as_printed'",
}


def public_database(database: Path) -> Path:
    """Return the marts-only copy of a built lake, making it beside the file on first use.

    Processes and threads that ask at once take turns by a file lock; all get the same whole file.
    """
    target = database.with_name(database.name.replace("cape-", "public-", 1))
    if target.is_file():
        return target
    with (database.parent / ".public.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_file():
            _copy_marts(database, target)
    return target


def _copy_marts(database: Path, target: Path) -> None:
    """Write the copy under a draft name and rename it; the caller holds the lock."""
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    connection = duckdb.connect(str(draft), config={"threads": 1})
    try:
        connection.execute(f"attach '{quoted(database)}' as built (read_only)").fetchall()
        own = connection.execute("select current_database()").fetchone()
        copy = f'"{own[0]}"' if own else ""
        names = connection.execute(
            "select view_name from duckdb_views() where database_name = 'built' and starts_with(view_name, 'mart_') "
            "union all select table_name from duckdb_tables() "
            "where database_name = 'built' and starts_with(table_name, 'mart_') order by 1"
        ).fetchall()
        connection.execute("use built").fetchall()
        for (name,) in names:
            connection.execute(f"create table {copy}.{name} as select * from built.{name}").fetchall()
        connection.execute(f"use {copy}").fetchall()
        connection.execute("detach built").fetchall()
    finally:
        connection.close()
    os.replace(draft, target)


def quoted(path: Path) -> str:
    """Return a path for a single-quoted SQL literal."""
    return str(path).replace("'", "''")
