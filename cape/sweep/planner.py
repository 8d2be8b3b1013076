"""What every job of a sweep will need, from config.json alone: memory and hours, and what cannot fit, before launch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cape.errors import MissingDependencyError, SweepPlanError
from cape.internals.memory import BYTES, GIB, bytes_needed
from cape.sweep.architectures import Size, size_of
from cape.sweep.models_file import Assumptions, ModelsFile, ModelSpec, ProbeSpec
from cape.sweep.queues import INSTALL

BASE_GIB = 0.8  # a process that has imported torch and transformers and holds no model
CONTEXT_GIB = 0.6  # of a process on each GPU it uses
SHARD_GIB = 5.0  # largest file of weights the hub's tools write; read one at a time onto several GPUs
START_SECONDS = 30.0  # until a worker has imported what it needs
SAFETY = 2.0  # hours stated over hours counted
KEPT_PROMPTS = 200  # most prompts whose vectors a probe keeps
FLOP_PER_PARAMETER = 2.0  # a multiplication and an addition for every token

ReadConfig = Callable[[ModelSpec], Mapping[str, Any]]
CountPrompts = Callable[[ModelSpec, ProbeSpec], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """One job before launch.

    memory_gib : main memory needed. gpu_gib : needed of each of its GPUs, None without. n_gpus_needed : that would
    hold the model at gpu_memory_gib each, None where none do. device : cpu, cuda or auto (spread by accelerate).
    problems : why it cannot run within its limits, with numbers.
    """

    name: str
    spec: ModelSpec
    probe: ProbeSpec
    size: Size
    n_prompts: int
    memory_gib: float
    gpu_gib: float | None
    n_gpus_needed: int | None
    hours: float
    device: str
    problems: tuple[str, ...]


def plan_sweep(content: ModelsFile, *, read_config: ReadConfig, n_prompts: CountPrompts) -> tuple[JobPlan, ...]:
    """Return the plan of every job of a file, in its order; nothing is launched and no weight is read.

    read_config : gives the config.json of a model. n_prompts : of a model in a configuration.
    """
    configs: dict[tuple[str, str], Size] = {}
    plans = []
    for spec in content.models:
        key = (spec.model, spec.revision)
        if key not in configs:
            configs[key] = size_of(read_config(spec))
        plans += [_plan(spec, probe, configs[key], n_prompts(spec, probe), content.assume) for probe in spec.probes]
    return tuple(plans)


def refuse_unfit(plans: Iterable[JobPlan]) -> None:
    """Raise SweepPlanError with the numbers of every job that cannot run within its limits."""
    problems = [f"{plan.name}: {problem}" for plan in plans for problem in plan.problems]
    if problems:
        raise SweepPlanError(f"{len(problems)} limits are too small; nothing was launched.\n" + "\n".join(problems))


def config_from(model: str, revision: str, *, allow_hub: bool) -> Mapping[str, Any]:
    """Return the config.json of a folder, of the hub's cache on this machine, or of the hub where it is allowed.

    Raises SweepPlanError where it is not there or no JSON.
    """
    folder = Path(model)
    file = folder / "config.json" if folder.is_dir() else _cached(model, revision, allow_hub)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SweepPlanError(f"{model} has no config.json that can be read: {error}.") from error
    if not isinstance(found, dict):
        raise SweepPlanError(f"config.json of {model} is no mapping.")
    return found


def job_name(spec: ModelSpec, probe: ProbeSpec) -> str:
    """Return the name of a job: model, revision, dtype and probe configuration, fit for a folder."""
    parts = (spec.model.strip("/."), spec.revision, spec.dtype, probe.name)
    return "__".join("".join(sign if sign.isalnum() or sign in "-." else "-" for sign in part) for part in parts)


def _plan(spec: ModelSpec, probe: ProbeSpec, size: Size, n_prompts: int, assume: Assumptions) -> JobPlan:
    gpus = spec.limits.gpus
    weights = bytes_needed(size.n_parameters, spec.dtype) / GIB
    running = _activations(size, probe, BYTES[spec.dtype]) / GIB
    kept = 2 * min(n_prompts, KEPT_PROMPTS) * (size.n_layers + 1) * size.d_model * BYTES["float32"] / GIB
    on_cpu = weights + running if gpus == 0 else weights if gpus == 1 else min(weights, SHARD_GIB)
    memory = BASE_GIB + kept + on_cpu
    gpu_gib = _gpu_gib(gpus, weights, running, size) if gpus else None
    hours = _hours(spec, probe, size, n_prompts, assume)
    needed = _gpus_needed(spec, weights, running, size) if gpus else None
    return JobPlan(
        name=job_name(spec, probe), spec=spec, probe=probe, size=size, n_prompts=n_prompts, memory_gib=memory,
        gpu_gib=gpu_gib, n_gpus_needed=needed, hours=hours, device=("cpu", "cuda")[gpus] if gpus < 2 else "auto",
        problems=tuple(_problems(spec, memory, gpu_gib, needed, hours)),
    )  # fmt: skip


def _problems(spec: ModelSpec, memory: float, gpu_gib: float | None, needed: int | None, hours: float) -> Iterable[str]:
    limits = spec.limits
    if memory > limits.memory_gib:
        yield f"needs {memory:.1f} GiB of main memory, memory_gib is {limits.memory_gib:g}."
    if gpu_gib is not None and gpu_gib > spec.gpu_memory_gib:
        more = f"{needed} such GPUs would do" if needed else "no number of such GPUs would do"
        yield (
            f"needs {gpu_gib:.1f} GiB on each of {limits.gpus} GPUs, gpu_memory_gib is {spec.gpu_memory_gib:g}; {more}."
        )
    if hours > limits.hours:
        yield f"needs {hours:.2f} hours, hours is {limits.hours:g}."


def _activations(size: Size, probe: ProbeSpec, n_bytes: int) -> float:
    """Return the bytes that one batch takes besides the weights, all hidden states and attention maps held."""
    tokens = probe.batch_size * probe.max_tokens
    hidden = (size.n_layers + 1) * tokens * size.d_model * n_bytes
    maps = size.n_layers * probe.batch_size * size.n_heads * probe.max_tokens**2 * n_bytes
    feed = 3 * tokens * size.feed_width * n_bytes
    logits = tokens * size.n_words * (n_bytes + BYTES["float32"])
    return hidden + maps + feed + logits


def _gpu_gib(gpus: int, weights: float, running: float, size: Size) -> float:
    """Return the memory needed on each GPU; layers are not split, so that one GPU may hold one layer more."""
    spare = weights / size.n_layers if gpus > 1 else 0.0
    return CONTEXT_GIB + weights / gpus + spare + running


def _gpus_needed(spec: ModelSpec, weights: float, running: float, size: Size) -> int | None:
    for gpus in range(1, size.n_layers + 1):
        if _gpu_gib(gpus, weights, running, size) <= spec.gpu_memory_gib:
            return gpus
    return None


def _hours(spec: ModelSpec, probe: ProbeSpec, size: Size, n_prompts: int, assume: Assumptions) -> float:
    """Return the hours of a job by the stated speeds, times SAFETY. Layers on several GPUs work one after another."""
    reading = size.n_parameters * BYTES[spec.dtype] / (assume.disk_mib_s * 2**20)
    tokens = math.ceil(n_prompts / probe.batch_size) * probe.batch_size * probe.max_tokens
    attention = 4 * size.n_layers * probe.max_tokens * size.d_model
    work = tokens * (FLOP_PER_PARAMETER * size.n_parameters + attention)
    speed = assume.gpu_tflops * 1e12 if spec.limits.gpus else assume.cpu_gflops * 1e9 * spec.limits.cpus
    return SAFETY * (START_SECONDS + reading + work / speed) / 3600


def _cached(model: str, revision: str, allow_hub: bool) -> Path:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Models of the hub need huggingface_hub: `{INSTALL}`. Or name a folder."
        ) from error
    try:
        return Path(hf_hub_download(model, "config.json", revision=revision, local_files_only=not allow_hub))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        said = str(error).strip().splitlines()[0]
        advice = "Check its id and revision." if allow_hub else "Name a folder, or allow the hub with --allow-hub."
        raise SweepPlanError(f"There is no config.json of {model!r} at {revision!r}: {said} {advice}") from error
