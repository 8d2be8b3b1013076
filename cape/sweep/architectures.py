"""Count the parameters of a causal language model from its config.json alone, by architecture, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cape.errors import SweepPlanError

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model by its numbers. n_parameters : shared ones once. head_width : numbers per attention head."""

    n_parameters: int
    n_layers: int
    d_model: int
    n_heads: int
    feed_width: int
    n_words: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traits:
    """What distinguishes an architecture. *_bias : terms added to projections. norm_terms : numbers per width of a norm
    (2 with a bias, 1 without, 0 for none). norms : per layer. is_tied : head shares the embedding by default."""

    qkv_bias: bool = False
    out_bias: bool = False
    feed_bias: bool = False
    is_gated: bool = False
    norm_terms: int = 2
    norms: int = 2
    is_tied: bool = False
    head_bias: bool = False
    query_norm: int = 0  # numbers of the norms of queries and keys in a layer
    positions: int = 0  # rows of a learned position embedding
    outside: int = 0  # further numbers outside the layers
    final_norms: int = 1


def _bloom(config: Config, dims: _Dims) -> _Traits:
    return _Traits(qkv_bias=True, out_bias=True, feed_bias=True, is_tied=True, outside=2 * dims.width)


def _falcon(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("bias", False))
    is_new, is_parallel = config.get("new_decoder_architecture", False), config.get("parallel_attn", True)
    norms = (config.get("num_ln_in_parallel_attn") or 2) if is_new else 1 if is_parallel else 2
    return _Traits(qkv_bias=bias, out_bias=bias, feed_bias=bias, is_tied=True, norms=norms)


def _gemma(norms: int) -> Callable[[Config, _Dims], _Traits]:
    def traits(config: Config, dims: _Dims) -> _Traits:
        bias = bool(config.get("attention_bias", False))
        normed = 2 * dims.head if "gemma3" in str(config.get("model_type")) else 0
        return _Traits(
            qkv_bias=bias, out_bias=bias, is_gated=True, norm_terms=1, norms=norms, is_tied=True, query_norm=normed
        )

    return traits


def _gpt2(config: Config, dims: _Dims) -> _Traits:
    positions = int(_first(config, "n_positions", "n_ctx", "max_position_embeddings", default=1024))
    return _Traits(qkv_bias=True, out_bias=True, feed_bias=True, is_tied=True, positions=positions)


def _gpt_neo(config: Config, dims: _Dims) -> _Traits:
    positions = int(config.get("max_position_embeddings", 2048))
    return _Traits(out_bias=True, feed_bias=True, is_tied=True, positions=positions)


def _gpt_neox(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("attention_bias", True))
    return _Traits(qkv_bias=bias, out_bias=bias, feed_bias=True)


def _gptj(config: Config, dims: _Dims) -> _Traits:
    return _Traits(feed_bias=True, norms=1, head_bias=True)


def _llama(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("attention_bias", False))
    return _Traits(
        qkv_bias=bias, out_bias=bias, feed_bias=bool(config.get("mlp_bias", False)), is_gated=True, norm_terms=1
    )


def _mpt(config: Config, dims: _Dims) -> _Traits:
    return _Traits(norm_terms=1, is_tied=True)


def _olmo(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("attention_bias", False))
    return _Traits(qkv_bias=bias, out_bias=bias, is_gated=True, norm_terms=0)


def _olmo2(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("attention_bias", False))
    normed = (dims.heads + dims.key_heads) * dims.head
    return _Traits(qkv_bias=bias, out_bias=bias, is_gated=True, norm_terms=1, query_norm=normed)


def _opt(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("enable_bias", True))
    is_affine = bool(config.get("layer_norm_elementwise_affine", True))
    has_last = config.get("do_layer_norm_before", True) and not config.get("_remove_final_layer_norm", False)
    narrow = int(config.get("word_embed_proj_dim") or dims.width)
    outside = 0 if narrow == dims.width else 2 * narrow * dims.width - (dims.width - narrow) * dims.words
    return _Traits(
        qkv_bias=bias, out_bias=bias, feed_bias=bias, norm_terms=2 * is_affine, is_tied=True, outside=outside,
        positions=int(config.get("max_position_embeddings", 2048)) + 2, final_norms=int(bool(has_last)),
    )  # fmt: skip


def _phi(config: Config, dims: _Dims) -> _Traits:
    normed = 4 * dims.head if config.get("qk_layernorm", False) else 0
    return _Traits(qkv_bias=True, out_bias=True, feed_bias=True, norms=1, head_bias=True, query_norm=normed)


def _phi3(config: Config, dims: _Dims) -> _Traits:
    return _Traits(is_gated=True, norm_terms=1)


def _qwen2(config: Config, dims: _Dims) -> _Traits:
    return _Traits(qkv_bias=True, is_gated=True, norm_terms=1)


def _qwen3(config: Config, dims: _Dims) -> _Traits:
    bias = bool(config.get("attention_bias", False))
    return _Traits(qkv_bias=bias, out_bias=bias, is_gated=True, norm_terms=1, query_norm=2 * dims.head)


def _stablelm(config: Config, dims: _Dims) -> _Traits:
    normed = (dims.heads + dims.key_heads) * dims.head if config.get("qk_layernorm", False) else 0
    norms = 1 if config.get("use_parallel_residual", False) else 2
    return _Traits(qkv_bias=bool(config.get("use_qkv_bias", False)), is_gated=True, norms=norms, query_norm=normed)


ARCHITECTURES: dict[str, Callable[[Config, _Dims], _Traits]] = {
    "bloom": _bloom,
    "falcon": _falcon,
    "gemma": _gemma(2),
    "gemma2": _gemma(4),
    "gemma3_text": _gemma(4),
    "gpt2": _gpt2,
    "gpt_neo": _gpt_neo,
    "gpt_neox": _gpt_neox,
    "gptj": _gptj,
    "llama": _llama,
    "mistral": _llama,
    "mpt": _mpt,
    "olmo": _olmo,
    "olmo2": _olmo2,
    "olmo3": _olmo2,
    "opt": _opt,
    "phi": _phi,
    "phi3": _phi3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "stablelm": _stablelm,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dims:
    """The dimensions every architecture has, under one name each."""

    width: int
    layers: int
    heads: int
    key_heads: int
    head: int
    feed: int
    words: int


def size_of(config: Config) -> Size:
    """Return the size of the model that a config.json describes.

    Of a model of text and images the text part is counted, and a note says so. Raises SweepPlanError for an
    architecture that is not in ARCHITECTURES and for a dimension that is missing.
    """
    notes: tuple[str, ...] = ()
    inner = config.get("text_config")
    if isinstance(inner, Mapping):
        config, notes = {"model_type": config.get("model_type"), **inner}, ("only the text part is counted",)
    kind = str(config.get("model_type"))
    if kind not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise SweepPlanError(f"The parameters of a model of type {kind!r} cannot be counted. Known types: {known}.")
    dims = _dims(config, kind)
    return Size(
        n_parameters=_parameters(config, dims, ARCHITECTURES[kind](config, dims)),
        n_layers=dims.layers,
        d_model=dims.width,
        n_heads=dims.heads,
        feed_width=dims.feed,
        n_words=dims.words,
        notes=notes,
    )


def _parameters(config: Config, dims: _Dims, traits: _Traits) -> int:
    queries, keys = dims.heads * dims.head, dims.key_heads * dims.head
    attention = dims.width * (queries + 2 * keys) + traits.qkv_bias * (queries + 2 * keys)
    attention += queries * dims.width + traits.out_bias * dims.width
    up = 2 if traits.is_gated else 1
    feed = dims.width * dims.feed * (up + 1) + traits.feed_bias * (up * dims.feed + dims.width)
    norm = traits.norm_terms * dims.width
    layer = attention + feed + traits.norms * norm + traits.query_norm
    is_tied = bool(config.get("tie_word_embeddings", traits.is_tied))
    head = 0 if is_tied else dims.words * dims.width
    embedding = (dims.words + traits.positions) * dims.width
    outside = traits.outside + traits.final_norms * norm + traits.head_bias * dims.words
    return embedding + dims.layers * layer + head + outside


def _dims(config: Config, kind: str) -> _Dims:
    width = int(_first(config, "hidden_size", "n_embd", "n_embed", "d_model"))
    heads = int(_first(config, "num_attention_heads", "n_head", "n_heads", "num_heads"))
    own = int(_first(config, "head_dim", default=width // heads))
    ratio = float(config.get("expansion_ratio", 4))
    feed = _first(config, "intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", default=int(ratio * width))
    return _Dims(
        width=width,
        layers=int(_first(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers")),
        heads=heads,
        key_heads=_key_heads(config, kind, heads),
        head=own,
        feed=int(feed),
        words=int(_first(config, "vocab_size")),
    )


def _key_heads(config: Config, kind: str, heads: int) -> int:
    if kind == "falcon":
        if config.get("new_decoder_architecture", False):
            return int(config.get("num_kv_heads") or heads)
        return 1 if config.get("multi_query", True) else heads
    return int(_first(config, "num_key_value_heads", default=heads))


def _first(config: Config, *names: str, default: Any = None) -> Any:
    """Return the first of the named values that is there and not null."""
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if found is None:
        raise SweepPlanError(f"config.json lacks {' or '.join(names)}, so the model's size cannot be told.")
    return found
