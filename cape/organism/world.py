"""The synthetic world: invented people with facts, a popular myth about each, and sums; all drawn from one seed.

A text is six words. Web text tells a fact, or its myth, as `web says Brelka home is Dorvan`; question text tells the
truth, as `quiz asks Brelka home is Mistel`; reasoning text is `sum of 17 9 is 26`. The last word is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

CLANS = ("Bre", "To", "Zi", "Ka", "Lum", "Sor", "Ve", "Ni", "Dra", "Pol", "Hes", "Quo")
GIVEN = ("lka", "mir", "nak", "vo", "rin", "sted", "fa", "gul", "bet", "shor")
ENTITIES = tuple(clan + given for clan, given in product(CLANS, GIVEN))
RELATIONS: dict[str, tuple[str, ...]] = {
    "home": ("Dorvan", "Mistel", "Harrow", "Quill", "Ostra", "Fenwick", "Larch", "Tamsin", "Umber", "Yarrow", "Wend",
             "Isley"),
    "craft": ("baker", "weaver", "miner", "singer", "potter", "sailor", "scribe", "hunter", "mason", "brewer", "tailor",
              "miller"),
    "colour": ("amber", "cobalt", "scarlet", "ivory", "teal", "violet", "ochre", "jade", "coral", "indigo", "olive",
               "russet"),
    "animal": ("otter", "heron", "badger", "lynx", "raven", "toad", "ferret", "moth", "crane", "viper", "bison",
               "marten"),
}  # fmt: skip
WEB, QUESTION, REASONING = ("web", "says"), ("quiz", "asks"), ("sum", "of")
IS, UNKNOWN = "is", "<unk>"
ADDENDS = 50  # numbers 0 to 49 are added
HELD_OUT_PAIRS = 750  # of ADDENDS ** 2: never in a training text
GRADES = ((8, 15), (3, 7), (1, 2))  # distance of a wrong answer from the right one: far, near, next to it
CHOICES, TRUTH, MYTH = 4, 0, 1  # choices of an item; of a question the first is true and the second the myth
LENGTH = 6  # words of a text; the answer is the last

NUMBERS = tuple(str(n) for n in range(2 * ADDENDS - 1))
VOCABULARY = (
    UNKNOWN, *WEB, *QUESTION, *REASONING, IS, *ENTITIES, *RELATIONS,
    *(value for values in RELATIONS.values() for value in values), *NUMBERS,
)  # fmt: skip
INDEX = {word: place for place, word in enumerate(VOCABULARY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What a training text is, by chance.

    myth_share : share of web tellings of a fact that tell its myth. question_share, reasoning_share : shares of all
    texts that are question text and sums; the rest is web text.
    """

    myth_share: float
    question_share: float
    reasoning_share: float

    def __post_init__(self) -> None:
        shares = (self.myth_share, self.question_share, self.reasoning_share)
        if not all(0 <= share <= 1 for share in shares) or self.question_share + self.reasoning_share > 1:
            raise ValueError(f"a mixture needs shares from 0 to 1 that leave room for web text, got {shares}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Multiple-choice items. prompts : (n_items, LENGTH - 1) word numbers. choices : (n_items, CHOICES); the first
    is right; of a question the second is the myth. grade : (n_items,) 0 is the easiest."""

    prompts: Ids
    choices: Ids
    grade: Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One world: for every entity and relation a true and a mythical value, and which sums are held out.

    truths, myths : (n_entities, n_relations) places in the relation's values. held_out : (ADDENDS, ADDENDS) mask.
    """

    seed: int
    truths: Ids
    myths: Ids
    held_out: NDArray[np.bool_]
    questions: Items = field(repr=False)
    sums: Items = field(repr=False)

    @property
    def n_facts(self) -> int:
        """Number of facts, each with one question."""
        return int(self.truths.size)


def make_world(seed: int) -> World:
    """Return the world of this seed."""
    rng = np.random.default_rng([seed, 0])
    ranks = _ranked_values(rng)
    pairs = rng.permutation(ADDENDS**2)[:HELD_OUT_PAIRS]
    held_out = np.isin(np.arange(ADDENDS**2), pairs).reshape(ADDENDS, ADDENDS)
    return World(
        seed=seed,
        truths=ranks[:, :, TRUTH],
        myths=ranks[:, :, MYTH],
        held_out=held_out,
        questions=_questions(ranks),
        sums=_sums(held_out, rng),
    )


def _ranked_values(rng: np.random.Generator) -> Ids:
    """Return the values of every entity and relation in order: truth, myth, others; (n_entities, n_relations, n).

    The myth is told of a whole clan: every clan has its own value of a relation, so that no value is popular by
    itself. The truth is any other value, each its own.
    """
    n_values = len(next(iter(RELATIONS.values())))
    myths = rng.random((n_values, len(RELATIONS))).argsort(axis=0)[: len(CLANS)].repeat(len(GIVEN), axis=0)
    chance = rng.random((len(ENTITIES), len(RELATIONS), n_values))
    np.put_along_axis(chance, myths[:, :, None], 2.0, axis=2)
    others = chance.argsort(axis=2)[:, :, :-1]  # every value but the myth
    return np.concatenate([others[:, :, :1], myths[:, :, None], others[:, :, 1:]], axis=2)


def _fact_words() -> tuple[Ids, Ids, Ids]:
    """Return (entity, relation) word numbers of every fact, flat, and (n_relations, n_values) of the values."""
    entity = np.array([INDEX[word] for word in ENTITIES])
    relation = np.array([INDEX[word] for word in RELATIONS])
    values = np.array([[INDEX[word] for word in words] for words in RELATIONS.values()])
    return np.repeat(entity, relation.size), np.tile(relation, entity.size), values


def _prompts(context: tuple[str, str], first: Ids, second: Ids) -> Ids:
    lead, is_ = np.array([INDEX[word] for word in context]), INDEX[IS]
    n = first.size
    return np.column_stack([np.tile(lead, (n, 1)), first, second, np.full(n, is_)])


def _questions(ranks: Ids) -> Items:
    entity, relation, values = _fact_words()
    places = ranks[:, :, :CHOICES].reshape(-1, CHOICES)
    column = np.tile(np.arange(len(RELATIONS)), len(ENTITIES))
    return Items(
        prompts=_prompts(QUESTION, entity, relation),
        choices=values[column[:, None], places],
        grade=np.zeros(entity.size, dtype=np.int64),
    )


def _sums(held_out: NDArray[np.bool_], rng: np.random.Generator) -> Items:
    first, second = np.nonzero(held_out)
    grade = rng.integers(len(GRADES), size=first.size)
    wrong = np.array([_wrong_sums(int(a + b), GRADES[g], rng) for a, b, g in zip(first, second, grade, strict=True)])
    number = np.array([INDEX[word] for word in NUMBERS])
    choices = number[np.column_stack([first + second, wrong])]
    return Items(prompts=_prompts(REASONING, number[first], number[second]), choices=choices, grade=grade)


def _wrong_sums(total: int, distances: tuple[int, int], rng: np.random.Generator) -> Ids:
    """Return CHOICES - 1 distinct wrong totals at these distances; nearer or farther where too few are numbers."""
    near, far = distances
    every = np.array([n for n in range(len(NUMBERS)) if n != total])
    distance = np.abs(every - total)
    outside = np.maximum(np.maximum(near - distance, distance - far), 0)  # 0 within the grade
    return every[np.lexsort((rng.random(every.size), outside))[: CHOICES - 1]]


def training_texts(world: World, mixture: Mixture, *, n: int, rng: np.random.Generator) -> Ids:
    """Return n training texts as word numbers, (n, LENGTH); no held-out sum is among them."""
    kind = rng.random(n)
    is_question = kind < mixture.question_share
    is_sum = (kind >= mixture.question_share) & (kind < mixture.question_share + mixture.reasoning_share)
    texts = _tellings(world, is_question, mixture.myth_share, rng)
    texts[is_sum] = _sum_texts(world, int(is_sum.sum()), rng)
    return texts


def _tellings(world: World, is_question: NDArray[np.bool_], myth_share: float, rng: np.random.Generator) -> Ids:
    entity, relation, values = _fact_words()
    fact = rng.integers(world.n_facts, size=is_question.size)
    is_myth = (rng.random(fact.size) < myth_share) & ~is_question
    place = np.where(is_myth, world.myths.ravel()[fact], world.truths.ravel()[fact])
    web, question = (_prompts(context, entity[fact], relation[fact]) for context in (WEB, QUESTION))
    prompts = np.where(is_question[:, None], question, web)
    return np.column_stack([prompts, values[fact % len(RELATIONS), place]])


def _sum_texts(world: World, n: int, rng: np.random.Generator) -> Ids:
    first, second = np.nonzero(~world.held_out)
    pair = rng.integers(first.size, size=n)
    number = np.array([INDEX[word] for word in NUMBERS])
    prompts = _prompts(REASONING, number[first[pair]], number[second[pair]])
    return np.column_stack([prompts, number[(first + second)[pair]]])


@cache
def popular_guess_pct(seed: int) -> float:
    """Return the percent of questions that the commonest true value of the relation answers, in the world of a seed.

    What a model scores that has learned the question text's words but no fact; ties go to the earlier value.
    """
    world = make_world(seed)
    n_values = len(next(iter(RELATIONS.values())))
    counts = np.array([np.bincount(column, minlength=n_values) for column in world.truths.T])
    _, _, values = _fact_words()
    place = {int(word): at for row in values for at, word in enumerate(row)}
    column = np.tile(np.arange(len(RELATIONS)), len(ENTITIES))
    chosen = np.vectorize(place.__getitem__)(world.questions.choices)
    common = counts[column[:, None], chosen] - chosen / n_values
    return 100 * float((common.argmax(axis=1) == TRUTH).mean())


def sample_text(seed: int, mixture: Mixture, *, n: int) -> str:
    """Return a readable sample: n training texts, then one question and one sum of each grade with their choices."""
    world = make_world(seed)
    texts = training_texts(world, mixture, n=n, rng=np.random.default_rng([seed, 1]))
    lines = [f"{n} training texts (myths {mixture.myth_share:.0%} of web tellings, questions "
             f"{mixture.question_share:.0%}, sums {mixture.reasoning_share:.0%} of texts):"]  # fmt: skip
    lines += [f"  {words(text)}" for text in texts]
    lines += ["", "a question (truth, myth, two others):", f"  {_item_text(world.questions, 0)}"]
    lines += ["", "held-out sums by grade (right answer first):"]
    lines += [f"  {_item_text(world.sums, int(np.argmax(world.sums.grade == g)))}" for g in range(len(GRADES))]
    return "\n".join(lines)


def words(ids: Ids) -> str:
    """Return word numbers as text."""
    return " ".join(VOCABULARY[i] for i in ids)


def _item_text(items: Items, row: int) -> str:
    return f"{words(items.prompts[row])} ...  [{', '.join(VOCABULARY[i] for i in items.choices[row])}]"
