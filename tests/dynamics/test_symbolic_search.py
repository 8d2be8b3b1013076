"""The search: planted laws are found again, the process is bounded, and PySR is used through its own surface."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cape.dynamics import symbolic, symbolic_engines, symbolic_worker
from cape.dynamics.symbolic import Engine, Job, Search, SearchError, run_search
from cape.dynamics.symbolic_engines import Budget, pysr_front, pysr_settings
from cape.dynamics.symbolic_expression import evaluate, parse_law
from cape.dynamics.symbolic_front import hall_of_fame
from cape.dynamics.symbolic_holdout import is_same_form
from cape.errors import BadParameterError, MissingDependencyError
from tests.conftest import require, require_program

PAPER = "1.0*x_n**2/log10_n**2"


def columns(n: int = 80, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x_n": rng.uniform(5, 60, n), "log10_n": rng.uniform(7.5, 11, n)}


def job(*, seconds: float = 120, evaluations: int = 60_000, folds: int = 1, engine: Engine = Engine.OPERON) -> Job:
    """A search for a planted law of the paper's form with noise of two percent."""
    held, noise = columns(), np.random.default_rng(5).normal(0, 0.02, 80)
    target = 3.0 * held["x_n"] ** 2 / held["log10_n"] ** 2 * (1 + noise)
    fold = np.arange(80) % folds
    return Job(
        columns=held, target=target, fold=fold, seeds=(0,), complexity=14, evaluations=evaluations, seconds=seconds,
        engine=engine,
    )  # fmt: skip


def assert_holds_the_planted_law(laws: list[dict[str, Any]]) -> None:
    paper = parse_law(PAPER, inputs=("x_n", "log10_n"))
    found = [parse_law(law["expression"], inputs=("x_n", "log10_n")) for law in laws]
    same = [law for law in found if is_same_form(law, paper, columns())]
    assert same, [law.text for law in found]
    assert same[0].constants[0] == pytest.approx(3.0, rel=0.02)


def test_a_planted_law_is_found_again_without_scale_and_offset_it_does_not_have() -> None:
    progress = run_search(job())
    assert (progress.stopped, progress.n_done, progress.n_runs) == ("finished", 1, 1)
    laws = progress.runs[0]["laws"]
    assert_holds_the_planted_law(laws)
    assert [law["complexity"] for law in laws] == sorted({law["complexity"] for law in laws})
    losses = [law["loss"] for law in laws]
    assert losses == sorted(losses, reverse=True)
    held = job()
    for law in laws:
        error = evaluate(parse_law(law["expression"], inputs=("x_n", "log10_n")), held.columns) - held.target
        assert np.mean(error**2) == pytest.approx(law["loss"], rel=1e-3)
        assert "x_{n}" in law["latex"] or r"\ell_{N}" in law["latex"]


def test_a_search_gives_the_same_laws_again_and_tells_of_every_run() -> None:
    told: list[int] = []
    first = run_search(job(folds=2, evaluations=20_000), tell=lambda progress: told.append(progress.n_done))
    second = run_search(job(folds=2, evaluations=20_000))
    assert first.runs == second.runs
    assert [run["fold"] for run in first.runs] == [-1, 0, 1]
    assert told and told == sorted(told) and told[-1] == 3


def test_a_cancelled_search_ends_its_process_and_keeps_what_is_done() -> None:
    search = Search(job(folds=10, evaluations=3_000_000))
    while search.poll().n_runs == 0:
        time.sleep(0.05)
    pid = search._process.pid
    search.cancel()
    search.cancel()
    progress = search.poll()
    assert (progress.is_over, progress.stopped) == (True, "cancelled")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_time_limit_ends_a_search_and_throws_away_the_run_it_cut() -> None:
    started = time.monotonic()
    progress = run_search(job(folds=10, evaluations=50_000_000, seconds=1))
    assert progress.stopped == "time limit"
    assert progress.n_done == 0
    assert time.monotonic() - started < 1 + symbolic.GRACE_S[Engine.OPERON]


def test_a_worker_that_does_not_end_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "GRACE_S", {Engine.OPERON: -119.5})
    progress = run_search(job(folds=10, evaluations=50_000_000))
    assert progress.stopped == "time limit"


def test_a_killed_worker_is_an_error_that_says_so_and_what_to_do() -> None:
    search = Search(job(folds=10, evaluations=3_000_000))
    os.kill(search._process.pid, signal.SIGKILL)
    search._process.wait()
    with pytest.raises(SearchError, match="ended by signal 9.*fewer evaluations"):
        while not search.poll().is_over:
            time.sleep(0.05)


def test_a_worker_that_fails_says_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "WORKER", "cape.dynamics.no_such_worker")
    with pytest.raises(SearchError, match="ended with status 1.*no_such_worker"):
        run_search(job())


def test_a_search_that_nobody_holds_is_ended() -> None:
    search = Search(job(folds=10, evaluations=3_000_000))
    process = search._process
    del search
    gc.collect()
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_only_so_many_searches_run_at_once_and_a_place_comes_back() -> None:
    held = [Search(job(evaluations=3_000_000)) for _ in range(symbolic.CONCURRENT_MAX)]
    with pytest.raises(SearchError, match="under way"):
        Search(job())
    for search in held:
        search.cancel()
    search = Search(job(evaluations=3_000_000))
    search.cancel()


REQUEST = {
    "engine": "pyoperon",
    "names": ["x_n", "log10_n"],
    "columns": [[1.0, 2.0, 3.0, 4.0, 5.0], [7.0, 8.0, 9.0, 10.0, 11.0]],
    "target": [1.0, 2.0, 3.0, 4.0, 5.0],
    "fold": [0, 0, 1, 1, 1],
    "seeds": [0],
    "complexity": 10,
    "evaluations": 1000,
    "seconds": 5,
}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"engine": "eval"}, "engine"),
        ({"engine": None}, "engine"),
        ({"names": []}, "names"),
        ({"names": ["x_n", "__import__"]}, "names"),
        ({"names": ["x_n", "x_n"]}, "names"),
        ({"names": ["x_n", 3]}, "names"),
        ({"names": "x_n"}, "names"),
        ({"columns": [[1.0] * 5]}, "columns"),
        ({"columns": [[1.0] * 5, [1.0] * 4]}, "one length"),
        ({"columns": [["a"] * 5, [1.0] * 5]}, "no number"),
        ({"columns": [[float("nan")] * 5, [1.0] * 5]}, "not finite"),
        ({"columns": [[1.0] * 2, [1.0] * 2]}, "list of 5"),
        ({"target": [1.0] * 6}, "as many"),
        ({"target": None}, "target"),
        ({"fold": [0, 0, 1, 1, 9]}, "fold"),
        ({"fold": [0, 0, 1, 1, 0.5]}, "fold"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [True]}, "seeds"),
        ({"seeds": list(range(99))}, "seeds"),
        ({"complexity": 10**9}, "complexity"),
        ({"evaluations": "many"}, "evaluations"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": True}, "seconds"),
    ],
)
def test_a_hostile_request_is_refused_with_the_field_that_is_wrong(change: dict[str, Any], word: str) -> None:
    with pytest.raises(BadParameterError, match=word):
        symbolic_worker.read_request(json.dumps({**REQUEST, **change}))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "[" * 50])
def test_what_is_no_request_is_answered_by_an_error_line(text: str) -> None:
    answer = io.StringIO()
    assert symbolic_worker.main(io.StringIO(text), answer) == symbolic_worker.FAILED
    assert json.loads(answer.getvalue())["event"] == "error"


def test_a_refused_request_reaches_the_caller_in_words() -> None:
    bad = Job(columns=columns(), target=np.ones(3), fold=np.zeros(80))
    with pytest.raises(SearchError, match="list of 5"):
        run_search(bad)


def test_the_app_imports_neither_engine_nor_sympy() -> None:
    heavy = ("pysr", "pyoperon", "sympy", "juliacall")
    code = f"import sys, cape.ui, cape.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hall_of_fame_drops_formulas_that_cannot_be_read_or_have_no_value() -> None:
    held = columns()
    texts = ["2.0*x_n", "os.system('x')", "log(0.0 - x_n)", "x_n +", "1.0/(x_n - x_n)"]
    found = hall_of_fame(texts, held, 2 * held["x_n"], most=9, symbols={"x_n": "x", "log10_n": "n"})
    assert [law.expression for law in found][-1] == "2.0*x_n"
    assert found[-1].loss < 1e-12


# PySR through the surface of scikit-learn that it has: keywords, fit, equations_.


class FakeRegressor:
    """What of PySRRegressor is used here, with the columns its equations_ has."""

    seen: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def get_params(self) -> dict[str, Any]:
        return self.settings

    def fit(self, X: np.ndarray, y: np.ndarray, *, variable_names: list[str]) -> FakeRegressor:
        type(self).seen = {"settings": self.settings, "shape": X.shape, "n": y.shape, "names": variable_names}
        self.equations_ = pd.DataFrame(
            {
                "complexity": [7, 1, 8],
                "loss": [1.0, 9.0, 0.9],
                "score": [0.1, 0.0, 0.1],
                "equation": ["(x_n * x_n) / square(log10_n)", "x_n", "exp(log10_n) + (x_n * -1.5)"],
            }
        )
        return self


def test_pysr_is_asked_for_a_serial_seeded_bounded_search_and_its_equations_are_read() -> None:
    held, budget = columns(), Budget(evaluations=50_000, complexity=15, seconds=9.0, seed=7)
    matrix = np.column_stack(list(held.values()))
    texts = pysr_front(FakeRegressor, matrix, held["x_n"], list(held), budget)
    assert texts == ["x_n", "(x_n * x_n) / square(log10_n)", "exp(log10_n) + (x_n * -1.5)"]
    asked = FakeRegressor.seen["settings"]
    assert (asked["deterministic"], asked["parallelism"], asked["random_state"]) == (True, "serial", 7)
    assert (asked["timeout_in_seconds"], asked["maxsize"], asked["progress"]) == (9.0, 15, False)
    assert asked["niterations"] * symbolic_engines.EVALUATIONS_PER_ITERATION >= budget.evaluations
    assert not os.path.exists(asked["output_directory"])
    assert (FakeRegressor.seen["shape"], FakeRegressor.seen["names"]) == ((80, 2), ["x_n", "log10_n"])
    found = hall_of_fame(
        texts, held, 2 * held["x_n"] ** 2 / held["log10_n"] ** 2, most=15, symbols={"x_n": "x", "log10_n": "n"}
    )
    assert any("x_n**2/log10_n**2" in law.expression for law in found)


def test_without_julia_pysr_is_refused_before_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic_engines, "has_julia", lambda: False)
    assert symbolic_engines.engine_here() is Engine.OPERON
    assert "no Julia" in symbolic.engine_words() and "pip install" in symbolic.engine_words()
    budget = Budget(evaluations=1000, complexity=9, seconds=1, seed=0)
    with pytest.raises(MissingDependencyError, match="no Julia.*requirements-heavy"):
        symbolic_engines.raw_front(Engine.PYSR, np.ones((5, 1)), np.ones(5), ["x_n"], budget)
    assert "pysr" not in sys.modules


def test_pysr_is_chosen_where_it_and_julia_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic_engines, "pysr_absence", lambda: "")
    monkeypatch.setattr(symbolic, "pysr_absence", lambda: "")
    assert symbolic_engines.engine_here() is Engine.PYSR
    assert "PySR" in symbolic.engine_words() and "pyoperon" not in symbolic.engine_words()


@pytest.mark.heavy
def test_real_pysr_knows_every_keyword_and_finds_the_planted_law() -> None:
    require_program("julia")  # first: importing pysr without Julia would try to download one
    pysr = require("pysr")
    known = pysr.PySRRegressor().get_params()
    asked = pysr_settings(Budget(evaluations=1000, complexity=14, seconds=60, seed=0))
    assert set(asked) | {"output_directory"} <= set(known)
    progress = run_search(job(engine=Engine.PYSR, seconds=300, evaluations=100_000))
    assert progress.stopped == "finished"
    assert_holds_the_planted_law(progress.runs[0]["laws"])
