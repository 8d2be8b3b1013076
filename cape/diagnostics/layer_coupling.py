"""Coupling by layer: profiles, a ladder of sizes, a second transition, generations, post-training and d_rep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._layer_comparisons import (
    comparison_estimates,
    comparison_table,
    generation_rows,
    post_training_rows,
    sign_estimates,
    sign_tests,
    size_rows,
)
from cape.diagnostics._layer_ladder import ladder_estimates, ladder_rows, ladder_table
from cape.diagnostics._layer_models import (
    AS_MEASURED,
    PROFILES,
    dimension_table,
    domain_table,
    layer_models,
    model_estimates,
    model_table,
    profile_table,
    profiles,
)
from cape.diagnostics._layer_sentences import sentences
from cape.diagnostics._params import NoParams, defaults_of, option
from cape.diagnostics._probe_alarms import alarm_table, alarms, struck_models
from cape.diagnostics._probe_rows import EVERY, LAYERS, probe_rows
from cape.diagnostics.head_coupling import LEFT_IN, LEFT_OUT
from cape.diagnostics.wiring.layer_coupling import LAYER_COUPLING
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError
from cape.figures.layer_coupling import changes, coupling_and_dimension, depth_ends, ladder_figure
from cape.figures.layer_profiles import layer_profiles
from cape.lake.names import did_you_mean
from cape.quantities import Estimate, Table
from cape.stats.summaries import clustered_mean

DEPTH, NUMBER = "relative depth", "layer number"
EVERY_FAMILY = "every family"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCouplingParams(NoParams):
    """Which instrument and rows, how layers are placed, and which families are compared."""

    measured_by: str = option(
        EVERY,
        label="Instrument and prompts",
        help="Rows are compared only within one instrument and its prompts: pick one, or see all but the organism.",
        source=LAYERS,
    )
    coupling_as: str = option(
        AS_MEASURED,
        label="Coupling by layer",
        help="As measured; with the mean of background prompts taken away; or without the noise of few prompts. Only "
        "rows measured here have the last two.",
        choices=tuple(PROFILES),
    )
    placed_by: str = option(
        DEPTH,
        label="Layers by",
        help="Place of a layer: its share of the model's depth, or its number.",
        choices=(DEPTH, NUMBER),
    )
    alarmed: str = option(
        LEFT_IN,
        label="Alarmed models",
        help="Models whose values are constant across layers or equal across models.",
        choices=(LEFT_IN, LEFT_OUT),
    )
    profile_family: str = option(
        EVERY_FAMILY, label="Profiles of", help="One family of models, or every one; empty is every one."
    )
    ladder_family: str = option("OPT", label="Ladder of", help="The family whose sizes are followed.")
    newer: str = option("Qwen3", label="Newer family", help="Compared with the older one at matched sizes.")
    older: str = option("Qwen2.5", label="Older family", help="Compared with the newer one at matched sizes.")
    band_from_b: float = option(
        30.0,
        label="Second transition from (B)",
        help="Smallest size, in billions, at which a fall counts; 30 to 72 is the range that paper 6 names.",
        low=0,
        high=1e6,
        is_whole=False,
    )
    band_to_b: float = option(
        72.0,
        label="Second transition to (B)",
        help="Largest size, in billions, at which a fall counts.",
        low=0,
        high=1e6,
        is_whole=False,
    )
    resamples: int = option(
        10_000, label="Resamples", help="Permutations of a ladder and resamples of families.", low=200, high=100_000
    )
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


def compute(params: LayerCouplingParams, read: Read) -> Outcome:
    """Return coupling by layer and model with every comparison that one instrument allows (paper 6, 7.3 and A.5)."""
    rows = probe_rows(read, LAYERS, params.measured_by)
    found = alarms(rows.filter(pl.col("unit") == "cosine"))
    everyone = layer_models(rows, struck_models(found, with_bounds=False))
    models = everyone if params.alarmed == LEFT_IN else everyone.filter(pl.col("alarms") == "")
    if models.is_empty():
        raise NotEnoughDataError(
            f"No model measured by {params.measured_by!r} is left without an alarm. Leave alarmed models in."
        )
    _check_families(params, everyone)
    drawn = _of_family(profiles(rows, models, params.coupling_as), params)
    compared = [
        *size_rows(models, (params.band_from_b, params.band_to_b)),
        *generation_rows(models, params.newer, params.older),
        *post_training_rows(models),
    ]
    tests = sign_tests(models, compared)
    ladder = ladder_rows(models, params.ladder_family)
    rng = np.random.default_rng([params.seed, 72])
    estimates = [
        *model_estimates(models),
        *_slopes(drawn, resamples=params.resamples, rng=rng),
        *ladder_estimates(ladder, params.ladder_family, resamples=params.resamples, rng=rng),
        *comparison_estimates(compared),
        *sign_estimates(tests),
        *_range_of_d_rep(models),
    ]
    tables = (
        profile_table(drawn), model_table(models), ladder_table(ladder, params.ladder_family),
        comparison_table(compared), _signs_table(estimates), dimension_table(models), domain_table(rows, models),
        alarm_table(found),
    )  # fmt: skip
    told = sentences(models, drawn, ladder, compared, tests, params=params)
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=told)


def _check_families(params: LayerCouplingParams, models: pl.DataFrame) -> None:
    known = sorted(set(models["family"].drop_nulls()))
    asked = {name: getattr(params, name) for name in ("ladder_family", "newer", "older")}
    if params.profile_family not in ("", EVERY_FAMILY):
        asked["profile_family"] = params.profile_family
    if params.newer == params.older:
        raise BadParameterError(f"newer and older are both {params.newer!r}. Name two families.")
    plain = defaults_of(LayerCouplingParams)
    for name, family in asked.items():
        if family not in known and family != plain[name]:
            raise UnknownNameError(
                f"{name} is {family!r}, of which no layer is measured. {did_you_mean(family, known)}"
            )


def _of_family(drawn: pl.DataFrame, params: LayerCouplingParams) -> pl.DataFrame:
    kept = (
        drawn
        if params.profile_family in ("", EVERY_FAMILY)
        else drawn.filter(pl.col("family") == params.profile_family)
    )
    place = pl.col("depth") if params.placed_by == DEPTH else pl.col("layer").cast(pl.Float64)
    return kept.with_columns(place.alias("place"))


def _slopes(drawn: pl.DataFrame, *, resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return the slope of every profile over the depth, and their mean by instrument with families resampled whole."""
    deep = pl.col("depth") - pl.col("depth").mean()
    slopes = (
        drawn.drop_nulls("depth")
        .group_by("measured_by", "label", "family", maintain_order=True)
        .agg(((deep * pl.col("value")).sum() / (deep**2).sum()).alias("slope"), pl.len().alias("n"))
        .filter(pl.col("n") > 2)
    )
    found = [
        Estimate(
            symbol="depth_slope",
            label=row["label"],
            value=row["slope"],
            low=None,
            high=None,
            n=row["n"],
            unit="cosine per depth",
            method=f"least squares of coupling over relative depth; n counts layers; {row['measured_by']}",
            caveats=("no interval: neighbouring layers are not independent",),
        )
        for row in slopes.iter_rows(named=True)
    ]
    for (name,), held in slopes.group_by("measured_by", maintain_order=True):
        families = np.asarray(held["family"].fill_null("unknown").to_list(), dtype=np.str_)
        mean = clustered_mean(
            held["slope"].to_numpy(), families, n_resamples=resamples, rng=rng, what="slope of models over depth"
        )
        found.append(mean.estimate(symbol="depth_slope", label=f"mean: {name}", unit="cosine per depth"))
    return found


def _range_of_d_rep(models: pl.DataFrame) -> list[Estimate]:
    """Return the lowest and highest recorded d_rep by instrument, with the median."""
    found = []
    held = models.drop_nulls("d_rep")
    for (name,), rows in held.group_by("measured_by", maintain_order=True):
        values = rows["d_rep"].to_numpy()
        found.append(
            Estimate(
                symbol="d_rep_range",
                label=str(name),
                value=float(np.median(values)),
                low=float(values.min()),
                high=float(values.max()),
                n=rows.height,
                unit="dimensions",
                method="median over models, the ends are the lowest and highest model; n counts models",
                caveats=("the ends are models, not a confidence interval",),
            )
        )
    return found


def _signs_table(estimates: list[Estimate]) -> Table:
    rows = [
        {
            "label": e.label, "positive_pct": e.value, "low": e.low, "high": e.high, "n": e.n,
            "p": next((o.value for o in estimates if (o.symbol, o.label) == ("p_sign", e.label)), None),
            "q": next((o.value for o in estimates if (o.symbol, o.label) == ("q_sign", e.label)), None),
            "method": e.method,
        }
        for e in estimates
        if e.symbol == "sign_share"
    ]  # fmt: skip
    schema = {"label": pl.String, "positive_pct": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64,
              "p": pl.Float64, "q": pl.Float64, "method": pl.String}  # fmt: skip
    units = dict.fromkeys(("positive_pct", "low", "high"), "% of differences")
    return Table(name="signs", title="Sign tests across models", frame=pl.DataFrame(rows, schema=schema), units=units)


DIAGNOSTIC = Diagnostic(
    slug="layer_coupling",
    section="Inside",
    title="Layer coupling",
    question="How does the coupling of layers change with depth, size, generation and post-training?",
    source="Paper A 5.2, 6, 7.3 and A.5",
    params=LayerCouplingParams,
    compute=compute,
    claims=LAYER_COUPLING,
    uses_selection=False,
    panels=(
        Panel(
            name="profiles",
            title="Coupling by layer",
            tables=("profiles",),
            alt="One plot per instrument: cosine by layer, one line per model, with intervals over prompts and the "
            "value under shuffled prompts where they were measured.",
            figure=layer_profiles,
        ),
        Panel(
            name="ends",
            title="Early against late layers",
            tables=("models", "signs"),
            alt="One row per model, grouped by instrument: coupling of its early and of its late layers.",
            figure=depth_ends,
        ),
        Panel(
            name="ladder",
            title="The ladder of one family",
            tables=("ladder",),
            alt="Mean coupling against parameters on a log axis, one series per source and instrument, above the share "
            "of competing heads.",
            figure=ladder_figure,
        ),
        Panel(
            name="comparisons",
            title="Second transition, generations and post-training",
            tables=("comparisons",),
            alt="One row per pair of models: change of mean coupling with what interval can be given, within one "
            "instrument or across two.",
            figure=changes,
        ),
        Panel(
            name="dimension",
            title="Coupling and the dimension of hidden states",
            tables=("dimension",),
            alt="Participation ratio of hidden states against coupling, one labelled marker per model.",
            figure=coupling_and_dimension,
        ),
        Panel(
            name="domains",
            title="Other pairs of domains of prompts",
            tables=("domains",),
            alt="One row per model and pair of domains: coupling of hidden states, with its lowest and highest layer "
            "where layers are known.",
        ),
        Panel(
            name="alarms",
            title="Alarms of degenerate probes",
            tables=("alarms",),
            alt="One row per alarm and model: what is odd, the value, and what it strikes.",
        ),
    ),
    controls=(
        "measured_by", "coupling_as", "placed_by", "alarmed", "profile_family", "ladder_family", "newer", "older",
        "band_from_b", "band_to_b", "resamples", "seed",
    ),
    inputs=("measured_by", "coupling_as", "placed_by"),
)  # fmt: skip
