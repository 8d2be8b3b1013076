"""The models that a symbolic law is searched and scored on: both scores, width and size, one row per model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import pair_rows, require
from cape.diagnostics._params import WindowParams, option
from cape.dynamics.symbolic import NO_FOLD, Job
from cape.dynamics.symbolic_forms import Inputs, Target, input_names
from cape.dynamics.symbolic_holdout import LEAST_FAMILIES, Rows, family_folds
from cape.dynamics.symbolic_worker import LEAST_ROWS
from cape.stats.width import REFERENCE_WIDTH

TOKENS = "tokens_t"
TRILLION = 1e12
DIGEST_LENGTH = 12
FAMILIES, MODELS = "families", "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolicParams(WindowParams):
    """The selection, what is predicted and from what."""

    target: str = option(
        str(Target.DIVIDED),
        label="Predict the second score",
        help="Over d_model / 512, as the paper does, or as it was measured.",
        choices=tuple(str(one) for one in Target),
    )
    inputs: str = option(
        str(Inputs.SIZE),
        label="From",
        help="What a searched law may use; the score is divided where the target is. Size and tokens as log10.",
        choices=tuple(str(one) for one in Inputs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LawModels:
    """frame : one row per model used. left_out : what was left out and why, in words. digest : hash of what is used.

    unit : what is held out whole, "families", or "models" where there are fewer than 3 families. held : name by row.
    """

    frame: pl.DataFrame
    n_left_out: int
    left_out: tuple[str, ...]
    digest: str
    unit: str
    held: tuple[str, ...]

    @property
    def can_be_held_out(self) -> bool:
        """Return whether there is enough to fit on and to predict."""
        return len(set(self.held)) >= LEAST_FAMILIES and self.frame.height >= LEAST_ROWS


def law_models(params: SymbolicParams, read: Read) -> LawModels:
    """Return the models with every input known, equal ones averaged; raise NotEnoughDataError for no row at all."""
    rows = pair_rows(params, read)
    require(rows, params, what="model in this window")
    needed = ["d_model", "position"]
    if params.inputs == Inputs.TOKENS:
        rows = rows.join(read("mart_models").select("model_id", TOKENS), on="model_id", how="left")
        needed.append(TOKENS)
    known = rows.drop_nulls(needed)
    frame = (
        known.group_by("family", "replicate", "model_id", maintain_order=True)
        .agg(pl.col("x_pct", "y_pct", *needed).mean())
        .sort("family", "position", "model_id", "replicate")
    )
    lacking = rows.height - known.height
    words = "width, size or training tokens" if TOKENS in needed else "width or size"
    caveats: tuple[str, ...] = (f"{lacking} rows without a known {words} are left out",) if lacking else ()
    if doubled := known.height - frame.height:
        caveats += (f"{doubled} rows repeat a model and are averaged with it",)
    digest = hashlib.sha256(frame.write_csv(float_precision=6).encode()).hexdigest()[:DIGEST_LENGTH]
    unit = FAMILIES if frame["family"].n_unique() >= LEAST_FAMILIES else MODELS
    held = (
        frame["family"] if unit == FAMILIES else frame.select(pl.format("{} {}", "model_id", "replicate")).to_series()
    )
    return LawModels(
        frame=frame, n_left_out=lacking, left_out=caveats, digest=digest, unit=unit, held=tuple(held.to_list())
    )


def rows_of(models: LawModels, params: SymbolicParams, fold: NDArray[np.int64] | None = None) -> Rows:
    """Return the arrays of the models; without folds given families are dealt to them anew."""
    frame = models.frame
    width = frame["d_model"].to_numpy() / REFERENCE_WIDTH
    first = frame["x_pct"].to_numpy()
    columns = {"x": first, "x_n": first / width, "width": width, "log10_n": np.log10(frame["position"].to_numpy())}
    if TOKENS in frame.columns:
        columns["log10_tokens"] = np.log10(frame[TOKENS].to_numpy() * TRILLION)
    return Rows(
        family=np.asarray(models.held, dtype=np.str_),
        columns=columns,
        score=frame["y_pct"].to_numpy(),
        divisor=width if params.target == Target.DIVIDED else np.ones(frame.height),
        fold=family_folds(models.held) if fold is None else fold,
    )


def job_of(params: SymbolicParams, rows: Rows, **limits: object) -> Job:
    """Return the search for this selection; limits : fields of Job."""
    names = input_names(Target(params.target), Inputs(params.inputs))
    columns = {name: rows.columns[name] for name in names}
    return Job(columns=columns, target=rows.target, fold=rows.fold, **limits)  # type: ignore[arg-type]


def found_frame(
    params: SymbolicParams, models: LawModels, rows: Rows, job: Job, version: str, runs: tuple[dict, ...]
) -> list[dict[str, object]]:
    """Return the laws of finished runs as rows of the stored table."""
    head = {"panel": params.panel, "x": params.x, "y": params.y, "target": params.target, "inputs": params.inputs}
    head |= {"engine": str(job.engine), "engine_version": version, "models_digest": models.digest}
    found = []
    for run in runs:
        out = rows.fold == run["fold"]
        held_out = "\n".join(sorted(set(rows.family[out].tolist()))) if run["fold"] != NO_FOLD else ""
        about = {"seed": run["seed"], "fold": run["fold"], "held_out": held_out, "n_models": int((~out).sum())}
        found += [{**head, **about, **law} for law in run["laws"]]
    return found
