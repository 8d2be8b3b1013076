"""A language model made by hand, in which truth is one known direction, or no direction at all.

Its layers add nothing, so that the hidden state is the embedding of the last word. Words of the alphabet: a-h end
questions, i-l are true answers, m-p false ones, u and v end control questions answered by y and z.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from cape.internals.models import LoadedModel, adapt
from cape.internals.steering_sets import Pair, Question, SteeringSets
from tests.internals.tiny import VOCABULARY, tiny_model, word_tokenizer

ASKING, TRUE, FALSE, ENDING = "abcdefgh", "ijkl", "mnop", "uv"
D_MODEL = 32


def planted_model(*, is_null: bool = False) -> tuple[LoadedModel, np.ndarray]:
    """Return the model and its (D_MODEL,) unit direction of truth.

    True words are embedded along it and false ones against it. Unless is_null, the same direction raises the logits
    of true answers and lowers those of false ones; questions lean to the false side.
    """
    import torch

    rng = np.random.default_rng(5)
    basis = np.linalg.qr(np.column_stack([np.ones(D_MODEL), rng.standard_normal((D_MODEL, 3))]))[0]
    truth, control = basis[:, 1], basis[:, 2]  # without a mean, which the norm before the unembedding takes away
    model = tiny_model("gpt_neox", num_hidden_layers=2)
    embedding = 0.3 * rng.standard_normal((len(VOCABULARY), D_MODEL))
    unembedding = 0.3 * rng.standard_normal((len(VOCABULARY), D_MODEL))
    for words, side in ((TRUE, 1.0), (FALSE, -1.0)):
        for word in words:
            embedding[VOCABULARY.index(word)] += 2.0 * side * truth
            unembedding[VOCABULARY.index(word)] += 0.0 if is_null else 0.6 * side * truth
    for place, word in enumerate(ASKING):
        embedding[VOCABULARY.index(word)] -= (0.1 + 0.05 * place) * truth
    for word, answer, side in zip(ENDING, "yz", (1.0, -1.0), strict=True):
        embedding[VOCABULARY.index(word)] += 2.0 * side * control
        unembedding[VOCABULARY.index(answer)] += 1.0 * side * control
    with torch.no_grad():
        for layer in model.gpt_neox.layers:
            for module in (layer.attention.dense, layer.mlp.dense_4h_to_h):
                module.weight.zero_()
                module.bias.zero_()
        model.gpt_neox.final_layer_norm.weight.fill_(1.0)
        model.gpt_neox.final_layer_norm.bias.zero_()
        model.gpt_neox.embed_in.weight.copy_(torch.from_numpy(embedding))
        model.get_output_embeddings().weight.copy_(torch.from_numpy(unembedding))
    name = "null" if is_null else "planted"
    return adapt(model, word_tokenizer(pad="<unk>"), model_id=name, revision="1"), truth


def planted_sets() -> SteeringSets:
    """Return sets in the words of the model."""
    rng = np.random.default_rng(6)
    asked = [
        Question(
            question_id=f"{end}{true}{false}", topic=f"asks {end}", prompt=f"{true} {false} {end}",
            choices=(true, false), is_true=(True, False),
        )
        for end, true, false in product(ASKING, TRUE, FALSE)
    ]  # fmt: skip
    order = rng.permutation(len(asked))
    control = [
        Question(
            question_id=f"control {first}{end}", topic="control", prompt=f"{first} {end}",
            choices=("y", "z") if end == "u" else ("z", "y"), is_true=(True, False),
        )
        for first, end in product("abcdefghijklmnop", ENDING)
    ]  # fmt: skip
    words = [word for word in VOCABULARY if len(word) == 1]
    return SteeringSets(
        name="planted",
        instruction="t",
        pairs=tuple(
            Pair(topic="told", true=f"s {a}", false=f"s {b}") for a, b in zip(TRUE * 2, FALSE * 2, strict=True)
        ),
        validation=tuple(asked[place] for place in order[:40]),
        test=tuple(asked[place] for place in order[40:]),
        capability_validation=tuple(control[::2]),
        capability_test=tuple(control[1::2]),
        texts=tuple(" ".join(rng.choice(words, size=8)) for _ in range(20)),
        prompts=tuple(asked[place] for place in order[40:44]),
        new_tokens=6,
    )


def scores_of(card: Any, name: str, metric: str, against: str) -> Any:
    """Return the effect of an arm of a scorecard."""
    return next(e for e in card.effects if (e.arm, e.metric, e.against) == (name, metric, against))
