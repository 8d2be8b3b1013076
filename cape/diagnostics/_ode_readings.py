"""Every way to read one hold-out error: in points or percent, of which scores, with the start counted or not.

The paper prints one number for three origins (ODE-03, LOS-10) and states neither the measure nor the start. Each
reading is computed and set beside the print, which is read from the claims.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.claims import PartKind, parse_parts
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import pair_rows, points_of
from cape.diagnostics._ode_data import OdeParams
from cape.diagnostics._ode_equation import Fitted
from cape.diagnostics._ode_holdout import POINTS, Holdouts
from cape.diagnostics._params import ALL_FAMILIES
from cape.diagnostics._plain_estimates import count, undefined
from cape.dynamics.baselines import POLYNOMIALS
from cape.dynamics.fits import Recipe, fit, problem_of
from cape.dynamics.holdout import SYSTEM, Prediction, drawn_predictions, transfer
from cape.quantities import Estimate, Table
from cape.stats.inference import LEVEL
from cape.stats.prediction_chain import field_errors

PRINTED_CLAIM = "ODE-03"
SECOND = "Llama-1"  # "TQA fit on Pythia + Llama-1", paper Fig. 2c
FIELD_FAMILY = "Phi"  # the hold-out that the dashboard's chain names
FIELD_LABEL = f"{FIELD_FAMILY} hold-out of h(D)"
SMALL_SIZES = 2  # the dashboard's "Llama-2 7B and 13B": the first two sizes of the ladder
MEASURES = {"points": POINTS, "percent of score": "%", "percent of mean": "%"}
POLYNOMIAL_NAMES = tuple(f"polynomial {degree}" for degree in POLYNOMIALS)
STARTS = {"start not counted": False, "start counted": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One error: who predicts, in what measure, over which scores, and whether the start counts."""

    fitted_on: str
    method: str
    measure: str
    cells: str
    start: str
    value: float
    n: int

    @property
    def label(self) -> str:
        """A name unique among the readings of one family."""
        return f"{self.fitted_on}; {self.method}; {self.measure}; {self.cells}; {self.start}"


def error_of(one: Prediction, method: str, *, measure: str, column: int | None, counts_start: bool) -> float:
    """Return an error of one prediction; a start that is counted is met exactly by the methods that begin there."""
    chosen = slice(None) if column is None else slice(column, column + 1)
    observed, predicted = one.observed, one.predicted[method]
    if counts_start:
        observed = np.vstack([one.start, observed])
        predicted = np.vstack([one.at_start[method], predicted])
    observed, gap = observed[:, chosen], np.abs(predicted - observed)[:, chosen]
    if measure == "percent of score":
        return float((100 * gap / observed).mean())
    return float(gap.mean() if measure == "points" else 100 * gap.mean() / observed.mean())


def reading_results(fitted: Fitted, found: Holdouts, read: Read) -> tuple[list[Estimate], list[Table]]:
    """Return every reading for the held-out family, its ratio to the polynomials, and how many give the print."""
    params = fitted.setting.params
    name = params.held_out
    predictions = [one for one in found.predictions[found.independent] if one.family == name]
    printed = _printed(read)
    if not predictions:
        why = (f"undefined: {name} has no two sizes among the families that were held out",)
        method = "integrated from the smallest size"
        gone = undefined("holdout_reading", name, n=0, unit=POINTS, method=method, why=why)
        return [gone, *_field(params, read)], [_table([], printed)]
    one = predictions[0]
    on = fitted.setting.name if found.independent != "leave one family out" else "all other families"
    readings = _readings(one, on, fitted.setting.benchmarks)
    readings += _second(fitted, name, on)
    estimates = [_estimate(reading, name, fitted, one) for reading in readings]
    estimates += _polynomials(one, name)
    estimates += _field(params, read)
    estimates += _as_printed(readings, printed, name)
    return estimates, [_table(readings, printed)]


def _readings(one: Prediction, on: str, benchmarks: tuple[str, ...]) -> list[Reading]:
    """Return the readings of the system in every measure, and of each polynomial in points and percent of score."""
    columns = {f"all {len(benchmarks)} benchmarks": None, f"{benchmarks[1]} only": 1}
    found = []
    for method in (SYSTEM, *POLYNOMIAL_NAMES):
        for measure in MEASURES:
            for cells, column in columns.items():
                for start, counts in STARTS.items():
                    value = error_of(one, method, measure=measure, column=column, counts_start=counts)
                    if np.isfinite(value):
                        n = one.observed.size if column is None else len(one.observed)
                        found.append(
                            Reading(
                                fitted_on=on, method=method, measure=measure, cells=cells, start=start, value=value, n=n
                            )
                        )
    return found


def _second(fitted: Fitted, name: str, on: str) -> list[Reading]:
    """Return the readings of the second benchmark when the paper's second family is fitted too."""
    setting = fitted.setting
    extra = [one for one in setting.others if one.family == SECOND]
    target = [one for one in setting.others if one.family == name]
    if not extra or not target or name == SECOND:
        return []
    both = (*setting.fitted, *extra)
    recipe: Recipe = setting.recipe
    (one, *_) = transfer(fit(problem_of(both, recipe)), both, target)
    label = f"{on} + {SECOND}"
    return [
        reading
        for reading in _readings(one, label, setting.benchmarks)
        if reading.method == SYSTEM and reading.cells.endswith("only")
    ]


def _estimate(reading: Reading, name: str, fitted: Fitted, one: Prediction) -> Estimate:
    low = high = None
    caveats: tuple[str, ...] = ("no interval: one held-out family",)
    is_main = (
        reading.method == SYSTEM
        and reading.measure == "points"
        and reading.start == "start not counted"
        and reading.cells.startswith("all")
        and reading.fitted_on == fitted.setting.name
    )
    method = f"{reading.fitted_on} predicts {name} from its smallest size"
    if is_main:
        low, high = _member_interval(fitted, name)
        method += f"; interval of {fitted.interval_words}, start and scores drawn with their errors"
        caveats = ("the interval holds one family: it says nothing of other families",)
    if one.clipped and reading.method == SYSTEM:
        caveats += ("the prediction met the end of the scale",)
    return Estimate(
        symbol="holdout_reading",
        label=f"{name}: {reading.label}",
        value=reading.value,
        low=low,
        high=high,
        n=reading.n,
        unit=MEASURES[reading.measure],
        method=method,
        caveats=caveats,
    )


def _member_interval(fitted: Fitted, name: str) -> tuple[float, float]:
    """Return the ends of the error in points over the members of the ensemble."""
    target = next(one for one in fitted.setting.others if one.family == name)
    rng = np.random.default_rng([fitted.setting.params.seed, 65])
    drawn = drawn_predictions(fitted.system, fitted.members, target, rng=rng)
    errors = np.abs(drawn.predicted - drawn.observed).mean(axis=(1, 2))
    low, high = np.quantile(errors, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _polynomials(one: Prediction, name: str) -> list[Estimate]:
    """Return the errors of the polynomials as a range, and their ratio to that of the system."""
    errors = {method: one.mean_error(method) for method in POLYNOMIAL_NAMES}
    known_names = [method for method, error in errors.items() if np.isfinite(error)]
    known = [errors[method] for method in known_names]
    system = one.mean_error(SYSTEM)
    gone = ("undefined: no polynomial has an answer",)
    if not known or system == 0:
        what = "polynomial error over that of the ODE"
        return [undefined("polynomial_ratio", name, n=0, unit="x", method=what, why=gone)]
    every = np.array([np.vstack([one.at_start[m] - one.start, one.predicted[m] - one.observed]) for m in known_names])
    cells = np.abs(every)[:, :SMALL_SIZES].mean(axis=2)
    a_range = ("a range over degrees, not a 95% interval",)
    return [
        Estimate(
            symbol="polynomial_ratio",
            label=name,
            value=min(known) / system,
            low=min(known) / system,
            high=max(known) / system,
            n=len(known),
            unit="x",
            method="error of the best polynomial over that of the ODE, in points; high is the worst polynomial",
            caveats=a_range,
        ),
        Estimate(
            symbol="polynomial_range",
            label=f"{name}: two smallest sizes",
            value=float(cells.mean()),
            low=float(cells.min()),
            high=float(cells.max()),
            n=int(cells.size),
            unit=POINTS,
            method="mean absolute error of every polynomial at each of the two smallest sizes",
            caveats=("a range over degrees and sizes, not a 95% interval",),
        ),
    ]


def _field(params: OdeParams, read: Read) -> list[Estimate]:
    """Return the error of h(D) for the family that the dashboard's chain holds out."""
    whole = OdeParams(panel=params.panel, family=ALL_FAMILIES, x=params.x, y=params.y)
    points = points_of(pair_rows(whole, read))
    found = field_errors(points.log10_n, points.y_pct, points.family) if points.log10_n.size else {}
    method = "quadratic U(log10 N) on other families, h from the family's other models; mean error in percent of score"
    if FIELD_FAMILY not in found:
        why = (f"undefined: panel {params.panel} has no two models of {FIELD_FAMILY} with a size",)
        return [undefined("holdout_reading", FIELD_LABEL, n=0, unit="%", method=method, why=why)]
    errors = found[FIELD_FAMILY].left_out_pct
    return [
        Estimate(
            symbol="holdout_reading",
            label=FIELD_LABEL,
            value=float(errors.mean()),
            low=None,
            high=None,
            n=int(errors.size),
            unit="%",
            method=method,
            caveats=("no interval: one family",),
        )
    ]


def _printed(read: Read) -> tuple[float, int] | None:
    """Return the printed hold-out error and its decimals, from the claims."""
    for row in read("mart_claims_as_printed").filter(pl.col("claim_id") == PRINTED_CLAIM).iter_rows(named=True):
        for part in parse_parts(PRINTED_CLAIM, row["parts"]):
            if part.kind is PartKind.NUMBER and isinstance(part.value, int | float):
                return float(part.value), part.decimals or 0
    return None


def _equals(value: float, printed: tuple[float, int]) -> bool:
    return abs(value - printed[0]) <= 0.5 * 10.0 ** -printed[1]


def _as_printed(readings: list[Reading], printed: tuple[float, int] | None, name: str) -> list[Estimate]:
    if printed is None:
        return []
    mine = [one for one in readings if one.method == SYSTEM]
    hits = sum(_equals(one.value, printed) for one in mine)
    method = f"readings of the ODE's error on {name} that round to the print of {PRINTED_CLAIM}"
    return [count("n_readings_as_printed", name, hits, n=len(mine), unit="readings", method=method)]


def _table(readings: list[Reading], printed: tuple[float, int] | None) -> Table:
    rows = [
        {
            "fitted_on": one.fitted_on,
            "method": one.method,
            "measure": one.measure,
            "scores": one.cells,
            "start": one.start,
            "error": one.value,
            "printed": printed[0] if printed and one.method == SYSTEM else None,
            "equals_print": _equals(one.value, printed) if printed and one.method == SYSTEM else None,
        }
        for one in readings
    ]
    schema = {
        **dict.fromkeys(("fitted_on", "method", "measure", "scores", "start"), pl.String),
        **dict.fromkeys(("error", "printed"), pl.Float64),
        "equals_print": pl.Boolean,
    }
    frame = pl.DataFrame(rows, schema=schema)
    units = {"error": "as the measure", "printed": "%"}
    return Table(name="readings", title="Every reading of the hold-out error", frame=frame, units=units)


def reading_sentence(estimates: list[Estimate], name: str) -> tuple[str, ...]:
    """Return how many readings give the printed number, and the span of all in the measure of points."""
    hits = next((e for e in estimates if e.symbol == "n_readings_as_printed"), None)
    spans = [
        e.value
        for e in estimates
        if e.symbol == "holdout_reading" and f"; {SYSTEM}; " in e.label and e.value is not None
    ]
    if hits is None or not spans:
        return ()
    return (
        f"Read in {hits.n} ways, the error of the ODE on {name} runs from {min(spans):.1f} to {max(spans):.1f} "
        f"(points or percent); {hits.value:.0f} of the readings round to the printed number.",
    )
