"""Where the organism's N_c lies by every estimator, and where its myth is in fact overcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._n_c import FIXED_EFFECTS, LOGISTIC, WITHIN_LINE, within_line
from cape.diagnostics._organism_rows import MEASURES, Ladder
from cape.diagnostics._plain_estimates import count
from cape.errors import NotEnoughDataError
from cape.figures._text import counted
from cape.quantities import Estimate, Table
from cape.stats.coupling import family_steps
from cape.stats.critical_scale import (
    STEPWISE,
    Estimator,
    Turn,
    fixed_effect_quadratic,
    logistic_turning_point,
    quadratic_vertex,
    sign_bracket,
    weighted_line_zero,
)
from cape.stats.inference import Inference, Points, Steps
from cape.stats.replicates import Overtaking, overtaking, replicate_mean

PARAMETERS = "parameters"
OVERCOME = "myth overcome"
BY_SEED_WORDS = "by seed: "
BY_SEED: dict[Estimator, Callable[[Points], tuple[Inference, Turn]]] = {
    Estimator.SIGN_BRACKET: lambda points: sign_bracket(family_steps(points)),
    Estimator.LINE_ZERO: lambda points: weighted_line_zero(family_steps(points)),
    Estimator.VERTEX: quadratic_vertex,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What one ladder says of the turn: by estimator within seeds, over seeds at once, and where the myth goes.

    by_seed : log10 N by estimator, (n_seeds,), NaN where a seed has none. overcome : (n_seeds,) log10 N likewise.
    statuses : what the intervals of each seed say, by estimator.
    """

    ladder: Ladder
    by_seed: dict[Estimator, NDArray[np.float64]]
    statuses: dict[Estimator, tuple[Turn, ...]]
    over_seeds: dict[str, Inference]
    overcome: NDArray[np.float64]
    outcomes: tuple[Overtaking, ...]


def turns_of(ladder: Ladder, *, measure: str, n_resamples: int, rng: np.random.Generator) -> Turns:
    """Return every turning point of one ladder; n_resamples : of whole seeds, for the estimators over seeds."""
    every = [ladder.points(seed) for seed in range(len(ladder.seeds))]
    found = {name: [estimate(points) for points in every] for name, estimate in BY_SEED.items()}
    truth, myth = (ladder.cells[column] for column in MEASURES[measure])
    overtaken = [overtaking(ladder.log10_n, m, t) for m, t in zip(myth, truth, strict=True)]
    return Turns(
        ladder=ladder,
        by_seed={name: _values([inference.value for inference, _ in pairs]) for name, pairs in found.items()},
        statuses={name: tuple(status for _, status in pairs) for name, pairs in found.items()},
        over_seeds=_over_seeds(every, n_resamples=n_resamples, rng=rng),
        overcome=_values([value for value, _ in overtaken]),
        outcomes=tuple(outcome for _, outcome in overtaken),
    )


def _values(found: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in found])


def _over_seeds(every: list[Points], *, n_resamples: int, rng: np.random.Generator) -> dict[str, Inference]:
    points = Points(**{name: np.concatenate([getattr(p, name) for p in every]) for name in Points.__slots__})
    held = [family_steps(p) for p in every]
    steps = Steps(**{name: np.concatenate([getattr(s, name) for s in held]) for name in Steps.__slots__})
    known = np.isfinite(steps.gamma)
    found = {FIXED_EFFECTS: fixed_effect_quadratic(points, n_resamples=n_resamples, rng=rng)}
    try:
        found[LOGISTIC], _ = logistic_turning_point(
            steps.log10_n_mid[known], steps.gamma[known] > 0, steps.family[known], n_resamples=n_resamples, rng=rng
        )
    except NotEnoughDataError as error:
        found[LOGISTIC] = Inference(value=None, low=None, high=None, n=0, method=LOGISTIC, caveats=(str(error),))
    found[WITHIN_LINE] = within_line(points)
    return {name: replace(each, method=each.method.replace("famil", "seed famil")) for name, each in found.items()}


def turn_estimates(turns: Turns) -> list[Estimate]:
    """Return N_c by every estimator, the size at which the myth is overcome, and the ratio of the two."""
    family = turns.ladder.family
    estimates = [
        _in_parameters(
            replicate_mean(values, what=name),
            "N_organism",
            f"{family}: {name}",
            (_by_seed(turns.statuses[name]), *((STEPWISE,) if name is Estimator.SIGN_BRACKET else ())),
        )
        for name, values in turns.by_seed.items()
    ]
    estimates += [
        _in_parameters(found, "N_organism", f"{family}: {name}, over seeds") for name, found in turns.over_seeds.items()
    ]
    overcome = replicate_mean(turns.overcome, what="size at which the myth is overcome")
    seen = (_by_seed(turns.outcomes),)
    estimates.append(_in_parameters(overcome, "N_overcome", f"{family}: {OVERCOME}", seen))
    for name, values in turns.by_seed.items():
        ratio = replicate_mean(values - turns.overcome, what=f"ratio of the {name}")
        estimates.append(_powers(ratio).estimate(symbol="N_c_over_overcome", label=f"{family}: {name}", unit="x"))
    return [*estimates, *_counts(turns)]


def _counts(turns: Turns) -> list[Estimate]:
    happened = Counter(turns.outcomes)
    return [
        count(
            "n_seeds_overcome",
            f"{turns.ladder.family}: {outcome}",
            happened[outcome],
            n=len(turns.outcomes),
            unit="seeds",
            method="seeds by whether truth is answered more often than the myth: at no later size, from some size on, "
            "or at every size",
        )
        for outcome in Overtaking
    ]


def _powers(found: Inference) -> Inference:
    """Return 10 to the power of an inference."""
    value, low, high = (None if x is None else float(10.0**x) for x in (found.value, found.low, found.high))
    method = f"{found.method}; formed in log10, given as a size or ratio"
    return replace(found, value=value, low=low, high=high, draws=None, method=method)


def _in_parameters(found: Inference, symbol: str, label: str, caveats: tuple[str, ...] = ()) -> Estimate:
    return _powers(found).estimate(symbol=symbol, label=label, unit=PARAMETERS, caveats=caveats)


def _by_seed(statuses: tuple[Turn, ...] | tuple[Overtaking, ...]) -> str:
    """Return how many seeds have which status, the commonest first."""
    return BY_SEED_WORDS + ", ".join(
        f"{status} in {counted(n, 'seed')}" for status, n in Counter(statuses).most_common()
    )


def _status(estimate: Estimate) -> str:
    """Return why there is no size, in few words; empty where there is one."""
    if estimate.value is not None:
        return ""
    told = [caveat for caveat in estimate.caveats if caveat.startswith(BY_SEED_WORDS)]
    return told[0].removeprefix(BY_SEED_WORDS) if told else estimate.caveats[0].partition(":")[0]


def turning_table(estimates: list[Estimate]) -> Table:
    """Return the sizes as the rows of a forest plot."""
    rows = [
        {
            "label": e.label,
            "family": e.label.partition(":")[0],
            "kind": OVERCOME if e.symbol == "N_overcome" else "N_c",
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "n": e.n,
            "status": _status(e),
            "caveats": "; ".join(e.caveats),
        }
        for e in estimates
        if e.symbol in ("N_organism", "N_overcome")
    ]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    words = dict.fromkeys(("label", "family", "kind", "status", "caveats"), pl.String)
    return Table(
        name="turning_points",
        title="N_c by estimator, and where the myth is overcome",
        frame=pl.DataFrame(rows, schema={**words, **numbers, "n": pl.Int64}),
        units=dict.fromkeys(numbers, PARAMETERS),
    )
