"""Probe a model with a contrast of two groups of prompts and a background: every instrument, as rows of a shard.

Parts: layers (hidden states), heads (inputs of the attention output projections), attention (the last query's
attention by relative position) and output (the final state and maps of it).
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from cape.errors import BadParameterError
from cape.internals.activations import eager_attention
from cape.internals.gather import (
    OnPrompts,
    Recorder,
    RunningSums,
    Vectors,
    hooks,
    keep_vectors,
    not_watched,
    running_sums,
)
from cape.internals.heads import Units, unit_rows
from cape.internals.hidden import background_rows, centred_rows, grams_of, layer_rows
from cape.internals.lens import open_lens, record_by_lens
from cape.internals.models import PACKAGES, LoadedModel
from cape.internals.projection import projection_rows
from cape.internals.prompts import PromptSet
from cape.internals.results import ProbeConfig
from cape.internals.rows import ATTENTION, HEADS, INSTRUMENTS, LAYERS, OUTPUT, Design, Rows

HOOKS, LENS = "hooks", "transformerlens"
BACKENDS = (HOOKS, LENS)
BATCH = 32
POSITION = "last token"
PARTS = tuple(INSTRUMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What a model is shown. contrast : two groups. background : any groups, or None."""

    contrast: PromptSet
    background: PromptSet | None = None

    @property
    def hash(self) -> str:
        """Return the hashes of both sets."""
        return "+".join(each.hash for each in (self.contrast, self.background) if each is not None)

    @property
    def name(self) -> str:
        """Return the names of both sets."""
        return "+".join(each.name for each in (self.contrast, self.background) if each is not None)

    def __len__(self) -> int:
        return sum(len(each.prompts) for each in (self.contrast, self.background) if each is not None)


def probe_rows(
    loaded: LoadedModel,
    config: ProbeConfig,
    prompts: Prompts,
    *,
    parts: Sequence[str] = PARTS,
    batch: int = BATCH,
    on_prompts: OnPrompts = not_watched,
) -> list[dict[str, Any]]:
    """Return the rows of these parts of one model, in the form of `results.SCHEMA`.

    Raises BadParameterError for an unknown backend, part, layer or head, and what the model raises:
    TokenizerError, NonFiniteActivationError, ModelLoadError where attention is not given.
    """
    check(loaded, config, parts, batch)
    is_lens = config.backend == LENS
    recorder = _lens_recorder(loaded) if is_lens else hooks(loaded)
    size = 1 if is_lens else batch
    sites = tuple(part for part in parts if part != OUTPUT)
    with eager_attention(loaded) if ATTENTION in sites else nullcontext():
        vectors = keep_vectors(
            loaded, prompts.contrast.prompts, sites, recorder=recorder, size=size, on_prompts=on_prompts
        )
    background = None
    if prompts.background is not None:
        background = running_sums(loaded, prompts.background, recorder=recorder, size=size, on_prompts=on_prompts)
    design = Design(
        prompt_ids=prompts.contrast.prompt_ids,
        n_first=prompts.contrast.sizes[0],
        n_draws=config.n_resamples,
        seed=config.seed,
    )
    common = _common(loaded, config, prompts)
    held = []
    for part in parts:
        rows = Rows(instrument=INSTRUMENTS[part], common=common)
        _part_rows(part, rows, loaded, vectors, background, design)
        held += rows.held
    return _chosen(held, config)


def check(loaded: LoadedModel, config: ProbeConfig, parts: Sequence[str], batch: int) -> None:
    """Raise BadParameterError for a choice that this model or this program does not have."""
    for what, wanted, known in (
        ("backend", (config.backend,), BACKENDS),
        ("part", parts, PARTS),
        ("layer", config.layers, range(loaded.n_layers)),
        ("head", config.heads, range(loaded.n_heads)),
    ):
        for one in wanted:
            if one not in known:
                names = f"0 to {len(known) - 1}" if isinstance(known, range) else ", ".join(known)
                raise BadParameterError(f"{loaded.model_id} has no {what} {one!r}. Use {names}.")
    if batch < 1 or config.n_resamples < 1:
        raise BadParameterError(f"batch and n_resamples are at least 1, got {batch} and {config.n_resamples}.")


def _lens_recorder(loaded: LoadedModel) -> Recorder:
    lens = open_lens(loaded)
    return lambda batch, sites, prompts: record_by_lens(lens, loaded, batch, sites, prompts)


def _part_rows(
    part: str, rows: Rows, loaded: LoadedModel, vectors: Vectors, background: RunningSums | None, design: Design
) -> None:
    if part == LAYERS and vectors.layers is not None:
        layer_rows(rows, grams_of(vectors.layers), design=design)
        centred = None if background is None else grams_of(vectors.layers, minus=background.mean)
        centred_rows(rows, centred, n_first=design.n_first, n_layers=loaded.n_layers)
        if background is not None:
            background_rows(rows, background)
    elif part == HEADS:
        unit_rows(rows, _units(vectors.heads, design, prefix="", unit="head_coupling"), design=design)
    elif part == ATTENTION:
        unit_rows(rows, _units(vectors.attention, design, prefix="tl_attn_", unit="attn_head_coupling"), design=design)
    else:
        projection_rows(rows, loaded, vectors, background, design=design)


def _units(vectors: Any, design: Design, *, prefix: str, unit: str) -> Units:
    """Return the heads of (n_layers, n, n_heads, width) vectors as units."""
    n_layers, n, n_heads, width = vectors.shape
    flat = vectors.transpose(0, 2, 1, 3).reshape(n_layers * n_heads, n, width)
    return Units(
        gram=grams_of(flat), n_layers=n_layers, n_first=design.n_first, prefix=prefix, unit=unit, has_pairs=not prefix
    )


def _common(loaded: LoadedModel, config: ProbeConfig, prompts: Prompts) -> dict[str, Any]:
    return {
        "model_id": loaded.model_id,
        "revision": loaded.revision,
        "backend": config.backend,
        "n_prompts": len(prompts.contrast.prompts),
        "prompts_set": prompts.name,
        "prompts_hash": prompts.hash,
        "position": POSITION,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "config_hash": config.config_hash,
        "versions": json.dumps(versions(config.backend), sort_keys=True),
    }


def versions(backend: str) -> dict[str, str]:
    """Return the versions that a result depends on."""
    names = (*PACKAGES, "numpy", *(("transformer-lens",) if backend == LENS else ()))
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found}


def _chosen(rows: list[dict[str, Any]], config: ProbeConfig) -> list[dict[str, Any]]:
    """Return the rows of the chosen layers and heads; what belongs to no layer or head always stays."""
    layers, heads = set(config.layers), set(config.heads)
    return [
        row
        for row in rows
        if (not layers or row.get("layer") is None or row["layer"] in layers)
        and (not heads or row.get("head") is None or row["head"] in heads)
    ]
