"""Gradient norms on loss and on size, the dip of one model, and Arrhenius fits by phase: estimates and tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import size_rows
from cape.diagnostics._params import Params, option
from cape.quantities import Estimate, Table
from cape.stats.arrhenius import Arrhenius, central_rates, fit_arrhenius, form_error_ratio
from cape.stats.inference import Inference
from cape.stats.lines import Line, distance_from_line, fit_line, outlier_p

DIP_MODEL = "pythia-1b"  # the model whose gradient the paper says dips, A.8
ON_SIZE = "N"
PAIRS = (  # gradient norm, and the loss or size it is set against; the first two of a kind share a source
    ("grad_norm_mean", "wikitext2_loss_mean"),
    ("grad_norm_mean", "pile_test_xent"),
    ("grad_norm_mean", ON_SIZE),
    ("grad_norm_figure_literal", "author_pythia_validation_loss"),
    ("grad_norm_figure_literal", ON_SIZE),
)
PHASES = ("tax", "transition", "bonus")
CENTRAL, STEPS, GRADIENTS = "central differences", "steps", "gradient norms"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBlindnessParams(Params):
    """The selection, where the coupling is said to turn, and where the dashboard sees its transition."""

    turn_b: float = option(
        0.0,
        label="Size of the turn (B)",
        help="Where the loss is searched for a shift, in billions; 0: the paper's pooled N_c.",
        low=0,
        high=1e6,
        is_whole=False,
    )
    transition_from_b: float = option(
        1.0,
        label="Transition from (B)",
        help="Upper end of the tax phase in the Arrhenius fits, in billions.",
        low=0,
        high=1e6,
        is_whole=False,
    )
    transition_to_b: float = option(
        2.8,
        label="Transition to (B)",
        help="Lower end of the bonus phase in the Arrhenius fits, in billions.",
        low=0,
        high=1e6,
        is_whole=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """Gradient norms against one covariate, in order of size; arrays (n_models,). on : the covariate's name."""

    label: str
    norm_name: str
    on: str
    models: tuple[str, ...]
    n_params: NDArray[np.float64]
    norm: NDArray[np.float64]
    level: NDArray[np.float64]
    notes: tuple[str, ...]


def read_gradients(read: Read) -> list[Gradients]:
    """Return each pair of gradient norm and covariate for the models that have both."""
    norms, losses = read("mart_gradients").drop_nulls("params_b"), read("mart_losses")
    found = []
    for norm_name, on in PAIRS:
        rows = norms.filter(pl.col("quantity") == norm_name).sort("params_b")
        if on == ON_SIZE:
            rows = rows.with_columns((pl.col("params_b") * 1e9).alias("level"))
        else:
            levels = losses.filter(pl.col("quantity") == on).select("model_id", pl.col("value").alias("level"))
            rows = rows.join(levels, on="model_id", how="inner", maintain_order="left")
        if rows.height < 3:
            continue
        found.append(
            Gradients(
                label=f"{norm_name} on {on}",
                norm_name=norm_name,
                on=on,
                models=tuple(rows["model_id"]),
                n_params=rows["params_b"].to_numpy() * 1e9,
                norm=rows["value"].to_numpy(),
                level=rows["level"].to_numpy(),
                notes=tuple(rows["notes"].fill_null("")),
            )
        )
    return found


def gradient_estimates(rows: Gradients) -> list[Estimate]:
    """Return exponent and r with the dip model in and out of the line, and how far it lies from either line."""
    caveats = _conditions(rows)
    estimates = _line_estimates(_line(rows), rows.on, rows.label, caveats)
    if DIP_MODEL not in rows.models:
        return estimates
    row = rows.models.index(DIP_MODEL)
    estimates += _line_estimates(_line(rows, without=row), rows.on, f"{rows.label} without {DIP_MODEL}", caveats)
    within, outside = distance_from_line(np.log(rows.level), np.log(rows.norm), row=row)
    p = outlier_p(np.log(rows.level), np.log(rows.norm), row=row)
    return [
        *estimates,
        _dip(within).estimate(symbol="gradient_dip", label=f"{rows.label}: {DIP_MODEL} in the line", unit="%"),
        _dip(outside).estimate(
            symbol="gradient_dip", label=f"{rows.label}: {DIP_MODEL} out of the line", unit="%", caveats=caveats
        ),
        Estimate(
            symbol="p_dip",
            label=rows.label,
            value=p,
            low=None,
            high=None,
            n=rows.norm.size,
            unit="",
            method=f"two-sided t of {DIP_MODEL} off the line of the others, times the models it was picked from",
            caveats=("no interval: a tail probability",) if p is not None else ("undefined: needs 4 models",),
        ),
    ]


def form_estimate(rows: Gradients, params: Params) -> Estimate:
    """Return how exp(-C/L) predicts left-out gradient norms beside L^k."""
    rng = np.random.default_rng([params.seed, 24])
    found = form_error_ratio(rows.level, rows.norm, n_resamples=params.resamples, rng=rng)
    return found.estimate(symbol="form_error_ratio", label=rows.label, unit="x")


def gradient_table(found: list[Gradients]) -> Table:
    """Return one row per model and covariate: norm, covariate and the two lines at that point."""
    frames = []
    for rows in found:
        line, row = _line(rows), rows.models.index(DIP_MODEL) if DIP_MODEL in rows.models else None
        frame = pl.DataFrame(
            {
                "fit": rows.label,
                "on": rows.on,
                "model_id": list(rows.models),
                "position": rows.n_params,
                "level": rows.level,
                "norm": rows.norm,
                "line": np.exp(line.fitted),
                "line_without": _line_at_all(rows, row),
                "is_dip": [model == DIP_MODEL for model in rows.models],
                "note": list(rows.notes),
                "n": rows.norm.size,
            }
        )
        frames.append(frame)
    frame = pl.concat(frames) if frames else pl.DataFrame(schema={"fit": pl.String, "position": pl.Float64})
    return Table(name="gradients", title="Gradient norms", frame=frame, units={"position": "parameters"})


def arrhenius_fits(params: LossBlindnessParams, read: Read, families: set[str]) -> list[tuple[str, str, Arrhenius]]:
    """Return (label, phase, fit) for each family with losses: central differences at sizes, and steps at mid-points."""
    rows = size_rows(params, read).drop_nulls("position")
    found = []
    for family in sorted(families & set(rows["family"])):
        ladder = rows.filter(pl.col("family") == family).unique("position", maintain_order=True).sort("position")
        if ladder.height < 3:
            continue
        size, score = ladder["position"].to_numpy(), ladder["x_pct"].to_numpy()
        log10_n = np.log10(size)
        rates, change = central_rates(log10_n, score), np.diff(score) / np.diff(log10_n)
        for phase, (low, high) in _ranges(params).items():
            inside = (size >= low) & (size <= high)
            found.append((f"{family}: {phase}, {CENTRAL}", phase, fit_arrhenius(score[inside], rates[inside])))
            step = (size[:-1] >= low) & (size[1:] <= high)
            middle = (score[1:] + score[:-1]) / 2
            found.append((f"{family}: {phase}, {STEPS}", phase, fit_arrhenius(middle[step], change[step])))
    return found


def gradient_arrhenius(params: LossBlindnessParams, rows: Gradients) -> list[tuple[str, str, Arrhenius]]:
    """Return (label, phase, fit) of log gradient norm on -1 / loss, over all sizes and by phase."""
    fits = [(f"{rows.label}: all sizes, {GRADIENTS}", "all sizes", fit_arrhenius(rows.level, rows.norm))]
    for phase, (low, high) in _ranges(params).items():
        inside = (rows.n_params >= low) & (rows.n_params <= high)
        fits.append(
            (f"{rows.label}: {phase}, {GRADIENTS}", phase, fit_arrhenius(rows.level[inside], rows.norm[inside]))
        )
    return fits


def arrhenius_estimates(fits: list[tuple[str, str, Arrhenius]], unit_of: str) -> list[Estimate]:
    """Return C and r2 of each fit, and C of the transition over C of the tax phase; unit_of : unit of C."""
    estimates: list[Estimate] = []
    by_label = {label: fit for label, _, fit in fits}
    for label, phase, fit in fits:
        estimates.append(fit.c.estimate(symbol="arrhenius_c", label=label, unit=unit_of))
        r2 = fit.r2_bare if label.endswith(CENTRAL) else fit.r2
        estimates.append(r2.estimate(symbol="arrhenius_r2", label=label, unit=""))
        if phase == "transition":
            tax = by_label[label.replace(": transition,", ": tax,")]
            estimates.append(_ratio(fit, tax, label.replace(": transition,", ":")))
    return estimates


def arrhenius_table(fits: list[tuple[str, str, Arrhenius]]) -> Table:
    """Return one row per fit: C with its interval, points, degrees of freedom, r2."""
    rows = [
        {
            "label": label,
            "phase": phase,
            "value": fit.c.value,
            "low": fit.c.low,
            "high": fit.c.high,
            "n": fit.c.n,
            "degrees_of_freedom": fit.spare,
            "r2": fit.r2_bare.value,
            "caveats": "; ".join(fit.c.caveats),
        }
        for label, phase, fit in fits
    ]
    text, whole = ("label", "phase", "caveats"), ("n", "degrees_of_freedom")
    schema = {
        name: pl.String if name in text else pl.Int64 if name in whole else pl.Float64
        for name in ("label", "phase", "value", "low", "high", "n", "degrees_of_freedom", "r2", "caveats")
    }
    return Table(name="arrhenius", title="Arrhenius constants", frame=pl.DataFrame(rows, schema=schema))


def _ranges(params: LossBlindnessParams) -> dict[str, tuple[float, float]]:
    """Return the sizes of each phase in parameters; neighbouring phases share their boundary."""
    first, second = params.transition_from_b * 1e9, params.transition_to_b * 1e9
    return dict(zip(PHASES, ((0.0, first), (first, second), (second, np.inf)), strict=True))


def _line(rows: Gradients, *, without: int | None = None) -> Line:
    kept = np.arange(rows.norm.size) != (-1 if without is None else without)
    return fit_line(np.log(rows.level[kept]), np.log(rows.norm[kept]))


def _line_at_all(rows: Gradients, without: int | None) -> NDArray[np.float64]:
    line = _line(rows, without=without)
    slope, intercept = line.slope.value or 0.0, line.intercept or 0.0
    return np.exp(intercept + slope * np.log(rows.level))


def _line_estimates(line: Line, on: str, label: str, caveats: tuple[str, ...]) -> list[Estimate]:
    r = line.r.estimate(symbol="gradient_r", label=label, unit="")
    if on != ON_SIZE:
        return [line.slope.estimate(symbol="gradient_exponent", label=label, unit="", caveats=caveats), r]
    slope = line.slope
    beta = Inference(
        value=None if slope.value is None else -slope.value,
        low=None if slope.high is None else -slope.high,
        high=None if slope.low is None else -slope.low,
        n=slope.n,
        method=slope.method,
        caveats=slope.caveats,
    )
    spread = Estimate(
        symbol="gradient_beta_se",
        label=label,
        value=line.slope_se,
        low=None,
        high=None,
        n=slope.n,
        unit="",
        method="standard error of the least-squares slope",
        caveats=("no interval: it is one",) if line.slope_se is not None else ("undefined: needs 3 models",),
    )
    return [beta.estimate(symbol="gradient_beta", label=label, unit="", caveats=caveats), spread, r]


def _dip(found: Inference) -> Inference:
    """Return a log distance as a deviation in percent."""
    value, low, high = (
        None if end is None else float(100 * np.expm1(end)) for end in (found.value, found.low, found.high)
    )
    return Inference(
        value=value, low=low, high=high, n=found.n, method=f"{found.method}, percent", caveats=found.caveats
    )


def _conditions(rows: Gradients) -> tuple[str, ...]:
    kinds = sorted(set(filter(None, rows.notes)))
    if len(kinds) < 2:
        return ()
    told = "; ".join(
        f"{kind} ({', '.join(m for m, note in zip(rows.models, rows.notes, strict=True) if note == kind)})"
        for kind in kinds
    )
    return (f"measured under different conditions: {told}",)


def _ratio(transition: Arrhenius, tax: Arrhenius, label: str) -> Estimate:
    above, below = transition.c.value, tax.c.value
    spare = min(transition.spare, tax.spare)
    value = above / below if above is not None and below else None
    why = f"undefined: a fit has {spare} degrees of freedom" if value is None else "no interval: see both C"
    return Estimate(
        symbol="arrhenius_ratio",
        label=label,
        value=value,
        low=None,
        high=None,
        n=transition.c.n + tax.c.n,
        unit="x",
        method="C of the transition over C of the tax phase",
        caveats=(why,),
    )
