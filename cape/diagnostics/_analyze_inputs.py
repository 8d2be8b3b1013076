"""The model under analysis: what was given, what a known model's row adds, and the errors of its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl

from cape.diagnostics._analyze_params import (
    NOT_GIVEN,
    SIZES_B,
    TOKENS_T,
    WIDTHS,
    AnalyzeParams,
    given_scores,
    number_of,
)
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._params import ALL_FAMILIES
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.quantities import Table
from cape.stats.profile import PERCENT, Score

EXAMPLE = "pythia-1b"  # shown when nothing was given; one of the examples of the author's dashboard
NEAR_CHANCE_SE = 2.0  # DEFINITIONS section 1: scores within two standard errors of chance
UNKNOWN = "unknown"
BASE_UNITS = {"size": "billion parameters", "width": "", "training tokens": "trillion tokens", "recipe": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One score of the model: as which benchmark it is taken, and where it comes from."""

    benchmark_id: str
    score: Score
    origin: str
    chance: float | None
    n_items: int | None

    @property
    def is_near_chance(self) -> bool:
        """Within two standard errors of chance; False where either is unknown."""
        if self.chance is None or not np.isfinite(self.score.error):
            return False
        return abs(self.score.value - self.chance) <= NEAR_CHANCE_SE * self.score.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model under analysis. scores : by benchmark_id. model_id : a known model, kept out of every comparison.

    origins : where size, width, tokens and recipe come from.
    """

    name: str
    model_id: str | None
    is_example: bool
    size_b: float | None
    width: float | None
    tokens_t: float | None
    recipe: str | None
    scores: Mapping[str, Held]
    origins: Mapping[str, str]
    caveats: tuple[str, ...] = ()

    @property
    def log10_n(self) -> float | None:
        """log10 of the number of parameters, or None."""
        return None if self.size_b is None else float(np.log10(self.size_b)) + 9


def default_error(score_pct: float, n_items: int | None) -> float:
    """Return the binomial standard error of a score in percentage points, NaN where the items are unknown."""
    if not n_items:
        return float("nan")
    share = score_pct / PERCENT
    return PERCENT * float(np.sqrt(share * (1 - share) / n_items))


def subject_of(params: AnalyzeParams, read: Read) -> Subject:
    """Return the model under analysis; what is given overrules the known model's row.

    Raises BadParameterError naming the field for a number that cannot be read, UnknownNameError for an unknown model.
    """
    benchmarks = _benchmark_rows(params, read)
    by_base = {row["benchmark"]: row for row in benchmarks}
    given = given_scores(params, {base: row["chance_pct"] for base, row in by_base.items()})
    numbers = {
        "size": number_of("params_b", params.params_b, within=SIZES_B, is_above=True),
        "width": number_of("width", params.width, within=WIDTHS, is_above=True),
        "training tokens": number_of("tokens_t", params.tokens_t, within=TOKENS_T, is_above=True),
    }
    recipe = None if params.recipe == NOT_GIVEN else params.recipe
    is_example = not (given or params.known or recipe or any(n is not None for n in numbers.values()))
    known = _known(_example(params, read) if is_example else params.known, read)
    row = known or {}
    filled = {"size": row.get("params_b"), "width": row.get("d_model"), "training tokens": row.get("tokens_t")}
    told = None if row.get("training_recipe") in (None, UNKNOWN) else row["training_recipe"]
    origins = {
        name: _origin(numbers[name] is not None, filled[name] is not None, row.get("model_id")) for name in numbers
    }
    origins["recipe"] = _origin(recipe is not None, told is not None, row.get("model_id"))
    known_scores, caveats = _known_scores(row.get("model_id"), params, by_base, read)
    scores = {by_base[name]["benchmark_id"]: _held(by_base[name], value, "given") for name, value in given.items()}
    return Subject(
        name=row.get("display_name") or "your model",
        model_id=row.get("model_id"),
        is_example=is_example,
        size_b=numbers["size"] if numbers["size"] is not None else filled["size"],
        width=numbers["width"] if numbers["width"] is not None else filled["width"],
        tokens_t=numbers["training tokens"] if numbers["training tokens"] is not None else filled["training tokens"],
        recipe=recipe or told,
        scores={**known_scores, **scores},
        origins=origins,
        caveats=caveats,
    )


def _origin(is_given: bool, is_filled: bool, model: str | None) -> str:
    return "given" if is_given else f"row of {model}" if is_filled else NOT_GIVEN


def _benchmark_rows(params: AnalyzeParams, read: Read) -> list[dict]:
    """Return one row per benchmark: the variant of the selected pair, else of the panel, else the most scored one."""
    held = read("mart_panel_benchmarks", panel=params.panel)
    rank = {name: place for place, name in enumerate(dict.fromkeys((params.x, params.y, *held["benchmark_id"])))}

    def order(row: dict) -> tuple[int, int]:
        name = row["benchmark_id"]
        return (0, rank[name]) if name in rank else (1, -row["n_scores"])

    best: dict[str, dict] = {}
    for row in sorted(read("mart_benchmarks").iter_rows(named=True), key=order):
        best.setdefault(row["benchmark"], row)
    return list(best.values())


def _held(row: Mapping, value: float, origin: str, error: float | None = None) -> Held:
    known = default_error(value, row["n_items"]) if error is None else error
    return Held(
        benchmark_id=row["benchmark_id"],
        score=Score(value=value, error=known),
        origin=origin,
        chance=row["chance_pct"],
        n_items=row["n_items"],
    )


def _example(params: AnalyzeParams, read: Read) -> str:
    equals = {} if params.family == ALL_FAMILIES else {"family": params.family}
    rows = read("mart_pairs", panel=params.panel, x=params.x, y=params.y, **equals)
    if rows.is_empty():
        raise NotEnoughDataError(
            f"Panel {params.panel!r} has no model with both {params.x} and {params.y} to show. "
            "Enter a size or scores, or pick another pair."
        )
    names = set(rows["model_id"])
    return EXAMPLE if EXAMPLE in names else str(rows.sort("position", "model_id", nulls_last=True)["model_id"][0])


def _known(name: str, read: Read) -> dict | None:
    if not name:
        return None
    models = read("mart_models")
    wanted = name.strip().lower()
    for column in ("model_id", "display_name"):
        rows = models.filter(pl.col(column).str.to_lowercase() == wanted)
        if not rows.is_empty():
            return rows.row(0, named=True)
    near = get_close_matches(wanted, models["model_id"].to_list(), n=3, cutoff=0.4)
    hint = f"Did you mean {', '.join(near)}?" if near else "The page lists the known models."
    raise UnknownNameError(f"The lake knows no model {name!r}. {hint}")


def _known_scores(
    model: str | None, params: AnalyzeParams, by_base: Mapping[str, dict], read: Read
) -> tuple[dict[str, Held], tuple[str, ...]]:
    """Return a known model's scores of the panel, and those of other sources on benchmarks that the panel lacks."""
    if model is None:
        return {}, ()
    wanted = [row["benchmark_id"] for row in by_base.values()]
    by_id = {row["benchmark_id"]: row for row in by_base.values()}
    own = read("mart_scores", panel=params.panel, model_id=model).filter(pl.col("benchmark_id").is_in(wanted))
    mean = own.group_by("benchmark_id").agg(pl.col("score_pct", "score_se_pct").mean(), pl.len()).sort("benchmark_id")
    found = {
        row["benchmark_id"]: _held(
            by_id[row["benchmark_id"]], row["score_pct"], f"row of {model}", _nan(row["score_se_pct"])
        )
        for row in mean.iter_rows(named=True)
    }
    repeated = own.height - mean.height
    caveats: tuple[str, ...] = (
        (f"{repeated} repeated scores of {model} in the panel were averaged",) if repeated else ()
    )
    elsewhere = read("mart_resolved_scores", model_id=model).filter(
        pl.col("benchmark_id").is_in([name for name in wanted if name not in found])
    )
    for row in elsewhere.sort("benchmark_id").iter_rows(named=True):
        origin = f"row of {model}, source {row['source_id']}"
        found[row["benchmark_id"]] = _held(
            by_id[row["benchmark_id"]], row["score_pct"], origin, _nan(row["score_se_pct"])
        )
    if not elsewhere.is_empty():
        names = ", ".join(elsewhere["benchmark_id"].sort())
        caveats += (f"{names} of {model} come from other sources than the panel",)
    return found, caveats


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def input_table(subject: Subject) -> Table:
    """Return what the analysis starts from: every number, its origin and its standard error."""
    traits = {
        "size": subject.size_b,
        "width": subject.width,
        "training tokens": subject.tokens_t,
    }
    rows = [
        {"input": name, "value": value, "unit": BASE_UNITS[name], "origin": subject.origins[name]}
        for name, value in traits.items()
    ]
    rows.insert(1, {"input": "log10 size", "value": subject.log10_n, "unit": "", "origin": subject.origins["size"]})
    rows.append({"input": f"recipe: {subject.recipe or UNKNOWN}", "unit": "", "origin": subject.origins["recipe"]})
    rows += [
        {
            "input": held.benchmark_id,
            "value": held.score.value,
            "unit": "%",
            "origin": held.origin,
            "standard_error": held.score.error if np.isfinite(held.score.error) else None,
            "near_chance": "yes" if held.is_near_chance else "no",
        }
        for held in subject.scores.values()
    ]
    schema = {"input": pl.String, "value": pl.Float64, "unit": pl.String, "origin": pl.String}
    schema |= {"standard_error": pl.Float64, "near_chance": pl.String}
    return Table(
        name="inputs",
        title="What the analysis starts from",
        frame=pl.DataFrame(rows, schema=schema),
        units={"standard_error": "pp"},
    )


def known_table(params: AnalyzeParams, read: Read) -> Table:
    """Return the models of the lake that can be loaded, those of the panel first."""
    panel = read("mart_pairs", panel=params.panel, x=params.x, y=params.y)
    pairs = panel.group_by("model_id").agg(pl.col("x_pct", "y_pct").mean())
    models = read("mart_models").filter(pl.col("n_scores") > 0).join(pairs, on="model_id", how="left")
    shown = models.with_columns(pl.col("x_pct").is_not_null().alias("in_panel")).sort(
        "in_panel", "params_b", "model_id", descending=[True, False, False], nulls_last=True
    )
    columns = ("model_id", "display_name", "family", "lab", "params_b", "training_recipe", "x_pct", "y_pct", "n_scores")
    units = {"params_b": "billion", "x_pct": f"{params.x}, %", "y_pct": f"{params.y}, %"}
    return Table(name="known", title="Known models", frame=shown.select(columns), units=units)
