"""Training and calibration through the executor of sweeps give what they give in a pool of processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cape import calibration
from cape.errors import SweepError
from cape.organism.recipes import FULL
from cape.organism.run import chosen_jobs
from cape.organism.train import read_record
from cape.sweep import JobState, State, SweepOutcome, SweepStatus
from cape.sweep.laboratory import calibrate_by_sweep, check_whole, train_by_sweep
from tests.conftest import REPOSITORY, require
from tests.sweep.planted import PATH

pytestmark = pytest.mark.heavy
require("submitit")
SHIPPED = REPOSITORY / "lake" / "organism" / "web"


@pytest.fixture(autouse=True)
def _this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PATH)


def test_a_model_trained_by_a_sweep_is_the_shipped_one_and_finished_ones_are_kept(tmp_path: Path) -> None:
    require("torch")
    small, other = (chosen_jobs(FULL, family="web", shape=shape, seed=0)[0] for shape in ("d4-l2", "d6-l2"))
    shutil.copytree(SHIPPED / "d6-l2", tmp_path / other.name)
    before = (tmp_path / other.name / "training.json").stat().st_mtime_ns
    outcome = train_by_sweep([small, other], tmp_path, executor="local", workers=1)
    check_whole(outcome, tmp_path)
    assert outcome.is_whole and outcome.status.jobs[f"organism/{other.name}"].was_held
    assert (tmp_path / other.name / "training.json").stat().st_mtime_ns == before
    trained, shipped = read_record(tmp_path / small.name), read_record(SHIPPED / "d4-l2")
    assert trained is not None and shipped is not None
    assert trained["job"] == shipped["job"] and trained["n_params"] == shipped["n_params"]
    truth, held = (each["checkpoints"][-1]["truth_pct"] for each in (trained, shipped))
    assert abs(truth - held) < 10, "the same seed ends near the shipped score on every machine"


def test_a_calibration_by_a_sweep_equals_one_in_a_pool(tmp_path: Path) -> None:
    cells = calibration.cells_named("4x3x1000x200")
    worlds = list(calibration.WORLD)[:2]
    jobs = calibration.plan(cells, worlds, n_simulations=30, n_resamples=20, seed=0)
    outcome = calibrate_by_sweep(jobs, tmp_path / "sweep", n_simulations=30, executor="local", workers=2)
    assert outcome.is_whole and len(outcome.status.jobs) == 2
    calibration.run_jobs(jobs, tmp_path / "pool", n_workers=1, progress=lambda done, n: None)
    by_sweep, by_pool = (calibration.rows(jobs, tmp_path / name) for name in ("sweep", "pool"))
    assert len(by_sweep) > 0 and by_sweep == by_pool


def test_a_failed_job_is_said_with_its_log(tmp_path: Path) -> None:
    failed = JobState(
        name="a", config_hash="0", output="a", state=State.FAILED, log="logs/a/1_0_log.err", error="ValueError: no"
    )
    status = SweepStatus(executor="local", jobs={"a": failed})
    outcome = SweepOutcome(status=status, is_cancelled=False, skipped=())
    with pytest.raises(SweepError, match=r"(?s)1 jobs failed.*a: ValueError: no Log: .*1_0_log\.err"):
        check_whole(outcome, tmp_path)
