"""The command line: names, errors, CSV, figures and help."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
import typer

from cape import __version__, cli, diagnostics
from cape.diagnostics import DIAGNOSTICS, Diagnostic
from tests.conftest import require, require_program
from tests.surface._app import ROW_PRINTERS, CommandLine, options

COMMANDS = tuple(diagnostic for diagnostic in DIAGNOSTICS if diagnostic.slug not in ROW_PRINTERS)
FAST = ("--resamples", "500")


def fast(slug: str) -> tuple[str, ...]:
    """Fewer resamples, where the command resamples at all."""
    return FAST if diagnostics.get(slug).uses_selection else ()


@pytest.mark.parametrize("diagnostic", COMMANDS, ids=lambda d: d.slug)
def test_a_command_answers_to_its_slug_with_dashes_underscores_and_alias(
    diagnostic: Diagnostic, cape: CommandLine
) -> None:
    names = {diagnostic.slug, diagnostic.slug.replace("_", "-"), diagnostic.alias} - {""}
    answers = [cape(name, *fast(diagnostic.slug), "--json").json for name in sorted(names)]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["diagnostic"] == diagnostic.slug
    assert list(answers[0]) == ["diagnostic", "params", "lake_version", "estimates"]


@pytest.mark.parametrize("diagnostic", COMMANDS, ids=lambda d: d.slug)
def test_csv_holds_what_json_holds(diagnostic: Diagnostic, cape: CommandLine) -> None:
    printed = cape(diagnostic.slug, *fast(diagnostic.slug), "--json").json["estimates"]
    answered = cape(diagnostic.slug, *fast(diagnostic.slug), "--csv")
    assert answered.code == 0
    cells = list(csv.DictReader(io.StringIO(answered.out)))
    held = [{**row, "caveats": "; ".join(row["caveats"])} for row in printed]
    assert [
        {name: _as(value, cell[name]) for name, value in row.items()} for row, cell in zip(held, cells, strict=True)
    ] == held
    assert [list(cell) for cell in cells] == [list(row) for row in held]


@pytest.mark.parametrize("diagnostic", COMMANDS, ids=lambda d: d.slug)
def test_without_a_format_a_table_for_people_is_printed(diagnostic: Diagnostic, cape: CommandLine) -> None:
    answered = cape(diagnostic.slug, *fast(diagnostic.slug))
    assert (answered.code, answered.err) == (0, "")
    assert "symbol" in answered.out and "Lake " in answered.out


@pytest.mark.parametrize("command", ["claims", "sql"])
def test_rows_are_printed_as_csv_and_as_a_table(command: str, cape: CommandLine) -> None:
    words = [command] if command == "claims" else [command, "select panel, n_models from mart_panels order by panel"]
    answer = cape(*words, "--json").json
    rows = answer if command == "claims" else answer["rows"]
    table = pl.read_csv(io.StringIO(cape(*words, "--csv").out), infer_schema_length=None)
    assert table.height == len(rows)
    first = table.columns[0]
    assert table[first].to_list() == [row[first] for row in rows]
    plain = cape(*words)
    assert plain.code == 0 and first in plain.out


def test_list_is_the_registry(cape: CommandLine) -> None:
    listed = cape("list", "--json").json
    assert listed == [
        {"command": d.slug.replace("_", "-"), "section": d.section, "question": d.question} for d in DIAGNOSTICS
    ]
    assert all(row["command"] in cape("list").out for row in listed)


def test_build_prints_the_version(cape: CommandLine, lake) -> None:
    answered = cape("build")
    assert answered.code == 0 and lake.version in answered.out


def test_version_of_the_code_is_a_version() -> None:
    assert __version__.count(".") == 2


ERRORS = {
    "unknown panel": (["local-coupling", "--panel", "independant"], "Did you mean independent"),
    "unknown family": (["phase_diagram", "--family", "Pythi"], "Did you mean Pythia"),
    "family in another case": (["phase_diagram", "--family", "opt"], "Did you mean OPT"),
    "unknown benchmark": (["trend-control", "--x", "helaswag"], "Did you mean hellaswag"),
    "unknown benchmark y": (["critical-scale", "--y", "mmul"], "Did you mean mmlu"),
    "unknown compared panel": (["local-coupling", "--compare-panel", "independant"], "Did you mean independent"),
    "unknown compared family": (
        ["local-coupling", "--compare-panel", "independent", "--compare-family", "Pyhtia-deduped"],
        "Did you mean Pythia-deduped",
    ),
    "unknown family of several": (["local-coupling", "--families", "Pythia,Pythi"], "Did you mean Pythia"),
    "few resamples": (["local-coupling", "--resamples", "10"], "between 200 and 100000"),
    "many resamples": (["local-coupling", "--resamples", "100001"], "between 200 and 100000"),
    "negative seed": (["trend-control", "--seed", "-1"], "seed"),
    "negative size": (["local-coupling", "--min-b", "-1"], "min_b"),
    "size that is no number": (["local-coupling", "--min-b", "nan"], "min_b"),
    "window upside down": (["local-coupling", "--min-b", "10", "--max-b", "1"], "max_b"),
    "one benchmark twice": (["phase-diagram", "--x", "hellaswag", "--y", "hellaswag"], "two different"),
    "resamples as word": (["local-coupling", "--resamples", "many"], "resamples"),
    "unknown view": (["data", "--view", "mart_score"], "Did you mean mart_scores"),
    "view that is no mart": (["data", "--view", "raw_scores"], "raw_scores"),
    "unknown verdict": (["claims", "--reproduced", "agree"], "Did you mean agrees"),
    "unknown option": (["overview", "--famly", "OPT"], "famly"),
    "unknown command": (["local-cuopling"], "local-cuopling"),
    "bad query": (["sql", "selec 1"], "selec"),
    "writing query": (["sql", "drop table mart_scores"], "SELECT"),
    "two queries": (["sql", "select 1; select 2"], "one"),
    "unknown table": (["sql", "select * from mart_score"], "mart_score"),
    "file query": (["sql", "select * from read_csv('/etc/passwd')"], ""),
    "figure of no such name": (["data", "--figure", "x.html", "--figure-panel", "none"], "coverage"),
    "figure of no such kind": (["local-coupling", *FAST, "--figure", "x.xyz"], "html"),
    "figure in no such folder": (["local-coupling", *FAST, "--figure", "no/such/folder/x.html"], "folder"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_goes_to_stderr_with_code_2_and_no_traceback(
    case: str, cape: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, hint = ERRORS[case]
    monkeypatch.chdir(tmp_path)
    answered = cape(*words)
    assert (answered.code, answered.out) == (2, "")
    assert hint.lower() in answered.err.lower()
    assert "Traceback" not in answered.err
    assert list(tmp_path.iterdir()) == []


def test_variants_of_one_benchmark_never_meet(lake, cape: CommandLine) -> None:
    """The pair is refused where a panel holds both; where it holds one, the other is unknown."""
    held = lake.read("mart_panel_benchmarks").group_by("panel", "benchmark").agg(pl.col("benchmark_id"))
    pairs = [(panel, names[:2]) for panel, _, names in held.sort("panel", "benchmark").iter_rows() if len(names) > 1]
    for panel, (x, y) in pairs:
        answered = cape("local-coupling", *options({"panel": panel, "x": x, "y": y}))
        assert answered.code == 2 and "variants of one benchmark" in answered.err
    answered = cape("local-coupling", "--x", "truthfulqa_mc1", "--y", "truthfulqa_mc2")
    assert answered.code == 2 and "truthfulqa" in answered.err


@pytest.mark.parametrize("diagnostic", [d for d in COMMANDS if any(p.figure for p in d.panels)], ids=lambda d: d.slug)
def test_every_figure_is_saved_as_html(diagnostic: Diagnostic, cape: CommandLine, tmp_path: Path) -> None:
    for panel in (panel for panel in diagnostic.panels if panel.figure is not None):
        file = tmp_path / f"{panel.name}.html"
        words = ["--figure", str(file), "--figure-panel", panel.name]
        assert cape(diagnostic.slug, *fast(diagnostic.slug), *words, "--json").json["estimates"]
        text = file.read_text(encoding="utf-8")
        assert text.lstrip().lower().startswith("<!doctype html") and "Plotly.newPlot" in text
        assert 'src="http' not in text.replace("'", '"')


def test_a_figure_is_saved_as_svg_and_png(cape: CommandLine, tmp_path: Path) -> None:
    require("kaleido")
    require_program("chromium", "chromium-browser", "google-chrome")
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        file = tmp_path / f"figure.{kind}"
        assert cape("local-coupling", *FAST, "--family", "Pythia", "--figure", str(file)).code == 0
        assert file.read_bytes().startswith(start)


def test_every_command_and_option_has_help(cape: CommandLine) -> None:
    group = typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        assert command.help, name
        for parameter in command.params:
            text = getattr(parameter, "help", None)
            assert text, f"{name}: {parameter.name}"
        answered = cape(name, "--help")
        assert answered.code == 0
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[0] in answered.out


@pytest.mark.parametrize("diagnostic", COMMANDS, ids=lambda d: d.slug)
def test_a_command_takes_every_parameter_of_its_page(diagnostic: Diagnostic) -> None:
    group = typer.main.get_command(cli.app)
    taken = {p.name for p in group.commands[diagnostic.slug].params}
    shared = {"panel", "family", "x", "y", "resamples", "seed"} if diagnostic.uses_selection else set()
    assert shared | set(diagnostic.controls) <= taken


def _as(value: object, cell: str) -> object:
    """Return a CSV cell as the kind of value that JSON holds there."""
    if value is None:
        return None if cell == "" else cell
    return type(value)(cell)
