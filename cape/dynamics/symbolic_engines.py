"""The two engines of the symbolic search behind one call. Both run in a child process only (`symbolic_worker`).

PySR (Cranmer 2023) needs Julia; importing it without Julia fails and may try to download one, so it is looked for
without an import. pyoperon (Burlacu, Kronberger and Kommenda 2020) needs nothing but its wheel.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import MissingDependencyError

PYSR_INSTALL = "`pip install -r requirements-heavy.txt` and put Julia 1.10 or newer on the path"
OPERON_INSTALL = "`pip install -r requirements.txt`"
BINARY = ("+", "-", "*", "/")
UNARY = ("square", "sqrt", "log", "exp")
OPERON_SYMBOLS = "add,sub,mul,div,square,sqrt,log,exp,constant,variable"
POPULATION = 500
LOCAL_STEPS = 10  # steps of local optimisation of the constants of each candidate
EVALUATIONS_PER_ITERATION = 5_000  # of PySR at its default populations, so that both engines get like budgets
OPERON_SQUARE = re.compile(r"\^ 2\b")
RAW_LENGTH = 2  # an engine's own lengths count scale and offset; the front is cut to the wanted complexity later


class Engine(StrEnum):
    """A program that searches formulas."""

    PYSR = "pysr"
    OPERON = "pyoperon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How far one search goes: candidates evaluated, parts of a formula, seconds left, seed."""

    evaluations: int
    complexity: int
    seconds: float
    seed: int


def has_julia() -> bool:
    """Return whether Julia is on the path or named by PYTHON_JULIACALL_EXE; nothing is started."""
    named = os.environ.get("PYTHON_JULIACALL_EXE", "")
    return bool(shutil.which("julia") or (named and shutil.which(named)))


def pysr_absence() -> str:
    """Return what PySR lacks here, in words; empty where it can run."""
    lacking = [] if importlib.util.find_spec("pysr") else ["the package pysr is not installed"]
    lacking += [] if has_julia() else ["no Julia is on the path"]
    return " and ".join(lacking)


def engine_here() -> Engine:
    """Return PySR where it and Julia are present, else pyoperon."""
    return Engine.OPERON if pysr_absence() else Engine.PYSR


def version_of(engine: Engine) -> str:
    """Return the installed version of an engine; raise MissingDependencyError with the install line."""
    try:
        return importlib.metadata.version(str(engine))
    except importlib.metadata.PackageNotFoundError:
        line = PYSR_INSTALL if engine is Engine.PYSR else OPERON_INSTALL
        raise MissingDependencyError(f"{engine} is not installed. Install it: {line}.") from None


def raw_front(
    engine: Engine, columns: NDArray[np.float64], target: NDArray[np.float64], names: Sequence[str], budget: Budget
) -> list[str]:
    """Return the formulas of an engine's front as text over `names`; columns (n, n_inputs), target (n,).

    Raises MissingDependencyError where the engine cannot run here.
    """
    if engine is Engine.PYSR:
        absent = pysr_absence()
        if absent:
            raise MissingDependencyError(f"PySR cannot run here: {absent}. Install it: {PYSR_INSTALL}.")
        from pysr import PySRRegressor

        return pysr_front(PySRRegressor, columns, target, names, budget)
    return _operon_front(columns, target, names, budget)


def pysr_settings(budget: Budget) -> dict[str, Any]:
    """Return the keywords PySR is built with: serial, deterministic, seeded, bounded in time and size."""
    return {
        "binary_operators": list(BINARY),
        "unary_operators": list(UNARY),
        "niterations": max(1, math.ceil(budget.evaluations / EVALUATIONS_PER_ITERATION)),
        "maxsize": max(7, budget.complexity),  # PySR accepts no smaller one
        "timeout_in_seconds": budget.seconds,
        "deterministic": True,
        "parallelism": "serial",
        "random_state": budget.seed,
        "model_selection": "accuracy",
        "progress": False,
        "verbosity": 0,
        "temp_equation_file": True,
    }


def pysr_front(
    regressor: Any, columns: NDArray[np.float64], target: NDArray[np.float64], names: Sequence[str], budget: Budget
) -> list[str]:
    """Return the formulas of a fitted PySRRegressor (given as its class), in order of complexity."""
    with tempfile.TemporaryDirectory(prefix="cape-pysr-") as folder:
        model = regressor(**pysr_settings(budget), output_directory=folder)
        model.fit(columns, target, variable_names=list(names))
        table = model.equations_.sort_values("complexity")
        return [str(text) for text in table["equation"]]


def _operon_front(
    columns: NDArray[np.float64], target: NDArray[np.float64], names: Sequence[str], budget: Budget
) -> list[str]:
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError as error:
        raise MissingDependencyError(f"pyoperon cannot be imported: {error}. Install it: {OPERON_INSTALL}.") from error
    model = SymbolicRegressor(
        allowed_symbols=OPERON_SYMBOLS,
        objectives=["mse", "length"],
        optimizer_iterations=LOCAL_STEPS,
        max_evaluations=budget.evaluations,
        generations=budget.evaluations,
        max_length=budget.complexity + RAW_LENGTH,
        population_size=POPULATION,
        pool_size=POPULATION,
        n_threads=1,
        random_state=budget.seed,
        max_time=max(1, math.ceil(budget.seconds)),
        model_selection_criterion="bayesian_information_criterion",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(columns, target)
    front = sorted(model.pareto_front_, key=lambda one: one["length"])
    return [OPERON_SQUARE.sub("** 2", model.get_model_string(one["tree"], DIGITS, list(names))) for one in front]


DIGITS = 9
