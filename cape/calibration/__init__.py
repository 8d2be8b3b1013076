"""The calibration laboratory: panels with planted truth, and how often each interval of the workbench holds it.

Pure numpy over `cape.stats`; no lake, no figure. `plan` makes jobs, `run_jobs` runs them, `rows` adds them up.
"""

from cape.calibration.cells import CELLS, DECLARED, Cell, cells_named, nearest_cell
from cape.calibration.estimators import BY_NAME, ESTIMATORS, QUANTITIES, Calibrated, Truth
from cape.calibration.groups import GROUPS
from cape.calibration.jobs import Job, fingerprint, merged, plan, rows, run_cell, run_job, run_jobs
from cape.calibration.tally import Share, simulated_share
from cape.calibration.worlds import WORLD, WORLDS, World

__all__ = [
    "BY_NAME",
    "CELLS",
    "DECLARED",
    "ESTIMATORS",
    "GROUPS",
    "QUANTITIES",
    "WORLD",
    "WORLDS",
    "Calibrated",
    "Cell",
    "Job",
    "Share",
    "Truth",
    "World",
    "cells_named",
    "fingerprint",
    "merged",
    "nearest_cell",
    "plan",
    "rows",
    "run_cell",
    "run_job",
    "run_jobs",
    "simulated_share",
]
