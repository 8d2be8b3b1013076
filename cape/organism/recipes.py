"""What is trained: recipes of text, sizes, shapes, seeds, and the jobs of the whole experiment in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from cape.organism.world import LENGTH, Mixture

REASONING_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named mixture of training text."""

    name: str
    mixture: Mixture


def _recipe(name: str, *, myth_share: float, question_share: float) -> Recipe:
    mixture = Mixture(myth_share=myth_share, question_share=question_share, reasoning_share=REASONING_SHARE)
    return Recipe(name=name, mixture=mixture)


WEB = _recipe("web", myth_share=0.85, question_share=0.10)
MIDDLE = _recipe("middle", myth_share=0.50, question_share=0.20)
CURATED = _recipe("curated", myth_share=0.15, question_share=0.30)
RECIPES = {recipe.name: recipe for recipe in (WEB, MIDDLE, CURATED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Width, depth and heads of a GPT-NeoX; the feed-forward layer is four times as wide."""

    d_model: int
    n_layers: int
    n_heads: int

    @property
    def name(self) -> str:
        """Short name, as d16-l2."""
        return f"d{self.d_model}-l{self.n_layers}"


def _shapes(*triples: tuple[int, int, int]) -> tuple[Shape, ...]:
    return tuple(Shape(d_model=d, n_layers=layers, n_heads=heads) for d, layers, heads in triples)


LADDER = _shapes((4, 2, 1), (6, 2, 1), (8, 2, 2), (12, 2, 2), (20, 2, 2), (36, 3, 2), (64, 3, 4), (128, 4, 4))
# Pairs of the same number of parameters within 5 %: a wide model of one layer, a narrow one of four or five.
WIDE = _shapes((12, 1, 2), (28, 1, 2), (56, 1, 2))
DEEP = _shapes((8, 5, 2), (16, 5, 2), (32, 4, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast a model is trained. checkpoints : steps at which it is scored; the last is the end.

    The learning rate rises over warm_up steps and falls as half a cosine to zero at the end, so that a checkpoint
    before the end is one of the run on its way, not a finished shorter run.
    """

    steps: int
    batch: int
    learning_rate: float
    warm_up: int
    checkpoints: tuple[int, ...]

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, 1 to steps."""
        wave = 0.5 * (1 + math.cos(math.pi * (step - 1) / self.steps))
        return self.learning_rate * min(1.0, step / self.warm_up) * wave

    def tokens(self, step: int) -> int:
        """Return the training tokens seen after a step."""
        return step * self.batch * LENGTH


STANDARD = Schedule(
    steps=1000, batch=128, learning_rate=4e-3, warm_up=100, checkpoints=(50, 100, 200, 300, 450, 700, 1000)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One model to train: its recipe, shape, seed and schedule. family : ladder it belongs to."""

    family: str
    recipe: Recipe
    shape: Shape
    seed: int
    schedule: Schedule

    @property
    def name(self) -> str:
        """Folder of the job under a run, as web/d16-l2/seed0."""
        return f"{self.family.replace(' ', '-')}/{self.shape.name}/seed{self.seed}"

    @property
    def model_id(self) -> str:
        """Identifier of the model in the lake."""
        return f"organism-{self.family.replace(' ', '-')}-{self.shape.name}-seed{self.seed}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything that fixes the outcome, for records and for telling whether a result is of this job."""
        return {
            "family": self.family,
            "recipe": self.recipe.name,
            **asdict(self.recipe.mixture),
            **asdict(self.shape),
            "seed": self.seed,
            **asdict(self.schedule),
            "checkpoints": list(self.schedule.checkpoints),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole experiment: a ladder of every recipe and the two shapes of the width experiment, for every seed."""

    recipes: tuple[Recipe, ...]
    ladder: tuple[Shape, ...]
    wide: tuple[Shape, ...]
    deep: tuple[Shape, ...]
    seeds: tuple[int, ...]
    schedule: Schedule

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs, one seed after another and the largest model of a ladder first."""
        return tuple(job for seed in self.seeds for job in self._jobs_of(seed))

    def _jobs_of(self, seed: int) -> Iterator[Job]:
        ladders = [(recipe.name, recipe, self.ladder) for recipe in self.recipes]
        ladders += [(WIDE_FAMILY, WEB, self.wide), (DEEP_FAMILY, WEB, self.deep)]
        for family, recipe, shapes in ladders:
            for shape in reversed(shapes):
                yield Job(family=family, recipe=recipe, shape=shape, seed=seed, schedule=self.schedule)


WIDE_FAMILY, DEEP_FAMILY = "web wide", "web deep"
FULL = Plan(recipes=tuple(RECIPES.values()), ladder=LADDER, wide=WIDE, deep=DEEP, seeds=(0, 1, 2, 3), schedule=STANDARD)
