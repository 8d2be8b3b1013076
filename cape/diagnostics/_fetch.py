"""Read the selection of a diagnostic from the marts and shape it for the statistics. No SQL, no statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._params import ALL_FAMILIES, Params, WindowParams, axis_of, family_names
from cape.diagnostics._protocols import protocol_caveats
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.positions import PARAMS, axis_among
from cape.stats.inference import Points, Steps

PARAMETERS = PARAMS.counted
ALIKE = "both panels state the same shots, metric and harness; prompts may differ"
AT_SIZE = ("position", "position")
BETWEEN_SIZES = ("position_from", "position_to")


def pair_rows(params: Params, read: Read) -> pl.DataFrame:
    """Return one row per model row with both scores, in order of family, size and row; sizes may be null."""
    frame = in_window(read("mart_pairs", **_selection(params)), params, *AT_SIZE)
    return frame.sort("family", "position", "x_file_row", nulls_last=True)


def step_rows(params: Params, read: Read) -> pl.DataFrame:
    """Return one row per step between consecutive sizes, with a label that is unique in the frame."""
    frame = in_window(read("mart_gamma", **_selection(params)), params, *BETWEEN_SIZES)
    frame = frame.sort("family", "axis", "replicate", "x_protocol", "y_protocol", "step_no")
    label = pl.format("{}: {} to {}", "family", "models_from", "models_to")
    replicate = pl.when(pl.col("replicate") != "").then(pl.format(", replicate {}", "replicate")).otherwise(pl.lit(""))
    frame = frame.with_columns((label + replicate).alias("label"))
    protocol = pl.format(" ({}; {})", "x_protocol", "y_protocol")
    return frame.with_columns(
        pl.when(pl.len().over("label") > 1).then(pl.col("label") + protocol).otherwise(pl.col("label")).alias("label")
    )


def size_rows(params: Params, read: Read) -> pl.DataFrame:
    """Return one row per size of a family (models of equal size averaged), with its phase."""
    frame = in_window(read("mart_phases", **_selection(params)), params, *AT_SIZE)
    return frame.sort("family", "axis", "replicate", "x_protocol", "y_protocol", "position")


def position_unit(rows: pl.DataFrame) -> str:
    """Return what the positions of rows count: parameters, or training tokens or steps where all rows say so."""
    return axis_among(rows["axis"]).counted


def points_of(rows: pl.DataFrame) -> Points:
    """Return the arrays of rows that have a size; standard errors that are unknown become NaN."""
    sized = rows.drop_nulls("position")
    return Points(
        family=_units(sized),
        log10_n=np.log10(_numbers(sized, "position")),
        x_pct=_numbers(sized, "x_pct"),
        y_pct=_numbers(sized, "y_pct"),
        x_se=_numbers(sized, "x_se_pct"),
        y_se=_numbers(sized, "y_se_pct"),
    )


def steps_of(rows: pl.DataFrame) -> Steps:
    """Return the arrays of step rows; an undefined gamma is NaN."""
    return Steps(
        family=_units(rows),
        log10_n_mid=np.log10(_numbers(rows, "position_mid")),
        x_mid_pct=(_numbers(rows, "x_from_pct") + _numbers(rows, "x_to_pct")) / 2,
        gamma=_numbers(rows, "gamma"),
        gamma_se=_numbers(rows, "gamma_se"),
    )


def require(rows: pl.DataFrame, params: Params, *, what: str) -> None:
    """Raise NotEnoughDataError when the selection is empty."""
    if rows.is_empty():
        family = "" if params.family == ALL_FAMILIES else f", family {params.family!r}"
        family += _window_words(params)
        raise NotEnoughDataError(
            f"Panel {params.panel!r}{family} has no {what} with both {params.x} and {params.y}. "
            "Pick another family, pair or panel."
        )


def _window_words(params: Params) -> str:
    if not isinstance(params, WindowParams):
        return ""
    families = f", families {params.families!r}" if params.families else ""
    low = f", window from {params.min_b:g} {params.axis.short}" if params.min_b else ""
    high = f", window up to {params.max_b:g} {params.axis.short}" if params.max_b else ""
    return f"{families}{low}{high}"


def other_selection(
    params: WindowParams, read: Read, *, panel: str, family: str
) -> tuple[WindowParams, tuple[str, ...]]:
    """Return the same parameters for another panel and family, and caveats where the two are measured differently.

    A benchmark that the other panel does not hold under the same name is replaced by the same benchmark in the
    variant the panel has. Raises UnknownNameError when there is none, or the panel or family is unknown.
    """
    held = read("mart_panel_benchmarks", panel=panel)
    if held.is_empty():
        raise UnknownNameError(
            f"Panel {panel!r} to compare with is unknown or empty. Pick one of the panels of the sidebar."
        )
    if family != ALL_FAMILIES and read("mart_families", panel=panel, family=family).is_empty():
        raise UnknownNameError(f"Panel {panel!r} has no family {family!r} to compare with. Pick one of its families.")
    pair = [_held_as(name, held) for name in (params.x, params.y)]
    caveats = tuple(
        f"{mine} is compared with {theirs}: not the same measurement"
        for mine, theirs in zip((params.x, params.y), pair, strict=True)
        if mine != theirs
    )
    if panel != params.panel and not caveats:
        named = ((params.x, pair[0]), (params.y, pair[1]))
        caveats = protocol_caveats((params.panel, panel), named, read) or (ALIKE,)
    axis = axis_of(panel, family, read)
    if axis is not params.axis:
        caveats += (f"{params.panel} is ordered by {params.axis.counted}, {panel} by {axis.counted}",)
    other = replace(params, panel=panel, family=family, x=pair[0], y=pair[1], families="", axis=axis)
    return other, caveats


def _held_as(name: str, held: pl.DataFrame) -> str:
    if name in set(held["benchmark_id"]):
        return name
    for row in held.sort("n_models", descending=True).iter_rows(named=True):
        if name == row["benchmark"] or name.startswith(f"{row['benchmark']}_"):
            return str(row["benchmark_id"])
    raise UnknownNameError(f"The panel to compare with has no {name}. It has: {', '.join(held['benchmark_id'])}.")


def _selection(params: Params) -> dict[str, str]:
    equals = {"panel": params.panel, "x": params.x, "y": params.y}
    return equals if params.family == ALL_FAMILIES else {**equals, "family": params.family}


def in_window(rows: pl.DataFrame, params: Params, smallest: str, largest: str) -> pl.DataFrame:
    """Keep the families and sizes that the parameters name; a window of sizes leaves out models without one."""
    if not isinstance(params, WindowParams):
        return rows
    if wanted := family_names(params.families):
        rows = rows.filter(pl.col("family").is_in(wanted))
    if params.min_b:
        rows = rows.filter(pl.col(smallest) >= params.min_b * params.axis.scale)
    if params.max_b:
        rows = rows.filter(pl.col(largest) <= params.max_b * params.axis.scale)
    return rows


def _numbers(frame: pl.DataFrame, column: str) -> NDArray[np.float64]:
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _units(frame: pl.DataFrame) -> NDArray[np.str_]:
    """Return what is resampled: the families, or the replicates where one family was trained several times."""
    is_one = frame["family"].n_unique() == 1 and frame["replicate"].n_unique() > 1
    return _words(frame, "replicate" if is_one else "family")


def _words(frame: pl.DataFrame, column: str) -> NDArray[np.str_]:
    return np.asarray(frame[column].to_list(), dtype=np.str_)
