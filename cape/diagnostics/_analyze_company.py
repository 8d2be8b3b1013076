"""The models that one model is compared with: the panel without it, and those of similar size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics import _n_c
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._score_matrix import EVERY, score_matrix
from cape.stats.inference import Inference
from cape.stats.profile import Others

CURATED = ("curated", "distilled")
PARAMS_AXIS = "params"


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The other models of the selection, one row each, in order of family and size.

    rows : with model_id, family, position, d_model, tokens_t, lab, training_recipe, is_population_model, phase.
    scores : (n, p) percent, NaN for a gap. log10_n : (n,), NaN without size. is_similar : (n,) within the factor of
    the model's size.
    steps : intervals of the population with a gamma. filter_text : what the population leaves out.
    """

    benchmarks: tuple[str, ...]
    rows: pl.DataFrame
    scores: NDArray[np.float64]
    log10_n: NDArray[np.float64]
    family: NDArray[np.str_]
    is_similar: NDArray[np.bool_]
    steps: pl.DataFrame
    filter_text: str

    @property
    def is_sized(self) -> NDArray[np.bool_]:
        """Whether a row has a public size."""
        return np.isfinite(self.log10_n)

    @property
    def is_population(self) -> NDArray[np.bool_]:
        """Base models that are neither code, instruct nor mixture-of-experts models, with a size."""
        return self.rows["is_population_model"].fill_null(False).to_numpy() & self.is_sized

    @property
    def is_curated(self) -> NDArray[np.bool_]:
        """Trained on curated data or by distillation, as the model registry says."""
        return self.rows["training_recipe"].is_in(CURATED).fill_null(False).to_numpy()

    @property
    def is_web(self) -> NDArray[np.bool_]:
        """Trained on web data, as the model registry says."""
        return (self.rows["training_recipe"] == "web").fill_null(False).to_numpy()

    def column(self, benchmark: str) -> NDArray[np.float64]:
        """Return the scores on one benchmark, all NaN where the panel lacks it."""
        if benchmark not in self.benchmarks:
            return np.full(len(self.family), np.nan)
        return self.scores[:, self.benchmarks.index(benchmark)]

    def others(self, benchmark: str, chosen: NDArray[np.bool_]) -> Others:
        """Return the chosen models that have the score, with log10 N as their place."""
        score = self.column(benchmark)
        kept = chosen & np.isfinite(score)
        return Others(score=score[kept], place=self.log10_n[kept], family=self.family[kept])


def company_of(subject: Subject, params: AnalyzeParams, read: Read) -> Company:
    """Return the other models of the selected panel and family; ladders over tokens or steps are left out."""
    matrix = score_matrix(params, read, wanted=EVERY)
    about = read("mart_models").select(
        "model_id", "display_name", "lab", "training_recipe", "tokens_t", "is_population_model"
    )
    rows = matrix.rows.with_columns(pl.Series("log10_n", matrix.log10_n)).join(
        about, on="model_id", how="left", maintain_order="left"
    )
    kept = ((rows["model_id"] != (subject.model_id or "")) & (rows["axis"] == PARAMS_AXIS)).to_numpy()
    size = matrix.log10_n[kept]
    reach = np.log10(params.similar) * (1 + 1e-12)
    near = np.abs(size - (np.nan if subject.log10_n is None else subject.log10_n)) <= reach
    found = _n_c.population(params, read)
    steps = found.steps.filter(pl.col("gamma").is_not_null() & (pl.col("axis") == PARAMS_AXIS))
    return Company(
        benchmarks=matrix.benchmarks,
        rows=rows.filter(kept),
        scores=matrix.scores[kept],
        log10_n=size,
        family=matrix.family[kept],
        is_similar=near,
        steps=steps,
        filter_text=found.filter_text,
    )


def nothing(why: str, *, n: int = 0, method: str = "none") -> Inference:
    """Return an undefined Inference and why it is."""
    return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
