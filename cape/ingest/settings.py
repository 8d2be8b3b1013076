"""How a run was made, as its results file says it: kept as texts beside the scores, so that it can be looked up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cape.ingest.documents import mapping, text_of

OF_THE_FILE = (
    "git_hash",
    "lm_eval_version",
    "transformers_version",
    "model_source",
    "chat_template_sha",
    "system_instruction_sha",
    "fewshot_as_multiturn",
    "max_length",
    "date",
)
OF_THE_RUN = (
    "model",
    "model_args",
    "model_num_parameters",
    "model_dtype",
    "model_revision",
    "model_sha",
    "batch_size",
    "limit",
    "bootstrap_iters",
    "gen_kwargs",
    "random_seed",
    "numpy_seed",
    "torch_seed",
    "fewshot_seed",
)
OF_A_TASK = ("dataset_path", "metric_list")
LENGTH_MAX = 1_000  # characters of one setting


def run_settings(layout: Mapping[str, Any], tasks: Iterable[str]) -> dict[str, str]:
    """Return the settings of a run of lm-eval as texts; of its tasks only those whose scores were taken.

    The prompt of a task (`doc_to_text`) is kept as the start of its sha256, which tells two prompts apart.
    """
    found = {name: layout.get(name) for name in OF_THE_FILE}
    found |= {name: mapping(layout.get("config")).get(name) for name in OF_THE_RUN}
    for task in tasks:
        config = mapping(mapping(layout.get("configs")).get(task))
        found |= {f"{task}.{name}": config.get(name) for name in OF_A_TASK}
        found[f"{task}.task_hash"] = mapping(layout.get("task_hashes")).get(task)
        found[f"{task}.higher_is_better"] = mapping(layout.get("higher_is_better")).get(task)
        prompt = text_of(config.get("doc_to_text"))
        if prompt is not None:
            found[f"{task}.doc_to_text_sha256"] = hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16]
    return {name: _shown(value) for name, value in found.items() if value is not None and value != {}}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, default=str)
    return text[:LENGTH_MAX].encode("utf-8", "replace").decode()
