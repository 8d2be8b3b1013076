"""Write text word by word, greedily or by seed, with or without steering; one text at a time, in order of arrival."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cape.errors import BadParameterError, NonFiniteActivationError, StoppedError
from cape.internals.hidden_states import encode
from cape.internals.models import LoadedModel
from cape.internals.scoring import positions
from cape.internals.steering import Term, steer

PROMPT_WORDS = 512  # longest prompt taken, in words of the model's alphabet
NEW_WORDS = 256  # longest text written
WAIT_S = 0.05  # between two looks at the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next word is taken: temperature 0 takes the likeliest, others draw by seed."""

    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 10:
            raise BadParameterError(f"A temperature lies between 0 and 10, got {self.temperature}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What new words add to the text; more than one where a letter takes several. n : words written so far."""

    text: str
    words: tuple[int, ...]
    n: int


@dataclass(slots=True)
class Turns:
    """A queue for what only one may do at a time: first come, first served."""

    _waiting: deque[object] = field(default_factory=deque)
    _lock: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def turn(
        self, *, on_wait: Callable[[int], None] | None = None, cancel: threading.Event | None = None
    ) -> Iterator[None]:
        """Wait for one's turn and hold it.

        on_wait : gets the number of those before, whenever it changes. Raises StoppedError once cancel is set.
        """
        ticket, told = object(), -1
        with self._lock:
            self._waiting.append(ticket)
        try:
            while (before := self._before(ticket)) > 0:
                if cancel is not None and cancel.is_set():
                    raise StoppedError("Stopped while waiting for an earlier text.")
                if on_wait is not None and before != told:
                    on_wait(before)
                told = before
                with self._lock:
                    self._lock.wait(WAIT_S)
            yield
        finally:
            with self._lock:
                self._waiting.remove(ticket)
                self._lock.notify_all()

    @property
    def n_waiting(self) -> int:
        """How many wait or hold the turn."""
        with self._lock:
            return len(self._waiting)

    def _before(self, ticket: object) -> int:
        with self._lock:
            return self._waiting.index(ticket)


TURNS = Turns()  # of this process: one text at a time


def write(
    loaded: LoadedModel,
    prompt: str,
    *,
    new_words: int,
    terms: Sequence[Term] = (),
    sampling: Sampling = Sampling(),  # noqa: B008 - a frozen record
    cancel: threading.Event | None = None,
) -> Iterator[Piece]:
    """Yield the continuation of a prompt word by word, steered by the terms.

    Ends at an end token, at new_words, at the longest text the model takes, or when cancel is set.
    Raises BadParameterError for a prompt that is too long or a number of words that is not 1 to NEW_WORDS.
    """
    ids = checked_prompt(loaded, prompt, new_words)
    with steer(loaded, terms):
        yield from _pieces(loaded, ids, new_words, sampling, cancel)


def checked_prompt(loaded: LoadedModel, prompt: str, new_words: int) -> list[int]:
    """Return a prompt's word numbers, or raise BadParameterError for one that is too long."""
    if not 1 <= new_words <= NEW_WORDS:
        raise BadParameterError(f"A continuation has 1 to {NEW_WORDS} words, got {new_words}.")
    ids, most = encode(loaded, prompt), min(PROMPT_WORDS, positions(loaded) - 1)
    if len(ids) > most:
        raise BadParameterError(
            f"The prompt has {len(ids)} words of the model's alphabet; {most} are taken. Shorten it."
        )
    return ids


def whole_text(pieces: Iterator[Piece]) -> tuple[str, list[int]]:
    """Return the text and the word numbers of a continuation."""
    held = list(pieces)
    return "".join(piece.text for piece in held), [word for piece in held for word in piece.words]


def _pieces(
    loaded: LoadedModel, ids: list[int], new_words: int, sampling: Sampling, cancel: threading.Event | None
) -> Iterator[Piece]:
    import torch

    draw = torch.Generator().manual_seed(sampling.seed)
    cache, given, words, text, told = None, torch.tensor([ids], device=loaded.device), list[int](), "", 0
    ends, room = end_words(loaded), positions(loaded) - len(ids)
    for n in range(1, min(new_words, room) + 1):
        if cancel is not None and cancel.is_set():
            return
        with torch.no_grad():
            out = loaded.model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
        word = _next_word(loaded, out.logits[0, -1], sampling, draw)
        if word in ends:
            return
        words.append(word)
        cache, given = out.past_key_values, torch.tensor([[word]], device=loaded.device)
        now = loaded.tokenizer.decode([*ids[-1:], *words])
        lead = loaded.tokenizer.decode(ids[-1:])
        grown = now[len(lead) :] if now.startswith(lead) else loaded.tokenizer.decode(words)
        if grown.endswith("\ufffd") and n < new_words:  # half a letter; the next word may complete it
            continue
        yield Piece(text=grown[len(text) :], words=tuple(words[told:]), n=n)
        text, told = grown, n


def _next_word(loaded: LoadedModel, logits: Any, sampling: Sampling, draw: Any) -> int:
    import torch

    if not bool(torch.isfinite(logits).all()):
        raise NonFiniteActivationError(
            f"{loaded.model_id} computes NaN or infinity. Load it as float32, or steer less.", layer=None, prompt=""
        )
    if sampling.temperature == 0:
        return int(logits.argmax())
    chances = (logits.double() / sampling.temperature).softmax(dim=-1).cpu()
    return int(torch.multinomial(chances, 1, generator=draw))


def end_words(loaded: LoadedModel) -> frozenset[int]:
    """Return the word numbers at which the model's own configuration ends a text."""
    config = getattr(loaded.model, "generation_config", None)
    found = None if config is None else config.eos_token_id
    if found is None:
        return frozenset()
    return frozenset(found if isinstance(found, list) else [found])
