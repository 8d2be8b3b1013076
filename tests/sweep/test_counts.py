"""Parameters counted from config.json equal those of the model that transformers builds from it, to the last one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cape.sweep.architectures import ARCHITECTURES, size_of
from tests.conftest import require

pytestmark = pytest.mark.heavy
require("torch")
transformers = require("transformers")

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80, "vocab_size": 101,
    "max_position_embeddings": 64,
}  # fmt: skip
OLD = {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 101, "n_positions": 64}
OWN: dict[str, dict[str, Any]] = {
    "bloom": {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": 101},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 101},
    "gpt2": OLD,
    "gptj": {**OLD, "rotary_dim": 4},
    "gpt_neo": {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "vocab_size": 101,
                "max_position_embeddings": 64, "attention_types": [[["global", "local"], 1]]},
    "mpt": {"d_model": 32, "n_layers": 3, "n_heads": 4, "vocab_size": 101},
    "opt": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 80, "vocab_size": 101,
            "max_position_embeddings": 64, "word_embed_proj_dim": 32},
}  # fmt: skip
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in ARCHITECTURES),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    ("falcon", {"multi_query": False, "parallel_attn": False, "bias": True, "alibi": True}),
    ("gemma3_text", {"head_dim": 16, "num_key_value_heads": 1}),
    ("gpt_neox", {"attention_bias": False, "tie_word_embeddings": True}),
    ("llama", {"num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("mistral", {"head_dim": 16, "num_key_value_heads": 2}),
    ("olmo2", {"num_key_value_heads": 2}),
    ("opt", {"word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    ("phi", {"qk_layernorm": True}),
    ("qwen3", {"attention_bias": True, "head_dim": 16, "num_key_value_heads": 2}),
    ("stablelm", {"use_qkv_bias": True, "qk_layernorm": True, "num_key_value_heads": 2}),
    ("stablelm", {"use_parallel_residual": True}),
]


@pytest.mark.parametrize(("kind", "changed"), VARIANTS)
def test_every_architecture(kind: str, changed: dict[str, Any]) -> None:
    import torch

    given = {**OWN.get(kind, SMALL), **changed, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.CONFIG_MAPPING[kind](**given)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    model.tie_weights()
    built = sum(parameter.numel() for parameter in model.parameters())
    assert size_of(json.loads(config.to_json_string())).n_parameters == built
