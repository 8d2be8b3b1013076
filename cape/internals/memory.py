"""What a model needs and what a device has, from the configuration alone: no weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cape.errors import ModelTooLargeError

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
OVERHEAD = 1.2  # over the weights: activations and what loading needs for a while
GIB = 2**30
AUTO = "auto"
KIB = 1024
CGROUP_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def count_parameters(config: Any, *, trust_remote_code: bool = False) -> int:
    """Return how many numbers the model of this configuration has, shared ones once; it is built without memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    model.tie_weights()
    return sum(parameter.numel() for parameter in model.parameters())


def bytes_needed(n_params: int, dtype: str) -> int:
    """Return the memory to load and run this many parameters in a dtype of BYTES."""
    return int(n_params * BYTES[dtype] * OVERHEAD)


def bytes_available(device: str) -> int:
    """Return the free memory of a device; of "auto" that of every GPU and of the CPU together."""
    import torch

    if device == AUTO:
        gpus = sum(torch.cuda.mem_get_info(place)[0] for place in range(torch.cuda.device_count()))
        return gpus + _free_ram()
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return _free_ram()


def check_fits(n_params: int, *, model: str, dtype: str, device: str) -> None:
    """Raise ModelTooLargeError, which says need and have, unless the device has room for the model."""
    need, have = bytes_needed(n_params, dtype), bytes_available(device)
    if need > have:
        raise ModelTooLargeError(
            f"{model} has {n_params:,} parameters and needs {need / GIB:.1f} GiB in {dtype}; {device} has "
            f"{have / GIB:.1f} GiB free. Use a smaller model, bfloat16, or --device auto with more GPUs.",
            need_bytes=need,
            have_bytes=have,
        )


def _free_ram() -> int:
    """Return the memory that a new process may take: the machine's or the control group's, whichever is less."""
    free = [_machine_free()]
    for limit, used in CGROUP_LIMITS:
        if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
            free.append(int(limit.read_text()) - int(used.read_text()))
    return max(0, min(free))


def _machine_free() -> int:
    file = Path("/proc/meminfo")
    if file.is_file():
        for line in file.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * KIB
    import psutil

    return int(psutil.virtual_memory().available)
