"""`cape sweep`: the plan, refusals, status and what is said where submitit is missing; none needs torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cape import cli
from cape.sweep import JobState, State, SweepStatus
from cape.sweep.status import write_status
from tests.conftest import REPOSITORY

ORGANISM = REPOSITORY / "lake" / "organism" / "web"
Answer = tuple[int, str, str]


@pytest.fixture
def cape(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `cape sweep <words>` in this process; return exit code, stdout and stderr."""

    def call(*given: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cape", "sweep", *given])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def _file(folder: Path, **given: object) -> str:
    file = folder / "models.yaml"
    models = [{"model": str(ORGANISM / shape)} for shape in ("d8-l2", "d64-l3")]
    file.write_text(json.dumps({"models": models, **given}), encoding="utf-8")
    return str(file)


def test_the_plan_counts_from_config_alone_and_starts_nothing(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    folder = tmp_path / "sweep"
    code, out, err = cape(_file(tmp_path), "--plan", "--out", str(folder))
    assert code == 0 and err == "" and not folder.exists()
    for shape in ("d8-l2", "d64-l3"):
        n_parameters = json.loads((ORGANISM / shape / "training.json").read_text(encoding="utf-8"))["n_params"]
        assert f"{n_parameters:,}" in out


def test_what_cannot_fit_is_refused_before_launch(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    file = _file(tmp_path, defaults={"limits": {"memory_gib": 0.1}})
    for given in ([file, "--plan"], ["--executor", "local", file], ["run", file]):
        code, _, err = cape(*given, "--out", str(tmp_path / "sweep"))
        assert code == 2 and "2 limits are too small; nothing was launched" in err and "memory_gib is 0.1" in err
    assert not (tmp_path / "sweep").exists()


def test_a_file_with_a_fault_and_a_missing_one_are_refused(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    code, _, err = cape(_file(tmp_path, model=[]))
    assert code == 2 and "Did you mean 'models'?" in err and "Traceback" not in err
    code, _, err = cape(str(tmp_path / "no.yaml"))
    assert code == 2 and "no.yaml" in err


def test_a_hub_id_without_leave_is_refused(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    code, _, err = cape(_file(tmp_path, models=[{"model": "nobody/nothing"}]), "--plan")
    assert code == 2 and ("--allow-hub" in err or "huggingface_hub" in err)


def test_without_submitit_the_install_line_is_said(
    tmp_path: Path, cape: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    code, _, err = cape(_file(tmp_path), "--out", str(tmp_path / "sweep"))
    assert code == 2 and "pip install -r requirements-heavy.txt" in err


def test_status_of_a_folder(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    code, _, err = cape("status", str(tmp_path))
    assert code == 2 and "holds no sweep" in err
    jobs = {
        "a": JobState(name="a", config_hash="1", output="a", state=State.DONE, attempts=1, seconds=2.0),
        "b": JobState(name="b", config_hash="2", output="b", state=State.FAILED, log="logs/b.err", error="out of luck"),
    }
    write_status(SweepStatus(executor="slurm", jobs=jobs), tmp_path)
    code, out, err = cape("status", str(tmp_path))
    assert code == 0 and "2 jobs: 1 done, 1 failed. Executor slurm" in out
    assert f"failed: b: out of luck Log: {tmp_path / 'logs/b.err'}" in err
    code, out, _ = cape("status", str(tmp_path), "--json")
    assert code == 0 and json.loads(out)["counts"] == {"done": 1, "failed": 1}
    code, _, err = cape("cancel", str(tmp_path / "nothing"))
    assert code == 2 and "holds no sweep" in err


def test_the_example_is_a_file_of_models(tmp_path: Path, cape: Callable[..., Answer]) -> None:
    from cape.sweep.models_file import read_models_file

    code, out, _ = cape("example")
    (tmp_path / "example.yaml").write_text(out, encoding="utf-8")
    assert code == 0 and len(read_models_file(tmp_path / "example.yaml").models) == 3
