"""Steering sets of a synthetic world: statements of some clans, questions of others, sums as the control ability.

A clan shares its myth, so whole clans are dealt out: no entity, and no myth told of it, is in two of calibration,
validation and test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cape.errors import BadParameterError
from cape.internals.steering_sets import Pair, Question, SteeringSets
from cape.organism.recipes import RECIPES
from cape.organism.world import (
    CHOICES,
    CLANS,
    ENTITIES,
    GIVEN,
    QUESTION,
    RELATIONS,
    TRUTH,
    VOCABULARY,
    WEB,
    Ids,
    Items,
    World,
    make_world,
    training_texts,
    words,
)

CALIBRATION_CLANS, VALIDATION_CLANS = 4, 3  # of 12; the others are the test
CONTEXTS = {"quiz": QUESTION, "web": WEB}  # the words a question begins with
N_VALIDATION_SUMS, N_TEST_SUMS, N_TEXTS, N_PROMPTS = 150, 300, 300, 24
DEAL, TEXTS, SUMS = 11, 12, 13  # streams of the seed
SUM_TOPIC = "sums"


def organism_sets(world_seed: int, recipe: str, *, context: str = "quiz") -> SteeringSets:
    """Return the steering sets of a world.

    recipe : of the training text that held-out texts are drawn like. context : "quiz" asks as question text does,
    with one question and its true answer before it in the prompt-only arm; "web" asks as web text does, and the
    prompt-only arm asks as question text does. Raises BadParameterError for other names.
    """
    if recipe not in RECIPES or context not in CONTEXTS:
        raise BadParameterError(
            f"There are no sets for recipe {recipe!r} and context {context!r}. Recipes: {', '.join(RECIPES)}. "
            f"Contexts: {', '.join(CONTEXTS)}."
        )
    world = make_world(world_seed)
    clans = np.random.default_rng([world_seed, DEAL]).permutation(len(CLANS))
    calibration = clans[:CALIBRATION_CLANS]
    validation = clans[CALIBRATION_CLANS : CALIBRATION_CLANS + VALIDATION_CLANS]
    test = clans[CALIBRATION_CLANS + VALIDATION_CLANS :]
    instruction = _telling(world, _facts(calibration)[0], QUESTION, world.truths)
    rows = np.random.default_rng([world_seed, SUMS]).permutation(len(world.sums.prompts))
    sums = [_sum(world.sums, int(row)) for row in rows[: N_VALIDATION_SUMS + N_TEST_SUMS]]
    asked = tuple(_question(world, fact, context) for fact in _facts(test))
    return SteeringSets(
        name=f"organism world {world_seed}, {context} text",
        instruction=instruction,
        pairs=tuple(pair for fact in _facts(calibration) for pair in _pairs(world, fact)),
        validation=tuple(_question(world, fact, context) for fact in _facts(validation)),
        test=asked,
        capability_validation=tuple(sums[:N_VALIDATION_SUMS]),
        capability_test=tuple(sums[N_VALIDATION_SUMS:]),
        texts=_texts(world, recipe),
        prompts=asked[:: max(1, len(asked) // N_PROMPTS)][:N_PROMPTS],
        new_tokens=1,
    )


def _facts(clans: Sequence[int] | Ids) -> list[int]:
    """Return the numbers of the facts of every entity of these clans, in order."""
    n = len(RELATIONS)
    entities = [
        clan * len(GIVEN) + given for clan in sorted(int(clan) for clan in clans) for given in range(len(GIVEN))
    ]
    return [entity * n + relation for entity in entities for relation in range(n)]


def _telling(world: World, fact: int, context: tuple[str, str], places: Ids) -> str:
    """Return a fact as its truth or its myth tells it. places : world.truths or world.myths."""
    relation = list(RELATIONS)[fact % len(RELATIONS)]
    value = RELATIONS[relation][int(places.ravel()[fact])]
    return " ".join((*context, ENTITIES[fact // len(RELATIONS)], relation, "is", value))


def _pairs(world: World, fact: int) -> list[Pair]:
    """Return truth against myth of a fact in the words of question text and of web text, so that neither tells."""
    return [
        Pair(
            topic=_topic(fact),
            true=_telling(world, fact, context, world.truths),
            false=_telling(world, fact, context, world.myths),
        )
        for context in CONTEXTS.values()
    ]


def _question(world: World, fact: int, context: str) -> Question:
    items = world.questions
    quiz, web = words(items.prompts[fact]), " ".join((*WEB, *words(items.prompts[fact]).split()[len(QUESTION) :]))
    return Question(
        question_id=f"{ENTITIES[fact // len(RELATIONS)]} {list(RELATIONS)[fact % len(RELATIONS)]}",
        topic=_topic(fact),
        prompt=quiz if context == "quiz" else web,
        choices=tuple(VOCABULARY[i] for i in items.choices[fact]),
        is_true=tuple(place == TRUTH for place in range(CHOICES)),
        prompted="" if context == "quiz" else quiz,
    )


def _sum(items: Items, row: int) -> Question:
    return Question(
        question_id=f"sum {row}",
        topic=SUM_TOPIC,
        prompt=words(items.prompts[row]),
        choices=tuple(VOCABULARY[i] for i in items.choices[row]),
        is_true=tuple(place == TRUTH for place in range(CHOICES)),
    )


def _topic(fact: int) -> str:
    return CLANS[fact // len(RELATIONS) // len(GIVEN)]


def _texts(world: World, recipe: str) -> tuple[str, ...]:
    rng = np.random.default_rng([world.seed, TEXTS])
    return tuple(words(text) for text in training_texts(world, RECIPES[recipe].mixture, n=N_TEXTS, rng=rng))
