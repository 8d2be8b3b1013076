"""Turn prompts into batches of tokens of similar length, padded on the left, that give what single prompts give."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cape.errors import TokenizerError
from cape.internals.architecture import text_config
from cape.internals.models import LoadedModel

MOST_TOKENS = 2048  # of one prompt
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Prompts of one forward pass. rows : (batch,) their places among all prompts. ids, mask : (batch, pos).
    lengths : (batch,) tokens of each, padding left out."""

    rows: tuple[int, ...]
    ids: Any
    mask: Any
    lengths: tuple[int, ...]


def context_length(loaded: LoadedModel) -> int:
    """Return the longest prompt in tokens that this model takes here."""
    config = text_config(loaded.model)
    held = [value for name in CONTEXT_NAMES if isinstance(value := getattr(config, name, None), int) and value > 0]
    return min([MOST_TOKENS, *held])


def encode(loaded: LoadedModel, prompts: Sequence[str]) -> list[list[int]]:
    """Return the token numbers of every prompt; raise TokenizerError for one without tokens or with too many."""
    if loaded.tokenizer is None:
        raise TokenizerError(f"{loaded.model_id} was given no tokenizer, so it cannot read text. Pass one to adapt.")
    found = [list(loaded.tokenizer(prompt)["input_ids"]) for prompt in prompts]
    most = context_length(loaded)
    for prompt, ids in zip(prompts, found, strict=True):
        if not 0 < len(ids) <= most:
            raise TokenizerError(
                f"The prompt {shortened(prompt)!r} is {len(ids)} tokens; {loaded.model_id} takes 1 to {most}. "
                "Shorten it, or leave it out."
            )
    return found


def shortened(prompt: str, *, most: int = 60) -> str:
    """Return the beginning of a prompt, for a message."""
    return prompt if len(prompt) <= most else f"{prompt[: most - 3]}..."


def batches(loaded: LoadedModel, prompts: Sequence[str], *, size: int) -> Iterator[Batch]:
    """Yield every prompt once, longest first, at most `size` together; memory is at its peak at once."""
    tokens = encode(loaded, prompts)
    order = sorted(range(len(tokens)), key=lambda row: (-len(tokens[row]), row))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield padded(loaded, rows, [tokens[row] for row in rows])


def padded(loaded: LoadedModel, rows: Sequence[int], tokens: Sequence[list[int]]) -> Batch:
    """Return the batch of these token lists, padded on the left to the longest."""
    import torch

    longest = max(len(ids) for ids in tokens)
    pad = loaded.tokenizer.pad_token_id if loaded.tokenizer is not None else 0
    ids = torch.full((len(tokens), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, one in enumerate(tokens):
        ids[place, longest - len(one) :] = torch.tensor(one)
        mask[place, longest - len(one) :] = 1
    lengths = tuple(len(one) for one in tokens)
    return Batch(rows=tuple(rows), ids=ids.to(loaded.device), mask=mask.to(loaded.device), lengths=lengths)


def forward_arguments(module: Any, batch: Batch) -> dict[str, Any]:
    """Return what a forward pass is given so that padding changes nothing.

    Learned and rotary positions are counted from the first real token; a model without such an argument takes them
    from the mask.
    """
    given: dict[str, Any] = {"input_ids": batch.ids, "use_cache": False}
    if min(batch.lengths) < batch.ids.shape[1]:
        given["attention_mask"] = batch.mask
        if "position_ids" in inspect.signature(module.forward).parameters:
            given["position_ids"] = (batch.mask.cumsum(-1) - 1).clamp(min=0)
    return given
