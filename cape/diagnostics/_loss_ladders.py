"""Ladders of losses, the law of each, and whether its residuals know of the coupling: estimates and tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._params import ALL_FAMILIES, Params
from cape.quantities import Estimate, Table
from cape.stats.correlation import pearson, permutation_p
from cape.stats.inference import Inference
from cape.stats.scaling_law import MIN_SIZES, LossLaw, law_curve, loss_law, term_beside_law

NATS = "nats/token"
SUSPECT_WORD = "typo"  # a source's note on a row that calls it a probable misprint
CURVE_POINTS = 60
MOST_ORDERINGS = 20_000
GAMMA_SIGN = "where gamma is positive"
ABOVE_TURN = "above the size of the turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupling:
    """gamma of the interval that leads to a model in the selected panel, with its phases."""

    gamma: float | None
    phase_paper: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Losses of one family from one source, in order of size; arrays (n_models,)."""

    label: str
    family: str
    quantity: str
    models: tuple[str, ...]
    n_params: NDArray[np.float64]
    loss: NDArray[np.float64]
    suspects: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A ladder with its law and the couplings of its models, None where the panel has none.

    places : for each gap between two sizes, its ends in parameters and the shift of the loss above it.
    """

    ladder: Ladder
    law: LossLaw
    couplings: tuple[Coupling | None, ...]
    places: tuple[tuple[float, float, Inference], ...]


def read_ladders(params: Params, read: Read) -> list[Ladder]:
    """Return every ladder of losses with enough sizes; with suspect rows a second one without them.

    The selected family alone where it has losses, else all of them.
    """
    rows = read("mart_losses").drop_nulls(["params_b", "family"]).sort("params_b", "model_id")
    groups = {key: rows for key, rows in rows.group_by("source_id", "family", "quantity", maintain_order=True)}
    names = Counter(f"{family}: {quantity}" for _, family, quantity in groups)
    found = []
    for (source, family, quantity), models in sorted(groups.items()):
        label = f"{family}: {quantity}" if names[f"{family}: {quantity}"] == 1 else f"{family}: {quantity} ({source})"
        ladder = _ladder(models, label=label, family=str(family), quantity=str(quantity))
        found.append(ladder)
        if ladder.suspects:
            kept = models.filter(~pl.col("model_id").is_in(ladder.suspects))
            label = f"{label} without {', '.join(ladder.suspects)}"
            found.append(_ladder(kept, label=label, family=str(family), quantity=str(quantity), out=ladder.suspects))
    long = [ladder for ladder in found if np.unique(ladder.n_params).size >= MIN_SIZES]
    mine = [ladder for ladder in long if params.family in (ALL_FAMILIES, ladder.family)]
    return mine or long


def read_couplings(params: Params, read: Read) -> dict[str, Coupling]:
    """Return the coupling of each model of the selected panel and pair, first protocol and replicate."""
    rows = read("mart_phases", panel=params.panel, x=params.x, y=params.y).drop_nulls("models")
    found: dict[str, Coupling] = {}
    for row in rows.sort("family", "replicate", "x_protocol", "y_protocol", "position").iter_rows(named=True):
        for model in row["models"].split(" + "):
            held = Coupling(gamma=row["gamma"], phase_paper=row["phase_paper"], phase=row["phase"])
            found.setdefault(model, held)
    return found


def fit_ladders(ladders: list[Ladder], couplings: dict[str, Coupling], params: Params) -> list[Fitted]:
    """Return the law of each ladder with residual-bootstrap intervals."""
    rng = np.random.default_rng([params.seed, 21])
    return [
        Fitted(
            ladder=ladder,
            law=loss_law(ladder.n_params, ladder.loss, n_resamples=params.resamples, rng=rng),
            couplings=tuple(couplings.get(model) for model in ladder.models),
            places=_places(ladder),
        )
        for ladder in ladders
    ]


def law_estimates(fitted: Fitted) -> list[Estimate]:
    """Return every summary of one law, with the span of its sizes and the gap of a row left out as suspect."""
    law, label = fitted.law, fitted.ladder.label
    inside = ("in sample: each size is predicted by the law fitted to it",)
    outside = ("the smallest and the largest size are extrapolated",)
    return [
        law.alpha.estimate(symbol="loss_exponent", label=label, unit=""),
        law.alpha_range.estimate(symbol="loss_exponent", label=f"{label}, one size left out", unit=""),
        law.floor.estimate(symbol="loss_floor", label=label, unit=NATS),
        law.amplitude.estimate(symbol="loss_amplitude", label=label, unit=""),
        law.amplitude_sd.estimate(symbol="loss_amplitude_sd", label=label, unit=""),
        law.cv_pct.estimate(symbol="loss_cv", label=label, unit="%"),
        law.r2.estimate(symbol="loss_r2", label=label, unit=""),
        law.error_pct.estimate(symbol="prediction_error", label=f"L0: {label}, in sample", unit="%", caveats=inside),
        law.left_out_error_pct.estimate(
            symbol="prediction_error", label=f"L0: {label}, left out", unit="%", caveats=outside
        ),
        _span(fitted.ladder),
    ]


def coupling_estimates(fitted: Fitted, turn: float | None, params: Params) -> list[Estimate]:
    """Return what the residuals know of gamma, and the shift of the loss above a turn beside shifts elsewhere.

    turn : size in parameters at which the coupling is said to turn, or None.
    """
    ladder, label = fitted.ladder, fitted.ladder.label
    known = np.array([held is not None and held.gamma is not None for held in fitted.couplings])
    gamma = np.array([held.gamma for held in fitted.couplings if held is not None and held.gamma is not None])
    missing = int((~known).sum())
    lacking = (f"{missing} of {known.size} sizes have no gamma in panel {params.panel}",) if missing else ()
    estimates = _residual_r(fitted.law.residual[known], gamma, label, params, lacking) if known.any() else []
    shift = _sign_shift(ladder, known, gamma)
    estimates.append(shift.estimate(symbol="loss_shift", label=f"{label}: {GAMMA_SIGN}", unit=NATS, caveats=lacking))
    if turn is None:
        return estimates
    found = term_beside_law(ladder.n_params, ladder.loss, ladder.n_params > turn)
    estimates.append(found.estimate(symbol="loss_shift", label=f"{label}: {ABOVE_TURN}", unit=NATS))
    return [*estimates, _place_share(fitted, found)]


def gap_estimate(ladder: Ladder) -> Estimate | None:
    """Return the loss of the first suspect row less what the law of the other rows says there; None without one."""
    if not ladder.suspects:
        return None
    model = ladder.suspects[0]
    term = np.array([name == model for name in ladder.models], dtype=np.float64)
    found = term_beside_law(ladder.n_params, ladder.loss, term)
    noted = ("its source notes a probable misprint",)
    return found.estimate(symbol="loss_row_gap", label=f"{ladder.label}: {model}", unit=NATS, caveats=noted)


def law_table(fits: list[Fitted]) -> Table:
    """Return one row per size: loss, law, residual, what the law of the other sizes predicts, and coupling."""
    rows = []
    for one in fits:
        for i, model in enumerate(one.ladder.models):
            held = one.couplings[i]
            left_out = float(one.law.left_out[i])
            rows.append(
                {
                    "ladder": one.ladder.label,
                    "model_id": model,
                    "position": float(one.ladder.n_params[i]),
                    "loss": float(one.ladder.loss[i]),
                    "fitted": float(one.law.fitted[i]),
                    "residual": float(one.law.residual[i]),
                    "left_out": left_out if np.isfinite(left_out) else None,
                    "gamma": None if held is None else held.gamma,
                    "phase_paper": "none" if held is None or held.gamma is None else held.phase_paper,
                    "phase": "none" if held is None else held.phase,
                    "is_suspect": model in one.ladder.suspects,
                    "n": one.ladder.loss.size,
                }
            )
    units = {"position": "parameters", **dict.fromkeys(("loss", "fitted", "residual", "left_out"), NATS)}
    schema = dict.fromkeys(("gamma", "left_out"), pl.Float64)
    return Table(
        name="losses", title="Losses and their law", frame=pl.DataFrame(rows, schema_overrides=schema), units=units
    )


def curve_table(fits: list[Fitted]) -> Table:
    """Return points along each fitted law, over its sizes, for drawing."""
    frames = []
    for one in fits:
        places = np.geomspace(one.ladder.n_params.min(), one.ladder.n_params.max(), CURVE_POINTS)
        curve = law_curve(one.ladder.n_params, one.ladder.loss, places)
        frames.append(
            pl.DataFrame({"position": places, "loss": curve}).with_columns(pl.lit(one.ladder.label).alias("ladder"))
        )
    return Table(
        name="curves", title="Fitted laws", frame=pl.concat(frames), units={"position": "parameters", "loss": NATS}
    )


def place_table(fits: list[Fitted], turn: float | None) -> Table:
    """Return the shift of the loss for a turn in every gap between two sizes; `is_turn` marks the gap of the turn."""
    rows = []
    for one in fits:
        for low, high, found in one.places:
            rows.append(
                {
                    "ladder": one.ladder.label,
                    "position": float(np.sqrt(low * high)),
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "is_turn": turn is not None and low <= turn < high,
                }
            )
    schema = {name: pl.Float64 for name in ("value", "low", "high")}
    units = {"position": "parameters", **dict.fromkeys(schema, NATS)}
    return Table(
        name="places",
        title="Shift by place of the turn",
        frame=pl.DataFrame(rows, schema_overrides=schema),
        units=units,
    )


def _ladder(rows: pl.DataFrame, *, label: str, family: str, quantity: str, out: tuple[str, ...] = ()) -> Ladder:
    noted = rows.filter(pl.col("notes").fill_null("").str.contains(SUSPECT_WORD))
    return Ladder(
        label=label,
        family=family,
        quantity=quantity,
        models=tuple(rows["model_id"]),
        n_params=rows["params_b"].to_numpy() * 1e9,
        loss=rows["value"].to_numpy(),
        suspects=tuple(noted["model_id"]),
        left_out=out,
    )


def _span(ladder: Ladder) -> Estimate:
    return Estimate(
        symbol="size_span",
        label=ladder.label,
        value=float(np.log10(ladder.n_params.max() / ladder.n_params.min())),
        low=None,
        high=None,
        n=ladder.n_params.size,
        unit="decades",
        method="log10 of the largest size over the smallest, nominal sizes",
        caveats=("no interval: arithmetic",),
    )


def _residual_r(
    residual: NDArray[np.float64], gamma: NDArray[np.float64], label: str, params: Params, caveats: tuple[str, ...]
) -> list[Estimate]:
    rng = np.random.default_rng([params.seed, 22])
    found = pearson(residual, gamma)
    test = permutation_p(residual, gamma, n_permutations=min(params.resamples, MOST_ORDERINGS), rng=rng)
    floor = () if test.smallest_p is None else (f"the smallest p these orderings can give is {test.smallest_p:.2g}",)
    return [
        found.estimate(symbol="r_loss_gamma", label=label, unit="", caveats=caveats),
        Estimate(
            symbol="p_loss_gamma",
            label=label,
            value=test.p_two_sided,
            low=None,
            high=None,
            n=residual.size,
            unit="",
            method=f"{test.method}; {test.n_orderings} orderings, two-sided",
            caveats=(*test.caveats, *floor, "no interval: a tail share"),
        ),
    ]


def _sign_shift(ladder: Ladder, known: NDArray[np.bool_], gamma: NDArray[np.float64]) -> Inference:
    """The shift of the loss at sizes with gamma > 0, or why there is none."""
    sides = (int((gamma > 0).sum()), int((gamma < 0).sum()))
    if min(sides) == 0 or np.unique(ladder.n_params[known]).size < MIN_SIZES:
        why = f"undefined: gamma is positive at {sides[0]} sizes and negative at {sides[1]}, so it does not turn here"
        return Inference(value=None, low=None, high=None, n=gamma.size, method="none", caveats=(why,))
    return term_beside_law(ladder.n_params[known], ladder.loss[known], gamma > 0)


def _places(ladder: Ladder) -> tuple[tuple[float, float, Inference], ...]:
    sizes = np.unique(ladder.n_params)
    return tuple(
        (float(low), float(high), term_beside_law(ladder.n_params, ladder.loss, ladder.n_params > low))
        for low, high in zip(sizes[:-1], sizes[1:], strict=True)
    )


def _place_share(one: Fitted, found: Inference) -> Estimate:
    """Share of gaps where a shift is at least as many standard errors from zero as the one at the turn."""
    strengths = [_strength(shift) for _, _, shift in one.places]
    defined = [strength for strength in strengths if strength is not None]
    mine = _strength(found)
    value = None if mine is None else sum(strength >= mine - 1e-9 for strength in defined) / len(defined)
    undefined = () if mine is not None else ("undefined: there is no shift at the turn",)
    return Estimate(
        symbol="p_place",
        label=one.ladder.label,
        value=value,
        low=None,
        high=None,
        n=len(defined),
        unit="",
        method="share of the gaps between sizes where a shift lies at least as many standard errors from zero",
        caveats=(*undefined, f"no interval: a share of {len(defined)} gaps; neighbouring gaps share models"),
    )


def _strength(shift: Inference) -> float | None:
    if shift.value is None or shift.high is None or shift.high == shift.value:
        return None
    return abs(shift.value) / (shift.high - shift.value)
