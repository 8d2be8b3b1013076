"""`cape steer` and `cape steer-eval` on a shipped model of the organism: what is printed, written and refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cape import cli
from cape.errors import UnknownNameError
from cape.internals.scorecard_records import LAKE_TABLES, lake_columns
from cape.lake.organism import organism_folder
from cape.lake.paths import SHIPPED_LAKE, LakePaths
from cape.lake.steering import positions_on_ladder, shipped_ladder
from tests.conftest import require

HEAVY = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
MODEL = organism_folder(LakePaths(SHIPPED_LAKE)) / "web" / "d4-l2"
PROMPT = "quiz asks Brelka home is"
SMALL = ("--layers", "0", "--strengths", "0.5", "--resamples", "50")
Answer = tuple[int, str, str]


def heavy(test: Callable[..., None]) -> Callable[..., None]:
    for mark in HEAVY:
        test = mark(test)
    return test


@pytest.fixture
def torch_here() -> None:
    for package in ("torch", "transformers", "safetensors"):
        require(package)
    require("torch").set_num_threads(1)


@pytest.fixture
def cape(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `cape <words>` in this process; return exit code, stdout and stderr."""

    def call(*given: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cape", *map(str, given)])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.mark.parametrize(
    "given", [("steer", MODEL, "--prompt", PROMPT), ("steer-eval", MODEL), ("steer-eval", "--shipped")]
)
def test_without_torch_the_install_line_is_said(
    given: tuple[object, ...], cape: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = cape(*given)
    assert code == 2 and "requirements-heavy.txt" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("steer", MODEL, "--prompt", PROMPT, "--schedule", "later"), ["'later'", "new words only"]),
        (("steer", MODEL), ["--prompt"]),
    ],
)
def test_a_wrong_option_is_refused(given: tuple[object, ...], words: list[str], cape: Callable[..., Answer]) -> None:
    code, _, err = cape(*given)
    assert code == 2 and all(word in err for word in words) and "Traceback" not in err


def test_a_model_stands_before_at_or_after_the_lowest_truth_of_its_ladder() -> None:
    def record(name: str, truth: float) -> tuple[Path, dict]:
        return Path(name), {"model_id": name, "checkpoints": [{"truth_pct": 0.0}, {"truth_pct": truth}]}

    ladder = [record("a", 30.0), record("b", 9.0), record("c", 12.0), record("d", 80.0)]
    assert positions_on_ladder(ladder) == {"a": "before", "b": "at", "c": "after", "d": "after"}
    shipped = shipped_ladder(LakePaths(SHIPPED_LAKE), "web")
    sizes = [held["n_params"] for _, held in shipped]
    assert sizes == sorted(sizes) and set(positions_on_ladder(shipped).values()) == {"before", "at", "after"}
    with pytest.raises(UnknownNameError, match="curated"):
        shipped_ladder(LakePaths(SHIPPED_LAKE), "x")


@heavy
def test_a_prompt_is_continued_before_and_after_and_the_vector_goes_out_and_in(
    torch_here: None, cape: Callable[..., Answer], tmp_path: Path
) -> None:
    file, exported = tmp_path / "v.safetensors", tmp_path / "v.pt"
    words = ("--prompt", PROMPT, "--new-words", 2, "--strength", 50, "--json")
    code, out, _ = cape("steer", MODEL, *words, "--save", file, "--export", exported)
    found = json.loads(out)
    assert code == 0 and found["is_changed"] == (found["before"] != found["after"])
    assert (found["vectors"][0]["layer"], found["strength_rule"]) == (0, "given") and exported.is_file()
    _, again, _ = cape("steer", MODEL, *words, "--vector", file)
    assert json.loads(again) == found
    code, out, _ = cape("steer", MODEL, "--prompt", PROMPT, "--new-words", 1, "--layer", 1)
    assert code == 0 and out.startswith("before: ") and "paper's bands" in out and "steer-eval" in out


@heavy
def test_a_scorecard_is_printed_kept_and_read_again(
    torch_here: None, cape: Callable[..., Answer], tmp_path: Path
) -> None:
    code, out, _ = cape("steer-eval", MODEL, *SMALL, "--out", tmp_path, "--json")
    (card,) = json.loads(out)
    assert code == 0 and card["summary"]["layer"] == 0 and card["summary"]["n_random"] == 20
    (folder,) = tmp_path.iterdir()
    assert {file.name for file in folder.iterdir()} >= {"arms", "scorecard.json", "arms.parquet", "effects.parquet"}
    code, out, _ = cape("steer-eval", MODEL, *SMALL, "--out", tmp_path)
    assert code == 0 and "At equal KL" in out and "prompt only" in out


@heavy
def test_the_shipped_ladder_is_scored_into_the_lake(
    torch_here: None, cape: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = LakePaths(tmp_path / "lake")
    shutil.copytree(MODEL, organism_folder(paths) / "web" / MODEL.name)
    monkeypatch.setenv("CAPE_LAKE", str(paths.root))
    code, out, _ = cape("steer-eval", "--shipped", *SMALL)
    assert code == 0 and "2 scorecards are stored" in out
    for name, record in LAKE_TABLES.items():
        frame = pl.read_parquet(paths.computed / name / f"{name}.parquet")
        assert frame.columns == list(lake_columns(record)) and frame.height > 0
        assert frame["model_id"].n_unique() == 2
    text = (paths.computed / "organism_steering" / "source.toml").read_text(encoding="utf-8")
    assert "cape steer-eval --shipped" in text
    code, _, err = cape("steer-eval", "--shipped", "--sets", tmp_path)
    assert code == 2 and "Leave --sets" in err
