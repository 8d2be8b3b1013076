"""What `ode_explorer` is asked for, and the ladders of the selection that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._cut import cut_of
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._params import ALL_FAMILIES, WindowParams, family_names, option
from cape.diagnostics._score_matrix import BENCHMARKS_HELP, ScoreMatrix, score_matrix
from cape.dynamics.fits import Engine, Recipe
from cape.dynamics.library import MAX_DEGREE, Scaling, Terms
from cape.dynamics.trajectories import Derivative, Ladders, Rows, Trajectory, ladders
from cape.errors import BadParameterError, NotEnoughDataError, UnknownNameError

POPULATION, EVERY = "population", "every model"
SHARED, PER_FAMILY = "shared", "per family"
WIDTH, TOKENS, LOG_N = "width", "tokens", "log N"
NO_INPUT = "none"
INPUTS = (NO_INPUT, LOG_N, WIDTH, TOKENS, *(f"{LOG_N} + {one}" for one in (WIDTH, TOKENS)), f"{WIDTH} + {TOKENS}")
LEAST_COVERED = 0.5  # share of the pair's rows that a benchmark of the default five must have
PAPER_TAX_TO_B, PAPER_BONUS_FROM_B = 1.0, 2.8  # sizes that part the regimes in the author's published script
PAPER_THRESHOLD = 0.1  # paper A.4


@dataclass(frozen=True, slots=True, kw_only=True)
class OdeParams(WindowParams):
    """Selection, candidate terms, threshold, ensemble, forecast and sources."""

    benchmarks: str = option("", label="Benchmarks", help=BENCHMARKS_HELP)
    degree: int = option(1, label="Degree", help="Products of up to so many scores.", low=1, high=MAX_DEGREE)
    threshold: float = option(
        PAPER_THRESHOLD,
        label="Threshold",
        help="Standardised: terms whose typical contribution is below this share of the typical rate are dropped. "
        "As printed: smaller coefficients of fractions are dropped.",
        low=0,
        high=100,
        is_whole=False,
    )
    derivative: str = option(
        str(Derivative.MIDPOINT),
        label="Derivative",
        help="Differences between neighbouring sizes at their middle, or second-order ones at each size.",
        choices=tuple(str(one) for one in Derivative),
    )
    further: str = option(NO_INPUT, label="Further inputs", help="Terms beside the scores.", choices=INPUTS)
    constants: str = option(
        SHARED,
        label="Constants",
        help="One constant per equation, or one for every family.",
        choices=(SHARED, PER_FAMILY),
    )
    scaling: str = option(
        str(Scaling.STANDARDISED),
        label="Scaling",
        help="Units in which coefficients meet the threshold; as printed is the paper's library of fractions.",
        choices=tuple(str(one) for one in Scaling),
    )
    engine: str = option(
        str(Engine.BATCHED),
        label="Engine",
        help="What makes the point fit; both give the same, PySINDy takes about 90 MB of memory.",
        choices=tuple(str(one) for one in Engine),
    )
    models: str = option(
        POPULATION,
        label="Models",
        help="Population: without code, instruct and mixture-of-experts models.",
        choices=(POPULATION, EVERY),
    )
    ensemble: int = option(200, label="Ensemble", help="Fits to resamples of families.", low=20, high=5000)
    ladder: str = option("", label="Ladder", help="Family to forecast; empty: the fitted one with the most sizes.")
    held_out: str = option("Llama-2", label="Held out", help="Family whose hold-out error is read in every way.")
    start_b: float = option(
        0.0,
        label="Start (B)",
        is_place=True,
        help="Size to integrate from, the nearest of the ladder; 0: its smallest.",
        low=0,
        high=1e6,
        is_whole=False,
    )
    targets_b: str = option(
        "",
        label="Target sizes (B)",
        is_place=True,
        help="Sizes to predict, separated by commas; empty: 2, 5 and 10 times the largest.",
    )
    h_field: float = option(
        0.0,
        label="h(D): added to the second benchmark (pp per decade)",
        help="Curation field of the design equation, set by you.",
        low=-30,
        high=30,
        is_whole=False,
        is_slider=True,
    )
    j_arch: float = option(
        0.0,
        label="J(arch): times the ladder's measured J",
        help="How the ladder's rates differ from the other families at equal scores; 1 adds it once.",
        low=-2,
        high=2,
        is_whole=False,
        is_slider=True,
    )
    curation: float = option(
        0.0,
        label="Curation: times curated less web",
        help="Measured difference in rates of curated and web-trained families at equal scores; 1 adds it once.",
        low=-2,
        high=2,
        is_whole=False,
        is_slider=True,
    )
    width_factor: float = option(
        1.0,
        label="Width: factor at equal size",
        help="Measured association of rates with width at equal size; 1 changes nothing.",
        low=0.25,
        high=4,
        is_whole=False,
        is_slider=True,
    )
    transition_from_b: float = option(
        PAPER_TAX_TO_B,
        label="Tax up to (B)",
        is_place=True,
        help="Steps that end at or below this size are the tax regime.",
        low=0.001,
        high=1e6,
        is_whole=False,
    )
    transition_to_b: float = option(
        PAPER_BONUS_FROM_B,
        label="Bonus from (B)",
        is_place=True,
        help="Steps that start at or above this size are the bonus regime.",
        low=0.001,
        high=1e6,
        is_whole=False,
    )


OWN = (
    "benchmarks",
    "degree",
    "threshold",
    "derivative",
    "further",
    "constants",
    "scaling",
    "engine",
    "models",
    "ensemble",
    "ladder",
    "held_out",
    "start_b",
    "targets_b",
    "h_field",
    "j_arch",
    "curation",
    "width_factor",
    "transition_from_b",
    "transition_to_b",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The ladders of a panel, parted into those fitted and the rest, and how they are fitted.

    recipe_of : family to training recipe. phases : phase of paper A.1 by (family, size). caveats : what was left out.
    """

    params: OdeParams
    benchmarks: tuple[str, ...]
    fitted: tuple[Trajectory, ...]
    others: tuple[Trajectory, ...]
    recipe: Recipe
    recipe_of: Mapping[str, str]
    caveats: tuple[str, ...]

    @property
    def name(self) -> str:
        """The fitted families in words."""
        families = self.families
        return ", ".join(families) if len(families) <= 3 else f"{len(families)} families of panel {self.params.panel}"

    @property
    def families(self) -> tuple[str, ...]:
        """The fitted families."""
        return tuple(dict.fromkeys(one.family for one in self.fitted))

    @property
    def ladder(self) -> Trajectory:
        """The ladder that is forecast: the one named, else the fitted one with the most sizes."""
        if not self.params.ladder:
            return max(self.fitted, key=lambda one: one.k)
        for one in (*self.fitted, *self.others):
            if self.params.ladder in (one.name, one.family):
                return one
        known = ", ".join(one.name for one in (*self.fitted, *self.others))
        raise UnknownNameError(f"There is no ladder {self.params.ladder!r} with two sizes here. Known: {known}.")


def setting_of(params: OdeParams, read: Read) -> Setting:
    """Return the ladders of the selection; raise NotEnoughDataError where no fitted family has two sizes."""
    if params.transition_to_b < params.transition_from_b:
        raise BadParameterError(
            f"transition_from_b is {params.transition_from_b:g} and transition_to_b {params.transition_to_b:g}. "
            "Swap them, so that the regimes do not overlap."
        )
    whole = replace(params, family=ALL_FAMILIES, families="")
    matrix = score_matrix(whole, read, wanted=params.benchmarks)
    about = (
        read("mart_models")
        .group_by("model_id")
        .agg(pl.col("is_population_model", "tokens_t", "training_recipe").drop_nulls().first())
    )
    rows = matrix.rows.join(about, on="model_id", how="left", maintain_order="left")
    kept = rows["is_population_model"].fill_null(True).to_numpy() | (params.models == EVERY)
    matrix, dropped = _covered(matrix, kept, params)
    found = _ladders(matrix, rows, kept, params)
    wanted = family_names(params.families) or ((params.family,) if params.family != ALL_FAMILIES else ())
    fitted = tuple(one for one in found.trajectories if not wanted or one.family in wanted)
    if not fitted:
        names = ", ".join(matrix.benchmarks)
        chosen = f", {', '.join(wanted)}" if wanted else ""
        raise NotEnoughDataError(
            f"Panel {params.panel!r}{chosen} has no two sizes of one family with each of {names}. "
            "Pick another family, window or panel, or name fewer benchmarks."
        )
    left_out = (
        (f"{int((~kept).sum())} code, instruct or mixture-of-experts rows were left out",) if (~kept).any() else ()
    )
    recipes = rows.drop_nulls("training_recipe").group_by("family").agg(pl.col("training_recipe").mode().sort().first())
    return Setting(
        params=params,
        benchmarks=matrix.benchmarks,
        fitted=fitted,
        others=tuple(one for one in found.trajectories if one not in fitted),
        recipe=_recipe(params, matrix.benchmarks),
        recipe_of=dict(zip(recipes["family"], recipes["training_recipe"], strict=True)),
        caveats=(*matrix.caveats, *dropped, *left_out, *found.caveats()),
    )


def _recipe(params: OdeParams, benchmarks: tuple[str, ...]) -> Recipe:
    terms = Terms(
        benchmarks=benchmarks,
        controls=tuple(f"log10 {name}" for name in (WIDTH, TOKENS) if name in params.further),
        degree=params.degree,
        with_log_n=LOG_N in params.further,
        has_own_constant=params.constants == PER_FAMILY,
        scaling=Scaling(params.scaling),
    )
    return Recipe(terms=terms, threshold=params.threshold, derivative=Derivative(params.derivative))


def _covered(matrix: ScoreMatrix, kept: NDArray[np.bool_], params: OdeParams) -> tuple[ScoreMatrix, tuple[str, ...]]:
    """Return the table without those of the default five that would cost half of the pair's rows, and their names."""
    if params.benchmarks:
        return matrix, ()
    known = np.isfinite(matrix.scores[kept])
    pair = known[:, 0] & known[:, 1]
    columns, complete = [0, 1], pair
    for place in range(2, len(matrix.benchmarks)):
        if (complete & known[:, place]).sum() >= LEAST_COVERED * max(int(pair.sum()), 1):
            columns.append(place)
            complete = complete & known[:, place]
    gone = [name for place, name in enumerate(matrix.benchmarks) if place not in columns]
    caveats = (f"too few rows have {', '.join(gone)}, which the equations leave out",) if gone else ()
    chosen = replace(
        matrix,
        benchmarks=tuple(matrix.benchmarks[place] for place in columns),
        scores=matrix.scores[:, columns],
        errors=matrix.errors[:, columns],
        is_near=matrix.is_near[:, columns],
    )
    return chosen, caveats


def _ladders(matrix: ScoreMatrix, rows: pl.DataFrame, kept: NDArray[np.bool_], params: OdeParams) -> Ladders:
    width = np.log10(matrix.widths)
    tokens = rows["tokens_t"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    held = {WIDTH: width, TOKENS: np.log10(np.where(tokens > 0, tokens, np.nan))}
    controls = [column for name, column in held.items() if name in params.further]
    replicate = rows["replicate"].fill_null("").to_list()
    chosen = np.flatnonzero(kept)
    return ladders(
        Rows(
            family=matrix.family[chosen],
            replicate=np.asarray(replicate, dtype=np.str_)[chosen],
            log10_n=matrix.log10_n[chosen],
            scores=matrix.scores[chosen],
            errors=matrix.errors[chosen],
            controls=np.column_stack(controls)[chosen] if controls else np.zeros((chosen.size, 0)),
            width=width[chosen],
        )
    )


def band_of(setting: Setting) -> tuple[float, float]:
    """Return the ends of the band between the regimes in log10 N; the paper's only where places are parameters."""
    params, places = setting.params, np.concatenate([one.log10_n for one in setting.fitted])
    ends = (params.transition_from_b, PAPER_TAX_TO_B), (params.transition_to_b, PAPER_BONUS_FROM_B)
    low, high = (cut_of(asked, default, params.axis, places)[0] for asked, default in ends)
    return low, high
