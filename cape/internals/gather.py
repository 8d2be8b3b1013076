"""Run prompts through a model: vectors of contrast prompts are kept, of free text only running sums.

So memory is that of at most 200 prompts, whatever the number of prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError
from cape.internals.activations import ATTENTION, HEADS, LAYERS, Recorded, record
from cape.internals.models import LoadedModel
from cape.internals.prompts import MOST_CONTRAST, PromptSet
from cape.internals.tokens import Batch, batches

Floats = NDArray[np.float32]
Recorder = Callable[[Batch, Sequence[str], Sequence[str]], Recorded]  # batch, sites, prompts
OnPrompts = Callable[[int], None]  # gets the number of prompts just done
WINDOW = 512  # prompts sorted by length together
N_BLOCKS = 16  # of running sums, for intervals of free text


def not_watched(n: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What a model computed at the last token of every prompt, in order of the prompts, float32.

    layers : (n_layers, n, d_model). heads : (n_layers, n, n_heads, head_dim). attention : (n_layers, n, n_heads,
    N_BINS). final : (n, d_model). Each is None where it was not asked for.
    """

    final: Floats = field(repr=False)
    layers: Floats | None = field(default=None, repr=False)
    heads: Floats | None = field(default=None, repr=False)
    attention: Floats | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSums:
    """Sums of hidden states of free text. sums : (n_groups, N_BLOCKS, n_layers, d_model) float64. counts : (n_groups,
    N_BLOCKS) prompts. fit : (n_fit, d_model) final states of at most 200 of the prompts, to learn a readout from."""

    groups: tuple[str, ...]
    sums: NDArray[np.float64] = field(repr=False)
    counts: NDArray[np.float64] = field(repr=False)
    fit: Floats = field(repr=False)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean hidden state of all prompts, (n_layers, d_model)."""
        return self.sums.sum(axis=(0, 1)) / self.counts.sum()


def hooks(loaded: LoadedModel) -> Recorder:
    """Return the recorder that reads by hooks."""
    return lambda batch, sites, prompts: record(loaded, batch, sites, prompts)


def windows(loaded: LoadedModel, prompts: Sequence[str], *, size: int) -> Iterator[Batch]:
    """Yield batches of every prompt, sorted by length within windows of WINDOW prompts, so that no more wait."""
    for start in range(0, len(prompts), WINDOW):
        for batch in batches(loaded, prompts[start : start + WINDOW], size=size):
            yield replace(batch, rows=tuple(start + row for row in batch.rows))


def keep_vectors(
    loaded: LoadedModel,
    prompts: Sequence[str],
    sites: Sequence[str],
    *,
    recorder: Recorder,
    size: int,
    on_prompts: OnPrompts = not_watched,
) -> Vectors:
    """Return the vectors of at most MOST_CONTRAST prompts; raise BadParameterError for more, or for none."""
    if not 0 < len(prompts) <= MOST_CONTRAST:
        raise BadParameterError(
            f"The vectors of 1 to {MOST_CONTRAST} prompts are kept, got {len(prompts)}. Use fewer contrast prompts."
        )
    held: dict[str, Any] = {}
    for batch in windows(loaded, prompts, size=size):
        found = recorder(batch, sites, prompts)
        for name in (LAYERS, HEADS, ATTENTION, "final"):
            values = getattr(found, name)
            if values is not None:
                _put(held, name, values.numpy(), batch.rows, len(prompts))
        on_prompts(len(batch.rows))
    return Vectors(**held)


def _put(held: dict[str, Any], name: str, values: Floats, rows: Sequence[int], n: int) -> None:
    """Write the batch's values into the array of this name, which the first batch makes."""
    if name == "final":
        whole = held.setdefault(name, np.empty((n, *values.shape[1:]), dtype=np.float32))
        whole[list(rows)] = values
        return
    whole = held.setdefault(name, np.empty((values.shape[0], n, *values.shape[2:]), dtype=np.float32))
    whole[:, list(rows)] = values


def running_sums(
    loaded: LoadedModel,
    background: PromptSet,
    *,
    recorder: Recorder,
    size: int,
    on_prompts: OnPrompts = not_watched,
) -> RunningSums:
    """Return the sums of hidden states by group and block of a background set of any size."""
    sums = np.zeros((len(background.groups), N_BLOCKS, loaded.n_layers, loaded.d_model))
    counts = np.zeros(sums.shape[:2])
    fit = np.empty((MOST_CONTRAST, loaded.d_model), dtype=np.float32)  # made once: pieces would scatter over the heap
    n_fit, stride = 0, -(-len(background.prompts) // MOST_CONTRAST)
    first = 0  # of the group's prompts among all
    for group, (_, prompts) in enumerate(background.groups):
        for batch in windows(loaded, prompts, size=size):
            found = recorder(batch, (LAYERS,), prompts)
            block = np.eye(N_BLOCKS)[:, np.array(batch.rows) % N_BLOCKS]  # (N_BLOCKS, batch) of 0 and 1
            sums[group] += (block @ found.layers.numpy()).swapaxes(0, 1)
            counts[group] += block.sum(axis=1)
            chosen = [place for place, row in enumerate(batch.rows) if (first + row) % stride == 0]
            fit[n_fit : n_fit + len(chosen)] = found.final[chosen].numpy()
            n_fit += len(chosen)
            on_prompts(len(batch.rows))
        first += len(prompts)
    names = tuple(name for name, _ in background.groups)
    return RunningSums(groups=names, sums=sums, counts=counts, fit=fit[:n_fit])
