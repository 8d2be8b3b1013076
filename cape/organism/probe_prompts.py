"""Prompts in the words of a world, for probes of its models: sums against questions, and what else it is told."""

from __future__ import annotations

import numpy as np

from cape.internals.prompts import PromptSet
from cape.organism.world import WEB, Ids, World, words

N_CONTRAST = 16  # prompts of each group, as in the set for real models
N_BACKGROUND = (34, 33, 33)  # tellings, questions and sums that are in neither group
STREAM = 7  # of the world's seed


def contrast_set(world: World) -> PromptSet:
    """Return 16 held-out sums and 16 questions of a world, each without its answer."""
    sums, questions = _shuffled(world)
    return PromptSet(
        name=f"organism-{world.seed}",
        version=1,
        groups=(
            ("reasoning", _texts(sums[:N_CONTRAST])),
            ("truthfulness", _texts(questions[:N_CONTRAST])),
        ),
    )


def background_set(world: World) -> PromptSet:
    """Return 100 prompts of a world: web tellings of facts, questions and sums, none of them in the contrast."""
    sums, questions = _shuffled(world)
    n_web, n_questions, n_sums = N_BACKGROUND
    telling = questions[N_CONTRAST : N_CONTRAST + n_web]
    asked = questions[N_CONTRAST + n_web : N_CONTRAST + n_web + n_questions]
    lead = " ".join(WEB)
    return PromptSet(
        name=f"organism-{world.seed}-background",
        version=1,
        groups=(
            ("web", tuple(f"{lead} {' '.join(text.split()[len(WEB) :])}" for text in _texts(telling))),
            ("questions", _texts(asked)),
            ("sums", _texts(sums[N_CONTRAST : N_CONTRAST + n_sums])),
        ),
    )


def _shuffled(world: World) -> tuple[Ids, Ids]:
    """Return the prompts of sums and of questions, each in an order drawn from the world's seed."""
    rng = np.random.default_rng([world.seed, STREAM])
    return rng.permutation(world.sums.prompts), rng.permutation(world.questions.prompts)


def _texts(prompts: Ids) -> tuple[str, ...]:
    return tuple(words(prompt) for prompt in prompts)
