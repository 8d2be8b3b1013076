"""The public SQL box: ordinary questions are answered, everything else is refused in bounded time."""

from __future__ import annotations

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from cape.errors import BadParameterError, LakeNotBuiltError, QueryRefusedError
from cape.lake import sandbox, sandbox_child
from cape.lake.sandbox import QueryResult, run_public_sql
from tests.lake.sandbox_attacks import OTHER_STATEMENTS, READS_FILES, SHOWS_HOST, TOO_MUCH, TRICKS

N_ROWS = 20_000
PATH_LIKE = re.compile(r"(?<![\w)\]*/])/+[\w.~-]")
MODULES = (Path(sandbox.__file__), Path(sandbox_child.__file__))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("box") / "marts.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table mart_scores as select i as model, i % 7 as family, i / 100.0::double as score "
            f"from range({N_ROWS}) as r(i)"
        )
        connection.execute("create view mart_top as select * from mart_scores where score > 100 order by score desc")
        connection.execute("create schema extra")
        connection.execute("create table extra.mart_notes as select 'a' as note")
        connection.execute("create table extra.tables as select 1 as x")  # a system view has this name too
    path.with_name("secret.csv").write_text("secret\n42\n")
    return path


def ask(database: Path, query: str, **options: float) -> QueryResult:
    return run_public_sql(database, query, **options)


@pytest.mark.parametrize("query", READS_FILES + OTHER_STATEMENTS + TRICKS + SHOWS_HOST)
def test_a_statement_that_is_not_a_plain_question_is_refused(database: Path, query: str) -> None:
    started = time.perf_counter()
    with pytest.raises(QueryRefusedError) as caught:
        ask(database, query)
    assert time.perf_counter() - started < 5
    message = str(caught.value)
    assert len(message) > 20
    assert not PATH_LIKE.search(message), message
    assert database.parent.as_posix() not in message


@pytest.mark.parametrize("query", TOO_MUCH)
def test_a_question_that_takes_too_much_is_stopped(database: Path, query: str) -> None:
    started = time.perf_counter()
    with pytest.raises(QueryRefusedError, match=r"ran longer|memory|larger|not allowed|ended without"):
        ask(database, query, timeout_s=1.0)
    assert time.perf_counter() - started < 1.0 + sandbox.GRACE_S + 2


@pytest.mark.parametrize(
    ("query", "guard"),
    [
        ("select 1; select 2", "2 statements"),
        ("with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c", "was stopped"),
        ("select length(repeat('x', 1000000000))", "memory"),
        ("select repeat('x', 3000000) from range(5)", "aggregate first"),
    ],
)
def test_the_child_is_stopped_by_its_own_guard_before_the_parents(database: Path, query: str, guard: str) -> None:
    with pytest.raises(QueryRefusedError, match=guard):
        ask(database, query, timeout_s=1.0)


def test_no_attack_changed_the_database_or_left_a_file(database: Path) -> None:
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    for query in ("drop table mart_scores", "checkpoint", "create temp table t as select 1", "select 1"):
        try:
            ask(database, query)
        except QueryRefusedError:
            assert query != "select 1"
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert sorted(each.name for each in database.parent.iterdir()) == ["marts.duckdb", "secret.csv"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select 1 as a; -- a remark", [(1,)]),
        ("/* a remark */ select ';' as a", [(";",)]),
        ("select 'read_csv(duckdb_settings())' as a", [("read_csv(duckdb_settings())",)]),
        ("select count(*) from mart_scores", [(N_ROWS,)]),
        ("from mart_top select model limit 1", [(N_ROWS - 1,)]),
        ("with a as (select max(score) as m from mart_scores) select m from a", [(199.99,)]),
        ("with recursive c(n) as (select 1 union all select n + 1 from c where n < 5) select max(n) from c", [(5,)]),
        ("select model, row_number() over (order by score desc) from mart_scores order by 2 limit 1", [(19999, 1)]),
        ("select list(model order by model)[1:2]::varchar from mart_scores where model < 3", [("[0, 1]",)]),
        ("select [x * 2 for x in [1, 2]]::varchar", [("[2, 4]",)]),
        ("select a.model from mart_scores a join mart_scores b using (model) order by 1 limit 1", [(0,)]),
        ("select * from extra.mart_notes", [("a",)]),
        ("select note from marts.extra.mart_notes", [("a",)]),
        ("select min(model) from main.mart_scores", [(0,)]),
        ("values (1), (2)", [(1,), (2,)]),
        ("select unnest([1, 2])", [(1,), (2,)]),
        ("select * from range(2)", [(0,), (1,)]),
        ("select 1 / 4 union all select 2 order by 1", [(0.25,), (2.0,)]),
        ("show tables", [("mart_scores",), ("mart_top",)]),
        (
            "select median(score), stddev(score) > 0, regr_slope(score, model) > 0 from mart_scores",
            [(99.995, True, True)],
        ),
        ("select 1 where false", []),
    ],
)
def test_ordinary_questions_are_answered(database: Path, query: str, expected: list[tuple[object, ...]]) -> None:
    result = ask(database, query)
    assert result.frame.rows() == expected
    assert not result.truncated
    assert 0 < result.seconds < 5


@pytest.mark.parametrize(
    ("query", "height"), [("describe mart_scores", 3), ("summarize mart_scores", 3), ("show all tables", 4)]
)
def test_the_tables_can_be_described(database: Path, query: str, height: int) -> None:
    assert ask(database, query).frame.height == height


@pytest.mark.parametrize("head", ["explain", "EXPLAIN ANALYZE", "-- why\nexplain"])
def test_the_plan_of_a_question_is_shown(database: Path, head: str) -> None:
    result = ask(database, f"{head} select family, avg(score) from mart_scores group by family;")
    assert result.columns == ("explain_key", "explain_value")
    assert "mart_scores" in result.frame["explain_value"][0]
    assert database.parent.as_posix() not in result.frame["explain_value"][0]


def test_rows_beyond_the_cap_are_cut_and_reported_in_the_order_asked_for(database: Path) -> None:
    result = ask(database, "select model from mart_scores order by model desc", row_cap=10)
    assert result.truncated
    assert result.frame["model"].to_list() == list(range(N_ROWS - 1, N_ROWS - 11, -1))
    exact = ask(database, "select model from mart_scores limit 10", row_cap=10)
    assert (exact.frame.height, exact.truncated) == (10, False)


def test_a_huge_number_of_rows_is_cut_without_being_computed(database: Path) -> None:
    result = ask(database, "select * from range(1000000000000)")
    assert (result.frame.height, result.truncated) == (5_000, True)


def test_common_types_come_back_typed_and_the_others_as_text(database: Path) -> None:
    result = ask(
        database,
        "select 1::bigint as big, 2::integer as whole, 0.1::double as real, 'é\"\\' as word, true as flag, "
        "date '2024-02-29' as day, timestamp '2024-01-02 03:04:05.25' as moment, 1.50::decimal(4, 2) as price, "
        "170141183460469231731687303715884105727::hugeint as huge, '\\xAA'::blob as bytes, [[1], [null]] as nested, "
        "{'a': 1} as record, now() as zoned, interval 1 day as pause, null as nothing",
    )
    frame = result.frame
    assert frame.schema["big"] == pl.Int64
    assert frame.schema["whole"] == pl.Int32
    assert frame.schema["day"] == pl.Date
    assert frame.schema["moment"] == pl.Datetime("us")
    assert frame.row(0)[:12] == (
        1,
        2,
        0.1,
        'é"\\',
        True,
        date(2024, 2, 29),
        datetime(2024, 1, 2, 3, 4, 5, 250_000),
        "1.50",
        "170141183460469231731687303715884105727",
        "\\xAA",
        "[[1], [NULL]]",
        "{'a': 1}",
    )
    assert frame["nothing"].to_list() == [None]
    assert result.types[:9] == (
        *("BIGINT", "INTEGER", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(4,2)", "HUGEINT"),
    )


def test_numbers_that_json_lacks_and_nulls_survive(database: Path) -> None:
    query = "select unnest(['nan'::double, 'inf'::double, '-inf'::double, null, 1e308]) as x"
    values = ask(database, query).frame["x"].to_list()
    assert values[0] != values[0]
    assert values[1:] == [float("inf"), float("-inf"), None, 1e308]


def test_a_date_outside_the_calendar_leaves_its_column_as_text(database: Path) -> None:
    result = ask(database, "select unnest(['infinity'::date, date '2024-01-01']) as day")
    assert result.types == ("DATE",)
    assert result.frame["day"].to_list() == ["infinity", "2024-01-01"]


def test_repeated_column_names_are_told_apart(database: Path) -> None:
    result = ask(database, "select 1 as a, 2 as a, 3 as a_2")
    assert result.columns == ("a", "a_2", "a_2_2")
    assert result.frame.row(0) == (1, 2, 3)


def test_an_empty_answer_keeps_its_columns(database: Path) -> None:
    result = ask(database, "select model, date '2024-01-01' as day from mart_scores where false")
    assert result.frame.schema == {"model": pl.Int64, "day": pl.Date}


def test_eight_questions_at_once_are_all_answered(database: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(database, f"select sum(model * {n})::bigint from mart_scores"), range(8)))
    total = N_ROWS * (N_ROWS - 1) // 2
    assert [answer.frame.item() for answer in answers] == [total * n for n in range(8)]


def test_a_message_about_a_wrong_name_helps(database: Path) -> None:
    with pytest.raises(QueryRefusedError, match="SHOW TABLES"):
        ask(database, "select * from mart_score")
    with pytest.raises(QueryRefusedError, match="scor"):
        ask(database, "select scor from mart_scores")


def test_parameters_and_a_missing_database_are_reported(database: Path) -> None:
    with pytest.raises(BadParameterError, match="row_cap"):
        ask(database, "select 1", row_cap=0)
    with pytest.raises(BadParameterError, match="timeout_s"):
        ask(database, "select 1", timeout_s=0)
    with pytest.raises(LakeNotBuiltError, match=r"other\.duckdb"):
        ask(database.with_name("other.duckdb"), "select 1")


def test_a_child_that_does_not_stop_by_itself_is_killed(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(sandbox, "CHILD", stuck)
    started = time.perf_counter()
    with pytest.raises(QueryRefusedError, match="ended"):
        ask(database, "select 1", timeout_s=0.2)
    assert time.perf_counter() - started < 4


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import os; os.abort()", "print('{')"])
def test_a_child_that_dies_without_an_answer_is_a_refusal(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(body)
    monkeypatch.setattr(sandbox, "CHILD", broken)
    with pytest.raises(QueryRefusedError, match="without an answer"):
        ask(database, "select 1")


def test_a_child_that_floods_is_cut_off(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = tmp_path / "flood.py"
    flood.write_text("import sys\nwhile True:\n    sys.stdout.write('x' * 100000)\n")
    monkeypatch.setattr(sandbox, "CHILD", flood)
    with pytest.raises(QueryRefusedError, match="larger than 8 MB"):
        ask(database, "select 1")


def test_the_child_holds_no_environment_and_starts_in_an_empty_folder(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, os\n"
        "row = [','.join(sorted(os.environ)), str(len(os.listdir('.')))]\n"
        "print(json.dumps({'ok': True, 'columns': ['names', 'files'], 'types': ['VARCHAR'] * 2,"
        " 'truncated': False, 'rows': [row]}))\n"
    )
    monkeypatch.setattr(sandbox, "CHILD", spy)
    names, files = ask(database, "select 1").frame.row(0)
    assert set(names.split(",")) <= {"HOME", "LC_ALL", "MALLOC_ARENA_MAX", "TZ"}
    assert files == "0"


def test_a_sealed_process_opens_no_file_and_starts_no_process(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = tmp_path / "tried.py"
    tried.write_text(
        f"import json, os, socket, sys\nsys.path.insert(0, {str(MODULES[1].parent)!r})\n"
        "import sandbox_child as child\nchild.limit_process(1.0)\nchild.seal_process()\nrow = []\n"
        "for attempt in (lambda: os.open('/etc/hostname', os.O_RDONLY), socket.socket, os.pipe):\n"
        "    try:\n        attempt()\n        row.append('done')\n"
        "    except OSError:\n        row.append('refused')\n"
        "print(json.dumps({'ok': True, 'columns': ['file', 'socket', 'pipe'], 'types': ['VARCHAR'] * 3,"
        " 'truncated': False, 'rows': [row]}))\n"
    )
    monkeypatch.setattr(sandbox, "CHILD", tried)
    assert ask(database, "select 1").frame.row(0) == ("refused",) * 3


def test_settings_alone_also_stop_files_attachments_and_changes(database: Path) -> None:
    with sandbox_child.open_database(str(database)) as connection:
        for query in (
            "from '/etc/passwd'",
            "select * from read_text('/etc/passwd')",
            "copy mart_scores to 'out.csv'",
            "attach 'other.duckdb'",
            "install httpfs",
            "set threads = 4",
            "drop table mart_scores",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query).fetchall()


def test_every_function_that_sounds_like_the_host_was_looked_at() -> None:
    """A new DuckDB with a new function of this kind must be looked at before it serves."""
    sounds = re.compile(
        r"setting|secret|env|path|file|log|checkpoint|read|write|sql|sleep|query|database|variable|host"
    )
    harmless = {
        *("current_catalog", "current_database", "current_query_id", "has_database_privilege", "in_search_path"),
        *("json_extract_path", "json_extract_path_text", "log", "log10", "log2", "parse_dirpath", "parse_filename"),
        "parse_path",
    }
    with duckdb.connect() as connection:
        names = connection.execute(
            "select distinct function_name from duckdb_functions() "
            "where function_type in ('scalar', 'macro', 'aggregate')"
        ).fetchall()
    for name in sorted(name for (name,) in names if sounds.search(name)):
        refused = name in sandbox_child.REFUSED_FUNCTIONS or name.startswith(sandbox_child.REFUSED_PREFIXES)
        assert refused or name in harmless, name


def test_the_child_imports_only_the_standard_library_and_duckdb() -> None:
    found = set(re.findall(r"^(?:import|from) ([\w.]+)", MODULES[1].read_text(), re.M))
    assert found == {
        *("__future__", "collections.abc", "duckdb", "json", "math", "os", "re", "resource", "sys"),
        *("threading", "typing"),
    }
