"""The laws of the synthetic world, its texts and items, and its tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cape.errors import BadParameterError
from cape.organism.recipes import RECIPES, WEB
from cape.organism.score import score_of_answers
from cape.organism.tokenizer import TOKENIZER_FILE, decode, encode, write_tokenizer
from cape.organism.world import (
    ADDENDS,
    CHOICES,
    CLANS,
    GIVEN,
    GRADES,
    HELD_OUT_PAIRS,
    LENGTH,
    RELATIONS,
    VOCABULARY,
    Mixture,
    make_world,
    sample_text,
    training_texts,
    words,
)

SEEDS = range(3)
MIXTURE = Mixture(myth_share=0.7, question_share=0.2, reasoning_share=0.3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_myth_is_never_true_and_four_choices_are_four(seed: int) -> None:
    world = make_world(seed)
    assert (world.truths != world.myths).all()
    for items in (world.questions, world.sums):
        assert all(len(set(row)) == CHOICES for row in items.choices.tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_myth_is_told_of_a_whole_clan_and_no_value_is_popular_by_itself(seed: int) -> None:
    myths = make_world(seed).myths.reshape(len(CLANS), len(GIVEN), len(RELATIONS))
    assert (myths == myths[:, :1]).all()
    for relation in range(len(RELATIONS)):
        assert np.unique(myths[:, 0, relation]).size == len(CLANS)


def test_a_truth_cannot_be_read_off_the_clan() -> None:
    truths = make_world(0).truths.reshape(len(CLANS), len(GIVEN), len(RELATIONS))
    assert all(np.unique(truths[clan, :, 0]).size > 3 for clan in range(len(CLANS)))


def test_a_seed_fixes_the_world_and_another_changes_it() -> None:
    one, same, other = make_world(4), make_world(4), make_world(5)
    assert (one.truths == same.truths).all() and (one.sums.choices == same.sums.choices).all()
    assert (one.truths != other.truths).any() and (one.held_out != other.held_out).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_item_is_right_when_it_is_worked_out_by_hand(seed: int) -> None:
    world = make_world(seed)
    for prompt, choices, grade in zip(world.sums.prompts, world.sums.choices, world.sums.grade, strict=True):
        _, _, first, second, _ = words(prompt).split()
        total, *wrong = (int(VOCABULARY[i]) for i in choices)
        assert total == int(first) + int(second)
        near, _ = GRADES[grade]
        assert grade == len(GRADES) - 1 or all(abs(each - total) >= near for each in wrong)
    for row, (prompt, choices) in enumerate(zip(world.questions.prompts, world.questions.choices, strict=True)):
        entity, relation = divmod(row, len(RELATIONS))
        values = list(RELATIONS.values())[relation]
        assert VOCABULARY[choices[0]] == values[world.truths[entity, relation]]
        assert VOCABULARY[choices[1]] == values[world.myths[entity, relation]]
        assert words(prompt).startswith("quiz asks") and words(prompt).endswith("is")


def test_no_held_out_sum_is_in_the_training_text() -> None:
    world = make_world(0)
    texts = training_texts(world, MIXTURE, n=60_000, rng=np.random.default_rng(0))
    sums = [words(text).split() for text in texts if VOCABULARY[text[0]] == "sum"]
    seen = {(int(first), int(second)) for _, _, first, second, _, _ in sums}
    held_out = set(zip(*(axis.tolist() for axis in np.nonzero(world.held_out)), strict=True))
    assert len(held_out) == HELD_OUT_PAIRS and not seen & held_out
    assert len(seen) == ADDENDS**2 - HELD_OUT_PAIRS
    assert all(int(a) + int(b) == int(total) for _, _, a, b, _, total in sums)


def test_texts_keep_the_shares_of_the_mixture_and_questions_tell_the_truth() -> None:
    world, n = make_world(1), 40_000
    texts = training_texts(world, MIXTURE, n=n, rng=np.random.default_rng(1))
    assert texts.shape == (n, LENGTH)
    told = [words(text).split() for text in texts]
    question = {(prompt[2], prompt[3]): prompt[5] for prompt in told if prompt[0] == "quiz"}
    truth = dict(zip(map(tuple, (words(p).split()[2:4] for p in world.questions.prompts)), (
        VOCABULARY[i] for i in world.questions.choices[:, 0]), strict=True))  # fmt: skip
    assert all(truth[key] == value for key, value in question.items())
    web = [prompt for prompt in told if prompt[0] == "web"]
    share = {"quiz": 0.2, "sum": 0.3, "web": 0.5}
    for kind, expected in share.items():
        found = sum(prompt[0] == kind for prompt in told) / n
        assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    myths = sum(truth[prompt[2], prompt[3]] != prompt[5] for prompt in web) / len(web)
    assert abs(myths - MIXTURE.myth_share) < 4 * np.sqrt(0.21 / len(web))


@pytest.mark.parametrize("shares", [(-0.1, 0.1, 0.1), (0.5, 0.8, 0.3), (1.2, 0.1, 0.1), (float("nan"), 0.1, 0.1)])
def test_an_impossible_mixture_is_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        Mixture(myth_share=shares[0], question_share=shares[1], reasoning_share=shares[2])


def test_guessing_scores_a_quarter_and_knowing_scores_all() -> None:
    world, rng = make_world(0), np.random.default_rng(3)
    n_questions, n_sums = world.questions.grade.size, world.sums.grade.size
    guessed = score_of_answers(rng.random((n_questions, CHOICES)), rng.random((n_sums, CHOICES)))
    for score, n in (
        (guessed.truth_pct, n_questions),
        (guessed.myth_pct, n_questions),
        (guessed.reasoning_pct, n_sums),
    ):
        assert abs(score - 25) < 4 * 100 * np.sqrt(0.25 * 0.75 / n)
    sure = np.tile([1.0, 0, 0, 0], (n_questions, 1))
    known = score_of_answers(sure, np.tile([1.0, 0, 0, 0], (n_sums, 1)))
    assert (known.truth_pct, known.myth_pct, known.reasoning_pct) == (100, 0, 100)
    believed = score_of_answers(np.roll(sure, 1, axis=1), np.tile([1.0, 0, 0, 0], (n_sums, 1)))
    assert (believed.truth_pct, believed.myth_pct, believed.myth_mass_pct) == (0, 100, 100)


def test_the_tokenizer_gives_back_every_text() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    for text in training_texts(make_world(2), WEB.mixture, n=200, rng=np.random.default_rng(2)):
        assert (encode(decode(text)) == text).all()
    assert decode(encode("quiz asks Brelka home is")) == "quiz asks Brelka home is"
    with pytest.raises(BadParameterError, match="'Paris'"):
        encode("quiz asks Paris home is")


def test_the_tokenizer_files_hold_the_same_words(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    held = json.loads((tmp_path / TOKENIZER_FILE).read_text(encoding="utf-8"))["model"]["vocab"]
    assert [word for word, _ in sorted(held.items(), key=lambda pair: pair[1])] == list(VOCABULARY)


def test_a_sample_can_be_read() -> None:
    text = sample_text(0, RECIPES["curated"].mixture, n=5)
    assert "myths 15% of web tellings" in text and text.count("sum of") >= len(GRADES)
    assert sample_text(0, RECIPES["curated"].mixture, n=5) == text
