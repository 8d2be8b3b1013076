"""What a results file says about its model besides scores: arguments, precision, chat template, counted parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cape.ingest.documents import Document, has_control, mapping, shown, text_of
from cape.ingest.records import ModelFacts

QUANTISED = re.compile(r"(?i)(?:gptq|awq|gguf|ggml|(?<![a-z])bnb|[-_. ](?:int|nf|fp)?[48]-?bit|u?int[48](?!\d)|nf4)")
_QUANTISING = ("load_in_4bit", "load_in_8bit", "autogptq", "gptqmodel", "gguf_file", "quantization")
_FALSE = frozenset({"", "false", "none", "0"})


def model_arguments(given: Any) -> dict[str, str]:
    """Return `model_args` of a harness, a text `name=value,...` or an object, as texts by name."""
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        return {name.strip(): value.strip() for name, mark, value in pairs if mark}
    return {name: text for name, value in mapping(given).items() if (text := _argument(value)) is not None}


def model_facts(
    model: str,
    *,
    arguments: Mapping[str, str],
    dtype: str,
    n_params: float | None,
    has_chat_template: bool,
    document: Document,
) -> ModelFacts:
    """Return the facts of a model; raises IngestError for a name that cannot be one."""
    name = model.strip()
    if not name:
        raise document.refuse("The file names no model.", "Add the model's name, or keep the file in its folder.")
    if has_control(name):
        raise document.refuse(f"The model's name {shown(name)} holds control characters.", "Correct the name.")
    asked = any(arguments.get(option, "").lower() not in _FALSE for option in _QUANTISING)
    adapter = arguments.get("peft") or arguments.get("delta")
    return ModelFacts(
        model=f"{name}+{adapter}" if adapter else name,
        n_params=n_params,
        is_quantised=asked or bool(QUANTISED.search(f"{name} {dtype}")),
        has_chat_template=has_chat_template,
        file=document.name,
    )


def _argument(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value)
    return text_of(value)
