"""What can be queried: the marts with their grain and columns, and queries to start from."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams
from cape.quantities import Estimate, Table


def compute(params: NoParams, read: Read) -> Outcome:
    """Return the schema of the marts."""
    schema = read("mart_schema")
    n_marts = schema["mart"].n_unique()
    count = Estimate(
        symbol="n_marts",
        label="lake",
        value=float(n_marts),
        low=None,
        high=None,
        n=schema.height,
        unit="",
        method="count of the marts open to queries",
        caveats=("no interval: a count",),
    )
    return Outcome(
        estimates=(count,),
        tables=(Table(name="schema", title="Tables and columns", frame=schema),),
        sentences=(f"{n_marts} marts with {schema.height} columns can be read.",),
    )


DIAGNOSTIC = Diagnostic(
    slug="sql",
    section="Evidence",
    title="SQL",
    question="What does the lake say to a query of my own?",
    source="sql/30_marts",
    params=NoParams,
    compute=compute,
    panels=(Panel(name="schema", title="Tables and columns", tables=("schema",), alt="List of marts and columns."),),
    uses_selection=False,
    controls=("example",),
)
