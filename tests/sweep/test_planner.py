"""The planner: published sizes from config.json alone, needs that grow as they must, and refusals with numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cape.errors import SweepPlanError
from cape.sweep.architectures import size_of
from cape.sweep.models_file import read_models_file
from cape.sweep.planner import config_from, plan_sweep, refuse_unfit

# What the hub's config.json of these says, as far as size goes, and the number of parameters their owners publish.
PYTHIA_70M = {
    "model_type": "gpt_neox", "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8,
    "intermediate_size": 2048, "vocab_size": 50304, "tie_word_embeddings": False,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
LLAMA_2_7B = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "intermediate_size": 11008, "vocab_size": 32000, "tie_word_embeddings": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "n_parameters"), [(PYTHIA_70M, 70_426_624), (GPT2, 124_439_808), (LLAMA_2_7B, 6_738_415_616)]
)
def test_published_sizes(config: dict, n_parameters: int) -> None:
    assert size_of(config).n_parameters == n_parameters


def test_the_text_part_of_a_wider_model_is_counted_and_said() -> None:
    whole = {"model_type": "gemma3", "text_config": {**LLAMA_2_7B, "model_type": "llama"}}
    assert size_of(whole).n_parameters == 6_738_415_616
    assert size_of(whole).notes == ("only the text part is counted",)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "mamba"}, "type 'mamba' cannot be counted. Known types: bloom"),
        ({"model_type": "llama", "hidden_size": 8}, "lacks num_attention_heads"),
    ],
)
def test_what_cannot_be_counted_is_refused(config: dict, said: str) -> None:
    with pytest.raises(SweepPlanError, match=said):
        size_of(config)


def _plans(folder: Path, config: dict, **changed: object):
    limits = {"cpus": 4, "memory_gib": 64, "hours": 2}
    given = {"model": "some/model", "limits": limits, **changed}
    file = folder / "models.yaml"
    file.write_text(json.dumps({"models": [given]}), encoding="utf-8")
    return plan_sweep(read_models_file(file), read_config=lambda spec: config, n_prompts=lambda probe: 32)


def test_memory_holds_the_weights_and_halves_with_the_dtype(tmp_path: Path) -> None:
    (full,) = _plans(tmp_path, LLAMA_2_7B)
    (half,) = _plans(tmp_path, LLAMA_2_7B, dtype="bfloat16")
    weights = 6_738_415_616 * 4 / 2**30
    assert weights < half.memory_gib * 2 and weights < full.memory_gib < 1.5 * weights
    assert full.device == "cpu" and full.gpu_gib is None and half.memory_gib < full.memory_gib
    assert full.hours > half.hours > 0


def test_a_model_larger_than_one_gpu_is_spread_over_enough_of_them(tmp_path: Path) -> None:
    def on(gpus: int):
        limits = {"gpus": gpus, "gpu_memory_gib": 16, "memory_gib": 64, "hours": 2}
        return _plans(tmp_path, LLAMA_2_7B, limits=limits)[0]

    one, more = on(1), on(3)
    assert one.device == "cuda" and one.problems and more.device == "auto" and not more.problems
    assert one.n_gpus_needed == 3 and not on(one.n_gpus_needed).problems and on(one.n_gpus_needed - 1).problems
    assert "3 such GPUs would do" in one.problems[0] and "gpu_memory_gib is 16" in one.problems[0]
    refuse_unfit([more])
    with pytest.raises(SweepPlanError, match=r"some-model__main__float32__contrast: needs \d+\.\d GiB"):
        refuse_unfit([one, more])


def test_every_limit_that_is_too_small_is_said_with_both_numbers(tmp_path: Path) -> None:
    (plan,) = _plans(tmp_path, LLAMA_2_7B, limits={"memory_gib": 8, "hours": 0.01})
    assert len(plan.problems) == 2
    assert "memory_gib is 8" in plan.problems[0] and f"{plan.memory_gib:.1f}" in plan.problems[0]
    assert "hours is 0.01" in plan.problems[1] and f"{plan.hours:.2f}" in plan.problems[1]
    tiny = {"gpus": 1, "gpu_memory_gib": 0.5, "memory_gib": 64, "hours": 2}
    assert "no number of such GPUs" in _plans(tmp_path, LLAMA_2_7B, limits=tiny)[0].problems[0]


def test_hours_follow_the_stated_speeds(tmp_path: Path) -> None:
    def hours(**assume: float) -> float:
        file = tmp_path / "models.yaml"
        file.write_text(json.dumps({"models": [{"model": "a"}], "assume": assume}), encoding="utf-8")
        content = read_models_file(file)
        return plan_sweep(content, read_config=lambda spec: LLAMA_2_7B, n_prompts=lambda probe: 32)[0].hours

    tokens, parameters = 32 * 64, 6_738_415_616
    work = tokens * (2 * parameters + 4 * 32 * 64 * 4096)
    by_hand = 2 * (30 + parameters * 4 / (100 * 2**20) + work / 5e9) / 3600
    assert math.isclose(hours(cpu_gflops=5, disk_mib_s=100), by_hand, rel_tol=1e-9)


def test_config_json_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(GPT2), encoding="utf-8")
    assert config_from(str(tmp_path), "main", allow_hub=False) == GPT2
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(SweepPlanError, match="no mapping"):
        config_from(str(tmp_path), "main", allow_hub=False)
