"""The file of a sweep: what is accepted, and that every fault is named with its file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cape.errors import SweepFileError
from cape.sweep.models_file import EXAMPLE, MOST_BYTES, read_models_file


def _read(folder: Path, text: str):
    file = folder / "models.yaml"
    file.write_text(text, encoding="utf-8")
    return read_models_file(file)


def test_the_example_is_accepted_and_defaults_reach_every_model(tmp_path: Path) -> None:
    content = _read(tmp_path, EXAMPLE)
    assert [(spec.model, spec.revision) for spec in content.models] == [
        ("EleutherAI/pythia-70m", "step1000"),
        ("EleutherAI/pythia-70m", "main"),
        ("EleutherAI/pythia-12b", "main"),
    ]
    small, _, large = content.models
    assert small.limits.cpus == 2 and small.limits.memory_gib == 8 and small.dtype == "float32"
    assert [probe.name for probe in small.probes] == ["contrast", "domains"]
    assert large.limits.gpus == 2 and large.gpu_memory_gib == 24 and large.limits.partition == "gpu"
    assert [probe.name for probe in large.probes] == ["contrast"] and large.dtype == "bfloat16"


def test_the_shortest_file_is_accepted(tmp_path: Path) -> None:
    (spec,) = _read(tmp_path, "models:\n- model: some/model\n").models
    assert spec.revision == "main" and [probe.name for probe in spec.probes] == ["contrast"]


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("", "", "A mapping is needed"),
        ("models: []", "models", "at least one entry"),
        ("models: [{}]", "models[0]", "'model' is missing"),
        ("models: [{model: 7}]", "models[0].model", "A text is needed, got 7"),
        ("models: [{model: a, revision: 1.0}]", "models[0].revision", "in quotes"),
        ("models: [{model: a, revisions: [x, x]}]", "models[0].revisions", "'x' is there twice"),
        ("models: [{model: a, revision: x, revisions: [x]}]", "models[0].revisions", "a 'revision' too"),
        ("models: [{model: a, dtype: int8}]", "models[0].dtype", "no dtype 'int8'"),
        ("models: [{model: a, limits: {memory: 4}}]", "models[0].limits.memory", "Did you mean 'memory_gib'?"),
        ("models: [{model: a, limits: {hours: -1}}]", "models[0].limits.hours", "0.01 or more"),
        ("models: [{model: a, limits: {hours: .inf}}]", "models[0].limits.hours", "got inf"),
        ("models: [{model: a, limits: {gpus: true}}]", "models[0].limits.gpus", "whole number"),
        ("models: [{model: a, limits: {gpus: 1}}]", "models[0].limits", "needs gpu_memory_gib"),
        ("models: [{model: a, probes: [none]}]", "models[0].probes[0]", "There are: contrast"),
        ("models: [{model: a}, {model: a}]", "models[1]", "there twice, first at models[0]"),
        ("models: [{model: a}]\nmodels: [{model: b}]", "models", "written twice"),
        ("models: [{model: a}]\nprobe: {}", "probe", "Did you mean 'probes'?"),
        ("models: [{model: a}]\nprobes: {x: {seed: 1}, y: {seed: 1}}", "probes.y", "same configuration as 'x'"),
        ("models: [{model: a}]\nprobes: {x: {backend: magic}}", "probes.x.backend", "hooks or transformerlens"),
        ("models: [{model: a}]\nprobes: {x: {resamples: 3}}", "probes.x.resamples", "20 or more"),
        ("models: [{model: a}]\ndefaults: {limits: {cpus: 0}}", "limits.cpus", "1 or more"),
        ("models: [{model: a}]\nassume: {cpu_gflops: 0}", "assume.cpu_gflops", "got 0"),
        ("models: [", "", "It is no YAML"),
        ("models: [&a {model: x}, *a]", "", "aliases are not accepted"),
        ("models: !!python/object/apply:os.getcwd []", "", "It is no YAML"),
    ],
)
def test_every_fault_is_named_with_its_file_and_key(tmp_path: Path, text: str, key: str, found: str) -> None:
    with pytest.raises(SweepFileError) as caught:
        _read(tmp_path, text)
    said = str(caught.value)
    assert said.startswith("models.yaml") and found in said
    assert key in said


def test_files_that_are_missing_or_too_long_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SweepFileError, match=r"no\.yaml: It cannot be read"):
        read_models_file(tmp_path / "no.yaml")
    with pytest.raises(SweepFileError, match="longer than"):
        _read(tmp_path, "#" * (MOST_BYTES + 1))
