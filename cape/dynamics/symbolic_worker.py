"""The process that searches: `python -m cape.dynamics.symbolic_worker`, a JSON request in, JSON lines out.

Lines: {"event": "started", engine, version, n_runs}; after each run {"event": "run", run, n_runs, seed, fold, laws};
last {"event": "end", "stopped": "finished" | "time limit"} or {"event": "error", message}. Run 0 sees all families,
the next leave out one fold each, the last repeat run 0 with the other seeds. A run that ends after the time limit is
thrown away, because where it stopped depends on the clock; so what is reported depends on the request alone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from cape.dynamics.symbolic_engines import Budget, Engine, raw_front, version_of
from cape.dynamics.symbolic_forms import LATEX
from cape.dynamics.symbolic_front import hall_of_fame
from cape.errors import BadParameterError, CapeError

FAILED = 2
MOST_ROWS, LEAST_ROWS, MOST_SEEDS = 100_000, 5, 10
LIMITS = {"complexity": (3, 60), "evaluations": (1_000, 100_000_000), "seconds": (1, 86_400)}
NO_FOLD = -1
PARENT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked request. columns : (n, n_inputs). target : (n,). fold : (n,) from 0."""

    engine: Engine
    names: tuple[str, ...]
    columns: NDArray[np.float64]
    target: NDArray[np.float64]
    fold: NDArray[np.int64]
    seeds: tuple[int, ...]
    complexity: int
    evaluations: int
    seconds: float

    def runs(self) -> list[tuple[int, int]]:
        """Return (seed, fold left out) of each run; fold NO_FOLD leaves out none."""
        folds = [(self.seeds[0], int(fold)) for fold in np.unique(self.fold)]
        first, *others = [(seed, NO_FOLD) for seed in self.seeds]
        return [first, *(folds if len(folds) > 1 else []), *others]


def read_request(text: str) -> Request:
    """Return the checked request; raise BadParameterError naming the first field that is not as it must be."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise BadParameterError(f"The request is not JSON: {error}.") from None
    if not isinstance(given, dict):
        raise BadParameterError(f"The request is {type(given).__name__}; it must be an object of fields.")
    names = given.get("names")
    if not isinstance(names, list) or not names or not all(name in LATEX for name in names if isinstance(name, str)):
        raise BadParameterError(f"names is {names!r}; it must list inputs among {', '.join(LATEX)}.")
    if len({str(name) for name in names}) != len(names) or not all(isinstance(name, str) for name in names):
        raise BadParameterError(f"names is {names!r}; each must be text and stand once.")
    columns = np.column_stack(
        [_numbers(f"column {name}", column) for name, column in zip(names, _lists(given, names), strict=True)]
    )
    target, fold = _numbers("target", given.get("target")), _numbers("fold", given.get("fold"))
    if not target.size == fold.size == columns.shape[0]:
        raise BadParameterError(
            f"There are {columns.shape[0]} rows of inputs, {target.size} of target, {fold.size} of fold; "
            "they must be as many."
        )
    if not np.all((fold >= 0) & (fold == np.round(fold)) & (fold < fold.size)):
        raise BadParameterError("fold must hold whole numbers from 0.")
    limits = {name: _number(name, given.get(name), *ends) for name, ends in LIMITS.items()}
    return Request(
        engine=_engine(given.get("engine")),
        names=tuple(names),
        columns=columns,
        target=target,
        fold=fold.astype(np.int64),
        seeds=_seeds(given.get("seeds")),
        complexity=int(limits["complexity"]),
        evaluations=int(limits["evaluations"]),
        seconds=limits["seconds"],
    )


def search(request: Request) -> Iterator[dict[str, Any]]:
    """Yield the events of a search in order."""
    deadline = time.monotonic() + request.seconds
    runs = request.runs()
    yield {
        "event": "started",
        "engine": str(request.engine),
        "version": version_of(request.engine),
        "n_runs": len(runs),
    }
    for run, (seed, fold) in enumerate(runs):
        laws = _one_run(request, seed, fold, deadline)
        if time.monotonic() > deadline:
            yield {"event": "end", "stopped": "time limit"}
            return
        yield {"event": "run", "run": run, "n_runs": len(runs), "seed": seed, "fold": fold, "laws": laws}
    yield {"event": "end", "stopped": "finished"}


def main(source: TextIO = sys.stdin, target: TextIO = sys.stdout) -> int:
    """Answer one request; 0, or 2 after an error event."""
    try:
        for event in search(read_request(source.read())):
            target.write(json.dumps(event) + "\n")
            target.flush()
    except CapeError as error:
        target.write(json.dumps({"event": "error", "message": str(error)}) + "\n")
        target.flush()
        return FAILED
    return 0


def _one_run(request: Request, seed: int, fold: int, deadline: float) -> list[dict[str, Any]]:
    use = request.fold != fold
    columns, target = request.columns[use], request.target[use]
    left = max(1.0, deadline - time.monotonic())
    budget = Budget(evaluations=request.evaluations, complexity=request.complexity, seconds=left, seed=seed)
    texts = raw_front(request.engine, columns, target, request.names, budget)
    named = {name: columns[:, index] for index, name in enumerate(request.names)}
    symbols = {name: LATEX[name] for name in request.names}
    found = hall_of_fame(texts, named, target, most=request.complexity, symbols=symbols)
    return [asdict(law) for law in found]


def _lists(given: dict[str, Any], names: list[str]) -> list[Any]:
    columns = given.get("columns")
    if not isinstance(columns, list) or len(columns) != len(names):
        raise BadParameterError(f"columns must be {len(names)} lists of numbers, one per input.")
    sizes = {len(column) if isinstance(column, list) else -1 for column in columns}
    if len(sizes) != 1:
        raise BadParameterError("columns must be lists of one length.")
    return columns


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    if not isinstance(values, list) or not LEAST_ROWS <= len(values) <= MOST_ROWS:
        raise BadParameterError(f"{name} must be a list of {LEAST_ROWS} to {MOST_ROWS} numbers.")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise BadParameterError(f"{name} holds something that is no number.")
    found = np.array(values, dtype=np.float64)
    if not np.all(np.isfinite(found)):
        raise BadParameterError(f"{name} holds a number that is not finite.")
    return found


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadParameterError(f"{name} is {value!r}; it must be a number from {low:g} to {high:g}.")
    return float(value)


def _engine(value: Any) -> Engine:
    if value not in list(Engine):
        raise BadParameterError(f"engine is {value!r}; it must be one of {', '.join(Engine)}.")
    return Engine(value)


def _seeds(values: Any) -> tuple[int, ...]:
    whole = isinstance(values, list) and all(type(value) is int and 0 <= value < 2**31 for value in values)
    if not whole or not 1 <= len(values) <= MOST_SEEDS or len(set(values)) != len(values):
        raise BadParameterError(f"seeds is {values!r}; it must list 1 to {MOST_SEEDS} different whole numbers from 0.")
    return tuple(values)


def _end_with(parent: int) -> None:
    """End this process soon after the one that started it is gone, which has no pipe to close while a run lasts."""
    while os.getppid() == parent:
        time.sleep(PARENT_EVERY_S)
    os._exit(FAILED)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.nice(5)  # a search must not slow the pages
    sys.exit(main())
