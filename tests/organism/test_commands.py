"""`cape organism`: the sample, and what it says where torch or a name is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cape import cli
from cape.organism.model import INSTALL_LINE

REPOSITORY = Path(__file__).resolve().parent.parent.parent
Answer = tuple[int, str, str]


@pytest.fixture
def cape(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `cape organism <words>` in this process; return exit code, stdout and stderr."""

    def call(*given: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cape", "organism", *given])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_show_prints_texts_a_question_and_sums(cape: Callable[..., Answer]) -> None:
    code, out, err = cape("show", "--recipe", "curated", "--seed", "3", "--texts", "4")
    assert (code, err) == (0, "")
    assert "4 training texts" in out and "quiz asks" in out and "sum of" in out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["show", "--recipe", "wbe"], ["'wbe'", "web, middle, curated"]),
        (["train", "--shape", "d5-l1"], ["'d5-l1'", "d4-l2"]),
        (["train", "--seed", "99"], ["seed 99", "Seeds: 0"]),
        (["train", "--seed", "1", "--ship"], ["--ship replaces every shipped score"]),
    ],
)
def test_a_wrong_name_is_refused_with_the_known_ones(
    given: list[str], words: list[str], cape: Callable[..., Answer]
) -> None:
    code, _, err = cape(*given)
    assert code == 2 and all(word in err for word in words) and "Traceback" not in err


@pytest.mark.parametrize("given", [["train", "--family", "web"], ["eval"], ["eval", "nowhere"], ["probe"]])
def test_without_torch_the_install_line_is_said(
    given: list[str], cape: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = cape(*given)
    assert code == 2 and INSTALL_LINE in err and "torch" in err and out == ""


def test_the_script_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/train_organism.py", "--shape", "d5-l1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "'d5-l1'" in done.stderr


def test_nothing_of_the_organism_loads_torch() -> None:
    names = [f"cape.organism.{file.stem}" for file in (REPOSITORY / "cape" / "organism").glob("[a-z]*.py")]
    code = f"import {', '.join(names)}, cape.cli_organism, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "safetensors"}.isdisjoint(done.stdout.split())
