"""A score table is read exactly as delivered, or refused at the first offending place."""

from __future__ import annotations

import csv
import io
import string
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cape.errors import IngestError
from cape.ingest import observations, read_score_table, read_text_table
from cape.ingest.score_table import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from cape.lake.tables import SCORES

KNOWN = {("hellaswag", ""): 25.0, ("truthfulqa", "mc1"): 22.6, ("truthfulqa", "mc2"): 44.6, ("gsm8k", ""): 0.0}
HEAD = "model_id,benchmark,score"


def read(tmp_path: Path, content: str | bytes, *, name: str = "scores.csv") -> pl.DataFrame:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_score_table(path, known_benchmarks=KNOWN)


def refused(tmp_path: Path, content: str | bytes) -> IngestError:
    with pytest.raises(IngestError) as caught:
        read(tmp_path, content)
    error = caught.value
    assert error.file == "scores.csv"
    assert error.found.endswith((".", "?"))
    assert error.action.endswith(".")
    assert tmp_path.as_posix() not in str(error)
    return error


def test_a_good_table_is_returned_as_delivered(tmp_path: Path) -> None:
    frame = read(
        tmp_path,
        "score,model_id,benchmark,variant,notes,stderr\r\n"
        '55.10,org/a,truthfulqa,mc1,"one, two",0.5\r\n'
        '1.7,"org/""b""",truthfulqa,mc2,"line one\nline two",\r\n'
        '99,é,hellaswag,"", padded ,1e-1\r\n'
        "0,d,hellaswag,,,",
    )
    assert frame.columns == ["file_row", *REQUIRED_COLUMNS, *OPTIONAL_COLUMNS]
    assert frame.schema["file_row"] == pl.Int64
    assert set(frame.drop("file_row").dtypes) == {pl.String}
    assert frame["file_row"].to_list() == [2, 3, 5, 6]
    assert frame["score"].to_list() == ["55.10", "1.7", "99", "0"]
    assert frame["model_id"].to_list() == ["org/a", 'org/"b"', "é", "d"]
    assert frame["variant"].to_list() == ["mc1", "mc2", None, None]
    assert frame["notes"].to_list() == ["one, two", "line one\nline two", " padded ", None]
    assert frame["stderr"].to_list() == ["0.5", None, "1e-1", None]
    assert frame["harness"].null_count() == 4


def test_the_lake_loads_the_columns_that_are_read() -> None:
    assert (SCORES.required, SCORES.optional) == (REQUIRED_COLUMNS, OPTIONAL_COLUMNS)


def test_a_byte_order_mark_and_empty_lines_at_the_end_are_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + f"{HEAD}\na,hellaswag,50\n\n\r\n".encode()).height == 1


STRUCTURE = [
    ("empty file", b"", None, None, "empty"),
    ("only blank lines", b"\n\r\n", None, None, "empty"),
    ("header only", f"{HEAD}\n", None, None, "no row"),
    ("UTF-16", f"{HEAD}\na,hellaswag,50\n".encode("utf-16"), 1, None, "UTF-16"),
    ("Latin-1", f"{HEAD}\na,hellaswag,50\né,hellaswag,50\n".encode("latin-1"), 3, None, "Byte 40 (0xe9)"),
    ("NUL", f"{HEAD}\na,hellaswag,50\nb\0,hellaswag,50\n", 3, None, "Byte 41 is NUL"),
    ("old Mac line ends", f"{HEAD}\ra,hellaswag,50\r", 1, None, "carriage return"),
    ("missing column", "model_id,benchmark\na,hellaswag\n", 1, "score", "missing"),
    ("duplicate column", f"{HEAD},score\na,hellaswag,50,50\n", 1, "score", "twice"),
    ("nameless column", f"{HEAD},\na,hellaswag,50,\n", 1, "", "Column 4"),
    ("unknown column", f"{HEAD},std_err\na,hellaswag,50,1\n", 1, "std_err", "Did you mean 'stderr'?"),
    ("too few fields", f"{HEAD}\na,hellaswag,50\nb,hellaswag\nc,hellaswag\n", 3, None, "2 fields"),
    ("too many fields", f'{HEAD},notes\na,hellaswag,50,"x\ny"\nb,hellaswag,50,p,q\n', 4, None, "5 fields"),
    ("blank line inside", f"{HEAD}\na,hellaswag,50\n\nb,hellaswag,50\n", 3, None, "empty"),
    ("quote inside a field", f'{HEAD},notes\na,hellaswag,50,5" disk\n', 2, None, "quote"),
    ("text after a quote", f'{HEAD},notes\na,hellaswag,50,"x"y\n', 2, None, "quote"),
    ("unclosed quote", f'{HEAD},notes\na,hellaswag,50,z\nb,hellaswag,50,"x\nc,hellaswag,50,y\n', 3, None, "quote"),
]


@pytest.mark.parametrize(
    ("content", "row", "column", "words"), [pytest.param(*case[1:], id=case[0]) for case in STRUCTURE]
)
def test_a_broken_structure_is_refused_at_its_place(
    tmp_path: Path, content: str | bytes, row: int | None, column: str | None, words: str
) -> None:
    error = refused(tmp_path, content)
    assert (error.row, error.column) == (row, column)
    assert words in str(error)


CELLS = [
    ("model empty", "model_id", "", "empty"),
    ("model of spaces", "model_id", "  ", "empty"),
    ("benchmark empty", "benchmark", "", "empty"),
    ("benchmark misspelt", "benchmark", "helaswag", "Did you mean 'hellaswag'?"),
    ("variant unknown", "variant", "mc1", "has no variant 'mc1'"),
    ("score empty", "score", "", "empty"),
    ("score text", "score", "n/a", "not a number"),
    ("score with a space", "score", " 55", "not a number"),
    ("score with a percent sign", "score", "55%", "not a number"),
    ("score with a decimal comma", "score", "55,1", "not a number"),
    ("score NaN", "score", "NaN", "finite"),
    ("score infinite", "score", "-inf", "finite"),
    ("score overflowing", "score", "1e999", "finite"),
    ("percentage negative", "score", "-3", "between 0 and 100"),
    ("percentage above 100", "score", "170", "between 0 and 100"),
    ("unit unknown", "unit", "permille", "percent or fraction"),
    ("stderr zero", "stderr", "0", "above 0"),
    ("stderr negative", "stderr", "-0.5", "above 0"),
    ("stderr text", "stderr", "N/A", "not a number"),
    ("stderr NaN", "stderr", "nan", "finite"),
    ("stderr too large", "stderr", "101", "range"),
    ("n_items text", "n_items", "many", "whole number"),
    ("n_items zero", "n_items", "0", "whole number"),
    ("n_shot fractional", "n_shot", "2.5", "whole number"),
    ("is_self_reported word", "is_self_reported", "yes", "0 or 1"),
    ("axis unknown", "axis", "flops", "params or tokens or step"),
    ("position text", "position", "last", "not a number"),
    ("date in another order", "retrieved_at", "31/12/2025", "YYYY-MM-DD"),
    ("date that does not exist", "retrieved_at", "2025-02-30", "YYYY-MM-DD"),
    ("formula in the model", "model_id", "=1+1", "formula"),
    ("formula in the notes", "notes", "=HYPERLINK(0)", "formula"),
    ("formula with an at sign", "source_url", "@SUM(1)", "formula"),
]


@pytest.mark.parametrize(("column", "value", "words"), [pytest.param(*case[1:], id=case[0]) for case in CELLS])
def test_a_faulty_cell_is_refused_at_its_place(tmp_path: Path, column: str, value: str, words: str) -> None:
    columns = [*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS]
    good = {"benchmark": "hellaswag", "score": "50", "notes": "two\nlines"}
    rows = [{**good, "model_id": f"m{place}"} for place in range(5)]
    for place in (2, 4):
        rows[place][column] = value
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    error = refused(tmp_path, text.getvalue())
    # Every row takes two lines where its notes do; row 2 starts after the header and two such rows.
    assert (error.row, error.column) == (6, column)
    assert words in str(error)
    assert "1 further row has the same fault" in str(error)


def test_the_earliest_row_is_reported_whatever_its_fault(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD},stderr\na,hellaswag,50,\nb,hellaswag,50,0\n,hellaswag,50,\n")
    assert (error.row, error.column) == (3, "stderr")


def test_a_fraction_above_one_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD},unit\na,hellaswag,0.5,fraction\nb,hellaswag,1.7,fraction\n")
    assert (error.row, error.column) == (3, "score")
    assert "between 0 and 1" in str(error)


def test_a_standard_error_is_in_the_unit_of_its_score(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD},unit,stderr\na,hellaswag,0.5,fraction,1.5\n")
    assert (error.row, error.column) == (2, "stderr")


def test_fractions_among_percentages_of_one_benchmark_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD}\na,gsm8k,0.4\nb,hellaswag,55\nc,hellaswag,0.55\nd,hellaswag,0.56\n")
    assert (error.row, error.column) == (4, "score")
    assert "'0.55' looks like a fraction" in str(error)
    assert "1 further row" in str(error)


def test_small_percentages_are_accepted_when_the_source_confirms_them(tmp_path: Path) -> None:
    assert read(tmp_path, f"{HEAD},quality_flags\na,gsm8k,0.4,x;below_one_percent\nb,gsm8k,55,\n").height == 2


def test_variants_are_not_mixed_up_when_looking_for_fractions(tmp_path: Path) -> None:
    frame = read(tmp_path, f"{HEAD},variant\na,truthfulqa,0.9,mc1\nb,truthfulqa,45,mc2\n")
    assert frame.height == 2


def test_a_file_of_fractions_without_a_unit_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD}\na,hellaswag,0\nb,hellaswag,0.55\nc,gsm8k,1.0\n")
    assert (error.row, error.column) == (3, "score")
    assert "unit to fraction" in error.action


def test_one_point_seven_percent_is_a_percentage(tmp_path: Path) -> None:
    assert read(tmp_path, f"{HEAD}\na,gsm8k,1.7\n").height == 1


def test_a_repeated_key_names_both_rows(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD},n_shot\na,hellaswag,50,\nb,hellaswag,50,\na,hellaswag,50,5\na,hellaswag,51,\n")
    assert error.row == 5
    assert "row 2" in error.found


@pytest.mark.parametrize(
    "column",
    (
        *("revision", "metric", "n_shot", "harness", "harness_version", "task_version", "source_row"),
        *("ladder", "axis", "position", "replicate"),
    ),
)
def test_rows_that_differ_in_any_part_of_the_key_are_kept(tmp_path: Path, column: str) -> None:
    first, second = {"axis": ("step", "tokens")}.get(column, ("1", "2"))
    text = f"{HEAD},{column}\na,hellaswag,50,{first}\na,hellaswag,50,{second}\na,hellaswag,50,\n"
    assert read(tmp_path, text).height == 3


def test_a_benchmark_that_needs_a_variant_says_which(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEAD}\na,truthfulqa,50\n")
    assert (error.row, error.column) == (2, "variant")
    assert "'mc1', 'mc2'" in str(error)
    assert "lake/benchmarks.csv" in str(error)


def test_a_missing_file_is_named_as_the_caller_names_it(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"raw/x/scores\.csv: The file does not exist") as caught:
        read_score_table(tmp_path / "no.csv", known_benchmarks=KNOWN, display_name="raw/x/scores.csv")
    assert (caught.value.row, caught.value.column) == (None, None)


def test_a_file_above_the_cap_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    with path.open("wb") as stream:
        stream.truncate(observations.FILE_BYTES_MAX + 1)  # sparse: takes no space
    with pytest.raises(IngestError, match="Split it"):
        read_score_table(path, known_benchmarks=KNOWN)


def test_other_tables_get_the_structural_checks_only(tmp_path: Path) -> None:
    path = tmp_path / "models.csv"
    path.write_text('params_b,model_id\nabout 7,=a\n"",b\n')
    frame = read_text_table(path, required=("model_id", "params_b"), optional=("notes",))
    assert frame.rows() == [(2, "=a", "about 7", None), (3, "b", None, None)]


# Any text but NUL (refused) and surrogates (not UTF-8); a leading = or @ would be refused in a score table.
CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
TABLE = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8)
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLE, ends=st.sampled_from(["\n", "\r\n"]), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_any_text_table_reads_back_equal(tmp_path: Path, rows: list[list[str]], ends: str, quoting: int) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # Python's writer leaves a lone carriage return unquoted
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    names = list(string.ascii_lowercase[: len(rows[0])])
    path = tmp_path / "table.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ends, quoting=quoting)
    writer.writerow(names)
    lines = []
    for row in rows:
        lines.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    path.write_bytes(text.getvalue().encode())
    frame = read_text_table(path, required=names)
    assert frame["file_row"].to_list() == lines
    assert [list(row) for row in frame.drop("file_row").rows()] == [[cell or None for cell in row] for row in rows]


SCORE = st.floats(2, 100).map(repr) | st.integers(2, 100).map(str)
PLAIN = st.text(string.ascii_letters + ' ,"\n;+-éß', max_size=10)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "score": SCORE,
                "benchmark": st.sampled_from(["hellaswag", "gsm8k"]),
                "notes": PLAIN,
                "harness": PLAIN,
                "n_shot": st.sampled_from(["", "0", "5"]),
                "stderr": st.sampled_from(["", "0.25", "1e-3"]),
                "is_self_reported": st.sampled_from(["", "0", "1"]),
                "retrieved_at": st.dates().map(str) | st.just(""),
            }
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_valid_score_table_reads_back_equal(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    named = [{"model_id": f"org/m-{place}", **row} for place, row in enumerate(rows)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(named[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(named)
    frame = read(tmp_path, text.getvalue())
    assert frame.select(list(named[0])).to_dicts() == [
        {name: value or None for name, value in row.items()} for row in named
    ]


def test_a_million_rows_are_read_and_their_last_fault_found(tmp_path: Path) -> None:
    count = 1_000_000
    frame = pl.select(
        pl.format("org/model-{}", pl.int_range(count)).alias("model_id"),
        pl.lit("hellaswag").alias("benchmark"),
        (pl.int_range(count) % 98 + 2).cast(pl.String).alias("score"),
        pl.lit("a, b").alias("notes"),
    )
    path = tmp_path / "scores.csv"
    frame.write_csv(path)
    result = read_score_table(path, known_benchmarks=KNOWN)
    assert result.height == count
    assert result.select("model_id", "benchmark", "score", "notes").equals(frame)
    with path.open("a") as stream:
        stream.write("org/last,hellaswag,101,\n")
    with pytest.raises(IngestError) as caught:
        read_score_table(path, known_benchmarks=KNOWN)
    assert (caught.value.row, caught.value.column) == (count + 2, "score")


def test_a_score_below_one_percent_is_plausible_where_guessing_gives_nothing(tmp_path: Path) -> None:
    frame = read(tmp_path, f"{HEAD}\na,gsm8k,0.53\nb,gsm8k,41.2\nc,hellaswag,55\n")
    assert frame["score"].to_list() == ["0.53", "41.2", "55"]


def test_all_scores_below_one_percent_are_plausible_where_guessing_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, f"{HEAD}\na,gsm8k,0.53\nb,gsm8k,0.2\n").height == 2
