"""The arm of a user's endpoint: texts with and without the instruction, in the same table, without probabilities."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cape.internals.endpoint import Endpoint
from cape.internals.scorecard_records import ArmKind, ArmRow, GenerationRow, Matching, Split
from cape.internals.steering_sets import Question
from cape.stats.steering_effect import repetition

NEW_WORDS = 64  # of an answer
ONLY_TEXT = "generations only: an endpoint gives no log-probabilities, so MC1, MC2 and KL are not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTexts:
    """What an endpoint answered. name : of the arm, as "endpoint, <model>". plain, prompted : one text per question."""

    name: str
    questions: tuple[Question, ...]
    plain: tuple[str, ...]
    prompted: tuple[str, ...]


def ask_endpoint(
    endpoint: Endpoint,
    questions: Sequence[Question],
    *,
    instruction: str,
    on_text: Callable[[int, int], None] | None = None,
) -> EndpointTexts:
    """Return the answers of an endpoint to every prompt, without and with the instruction.

    on_text : gets the number of answers held and wanted. Raises EndpointError at the first that fails.
    """
    plain, prompted = [], []
    for place, question in enumerate(questions):
        plain.append(endpoint.complete(question.prompt, new_words=NEW_WORDS))
        prompted.append(endpoint.complete(question.prompt, instruction=instruction, new_words=NEW_WORDS))
        if on_text is not None:
            on_text(2 * (place + 1), 2 * len(questions))
    return EndpointTexts(
        name=f"endpoint, {endpoint.model}",
        questions=tuple(questions),
        plain=tuple(plain),
        prompted=tuple(prompted),
    )


def endpoint_rows(texts: EndpointTexts, names: Mapping[str, str], *, seed: int, config_hash: str) -> list[ArmRow]:
    """Return the arms of an endpoint: without the instruction, and with it. Shares are of the prompts."""
    arms = ((f"{texts.name}, no instruction", texts.plain), (texts.name, texts.prompted))
    rows = []
    for name, held in arms:
        asked = zip(texts.questions, texts.plain, held, strict=True)
        told = [(holds_truth(question, before), holds_truth(question, after)) for question, before, after in asked]
        n = len(told)
        repeated = [value for text in held if (value := repetition(text.split())) is not None]
        changed = [a != b for a, b in zip(texts.plain, held, strict=True)]
        empty: dict[str, Any] = dict.fromkeys(NOT_MEASURED)
        rows.append(
            ArmRow(
                **{**empty, "n_capability": 0, "n_tokens": 0},
                model_id=names["model_id"],
                revision=names["revision"],
                arm=name,
                kind=ArmKind.ENDPOINT,
                matching=Matching.NONE,
                split=Split.TEST,
                n_questions=n,
                n_generations=n,
                repetition_pct=100 * sum(repeated) / len(repeated) if repeated else None,
                generation_changed_pct=_percent(changed),
                changed_pct=_percent(changed),
                corrected_pct=_percent([(a, b) == (False, True) for a, b in told]),
                broken_pct=_percent([(a, b) == (True, False) for a, b in told]),
                seed=seed,
                config_hash=config_hash,
                caveats=ONLY_TEXT,
            )
        )
    return rows


NOT_MEASURED = (
    "layer", "strength", "strength_share", "replicate", "mc1_pct", "mc1_low", "mc1_high", "mc2_pct", "mc2_low",
    "mc2_high", "capability_pct", "capability_low", "capability_high", "cross_entropy_nats", "kl_nats",
)  # fmt: skip


def _percent(hits: Sequence[bool]) -> float | None:
    return 100 * sum(hits) / len(hits) if hits else None


def generation_row(names: Mapping[str, str], arm: str, question: Question, before: str, after: str) -> GenerationRow:
    """Return the row of one text before and after."""
    return GenerationRow(
        model_id=names["model_id"],
        revision=names["revision"],
        arm=arm,
        prompt_id=question.question_id,
        prompt=question.prompt,
        before=before,
        after=after,
        is_changed=before != after,
        is_true=holds_truth(question, after),
    )


def holds_truth(question: Question, text: str) -> bool | None:
    """Return whether a text holds a true choice and no false one; None where it holds neither or both.

    Compared as whole words in lower case, so that a negated or reworded answer cannot be told.
    """
    said = f" {_words(text)} "
    found = {
        is_true
        for choice, is_true in zip(question.choices, question.is_true, strict=True)
        if f" {_words(choice)} " in said
    }
    return found.pop() if len(found) == 1 else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
