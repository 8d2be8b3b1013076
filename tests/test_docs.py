"""The README says what the registry and the ledger say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cape.diagnostics import DIAGNOSTICS
from cape.docs import written
from cape.lake import Lake

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / "README.md"


def test_generated_parts_are_up_to_date(lake: Lake) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/write_docs.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_table_is_noticed(lake: Lake) -> None:
    text = README.read_text(encoding="utf-8").replace(DIAGNOSTICS[1].question, "Something else?")
    assert written(text, lake) != text


def test_the_readme_is_short_and_has_one_picture() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 80
    assert sum(line.startswith("![") for line in lines) == 1
    assert (REPOSITORY / "docs" / "overview.png").is_file()


def test_the_benchmark_measures_this_repository() -> None:
    from scripts.bench.common import ROOT

    assert ROOT == REPOSITORY
