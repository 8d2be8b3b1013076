"""The dashboard: the state of one panel in one look, and how the paper's claims stand."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.claims import Verdict
from cape.diagnostics import _n_c
from cape.diagnostics._compare import named
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, points_of, require, step_rows, steps_of
from cape.diagnostics._params import Params
from cape.diagnostics.wiring.overview import OVERVIEW
from cape.figures.overview import phase_strip, verdict_bars
from cape.quantities import Estimate, Phase, Table
from cape.stats.correlation import clustered_partial_correlation, partial_correlation, pearson
from cape.stats.inference import to_billions
from cape.stats.summaries import clustered_mean, first_component_share

MOST_MISSING = 0.25  # a benchmark that more rows lack is left out of the principal components
STRIP_COLUMNS = (
    "family",
    "models_from",
    "models_to",
    "position_from",
    "position_to",
    "position_mid",
    "gamma",
    "gamma_low",
    "gamma_high",
    "phase",
    "phase_paper",
)


def compute(params: Params, read: Read) -> Outcome:
    """Return the headline estimates of the panel, its intervals by phase and the totals of the ledger."""
    rows = pair_rows(params, read)
    require(rows, params, what="model")
    steps = step_rows(params, read)
    estimates = [*_coupling(steps, params), *_correlation(rows, params), *_turning_point(params, read)]
    estimates += _first_component(read("mart_scores", panel=params.panel), params)
    verdicts = _verdicts(read("mart_claims"))
    estimates += [
        Estimate(
            symbol="n_claims",
            label=f"{row['column']}: {row['verdict']}",
            value=float(row["n"]),
            low=None,
            high=None,
            n=int(verdicts.filter(pl.col("column") == row["column"])["n"].sum()),
            unit="claims",
            method="count of the ledger's rows by verdict",
            caveats=("no interval: a count",),
        )
        for row in verdicts.iter_rows(named=True)
    ]
    tables = (
        Table(
            name="strip",
            title="Intervals by family",
            frame=steps.select(STRIP_COLUMNS),
            units={"position_from": "parameters", "position_to": "parameters", "gamma": "pp/pp"},
        ),
        Table(name="verdicts", title="Claims by verdict", frame=verdicts, units={"n": "claims"}),
    )
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=_sentences(params, rows, steps, estimates))


def _coupling(steps: pl.DataFrame, params: Params) -> list[Estimate]:
    rng = np.random.default_rng([params.seed, 9])
    if steps.is_empty():
        return []
    found = steps_of(steps)
    settled = steps.filter(pl.col("phase").is_in([Phase.TAX, Phase.TRANSITION, Phase.BONUS])).height
    mean = clustered_mean(found.gamma, found.family, n_resamples=params.resamples, rng=rng, what="gamma")
    return [
        mean.estimate(symbol="mean_gamma_12", label=named(params), unit="pp/pp"),
        Estimate(
            symbol="n_intervals_settled",
            label=named(params),
            value=float(settled),
            low=None,
            high=None,
            n=steps.height,
            unit="intervals",
            method="intervals whose 95% interval of gamma lies within one phase",
            caveats=("no interval: a count of settled labels",),
        ),
    ]


def _correlation(rows: pl.DataFrame, params: Params) -> list[Estimate]:
    rng = np.random.default_rng([params.seed, 10])
    x, y = rows["x_pct"].to_numpy(), rows["y_pct"].to_numpy()
    estimates = [pearson(x, y).estimate(symbol="r", label=named(params), unit="")]
    points = points_of(rows)
    if np.unique(points.log10_n).size < 3:
        return estimates
    if np.unique(points.family).size > 1:
        partial = clustered_partial_correlation(
            points.x_pct, points.y_pct, points.log10_n, points.family, n_resamples=params.resamples, rng=rng
        )
    else:
        partial = partial_correlation(points.x_pct, points.y_pct, points.log10_n)
    return [*estimates, partial.estimate(symbol="r_partial", label=named(params), unit="")]


def _first_component(scores: pl.DataFrame, params: Params) -> list[Estimate]:
    """Return the share of variance on the first component over the panel's benchmarks with most models."""
    wide = scores.pivot(
        "benchmark_id", index=["family", "model_id", "source_row"], values="score_pct", aggregate_function="first"
    )
    names = [n for n in wide.columns[3:] if wide[n].null_count() <= MOST_MISSING * wide.height]
    complete = wide.drop_nulls(names)
    if len(names) < 2 or complete.is_empty():
        return []
    rng = np.random.default_rng([params.seed, 12])
    share = first_component_share(
        complete.select(names).to_numpy(),
        complete["family"].to_list(),
        n_resamples=min(params.resamples, 2_000),
        rng=rng,
    )
    used = f"{complete.height} rows with all of {', '.join(sorted(names))}"
    return [share.estimate(symbol="first_component_share", label=params.panel, unit="%", caveats=(used,))]


def _turning_point(params: Params, read: Read) -> list[Estimate]:
    if _n_c.single_family(params):
        turns = _n_c.family_turns(params, read, n_draws=params.resamples)
        return [
            to_billions(turn.inference, params.axis).estimate(
                symbol="N_c",
                label=f"{turn.family}: {turn.estimator}",
                unit=params.axis.unit,
                caveats=(f"status: {turn.status}",),
            )
            for turn in turns
        ]
    rows = _n_c.population(params, read)
    found = _n_c.population_turns(rows, params, read, n_resamples=params.resamples)
    return [
        to_billions(found[name], params.axis).estimate(
            symbol="N_c", label=f"population: {name}", unit=params.axis.unit, caveats=(rows.filter_text,)
        )
        for name in (_n_c.LOGISTIC, _n_c.FIXED_EFFECTS)
        if name in found
    ]


def _verdicts(claims: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {"column": column, "verdict": str(verdict), "n": claims.filter(pl.col(column) == verdict).height}
        for column in ("reproduced", "supported")
        for verdict in Verdict
    ]
    return pl.DataFrame(rows)


def _sentences(params: Params, rows: pl.DataFrame, steps: pl.DataFrame, estimates: list[Estimate]) -> tuple[str, ...]:
    n_families = rows["family"].n_unique()
    text = [f"{rows.height} model rows in {n_families} families carry both {params.x} and {params.y}."]
    counts = {phase: steps.filter(pl.col("phase") == phase).height for phase in Phase}
    if steps.height:
        text.append(
            f"As families grow, {counts[Phase.TAX]} of {steps.height} steps trade {params.y} for {params.x} "
            f"beyond their error, {counts[Phase.BONUS]} raise both, {counts[Phase.TRANSITION]} leave {params.y} "
            f"as it was; {counts[Phase.UNDETERMINED]} cannot be told apart and {counts[Phase.NONE]} have no gamma."
        )
    else:
        text.append("No family has two models of known and different size, so there is no interval to judge.")
    raw = next(e for e in estimates if e.symbol == "r")
    partial = next((e for e in estimates if e.symbol == "r_partial"), None)
    if raw.value is not None and partial is not None and partial.value is not None:
        interval = "" if partial.low is None else f" (95% interval {partial.low:.2f} to {partial.high:.2f})"
        text.append(f"Across rows r is {raw.value:.2f}; with size held fixed it is {partial.value:.2f}{interval}.")
    return tuple(text)


DIAGNOSTIC = Diagnostic(
    slug="overview",
    section="Start",
    title="Overview",
    question="What do the data say, how many claims hold, and what can I do here?",
    source="Paper A 2.1 and A.1; the ledger",
    params=Params,
    compute=compute,
    panels=(
        Panel(
            name="strip",
            title="Every family, step by step",
            tables=("strip",),
            alt="One line per family: each step between sizes as a bar on a log axis of size, coloured and marked by "
            "its phase.",
            figure=phase_strip,
        ),
        Panel(
            name="verdicts",
            title="The paper's claims",
            tables=("verdicts",),
            alt="Two stacked bars with the number of claims by verdict: reproduced with the paper's recipe, supported "
            "by independent rows.",
            figure=verdict_bars,
        ),
    ),
    controls=("resamples", "seed"),
    claims=OVERVIEW,
)
