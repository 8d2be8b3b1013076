"""Steering by a truth direction: the published runs as what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams, option
from cape.diagnostics._steering_recorded import (
    EVERY_RUN,
    RUNS,
    cosine_estimate,
    layer_estimates,
    recorded_estimates,
    recorded_runs,
    recorded_sentences,
    recorded_tables,
)
from cape.diagnostics.wiring.steering import STEERING
from cape.figures.steering import changed_by_run


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringParams(NoParams):
    """Which published runs are shown, and the resampling."""

    runs: str = option(
        EVERY_RUN, label="Published runs", help="Runs of every family, or of the Pythia models.", choices=RUNS
    )
    resamples: int = option(10_000, label="Resamples", help="Bootstrap resamples.", low=200, high=100_000)
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


def compute(params: SteeringParams, read: Read) -> Outcome:
    """Return the shares changed by published run, their trend with size, and what is not published (paper 7.4)."""
    found = recorded_runs(read, which=params.runs)
    estimates = recorded_estimates(found)
    rng = np.random.default_rng([params.seed, 71])
    estimates.append(cosine_estimate(found, n_resamples=params.resamples, rng=rng))
    return Outcome(
        estimates=(*estimates, *layer_estimates(read)),
        tables=tuple(recorded_tables(found)),
        sentences=recorded_sentences(found, estimates),
    )


DIAGNOSTIC = Diagnostic(
    slug="steering",
    section="Inside",
    title="Steering",
    question="Does adding a truth direction at one layer make answers more truthful, beyond what any push would do?",
    source="Paper 7.4 and the dashboard's self-steering",
    params=SteeringParams,
    compute=compute,
    claims=STEERING,
    requires=("torch", "transformers"),
    uses_selection=False,
    panels=(
        Panel(
            name="recorded",
            title="Published runs: outputs changed, not corrected",
            tables=("recorded", "prompts"),
            alt="One row per published run in order of model size: percent of prompts whose output changed with its "
            "Wilson 95% interval. Whether an output was corrected is not recorded for any run.",
            figure=changed_by_run,
        ),
    ),
    controls=("runs", "resamples", "seed"),
)
