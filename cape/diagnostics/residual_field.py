"""Frontier h of every model and lab, a calculator for a new one, release trajectories and compute tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._frontier_pairs import (
    FrontierParams,
    frontier_rows,
    frozen_line,
    lab_points,
    line_words,
    percent_of,
    require_rows,
)
from cape.diagnostics._frontier_scores import GPQA, SWE
from cape.diagnostics._frontier_steps import (
    ANY_TIER,
    AS_PRINTED,
    BY_DATE,
    SAME_TIER,
    dated_steps,
    printed_steps,
    step_estimates,
)
from cape.diagnostics._params import option
from cape.diagnostics._residual_calculator import (
    FROZEN_LINE,
    REFIT,
    Company,
    answer,
    answer_estimates,
    answer_sentences,
    answer_tables,
    given_scores,
)
from cape.diagnostics._residual_tables import (
    COMPUTE,
    OF_ALL,
    lab_table,
    line_table,
    model_table,
    step_table,
    tier_differences,
    tier_spread,
)
from cape.diagnostics.wiring.residual_field import RESIDUAL_FIELD
from cape.figures.residual_field import calculator_plane, h_by_lab, h_by_model, release_steps, tier_rows
from cape.quantities import Estimate, Table
from cape.stats.inference import LEVEL, Inference
from cape.stats.lab_line import LabPoints, leave_lab_out
from cape.stats.lines import fit_line
from cape.stats.residual_field import (
    CONFIDENCE_RULE,
    Line,
    Regime,
    deleted_h,
    line_h,
    mean_of_lab,
    regime_of_interval,
)

PAIR = (SWE, GPQA)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualFieldParams(FrontierParams):
    """Rows, the two scores of the calculator, and which steps between releases are shown."""

    swe: str = option("", label="SWE-bench Verified (%)", help="Your model's score in percent; empty: not given.")
    gpqa: str = option("", label="GPQA Diamond (%)", help="Your model's score in percent; empty: not given.")
    order: str = option(
        BY_DATE,
        label="Steps",
        help="Releases in order of date, or (paper mode) the steps that the dashboard prints, in its order.",
        choices=(BY_DATE, AS_PRINTED),
    )
    tiers: str = option(
        SAME_TIER,
        label="Tiers",
        help="By date: steps within one tier, or between any releases of a lab.",
        choices=(SAME_TIER, ANY_TIER),
    )


def compute(params: ResidualFieldParams, read: Read) -> Outcome:
    """Return h by model and lab, the calculator's answer, steps between releases and tiers (paper A.6)."""
    swe, gpqa = percent_of("swe", params.swe), percent_of("gpqa", params.gpqa)
    rows = frontier_rows(params.rows, PAIR, read)
    require_rows(rows, params.rows, PAIR)
    points, printed = lab_points(rows), frozen_line(read)
    by_model = _by_model(points, printed, params)
    by_lab = _by_lab(rows, points, by_model)
    estimates = _model_estimates(rows, by_model)
    estimates += [found.estimate(symbol="h_lab", label=label, unit="pp") for label, found in by_lab.items()]
    estimates += _range_estimates(rows, by_model, read)
    tiers, tier_found = tier_differences(rows, printed)
    estimates += tier_found
    company = Company(points=points, printed=printed, labs=_lab_means(by_lab), tier_spread=tier_spread(tiers))
    found = answer(
        given_scores(swe, gpqa, read),
        company,
        n_resamples=params.resamples,
        rng=np.random.default_rng([params.seed, 92]),
    )
    estimates = [*answer_estimates(found, printed), *estimates]
    dated, alone = dated_steps(rows, tiers=params.tiers)
    steps = printed_steps(rows, read) if params.order == AS_PRINTED else dated
    estimates += step_estimates(steps)
    models = model_table(rows, by_model)
    tables = [
        models,
        lab_table(by_lab),
        line_table(points, printed),
        *answer_tables(found),
        step_table(steps, models.frame),
        Table(name="alone", title="Releases that form no step by date", frame=alone),
        tiers,
    ]
    sentences = (*answer_sentences(found), *_sentences(by_lab, steps, tiers, params))
    return Outcome(estimates=tuple(estimates), tables=tuple(tables), sentences=sentences)


def _by_model(points: LabPoints, printed: Line | None, params: ResidualFieldParams) -> dict[str, list[Inference]]:
    """Return h of each row by line: of the others, as printed, and of all rows."""
    rng = np.random.default_rng([params.seed, 91])
    found = {REFIT: deleted_h(points, n_resamples=params.resamples, rng=rng)}
    if printed is not None:
        found[FROZEN_LINE] = line_h(points, printed, what=line_words(printed))
    own = fit_line(points.x, points.y)
    if own.intercept is not None and own.slope.value is not None:
        line = Line(slope=own.slope.value, intercept=own.intercept)
        found[OF_ALL] = line_h(points, line, what=f"the line of all {points.x.size} rows")
    return found


def _model_estimates(rows: pl.DataFrame, by_model: dict[str, list[Inference]]) -> list[Estimate]:
    return [
        one.estimate(symbol="h_frontier", label=f"{model}: {name}", unit="pp")
        for name, found in by_model.items()
        for model, one in zip(rows["model_id"], found, strict=True)
    ]


def _by_lab(rows: pl.DataFrame, points: LabPoints, by_model: dict[str, list[Inference]]) -> dict[str, Inference]:
    """Return the mean h of each lab's releases by label: about the line of the other labs, and about the printed line.

    Further compute tiers of a release and rows with copied scores are left out: they are no further release.
    """
    values = {REFIT: (leave_lab_out(points).residual, "about the line of the other labs")}
    if FROZEN_LINE in by_model:
        held = np.array([one.value for one in by_model[FROZEN_LINE]], dtype=np.float64)
        values[FROZEN_LINE] = (held, "about the printed line")
    counted = (rows["is_release"] & rows["same_scores_as"].is_null()).to_numpy()
    found = {}
    for name, (column, what) in values.items():
        for lab in np.unique(points.lab):
            own = points.lab == lab
            lost = int((own & ~counted).sum())
            mean = mean_of_lab(column[own & counted], what=what)
            said = (f"{lost} rows left out: compute tiers of one release, or copied scores",) if lost else ()
            found[f"{lab}: {name}"] = replace(mean, caveats=(*mean.caveats, *said))
    return found


def _lab_means(by_lab: dict[str, Inference]) -> list[tuple[str, float]]:
    return [
        (label.partition(": ")[0], found.value)
        for label, found in by_lab.items()
        if label.endswith(REFIT) and found.value is not None
    ]


def _range_estimates(rows: pl.DataFrame, by_model: dict[str, list[Inference]], read: Read) -> list[Estimate]:
    """Return, for each lab whose steps the dashboard prints, the range of h over those models and its lowest model."""
    estimates = []
    printed = printed_steps(rows, read)
    place = {model: index for index, model in enumerate(rows["model_id"])}
    for lab in printed["lab"].unique().sort():
        steps = printed.filter(pl.col("lab") == lab)
        named = sorted({*steps["model_from"], *steps["model_to"]})
        for name, found in by_model.items():
            values = [v for v in (found[place[model]].value for model in named) if v is not None]
            if values:
                estimates.append(_range(f"{lab}, models of the printed steps: {name}", values))
        lowest = min(
            (
                one
                for one, owner in zip(by_model[REFIT], rows["lab"], strict=True)
                if owner == lab and one.value is not None
            ),
            key=lambda one: one.value or 0.0,
            default=None,
        )
        if lowest is not None:
            estimates.append(
                lowest.estimate(symbol="h_frontier", label=f"{lab}, lowest of all its rows: {REFIT}", unit="pp")
            )
    return estimates


def _range(label: str, values: Sequence[float]) -> Estimate:
    return Estimate(
        symbol="h_range",
        label=label,
        value=float(np.mean(values)),
        low=float(min(values)),
        high=float(max(values)),
        n=len(values),
        unit="pp",
        method="mean of the models' h; low and high are the smallest and the largest of them",
        caveats=("the ends are a range of models, not a confidence interval",),
    )


def _sentences(
    by_lab: dict[str, Inference], steps: pl.DataFrame, tiers: Table, params: ResidualFieldParams
) -> tuple[str, ...]:
    refit = {label.partition(": ")[0]: found for label, found in by_lab.items() if label.endswith(REFIT)}
    apart = [
        f"{lab} {found.value:+.3g} [{found.low:.3g}, {found.high:.3g}], n = {found.n}"
        for lab, found in refit.items()
        if found.value is not None and found.low is not None and found.high is not None
        and (found.low > 0 or found.high < 0)
    ]  # fmt: skip
    judged = sum(found.low is not None for found in refit.values())
    by_chance = judged * (1 - LEVEL)
    said = [
        f"Of {len(refit)} labs {judged} have two releases or more; the 95% interval of the mean h about the line of "
        f"the other labs leaves out 0 for {', '.join(apart) if apart else 'none'}. Of {judged} such intervals "
        f"{by_chance:.1f} would by chance alone if no lab differed."
    ]
    settled = [
        lab
        for lab, found in refit.items()
        if found.low is not None
        and regime_of_interval(found.value, found.low, found.high) in (Regime.CODING, Regime.REASONING)
    ]
    said.append(
        f"Labs whose interval lies wholly outside the cooperative regime: {', '.join(settled) if settled else 'none'}."
    )
    undefined = steps.filter(pl.col("undefined_reason") != "").height
    words = "as printed" if params.order == AS_PRINTED else f"by date, {params.tiers}"
    said.append(f"Gamma is defined for {steps.height - undefined} of {steps.height} steps ({words}).")
    for row in tiers.frame.filter(pl.col("kind") == COMPUTE).iter_rows(named=True):
        ends = "" if row["low"] is None else f" [{row['low']:.3g}, {row['high']:.3g}]"
        said.append(f"Compute tier alone: h of {row['label'].partition(' (')[0]} is {row['value']:+.3g} pp{ends}.")
    return (*said, f"Confidence class: {CONFIDENCE_RULE}.")


DIAGNOSTIC = Diagnostic(
    slug="residual_field",
    alias="h-field",
    section="Frontier",
    title="Residual field h",
    question="Which models and labs lie above or below the line of GPQA Diamond on SWE-bench Verified, and does yours?",
    source="Paper A 2.3, A.6; dashboard frontier tab and h calculator",
    params=ResidualFieldParams,
    compute=compute,
    uses_selection=False,
    panels=(
        Panel(
            name="calculator",
            title="Your model about the line",
            tables=("yours", "models", "lines"),
            alt="GPQA Diamond against SWE-bench Verified: models as points, both lines, and "
            "your model as a star once both scores are given.",
            figure=calculator_plane,
        ),
        Panel(
            name="advice",
            title="Advice by rule",
            tables=("advice",),
            alt="Table of rules, the number each looks at, whether it holds and what it advises.",
        ),
        Panel(
            name="labs",
            title="Mean h of every lab",
            tables=("labs",),
            alt="One row per lab: mean h about the line of the other labs and about the printed line with 95% "
            "intervals over models, number of models and confidence class; regimes shaded.",
            figure=h_by_lab,
        ),
        Panel(
            name="models",
            title="h of every model",
            tables=("models",),
            alt="One row per model, grouped by lab: h about the line of the other models with its 95% interval and "
            "about the printed line; regimes shaded.",
            figure=h_by_model,
        ),
        Panel(
            name="steps",
            title="Steps between releases",
            tables=("steps", "alone"),
            alt="One row per step: gamma with its 95% interval where it is defined, and the plain ratio beside it; "
            "undefined steps carry their reason.",
            figure=release_steps,
        ),
        Panel(
            name="tiers",
            title="Tiers of one version",
            tables=("tiers",),
            alt="One row per pair of tiers of one version: difference of h with its 95% interval from the errors of "
            "four scores.",
            figure=tier_rows,
        ),
    ),
    controls=("swe", "gpqa", "rows", "order", "tiers", "resamples", "seed"),
    inputs=("swe", "gpqa"),
    claims=RESIDUAL_FIELD,
)
