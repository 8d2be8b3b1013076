"""Worlds with a planted answer, and panels of scores drawn from them. Pure numpy; every draw takes its generator.

A family has sizes l = log10 N, a first benchmark x = offset + growth(l) + deviation, and a second one that follows
dy = gamma(l) dx on the growth alone, plus its own offset and deviation; a score is a count of right items over items.
gamma(l) = slope (l - turn) where there is a turn, else one number. Deviations of a model are real (another run of the
same recipe would differ); item counts are what its evaluation adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cape.calibration.cells import Cell
from cape.errors import BadParameterError
from cape.stats.inference import Points

Array = NDArray[np.float64]

TURN = 9.5  # log10 N of the planted turn, in the middle of the sizes
SMALLEST, LARGEST = 8.0, 11.0  # log10 N that families span
STEP, LONGEST = 0.45, 2.6  # decades between neighbouring sizes, and of the longest family
X_LEVEL, X_SLOPE = 55.0, 16.0  # percent at the turn and per decade, first benchmark where it grows straight
BENT = (25.0, 65.0, 1.1, 9.3)  # floor, height, steepness and middle of a first benchmark that bends
Y_LEVEL = 40.0  # percent of the second benchmark at the turn
OFFSET_SD = 3.0  # percentage points, recipe offsets of a family
FINE = 641  # points of the grid on which gamma dx is integrated
FEWEST_SIZES = 2  # left of a family whatever is missing
OTHERS = ((45.0, 0.5, 1_172), (60.0, 0.4, 1_267), (40.0, 0.7, 14_042))  # level, loading on x, items of three more
OTHERS_SD = 1.5  # percentage points, deviations of the three more


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One planted truth. `turn` None: gamma is `gamma` at every size.

    slope : gamma per decade. turn_sd, slope_sd : spread between families. bends : the first benchmark saturates.
    x_sd, y_sd : deviations of a model, percentage points, with correlation deviation_r. missing : share of sizes.
    """

    name: str
    meaning: str
    turn: float | None = TURN
    turn_sd: float = 0.0
    slope: float = 0.35
    slope_sd: float = 0.0
    gamma: float = 0.0
    bends: bool = False
    x_sd: float = 0.7
    y_sd: float = 1.0
    deviation_r: float = 0.0
    missing: float = 0.0


WORLDS = (
    World(name="turning", meaning="gamma turns at one size in every family; recipes differ by an offset"),
    World(
        name="recipes",
        meaning="gamma turns at another size and steepness in each family, and a fifth of the sizes is missing",
        turn_sd=0.3,
        slope_sd=0.1,
        missing=0.2,
    ),
    World(name="bent", meaning="gamma turns at one size while the first benchmark saturates", bends=True),
    World(name="trend", meaning="no turn: both benchmarks grow with size and share nothing else", turn=None, gamma=0.3),
    World(name="falling", meaning="no turn: the second benchmark falls with size throughout", turn=None, gamma=-0.3),
    World(name="flat", meaning="no turn and no coupling: the second benchmark does not change with size", turn=None),
    World(
        name="coupled",
        meaning="no turn: models that do better on one benchmark than their size do so on the other",
        turn=None,
        x_sd=2.0,
        y_sd=2.5,
        deviation_r=0.7,
    ),
)
WORLD = {world.name: world for world in WORLDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Sizes that the panels of one batch share. log10_n : (n_families, n_sizes); kept : the same shape, not missing."""

    log10_n: Array
    kept: NDArray[np.bool_]

    @property
    def member(self) -> NDArray[np.intp]:
        """Family of each kept model, (n_models,)."""
        return np.nonzero(self.kept)[0]

    @property
    def sizes(self) -> Array:
        """log10 N of each kept model, (n_models,), by family and size."""
        return self.log10_n[self.kept]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Kept sizes of each family."""
        return self.kept.sum(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """A batch of panels of one design. Scores and errors are (n_panels, n_models) percent, models as in the design.

    family : (n_models,) label of the family.
    x_true, y_true : what infinitely many items would give. turn : (n_panels, n_families) log10 N, NaN without one.
    others : (n_panels, n_models, 3) scores of three more benchmarks.
    """

    design: Design
    family: NDArray[np.str_]
    x: Array
    y: Array
    x_se: Array
    y_se: Array
    x_true: Array
    y_true: Array
    turn: Array
    others: Array

    def points(self, index: int, *, family: int | None = None) -> Points:
        """Return one panel, or one family of it, as the statistics take it."""
        rows = slice(None) if family is None else self.design.member == family
        return Points(
            family=self.family[rows],
            log10_n=self.design.sizes[rows],
            x_pct=self.x[index][rows],
            y_pct=self.y[index][rows],
            x_se=self.x_se[index][rows],
            y_se=self.y_se[index][rows],
        )


def draw_design(world: World, *, n_families: int, n_sizes: int, rng: np.random.Generator) -> Design:
    """Return sizes of families that start at random between SMALLEST and LARGEST, with some missing at random."""
    span = min(LONGEST, STEP * (n_sizes - 1))
    start = rng.uniform(SMALLEST, LARGEST - span, n_families)
    log10_n = start[:, None] + np.linspace(0.0, span, n_sizes)
    lot = rng.random(log10_n.shape)
    kept = lot >= world.missing
    first = np.argsort(-lot, axis=1) < FEWEST_SIZES  # two places of each family, at random
    short = kept.sum(axis=1) < FEWEST_SIZES
    return Design(log10_n=log10_n, kept=np.where(short[:, None], first, kept))


def draw_panels(world: World, design: Design, cell: Cell, *, n_panels: int, rng: np.random.Generator) -> Panels:
    """Return panels of scores. Raises BadParameterError where a world puts a score outside 0 to 100 percent."""
    n_families, n_models = design.counts.size, design.sizes.size
    member, sizes = design.member, design.sizes
    turn = np.full((n_panels, n_families), np.nan)
    if world.turn is not None:
        turn = world.turn + world.turn_sd * rng.standard_normal(turn.shape)
    slope = world.slope + world.slope_sd * rng.standard_normal(turn.shape)
    offset = OFFSET_SD * rng.standard_normal((2, n_panels, n_families))
    own, shared = rng.standard_normal((2, n_panels, n_models))
    y_own = world.deviation_r * own + np.sqrt(1 - world.deviation_r**2) * shared
    grown, weighted = _growth(world, sizes), _weighted_growth(world, sizes)
    if world.turn is None:
        follows = world.gamma * np.broadcast_to(grown - X_LEVEL, own.shape)
    else:  # slope times the integral of (l - turn) dx
        follows = slope[:, member] * (weighted - turn[:, member] * (grown - _growth(world, np.array([TURN]))[0]))
    x_true = offset[0][:, member] + grown + world.x_sd * own
    y_true = offset[1][:, member] + Y_LEVEL + follows + world.y_sd * y_own
    x, x_se = _observed(x_true, cell.x_items, rng)
    y, y_se = _observed(y_true, cell.y_items, rng)
    noise = OTHERS_SD * rng.standard_normal((n_panels, n_models, len(OTHERS)))
    levels, loadings = (np.array(column, dtype=np.float64) for column in list(zip(*OTHERS, strict=True))[:2])
    true = levels + loadings * (x_true - X_LEVEL)[..., None] + noise
    others = np.stack([_observed(true[..., i], OTHERS[i][2], rng)[0] for i in range(len(OTHERS))], axis=-1)
    return Panels(
        design=design,
        family=np.array([f"family {code:05d}" for code in range(n_families)])[member],
        x=x,
        y=y,
        x_se=x_se,
        y_se=y_se,
        x_true=x_true,
        y_true=y_true,
        turn=turn,
        others=others,
    )


def level_at_turn(world: World) -> float:
    """Return the mean of the first benchmark at the planted turn over families, percent."""
    return float(_growth(world, np.array([TURN]))[0])


def _growth(world: World, log10_n: Array) -> Array:
    """Return the first benchmark of a family without offset, percent."""
    if not world.bends:
        return X_LEVEL + X_SLOPE * (log10_n - TURN)
    floor, height, steepness, middle = BENT
    return floor + height / (1.0 + np.exp(-steepness * (log10_n - middle)))


def _weighted_growth(world: World, log10_n: Array) -> Array:
    """Return the integral of l dx from TURN to each size, by the trapezoid rule on a fine grid."""
    grid = np.linspace(SMALLEST, LARGEST, FINE)
    step = np.diff(_growth(world, grid)) * (grid[1:] + grid[:-1]) / 2
    integral = np.concatenate([[0.0], np.cumsum(step)])
    return np.interp(log10_n, grid, integral) - np.interp(TURN, grid, integral)


def _observed(true: Array, n_items: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return shares of right items in percent and their standard errors, of one item at least."""
    if not ((true > 0) & (true < 100)).all():
        raise BadParameterError(
            f"A simulated score is {true.min():.1f} to {true.max():.1f} percent. Choose a milder world."
        )
    right = rng.binomial(n_items, true / 100.0) / n_items
    spread = np.maximum(right * (1.0 - right), 1.0 / n_items * (1.0 - 1.0 / n_items))
    return 100.0 * right, 100.0 * np.sqrt(spread / n_items)
