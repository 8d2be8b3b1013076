"""What a scorecard runs: the grid of layers and strengths, the choice, the controls, and strengths of equal KL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError
from cape.internals.arms import Arm, Bench, Scores
from cape.internals.directions import (
    DEPTH,
    PAPER_PAIRS,
    SteeringVector,
    random_vector,
    shuffled_labels,
    statement_states,
    vector_from_states,
)
from cape.internals.models import LoadedModel
from cape.internals.scorecard_records import ArmKind, Matching, Split
from cape.internals.steering import Term
from cape.internals.steering_sets import SteeringSets, pairs_hash
from cape.stats.steering_effect import is_matched, next_strength

MOST_LAYERS = 6  # of a grid whose layers were not named
MOST_TRIES = 12  # strengths tried to meet a KL
RANDOM_MIN = 20  # random directions (DEFINITIONS 3.2)
SHARES = (0.125, 0.25, 0.5, 1.0, 2.0)  # strengths of the grid, over the layer's mean norm
RANDOM, SHUFFLED = 1, 2  # streams of the seed

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SteerConfig:
    """What a scorecard is asked for.

    layers : of the grid; () for up to MOST_LAYERS evenly spaced, the quarter-depth one among them. shares : strengths
    over the layer's mean norm. capability_loss_pp : most that the chosen cell may lose on the capability set.
    """

    seed: int = 0
    n_random: int = RANDOM_MIN
    layers: tuple[int, ...] = ()
    shares: tuple[float, ...] = SHARES
    capability_loss_pp: float = 5.0
    n_resamples: int = 10_000

    def __post_init__(self) -> None:
        if self.n_random < RANDOM_MIN:
            raise BadParameterError(
                f"A scorecard needs at least {RANDOM_MIN} random directions, got {self.n_random}; with fewer the rank "
                "test cannot reach 0.05."
            )
        if not self.shares or min(self.shares) <= 0 or not np.isfinite(self.shares).all():
            raise BadParameterError(f"Strengths are shares above 0 of a layer's norm, got {self.shares}.")
        if self.n_resamples < 1 or not self.capability_loss_pp >= 0:
            raise BadParameterError("n_resamples is 1 or more, capability_loss_pp 0 or more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """Truth directions of every layer, what they were trained on, and the mean norm of each layer's output.

    states : (2 n_pairs, n_layers, d_model) of the calibration statements. is_true : (2 n_pairs,). seed : of controls.
    """

    vectors: tuple[SteeringVector, ...]
    norms: Array
    states: Array = field(repr=False)
    is_true: NDArray[np.bool_] = field(repr=False)
    paper: SteeringVector
    seed: int

    def term(self, vector: SteeringVector, share: float) -> Term:
        """Return a direction at a strength that is this share of its layer's mean norm."""
        return Term(vector=vector, strength=share * float(self.norms[vector.layer]))

    def share(self, term: Term) -> float:
        """Return a strength as a share of its layer's mean norm."""
        return abs(term.strength) / float(self.norms[term.vector.layer])


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The layer and strength that validation chose, and the rule in words."""

    layer: int
    share: float
    words: str


def learn(loaded: LoadedModel, sets: SteeringSets, *, seed: int = 0) -> Directions:
    """Return the truth direction of every layer, and the paper's from its number of statements at its layer."""
    states, is_true = statement_states(loaded, sets.pairs)
    data_hash = pairs_hash(sets.pairs)
    few = sets.pairs[:PAPER_PAIRS]
    layer, n = loaded.n_layers // DEPTH, 2 * len(few)
    return Directions(
        vectors=tuple(
            vector_from_states(states[:, place], is_true, layer=place, like=loaded, data_hash=data_hash)
            for place in range(loaded.n_layers)
        ),
        norms=np.linalg.norm(states, axis=2).mean(axis=0),
        states=states,
        is_true=is_true,
        paper=vector_from_states(states[:n, layer], is_true[:n], layer=layer, like=loaded, data_hash=pairs_hash(few)),
        seed=seed,
    )


def grid_layers(config: SteerConfig, n_layers: int) -> tuple[int, ...]:
    """Return the layers of the grid in order; raise BadParameterError for one that is not there."""
    if config.layers:
        bad = [layer for layer in config.layers if not 0 <= layer < n_layers]
        if bad:
            raise BadParameterError(f"The model has layers 0 to {n_layers - 1}, not {bad[0]}.")
        return tuple(sorted(set(config.layers)))
    spread = np.linspace(0, n_layers - 1, min(MOST_LAYERS, n_layers)).round().astype(int)
    nearest = int(np.argmin(np.abs(spread - n_layers // DEPTH)))
    spread[nearest] = n_layers // DEPTH
    return tuple(sorted({int(layer) for layer in spread}))


def grid_arms(config: SteerConfig, directions: Directions) -> list[Arm]:
    """Return the cells of the layer x strength grid, scored on validation questions."""
    return [
        Arm(
            name=f"layer {layer}, strength {share:g}",
            kind=ArmKind.STEERED,
            matching=Matching.GRID,
            split=Split.VALIDATION,
            terms=(directions.term(directions.vectors[layer], share),),
            share=share,
        )
        for layer in grid_layers(config, len(directions.vectors))
        for share in sorted(config.shares)
    ]


def choose(config: SteerConfig, base: Scores, grid: Mapping[Arm, Scores]) -> Choice:
    """Return the cell with the highest validation MC2 whose capability falls by no more than is allowed.

    Where every cell loses more, the one with the least KL; the words say so. The earlier of equal cells is taken.
    """

    def loss(scores: Scores) -> float:
        if scores.capability is None or base.capability is None:
            return 0.0
        return 100 * float(base.capability.mc1.mean() - scores.capability.mc1.mean())

    allowed = [arm for arm, scores in grid.items() if loss(scores) <= config.capability_loss_pp]
    limit = f"{config.capability_loss_pp:g} pp"
    if allowed:
        best = max(allowed, key=lambda arm: float(grid[arm].truth.mc2.mean()))
        words = (
            f"highest MC2 on validation among {len(allowed)} of {len(grid)} cells that lose at most {limit} capability"
        )
    else:
        best = min(grid, key=lambda arm: grid[arm].kl)
        words = f"least KL, as all {len(grid)} cells lose more than {limit} capability on validation"
    if best.vector is None or best.share is None:
        raise BadParameterError("A grid holds steered cells only.")
    return Choice(layer=best.vector.layer, share=best.share, words=words)


def control_arms(config: SteerConfig, directions: Directions, choice: Choice, instruction: str) -> list[Arm]:
    """Return the test arms of known strength: the steered one, others of its curve, and controls of equal norm."""
    vector = directions.vectors[choice.layer]
    strength = directions.term(vector, choice.share).strength

    def arm(name: str, kind: ArmKind, of: SteeringVector, **others: object) -> Arm:
        term = Term(vector=of, strength=strength)
        return replace(_TEST, name=name, kind=kind, terms=(term,), share=choice.share, **others)  # type: ignore[arg-type]

    curve = [
        replace(
            _TEST, name=f"steered at {share:g}", kind=ArmKind.STEERED, matching=Matching.GRID, share=share,
            terms=(directions.term(vector, share),),
        )
        for share in sorted(config.shares)
        if share != choice.share
    ]  # fmt: skip
    random = [
        arm(f"random {place}", ArmKind.RANDOM, each, replicate=place)
        for place, each in enumerate(random_vectors(config, vector))
    ]
    others = [
        replace(
            _TEST, name=f"layer {layer}", kind=ArmKind.LAYER, share=choice.share,
            terms=(directions.term(directions.vectors[layer], choice.share),),
        )
        for layer in grid_layers(config, len(directions.vectors))
        if layer != choice.layer
    ]  # fmt: skip
    prompt = replace(_TEST, name="prompt only", kind=ArmKind.PROMPT, matching=Matching.NONE, instruction=instruction)
    paper = replace(_TEST, name="paper mode", kind=ArmKind.PAPER, matching=Matching.NONE, banded=directions.paper)
    return [
        arm("steered", ArmKind.STEERED, vector),
        *curve,
        arm("negative", ArmKind.NEGATIVE, -vector),
        arm("shuffled", ArmKind.SHUFFLED, shuffled_vector(config, directions, vector)),
        *random,
        *others,
        prompt,
        paper,
    ]


_TEST = Arm(name="", kind=ArmKind.BASE, matching=Matching.NORM, split=Split.TEST)
BASE_ARMS = {split: Arm(name="base", kind=ArmKind.BASE, matching=Matching.NONE, split=split) for split in Split}


def random_vectors(config: SteerConfig, vector: SteeringVector) -> list[SteeringVector]:
    """Return the random directions of a layer; each depends on the seed, the layer and its number only."""
    return [_random_vector(config.seed, vector, n) for n in range(config.n_random)]


def _random_vector(seed: int, vector: SteeringVector, n: int) -> SteeringVector:
    return random_vector(vector, np.random.default_rng([seed, RANDOM, vector.layer, n]))


def shuffled_vector(config: SteerConfig, directions: Directions, vector: SteeringVector) -> SteeringVector:
    """Return the direction that the calibration statements give when half of the pairs change labels."""
    rng = np.random.default_rng([config.seed, SHUFFLED])
    labels = shuffled_labels(directions.is_true, rng)
    states = directions.states[:, vector.layer]
    difference = states[labels].mean(axis=0) - states[~labels].mean(axis=0)
    unit = (difference / np.linalg.norm(difference)).astype(np.float32)
    return replace(vector, direction=unit, data_hash="shuffled")


def matched_arms(bench: Bench, directions: Directions, arms: Mapping[Arm, Scores]) -> Iterator[Arm]:
    """Yield the control arms again at the strength whose KL is that of the steered arm, and the steered arm at the
    KL of prompt-only; arms that no strength brings there are left out.

    For a random direction that is left out a further one is drawn, so that the rank test keeps its smallest p; as
    many again are tried at most.
    """
    held = {arm.name: arm for arm in arms}
    target, prompted = arms[held["steered"]].kl, arms[held["prompt only"]].kl
    kinds = (ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.RANDOM, ArmKind.LAYER)
    n_random = n_matched = 0
    for arm, scores in arms.items():
        if arm.kind in kinds:
            found = list(_matched(bench, directions, (arm, scores.kl), target, Matching.KL))
            yield from found
            n_random += arm.kind is ArmKind.RANDOM
            n_matched += len(found) * (arm.kind is ArmKind.RANDOM)
    yield from _further_random(
        bench, directions, (held["steered"], target), n_lacking=n_random - n_matched, first=n_random
    )
    yield from _matched(bench, directions, (held["steered"], target), prompted, Matching.PROMPT_KL)


def _further_random(
    bench: Bench, directions: Directions, steered: tuple[Arm, float], *, n_lacking: int, first: int
) -> Iterator[Arm]:
    """Yield n_lacking further random directions at the KL of the steered arm, or as many as `first` tries give."""
    arm, target = steered
    term = arm.terms[0]
    for n in range(first, 2 * first):
        if n_lacking <= 0:
            return
        drawn = replace(term, vector=_random_vector(directions.seed, term.vector, n))
        start = replace(arm, name=f"random {n}", kind=ArmKind.RANDOM, replicate=n, terms=(drawn,))
        for found in _matched(bench, directions, (start, bench.kl(drawn.vector, drawn.strength)), target, Matching.KL):
            n_lacking -= 1
            yield found


def _matched(
    bench: Bench, directions: Directions, start: tuple[Arm, float], target: float, matching: Matching
) -> Iterator[Arm]:
    arm, kl = start
    term = arm.terms[0]
    strength = matched_strength(bench, term, kl, target)
    if strength is not None:
        found = replace(term, strength=strength)
        yield replace(
            arm, name=f"{arm.name}, {matching}", matching=matching, terms=(found,), share=directions.share(found)
        )


def matched_strength(bench: Bench, term: Term, kl: float, target: float) -> float | None:
    """Return the strength of a direction whose KL is the target within tolerance, None where none was found.

    kl : at the term's own strength. At most MOST_TRIES strengths are tried.
    """
    if not target > 0:
        return None
    strengths, kls = [term.strength], [kl]
    for _ in range(MOST_TRIES):
        if is_matched(kls[-1], target):
            return strengths[-1]
        strengths.append(next_strength(strengths, kls, target))
        kls.append(bench.kl(term.vector, strengths[-1]))
    return strengths[-1] if is_matched(kls[-1], target) else None
