"""A sweep of real probes on tiny random models: whole shards, resumed after a kill, one bad model stops no other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cape.internals.results import read_shards
from cape.sweep import State, read_status
from cape.sweep.models_file import read_models_file
from cape.sweep.planner import BASE_GIB, config_from, plan_sweep
from cape.sweep.probing import Permissions, count_prompts, probe_jobs
from tests.conftest import REPOSITORY, require
from tests.sweep.planted import PATH, wait_until

pytestmark = pytest.mark.heavy
require("submitit")
require("torch")

NAMES = ("one", "two", "three")
WORDS = {"reasoning": "sum of {} 1 is", "truthfulness": "quiz asks {} home is"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three random models, and one whose weights are cut short."""
    from cape.organism.model import new_model, save_model
    from cape.organism.recipes import Shape

    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(NAMES):
        save_model(new_model(Shape(d_model=8, n_layers=2, n_heads=2), seed=seed), folder / name)
    shutil.copytree(folder / "one", folder / "broken")
    weights = folder / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    prompts = {name: [text.format(n) for n in range(2, 6)] for name, text in WORDS.items()}
    (folder / "prompts.yaml").write_text(json.dumps({"name": "small", "groups": prompts}), encoding="utf-8")
    probes = {"small": {"prompts": str(folder / "prompts.yaml"), "background": "none", "resamples": 20}}
    listed = [{"model": str(folder / name)} for name in ("one", "broken", "two", "three")]
    content = {"probes": probes, "models": listed, "defaults": {"limits": {"memory_gib": 2, "hours": 0.1}}}
    (folder / "models.yaml").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _sweep(models: Path, out: Path, **given: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cape", "sweep", str(models / "models.yaml"), "--out", str(out)]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": PATH},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **given,
    )


def test_a_sweep_of_probes(models: Path, tmp_path: Path) -> None:
    first = _sweep(models, tmp_path)
    wait_until(lambda: len(list((tmp_path / "shards").glob("probe-*.parquet"))) == 1, seconds=120)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "shards").glob("probe-*.parquet")}

    code, err = _end(_sweep(models, tmp_path))
    states = {name.split("__")[0].rpartition("-")[2]: job for name, job in read_status(tmp_path).jobs.items()}
    assert code == 1 and {name: states[name].state for name in NAMES} == dict.fromkeys(NAMES, State.DONE)
    assert states["broken"].state is State.FAILED and "ModelLoadError" in states["broken"].error
    assert "ModelLoadError" in err and (tmp_path / states["broken"].log).is_file()
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in before.items()), "a finished shard is not redone"

    # A job that was killed between its shard and its record leaves no peak.
    peaks = [peak for name in NAMES if (peak := states[name].peak_memory_gib) is not None]
    assert len(peaks) >= len(NAMES) - 1 and all(0.1 < peak < BASE_GIB for peak in peaks), "the planner assumes enough"
    rows = read_shards(tmp_path / "shards")
    assert rows["model_id"].n_unique() == 3 and {"layer_coupling", "head_coupling"} <= set(rows["probe"])
    assert sorted(file.suffix for file in (tmp_path / "shards").iterdir()) == [".parquet"] * 3, "no draft is left"
    code, err = _end(_sweep(models, tmp_path))
    assert code == 1 and "1 jobs failed in an earlier run and were left; --retry runs them" in err
    assert {name: read_status(tmp_path).jobs[job.name].attempts for name, job in states.items()} == {
        name: job.attempts for name, job in states.items()
    }


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def test_jobs_are_named_by_what_decides_their_numbers(models: Path, tmp_path: Path) -> None:
    def hashes(**changed: Any) -> list[str]:
        content = json.loads((models / "models.yaml").read_text(encoding="utf-8"))
        content["probes"]["small"] |= changed
        file = tmp_path / "models.yaml"
        file.write_text(json.dumps(content), encoding="utf-8")
        plans = plan_sweep(
            read_models_file(file),
            read_config=lambda spec: config_from(spec.model, spec.revision, allow_hub=False),
            n_prompts=count_prompts,
        )
        assert {plan.n_prompts for plan in plans} == {8}
        return [job.config_hash for job in probe_jobs(plans, tmp_path, Permissions())]

    plain = hashes()
    assert len(set(plain)) == 4 and hashes(batch_size=1, max_tokens=8) == plain
    assert not set(hashes(seed=1)) & set(plain) and not set(hashes(resamples=30)) & set(plain)
