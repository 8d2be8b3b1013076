"""What the organism's page says, from its estimates by stated rules; nothing is said that an interval does not."""

from __future__ import annotations

from cape.diagnostics._organism_levers import CURATION, SCALE, TOKENS, WIDTH
from cape.diagnostics._organism_turns import Turns
from cape.diagnostics._organism_verdicts import FALLS, OPEN, RISES, Statement, direction, numbers
from cape.figures._text import counted
from cape.organism.model import INSTALL_LINE
from cape.quantities import Estimate
from cape.stats.replicates import Overtaking


def sentences(
    turns: list[Turns], turning: list[Estimate], levers: list[Estimate], judged: list[Statement]
) -> tuple[str, ...]:
    """Return what the page says: the verdicts, the shape by recipe, N_c against the myth's end, levers, what to run."""
    told = [e for e in levers if e.symbol == "lever_truth"]
    said = [f"{each.statement.removesuffix('.')}: {each.verdict}." for each in judged]
    said += [_shape(each, told) for each in turns]
    said += [_against(each, turning) for each in turns if Overtaking.OVERTAKEN in each.outcomes]
    said += [_effect(e) for e in told if e.label.startswith(CURATION)]
    said += _width([e for e in told if e.label.startswith(WIDTH)])
    said += _tokens([e for e in told if e.label.startswith(TOKENS)])
    said.append(
        "These scores are recorded; training or scoring a model anew needs the heavy packages "
        f"(`{INSTALL_LINE}`), then `make organism` or `cape organism eval`."
    )
    return tuple(said)


def _shape(turns: Turns, told: list[Estimate]) -> str:
    name = turns.ladder.family
    fall, rise = (
        next(e for e in told if e.label == f"{SCALE}, {name}: {which} size")
        for which in ("first to lowest", "lowest to last")
    )
    pair = (direction(fall), direction(rise))
    words = {
        (FALLS, RISES): "falls with size and then rises",
        (OPEN, RISES): "rises with size, and no fall before the rise is settled",
        (FALLS, OPEN): "falls with size, and no rise after the fall is settled",
    }
    shape = words.get(pair, "neither falls nor rises by more than the seeds differ")
    if fall.n < 2:
        shape = "has one seed, with which no change can be settled"
    if fall.value == fall.low == fall.high == 0:
        return (
            f"With {name} text truth {shape}: no size is below the first; from there to the last {numbers(rise)} "
            f"(n = {counted(fall.n, 'seed')})."
        )
    return (
        f"With {name} text truth {shape}: from the first to the lowest size {numbers(fall)}; from there to the last "
        f"{numbers(rise)} (n = {counted(fall.n, 'seed')})."
    )


def _against(turns: Turns, turning: list[Estimate]) -> str:
    """Say how many estimators have an N_c and on which side of the myth's end it lies."""
    name, n_seeds = turns.ladder.family, len(turns.ladder.seeds)
    estimates = [e for e in turning if e.label.startswith(f"{name}: ")]
    end = next(e for e in estimates if e.symbol == "N_overcome")
    ratios = [e for e in estimates if e.symbol == "N_c_over_overcome" and e.low is not None and e.high is not None]
    sides = {
        "below it": sum(e.high is not None and e.high < 1 for e in ratios),
        "above it": sum(e.low is not None and e.low > 1 for e in ratios),
    }
    level = len(ratios) - sum(sides.values())
    n_overcome = sum(outcome is Overtaking.OVERTAKEN for outcome in turns.outcomes)
    where = "no size" if end.value is None else f"{end.value:,.0f} parameters"
    parts = [f"{count} put N_c {side}" for side, count in sides.items() if count]
    parts += [f"{level} cannot be told from it"] if level else []
    verdict = f"of {len(ratios)} estimators with an interval over seeds {', '.join(parts)}" if ratios else ""
    return f"With {name} text the myth is overcome at {where} ({n_overcome} of {n_seeds} seeds); " + (
        f"{verdict}." if verdict else "no estimator of N_c has an interval over seeds to compare it with."
    )


def _effect(estimate: Estimate) -> str:
    label = estimate.label.removeprefix(f"{CURATION}, ")
    return f"Curation, {label}: truth {_moves(estimate)} ({numbers(estimate)}, n = {counted(estimate.n, 'seed')})."


def _moves(estimate: Estimate) -> str:
    return {RISES: "is higher", FALLS: "is lower"}.get(direction(estimate), "cannot be told apart")


def _width(told: list[Estimate]) -> list[str]:
    means = [e for e in told if "mean over" in e.label]
    if not means:
        return []
    mean, pairs = means[0], [e for e in told if e not in means]
    higher = sum(direction(e) == RISES for e in pairs)
    lower = sum(direction(e) == FALLS for e in pairs)
    return [
        f"At equal parameters truth {_moves(mean)} in the wide model ({numbers(mean)}, n = {counted(mean.n, 'seed')}); "
        f"of {len(pairs)} sizes it is higher at {higher}, lower at {lower} and unsettled at "
        f"{len(pairs) - higher - lower}. Width changes together with depth here, as equal parameters demand."
    ]


def _tokens(told: list[Estimate]) -> list[str]:
    falls = [e for e in told if "first to lowest" in e.label]
    rises = [e for e in told if "lowest to last" in e.label]
    if not falls:
        return []
    fallen, risen = (sum(direction(e) == which for e in held) for which, held in ((FALLS, falls), (RISES, rises)))
    return [
        f"Along training tokens truth first falls in {fallen} of {len(falls)} sizes and rises after its lowest "
        f"checkpoint in {risen} of {len(rises)}, by intervals over seeds."
    ]
