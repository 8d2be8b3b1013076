"""The isocline B2_c = sqrt(k B1): which side models lie on, and whether the side tells the sign of gamma."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl

from cape.diagnostics._compare import named
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, require, size_rows, step_rows
from cape.diagnostics._isocline_hits import (
    ENDS,
    Hits,
    Signed,
    hit_estimates,
    hit_rows,
    hits_by_reference,
    null_estimates,
)
from cape.diagnostics._ladders import ladders_by_name
from cape.diagnostics._params import WINDOW, WindowParams, option
from cape.diagnostics.wiring.isocline import ISOCLINE
from cape.errors import UnknownNameError
from cape.figures.isocline import constants_scan, hit_shares_by_scope, isocline_plane
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.isocline import Place, Reading, constant_of, curve_pct, distances, places

PAPER = "paper"
PAPER_PANEL, PAPER_FAMILY = "amin-lit-archprobe", "OLMo"  # the literals that give the constant of paper A.7
DEFINED, EVERY = "defined gamma", "every ratio"
CURVE_POINTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoclineParams(WindowParams):
    """Selection, the model that fixes the curve, how a side is read and which signs count."""

    reference: str = option(
        PAPER,
        label="Reference",
        help="Model that fixes k: paper (OLMo as the paper takes it), a family or a model_id of the panel.",
        source="model",
    )
    reading: str = option(
        str(Reading.NEGATIVE),
        label="Reading",
        help="What lying above the curve says of gamma. The paper's counts need one reading, its text the other.",
        choices=tuple(str(reading) for reading in Reading),
    )
    signs: str = option(
        DEFINED,
        label="Signs",
        help="Intervals whose gamma is defined, or every ratio of score differences as the paper counts.",
        choices=(DEFINED, EVERY),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The rows that fix the curve, their constant and what to know about them."""

    name: str
    found: Inference
    caveats: tuple[str, ...]

    @property
    def k(self) -> float:
        return float(self.found.value)  # type: ignore[arg-type]  # constant_of always gives a value


def compute(params: IsoclineParams, read: Read) -> Outcome:
    """Return k, the side of every model, and the hits of either reading at either end (paper A.7)."""
    rows = pair_rows(params, read)
    require(rows, params, what="model in this window")
    reference = reference_of(params, read)
    models = _placed(rows, reference.k)
    steps = _signed_steps(params, read)
    hits = hit_rows(steps, reference.k, named(params))
    estimates = [
        reference.found.estimate(symbol="k_isocline", label=reference.name, unit="", caveats=reference.caveats),
        *_above(models, params),
        *hit_estimates(steps, hits, params, scope=named(params)),
    ]
    ladders = ladders_by_name(size_rows(params, read))
    is_raw = params.signs == EVERY
    estimates += null_estimates(ladders, reference.k, params, is_raw=is_raw, scope=named(params))
    constants, compared = hits_by_reference(steps, models, reference.k, named(params), Reading(params.reading))
    tables = [
        _models_table(models),
        _curve_table(models, reference),
        _hits_table(hits),
        _steps_table(steps, params, reference),
    ]
    sentences = _sentences(params, reference, estimates, hits)
    return Outcome(estimates=(*estimates, *compared), tables=(*tables, constants), sentences=sentences)


def reference_of(params: IsoclineParams, read: Read) -> Reference:
    """Return the reference as asked for; raise UnknownNameError, with near names, for one the panel does not hold.

    "paper" takes the OLMo rows of the paper's own literals where they hold the pair, else the panel's own OLMo rows,
    else, as the paper asks for a model at the boundary, the two ends of the interval whose gamma is nearest zero.
    Raises NotEnoughDataError where there is no interval either.
    """
    panel = read("mart_pairs", panel=params.panel, x=params.x, y=params.y).sort("model_id", "x_file_row")
    if params.reference == PAPER:
        own = read("mart_pairs", panel=PAPER_PANEL, x=params.x, y=params.y, family=PAPER_FAMILY).sort("model_id")
        if not own.is_empty():
            return _reference(own, f"{PAPER_FAMILY} as the paper takes it")
        rows = panel.filter(pl.col("family") == PAPER_FAMILY)
        if not rows.is_empty():
            return _reference(rows, f"{PAPER_FAMILY} of panel {params.panel}")
        return _boundary(params, read)
    for column in ("model_id", "family"):
        rows = panel.filter(pl.col(column) == params.reference)
        if not rows.is_empty():
            return _reference(rows, params.reference)
    known = [PAPER, *panel["family"].unique().sort(), *panel["model_id"].unique().sort()]
    near = get_close_matches(params.reference, known, n=3, cutoff=0.5)
    hint = (
        f"Did you mean {', '.join(near)}?" if near else f"Known families: {', '.join(panel['family'].unique().sort())}."
    )
    raise UnknownNameError(f"Panel {params.panel!r} has no reference {params.reference!r} with both scores. {hint}")


def _boundary(params: IsoclineParams, read: Read) -> Reference:
    """Return the two ends of the interval of the panel whose gamma is nearest zero."""
    whole = IsoclineParams(panel=params.panel, x=params.x, y=params.y)
    steps = step_rows(whole, read)
    require(steps, whole, what="two sizes of one family")
    nearest = steps.filter(pl.col("gamma_raw").is_not_null()).sort(pl.col("gamma_raw").abs(), "label")
    require(nearest, whole, what="two sizes of one family of which the first score moves,")
    row = nearest.row(0, named=True)
    ends = [f"{axis}_{end}_pct" for axis in ("x", "y") for end in ("from", "to")]
    x, y = ([row[name] for name in ends[start : start + 2]] for start in (0, 2))
    unknown = [float("nan")] * 2
    note = f"gamma {row['gamma_raw']:.2g}; no {PAPER_FAMILY} with this pair, so the interval nearest zero was taken"
    return Reference(name=row["label"], found=constant_of(x, y, x_se=unknown, y_se=unknown), caveats=(note,))


def _reference(rows: pl.DataFrame, name: str) -> Reference:
    found = constant_of(
        rows["x_pct"].to_numpy(),
        rows["y_pct"].to_numpy(),
        x_se=_column(rows, "x_se_pct"),
        y_se=_column(rows, "y_se_pct"),
    )
    models = ", ".join(rows["model_id"])
    taken = f"the mean of {models}" if rows.height > 1 else f"the model {models}"
    return Reference(
        name=name, found=found, caveats=(f"{taken}; source {', '.join(rows['source_id'].unique().sort())}",)
    )


def _column(rows: pl.DataFrame, name: str) -> np.ndarray:
    return rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _placed(rows: pl.DataFrame, k: float) -> pl.DataFrame:
    """Return the model rows with their distance from the curve, its error and their place."""
    distance, error = distances(
        rows["x_pct"].to_numpy(),
        rows["y_pct"].to_numpy(),
        k=k,
        x_se=_column(rows, "x_se_pct"),
        y_se=_column(rows, "y_se_pct"),
    )
    return rows.with_columns(
        pl.Series("distance_pp", distance),
        pl.Series("distance_se_pp", error).fill_nan(None),
        pl.Series("place", places(distance, error).astype(str)),
    )


def _signed_steps(params: IsoclineParams, read: Read) -> Signed:
    """Return the steps whose gamma has a sign, with the scores of both ends."""
    rows = step_rows(params, read)
    column = "gamma_raw" if params.signs == EVERY else "gamma"
    kept = rows.filter(pl.col(column).is_not_null() & (pl.col(column) != 0))
    return Signed(
        rows=kept,
        family=np.asarray(kept["family"].to_list(), dtype=np.str_),
        positive=(kept[column] > 0).to_numpy(),
        ends={end: (kept[f"x_{key}_pct"].to_numpy(), kept[f"y_{key}_pct"].to_numpy()) for end, key in ENDS.items()},
        n_all=rows.height,
    )


def _above(models: pl.DataFrame, params: IsoclineParams) -> list[Estimate]:
    """Return how many models lie above the curve, in all and by family, with the range that their errors allow."""
    groups = [(named(params), models)]
    if models["family"].n_unique() > 1:
        groups += [(str(key[0]), rows) for key, rows in models.group_by("family", maintain_order=True)]
    estimates = []
    for name, rows in groups:
        above = int((rows["distance_pp"] > 0).sum())
        settled = {place: int((rows["place"] == str(place)).sum()) for place in Place}
        estimates.append(
            Estimate(
                symbol="n_models_above",
                label=name,
                value=float(above),
                low=float(settled[Place.ABOVE]),
                high=float(rows.height - settled[Place.BELOW]),
                n=rows.height,
                unit="model rows",
                method="rows with B2 > sqrt(k B1); low and high count undetermined rows as below and as above",
                caveats=(
                    f"{settled[Place.UNDETERMINED]} of {rows.height} lie within 1.96 standard errors of the curve",
                ),
            )
        )
    return estimates


def _models_table(models: pl.DataFrame) -> Table:
    columns = ("family", "model_id", "position", "x_pct", "y_pct", "x_se_pct", "y_se_pct")
    shown = models.select(*columns, "distance_pp", "distance_se_pp", "place", "source_id")
    units = {"position": "parameters", **dict.fromkeys(columns[3:], "%")}
    units |= dict.fromkeys(("distance_pp", "distance_se_pp"), "percentage points")
    return Table(name="models", title="Models and their side of the curve", frame=shown, units=units)


def _curve_table(models: pl.DataFrame, reference: Reference) -> Table:
    low, high = float(models["x_pct"].min()), float(models["x_pct"].max())  # type: ignore[arg-type]
    grid = np.linspace(max(low - 2, 0.0), min(high + 2, 100.0), CURVE_POINTS)
    ends = {"curve": reference.k, "curve_low": reference.found.low, "curve_high": reference.found.high}
    columns = {
        name: pl.Series(curve_pct(grid, k)) if k is not None else pl.Series([None] * grid.size, dtype=pl.Float64)
        for name, k in ends.items()
    }
    frame = pl.DataFrame({"x_pct": grid, **columns})
    return Table(name="curve", title="The isocline", frame=frame, units=dict.fromkeys(frame.columns, "%"))


def _hits_table(hits: list[Hits]) -> Table:
    rows = [hit.as_row() for hit in hits]
    schema = {"scope": pl.String, "end": pl.String, "reading": pl.String, "hits": pl.Int64, "n": pl.Int64}
    schema |= {
        "base": pl.Int64,
        **dict.fromkeys(("share", "low", "high", "base_share", "expected_share", "p"), pl.Float64),
    }
    units = dict.fromkeys(("share", "low", "high", "base_share", "expected_share"), "share of intervals")
    return Table(name="hits", title="Signs predicted right", frame=pl.DataFrame(rows, schema=schema), units=units)


def _steps_table(steps: Signed, params: IsoclineParams, reference: Reference) -> Table:
    """Every signed step: side of both ends, sign of gamma, and whether the chosen reading is right."""
    reading = Reading(params.reading)
    frame = steps.rows.select("label", "family", "position_mid", "gamma", "gamma_raw").with_columns(
        pl.Series("is_positive", steps.positive)
    )
    for end, (x, y) in steps.ends.items():
        above = y > curve_pct(x, reference.k)
        right = (above if reading is Reading.POSITIVE else ~above) == steps.positive
        frame = frame.with_columns(pl.Series(f"is_above_{end}", above), pl.Series(f"is_hit_{end}", right))
    units = {"position_mid": "parameters", "gamma": "pp/pp", "gamma_raw": "pp/pp"}
    return Table(name="steps", title="Intervals with a sign", frame=frame, units=units)


def _sentences(
    params: IsoclineParams, reference: Reference, estimates: list[Estimate], hits: list[Hits]
) -> tuple[str, ...]:
    scope = named(params)
    above = next(e for e in estimates if e.symbol == "n_models_above" and e.label == scope)
    first = (
        f"With k = {reference.k:.3f} from {reference.name}, {above.value:.0f} of {above.n} model rows of {scope} lie "
        f"above the curve; {above.caveats[0]}."
    )
    mine = [hit for hit in hits if hit.scope == scope and hit.test.n and str(hit.reading) == params.reading]
    told = [
        f"Read as {hit.reading}, the side of the {hit.end} end gives {hit.test.hits} of {hit.test.n} signs of gamma "
        f"(read the other way {hit.test.n - hit.test.hits}); "
        f"always naming the more frequent sign gives {hit.test.base}, reordering the signs within families "
        f"{hit.test.expected:.1f} on average (p = {hit.test.p:.2g}).{_null_words(estimates, hit)}"
        for hit in mine
    ]
    return (first, *(told or [f"No interval of {scope} has a gamma with a sign, so there is nothing to predict."]))


def _null_words(estimates: list[Estimate], hit: Hits) -> str:
    """Return what constant gammas and the errors of the scores alone give, as hits."""
    found = next((e for e in estimates if (e.symbol, e.label) == ("isocline_null_share", hit.label)), None)
    if found is None or found.low is None or found.high is None:
        return ""
    ends = (found.low * hit.test.n, found.high * hit.test.n)
    return f" One constant gamma per ladder and the errors of the scores alone give {ends[0]:.0f} to {ends[1]:.0f}."


DIAGNOSTIC = Diagnostic(
    slug="isocline",
    alias="iso",
    section="Coupling",
    title="Isocline",
    question="Does the side of sqrt(k B1) on which a model lies tell the sign of gamma, better than a constant answer?",
    source="Paper A 2.2 and A.7",
    params=IsoclineParams,
    compute=compute,
    panels=(
        Panel(
            name="plane",
            title="Models and the isocline",
            tables=("models", "curve"),
            alt="Second benchmark against first, one marker per model by its side of the curve; the curve with the "
            "band that the standard errors of the reference give.",
            figure=isocline_plane,
        ),
        Panel(
            name="hits",
            title="Signs predicted right, beside a constant answer",
            tables=("hits", "steps"),
            alt="One row per scope and end: share of signs predicted right with its 95% interval, the share of the "
            "more frequent sign, and what reordering the signs gives on average.",
            figure=hit_shares_by_scope,
        ),
        Panel(
            name="constants",
            title="Every model as the reference",
            tables=("constants",),
            alt="Share of signs predicted right when each model of the panel fixes k, against k, for both ends; the "
            "chosen reference and the constant answer are marked.",
            figure=constants_scan,
        ),
    ),
    controls=(*WINDOW, "reference", "reading", "signs", "resamples", "seed"),
    claims=ISOCLINE,
)
