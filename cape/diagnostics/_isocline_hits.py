"""Hits of the isocline: by family and in all, at either end, read either way, under noise and for every reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._params import WindowParams
from cape.diagnostics._plain_estimates import count
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference, Points
from cape.stats.isocline import (
    HitTest,
    Reading,
    best_constant,
    curve_pct,
    hit_shares,
    hit_test,
    hits_by_constant,
    null_shares,
    predicted_positive,
)
from cape.stats.summaries import wilson_interval

ENDS = {"first": "from", "second": "to"}
INTERVALS, SHARE = "intervals", "share of intervals"
LEAST_INTERVALS = 3
MOST_NULL = 2_000  # draws of scores; the method of the null says its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Intervals whose gamma has a sign. ends : first and second score (percent) of either end, each (n,)."""

    rows: pl.DataFrame
    family: np.ndarray
    positive: np.ndarray
    ends: Mapping[str, tuple[np.ndarray, np.ndarray]]
    n_all: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """The test of one scope (a family or all), end and reading. predicted : (n,) signs predicted, True is positive."""

    scope: str
    end: str
    reading: Reading
    predicted: np.ndarray
    test: HitTest

    @property
    def label(self) -> str:
        """Label of its estimates."""
        return f"{self.scope}: {self.end} end, {self.reading}"

    def as_row(self) -> dict[str, Any]:
        """Return the row of the table: counts, shares, Wilson interval and p."""
        test = self.test
        low, high = wilson_interval(test.hits, test.n)
        return {
            "scope": self.scope,
            "end": self.end,
            "reading": str(self.reading),
            "hits": test.hits,
            "n": test.n,
            "base": test.base,
            "share": _over(test.hits, test.n),
            "low": low,
            "high": high,
            "base_share": _over(test.base, test.n),
            "expected_share": None if test.expected is None else _over(test.expected, test.n),
            "p": test.p,
        }


def _over(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def hit_rows(steps: Signed, k: float, scope: str) -> list[Hits]:
    """Return the tests in all and by family; in all, signs are reordered within families."""
    masks = [(scope, np.ones(steps.family.size, dtype=bool))]
    families = np.unique(steps.family)
    if families.size > 1:
        masks += [(str(family), steps.family == family) for family in families]
    hits = []
    for name, mask in masks:
        for end in ENDS:
            for reading in Reading:
                predicted = _predicted(steps, end, k, reading)[mask]
                test = hit_test(predicted, steps.positive[mask], steps.family[mask])
                hits.append(Hits(scope=name, end=end, reading=reading, predicted=predicted, test=test))
    return hits


def _predicted(steps: Signed, end: str, k: float, reading: Reading) -> np.ndarray:
    x, y = steps.ends[end]
    return predicted_positive(y > curve_pct(x, k), reading)


def hit_estimates(steps: Signed, hits: list[Hits], params: WindowParams, *, scope: str) -> list[Estimate]:
    """Return counts with Wilson intervals, and in all the exact p, the bootstrapped shares and their gain.

    Families with fewer than LEAST_INTERVALS signs have no estimate of their own; the table of hits holds them.
    """
    told = [hit for hit in hits if hit.scope == scope or hit.test.n >= LEAST_INTERVALS]
    estimates = [_count_of(hit) for hit in told] + [_p_of(hit) for hit in told if hit.scope == scope]
    seen = dict.fromkeys(hit.scope for hit in told)
    for name in seen:
        n = next(hit.test.n for hit in hits if hit.scope == name)
        method = f"intervals whose gamma has a sign, of {steps.n_all} intervals of the selection"
        estimates.append(count("n_signed", name, n, n=n, unit=INTERVALS, method=method))
    if steps.family.size == 0:
        return estimates
    rng = np.random.default_rng([params.seed, 21])
    for hit in hits:
        if hit.scope != scope:
            continue
        rate, base, gain = hit_shares(
            hit.predicted, steps.positive, steps.family, n_resamples=params.resamples, rng=rng
        )
        estimates += [
            rate.estimate(symbol="isocline_hit_share", label=hit.label, unit=SHARE),
            gain.estimate(symbol="isocline_gain", label=hit.label, unit=SHARE),
        ]
        if hit is hits[0]:
            estimates.append(base.estimate(symbol="base_share", label=scope, unit=SHARE))
    return estimates


def _count_of(hit: Hits) -> Estimate:
    """Return the hits of one test with their Wilson interval."""
    test = hit.test
    low, high = wilson_interval(test.hits, test.n)
    note: tuple[str, ...] = ("no interval has a sign",)
    if test.n:
        note = (f"always naming the more frequent sign gives {test.base}",)
        note += () if np.unique(hit.predicted).size > 1 else ("the prediction is one sign for all intervals",)
    return Estimate(
        symbol="n_isocline_hits",
        label=hit.label,
        value=float(test.hits) if test.n else None,
        low=None if low is None else low * test.n,
        high=None if high is None else high * test.n,
        n=test.n,
        unit=INTERVALS,
        method="intervals whose sign of gamma is predicted right; Wilson's interval takes them as independent",
        caveats=note,
    )


def _p_of(hit: Hits) -> Estimate:
    """Return the exact share of orderings of the signs that give as many hits."""
    return Estimate(
        symbol="p_isocline",
        label=hit.label,
        value=hit.test.p,
        low=None,
        high=None,
        n=hit.test.n,
        unit="",
        method="share of all orderings of the signs within families with at least as many hits (exact, one-sided)",
        caveats=("no interval: a tail share",) if hit.test.n else ("no interval has a sign",),
    )


def null_estimates(
    ladders: dict[str, Points], k: float, params: WindowParams, *, is_raw: bool, scope: str
) -> list[Estimate]:
    """Return the share of hits that constant gammas and the errors of the scores give, for both ends and readings."""
    rng = np.random.default_rng([params.seed, 22])
    n_draws = min(params.resamples, MOST_NULL)
    shares = null_shares(tuple(ladders.values()), k=k, is_raw=is_raw, n_draws=n_draws, rng=rng)
    estimates = []
    for end, found in shares.items():
        for reading in Reading:
            mine = found if reading is Reading.NEGATIVE else _opposite(found)
            label = f"{scope}: {end} end, {reading}"
            estimates.append(mine.estimate(symbol="isocline_null_share", label=label, unit=SHARE))
    return estimates


def _opposite(found: Inference) -> Inference:
    value, low, high = (None if end is None else 1 - end for end in (found.value, found.high, found.low))
    return replace(found, value=value, low=low, high=high, draws=None)


def hits_by_reference(
    steps: Signed, models: pl.DataFrame, chosen: float, scope: str, reading: Reading
) -> tuple[Table, list[Estimate]]:
    """Return the hits when each model of the selection fixes k, and how the chosen k stands among them."""
    k = (models["y_pct"] ** 2 / models["x_pct"] / 100).to_numpy()
    n = steps.family.size
    frame = models.select("family", "model_id").with_columns(pl.Series("k", k), pl.lit(chosen).alias("chosen_k"))
    frame = frame.with_columns(pl.lit(_over(_base(steps), n), dtype=pl.Float64).alias("base_share"))
    estimates = []
    for end, (x, y) in steps.ends.items():
        hits, mine = (_read(hits_by_constant(x, y, steps.positive, ks), n, reading) for ks in (k, np.array([chosen])))
        share = hits / n if n else np.full(hits.size, np.nan)
        frame = frame.with_columns(pl.Series(f"share_{end}", share).fill_nan(None))
        if n:
            label = f"{scope}: {end} end, {reading}"
            estimates += [_rank(hits, int(mine[0]), label), *_best(x, y, steps.positive, f"{scope}: {end} end")]
    units = dict.fromkeys(("share_first", "share_second", "base_share"), SHARE)
    return Table(name="constants", title="Hits by reference model", frame=frame.sort("k"), units=units), estimates


def _base(steps: Signed) -> int:
    positive = int(steps.positive.sum())
    return max(positive, steps.positive.size - positive)


def _read(hits: np.ndarray, n: int, reading: Reading) -> np.ndarray:
    return hits if reading is Reading.POSITIVE else n - hits


def _rank(hits: np.ndarray, mine: int, label: str) -> Estimate:
    return Estimate(
        symbol="share_of_references",
        label=label,
        value=float((hits >= mine).mean()),
        low=None,
        high=None,
        n=int(hits.size),
        unit="share of models",
        method="models of the selection that, fixing k themselves, give at least as many hits as the chosen reference",
        caveats=("no interval: a share of the rows at hand",),
    )


def _best(x: np.ndarray, y: np.ndarray, positive: np.ndarray, label: str) -> list[Estimate]:
    """Return the k that gives the most hits, and its hits, both chosen after seeing the signs."""
    k, reading, hits = best_constant(x, y, positive)
    note = f"read as {reading}; chosen after the fact, so its hits flatter it"
    found = Inference(
        value=k,
        low=None,
        high=None,
        n=positive.size,
        method="k with the most hits, of all that differ",
        caveats=(note,),
    )
    return [
        found.estimate(symbol="k_isocline", label=f"best after the fact, {label}", unit=""),
        count(
            "n_isocline_hits",
            f"best k after the fact, {label}",
            hits,
            n=positive.size,
            unit=INTERVALS,
            method=f"hits of the k with the most hits, {note}",
        ),
    ]
