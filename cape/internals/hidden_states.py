"""Texts as batches of word numbers, and the hidden states of their last words at every layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import TokenizerError
from cape.internals.activations import LAYERS, record
from cape.internals.models import LoadedModel
from cape.internals.tokens import batches

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
    found = np.zeros((len(texts), loaded.n_layers, loaded.d_model))
    for held in batches(loaded, texts, size=batch):
        states = record(loaded, held, (LAYERS,), texts).layers
        found[list(held.rows)] = states.double().numpy().transpose(1, 0, 2)
    return found
