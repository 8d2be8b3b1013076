"""The parts found in every architecture are the right ones: against transformers' own outputs and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cape.internals import activations
from cape.internals.activations import ATTENTION, HEADS, LAYERS, eager_attention, record
from cape.internals.lens import open_lens, record_by_lens
from cape.internals.models import LoadedModel, adapt, load_model, quiet
from cape.internals.tokens import batches, forward_arguments
from tests.conftest import require
from tests.internals.tiny import ARCHITECTURES, N_HEADS, N_LAYERS, save_tiny, tiny_model, word_tokenizer

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
torch = require("torch")
require("transformers")
quiet()

PROMPTS = ("a b c d e f g", "h i", "j", "k l m n o p q r s t u v w x y z")
SITES = (LAYERS, HEADS, ATTENTION)
EXACT = {"rtol": 0.0, "atol": 5e-6}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def loaded(request: pytest.FixtureRequest) -> LoadedModel:
    return adapt(tiny_model(request.param), word_tokenizer(), model_id=request.param)


def one_batch(loaded: LoadedModel, prompts: tuple[str, ...] = PROMPTS) -> Any:
    (batch,) = batches(loaded, prompts, size=len(prompts))
    return batch


def recorded(loaded: LoadedModel, prompts: tuple[str, ...] = PROMPTS) -> Any:
    with eager_attention(loaded):
        return record(loaded, one_batch(loaded, prompts), SITES, prompts)


def test_layer_k_is_hidden_state_k_plus_1_and_the_last_comes_before_the_final_norm(loaded: LoadedModel) -> None:
    prompt = PROMPTS[0]
    batch = one_batch(loaded, (prompt,))
    with torch.no_grad():
        output = loaded.model(batch.ids, output_hidden_states=True)
    hidden = torch.stack(output.hidden_states)[:, :, -1]
    found = record(loaded, batch, (LAYERS,), (prompt,))
    torch.testing.assert_close(found.layers[:-1], hidden[1:-1], **EXACT)
    torch.testing.assert_close(found.final, hidden[-1], **EXACT)
    assert not torch.allclose(found.layers[-1], hidden[-1], atol=1e-3)
    with torch.no_grad():
        logits = loaded.unembedding(found.final)
    capped = getattr(loaded.model.config, "final_logit_softcapping", None)
    expected = output.logits[:, -1]
    torch.testing.assert_close(torch.tanh(logits / capped) * capped if capped else logits, expected, **EXACT)


def values_of(loaded: LoadedModel, layer: int, held: dict[str, Any]) -> Any:
    """Return the values of every position by head, (pos, n_heads, head_dim), from the projection of this layer."""
    name, whole = next((name, found[0]) for name, found in held.items() if name.startswith(f"{layer}:"))
    heads, width = loaded.n_heads, loaded.head_dim
    match name.partition(":")[2]:
        case "query_key_value":
            return (
                whole.reshape(len(whole), heads, 3, width)[:, :, 2]
                if "falcon" not in loaded.model_id
                else (
                    whole[:, -width:].unsqueeze(1).expand(-1, heads, -1)  # one value for all heads
                )
            )
        case "c_attn" | "Wqkv":
            return whole.chunk(3, dim=-1)[2].reshape(len(whole), heads, width)
        case "qkv_proj":
            whole = whole[:, -2 * width :]  # two key and value heads
    grouped = whole.reshape(len(whole), -1, width)
    return grouped.repeat_interleave(heads // grouped.shape[1], dim=1)


def test_head_vectors_are_attention_times_values(loaded: LoadedModel) -> None:
    prompt = PROMPTS[0]
    batch = one_batch(loaded, (prompt,))
    held: dict[str, Any] = {}

    def keep(key: str) -> Any:
        return lambda module, inputs, output: held.__setitem__(key, output)

    handles = [
        module.register_forward_hook(keep(f"{k}:{name.rpartition('.')[2]}"))
        for k, layer in enumerate(loaded.layers)
        for name, module in layer.named_modules()
        if name.rpartition(".")[2] in {"v_proj", "query_key_value", "c_attn", "Wqkv", "qkv_proj"}
    ]
    with eager_attention(loaded), torch.no_grad():
        attention = loaded.model(batch.ids, output_attentions=True).attentions
    for handle in handles:
        handle.remove()
    by_hand = torch.stack([
        torch.einsum("hp,phd->hd", attention[k][0, :, -1], values_of(loaded, k, held)) for k in range(N_LAYERS)
    ])  # fmt: skip
    torch.testing.assert_close(recorded(loaded, (prompt,)).heads[:, 0], by_hand, **EXACT)


def test_a_padded_batch_gives_what_single_prompts_give(loaded: LoadedModel) -> None:
    together = recorded(loaded)
    for row, prompt in enumerate(PROMPTS):
        alone, place = recorded(loaded, (prompt,)), together.batch.rows.index(row)
        for name in SITES:
            torch.testing.assert_close(getattr(together, name)[:, place], getattr(alone, name)[:, 0], **EXACT)
        torch.testing.assert_close(together.final[place], alone.final[0], **EXACT)


def test_attention_by_relative_position_adds_up_to_one(loaded: LoadedModel) -> None:
    attention = recorded(loaded).attention
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(N_LAYERS, len(PROMPTS), N_HEADS), **EXACT)


def n_hooks(loaded: LoadedModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in loaded.model.modules())


def test_hooks_leave_the_model_as_it_was(loaded: LoadedModel) -> None:
    batch = one_batch(loaded)
    given = forward_arguments(loaded.model, batch)
    recorded(loaded)  # transformers leaves hooks of its own where attention was asked for once
    before_hooks, before_way = n_hooks(loaded), loaded.model.config._attn_implementation
    with torch.no_grad():
        before = loaded.model(**given).logits
        recorded(loaded)
        torch.testing.assert_close(loaded.model(**given).logits, before, rtol=0, atol=0)
    assert (n_hooks(loaded), loaded.model.config._attn_implementation) == (before_hooks, before_way)


def test_a_model_whose_body_is_not_found_is_run_whole(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = recorded(loaded)
    monkeypatch.setattr(activations, "body_of", lambda loaded: loaded.model)
    found = recorded(loaded)
    torch.testing.assert_close(found.final, expected.final, **EXACT)
    torch.testing.assert_close(found.layers, expected.layers, **EXACT)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_transformerlens_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    require("transformer_lens")
    loaded = load_model(str(save_tiny(name, tmp_path)))
    lens = open_lens(loaded)
    with eager_attention(loaded):
        for batch in batches(loaded, PROMPTS, size=1):
            ours, theirs = (
                record(loaded, batch, SITES, PROMPTS),
                record_by_lens(lens, loaded, batch, SITES, PROMPTS),
            )
            for site in (*SITES, "final"):
                torch.testing.assert_close(getattr(ours, site), getattr(theirs, site), **EXACT)
