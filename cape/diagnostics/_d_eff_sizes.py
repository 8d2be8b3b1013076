"""Eigenvalues, e2 and d_eff in a sliding window of sizes, and in the printed series: part of effective_dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._d_eff_phases import Complete
from cape.diagnostics._printed_series import PrintedSeries
from cape.positions import PARAMS, Axis
from cape.quantities import Estimate, Table
from cape.stats.dimensionality import MIN_ROWS, Redraws, Words, redraw_inference
from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval
from cape.stats.spectral_trend import (
    AMBIGUOUS,
    WindowSeries,
    crossing_inference,
    in_billions,
    line_inference,
    lines,
    power_laws,
    zero_crossings,
)

WINDOW = "sliding window"
NO_DRAWS = Redraws(
    method="one printed series, no resampling",
    n_families=1,
    codes=np.zeros(0, dtype=np.intp),
    caveats=("no interval: printed numbers",),
)
NO_WINDOW = "undefined: a window does not vary in one benchmark"


def window_estimates(series: WindowSeries, data: Complete) -> list[Estimate]:
    """Return lambda_2, its power law, d_eff's line, where they lead, and the loadings of e2 (paper A.9)."""
    caveats = (f"{len(series.rows)} overlapping windows of {series.size} models", *data.caveats)
    estimates = []
    for index, name in ((0, "smallest sizes"), (-1, "largest sizes")):
        found = _at_window(series, series.lambda_2[:, index], index, "second eigenvalue of the correlation matrix")
        estimates.append(
            found.estimate(
                symbol="lambda_2",
                label=f"{WINDOW}: {name}",
                unit="",
                caveats=(_span(series, index, data.axis), *caveats),
            )
        )
        found = _at_window(series, series.e2[:, index, 1], index, f"loading of {data.benchmarks[1]} on e2")
        label = f"{data.benchmarks[1]}: {name}"
        estimates.append(
            found.estimate(
                symbol="e2_loading", label=label, unit="", caveats=(_span(series, index, data.axis), *_signs(series))
            )
        )
    by_size = _BySize(
        axis=data.axis,
        log10_n=series.log10_n,
        d_eff={"covariance": series.d_eff_covariance, "correlation": series.d_eff_correlation},
        lambda_1=series.lambda_1,
        lambda_2=series.lambda_2,
    )
    estimates += _fits(WINDOW, by_size, series.redraws, caveats)
    estimates += _peak(series, caveats, data.axis)
    estimates += [
        _zero(name, (series.log10_n, data.axis), series.e2[..., k], series.redraws, _signs(series))
        for k, name in enumerate(data.benchmarks)
    ]
    return estimates


def printed_estimates(printed: Sequence[PrintedSeries]) -> list[Estimate]:
    """Return the same fits through the numbers that the paper's figures print."""
    estimates = []
    for one in printed:
        label = f"printed {one.group}"
        first, second, own = (one.by_key[key][None] for key in ("lambda1", "lambda2", "d_eff"))
        ratios = {"as printed": own} if own.size else {}
        by_size = _BySize(axis=PARAMS, log10_n=one.log10_n, d_eff=ratios, lambda_1=first, lambda_2=second)
        estimates += _fits(label, by_size, NO_DRAWS, ())
        if one.by_key["theta"].size:
            estimates.append(_zero(label, (one.log10_n, PARAMS), one.by_key["theta"][None], NO_DRAWS, ()))
    return estimates


@dataclass(frozen=True, slots=True, kw_only=True)
class _BySize:
    """What is fitted against log10 N (n,): d_eff by kind and two eigenvalues, (1 + n_resamples, n) each."""

    axis: Axis
    log10_n: NDArray[np.float64]
    d_eff: dict[str, NDArray[np.float64]]
    lambda_1: NDArray[np.float64]
    lambda_2: NDArray[np.float64]


def _fits(label: str, by_size: _BySize, redraws: Redraws, caveats: tuple[str, ...]) -> list[Estimate]:
    """Return exponent and R2 of lambda_2, slope and intercept of d_eff, and the sizes where d_eff = 1 and det = 0."""
    log10_n, axis = by_size.log10_n, by_size.axis
    n, largest = log10_n.size, float(in_billions(log10_n.max(), axis))
    power = power_laws(log10_n, by_size.lambda_2)
    estimates = [
        line_inference(values, redraws, what=what, n_points=n).estimate(
            symbol=symbol, label=label, unit=unit, caveats=caveats
        )
        for symbol, values, what, unit in (
            ("lambda_2_exponent", power.slope, "slope of log10 lambda_2 on log10 N", ""),
            ("lambda_2_r2", power.r2, "R2 of log10 lambda_2 on log10 N", ""),
        )
    ]
    for kind, values in by_size.d_eff.items():
        line = lines(log10_n, values)
        name, what = f"{label}: {kind}", f"straight line of d_eff ({kind}) on log10 N"
        for symbol, drawn, unit in (("d_eff_slope", line.slope, "per decade"), ("d_eff_intercept", line.intercept, "")):
            found = line_inference(drawn, redraws, what=what, n_points=n)
            estimates.append(found.estimate(symbol=symbol, label=name, unit=unit, caveats=caveats))
        at = line.crossing(1.0)
        found = crossing_inference(at, redraws, what=f"{what}, where it is 1", n_points=n, largest_b=largest, axis=axis)
        estimates.append(found.estimate(symbol="N_at_d_eff_1", label=name, unit=axis.unit, caveats=caveats))
    at = lines(log10_n, by_size.lambda_1 * by_size.lambda_2).crossing(0.0)
    what = "straight line of lambda_1 lambda_2 on log10 N, where it is 0"
    found = crossing_inference(at, redraws, what=what, n_points=n, largest_b=largest, axis=axis)
    return [*estimates, found.estimate(symbol="N_at_det_0", label=label, unit=axis.unit, caveats=caveats)]


def _at_window(series: WindowSeries, values: NDArray[np.float64], index: int, what: str) -> Inference:
    rows = series.rows[index]
    words = Words(
        what=f"{what} of {rows.size} models", why=NO_WINDOW, lacking="have too few different models in the window"
    )
    return redraw_inference(values, series.redraws, words, n_rows=rows.size, needs=MIN_ROWS)


def _span(series: WindowSeries, index: int, axis: Axis) -> str:
    low, high = (float(in_billions(ends[index], axis)) for ends in (series.log10_from, series.log10_to))
    return f"models of {low:.3g} to {high:.3g} {axis.short}"


def _signs(series: WindowSeries) -> tuple[str, ...]:
    text = "sign: positive in the first window, then followed from window to window"
    unclear = int((np.abs(series.alignment) < AMBIGUOUS).sum())
    if not unclear:
        return (text,)
    return (text, f"{unclear} of {series.alignment.size} steps have a cosine below {AMBIGUOUS}: the sign is unsure")


def _peak(series: WindowSeries, caveats: tuple[str, ...], axis: Axis) -> list[Estimate]:
    """Return the largest 1 / lambda_2 over the windows and the size where it is."""
    with np.errstate(divide="ignore"):  # a singular resample has no finite reciprocal
        inverse = np.where(series.lambda_2 > 0, 1.0 / series.lambda_2, np.nan)
    is_known = np.isfinite(inverse).any(axis=1)
    safe = np.where(np.isfinite(inverse), inverse, -np.inf)
    highest = np.where(is_known, safe.max(axis=1), np.nan)
    sizes = np.where(is_known, in_billions(series.log10_n[safe.argmax(axis=1)], axis), np.nan)
    at_edge = np.isfinite(inverse[0]).any() and int(safe[0].argmax()) in (0, inverse.shape[1] - 1)
    edge = ("at the edge of the sizes: no peak inside",) if at_edge else ()
    found = [
        redraw_inference(
            values,
            series.redraws,
            Words(what=what, why=NO_WINDOW, lacking="have no defined window"),
            n_rows=series.size,
            needs=MIN_ROWS,
        )
        for values, what in (
            (highest, "largest 1 / lambda_2 over windows"),
            (sizes, "mean size of the window with the largest 1 / lambda_2"),
        )
    ]
    return [
        found[0].estimate(symbol="chi_2_peak", label=WINDOW, unit="", caveats=(*edge, *caveats)),
        found[1].estimate(symbol="chi_2_peak_at", label=WINDOW, unit=axis.unit, caveats=(*edge, *caveats)),
    ]


def _zero(
    label: str,
    places: tuple[NDArray[np.float64], Axis],
    values: NDArray[np.float64],
    redraws: Redraws,
    caveats: tuple[str, ...],
) -> Estimate:
    """Return the size where a loading on e2 first changes sign, or none."""
    log10_n, axis = places
    at, number = zero_crossings(log10_n, values)
    what = "size where the loading on e2 first changes sign, by straight lines between windows"
    more = (f"{int(number[0])} changes of sign; the first is given",) if number[0] > 1 else ()
    words = Words(
        what=what, why="none: the loading does not change sign within the sizes", lacking="have no change of sign"
    )
    found = redraw_inference(in_billions(at, axis), redraws, words, n_rows=log10_n.size, needs=1)
    return found.estimate(symbol="N_at_e2_zero", label=label, unit=axis.unit, caveats=(*more, *caveats))


def window_tables(series: WindowSeries | None, data: Complete, printed: Sequence[PrintedSeries]) -> list[Table]:
    """Return the rows of the figures by size: windows, loadings on e2, and the printed series."""
    numbers = ("position", "position_from", "position_to")
    sizes = dict.fromkeys(numbers, "parameters")
    return [
        Table(name="windows", title="Spectrum by window of sizes", frame=_windows(series, data), units=sizes),
        Table(
            name="loadings",
            title="Loadings on e2 by window of sizes",
            frame=_loadings(series, data),
            units={"position": "parameters"},
        ),
        Table(name="printed", title="Printed series", frame=_printed(printed), units={"position": "parameters"}),
    ]


def _windows(series: WindowSeries | None, data: Complete) -> pl.DataFrame:
    statistics = ("d_eff_covariance", "d_eff_correlation", "lambda_1", "lambda_2")
    columns = [f"{name}{end}" for name in statistics for end in ("", "_low", "_high")]
    schema = {"position": pl.Float64, "position_from": pl.Float64, "position_to": pl.Float64, "n_models": pl.Int64}
    schema |= {"n_families": pl.Int64, "e2_turn_deg": pl.Float64, **dict.fromkeys(columns, pl.Float64)}
    if series is None:
        return pl.DataFrame(schema=schema)
    rows = []
    turns = np.degrees(np.arccos(np.clip(series.e2[0] @ series.e2[0, 0], -1, 1)))
    for k, chosen in enumerate(series.rows):
        row = {
            "position": 10 ** series.log10_n[k],
            "position_from": 10 ** series.log10_from[k],
            "position_to": 10 ** series.log10_to[k],
            "n_models": chosen.size,
            "n_families": np.unique(data.family[chosen]).size,
            "e2_turn_deg": turns[k],
        }
        for name in statistics:
            row |= _ends(name, getattr(series, name)[:, k])
        rows.append(row)
    return pl.DataFrame(rows, schema=schema).fill_nan(None)


def _ends(name: str, values: NDArray[np.float64]) -> dict[str, float | None]:
    low, high, _ = percentile_interval(values[1:]) if values.size > 1 else (None, None, 0)
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}


def _loadings(series: WindowSeries | None, data: Complete) -> pl.DataFrame:
    schema = {"benchmark": pl.String, "is_second_of_pair": pl.Boolean, "position": pl.Float64, "n_models": pl.Int64}
    schema |= dict.fromkeys(("loading", "loading_low", "loading_high"), pl.Float64)
    if series is None:
        return pl.DataFrame(schema=schema)
    rows = [
        {
            "benchmark": name,
            "is_second_of_pair": j == 1,
            "position": 10 ** series.log10_n[k],
            "n_models": chosen.size,
            **_ends("loading", series.e2[:, k, j]),
        }
        for j, name in enumerate(data.benchmarks)
        for k, chosen in enumerate(series.rows)
    ]
    return pl.DataFrame(rows, schema=schema).fill_nan(None)


def _printed(printed: Sequence[PrintedSeries]) -> pl.DataFrame:
    """Return the printed numbers, and the d_eff that follows from two printed eigenvalues alone."""
    schema = {"series": pl.String, "position": pl.Float64}
    schema |= dict.fromkeys(("d_eff", "lambda_1", "lambda_2", "e2_loading", "d_eff_of_its_eigenvalues"), pl.Float64)
    rows = []
    for one in printed:
        for k, size in enumerate(one.log10_n):
            first, second = one.by_key["lambda1"][k], one.by_key["lambda2"][k]
            rows.append(
                {
                    "series": one.group,
                    "position": 10**size,
                    "d_eff": one.by_key["d_eff"][k] if one.by_key["d_eff"].size else None,
                    "lambda_1": first,
                    "lambda_2": second,
                    "e2_loading": one.by_key["theta"][k] if one.by_key["theta"].size else None,
                    "d_eff_of_its_eigenvalues": (first + second) ** 2 / (first**2 + second**2),
                }
            )
    return pl.DataFrame(rows, schema=schema).fill_nan(None)
