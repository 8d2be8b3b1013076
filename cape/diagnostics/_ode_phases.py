"""The two regimes: one equation per regime, degrees of freedom, the ratio of coefficients, transfer, mean gamma."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import step_rows
from cape.diagnostics._ode_data import Setting, band_of
from cape.diagnostics._params import ALL_FAMILIES
from cape.diagnostics._plain_estimates import check, count, undefined
from cape.dynamics.phases import Regime, Regression, ratio, regimes_by_size, regress, transfer_error
from cape.dynamics.trajectories import Derivative, Rates, rates
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.summaries import clustered_mean

Array = NDArray[np.float64]

SIDES = (Regime.TAX, Regime.BONUS)
PERCENT = 100.0
FRACTION = "fraction per decade"
SLOPE = "pp per decade per pp"
THIRD = "winogrande"  # third score of the equation that the dashboard prints (ODE-22)
GATED, AS_SCRIPT = "with a degree of freedom left", "as the script has it"
ROUNDED = "of coefficients rounded as printed"
PRINTED_DECIMALS = 2  # of the coefficients in paper 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The steps of the fitted ladders with their regimes, and the fits of either side."""

    setting: Setting
    rows: Rates
    regime: NDArray[np.str_]
    second: dict[Regime, Regression]
    first: dict[Regime, Regression]

    def of(self, side: Regime) -> NDArray[np.bool_]:
        """The steps (n,) of one side."""
        return self.regime == str(side)


def sides_of(setting: Setting) -> Sides:
    """Fit dB2/dlog10N = a + b B1 and dB1/dlog10N = a + b B2 + c WinoGrande on either side of the band."""
    rows = rates(setting.fitted, derivative=Derivative.MIDPOINT)
    ends = [np.concatenate([one.log10_n[part] for one in setting.fitted]) for part in (slice(0, -1), slice(1, None))]
    regime = regimes_by_size(ends[0], ends[1], band=band_of(setting))
    second, first = {}, {}
    for place, side in enumerate(SIDES):
        mine = regime == str(side)
        rng = np.random.default_rng([setting.params.seed, 66, place])
        second[side] = _regress(setting, rows, mine, _second_columns(rows, mine), 1, rng)
        first[side] = _regress(setting, rows, mine, _first_columns(setting, rows, mine), 0, rng)
    return Sides(setting=setting, rows=rows, regime=regime, second=second, first=first)


def _regress(
    setting: Setting, rows: Rates, mine: NDArray[np.bool_], columns: Array, target: int, rng: np.random.Generator
) -> Regression:
    return regress(columns, rows.rate[mine, target], rows.family[mine], n_resamples=setting.params.resamples, rng=rng)


def _second_columns(rows: Rates, mine: NDArray[np.bool_]) -> Array:
    return np.column_stack([np.ones(int(mine.sum())), rows.state[mine, 0]])


def _third(setting: Setting) -> int | None:
    return next((place for place, name in enumerate(setting.benchmarks) if name == THIRD and place > 1), None)


def _first_columns(setting: Setting, rows: Rates, mine: NDArray[np.bool_]) -> Array:
    third = _third(setting)
    columns = [np.ones(int(mine.sum())), rows.state[mine, 1]]
    return np.column_stack([*columns, rows.state[mine, third]] if third is not None else columns)


def phase_results(sides: Sides, read: Read) -> tuple[list[Estimate], list[Table]]:
    """Return the coefficients of both sides, their ratio with and without the gate, transfer and mean gamma."""
    estimates: list[Estimate] = []
    for side in SIDES:
        estimates += _coefficients(sides, side)
    estimates += _ratios(sides) + _transfers(sides) + _gammas(sides, read)
    return estimates, [_table(sides)]


def _coefficients(sides: Sides, side: Regime) -> list[Estimate]:
    x, y = sides.setting.benchmarks[:2]
    where = _where(sides, side)
    second, first = sides.second[side], sides.first[side]
    found = [
        count(
            "phase_df",
            f"{side}: {y} on {x}",
            second.df,
            n=second.n,
            unit="degrees of freedom",
            method=f"differences less two coefficients, {where}",
        ),
        replace(second.terms[1], method=f"{second.terms[1].method}, {where}").estimate(
            symbol="phase_coefficient", label=f"{side}: {y} on {x}", unit=SLOPE
        ),
    ]
    names = ["constant", y] + ([THIRD] if len(first.terms) > 2 else [])
    for name, term in zip(names, first.terms, strict=True):
        scaled = _scaled(term, 1 / PERCENT) if name == "constant" else term
        found.append(
            replace(scaled, method=f"{scaled.method}, {where}").estimate(
                symbol="phase_equation",
                label=f"{side}, {x}: {name}",
                unit=FRACTION,
                caveats=("scores as fractions",),
            )
        )
    found.append(_mean_rate(sides, side, where))
    return found


def _where(sides: Sides, side: Regime) -> str:
    axis, (low, high) = sides.setting.params.axis, band_of(sides.setting)
    if side is Regime.TAX:
        return f"steps that end at or below {axis.text(10**low)}"
    return f"steps that start at or above {axis.text(10**high)}"


def _scaled(found: Inference, factor: float) -> Inference:
    value, low, high = (None if end is None else end * factor for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, draws=None)


def _mean_rate(sides: Sides, side: Regime, where: str) -> Estimate:
    """Return the right hand side at the mean state, which least squares puts at the mean rate."""
    mine = sides.of(side)
    label, method = f"{side}, {sides.setting.benchmarks[0]}: rate at the mean state", f"mean rate, {where}"
    n = int(mine.sum())
    if not n:
        return undefined("phase_equation", label, n=0, unit=FRACTION, method=method, why=("undefined: no step",))
    return Estimate(
        symbol="phase_equation",
        label=label,
        value=float(sides.rows.rate[mine, 0].mean() / PERCENT),
        low=None,
        high=None,
        n=n,
        unit=FRACTION,
        method=method,
        caveats=("no interval: the rate depends on where it is taken", "scores as fractions"),
    )


def _ratios(sides: Sides) -> list[Estimate]:
    above, below = sides.second[Regime.BONUS], sides.second[Regime.TAX]
    found = []
    for label, gated in ((GATED, True), (AS_SCRIPT, False)):
        caveats: tuple[str, ...] = ()
        if not gated and min(above.df, below.df) < 1:
            caveats = (f"the fits leave {above.df} and {below.df} degrees of freedom: the ratio cannot be judged",)
        found.append(
            ratio(above, below, 1, gated=gated).estimate(symbol="phase_ratio", label=label, unit="x", caveats=caveats)
        )
    return [*found, _rounded(above, below)]


def _rounded(above: Regression, below: Regression) -> Estimate:
    """Return the ratio of both coefficients rounded first, as the paper's own arithmetic has it."""
    ends = [one.terms[1].value for one in (above, below)]
    method = f"ratio of the coefficients, each rounded to {PRINTED_DECIMALS} decimals first"
    rounded = [None if end is None else round(abs(end), PRINTED_DECIMALS) for end in ends]
    n = above.n + below.n
    if rounded[0] is None or not rounded[1]:
        why = ("undefined: a coefficient is missing or rounds to zero",)
        return undefined("phase_ratio", ROUNDED, n=n, unit="x", method=method, why=why)
    return replace(
        check("phase_ratio", ROUNDED, rounded[0] / rounded[1], n=n, method=method),
        unit="x",
        caveats=("no interval: arithmetic on rounded numbers",),
    )


def _transfers(sides: Sides) -> list[Estimate]:
    """Return the error of each side's equation on the other side's steps, beside its own."""
    found = []
    for one, other in (SIDES, SIDES[::-1]):
        mine = sides.of(other)
        columns, target = _second_columns(sides.rows, mine), sides.rows.rate[mine, 1]
        label, n = f"{one} equation on {other} steps", int(mine.sum())
        method = "root mean square error of dB2/dlog10N"
        error, own = transfer_error(sides.second[one], columns, target), sides.second[other].rms
        if error is None:
            why = (f"undefined: there is no equation of {one}, or no step of {other}",)
            found.append(undefined("phase_transfer", label, n=n, unit="pp per decade", method=method, why=why))
            continue
        beside = f"; the equation of {other} itself errs by {own:.3g}" if own is not None else ""
        found.append(
            replace(
                check("phase_transfer", label, error, n=n, method=f"{method}{beside}"),
                unit="pp per decade",
                caveats=("no interval: the error of one fit on the steps at hand",),
            )
        )
    return found


def _gammas(sides: Sides, read: Read) -> list[Estimate]:
    """Return mean gamma of either side, by size and by the phase that gamma itself defines (paper A.1)."""
    params = sides.setting.params
    steps = step_rows(replace(params, family=ALL_FAMILIES, families=""), read)
    steps = steps.filter(pl.col("family").is_in(sides.setting.families) & pl.col("gamma").is_not_null())
    where = regimes_by_size(
        np.log10(steps["position_from"].to_numpy()),
        np.log10(steps["position_to"].to_numpy()),
        band=band_of(sides.setting),
    )
    steps = steps.with_columns(pl.Series("regime", where, dtype=pl.String))
    found = []
    for place, side in enumerate(SIDES):
        for column, how in (("regime", "by size"), ("phase_paper", "by sign")):
            rows = steps.filter(pl.col(column) == str(side))
            mean = clustered_mean(
                rows["gamma"].to_numpy(),
                rows["family"].to_list(),
                n_resamples=params.resamples,
                rng=np.random.default_rng([params.seed, 67, place]),
                what="gamma",
            )
            by_construction = ("the phase is defined by the sign of gamma, so the sign is given",)
            found.append(
                mean.estimate(
                    symbol="mean_gamma_12",
                    label=f"{side} {how}",
                    unit="pp/pp",
                    caveats=by_construction if how == "by sign" else (),
                )
            )
    return found


def _table(sides: Sides) -> Table:
    """Return one row per side, equation and term."""
    x, y = sides.setting.benchmarks[:2]
    rows = []
    for side in SIDES:
        for equation, fitted, names in (
            (y, sides.second[side], ("constant", x)),
            (x, sides.first[side], ("constant", y, THIRD)),
        ):
            for name, term in zip(names, fitted.terms, strict=False):
                rows.append(
                    {
                        "regime": str(side),
                        "equation": equation,
                        "term": name,
                        "value": term.value,
                        "low": term.low,
                        "high": term.high,
                        "n": fitted.n,
                        "df": fitted.df,
                        "rms": fitted.rms,
                        "note": "; ".join(term.caveats),
                    }
                )
    schema = {
        **dict.fromkeys(("regime", "equation", "term"), pl.String),
        **dict.fromkeys(("value", "low", "high"), pl.Float64),
        **dict.fromkeys(("n", "df"), pl.Int64),
        "rms": pl.Float64,
        "note": pl.String,
    }
    units = {"n": "differences", "df": "degrees of freedom", "rms": "pp per decade"}
    units |= dict.fromkeys(("value", "low", "high"), "pp per decade, per pp where a slope")
    frame = pl.DataFrame(rows, schema=schema)
    return Table(name="regimes", title="One equation per regime", frame=frame, units=units)


def phase_sentence(sides: Sides) -> str:
    """Return both coefficients, what freedom they have, and the ratio where it may be given."""
    x, y = sides.setting.benchmarks[:2]
    told = []
    for side in SIDES:
        one = sides.second[side]
        value = one.terms[1].value
        slope = "undefined" if value is None else f"{value:.2f}"
        told.append(f"{slope} {'below' if side is Regime.TAX else 'above'} (n = {one.n}, {one.df} degrees of freedom)")
    gated = ratio(sides.second[Regime.BONUS], sides.second[Regime.TAX], 1, gated=True)
    if gated.value is None:
        last = "no ratio, as a fit has no degree of freedom left or a coefficient is missing"
    elif gated.low is None or gated.high is None:
        last = f"ratio {gated.value:.1f}, no interval"
    else:
        last = f"ratio {gated.value:.1f} (95% interval {gated.low:.1f} to {gated.high:.1f})"
    return f"The rate of {y} per point of {x} is {' and '.join(told)}; {last}."
