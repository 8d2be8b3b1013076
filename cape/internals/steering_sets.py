"""What a scorecard asks: calibration statements, questions, a capability control set, texts and prompts; no torch.

Calibration statements share no topic with any question, checked when the sets are put together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError

FOLDER = Path(__file__).parent / "prompts"
STATEMENTS, QUESTIONS, CAPABILITY, TEXTS, PROMPTS = (
    f"steering_{name}.yaml" for name in ("statements", "questions", "capability", "texts", "prompts")
)
INSTRUCTION = "Answer truthfully."
HASH_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A true and a false statement about one subject of a topic."""

    topic: str
    true: str
    false: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A multiple-choice question. choices follow the prompt after one space; is_true says which are true.

    best : place of the best true choice, the one that MC1 asks for. prompted : the prompt of the prompt-only arm;
    empty: the instruction before the prompt.
    """

    question_id: str
    topic: str
    prompt: str
    choices: tuple[str, ...]
    is_true: tuple[bool, ...]
    best: int = 0
    prompted: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) != len(self.is_true) or not any(self.is_true) or all(self.is_true):
            raise BadParameterError(f"Question {self.question_id} needs true and false choices, each marked.")
        if not self.is_true[self.best]:
            raise BadParameterError(f"Question {self.question_id} names a false choice as its best.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringSets:
    """Everything a scorecard is computed from. name : of the sets. instruction : of the prompt-only arm.

    pairs : calibration. validation, test : questions to choose by and to report. capability_validation,
    capability_test : questions of another ability that should not suffer. texts : held out, for cross-entropy and KL.
    prompts : continued before and after. new_tokens : length of a continuation.
    """

    name: str
    instruction: str
    pairs: tuple[Pair, ...]
    validation: tuple[Question, ...]
    test: tuple[Question, ...]
    capability_validation: tuple[Question, ...]
    capability_test: tuple[Question, ...]
    texts: tuple[str, ...]
    prompts: tuple[Question, ...]
    new_tokens: int

    def __post_init__(self) -> None:
        asked = (*self.validation, *self.test, *self.prompts)
        faults = [*shared_topics(self.pairs, asked), *repeated_questions(self.validation, self.test)]
        lacking = [name for name in ("pairs", "validation", "test", "texts") if not getattr(self, name)]
        faults += [f"there are no {name}" for name in lacking]
        if faults:
            raise BadParameterError(f"The sets {self.name!r} cannot be used: {'; '.join(faults)}.")

    @property
    def data_hash(self) -> str:
        """Hash of everything in the sets."""
        return hash_of(asdict(self))


def hash_of(held: Any) -> str:
    """Return a hash of what JSON can hold, in the order of its keys."""
    text = json.dumps(held, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def pairs_hash(pairs: Iterable[Pair]) -> str:
    """Return the hash of calibration statements in their order."""
    return hash_of([asdict(pair) for pair in pairs])


def shared_topics(pairs: Iterable[Pair], questions: Iterable[Question]) -> list[str]:
    """Return what is wrong: topics that calibration and questions share, and statements that hold a whole question."""
    calibration = list(pairs)
    topics = {pair.topic for pair in calibration}
    asked = list(questions)
    shared = sorted(topics & {question.topic for question in asked})
    said = {text for pair in calibration for text in (pair.true, pair.false)}
    told = [q.question_id for q in asked if any(f"{q.prompt} {choice}" in said for choice in q.choices)]
    return [
        *(f"calibration and questions share the topic {topic!r}" for topic in shared),
        *(f"a calibration statement answers question {name}" for name in told),
    ]


def repeated_questions(first: Iterable[Question], second: Iterable[Question]) -> list[str]:
    """Return the questions that stand in both splits."""
    both = {question.prompt for question in first} & {question.prompt for question in second}
    return [f"validation and test share the question {prompt!r}" for prompt in sorted(both)]


def split_by_question(questions: Iterable[Question], *, n_validation: int) -> tuple[tuple[Question, ...], ...]:
    """Return (validation, test): the n_validation questions whose hashes come first, and the others, in order.

    The split does not depend on the order of the questions and stays as it is when others are added behind.
    """
    held = list(questions)
    first = sorted(held, key=lambda question: hash_of([question.topic, question.prompt]))[:n_validation]
    chosen = {question.question_id for question in first}
    return (
        tuple(question for question in held if question.question_id in chosen),
        tuple(question for question in held if question.question_id not in chosen),
    )


def read_sets(folder: Path = FOLDER, *, validation_share: float = 0.4) -> SteeringSets:
    """Return the sets of a folder of YAML files, the shipped ones by default.

    validation_share : of the questions and of the capability set, for choosing layer and strength.
    Raises BadParameterError for a file that is missing or holds something else.
    """
    questions = tuple(_question(row, QUESTIONS) for row in _rows(folder / QUESTIONS))
    capability = tuple(_question(row, CAPABILITY) for row in _rows(folder / CAPABILITY))
    validation, test = split_by_question(questions, n_validation=round(validation_share * len(questions)))
    checked, control = split_by_question(capability, n_validation=round(validation_share * len(capability)))
    return SteeringSets(
        name=f"cape/{folder.name}" if folder == FOLDER else folder.name,
        instruction=INSTRUCTION,
        pairs=tuple(_pair(row) for row in _rows(folder / STATEMENTS)),
        validation=validation,
        test=test,
        capability_validation=checked,
        capability_test=control,
        texts=tuple(str(row["text"]).strip() for row in _rows(folder / TEXTS)),
        prompts=tuple(_question(row, PROMPTS) for row in _rows(folder / PROMPTS)),
        new_tokens=24,
    )


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the list of mappings that a YAML file holds."""
    import yaml

    try:
        held = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = str(error).splitlines()[0]
        raise BadParameterError(
            f"{file.name} cannot be read as YAML: {said} Name a folder of steering sets."
        ) from error
    if not isinstance(held, list) or not all(isinstance(row, dict) for row in held):
        raise BadParameterError(
            f"{file.name} holds no list of mappings. See the shipped sets in cape/internals/prompts."
        )
    return held


def _pair(row: dict[str, Any]) -> Pair:
    _check(row, ("topic", "true_statement", "false_statement"), STATEMENTS)
    return Pair(topic=str(row["topic"]), true=str(row["true_statement"]), false=str(row["false_statement"]))


def _question(row: dict[str, Any], file: str) -> Question:
    """Return the question of a row: its best answer first, then other true ones, then false ones."""
    _check(row, ("id", "topic", "prompt", "right", "wrong"), file)
    true = [str(text) for text in _list(row["right"])]
    false = [str(text) for text in _list(row["wrong"])]
    return Question(
        question_id=str(row["id"]),
        topic=str(row["topic"]),
        prompt=str(row["prompt"]),
        choices=(*true, *false),
        is_true=(*(True for _ in true), *(False for _ in false)),
    )


def _list(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [held]


def _check(row: dict[str, Any], keys: tuple[str, ...], file: str) -> None:
    lacking = [key for key in keys if row.get(key) in (None, "", [])]
    if lacking:
        raise BadParameterError(
            f"A row of {file} lacks {', '.join(lacking)}: {row}. Every row needs {', '.join(keys)}."
        )
