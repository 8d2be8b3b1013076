"""The algebra of steering, on tiny models of every architecture: what is added, where, and how it is taken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cape.errors import BadParameterError, SteeringVectorError
from cape.internals.architecture import first_tensor
from cape.internals.directions import (
    SteeringVector,
    default_layer,
    random_vector,
    shuffled_labels,
    split_half_cosine,
    statement_states,
)
from cape.internals.hidden_states import last_states
from cape.internals.models import LoadedModel, adapt
from cape.internals.steering import SCHEDULES, Schedule, Term, paper_strength, steer
from cape.internals.steering_sets import Pair, pairs_hash
from tests.conftest import require
from tests.internals.tiny import ARCHITECTURES, D_MODEL, N_LAYERS, VOCABULARY, tiny_model, word_tokenizer

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
for package in ("torch", "transformers", "safetensors"):
    require(package)
require("torch").set_num_threads(1)  # as in the app; threads only wait for each other on models this small

PAIRS = tuple(
    Pair(topic="t", true=f"{a} b {c}", false=f"{a} b {d}") for a, c, d in zip("aceg", "klmn", "wxyz", strict=True)
)
TEXT = list(range(2, 14))
LOADED: dict[str, LoadedModel] = {}


def loaded(name: str = "gpt_neox") -> LoadedModel:
    if name not in LOADED:
        LOADED[name] = adapt(tiny_model(name), word_tokenizer(pad="<unk>"), model_id=name, revision="r1")
    return LOADED[name]


def direction(model: LoadedModel, layer: int = 1, *, seed: int = 0) -> SteeringVector:
    drawn = np.random.default_rng(seed).standard_normal(model.d_model)
    return SteeringVector(
        direction=(drawn / np.linalg.norm(drawn)).astype(np.float32),
        layer=layer,
        model_id=model.model_id,
        revision=model.revision,
        data_hash="test",
    )


def logits(model: LoadedModel, rows: list[list[int]] | None = None, **given: Any) -> Any:
    torch = require("torch")
    with torch.no_grad():
        return model.model(input_ids=torch.tensor(rows or [TEXT]), use_cache=False, **given).logits


def cached_logits(model: LoadedModel, rows: list[list[int]], *, n_prompt: int) -> Any:
    torch = require("torch")
    ids, found = torch.tensor(rows), []
    with torch.no_grad():
        out = model.model(input_ids=ids[:, :n_prompt], use_cache=True)
        found.append(out.logits)
        for place in range(n_prompt, ids.shape[1]):
            out = model.model(input_ids=ids[:, place : place + 1], past_key_values=out.past_key_values, use_cache=True)
            found.append(out.logits)
    return torch.cat(found, dim=1)


def layer_outputs(model: LoadedModel) -> list[Any]:
    kept: list[Any] = []
    handles = [
        layer.register_forward_hook(lambda m, a, out: kept.append(first_tensor(out).clone())) for layer in model.layers
    ]
    logits(model)
    for handle in handles:
        handle.remove()
    return kept


def n_hooks(model: LoadedModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.model.modules())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_strength_0_is_a_no_op_to_the_bit_and_any_other_is_not(name: str) -> None:
    model = loaded(name)
    plain = logits(model)
    with direction(model).apply(model, 0.0):
        assert logits(model).equal(plain)
    with direction(model).apply(model, 2.0):
        assert not logits(model).equal(plain)
    assert logits(model).equal(plain)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_before_the_hook_are_identical_and_the_hooked_one_moves_by_the_vector(name: str) -> None:
    torch, model = require("torch"), loaded(name)
    vector = direction(model)
    before = layer_outputs(model)
    with vector.apply(model, 2.0):
        after = layer_outputs(model)
    assert after[0].equal(before[0])
    wanted = before[1] + 2.0 * torch.from_numpy(vector.direction)
    assert torch.allclose(after[1], wanted, atol=1e-6)
    assert not after[2].equal(before[2])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_cache_changes_nothing_under_any_schedule(name: str) -> None:
    torch, model = require("torch"), loaded(name)
    rows = [TEXT, TEXT[::-1]]
    for schedule in SCHEDULES.values():
        with direction(model).apply(model, 3.0, schedule=schedule) as session:
            cached = cached_logits(model, rows, n_prompt=4)
            session.prompt_length = 4
            whole = logits(model, rows)
        assert torch.allclose(cached, whole, atol=2e-5), schedule


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_batch_gives_what_single_texts_give(name: str) -> None:
    torch, model = require("torch"), loaded(name)
    rows = [TEXT, TEXT[::-1], TEXT[3:] + TEXT[:3]]
    with direction(model).apply(model, 2.0):
        together = logits(model, rows)
        single = torch.cat([logits(model, [row]) for row in rows])
    assert torch.allclose(together, single, atol=1e-5)


def test_v_then_minus_v_restores_the_model() -> None:
    torch, model = require("torch"), loaded()
    vector, plain = direction(model), logits(model)
    with steer(model, [Term(vector=vector, strength=5.0), Term(vector=-vector, strength=5.0)]):
        assert logits(model).equal(plain)
    with vector.apply(model, 5.0), (-vector).apply(model, 5.0):
        assert torch.allclose(logits(model), plain, atol=1e-5)


def test_the_hooks_are_taken_off_when_the_model_fails() -> None:
    model = loaded()
    plain, before = logits(model), n_hooks(model)
    with pytest.raises(RuntimeError, match="on purpose"), direction(model).apply(model, 4.0):
        assert n_hooks(model) == before + 2
        raise RuntimeError("on purpose")
    assert logits(model).equal(plain) and n_hooks(model) == before


def test_sums_and_multiples_of_vectors_are_linear() -> None:
    torch, model = require("torch"), loaded()
    first, second = direction(model), direction(model, seed=1)
    with (2.0 * first + second - 0.5 * second).apply(model, 1.5):
        summed = logits(model)
    terms = [Term(vector=first, strength=3.0), Term(vector=second, strength=0.75)]
    with steer(model, terms):
        assert torch.allclose(logits(model), summed, atol=1e-5)
    assert (first + second).direction == pytest.approx(first.direction + second.direction)
    assert np.linalg.norm((first + second).unit().direction) == pytest.approx(1.0)
    with pytest.raises(SteeringVectorError):
        (first - first).unit()


def test_vectors_at_several_layers_act_at_once() -> None:
    model = loaded()
    with steer(model, [Term(vector=direction(model, layer), strength=1.0) for layer in range(N_LAYERS)]):
        together = logits(model)
    with direction(model, 0).apply(model, 1.0), direction(model, 1).apply(model, 1.0):
        with direction(model, 2).apply(model, 1.0):
            assert logits(model).equal(together)


def test_schedules_say_which_positions_are_steered() -> None:
    assert Schedule().factors(0, 4, prompt_length=2).tolist() == [1, 1, 1, 1]
    assert SCHEDULES["prompt only"].factors(0, 4, prompt_length=2).tolist() == [1, 1, 0, 0]
    assert SCHEDULES["new words only"].factors(0, 4, prompt_length=2).tolist() == [0, 0, 1, 1]
    assert Schedule(decay=0.5).factors(1, 4, prompt_length=2).tolist() == [1, 1, 0.5, 0.25]
    assert Schedule(decay=0.5).factors(4, 1, prompt_length=2).tolist() == [0.25]
    with pytest.raises(BadParameterError):
        Schedule(decay=-1)


def test_a_prompt_only_schedule_leaves_the_prompt_s_own_prefix_steered_only() -> None:
    torch, model = require("torch"), loaded()
    with direction(model, 2).apply(model, 5.0, schedule=SCHEDULES["new words only"]) as session:
        session.prompt_length = 6
        found = logits(model)
    plain = logits(model)
    assert torch.allclose(found[:, :6], plain[:, :6], atol=1e-6) and not torch.allclose(found[:, 6:], plain[:, 6:])


def test_the_direction_is_the_difference_of_means_by_hand() -> None:
    torch, model = require("torch"), loaded()
    vector = SteeringVector.train(model, pairs=PAIRS, layer=1)
    means = []
    for texts in ([pair.true for pair in PAIRS], [pair.false for pair in PAIRS]):
        rows = torch.tensor([[VOCABULARY.index(word) for word in text.split()] for text in texts])
        with torch.no_grad():
            states = model.model(input_ids=rows, output_hidden_states=True).hidden_states[2]
        means.append(states[:, -1].double().numpy().mean(axis=0))
    difference = means[0] - means[1]
    assert vector.direction == pytest.approx(difference / np.linalg.norm(difference), abs=1e-5)
    assert vector.norm == pytest.approx(np.linalg.norm(difference), rel=1e-5)
    assert (vector.layer, vector.data_hash) == (1, pairs_hash(PAIRS))
    assert SteeringVector.train(model, pairs=PAIRS).layer == default_layer(model) == N_LAYERS // 4


def test_a_plain_transformers_model_can_be_trained_on_and_steered() -> None:
    model, tokenizer = tiny_model("llama"), word_tokenizer(pad="<unk>")
    vector = SteeringVector.train(model, tokenizer, PAIRS, layer=1)
    with vector.apply(model, 1.0):
        pass


@pytest.mark.parametrize("name", ["gpt_neox", "bloom", "gemma2"])
def test_the_last_word_is_found_whatever_shares_its_batch(name: str) -> None:
    model = loaded(name)
    texts = ["a b c", "d e f g h i j k l m n", "o"]
    together = last_states(model, texts)
    assert together.shape == (3, N_LAYERS, D_MODEL)
    for place, text in enumerate(texts):
        assert together[place] == pytest.approx(last_states(model, [text])[0], abs=1e-5)


def test_statements_with_equal_means_have_no_direction() -> None:
    with pytest.raises(SteeringVectorError, match="same mean"):
        SteeringVector.train(loaded(), pairs=(Pair(topic="t", true="a b", false="a b"),))
    with pytest.raises(BadParameterError, match="at least 1 pair"):
        SteeringVector.train(loaded(), pairs=())
    with pytest.raises(BadParameterError, match="layers 0 to 2"):
        SteeringVector.train(loaded(), pairs=PAIRS, layer=3)


def test_controls_have_the_norm_and_layer_of_the_vector() -> None:
    model = loaded()
    vector, rng = direction(model) * 3.0, np.random.default_rng(0)
    drawn = [random_vector(vector, rng) for _ in range(200)]
    assert [np.linalg.norm(each.direction) for each in drawn] == pytest.approx([3.0] * 200, rel=1e-5)
    assert {each.layer for each in drawn} == {vector.layer}
    assert np.abs(np.mean([each.direction for each in drawn], axis=0)).max() < 0.15  # no direction is preferred
    states, is_true = statement_states(model, PAIRS)
    shuffled = shuffled_labels(is_true, rng)
    assert shuffled.reshape(-1, 2).sum(axis=1).tolist() == [1] * len(PAIRS) and (shuffled != is_true).sum() == 4
    assert split_half_cosine(states[:2, 0], is_true[:2], n_splits=10, rng=rng) is None


def test_halves_of_a_clean_direction_agree_and_of_noise_do_not() -> None:
    rng = np.random.default_rng(0)
    is_true = np.tile([True, False], 200)
    noise = rng.standard_normal((400, 50))
    clean = split_half_cosine(noise + 5.0 * is_true[:, None], is_true, n_splits=20, rng=rng)
    none = split_half_cosine(noise, is_true, n_splits=20, rng=rng)
    assert clean is not None and none is not None and clean > 0.95 and abs(none) < 0.3


def test_a_vector_comes_back_from_its_file(tmp_path: Path) -> None:
    model = loaded()
    vector = SteeringVector.train(model, pairs=PAIRS)
    file = vector.save(tmp_path / "v.safetensors")
    again = SteeringVector.load(file, model)
    assert again.direction.tobytes() == vector.direction.tobytes()
    assert (again.layer, again.model_id, again.revision, again.data_hash, again.norm) == (
        vector.layer, vector.model_id, vector.revision, vector.data_hash, vector.norm,
    )  # fmt: skip


def test_a_file_of_another_model_or_with_other_numbers_is_refused(tmp_path: Path) -> None:
    numpy = require("safetensors.numpy")
    safetensors, model = require("safetensors"), loaded()
    file = direction(model).save(tmp_path / "v.safetensors")
    with pytest.raises(SteeringVectorError, match="Train a vector on this model"):
        SteeringVector.load(file, loaded("llama"))
    with safetensors.safe_open(file, framework="numpy") as held:
        about, values = held.metadata(), held.get_tensor("direction")
    changed = values.copy()
    changed[0] += 1
    for numbers, text, message in (
        ({"direction": changed}, about, "not those it was written with"),
        ({"direction": values}, {**about, "format": "other"}, "is no"),
        ({"direction": values}, {**about, "layer": "x"}, "names the layer"),
        ({"direction": values}, {k: v for k, v in about.items() if k != "data_hash"}, "lacks data_hash"),
        ({"weight": values}, about, "no single direction"),
        ({"direction": values.astype(np.float64)}, about, "no single direction"),
    ):
        file.write_bytes(numpy.save(numbers, metadata=text))
        with pytest.raises(SteeringVectorError, match=message):
            SteeringVector.load(file)
    file.write_bytes(b"\x80\x04not safetensors")
    with pytest.raises(SteeringVectorError, match="cannot be read as safetensors"):
        SteeringVector.load(file)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    torch = require("torch")
    for suffix in (".pt", ".pkl", ".bin"):
        torch.save({"direction": torch.zeros(4)}, tmp_path / f"v{suffix}")
        with pytest.raises(SteeringVectorError, match="can run code"):
            SteeringVector.load(tmp_path / f"v{suffix}")


def test_a_vector_of_another_width_layer_or_model_is_refused_before_anything_is_hooked() -> None:
    model, other = loaded(), loaded("gpt2")
    before = n_hooks(model)
    with pytest.raises(SteeringVectorError), direction(other).apply(model, 1.0):
        pass
    with pytest.raises(SteeringVectorError), direction(model, 7).apply(model, 1.0):
        pass
    with pytest.raises(SteeringVectorError):
        direction(model) + direction(model, 2)
    assert n_hooks(model) == before


def test_the_file_for_the_harness_holds_what_its_loader_asks_for(tmp_path: Path) -> None:
    from cape.internals.vector_files import export_for_harness

    torch, model = require("torch"), loaded()
    vector = direction(model)
    file = export_for_harness([Term(vector=vector, strength=2.5)], model, tmp_path / "steer.pt")
    held = torch.load(file, weights_only=True)
    ((name, entry),) = held.items()
    assert dict(model.model.base_model.named_modules())[name] is model.layers[1]
    assert set(entry) == {"action", "steering_coefficient", "steering_vector", "bias"}
    assert (entry["action"], entry["steering_coefficient"], entry["bias"]) == ("add", 2.5, None)
    assert entry["steering_vector"].numpy() == pytest.approx(vector.direction)
    with pytest.raises(SteeringVectorError, match="layers"):
        export_for_harness(
            [Term(vector=vector, strength=1.0), Term(vector=direction(model, 2), strength=1.0)], model, file
        )
    with pytest.raises(SteeringVectorError, match="schedule"):
        export_for_harness([Term(vector=vector, strength=1.0, schedule=Schedule(on_new=0))], model, file)


def test_the_exported_sum_of_two_vectors_is_what_steering_adds(tmp_path: Path) -> None:
    from cape.internals.vector_files import export_for_harness

    torch, model = require("torch"), loaded()
    terms = [Term(vector=direction(model), strength=2.0), Term(vector=direction(model, seed=1), strength=-1.0)]
    held = torch.load(export_for_harness(terms, model, tmp_path / "two.pt"), weights_only=True)
    entry = next(iter(held.values()))
    wanted = 2.0 * terms[0].vector.direction - terms[1].vector.direction
    assert (entry["steering_coefficient"] * entry["steering_vector"]).numpy() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("cosine", "strength"), [(-0.5, 3.0), (-0.1, 1.5), (0.0, 1.5), (0.1, 0.5), (0.29, 0.5), (0.3, 0.0), (0.9, 0.0)]
)
def test_the_paper_s_bands(cosine: float, strength: float) -> None:
    assert paper_strength(cosine) == strength
