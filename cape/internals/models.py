"""Load a causal language model, safely, with its parts found: from a folder, a hub id, or one held in memory.

Nothing is fetched, unpickled or run from a stranger unless the caller asks for it.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError, MissingDependencyError, ModelLoadError, TokenizerError
from cape.internals.architecture import SUPPORTED, find_attention_outputs, find_layers, text_config, width_in
from cape.internals.memory import AUTO, BYTES, check_fits, count_parameters

INSTALL_LINE = "pip install -r requirements-heavy.txt"
PACKAGES = ("torch", "transformers", "safetensors")
CAUSAL = ("CausalLM", "LMHeadModel", "ConditionalGeneration")  # ends of the names of architectures that write text
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A causal language model whose parts have been found.

    model : the transformers model, in evaluation mode. tokenizer : pads on the left; its pad token may be its end
    token, so every batch needs its mask. revision : as resolved by the hub, else as asked for.
    layers : (n_layers,) decoder layers. attention_outputs : (n_layers,) the projection whose input holds the heads.
    head_dim : numbers per head in that input. d_model : width of the residual stream.
    unembedding : maps the last hidden state, after the final norm, to logits.
    """

    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    model_id: str
    revision: str
    dtype: str
    device: str
    layers: tuple[Any, ...] = field(repr=False)
    attention_outputs: tuple[Any, ...] = field(repr=False)
    n_layers: int
    n_heads: int
    head_dim: int
    d_model: int
    unembedding: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What loading may do beyond reading safetensors from this machine.

    hub : fetch from the hub. remote_code : run Python that comes with the model. pickle : read weights that are not
    safetensors, with a loader that refuses everything but tensors.
    """

    hub: bool = False
    remote_code: bool = False
    pickle: bool = False


def require_torch() -> None:
    """Raise MissingDependencyError, with the install line, unless torch, transformers and safetensors are here."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"Looking inside a model needs {', '.join(PACKAGES)}; {error.name} is not installed. "
                f"Install them with `{INSTALL_LINE}`. The recorded results need none of them."
            ) from error


def load_model(
    model: str,
    *,
    revision: str = "main",
    dtype: str = "float32",
    device: str = "cpu",
    allow_hub: bool = False,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Return the model of a folder or hub id, read from safetensors.

    dtype : float32, float16 or bfloat16. device : cpu, cuda, cuda:N, mps, or auto to spread it over every GPU.
    Raises MissingDependencyError without torch; BadParameterError for a dtype or device that is not there;
    ModelLoadError for a wrong id, a model that is not causal, missing weights or an unknown architecture;
    ModelTooLargeError before weights are read; TokenizerError where prompts could not be padded.
    """
    access = Access(hub=allow_hub, remote_code=trust_remote_code)
    return load_with(model, revision=revision, dtype=dtype, device=device, access=access)


def load_with(model: str, *, revision: str, dtype: str, device: str, access: Access) -> LoadedModel:
    """Do what `load_model` does, with access stated in one record."""
    require_torch()
    _check_place(dtype, device)
    quiet()
    asked = _asked(model, revision, access)
    config = _read_config(model, asked)
    n_params = count_parameters(config, trust_remote_code=access.remote_code)
    check_fits(n_params, model=model, dtype=dtype, device=device)
    found = _read_weights(model, asked, dtype=dtype, device=device, access=access)
    return adapt(
        found,
        _read_tokenizer(model, asked),
        model_id=_model_id(model),
        revision=getattr(config, "_commit_hash", None) or revision,
    )


def adapt(model: Any, tokenizer: Any, *, model_id: str, revision: str = "") -> LoadedModel:
    """Return a model that is in memory with its parts found.

    The tokenizer is made to pad on the left, with its end token where it has no pad token; None is accepted for a
    caller that never passes text. Raises ModelLoadError for an unknown architecture, TokenizerError as above.
    """
    config = text_config(model)
    layers = find_layers(model)
    outputs = find_attention_outputs(layers, d_model=config.hidden_size, n_heads=config.num_attention_heads)
    unembedding = model.get_output_embeddings()
    if unembedding is None:
        raise ModelLoadError(f"{model_id} ({type(model).__name__}) has no output embeddings. Use a causal model.")
    first = next(model.parameters())
    return LoadedModel(
        model=model.eval(),
        tokenizer=None if tokenizer is None else padding_tokenizer(tokenizer, model_id),
        model_id=model_id,
        revision=revision,
        dtype=str(first.dtype).removeprefix("torch."),
        device=str(model.get_input_embeddings().weight.device),
        layers=layers,
        attention_outputs=outputs,
        n_layers=len(layers),
        n_heads=config.num_attention_heads,
        head_dim=width_in(outputs[0]) // config.num_attention_heads,
        d_model=config.hidden_size,
        unembedding=unembedding,
    )


def padding_tokenizer(tokenizer: Any, model_id: str) -> Any:
    """Return the tokenizer, padding on the left; raise TokenizerError where it has neither a pad nor an end token."""
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise TokenizerError(
                f"The tokenizer of {model_id} has no pad token and no end token, so prompts of different lengths "
                "cannot share a batch. Set pad_token in its tokenizer_config.json."
            )
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def quiet() -> None:
    """Turn off the bars and notes that transformers prints while it reads files."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _check_place(dtype: str, device: str) -> None:
    """Raise BadParameterError for a dtype or device that this machine does not have."""
    import torch

    if dtype not in BYTES:
        raise BadParameterError(f"dtype {dtype!r} is not known. Use one of: {', '.join(BYTES)}.")
    if not DEVICE.fullmatch(device):
        raise BadParameterError(f"device {device!r} is not known. Use cpu, cuda, cuda:0, mps or auto.")
    number = int(device.partition(":")[2] or 0)
    if device.startswith("cuda") and torch.cuda.device_count() <= number:
        raise BadParameterError(f"There is no {device}; this machine has {torch.cuda.device_count()} CUDA devices.")
    if device == "mps" and not torch.backends.mps.is_available():
        raise BadParameterError("There is no mps device on this machine. Use cpu.")


def _asked(model: str, revision: str, access: Access) -> dict[str, Any]:
    """Return what every `from_pretrained` of this model is given; raise ModelLoadError for a path that is none."""
    if not model.strip() or (Path(model).is_absolute() and not Path(model).is_dir()):
        raise ModelLoadError(f"There is no folder {model!r}. Name a folder that holds config.json, or a hub id.")
    return {
        "revision": revision,
        "local_files_only": not access.hub or Path(model).is_dir(),
        "trust_remote_code": access.remote_code,
    }


def _model_id(model: str) -> str:
    """Return the id of a hub model, or the last two parts of a folder, which machines share."""
    folder = Path(model)
    return "/".join(folder.resolve().parts[-2:]) if folder.is_dir() else model


def _read_config(model: str, asked: dict[str, Any]) -> Any:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    try:
        config = AutoConfig.from_pretrained(model, **asked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(_no_config(model, asked, error)) from error
    known = [name for name in config.architectures or () if name.endswith(CAUSAL)]
    is_remote = asked["trust_remote_code"] and hasattr(config, "auto_map")
    if getattr(config, "is_encoder_decoder", False) or (config.architectures and not known):
        kind = ", ".join(config.architectures or ()) or config.model_type
        raise ModelLoadError(f"{model} is no causal language model but {kind}. Use one such as {SUPPORTED}.")
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and not is_remote:
        raise ModelLoadError(f"{model} ({config.model_type}) is no causal language model. Use one such as {SUPPORTED}.")
    return config


def _no_config(model: str, asked: dict[str, Any], error: Exception) -> str:
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if Path(model).is_dir():
        return f"The folder {model} holds no model that can be read: {said} It needs config.json and safetensors."
    if asked["local_files_only"]:
        return (
            f"{model!r} is neither a folder nor a model in this machine's cache, and access to the hub is off. "
            "Name a folder, or allow the hub with --allow-hub."
        )
    return f"The hub gave no model {model!r} at revision {asked['revision']!r}: {said} Check its id and revision."


def _read_weights(model: str, asked: dict[str, Any], *, dtype: str, device: str, access: Access) -> Any:
    """Return the model; raise ModelLoadError for files that are missing, broken, unsafe or of another model."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    wanted = {"dtype": getattr(torch, dtype), "use_safetensors": None if access.pickle else True}
    if device == AUTO:
        wanted["device_map"] = AUTO
    try:
        found, report = AutoModelForCausalLM.from_pretrained(model, **asked, **wanted, output_loading_info=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelLoadError(
            f"The weights of {model} cannot be read: {said} They must be whole, and safetensors (--allow-pickle reads "
            "others)."
        ) from error
    lacking = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if lacking:
        raise ModelLoadError(
            f"{model} lacks {len(lacking)} weights of a {type(found).__name__}, as {lacking[0]}; they would be random. "
            "Use a complete checkpoint of a causal model."
        )
    return found if device == AUTO else found.to(device)


def _read_tokenizer(model: str, asked: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model, **asked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TokenizerError(
            f"The tokenizer of {model} cannot be read: {said} The folder needs tokenizer.json and "
            "tokenizer_config.json."
        ) from error
