"""The command line: `build`, `ingest`, `report`, `calibrate`, one command per diagnostic, `claims`, `sql` and more."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table as RichTable

from cape import cli_calibrate, cli_ingest, cli_organism, cli_probe, cli_report, cli_steer, cli_sweep, diagnostics
from cape.diagnostics import DIAGNOSTICS, Diagnostic, Option, defaults_of, options_of
from cape.diagnostics._law_search import LawSearch
from cape.dynamics.symbolic import SECONDS, follow
from cape.errors import BadParameterError, CapeError, MissingDependencyError, UnknownNameError
from cape.lake import (
    Lake,
    LakePaths,
    ScoreEntry,
    add_score,
    build_lake,
    public_database,
    run_public_sql,
)
from cape.ledger import claim_rows
from cape.quantities import Result

FAILED = 2
ADDED_FIRST = ("model_id", "benchmark", "score")  # arguments of add-score; the rest are options
OWN_COMMANDS = ("claims", "sql")  # these print rows instead of estimates

app = typer.Typer(
    help="CAPE workbench: how benchmark scores move together as models grow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(cli_organism.app, name="organism")
app.command("probe")(cli_probe.probe)
app.command("steer")(cli_steer.steer)
app.command("steer-eval")(cli_steer.steer_eval)
app.add_typer(cli_sweep.app, name="sweep")
app.command("calibrate")(cli_calibrate.calibrate)
app.command("ingest")(cli_ingest.ingest)
app.command("report")(cli_report.report)
PLAIN_WIDTH = 160  # columns where the output is not a terminal
out = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print stable JSON.")]
CsvFlag = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


@app.command("build")
def build(
    force: Annotated[bool, typer.Option("--force", help="Build even when the lake is current.")] = False,
) -> None:
    """Build the lake: load, views, checks, publish."""
    report = build_lake(LakePaths.from_environment(), force=force)
    state = "built" if report.is_new else "already current"
    out.print(f"Lake {report.lake_version} {state} in {report.seconds:.2f} s: {report.database.name}", highlight=False)


@app.command("list")
def list_diagnostics(as_json: JsonFlag = False) -> None:
    """List the diagnostics with the question each answers."""
    rows = [{"command": d.slug.replace("_", "-"), "section": d.section, "question": d.question} for d in DIAGNOSTICS]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    _print_rows(pl.DataFrame(rows))


@app.command("claims")
def claims(
    reproduced: Annotated[str, typer.Option(help="Only claims with this verdict on the paper's recipe.")] = "any",
    supported: Annotated[str, typer.Option(help="Only claims with this verdict on independent rows.")] = "any",
    search: Annotated[str, typer.Option(help="Words or an identifier to look for.")] = "",
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
    recompute: Annotated[bool, typer.Option("--recompute", help="Judge every wired claim anew, now.")] = False,
) -> None:
    """Print the ledger: every claim with both verdicts."""
    rows = claim_rows(Lake.ensure(), reproduced=reproduced, supported=supported, search=search, recompute=recompute)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    frame = pl.DataFrame([{k: v for k, v in row.items() if k != "parts"} for row in rows], infer_schema_length=None)
    if as_csv:
        typer.echo(frame.write_csv(), nl=False)
        return
    _print_rows(frame.select("claim_id", "reproduced", "supported", "paper_value", "our_value", "low", "high", "n"))


@app.command("sql")
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT or EXPLAIN over the marts.")],
    as_json: JsonFlag = False,
    as_csv: CsvFlag = False,
) -> None:
    """Run one read-only query over the marts, in a limited process of its own."""
    lake = Lake.ensure()
    answer = run_public_sql(public_database(lake.database), query)
    if answer.truncated:
        typer.echo(f"The rows were cut at {answer.frame.height}.", err=True)
    if as_json:
        typer.echo(json.dumps({"lake_version": lake.version, "rows": answer.frame.to_dicts()}, default=str, indent=1))
    elif as_csv:
        typer.echo(answer.frame.write_csv(), nl=False)
    else:
        _print_rows(answer.frame)


@app.command("search-laws")
def search_laws(
    panel: Annotated[str, typer.Option(help="Population of models and source of their scores.")] = "author",
    target: Annotated[str, typer.Option(help="Second score: divided by width, or as measured.")] = "divided by width",
    inputs: Annotated[str, typer.Option(help="What a law may use besides numbers.")] = "score and size",
    seed: Annotated[int, typer.Option(help="Seed of the search and of the resampling.")] = 0,
    seconds: Annotated[float, typer.Option(help="Time limit in seconds; what is found by then is shown.")] = SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Search symbolic laws now and print them scored as `symbolic-laws` does; what is stored stays as it is."""
    lake = Lake.ensure()
    given = {"panel": panel, "target": target, "inputs": inputs, "seed": seed}
    found = LawSearch(given, lake, seconds=seconds)
    progress = follow(found.search, lambda now: typer.echo(f"{now.n_done} of {now.n_runs} runs", err=True))
    result = found.result(progress, lake)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=1))
        return
    shown = result.table("laws").frame.select("rank", "formula", "complexity", "error", "skill", "verdict", "seeds")
    _print_rows(shown)
    _print_result(result)


def _added(**given: str) -> None:
    report = add_score(ScoreEntry(**given), LakePaths.from_environment(), today=date.today())
    typer.echo(report.text)


def _register_addition() -> None:
    """Register `cape add-score`: the fields of an entry are its arguments and options."""
    parameters = [_addition_parameter(item.name, item.metadata["help"], item.default) for item in fields(ScoreEntry)]
    _added.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    _added.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command("add-score", help="Add one score of a frontier model, with its address and day, to this lake.")(_added)


def _addition_parameter(name: str, about: str, default: Any) -> inspect.Parameter:
    if name in ADDED_FIRST:
        annotation: Any = Annotated[str, typer.Argument(help=about)]
        return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)
    return _keyword(name, Annotated[str, typer.Option(help=about)], default)


def main() -> None:
    """Run the command line; a deliberate error goes to stderr with exit code 2."""
    try:
        app()
    except CapeError as error:
        typer.echo(str(error), err=True)
        sys.exit(FAILED)


def _command(diagnostic: Diagnostic) -> Callable[..., None]:
    """Return the function behind a diagnostic's command; its signature is built from the options."""

    def command(**given: Any) -> None:
        as_json, as_csv = given.pop("as_json"), given.pop("as_csv")
        figure, panel = given.pop("figure"), given.pop("figure_panel")
        result = diagnostics.run(diagnostic.slug, given, Lake.ensure())
        if figure is not None:
            _save_figure(diagnostic, result, figure, panel)
        if as_json:
            typer.echo(json.dumps(result.as_dict(), indent=1))
        elif as_csv:
            typer.echo(_estimates(result).write_csv(), nl=False)
        else:
            _print_result(result)

    options, defaults = options_of(diagnostic.params), defaults_of(diagnostic.params)
    parameters = [_parameter(name, about, defaults[name]) for name, about in options.items()]
    about_figure = typer.Option(help="Also save a figure: .html, or .svg and .png where kaleido and a Chromium are.")
    names = ", ".join(panel.name for panel in diagnostic.panels if panel.figure is not None)
    parameters += [
        _keyword("as_json", JsonFlag, False),
        _keyword("as_csv", CsvFlag, False),
        _keyword("figure", Annotated[Path | None, about_figure], None),
        _keyword("figure_panel", Annotated[str, typer.Option(help=f"Which figure: {names or 'none here'}.")], ""),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = diagnostic.question
    return command


def _parameter(name: str, about: Option, default: Any) -> inspect.Parameter:
    kind = str if about.low is None and about.high is None else int if about.is_whole else float
    choices = f" One of: {', '.join(about.choices)}." if about.choices else ""
    return _keyword(name, Annotated[kind, typer.Option(help=f"{about.help}{choices}")], default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _register() -> None:
    for diagnostic in DIAGNOSTICS:
        if diagnostic.slug in OWN_COMMANDS:
            continue
        command = _command(diagnostic)
        dashed = diagnostic.slug.replace("_", "-")
        app.command(dashed, help=diagnostic.question)(command)
        for name in {diagnostic.slug, diagnostic.alias} - {dashed, ""}:
            app.command(name, hidden=True, help=diagnostic.question)(command)


def _save_figure(diagnostic: Diagnostic, result: Result, path: Path, name: str) -> None:
    drawn = {panel.name: panel.figure for panel in diagnostic.panels if panel.figure is not None}
    if not drawn or (name and name not in drawn):
        raise UnknownNameError(f"{diagnostic.slug} has no figure {name!r}. It has: {', '.join(drawn) or 'none'}.")
    if not path.parent.is_dir():
        raise BadParameterError(
            f"There is no folder {path.parent} to write {path.name} into. Make it, or name another."
        )
    figure = drawn[name or next(iter(drawn))](result, "light")
    if path.suffix == ".html":
        path.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
        return
    try:
        figure.write_image(path)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise MissingDependencyError(
            f"{path.name} could not be drawn: {error}. Use a name ending in .html, "
            "or `pip install kaleido` and a Chromium."
        ) from error


def _estimates(result: Result) -> pl.DataFrame:
    rows = [{**estimate.as_dict(), "caveats": "; ".join(estimate.caveats)} for estimate in result.estimates]
    return pl.DataFrame(rows, infer_schema_length=None)


def _print_result(result: Result) -> None:
    for sentence in result.sentences:
        out.print(sentence, highlight=False, markup=False)
    _print_rows(_estimates(result).select("symbol", "label", "value", "low", "high", "n", "unit"))
    out.print(f"Lake {result.lake_version}. Methods and caveats: --json.", highlight=False, markup=False)


def _print_rows(frame: pl.DataFrame) -> None:
    table = RichTable(box=None, pad_edge=False)
    for name in frame.columns:
        table.add_column(name, overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(_cell(value) for value in row))
    out.print(table, markup=False)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_register()
_register_addition()
