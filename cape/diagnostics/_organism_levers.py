"""The levers as controlled experiments: what each does to truth and reasoning within a seed, with all else held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._organism_rows import MEASURES, Ladder
from cape.figures._text import counted, size_text
from cape.organism.recipes import DEEP_FAMILY, WEB, WIDE_FAMILY
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.replicates import fall_and_rise, replicate_mean

SCALE, CURATION, WIDTH, TOKENS = "scale", "curation", "width at matched parameters", "training tokens"
LEVERS = (SCALE, CURATION, WIDTH, TOKENS)
POINTS = "pp"
CHOSEN_BY_OTHERS = "the lowest place of a seed is that of the mean of the other seeds"
MATCHED = 0.05  # two shapes count as of equal size where their parameters differ by no more than this share


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect of a lever: its change of truth and of reasoning in every seed, (n_seeds,) percentage points."""

    lever: str
    label: str
    truth: NDArray[np.float64]
    reasoning: NDArray[np.float64] | None = None
    caveats: tuple[str, ...] = ()


def effects(by_size: dict[str, Ladder], by_tokens: dict[str, Ladder], *, measure: str) -> list[Effect]:
    """Return the effects of every lever that the ladders allow, in order of LEVERS."""
    column = MEASURES[measure][0]
    found = [
        effect
        for name, ladder in by_size.items()
        if name not in (WIDE_FAMILY, DEEP_FAMILY)
        for effect in _along(SCALE, name, ladder, column, what="size")
    ]
    found += _curation(by_size, column)
    if WIDE_FAMILY in by_size and DEEP_FAMILY in by_size:
        found += _width(by_size[WIDE_FAMILY], by_size[DEEP_FAMILY], column)
    for name, ladder in by_tokens.items():
        found += _along(TOKENS, name, ladder, column, what="checkpoint")
    return found


def _along(lever: str, name: str, ladder: Ladder, column: str, *, what: str) -> Iterator[Effect]:
    """Yield the fall to the lowest place of a ladder, the rise from it, and the change from end to end."""
    truth, reasoning = ladder.cells[column], ladder.cells["reasoning_pct"]
    fall, rise, place = fall_and_rise(truth)
    at_lowest = reasoning[np.arange(len(ladder.seeds)), place]
    chosen = (CHOSEN_BY_OTHERS,) if len(ladder.seeds) > 1 else ("the lowest place is that of the one seed itself",)
    yield Effect(
        lever=lever,
        label=f"{name}: first to lowest {what}",
        truth=fall,
        reasoning=at_lowest - reasoning[:, 0],
        caveats=chosen,
    )
    yield Effect(
        lever=lever,
        label=f"{name}: lowest to last {what}",
        truth=rise,
        reasoning=reasoning[:, -1] - at_lowest,
        caveats=chosen,
    )


def _curation(by_size: dict[str, Ladder], column: str) -> list[Effect]:
    """Other recipes less the web recipe at the same sizes and seeds, mean over sizes."""
    if WEB.name not in by_size:
        return []
    web, found = by_size[WEB.name], []
    for name, ladder in by_size.items():
        if name in (WEB.name, WIDE_FAMILY, DEEP_FAMILY):
            continue
        seeds, mine, theirs = _shared_seeds(ladder, web)
        places, own, other = np.intersect1d(ladder.positions, web.positions, return_indices=True)
        if not seeds or not places.size:
            continue
        change = {
            key: (ladder.cells[key][mine][:, own] - web.cells[key][theirs][:, other]).mean(axis=1)
            for key in (column, "reasoning_pct")
        }
        label = f"{name} less {WEB.name}: mean over {places.size} sizes"
        found.append(Effect(lever=CURATION, label=label, truth=change[column], reasoning=change["reasoning_pct"]))
    return found


def _width(wide: Ladder, deep: Ladder, column: str) -> list[Effect]:
    """Wide less narrow models of equal size, for every pair and on average."""
    seeds, mine, theirs = _shared_seeds(wide, deep)
    n_pairs = min(wide.positions.size, deep.positions.size)
    gap = np.abs(wide.positions[:n_pairs] / deep.positions[:n_pairs] - 1)
    if not seeds or (gap > MATCHED).any():
        return []
    truth, reasoning = (
        wide.cells[key][mine][:, :n_pairs] - deep.cells[key][theirs][:, :n_pairs] for key in (column, "reasoning_pct")
    )
    caveat = f"sizes differ by at most {100 * gap.max():.1f} %; a wide model has fewer layers"
    found = [
        Effect(
            lever=WIDTH,
            label=f"{_shape(wide, i)} less {_shape(deep, i)}, {size_text(float(deep.positions[i]))}",
            truth=truth[:, i],
            reasoning=reasoning[:, i],
            caveats=(caveat,),
        )
        for i in range(n_pairs)
    ]
    label = f"wide less narrow: mean over {n_pairs} sizes"
    mean = [values.mean(axis=1) for values in (truth, reasoning)]
    return [*found, Effect(lever=WIDTH, label=label, truth=mean[0], reasoning=mean[1], caveats=(caveat,))]


def _shape(ladder: Ladder, place: int) -> str:
    return f"d {ladder.d_model[place]} x {counted(ladder.n_layers[place], 'layer')}"


def _shared_seeds(one: Ladder, other: Ladder) -> tuple[list[str], list[int], list[int]]:
    seeds = [seed for seed in one.seeds if seed in other.seeds]
    return seeds, [one.seeds.index(seed) for seed in seeds], [other.seeds.index(seed) for seed in seeds]


def lever_estimates(found: list[Effect]) -> list[Estimate]:
    """Return the mean effect over seeds on truth and on reasoning, with Student's interval."""
    estimates = []
    for effect in found:
        label = f"{effect.lever}, {effect.label}"
        told = _mean(effect.truth, "change of the truth score")
        estimates.append(told.estimate(symbol="lever_truth", label=label, unit=POINTS, caveats=effect.caveats))
        if effect.reasoning is not None:
            shown = _mean(effect.reasoning, "change of the reasoning score")
            estimates.append(shown.estimate(symbol="lever_reasoning", label=label, unit=POINTS, caveats=effect.caveats))
    return estimates


def _mean(values: NDArray[np.float64], what: str) -> Inference:
    return replicate_mean(values, what=what)


def lever_table(found: list[Effect], estimates: list[Estimate]) -> Table:
    """Return one row per effect with both changes."""
    held = {(e.symbol, e.label): e for e in estimates}
    rows = []
    for effect in found:
        label = f"{effect.lever}, {effect.label}"
        truth, reasoning = held["lever_truth", label], held.get(("lever_reasoning", label))
        rows.append({
            "lever": effect.lever, "label": effect.label,
            "value": truth.value, "low": truth.low, "high": truth.high,
            "reasoning": reasoning.value if reasoning else None,
            "reasoning_low": reasoning.low if reasoning else None,
            "reasoning_high": reasoning.high if reasoning else None,
            "n": truth.n, "caveats": "; ".join(truth.caveats),
        })  # fmt: skip
    numbers = ("value", "low", "high", "reasoning", "reasoning_low", "reasoning_high")
    schema = {"lever": pl.String, "label": pl.String, **dict.fromkeys(numbers, pl.Float64), "n": pl.Int64,
              "caveats": pl.String}  # fmt: skip
    return Table(
        name="levers",
        title="Effect of each lever within a seed",
        frame=pl.DataFrame(rows, schema=schema),
        units=dict.fromkeys(numbers, "percentage points"),
    )
