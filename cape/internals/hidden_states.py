"""Texts as batches of word numbers, and the hidden states of their last words at every layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import NonFiniteActivationError, TokenizerError
from cape.internals.architecture import first_tensor
from cape.internals.models import LoadedModel

TEXTS_AT_ONCE = 16


def encode(loaded: LoadedModel, text: str) -> list[int]:
    """Return the word numbers of a text with the special tokens its model starts with.

    Raises TokenizerError for a text of which nothing is left, or a model without tokenizer.
    """
    if loaded.tokenizer is None:
        raise TokenizerError(f"{loaded.model_id} was adapted without a tokenizer, so text cannot be given to it.")
    ids = [int(i) for i in loaded.tokenizer(text)["input_ids"]]
    if not ids:
        raise TokenizerError(f"The tokenizer of {loaded.model_id} makes nothing of {text[:60]!r}. Give a longer text.")
    return ids


def continuation(loaded: LoadedModel, prompt: str, choice: str) -> tuple[list[int], list[int]]:
    """Return the word numbers of a prompt and of a choice that follows it after one space.

    Where the whole text, encoded at once, does not start with the prompt's own numbers, the choice is encoded alone.
    """
    start, whole = encode(loaded, prompt), encode(loaded, f"{prompt} {choice}")
    if whole[: len(start)] == start and len(whole) > len(start):
        return start, whole[len(start) :]
    alone = [int(i) for i in loaded.tokenizer(f" {choice}", add_special_tokens=False)["input_ids"]]
    if not alone:
        raise TokenizerError(f"The tokenizer of {loaded.model_id} makes nothing of the choice {choice[:60]!r}.")
    return start, alone


def padded(loaded: LoadedModel, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Return (ids, mask) tensors of rows padded on the right, (batch, pos) each; a causal model never looks there."""
    import torch

    length = max(len(row) for row in rows)
    ids = torch.full((len(rows), length), pad_token(loaded), dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(list(row), dtype=torch.long)
        mask[place, : len(row)] = 1
    return ids.to(loaded.device), mask.to(loaded.device)


def pad_token(loaded: LoadedModel) -> int:
    """Return a word number to pad with; masked, so any will do."""
    found = None if loaded.tokenizer is None else loaded.tokenizer.pad_token_id
    return 0 if found is None else int(found)


def last_states(loaded: LoadedModel, texts: Sequence[str], *, batch: int = TEXTS_AT_ONCE) -> NDArray[np.float64]:
    """Return the output of every decoder layer at the last word of every text, (n_texts, n_layers, d_model).

    Raises NonFiniteActivationError, with layer and text, where a model computes NaN or infinity.
    """
    import torch

    kept: dict[int, Any] = {}

    def keep(place: int) -> Any:
        def hook(module: Any, given: Any, output: Any) -> None:
            kept[place] = first_tensor(output)

        return hook

    handles = [layer.register_forward_hook(keep(place)) for place, layer in enumerate(loaded.layers)]
    blocks = []
    try:
        with torch.no_grad():
            for start in range(0, len(texts), batch):
                rows = [encode(loaded, text) for text in texts[start : start + batch]]
                ids, mask = padded(loaded, rows)
                loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)
                at = torch.tensor([len(row) - 1 for row in rows])
                states = [kept[place].cpu()[torch.arange(len(rows)), at] for place in range(loaded.n_layers)]
                blocks.append(torch.stack(states, dim=1).double().numpy())
    finally:
        for handle in handles:
            handle.remove()
    found = np.concatenate(blocks) if blocks else np.zeros((0, loaded.n_layers, loaded.d_model))
    _check_finite(found, texts)
    return found


def _check_finite(states: NDArray[np.float64], texts: Sequence[str]) -> None:
    bad = np.argwhere(~np.isfinite(states).all(axis=2))
    if bad.size:
        text, layer = texts[int(bad[0][0])], int(bad[0][1])
        raise NonFiniteActivationError(
            f"Layer {layer} computes NaN or infinity on {text[:60]!r}. Load the model as float32 or bfloat16.",
            layer=layer,
            prompt=text,
        )
