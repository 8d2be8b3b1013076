"""Read what a model computes at the last token of every prompt: layers, heads, the final state, attention.

Hooks take a copy of the last position only, so memory does not grow with the length of prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cape.errors import ModelLoadError, NonFiniteActivationError
from cape.internals.architecture import first_tensor
from cape.internals.models import LoadedModel
from cape.internals.tokens import Batch, forward_arguments, shortened

LAYERS, HEADS, ATTENTION = "layers", "heads", "attention"
N_BINS = 16  # of relative position (DEFINITIONS, heads and probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Activations of one batch at the last token, float32 on the CPU.

    layers : (n_layers, batch, d_model) outputs of the decoder layers, the last before the final norm.
    heads : (n_layers, batch, n_heads, head_dim) inputs of the attention output projections, split by head.
    attention : (n_layers, batch, n_heads, N_BINS) the last query's attention by relative position.
    final : (batch, d_model) what the unembedding gets. Each is None where it was not asked for.
    """

    batch: Batch
    final: Any
    layers: Any = None
    heads: Any = None
    attention: Any = None


@dataclass(slots=True)
class _Taken:
    """What the hooks of one forward pass have taken, in order of layer."""

    layers: list[Any] = field(default_factory=list)
    heads: list[Any] = field(default_factory=list)
    final: list[Any] = field(default_factory=list)


@contextmanager
def last_token_hooks(loaded: LoadedModel, sites: Sequence[str]) -> Iterator[_Taken]:
    """Hook the layers and attention output projections while the block runs."""
    taken = _Taken()

    def on_layer(module: Any, inputs: Any, output: Any) -> None:
        taken.layers.append(first_tensor(output)[:, -1].detach().clone())

    def on_projection(module: Any, inputs: Any) -> None:
        taken.heads.append(inputs[0][:, -1].detach().clone())

    def on_unembedding(module: Any, inputs: Any) -> None:
        taken.final.append(inputs[0][:, -1].detach().clone())

    handles = [loaded.unembedding.register_forward_pre_hook(on_unembedding)]  # unused where only the body runs
    try:
        if LAYERS in sites:
            handles += [layer.register_forward_hook(on_layer) for layer in loaded.layers]
        if HEADS in sites:
            handles += [module.register_forward_pre_hook(on_projection) for module in loaded.attention_outputs]
        yield taken
    finally:
        for handle in handles:
            handle.remove()


def body_of(loaded: LoadedModel) -> Any:
    """Return the model without its unembedding, which the last token of a probe needs once, not at every position."""
    body = loaded.model.base_model
    held = {id(module) for module in body.modules()}
    return body if id(loaded.layers[0]) in held and id(loaded.unembedding) not in held else loaded.model


def record(loaded: LoadedModel, batch: Batch, sites: Sequence[str], prompts: Sequence[str]) -> Recorded:
    """Return the activations of one batch at the sites asked for (LAYERS, HEADS, ATTENTION).

    prompts : of all rows, to name the one at fault. Raises NonFiniteActivationError where anything is not finite.
    """
    import torch

    body = body_of(loaded)
    wants_attention = ATTENTION in sites
    given = forward_arguments(body, batch)
    with torch.no_grad(), last_token_hooks(loaded, sites) as taken:
        output = body(**given, **({"output_attentions": True} if wants_attention else {}))
    found = Recorded(
        batch=batch,
        final=to_cpu(taken.final[0] if taken.final else output[0][:, -1]),
        layers=_stacked(taken.layers) if LAYERS in sites else None,
        heads=_split(taken.heads, loaded.n_heads) if HEADS in sites else None,
        attention=binned(_attentions(loaded, output), batch) if wants_attention else None,
    )
    check_finite(found, prompts)
    return found


def to_cpu(tensor: Any) -> Any:
    """Return the tensor as float32 on the CPU."""
    import torch

    return tensor.to(device="cpu", dtype=torch.float32)


def _stacked(tensors: Sequence[Any]) -> Any:
    """Return (n_layers, ...) of tensors that may lie on several devices, in one transfer where they do not."""
    import torch

    if len({tensor.device for tensor in tensors}) > 1:
        tensors = [to_cpu(tensor) for tensor in tensors]
    return to_cpu(torch.stack(list(tensors)))


def _split(tensors: Sequence[Any], n_heads: int) -> Any:
    whole = _stacked(tensors)
    return whole.reshape(*whole.shape[:-1], n_heads, -1)


def _attentions(loaded: LoadedModel, output: Any) -> list[Any]:
    """Return the last query's attention of every layer, (batch, n_heads, pos) each."""
    found = [each for each in output.attentions or () if each is not None]
    if len(found) != loaded.n_layers:
        raise ModelLoadError(
            f"{loaded.model_id} gave the attention of {len(found)} of {loaded.n_layers} layers. "
            "Attention patterns need attn_implementation='eager'; leave the attention probe out for this model."
        )
    return [each[:, :, -1] for each in found]


@contextmanager
def eager_attention(loaded: LoadedModel) -> Iterator[None]:
    """Let the model compute attention in the one way that also returns it, while the block runs.

    Written into the configuration, which every architecture reads at each pass; Falcon ignores the model's setter.
    """
    config = loaded.model.config
    before = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = before


def binned(rows: Sequence[Any], batch: Batch) -> Any:
    """Return attention by relative position, (n_layers, batch, n_heads, N_BINS).

    rows : per layer, (batch, n_heads, pos) over the padded positions. A prompt of L tokens puts token i on the
    stretch from i/L to (i+1)/L; a bin gets the part of the token's attention that lies in it, so every row still
    adds up to 1.
    """
    import torch

    shares = torch.stack([bin_shares(length, batch.ids.shape[1]) for length in batch.lengths])
    return torch.stack([torch.einsum("bhp,bpn->bhn", to_cpu(each), shares) for each in rows])


def bin_shares(length: int, padded_length: int) -> Any:
    """Return the part of every position in every bin, (padded_length, N_BINS); 0 for the padding on the left."""
    import torch

    shares = torch.zeros(padded_length, N_BINS, dtype=torch.float64)
    starts = torch.arange(length, dtype=torch.float64)[:, None] / length
    edges = torch.arange(N_BINS, dtype=torch.float64)[None] / N_BINS
    low, high = torch.maximum(starts, edges), torch.minimum(starts + 1 / length, edges + 1 / N_BINS)
    shares[padded_length - length :] = (high - low).clamp(min=0) * length
    return shares.to(torch.float32)


def check_finite(found: Recorded, prompts: Sequence[str]) -> None:
    """Raise NonFiniteActivationError, naming the first layer and prompt at fault."""
    import torch

    for name in (LAYERS, HEADS, ATTENTION):
        values = getattr(found, name)
        if values is not None and not torch.isfinite(values).all():
            flat = values.flatten(2)
            layer, place = (int(i) for i in (~torch.isfinite(flat).all(dim=2)).nonzero()[0])
            raise _non_finite(found, place, layer, prompts)
    if not torch.isfinite(found.final).all():
        place = int((~torch.isfinite(found.final).all(dim=1)).nonzero()[0])
        raise _non_finite(found, place, None, prompts)


def _non_finite(found: Recorded, place: int, layer: int | None, prompts: Sequence[str]) -> NonFiniteActivationError:
    prompt = prompts[found.batch.rows[place]]
    where = "after the last layer" if layer is None else f"in layer {layer}"
    return NonFiniteActivationError(
        f"The model computed NaN or infinity {where} at the prompt {shortened(prompt)!r}. "
        "Use --dtype float32 or bfloat16, or check its weights.",
        layer=layer,
        prompt=prompt,
    )
