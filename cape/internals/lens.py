"""The same activations through TransformerLens, as a second opinion on what the hooks read.

TransformerLens changes the model it is given in place, so it gets a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from cape.errors import MissingDependencyError, ModelLoadError
from cape.internals.activations import ATTENTION, HEADS, LAYERS, Recorded, binned, check_finite, to_cpu
from cape.internals.models import INSTALL_LINE, LoadedModel
from cape.internals.tokens import Batch

NAMES = {LAYERS: "blocks.{}.hook_out", HEADS: "blocks.{}.attn.hook_z", ATTENTION: "blocks.{}.attn.hook_pattern"}
FINAL = "unembed.hook_in"


def open_lens(loaded: LoadedModel) -> Any:
    """Return a TransformerLens bridge over a copy of the model; raise where TransformerLens cannot take it."""
    try:
        from transformer_lens.model_bridge import TransformerBridge
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"--backend transformerlens needs transformer-lens. Install it with `{INSTALL_LINE}`, or use hooks."
        ) from error
    try:
        bridge = TransformerBridge.boot_transformers(
            loaded.model.config._name_or_path,
            hf_model=copy.deepcopy(loaded.model),
            tokenizer=loaded.tokenizer,
            device=loaded.device,
        )
    except (OSError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise ModelLoadError(f"TransformerLens cannot take {loaded.model_id}: {error}. Use --backend hooks.") from error
    return bridge.eval()


def record_by_lens(
    lens: Any, loaded: LoadedModel, batch: Batch, sites: Sequence[str], prompts: Sequence[str]
) -> Recorded:
    """Return the activations of a batch whose prompts are of one length, as `activations.record` does.

    Raises NonFiniteActivationError likewise, and ValueError for a padded batch, which is not passed on as one.
    """
    import torch

    if min(batch.lengths) < batch.ids.shape[1]:
        raise ValueError("prompts of one length only; batches(size=1) gives them one by one.")
    wanted = {NAMES[site].format(layer) for site in sites for layer in range(loaded.n_layers)} | {FINAL}
    with torch.no_grad():
        _, cache = lens.run_with_cache(batch.ids, names_filter=lambda name: name in wanted)

    def layers(site: str) -> list[Any]:
        return [cache[NAMES[site].format(layer)] for layer in range(loaded.n_layers)]

    split = (len(batch.rows), loaded.n_heads, -1)
    found = Recorded(
        batch=batch,
        final=to_cpu(cache[FINAL][:, -1]),
        layers=torch.stack([to_cpu(each[:, -1]) for each in layers(LAYERS)]) if LAYERS in sites else None,
        heads=torch.stack([to_cpu(each[:, -1]).reshape(split) for each in layers(HEADS)]) if HEADS in sites else None,
        attention=binned([each[:, :, -1] for each in layers(ATTENTION)], batch) if ATTENTION in sites else None,
    )
    check_finite(found, prompts)
    return found
