"""Tiny models with random weights of every architecture that the probes promise, and a tokenizer of a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VOCABULARY = ("<unk>", "<end>", *"abcdefghijklmnopqrstuvwxyz")
N_LAYERS, N_HEADS, D_MODEL = 3, 4, 32
MODERN = {
    "hidden_size": D_MODEL,
    "intermediate_size": 64,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
OLD = {"n_embd": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_positions": 64}
WIDE_HEADS = {**MODERN, "head_dim": 16}  # more numbers in the heads than in the residual stream
WINDOWED = {"sliding_window": 8}
# name: (configuration class, its arguments)
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt_neox": ("GPTNeoXConfig", {**MODERN, "num_key_value_heads": None}),
    "gpt2": ("GPT2Config", OLD),
    "gpt_neo": (
        "GPTNeoConfig",
        {
            "hidden_size": D_MODEL,
            "num_layers": N_LAYERS,
            "num_heads": N_HEADS,
            "attention_types": [[["global", "local", "global"], 1]],
            "max_position_embeddings": 64,
            "window_size": 8,
        },
    ),
    "gptj": ("GPTJConfig", {**OLD, "rotary_dim": 4}),
    "opt": (
        "OPTConfig",
        {
            "hidden_size": D_MODEL,
            "ffn_dim": 64,
            "num_hidden_layers": N_LAYERS,
            "num_attention_heads": N_HEADS,
            "max_position_embeddings": 64,
            "word_embed_proj_dim": D_MODEL,
        },
    ),
    "bloom": ("BloomConfig", {"hidden_size": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS}),
    "falcon": ("FalconConfig", {"hidden_size": D_MODEL, "num_hidden_layers": N_LAYERS, "num_attention_heads": N_HEADS}),
    "mpt": ("MptConfig", {"d_model": D_MODEL, "n_layers": N_LAYERS, "n_heads": N_HEADS, "max_seq_len": 64}),
    "llama": ("LlamaConfig", MODERN),
    "mistral": ("MistralConfig", {**MODERN, **WINDOWED}),
    "qwen2": ("Qwen2Config", MODERN),
    "qwen3": ("Qwen3Config", WIDE_HEADS),
    "phi": ("PhiConfig", {**MODERN, "num_key_value_heads": N_HEADS}),
    "phi3": ("Phi3Config", {**MODERN, "pad_token_id": 1}),
    "gemma": ("GemmaConfig", WIDE_HEADS),
    "gemma2": ("Gemma2Config", {**WIDE_HEADS, **WINDOWED, "query_pre_attn_scalar": 16}),
    "gemma3": ("Gemma3TextConfig", {**WIDE_HEADS, **WINDOWED, "query_pre_attn_scalar": 16}),
    "olmo": ("OlmoConfig", MODERN),
    "olmo2": ("Olmo2Config", MODERN),
    "olmo3": ("Olmo3Config", {**MODERN, **WINDOWED}),
    "stablelm": ("StableLmConfig", MODERN),
}


def tiny_model(name: str, *, seed: int = 0, **changes: Any) -> Any:
    """Return a model of this architecture with random weights, large enough that its layers differ."""
    import torch
    import transformers

    kind, arguments = ARCHITECTURES[name]
    special = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 1}
    config = getattr(transformers, kind)(**{"vocab_size": len(VOCABULARY), **special, **arguments, **changes})
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def word_tokenizer(*, pad: str | None = None, end: str | None = "<end>") -> Any:
    """Return a tokenizer with one number per word of VOCABULARY."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    held = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    held.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=held, unk_token="<unk>", pad_token=pad, eos_token=end)


def save_tiny(name: str, folder: Path, **changes: Any) -> Path:
    """Write a tiny model and its tokenizer into a folder, as a hub would give them."""
    tiny_model(name, **changes).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder
