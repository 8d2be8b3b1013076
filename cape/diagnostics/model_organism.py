"""Ladders of small transformers trained here: truth by size and recipe, N_c against the myth's end, and the levers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._organism_inside import control_estimates, inside_estimates, inside_of, inside_table
from cape.diagnostics._organism_levers import effects, lever_estimates, lever_table
from cape.diagnostics._organism_mechanism import found_inside, mechanism, not_looked_at
from cape.diagnostics._organism_rows import (
    CHOSEN,
    MEASURES,
    PANEL,
    TOKEN_PANEL,
    Ladder,
    ladders,
    require_ladders,
)
from cape.diagnostics._organism_sentences import sentences
from cape.diagnostics._organism_steering import (
    steering_estimates,
    steering_of,
    steering_sentences,
    steering_statements,
    steering_table,
)
from cape.diagnostics._organism_turns import turn_estimates, turning_table, turns_of
from cape.diagnostics._organism_verdicts import statement_table, statements
from cape.diagnostics._params import NoParams, option
from cape.figures._text import counted
from cape.figures.model_organism import (
    GUESS_AT_RANDOM,
    GUESS_POPULAR,
    answers_by_size,
    levers,
    truth_by_size,
    truth_by_tokens,
    turning_points,
)
from cape.figures.organism_inside import inside_by_size, steering_by_size
from cape.organism.recipes import DEEP_FAMILY, RECIPES, WIDE_FAMILY
from cape.organism.world import CHOICES, popular_guess_pct
from cape.quantities import Estimate, Table
from cape.stats.replicates import replicate_mean

EVERY = "all recipes"
SCORES = ("truth", "myth", "reasoning")


# Four seeds have 35 different resamples, so which of them are drawn moves no limit: a choice of it would do nothing.
RESAMPLING = 61


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOrganismParams(NoParams):
    """Which ladders are shown, how an answer is counted, and the resampling of the estimators over seeds."""

    measure: str = option(
        CHOSEN,
        label="An answer is",
        help="The likeliest of the four choices, or the mean probability that each choice gets.",
        choices=tuple(MEASURES),
    )
    text: str = option(
        EVERY,
        label="Recipe of text",
        help="Ladders of one recipe of training text, or of all.",
        choices=(EVERY, *RECIPES),
    )
    resamples: int = option(
        10_000, label="Resamples", help="Bootstrap resamples of whole seeds.", low=200, high=100_000
    )


def compute(params: ModelOrganismParams, read: Read) -> Outcome:
    """Return the curves, the turning points by every estimator and the effects of the levers, over seeds."""
    by_size, by_tokens = (_of_recipe(ladders(read, panel), params) for panel in (PANEL, TOKEN_PANEL))
    require_ladders(by_size)
    rng = np.random.default_rng(RESAMPLING)
    turns = [
        turns_of(ladder, measure=params.measure, n_resamples=params.resamples, rng=rng)
        for ladder in _main(by_size).values()
    ]
    curves = [_curve_table("by_size", by_size, params), _curve_table("by_tokens", by_tokens, params)]
    found = effects(by_size, by_tokens, measure=params.measure)
    turning = [estimate for each in turns for estimate in turn_estimates(each)]
    levered = lever_estimates(found)
    inside = inside_of(read, turns)
    main = list(_main(by_size))
    seen = [*inside_estimates(inside, main), *control_estimates(inside, main)]
    steered = steering_of(read, turns)
    judged = [*statements(turning, levered), *mechanism(inside, seen), *steering_statements(steered)]
    return Outcome(
        estimates=(
            *_truth_estimates(curves[0]),
            *_guesses(by_size),
            *turning,
            *levered,
            *seen,
            *steering_estimates(steered),
        ),
        tables=(
            *curves,
            turning_table(turning),
            lever_table(found, levered),
            inside_table(inside, main),
            steering_table(steered),
            statement_table(judged),
        ),
        sentences=(
            *sentences(turns, turning, levered, judged),
            *found_inside(seen),
            *steering_sentences(steered),
            *not_looked_at(inside, steered),
        ),
    )


def _of_recipe(found: dict[str, Ladder], params: ModelOrganismParams) -> dict[str, Ladder]:
    order = [*RECIPES, WIDE_FAMILY, DEEP_FAMILY]
    kept = {name: ladder for name, ladder in found.items() if params.text in (EVERY, ladder.recipe)}
    names = sorted(kept, key=lambda name: (order.index(name) if name in order else len(order), kept[name].d_model))
    return {name: kept[name] for name in names}


def _main(found: dict[str, Ladder]) -> dict[str, Ladder]:
    return {name: ladder for name, ladder in found.items() if name not in (WIDE_FAMILY, DEEP_FAMILY)}


def _curve_table(name: str, found: dict[str, Ladder], params: ModelOrganismParams) -> Table:
    """Return one row per family, position and score: the mean over seeds with its interval, and every seed's value."""
    truth, myth = MEASURES[params.measure]
    columns = dict(zip(SCORES, (truth, myth, "reasoning_pct"), strict=True))
    rows = []
    for family, ladder in found.items():
        for score, column in columns.items():
            for place, position in enumerate(ladder.positions):
                values = ladder.cells[column][:, place]
                mean = replicate_mean(values, what=f"{score} score")
                rows.append({
                    "family": family, "score": score, "position": float(position), "d_model": ladder.d_model[place],
                    "n_layers": ladder.n_layers[place], "value": mean.value, "low": mean.low, "high": mean.high,
                    "n": mean.n, "seeds": ", ".join(f"{value:.1f}" for value in values),
                })  # fmt: skip
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    schema = {"family": pl.String, "score": pl.String, "position": pl.Float64, "d_model": pl.Int64,
              "n_layers": pl.Int64, **numbers, "n": pl.Int64, "seeds": pl.String}  # fmt: skip
    what = "parameters" if name == "by_size" else "training tokens"
    return Table(
        name=name,
        title=f"Scores by {what}, mean over seeds",
        frame=pl.DataFrame(rows, schema=schema),
        units=dict.fromkeys(numbers, "percent of items") | {"position": what},
    )


def _truth_estimates(table: Table) -> list[Estimate]:
    shown = table.frame.filter(pl.col("score") == "truth")
    return [
        Estimate(
            symbol="organism_truth",
            label=f"{row['family']}: d {row['d_model']} x {counted(row['n_layers'], 'layer')}, {row['position']:.0f} "
            "parameters",
            value=row["value"],
            low=row["low"],
            high=row["high"],
            n=row["n"],
            unit="%",
            method="mean truth score over seeds; Student's interval from their spread",
            caveats=() if row["low"] is not None else ("no interval: fewer than 2 seeds",),
        )
        for row in shown.iter_rows(named=True)
    ]


def _guesses(found: dict[str, Ladder]) -> list[Estimate]:
    """Return what guessing scores: among four at random, and by the commonest true value of the relation."""
    seeds = sorted({seed for ladder in found.values() for seed in ladder.seeds if seed.isdigit()})
    popular = replicate_mean([popular_guess_pct(int(seed)) for seed in seeds], what="score of the guess")
    return [
        Estimate(
            symbol="organism_truth",
            label=GUESS_AT_RANDOM,
            value=100 / CHOICES,
            low=None,
            high=None,
            n=CHOICES,
            unit="%",
            method="one of the choices at random",
            caveats=("no interval: it follows from the number of choices",),
        ),
        popular.estimate(symbol="organism_truth", label=GUESS_POPULAR, unit="%"),
    ]


DIAGNOSTIC = Diagnostic(
    slug="model_organism",
    section="Laboratory",
    title="Model organism",
    question="Where the cause of the transition is known, what do scale, curation, width and training tokens do to it?",
    source="Paper A 2.1, 3 and 5, as an experiment of this repository",
    params=ModelOrganismParams,
    compute=compute,
    uses_selection=False,
    panels=(
        Panel(
            name="statements",
            title="Does the paper's mechanism hold here?",
            tables=("statements",),
            alt="One row per statement of the paper with the verdict of a stated rule and the numbers it rests on.",
        ),
        Panel(
            name="truth",
            title="Truth by size and recipe",
            tables=("by_size",),
            alt="Percent of questions answered by the truth against parameters on a log axis, one line per recipe of "
            "training text with the 95% interval over seeds; a dashed line marks guessing at random, a dotted one "
            "guessing the commonest true value of the relation.",
            figure=truth_by_size,
        ),
        Panel(
            name="answers",
            title="What is answered instead",
            tables=("by_size",),
            alt="One row of plots per recipe: truth, myth and reasoning against parameters with 95% intervals.",
            figure=answers_by_size,
        ),
        Panel(
            name="turning_points",
            title="N_c by every estimator against where the myth is overcome",
            tables=("turning_points",),
            alt="One row per recipe and estimator with its N_c and 95% interval on a log axis of parameters, and the "
            "size at which the truth overtakes the myth; rows without one say why.",
            figure=turning_points,
        ),
        Panel(
            name="inside",
            title="Heads, layers and output at the transition",
            tables=("inside",),
            alt="Plots by parameters on a log axis, one line per recipe of training text: share of competing heads, "
            "net coupling of heads with the range of shuffled labels, change of coupling from the first to the last "
            "layer, and from hidden state to output; a vertical line marks the size nearest to where the myth is "
            "overcome.",
            figure=inside_by_size,
        ),
        Panel(
            name="steering",
            title="Steering before, at and after the transition",
            tables=("steering",),
            alt="Plots by parameters on a log axis, one line per recipe of training text: share of answers that "
            "steering changes, change of the truth score, and that change less the mean of random directions of equal "
            "norm, each with 95% intervals over test questions.",
            figure=steering_by_size,
        ),
        Panel(
            name="levers",
            title="What each lever does",
            tables=("levers",),
            alt="One row per controlled comparison with its effect on truth and on reasoning in percentage points and "
            "95% intervals over seeds, grouped by lever.",
            figure=levers,
        ),
        Panel(
            name="tokens",
            title="Truth by training tokens",
            tables=("by_tokens",),
            alt="Percent of questions answered by the truth against training tokens on a log axis, one line per size.",
            figure=truth_by_tokens,
        ),
    ),
    controls=("measure", "text", "resamples"),
)
