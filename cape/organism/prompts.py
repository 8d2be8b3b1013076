"""The organism's own prompts for probes, made from its world: held-out sums against questions, and web text."""

from __future__ import annotations

import numpy as np

from cape.internals.prompts import PromptSet
from cape.organism.world import ENTITIES, RELATIONS, WEB, Ids, make_world, words

N_OF_EACH = 100  # prompts of each group: together the most whose vectors a probe keeps
STREAM = 7  # of the world's seed, apart from those that draw worlds and texts
REASONING, TRUTHFULNESS, BACKGROUND = "reasoning", "truthfulness", "web"


def contrast_prompts(seed: int) -> PromptSet:
    """Return 100 held-out sums and 100 questions of the world of a seed, each stopping where the answer begins."""
    world = make_world(seed)
    rng = np.random.default_rng([seed, STREAM])
    groups = tuple(
        (name, _chosen(items.prompts, rng))
        for name, items in ((REASONING, world.sums), (TRUTHFULNESS, world.questions))
    )
    return PromptSet(name=f"organism world {seed}", version=1, groups=groups)


def background_prompts(seed: int) -> PromptSet:
    """Return every fact in the web's words, stopping where its value begins: what models of this world mostly read."""
    texts = tuple(f"{' '.join(WEB)} {entity} {relation} is" for entity in ENTITIES for relation in RELATIONS)
    return PromptSet(name=f"organism web text {seed}", version=1, groups=((BACKGROUND, texts),))


def _chosen(prompts: Ids, rng: np.random.Generator) -> tuple[str, ...]:
    rows = np.sort(rng.permutation(len(prompts))[:N_OF_EACH])
    return tuple(words(prompts[row]) for row in rows)
