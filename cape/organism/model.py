"""Build, save and load the transformers; torch and transformers are imported inside functions only."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError, MissingDependencyError
from cape.organism.recipes import Shape
from cape.organism.tokenizer import write_tokenizer
from cape.organism.world import VOCABULARY

INSTALL_LINE = "pip install -r requirements-heavy.txt"
PACKAGES = ("torch", "transformers", "safetensors")
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
POSITIONS = 16  # longest text a model takes, in words


def require_torch() -> None:
    """Raise MissingDependencyError, with the install line, unless torch, transformers and safetensors are here."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"Training and scoring the organism needs {', '.join(PACKAGES)}; {error.name} is not installed. "
                f"Install them with `{INSTALL_LINE}`. The recorded results need none of them."
            ) from error


def new_model(shape: Shape, *, seed: int) -> Any:
    """Return a GPTNeoXForCausalLM of this shape with random weights drawn from the seed, in float32."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=shape.d_model,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        intermediate_size=4 * shape.d_model,
        max_position_embeddings=POSITIONS,
        rotary_pct=1.0,  # heads of a few numbers have no part to spare
        attention_dropout=0.0,
        hidden_dropout=0.0,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(seed)
    return GPTNeoXForCausalLM(config)


def count_parameters(model: Any) -> int:
    """Return the number of trained numbers of a model."""
    return sum(parameter.numel() for parameter in model.parameters())


def round_weights(model: Any) -> None:
    """Round every weight to the nearest number of float16, in which checkpoints are kept; the model stays float32."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())


def save_model(model: Any, folder: Path) -> None:
    """Write weights in float16 as safetensors, the configuration and the tokenizer into a folder.

    A model whose weights are rounded (`round_weights`) loses nothing.
    """
    _quiet()
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).half().save_pretrained(folder, safe_serialization=True)
    write_tokenizer(folder)


def load_model(folder: Path) -> Any:
    """Return the model of a checkpoint folder, read from safetensors only; raise BadParameterError without one."""
    require_torch()
    import torch
    from transformers import GPTNeoXForCausalLM

    if not (folder / WEIGHTS_FILE).is_file() or not (folder / CONFIG_FILE).is_file():
        raise BadParameterError(
            f"{folder} holds no checkpoint ({WEIGHTS_FILE} and {CONFIG_FILE}). Train one with `cape organism train`."
        )
    _quiet()
    model = GPTNeoXForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32)
    return model.eval()


def _quiet() -> None:
    """Turn off the progress bars that reading and writing a small file does not need."""
    from transformers.utils import logging

    logging.disable_progress_bar()
