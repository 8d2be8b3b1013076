"""Loading: what is accepted, what is refused and with which error, and that nothing runs that should not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cape.errors import (
    BadParameterError,
    ModelLoadError,
    ModelTooLargeError,
    NonFiniteActivationError,
    TokenizerError,
)
from cape.internals import memory
from cape.internals.activations import LAYERS, record
from cape.internals.memory import bytes_needed, count_parameters
from cape.internals.models import Access, adapt, load_model, load_with
from cape.internals.tokens import batches, encode
from cape.lake.paths import SHIPPED_LAKE
from tests.conftest import require
from tests.internals.tiny import ARCHITECTURES, save_tiny, tiny_model, word_tokenizer

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
torch = require("torch")
transformers = require("transformers")

SHIPPED = SHIPPED_LAKE / "organism" / "web" / "d20-l2"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llama", tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def own(llama: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to spoil."""
    return Path(shutil.copytree(llama, tmp_path / "own"))


def rewrite(file: Path, **changes: Any) -> None:
    held = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in held.items() if value is not None}))


def test_a_shipped_checkpoint_is_loaded_with_its_parts() -> None:
    found = load_model(str(SHIPPED))
    assert (found.model_id, found.n_layers, found.n_heads, found.head_dim, found.d_model) == (
        "web/d20-l2",
        2,
        2,
        10,
        20,
    )
    assert (found.dtype, found.device) == ("float32", "cpu")
    assert len(found.layers) == len(found.attention_outputs) == 2
    assert not found.model.training


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_dtype_and_device_are_as_asked_for(llama: Path, device: str) -> None:
    found = load_model(str(llama), dtype="bfloat16", device=device)
    assert found.dtype == "bfloat16"
    assert {parameter.dtype for parameter in found.model.parameters()} == {torch.bfloat16}
    assert found.device == ("cuda:0" if device == "auto" and torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("given", [{"dtype": "int8"}, {"device": "gpu"}, {"device": "cuda:99"}, {"device": "cpu; rm"}])
def test_a_dtype_or_device_that_is_not_there_is_refused(llama: Path, given: dict[str, str]) -> None:
    with pytest.raises(BadParameterError):
        load_model(str(llama), **given)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameters_are_counted_from_the_configuration_alone(name: str) -> None:
    model = tiny_model(name)
    assert count_parameters(model.config) == sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("name", ["", "  ", "/no/such/folder"])
def test_a_folder_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ModelLoadError, match="There is no folder"):
        load_model(name)


def test_a_hub_id_is_not_fetched_unless_allowed() -> None:
    with pytest.raises(ModelLoadError, match="--allow-hub"):
        load_model("nobody/no-such-model")
    with pytest.raises(ModelLoadError, match="nobody/no-such-model"):
        load_model("nobody/no-such-model", allow_hub=True)  # HF_HUB_OFFLINE is set in every test


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="config.json"):
        load_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(ModelLoadError):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [("BertConfig", "BertForMaskedLM"), ("T5Config", "T5ForConditionalGeneration"), ("ViTConfig", "ViTModel")],
)
def test_a_model_that_is_not_causal_is_refused(tmp_path: Path, kind: str, architecture: str) -> None:
    config = getattr(transformers, kind)()
    config.architectures = [architecture]
    config.save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="no causal language model"):
        load_model(str(tmp_path))


def test_a_model_too_large_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    transformers.LlamaConfig(
        hidden_size=65536, num_hidden_layers=200, num_attention_heads=64, architectures=["LlamaForCausalLM"]
    ).save_pretrained(tmp_path)  # no weights are there
    with pytest.raises(ModelTooLargeError, match="GiB") as caught:
        load_model(str(tmp_path))
    assert caught.value.need_bytes > caught.value.have_bytes > 0


def test_the_need_follows_the_dtype(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_params = sum(each.numel() for each in load_model(str(llama)).model.parameters())
    room = bytes_needed(n_params, "bfloat16")
    monkeypatch.setattr(memory, "_free_ram", lambda: room)
    load_model(str(llama), dtype="bfloat16")
    with pytest.raises(ModelTooLargeError):
        load_model(str(llama), dtype="float32")


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00notjson!", b"x" * 1000])
def test_broken_weights_are_refused(own: Path, content: bytes) -> None:
    (own / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelLoadError, match="cannot be read"):
        load_model(str(own))


def test_weights_that_are_missing_are_not_drawn_at_random(own: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(own / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, own / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match="lacks 1 weights"):
        load_model(str(own))


def test_weights_of_another_shape_are_refused(own: Path) -> None:
    rewrite(own / "config.json", intermediate_size=48)
    with pytest.raises(ModelLoadError):
        load_model(str(own))


def test_pickled_weights_are_read_only_when_asked_for(own: Path) -> None:
    weights = load_model(str(own)).model.state_dict()
    (own / "model.safetensors").unlink()
    torch.save(weights, own / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match="--allow-pickle"):
        load_model(str(own))
    where = {"revision": "main", "dtype": "float32", "device": "cpu"}
    assert load_with(str(own), **where, access=Access(pickle=True)).n_layers == 3


def test_code_that_comes_with_a_model_does_not_run(own: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    (own / "evil.py").write_text(f"open({str(witness)!r}, 'w').close()\nclass C: pass\n")
    rewrite(
        own / "config.json",
        model_type="unheard_of",
        auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.C"},
    )
    with pytest.raises(ModelLoadError):
        load_model(str(own))
    assert not witness.exists()


def test_a_tokenizer_that_is_not_there_is_refused(own: Path) -> None:
    for file in own.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        load_model(str(own))


def test_a_tokenizer_without_pad_token_pads_with_its_end_token() -> None:
    model = tiny_model("llama")
    found = adapt(model, word_tokenizer(pad=None, end="<end>"), model_id="tiny")
    assert (found.tokenizer.pad_token, found.tokenizer.padding_side) == ("<end>", "left")
    with pytest.raises(TokenizerError, match="no pad token and no end token"):
        adapt(model, word_tokenizer(pad=None, end=None), model_id="tiny")


def test_an_unknown_architecture_says_what_it_lacks() -> None:
    model = tiny_model("llama")
    model.config.num_hidden_layers = 17
    with pytest.raises(ModelLoadError, match="17 decoder layers"):
        adapt(model, None, model_id="tiny")
    model = tiny_model("llama")
    for layer in model.model.layers:
        layer.self_attn.mystery = layer.self_attn.o_proj
        del layer.self_attn.o_proj
    with pytest.raises(ModelLoadError, match="attention output projection"):
        adapt(model, None, model_id="tiny")


@pytest.mark.parametrize("layer", [0, 2])
def test_activations_that_are_not_finite_name_layer_and_prompt(layer: int) -> None:
    loaded = adapt(tiny_model("llama"), word_tokenizer(), model_id="tiny")
    loaded.layers[layer].mlp.down_proj.weight.data[0, 0] = float("nan")
    prompts = ("a b c", "d")
    (batch,) = batches(loaded, prompts, size=2)
    with pytest.raises(NonFiniteActivationError, match=f"in layer {layer}") as caught:
        record(loaded, batch, (LAYERS,), prompts)
    assert (caught.value.layer, caught.value.prompt) == (layer, "a b c")


def test_one_bad_prompt_is_the_one_that_is_named() -> None:
    loaded = adapt(tiny_model("llama"), word_tokenizer(), model_id="tiny")
    loaded.model.get_input_embeddings().weight.data[loaded.tokenizer("z")["input_ids"][0]] = float("inf")
    prompts = ("a b c", "d z", "e f")
    (batch,) = batches(loaded, prompts, size=3)
    with pytest.raises(NonFiniteActivationError, match="'d z'"):
        record(loaded, batch, (LAYERS,), prompts)


@pytest.mark.parametrize("prompt", ["", "   ", "a " * 65])
def test_a_prompt_without_tokens_or_with_too_many_is_refused(prompt: str) -> None:
    loaded = adapt(tiny_model("llama"), word_tokenizer(), model_id="tiny")
    with pytest.raises(TokenizerError, match="takes 1 to 64"):
        encode(loaded, ["a", prompt])
