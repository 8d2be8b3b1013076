"""`cape ingest PATH...`: result files that people already have, into the lake, with a report of what became of each."""

from __future__ import annotations

import csv
import inspect
import json
import sys
from dataclasses import asdict, dataclass, fields
from datetime import date as Date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from cape.errors import BadParameterError
from cape.ingest.reading import MODEL_SCHEMA, Finding, ReadOptions, Severity
from cape.lake import LakePaths
from cape.lake.bring import BringOptions, BringReport, bring_results
from cape.lake.land import SourceRecord, read_delivered

SOME_REFUSED, NOTHING_TAKEN = 1, 2
PLAIN_WIDTH = 160  # columns where the output is not a terminal
SHOWN_FINDINGS = 200  # on a terminal; --report holds all
FIELDS = tuple(item.name for item in fields(Finding))


OPTIONS: dict[str, tuple[Any, Any]] = {
    "given": (list[str], typer.Argument(help="Result files, folders, patterns or zips.", metavar="PATH...")),
    "source_id": (str, typer.Option(help="Short name of the source; its folder and panel.")),
    "url": (str, typer.Option(help="Where the scores were published, or the word internal.")),
    "date": (str, typer.Option(help="Day on which they were read there: YYYY-MM-DD.")),
    "title": (str, typer.Option(help="What the source is, in a few words.")),
    "licence": (str, typer.Option(help="Licence of the numbers.")),
    "models": (Path | None, typer.Option(help="CSV with family and size of models: columns of models.csv.")),
    "map_file": (Path | None, typer.Option("--map", help="TOML that maps the columns of a table.")),
    "report": (Path | None, typer.Option(help="Write every finding to a .csv or .json file.")),
    "workers": (int, typer.Option(help="Processes; 0: one per core.", min=0, max=64)),
    "dry_run": (bool, typer.Option("--dry-run", help="Read and report; write nothing.")),
}
DEFAULTS: dict[str, Any] = {"title": "", "licence": "private", "models": None, "map_file": None, "report": None}
DEFAULTS |= {"workers": 0, "dry_run": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """The options of one call, as typer gives them."""

    given: list[str]
    source_id: str
    url: str
    date: str
    title: str
    licence: str
    models: Path | None
    map_file: Path | None
    report: Path | None
    workers: int
    dry_run: bool

    @property
    def source(self) -> SourceRecord:
        return SourceRecord(
            source_id=self.source_id,
            title=self.title.strip() or f"Results brought in as {self.source_id}",
            url=self.url,
            kind="user",
            date=_day(self.date),
            licence=self.licence,
        )


def ingest(**options: Any) -> None:
    """Bring result files into the lake: detect, read, validate, report, land, build.

    Exit code 0: every file was taken (with or without flags). 1: some were refused, the others were taken. 2: nothing.
    """
    chosen, paths = _Chosen(**options), LakePaths.from_environment()
    _check_report(chosen.report)
    answers = None if chosen.models is None else read_answers(chosen.models, paths)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("files", total=None)

        def ask(unsure: pl.DataFrame) -> pl.DataFrame:
            bar.stop()
            return _asked(unsure)

        bring = BringOptions(
            source=chosen.source,
            read=ReadOptions(answers=answers, workers=chosen.workers, mapping_file=chosen.map_file),
            is_dry=chosen.dry_run,
            ask=ask if sys.stdin.isatty() and sys.stdout.isatty() else None,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        done = bring_results(chosen.given, bring, paths)
    _print(done.findings)
    if chosen.report is not None:
        _write(done.findings, chosen.report)
    _conclude(done, is_dry=chosen.dry_run)


ingest.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=DEFAULTS.get(name, inspect.Parameter.empty),
            annotation=Annotated[kind, about],
        )
        for name, (kind, about) in OPTIONS.items()
    ]
)
ingest.__annotations__ = {name: Annotated[kind, about] for name, (kind, about) in OPTIONS.items()}


def read_answers(file: Path, paths: LakePaths) -> pl.DataFrame:
    """Return the user's rows on models, typed; raises IngestError with file, row and column."""
    frame = read_delivered(file, table="models", paths=paths)
    known = [name for name in MODEL_SCHEMA if name in frame.columns]
    return frame.select(pl.col(name).str.strip_chars().cast(MODEL_SCHEMA[name]) for name in known)


def _day(text: str) -> str:
    try:
        return Date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadParameterError(f"--date is {text!r}, which is no day. Write it as YYYY-MM-DD.") from error


def _check_report(report: Path | None) -> None:
    if report is not None and (report.suffix not in (".csv", ".json") or not report.parent.is_dir()):
        raise BadParameterError(
            f"{report} cannot hold the report. Name a .csv or .json file in a folder that is there."
        )


def _asked(unsure: pl.DataFrame) -> pl.DataFrame:
    """Ask for family and size of every model that is unsure; an empty answer keeps what was read."""
    rows: list[dict[str, Any]] = []
    for row in unsure.iter_rows(named=True):
        typer.echo(f"{row['model_id']}: {row['how']}.")
        family = typer.prompt("  family", default=row["family"], show_default=True)
        size = typer.prompt("  parameters in 10^9 (0: leave it out)", default=row["params_b"] or 0.0, type=float)
        rows.append({"model_id": row["model_id"], "family": family, "params_b": size if size > 0 else None})
    return pl.DataFrame(rows, schema={"model_id": pl.String, "family": pl.String, "params_b": pl.Float64})


def _print(findings: tuple[Finding, ...]) -> None:
    order = [Severity.REFUSED, Severity.FLAGGED, Severity.ACCEPTED]
    chosen = sorted(findings, key=lambda finding: order.index(finding.severity))
    table = Table(box=None, pad_edge=False)
    for name in ("", "file", "place", "found", "action", "rows"):
        table.add_column(name, overflow="fold", no_wrap=name == "")
    for finding in chosen[:SHOWN_FINDINGS]:
        place = ", ".join(part for part in (finding.place, finding.column) if part)
        table.add_row(
            str(finding.severity), finding.file, place, finding.found, finding.action, str(finding.n_rows or "")
        )
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(table, markup=False)
    if len(chosen) > SHOWN_FINDINGS:
        typer.echo(f"{len(chosen) - SHOWN_FINDINGS:,} further findings; --report FILE holds all.")


def _write(findings: tuple[Finding, ...], report: Path) -> None:
    rows = [{name: str(value) for name, value in asdict(finding).items()} for finding in findings]
    if report.suffix == ".json":
        report.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
        return
    with report.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        writer.writeheader()
        writer.writerows({name: _no_formula(text) for name, text in row.items()} for row in rows)


def _no_formula(text: str) -> str:
    """Return a cell that a spreadsheet shows and does not run."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _conclude(done: BringReport, *, is_dry: bool) -> None:
    """Say what was taken and set the exit code."""
    counts = done.reading.counts
    files = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    scores = done.reading.scores
    typer.echo(f"{files}; {scores.height:,} scores of {scores['model_id'].n_unique():,} models.")
    refused = any(finding.severity is Severity.REFUSED for finding in done.findings)
    if is_dry:
        typer.echo("Dry run: nothing was written.")
    elif done.landed:
        for file in done.landed:
            typer.echo(f"{file.file.parent.name}/{file.file.name}: {file.n_rows:,} rows")
        if done.n_superseded:
            typer.echo(f"{done.n_superseded:,} rows of one key with a later run were superseded.")
        typer.echo(f"Lake {done.lake_version} holds them as panel {done.landed[0].folder.name}.")
    elif not refused and scores.is_empty():
        typer.echo(f"Nothing is new: lake {done.lake_version} stays as it is.")
    if refused:
        raise typer.Exit(NOTHING_TAKEN if scores.is_empty() else SOME_REFUSED)
