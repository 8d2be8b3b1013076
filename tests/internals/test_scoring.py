"""Multiple choice with a shared prompt, text written word by word, and damage: each equal to the plain way."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from cape.errors import BadParameterError, StoppedError
from cape.internals.damage import HeldOutTexts
from cape.internals.generation import Sampling, Turns, whole_text, write
from cape.internals.hidden_states import continuation
from cape.internals.models import adapt
from cape.internals.scoring import Item, answers, choice_by_choice, items_of, score_choices
from cape.internals.steering import SCHEDULES, Term
from cape.internals.steering_sets import Question
from tests.conftest import require
from tests.internals.test_steering import direction, loaded
from tests.internals.tiny import ARCHITECTURES, VOCABULARY, tiny_model, word_tokenizer

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
for package in ("torch", "transformers", "safetensors"):
    require(package)


def some_items(*, seed: int = 0, n: int = 4) -> list[Item]:
    rng = np.random.default_rng(seed)

    def words(length: int) -> tuple[int, ...]:
        return tuple(int(i) for i in rng.integers(2, len(VOCABULARY), size=length))

    return [
        Item(prompt=words(int(rng.integers(3, 6))), choices=tuple(words(int(rng.integers(1, 7))) for _ in range(k)))
        for k in rng.integers(2, 5, size=n)
    ]


def worst(first: list[Any], second: list[Any]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_shared_prompt_gives_what_choice_by_choice_gives(name: str) -> None:
    model, items = loaded(name), some_items()
    assert worst(score_choices(model, items), choice_by_choice(model, items)) < 1e-4


@pytest.mark.parametrize("name", ["gpt_neox", "bloom"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_steering_acts_on_the_same_positions_either_way(name: str, schedule: str) -> None:
    model, items = loaded(name), some_items(n=3)
    plain = choice_by_choice(model, items)
    with direction(model).apply(model, 4.0, schedule=SCHEDULES[schedule]) as session:
        shared = score_choices(model, items, session=session)
        single = choice_by_choice(model, items, session=session)
    assert worst(shared, single) < 1e-4
    assert worst(plain, single) > 1e-2


def test_a_long_prompt_and_many_choices_are_scored_alike() -> None:
    torch = require("torch")
    model = adapt(
        tiny_model("gpt_neox", max_position_embeddings=256), word_tokenizer(pad="<unk>"), model_id="long", revision=""
    )
    rng = np.random.default_rng(1)
    prompt = tuple(int(i) for i in rng.integers(2, 28, size=200))
    items = [Item(prompt=prompt, choices=tuple(tuple(int(i) for i in rng.integers(2, 28, size=5)) for _ in range(9)))]
    shared = score_choices(model, items)
    assert worst(shared, choice_by_choice(model, items)) < 1e-4
    with torch.no_grad():
        logits = model.model(torch.tensor([[*prompt, *items[0].choices[0]]])).logits[0, -6:-1].double()
    by_hand = logits.log_softmax(-1)[torch.arange(5), torch.tensor(items[0].choices[0])].sum()
    assert shared[0][0] == pytest.approx(float(by_hand), abs=1e-4)


QUESTION = Question(
    question_id="q", topic="t", prompt="a b c", choices=("d e", "f", "g h i"), is_true=(True, True, False)
)


def test_questions_become_items_and_answers() -> None:
    model = loaded()
    items = items_of(model, [QUESTION])
    assert items[0].prompt == (2, 3, 4) and items[0].choices == ((5, 6), (7,), (8, 9, 10))
    assert items_of(model, [QUESTION], instruction="z")[0].prompt == (27, 2, 3, 4)
    found = answers([QUESTION], [np.log([0.2, 0.3, 0.1])])
    assert (found.mc1[0], found.chosen[0], found.right[0]) == (1.0, 1, True)
    assert found.mc2[0] == pytest.approx(5 / 6)
    long = Question(question_id="l", topic="t", prompt="a " * 63, choices=("b c", "d"), is_true=(True, False))
    with pytest.raises(BadParameterError, match="takes 64"):
        items_of(model, [long])


def test_a_choice_is_encoded_as_it_follows_the_prompt() -> None:
    assert continuation(loaded(), "a b", "c d") == ([2, 3], [4, 5])


def test_scoring_can_be_stopped_between_batches() -> None:
    def stop() -> None:
        raise StoppedError("stop")

    with pytest.raises(StoppedError):
        score_choices(loaded(), some_items(), check=stop)


@pytest.mark.parametrize("name", ["gpt_neox", "gpt2", "bloom", "mistral"])
def test_greedy_text_is_what_transformers_writes(name: str) -> None:
    torch, model = require("torch"), loaded(name)
    ids = torch.tensor([[2, 3, 4]])
    wanted = model.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0
    )[0, 3:].tolist()
    text, words = whole_text(write(model, "a b c", new_words=12))
    assert words == [word for word in wanted if word != 1]
    assert text.split() == [VOCABULARY[word] for word in words]


def test_steered_text_is_what_transformers_writes_under_the_same_hook() -> None:
    torch, model = require("torch"), loaded()
    ids = torch.tensor([[2, 3, 4]])
    term = Term(vector=direction(model), strength=6.0)
    with term.vector.apply(model, 6.0):
        wanted = model.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, pad_token_id=0
        )[0, 3:].tolist()
    _, words = whole_text(write(model, "a b c", new_words=8, terms=[term]))
    assert words == [word for word in wanted if word != 1]
    assert words != whole_text(write(model, "a b c", new_words=8))[1]


def test_drawn_text_repeats_with_its_seed_only() -> None:
    model = loaded()
    texts = [whole_text(write(model, "a b c", new_words=20, sampling=Sampling(temperature=2.0, seed=s)))[1]
             for s in (1, 1, 2)]  # fmt: skip
    assert texts[0] == texts[1] != texts[2]


def test_text_stops_when_it_is_cancelled_and_at_the_longest_the_model_takes() -> None:
    model, cancel = loaded(), threading.Event()
    seen = []
    for piece in write(model, "a b c", new_words=50, sampling=Sampling(temperature=5.0), cancel=cancel):
        seen.append(piece)
        cancel.set()
    assert len(seen) == 1
    assert len(whole_text(write(loaded("llama"), "a " * 60, new_words=50))[1]) <= 4
    for prompt, n in (("a " * 64, 5), ("a", 0), ("a", 10_000)):
        with pytest.raises(BadParameterError):
            next(write(model, prompt, new_words=n))


def test_damage_is_cross_entropy_and_kl_by_hand() -> None:
    torch, model = require("torch"), loaded()
    texts = ["a b c d e f", "g h i", "k", "x y z a b c d e"]
    held = HeldOutTexts.of(model, texts)
    vector = direction(model)
    found = held.damage(lambda: vector.apply(model, 3.0))
    losses, kls = [], []
    for text in texts:
        ids = torch.tensor([[VOCABULARY.index(word) for word in text.split()]])
        with torch.no_grad():
            base = model.model(ids).logits[0, :-1].double().log_softmax(-1)
            with vector.apply(model, 3.0):
                mine = model.model(ids).logits[0, :-1].double().log_softmax(-1)
        losses += torch.nn.functional.nll_loss(mine, ids[0, 1:], reduction="none").tolist()
        kls += torch.nn.functional.kl_div(base, mine, log_target=True, reduction="none").sum(-1).tolist()
    assert (found.n_tokens, len(losses)) == (14, 14)
    assert found.cross_entropy == pytest.approx(np.mean(losses), rel=1e-5)
    assert found.kl == pytest.approx(np.mean(kls), rel=1e-4) and found.kl > 0
    assert held.damage().kl == 0.0
    assert held.damage(lambda: vector.apply(model, 0.0)).kl == 0.0
    assert held.damage(prefix="z z").kl > 0
    with pytest.raises(BadParameterError):
        HeldOutTexts.of(model, ["a"])


def test_one_at_a_time_in_order_of_arrival() -> None:
    turns, order, waits = Turns(), list[str](), list[int]()
    go = threading.Event()

    def take(name: str) -> None:
        with turns.turn(on_wait=waits.append if name == "third" else None):
            order.append(name)
            go.wait(5)

    threads = []
    for name in ("first", "second", "third"):
        threads.append(threading.Thread(target=take, args=(name,)))
        threads[-1].start()
        while turns.n_waiting < len(threads):
            time.sleep(0.001)
    time.sleep(0.1)
    assert order == ["first"] and waits[0] == 2
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(StoppedError), turns.turn(cancel=cancel):
        pass
    go.set()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second", "third"] and turns.n_waiting == 0


def test_a_turn_is_given_back_after_a_failure() -> None:
    turns = Turns()
    with pytest.raises(ValueError), turns.turn():
        raise ValueError
    with turns.turn():
        assert turns.n_waiting == 1
