"""The validated reader of a score table: one row per score, in the project's own long CSV.

Validation is vectorised: every rule is a polars expression that is true where a row breaks it, all rules are
evaluated together, and the first offending row of the file is reported with the number of rows that share its fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cape.errors import IngestError
from cape.ingest.observations import did_you_mean, further_rows, read_text_table

REQUIRED_COLUMNS = ("model_id", "benchmark", "score")
OPTIONAL_COLUMNS = (
    "revision",
    "variant",
    "metric",
    "unit",
    "stderr",
    "n_items",
    "n_shot",
    "harness",
    "harness_version",
    "task_version",
    "is_self_reported",
    "source_row",
    "ladder",
    "axis",
    "position",
    "replicate",
    "quality_flags",
    "source_url",
    "retrieved_at",
    "notes",
)
# Two rows of one file may not agree in all of these; nulls compare as equal.
NATURAL_KEY = (
    "model_id",
    "revision",
    "benchmark",
    "variant",
    "metric",
    "n_shot",
    "harness",
    "harness_version",
    "task_version",
    "source_row",
    "ladder",
    "axis",
    "position",
    "replicate",
)
UNITS = ("percent", "fraction")
AXES = ("params", "tokens", "step")
NUMERIC_COLUMNS = ("score", "stderr", "n_items", "n_shot", "is_self_reported", "position")
# The flag with which a source confirms that a percentage below one is meant as it stands.
BELOW_ONE_FLAG = "below_one_percent"
PERCENT_MAX = 100.0
FRACTION_MAX = 1.0
PERCENT_EVIDENCE = 1.5  # a value above this cannot be a fraction, so its benchmark is in percent

LOW_CHANCE_PCT = 5.0  # a model can score below one percent where guessing gives less than this

SHOWN_CHARACTERS = 60  # of a cell, in a message

_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_NOT_FINITE = r"(?i)^[+-]?(?:nan|inf|infinity)$"
_IS_PERCENT = pl.col("unit").fill_null("percent") == "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A rule on one cell: `fault` is true where it is broken; `found` may name {value}."""

    column: str
    fault: pl.Expr
    found: str
    action: str


def read_score_table(
    path: Path, *, known_benchmarks: Mapping[tuple[str, str], float | None], display_name: str | None = None
) -> pl.DataFrame:
    """Return a score table as delivered: `file_row` (Int64) and all of its columns as text, null where absent.

    path : CSV with REQUIRED_COLUMNS and any of OPTIONAL_COLUMNS. Scores and their standard errors are in the row's
        `unit`: percent (0 to 100, the default) or fraction (0 to 1).
    known_benchmarks : chance level in percent (None: unknown) by (benchmark, variant); the variant is "" where a
        benchmark has none. Where chance is near zero a score below one percent is plausible and not suspected.
    display_name : name of the file in messages.
    Raises IngestError(file, row, column, found, action) at the first offending place.
    """
    file = display_name or path.name
    frame = read_text_table(path, required=REQUIRED_COLUMNS, optional=OPTIONAL_COLUMNS, display_name=file)
    _apply(frame, _cell_rules(), file=file)
    _check_benchmarks(frame, known_benchmarks, file=file)
    _check_units(frame, known_benchmarks, file=file)
    _check_keys(frame, file=file)
    return frame


def _number(column: str) -> pl.Expr:
    """Return the finite number in a text column, null elsewhere."""
    value = pl.when(pl.col(column).str.contains(_NUMBER)).then(pl.col(column)).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _cell_rules() -> tuple[_Rule, ...]:
    """Every rule that concerns a single row, in the order in which faults of the same row are reported."""
    return (*_text_rules(), *_number_rules(), *_range_rules())


def _text_rules() -> Iterator[_Rule]:
    for column in ("model_id", "benchmark"):
        empty = pl.col(column).fill_null("").str.strip_chars() == ""
        yield _Rule(column=column, fault=empty, found="The cell is empty.", action="Every row needs one.")
    for column in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS):
        if column not in NUMERIC_COLUMNS:
            yield _Rule(
                column=column,
                fault=pl.col(column).str.contains(r"^\s*[=@]"),
                found="{value} would run as a formula in a spreadsheet.",
                action="Remove the leading = or @.",
            )
    for column, allowed in (("unit", UNITS), ("axis", AXES), ("is_self_reported", ("0", "1"))):
        yield _Rule(
            column=column,
            fault=~pl.col(column).is_in(allowed),
            found="{value} is not one of the accepted values.",
            action=f"Write {' or '.join(allowed)}, or leave the cell empty.",
        )
    day = pl.col("retrieved_at")
    yield _Rule(
        column="retrieved_at",
        fault=day.is_not_null()
        & (~day.str.contains(r"^\d{4}-\d{2}-\d{2}$") | day.str.to_date("%Y-%m-%d", strict=False).is_null()),
        found="{value} is not a date.",
        action="Write it as YYYY-MM-DD.",
    )


def _number_rules() -> Iterator[_Rule]:
    yield _Rule(
        column="score",
        fault=pl.col("score").is_null(),
        found="The score is empty.",
        action="Remove the row: a score that was not measured is no row.",
    )
    for column in ("score", "stderr", "position"):
        text = pl.col(column)
        overflow = text.str.contains(_NUMBER) & _number(column).is_null()
        yield _Rule(
            column=column,
            fault=text.str.contains(_NOT_FINITE) | overflow,
            found="{value} is not a finite number.",
            action="Remove the row, or leave an optional cell empty." if column != "score" else "Remove the row.",
        )
        yield _Rule(
            column=column,
            fault=~text.str.contains(_NUMBER) & ~text.str.contains(_NOT_FINITE),
            found="{value} is not a number.",
            action="Write digits with a decimal point, without spaces, % or thousands separators.",
        )
    for column, pattern, words in (
        ("n_items", r"^0*[1-9]\d{0,17}$", "a whole number above 0"),
        ("n_shot", r"^\d{1,9}$", "a whole number from 0"),
    ):
        yield _Rule(
            column=column,
            fault=~pl.col(column).str.contains(pattern),
            found="{value} is not " + words + ".",
            action="Write " + words + ", or leave the cell empty.",
        )


def _range_rules() -> Iterator[_Rule]:
    score, stderr = _number("score"), _number("stderr")
    top = pl.when(_IS_PERCENT).then(PERCENT_MAX).otherwise(FRACTION_MAX)
    yield _Rule(
        column="score",
        fault=_IS_PERCENT & ((score < 0) | (score > PERCENT_MAX)),
        found="{value} is not between 0 and 100, the range of a percentage.",
        action="Correct it; a quantity that is not a percentage does not belong in a score table.",
    )
    yield _Rule(
        column="score",
        fault=(pl.col("unit") == "fraction") & ((score < 0) | (score > FRACTION_MAX)),
        found="{value} is not between 0 and 1, the range of a fraction.",
        action="Correct it, or set unit to percent.",
    )
    yield _Rule(
        column="stderr",
        fault=stderr <= 0,
        found="{value} is not above 0, as a standard error must be.",
        action="Leave the cell empty where the standard error is unknown.",
    )
    yield _Rule(
        column="stderr",
        fault=stderr > top,
        found="{value} is larger than the whole range of the score.",
        action="Write the standard error in the unit of its score.",
    )


def _apply(frame: pl.DataFrame, rules: Iterable[_Rule], *, file: str) -> None:
    """Evaluate all rules; raises IngestError for the one that is broken on the earliest row."""
    numbered = {f"rule_{place}": rule for place, rule in enumerate(rules)}
    marks = frame.select(rule.fault.fill_null(value=False).alias(name) for name, rule in numbered.items())
    counts = marks.sum().row(0, named=True)
    broken = {name: int(marks[name].arg_max() or 0) for name, count in counts.items() if count}
    if not broken:
        return
    name = min(broken, key=lambda each: broken[each])
    rule = numbered[name]
    row = frame.row(broken[name], named=True)
    raise IngestError(
        file=file,
        row=row["file_row"],
        column=rule.column,
        found=rule.found.format(value=_shown(row[rule.column])) + further_rows(counts[name] - 1),
        action=rule.action,
    )


def _shown(value: str | None) -> str:
    """Return a cell as it is quoted in a message, shortened."""
    text = "" if value is None else value
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def _check_benchmarks(frame: pl.DataFrame, known: Collection[tuple[str, str]], *, file: str) -> None:
    """Raise IngestError at the first benchmark and variant that are not a known pair."""
    pairs = sorted({(benchmark, variant or "") for benchmark, variant in known})
    table = pl.DataFrame(pairs, schema={"benchmark": pl.String, "variant": pl.String}, orient="row")
    asked = frame.select("file_row", "benchmark", pl.col("variant").fill_null(""))
    unknown = asked.join(table, on=["benchmark", "variant"], how="anti").sort("file_row")
    if unknown.is_empty():
        return
    row, benchmark, variant = unknown.row(0)
    names = sorted({name for name, _ in pairs})
    if benchmark in names:
        variants = sorted(repr(each) if each else "none" for name, each in pairs if name == benchmark)
        column, found = "variant", f"{benchmark!r} has no variant {variant!r}; it has: {', '.join(variants)}."
        if not variant:
            found = f"{benchmark!r} needs a variant: {', '.join(variants)}."
    else:
        column, found = "benchmark", f"{_shown(benchmark)} is not a known benchmark.{did_you_mean(benchmark, names)}"
    raise IngestError(
        file=file,
        row=row,
        column=column,
        found=found + further_rows(unknown.height - 1),
        action="Correct it, or add it to lake/benchmarks.csv.",
    )


def _check_units(frame: pl.DataFrame, known: Mapping[tuple[str, str], float | None], *, file: str) -> None:
    """Raise IngestError where scores that are declared as percentages look like fractions."""
    confirmed = pl.col("quality_flags").fill_null("").str.split(";").list.contains(BELOW_ONE_FLAG)
    guessed = [key for key, chance in known.items() if chance is not None and chance >= LOW_CHANCE_PCT]
    suspected = pl.DataFrame(guessed, schema={"benchmark": pl.String, "variant": pl.String}, orient="row")
    rows = frame.with_columns(pl.col("variant").fill_null("")).join(suspected, on=["benchmark", "variant"], how="semi")
    percent = rows.filter(_IS_PERCENT).select(
        "file_row", "benchmark", "variant", "score", _number("score").alias("value"), confirmed.alias("confirmed")
    )
    if percent.is_empty():
        return
    small = percent.filter((pl.col("value") > 0) & (pl.col("value") <= FRACTION_MAX) & ~pl.col("confirmed"))
    if not small.is_empty() and (percent["value"] <= FRACTION_MAX).all():
        raise IngestError(
            file=file,
            row=small["file_row"][0],
            column="score",
            found=f"All {percent.height:,} percentages on benchmarks with a chance level are at most 1.",
            action=f"Set unit to fraction, or write {BELOW_ONE_FLAG} in quality_flags.",
        )
    top = pl.col("value").max().over("benchmark", "variant")
    below_one = (pl.col("value") > 0) & (pl.col("value") < FRACTION_MAX) & ~pl.col("confirmed")
    mixed = percent.filter(below_one & (top > PERCENT_EVIDENCE))
    if not mixed.is_empty():
        first = mixed.row(0, named=True)
        raise IngestError(
            file=file,
            row=first["file_row"],
            column="score",
            found=(
                f"{first['score']!r} looks like a fraction among percentages of {first['benchmark']!r}."
                f"{further_rows(mixed.height - 1)}"
            ),
            action=f"Set unit to fraction on such rows, or write {BELOW_ONE_FLAG} in quality_flags.",
        )


def _check_keys(frame: pl.DataFrame, *, file: str) -> None:
    """Raise IngestError at the first row whose natural key an earlier row has."""
    key = [name for name in NATURAL_KEY if frame[name].null_count() < frame.height]
    first = pl.col("file_row").first().over(key)
    repeated = frame.select("file_row", first.alias("earlier")).filter(pl.col("file_row") != pl.col("earlier"))
    if repeated.is_empty():
        return
    row, earlier = repeated.row(0)
    raise IngestError(
        file=file,
        row=row,
        found=f"The row has the same key as row {earlier}.{further_rows(repeated.height - 1)}",
        action=f"Remove one, or tell them apart in one of: {', '.join(NATURAL_KEY)}.",
    )
