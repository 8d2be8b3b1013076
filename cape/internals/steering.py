"""Add directions to the output of decoder layers while a model runs: one or several, by position, and off again.

With a KV cache a layer sees the prompt once and then the new words. A session keeps count of positions from the
model's own cache, so that a schedule means the same with a cache and without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cape.errors import BadParameterError
from cape.internals.architecture import first_tensor, with_tensor
from cape.internals.directions import SteeringVector, check_fits
from cape.internals.models import LoadedModel

# The paper's tool (DEFINITIONS 3.7): below this cosine of prompt and direction the prompt gets this strength.
PAPER_BANDS = ((-0.1, 3.0), (0.1, 1.5), (0.3, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a strength is multiplied by at each position.

    on_prompt : at every word of the prompt. on_new : at the first new word. decay : from one new word to the next.
    """

    on_prompt: float = 1.0
    on_new: float = 1.0
    decay: float = 1.0

    def __post_init__(self) -> None:
        values = (self.on_prompt, self.on_new, self.decay)
        if not all(np.isfinite(value) and value >= 0 for value in values):
            raise BadParameterError(f"A schedule takes finite factors of 0 or more, got {values}.")

    @property
    def is_constant(self) -> bool:
        """True where every position gets the same strength."""
        return self.on_prompt == self.on_new and (self.decay == 1.0 or self.on_new == 0.0)

    def factors(self, start: int, length: int, *, prompt_length: int) -> np.ndarray:
        """Return the factor at positions start to start + length - 1, (length,), of a text with such a prompt."""
        new = np.arange(start, start + length) - prompt_length  # below 0 in the prompt
        return np.where(new < 0, self.on_prompt, self.on_new * self.decay ** np.maximum(new, 0))


CONSTANT = Schedule()
SCHEDULES = {
    "constant": CONSTANT,
    "prompt only": Schedule(on_new=0.0),
    "new words only": Schedule(on_prompt=0.0),
    "decaying": Schedule(decay=0.8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One direction, its strength and its schedule."""

    vector: SteeringVector
    strength: float
    schedule: Schedule = CONSTANT

    def __post_init__(self) -> None:
        if not np.isfinite(self.strength):
            raise BadParameterError(f"A strength must be a finite number, got {self.strength}.")


@dataclass(slots=True)
class Session:
    """Where the model stands in its text while it is steered.

    prompt_length : words that count as prompt; None: all that the model is given before its cache holds anything.
    """

    prompt_length: int | None = None
    start: int = 0
    seen: int = field(default=0)  # words of the last forward pass that began a text

    def enter(self, given: dict[str, Any], words: Any) -> None:
        """Note where a forward pass begins, from its cache, and how long the prompt is."""
        cache = given.get("past_key_values")
        self.start = 0 if cache is None else int(cache.get_seq_length())
        if self.start == 0:
            self.seen = int(words.shape[1])

    @property
    def prompt(self) -> int:
        """Words of the prompt of the text in hand."""
        return self.seen if self.prompt_length is None else self.prompt_length


@contextmanager
def steer(loaded: LoadedModel, terms: Sequence[Term]) -> Iterator[Session]:
    """Add every term to the output of its layer while the context is open; yield the session.

    Terms of one layer are summed first, so that v with -v adds nothing, and a sum of zeros leaves the model untouched,
    to the bit. Raises SteeringVectorError, before anything is hooked, for a vector of another model.
    """
    for term in terms:
        check_fits(term.vector, loaded)
    session, handles = Session(), []
    by_layer: dict[int, list[Term]] = {}
    for term in terms:
        by_layer.setdefault(term.vector.layer, []).append(term)
    try:
        for layer, held in by_layer.items():
            added = _addition(held, session)
            if added is not None:
                handles.append(loaded.layers[layer].register_forward_hook(_adding(added)))
        if handles:
            handles.append(loaded.model.register_forward_pre_hook(_entering(session), with_kwargs=True))
        yield session
    finally:
        for handle in handles:
            handle.remove()


def paper_strength(cosine: float) -> float:
    """Return the strength that the paper's tool gives a prompt whose cosine with the direction this is."""
    return next((strength for below, strength in PAPER_BANDS if cosine < below), 0.0)


def _entering(session: Session) -> Callable[..., None]:
    def hook(module: Any, arguments: tuple[Any, ...], given: dict[str, Any]) -> None:
        words = arguments[0] if arguments else given.get("input_ids")
        session.enter(given, given["inputs_embeds"] if words is None else words)

    return hook


def _adding(added: Callable[[Any], Any]) -> Callable[..., Any]:
    def hook(module: Any, arguments: Any, output: Any) -> Any:
        hidden = first_tensor(output)
        return with_tensor(output, hidden + added(hidden))

    return hook


def _addition(terms: list[Term], session: Session) -> Callable[[Any], Any] | None:
    """Return what to add to hidden states (batch, pos, d_model), or None where it is zero everywhere."""
    import torch

    directions = np.stack([term.vector.direction.astype(np.float64) for term in terms])
    strengths = np.array([term.strength for term in terms])
    if all(term.schedule.is_constant for term in terms):
        factors = strengths * np.array([term.schedule.on_prompt for term in terms])
        total = torch.from_numpy(factors @ directions)
        if not total.any():
            return None
        held: dict[Any, Any] = {}  # the sum at the dtype and device of the hidden states, made once

        def constant(hidden: Any) -> Any:
            place = (hidden.dtype, hidden.device)
            if place not in held:
                held[place] = total.to(device=hidden.device, dtype=hidden.dtype)
            return held[place]

        return constant

    def by_position(hidden: Any) -> Any:
        length = int(hidden.shape[1])
        factors = [term.schedule.factors(session.start, length, prompt_length=session.prompt) for term in terms]
        total = (strengths[:, None] * np.stack(factors)).T @ directions
        return torch.from_numpy(total).to(device=hidden.device, dtype=hidden.dtype)

    return by_position
