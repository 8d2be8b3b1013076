"""Steering vectors as files: safetensors in and out, and a file for lm-evaluation-harness out only.

Nothing here unpickles. A safetensors file holds the direction and, as text, what it belongs to; its checksum, model,
revision and layer are checked when it is read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cape.errors import SteeringVectorError
from cape.internals.directions import SteeringVector, check_fits
from cape.internals.models import LoadedModel

if TYPE_CHECKING:
    from cape.internals.steering import Term

FORMAT, NAME = "cape steering vector 1", "direction"
SUFFIX, HARNESS_SUFFIX = ".safetensors", ".pt"
BYTES_MAX = 4_000_000  # a direction of a million numbers; larger files are no steering vectors
FIELDS = ("format", "model_id", "revision", "layer", "data_hash", "norm", "checksum")


def save_vector(vector: SteeringVector, file: Path) -> Path:
    """Write a vector, whole or not at all, and return the file; raise SteeringVectorError for another suffix."""
    import numpy as np
    from safetensors.numpy import save

    if file.suffix != SUFFIX:
        raise SteeringVectorError(f"{file.name} must end in {SUFFIX}; no other format is written or read.")
    about = {
        "format": FORMAT,
        "model_id": vector.model_id,
        "revision": vector.revision,
        "layer": str(vector.layer),
        "data_hash": vector.data_hash,
        "norm": repr(vector.norm),
        "checksum": vector.checksum,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(save({NAME: np.ascontiguousarray(vector.direction)}, metadata=about))
    os.replace(draft, file)
    return file


def load_vector(file: Path, model: LoadedModel | None = None) -> SteeringVector:
    """Return the vector of a safetensors file; with a model, raise unless it is of this model.

    Raises SteeringVectorError for a file of another kind, too large, damaged, or of another model.
    """
    direction, about = _read(file)
    lacking = [name for name in FIELDS if name not in about]
    if lacking or about["format"] != FORMAT:
        raise SteeringVectorError(f"{file.name} is no {FORMAT!r} (it lacks {', '.join(lacking) or 'that format'}).")
    try:
        layer, norm = int(about["layer"]), float(about["norm"])
    except ValueError as error:
        raise SteeringVectorError(
            f"{file.name} names the layer {about['layer']!r} and norm {about['norm']!r}."
        ) from error
    vector = SteeringVector(
        direction=direction,
        layer=layer,
        model_id=about["model_id"],
        revision=about["revision"],
        data_hash=about["data_hash"],
        norm=norm,
    )
    if vector.checksum != about["checksum"]:
        raise SteeringVectorError(f"The numbers of {file.name} are not those it was written with. Train it again.")
    if model is not None:
        check_fits(vector, model)
    return vector


def _read(file: Path) -> tuple[Any, dict[str, str]]:
    """Return the direction and the metadata of a safetensors file, or raise SteeringVectorError."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    if file.suffix != SUFFIX:
        raise SteeringVectorError(
            f"{file.name} is not read: only {SUFFIX} files are, as others can run code. Save it with `vector.save`."
        )
    try:
        size = file.stat().st_size
        if size > BYTES_MAX:
            raise SteeringVectorError(f"{file.name} holds {size} bytes; a steering vector holds at most {BYTES_MAX}.")
        with safe_open(file, framework="numpy") as held:
            about, names = held.metadata() or {}, list(held.keys())
            direction = held.get_tensor(NAME) if names == [NAME] else None
    except (OSError, SafetensorError) as error:
        raise SteeringVectorError(f"{file.name} cannot be read as safetensors: {error}") from error
    if direction is None or direction.ndim != 1 or direction.dtype != np.float32 or not np.isfinite(direction).all():
        raise SteeringVectorError(f"{file.name} holds no single direction of finite float32 numbers.")
    return direction, about


def export_for_harness(terms: Sequence[Term], loaded: LoadedModel, file: Path) -> Path:
    """Write vectors as the file that `lm_eval --model steered --model_args steer_path=...` reads; return it.

    It is a torch file: a mapping of hook point (name of the layer within the base model) to action, coefficient,
    vector and bias. That model adds at every position, so a schedule cannot be written. Its loader binds one vector
    to all hook points, so one layer is written at a time. Such files are written here and never read.
    Raises SteeringVectorError for what the format cannot hold.
    """
    import torch

    layers = {term.vector.layer for term in terms}
    if file.suffix != HARNESS_SUFFIX or len(layers) != 1:
        raise SteeringVectorError(
            f"The steered format takes a {HARNESS_SUFFIX} file with vectors of one layer, got {file.name} and layers "
            f"{sorted(layers)}."
        )
    if any(not term.schedule.is_constant for term in terms):
        raise SteeringVectorError("The steered format adds at every position; a schedule cannot be exported.")
    for term in terms:
        check_fits(term.vector, loaded)
    total = sum(term.strength * torch.from_numpy(term.vector.direction.copy()).double() for term in terms)
    held = {
        hook_point(loaded, layers.pop()): {
            "action": "add",
            "steering_coefficient": 1.0 if len(terms) > 1 else float(terms[0].strength),
            "steering_vector": (total if len(terms) > 1 else torch.from_numpy(terms[0].vector.direction.copy())).to(
                getattr(torch, loaded.dtype)
            ),
            "bias": None,
        }
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    torch.save(held, draft)
    os.replace(draft, file)
    return file


def hook_point(loaded: LoadedModel, layer: int) -> str:
    """Return the name of a decoder layer within the base model, as layers.3 or h.3."""
    wanted = loaded.layers[layer]
    return next(name for name, module in loaded.model.base_model.named_modules() if module is wanted)
