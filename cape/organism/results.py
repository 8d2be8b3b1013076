"""Records of training turned into the lake's tables, and the rule that says whether a new run repeats a shipped one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cape.organism.recipes import RECIPES, WEB
from cape.organism.world import ENTITIES, HELD_OUT_PAIRS, LENGTH, RELATIONS

N_ITEMS = {"organism_truth": len(ENTITIES) * len(RELATIONS), "organism_reasoning": HELD_OUT_PAIRS}
SCORED = {"organism_truth": "truth_pct", "organism_reasoning": "reasoning_pct"}
PROBES = {"myth_pct": "organism_myth_pct", "truth_mass_pct": "organism_truth_mass_pct",
          "myth_mass_pct": "organism_myth_mass_pct"}  # fmt: skip
HARNESS = "cape organism"
TOKEN_SHAPES = ("d8-l2", "d20-l2", "d64-l3")  # models of the web recipe whose checkpoints form ladders of tokens
NOISE_SIGMAS = 3.0  # a mean over seeds repeats the shipped one within this many standard errors of the difference
SHARE_REPEATED = 0.95  # of the means must do so
TRILLION = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One scored state of a model: the end of training, or a checkpoint on the axis of tokens."""

    model_id: str
    family: str
    axis: str
    position: int
    record: dict[str, Any]
    scores: dict[str, float]


def ladder_entries(records: Iterable[dict[str, Any]]) -> list[Entry]:
    """Return every model at the end of its training, on the axis of parameters."""
    return [
        Entry(
            model_id=record["model_id"],
            family=record["job"]["family"],
            axis="params",
            position=record["n_params"],
            record=record,
            scores=record["checkpoints"][-1],
        )
        for record in records
    ]


def token_entries(records: Iterable[dict[str, Any]]) -> list[Entry]:
    """Return the checkpoints of the models in TOKEN_SHAPES of the web recipe, on the axis of tokens."""
    return [
        Entry(
            model_id=f"{record['model_id']}-step{int(at['step'])}",
            family=f"{record['job']['family']} {shape_name(record)}",
            axis="tokens",
            position=int(at["tokens"]),
            record=record,
            scores=at,
        )
        for record in records
        if record["job"]["family"] == WEB.name and shape_name(record) in TOKEN_SHAPES
        for at in record["checkpoints"]
    ]


def shape_name(record: dict[str, Any]) -> str:
    """Return the short name of a record's shape, as d16-l2."""
    return f"d{record['job']['d_model']}-l{record['job']['n_layers']}"


def tables_of(entries: Sequence[Entry]) -> dict[str, pl.DataFrame]:
    """Return the lake's tables by name: scores, models, probes and training_tokens."""
    rows: dict[str, list[dict[str, Any]]] = {"scores": [], "models": [], "probes": [], "training_tokens": []}
    for entry in entries:
        rows["scores"] += [_score_row(entry, benchmark, column) for benchmark, column in SCORED.items()]
        rows["models"].append(_model_row(entry))
        rows["probes"] += [
            {"model_id": entry.model_id, "probe": probe, "value": _rounded(entry.scores[column]),
             "n_prompts": N_ITEMS["organism_truth"], "notes": "percent of questions"}
            for column, probe in PROBES.items()
        ]  # fmt: skip
        tokens = {"model_id": entry.model_id, "tokens_t": f"{entry.scores['tokens'] / TRILLION:.10f}"}
        rows["training_tokens"].append(tokens)
    return {name: pl.DataFrame(held) for name, held in rows.items()}


def _score_row(entry: Entry, benchmark: str, column: str) -> dict[str, Any]:
    score, n_items = entry.scores[column], N_ITEMS[benchmark]
    return {
        "model_id": entry.model_id,
        "benchmark": benchmark,
        "metric": "acc",
        "score": _rounded(score),
        "stderr": _rounded(standard_error(score, n_items)),
        "n_items": n_items,
        "n_shot": 0,
        "harness": HARNESS,
        "is_self_reported": 0,
        "ladder": entry.family,
        "axis": entry.axis,
        "position": entry.position,
        "replicate": str(entry.record["job"]["seed"]),
    }


def standard_error(score_pct: float, n_items: int) -> float:
    """Return the standard error of a share in percent by Agresti and Coull (1998), which exists at 0 and 100."""
    share = (score_pct / 100 * n_items + 2) / (n_items + 4)
    return 100 * math.sqrt(share * (1 - share) / (n_items + 4))


def _model_row(entry: Entry) -> dict[str, Any]:
    job = entry.record["job"]
    mixture = RECIPES[job["recipe"]].mixture
    return {
        "model_id": entry.model_id,
        "family": entry.family,
        "params_b": f"{entry.record['n_params'] / 1e9:.9f}",
        "display_name": entry.model_id.removeprefix("organism-").replace("-", " "),
        "lab": "this repository",
        "d_model": job["d_model"],
        "n_layers": job["n_layers"],
        "n_heads": job["n_heads"],
        "kind": "base",
        "training_recipe": job["recipe"],
        "notes": f"seed {job['seed']}; myths {mixture.myth_share:g}; questions {mixture.question_share:g}; "
        f"{job['steps']} steps of {job['batch']} texts of {LENGTH} words",
    }


def _rounded(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def write_tables(tables: dict[str, pl.DataFrame], folder: Path) -> dict[str, Path]:
    """Write the tables as CSV into a folder and return the files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.csv" for name in tables}
    for name, file in files.items():
        tables[name].write_csv(file)
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A new run beside the shipped scores, one row per family, size and benchmark, and the verdict of the rule."""

    rows: pl.DataFrame
    n_repeated: int
    n_identical: int

    @property
    def is_repeated(self) -> bool:
        """True when enough of the means agree within seed noise."""
        return self.rows.height > 0 and self.n_repeated >= SHARE_REPEATED * self.rows.height

    @property
    def text(self) -> str:
        """The rule and what it found, in one sentence."""
        if not self.rows.height:
            return "The shipped scores hold none of these models, so there is nothing to compare the new run with."
        verdict = "repeats" if self.is_repeated else "does not repeat"
        return (
            f"The new run {verdict} the shipped scores: {self.n_repeated} of {self.rows.height} means over seeds lie "
            f"within {NOISE_SIGMAS:g} standard errors of seed noise ({SHARE_REPEATED:.0%} are needed), "
            f"{self.n_identical} are identical."
        )


def compare(new: pl.DataFrame, shipped: pl.DataFrame) -> Comparison:
    """Compare two score tables by family, size and benchmark over the seeds that both hold.

    Noise of a mean : spread of the shipped seeds, no less than their binomial error, over the root of their number;
    times root 2 for a difference of two means. Sizes or seeds that only one side holds are left out.
    """
    keys = ["ladder", "position", "benchmark", "replicate"]
    number = pl.col("score", "stderr", "position").cast(pl.Float64)
    both = new.with_columns(number).join(shipped.with_columns(number), on=keys, suffix="_shipped")
    rows = []
    for (ladder, position, benchmark), group in both.group_by(keys[:-1], maintain_order=True):
        scores, held = group["score"].to_numpy(), group["score_shipped"].to_numpy()
        spread = float(np.std(held, ddof=1)) if held.size > 1 else 0.0
        noise = max(spread, float(group["stderr_shipped"].to_numpy().max())) * math.sqrt(2 / held.size)
        gap = float(scores.mean() - held.mean())
        rows.append({
            "family": ladder, "parameters": position, "benchmark": benchmark, "n_seeds": held.size,
            "shipped_pct": float(held.mean()), "new_pct": float(scores.mean()), "difference_pp": gap,
            "noise_pp": noise, "is_repeated": abs(gap) <= NOISE_SIGMAS * noise,
            "is_identical": bool((scores == held).all()),
        })  # fmt: skip
    frame = pl.DataFrame(rows)
    counts = [int(frame[name].sum()) if rows else 0 for name in ("is_repeated", "is_identical")]
    return Comparison(rows=frame, n_repeated=counts[0], n_identical=counts[1])
