"""Jobs that probe: one per model, revision, dtype and probe configuration, each with a shard of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cape.errors import SweepError
from cape.sweep.jobs import Job
from cape.sweep.models_file import ProbeSpec
from cape.sweep.planner import KEPT_PROMPTS, JobPlan

FUNCTION = "cape.sweep.probing:probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What a job may do beyond reading safetensors from its machine; only the command line gives these."""

    hub: bool = False
    remote_code: bool = False


def count_prompts(probe: ProbeSpec) -> int:
    """Return the number of prompts of a configuration."""
    return KEPT_PROMPTS


def probe_jobs(plans: Sequence[JobPlan], shards: Path, permissions: Permissions) -> tuple[Job, ...]:
    """Return the jobs of planned probes; the hash of a probe configuration is its job's hash and names its shard."""
    return tuple(_job(plan, shards, permissions) for plan in plans)


def _job(plan: JobPlan, shards: Path, permissions: Permissions) -> Job:
    raise SweepError(f"{plan.name} cannot be probed: the probes are not part of this installation.")
