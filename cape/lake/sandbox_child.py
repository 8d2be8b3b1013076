"""The process that runs one public SQL query: limits itself, checks the query, answers, ends.

Run as a script (`python -I sandbox_child.py`) by `cape.lake.sandbox`. It imports the standard library and DuckDB
only, so that it starts in about 0.15 s and holds none of the application's state. A JSON request comes on stdin,
one JSON reply goes to stdout.

Why the query is checked on its parse tree. DuckDB's settings stop files, addresses, COPY, ATTACH and SET, but not
temporary tables, CHECKPOINT, or functions and views that describe the host (`duckdb_settings()`, the view
`pragma_database_list`). Matching text against a list of words is fooled by comments, quoting and aliases, and
refuses innocent strings. `json_serialize_sql` hands back the tree that DuckDB itself parsed and serialises nothing
but SELECT, so statement kind, table names and function names are read where they mean something:
- tables: a list of what is allowed (the tables and views of this database, and names that a WITH defines), because
  any other name is a system view or a file;
- table functions: a list of what is allowed, because nearly all of them read files or describe the host;
- other functions: a list of what is refused, because nearly all of them are arithmetic on their arguments.
Views and macros stored in the database are trusted; only what the user wrote is walked.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import duckdb

ADDRESS_SPACE_BYTES = 640 * 2**20  # DuckDB at memory_limit 256MB peaked at 533 MB of address space in trials
CPU_GRACE_S = 2  # seconds of processor time beyond the timeout, for starting and for the reply
INTERRUPT_EVERY_S = 0.05  # an interrupt between two statements is lost, so it is repeated
THREAD_STACK_BYTES = 256 * 2**10
ROWS_PER_FETCH = 500

SETTINGS = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "memory_limit": "256MB",
    "threads": "1",
    "max_temp_directory_size": "0B",
    "temp_directory": "",
}

TABLE_REFERENCES = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"}
)
TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
SHOWABLE = frozenset({'"tables"', "__show_tables_expanded"})
# Prefixes of functions that describe the host or the process, or that read files.
REFUSED_PREFIXES = ("duckdb_", "pragma_", "pg_", "read_", "parquet_", "inet_", "sqlite_", "icu_collate_")
HARMLESS = frozenset({"pg_typeof", "pg_size_pretty", "parquet_version"})
# Other functions that wait, write, describe the process, or take SQL as text. Table functions need no entry here.
REFUSED_FUNCTIONS = frozenset(
    {
        "current_query",
        "current_setting",
        "format_type",
        "get_block_size",
        "getenv",
        "getvariable",
        "json_deserialize_sql",
        "json_serialize_plan",
        "json_serialize_sql",
        "parse_duckdb_log_message",
        "sleep_ms",
        "write_log",
    }
)
# Types whose values go into the reply as they are; every other type is cast to text by DuckDB.
JSON_TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"FLOAT", "DOUBLE", "VARCHAR"}
)
EXPLAIN_HEAD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\b(?P<analyze>\s+analyze\b)?", re.I | re.S)
READ_ONLY_ADVICE = "Write one SELECT (it may start with WITH or FROM) or EXPLAIN of one SELECT."


class Refused(Exception):
    """The query is not one that this process runs; the message goes to the user."""


def _lower_limit(which: int, wanted: int) -> None:
    """Set both limits of a resource to `wanted`, or leave a lower one that is already in force."""
    hard = resource.getrlimit(which)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (value, value))


def limit_process(timeout_s: float) -> None:
    """Bound processor time, address space and core size, and forbid writing to any regular file."""
    _lower_limit(resource.RLIMIT_CPU, math.ceil(timeout_s) + CPU_GRACE_S)
    _lower_limit(resource.RLIMIT_AS, ADDRESS_SPACE_BYTES)
    _lower_limit(resource.RLIMIT_FSIZE, 0)
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_NOFILE, 32)


def seal_process() -> None:
    """Forbid new file descriptors (files, sockets, pipes) and new processes; what is open stays open."""
    _lower_limit(resource.RLIMIT_NOFILE, 0)
    _lower_limit(resource.RLIMIT_NPROC, 0)


def open_database(path: str) -> duckdb.DuckDBPyConnection:
    """Open the file read-only with every guard set, then lock the settings."""
    connection = duckdb.connect(path, read_only=True, config=dict(SETTINGS))
    connection.execute("set lock_configuration = true")
    return connection


def watch(connection: duckdb.DuckDBPyConnection, *, timeout_s: float) -> tuple[threading.Event, threading.Event]:
    """Start the thread that interrupts the connection after timeout_s; return its (finished, expired) events."""
    finished, expired = threading.Event(), threading.Event()

    def interrupt() -> None:
        if finished.wait(timeout_s):
            return
        expired.set()
        while not finished.wait(INTERRUPT_EVERY_S):
            connection.interrupt()

    threading.stack_size(THREAD_STACK_BYTES)
    threading.Thread(target=interrupt, daemon=True).start()
    return finished, expired


def single_statement(query: str) -> duckdb.Statement:
    """Return the only statement of a text; raises Refused for none, several, or a kind other than SELECT, EXPLAIN."""
    if "\0" in query:
        raise Refused("The query contains a NUL character. Remove it.")
    statements = duckdb.extract_statements(query)
    if not statements:
        raise Refused(f"There is no statement in the query. {READ_ONLY_ADVICE}")
    if len(statements) > 1:
        raise Refused(
            f"{len(statements)} statements were found (a PIVOT without IN (...) counts as two) and one is allowed. "
            f"{READ_ONLY_ADVICE}"
        )
    kind = statements[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        name = kind.name if kind.name != "???" else "this kind"
        raise Refused(f"A statement of {name} is not allowed: the box only reads. {READ_ONLY_ADVICE}")
    return statements[0]


def split_explain(query: str) -> tuple[str, str]:
    """Return ("explain" or "explain analyze", the explained text); raises Refused if the head is not plain."""
    head = EXPLAIN_HEAD.match(query)
    if head is None or not query[head.end() :].strip(" ;\n\t"):
        raise Refused(
            "This form of EXPLAIN is not allowed. Write EXPLAIN or EXPLAIN ANALYZE followed by one SELECT, "
            "with no comment before it."
        )
    return ("explain analyze" if head["analyze"] else "explain"), query[head.end() :]


def parse_tree(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """Return DuckDB's own tree of one SELECT; raises Refused for whatever is not one SELECT."""
    # A bound parameter would make DuckDB's Python layer import numpy (0.25 s); this text is quoted, never executed.
    quoted = query.replace("'", "''")
    row = connection.execute(f"select json_serialize_sql('{quoted}')").fetchone()
    try:
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    except RecursionError as error:
        raise Refused("The query is nested too deeply to be checked. Split it into named WITH steps.") from error
    if tree["error"] or len(tree["statements"]) != 1:
        found = tree.get("error_message", "no single SELECT")
        raise Refused(f"The query cannot be read as one SELECT ({found}). {READ_ONLY_ADVICE}")
    return tree["statements"][0]


def _names(connection: duckdb.DuckDBPyConnection, query: str) -> frozenset[str]:
    return frozenset(name.lower() for (name,) in connection.execute(query).fetchall())


def check_tree(connection: duckdb.DuckDBPyConnection, tree: dict[str, Any]) -> None:
    """Walk a parse tree; raises Refused at the first table, table function or function that is not allowed."""
    either = "select view_name from duckdb_views() where {0} union all select table_name from duckdb_tables() where {0}"
    tables = _names(connection, either.format("not internal"))
    system = _names(connection, either.format("internal"))
    spaces = "select current_database() union select schema_name from duckdb_schemas() where not internal"
    qualifiers = (_names(connection, spaces) | {"main"}) - {"information_schema", "pg_catalog", "system", "temp"}
    for node, defined in _nodes(tree):
        shadows = sorted(defined & system)
        if shadows:
            raise Refused(f"WITH may not define {shadows[0]!r}: it is the name of a system view. Choose another name.")
        _check_function(node)
        if "sample" in node and "alias" in node:
            _check_reference(node, tables=tables | defined, qualifiers=qualifiers)


def _nodes(tree: dict[str, Any]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every object of a tree with the WITH names that are in scope there (lower case), without recursion."""
    waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, defined = waiting.pop()
        if isinstance(node, list):
            waiting.extend((child, defined) for child in node)
        elif isinstance(node, dict):
            entries = (node.get("cte_map") or {}).get("map", [])
            names = {entry["key"].lower() for entry in entries} | {str(node.get("cte_name") or "").lower()}
            inside = defined | (names - {""})
            yield node, inside
            waiting.extend((child, inside) for child in node.values())


def _check_function(node: dict[str, Any]) -> None:
    """Raise Refused if an object of the tree calls a function that is refused."""
    name = str(node.get("function_name") or "").lower()
    refused = name in REFUSED_FUNCTIONS or (name.startswith(REFUSED_PREFIXES) and name not in HARMLESS)
    if refused:
        raise Refused(
            f"The function {name}() is not allowed here: it reads files, describes the host, changes state or waits. "
            "Read the tables and views that SHOW TABLES lists."
        )


def _check_reference(node: dict[str, Any], *, tables: frozenset[str], qualifiers: frozenset[str]) -> None:
    """Raise Refused if an item of FROM is neither a known table or view nor an allowed table function."""
    kind = node.get("type")
    if kind not in TABLE_REFERENCES:
        raise Refused(f"This form of FROM ({kind}) is not allowed. Read a table, a view or a subquery.")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name") or "?").lower()
        if name not in TABLE_FUNCTIONS:
            allowed = ", ".join(sorted(TABLE_FUNCTIONS))
            raise Refused(f"The table function {name}() is not allowed here. Allowed are: {allowed}.")
    if kind == "SHOW_REF" and node.get("query") is None and node.get("table_name") not in SHOWABLE:
        raise Refused("This form of SHOW is not allowed. Use SHOW TABLES, DESCRIBE <table> or SUMMARIZE <table>.")
    if kind == "BASE_TABLE":
        _check_table(node, tables=tables, qualifiers=qualifiers)


def _check_table(node: dict[str, Any], *, tables: frozenset[str], qualifiers: frozenset[str]) -> None:
    """Raise Refused if a named table is not one of `tables`, or is looked for outside the known schemas."""
    spaces = {str(node.get(part) or "").lower() for part in ("catalog_name", "schema_name")} - {""}
    name = str(node.get("table_name") or "")
    if not spaces <= qualifiers:
        outside = ".".join(sorted(spaces - qualifiers))
        raise Refused(f"The schema {outside!r} is not allowed here. Read the tables that SHOW TABLES lists.")
    if name.lower() not in tables:
        raise Refused(
            f"There is no table or view {name!r} here (files, addresses and system tables cannot be read). "
            "SHOW TABLES lists what there is."
        )


def select_columns(connection: duckdb.DuckDBPyConnection, query: str, *, row_cap: int) -> dict[str, Any]:
    """Run a checked SELECT; return columns, DuckDB types and a cursor over at most row_cap + 1 rows."""
    relation = connection.sql(query)
    types = [str(kind) for kind in relation.types]
    casts = [
        f"#{place}" if kind in JSON_TYPES else f"cast(#{place} as varchar)" for place, kind in enumerate(types, start=1)
    ]
    named = [f"{cast} as c{place}" for place, cast in enumerate(casts)]
    # A large LIMIT stays a stop to the scan and keeps the order that the query asked for.
    rows = relation.project(", ".join(named)).limit(row_cap + 1)
    return {"columns": list(relation.columns), "types": types, "fetch": rows.fetchmany}


def explain_columns(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """Run a checked EXPLAIN; return its two text columns."""
    cursor = connection.execute(query)
    columns = [column[0] for column in cursor.description or []]
    return {"columns": columns, "types": ["VARCHAR"] * len(columns), "fetch": cursor.fetchmany}


def fetch_rows(fetch: Callable[[int], list[tuple[Any, ...]]], *, row_cap: int, byte_cap: int) -> tuple[list[str], bool]:
    """Return the rows as JSON texts and whether there were more; raises Refused beyond byte_cap bytes."""
    texts: list[str] = []
    size = 0
    while rows := fetch(ROWS_PER_FETCH):
        for row in rows:
            texts.append(json.dumps(row, ensure_ascii=False))
            size += len(texts[-1].encode()) + 1
        if size > byte_cap:
            raise Refused(
                f"The answer is larger than {byte_cap / 1e6:g} MB. Select fewer columns or rows, or aggregate first."
            )
        if len(texts) > row_cap:
            return texts[:row_cap], True
    return texts, False


def answer(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> Iterable[str]:
    """Check and run the query of a request; return the pieces of the reply's JSON text."""
    query = request["query"]
    if single_statement(query).type == duckdb.StatementType.EXPLAIN:
        head, inner = split_explain(query)
        check_tree(connection, parse_tree(connection, inner))
        result = explain_columns(connection, f"{head} {inner}")
    else:
        check_tree(connection, parse_tree(connection, query))
        result = select_columns(connection, query, row_cap=request["row_cap"])
    rows, truncated = fetch_rows(result["fetch"], row_cap=request["row_cap"], byte_cap=request["byte_cap"])
    reply = {"ok": True, "columns": result["columns"], "types": result["types"], "truncated": truncated}
    return [json.dumps(reply, ensure_ascii=False)[:-1], ', "rows": [', ",".join(rows), "]}"]


def refusal(error: Exception, *, expired: bool, timeout_s: float) -> Iterable[str]:
    """Return the reply for a query that was refused, failed, ran too long or needed too much memory."""
    if expired:
        text = f"The query ran longer than {timeout_s:g} s and was stopped. Filter or aggregate earlier."
    elif isinstance(error, (MemoryError, duckdb.OutOfMemoryException)):
        text = (
            f"The query needed more than its {SETTINGS['memory_limit']} of memory and was stopped. "
            "Filter or aggregate before joining or sorting."
        )
    else:
        text = str(error).split("\n\n")[0]
    return [json.dumps({"ok": False, "message": text})]


def main() -> None:
    """Read the request, answer it, write the reply to what was stdout when the process started."""
    request = json.load(sys.stdin)
    timeout_s = float(request["timeout_s"])
    reply_to = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # nothing but the reply may reach the parent
    limit_process(timeout_s)
    connection = open_database(request["database"])
    finished, expired = watch(connection, timeout_s=timeout_s)
    seal_process()
    try:
        pieces = answer(connection, request)
    except (Refused, duckdb.Error, MemoryError, RuntimeError) as error:
        pieces = refusal(error, expired=expired.is_set(), timeout_s=timeout_s)
    finished.set()
    with os.fdopen(reply_to, "w", encoding="utf-8") as stream:
        stream.writelines(pieces)


if __name__ == "__main__":
    main()
