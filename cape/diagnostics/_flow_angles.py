"""The angle of e2 over size as the paper prints it, the direction of the steps of the panel, and where scores bend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._flow_params import BILLIONS, FlowParams, Ladders, fewer
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference, Points, to_billions
from cape.stats.winding import (
    Angle,
    Riccati,
    Series,
    as_angle,
    riccati,
    series_rotation,
    series_zero,
    sharpest_bend,
    step_rotation,
)

GROUP = "fig_topology"
LOADING, OFF_DIAGONAL = "theta", "H12"  # keys of the printed figure: loading of TruthfulQA on e2, and H_12
PRINTED = "printed"
LEAST_TURN, LEAST_BEND = 3, 4  # sizes
DEGREES_OF_PI = 180.0


def angle_fits(params: FlowParams, ladders: Ladders, read: Read) -> tuple[list[Estimate], list[Table]]:
    """Return zeros, rotation and Riccati equation of the printed series, and rotation and bend of every ladder."""
    angle = Angle(params.angle)
    rng = np.random.default_rng([params.seed, 41])
    estimates: list[Estimate] = []
    for key in (LOADING, OFF_DIAGONAL):
        series = printed_series(read, key)
        if series is None:
            continue
        zero, winding = series_zero(series, n_draws=fewer(params), rng=rng)
        estimates += [
            to_billions(zero).estimate(symbol="N_e2_zero", label=f"{PRINTED} {key}", unit=BILLIONS),
            winding.estimate(symbol="winding", label=f"{PRINTED} {key}", unit="half turns over 2"),
        ]
    loading = printed_series(read, LOADING)
    found = None
    if loading is not None:
        found = riccati(loading, angle=angle, n_draws=fewer(params), rng=rng)
        turn = series_rotation(loading, angle=angle, n_draws=fewer(params), rng=rng)
        estimates += _riccati_estimates(found, angle) + _rotation_estimates(turn, angle)
    return estimates + _ladder_estimates(params, ladders), [_angle_table(loading, found, angle)]


def printed_series(read: Read, key: str) -> Series | None:
    """Return one series of the printed topology figure by size, or None if the lake has none."""
    rows = read("mart_printed_series", series_group=GROUP, series_key=key)
    rows = rows.with_columns(pl.col("x").cast(pl.Float64)).sort("x")
    if rows.is_empty():
        return None
    values = rows["y"].to_list()
    decimals = max(len(f"{value:g}".partition(".")[2]) for value in values)
    return Series(log10_n=np.log10(rows["x"].to_numpy()), value=np.array(values), half_digit=0.5 * 10.0**-decimals)


def _riccati_estimates(found: Riccati, angle: Angle) -> list[Estimate]:
    parts = {"constant": found.constant, "linear": found.linear, "quadratic": found.quadratic}
    return [
        *(
            value.estimate(symbol="riccati_coefficient", label=f"{PRINTED} theta: {name}", unit="per decade")
            for name, value in parts.items()
        ),
        found.stable.estimate(symbol="theta_star", label=f"{PRINTED} theta: stable", unit="radians"),
        found.unstable.estimate(symbol="theta_star", label=f"{PRINTED} theta: unstable", unit="radians"),
        _sine(found.stable, angle),
        found.r2.estimate(symbol="riccati_r2", label=f"{PRINTED} theta", unit=""),
        found.rmse.estimate(symbol="riccati_rmse", label=f"{PRINTED} theta", unit="radians"),
    ]


def _sine(stable: Inference, angle: Angle) -> Estimate:
    """Return the sine of the stable fixed point; it rises with the angle, so the interval carries over."""
    value, low, high = (None if end is None else float(np.sin(end)) for end in (stable.value, stable.low, stable.high))
    note = () if angle is not Angle.LOADING else ("the loading is read as radians",)
    found = replace(stable, value=value, low=low, high=high, method=f"sine of the {stable.method}", draws=None)
    return found.estimate(symbol="sin_theta_star", label=f"{PRINTED} theta: stable", unit="", caveats=note)


def _rotation_estimates(turn: Inference, angle: Angle) -> list[Estimate]:
    """Return the rotation in degrees and in units of pi."""
    ends = (None if end is None else end / DEGREES_OF_PI for end in (turn.value, turn.low, turn.high))
    value, low, high = ends
    in_pi = replace(turn, value=value, low=low, high=high, draws=None)
    note = () if angle is not Angle.LOADING else ("the loading is read as radians",)
    label = f"{PRINTED} theta"
    return [
        turn.estimate(symbol="e2_rotation", label=label, unit="degrees", caveats=note),
        in_pi.estimate(symbol="e2_rotation_pi", label=label, unit="pi", caveats=note),
    ]


def _ladder_estimates(params: FlowParams, ladders: Ladders) -> list[Estimate]:
    rng = np.random.default_rng([params.seed, 42])
    estimates = []
    for name, ladder in ladders.each.items():
        if ladder.log10_n.size >= LEAST_TURN:
            turn = step_rotation(ladder, n_draws=fewer(params), rng=rng)
            estimates.append(turn.estimate(symbol="step_rotation", label=name, unit="degrees"))
        if ladder.log10_n.size >= LEAST_BEND:
            estimates += _bend(name, ladder, params, rng)
    return estimates


def _bend(name: str, ladder: Points, params: FlowParams, rng: np.random.Generator) -> list[Estimate]:
    where, size = sharpest_bend(ladder, n_draws=fewer(params), rng=rng)
    return [
        to_billions(where, params.axis).estimate(symbol="N_bend", label=name, unit=params.axis.unit),
        size.estimate(symbol="bend", label=name, unit="pp per decade squared"),
    ]


def _angle_table(series: Series | None, found: Riccati | None, angle: Angle) -> Table:
    """The printed angles with the solution of the Riccati equation and its residual."""
    if series is None or found is None:
        frame = pl.DataFrame(schema=dict.fromkeys(("position", "theta", "fitted", "residual"), pl.Float64))
    else:
        theta = as_angle(series.value, angle)
        frame = pl.DataFrame({"position": 10.0**series.log10_n, "theta": theta, "fitted": found.fitted})
        frame = frame.with_columns(pl.col("fitted").fill_nan(None))
        frame = frame.with_columns((pl.col("theta") - pl.col("fitted")).alias("residual"))
    frame = frame.with_columns(
        *(
            pl.lit(None if found is None else value, dtype=pl.Float64).alias(name)
            for name, value in (("stable", found and found.stable.value), ("unstable", found and found.unstable.value))
        )
    )
    unit = "" if angle is Angle.LOADING else "radians"
    return Table(
        name="angles",
        title="Printed angle of e2 and the Riccati equation",
        frame=frame,
        units={"position": "parameters", **dict.fromkeys(frame.columns[1:], unit)},
    )
