"""The required field h_c(N), h(D) of curated families, what their gamma is worth in size, and 1 / |gamma|."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cape.diagnostics import _n_c
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import pair_rows, points_of, steps_of
from cape.diagnostics._flow_params import GAMMA, PAPER_RECIPE, FlowParams, Ladders, fewer
from cape.diagnostics._params import ALL_FAMILIES, family_names
from cape.diagnostics._plain_estimates import undefined
from cape.diagnostics.critical_scale import PAPER_PAIR, PAPER_PANEL
from cape.positions import PARAMS
from cape.quantities import Estimate, Table
from cape.stats.critical_scale import logistic_turning_point, pooled_quadratic_paper_mode
from cape.stats.curation import baseline, curation_offset, equivalent_scale, field_pct, required_field
from cape.stats.inference import Inference, to_billions

WEB = "web"
COMPARED_LOG10_N = 10.0  # the 10B of the statement that curated models at 1B match web-trained ones there, paper 5.2
CURVE_POINTS = 80
BELOW_DECADES = 2.0  # how far below N_c the curve of h_c is drawn
MOST_DECADES = 6.0  # more than the sizes of the lake span
NO_ROWS = "no N_c: the selection has no interval with a sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Critical:
    """N_c of the chosen estimator in log10 N, and what was taken."""

    found: Inference
    caveats: tuple[str, ...]


def critical_scale_of(params: FlowParams, read: Read) -> Critical:
    """Return N_c of the chosen estimator: of the whole panel, as one family alone seldom has one."""
    if params.n_c == PAPER_RECIPE and params.axis is not PARAMS:
        why = f"undefined: {PAPER_RECIPE} counts parameters, this panel {params.axis.counted}"
        none = Inference(value=None, low=None, high=None, n=0, method=params.n_c, caveats=(why,))
        return Critical(found=none, caveats=())
    if params.n_c == PAPER_RECIPE:
        rows = read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).sort("y_file_row")
        if rows.is_empty():
            lacking = f"the lake holds no rows of {PAPER_PANEL}"
            none = Inference(value=None, low=None, high=None, n=0, method=params.n_c, caveats=(lacking,))
            return Critical(found=none, caveats=())
        points = points_of(rows)
        paper, _ = pooled_quadratic_paper_mode(points.log10_n, points.y_pct)
        return Critical(found=paper, caveats=(f"N_c by {PAPER_RECIPE} on its own rows",))
    whole = FlowParams(panel=params.panel, x=params.x, y=params.y, resamples=params.resamples, seed=params.seed)
    rows_ = _n_c.population(whole, read)
    caveats = (f"N_c by the {params.n_c} of panel {params.panel}", rows_.filter_text)
    none = Inference(value=None, low=None, high=None, n=0, method=params.n_c, caveats=(NO_ROWS,))
    if params.n_c == _n_c.LOGISTIC:  # the first of population_turns, with its generator, without the cost of the rest
        steps = steps_of(rows_.steps.filter(pl.col("gamma").is_not_null()))
        if steps.gamma.size == 0:
            return Critical(found=none, caveats=caveats)
        rng = np.random.default_rng([params.seed, 3])
        found, _ = logistic_turning_point(
            steps.log10_n_mid, steps.gamma > 0, steps.family, n_resamples=params.resamples, rng=rng
        )
        return Critical(found=found, caveats=caveats)
    turns = _n_c.population_turns(rows_, whole, read, n_resamples=params.resamples)
    return Critical(found=turns.get(params.n_c, none), caveats=caveats)


def field_estimates(params: FlowParams, critical: Critical) -> tuple[list[Estimate], list[Table]]:
    """Return N_c as used, h_c at the stated size, and the curve of h_c with the interval of N_c (paper A.10)."""
    axis = params.axis
    at = float(np.log10(params.size_b)) + axis.log10_scale
    label = f"at {params.size_b:g} {axis.short}"
    estimates = [
        to_billions(critical.found, axis).estimate(
            symbol="N_c", label=f"used for h_c: {params.n_c}", unit=axis.unit, caveats=critical.caveats
        ),
        required_field(critical.found, at).estimate(symbol="h_c", label=label, unit="%", caveats=critical.caveats),
    ]
    return estimates, [_field_curve(critical.found)]


def _field_curve(n_c: Inference) -> Table:
    schema = dict.fromkeys(("position", "h_c", "low", "high"), pl.Float64)
    rows: list[dict[str, float | None]] = []
    if n_c.value is not None:
        top = max(end for end in (n_c.value, n_c.high) if end is not None)
        for size in np.linspace(n_c.value - BELOW_DECADES, top + 0.3, CURVE_POINTS):
            found = required_field(n_c, float(size))
            rows.append({"position": 10**size, "h_c": field_pct(n_c.value, size), "low": found.low, "high": found.high})
    units = {"position": "parameters", **dict.fromkeys(("h_c", "low", "high"), "% of full curation")}
    return Table(name="field", title="Required field h_c", frame=pl.DataFrame(rows, schema=schema), units=units)


def curation_estimates(params: FlowParams, read: Read) -> list[Estimate]:
    """Return h(D) of the curated families and what their gamma is worth in size; none where the panel lacks them."""
    if params.axis is not PARAMS:
        return []  # the statement on curated models speaks of parameters
    whole = FlowParams(panel=params.panel, x=params.x, y=params.y)
    names = family_names(params.curated)
    rows = pair_rows(whole, read).drop_nulls("position")
    curated, web = (rows.filter(keep) for keep in (pl.col("family").is_in(names), pl.col("training_recipe") == WEB))
    web = web.filter(pl.col("is_population_model") & ~pl.col("family").is_in(names))
    if curated.is_empty():
        return []
    estimates = _offsets(params, curated, web, name="own panel")
    paper = read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).drop_nulls("position")
    if params.y == PAPER_PAIR[1]:
        estimates += _offsets(params, curated, paper, name="the paper's curve")
    return estimates + _worth(params, read, names)


def _offsets(params: FlowParams, curated: pl.DataFrame, others: pl.DataFrame, *, name: str) -> list[Estimate]:
    """Return h(D) of every curated model row, and the largest of each family, against the curve of other rows."""
    if others["position"].n_unique() < 3:
        return []
    points = points_of(others)
    rng = np.random.default_rng([params.seed, 51])
    curve = baseline(points.log10_n, points.y_pct, points.family, n_resamples=params.resamples, rng=rng)
    n = int(np.unique(points.family).size)
    caveats = (f"U is a quadratic in log10 N through {others.height} models of {n} other families ({name})",)
    found: dict[str, list[tuple[str, Inference]]] = {}
    for row in curated.iter_rows(named=True):
        error = row["y_se_pct"] if row["y_se_pct"] is not None else float("nan")
        offset = curation_offset(
            curve, log10_n=float(np.log10(row["position"])), y_pct=row["y_pct"], y_se=error, n=n, rng=rng
        )
        found.setdefault(row["family"], []).append((row["model_id"], offset))
    estimates = []
    for family, offsets in found.items():
        estimates += [
            offset.estimate(symbol="h_curation", label=f"{model}, {name}", unit="pp", caveats=caveats)
            for model, offset in offsets
        ]
        known = [(model, offset) for model, offset in offsets if offset.value is not None]
        if known:
            model, largest = max(known, key=lambda item: item[1].value or 0.0)
            extra = (*caveats, f"the largest of {len(known)} models, {model}")
            label = f"{family}: largest, {name}"
            estimates.append(largest.estimate(symbol="h_curation", label=label, unit="pp", caveats=extra))
    return estimates


def _worth(params: FlowParams, read: Read, names: tuple[str, ...]) -> list[Estimate]:
    """Return the smallest curated step against the line of web-trained families: at 10 B, and as a ratio of sizes."""
    steps = read("mart_gamma", panel=params.panel, x=params.x, y=params.y).drop_nulls("gamma")
    recipes = read("mart_models").select("model_id", "training_recipe")
    steps = steps.join(recipes, left_on="models_from", right_on="model_id", how="left")
    web = steps.filter(
        (pl.col("training_recipe") == WEB) & pl.col("is_population_step") & ~pl.col("family").is_in(names)
    ).sort("family", "position_mid")
    rng = np.random.default_rng([params.seed, 52])
    estimates = []
    for (family,), rows in (
        steps.filter(pl.col("family").is_in(names))
        .sort("family", "position_mid")
        .group_by("family", maintain_order=True)
    ):
        row = rows.row(0, named=True)
        found = equivalent_scale(
            steps_of(web),
            gamma=(row["gamma"], row["gamma_se"]),
            log10_n=float(np.log10(row["position_mid"])),
            log10_n_compared=COMPARED_LOG10_N,
            n_resamples=params.resamples,
            rng=rng,
        )
        caveats = (f"{row['models_from']} to {row['models_to']}: gamma {row['gamma']:.3g}, SE {row['gamma_se']:.2g}",)
        estimates += [
            found.gap.estimate(
                symbol="curation_gap", label=f"{family} less web-trained at 10 B", unit=GAMMA, caveats=caveats
            ),
            _factor(found.ratio).estimate(symbol="curation_ratio", label=str(family), unit="x", caveats=caveats),
        ]
    return estimates


def _factor(found: Inference) -> Inference:
    """Return a ratio given in log10 as a factor; what lies beyond MOST_DECADES is unbounded."""
    ends = [
        None if end is None or abs(end) > MOST_DECADES else 10.0**end for end in (found.value, found.low, found.high)
    ]
    beyond = any(end is not None and abs(end) > MOST_DECADES for end in (found.value, found.low, found.high))
    note = (f"what lies more than {MOST_DECADES:g} decades of size away is given as unbounded",) if beyond else ()
    return replace(
        found,
        value=ends[0],
        low=ends[1],
        high=ends[2],
        draws=None,
        method=f"{found.method}, as a factor",
        caveats=(*found.caveats, *note),
    )


def susceptibility(ladders: Ladders) -> list[Estimate]:
    """Return 1 / |gamma| at the interval nearest zero; its upper end is unbounded where the interval holds zero."""
    defined = ladders.kept.filter(pl.col("gamma").is_not_null())
    method = "1 / |gamma| at the interval whose gamma is nearest zero"
    if defined.is_empty():
        return [undefined("chi_gamma", "largest", n=0, unit="", method=method, why=("no interval has a gamma",))]
    row = defined.sort(pl.col("gamma").abs()).row(0, named=True)
    ends = [abs(row[end]) for end in ("gamma_low", "gamma_high") if row[end] is not None]
    holds_zero = row["gamma_low"] is not None and row["gamma_low"] <= 0 <= row["gamma_high"]
    caveats: tuple[str, ...] = (
        row["label"],
        "a reciprocal: it diverges wherever gamma passes zero, whatever the cause",
    )
    if holds_zero:
        caveats += ("unbounded above: the interval of gamma holds 0",)
    if row["gamma"] == 0:
        caveats += ("undefined: gamma is exactly 0 there",)
    return [
        Estimate(
            symbol="chi_gamma",
            label="largest",
            value=1 / abs(row["gamma"]) if row["gamma"] else None,
            low=1 / max(ends) if ends and row["gamma"] else None,
            high=1 / min(ends) if ends and not holds_zero else None,
            n=row["n_rows"],
            unit="",
            method=method,
            caveats=caveats,
        )
    ]


def chance_scale(params: FlowParams, read: Read) -> list[Estimate]:
    """Return the size at which the second benchmark clears chance: P(score beyond 2 SE of chance) = 1/2."""
    whole = FlowParams(panel=params.panel, family=ALL_FAMILIES, x=params.x, y=params.y)
    rows = pair_rows(whole, read).filter(pl.col("is_population_model")).drop_nulls(["position", "y_is_near_chance"])
    if rows.is_empty():
        return []
    points = points_of(rows)
    rng = np.random.default_rng([params.seed, 53])
    found, _ = logistic_turning_point(
        points.log10_n, ~rows["y_is_near_chance"].to_numpy(), points.family, n_resamples=fewer(params), rng=rng
    )
    method = found.method.replace("gamma > 0", "score clear of chance by 2 SE")
    caveats = tuple(c.replace("gamma > 0", "score clear of chance") for c in found.caveats)
    return [
        to_billions(replace(found, method=method, caveats=caveats), params.axis).estimate(
            symbol="N_chance", label=params.y, unit=params.axis.unit
        )
    ]
