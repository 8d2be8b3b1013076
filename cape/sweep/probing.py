"""Jobs that probe: one per model, revision, dtype and probe configuration, each with a shard of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError
from cape.internals.models import Access
from cape.internals.probes import Prompts
from cape.internals.results import ProbeConfig, shard_file
from cape.internals.run import Place, config_of, prompts_of, run_probe
from cape.organism.probing import world_prompts
from cape.organism.train import read_record
from cape.sweep.jobs import Job
from cape.sweep.models_file import ModelSpec, ProbeSpec
from cape.sweep.planner import JobPlan

FUNCTION = "cape.sweep.probing:probe"
OWN_WORLD = "organism"  # name of the prompts made from the world that a model was trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What a job may do beyond reading safetensors from its machine; only the command line gives these."""

    hub: bool = False
    remote_code: bool = False


def prompts_for(model: str, *, contrast: str, background: str) -> Prompts:
    """Return the prompt sets of these names or files; OWN_WORLD takes those of the world a model was trained on.

    Raises BadParameterError for a set that is not there and for a model that was trained on no world.
    """
    if contrast != OWN_WORLD:
        return prompts_of(contrast, background)
    record = read_record(Path(model))
    if record is None:
        raise BadParameterError(f"{model} is no model of the organism, so it has no {OWN_WORLD} prompts. Name a set.")
    return world_prompts(record["job"]["seed"])


def count_prompts(spec: ModelSpec, probe: ProbeSpec) -> int:
    """Return the number of prompts that a model gets in a configuration."""
    return len(prompts_for(spec.model, contrast=probe.prompts, background=probe.background))


def probe_jobs(plans: Sequence[JobPlan], shards: Path, permissions: Permissions) -> tuple[Job, ...]:
    """Return the jobs of planned probes; the hash of a probe configuration is its job's hash and names its shard."""
    return tuple(_job(plan, shards, permissions) for plan in plans)


def probe(*, config: dict[str, Any], prompts: dict[str, str], place: dict[str, Any]) -> None:
    """Probe one model and write its shard: what a worker of a sweep calls. All arguments are plain values.

    config : ProbeConfig, whole. prompts : contrast and background, as in prompts_for. place : fields of Place.
    """
    lists = {name: tuple(config[name]) for name in ("layers", "heads")}
    options = tuple((str(name), str(value)) for name, value in config["options"])
    access = Access(**place["access"])
    run_probe(
        ProbeConfig(**{**config, **lists, "options": options}),
        prompts_for(place["source"], **prompts),
        Place(**{**place, "folder": Path(place["folder"]), "access": access}),
    )


def _job(plan: JobPlan, shards: Path, permissions: Permissions) -> Job:
    spec, probe_spec = plan.spec, plan.probe
    asked = ProbeConfig(
        model=spec.model,
        revision=spec.revision,
        dtype=spec.dtype,
        backend=probe_spec.backend,
        seed=probe_spec.seed,
        n_resamples=probe_spec.resamples,
    )
    config = config_of(asked, prompts_for(spec.model, **_paths(probe_spec)))
    folder = Path(spec.model)
    place = {
        "source": str(folder.resolve()) if folder.is_dir() else spec.model,
        "folder": str(shards),
        "device": plan.device,
        "batch": probe_spec.batch_size,
        "access": {"hub": permissions.hub, "remote_code": permissions.remote_code, "pickle": False},
    }
    return Job(
        name=plan.name,
        function=FUNCTION,
        arguments={"config": asdict(config), "prompts": _paths(probe_spec), "place": place},
        output=shard_file(config.config_hash, shards),
        config_hash=config.config_hash,
        limits=spec.limits,
    )


def _paths(probe_spec: ProbeSpec) -> dict[str, str]:
    """Return the names of the prompt sets, files as whole paths, so that a worker elsewhere finds them."""
    names = {"contrast": probe_spec.prompts, "background": probe_spec.background}
    return {key: str(Path(name).resolve()) if Path(name).is_file() else name for key, name in names.items()}
