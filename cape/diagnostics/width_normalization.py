"""r of two scores divided by model width, beside the controls that show what the shared divisor does by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._axis_words import require_sizes
from cape.diagnostics._compare import named
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import pair_rows, require
from cape.diagnostics._params import WINDOW, WindowParams
from cape.diagnostics.wiring.width_normalization import WIDTH_NORMALIZATION
from cape.figures.width_normalization import against_shuffled, before_and_after, shuffled_scores
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.width import WidthControls, WidthVerdict, adjusted_p, gain_over_shuffled, width_controls, width_verdict

PRINTED = "width_norm_printed"  # the five pairs of r that paper 5.1 prints
MOST_ORDERINGS = 20_000
MIN_MODELS = 3
FLIPPED = (WidthVerdict.TOO_FEW, WidthVerdict.DENOMINATOR, WidthVerdict.BEYOND)
FLIPPED_IN_SIGN = "flipped in sign"
TESTED = "r over width is defined"
ANTICORRELATED = "raw r below zero"
BINS = 60
WITH_ENDS = tuple(
    f"{name}{end}" for name in ("raw", "ratio", "shuffled", "given_width") for end in ("", "_low", "_high")
)
FAMILY_SCHEMA = {
    **dict.fromkeys(("family", "verdict"), pl.String),
    **dict.fromkeys(("n", "n_orderings"), pl.Int64),
    **dict.fromkeys((*WITH_ENDS, "constant", "p", "p_adjusted", "printed_raw", "printed_ratio"), pl.Float64),
}
SHUFFLED_SCHEMA = {
    **dict.fromkeys(("r_from", "r_to"), pl.Float64),
    "n_orderings": pl.Int64,
    "family": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(("observed", "constant"), pl.Float64),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """One family: its name, r with controls, adjusted p and verdict."""

    name: str
    controls: WidthControls
    p_adjusted: float | None
    verdict: WidthVerdict


REFUSED_AXIS = (
    "dividing every score of a ladder by its width divides by a constant, which changes no correlation within it"
)


def compute(params: WindowParams, read: Read) -> Outcome:
    """Return per family r raw, over width, with a constant and with shuffled scores, given width, and the verdict."""
    require_sizes(params.panel, params.axis, what=REFUSED_AXIS)
    rows = pair_rows(params, read)
    require(rows, params, what="model in this window")
    ladders, caveats = _ladders(rows)
    families = _families(ladders, params)
    printed = _printed(read)
    estimates = [e for family in families for e in _estimates(family)]
    estimates += _summary(families, params, caveats)
    return Outcome(
        estimates=tuple(estimates),
        tables=(_family_table(families, printed), _shuffled_table(families)),
        sentences=_sentences(families, estimates, params),
    )


def _ladders(rows: pl.DataFrame) -> tuple[dict[str, pl.DataFrame], tuple[str, ...]]:
    """Return the models of each family with a known width and size, equal models averaged, and what was left out."""
    known = rows.drop_nulls(["d_model", "position"])
    averaged = known.group_by("family", "replicate", "model_id", maintain_order=True).agg(
        pl.col("x_pct", "y_pct", "d_model", "position").mean()
    )
    ladders = {
        f"{family}, replicate {replicate}" if replicate else str(family): models.sort("position")
        for (family, replicate), models in averaged.group_by("family", "replicate", maintain_order=True)
    }
    kept = {name: models for name, models in sorted(ladders.items()) if models.height >= MIN_MODELS}
    few = len(ladders) - len(kept)
    caveats: tuple[str, ...] = ()
    if few:
        caveats = (f"{few} families with fewer than {MIN_MODELS} models of known width were left out",)
    if unknown := rows.height - known.height:
        caveats += (f"{unknown} rows have no known width or size",)
    return kept, caveats


def _families(ladders: dict[str, pl.DataFrame], params: WindowParams) -> list[_Family]:
    rng = np.random.default_rng([params.seed, 11])
    n_orderings = min(params.resamples, MOST_ORDERINGS)
    found = [
        width_controls(
            models["x_pct"].to_numpy(),
            models["y_pct"].to_numpy(),
            models["d_model"].to_numpy(),
            np.log10(models["position"].to_numpy()),
            n_orderings=n_orderings,
            rng=rng,
        )
        for models in ladders.values()
    ]
    adjusted = adjusted_p([controls.test for controls in found])
    return [
        _Family(name=name, controls=controls, p_adjusted=p, verdict=width_verdict(controls, p))
        for name, controls, p in zip(ladders, found, adjusted, strict=True)
    ]


def _estimates(family: _Family) -> list[Estimate]:
    controls, name = family.controls, family.name
    verdict = (f"verdict: {family.verdict}",)
    estimates = [
        controls.raw.estimate(symbol="r", label=f"{name}: raw", unit=""),
        controls.ratio.estimate(symbol="r_width_ratio", label=name, unit="", caveats=verdict),
        controls.constant.estimate(symbol="r_width_constant", label=name, unit=""),
        _shuffled(family).estimate(symbol="r_width_shuffled", label=name, unit=""),
        controls.given_width.estimate(symbol="r_given_width", label=name, unit=""),
        controls.given_size.estimate(symbol="r_partial", label=f"{name}: given size", unit=""),
    ]
    tails = ((f"{name}: two-sided", controls.test.p_two_sided), (f"{name}: adjusted", family.p_adjusted))
    return [*estimates, *(_tail(family, label, value) for label, value in tails)]


def _shuffled(family: _Family) -> Inference:
    band, test = family.controls.shuffled, family.controls.test
    undefined = () if band.median is not None else test.caveats
    return Inference(
        value=band.median,
        low=band.low,
        high=band.high,
        n=band.n,
        method=f"{test.method}; median and central 95% of {band.n_simulations}",
        caveats=undefined,
    )


def _tail(family: _Family, label: str, value: float | None) -> Estimate:
    test = family.controls.test
    floor = () if test.smallest_p is None else (f"the smallest p these orderings can give is {test.smallest_p:.2g}",)
    adjusted = "; adjusted over the families (Benjamini-Hochberg)" if label.endswith("adjusted") else ""
    return Estimate(
        symbol="p_width_shuffled",
        label=label,
        value=value,
        low=None,
        high=None,
        n=family.controls.ratio.n,
        unit="",
        method=f"{test.method}{adjusted}",
        caveats=(*test.caveats, *floor, "no interval: a tail share"),
    )


def _summary(families: list[_Family], params: WindowParams, caveats: tuple[str, ...]) -> list[Estimate]:
    verdicts = Counter(str(family.verdict) for family in families)
    counts = {str(verdict): verdicts[str(verdict)] for verdict in WidthVerdict}
    counts[TESTED] = sum(family.controls.ratio.value is not None for family in families)
    counts[ANTICORRELATED] = sum((family.controls.raw.value or 0.0) < 0 for family in families)
    counts[FLIPPED_IN_SIGN] = sum(family.verdict in FLIPPED for family in families)
    rng = np.random.default_rng([params.seed, 12])
    gain = gain_over_shuffled([f.controls for f in families], n_resamples=params.resamples, rng=rng)
    return [
        gain.estimate(symbol="width_gain", label=named(params), unit="", caveats=caveats),
        *(_count(label, count, len(families), caveats) for label, count in counts.items()),
    ]


def _count(label: str, count: int, n: int, caveats: tuple[str, ...]) -> Estimate:
    return Estimate(
        symbol="n_families_by_width",
        label=label,
        value=float(count),
        low=None,
        high=None,
        n=n,
        unit="families",
        method=f"families of {MIN_MODELS} or more models with a known width, by what dividing by width did",
        caveats=("no interval: a count of the families at hand", *caveats),
    )


def _printed(read: Read) -> dict[str, tuple[float, float]]:
    """Return the r before and after that the paper prints, by family."""
    rows = read("mart_printed_series", series_group=PRINTED)
    return {row["series_key"]: (float(row["x"]), float(row["y"])) for row in rows.iter_rows(named=True)}


def _family_table(families: list[_Family], printed: dict[str, tuple[float, float]]) -> Table:
    rows = []
    for family in families:
        controls = family.controls
        raw, ratio = printed.get(family.name, (None, None))
        rows.append(
            {
                "family": family.name,
                "verdict": str(family.verdict),
                "n": controls.ratio.n,
                "n_orderings": controls.test.n_orderings,
                **_ends("raw", controls.raw),
                **_ends("ratio", controls.ratio),
                "constant": controls.constant.value,
                "shuffled": controls.shuffled.median,
                "shuffled_low": controls.shuffled.low,
                "shuffled_high": controls.shuffled.high,
                "p": controls.test.p_two_sided,
                "p_adjusted": family.p_adjusted,
                **_ends("given_width", controls.given_width),
                "printed_raw": raw,
                "printed_ratio": ratio,
            }
        )
    return Table(name="families", title="r by family", frame=pl.DataFrame(rows, schema=FAMILY_SCHEMA))


def _ends(name: str, found: Inference) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _shuffled_table(families: list[_Family]) -> Table:
    """Counts of r over width by ordering of the second score, for the family with the most models."""
    family = max(families, key=lambda one: (one.controls.ratio.n, one.name), default=None)
    draws = np.empty(0) if family is None else family.controls.draws[np.isfinite(family.controls.draws)]
    if family is None or not draws.size:
        frame = pl.DataFrame(schema=SHUFFLED_SCHEMA)
        return Table(name="shuffled", title="r over width of shuffled scores", frame=frame)
    counts, edges = np.histogram(draws, bins=BINS)
    rows = {
        "r_from": edges[:-1],
        "r_to": edges[1:],
        "n_orderings": counts,
        "family": [family.name] * BINS,
        "n": [family.controls.ratio.n] * BINS,
        "observed": [family.controls.ratio.value] * BINS,
        "constant": [family.controls.constant.value] * BINS,
    }
    frame = pl.DataFrame(rows, schema=SHUFFLED_SCHEMA)
    return Table(name="shuffled", title=f"r over width of shuffled scores, {family.name}", frame=frame)


def _sentences(families: list[_Family], estimates: list[Estimate], params: WindowParams) -> tuple[str, ...]:
    if not families:
        lacking = f"no family has {MIN_MODELS} models of known size and width"
        return (f"r over width is undefined for {named(params)}: {lacking}.",)
    by = {e.label: e for e in estimates if e.symbol == "n_families_by_width"}
    count = {label: int(e.value or 0) for label, e in by.items()}
    first = (
        f"Raw r is below zero in {count[ANTICORRELATED]} of {len(families)} families of {named(params)} with known "
        f"widths; dividing both scores by width turns it positive in {count[FLIPPED_IN_SIGN]} of them."
    )
    second = (
        f"Of those, {count[str(WidthVerdict.BEYOND)]} exceed what shuffled scores over the same widths give, "
        f"{count[str(WidthVerdict.DENOMINATOR)]} do not, and {count[str(WidthVerdict.TOO_FEW)]} have too few models "
        "to test."
    )
    gain = next(e for e in estimates if e.symbol == "width_gain")
    if gain.value is None or gain.low is None or gain.high is None:
        return first, second
    side = "holds" if gain.low <= 0 <= gain.high else "excludes"
    third = (
        f"Over {gain.n} families r over width lies {gain.value:.3f} above the median of shuffled scores on average, "
        f"95% interval {gain.low:.3f} to {gain.high:.3f}, which {side} zero."
    )
    return first, second, third


DIAGNOSTIC = Diagnostic(
    slug="width_normalization",
    alias="width",
    section="Coupling",
    title="Width normalisation",
    question="Does dividing by model width remove the anticorrelation, or does the shared divisor do it alone?",
    source="Paper A 5.1 and A.3; Pearson (1897) on ratios",
    params=WindowParams,
    compute=compute,
    panels=(
        Panel(
            name="before_and_after",
            title="r before and after dividing by width",
            tables=("families",),
            alt="One row per family on an axis from -1 to 1: raw r with its 95% interval, r of scores over width, r "
            "with a constant second score, the band of shuffled scores, partial r given width, and the printed pair.",
            figure=before_and_after,
        ),
        Panel(
            name="against_shuffled",
            title="r over width against shuffled scores",
            tables=("families",),
            alt="One row per family, axis stretched near 1: r over width beside the 95% band over reordered scores "
            "and the r of a constant score.",
            figure=against_shuffled,
        ),
        Panel(
            name="shuffled",
            title="Shuffled scores over width",
            tables=("shuffled",),
            alt="Histogram of r over width over orderings of the second score for the family with the most models; "
            "lines mark the observed r and the r of a constant score.",
            figure=shuffled_scores,
        ),
    ),
    controls=(*WINDOW, "resamples", "seed"),
    claims=WIDTH_NORMALIZATION,
)
