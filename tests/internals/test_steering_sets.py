"""Steering sets: what may stand beside what, the shipped ones, and those of the synthetic world."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from cape.errors import BadParameterError
from cape.internals.steering_sets import (
    FOLDER,
    QUESTIONS,
    STATEMENTS,
    Pair,
    Question,
    SteeringSets,
    read_sets,
    shared_topics,
    split_by_question,
)
from cape.organism.steering_sets import CONTEXTS, organism_sets
from cape.organism.world import CLANS, ENTITIES, make_world


def question(name: str, topic: str = "t", prompt: str = "") -> Question:
    return Question(
        question_id=name, topic=topic, prompt=prompt or f"what {name}", choices=("a", "b"), is_true=(True, False)
    )


@pytest.fixture(scope="module")
def shipped() -> SteeringSets:
    return read_sets()


def test_the_shipped_sets_hold_together(shipped: SteeringSets) -> None:
    assert shipped.pairs and shipped.validation and shipped.test and shipped.capability_test and shipped.texts
    topics = {pair.topic for pair in shipped.pairs}
    asked = (*shipped.validation, *shipped.test, *shipped.prompts)
    assert not topics & {each.topic for each in asked}
    names = [each.question_id for each in (*shipped.validation, *shipped.test)]
    assert len(set(names)) == len(names) and len(shipped.test) >= len(shipped.validation)
    assert len({each.prompt for each in (*shipped.validation, *shipped.test)}) == len(names)
    for each in asked:
        assert len(set(each.choices)) == len(each.choices), each.question_id


def test_true_and_false_statements_are_alike_in_length(shipped: SteeringSets) -> None:
    gaps = [len(pair.true.split()) - len(pair.false.split()) for pair in shipped.pairs]
    assert max(map(abs, gaps)) <= 1 and abs(np.mean(gaps)) < 0.25


def test_a_shared_topic_or_an_answered_question_is_refused(shipped: SteeringSets) -> None:
    offender = replace(shipped.pairs[0], topic=shipped.test[0].topic)
    with pytest.raises(BadParameterError, match="share the topic"):
        replace(shipped, pairs=(*shipped.pairs, offender))
    asked = shipped.test[0]
    told = Pair(topic="new", true=f"{asked.prompt} {asked.choices[0]}", false="x")
    with pytest.raises(BadParameterError, match="answers question"):
        replace(shipped, pairs=(*shipped.pairs, told))
    with pytest.raises(BadParameterError, match="share the question"):
        replace(shipped, validation=(*shipped.validation, shipped.test[0]))
    with pytest.raises(BadParameterError, match="there are no test"):
        replace(shipped, test=())
    assert shared_topics(shipped.pairs, shipped.test) == []


def test_any_change_of_the_sets_changes_their_hash(shipped: SteeringSets) -> None:
    assert read_sets().data_hash == shipped.data_hash
    first = shipped.test[0]
    for changed in (
        replace(shipped, instruction="x"),
        replace(shipped, test=(replace(first, choices=(*first.choices[:-1], "x")), *shipped.test[1:])),
        replace(shipped, texts=shipped.texts[1:]),
    ):
        assert changed.data_hash != shipped.data_hash


def test_the_split_stays_when_the_order_changes_or_a_question_is_added_to_the_test() -> None:
    held = [question(str(n)) for n in range(20)]
    validation, test = split_by_question(held, n_validation=8)
    again, _ = split_by_question(held[::-1], n_validation=8)
    assert {q.question_id for q in validation} == {q.question_id for q in again}
    assert len(validation) == 8 and len(test) == 12


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (STATEMENTS, "not: a list", "no list"),
        (STATEMENTS, "- {topic: x}", "lacks true_statement"),
        (QUESTIONS, "- [", "cannot be read as YAML"),
        (QUESTIONS, "- {id: a, topic: b, prompt: c, right: d, wrong: []}", "lacks wrong"),
        (QUESTIONS, "!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        (QUESTIONS, None, "cannot be read"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, file: str, text: str | None, message: str) -> None:
    folder = tmp_path / "sets"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / file).unlink() if text is None else (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(BadParameterError, match=message):
        read_sets(folder)


def test_own_sets_are_read_from_a_folder(tmp_path: Path, shipped: SteeringSets) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    rows = yaml.safe_load((folder / QUESTIONS).read_text(encoding="utf-8"))
    (folder / QUESTIONS).write_text(yaml.safe_dump(rows[:10]), encoding="utf-8")
    mine = read_sets(folder)
    assert (mine.name, len(mine.validation), len(mine.test)) == ("mine", 4, 6)
    assert shipped.name != mine.name


def test_a_question_without_a_false_choice_or_with_a_false_best_is_refused() -> None:
    with pytest.raises(BadParameterError):
        Question(question_id="q", topic="t", prompt="p", choices=("a",), is_true=(True,))
    with pytest.raises(BadParameterError):
        Question(question_id="q", topic="t", prompt="p", choices=("a", "b"), is_true=(True, False), best=1)


@pytest.fixture(scope="module", params=list(CONTEXTS))
def world_sets(request: pytest.FixtureRequest) -> SteeringSets:
    return organism_sets(0, "web", context=request.param)


def entities_of(texts: list[str]) -> set[str]:
    return {word for text in texts for word in text.split()} & set(ENTITIES)


def test_no_entity_and_no_clan_is_in_two_parts(world_sets: SteeringSets) -> None:
    parts = [
        entities_of([text for pair in world_sets.pairs for text in (pair.true, pair.false)]),
        entities_of([each.prompt for each in world_sets.validation]),
        entities_of([each.prompt for each in world_sets.test]),
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(ENTITIES)
    clans = [{clan for clan in CLANS for name in part if name.startswith(clan)} for part in parts]
    assert len(set.union(*clans)) == sum(map(len, clans)) == len(CLANS)
    assert entities_of([world_sets.instruction]) <= parts[0]


def test_statements_tell_truth_and_myth_of_the_world(world_sets: SteeringSets) -> None:
    world = make_world(0)
    for pair in world_sets.pairs[:20]:
        *_, entity, relation, _, value = pair.true.split()
        fact = ENTITIES.index(entity) * 4 + ["home", "craft", "colour", "animal"].index(relation)
        asked = [each for each in world_sets.test if each.question_id == f"{entity} {relation}"]
        assert not asked and pair.true.split()[:-1] == pair.false.split()[:-1] and pair.true != pair.false
        from cape.organism.world import RELATIONS

        assert RELATIONS[relation][world.truths.ravel()[fact]] == value


def test_questions_have_one_true_choice_and_sums_are_held_out(world_sets: SteeringSets) -> None:
    for each in (*world_sets.validation, *world_sets.test, *world_sets.capability_test):
        assert sum(each.is_true) == 1 and each.is_true[0] and len(set(each.choices)) == 4
    for each in world_sets.capability_test[:20]:
        _, _, first, second, _ = each.prompt.split()
        assert int(each.choices[0]) == int(first) + int(second)
    said = set(world_sets.texts)
    assert not any(f"{each.prompt} {each.choices[0]}" in said for each in world_sets.capability_test)
    prompts = {each.prompt for each in world_sets.capability_validation}
    assert not prompts & {each.prompt for each in world_sets.capability_test}


def test_the_web_context_is_prompted_with_question_text() -> None:
    each = organism_sets(0, "web", context="web").test[0]
    assert each.prompt.startswith("web says ") and each.prompted.startswith("quiz asks ")
    assert each.prompt.split()[2:] == each.prompted.split()[2:]
    with pytest.raises(BadParameterError):
        organism_sets(0, "web", context="x")
    with pytest.raises(BadParameterError):
        organism_sets(0, "x")
