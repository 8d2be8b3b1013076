"""Where torch is not installed: nothing loads it, and the command says how to install it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cape import cli

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def test_no_module_of_internals_loads_torch() -> None:
    names = ", ".join(f"cape.internals.{file.stem}" for file in (REPOSITORY / "cape" / "internals").glob("[a-z]*.py"))
    code = f"import {names}, cape.internals.prompts, cape.cli\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "transformer_lens", "accelerate", "safetensors"}.isdisjoint(done.stdout.split())


@pytest.mark.skipif(os.environ.get("CAPE_ENV") != "light", reason="a promise of the light environment only")
def test_the_command_says_how_to_install_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cape", "probe", "some/model"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == cli.FAILED
    assert "pip install -r requirements-heavy.txt" in capsys.readouterr().err
