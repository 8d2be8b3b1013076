"""Where one model lies: h(D) against the panel's curve and the paper's, frontier h, isocline side, percentiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from cape.diagnostics._analyze_company import Company, nothing
from cape.diagnostics._analyze_inputs import Held, Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._frontier_pairs import FROZEN_CLAIM, frozen_line
from cape.diagnostics._frontier_scores import GPQA, SWE
from cape.diagnostics.critical_scale import PAPER_PAIR, PAPER_PANEL
from cape.diagnostics.isocline import IsoclineParams, reference_of
from cape.errors import NotEnoughDataError
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.profile import Others, Score, curve_offset, isocline_distance, percentile_among
from cape.stats.residual_field import Regime, regime_of_interval

FRONTIER = "frontier"
FRONTIER_PAIR = (SWE, GPQA)
POINTS = "pp"


def offset_estimates(subject: Subject, company: Company, params: AnalyzeParams, read: Read) -> list[Estimate]:
    """Return h(D) = B2 - U(N): U of the panel's other models, of those of the same recipe, and of the paper's rows."""
    rng = np.random.default_rng([params.seed, 71])
    is_like = (company.rows["training_recipe"] == (subject.recipe or "")).fill_null(False).to_numpy()
    recipe = subject.recipe or "unknown recipe"
    curves = {
        "own panel": company.others(params.y, company.is_population),
        f"own panel, {recipe}": company.others(params.y, company.is_population & is_like),
    }
    estimates = []
    for name, others in curves.items():
        found, height = _offset(subject, params.y, others, params, rng)
        caveats = (f"U is a quadratic in log10 N through {others.score.size} other models ({name})",)
        label = f"{subject.name}, {params.y}, {name}"
        estimates.append(found.estimate(symbol="h_curation", label=label, unit=POINTS, caveats=caveats))
        estimates.append(height.estimate(symbol="expected_score", label=label, unit="%", caveats=caveats))
    return [*estimates, _paper_offset(subject, params, read, rng)]


def _offset(
    subject: Subject, benchmark: str, others: Others, params: AnalyzeParams, rng: np.random.Generator
) -> tuple[Inference, Inference]:
    held = subject.scores.get(benchmark)
    if subject.log10_n is None:
        lost = nothing("undefined: the size is not given", n=others.n_families)
        return lost, lost
    score = held.score if held is not None else Score(value=0.0, error=0.0)
    at = Score(value=subject.log10_n, error=0.0)
    found, height = curve_offset(score, at, others, powers=2, n_resamples=params.resamples, rng=rng)
    if held is None:
        return nothing(f"undefined: {benchmark} is not given", n=others.n_families, method=found.method), height
    return found, height


def _paper_offset(subject: Subject, params: AnalyzeParams, read: Read, rng: np.random.Generator) -> Estimate:
    label = f"{subject.name}, paper mode"
    held = subject.scores.get(params.y)
    if params.y != PAPER_PAIR[1]:
        why = f"undefined: the paper's curve is of {PAPER_PAIR[1]}, and variants never meet; {params.y} is selected"
        return nothing(why).estimate(symbol="h_curation", label=label, unit=POINTS)
    if held is None or subject.log10_n is None:
        why = f"undefined: {params.y} or the size is not given"
        return nothing(why).estimate(symbol="h_curation", label=label, unit=POINTS)
    rows = read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).drop_nulls("position")
    others = _others(rows, "y_pct", np.log10(rows["position"].to_numpy()))
    at = Score(value=subject.log10_n, error=0.0)
    found, _ = curve_offset(held.score, at, others, powers=2, n_resamples=params.resamples, rng=rng)
    bare = replace(found, low=None, high=None, draws=None, method="score less one quadratic through the paper's rows")
    caveats = (
        f"no interval in paper mode: one quadratic in log10 N through the {rows.height} rows of {PAPER_PANEL}, "
        "which gives the paper's printed coefficients",
    )
    return bare.estimate(symbol="h_curation", label=label, unit=POINTS, caveats=caveats)


def _others(rows: pl.DataFrame, column: str, place: np.ndarray, *, unit: str = "family") -> Others:
    return Others(score=rows[column].to_numpy(), place=place, family=np.asarray(rows[unit].to_list(), dtype=np.str_))


def frontier_rows(subject: Subject, read: Read) -> pl.DataFrame:
    """Return the frontier panel without the model itself: SWE-bench Verified as x, GPQA Diamond as y."""
    rows = read("mart_pairs", panel=FRONTIER, x=FRONTIER_PAIR[0], y=FRONTIER_PAIR[1])
    return rows.filter(pl.col("model_id") != (subject.model_id or "")).sort("lab", "model_id", "x_file_row")


def frontier_estimates(subject: Subject, params: AnalyzeParams, read: Read) -> list[Estimate]:
    """Return h = GPQA less the line on SWE: the line refitted on other frontier models, and as the paper prints it."""
    swe, gpqa = (subject.scores.get(name) for name in FRONTIER_PAIR)
    label = f"{subject.name}, frontier"
    if swe is None or gpqa is None:
        lost = nothing("undefined: SWE-bench Verified and GPQA Diamond are not both given")
        return [
            lost.estimate(symbol="h_frontier", label=f"{label}, refit", unit=POINTS),
            lost.estimate(symbol="h_frontier", label=f"{label}, paper mode", unit=POINTS),
        ]
    rows = frontier_rows(subject, read)
    others = _others(rows, "y_pct", rows["x_pct"].to_numpy(), unit="lab")
    rng = np.random.default_rng([params.seed, 72])
    found, height = curve_offset(gpqa.score, swe.score, others, powers=1, n_resamples=params.resamples, rng=rng)
    found, height = (replace(one, method=one.method.replace("families", "labs")) for one in (found, height))
    caveats = (f"the line of {rows.height} other frontier models of {others.n_families} labs", *_source(swe, gpqa))
    return [
        found.estimate(symbol="h_frontier", label=f"{label}, refit", unit=POINTS, caveats=caveats),
        height.estimate(symbol="expected_score", label=f"{label}, {FRONTIER_PAIR[1]}", unit="%", caveats=caveats),
        _frozen(swe, gpqa, read).estimate(symbol="h_frontier", label=f"{label}, paper mode", unit=POINTS),
    ]


def _source(*held: Held) -> tuple[str, ...]:
    return tuple(f"{one.benchmark_id}: {one.origin}" for one in held)


def _frozen(swe: Held, gpqa: Held, read: Read) -> Inference:
    line = frozen_line(read)
    if line is None:
        return nothing(f"undefined: the ledger has no slope and intercept in {FROZEN_CLAIM}")
    return Inference(
        value=float(line.h(swe.score.value, gpqa.score.value)),
        low=None,
        high=None,
        n=1,
        method=f"GPQA - ({line.slope:g} SWE + {line.intercept:g}), the frozen line of claim {FROZEN_CLAIM}",
        caveats=("no interval: printed coefficients have none",),
    )


def regime(h: float, low: float | None, high: float | None) -> str:
    """Return the paper's regime of a frontier h, undetermined where its interval covers more than one."""
    found = regime_of_interval(h, low, high)
    return "undetermined, as the interval covers more than one regime" if found is Regime.UNDETERMINED else str(found)


def lab_table(subject: Subject, read: Read, estimates: list[Estimate]) -> Table:
    """Return the mean h of each lab about the paper's printed line, nearest to the model first."""
    own = next((e.value for e in estimates if e.symbol == "h_frontier" and e.label.endswith("paper mode")), None)
    line = frozen_line(read)
    units = dict.fromkeys(("mean_h", "distance"), POINTS)
    schema = {"lab": pl.String, "mean_h": pl.Float64, "n_models": pl.UInt32, "distance": pl.Float64}
    frame = pl.DataFrame(schema=schema)
    if own is not None and line is not None:
        h = pl.col("y_pct") - (line.slope * pl.col("x_pct") + line.intercept)
        labs = frontier_rows(subject, read).group_by("lab").agg(h.mean().alias("mean_h"), pl.len().alias("n_models"))
        frame = labs.with_columns((pl.col("mean_h") - own).abs().alias("distance")).sort("distance", "lab")
    return Table(name="labs", title="Labs by mean h", frame=frame, units=units)


def isocline_estimates(subject: Subject, params: AnalyzeParams, read: Read) -> tuple[list[Estimate], float | None]:
    """Return the distance from B2 = sqrt(k B1) and the k that was used, None where there is none (paper A.7)."""
    label = f"{subject.name}, reference {params.reference}"
    selection = IsoclineParams(panel=params.panel, x=params.x, y=params.y, reference=params.reference)
    try:
        reference = reference_of(selection, read)
    except NotEnoughDataError as error:
        why = f"undefined: {str(error).rstrip('.')}"
        return [nothing(why).estimate(symbol="isocline_distance", label=label, unit=POINTS)], None
    first, second = (subject.scores.get(name) for name in (params.x, params.y))
    if first is None or second is None:
        found = nothing(f"undefined: {params.x} and {params.y} are not both given", n=reference.found.n)
    else:
        found = isocline_distance(first.score, second.score, reference.found)
    caveats = (f"k from {reference.name}", *reference.caveats)
    estimate = found.estimate(symbol="isocline_distance", label=label, unit=POINTS, caveats=caveats)
    return [estimate], reference.found.value


def percentile_estimates(subject: Subject, company: Company, params: AnalyzeParams, read: Read) -> list[Estimate]:
    """Return where each score lies among models of similar size, and of similar size and the same recipe."""
    rng = np.random.default_rng([params.seed, 73])
    is_like = (company.rows["training_recipe"] == (subject.recipe or "")).fill_null(False).to_numpy()
    estimates = []
    for name, held in subject.scores.items():
        groups = _groups(name, subject, company, params, is_like, read)
        for about, others in groups.items():
            found = percentile_among(held.score, others, n_resamples=params.resamples, rng=rng)
            estimates.append(
                found.estimate(
                    symbol="score_percentile", label=f"{subject.name}, {name}: {about}", unit="%", caveats=_source(held)
                )
            )
    return [*estimates, *_tokens_percentile(subject, company, params, rng)]


def _tokens_percentile(
    subject: Subject, company: Company, params: AnalyzeParams, rng: np.random.Generator
) -> list[Estimate]:
    """Return where the training tokens lie among models of similar size, once they are known."""
    if subject.tokens_t is None:
        return []
    tokens = company.rows["tokens_t"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    chosen = np.isfinite(tokens) & (company.is_similar if subject.log10_n is not None else True)
    others = Others(score=tokens[chosen], place=company.log10_n[chosen], family=company.family[chosen])
    own = Score(value=subject.tokens_t, error=0.0)
    found = percentile_among(own, others, n_resamples=params.resamples, rng=rng)
    words = "models of any size" if subject.log10_n is None else f"within a factor {params.similar:g} of its size"
    label = f"{subject.name}, training tokens: {words}"
    return [found.estimate(symbol="score_percentile", label=label, unit="%")]


def _groups(
    name: str, subject: Subject, company: Company, params: AnalyzeParams, is_like: np.ndarray, read: Read
) -> Mapping[str, Others]:
    if name not in company.benchmarks:
        panel, others = elsewhere(name, subject, read)
        return {f"models of any size in panel {panel}": others} if panel else {}
    if subject.log10_n is None:
        return {"models of any size": company.others(name, np.ones(company.family.size, dtype=bool))}
    words = f"within a factor {params.similar:g} of its size"
    found = {words: company.others(name, company.is_similar)}
    if subject.recipe:
        found[f"{words}, {subject.recipe}"] = company.others(name, company.is_similar & is_like)
    return found


def elsewhere(name: str, subject: Subject, read: Read) -> tuple[str, Others]:
    """Return the panel that holds most models with a benchmark, and those models without the model itself."""
    held = read("mart_panel_benchmarks", benchmark_id=name).sort("n_models", "panel", descending=[True, False])
    if held.is_empty():
        return "", Others(score=np.empty(0), place=np.empty(0), family=np.empty(0, dtype=np.str_))
    panel = str(held["panel"][0])
    rows = read("mart_scores", panel=panel, benchmark_id=name).filter(pl.col("model_id") != (subject.model_id or ""))
    rows = rows.sort("family", "model_id", "file_row")
    size = rows["position"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return panel, _others(rows, "score_pct", np.log10(size))
