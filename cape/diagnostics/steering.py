"""Steering by a truth direction: scorecards with controls, and the published runs as what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams, option
from cape.diagnostics._steering_card import (
    COMPARED,
    DAMAGES,
    EQUAL_KL,
    KL,
    LARGEST,
    MC2,
    MEASURES,
    Card,
    card_tables,
    empty_card,
    stored_card,
    stored_summaries,
)
from cape.diagnostics._steering_card_estimates import card_estimates, card_sentences, model_estimates, models_table
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
from cape.figures.steering_card import (
    changed_and_corrected,
    effects_by_model,
    layer_by_strength,
    moves_by_question,
    paired_effects,
    truth_against_damage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringParams(NoParams):
    """Which scorecard and which published runs are shown, what is compared at what, and the resampling of models."""

    model: str = option(
        LARGEST,
        label="Scorecard of",
        help="Model of a stored scorecard; largest: the stored model with the most parameters.",
        source="steering model",
    )
    measure: str = option(MC2, label="Truth is", help="Score of the questions, as TruthfulQA.", choices=tuple(MEASURES))
    damage: str = option(KL, label="Damage is", help="What steering does to everything else.", choices=tuple(DAMAGES))
    compare_at: str = option(
        EQUAL_KL,
        label="Controls at",
        help="Strength of random directions, -v and shuffled labels: equal KL to the steered arm, or equal norm.",
        choices=tuple(COMPARED),
    )
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
    """Return the stored scorecard, the stored models side by side, and the published runs (paper 7.4)."""
    return outcome_of(params, read, stored_card(read, model=params.model) or empty_card())


def outcome_of(params: SteeringParams, read: Read, card: Card) -> Outcome:
    """Return the outcome with this scorecard in the place of the stored one."""
    rng = np.random.default_rng([params.seed, 71])
    found = recorded_runs(read, which=params.runs)
    recorded = recorded_estimates(found)
    recorded.append(cosine_estimate(found, n_resamples=params.resamples, rng=rng))
    models = models_table(stored_summaries(read), read("mart_steering_effects"), measure=params.measure)
    return Outcome(
        estimates=(
            *card_estimates(card),
            *model_estimates(models, n_resamples=params.resamples, rng=rng),
            *recorded,
            *layer_estimates(read),
        ),
        tables=(
            *card_tables(card, measure=params.measure, damage=params.damage, compare_at=params.compare_at),
            models,
            *recorded_tables(found),
        ),
        sentences=(*card_sentences(card, measure=params.measure), *recorded_sentences(found, recorded)),
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
            name="plane",
            title="Truth against damage",
            tables=("plane", "arms"),
            alt="One marker per arm: percent of test questions by the truth against the damage done to other text. "
            "The steered arm beside -v, shuffled labels, prompt only and other layers, with 95% intervals; random "
            "directions form a cloud; a dotted line marks the model without steering.",
            figure=truth_against_damage,
        ),
        Panel(
            name="effects",
            title="Scorecard: paired effects",
            tables=("effects",),
            alt="One row per arm, comparison and metric: difference in percentage points with its paired 95% interval.",
            figure=paired_effects,
        ),
        Panel(
            name="answers",
            title="Answers changed, and answers corrected",
            tables=("answers",),
            alt="One row per arm with three markers: percent of test questions whose answer changed, went from wrong "
            "to right, and went from right to wrong.",
            figure=changed_and_corrected,
        ),
        Panel(
            name="moves",
            title="How far each question moved",
            tables=("moves",),
            alt="One stepped line per arm: number of test questions by change of MC2 in percentage points; left of the "
            "dotted line they moved the wrong way.",
            figure=moves_by_question,
        ),
        Panel(
            name="grid",
            title="Layer and strength",
            tables=("grid",),
            alt="One cell per layer and strength: change of truth in percentage points on the validation questions; "
            "the chosen cell is outlined.",
            figure=layer_by_strength,
        ),
        Panel(
            name="models",
            title="Stored models side by side",
            tables=("models",),
            alt="One row per stored model, smallest on top: effect of steering against no steering and beyond the mean "
            "of random directions, with 95% intervals.",
            figure=effects_by_model,
        ),
        Panel(
            name="texts",
            title="Texts before and after",
            tables=("texts",),
            alt="One row per prompt and arm: the text without and with steering, and whether it changed.",
        ),
        Panel(
            name="recorded",
            title="Published runs: outputs changed, not corrected",
            tables=("recorded", "prompts"),
            alt="One row per published run in order of model size: percent of prompts whose output changed with its "
            "Wilson 95% interval. Whether an output was corrected is not recorded for any run.",
            figure=changed_by_run,
        ),
    ),
    controls=("model", "measure", "damage", "compare_at", "runs", "resamples", "seed"),
    inputs=("model", "measure", "damage"),
)
