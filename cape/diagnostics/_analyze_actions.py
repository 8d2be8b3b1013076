"""Actions: what the numbers of one model support, each by a stated rule with the estimate it follows from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._analyze_company import Company
from cape.diagnostics._analyze_inputs import Held, Subject, default_error
from cape.diagnostics._analyze_matrix import Coupled
from cape.diagnostics._analyze_outlook import SIZE, Outlook
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._analyze_phase import Phased, phase_words
from cape.diagnostics._plain_estimates import count
from cape.quantities import Estimate, Phase, Table
from cape.stats.inference import Inference
from cape.stats.pair_matrix import pairs_of

RESOLVED = 1.96 * np.sqrt(2)  # standard errors of one score at which two scores differ, DEFINITIONS section 2
TOP = 5  # models at the top of an axis whose spread says whether it is saturated, DEFINITIONS section 2
NO_ACTION = "No action the data support."
PHASE_ACTIONS = {  # paper 7 and the dashboard's phase map
    Phase.TAX: "tax phase: the paper advises data, width or steering before size",
    Phase.TRANSITION: "transition phase: the paper advises to evaluate several checkpoints",
    Phase.BONUS: "bonus phase: the paper advises that size serves both scores",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action: is_supported True, False or None (cannot be said), with the numbers it follows from and its rule."""

    action: str
    is_supported: bool | None
    because: str
    rule: str

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if self.is_supported is None:
            return "cannot be said"
        return "supported" if self.is_supported else "not supported"


def text_of(one: Inference, unit: str = "") -> str:
    """Return "value unit, 95% interval low to high", or why there is none."""
    if one.value is None:
        return one.caveats[0] if one.caveats else "undefined"
    number = f"{one.value:.3g} {unit}".strip()
    if one.low is None or one.high is None:
        return f"{number}, no interval"
    return f"{number}, 95% interval {one.low:.3g} to {one.high:.3g}"


def actions_of(
    subject: Subject, company: Company, found: Phased, matrix: Coupled, outlook: Outlook, params: AnalyzeParams
) -> list[Action]:
    """Return every action with its verdict, those that the numbers support first."""
    actions = [
        _by_phase(found),
        _next_size(outlook, params),
        _curation(subject, outlook),
        _width(outlook, params),
        *_pairs(matrix),
        *(_rotation(held, company, outlook, params) for held in subject.scores.values()),
    ]
    order = {True: 0, None: 1, False: 2}
    return sorted(actions, key=lambda action: order[action.is_supported])


def _by_phase(found: Phased) -> Action:
    word = phase_words(found)
    chances = [found.chances[str(phase)] for phase in PHASE_ACTIONS]
    because = "; ".join(f"{phase}: {text_of(one)}" for phase, one in zip(PHASE_ACTIONS, chances, strict=True))
    rule = "the phase whose chance has a 95% interval above one half"
    if word == Phase.UNDETERMINED:
        known = any(one.value is not None for one in chances)
        return Action(action="act on the phase", is_supported=False if known else None, because=because, rule=rule)
    return Action(action=PHASE_ACTIONS[Phase(word)], is_supported=True, because=because, rule=rule)


def _next_size(outlook: Outlook, params: AnalyzeParams) -> Action:
    change, chance = outlook.changes[SIZE, params.y], outlook.falls[params.y]
    because = f"change of {params.y} at size x{params.size_times:g}: {text_of(change, 'pp')}"
    rule = "the 95% prediction interval of the change leaves out 0"
    action = f"expect {params.y} to move in one direction at size x{params.size_times:g}"
    if change.value is None or change.low is None or change.high is None or params.size_times == 1:
        return Action(action=action, is_supported=None, because=because, rule=rule)
    because += f"; chance of a fall: {text_of(chance)}"
    if change.high < 0 or change.low > 0:
        word = "fall" if change.high < 0 else "rise"
        action = f"expect {params.y} to {word} at size x{params.size_times:g}"
        return Action(action=action, is_supported=True, because=because, rule=rule)
    return Action(action=action, is_supported=False, because=because, rule=rule)


def _curation(subject: Subject, outlook: Outlook) -> Action:
    one = outlook.h_c
    because = f"h_c at this size: {text_of(one, '%')}; paper mode: {text_of(outlook.h_c_paper, '%')}"
    rule = "curate where the lower end of h_c = ((N_c - N) / N_c)^1.5 is above 0; a heuristic of the paper"
    if one.value is None or one.low is None:
        return Action(action="curate the data", is_supported=None, because=because, rule=rule)
    amount = f"curate: at least {one.low:.0f}% of full curation by h_c, best guess {one.value:.0f}%"
    already = subject.recipe in ("curated", "distilled")
    if already:
        because += f"; the recipe is {subject.recipe} already"
    return Action(
        action=amount if one.low > 0 else "curate the data",
        is_supported=one.low > 0 and not already,
        because=because,
        rule=rule,
    )


def _width(outlook: Outlook, params: AnalyzeParams) -> Action:
    one = outlook.width_slope[params.y]
    because = f"{params.y} per decade of width at equal size: {text_of(one, 'pp')}"
    if outlook.width_ratio.value is not None:
        because += f"; this width is {text_of(outlook.width_ratio)} times the typical one"
    rule = "the slope on log10 width given size has a 95% interval above 0 across models (an association)"
    if one.value is None or one.low is None:
        return Action(action="widen the model", is_supported=None, because=because, rule=rule)
    return Action(action="widen the model", is_supported=one.low > 0, because=because, rule=rule)


def _pairs(matrix: Coupled) -> list[Action]:
    rule = "the 95% interval of r given log10 N among models of similar size lies below 0"
    if matrix.side is None:
        why = f"{len(matrix.names)} scores of the panel were given"
        return [Action(action="watch competing pairs", is_supported=None, because=why, rule=rule)]
    side = matrix.side
    found = [
        (matrix.names[i], matrix.names[j], side.r[k], side.low[k], side.high[k])
        for k, (i, j) in enumerate(pairs_of(len(matrix.names)))
        if side.high[k] < 0
    ]
    if not found:
        why = f"no pair of {side.r.size} competes among {matrix.words}"
        return [Action(action="watch competing pairs", is_supported=False, because=why, rule=rule)]
    return [
        Action(
            action=f"watch {a} against {b}: they compete",
            is_supported=True,
            because=f"r {r:.2f}, 95% interval {low:.2f} to {high:.2f}, {matrix.words}",
            rule=rule,
        )
        for a, b, r, low, high in found
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The top of one axis. spread : best less fifth best of the panel, pp. noise : change two scores must differ by."""

    spread: float | None
    fifth: float | None
    noise: float | None


def ceiling_of(held: Held, company: Company) -> Ceiling:
    """Return how far the best five models of the panel lie apart, beside what the benchmark can tell apart there."""
    scores = company.column(held.benchmark_id)
    top = np.sort(scores[np.isfinite(scores)])[::-1][:TOP]
    error = default_error(held.score.value, held.n_items)
    noise = float(RESOLVED * error) if np.isfinite(error) and error > 0 else None
    if top.size < TOP:
        return Ceiling(spread=None, fifth=None, noise=noise)
    return Ceiling(spread=float(top[0] - top[-1]), fifth=float(top[-1]), noise=noise)


def _rotation(held: Held, company: Company, outlook: Outlook, params: AnalyzeParams) -> Action:
    name, top = held.benchmark_id, ceiling_of(held, company)
    rule = (
        f"rotate where the panel's best {TOP} and this model lie within what the benchmark can tell apart, or the "
        "score is within 2 SE of chance, or the expected change lies wholly within what the benchmark can tell apart"
    )
    if top.noise is None:
        why = "the number of items is unknown"
        return Action(action=f"rotate {name}", is_supported=None, because=why, rule=rule)
    floor = f"{name} resolves {top.noise:.2g} pp"
    if held.is_near_chance:
        why = f"{held.score.value:.3g} % with chance at {held.chance:g} %"
        return Action(action=f"rotate {name}: near chance", is_supported=True, because=why, rule=rule)
    if top.spread is not None and top.fifth is not None:
        if top.spread < top.noise and held.score.value >= top.fifth - top.noise:
            why = f"{floor}; the best {TOP} of the panel span {top.spread:.2g} pp"
            return Action(action=f"rotate {name}: near ceiling", is_supported=True, because=why, rule=rule)
    change = outlook.changes.get((SIZE, name))
    if change is None or change.low is None or change.high is None:
        return Action(action=f"rotate {name}", is_supported=False, because=floor, rule=rule)
    why = f"{floor}; expected at size x{params.size_times:g}: {text_of(change, 'pp')}"
    within = params.size_times != 1 and max(abs(change.low), abs(change.high)) < top.noise
    words = f"rotate {name}: it cannot tell the next size" if within else f"rotate {name}"
    return Action(action=words, is_supported=within, because=why, rule=rule)


def action_estimates(subject: Subject, company: Company, actions: list[Action]) -> list[Estimate]:
    """Return how many actions are supported, and what the rotation rule looks at."""
    n_supported = sum(action.is_supported is True for action in actions)
    label = f"{subject.name}: supported"
    rules = "actions whose rule the numbers meet"
    estimates = [count("n_actions", label, n_supported, n=len(actions), unit="actions", method=rules)]
    n = company.family.size
    for held in subject.scores.values():
        top, name = ceiling_of(held, company), f"{subject.name}: {held.benchmark_id}"
        spread = _plain(top.spread, n, f"best less fifth best of {n} models of the panel", "fewer than five models")
        noise = _plain(top.noise, 1, "1.96 sqrt(2) binomial standard errors of the score", "the items are unknown")
        estimates.append(spread.estimate(symbol="top_five_spread", label=name, unit="pp"))
        estimates.append(noise.estimate(symbol="resolvable_change", label=name, unit="pp"))
    return estimates


def _plain(value: float | None, n: int, method: str, why: str) -> Inference:
    caveats = ("no interval: arithmetic on rows",) if value is not None else (f"undefined: {why}",)
    return Inference(value=value, low=None, high=None, n=n, method=method, caveats=caveats)


def action_table(actions: list[Action]) -> Table:
    """Return every action with verdict, reason and rule."""
    rows = [{"action": a.action, "verdict": a.verdict, "because": a.because, "rule": a.rule} for a in actions]
    schema = dict.fromkeys(("action", "verdict", "because", "rule"), pl.String)
    return Table(name="actions", title="Actions", frame=pl.DataFrame(rows, schema=schema))
