"""Result files of the other harnesses and tables, written from their published layouts with planted scores."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl

MODEL = "EleutherAI/pythia-160m"


def lighteval(model: str = MODEL, *, with_suite: bool = True, with_average: bool = True) -> Any:
    """A results file of lighteval; newer versions leave the suite out of the key."""
    suite = "leaderboard|" if with_suite else ""
    results = {
        f"{suite}hellaswag|10": {"acc_norm": 0.41, "acc_norm_stderr": 0.0049},
        f"{suite}arc:challenge|25": {"acc": 0.3, "acc_norm": 0.33, "acc_norm_stderr": 0.0137},
        f"{suite}winogrande|5": {"acc": 0.55, "acc_stderr": 0.014},
        f"{suite}truthfulqa:mc|0": {
            "truthfulqa_mc1": 0.22,
            "truthfulqa_mc1_stderr": 0.0145,
            "truthfulqa_mc2": 0.39,
            "truthfulqa_mc2_stderr": 0.0142,
        },
        f"{suite}mmlu:anatomy|5": {"acc": 0.25, "acc_stderr": 0.03},
        f"{suite}mmlu:astronomy|5": {"acc": 0.35, "acc_stderr": 0.03},
        "all": {"acc": 0.4},
    }
    if with_average:
        results[f"{suite}mmlu:_average|5"] = {"acc": 0.31, "acc_stderr": 0.02}
    return {
        "config_general": {
            "lighteval_sha": "?",
            "num_fewshot_seeds": 1,
            "max_samples": None,
            "job_id": 0,
            "model_name": model,
            "model_sha": "50f5173d932e8e61f858120bcb800b97af589f46",
            "model_dtype": "torch.bfloat16",
            "model_size": "0.3 GB",
        },
        "results": results,
        "versions": {key: 0 for key in results if key != "all"},
        "config_tasks": {},
        "summary_tasks": {},
        "summary_general": {},
    }


def helm_run(folder: Path, run: str, *, model: str = "eleutherai/pythia-6.9b", metric: str = "exact_match") -> Path:
    """A run directory of HELM; return its statistics file. The perturbed mean is planted far from the true one."""
    folder.mkdir(parents=True, exist_ok=True)

    def stat(name: str, mean: float, *, split: str = "test", perturbation: Any = None) -> Any:
        about = {"name": name, "split": split} | ({"perturbation": perturbation} if perturbation else {})
        return {"name": about, "count": 1, "sum": mean, "sum_squared": mean**2, "min": mean, "max": mean, "mean": mean}

    stats = [
        stat(metric, 0.9, perturbation={"name": "robustness", "robustness": True}),
        stat(metric, 0.2, split="train"),
        stat(metric, 0.54),
        stat("num_instances", 1000.0),
        stat("inference_runtime", 12.0),
    ]
    spec = {
        "name": run,
        "scenario_spec": {"class_name": "helm.benchmark.scenarios.X", "args": {}},
        "adapter_spec": {
            "method": "multiple_choice_separate_original",
            "model": model,
            "max_train_instances": 5,
            "max_eval_instances": 1000,
        },
    }
    for name, content in (("run_spec.json", spec), ("stats.json", stats), ("scenario.json", {"name": "x"})):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder / "stats.json"


OPENCOMPASS = """dataset,version,metric,mode,pythia-160m,acme-7b
--- Reasoning ---,-,-,-,-,-
hellaswag,3e134d,accuracy,ppl,30.25,75.5
winogrande,55a66e,accuracy,ll,51.00,-
ARC-c,1e0de5,accuracy,ppl,22.03,45.0
mmlu,-,naive_average,gen,25.50,60.25
mmlu,-,weighted_average,gen,25.75,61.25
ceval,-,naive_average,gen,20.00,30.00
"""


def leaderboard_v2(path: Path) -> Path:
    """The table `contents` of the leaderboard v2, as CSV or Parquet by the ending of the path."""
    frame = pl.DataFrame(
        {
            "eval_name": ["EleutherAI_pythia-160m_float16", "acme_mix_8x7b_bfloat16"],
            "Precision": ["float16", "bfloat16"],
            "Type": ["pretrained", "chat models"],
            "Model": ["<a href='https://huggingface.co/x'>x</a>", "<a>y</a>"],
            "fullname": ["EleutherAI/pythia-160m", "acme/mix-8x7b"],
            "Model sha": ["50f5173d932e8e61f858120bcb800b97af589f46", "a" * 40],
            "Average ⬆️": [5.0, 20.0],
            "#Params (B)": [0.213, 46.7],
            "MoE": [False, True],
            "Flagged": [False, True],
            "Chat Template": [False, True],
            "IFEval Raw": [0.1816, 0.55],
            "IFEval": [18.16, 55.0],
            "GPQA Raw": [0.25, 0.3],
            "MMLU-PRO Raw": [0.1120, 0.4],
            "MMLU-PRO": [1.3, 33.3],
        }
    )
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return path


def every_eval_ever(model: str = MODEL) -> Any:
    """A record of Every Eval Ever 0.2 by someone else: an error, an interval, and scales of several kinds."""

    def result(name: str, score: float, top: float, **details: Any) -> Any:
        return {
            "evaluation_name": name,
            "source_data": {"dataset_name": name, "source_type": "hf_dataset", "hf_repo": "x/y"},
            "metric_config": {
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": 0,
                "max_score": top,
            },
            "score_details": {"score": score} | details,
        }

    return {
        "schema_version": "0.2.1",
        "evaluation_id": "board/model/1740824430",
        "retrieved_timestamp": "1740824430",
        "evaluation_timestamp": "2025-02-28T10:00:00",
        "source_metadata": {
            "source_type": "documentation",
            "source_organization_name": "Someone",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.8"},
        "model_info": {"name": "Pythia", "id": model, "additional_details": {"params_billions": "0.16"}},
        "evaluation_results": [
            result("HellaSwag", 0.31, 1.0, uncertainty={"standard_error": {"value": 0.004}, "num_samples": 10042}),
            result(
                "TruthfulQA MC2",
                38.0,
                100.0,
                uncertainty={"confidence_interval": {"lower": 36.04, "upper": 39.96, "confidence_level": 0.95}},
            ),
            result("Arena Elo", 1200.0, 3000.0),
        ],
    }


WIDE = """Model,Size (B),HellaSwag,TQA
my-lm-1b,1,45.5,38.25
my-lm-7b,7,70.1,41.5
"""
WIDE_MAPPING = """layout = "wide"
unit = "percent"
[columns]
model = "Model"
params_b = "Size (B)"
[benchmarks]
"HellaSwag" = { benchmark = "hellaswag", metric = "acc_norm", n_shot = 10 }
"TQA" = { benchmark = "truthfulqa", variant = "mc2", metric = "acc" }
"""
LONG = """name,task,value,se,step
my-lm-1b,hellaswag,0.31,0.005,1000
my-lm-1b,hellaswag,0.45,0.005,2000
my-lm-1b,truthfulqa_mc1,0.25,0.015,1000
my-lm-1b,mystery,0.5,0.01,1000
"""
LONG_MAPPING = """layout = "long"
unit = "fraction"
[columns]
model = "name"
benchmark = "task"
score = "value"
stderr = "se"
step = "step"
"""


def bomb(path: Path, *, n_bytes: int = 64 * 2**20) -> Path:
    """A zip whose one member unpacks to a thousand times its size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("results_bomb.json", b" " * n_bytes)
    return path
