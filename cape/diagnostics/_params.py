"""Parameters of the diagnostics: one dataclass field gives the control, the URL key, the CLI option and its check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

import polars as pl

from cape.errors import BadParameterError, UnknownNameError
from cape.lake import Lake
from cape.positions import PARAMS, Axis, axis_among

ALL_FAMILIES = "all"
NO_PANEL = "none"
SHARED = ("panel", "family", "x", "y", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """How a parameter is offered and checked.

    source : where the choices come from: "panel", "family", "benchmark" and "variant" are read from the lake
    for the selection at hand, "view" lists the marts; None means `choices` or, when that is empty, free.
    is_slider : a number between two ends that is drawn as a slider. is_place : a size, in the unit of the panel's axis.
    """

    label: str
    help: str
    choices: tuple[str, ...] = ()
    source: str | None = None
    low: float | None = None
    high: float | None = None
    is_whole: bool = True
    is_slider: bool = False
    is_place: bool = False


def option(default: Any, **about: Any) -> Any:
    """Declare a parameter of a Params dataclass: its default and an Option built from the keywords."""
    return field(default=default, metadata={"option": Option(**about)})


@dataclass(frozen=True, slots=True, kw_only=True)
class NoParams:
    """Parameters of a diagnostic that looks at the whole lake: none of its own unless a subclass adds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(NoParams):
    """The selection that the statistical diagnostics share.

    axis : what the places of the selected models count; read from the lake by `accept`, not given.
    """

    axis: Axis = PARAMS

    panel: str = option(
        "author", label="Panel", help="Population of models and source of their scores.", source="panel"
    )
    family: str = option(ALL_FAMILIES, label="Family", help="One family of models, or all.", source="family")
    x: str = option(
        "", label="First benchmark", help="Benchmark on the x axis; empty: the panel's default.", source="benchmark"
    )
    y: str = option(
        "", label="Second benchmark", help="Benchmark on the y axis; empty: the panel's default.", source="benchmark"
    )
    variant: str = option(
        "",
        label="Variant",
        help="Variant of the pair's TruthfulQA (mc1, mc2, ...); empty: as named by the pair.",
        source="variant",
    )
    resamples: int = option(
        10_000, label="Resamples", help="Bootstrap resamples and simulations.", low=200, high=100_000
    )
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowParams(Params):
    """The selection narrowed to several families or a window of sizes."""

    families: str = option(
        "", label="Families", help="Several families, separated by commas; empty: the family selected above."
    )
    min_b: float = option(
        0.0,
        label="Smallest size (B)",
        help="Keep models of at least this many billions of parameters or tokens, or this many steps.",
        is_place=True,
        low=0,
        high=1e6,
        is_whole=False,
    )
    max_b: float = option(
        0.0,
        label="Largest size (B)",
        help="Keep models of at most this many billions of parameters or tokens, or this many steps; 0 keeps all.",
        is_place=True,
        low=0,
        high=1e6,
        is_whole=False,
    )


WINDOW = ("families", "min_b", "max_b")
ParamsT = TypeVar("ParamsT", bound=NoParams)


def options_of(params_class: type[NoParams]) -> dict[str, Option]:
    """Return the options of a Params class by field name, in order."""
    return {item.name: item.metadata["option"] for item in fields(params_class) if "option" in item.metadata}


def defaults_of(params_class: type[NoParams]) -> dict[str, Any]:
    """Return the default of every parameter by name."""
    return {item.name: item.default for item in fields(params_class) if "option" in item.metadata}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What can be chosen for a panel: its families and benchmarks, and the pair it opens with."""

    panels: tuple[str, ...]
    families: tuple[str, ...]
    benchmarks: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]]
    default_x: str
    default_y: str


def choices_for(panel: str, lake: Lake) -> Choices:
    """Return the choices of one panel; raise UnknownNameError, with near names, for an unknown panel."""
    panels = lake.read("mart_panels")
    row = next(iter(panels.filter(pl.col("panel") == panel).iter_rows(named=True)), None)
    if row is None:
        raise UnknownNameError(_unknown("panel", panel, tuple(panels["panel"])))
    benchmarks = lake.read("mart_panel_benchmarks", panel=panel)
    known = tuple(benchmarks["benchmark_id"])
    default_x = row["default_x"] or _prefer(known, "hellaswag")
    default_y = row["default_y"] or _prefer(tuple(b for b in known if b != default_x), "truthfulqa") or default_x
    variants = {
        benchmark: tuple(rows["variant"])
        for (benchmark,), rows in benchmarks.drop_nulls("variant").sort("variant").group_by("benchmark")
    }
    return Choices(
        panels=tuple(panels["panel"]),
        families=(ALL_FAMILIES, *sorted(set(lake.read("mart_families", panel=panel)["family"]))),
        benchmarks=known,
        variants=variants,
        default_x=default_x,
        default_y=default_y,
    )


def accept(params_class: type[ParamsT], given: Mapping[str, Any], lake: Lake) -> ParamsT:
    """Check given parameters against the lake and fill in defaults.

    Raises BadParameterError for an unknown parameter, a number out of range or a panel without scores, and
    UnknownNameError, with near names, for a value that is not among the choices.
    """
    options = options_of(params_class)
    for name in given:
        if name not in options:
            raise BadParameterError(_unknown("parameter", name, tuple(options)))
    values = {**defaults_of(params_class), **{k: v for k, v in given.items() if v is not None}}
    for name, about in options.items():
        values[name] = _checked(name, about, values[name])
        if about.source == "view":
            _among("table", values[name], tuple(lake.marts()))
    _check_window(values)
    if not issubclass(params_class, Params):
        return params_class(**values)
    values["panel"] = str(values["panel"])
    choices = choices_for(values["panel"], lake)
    if not choices.benchmarks:
        raise BadParameterError(
            f"Panel {values['panel']!r} holds no scores yet. Pick another panel, or add scores under lake/local."
        )
    values["family"] = values["family"] or ALL_FAMILIES
    _among("family", values["family"], choices.families)
    for name in family_names(str(values.get("families", ""))):
        _among("family", name, choices.families)
    values["x"], values["y"] = _pair(values, choices)
    _check_compared(values, choices, lake)
    return params_class(**values, axis=axis_of(values["panel"], values["family"], lake.read))


def axis_of(panel: str, family: str, read: Callable[..., pl.DataFrame]) -> Axis:
    """Return what the places of a selection count; parameters where its ladders differ in that."""
    rows = read("mart_families", panel=panel)
    chosen = rows if family == ALL_FAMILIES else rows.filter(pl.col("family") == family)
    return axis_among(chosen["axis"])


def _check_window(values: Mapping[str, Any]) -> None:
    smallest, largest = values.get("min_b", 0.0), values.get("max_b", 0.0)
    if largest and largest < smallest:
        raise BadParameterError(
            f"The window runs from min_b = {smallest:g} to max_b = {largest:g}. Swap them, or set max_b to 0."
        )


def _check_compared(values: Mapping[str, Any], choices: Choices, lake: Lake) -> None:
    """Check the second panel and family of a comparison, where the diagnostic has one."""
    panel, family = values.get("compare_panel", NO_PANEL), values.get("compare_family", ALL_FAMILIES)
    if panel != NO_PANEL:
        _among("panel to compare with", panel, choices.panels)
        _among("family to compare with", family, choices_for(panel, lake).families)
    elif family != ALL_FAMILIES:
        raise BadParameterError(f"compare_family is {family!r} but compare_panel is {NO_PANEL!r}. Name the panel too.")


def family_names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pair(values: Mapping[str, Any], choices: Choices) -> tuple[str, str]:
    pair = [values["x"] or choices.default_x, values["y"] or choices.default_y]
    if values["variant"]:
        pair = [_with_variant(name, values["variant"], choices) for name in pair]
    for name in pair:
        _among("benchmark", name, choices.benchmarks)
    if pair[0] == pair[1]:
        raise BadParameterError(f"Both benchmarks are {pair[0]!r}. Pick two different ones.")
    bases = [next((base for base in choices.variants if name.startswith(f"{base}_")), name) for name in pair]
    if bases[0] == bases[1]:
        raise BadParameterError(
            f"{pair[0]} and {pair[1]} are variants of one benchmark, which never meet. Pick two benchmarks."
        )
    return pair[0], pair[1]


def _with_variant(name: str, variant: str, choices: Choices) -> str:
    for base, variants in choices.variants.items():
        if name.startswith(f"{base}_"):
            _among(f"variant of {base}", variant, variants)
            return f"{base}_{variant}"
    return name


def _checked(name: str, about: Option, value: Any) -> Any:
    if about.low is None and about.high is None:
        text = str(value)
        if about.choices:
            _among(name, text, about.choices)
        return text
    try:
        number = int(str(value)) if about.is_whole else float(value)
    except (TypeError, ValueError):
        kind = "a whole number" if about.is_whole else "a number"
        raise BadParameterError(f"{name} is {value!r}; it must be {kind}.") from None
    if not ((about.low is None or number >= about.low) and (about.high is None or number <= about.high)):
        raise BadParameterError(f"{name} is {number}; it must lie between {about.low} and {about.high}.")
    return number


def _among(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(_unknown(what, value, known))


def _unknown(what: str, value: str, known: tuple[str, ...]) -> str:
    by_case = {name.casefold(): name for name in known}
    near = [by_case[found] for found in get_close_matches(value.casefold(), list(by_case), n=3, cutoff=0.5)]
    hint = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(known)}."
    return f"There is no {what} {value!r} here. {hint}"


def _prefer(known: tuple[str, ...], start: str) -> str:
    return next((name for name in known if name.startswith(start)), known[0] if known else "")
