"""Every symbol of the workbench, and every benchmark."""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams
from cape.quantities import Estimate, Table
from cape.symbols import QUANTITIES


def compute(params: NoParams, read: Read) -> Outcome:
    """Return the symbols with their definitions, the benchmarks and the panels."""
    symbols = pl.DataFrame([asdict(quantity) for quantity in QUANTITIES])
    count = Estimate(
        symbol="n_symbols",
        label="glossary",
        value=float(symbols.height),
        low=None,
        high=None,
        n=symbols.height,
        unit="",
        method="count of the registered quantities",
        caveats=("no interval: a count",),
    )
    tables = (
        Table(name="symbols", title="Symbols", frame=symbols),
        Table(name="benchmarks", title="Benchmarks", frame=read("mart_benchmarks"), units={"chance_pct": "%"}),
        Table(name="panels", title="Panels", frame=read("mart_panels")),
    )
    return Outcome(estimates=(count,), tables=tables, sentences=())


DIAGNOSTIC = Diagnostic(
    slug="glossary",
    section="Evidence",
    title="Glossary",
    question="What does each symbol mean, in which unit, and where is it defined?",
    source="cape/symbols.py, lake/benchmarks.csv, lake/panels.csv",
    params=NoParams,
    compute=compute,
    panels=(
        Panel(name="symbols", title="Symbols", tables=("symbols",), alt="List of symbols."),
        Panel(name="benchmarks", title="Benchmarks", tables=("benchmarks",), alt="List of benchmarks."),
        Panel(name="panels", title="Panels", tables=("panels",), alt="List of panels."),
    ),
    uses_selection=False,
)
