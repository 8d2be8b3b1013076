"""The phase diagram: both scores of every model, and the second score by size, with the phase of each interval."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._compare import named
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, require, size_rows, step_rows
from cape.diagnostics._params import ALL_FAMILIES, Params
from cape.diagnostics.wiring.phase_diagram import PHASE_DIAGRAM
from cape.figures.phase_diagram import score_by_size, score_plane
from cape.quantities import Estimate, Phase, Table
from cape.stats.coupling import phase_probabilities
from cape.stats.inference import Z_LEVEL
from cape.stats.summaries import expected_count

POINT_UNITS = {
    "position": "parameters",
    "params_b": "billions",
    "x_pct": "%",
    "y_pct": "%",
    "x_se_pct": "pp",
    "y_se_pct": "pp",
}
COUNT_METHOD = "a row takes the interval it ends, the first size the one it starts"


def compute(params: Params, read: Read) -> Outcome:
    """Return model counts by phase, printed rule beside ours, and the rows to draw (paper 2.1, 2.3, A.1)."""
    rows = pair_rows(params, read)
    require(rows, params, what="model")
    sizes = size_rows(params, read)
    steps = step_rows(params, read)
    points = _with_phase(rows, sizes)
    rng = np.random.default_rng([params.seed, 11])
    estimates = [
        _count("n_rows", named(params), points.height, "rows that carry both scores"),
        _count("n_models", named(params), points["model_id"].n_unique(), "distinct models among those rows"),
        _count("n_families", named(params), points["family"].n_unique(), "families among those rows"),
        *_expected(points, params, rng),
        *(_labelled(points, "phase", phase, "ours") for phase in (Phase.UNDETERMINED, Phase.NONE)),
        *(_labelled(points, "phase_paper", phase, "paper mode") for phase in Phase if phase is not Phase.UNDETERMINED),
        _count(
            "n_near_chance", named(params), _near(points), "rows within 2 standard errors of chance on either benchmark"
        ),
        _count(
            "n_variant_inferred", named(params), _inferred(points), "rows whose TruthfulQA equals the leaderboard's MC2"
        ),
        *_details(rows, params),
    ]
    segments = steps.select(
        "label",
        "family",
        "position_from",
        "position_to",
        "x_from_pct",
        "x_to_pct",
        "y_from_pct",
        "y_to_pct",
        "phase",
        "phase_paper",
    )
    return Outcome(
        estimates=tuple(estimates),
        tables=(
            Table(name="points", title="Models", frame=points, units=POINT_UNITS),
            Table(
                name="segments",
                title="Intervals between consecutive sizes",
                frame=segments,
                units={"position_from": "parameters", "position_to": "parameters"},
            ),
        ),
        sentences=_sentences(points),
    )


def _with_phase(rows: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    keys = ["family", "axis", "replicate", "x_protocol", "y_protocol", "position"]
    phases = sizes.select(*keys, "phase", "phase_paper", "is_outgoing_phase", "gamma", "gamma_se", "undefined_reason")
    joined = rows.join(phases, on=keys, how="left", nulls_equal=True)
    joined = joined.with_columns(
        pl.col("phase").fill_null(str(Phase.NONE)),
        pl.col("phase_paper").fill_null(str(Phase.NONE)),
        pl.when(pl.col("position").is_null())
        .then(pl.lit("size not public"))
        .otherwise(pl.col("undefined_reason"))
        .alias("undefined_reason"),
    )
    return joined.select(
        "family",
        "model_id",
        "display_name",
        "position",
        "params_b",
        "x_pct",
        "y_pct",
        "x_se_pct",
        "y_se_pct",
        "phase",
        "phase_paper",
        "is_outgoing_phase",
        "gamma",
        "gamma_se",
        "undefined_reason",
        "x_is_near_chance",
        "y_is_near_chance",
        "x_protocol",
        "y_protocol",
        "quality_flags",
        "model_flags",
        "source_id",
        "source_file",
        "x_file_row",
        "y_file_row",
    )


def _near(points: pl.DataFrame) -> int:
    return points.filter(pl.col("x_is_near_chance") | pl.col("y_is_near_chance")).height


def _count(symbol: str, label: str, count: int, what: str) -> Estimate:
    return Estimate(
        symbol=symbol,
        label=label,
        value=float(count),
        low=None,
        high=None,
        n=count,
        unit="",
        method=f"count of {what}",
        caveats=("no interval: a count of the rows at hand",),
    )


def _expected(points: pl.DataFrame, params: Params, rng: np.random.Generator) -> list[Estimate]:
    """Return the expected number of model rows in each phase, given the error of each gamma."""
    known = points.drop_nulls(["gamma", "gamma_se"])
    chances = phase_probabilities(known["gamma"].to_numpy(), known["gamma_se"].to_numpy())
    method = f"expected number of rows if each gamma is Normal(gamma, SE); {COUNT_METHOD}"
    estimates = []
    for column, phase in enumerate((Phase.TAX, Phase.TRANSITION, Phase.BONUS)):
        settled = points.filter(pl.col("phase") == phase).height
        count = expected_count(chances[:, column], n_draws=params.resamples, rng=rng, method=method)
        caveat = f"{settled} of {points.height} rows are settled by the 95% interval of their gamma"
        estimates.append(
            count.estimate(symbol="n_models_in_phase", label=f"{phase}, ours", unit="model rows", caveats=(caveat,))
        )
    return estimates


def _labelled(points: pl.DataFrame, column: str, phase: Phase, mode: str) -> Estimate:
    rule = "95% interval of gamma within the phase" if mode == "ours" else "bare ratio against the printed thresholds"
    hits = points.filter(pl.col(column) == phase).height
    return Estimate(
        symbol="n_models_in_phase",
        label=f"{phase}, {mode}",
        value=float(hits),
        low=None,
        high=None,
        n=points.height,
        unit="model rows",
        method=f"{rule}; {COUNT_METHOD}",
        caveats=("no interval: a count of labels",),
    )


def _inferred(points: pl.DataFrame) -> int:
    flags = pl.col("quality_flags").fill_null("").str.split(";")
    return points.filter(flags.list.contains("variant_identified_by_equality")).height


def _details(rows: pl.DataFrame, params: Params) -> list[Estimate]:
    """Return rows per family, or for one family the scores and layers of each of its models."""
    if params.family == ALL_FAMILIES:
        counts = rows.group_by("family").len().sort("family")
        return [
            _count("n_rows_in_family", str(f), int(n), "rows of the family with both scores")
            for f, n in counts.iter_rows()
        ]
    estimates = []
    for row in rows.unique("model_id", maintain_order=True).iter_rows(named=True):
        for axis, benchmark in (("x", params.x), ("y", params.y)):
            estimates.append(_score(row, axis, benchmark))
        if row["n_layers"] is not None:
            estimates.append(
                _count("n_layers", row["model_id"], row["n_layers"], "decoder layers in the model registry")
            )
    return estimates


def _score(row: dict, axis: str, benchmark: str) -> Estimate:
    value, error = row[f"{axis}_pct"], row[f"{axis}_se_pct"]
    return Estimate(
        symbol="score",
        label=f"{row['model_id']}, {benchmark}",
        value=value,
        low=None if error is None else value - Z_LEVEL * error,
        high=None if error is None else value + Z_LEVEL * error,
        n=1,
        unit="%",
        method="score as its source prints it; normal interval from its standard error",
        caveats=() if error is not None else ("no interval: the standard error is unknown",),
    )


def _sentences(points: pl.DataFrame) -> tuple[str, ...]:
    ours = {phase: points.filter(pl.col("phase") == phase).height for phase in Phase}
    unsized = points.filter(pl.col("position").is_null()).height
    text = (
        f"Of {points.height} model rows in {points['family'].n_unique()} families, {ours[Phase.TAX]} end an interval "
        f"that is tax beyond its error, {ours[Phase.BONUS]} one that is bonus, {ours[Phase.TRANSITION]} one that is "
        f"transition; {ours[Phase.UNDETERMINED]} are undetermined and {ours[Phase.NONE]} have no phase."
    )
    return (text,) if not unsized else (text, f"{unsized} models have no public size and stand in no interval.")


DIAGNOSTIC = Diagnostic(
    slug="phase_diagram",
    alias="phase",
    section="Coupling",
    title="Phase diagram",
    question="Where do the models stand on the two benchmarks, and in which phase is each step of each family?",
    source="Paper A 2.1, 2.3, Fig. 1 and A.1",
    params=Params,
    compute=compute,
    panels=(
        Panel(
            name="score_plane",
            title="Second benchmark against first",
            tables=("points", "segments"),
            alt="Scatter of the two scores with error bars, one line per family in order of size, each step coloured "
            "and dashed by its phase.",
            figure=score_plane,
        ),
        Panel(
            name="score_by_size",
            title="Second benchmark by size",
            tables=("points", "segments"),
            alt="The second score of every model against its number of parameters on a log axis, one line per family, "
            "each step coloured and dashed by its phase.",
            figure=score_by_size,
        ),
    ),
    controls=("resamples", "seed"),
    claims=PHASE_DIAGRAM,
)
