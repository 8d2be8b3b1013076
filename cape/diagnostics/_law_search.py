"""Search laws for a selection, and store the searches that the page opens with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from cape.diagnostics._law_rows import LawModels, SymbolicParams, found_frame, job_of, law_models, rows_of
from cape.diagnostics._params import accept, defaults_of, options_of
from cape.diagnostics.symbolic_laws import run_with
from cape.dynamics.symbolic import SEEDS, Progress, Search, run_search
from cape.dynamics.symbolic_engines import version_of
from cape.dynamics.symbolic_forms import Inputs, Target
from cape.dynamics.symbolic_holdout import Rows
from cape.dynamics.symbolic_worker import LEAST_ROWS
from cape.errors import NotEnoughDataError
from cape.lake import Lake, LakePaths, build_lake, write_computed
from cape.quantities import Result

COMMAND = "python scripts/search_laws.py"
TABLE = "symbolic_laws"
STORED_PANELS = ("author", "independent")
STORED = (
    (Target.DIVIDED, Inputs.SIZE),
    (Target.DIVIDED, Inputs.WIDTH),
    (Target.DIVIDED, Inputs.TOKENS),
    (Target.MEASURED, Inputs.SIZE),
)


class LawSearch:
    """A search for one selection: the process that runs it, and the result with the laws it has found so far."""

    def __init__(self, given: Mapping[str, Any], lake: Lake, *, seconds: float) -> None:
        """Start; raises as `accept`, NotEnoughDataError with fewer than 3 families, SearchError as `Search`."""
        self.params, self._models, self._rows = _prepared(given, lake)
        self._job = job_of(self.params, self._rows, seeds=(self.params.seed,), seconds=seconds)
        self.search = Search(self._job)

    def laws(self, progress: Progress) -> pl.DataFrame:
        """Return the laws found so far, as rows of the mart."""
        found = found_frame(self.params, self._models, self._rows, self._job, self.search.version, progress.runs)
        return as_mart(found)

    def result(self, progress: Progress, lake: Lake) -> Result:
        """Return the diagnostic's result with the laws found so far in place of the stored ones."""
        given = {name: getattr(self.params, name) for name in options_of(SymbolicParams)}
        return run_with(self.laws(progress), given, lake)


def as_mart(found: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Return laws of this session as rows of the mart: fold is null where no family was left out."""
    frame = pl.DataFrame(list(found), infer_schema_length=None, schema_overrides={"fold": pl.Int64})
    if frame.is_empty():
        return pl.DataFrame(
            schema={**_TEXT, "seed": pl.Int64, "fold": pl.Int64, "complexity": pl.Int64, "loss": pl.Float64}
        )
    return frame.with_columns(pl.when(pl.col("fold") >= 0).then(pl.col("fold")).alias("fold"))


def store_searches(paths: LakePaths, *, tell: Callable[[str], object]) -> str:
    """Run every stored search with fixed seeds, write the laws and build the lake again; return its version."""
    lake = Lake.ensure(paths)
    found: list[dict[str, Any]] = []
    for panel in STORED_PANELS:
        for target, inputs in STORED:
            params, models, rows = _prepared({"panel": panel, "target": str(target), "inputs": str(inputs)}, lake)
            job = job_of(params, rows, seeds=SEEDS)
            progress = run_search(job)
            found += found_frame(params, models, rows, job, version_of(job.engine), progress.runs)
            tell(
                f"{panel}, {target}, {inputs}: {progress.n_done} of {progress.n_runs} runs "
                f"in {progress.seconds:.0f} s, {progress.stopped}"
            )
    lake.close()
    write_computed(TABLE, found, paths=paths, from_lake_version=lake.version, command=COMMAND, seed=SEEDS[0])
    return build_lake(paths).lake_version


def _prepared(given: Mapping[str, Any], lake: Lake) -> tuple[SymbolicParams, LawModels, Rows]:
    params = accept(SymbolicParams, {**defaults_of(SymbolicParams), **given}, lake)
    models = law_models(params, lake.read)
    if not models.can_be_held_out:
        raise NotEnoughDataError(
            f"A search holds out families or single models, and this selection has {models.frame.height} models with "
            f"every input known; {LEAST_ROWS} are needed. Pick another panel, family or input."
        )
    return params, models, rows_of(models, params)


_TEXT = dict.fromkeys(
    ("panel", "x", "y", "target", "inputs", "engine", "engine_version", "held_out", "expression", "latex"), pl.String
) | {"models_digest": pl.String}

__all__ = ["STORED", "STORED_PANELS", "LawSearch", "as_mart", "store_searches"]
