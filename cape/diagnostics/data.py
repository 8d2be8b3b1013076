"""What the lake holds: any mart as a table, the sources, and where sources disagree."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams, option
from cape.figures.data import conflict_figure, coverage
from cape.quantities import Estimate, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class DataParams(NoParams):
    """Which table to browse."""

    view: str = option("mart_scores", label="Table", help="A mart of the lake.", source="view")


def compute(params: DataParams, read: Read) -> Outcome:
    """Return the counts of the lake, the chosen mart, the sources, the conflicts and the coverage of the panels."""
    lake = read("mart_lake").row(0, named=True)
    conflicts = read("mart_score_conflicts")
    groups = conflicts.group_by("model_id", "benchmark_id").agg(pl.col("spread_pct").first())
    counts = {
        "n_scores": (lake["n_scores"], "scores delivered by all sources"),
        "n_models": (lake["n_models"], "models in the registry"),
        "n_sources": (lake["n_sources"], "sources"),
        "n_conflicts": (groups.height, "pairs of model and benchmark on which sources differ"),
    }
    estimates = [
        Estimate(
            symbol=symbol,
            label="lake",
            value=float(count),
            low=None,
            high=None,
            n=int(count),
            unit="",
            method=f"count of {what}",
            caveats=("no interval: a count of the rows at hand",),
        )
        for symbol, (count, what) in counts.items()
    ]
    estimates.append(_median_spread(groups))
    tables = (
        Table(name="view", title=params.view, frame=_in_one_order(read(params.view))),
        Table(name="sources", title="Sources", frame=read("mart_sources"), units={"n_rows": "rows"}),
        Table(
            name="conflicts",
            title="Rival values",
            frame=_in_one_order(conflicts),
            units={"score_pct": "%", "spread_pct": "pp"},
        ),
        Table(name="coverage", title="Models per panel and benchmark", frame=read("mart_panel_benchmarks")),
    )
    return Outcome(estimates=tuple(estimates), tables=tables, sentences=_sentences(groups, lake))


def _in_one_order(frame: pl.DataFrame) -> pl.DataFrame:
    """A view may return its rows in any order; a page shows them in one."""
    leading = [name for name in ("spread_pct",) if name in frame.columns]
    rest = [name for name in frame.columns if name not in leading]
    return frame.sort([*leading, *rest], descending=[True] * len(leading) + [False] * len(rest), nulls_last=True)


def _median_spread(groups: pl.DataFrame) -> Estimate:
    median = groups["spread_pct"].median()
    quartiles = [groups["spread_pct"].quantile(share, interpolation="linear") for share in (0.25, 0.75)]
    return Estimate(
        symbol="conflict_spread",
        label="median over conflicts",
        value=None if median is None else float(median),  # type: ignore[arg-type]
        low=quartiles[0],
        high=quartiles[1],
        n=groups.height,
        unit="pp",
        method="largest less smallest value of one model and benchmark; low and high are quartiles",
        caveats=("sources differ in shots, harness and variant; see the protocol column",),
    )


def _sentences(groups: pl.DataFrame, lake: dict) -> tuple[str, ...]:
    return (
        f"{lake['n_scores']} scores of {lake['n_models']} registered models from {lake['n_sources']} sources. "
        f"Sources differ on {groups.height} pairs of model and benchmark.",
    )


DIAGNOSTIC = Diagnostic(
    slug="data",
    section="Evidence",
    title="Data",
    question="Which numbers are in the lake, where do they come from, and where do sources disagree?",
    source="lake/raw, one source.toml per source",
    params=DataParams,
    compute=compute,
    panels=(
        Panel(name="view", title="Browse", tables=("view",), alt="The chosen table."),
        Panel(
            name="conflicts",
            title="Where sources disagree",
            tables=("conflicts",),
            alt="The widest disagreements: one row per model and benchmark, one point per source, the value that the "
            "precedence rule picks marked.",
            figure=conflict_figure,
        ),
        Panel(
            name="coverage",
            title="Models per panel and benchmark",
            tables=("coverage",),
            alt="Table of the number of models with a score, by panel and benchmark.",
            figure=coverage,
        ),
        Panel(name="sources", title="Sources", tables=("sources",), alt="List of sources with licence and hash."),
    ),
    uses_selection=False,
    controls=("view",),
)
