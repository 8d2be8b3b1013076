"""Cooperative and competing attention heads: how many models have none that compete, by instrument, and what alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._falsifiers import competing_at_n_c
from cape.diagnostics._head_cosines import cosine_estimates, cosine_table, head_cosines
from cape.diagnostics._head_models import ALL_COOPERATIVE, NO_COMPETING, head_models, model_estimates, model_table
from cape.diagnostics._head_sentences import sentences
from cape.diagnostics._head_shares import (
    coverage_table,
    family_estimates,
    family_table,
    mean_estimates,
    printed_families,
    share_estimates,
    share_rows,
    share_table,
    step_estimates,
)
from cape.diagnostics._params import NoParams, option
from cape.diagnostics._plain_estimates import count
from cape.diagnostics._probe_alarms import alarm_table, alarms, struck_models
from cape.diagnostics._probe_rows import EVERY, HEADS, probe_rows
from cape.diagnostics.wiring.head_coupling import HEAD_COUPLING
from cape.errors import NotEnoughDataError
from cape.figures.head_coupling import family_forest, head_histograms, model_bars, net_forest, share_forest
from cape.quantities import Estimate, Table
from cape.stats.degenerate import Alarm

LEFT_IN, LEFT_OUT, BOUNDS_OUT = "left in", "left out", "left out, also at a bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCouplingParams(NoParams):
    """Which instrument, what counts as having no competing heads, and what happens to alarmed rows."""

    measured_by: str = option(
        EVERY,
        label="Instrument and prompts",
        help="Rows are compared only within one instrument and its prompts: pick one, or see all but the organism.",
        source=HEADS,
    )
    criterion: str = option(
        NO_COMPETING,
        label="A model counts when it has",
        help="The paper's text counts models without competing heads, its Fig. 5 models with only cooperative ones.",
        choices=(NO_COMPETING, ALL_COOPERATIVE),
    )
    alarmed: str = option(
        LEFT_IN,
        label="Alarmed models",
        help="Models whose values are constant across layers or equal across models; or also those at a bound, "
        "which leaves out by construction every model whose heads all cooperate.",
        choices=(LEFT_IN, LEFT_OUT, BOUNDS_OUT),
    )
    resamples: int = option(
        10_000, label="Resamples", help="Bootstrap resamples of whole families.", low=200, high=100_000
    )
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


def compute(params: HeadCouplingParams, read: Read) -> Outcome:
    """Return heads by model, family and instrument, the share of models without competing heads, and the alarms."""
    rows = probe_rows(read, HEADS, params.measured_by)
    found = alarms(rows)
    everyone = head_models(rows, struck_models(found, with_bounds=params.alarmed == BOUNDS_OUT))
    models = everyone if params.alarmed == LEFT_IN else everyone.filter(pl.col("alarms") == "")
    if models.is_empty():
        raise NotEnoughDataError(
            f"No model measured by {params.measured_by!r} is left without an alarm. Leave alarmed models in."
        )
    shares = share_rows(models, params.criterion, read)
    cosines = head_cosines(rows)
    families = family_table(models)
    coverage = coverage_table(everyone, read)
    at_n_c, at_table = _at_n_c(everyone, read)
    rng = np.random.default_rng([params.seed, 71])
    estimates = [
        *share_estimates(shares, params.criterion),
        *mean_estimates(models, resamples=params.resamples, rng=rng),
        *cosine_estimates(cosines, printed_families(read)),
        *at_n_c,
        *_alarm_counts(found, everyone),
        *family_estimates(families),
        *model_estimates(models),
        *step_estimates(models),
    ]
    tables = (
        share_table(shares), model_table(models), families, cosine_table(cosines), alarm_table(found),
        coverage, at_table,
    )  # fmt: skip
    told = sentences(shares, found, everyone, estimates, coverage=coverage.frame, criterion=params.criterion)
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=told)


def _alarm_counts(found: pl.DataFrame, models: pl.DataFrame) -> list[Estimate]:
    """Return how many of the measured models each alarm strikes."""
    keys = ["measured_by", "source_id", "model_id"]
    held = models.select(keys).unique()
    return [
        count(
            "n_alarmed_models",
            str(alarm),
            held.join(found.filter(pl.col("alarm") == str(alarm)), on=keys, how="semi").height,
            n=held.height,
            unit="models",
            method="measured models, by source, with at least one value that the alarm strikes",
        )
        for alarm in Alarm
    ]


def _at_n_c(models: pl.DataFrame, read: Read) -> tuple[list[Estimate], Table]:
    """Return models with competing heads among those at N_c (paper 9 (iii)), and their rows."""
    estimates, rows = [], []
    for name, (n_competing, n_measured, competing) in competing_at_n_c(read).items():
        about = "measured models at N_c with a competing head, any instrument"
        estimates.append(count("n_competing_at_n_c", name, n_competing, n=n_measured, unit="models", method=about))
        for row in models.filter(pl.col("model_id").is_in(competing)).iter_rows(named=True):
            rows.append({"at_n_c": name, **{key: row[key] for key in AT_COLUMNS}})
    schema = {"at_n_c": pl.String} | {name: models.schema[name] for name in AT_COLUMNS}
    units = {"params_b": "billion parameters", "competing_pct": "% of heads", "n_competing": "heads"}
    title = "Models at N_c with competing heads"
    return estimates, Table(name="at_n_c", title=title, frame=pl.DataFrame(rows, schema=schema), units=units)


AT_COLUMNS = ("label", "params_b", "measured_by", "competing_pct", "n_competing")

DIAGNOSTIC = Diagnostic(
    slug="head_coupling",
    section="Inside",
    title="Head coupling",
    question="Do attention heads compete inside the models, by which instrument, and can the values be measurements?",
    source="Paper A 5.2, 6 and A.5",
    params=HeadCouplingParams,
    compute=compute,
    claims=HEAD_COUPLING,
    uses_selection=False,
    panels=(
        Panel(
            name="shares",
            title="Models that meet the criterion, by instrument and with alarmed rows left out",
            tables=("shares",),
            alt="One row per instrument, with and without alarmed rows: share of models with its Wilson interval, and "
            "the printed count above.",
            figure=share_forest,
        ),
        Panel(
            name="models",
            title="Heads of every measured model",
            tables=("models",),
            alt="One bar per measured model, grouped by instrument: share of cooperative, other and competing heads; "
            "net coupling beside it.",
            figure=model_bars,
        ),
        Panel(
            name="net",
            title="Net coupling of every measured model",
            tables=("models",),
            alt="One row per measured model, grouped by instrument: net coupling with its interval over prompts and "
            "the value under shuffled prompts, where they were measured.",
            figure=net_forest,
        ),
        Panel(
            name="families",
            title="By family",
            tables=("families",),
            alt="Three plots side by side, one row per family and instrument: mean share of cooperative heads, of "
            "competing heads, and mean net coupling; the bars reach from the lowest to the highest model.",
            figure=family_forest,
        ),
        Panel(
            name="cosines",
            title="Cosines of single heads",
            tables=("cosines",),
            alt="Share of heads by cosine where heads are known one by one or in bins, with the thresholds of "
            "competing and cooperative.",
            figure=head_histograms,
        ),
        Panel(
            name="alarms",
            title="Alarms of degenerate probes",
            tables=("alarms",),
            alt="One row per alarm and model: what is odd, the value, and what it strikes.",
        ),
        Panel(
            name="coverage",
            title="What the printed count rests on",
            tables=("coverage",),
            alt="One row per family of the printed count: the models whose heads are recorded and their instruments.",
        ),
        Panel(
            name="at_n_c",
            title="Models at N_c with competing heads",
            tables=("at_n_c",),
            alt="One row per model at N_c, in either reading, that has a competing head.",
        ),
    ),
    controls=("measured_by", "criterion", "alarmed", "resamples", "seed"),
    inputs=("measured_by", "criterion", "alarmed"),
)
