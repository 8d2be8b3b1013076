"""Page, command line and Python give the same estimates, field by field, for every diagnostic."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from cape import diagnostics
from cape.diagnostics import DIAGNOSTICS, Diagnostic
from cape.errors import CapeError
from cape.lake import EXAMPLES, Lake
from tests.surface._app import (
    REPOSITORY,
    ROW_PRINTERS,
    SLUGS,
    CommandLine,
    as_shown,
    estimates_on,
    frame_rows,
    open_page,
    options,
    page_keys,
    rows_of,
    table_with,
    tables,
)

FEW = {"resamples": 500}  # where the page offers it: these cases are about the selection
CASES: dict[str, dict[str, Any]] = {
    "another panel": {"panel": "independent", **FEW},
    "one family": {"panel": "author", "family": "Pythia", **FEW},
    "another pair": {"x": "mmlu", "y": "winogrande", **FEW},
    "a pair by base name and variant": {"panel": "independent", "y": "truthfulqa_mc2", "variant": "mc2", **FEW},
    "two panels compared": {"compare_panel": "independent", **FEW},
    "two ladders compared": {
        "family": "Pythia",
        "compare_panel": "independent",
        "compare_family": "Pythia-deduped",
        **FEW,
    },
    "a window of sizes": {"min_b": 1.0, "max_b": 13.0, **FEW},
    "several families": {"families": "Pythia, OPT, Llama-2", **FEW},
    "another seed": {"seed": 7, **FEW},
    "many resamples": {"seed": 3, "resamples": 1000},
    "a panel without sizes": {"panel": "frontier", **FEW},
}
OPTIONAL = ("resamples",)


def applicable() -> Iterator[Any]:
    """Yield each case with each diagnostic whose page offers its parameters."""
    for diagnostic in DIAGNOSTICS:
        keys = page_keys(diagnostic)
        for name, case in CASES.items():
            params = {key: value for key, value in case.items() if key in keys or key not in OPTIONAL}
            if set(params) <= keys:
                yield pytest.param(diagnostic, params, id=f"{diagnostic.slug}: {name}")
        known = diagnostics.options_of(diagnostic.params)
        for name in (name for name in diagnostic.controls if name in known):
            for choice in known[name].choices[-1:]:  # every choice takes the same way
                yield pytest.param(diagnostic, {name: choice}, id=f"{diagnostic.slug}: {name} {choice}")


@pytest.mark.parametrize("slug", SLUGS)
def test_with_defaults_page_python_and_a_separate_command_agree(slug: str, lake: Lake) -> None:
    expected = diagnostics.run(slug, {}, lake)
    assert expected.estimates
    assert estimates_on(open_page(slug)) == as_shown(expected)
    if slug in ROW_PRINTERS:
        return
    command = [sys.executable, "-m", "cape", slug.replace("_", "-"), "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == expected.as_dict()


@pytest.mark.parametrize("diagnostic, params", tuple(applicable()))
def test_with_any_parameters_page_command_and_python_agree(
    diagnostic: Diagnostic, params: dict[str, Any], lake: Lake, cape: CommandLine
) -> None:
    app = open_page(diagnostic.slug, **params)
    words = [diagnostic.slug, *options(params), "--json"]
    try:
        expected = diagnostics.run(diagnostic.slug, params, lake)
    except CapeError as error:
        assert [shown.value for shown in app.error] == [str(error)]
        if diagnostic.slug not in ROW_PRINTERS:
            answered = cape(*words)
            assert (answered.code, answered.out, answered.err.strip()) == (2, "", str(error))
        return
    assert not app.warning, [shown.value for shown in app.warning]
    assert estimates_on(app) == as_shown(expected)
    if diagnostic.slug not in ROW_PRINTERS:
        assert cape(*words).json == expected.as_dict()


def test_the_selection_reaches_the_numbers(lake: Lake) -> None:
    """A page that ignored its parameters would agree with a command that does so too."""
    for slug in (d.slug for d in DIAGNOSTICS if d.uses_selection):
        few = {name: value for name, value in FEW.items() if name in page_keys(diagnostics.get(slug))}
        default = [row["value"] for row in estimates_on(open_page(slug, **few))]
        for changed in ({"panel": "independent"}, {"family": "Pythia"}, {"x": "mmlu", "y": "winogrande"}):
            assert [row["value"] for row in estimates_on(open_page(slug, **changed, **few))] != default, (slug, changed)


def test_the_command_shown_on_the_page_prints_the_numbers_of_the_page(cape: CommandLine) -> None:
    for slug in (d.slug for d in DIAGNOSTICS if d.uses_selection):
        keys = page_keys(diagnostics.get(slug))
        params = {"panel": "independent", "family": "OPT", "seed": 5, "resamples": 500, "max_b": 30.0}
        app = open_page(slug, **{name: value for name, value in params.items() if name in keys})
        own = f"cape {slug.replace('_', '-')}"
        shown = next(block.value for block in app.code if block.value.startswith(own))
        found = cape(*shlex.split(shown)[1:], "--json").json["estimates"]
        assert [{**row, "caveats": "; ".join(row["caveats"])} for row in found] == estimates_on(app)


CLAIM_KEYS = {
    *("claim_id", "reproduced", "supported", "paper_value", "our_value", "low", "high", "n"),
    *("diagnostic", "method", "reason", "parts"),
}


def test_claims_are_the_rows_of_their_mart_on_every_surface(lake: Lake, cape: CommandLine) -> None:
    printed = cape("claims", "--json").json
    mart = {row["claim_id"]: row for row in frame_rows(lake.read("mart_claims"))}
    assert [row["claim_id"] for row in printed] == list(mart)
    for row in printed:
        assert set(row) >= CLAIM_KEYS
        stored = mart[row["claim_id"]]
        assert row["parts"] == json.loads(stored["parts"])
        assert {k: v for k, v in row.items() if k != "parts"} == {k: stored[k] for k in row if k != "parts"}
    app = open_page("claims")
    listed = table_with(app, "claim_id", "reproduced", "supported")
    assert listed == [{name: mart[row["claim_id"]][name] for name in row} for row in listed]
    assert [row["claim_id"] for row in listed] == list(mart)
    totals = {row["label"]: row["value"] for row in estimates_on(app)}
    for side in ("reproduced", "supported"):
        counted = [row[side] for row in printed]
        shown = {label: n for label, n in totals.items() if label.startswith(f"{side}:")}
        assert sum(shown.values()) == len(printed)
        assert {label: n for label, n in shown.items() if n} == {
            f"{side}: {verdict}": counted.count(verdict) for verdict in set(counted)
        }


def test_claims_are_filtered_alike_on_page_and_command_line(cape: CommandLine) -> None:
    some = cape("claims", "--json").json[0]
    filters = {"reproduced": some["reproduced"], "supported": some["supported"], "search": some["claim_id"]}
    found = [row["claim_id"] for row in cape("claims", *options(filters), "--json").json]
    assert some["claim_id"] in found
    listed = table_with(open_page("claims", **filters), "claim_id", "reproduced")
    assert [row["claim_id"] for row in listed] == found
    none = {"search": "no claim says this"}
    assert cape("claims", *options(none), "--json").json == []
    assert any("No claim matches" in shown.value for shown in open_page("claims", **none).info)


@pytest.mark.parametrize("query", ["select * from mart_panels order by panel", *EXAMPLES.values()])
def test_a_query_gives_the_same_rows_on_page_and_command_line(query: str, cape: CommandLine) -> None:
    printed = cape("sql", query, "--json").json["rows"]
    app = open_page("sql")
    app.text_area[0].set_value(query)
    app.button(key="run_query").click().run()
    assert not app.exception and not app.error
    shown = next(rows_of(f) for f in tables(app) if not len(f) or list(f.columns) == list(printed[0]))
    assert json.loads(json.dumps(shown, default=str)) == printed


def test_a_query_of_a_whole_mart_gives_what_lake_read_gives(lake: Lake, cape: CommandLine) -> None:
    for mart, order in (("mart_panels", "panel"), ("mart_models", "model_id"), ("mart_benchmarks", "benchmark_id")):
        printed = cape("sql", f"select * from {mart} order by {order}", "--json").json["rows"]
        held = frame_rows(lake.read(mart).sort(order))
        assert printed == json.loads(json.dumps(held, default=str))
        assert printed
