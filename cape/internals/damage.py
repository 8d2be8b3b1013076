"""What steering does to ordinary text: cross-entropy, and KL(steered || base) word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cape.errors import BadParameterError, NonFiniteActivationError
from cape.internals.hidden_states import encode, padded
from cape.internals.models import LoadedModel
from cape.internals.scoring import Check, positions

KEPT_BYTES = 256 * 2**20  # of the base model's log-probabilities; larger ones are computed again
CELLS = 8_000_000  # probabilities held at once: texts x words x alphabet
DOUBLE = 8  # bytes of a number

Steering = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Means over the words of held-out texts, in nats per word: cross-entropy, and KL to the base model."""

    n_tokens: int
    cross_entropy: float
    kl: float
    by_text: np.ndarray = field(repr=False)  # (n_texts,) mean cross-entropy of each text


@dataclass(slots=True)
class HeldOutTexts:
    """Texts on which steered and unsteered next-word distributions of one model are compared."""

    loaded: LoadedModel
    rows: list[list[int]]
    _base: dict[int, Any] = field(default_factory=dict)

    @staticmethod
    def of(loaded: LoadedModel, texts: Sequence[str]) -> HeldOutTexts:
        """Return the texts as word numbers, each cut to what the model takes; raise BadParameterError without any."""
        most = positions(loaded)
        rows = [row[:most] for row in (encode(loaded, text) for text in texts) if len(row) > 1]
        if not rows:
            raise BadParameterError("Cross-entropy needs held-out texts of at least 2 words, got none.")
        return HeldOutTexts(loaded=loaded, rows=sorted(rows, key=len))

    @property
    def n_tokens(self) -> int:
        """Words that are predicted."""
        return sum(len(row) - 1 for row in self.rows)

    def damage(self, steering: Steering = nullcontext, *, prefix: str = "", check: Check | None = None) -> Damage:
        """Return cross-entropy and KL under steering; base distributions are computed without it.

        prefix : an instruction that stands before every text; the same words are predicted with and without it.
        """
        import torch

        lead = encode(self.loaded, prefix) if prefix else []
        losses, kls, by_text = [], [], []
        with torch.no_grad():
            for start in range(0, len(self.rows), self._at_once):
                if check is not None:
                    check()
                rows = self.rows[start : start + self._at_once]
                base = self._base_of(start, rows)
                with steering():
                    changed = self._log_probabilities(rows, lead)
                for place, row in enumerate(rows):
                    n = len(row) - 1
                    mine, theirs = changed[place, :n], base[place, :n]
                    loss = -mine.gather(1, torch.tensor(row[1:], device=mine.device)[:, None])[:, 0]
                    losses.append(loss.cpu().numpy())
                    kls.append((mine.exp() * (mine - theirs)).sum(dim=1).cpu().numpy())
                    by_text.append(float(losses[-1].mean()))
        kl, loss = float(np.concatenate(kls).mean()), float(np.concatenate(losses).mean())
        if not np.isfinite([kl, loss]).all():
            raise NonFiniteActivationError(
                f"{self.loaded.model_id} gives held-out text no finite probability. Load it as float32, or steer less.",
                layer=None,
                prompt="",
            )
        return Damage(n_tokens=self.n_tokens, cross_entropy=loss, kl=max(kl, 0.0), by_text=np.array(by_text))

    @property
    def _at_once(self) -> int:
        """Texts of one forward pass."""
        alphabet = int(self.loaded.model.config.get_text_config(decoder=True).vocab_size)
        return max(1, CELLS // (len(self.rows[-1]) * alphabet))

    def _base_of(self, start: int, rows: list[list[int]]) -> Any:
        if start in self._base:
            return self._base[start]
        found = self._log_probabilities(rows, [])
        kept = sum(held.numel() for held in self._base.values()) + found.numel()
        if kept * DOUBLE <= KEPT_BYTES:
            self._base[start] = found
        return found

    def _log_probabilities(self, rows: list[list[int]], lead: list[int]) -> Any:
        """Return the log-probabilities of the next word at every word of the rows but the last, (batch, pos, words)."""
        ids, mask = padded(self.loaded, [[*lead, *row] for row in rows])
        logits = self.loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits[:, len(lead) : -1].double().log_softmax(dim=-1)
