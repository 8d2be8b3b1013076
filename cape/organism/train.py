"""Train one model: deterministic by seed, on one thread; a finished result is kept, an interrupted one starts anew."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cape.organism.model import PACKAGES, count_parameters, new_model, require_torch, round_weights, save_model
from cape.organism.recipes import Job
from cape.organism.score import score_model
from cape.organism.world import World, make_world, training_texts

RECORD_FILE = "training.json"
CHUNK = 250  # steps whose texts are drawn at once
LOSS_EVERY = 50  # steps over which the recorded loss is averaged

Progress = Callable[[int], None]  # gets the number of steps just done


def train_job(job: Job, folder: Path, *, on_steps: Progress | None = None) -> dict[str, Any]:
    """Train and score one model and return its record; return a finished record of the same job as it is.

    folder : of this job; holds the checkpoint and RECORD_FILE, which is written last, so that a job killed on the
    way leaves no record and is trained again from the start. Raises MissingDependencyError without torch.
    """
    held = read_record(folder)
    if held is not None and held["job"] == job.as_dict() and (folder / "model.safetensors").is_file():
        return held
    require_torch()
    started = time.perf_counter()
    model, curve, checkpoints = _trained(job, make_world(job.seed), on_steps)
    save_model(model, folder)
    record = {
        "model_id": job.model_id,
        "job": job.as_dict(),
        "n_params": count_parameters(model),
        "checkpoints": checkpoints,
        "loss_curve": curve,
        "command": f"cape organism train --family {json.dumps(job.family)} --shape {job.shape.name} --seed {job.seed}",
        "versions": versions(),
        "seconds": round(time.perf_counter() - started, 1),
    }
    _write(folder / RECORD_FILE, record)
    return record


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a finished job, or None where there is none."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and {"job", "checkpoints", "n_params"} <= set(record) else None


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {name: importlib.metadata.version(name) for name in (*PACKAGES, "numpy")}
    return {"python": ".".join(str(part) for part in sys.version_info[:3]), **found}


def _write(file: Path, record: dict[str, Any]) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, file)


@dataclass(slots=True)
class _Curve:
    """The loss averaged over LOSS_EVERY steps, as [step, nats per word] pairs."""

    pairs: list[list[float]]
    total: float = 0.0
    n: int = 0

    def add(self, step: int, loss: float, *, is_last: bool) -> None:
        self.total, self.n = self.total + loss, self.n + 1
        if step % LOSS_EVERY == 0 or is_last:
            self.pairs.append([step, round(self.total / self.n, 5)])
            self.total, self.n = 0.0, 0


def _trained(job: Job, world: World, on_steps: Progress | None) -> tuple[Any, list, list[dict[str, float]]]:
    """Return the model, its loss curve and its scores at every checkpoint."""
    import torch

    torch.set_num_threads(1)
    schedule = job.schedule
    model = new_model(job.shape, seed=job.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )
    curve, checkpoints = _Curve(pairs=[]), []
    for step, texts in enumerate(_batches(job, world), start=1):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        logits = model(texts[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.add(step, loss.item(), is_last=step == schedule.steps)
        if step == schedule.steps:
            round_weights(model)
        if step in schedule.checkpoints:
            checkpoints.append({"step": step, "tokens": schedule.tokens(step), **score_model(model, world).as_dict()})
        if on_steps is not None:
            on_steps(1)
    return model, curve.pairs, checkpoints


def _batches(job: Job, world: World) -> Iterator[Any]:
    """Yield the (batch, LENGTH) texts of every step; they depend on the seed and the recipe, not on the shape."""
    import torch

    schedule = job.schedule
    rng = np.random.default_rng([job.seed, 1])
    for start in range(0, schedule.steps, CHUNK):
        steps = min(CHUNK, schedule.steps - start)
        texts = training_texts(world, job.recipe.mixture, n=steps * schedule.batch, rng=rng)
        yield from torch.from_numpy(texts).view(steps, schedule.batch, -1)
