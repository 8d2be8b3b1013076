"""Any CSV or Parquet table, long or wide, by a mapping that the user writes once as a small TOML file.

```toml
layout = "wide"                # one column per benchmark; or "long": one row per score
unit = "percent"               # or "fraction"
[columns]                      # columns of the table that hold what; model is needed, the others are not
model = "Model"
params_b = "Size (B)"
[benchmarks]                   # wide: column -> benchmark; long: value of the benchmark column -> benchmark
"HellaSwag" = { benchmark = "hellaswag", metric = "acc_norm", n_shot = 10 }
"TruthfulQA" = { benchmark = "truthfulqa", variant = "mc2" }
```
A long table also names `benchmark` and `score` under [columns]; without [benchmarks] names are read as written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cape.errors import IngestError
from cape.ingest.documents import Document, shown, whole
from cape.ingest.facts import model_facts
from cape.ingest.records import FileReading, Finding, ModelFacts, ScoreRow, flagged
from cape.ingest.tables import SUFFIXES, cell_number, formula_fault, header_of, read_table
from cape.ingest.tasks import any_name, left_out

FORMAT = "mapped table"
TOML_BYTES_MAX = 2**20
MISSING = frozenset({"", "-", "n/a", "na", "nan", "none", "null"})


class Target(BaseModel):
    """The benchmark that a column or a name stands for."""

    model_config = ConfigDict(extra="forbid")

    benchmark: str
    variant: str | None = None
    metric: str | None = None
    n_shot: int | None = Field(default=None, ge=0)
    unit: Literal["percent", "fraction"] | None = None
    harness: str = ""
    stderr: str | None = None  # wide: the column that holds the standard error


class Columns(BaseModel):
    """Names of the table's columns."""

    model_config = ConfigDict(extra="forbid")

    model: str
    benchmark: str | None = None
    score: str | None = None
    stderr: str | None = None
    variant: str | None = None
    metric: str | None = None
    n_items: str | None = None
    n_shot: str | None = None
    revision: str | None = None
    family: str | None = None
    params_b: str | None = None
    d_model: str | None = None
    kind: str | None = None
    step: str | None = None
    tokens: str | None = None
    replicate: str | None = None


class Mapped(BaseModel):
    """A whole mapping."""

    model_config = ConfigDict(extra="forbid")

    layout: Literal["long", "wide"]
    unit: Literal["percent", "fraction"]
    columns: Columns
    benchmarks: dict[str, Target] = Field(default_factory=dict)


@lru_cache(maxsize=8)
def read_mapping(path: Path) -> Mapped:
    """Return a mapping; raises IngestError naming the field that does not fit."""
    try:
        if path.stat().st_size > TOML_BYTES_MAX:
            raise IngestError(file=path.name, found="It is too large for a mapping.", action="Name another file.")
        mapped = Mapped.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        action = "See `cape.ingest.mapped_table` for an example."
        raise IngestError(file=path.name, column=place, found=f"{first['msg']}.", action=action) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        found = f"The mapping cannot be read ({type(error).__name__}: {error})."
        raise IngestError(file=path.name, found=found, action="Write it as TOML in UTF-8.") from error
    if mapped.layout == "long" and not (mapped.columns.benchmark and mapped.columns.score):
        found, action = "A long table needs them.", "Name the columns benchmark and score under [columns]."
        raise IngestError(file=path.name, column="columns", found=found, action=action)
    if mapped.layout == "wide" and not mapped.benchmarks:
        found, action = "A wide table needs it.", "Say under [benchmarks] which column is which benchmark."
        raise IngestError(file=path.name, column="benchmarks", found=found, action=action)
    return mapped


def detect(given: Path | Document, mapped: Mapped | None = None) -> bool:
    """Return whether the file is a table that holds every column the mapping names."""
    document = Document.of(given)
    if mapped is None or document.suffix not in SUFFIXES:
        return False
    return not _absent(mapped, header_of(document))


def read(given: Path | Document, mapped: Mapped) -> FileReading:
    """Return the scores of a table; raises IngestError naming row and column of a cell that cannot stand."""
    document = Document.of(given)
    frame = read_table(document)
    absent = _absent(mapped, frame.columns)
    if absent:
        raise document.refuse(f"It lacks the column {shown(absent[0])} that the mapping names.", "Correct the mapping.")
    fault = formula_fault(frame, mapped.columns.model, document)
    if fault is not None:
        raise fault
    findings: list[Finding] = []
    facts: dict[str, ModelFacts] = {}
    rows: list[ScoreRow] = []
    unknown: list[str] = []
    for line in frame.iter_rows(named=True):
        if line[mapped.columns.model] is None:
            place = f"row {line['file_row']}"
            findings.append(flagged(document.name, "The row names no model.", "It was left out.", place=place))
            continue
        about = _facts(line, mapped.columns, document)
        facts.setdefault(about.model, about)
        for name, target, cell in _cells(line, mapped, unknown):
            row = _row(line, (name, target, cell), about.model, mapped, document)
            rows += [row] if row is not None else []
    findings += left_out(unknown, file=document.name)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=tuple(facts.values()), findings=tuple(findings))


def _absent(mapped: Mapped, header: list[str]) -> list[str]:
    named = [name for name in mapped.columns.model_dump().values() if name]
    if mapped.layout == "wide":
        named += [*mapped.benchmarks, *(target.stderr for target in mapped.benchmarks.values() if target.stderr)]
    return [name for name in named if name not in header]


def _facts(line: Mapping[str, Any], columns: Columns, document: Document) -> ModelFacts:
    base = model_facts(
        line[columns.model], arguments={}, dtype="", n_params=None, has_chat_template=False, document=document
    )
    size = cell_number(line[columns.params_b]) if columns.params_b else None
    width = cell_number(line[columns.d_model]) if columns.d_model else None
    return ModelFacts(
        model=base.model,
        family=line[columns.family] if columns.family else None,
        params_b=size if size and size > 0 else None,
        d_model=whole(width) or None,
        kind=line[columns.kind] if columns.kind else None,
        is_quantised=base.is_quantised,
        file=document.name,
    )


def _cells(line: Mapping[str, Any], mapped: Mapped, unknown: list[str]) -> list[tuple[str, Target, str]]:
    """Return (column, target, cell) of every filled score of a row."""
    if mapped.layout == "wide":
        cells = [(name, target, line[name]) for name, target in mapped.benchmarks.items()]
    else:
        written = (line[str(mapped.columns.benchmark)] or "").strip()
        target = mapped.benchmarks.get(written) or _by_name(written)
        if target is None:
            unknown.append(written or "(empty)")
            return []
        cells = [(str(mapped.columns.score), target, line[str(mapped.columns.score)])]
    return [(name, target, cell) for name, target, cell in cells if cell and cell.strip().lower() not in MISSING]


def _by_name(written: str) -> Target | None:
    read = any_name(written)
    return Target(benchmark=read.benchmark, variant=read.variant) if read else None


def _row(
    line: Mapping[str, Any], cell: tuple[str, Target, str], model: str, mapped: Mapped, document: Document
) -> ScoreRow | None:
    column, target, text = cell
    columns = mapped.columns
    score = cell_number(text.strip().removesuffix("%").strip())
    if score is None:
        raise IngestError(
            file=document.name,
            row=line["file_row"],
            column=column,
            found=f"{shown(text)} is not a number.",
            action="Write digits with a decimal point, or leave the cell empty.",
        )

    def said(name: str | None) -> str | None:
        return line[name] if name else None

    stderr = target.stderr if mapped.layout == "wide" else columns.stderr
    step, tokens = cell_number(said(columns.step)), cell_number(said(columns.tokens))
    axis = "step" if step is not None else "tokens" if tokens is not None else None
    return ScoreRow(
        model=model,
        benchmark=target.benchmark,
        variant=said(columns.variant) or target.variant,
        metric=said(columns.metric) or target.metric or "score",
        score=score,
        unit=target.unit or mapped.unit,
        stderr=cell_number(said(stderr)),
        n_items=whole(cell_number(said(columns.n_items))) or None,
        n_shot=target.n_shot if target.n_shot is not None else whole(cell_number(said(columns.n_shot))),
        harness=target.harness,
        revision=said(columns.revision),
        ladder=(said(columns.family) or model) if axis else None,
        axis=axis,
        position=step if step is not None else tokens,
        replicate=said(columns.replicate),
        file=document.name,
        place=f"row {line['file_row']}, {column}",
    )


def remembered(frame: pl.DataFrame) -> list[str]:
    """Return the columns of a table that a mapping could name, for a form."""
    return [name for name in frame.columns if name != "file_row"]
