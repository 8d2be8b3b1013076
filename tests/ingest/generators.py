"""Result files written from the published layouts of each harness and version, with planted scores; nothing is copied.

Each function returns the content of one file; `write` puts it where the harness would.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "EleutherAI/pythia-160m"
STAMP = "2025-03-01T10-20-30.123456"
SUBJECTS = tuple(f"subject_{number:02d}" for number in range(57))
SCORES = {"hellaswag": 0.51, "arc_challenge": 0.32, "winogrande": 0.61, "mc1": 0.23, "mc2": 0.38, "mmlu": 0.27}
ITEMS = {"hellaswag": 10042, "arc_challenge": 1172, "winogrande": 1267, "truthfulqa_mc1": 817, "truthfulqa_mc2": 817}


def write(path: Path, content: Any) -> Path:
    """Write content as JSON (NaN as the harnesses write it) and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def lm_eval(model: str = MODEL, *, scores: dict[str, float] | None = None, **changes: Any) -> Any:
    """A results file of lm-evaluation-harness >= 0.4; `changes` replace keys of the top level."""
    held = SCORES | (scores or {})
    leaves = [f"mmlu_{subject}" for subject in SUBJECTS]
    tasks = ["hellaswag", "arc_challenge", "winogrande", "truthfulqa_mc1", "truthfulqa_mc2"]
    results: dict[str, dict[str, Any]] = {task: {"alias": task} for task in [*tasks, *leaves, "mmlu"]}
    for task in ("hellaswag", "arc_challenge"):
        results[task] |= {"acc,none": held[task] - 0.1, "acc_stderr,none": 0.004}
        results[task] |= {"acc_norm,none": held[task], "acc_norm_stderr,none": 0.005}
    for task, name in (("winogrande", "winogrande"), ("truthfulqa_mc1", "mc1"), ("truthfulqa_mc2", "mc2")):
        results[task] |= {"acc,none": held[name], "acc_stderr,none": 0.014}
    for leaf in leaves:
        results[leaf] |= {"acc,none": held["mmlu"], "acc_stderr,none": 0.04}
    results["mmlu"] |= {"acc,none": held["mmlu"], "acc_stderr,none": "N/A", "sample_len": 5700}
    shots = {task: 0 for task in [*tasks, *leaves]}
    counts = ITEMS | dict.fromkeys(leaves, 100)
    document = {
        "results": results,
        "groups": {"mmlu": dict(results["mmlu"])},
        "group_subtasks": {"mmlu": ["mmlu_stem"], "mmlu_stem": leaves} | {task: [] for task in tasks},
        "configs": {task: {"task": task, "num_fewshot": 0, "metadata": {"version": 1.0}} for task in [*tasks, *leaves]},
        "versions": {task: 1.0 for task in [*tasks, *leaves]} | {"mmlu": 2},
        "n-shot": shots,
        "higher_is_better": {task: {"acc": True} for task in tasks},
        "n-samples": {task: {"original": counts[task], "effective": counts[task]} for task in [*tasks, *leaves]},
        "config": {
            "model": "hf",
            "model_args": f"pretrained={model},dtype=float16",
            "model_num_parameters": 162322944,
            "model_dtype": "torch.float16",
            "model_revision": "main",
            "model_sha": "50f5173d932e8e61f858120bcb800b97af589f46",
            "batch_size": 16,
            "limit": None,
            "bootstrap_iters": 100000,
            "gen_kwargs": None,
            "random_seed": 0,
        },
        "git_hash": "abc1234",
        "date": 1740824430.0,
        "transformers_version": "4.49.0",
        "lm_eval_version": "0.4.8",
        "task_hashes": {},
        "model_source": "hf",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "max_length": 2048,
    }
    return document | changes


def lm_eval_old(
    model: str = "EleutherAI/pythia-160m", *, scores: dict[str, float] | None = None, **changes: Any
) -> Any:
    """A results file of lm-evaluation-harness < 0.4."""
    held = SCORES | (scores or {})
    results = {
        "hellaswag": {"acc": held["hellaswag"] - 0.1, "acc_stderr": 0.004},
        "arc_challenge": {"acc": held["arc_challenge"] - 0.1, "acc_stderr": 0.01},
        "winogrande": {"acc": held["winogrande"], "acc_stderr": 0.014},
        "truthfulqa_mc": {"mc1": held["mc1"], "mc1_stderr": 0.015, "mc2": held["mc2"], "mc2_stderr": 0.014},
    }
    for task in ("hellaswag", "arc_challenge"):
        results[task] |= {"acc_norm": held[task], "acc_norm_stderr": 0.005}
    results |= {f"hendrycksTest-{name}": {"acc": held["mmlu"], "acc_stderr": 0.04} for name in SUBJECTS}
    return {
        "results": results,
        "versions": {task: 0 for task in results} | {"truthfulqa_mc": 1},
        "config": {
            "model": "hf-causal",
            "model_args": f"pretrained={model}",
            "num_fewshot": 0,
            "batch_size": 8,
            "device": "cuda:0",
            "no_cache": True,
            "limit": None,
            "bootstrap_iters": 100000,
            "description_dict": {},
        },
    } | changes


def leaderboard_v1(
    model: str = "EleutherAI/pythia-160m",
    *,
    scores: dict[str, float] | None = None,
    n_subjects: int = 57,
    **changes: Any,
) -> Any:
    """A results file of the archive of the Open LLM Leaderboard v1."""
    held = SCORES | (scores or {})
    results: dict[str, dict[str, Any]] = {
        "harness|arc:challenge|25": {"acc": held["arc_challenge"] - 0.1, "acc_stderr": 0.01},
        "harness|hellaswag|10": {"acc": held["hellaswag"] - 0.1, "acc_stderr": 0.005},
    }
    for task, name in (("harness|arc:challenge|25", "arc_challenge"), ("harness|hellaswag|10", "hellaswag")):
        results[task] |= {"acc_norm": held[name], "acc_norm_stderr": 0.0049}
    for name in SUBJECTS[:n_subjects]:
        entry = {"acc": held["mmlu"], "acc_stderr": 0.03, "acc_norm": held["mmlu"], "acc_norm_stderr": 0.03}
        results[f"harness|hendrycksTest-{name}|5"] = entry
    results["harness|truthfulqa:mc|0"] = {"mc1": held["mc1"], "mc1_stderr": 0.014}
    results["harness|truthfulqa:mc|0"] |= {"mc2": held["mc2"], "mc2_stderr": 0.0137}
    results["harness|winogrande|5"] = {"acc": held["winogrande"], "acc_stderr": 0.0137}
    results["harness|gsm8k|5"] = {"acc": 0.01, "acc_stderr": 0.003}
    results["all"] = {"acc": 0.3, "acc_stderr": 0.03, "mc1": held["mc1"], "mc2": held["mc2"]}
    general = {
        "model_name": model,
        "model_sha": "50f5173d932e8e61f858120bcb800b97af589f46",
        "model_dtype": "torch.float16",
        "lighteval_sha": "0f318ecf002208468154899217b3ba7c6ae09374",
        "num_few_shot_default": 0,
        "num_fewshot_seeds": 1,
        "override_batch_size": 1,
        "max_samples": None,
        "job_id": "",
    }
    return {"results": results, "versions": {task: 0 for task in results}, "config_general": general} | changes


def lm_eval_samples(task: str, n: int = 20, *, seed: int = 0, category: str | None = None) -> str:
    """Lines of a samples file of lm-evaluation-harness >= 0.4."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(n):
        right = bool(rng.random() < 0.5)
        doc = {"query": f"question {number}"} | ({"category": category} if category else {})
        line = {
            "doc_id": number,
            "doc": doc,
            "target": "0",
            "arguments": [["a", "b"]],
            "resps": [[["-1.0", "False"]]],
            "filtered_resps": [["-1.0", "False"]],
            "filter": "none",
            "metrics": ["acc", "acc_norm"],
            "doc_hash": f"{number:064x}",
            "prompt_hash": f"{number + 1:064x}",
            "target_hash": f"{number + 2:064x}",
            "acc": float(right),
            "acc_norm": float(right),
        }
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def folder_of_v1(folder: Path, n_files: int) -> Path:
    """A folder like the archive: one organisation and model each, sizes in their names."""
    for number in range(n_files):
        size = (1, 3, 7, 13, 30, 70)[number % 6]
        model = f"org{number // 6}/model-{size}b"
        scores = {"hellaswag": 0.3 + 0.0001 * (number % 1000), "mc2": 0.4}
        write(folder / model / f"results_{STAMP}.json", leaderboard_v1(model, scores=scores))
    return folder
