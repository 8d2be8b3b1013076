"""How often each interval of the workbench holds a planted truth, and how often each test is wrong, by simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from cape.calibration import CELLS, DECLARED, ESTIMATORS, QUANTITIES, WORLDS, Calibrated, Share, simulated_share
from cape.diagnostics._calibrated import (
    BAND,
    MOST_FALSE,
    REACHES,
    TOO_HIGH,
    TOO_LOW,
    VIEW,
    alarms,
    covered,
    mark,
    powered,
)
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._not_simulated import scope_table
from cape.diagnostics._params import NoParams, option
from cape.errors import NotEnoughDataError
from cape.figures.calibration import coverage, false_alarms, power_curves
from cape.quantities import Estimate, Table
from cape.stats.inference import Z_LEVEL
from cape.symbols import SYMBOLS

PERCENT = 100.0
ITEMS = tuple(dict.fromkeys(f"{cell.x_items} and {cell.y_items}" for cell in CELLS))
FAMILIES = tuple(dict.fromkeys(str(cell.n_families) for cell in CELLS))
SIZES = tuple(dict.fromkeys(str(cell.n_sizes) for cell in CELLS))
ALONG = {"families": "n_families", "sizes": "n_sizes", "items": "y_items"}
REQUIREMENT = (
    f"A fault of an N_c estimator is a coverage outside {PERCENT * BAND[0]:.0f} to {PERCENT * BAND[1]:.0f} percent, "
    "beyond the simulation error, in a world with a turn, or an N_c in more than "
    f"{PERCENT * MOST_FALSE:.0f} percent of the panels of a world without one."
)
NOTHING = (None, None, None)
WILSON = "Wilson interval of the simulated share, panels of one block counted by their spread"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationParams(NoParams):
    """Which quantity and cell to show, and what the power curves run along."""

    quantity: str = option(QUANTITIES[0], label="Quantity", help="What is estimated or tested.", choices=QUANTITIES)
    n_families: str = option(
        str(DECLARED.n_families), label="Families", help="Families of a simulated panel.", choices=FAMILIES
    )
    n_sizes: str = option(str(DECLARED.n_sizes), label="Sizes", help="Sizes of each family.", choices=SIZES)
    n_items: str = option(
        f"{DECLARED.x_items} and {DECLARED.y_items}",
        label="Items",
        help="Items of the first and second benchmark.",
        choices=ITEMS,
    )
    along: str = option("families", label="Power by", help="What the power curves run along.", choices=tuple(ALONG))


def compute(params: CalibrationParams, read: Read) -> Outcome:
    """Return coverage, bias, share undefined, false alarms and power of every estimator of one quantity in one cell."""
    rows = read(VIEW).filter(pl.col("quantity") == params.quantity)
    x_items, y_items = (int(part) for part in params.n_items.split(" and "))
    place = {
        "n_families": int(params.n_families),
        "n_sizes": int(params.n_sizes),
        "x_items": x_items,
        "y_items": y_items,
    }
    cell = rows.filter(pl.all_horizontal(pl.col(name) == value for name, value in place.items()))
    if cell.is_empty():
        wanted = "x".join(str(value) for value in place.values())
        raise NotEnoughDataError(f"No simulation of this cell is stored. Run `cape calibrate --cells {wanted}`.")
    chosen = [estimator for estimator in ESTIMATORS if estimator.quantity == params.quantity]
    estimates = [
        found
        for estimator in chosen
        for world in WORLDS
        for row in cell.filter((pl.col("estimator") == estimator.name) & (pl.col("world") == world.name)).iter_rows(
            named=True
        )
        for found in _estimates(row, estimator)
    ]
    tables = (
        _table("coverage", "Coverage of the 95% interval", estimates, "interval_coverage"),
        _table("alarms", "False-alarm rate", estimates, "false_alarm"),
        _power_table(rows, chosen, place, params.along),
        _verdicts(cell, chosen),
        Table(name="worlds", title="Worlds of planted truth", frame=_worlds()),
        scope_table(),
        Table(name="simulations", title="Every count of this cell", frame=cell.sort("estimator", "world")),
    )
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=_sentences(cell, tables[3].frame, params))


def _estimates(row: dict, estimator: Calibrated) -> list[Estimate]:
    label = f"{estimator.name}: {row['world']}"
    found = []
    if row["n_true"] and not estimator.is_test:
        found += [_coverage(row, label), _bias(row, label, estimator)]
        undefined = simulated_share(row["n_true"] - row["n_values"], row["n_true"])
        found.append(_share("share_undefined", label, undefined, "no value is given"))
    if row["world"] in estimator.null_worlds:
        found.append(_share("false_alarm", label, alarms(row), "something is found, and nothing is there"))
    if row["world"] in estimator.power_worlds:
        found.append(_share("power", label, powered(row), "something is found, and something is there"))
    return found


def _coverage(row: dict, label: str) -> Estimate:
    share = covered(row)
    counts = f"{row['n_covered']} of {row['n_intervals']} intervals in {row['n_true']} panels with a truth"
    beside = f"{row['n_below']} end below it and {row['n_above']} start above it"
    return _share("interval_coverage", label, share, "the interval holds the truth", mark(share), f"{counts}; {beside}")


def _bias(row: dict, label: str, estimator: Calibrated) -> Estimate:
    method = f"mean of estimate less truth ({estimator.unit or 'no unit'}); normal interval of the simulations"
    if row["bias"] is None:
        why = ("undefined: no value was given in any panel",)
        return _estimate("estimator_bias", label, NOTHING, n=0, method=method, caveats=why)
    spread = max(row["rmse"] ** 2 - row["bias"] ** 2, 0.0) ** 0.5
    half = Z_LEVEL * spread / row["n_values"] ** 0.5
    ends = (row["bias"], row["bias"] - half, row["bias"] + half)
    caveats = (f"root mean square error {row['rmse']:.3g}",)
    found = _estimate("estimator_bias", label, ends, n=row["n_values"], method=method, caveats=caveats)
    return replace(found, unit=estimator.unit)


def _share(symbol: str, label: str, share: Share, what: str, *caveats: str) -> Estimate:
    method = f"share in which {what}; {WILSON}"
    if share.value is None:
        caveats = ("undefined: no panel has one",)
    return _estimate(symbol, label, (share.value, share.low, share.high), n=share.n, method=method, caveats=caveats)


def _estimate(
    symbol: str,
    label: str,
    ends: tuple[float | None, float | None, float | None],
    *,
    n: int,
    method: str,
    caveats: tuple[str, ...],
) -> Estimate:
    value, low, high = ends
    return Estimate(
        symbol=symbol,
        label=label,
        value=value,
        low=low,
        high=high,
        n=n,
        unit=SYMBOLS[symbol].unit,
        method=method,
        caveats=caveats,
    )


def _table(name: str, title: str, estimates: list[Estimate], symbol: str) -> Table:
    rows = [
        {
            "estimator": e.label.rsplit(": ", 1)[0],
            "world": e.label.rsplit(": ", 1)[1],
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "n": e.n,
            "mark": e.caveats[0] if e.caveats else "",
        }
        for e in estimates
        if e.symbol == symbol
    ]
    schema = {"estimator": pl.String, "world": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    frame = pl.DataFrame(rows, schema={**schema, "n": pl.Int64, "mark": pl.String})
    return Table(name=name, title=title, frame=frame, units=dict.fromkeys(("value", "low", "high"), "share"))


def _power_table(rows: pl.DataFrame, chosen: list[Calibrated], place: dict[str, int], along: str) -> Table:
    """Return power and false alarms of every estimator where one of the three numbers runs and the others stand."""
    runs = ALONG[along]
    fixed = [name for name in place if name != runs and not (along == "items" and name == "x_items")]
    kept = rows.filter(pl.all_horizontal(pl.col(name) == place[name] for name in fixed))
    found = []
    for estimator in chosen:
        for kind, worlds in (("power", estimator.power_worlds), ("false alarms", estimator.null_worlds)):
            mine = kept.filter((pl.col("estimator") == estimator.name) & pl.col("world").is_in(worlds))
            for (number,), group in mine.group_by(runs, maintain_order=True):
                share = _pooled([powered(row) if kind == "power" else alarms(row) for row in group.to_dicts()])
                ends = {"value": share.value, "low": share.low, "high": share.high, "n": share.n}
                found.append({"estimator": estimator.name, "kind": kind, "number": number, **ends, "along": along})
    schema = {"estimator": pl.String, "kind": pl.String, "number": pl.Int64}
    schema |= dict.fromkeys(("value", "low", "high"), pl.Float64) | {"n": pl.Int64, "along": pl.String}
    frame = pl.DataFrame(sorted(found, key=lambda row: row["number"]), schema=schema)
    units = {"number": f"number of {along}", "value": "share", "low": "share", "high": "share"}
    return Table(name="power", title="Power and false alarms", frame=frame, units=units)


def _verdicts(cell: pl.DataFrame, chosen: list[Calibrated]) -> Table:
    """Return one row per estimator: coverage over its worlds, the worst world, false alarms, and what that means."""
    found = []
    for estimator in chosen:
        mine = cell.filter(pl.col("estimator") == estimator.name).to_dicts()
        shares = {row["world"]: covered(row) for row in mine if row["n_intervals"]}
        worst = min(shares, key=lambda world: shares[world].value or 0.0, default="")
        null = [alarms(row).value for row in mine if row["world"] in estimator.null_worlds]
        most = max((value for value in null if value is not None), default=None)
        found.append(
            {
                "estimator": estimator.name,
                "coverage": _pooled(list(shares.values())).value,
                "least_coverage": shares[worst].value if worst else None,
                "least_in_world": worst,
                "most_false_alarms": most,
                "mark": _verdict([mark(share) for share in shares.values()], most, estimator),
            }
        )
    schema = dict.fromkeys(("coverage", "least_coverage", "most_false_alarms"), pl.Float64)
    frame = pl.DataFrame(found, schema_overrides=schema)
    return Table(name="verdicts", title="Estimators of this cell", frame=frame, units=dict.fromkeys(schema, "share"))


def _pooled(shares: list[Share]) -> Share:
    """Return the share over several worlds, each counted by the panels it is worth."""
    known = [(share.value, share.n) for share in shares if share.value is not None]
    hits = sum(value * n for value, n in known)
    return simulated_share(round(hits), sum(n for _, n in known))


def _verdict(marks: list[str], most: float | None, estimator: Calibrated) -> str:
    """Return what the marks of the worlds and the false alarms mean: fails, or the requirement is met."""
    limit = MOST_FALSE if estimator.quantity == QUANTITIES[0] else 1 - BAND[0]
    faults = [word for word in (TOO_LOW, TOO_HIGH) if word in marks]
    if most is not None and most > limit:
        faults.append("too many false alarms")
    if faults:
        return f"fails: {', '.join(faults)}"
    if estimator.is_test:
        return f"false alarms in at most {PERCENT * limit:.0f} %"
    return f"reaches {REACHES}" if all(m == REACHES for m in marks) else "near 93-97 %, more simulations would tell"


def _worlds() -> pl.DataFrame:
    return pl.DataFrame([{"world": world.name, "meaning": world.meaning} for world in WORLDS])


def _sentences(cell: pl.DataFrame, verdicts: pl.DataFrame, params: CalibrationParams) -> tuple[str, ...]:
    n, resamples = (int(cell.get_column(name).to_list()[0]) for name in ("n_simulations", "n_resamples"))
    good = verdicts.filter(~pl.col("mark").str.starts_with("fails"))["estimator"].to_list()
    bad = verdicts.height - len(good)
    named = ", ".join(good) or "none"
    return (
        f"{n} panels of {params.n_families} families, {params.n_sizes} sizes and {params.n_items} items were simulated "
        f"in each of {cell['world'].n_unique()} worlds with {resamples} resamples. Of {verdicts.height} estimators and "
        f"tests of {params.quantity} these show no fault beyond simulation error: {named}. {bad} fail somewhere.",
        *((REQUIREMENT,) if params.quantity == QUANTITIES[0] else ()),
    )


DIAGNOSTIC = Diagnostic(
    slug="calibration",
    alias="coverage",
    section="Laboratory",
    title="Calibration",
    question="How often does each interval hold a planted truth, and how often does a test find what is not there?",
    source="Simulation; Wilson (1927), Morris, White and Crowther (2019) for the simulation error",
    params=CalibrationParams,
    compute=compute,
    panels=(
        Panel(
            name="coverage",
            title="Coverage of the 95% interval",
            tables=("coverage", "verdicts"),
            alt="One row per estimator: share of its intervals that hold the planted truth with a 95% interval, one "
            "marker shape per world, and the band from 93 to 97 percent.",
            figure=coverage,
        ),
        Panel(
            name="false_alarms",
            title="False alarms where there is nothing to find",
            tables=("alarms",),
            alt="One row per estimator or test: share of panels without a turn or coupling in which one is reported.",
            figure=false_alarms,
        ),
        Panel(
            name="power",
            title="Power and false alarms",
            tables=("power",),
            alt="One small chart per estimator: share of panels in which something is found against the number of "
            "families, sizes or items, where something is there and where nothing is.",
            figure=power_curves,
        ),
        Panel(name="worlds", title="Worlds", tables=("worlds",), alt="List of the worlds of planted truth."),
        Panel(name="scope", title="Scope", tables=("scope",), alt="List of pages with and without a calibration."),
        Panel(name="simulations", title="Counts", tables=("simulations",), alt="List of every count of this cell."),
    ),
    uses_selection=False,
    controls=("quantity", "n_families", "n_sizes", "n_items", "along"),
)
