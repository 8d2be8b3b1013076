"""One arm of a scorecard: a model under one intervention, scored and kept on disk, so that a stopped run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.internals.damage import HeldOutTexts
from cape.internals.directions import SteeringVector
from cape.internals.generation import whole_text, write
from cape.internals.hidden_states import last_states
from cape.internals.models import LoadedModel
from cape.internals.scorecard_records import ArmKind, Matching, Split
from cape.internals.scoring import Answers, Check, Item, answers, items_of, prompt_of, score_choices
from cape.internals.steering import Term, paper_strength, steer
from cape.internals.steering_sets import Question, SteeringSets, hash_of
from cape.stats.steering_effect import repetition

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """What is done to the model, and where it is scored.

    terms : directions with strengths. instruction : of the prompt-only arm. banded : direction whose strength each
    prompt gets by the paper's bands. share : strength over the layer's mean norm. replicate : of a random direction.
    """

    name: str
    kind: ArmKind
    matching: Matching
    split: Split
    terms: tuple[Term, ...] = ()
    instruction: str = ""
    banded: SteeringVector | None = None
    share: float | None = None
    replicate: int | None = None

    @property
    def vector(self) -> SteeringVector | None:
        """The direction, where there is one."""
        return self.terms[0].vector if self.terms else self.banded

    @property
    def identity(self) -> dict[str, Any]:
        """What fixes the arm's numbers on a given model and sets."""
        vectors = [
            (term.vector.layer, term.vector.checksum, term.strength, asdict(term.schedule)) for term in self.terms
        ]
        banded = None if self.banded is None else (self.banded.layer, self.banded.checksum)
        return {"split": self.split, "terms": vectors, "instruction": self.instruction, "banded": banded}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What an arm measured. loss_by_text : (n_texts,) mean cross-entropy of each held-out text, nats per word.

    texts : continuations of the prompts, None where none were written. repetitions : of each continuation.
    """

    truth: Answers
    capability: Answers | None
    n_tokens: int
    cross_entropy: float
    kl: float
    loss_by_text: Array
    texts: tuple[str, ...] | None
    repetitions: tuple[float | None, ...]

    def as_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps(asdict(self), default=lambda held: held.tolist(), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Scores:
        """Return the scores that `as_json` wrote; raise ValueError, KeyError or TypeError for anything else."""
        held = json.loads(text)
        held["truth"] = _answers(held["truth"])
        held["capability"] = None if held["capability"] is None else _answers(held["capability"])
        held["loss_by_text"] = np.array(held["loss_by_text"])
        held["texts"] = None if held["texts"] is None else tuple(held["texts"])
        held["repetitions"] = tuple(held["repetitions"])
        return Scores(**held)


def _answers(held: dict[str, Any]) -> Answers:
    return Answers(
        question_ids=tuple(held["question_ids"]),
        mc1=np.array(held["mc1"]),
        mc2=np.array(held["mc2"]),
        chosen=np.array(held["chosen"], dtype=np.int64),
        right=np.array(held["right"], dtype=bool),
    )


@dataclass(slots=True, kw_only=True)
class Bench:
    """Scores arms of one model on given sets, and keeps what is finished.

    run_hash : of model, weights and sets; with an arm's identity it names the file of its scores. folder : of those
    files, None to keep nothing. check : called between batches, raises to stop.
    """

    loaded: LoadedModel
    sets: SteeringSets
    texts: HeldOutTexts
    run_hash: str
    folder: Path | None = None
    check: Check | None = None
    on_arm: Callable[[str], None] | None = None
    n_computed: int = 0
    _items: dict[tuple[Split, bool, str], list[Item]] = field(default_factory=dict)
    _states: dict[tuple[str, ...], Array] = field(default_factory=dict)

    def score(self, arm: Arm, *, writes: bool = False) -> Scores:
        """Return the scores of an arm, computed or as kept. writes : continue the prompts too."""
        file = self._file({"arm": arm.identity, "writes": writes})
        held = _read(file)
        if held is None:
            if self.check is not None:
                self.check()
            held = self._computed(arm, writes=writes)
            self.n_computed += 1
            _write(file, held.as_json())
        if self.on_arm is not None:
            self.on_arm(arm.name)
        return held

    def kl(self, vector: SteeringVector, strength: float) -> float:
        """Return KL(steered || base) on the held-out texts for a direction at a strength, computed or as kept."""
        file = self._file({"kl": (vector.layer, vector.checksum, strength)})
        if file is not None and file.is_file():
            return float(json.loads(file.read_text(encoding="utf-8")))
        term = Term(vector=vector, strength=strength)
        found = self.texts.damage(lambda: steer(self.loaded, [term]), check=self.check).kl
        _write(file, json.dumps(found))
        return found

    def questions(self, split: Split) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
        """Return the questions and the capability set of a split."""
        if split is Split.TEST:
            return self.sets.test, self.sets.capability_test
        return self.sets.validation, self.sets.capability_validation

    def _computed(self, arm: Arm, *, writes: bool) -> Scores:
        truth, capability = self.questions(arm.split)
        damage = self._damage(arm)
        texts, repetitions = self._texts(arm) if writes else (None, ())
        return Scores(
            truth=self._answered(arm, truth, is_control=False),
            capability=self._answered(arm, capability, is_control=True) if capability else None,
            n_tokens=self.texts.n_tokens,
            cross_entropy=damage[0],
            kl=damage[1],
            loss_by_text=damage[2],
            texts=texts,
            repetitions=repetitions,
        )

    def _answered(self, arm: Arm, questions: Sequence[Question], *, is_control: bool) -> Answers:
        key = (arm.split, is_control, arm.instruction)
        if key not in self._items:
            self._items[key] = items_of(self.loaded, questions, instruction=arm.instruction)
        items = self._items[key]
        found: list[Array] = [np.zeros(0)] * len(items)
        prompts = [prompt_of(question, arm.instruction) for question in questions]
        for terms, places in self._groups(arm, prompts):
            with steer(self.loaded, terms) as session:
                scored = score_choices(self.loaded, [items[i] for i in places], session=session, check=self.check)
            for place, values in zip(places, scored, strict=True):
                found[place] = values
        return answers(questions, found)

    def _damage(self, arm: Arm) -> tuple[float, float, Array]:
        """Return (cross-entropy, KL, cross-entropy by text) of an arm on the held-out texts."""
        decoded = [self.loaded.tokenizer.decode(row) for row in self.texts.rows] if arm.banded else self.texts.rows
        by_text = np.zeros(len(self.texts.rows))
        loss = kl = 0.0
        for terms, places in self._groups(arm, decoded):
            part = self.texts if len(places) == len(by_text) else self.texts.subset(places)
            found = part.damage(self._steering(terms), prefix=arm.instruction, check=self.check)
            by_text[places] = found.by_text
            share = found.n_tokens / self.texts.n_tokens
            loss, kl = loss + share * found.cross_entropy, kl + share * found.kl
        return loss, kl, by_text

    def _texts(self, arm: Arm) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
        prompts = [prompt_of(question, arm.instruction) for question in self.sets.prompts]
        written: list[tuple[str, list[int]]] = [("", [])] * len(prompts)
        for terms, places in self._groups(arm, prompts):
            for place in places:
                pieces = write(self.loaded, prompts[place], new_words=self.sets.new_tokens, terms=terms)
                written[place] = whole_text(pieces)
        return tuple(text for text, _ in written), tuple(repetition(words) for _, words in written)

    def _steering(self, terms: tuple[Term, ...]) -> Callable[[], AbstractContextManager[Any]]:
        return (lambda: steer(self.loaded, terms)) if terms else nullcontext

    def _groups(self, arm: Arm, prompts: Sequence[Any]) -> list[tuple[tuple[Term, ...], list[int]]]:
        """Return what is steered how: all prompts alike, or those of each of the paper's bands."""
        if arm.banded is None:
            return [(arm.terms, list(range(len(prompts))))] if prompts else []
        strengths = banded_strengths(self._states_of(prompts), arm.banded)
        return [
            (
                (Term(vector=arm.banded, strength=float(strength)),) if strength else (),
                np.flatnonzero(strengths == strength).tolist(),
            )
            for strength in np.unique(strengths)
        ]

    def _states_of(self, prompts: Sequence[str]) -> Array:
        key = tuple(prompts)
        if key not in self._states:
            self._states[key] = last_states(self.loaded, key)
        return self._states[key]

    def _file(self, identity: dict[str, Any]) -> Path | None:
        return None if self.folder is None else self.folder / f"{hash_of([self.run_hash, identity])}.json"


def banded_strengths(states: Array, vector: SteeringVector) -> Array:
    """Return the strength that the paper's bands give each prompt, (n,). states : (n, n_layers, d_model)."""
    return np.array([paper_strength(float(cosine)) for cosine in vector.cosine(states[:, vector.layer])])


def _read(file: Path | None) -> Scores | None:
    """Return kept scores, or None where there are none or the file is broken, so that they are computed again."""
    if file is None or not file.is_file():
        return None
    try:
        return Scores.from_json(file.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: Path | None, text: str) -> None:
    """Write a file whole or not at all."""
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, file)
