"""Find the parts of a causal language model by structure, for any architecture of transformers.

The decoder layers are the shortest-named ModuleList with as many members as the configuration has layers. What a
layer's attention adds to the residual stream comes out of one projection; its input, split by head, is what the
heads say.
"""

from __future__ import annotations

from typing import Any

from cape.errors import ModelLoadError

ATTENTION_WORDS = ("attn", "attention")
OUTPUT_NAMES = ("o_proj", "out_proj", "dense", "c_proj", "wo", "proj", "out")  # of attention output projections
MATRIX = 2  # dimensions of a projection's weight
SUPPORTED = "GPT-NeoX, GPT-2, GPT-Neo, GPT-J, OPT, BLOOM, Falcon, MPT, Llama, Mistral, Qwen, Phi, Gemma, OLMo, StableLM"


def text_config(model: Any) -> Any:
    """Return the part of a model's configuration that describes its language model."""
    return model.config.get_text_config(decoder=True)


def find_layers(model: Any) -> tuple[Any, ...]:
    """Return the decoder layers in order; raise ModelLoadError where there are none."""
    import torch

    n_layers = text_config(model).num_hidden_layers
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == n_layers
    ]
    if not lists:
        raise ModelLoadError(
            f"{type(model).__name__} has no list of {n_layers} decoder layers, which its configuration promises. "
            f"Use a decoder-only model such as {SUPPORTED}."
        )
    _, found = min(lists, key=lambda pair: len(pair[0]))
    return tuple(found)


def find_attention_outputs(layers: tuple[Any, ...], *, d_model: int, n_heads: int) -> tuple[Any, ...]:
    """Return the attention output projection of every layer; raise ModelLoadError where one is not found."""
    return tuple(_attention_output(layer, place, d_model, n_heads) for place, layer in enumerate(layers))


def width_in(projection: Any) -> int:
    """Return the number of inputs of a linear layer; GPT-2's Conv1D stores its weight transposed."""
    if hasattr(projection, "in_features"):
        return int(projection.in_features)
    return int(projection.weight.shape[0])


def width_out(projection: Any) -> int:
    """Return the number of outputs of a linear layer."""
    if hasattr(projection, "out_features"):
        return int(projection.out_features)
    return int(projection.weight.shape[1])


def _attention_output(layer: Any, place: int, d_model: int, n_heads: int) -> Any:
    """Return the projection by which attention feeds the residual stream, by name and verified by shape."""
    inside = {
        name: module
        for name, module in layer.named_modules()
        if _is_in_attention(name) and _is_projection(module) and _fits(module, d_model, n_heads)
    }
    for wanted in OUTPUT_NAMES:
        named = [module for name, module in inside.items() if name.rpartition(".")[2] == wanted]
        if len(named) == 1:
            return named[0]
    raise ModelLoadError(
        f"Layer {place} ({type(layer).__name__}) has no attention output projection from {n_heads} heads to "
        f"{d_model} numbers; projections found: {', '.join(inside) or 'none'}. "
        f"Use a decoder-only model such as {SUPPORTED}."
    )


def _is_in_attention(name: str) -> bool:
    above = name.rpartition(".")[0].lower()
    return any(word in above for word in ATTENTION_WORDS)


def _is_projection(module: Any) -> bool:
    weight = getattr(module, "weight", None)
    return weight is not None and weight.dim() == MATRIX


def _fits(module: Any, d_model: int, n_heads: int) -> bool:
    return width_out(module) == d_model and width_in(module) % n_heads == 0


def first_tensor(output: Any) -> Any:
    """Return the hidden states of a layer's output: BLOOM, GPT-Neo, GPT-J, Falcon and MPT give tuples, others not."""
    return output[0] if isinstance(output, tuple | list) else output


def with_tensor(output: Any, hidden: Any) -> Any:
    """Return a layer's output with its hidden states replaced, of the same kind as it came."""
    if isinstance(output, tuple):
        return (hidden, *output[1:])
    return [hidden, *output[1:]] if isinstance(output, list) else hidden
