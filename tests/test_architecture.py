"""The rules of the house, each checked on this repository and each seen to refuse an offender."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cape.diagnostics import DIAGNOSTICS
from cape.lake import Lake

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted((REPOSITORY / "pages").glob("*.py"))
SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))
SQL_FILES = sorted((REPOSITORY / "sql").rglob("*.sql"))
LINES_MAX = 60
BYTES_MAX = 3_000_000


# Who may import whom.


def lint_imports(folder: Path) -> tuple[int, dict[str, str], str]:
    """Run import-linter in a folder; return the exit code, KEPT or BROKEN by contract, and all it said."""
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [script, "--no-cache"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    return done.returncode, dict(re.findall(r"^(.+?) (KEPT|BROKEN)", said, flags=re.MULTILINE)), said


def test_imports_keep_every_contract() -> None:
    code, verdicts, said = lint_imports(REPOSITORY)
    assert code == 0, said
    assert set(verdicts) == {contract for contract, _, _ in OFFENDING_IMPORTS}
    assert set(verdicts.values()) == {"KEPT"}


OFFENDING_IMPORTS = [
    ("layers", "cape/stats/__init__.py", "import cape.lake"),
    ("layers", "cape/figures/__init__.py", "def late():\n    import cape.lake"),
    ("layers", "cape/quantities.py", "import cape.claims"),
    ("layers", "cape/cli.py", "import cape.ui"),
    ("layers", "cape/unheard_of.py", ""),
    ("only cape.ui imports streamlit", "cape/figures/__init__.py", "import streamlit"),
    ("only cape.ui imports streamlit", "cape/cli.py", "def late():\n    from streamlit.testing import v1"),
    ("only cape.lake imports duckdb", "cape/ingest/__init__.py", "import duckdb"),
    ("only cape.internals and cape.organism import torch", "cape/diagnostics/__init__.py", "import torch"),
    ("only cape.internals and cape.organism import torch", "cape/cli.py", "def late():\n    import transformers"),
    ("cape.stats is numpy and scipy only", "cape/stats/coupling.py", "import polars"),
]


@pytest.mark.parametrize(("contract", "file", "offence"), OFFENDING_IMPORTS)
def test_an_offending_import_breaks_its_contract_only(tmp_path: Path, contract: str, file: str, offence: str) -> None:
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "cape", tmp_path / "cape", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / file).open("a", encoding="utf-8") as module:
        module.write(f"\n\n{offence}\n")
    code, verdicts, said = lint_imports(tmp_path)
    assert code != 0, said
    assert [name for name, verdict in verdicts.items() if verdict == "BROKEN"] == [contract], said


@pytest.mark.parametrize("package", ["internals", "organism"])
def test_the_homes_of_torch_may_import_it(tmp_path: Path, package: str) -> None:
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "cape", tmp_path / "cape", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cape" / package).mkdir(exist_ok=True)
    (tmp_path / "cape" / package / "__init__.py").touch()
    (tmp_path / "cape" / package / "some_model.py").write_text("def late():\n    import torch, transformers\n")
    code, _, said = lint_imports(tmp_path)
    assert code == 0, said


def modules_after(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter holds after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_registry_loads_without_torch_or_streamlit() -> None:
    held = modules_after("import cape.diagnostics")
    assert "cape.lake" in held
    assert held.isdisjoint({"torch", "transformers", "transformer_lens", "pysr", "streamlit"})


def test_everything_below_the_lake_loads_without_duckdb() -> None:
    below = ["quantities", "errors", "claims", "stats", "ingest", "figures"]
    names = [f"cape.{name}" for name in below] + [
        f"cape.{name}.{file.stem}"
        for name in below
        for file in (REPOSITORY / "cape" / name).glob("*.py")
        if file.stem != "__init__"
    ]
    held = modules_after(f"import {', '.join(names)}")
    assert set(names) <= held
    assert held.isdisjoint({"duckdb", "streamlit", "torch"})


@pytest.mark.skipif(os.environ.get("CAPE_ENV") != "light", reason="a promise of the light environment only")
def test_the_light_environment_has_no_torch() -> None:
    assert importlib.util.find_spec("torch") is None
    assert importlib.util.find_spec("transformers") is None


# Pages and scripts, on the syntax tree.

SQL_TEXT = re.compile(
    r"\A\s*(?:select|SELECT|with \w+ as|WITH \w+ AS)\s|(?i:\bselect\s+\*|\b(?:from|join)\s+(?:raw|stg|int|mart|chk)_"
    r"|\binsert\s+into\b|\bdelete\s+from\b|\bupdate\s+\w+\s+set\b"
    r"|\b(?:create|drop|alter)\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|view|macro|schema)\b)"
)
COLOUR_NAMES = (
    "black|silver|gr[ae]y|white|maroon|red|purple|fuchsia|magenta|green|lime|olive|yellow|orange|navy|blue|teal|aqua"
    "|cyan|brown|pink|violet|gold|crimson|indigo|rainbow"
)
COLOUR = re.compile(
    rf"#[0-9a-f]{{3,8}}\b|\b(?:rgba?|hsla?)\(|\A(?:dark|light)?(?:{COLOUR_NAMES})\Z|:(?:{COLOUR_NAMES})(?:-background)?\[",
    re.IGNORECASE,
)
ARITHMETIC_CALLS = {"abs", "divmod", "pow", "round", "sum"}


def page_faults(source: str) -> list[str]:
    """Return what a page does that a page must not do, each with its line."""
    faults = length_faults(source)
    for node in ast.walk(ast.parse(source)):
        found = [*_literal_faults(node), *_operation_faults(node), *_import_faults(node)]
        faults += [f"line {getattr(node, 'lineno', 0)}: {fault}" for fault in found]
    return faults


def _literal_faults(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return
    if isinstance(node.value, int | float | complex):
        yield f"the number {node.value}; numbers live in Params, claims or the lake"
    if isinstance(node.value, str) and SQL_TEXT.search(node.value):
        yield "SQL; it lives in sql/"
    if isinstance(node.value, str) and COLOUR.search(node.value):
        yield f"the colour {node.value!r}; colours live in the theme"


def _operation_faults(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.BinOp(op=op) if not isinstance(op, ast.BitOr):
            yield "arithmetic; a page asks, cape answers"
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert()) | ast.AugAssign():
            yield "arithmetic; a page asks, cape answers"
        case ast.Call(func=ast.Name(id=name)) if name in ARITHMETIC_CALLS:
            yield f"{name}() computes; a page asks, cape answers"


def _import_faults(node: ast.AST) -> Iterator[str]:
    for module in _imported(node):
        if module.partition(".")[0] not in {"cape", "streamlit", "__future__"}:
            yield f"imports {module}; a page imports cape and streamlit only"


def script_faults(source: str) -> list[str]:
    """Return what a script does that a script must not do: it is short, calls cape and holds no SQL."""
    nodes = list(ast.walk(ast.parse(source)))
    faults = length_faults(source)
    faults += [
        f"line {node.lineno}: SQL; it lives in sql/"
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_TEXT.search(node.value)
    ]
    if not any(module.partition(".")[0] == "cape" for node in nodes for module in _imported(node)):
        faults.append("imports nothing from cape; a script only calls what cape holds")
    return faults


def length_faults(source: str) -> list[str]:
    n_lines = len(source.splitlines())
    return [f"{n_lines} lines, {LINES_MAX} are allowed"] if n_lines > LINES_MAX else []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_only_arranges(page: Path) -> None:
    assert page_faults(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import streamlit as st\n" * 61, "61 lines"),
        ("x = 3", "the number 3"),
        ("f(width=0.5)", "the number 0.5"),
        ("q = 'select score from mart_scores'", "SQL"),
        ("q = f'''\n  SELECT {x}\n  FROM y'''", "SQL"),
        ("q = 'create view a as'", "SQL"),
        ("q = 'a join from mart_scores'", "SQL"),
        ("f('#0072B2')", "colour"),
        ("f(color='red')", "colour"),
        ("f('rgb(0, 0, 0)')", "colour"),
        ("f(':red[rising]')", "colour"),
        ("x = a * b", "arithmetic"),
        ("x = 'n = ' + n", "arithmetic"),
        ("x = -a", "arithmetic"),
        ("x += y", "arithmetic"),
        ("x = sum(y)", "computes"),
        ("import numpy as np", "imports numpy"),
        ("from duckdb import connect", "imports duckdb"),
        ("def f():\n    import polars", "imports polars"),
        ("from . import other", "imports ."),
    ],
)
def test_an_offending_page_is_refused(source: str, fault: str) -> None:
    assert any(fault in found for found in page_faults(source)), page_faults(source)


def test_an_innocent_page_is_accepted() -> None:
    source = '''"""Reduced models: which to select, and from where."""
from __future__ import annotations
import streamlit as st
from cape import ui
from cape.diagnostics.local_coupling import DIAGNOSTIC
params: dict[str, str] | None = ui.controls(DIAGNOSTIC)
if not params and True:
    st.caption(f"{DIAGNOSTIC.title}: scored, blue or red")
'''
    assert page_faults(source) == []


def page_set_faults(pages: list[str], slugs: list[str]) -> list[str]:
    """Return the slugs without a page, the pages without a slug and the slugs used twice."""
    return [
        *(f"{slug} has no page" for slug in slugs if slug not in pages),
        *(f"{page} is no diagnostic" for page in pages if page not in slugs),
        *(f"{slug} is registered twice" for slug in sorted(set(slugs)) if slugs.count(slug) > 1),
    ]


def test_each_diagnostic_has_one_page_of_its_name() -> None:
    assert page_set_faults([page.stem for page in PAGES], [diagnostic.slug for diagnostic in DIAGNOSTICS]) == []


def test_a_missing_stray_or_double_page_is_seen() -> None:
    assert page_set_faults(["a", "x"], ["a", "b", "b"]) == [
        "b has no page",
        "b has no page",
        "x is no diagnostic",
        "b is registered twice",
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_only_calls_cape(script: Path) -> None:
    assert script_faults(script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import cape\n" * 61, "61 lines"),
        ("import cape\nq = 'select a from b'", "SQL"),
        ("print('hello')", "imports nothing from cape"),
    ],
)
def test_an_offending_script_is_refused(source: str, fault: str) -> None:
    assert any(fault in found for found in script_faults(source)), script_faults(source)


# SQL house rules.

PREFIXES = {"10_staging": "stg_", "20_intermediate": "int_", "30_marts": "mart_", "40_checks": "chk_"}
UNORDERED_MARTS = {
    "mart_lake": "one row",
    "mart_gamma": "large; cape/diagnostics/_fetch.py filters, then sorts",
    "mart_pairs": "large; cape/diagnostics/_fetch.py filters, then sorts",
    "mart_phases": "large; cape/diagnostics/_fetch.py filters, then sorts",
}


def sql_faults(path: str, text: str) -> list[str]:
    """Return what a SQL file does against the house rules. path : `<layer>/<name>.sql`; the name is the view's."""
    layer, _, file = path.partition("/")
    name = file.removesuffix(".sql")
    lines = text.rstrip("\n").splitlines()
    is_check = layer == "40_checks"
    faults = []
    if not name.startswith(PREFIXES.get(layer, "?")):
        faults.append(f"a view in {layer} is named {PREFIXES.get(layer)}...")
    grain = ("-- offenders: ",) if is_check else ("-- one row per ", "-- one row: ")
    if not lines[0].startswith(grain):
        faults.append(f"the first line states the grain: {grain[0]}...")
    if re.search(r"^\s*create\b|;", re.sub(r"--.*|'[^']*'", "", text), flags=re.MULTILINE | re.IGNORECASE):
        faults.append("one statement without create and semicolon; the file name is the view name")
    last = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].startswith("select")), None)
    if last is None or (not is_check and not re.fullmatch(r"select \* from \w+", lines[last])):
        faults.append("the last statement is `select * from <last step>`")
    if (
        layer == "30_marts"
        and name not in UNORDERED_MARTS
        and (last is None or "order by" not in "\n".join(lines[last:]))
    ):
        faults.append("a mart ends with order by")
    faults += [
        f"line {number}: the list of columns ends with a comma"
        for number, (before, line) in enumerate(zip(lines, lines[1:], strict=False), start=1)
        if re.match(r"\s*from\b", line) and not re.search(r",$|^\s*(--|select\b)", before)
    ]
    return faults


@pytest.mark.parametrize("file", SQL_FILES, ids=lambda file: file.stem)
def test_sql_keeps_the_house_rules(file: Path) -> None:
    assert sql_faults(f"{file.parent.name}/{file.name}", file.read_text(encoding="utf-8")) == []


GOOD_SQL = """-- one row per model
with rows as (
    select
        a,
    from raw_a
)

select * from rows
order by a
"""


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("30_marts/stg_a.sql", GOOD_SQL, "named mart_"),
        ("50_other/mart_a.sql", GOOD_SQL, "named"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("-- one row per model", "-- models"), "grain"),
        ("40_checks/chk_a.sql", GOOD_SQL, "-- offenders:"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("with rows", "create view a as\nwith rows"), "without create"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("order by a", "order by a;"), "semicolon"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("select * from rows", "select a from rows"), "last statement"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("order by a\n", ""), "ends with order by"),
        ("30_marts/mart_a.sql", GOOD_SQL.replace("a,\n", "a\n"), "line 4: the list of columns"),
    ],
)
def test_offending_sql_is_refused(path: str, text: str, fault: str) -> None:
    assert sql_faults("30_marts/mart_a.sql", GOOD_SQL) == []
    assert any(fault in found for found in sql_faults(path, text)), sql_faults(path, text)


def test_the_built_lake_holds_one_view_per_file(lake: Lake) -> None:
    names = [file.stem for file in SQL_FILES]
    assert len(set(names)) == len(names)
    assert [name for name in names if not lake.columns(name)] == []


# The repository as a whole.

# Written in pieces, so that this file is not its own first offender.
MACHINE_PATHS = re.compile(
    "(?<![\\w./-])/(?:"
    + "|".join(["wo" + "rk", "fa" + "rm", "ro" + "ot", "ho" + "me", "Us" + "ers", "tmp/ba" + "sh_jobs"])
    + r")/\w"
)
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(".".join(labels))
        for labels in [
            ("py" + "pi", "org"),
            ("python" + "hosted", "org"),
            ("download", "py" + "torch", "org"),
            ("debian", "org"),
            ("npm" + "js", "org"),
            ("ana" + "conda", "org"),
        ]
    )
)


def repository_files() -> list[Path]:
    """Return every file that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    files = (REPOSITORY / name for name in listed.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def text_faults(text: str) -> list[str]:
    """Return the places in a text that tie the repository to one machine or one package registry."""
    return [
        f"line {number}: {found.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for found in (MACHINE_PATHS.search(line), REGISTRY_HOSTS.search(line))
        if found is not None
    ]


def test_no_file_names_a_machine_path_or_a_package_registry() -> None:
    found = {
        file.relative_to(REPOSITORY).as_posix(): faults
        for file in repository_files()
        if (faults := text_faults(file.read_text(encoding="utf-8", errors="ignore")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "see /wo" + "rk/main/cape",
        "open('/ho" + "me/someone/x')",
        "cd /Us" + "ers/x",
        "--index-url https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/x",
        "deb http://deb.deb" + "ian.org/debian",
    ],
)
def test_a_machine_path_or_registry_is_seen(text: str) -> None:
    assert text_faults(f"first line\n{text}")[0].startswith("line 2")


def test_an_innocent_path_is_accepted() -> None:
    assert text_faults("lake/raw/x.csv /usr/bin/chromium work/home/root https://arxiv.org/abs/1 net/work/x") == []


def test_no_file_is_large() -> None:
    assert [file.name for file in repository_files() if file.stat().st_size > BYTES_MAX] == []
