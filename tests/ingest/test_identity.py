"""Who a model is: the answer, the registry, the alias table, the written rule; unsure is said."""

from __future__ import annotations

from pathlib import Path

import generators
import polars as pl
import pytest

from cape.ingest.identity import answered, identify
from cape.ingest.model_names import named_model, split_name
from cape.ingest.reading import ReadOptions, read_results
from cape.ingest.records import ModelFacts

Known = dict[tuple[str, str], float | None]
REGISTRY = pl.DataFrame(
    {
        "model_id": ["pythia-160m", "frontier-x"],
        "hf_id": ["EleutherAI/pythia-160m", None],
        "family": ["Pythia", "frontier-lab"],
        "params_b": [0.16, None],
        "d_model": [768, None],
        "kind": ["base", "frontier"],
    }
)


@pytest.mark.parametrize(
    ("name", "family", "size", "kind", "is_sure"),
    [
        ("EleutherAI/pythia-1.4b-deduped", "Pythia-deduped", 1.4, "base", True),
        ("EleutherAI/pythia-70m", "Pythia", 0.07, "base", True),
        ("openai-community/gpt2-xl", "GPT-2", 1.5, "base", True),
        ("bigscience/bloom-7b1", "BLOOM", 7.1, "base", True),
        ("meta-llama/Llama-2-13b-hf", "Llama-2", 13.0, "base", True),
        ("meta-llama/Llama-2-13b-chat-hf", "Llama-2-chat", 13.0, "instruct", True),
        ("mistralai/Mixtral-8x7B-v0.1", "Mixtral", 46.7, "base", True),
        ("someone/pythia-1b", "someone/pythia", 1.0, "base", False),
        ("acme/lm-350m-v2", "acme/lm", 0.35, "base", False),
        ("acme/lm-7b-instruct", "acme/lm", 7.0, "instruct", False),
        ("acme/mix-8x7b", "acme/mix-8x7b", None, "base", False),
        ("acme/moe-30b-a3b", "acme/moe", None, "base", False),
        ("acme/lm-7b-300b-tokens", "acme/lm", 7.0, "base", False),
        ("acme/lm-7b-13b", "acme/lm", None, "base", False),
        ("acme/mystery", "acme/mystery", None, "base", False),
        ("acme/lm-0b", "acme/lm", None, "base", False),
    ],
)
def test_the_rule_on_names(name: str, family: str, size: float | None, kind: str, is_sure: bool) -> None:
    read = named_model(name)
    assert (read.family, read.params_b, read.kind, read.is_sure) == (family, size, kind, is_sure)
    assert read.model_id == name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("org/model", ("org", "model", None)),
        ("/data/runs/acme-1b", ("", "acme-1b", None)),
        ("./acme-1b/checkpoint-500", ("", "acme-1b", "step500")),
        ("C:\\runs\\acme-1b", ("", "acme-1b", None)),
        ("My Model 7B", ("", "My-Model-7B", None)),
        ("a/b/c/lm|7b", ("", "lm-7b", None)),
        ("/", ("", "unnamed", None)),
        ("=cmd", ("", "cmd", None)),
    ],
)
def test_names_and_paths(name: str, parts: tuple[str, str, str | None]) -> None:
    assert split_name(name) == parts


def test_the_registry_is_asked_before_the_rule() -> None:
    found = identify(["EleutherAI/pythia-160m", "pythia-160m", "other/pythia-160m"], [], registry=REGISTRY)
    assert found.ids["EleutherAI/pythia-160m"] == found.ids["pythia-160m"] == "pythia-160m"
    assert found.ids["other/pythia-160m"] == "other/pythia-160m"
    row = found.models.row(by_predicate=pl.col("model_id") == "pythia-160m", named=True)
    assert row["d_model"] == 768 and row["is_sure"] and row["is_registered"] and "registry" in row["how"]


def test_counted_parameters_stand_before_the_label_and_contradictions_are_said() -> None:
    facts = [
        ModelFacts(model="acme/lm-7b", n_params=6.9e9, file="f"),
        ModelFacts(model="acme/lm-1b", n_params=3e9, file="f"),
    ]
    found = identify([each.model for each in facts], facts)
    sizes = dict(found.models.select("model_id", "params_b").rows())
    assert sizes == {"acme/lm-7b": 6.9, "acme/lm-1b": 3.0}
    (finding,) = found.findings
    assert "3 B parameters were counted, 1 B is its label" in finding.found


def test_packed_weights_are_not_counted() -> None:
    facts = [ModelFacts(model="acme/lm-7b", n_params=3.5e9, is_quantised=True)]
    assert identify(["acme/lm-7b"], facts).models["params_b"].to_list() == [7.0]


def test_an_answer_stands_before_everything() -> None:
    answers = pl.DataFrame({"model_id": ["acme/mystery"], "family": ["Mystery"], "params_b": [3.0]})
    row = identify(["acme/mystery"], [], registry=REGISTRY, answers=answers).models.to_dicts()[0]
    assert (row["family"], row["params_b"], row["is_sure"]) == ("Mystery", 3.0, True) and "answered" in row["how"]
    later = answered(identify(["acme/mystery"], []).models, answers).to_dicts()[0]
    assert (later["family"], later["params_b"], later["is_sure"]) == ("Mystery", 3.0, True)
    empty = answers.with_columns(pl.lit(None, pl.Float64).alias("params_b"), pl.lit("").alias("family"))
    assert answered(identify(["acme/mystery"], []).models, empty).equals(identify(["acme/mystery"], []).models)


def test_two_names_of_one_registered_model_are_one_model(tmp_path: Path, known: Known) -> None:
    for name, score in (("EleutherAI/pythia-160m", 0.3), ("pythia-160m", 0.31)):
        generators.write(
            tmp_path / name.replace("/", "__") / "results.json", generators.lm_eval(name, scores={"hellaswag": score})
        )
    result = read_results([tmp_path], known_benchmarks=known, options=ReadOptions(registry=REGISTRY))
    assert result.models["model_id"].to_list() == ["pythia-160m"] and result.scores.height == 6
