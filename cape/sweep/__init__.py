"""Sweeps: many jobs on this machine or a SLURM cluster by submitit; resumable, each with its own output and limits."""

from cape.sweep.executor import EXECUTORS, Executor, SweepOutcome, run_sweep
from cape.sweep.jobs import Job, Limits, config_hash
from cape.sweep.progress import following, run_followed
from cape.sweep.status import JobState, State, SweepStatus, read_status

__all__ = [
    "EXECUTORS",
    "Executor",
    "Job",
    "JobState",
    "Limits",
    "State",
    "SweepOutcome",
    "SweepStatus",
    "config_hash",
    "following",
    "read_status",
    "run_followed",
    "run_sweep",
]
