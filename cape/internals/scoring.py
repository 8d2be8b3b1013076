"""Log-probabilities of multiple-choice answers: each prompt once, its cache expanded to all its choices.

`choice_by_choice` is the plain way, one forward pass of prompt and choice together; both give the same numbers.
Prompts of the same length share a batch, so that nothing is padded on the left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError, NonFiniteActivationError
from cape.internals.hidden_states import continuation, padded
from cape.internals.models import LoadedModel
from cape.internals.steering import Session
from cape.internals.steering_sets import Question
from cape.stats.steering_effect import mc1_score, mc2_score

PROMPTS_AT_ONCE = 16
ROWS_AT_ONCE = 64  # choices that are run together after their prompts
Check = Callable[[], None]  # raises where the caller wants to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A prompt and its choices as word numbers."""

    prompt: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How a model answers questions, one entry per question, in their order.

    mc1 : 1.0 where the best true choice is likelier than every false one. mc2 : probability of the true choices.
    chosen : place of the likeliest choice. right : whether that choice is true.
    """

    question_ids: tuple[str, ...]
    mc1: NDArray[np.float64]
    mc2: NDArray[np.float64]
    chosen: NDArray[np.int64]
    right: NDArray[np.bool_]


def items_of(loaded: LoadedModel, questions: Sequence[Question], *, instruction: str = "") -> list[Item]:
    """Return questions as word numbers.

    instruction : stands before every prompt, or selects the prompt that a question brings for the prompt-only arm.
    Raises BadParameterError for a prompt and choice longer than the model takes.
    """
    items = []
    for question in questions:
        pairs = [continuation(loaded, prompt_of(question, instruction), choice) for choice in question.choices]
        items.append(Item(prompt=tuple(pairs[0][0]), choices=tuple(tuple(choice) for _, choice in pairs)))
        longest = len(items[-1].prompt) + max(len(choice) for choice in items[-1].choices)
        if longest > (most := positions(loaded)):
            raise BadParameterError(
                f"Question {question.question_id} takes {longest} words of the model's alphabet, {loaded.model_id} "
                f"takes {most}. Shorten it."
            )
    return items


def prompt_of(question: Question, instruction: str) -> str:
    """Return a question's prompt, as the prompt-only arm gives it where there is an instruction."""
    if not instruction:
        return question.prompt
    return question.prompted or f"{instruction} {question.prompt}"


def positions(loaded: LoadedModel) -> int:
    """Return the longest text a model takes, in words of its alphabet."""
    config = loaded.model.config.get_text_config(decoder=True)
    found = getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None)
    return int(found) if found else 2048


def answers(questions: Sequence[Question], found: Sequence[NDArray[np.float64]]) -> Answers:
    """Return the answers that log-probabilities of choices give."""
    chosen = np.array([int(np.argmax(values)) for values in found], dtype=np.int64)
    return Answers(
        question_ids=tuple(question.question_id for question in questions),
        mc1=np.array([mc1_score(v, q.is_true, best=q.best) for q, v in zip(questions, found, strict=True)]),
        mc2=np.array([mc2_score(v, q.is_true) for q, v in zip(questions, found, strict=True)]),
        chosen=chosen,
        right=np.array([q.is_true[place] for q, place in zip(questions, chosen, strict=True)], dtype=bool),
    )


def score_choices(
    loaded: LoadedModel, items: Sequence[Item], *, session: Session | None = None, check: Check | None = None
) -> list[NDArray[np.float64]]:
    """Return the log-probability of every choice after its prompt, one array (n_choices,) per item.

    session : of the steering in force, so that it knows prompts from choices. check : called between batches.
    Raises NonFiniteActivationError where the model gives no number.
    """
    import torch

    found: list[NDArray[np.float64]] = [np.zeros(0)] * len(items)
    with torch.no_grad():
        for places in _batches(items):
            if check is not None:
                check()
            held = [items[place] for place in places]
            if session is not None:
                session.prompt_length = len(held[0].prompt)
            for place, values in zip(places, _shared(loaded, held), strict=True):
                found[place] = values
    _check_finite(loaded, found)
    return found


def choice_by_choice(
    loaded: LoadedModel, items: Sequence[Item], *, session: Session | None = None
) -> list[NDArray[np.float64]]:
    """Return what `score_choices` does, by one forward pass per choice without a cache."""
    import torch

    found = []
    with torch.no_grad():
        for item in items:
            if session is not None:
                session.prompt_length = len(item.prompt)
            values = []
            for choice in item.choices:
                ids = torch.tensor([[*item.prompt, *choice]], device=loaded.device)
                kept = len(choice) + 1
                logits = loaded.model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits[:, -kept:-1]
                values.append(float(_picked(logits, ids[:, -len(choice) :]).sum()))
            found.append(np.array(values))
    _check_finite(loaded, found)
    return found


def _batches(items: Sequence[Item]) -> Iterator[list[int]]:
    """Yield places of items whose prompts are equally long, few enough to run together."""
    by_length: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        by_length.setdefault(len(item.prompt), []).append(place)
    for places in by_length.values():
        batch: list[int] = []
        rows = 0
        for place in places:
            n_rows = len(items[place].choices)
            if batch and (len(batch) == PROMPTS_AT_ONCE or rows + n_rows > ROWS_AT_ONCE):
                yield batch
                batch, rows = [], 0
            batch.append(place)
            rows += n_rows
        yield batch


def _shared(loaded: LoadedModel, items: Sequence[Item]) -> list[NDArray[np.float64]]:
    """Return the log-probabilities of the choices of items whose prompts are equally long."""
    import torch

    prompts = torch.tensor([item.prompt for item in items], device=loaded.device)
    is_long = any(len(choice) > 1 for item in items for choice in item.choices)
    out = loaded.model(input_ids=prompts, attention_mask=torch.ones_like(prompts), use_cache=is_long, logits_to_keep=1)
    owner = np.repeat(np.arange(len(items)), [len(item.choices) for item in items])
    rows = [choice for item in items for choice in item.choices]
    first = torch.tensor([choice[0] for choice in rows], device=loaded.device)
    logits = out.logits[:, -1].double().log_softmax(dim=-1)
    total = logits[torch.from_numpy(owner).to(loaded.device), first].cpu().numpy()
    if is_long:
        total = total + _rest(loaded, out.past_key_values, rows, owner, n_prompt=prompts.shape[1])
    return [total[owner == place] for place in range(len(items))]


def _rest(
    loaded: LoadedModel, cache: Any, rows: Sequence[tuple[int, ...]], owner: NDArray[np.int64], *, n_prompt: int
) -> NDArray[np.float64]:
    """Return the log-probability of every choice after its first word, (n_rows,); the cache is expanded to the rows."""
    import torch

    cache.batch_select_indices(torch.from_numpy(owner).to(loaded.device))
    ids, mask = padded(loaded, rows)
    whole = torch.cat([mask.new_ones((len(rows), n_prompt)), mask[:, :-1]], dim=1)
    logits = loaded.model(input_ids=ids[:, :-1], attention_mask=whole, past_key_values=cache, use_cache=True).logits
    return (_picked(logits, ids[:, 1:]) * mask[:, 1:]).sum(dim=1).cpu().numpy()


def _picked(logits: Any, ids: Any) -> Any:
    """Return the log-probability of the words that follow, (batch, pos), in double precision."""
    return logits.double().log_softmax(dim=-1).gather(2, ids[:, :, None])[:, :, 0]


def _check_finite(loaded: LoadedModel, found: Sequence[NDArray[np.float64]]) -> None:
    if not all(np.isfinite(values).all() for values in found):
        raise NonFiniteActivationError(
            f"{loaded.model_id} gives a choice no finite log-probability. Load it as float32, or steer less.",
            layer=None,
            prompt="",
        )
