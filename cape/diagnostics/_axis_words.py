"""What `compute` returns, in the words of the axis that its selection is ordered by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from cape.errors import BadParameterError
from cape.positions import PARAMS, Axis
from cape.quantities import Estimate, Table

# Tables that hold numbers of the paper or of other panels, whose sizes are parameters whatever is selected.
KEPT_TABLES = ("printed", "angles", "printed_constants", "printed_series", "compared", "dictionary")
KEPT_LABELS = ("paper", "printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `compute` returns: estimates, tables and generated sentences."""

    estimates: tuple[Estimate, ...] = ()
    tables: tuple[Table, ...] = ()
    sentences: tuple[str, ...] = ()


def in_words_of(outcome: Outcome, axis: Axis) -> Outcome:
    """Return the outcome with log10 N and the unit of places called as on the axis; the paper's own numbers stay."""
    if axis is PARAMS:
        return outcome
    return replace(
        outcome,
        estimates=tuple(_estimate(each, axis) for each in outcome.estimates),
        tables=tuple(each if each.name in KEPT_TABLES else _table(each, axis) for each in outcome.tables),
        sentences=tuple(axis.worded(each) for each in outcome.sentences),
    )


def require_sizes(panel: str, axis: Axis, *, what: str) -> None:
    """Raise BadParameterError, with the reason, for a panel that is not ordered by parameters."""
    if axis is not PARAMS:
        raise BadParameterError(
            f"Panel {panel!r} orders the models of a family by {axis.counted}, and {what}. "
            "Pick a panel or family that is ordered by parameters."
        )


def _estimate(found: Estimate, axis: Axis) -> Estimate:
    if any(word in found.label for word in KEPT_LABELS):
        return found
    return replace(
        found,
        label=axis.worded(found.label),
        unit=axis.worded(found.unit),
        method=axis.worded(found.method),
        caveats=tuple(axis.worded(caveat) for caveat in found.caveats),
    )


def _table(table: Table, axis: Axis) -> Table:
    named = {PARAMS.counted: axis.counted, PARAMS.unit: axis.unit}
    texts = [name for name, kind in table.frame.schema.items() if kind == pl.String]
    return replace(
        table,
        title=axis.worded(table.title),
        frame=table.frame.with_columns(
            pl.col(name)
            .str.replace_all(PARAMS.log_name, axis.log_name, literal=True)
            .str.replace_all(f"number of {PARAMS.counted}", f"number of {axis.counted}", literal=True)
            for name in texts
        ),
        units={name: named.get(unit, axis.worded(unit)) for name, unit in table.units.items()},
    )
